/** A table whose rows and indexes lie in a file that fails: a change is refused whole, and what was there is there. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type {WarehouseError} from '../../base/error.ts';
import type {LogicalType} from '../../base/type.ts';
import {TableState, type TableStateSpec} from './table-state.ts';
import {type Cell, columnsOf, FailingReads, MemoryPageFile, rowsOf, rowText} from './test-rows.ts';

const types: LogicalType[] = [{kind: 'integer'}, {kind: 'integer'}, {kind: 'varchar'}];
const keyed: TableStateSpec = {name: 'ods.t', types, storage: 'keyed', key: [0], hidden: []};
const bag: TableStateSpec = {name: 'ods.b', types: [...types, {kind: 'bigint'}, {kind: 'integer'}], storage: 'bag', key: [3, 4], hidden: [3, 4]};

function rowsIn(state: TableState): string[] {
  const all: string[] = [];
  for (const {rows, count} of state.store.scan()) all.push(...rowsOf(types, state.store.gather(rows, count, [0, 1, 2]), count).map((row) => rowText(row)));
  return all.sort();
}

function cells(count: number, at: (i: number) => Cell[]): Cell[][] {
  return Array.from({length: count}, (_, i) => at(i));
}

const startRows = 200;
const start = (): Cell[][] => cells(startRows, (i) => [i, i % 60, `text ${i % 7}`]);

/** Each read of a change fails once: the change is refused, taken back while reads still fail, and goes through afterwards. */
function checkEveryRead(spec: TableStateSpec, change: (state: TableState) => void, byKey: boolean): number {
  let refused = 0;
  for (let reads = 0; ; reads++) {
    const file = new FailingReads();
    const state = new TableState(spec, {pageFile: () => file, segmentRows: 64});
    const index = state.index([1], 'group');
    state.upsert(columnsOf(types, start()), startRows);
    state.endEpoch();
    if (byKey) state.find(columnsOf([{kind: 'bigint'}, {kind: 'integer'}], [[1n, 0]]), null, 1, new Int32Array(1));
    state.store.evict(Infinity);
    state.evictIndexes(Infinity);
    const before = rowsIn(state);
    state.store.dropFrames();
    const {nextPosition} = state;
    file.left = reads;
    let failed = false;
    try {
      change(state);
    } catch (cause) {
      assert.equal((cause as WarehouseError).code, 'MR_PAGE_FILE_FAILED');
      failed = true;
      refused++;
      state.undo();
      assert.equal(state.nextPosition, nextPosition);
    }
    file.left = Infinity;
    if (failed) {
      assert.deepEqual(rowsIn(state), before);
      assert.equal(state.changed, false);
      change(state);
    }
    const whole = new TableState(spec);
    whole.upsert(columnsOf(types, start()), startRows);
    whole.endEpoch();
    change(whole);
    assert.deepEqual(rowsIn(state), rowsIn(whole));
    assert.equal(index.keyCount, new Set(rowsIn(whole).map((row) => JSON.stringify(row.split('|')[1]))).size);
    state.undo();
    assert.deepEqual(rowsIn(state), before);
    if (!failed) return refused;
  }
}

test('table state: an upsert of which any one read fails is refused, and leaves rows and indexes as they were', () => {
  const change = (state: TableState): void => {
    const rows = cells(50, (i) => [i * 6, i % 40, 'changed']); // keys that are there and keys that are not
    state.mixed(columnsOf(types, rows), rows.length, Uint8Array.from(rows, (_, i) => (i % 5 === 0 ? 1 : 0)));
  };
  const refused = checkEveryRead(keyed, change, false);
  assert.ok(refused > 10, `${refused} reads failed`);
});

test('table state: a delta of a bag of which any one read fails is refused, and leaves rows and indexes as they were', () => {
  const change = (state: TableState): void => {
    const rows = cells(30, (i) => [i * 6, (i * 6) % 60, `text ${(i * 6) % 7}`]);
    state.applyDelta({rowCount: 50, weights: Int32Array.from({length: 50}, (_, i) => (i < 30 ? -1 : 1)), columns: columnsOf(types, [...rows, ...cells(20, (i) => [i % 3, i, 'new'])])});
  };
  for (const byKey of [false, true]) {
    const refused = checkEveryRead(bag, change, byKey);
    assert.ok(refused > 10, `${refused} reads failed`);
  }
});

test('table state: indexes stay where a full disk takes nothing, and go out once it does', () => {
  const file = new MemoryPageFile();
  const state = new TableState(keyed, {pageFile: () => file});
  state.upsert(columnsOf(types, start()), startRows);
  state.endEpoch();
  const before = rowsIn(state);
  const bytes = state.bytes();
  for (let write = 0; write < 2; write++) {
    file.failures.write = 1;
    assert.throws(() => state.evictIndexes(Infinity), {code: 'MR_PAGE_FILE_FAILED'});
    assert.deepEqual(rowsIn(state), before);
  }
  assert.ok(state.evictIndexes(Infinity) > 0 && state.spilled);
  assert.ok(state.bytes() < bytes);
  assert.equal(state.upsert(columnsOf(types, [[5, 6, 'y'], [1000, 1, 'z']]), 2).rowCount, 3);
  file.failures.write = 1;
  assert.throws(() => state.evictIndexes(Infinity), {code: 'MR_PAGE_FILE_FAILED'}); // changed blocks that cannot be written back
  state.undo();
  assert.deepEqual(rowsIn(state), before);
});
