/**
 * Deltas by reference, with a threshold so low that small statements go that way: what is in files must be what readers, subscribers,
 * VERIFY and the next opening see, before and after a checkpoint; what did not come to be leaves nothing.
 */
import assert from 'node:assert/strict';
import {existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import {checkWarehouse} from '../../engine/check.ts';
import {Warehouse} from '../../engine/warehouse.ts';
import type {Row} from '../../base/value.ts';
import {runLaws} from '../support/laws-run.ts';
import {temporaryFolder} from '../support/temporary.ts';

const open = (path: string, until: 'readable' | 'warm' = 'readable'): Promise<Warehouse> => Warehouse.open({path, referenceBytes: 64, until});
const rowsOf = async (warehouse: Warehouse, sql: string): Promise<readonly Row[]> => (await warehouse.sql(sql)).rows;

async function tables(warehouse: Warehouse): Promise<void> {
  await warehouse.sql(`
    CREATE TABLE d (g BIGINT PRIMARY KEY, label VARCHAR);
    CREATE TABLE k (id BIGINT PRIMARY KEY, g BIGINT, x DECIMAL(12,2), name VARCHAR);
    CREATE TABLE a (id BIGINT, name VARCHAR);
    CREATE TABLE b (id BIGINT, name VARCHAR) WITH ('append-only' = 'false');
    INSERT INTO d SELECT i, 'label ' || i FROM range(7) r(i);
    CREATE DYNAMIC TABLE v AS SELECT d.label, count(*) AS n, sum(k.x) AS total, max(k.name) AS last FROM k JOIN d ON d.g = k.g GROUP BY d.label;
    CREATE DYNAMIC TABLE u AS SELECT upper(name) AS name FROM b`);
}

const insertK = (from: number, to: number, factor: number): string => `INSERT INTO k SELECT i, i % 7, i * ${factor}, 'name ' || i || '/${factor}' FROM range(${from}, ${to}) r(i)`;

async function fill(warehouse: Warehouse): Promise<void> {
  await warehouse.sql(insertK(0, 3000, 1));
  await warehouse.sql(insertK(2000, 5000, 2));
  await warehouse.sql("INSERT INTO a SELECT i, 'a' || i FROM range(4000) r(i)");
  await warehouse.sql("INSERT INTO b SELECT i % 100, 'b' || i % 100 FROM range(4000) r(i)");
  await warehouse.sql("UPDATE k SET x = x + 1, name = 'upd ' || name WHERE id % 3 = 0");
  await warehouse.sql('DELETE FROM k WHERE id % 5 = 1');
  await warehouse.sql('DELETE FROM b WHERE id % 10 = 3');
  await warehouse.sql("UPDATE b SET name = 'x' WHERE id % 10 = 4");
}

const contents = ['SELECT * FROM k ORDER BY ALL', 'SELECT * FROM a ORDER BY ALL', 'SELECT * FROM b ORDER BY ALL', 'SELECT * FROM v ORDER BY ALL', 'SELECT * FROM u ORDER BY ALL'];

async function checkContents(warehouse: Warehouse): Promise<(readonly Row[])[]> {
  const found = [];
  for (const sql of contents) found.push(await rowsOf(warehouse, sql));
  const [k, a, b] = found;
  assert.equal(a!.length, 4000);
  assert.equal(b!.length, 3600);
  assert.equal(k!.length, 4000);
  assert.ok(k!.every((row) => Number(row['id']) % 5 !== 1));
  await verify(warehouse);
  return found;
}

/** Law 2, read cold from files and log. */
async function verify(warehouse: Warehouse): Promise<void> {
  const {rows} = await warehouse.sql('VERIFY ALL');
  assert.ok(rows.length > 0);
  for (const row of rows) assert.equal(row['equal'], true, JSON.stringify(row, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)));
}

/** Every change of a table since 0, folded. */
async function fold(warehouse: Warehouse, table: string): Promise<Map<string, number>> {
  const content = new Map<string, number>();
  for await (const {changes} of warehouse.subscribe(table, {from: 0, until: warehouse.epoch})) {
    for (const {op, row} of changes) add(content, row, op === '+I' || op === '+U' ? 1 : -1);
  }
  return content;
}

