/** What a checkpoint named before stays for those alone who may have looked it up then. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type {CheckpointTable} from '../storage/lsm/checkpoint-file.ts';
import {noEpochs} from '../storage/lsm/epoch-numbers.ts';
import {EarlierSnapshots} from './earlier-snapshots.ts';

const named = (...snapshots: number[]): CheckpointTable[] => snapshots.map((snapshotId, index) => ({id: index + 1, path: `t${index}`, schemaId: 0, snapshotId, nextSequence: 0, epochs: noEpochs}));

test('earlier snapshots: they stay until the main thread was told and every reader of before has gone', () => {
  const earlier = new EarlierSnapshots();
  assert.equal(earlier.floorOf(1, new Set(['a'])), undefined, 'nothing was told anew');
  earlier.note(named(5, 0));
  assert.equal(earlier.floorOf(1, new Set()), 5, 'a reader may come who looks it up as it was');
  assert.equal(earlier.floorOf(2, new Set()), undefined, 'a table that had none');
  earlier.told(new Set(['a', 'b']));
  assert.equal(earlier.floorOf(1, new Set(['b', 'c'])), 5);
  // Again: who came between reads by the second.
  earlier.note(named(7, 3));
  earlier.told(new Set(['b', 'c']));
  assert.deepEqual([earlier.floorOf(1, new Set(['b', 'c'])), earlier.floorOf(2, new Set(['b', 'c']))], [5, 3]);
  assert.equal(earlier.floorOf(1, new Set(['c', 'd'])), 7);
  assert.equal(earlier.floorOf(1, new Set(['d'])), undefined, 'who came after looks up what there is now');
});

test('earlier snapshots: where nobody read, nothing stays', () => {
  const earlier = new EarlierSnapshots();
  earlier.note(named(5));
  earlier.told(new Set());
  assert.equal(earlier.floorOf(1, new Set(['later'])), undefined);
});
