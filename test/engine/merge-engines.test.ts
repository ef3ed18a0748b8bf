/** Tables where the row that came last does not always stand: `first-row`, `sequence.field`, `ignore-delete`, from SQL to files and back. */
import assert from 'node:assert/strict';
import {join} from 'node:path';
import test from 'node:test';
import {systemClock} from '../../base/clock.ts';
import {checkWarehouse} from '../../engine/check.ts';
import {Warehouse} from '../../engine/warehouse.ts';
import {Kernel} from '../../kernel/duckdb.ts';
import {nodeFileSystem} from '../../storage/file/node-file-system.ts';
import {PaimonTable} from '../../storage/lsm/paimon-table.ts';
import {scanPlan} from '../../storage/lsm/scan-plan.ts';
import {scanSql} from '../../storage/lsm/scan-sql.ts';
import {temporaryFolder} from '../support/temporary.ts';

/** Rows as any reader of the format sees them: nothing known of who wrote them. */
async function foreignRows(path: string, table: string): Promise<unknown> {
  await using kernel = await Kernel.open({threads: 1, memoryBytes: 256 * 1024 * 1024});
  await using session = await kernel.connect();
  const paimon = await PaimonTable.open({files: nodeFileSystem, clock: systemClock}, join(path, 'default.db', table));
  return (await session.rows(`SELECT * FROM (${scanSql(paimon, await scanPlan(paimon))}) AS t ORDER BY ALL`)).rows;
}

const definitions = `CREATE TABLE f (k INTEGER PRIMARY KEY, v VARCHAR) WITH ('merge-engine' = 'first-row');
  CREATE TABLE s (k INTEGER, p INTEGER, at TIMESTAMP, n BIGINT, v VARCHAR, PRIMARY KEY (k, p)) PARTITIONED BY (p) WITH ('sequence.field' = 'at,n', 'bucket' = '2');
  CREATE TABLE d (k INTEGER PRIMARY KEY, n BIGINT, v VARCHAR) WITH ('sequence.field' = 'n', 'sequence.field.sort-order' = 'descending');
  CREATE TABLE i (k INTEGER PRIMARY KEY, v VARCHAR) WITH ('ignore-delete' = 'true');
  CREATE DYNAMIC TABLE of_s AS SELECT k, p, upper(v) AS v FROM s`.replaceAll(' at TIMESTAMP', ' ts TIMESTAMP').replaceAll("'at,n'", "'ts,n'");
const writes = [
  "INSERT INTO f VALUES (1, 'first'), (1, 'second'), (2, 'two'); INSERT INTO s VALUES (1, 1, TIMESTAMP '2024-01-02', 1, 'new'), (2, 1, NULL, 1, 'null'); INSERT INTO d VALUES (1, 5, 'five'); INSERT INTO i VALUES (1, 'a')",
  "INSERT INTO f VALUES (2, 'later'), (3, 'three'); INSERT INTO s VALUES (1, 1, TIMESTAMP '2024-01-01', 9, 'old'), (2, 1, TIMESTAMP '1900-01-01', 0, 'anything'); INSERT INTO d VALUES (1, 4, 'four'), (1, 6, 'six'); INSERT INTO i VALUES (1, 'b')",
  "INSERT INTO f VALUES (1, 'never'); INSERT INTO s VALUES (1, 1, TIMESTAMP '2024-01-02', 1, 'equal, later'), (1, 2, TIMESTAMP '2000-01-01', 1, 'another partition'); INSERT INTO d VALUES (1, NULL, 'none'); UPDATE i SET v = 'c'",
];
const expected: Record<string, readonly (readonly unknown[])[]> = {
  f: [[1, 'first'], [2, 'two'], [3, 'three']],
  s: [[1, 1, '2024-01-02T00:00:00.000000', 1n, 'equal, later'], [1, 2, '2000-01-01T00:00:00.000000', 1n, 'another partition'], [2, 1, '1900-01-01T00:00:00.000000', 0n, 'anything']],
  d: [[1, 4n, 'four']], i: [[1, 'c']], of_s: [[1, 1, 'EQUAL, LATER'], [1, 2, 'ANOTHER PARTITION'], [2, 1, 'ANYTHING']],
};

for (const between of ['checkpoint', 'kill'] as const) {
  test(`merge engines: the rows that stand are the same everywhere, with ${between} between the writes`, async (t) => {
    const path = temporaryFolder(t);
    let warehouse = await Warehouse.open({path});
    t.after(() => warehouse.close());
    await warehouse.sql(definitions);
    for (const write of writes) {
      await warehouse.sql(write);
      if (between === 'checkpoint') await warehouse.checkpoint();
      if (between !== 'kill') continue;
      await warehouse.closeWithoutCheckpoint();
      warehouse = await Warehouse.open({path});
    }
    for (const [table, rows] of Object.entries(expected)) {
      assert.deepEqual((await warehouse.sql(`SELECT * FROM ${table} ORDER BY ALL`)).rows.map((row) => Object.values(row)), rows, table);
    }
    for (const row of (await warehouse.sql('VERIFY ALL')).rows) assert.equal(row['equal'], true);
    await warehouse.close();
    for (const table of ['f', 'd', 'i']) assert.deepEqual(await foreignRows(path, table), expected[table], `files of ${table}`);
    assert.deepEqual(((await foreignRows(path, 's')) as unknown[][]).map((row) => row.at(-1)), expected['s']!.map((row) => row.at(-1)));
    assert.deepEqual((await checkWarehouse(path)).problems, []);
  });
}