function add(content: Map<string, number>, row: Row, weight: number): void {
  const text = JSON.stringify(Object.values(row), (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
  const count = (content.get(text) ?? 0) + weight;
  if (count === 0) content.delete(text);
  else content.set(text, count);
}

async function checkFolds(warehouse: Warehouse): Promise<void> {
  for (const table of ['k', 'a', 'b', 'v', 'u']) {
    const now = new Map<string, number>();
    for (const row of await rowsOf(warehouse, `SELECT * FROM ${table}`)) add(now, row, 1);
    assert.deepEqual([...(await fold(warehouse, table))].sort(), [...now].sort(), `changes of ${table}`);
    const asked = new Map<string, number>();
    for (const {_epoch, _op, ...row} of await rowsOf(warehouse, `SELECT * FROM changes(${table}, since => 0)`)) {
      void _epoch;
      add(asked, row, _op === '+I' || _op === '+U' ? 1 : -1);
    }
    assert.deepEqual([...asked].sort(), [...now].sort(), `changes(${table})`);
  }
}

function parquetFiles(path: string): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(path, {recursive: true, withFileTypes: true})) if (entry.isFile() && entry.name.endsWith('.parquet')) found.push(entry.name);
  return found.sort();
}

test('bulk: what was written by reference is read alike everywhere, over restarts before and after a checkpoint', async (context) => {
  const path = temporaryFolder(context);
  let warehouse = await open(path);
  await tables(warehouse);
  await fill(warehouse);
  assert.ok(parquetFiles(path).length > 0, 'nothing went by reference');
  const first = await checkContents(warehouse);
  await checkFolds(warehouse);
  await warehouse.closeWithoutCheckpoint();
  warehouse = await open(path);
  assert.deepEqual(await checkContents(warehouse), first);
  await checkFolds(warehouse);
  await warehouse.checkpoint();
  assert.deepEqual(await checkContents(warehouse), first);
  await checkFolds(warehouse);
  await warehouse.sql(insertK(10_000, 10_100, 3));
  await warehouse.sql('DELETE FROM k WHERE id >= 10000');
  await warehouse.close();
  assert.deepEqual((await checkWarehouse(path)).problems, []);
  warehouse = await open(path);
  assert.deepEqual(await checkContents(warehouse), first);
  await checkFolds(warehouse);
  await warehouse.close();
});

test('bulk: a hydration goes by reference and is there after a kill, with and without a checkpoint', async (context) => {
  const path = temporaryFolder(context);
  let warehouse = await open(path);
  await tables(warehouse);
  await fill(warehouse);
  await warehouse.sql('CREATE DYNAMIC TABLE m AS SELECT id, x * 2 AS y FROM k');
  await warehouse.sql('CREATE DYNAMIC TABLE n AS SELECT name, count(*) AS c FROM b GROUP BY name');
  const m = await rowsOf(warehouse, 'SELECT * FROM m ORDER BY ALL');
  assert.equal(m.length, 4000);
  for (const how of ['kill', 'checkpoint', 'kill'] as const) {
    if (how === 'checkpoint') await warehouse.close();
    else await warehouse.closeWithoutCheckpoint();
    warehouse = await open(path);
    assert.deepEqual(await rowsOf(warehouse, 'SELECT * FROM m ORDER BY ALL'), m);
    await warehouse.sql('UPDATE k SET x = x WHERE id < 10');
    await verify(warehouse);
  }
  // The name of a dropped table is free at once, whatever lies in its folder.
  await warehouse.sql('DROP DYNAMIC TABLE m');
  await warehouse.sql('CREATE DYNAMIC TABLE m AS SELECT name FROM a');
  await warehouse.closeWithoutCheckpoint();
  warehouse = await open(path);
  assert.equal((await rowsOf(warehouse, 'SELECT * FROM m')).length, 4000);
  await warehouse.sql('DROP DYNAMIC TABLE m');
  await warehouse.close();
  assert.deepEqual((await checkWarehouse(path)).problems, []);
});

