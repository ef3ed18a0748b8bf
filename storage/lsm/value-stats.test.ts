/** Statistics of columns: never wrong, tight where they can be, as their modes say, and kept through compaction and plain JSON. */
import assert from 'node:assert/strict';
import {join} from 'node:path';
import test from 'node:test';
import * as fc from 'fast-check';
import type {LogicalType} from '../../base/type.ts';
import type {Session} from '../../kernel/session.ts';
import {compareRows, decodeBinaryRow, type InternalValue} from '../paimon/binary-row.ts';
import type {ManifestEntry} from '../paimon/manifest.ts';
import {storedTypes, valueOf} from '../paimon/test-columns.ts';
import {checkTable} from './check-table.ts';
import {commitCompaction, planCompactions, prepareCompaction} from './compact.ts';
import {commitFlush} from './commit.ts';
import {prepareFlush} from './flush.ts';
import type {PaimonTable} from './paimon-table.ts';
import {bindChanges, createTable, doors, seed, TableModel, type TestRow, type TestShape, withSession} from './test-tables.ts';
import {raisedBytes, raisedText} from './value-stats.ts';

interface Stats {readonly columns: readonly string[] | null; readonly min: readonly InternalValue[]; readonly max: readonly InternalValue[]; readonly nulls: readonly (bigint | null)[]}

function statsOf(table: PaimonTable, {file}: ManifestEntry): Stats {
  const names = file.valueStatsColumns ?? table.schema.fields.map((field) => field.name);
  const types = names.map((name) => table.field(name).type);
  return {columns: file.valueStatsColumns, min: decodeBinaryRow(types, file.valueStats.minValues, 'min'), max: decodeBinaryRow(types, file.valueStats.maxValues, 'max'), nulls: file.valueStats.nullCounts};
}

async function write(session: Session, directory: string, shape: TestShape, rows: readonly TestRow[], options: Readonly<Record<string, string>> = {}): Promise<{readonly table: PaimonTable; readonly stats: Stats}> {
  const table = await createTable(shape, directory, options);
  const model = new TableModel(shape);
  for (const row of rows) model.upsert(row);
  await commitFlush(table, await prepareFlush(session, table, bindChanges(session, 'changes', shape, model.changes)), {commitUser: 'millrace', commitIdentifier: 1n});
  assert.deepEqual((await checkTable(session, doors, directory)).problems, []);
  return {table, stats: statsOf(table, (await table.state())!.live[0]!)};
}

const text: LogicalType = {kind: 'varchar'};
const shapeOf = (...values: LogicalType[]): TestShape => ({keys: [{kind: 'integer'}], values, bucketCount: 1});

test('statistics: bounds and counts of NULLs are those of the rows, for every type, over row groups and compaction', async () => {
  await withSession(async (session, directory) => {
    const shape = shapeOf(...storedTypes);
    let run = 0;
    let bounded = 0;
    await fc.assert(fc.asyncProperty(fc.array(fc.tuple(...storedTypes.map((type) => fc.option(valueOf(type), {freq: 4}))), {minLength: 1, maxLength: 12}), async (values) => {
      const rows = values.map((row, i): TestRow => [i, ...row]);
      const {table, stats} = await write(session, join(directory, String(run++)), shape, rows);
      assert.equal(stats.columns, null);
      for (let column = 0; column <= storedTypes.length; column++) {
        const present = rows.map((row) => row[column]!).filter((value) => value !== null).sort((a, b) => compareRows([a], [b]));
        assert.equal(stats.nulls[column], BigInt(rows.length - present.length));
        const exact = !present.some((value) => Number.isNaN(value)) && present.every((value) => typeof value !== 'string' && !(value instanceof Uint8Array));
        if (present.length === 0) assert.deepEqual([stats.min[column], stats.max[column]], [null, null]);
        else if (exact) {
          assert.equal(compareRows([stats.min[column]!], [present[0]!]), 0);
          assert.equal(compareRows([stats.max[column]!], [present.at(-1)!]), 0);
          bounded++;
        }
      }
      const [spec] = planCompactions(table, await table.state(), {full: true});
      await commitCompaction(table, [await prepareCompaction(session, table, spec!)], {commitUser: 'millrace'});
      assert.deepEqual(statsOf(table, (await table.state())!.live[0]!), stats);
      assert.deepEqual((await checkTable(session, doors, table.directory)).problems, []);
    }), {seed, numRuns: 4});
    assert.ok(bounded > 25);
    // Several row groups: the bounds are those of all of them.
    const table = await createTable(shapeOf({kind: 'bigint'}, text), join(directory, 'groups'));
    const prepared = await prepareFlush(session, table, {from: "(SELECT 0::TINYINT AS _op, i AS _seq, i::INTEGER AS k0, (i * 7) % 150001 - 5 AS v0, CASE WHEN i % 3 > 0 THEN 'value ' || i END AS v1 FROM range(150001) r(i))"});
    await commitFlush(table, JSON.parse(JSON.stringify(prepared)) as typeof prepared, {commitUser: 'millrace', commitIdentifier: 1n});
    const {min, max, nulls} = statsOf(table, (await table.state())!.live[0]!);
    assert.deepEqual([min, max, nulls], [[0, -5n, 'value 1'], [150_000, 149_995n, 'value 99998'], [0n, 0n, 50_001n]]);
  });
});

