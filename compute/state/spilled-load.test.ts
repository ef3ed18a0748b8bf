import assert from 'node:assert/strict';
import test from 'node:test';
import type {LogicalType} from '../../base/type.ts';
import {MemoryBudget} from './memory-budget.ts';
import {TableState} from './table-state.ts';
import {MemoryPageFile} from './test-rows.ts';

test('table state: loading under a budget that its indexes alone fill writes each row out once', () => {
  const types: LogicalType[] = [{kind: 'bigint'}, {kind: 'bigint'}];
  const file = new MemoryPageFile();
  // The index passes what may rest from the first chunk on, so every chunk asks for all the room there is.
  const budget = new MemoryBudget(64 * 2 ** 20, 2 ** 20);
  const state = new TableState({types, storage: 'keyed', key: [0], hidden: []}, {share: budget.register('t'), pageFile: () => file});
  const rowCount = 200_000;
  const chunk = 2000;
  state.expect(rowCount);
  for (let start = 0; start < rowCount; start += chunk) {
    const data = Float64Array.from({length: chunk}, (_, i) => start + i);
    state.load([{kind: 'f64', data, valid: null, bound: rowCount}, {kind: 'f64', data, valid: null, bound: rowCount}], chunk);
    budget.relieve();
  }
  assert.ok(state.store.spilled);
  const recordBytes = rowCount * state.store.layout.stride * 4;
  assert.ok(file.bytes.length < 1.5 * recordBytes, `the page file has ${file.bytes.length} bytes for ${recordBytes} of records`);
  // Of the index nothing is written but its beginnings: what goes into it was gathered.
  const gathered = state.bytes();
  state.endLoad();
  budget.relieve();
  assert.ok(state.bytes() < gathered - rowCount * 8, `${state.bytes()} bytes of ${gathered}: what was gathered is in the index`);
  assert.ok(file.bytes.length < 1.5 * recordBytes + rowCount * 8 * 4, `the page file has ${file.bytes.length} bytes with an index that is at least a quarter full`);
  const rows = new Int32Array(3);
  const keys = Float64Array.of(0, 123_456, rowCount - 1);
  state.find([{kind: 'f64', data: keys, valid: null, bound: rowCount}], null, 3, rows);
  const positions = new Float64Array(3);
  state.store.getPositions(rows, 3, positions);
  assert.deepEqual([...positions], [...keys]);
});
