/** Partitioned and bucketed tables from SQL to files and back: where files lie, what scans give over restarts, what is refused. */
import assert from 'node:assert/strict';
import {readdirSync} from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import {checkWarehouse} from '../../engine/check.ts';
import {Warehouse} from '../../engine/warehouse.ts';
import {temporaryFolder} from '../support/temporary.ts';

function folders(path: string): string[] {
  return readdirSync(path, {recursive: true, withFileTypes: true}).filter((entry) => entry.isDirectory() && entry.name.startsWith('bucket-'))
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1)).sort();
}

const tables = ['ods.orders', 'ods.events', 'ods.notes', 'dws.daily'];
async function everything(warehouse: Warehouse): Promise<unknown> {
  const rows: Record<string, unknown> = {};
  for (const table of tables) rows[table] = (await warehouse.sql(`SELECT * FROM ${table} ORDER BY ALL`)).rows;
  return rows;
}

test('partitions: files lie by partition and bucket, and tables are the same over checkpoints, closes and losses of the process', async (t) => {
  const path = temporaryFolder(t);
  let warehouse = await Warehouse.open({path});
  t.after(() => warehouse.close());
  await warehouse.sql(`CREATE SCHEMA ods; CREATE SCHEMA dws;
    CREATE TABLE ods.orders (id BIGINT, dt DATE, amount INTEGER, PRIMARY KEY (dt, id)) PARTITIONED BY (dt) WITH ('bucket' = '2');
    CREATE TABLE ods.events (kind VARCHAR, ts TIMESTAMP, n INTEGER) PARTITIONED BY (kind) WITH ('bucket' = '2', 'bucket-key' = 'n');
    CREATE TABLE ods.notes (kind VARCHAR NOT NULL, note VARCHAR) PARTITIONED BY (kind) WITH ('append-only' = 'false', 'bucket' = '2');
    CREATE DYNAMIC TABLE dws.daily PARTITIONED BY (dt) AS SELECT dt, id, count(*) AS orders, sum(amount) AS amount FROM ods.orders GROUP BY ALL`);
  await warehouse.sql(`INSERT INTO ods.orders SELECT i, DATE '2024-01-01' + (i % 3)::INTEGER, i FROM range(40) r(i);
    INSERT INTO ods.events SELECT CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN 'a/b=c' ELSE 'plain' END, TIMESTAMP '2024-01-01', i FROM range(40) r(i);
    INSERT INTO ods.notes VALUES ('x', 'one'), ('x', 'one'), ('y', NULL)`);
  await warehouse.checkpoint();
  // The same key in another partition is another row; a row that changes its partition leaves the first.
  await warehouse.sql(`INSERT INTO ods.orders VALUES (1, DATE '2024-01-01', -1); UPDATE ods.orders SET dt = DATE '1969-12-31' WHERE id = 5; DELETE FROM ods.orders WHERE id = 7;
    DELETE FROM ods.notes WHERE note = 'one'; INSERT INTO ods.notes VALUES ('x', 'one')`);
  const before = await everything(warehouse);
  for (const end of ['kill', 'checkpoint', 'close', 'kill'] as const) {
    if (end === 'kill') await warehouse.closeWithoutCheckpoint();
    else if (end === 'close') await warehouse.close();
    else await warehouse.checkpoint();
    if (end !== 'checkpoint') warehouse = await Warehouse.open({path});
    assert.deepEqual(await everything(warehouse), before, end);
    for (const row of (await warehouse.sql('VERIFY ALL')).rows) assert.equal(row['equal'], true);
    await warehouse.sql(`INSERT INTO ods.orders VALUES (100, DATE '2024-01-02', 1); DELETE FROM ods.orders WHERE id = 100`);
  }
  await warehouse.close();
  const days = [19723, 19724, 19725].flatMap((day) => [`dt=${day}/bucket-0`, `dt=${day}/bucket-1`]);
  assert.deepEqual(folders(join(path, 'ods.db', 'orders')).filter((name) => !name.startsWith('dt=-1/')), days);
  assert.equal(folders(join(path, 'ods.db', 'orders')).some((name) => name.startsWith('dt=-1/bucket-')), true);
  assert.deepEqual([...new Set(folders(join(path, 'ods.db', 'events')).map((name) => name.split('/')[0]))], ['kind=__DEFAULT_PARTITION__', 'kind=a%2Fb%3Dc', 'kind=plain']);
  const {problems} = await checkWarehouse(path);
  assert.deepEqual(problems, []);
});