test('bulk: a statement that fails in the middle changes nothing and leaves no file', async (context) => {
  const path = temporaryFolder(context);
  const warehouse = await open(path);
  await tables(warehouse);
  await fill(warehouse);
  await warehouse.sql('CREATE TABLE t (id BIGINT PRIMARY KEY, x INTEGER); CREATE DYNAMIC TABLE s AS SELECT id % 10 AS g, sum(100 // x) AS q, count(*) AS n FROM t GROUP BY ALL; CREATE DYNAMIC TABLE f AS SELECT id, CAST(x + 2147483000 AS INTEGER) AS y FROM t');
  await warehouse.sql('INSERT INTO t SELECT i, 1 FROM range(1000) r(i)');
  const before = parquetFiles(path);
  const {epoch} = warehouse;
  const s = await rowsOf(warehouse, 'SELECT * FROM s ORDER BY ALL');
  // The last chunk's rows overflow in f.
  await assert.rejects(warehouse.sql('INSERT INTO t SELECT i, CASE WHEN i = 69999 THEN 2000000 ELSE 2 END FROM range(70000) r(i)'));
  assert.equal(warehouse.epoch, epoch);
  assert.deepEqual(parquetFiles(path), before);
  assert.deepEqual(await rowsOf(warehouse, 'SELECT * FROM s ORDER BY ALL'), s);
  await warehouse.sql('INSERT INTO t SELECT i, 3 FROM range(500, 1500) r(i)');
  await verify(warehouse);
  await assert.rejects(warehouse.sql('CREATE DYNAMIC TABLE g AS SELECT id, CAST(x + 2147483645 AS INTEGER) AS y FROM t'));
  assert.ok(!existsSync(join(path, 'default.db', 'g')), 'the folder of a table that did not come to be');
  await warehouse.close();
});

test('bulk: files whose frame never came go at the next opening', async (context) => {
  const path = temporaryFolder(context);
  let warehouse = await open(path);
  await tables(warehouse);
  await fill(warehouse);
  await warehouse.closeWithoutCheckpoint();
  const before = parquetFiles(path);
  // As a process leaves it that is killed between the files and the frame.
  mkdirSync(join(path, '_millrace', 'bulk'), {recursive: true});
  const k = (await (async () => { warehouse = await open(path); return warehouse.catalog.find('main', 'k')!; })());
  await warehouse.closeWithoutCheckpoint();
  writeFileSync(join(path, '_millrace', 'bulk', `${k.id}.json`), JSON.stringify({path: 'default.db/k'}));
  writeFileSync(join(path, 'default.db', 'k', 'bucket-0', 'data-0000-0.parquet'), 'half a file');
  mkdirSync(join(path, 'default.db', 'never', 'bucket-0'), {recursive: true});
  writeFileSync(join(path, 'default.db', 'never', 'bucket-0', 'data-0000-0.parquet'), 'half a file');
  writeFileSync(join(path, '_millrace', 'bulk', '999.json'), JSON.stringify({path: 'default.db/never'}));
  warehouse = await open(path, 'warm');
  assert.deepEqual(parquetFiles(path), before);
  assert.ok(!existsSync(join(path, 'default.db', 'never')));
  assert.deepEqual(readdirSync(join(path, '_millrace', 'bulk')), []);
  await checkContents(warehouse);
  await warehouse.close();
});

test('bulk: of rows of one key in different chunks of a statement the last wins, as one change', async (context) => {
  const warehouse = await open(temporaryFolder(context));
  await warehouse.sql('CREATE TABLE k (id BIGINT PRIMARY KEY, x BIGINT)');
  await warehouse.sql('INSERT INTO k SELECT i, -1 FROM range(10) r(i)');
  const {epoch} = await warehouse.sql('INSERT INTO k SELECT i % 40000, i FROM range(80000) r(i)');
  const seen: string[] = [];
  let count = 0;
  for await (const {changes} of warehouse.subscribe('k', {from: epoch - 1, until: epoch})) {
    for (const {op, row} of changes) {
      count++;
      if (Number(row['id']) < 2) seen.push(`${op} ${String(row['id'])} ${String(row['x'])}`);
    }
  }
  assert.equal(count, 40_010);
  assert.deepEqual(seen.sort(), ['+U 0 40000', '+U 1 40001', '-U 0 -1', '-U 1 -1']);
  assert.deepEqual(await rowsOf(warehouse, 'SELECT count(*) AS n, sum(x - id) AS s FROM k'), [{n: 40_000n, s: 40_000n * 40_000n}]);
  await warehouse.close();
});

