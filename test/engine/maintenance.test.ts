/** The table on disk keeps itself: runs, files and history stay within their bounds while a warehouse is written to and read. */
import assert from 'node:assert/strict';
import {existsSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import {WarehouseError} from '../../base/error.ts';
import {checkWarehouse} from '../../engine/check.ts';
import {Warehouse} from '../../engine/warehouse.ts';
import type {FileSystem} from '../../storage/file/file-system.ts';
import {nodeFileSystem} from '../../storage/file/node-file-system.ts';
import {CoreHarness, specs} from '../support/core-script.ts';
import {temporaryFolder} from '../support/temporary.ts';

const metric = async (warehouse: Warehouse, name: string, table?: string): Promise<number> =>
  (await warehouse.metrics()).find((one) => one.name === `millrace_${name}` && one.labels['table'] === table)?.value ?? Number.NaN;

function filesBelow(folder: string): string[] {
  return readdirSync(folder, {recursive: true, withFileTypes: true}).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

test('maintenance: under a steady stream of small writes runs and files stay within their bound, and all tables keep their rows', async (t) => {
  const path = temporaryFolder(t);
  const options = {path, historyRetentionMs: 0, orphanAgeMs: 0};
  let warehouse = await Warehouse.open(options);
  await warehouse.sql("CREATE TABLE keyed (id INTEGER PRIMARY KEY, v VARCHAR); CREATE TABLE log (id INTEGER, v VARCHAR); CREATE DYNAMIC TABLE counts AS SELECT v, count(*) AS n FROM log GROUP BY v");
  const rounds = 14;
  let most = 0;
  for (let round = 0; round < rounds; round++) {
    await warehouse.sql(`INSERT INTO keyed VALUES (${round}, 'a'), (0, 'round ${round}'), (1000, 'x'); DELETE FROM keyed WHERE id = 1000; INSERT INTO log VALUES (${round}, '${round % 3}')`);
    await warehouse.checkpoint();
    most = Math.max(most, await metric(warehouse, 'table_sorted_runs', 'main.keyed') || 0);
  }
  assert.ok(most <= 8 + 1, `${most} sorted runs in a bucket`);
  const expected = async (): Promise<unknown> => (await warehouse.sql('SELECT (SELECT count(*) FROM keyed) AS k, (SELECT v FROM keyed WHERE id = 0) AS v, (SELECT count(*) FROM log) AS l, (SELECT list(n ORDER BY v) FROM counts) AS n')).rows;
  const before = await expected();
  assert.ok(await metric(warehouse, 'compactions_total') >= 2, 'compactions were done');
  await warehouse.close();
  // At the next opening what nothing names has its age, and what no history needs goes.
  warehouse = await Warehouse.open(options);
  assert.deepEqual(await expected(), before);
  await warehouse.sql("INSERT INTO log VALUES (99, '0')");
  await warehouse.sql('OPTIMIZE keyed; COMPACT TABLE log');
  await warehouse.sql("INSERT INTO keyed VALUES (1, 'last'); INSERT INTO log VALUES (100, '0')");
  await warehouse.checkpoint();
  assert.ok(await metric(warehouse, 'table_files', 'main.keyed') <= 2, 'one run, and what came after');
  await warehouse.sql('VERIFY counts');
  await warehouse.close();
  for (const table of ['keyed', 'log', 'counts']) {
    const files = filesBelow(join(path, 'default.db', table)).length;
    assert.ok(files < 75, `${table}: ${files} files after ${rounds} checkpoints`);
  }
  assert.deepEqual((await checkWarehouse(path)).problems, []);
});

test('maintenance: while compaction fails flushes go on up to a bound, are then refused with the reason, and go on when it is mended', async (t) => {
  const root = temporaryFolder(t);
  const disk = {full: true};
  const mkdir: FileSystem['mkdir'] = (path) => {
    if (disk.full && path.endsWith('/live/compaction')) throw new WarehouseError('unavailable', 'MR_DISK_FULL', `no room for '${path}'`, {hint: 'make room'});
    return nodeFileSystem.mkdir(path);
  };
  const harness = new CoreHarness(root, {...nodeFileSystem, mkdir}, {maintenance: 'background'});
  await harness.open();
  const table = {...specs.orders, options: {'num-sorted-run.compaction-trigger': '2', 'num-sorted-run.stop-trigger': '3'}};
  await harness.step({kind: 'ddl', records: [{kind: 'create-table', table}]});
  let refused: WarehouseError | undefined;
  let checkpoints = 0;
  for (; refused === undefined && checkpoints < 100; checkpoints++) {
    await harness.step({kind: 'write', writes: [{table, rows: [[checkpoints, 'x']]}]});
    refused = await harness.step({kind: 'checkpoint'}).then(() => undefined, (cause: WarehouseError) => cause);
  }
  assert.equal(refused?.code, 'MR_COMPACTION_BEHIND');
  assert.match(refused!.message, /24 sorted runs.*no room/);
  assert.equal(checkpoints, 24 + 1, 'flushes went on up to the bound');
  assert.ok(harness.core.compaction.failed > 0);
  disk.full = false;
  await harness.step({kind: 'checkpoint'});
  assert.equal((await harness.filesContent()).get(table.id)!.length, checkpoints);
  assert.ok(harness.core.compaction.figures.get(table.id)!.runsMax <= 3);
  await harness.abandon();
});

test('maintenance: OPTIMIZE of a table that others changed, of an empty one, of none', async (t) => {
  const warehouse = await Warehouse.open({path: temporaryFolder(t)});
  await warehouse.sql('CREATE TABLE empty (a INTEGER PRIMARY KEY); OPTIMIZE empty');
  await warehouse.sql('CREATE TABLE t (a INTEGER PRIMARY KEY)');
  for (let i = 0; i < 3; i++) {
    await warehouse.sql(`INSERT INTO t VALUES (${i})`);
    await warehouse.checkpoint();
  }
  const [{tag}] = await Promise.all([warehouse.sql('OPTIMIZE t'), warehouse.sql('INSERT INTO t VALUES (100)')]);
  assert.equal(tag, 'OPTIMIZE');
  assert.equal((await warehouse.sql('SELECT count(*) AS n FROM t')).rows[0]!['n'], 4n);
  await assert.rejects(warehouse.sql('OPTIMIZE nothing'), {code: 'MR_UNKNOWN_TABLE'});
  await assert.rejects(warehouse.sql('OPTIMIZE'), {code: 'MR_SYNTAX'});
  await warehouse.close();
});

test('maintenance: a compaction whose commit failed after it was named keeps its files, and is not done twice', async (t) => {
  const root = temporaryFolder(t);
  const disk = {fails: false};
  const syncDirectory: FileSystem['syncDirectory'] = async (path) => {
    await nodeFileSystem.syncDirectory(path);
    if (!disk.fails || !path.endsWith('/snapshot')) return;
    disk.fails = false;
    throw new WarehouseError('unavailable', 'MR_FILE_FAILED', `'${path}' was synced, and said otherwise`);
  };
  const harness = new CoreHarness(root, {...nodeFileSystem, syncDirectory});
  await harness.open();
  await harness.step({kind: 'ddl', records: [{kind: 'create-table', table: specs.orders}]});
  for (let i = 0; i < 5; i++) {
    await harness.step({kind: 'write', writes: [{table: specs.orders, rows: [[i, 'x']]}]});
    await harness.step({kind: 'checkpoint'});
  }
  disk.fails = true;
  await assert.rejects(harness.request({kind: 'compact', tables: null, full: false}), {code: 'MR_FILE_FAILED'});
  await harness.request({kind: 'compact', tables: null, full: false});
  assert.equal((await harness.filesContent()).get(specs.orders.id)!.length, 5);
  const {snapshotId} = harness.core.checkpointer.newest()!.tables[0]!;
  assert.equal(snapshotId, 6, 'five flushes, one compaction');
  await harness.abandon();
});

test('maintenance: a warehouse at rest names what was merged, and cold reads and the next opening begin from it', async (t) => {
  const root = temporaryFolder(t);
  const harness = new CoreHarness(root, nodeFileSystem);
  await harness.open();
  await harness.step({kind: 'ddl', records: [{kind: 'create-table', table: specs.orders}]});
  for (let i = 0; i < 5; i++) {
    await harness.step({kind: 'write', writes: [{table: specs.orders, rows: [[i, 'x'], [100, String(i)]]}]});
    await harness.step({kind: 'checkpoint'});
  }
  const {epoch} = harness.core;
  const snapshotOf = (): number => harness.core.checkpointer.newest()!.tables[0]!.snapshotId;
  assert.equal(snapshotOf(), 5);
  await harness.request({kind: 'compact', tables: null, full: true});
  assert.deepEqual([harness.core.epoch, snapshotOf()], [epoch, 6]);
  const content = await harness.filesContent();
  await harness.abandon();
  const again = new CoreHarness(root, nodeFileSystem);
  await again.open();
  assert.equal(again.core.checkpointer.newest()!.tables[0]!.snapshotId, 6);
  assert.deepEqual(await again.filesContent(), content);
  await again.abandon();
});

test('maintenance: history_retention is the warehouse’s, and outlives it; what is wrong is refused', async (t) => {
  const path = temporaryFolder(t);
  let warehouse = await Warehouse.open({path});
  const shown = async (): Promise<unknown> => (await warehouse.sql('SHOW SETTINGS')).rows.find((row) => row['name'] === 'history_retention')!['value'];
  assert.equal(await shown(), '24 h');
  await warehouse.sql("SET history_retention = '7 d'");
  assert.equal(await shown(), '7 d');
  for (const wrong of ['-1 h', 'long', '100000 d']) await assert.rejects(warehouse.sql(`SET history_retention = '${wrong}'`), {code: 'MR_BAD_SETTING'});
  await warehouse.sql("CREATE TABLE t (a INTEGER PRIMARY KEY) WITH ('history.retention' = '30 d', 'target-file-size' = '64 mb', 'num-sorted-run.compaction-trigger' = '3'); INSERT INTO t VALUES (1)");
  for (const [name, value] of [['history.retention', 'for ever'], ['target-file-size', '0 mb'], ['num-sorted-run.compaction-trigger', '1'], ['snapshot.time-retained', '1 h']]) {
    await assert.rejects(warehouse.sql(`CREATE TABLE u (a INTEGER PRIMARY KEY) WITH ('${name}' = '${value}')`), {code: name === 'snapshot.time-retained' ? 'MR_UNSUPPORTED' : 'MR_BAD_OPTION'});
  }
  await warehouse.close();
  const schema = JSON.parse(readFileSync(join(path, 'default.db', 't', 'schema', 'schema-0'), 'utf8')) as {options: Record<string, string>};
  assert.equal(schema.options['snapshot.time-retained'], '30 d', 'other engines leave history to us');
  assert.equal(schema.options['snapshot.num-retained.min'], '2147483647');
  warehouse = await Warehouse.open({path});
  assert.equal(await shown(), '7 d');
  await warehouse.sql('RESET history_retention');
  assert.equal(await shown(), '24 h');
  await warehouse.close();
  const settings = join(path, '_millrace', 'settings.json');
  assert.ok(existsSync(settings));
  for (const damage of ['{', '[]', '{"historyRetentionMs": "1"}', '{"newer": 1}']) {
    writeFileSync(settings, damage);
    await assert.rejects(Warehouse.open({path}), {code: 'MR_SETTINGS_DAMAGED'});
  }
});
