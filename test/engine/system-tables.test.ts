/** What the warehouse says about itself: system tables in queries, SHOW and DESCRIBE from the same rows. */
import assert from 'node:assert/strict';
import test, {after, before} from 'node:test';
import {Warehouse} from '../../engine/warehouse.ts';
import {rejects, sharedFolder} from '../support/expect.ts';

let wh: Warehouse;
const folder = sharedFolder();

before(async () => {
  wh = await Warehouse.open({path: folder.path});
  await wh.sql(`
    CREATE SCHEMA ods; CREATE SCHEMA dws;
    CREATE TABLE ods.sales (shop VARCHAR, day DATE, amount DECIMAL(12,2) NOT NULL, PRIMARY KEY (shop, day));
    CREATE TABLE ods.notes (text VARCHAR);
    CREATE DYNAMIC TABLE dws.shop AS SELECT shop, avg(amount) AS mean FROM ods.sales GROUP BY ALL;`);
});
after(async () => {
  await wh.close();
  folder.remove();
});

async function rows(sql: string): Promise<unknown[][]> {
  return (await wh.sql(sql)).rows.map((row) => Object.values(row));
}

test('system tables: tables, columns, dynamic tables and schemas are queried like any other', async () => {
  const tables = [['ods', 'sales', 'table', 'keyed', 'shop, day'], ['ods', 'notes', 'table', 'append', null], ['dws', 'shop', 'dynamic table', 'keyed', 'shop']];
  assert.deepEqual(await rows('SELECT schema, name, kind, storage, key FROM millrace.tables'), tables);
  assert.deepEqual(await rows("SELECT name, type, nullable, key FROM millrace.columns WHERE table_name = 'sales' ORDER BY position"), [['shop', 'VARCHAR', false, true], ['day', 'DATE', false, true], ['amount', 'DECIMAL(12,2)', false, false]]);
  assert.deepEqual(await rows("SELECT name FROM millrace.columns WHERE schema = 'dws' ORDER BY position"), [['shop'], ['mean']], 'hidden columns never show');
  assert.deepEqual(await rows('SELECT schema, name, reads, definition FROM MillRace.Dynamic_Tables'), [['dws', 'shop', 'ods.sales', 'SELECT shop, avg(amount) AS mean FROM ods.sales GROUP BY ALL']]);
  assert.deepEqual(await rows('SELECT name FROM millrace.schemas ORDER BY name'), [['dws'], ['main'], ['ods']]);
  assert.deepEqual(await rows('SELECT t.name, count(*) FROM millrace.tables t JOIN millrace.columns c ON c.schema = t.schema AND c.table_name = t.name GROUP BY ALL ORDER BY ALL'), [['notes', 1n], ['sales', 3n], ['shop', 2n]]);
  assert.deepEqual(await rows('SELECT created_at <= now()::TIMESTAMP AND created_at > now()::TIMESTAMP - INTERVAL 1 HOUR FROM millrace.tables LIMIT 1'), [[true]]);
});

test('system tables: metrics', async () => {
  const metrics = new Map((await wh.sql('SELECT name, value FROM millrace.metrics')).rows.map((row) => [row['name'], row['value']]));
  assert.equal(metrics.get('millrace_epoch'), wh.epoch);
  assert.deepEqual(await rows(`SELECT value FROM millrace.metrics WHERE name = 'millrace_table_rows' AND labels = '{"table":"ods.sales"}'`), [[0]]);
});

test('system tables: SHOW and DESCRIBE say the same', async () => {
  assert.deepEqual(await rows('SHOW TABLES'), await rows('SELECT schema, name, kind, storage, key FROM millrace.tables'));
  assert.deepEqual(await rows('SHOW TABLES FROM ODS'), await rows("SELECT schema, name, kind, storage, key FROM millrace.tables WHERE schema = 'ods'"));
  assert.deepEqual(await rows('SHOW DYNAMIC TABLES'), await rows('SELECT schema, name, storage, key, reads, definition FROM millrace.dynamic_tables'));
  assert.deepEqual(await rows('SHOW SCHEMAS'), await rows('SELECT name FROM millrace.schemas'));
  assert.deepEqual(await rows('DESCRIBE ods.sales'), await rows("SELECT name, type, nullable, key, comment FROM millrace.columns WHERE table_name = 'sales' ORDER BY position"));
  assert.deepEqual(await rows('SHOW COLUMNS FROM ods.sales'), await rows('DESCRIBE ods.sales'));
  assert.deepEqual((await rows('DESCRIBE millrace.metrics')).map(([name]) => name), ['name', 'labels', 'value', 'help']);
  assert.deepEqual(await rows('SHOW CREATE TABLE ods.sales'), [['ods.sales', 'CREATE TABLE ods.sales (shop VARCHAR NOT NULL, day DATE NOT NULL, amount DECIMAL(12,2) NOT NULL, PRIMARY KEY (shop, day))']]);
  assert.deepEqual((await rows('SHOW SETTINGS')).map(([name]) => name), ['executor', 'epoch_interval', 'history_retention']);
});

