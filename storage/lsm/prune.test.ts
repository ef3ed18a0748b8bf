/** Conditions leave files out and never a row that meets them, whatever partitions, buckets, runs and deletes. */
import assert from 'node:assert/strict';
import {join} from 'node:path';
import test from 'node:test';
import * as fc from 'fast-check';
import type {Session} from '../../kernel/session.ts';
import {commitCompaction, planCompactions, prepareCompaction} from './compact.ts';
import {commitFlush} from './commit.ts';
import {prepareFlush} from './flush.ts';
import {PaimonTable} from './paimon-table.ts';
import type {ScanCondition} from './prune.ts';
import {scanPlan, type ScanPlan} from './scan-plan.ts';
import {scanSql} from './scan-sql.ts';
import {writeSchemas} from './table-form.ts';
import {bindChanges, createTable, doors, seed, TableModel, type TestShape, withSession} from './test-tables.ts';

const integer = {kind: 'integer'} as const;
const columns = ['k0', 'k1', 'v0', 'v1'];

async function rowsOf(session: Session, table: PaimonTable, plan: ScanPlan, conditions: readonly ScanCondition[]): Promise<unknown> {
  const text = conditions.flatMap(({column, min, max}) => [...(min === undefined ? [] : [`${column} >= ${String(min)}`]), ...(max === undefined ? [] : [`${column} <= ${String(max)}`])]);
  return (await session.rows(`SELECT * FROM (${scanSql(table, plan)}) AS t ${text.length === 0 ? '' : `WHERE ${text.join(' AND ')}`} ORDER BY ALL`)).rows;
}

const fileCount = (plan: ScanPlan): number => plan.buckets.reduce((sum, {sections}) => sum + sections.reduce((all, {runs}) => all + runs.flat().length, 0), 0);

test('pruning: a read with conditions gives the rows that the whole table gives, from fewer files', async () => {
  await withSession(async (session, directory) => {
    let run = 0;
    let left = 0;
    const bound = fc.option(fc.integer({min: -3, max: 12}), {nil: undefined, freq: 3});
    const condition = fc.record({column: fc.constantFrom(...columns), at: fc.integer({min: -2, max: 11}), min: bound, max: bound, equal: fc.boolean()})
      .map(({column, at, min, max, equal}): ScanCondition => (equal ? {column, min: at, max: at} : {column, ...(min === undefined ? {} : {min}), ...(max === undefined ? {} : {max})}));
    const row = fc.tuple(fc.integer({min: 0, max: 2}), fc.integer({min: 0, max: 11}), fc.option(fc.integer({min: 0, max: 9}), {freq: 5}), fc.option(fc.integer({min: 0, max: 9}), {freq: 2}));
    await fc.assert(fc.asyncProperty(fc.record({
      partitions: fc.constantFrom(0, 1), bucketCount: fc.constantFrom(1, 3), keyed: fc.boolean(), compact: fc.boolean(),
      flushes: fc.array(fc.array(fc.record({remove: fc.boolean(), row}), {minLength: 1, maxLength: 6}), {minLength: 1, maxLength: 3}), conditions: fc.array(fc.array(condition, {minLength: 1, maxLength: 2}), {minLength: 6, maxLength: 6}),
    }), async ({partitions, bucketCount, keyed, compact, flushes, conditions}) => {
      const shape: TestShape = keyed ? {keys: [integer, integer], values: [integer, integer], bucketCount, partitions} : {keys: [], values: [integer, integer, integer, integer], bucketCount, partitions, bucketKey: [1]};
      const names = keyed ? columns : ['v0', 'v1', 'v2', 'v3'];
      const table = await createTable(shape, join(directory, String(run++)));
      const model = new TableModel(shape);
      let sequence = 0n;
      for (const [i, changes] of flushes.entries()) {
        const from = model.changes.length;
        for (const {remove, row: values} of changes) {
          if (!keyed) model.changes.push({op: 0, seq: sequence++, row: values});
          else if (remove) model.remove(values);
          else model.upsert(values);
        }
        await commitFlush(table, await prepareFlush(session, table, bindChanges(session, 'changes', shape, model.changes.slice(from))), {commitUser: 'millrace', commitIdentifier: BigInt(i + 1)});
        if (!compact || !keyed || i > 0) continue;
        for (const spec of planCompactions(table, await table.state(), {full: true})) await commitCompaction(table, [await prepareCompaction(session, table, spec)], {commitUser: 'millrace'});
      }
      const whole = await scanPlan(table);
      for (const some of conditions) {
        const renamed = some.map((one) => ({...one, column: names[columns.indexOf(one.column)]!}));
        const last = [...new Map(renamed.map((one) => [one.column, one])).values()];
        const pruned = await scanPlan(table, undefined, {where: last});
        assert.deepEqual(await rowsOf(session, table, pruned, last), await rowsOf(session, table, whole, last), JSON.stringify(last));
        left += fileCount(whole) - fileCount(pruned);
      }
    }), {seed, numRuns: Number(process.env['MR_RUNS'] ?? 8)});
    assert.ok(left > 20, `only ${left} files were left out`);
    await assert.rejects(scanPlan(await createTable({keys: [integer], values: [], bucketCount: 1}, join(directory, 'x')).then(async (table) => {
      await commitFlush(table, await prepareFlush(session, table, {from: '(VALUES (0::TINYINT, 0::BIGINT, 1)) v(_op, _seq, k0)'}), {commitUser: 'u', commitIdentifier: 1n});
      return table;
    }), undefined, {where: [{column: 'nope', min: 1}]}), {code: 'MR_PAIMON_COLUMN'});
  });
});

test('pruning: statistics of older schemas are found by field id; a column younger than a file has no value in it', async () => {
  await withSession(async (session, directory) => {
    const shape: TestShape = {keys: [], values: [integer, integer], bucketCount: 1};
    const first = await createTable(shape, directory);
    const flush = async (table: PaimonTable, epoch: number, from: string): Promise<unknown> => commitFlush(table, await prepareFlush(session, table, {from}), {commitUser: 'u', commitIdentifier: BigInt(epoch)});
    await flush(first, 1, '(VALUES (0::TINYINT, 0::BIGINT, 1, 50), (0, 1, 2, 60)) v(_op, _seq, v0, v1)');
    const columns = [{id: 1, name: 'v0', type: integer, nullable: true}, {id: 0, name: 'wide', type: {kind: 'bigint'}, nullable: true}, {id: 2, name: 'v1', type: integer, nullable: true}] as const;
    const table = await writeSchemas(first, [{schemaId: 1, highestFieldId: 2, columns, primaryKey: []}]);
    await flush(table, 2, '(VALUES (0::TINYINT, 2::BIGINT, 7, 8::BIGINT, 9)) v(_op, _seq, v0, wide, v1)');
    // What a fresh process finds: it has read no schema but the newest.
    const files = async (condition: ScanCondition): Promise<number> => fileCount(await scanPlan(await PaimonTable.open(doors, directory), undefined, {where: [condition]}));
    assert.equal(await files({column: 'v0', min: 55, max: 55}), 1, 'v1 of then');
    assert.equal(await files({column: 'v0', min: 3, max: 10}), 1, 'not v0 of then');
    assert.equal(await files({column: 'v1', min: 50, max: 60}), 0, 'a column of that name is another one');
    assert.equal(await files({column: 'wide', min: 1n, max: 1n}), 1, 'of another type nothing is concluded');
    assert.equal(await files({column: 'wide', min: 8n, max: 8n}), 2);
  });
});