test('merge engines: a large first filling of a first-row table is seen by every reader, also after another', async (t) => {
  const path = temporaryFolder(t);
  const warehouse = await Warehouse.open({path, referenceBytes: 20_000});
  t.after(() => warehouse.close());
  await warehouse.sql("CREATE TABLE f (k INTEGER PRIMARY KEY, v VARCHAR) WITH ('merge-engine' = 'first-row', 'bucket' = '2')");
  await warehouse.sql("INSERT INTO f SELECT i, 'first' || i FROM range(20000) r(i)");
  await warehouse.sql("INSERT INTO f SELECT i, 'second' || i FROM range(10000, 30000) r(i)");
  const answer = "SELECT count(*)::INTEGER AS n, count(*) FILTER (v LIKE 'first%')::INTEGER AS first FROM f";
  assert.deepEqual((await warehouse.sql(answer)).rows, [{n: 30_000, first: 20_000}]);
  await warehouse.close();
  const again = await Warehouse.open({path});
  t.after(() => again.close());
  assert.deepEqual((await again.sql(answer)).rows, [{n: 30_000, first: 20_000}]);
  await again.close();
  assert.equal(((await foreignRows(path, 'f')) as unknown[]).length, 30_000);
  assert.deepEqual((await checkWarehouse(path)).problems, []);
});

test('merge engines: what would make rows go is refused by name, and options that contradict each other', async (t) => {
  const warehouse = await Warehouse.open({path: temporaryFolder(t)});
  t.after(() => warehouse.close());
  await warehouse.sql(definitions);
  await warehouse.sql(writes[0]!);
  const refused: readonly (readonly [string, string, RegExp])[] = [
    ['DELETE FROM f', 'MR_MERGE_ENGINE', /first-row/], ["UPDATE f SET v = 'x'", 'MR_MERGE_ENGINE', /first-row/], ['DELETE FROM s', 'MR_MERGE_ENGINE', /sequence.field/],
    ['UPDATE s SET k = k + 10', 'MR_MERGE_ENGINE', /sequence.field/], ['DELETE FROM i', 'MR_MERGE_ENGINE', /ignore-delete/],
    ["CREATE TABLE x (k INTEGER PRIMARY KEY) WITH ('merge-engine' = 'first-row', 'sequence.field' = 'k')", 'MR_BAD_OPTION', /first-row/],
    ["CREATE TABLE x (k INTEGER PRIMARY KEY) WITH ('merge-engine' = 'first-row', 'changelog-producer' = 'input')", 'MR_BAD_OPTION', /changelog-producer/],
    ["CREATE TABLE x (k INTEGER PRIMARY KEY) WITH ('changelog-producer' = 'none')", 'MR_BAD_OPTION', /changelog-producer/],
    ["CREATE TABLE x (k INTEGER PRIMARY KEY) WITH ('changelog-producer' = 'lookup')", 'MR_UNSUPPORTED', /lookup/],
    ["CREATE TABLE x (k INTEGER PRIMARY KEY, d DOUBLE) WITH ('sequence.field' = 'd')", 'MR_BAD_OPTION', /"d" DOUBLE/],
    ["CREATE TABLE x (k INTEGER PRIMARY KEY) WITH ('sequence.field' = 'nope')", 'MR_BAD_OPTION', /"nope"/],
    ["CREATE TABLE x (k INTEGER PRIMARY KEY) WITH ('sequence.field.sort-order' = 'descending')", 'MR_BAD_OPTION', /"sequence.field" beside/],
    ["CREATE TABLE x (k INTEGER) WITH ('sequence.field' = 'k')", 'MR_BAD_OPTION', /without PRIMARY KEY/],
    ["CREATE DYNAMIC TABLE x WITH ('sequence.field' = 'v') AS SELECT k, v FROM i", 'MR_BAD_OPTION', /dynamic table/],
    ["CREATE DYNAMIC TABLE x WITH ('merge-engine' = 'first-row') AS SELECT k, v FROM i", 'MR_BAD_OPTION', /first-row/],
  ];
  for (const [sql, code, message] of refused) await assert.rejects(warehouse.sql(sql), (error: {code?: string} & Error) => error.code === code && message.test(error.message), sql);
});