test('system tables: they are read only, and the schema is ours', async () => {
  await rejects(wh.sql('CREATE SCHEMA millrace'), 'invalid', 'MR_BAD_NAME', /"millrace", which is reserved/);
  await rejects(wh.sql('CREATE DYNAMIC TABLE t AS SELECT * FROM millrace.tables'), 'invalid', 'MR_NOT_ALLOWED', /millrace\.tables/);
  assert.match((await rejects(wh.sql('SELECT * FROM millrace.table'), 'invalid', 'MR_UNKNOWN_TABLE')).hint ?? '', /millrace\.tables/);
  await rejects(wh.sql('DELETE FROM millrace.tables'), 'invalid', 'MR_UNKNOWN_TABLE');
});

test('system tables: t$snapshots, t$files, t$schemas, t$tags and t$options show what is on disk, and join like tables', async () => {
  await wh.sql("CREATE TABLE ods.parts (day DATE, id DECIMAL(5,2), v VARCHAR, PRIMARY KEY (day, id)) PARTITIONED BY (day) WITH ('bucket' = '2')");
  assert.deepEqual(await rows('SELECT * FROM ods.parts$snapshots'), [], 'nothing before the first checkpoint');
  assert.deepEqual(await rows("SELECT value FROM ods.parts$options WHERE key = 'bucket'"), [['2']]);
  const {epoch: one} = await wh.sql("INSERT INTO ods.parts VALUES ('2026-01-01', 1.50, 'a'), ('2026-01-01', 2.50, 'b'), ('2026-01-02', -3, 'c'); CHECKPOINT");
  await wh.sql("DELETE FROM ods.parts WHERE id = 2.5; UPDATE ods.parts SET v = 'd' WHERE id = 1.5");
  const {epoch: two} = await wh.sql('CHECKPOINT');
  assert.deepEqual(await rows("SELECT epoch, commit_kind, delta_record_count, changelog_record_count FROM ods.parts$snapshots WHERE commit_kind = 'APPEND' ORDER BY snapshot_id"), [[BigInt(one), 'APPEND', 3n, 3n], [BigInt(two), 'APPEND', 2n, 3n]]);
  assert.equal((await rows('SELECT count(*) FROM ods.parts$snapshots s JOIN ods.parts$snapshots t ON t.snapshot_id = s.snapshot_id + 1'))[0]?.[0], 1n);
  const files = await rows('SELECT partition, level, record_count, delete_count, min_key, max_key, min_sequence_number, max_sequence_number FROM ods.parts$files ORDER BY min_sequence_number');
  assert.equal(files.reduce((sum, [, , count]) => sum + Number(count), 0), 5);
  assert.ok(files.some(([partition, , , , min, max]) => partition === 'day=20455' && min === '["-3.00"]' && max === '["-3.00"]'), JSON.stringify(files, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)));
  assert.deepEqual(await rows("SELECT sum(record_count)::BIGINT, max(file_path LIKE 'day=%/bucket-%/data-%.parquet') FROM ods.parts$files WHERE file_size_in_bytes > 0"), [[5n, true]]);
  assert.deepEqual(await rows("SELECT schema_id, primary_keys, partition_keys, fields LIKE '%DECIMAL(5, 2)%' FROM ods.parts$schemas"), [[0n, '["day","id"]', '["day"]', true]]);
  assert.deepEqual(await rows('SELECT * FROM ods.parts$tags'), []);
  assert.deepEqual(await rows("SELECT f.record_count FROM ods.notes$files f, ods.notes n"), []);
  await rejects(wh.sql('SELECT * FROM ods.nothing$files'), 'invalid', 'MR_UNKNOWN_TABLE');
  await rejects(wh.sql('SELECT * FROM ods.parts$manifests'), 'invalid', 'MR_UNSUPPORTED', /t\$manifests|parts\$manifests/);
  await rejects(wh.sql('CREATE DYNAMIC TABLE t AS SELECT * FROM ods.parts$files'), 'invalid', 'MR_NOT_ALLOWED', /its files/);
});
