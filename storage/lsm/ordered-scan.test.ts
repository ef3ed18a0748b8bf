import assert from 'node:assert/strict';
import {join} from 'node:path';
import test from 'node:test';
import * as fc from 'fast-check';
import type {LogicalType} from '../../base/type.ts';
import {compareRows, type InternalValue} from '../paimon/binary-row.ts';
import {valueOf} from '../paimon/test-columns.ts';
import {commitCompaction, planCompactions, prepareCompaction} from './compact.ts';
import {commitFlush} from './commit.ts';
import {prepareFlush} from './flush.ts';
import {orderedScan} from './ordered-scan.ts';
import {scanPlan} from './scan-plan.ts';
import {bindChanges, columnNames, createTable, readRows, seed, TableModel, type TestRow, type TestShape, withSession} from './test-tables.ts';

const integer: LogicalType = {kind: 'integer'};
const shapes: readonly (TestShape & {readonly cut: boolean})[] = [
  {keys: [{kind: 'bigint'}], values: [{kind: 'varchar'}], bucketCount: 1, cut: true},
  {keys: [{kind: 'varchar'}, integer], values: [integer], bucketCount: 1, cut: true},
  {keys: [{kind: 'timestamp'}], values: [{kind: 'varchar'}], bucketCount: 2, cut: true},
  {keys: [{kind: 'boolean'}, integer], values: [{kind: 'date'}], bucketCount: 2, partitions: 1, cut: true},
  {keys: [{kind: 'double'}], values: [], bucketCount: 1, cut: false},
];

test('ordered scan: the pieces, one after the other, are the rows in their order, whatever the key', async () => {
  await withSession(async (session, directory) => {
    for (const [number, shape] of shapes.entries()) {
      const types = [...shape.keys, ...shape.values];
      const rows = fc.sample(fc.tuple(...types.map((type, i) => (i < shape.keys.length ? valueOf(type) : fc.option(valueOf(type), {freq: 4})))), {numRuns: 400, seed: seed + number}) as unknown as TestRow[];
      const model = new TableModel(shape);
      const table = await createTable(shape, join(directory, String(number)));
      const flush = async (from: number, identifier: bigint): Promise<void> => {
        await commitFlush(table, await prepareFlush(session, table, bindChanges(session, 'changes', shape, model.changes.slice(from))), {commitUser: 'millrace', commitIdentifier: identifier});
      };
      // Two runs that overlap, so that the compaction writes anew and cuts.
      for (const row of rows) model.upsert(row);
      await flush(0, 1n);
      const first = model.changes.length;
      for (const [i, row] of rows.entries()) if (i % 2 === 0) model.upsert([...row.slice(0, shape.keys.length), ...rows[(i + 1) % rows.length]!.slice(shape.keys.length)]);
      await flush(first, 2n);
      const prepared = [];
      for (const spec of planCompactions(table, await table.state(), {full: true})) prepared.push(await prepareCompaction(session, table, spec, {targetBytes: 1200}));
      await commitCompaction(table, prepared, {commitUser: 'millrace'});
      const flushed = model.changes.length;
      rows.forEach((row, i) => {
        if (i % 7 === 0) model.remove(row);
        else if (i % 3 === 0) model.upsert([...row.slice(0, shape.keys.length), ...row.slice(shape.keys.length).map(() => null)]);
      });
      await flush(flushed, 3n);
      const plan = await scanPlan(table);
      for (const [pieceRows, ordered] of [[1, true], [20, true], [1_000_000, true], [10, 'key']] as const) {
        if (ordered === 'key' && shape.partitions !== undefined) continue; // one key in several partitions: no bag has them
        const pieces = await orderedScan(session, table, plan, {pieceRows, ordered});
        const found: InternalValue[][] = [];
        for (const sql of pieces) found.push(...(await readRows(session, sql, types, columnNames(shape))));
        const byKey = [...model.rows.values()].sort((a, b) => compareRows(a.slice(0, shape.keys.length), b.slice(0, shape.keys.length)));
        assert.deepEqual(found, ordered === 'key' ? byKey : model.sorted(), `shape ${number}, ${pieces.length} pieces`);
        const ranges = pieces.filter((sql) => sql.includes(' AS ranged WHERE ')).length;
        if (ordered !== 'key') assert.equal(ranges > 1, shape.cut && pieceRows < 1_000_000, `shape ${number} in pieces of ${pieceRows} rows has ${ranges} ranges`);
      }
    }
  });
});