test('bulk: tables of several buckets, and changes of a transaction', async (context) => {
  const path = temporaryFolder(context);
  let warehouse = await open(path);
  await warehouse.sql("CREATE TABLE k (id VARCHAR PRIMARY KEY, x BIGINT) WITH ('bucket' = '3'); CREATE DYNAMIC TABLE s AS SELECT x % 10 AS g, count(*) AS n FROM k GROUP BY ALL");
  await warehouse.sql("INSERT INTO k SELECT 'key ' || i, i FROM range(3000) r(i)");
  await warehouse.sql("UPDATE k SET x = x + 1 WHERE x % 2 = 0; DELETE FROM k WHERE x % 7 = 0");
  await warehouse.sql("BEGIN; INSERT INTO k SELECT 'key ' || i, i FROM range(2000, 4000) r(i); UPDATE k SET x = 0 WHERE x > 3500; COMMIT");
  const k = await rowsOf(warehouse, 'SELECT * FROM k ORDER BY ALL');
  for (const checkpoint of [false, true, false]) {
    assert.deepEqual(await rowsOf(warehouse, 'SELECT * FROM k ORDER BY ALL'), k);
    assert.equal((await fold(warehouse, 'k')).size, k.length);
    await warehouse.sql("UPDATE k SET x = x WHERE x % 3 = 0; INSERT INTO k VALUES ('one', 1); DELETE FROM k WHERE id = 'one'");
    await verify(warehouse);
    if (checkpoint) await warehouse.close();
    else await warehouse.closeWithoutCheckpoint();
    warehouse = await open(path);
  }
  await warehouse.close();
  assert.deepEqual((await checkWarehouse(path)).problems, []);
});

test('bulk: a damaged file is refused by name at open; a dropped table needs none', async (context) => {
  const path = temporaryFolder(context);
  let warehouse = await open(path);
  await warehouse.sql("CREATE TABLE k (id BIGINT PRIMARY KEY, x BIGINT); CREATE TABLE g (id BIGINT PRIMARY KEY); INSERT INTO k SELECT i, i FROM range(1000) r(i); INSERT INTO g SELECT i FROM range(1000) r(i); INSERT INTO g SELECT i FROM range(900, 1100) r(i)");
  await warehouse.sql('INSERT INTO g VALUES (-1); DROP TABLE g');
  await warehouse.closeWithoutCheckpoint();
  for (const name of readdirSync(join(path, 'default.db', 'g', 'bucket-0'))) rmSync(join(path, 'default.db', 'g', 'bucket-0', name));
  warehouse = await open(path);
  assert.deepEqual(await rowsOf(warehouse, 'SELECT count(*) AS n FROM k'), [{n: 1000n}]);
  await warehouse.closeWithoutCheckpoint();
  const bucket = join(path, 'default.db', 'k', 'bucket-0');
  const changelog = join(bucket, readdirSync(bucket).find((name) => name.startsWith('changelog-'))!);
  const bytes = readFileSync(changelog);
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(changelog, bytes);
  await assert.rejects(open(path, 'warm'), (error: Error) => 'code' in error && error.code === 'MR_DELTA_DAMAGED' && error.message.includes(changelog));
  rmSync(changelog);
  await assert.rejects(open(path, 'warm'), (error: Error) => 'code' in error && error.code === 'MR_DELTA_GONE' && error.message.includes(changelog));
});

test('bulk: the laws hold when every delta that can goes by reference', async (context) => {
  const {epochs} = await runLaws({path: temporaryFolder(context), seed: Number(process.env['MR_SEED'] ?? 11), steps: 14, views: 3, referenceBytes: 0});
  assert.ok(epochs > 5);
});