test('partitions: what cannot be is refused by name, and SHOW CREATE TABLE says how a table lies', async (t) => {
  const warehouse = await Warehouse.open({path: temporaryFolder(t)});
  t.after(() => warehouse.close());
  await warehouse.sql("CREATE TABLE a (id INTEGER, dt DATE, PRIMARY KEY (id, dt)) PARTITIONED BY (dt) WITH ('bucket' = '4', 'bucket-key' = 'id')");
  assert.equal((await warehouse.sql('SHOW CREATE TABLE a')).rows[0]!['statement'], "CREATE TABLE main.a (id INTEGER NOT NULL, dt DATE NOT NULL, PRIMARY KEY (id, dt)) PARTITIONED BY (dt) WITH ('bucket' = '4', 'bucket-key' = 'id')");
  const refused: readonly (readonly [string, string, RegExp])[] = [
    ['CREATE TABLE b (id INTEGER PRIMARY KEY, dt DATE) PARTITIONED BY (dt)', 'MR_PARTITION_KEY', /primary key, found "dt" outside/],
    ['CREATE TABLE b (dt DATE PRIMARY KEY) PARTITIONED BY (dt)', 'MR_PARTITION_KEY', /beside the partition columns/],
    ['CREATE TABLE b (x DOUBLE) PARTITIONED BY (x)', 'MR_PARTITION_KEY', /"x" DOUBLE/],
    ['CREATE TABLE b (x INTEGER) PARTITIONED BY (x, x)', 'MR_PARTITION_KEY', /"x" again/],
    ['CREATE TABLE b (x INTEGER) PARTITIONED BY (y)', 'MR_UNKNOWN_COLUMN', /"y" in PARTITIONED BY/],
    ["CREATE TABLE b (x INTEGER) PARTITIONED BY (x) WITH ('append-only' = 'false')", 'MR_PARTITION_KEY', /never NULL/],
    ["CREATE TABLE b (x INTEGER) WITH ('bucket' = '2')", 'MR_BAD_OPTION', /"bucket-key" beside "bucket"/],
    ["CREATE TABLE b (x INTEGER) WITH ('bucket-key' = 'x')", 'MR_BAD_OPTION', /"bucket" beside/],
    ["CREATE TABLE b (x INTEGER, y DOUBLE) WITH ('bucket' = '2', 'bucket-key' = 'y')", 'MR_BAD_OPTION', /"y" DOUBLE/],
    ["CREATE TABLE b (x INTEGER PRIMARY KEY, y INTEGER) WITH ('bucket' = '2', 'bucket-key' = 'y')", 'MR_BAD_OPTION', /primary key, found "y"/],
    ["CREATE TABLE b (x INTEGER PRIMARY KEY) WITH ('bucket' = '-1')", 'MR_UNSUPPORTED', /bucket/],
    ["CREATE TABLE b (x INTEGER PRIMARY KEY) WITH ('bucket' = '-2')", 'MR_UNSUPPORTED', /bucket/],
    ["CREATE TABLE b (x INTEGER PRIMARY KEY) WITH ('merge-engine' = 'partial-update')", 'MR_UNSUPPORTED', /partial-update/],
    ["CREATE TABLE b (x INTEGER PRIMARY KEY) WITH ('merge-engine' = 'aggregation')", 'MR_UNSUPPORTED', /aggregation/],
    ["CREATE TABLE b (x INTEGER PRIMARY KEY) WITH ('deletion-vectors.enabled' = 'true')", 'MR_UNSUPPORTED', /deletion-vectors/],
    ["CREATE TABLE b (x INTEGER PRIMARY KEY, y INTEGER) WITH ('fields.y.aggregate-function' = 'sum')", 'MR_UNSUPPORTED', /aggregate-function/],
    ["CREATE TABLE b (x INTEGER) WITH ('fields.z.stats-mode' = 'none')", 'MR_BAD_OPTION', /"z"/],
    ['CREATE DYNAMIC TABLE d PARTITIONED BY (n) AS SELECT id, count(*) AS n FROM a GROUP BY id', 'MR_PARTITION_KEY', /"n" outside/],
  ];
  for (const [sql, code, message] of refused) await assert.rejects(warehouse.sql(sql), (error: {code?: string} & Error) => error.code === code && message.test(error.message), sql);
});
