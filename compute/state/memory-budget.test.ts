import assert from 'node:assert/strict';
import test from 'node:test';
import type {LogicalType} from '../../base/type.ts';
import {MemoryBudget} from './memory-budget.ts';
import {TableState} from './table-state.ts';
import {columnsOf} from './test-rows.ts';

test('memory budget: what does not fit is refused before anything changes', () => {
  const types: LogicalType[] = [{kind: 'integer'}, {kind: 'varchar'}];
  const budget = new MemoryBudget(2 ** 20);
  const share = budget.register('ods.t');
  const state = new TableState({name: 'ods.t', types, storage: 'keyed', key: [0], hidden: []}, {share});
  const text = 'x'.repeat(1000);
  let rows = 0;
  assert.throws(() => {
    for (;;) {
      state.upsert(columnsOf(types, Array.from({length: 50}, (_, i) => [rows + i, text])), 50);
      state.endEpoch();
      rows += 50;
      assert.equal(share.bytes, state.bytes());
      assert.equal(budget.heldBytes, state.bytes());
      assert.ok(budget.heldBytes <= budget.bytesMax, `${budget.heldBytes} bytes held`);
    }
  }, {code: 'MR_MEMORY_FULL', kind: 'unavailable', message: /state of 'ods\.t' needs .* MiB more/});
  assert.ok(rows >= 100, `${rows} rows fit`);
  assert.equal(state.rowCount, rows);
  assert.equal(state.nextPosition, rows);
  // what frees memory, or needs none, still goes
  assert.equal(state.deleteByKey(columnsOf([{kind: 'integer'}], [[0], [1]]), 2).rowCount, 2);
  state.endEpoch();
  assert.equal(state.upsert(columnsOf(types, [[0, text]]), 1).rowCount, 1);
  share.close();
  share.close();
  assert.equal(budget.heldBytes, 0);
  assert.throws(() => share.reserve(1), /closed/);
  assert.deepEqual(budget.shares(), []);
});
