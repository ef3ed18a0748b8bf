import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {arbitraryTable, columnsOf, seeded, valuesOf} from '../storage/log/batch-arbitrary.ts';
import {GrowingRows} from './growing-rows.ts';

test('growing rows: what was appended is there, in whatever forms it came, and what was given out stays', () => {
  fc.assert(fc.property(arbitraryTable(60), fc.array(fc.tuple(fc.nat(60), fc.nat(60), fc.constantFrom('narrow' as const, 'wide' as const)), {minLength: 1, maxLength: 12}), fc.constantFrom(1, 16), (table, cuts, capacity) => {
    const rows = new GrowingRows(capacity);
    const ops: number[] = [];
    const values = table.types.map((): unknown[] => []);
    const given: {readonly check: () => void}[] = [];
    for (const [from, to, form] of cuts) {
      const [start, end] = [Math.min(from, to, table.ops.length), Math.min(Math.max(from, to), table.ops.length)];
      const part = {types: table.types, values: table.values.map((column) => column.slice(start, end)), ops: table.ops.slice(start, end)};
      rows.append({rowCount: end - start, ops: Uint8Array.from([...part.ops, 9, 9]), columns: columnsOf(part, form)});
      ops.push(...part.ops);
      for (const [c, column] of part.values.entries()) values[c]!.push(...column);
      assert.equal(rows.rowCount, ops.length);
      const [first, last] = [Math.floor(ops.length / 3), Math.max(Math.floor(ops.length / 3), ops.length - (start % 4))];
      const view = rows.view(first, last);
      const expected = [ops.slice(first, last), ...values.map((column) => column.slice(first, last))];
      given.push({check: () => {
        assert.equal(view.rowCount, expected[0]!.length);
        assert.deepEqual([[...view.ops], ...view.columns.map((column, c) => valuesOf(column, table.types[c]!, view.rowCount))], expected);
      }});
    }
    for (const {check} of given) check();
  }), seeded(300));
});
