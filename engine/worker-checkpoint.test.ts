import assert from 'node:assert/strict';
import test from 'node:test';
import {setImmediate as tick} from 'node:timers/promises';
import type {Clock} from '../base/clock.ts';
import {epoch} from '../base/epoch.ts';
import {WarehouseError} from '../base/error.ts';
import {Kernel} from '../kernel/duckdb.ts';
import {nodeFileSystem} from '../storage/file/node-file-system.ts';
import {temporaryFolder} from '../test/support/temporary.ts';
import type {TailEpoch} from './checkpoint-tail.ts';
import {Checkpointer} from './worker-checkpoint.ts';

test('checkpointer: one that was wanted and refused before its try is wanted again, and writers who wait are told why', async (t) => {
  await using kernel = await Kernel.open({threads: 1, memoryBytes: 64 << 20});
  const timers: {readonly delayMs: number; readonly work: () => void}[] = [];
  const clock: Clock = {
    nowMs: () => 0, monotonicMs: () => 0,
    after: (delayMs, work) => {
      timers.push({delayMs, work});
      return () => undefined;
    },
  };
  let asked = 0;
  const behind = new WarehouseError('unavailable', 'MR_COMPACTION_BEHIND', 'compaction fails', {hint: 'see to it'});
  const checkpointer = await Checkpointer.open({
    directory: temporaryFolder(t), warehouseId: 'w', files: nodeFileSystem, clock, session: await kernel.connect(), turns: kernel.turns,
    checkpointBytes: 100, checkpointMs: 60_000, historyRetentionMs: 0, logCheckpoints: 1, onDrop: () => undefined,
    onWanted: () => {
      asked++;
      return asked === 1 ? Promise.reject(behind) : Promise.resolve();
    },
  });
  const sealed = (at: number, bytes: number): TailEpoch => ({epoch: epoch(at), timeMs: 0, ddl: [], frame: new Uint8Array(bytes), tables: [], dropped: []});
  checkpointer.start();
  checkpointer.note(sealed(1, 100));
  assert.equal(asked, 1);
  while (checkpointer.failure === null) await tick();
  assert.equal(checkpointer.failure, behind);
  // Until the time of the next try nothing is asked for, and who finds the tail full learns why.
  checkpointer.note(sealed(2, 300));
  await assert.rejects(checkpointer.room(), {code: 'MR_CHECKPOINT_BEHIND'});
  assert.equal(asked, 1);
  assert.deepEqual(timers.map(({delayMs}) => delayMs), [500]);
  timers[0]!.work();
  assert.equal(asked, 2);
  await checkpointer.stop();
});