test('statistics: text is cut by code points and raised, modes are followed, what cannot be certain is unknown', async () => {
  await withSession(async (session, directory) => {
    const long = 'Apache Paimon supports primary key tables';
    const {stats} = await write(session, join(directory, 'default'), shapeOf(text, {kind: 'blob'}, {kind: 'double'}), [[1, long, Uint8Array.from({length: 300}, () => 0xfe), Number.NaN], [2, '😀'.repeat(17), new Uint8Array([0, 92, 255]), 1]]);
    assert.deepEqual(stats, {columns: null, min: [1, 'Apache Paimon su', new Uint8Array([0, 92, 255]), null], max: [2, `${'😀'.repeat(15)}😁`, Uint8Array.from({length: 16}, (_, i) => (i === 15 ? 0xff : 0xfe)), null], nulls: [0n, 0n, 0n, 0n]});
    const rows: TestRow[] = [[1, long, null, 0], [2, 'x'.repeat(400), null, 0]];
    const modes = {'metadata.stats-mode': 'full', 'fields.v1.stats-mode': 'none', 'fields.v2.stats-mode': 'counts'};
    const full = await write(session, join(directory, 'full'), shapeOf(text, {kind: 'blob'}, {kind: 'double'}), rows, modes);
    assert.deepEqual(full.stats, {columns: ['k0', 'v0', 'v2'], min: [1, long, null], max: [2, 'x'.repeat(400), null], nulls: [0n, 0n, 0n]});
    const zero = await write(session, join(directory, 'zero'), shapeOf({kind: 'double'}), [[1, 0]]);
    assert.ok(Object.is(zero.stats.min[1], -0) && Object.is(zero.stats.max[1], 0), 'zeros of either sign lie within');
    const none = await write(session, join(directory, 'none'), shapeOf(text), [[1, 'a']], {'metadata.stats-mode': 'none'});
    assert.deepEqual(none.stats, {columns: [], min: [], max: [], nulls: []});
    await assert.rejects(write(session, join(directory, 'bad'), shapeOf(text), [[1, 'a']], {'metadata.stats-mode': 'some'}), {code: 'MR_PAIMON_UNSUPPORTED'});
  });
});

test('statistics: a raised text or byte string is the shortest bound of all that begin so', () => {
  assert.equal(raisedText('ab', 2), 'ab');
  assert.equal(raisedText('abc', 2), 'ac');
  assert.equal(raisedText('a\u{10ffff}c', 2), 'b');
  assert.equal(raisedText('\ud7ffc', 1), '\ue000');
  assert.equal(raisedText('\u{10ffff}\u{10ffff}c', 2), null);
  assert.deepEqual(raisedBytes(new Uint8Array([1, 255, 3]), 2), new Uint8Array([2]));
  assert.equal(raisedBytes(new Uint8Array([255, 255, 3]), 2), null);
  fc.assert(fc.property(fc.string({unit: 'binary', maxLength: 6}), fc.integer({min: 1, max: 4}), (value, length) => {
    const raised = raisedText(value, length);
    if (raised !== null) assert.ok(Buffer.compare(Buffer.from(raised), Buffer.from(value)) >= 0 && Array.from(raised).length <= length);
  }), {seed, numRuns: 500});
});
