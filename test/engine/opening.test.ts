/**
 * Between an opening's first read and its first write: state is loading, held where a test wants it. What is read meanwhile is what is read
 * afterwards; what needs state waits, is done once, or is refused and never done.
 */
import assert from 'node:assert/strict';
import {cpSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test, {after} from 'node:test';
import {Warehouse} from '../../engine/warehouse.ts';
import {buildApp} from '../../server/app.ts';
import {rejects, sharedFolder} from '../support/expect.ts';

const folder = sharedFolder();
after(() => folder.remove());

/** Where loading is held. */
class Gate {
  readonly word = new Int32Array(new SharedArrayBuffer(4));

  /** Lets `tables` tables be loaded; everything unless given. */
  open(tables = 1_000_000): void {
    Atomics.store(this.word, 0, tables);
  }
}

/** Held off: what is in the log stays there. */
const held = {checkpointMs: 3_600_000, checkpointBytes: 1 << 30, referenceBytes: 20_000};

/** A warehouse with all kinds of tables in files, and all kinds of changes of them in the log. */
async function makeBase(): Promise<string> {
  const path = join(folder.path, 'base');
  await using warehouse = await Warehouse.open({path, ...held});
  await warehouse.sql(`
    CREATE TABLE keyed (k BIGINT PRIMARY KEY, n INTEGER, label VARCHAR, more INTEGER); CREATE TABLE logged (k BIGINT, n INTEGER);
    CREATE TABLE loose (k BIGINT, n INTEGER) WITH ('append-only' = 'false');
    CREATE TABLE parts (day DATE NOT NULL, k INTEGER NOT NULL, v DOUBLE, PRIMARY KEY (day, k)) PARTITIONED BY (day) WITH ('bucket' = '2');
    CREATE TABLE still (k INTEGER PRIMARY KEY, s VARCHAR[]); CREATE TABLE gone (k INTEGER PRIMARY KEY); CREATE TABLE twice (k INTEGER PRIMARY KEY, a VARCHAR);
    CREATE DYNAMIC TABLE sums AS SELECT n % 10 AS d, count(*) AS c, sum(n) AS s, max(label) AS m FROM keyed GROUP BY ALL;
    CREATE DYNAMIC TABLE pairs AS SELECT l.n, p.v FROM loose l JOIN parts p ON p.k = l.k;
    INSERT INTO keyed SELECT range, range % 100, 'row ' || range, range FROM range(3000);
    INSERT INTO logged SELECT range, range % 7 FROM range(500);
    INSERT INTO loose SELECT range % 50, range % 3 FROM range(150);
    INSERT INTO parts SELECT DATE '2026-01-01' + (range % 3)::INTEGER, range, range / 4 FROM range(90);
    INSERT INTO still SELECT range, ['a', range::VARCHAR] FROM range(40); INSERT INTO gone SELECT range FROM range(30); INSERT INTO twice SELECT range, 'old' FROM range(20)`);
  await warehouse.checkpoint();
  await warehouse.sql(`
    UPDATE keyed SET n = n + 1, label = 'changed' WHERE k % 10 = 3; UPDATE keyed SET k = k + 100000 WHERE k < 5; DELETE FROM keyed WHERE k % 10 = 7;
    INSERT INTO keyed VALUES (7, 7, 'back', 0), (1, 1, NULL, 1); DELETE FROM keyed WHERE k = 7; INSERT INTO keyed VALUES (7, 8, 'back again', 2);
    INSERT INTO logged SELECT k, n FROM keyed WHERE k < 20;
    DELETE FROM loose WHERE n = 1; INSERT INTO loose SELECT k, 2 FROM loose WHERE k < 4; UPDATE loose SET n = 9 WHERE k = 4;
    DELETE FROM parts WHERE k % 5 = 1; UPDATE parts SET v = -1 WHERE k < 9; INSERT INTO parts VALUES (DATE '2026-02-01', 1, 0.5);
    INSERT INTO keyed SELECT range, range % 11, 'by reference ' || range, NULL FROM range(2000, 5000);
    DELETE FROM keyed WHERE k BETWEEN 2500 AND 2600;
    DROP TABLE gone; DROP TABLE twice; CREATE TABLE twice (k INTEGER PRIMARY KEY, a INTEGER, b INTEGER); INSERT INTO twice SELECT range, range, NULL FROM range(5);
    ALTER TABLE logged ADD COLUMN more INTEGER; INSERT INTO logged VALUES (-1, -1, 5);
    ALTER TABLE keyed RENAME COLUMN more TO extra; ALTER TABLE keyed ALTER COLUMN extra TYPE BIGINT; INSERT INTO keyed VALUES (-9, 9, 'wide', 9000000000);
    CREATE TABLE fresh (k INTEGER PRIMARY KEY, w INTEGER); INSERT INTO fresh VALUES (1, 2);
    CREATE DYNAMIC TABLE late AS SELECT w, count(*) AS c FROM fresh GROUP BY w; INSERT INTO fresh VALUES (2, 2), (3, 4)`);
  await warehouse.closeWithoutCheckpoint();
  return path;
}
const base = makeBase();

async function copyOf(name: string): Promise<string> {
  const path = join(folder.path, name);
  cpSync(await base, path, {recursive: true});
  return path;
}

const tables = ['keyed', 'logged', 'loose', 'parts', 'still', 'twice', 'sums', 'pairs', 'fresh', 'late'];

/** What readers of all kinds find. */
async function readAll(warehouse: Warehouse): Promise<Map<string, unknown>> {
  const found = new Map<string, unknown>();
  for (const table of tables) found.set(table, (await warehouse.sql(`SELECT * FROM ${table} ORDER BY ALL`)).rows);
  const {epoch} = warehouse;
  for (const at of [epoch - 1, epoch - 6, epoch - 20, epoch - 33]) {
    found.set(`keyed at ${at - epoch}`, (await warehouse.sql(`SELECT count(*) AS n, sum(k) AS k, sum(n) AS s FROM keyed AT (VERSION => ${at})`)).rows);
    found.set(`loose at ${at - epoch}`, (await warehouse.sql(`SELECT * FROM loose AT (VERSION => ${at}) ORDER BY ALL`)).rows);
  }
  found.set('changes', (await warehouse.sql(`SELECT _op, _epoch, k, n FROM changes(loose, since => ${epoch - 30}) ORDER BY ALL`)).rows);
  found.set('joined', (await warehouse.sql('SELECT d, c, n FROM sums JOIN loose ON d = loose.k ORDER BY ALL')).rows);
  let items: string[] = [];
  for await (const item of warehouse.subscribe(['keyed', 'sums'], {from: 'snapshot', until: epoch})) {
    items = [...items, ...item.changes.map(({table, op, row}) => `${table} ${op} ${Object.values(row).join()}`)];
    if (item.complete) break;
  }
  found.set('snapshot', items.sort());
  await using session = await warehouse.session();
  for (const key of ['7', '2550', '100003', '12345678']) found.set(`row ${key}`, await session.lookup(warehouse.catalog.find('main', 'keyed')!, [key]));
  return found;
}

test('opening: what is read while state is loading is what is read afterwards, from files, tail and cache, and changes go on from it', async (context) => {
  const gate = new Gate();
  const path = await copyOf('reads');
  let warehouse = await Warehouse.open({path, ...held, loadingGate: gate.word});
  context.after(() => warehouse.close());
  const {epoch} = warehouse;
  const before = await readAll(warehouse);
  for (const row of (await warehouse.sql('VERIFY ALL')).rows) assert.equal(row['equal'], true, String(row['table']));
  assert.deepEqual(warehouse.warming.map(({table}) => table).sort(), tables.map((table) => `main.${table}`).sort());
  const followed: string[] = [];
  const ended = new AbortController();
  const following = (async () => {
    for await (const item of warehouse.subscribe('keyed', {from: 'latest', signal: ended.signal})) for (const {op, row} of item.changes) followed.push(`${op} ${String(row['k'])}`);
  })();
  gate.open(3);
  gate.open();
  await warehouse.warm();
  assert.deepEqual(warehouse.warming, []);
  assert.deepEqual(await readAll(warehouse), before);
  while (warehouse.coldTables.length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(await readAll(warehouse), before, 'from the read cache');
  assert.equal(warehouse.epoch, epoch);
  // Positions of both threads agree: what is overwritten now goes from the cache too.
  await warehouse.sql(`UPDATE keyed SET n = n + 1 WHERE k % 3 = 0; DELETE FROM keyed WHERE k % 7 = 1; DELETE FROM loose WHERE k < 9; UPDATE loose SET n = n + 1 WHERE k % 2 = 0;
    UPDATE parts SET v = v + 1 WHERE k % 2 = 1; DELETE FROM still WHERE k < 5; INSERT INTO logged VALUES (5, 5, 5); INSERT INTO fresh VALUES (1, 4); UPDATE twice SET b = 1 WHERE k = 2`);
  for (const row of (await warehouse.sql('VERIFY ALL')).rows) assert.equal(row['equal'], true, String(row['table']));
  assert.deepEqual(warehouse.coldTables, []);
  const hot = await readAll(warehouse);
  ended.abort();
  await following;
  assert.ok(followed.includes('-D 1') && followed.includes('+U 6'), 'a follower from before the switch goes on');
  await warehouse.closeWithoutCheckpoint();
  warehouse = await Warehouse.open({path, ...held, readCache: false, until: 'warm'});
  assert.deepEqual(await readAll(warehouse), hot);
  // Once the tail lies in files, in the forms that its tables had, the past is read from those.
  await warehouse.checkpoint();
  for (const at of [1, 6, 20, 33]) assert.deepEqual((await warehouse.sql(`SELECT count(*) AS n, sum(k) AS k, sum(n) AS s FROM keyed AT (VERSION => ${epoch - at})`)).rows, before.get(`keyed at ${-at}`));
  await warehouse.close();
});

test('opening: writes and definitions wait for state and are done once; one that is not waited for is never done; a close meanwhile loses nothing', async () => {
  const path = await copyOf('writes');
  {
    await using closed = await Warehouse.open({path, ...held, loadingGate: new Gate().word});
    const refused = rejects(closed.sql('INSERT INTO fresh VALUES (99, 99)'), 'closed', 'MR_CLOSED');
    await closed.close();
    await refused;
  }
  const gate = new Gate();
  await using warehouse = await Warehouse.open({path, ...held, loadingGate: gate.word});
  const {epoch} = warehouse;
  const app = buildApp({warehouse});
  const ready = async (): Promise<{status: string; epoch: number; warming: {table: string; rows: number; rowsExpected: number}[]}> => (await app.inject({url: '/readyz', headers: {host: 'localhost'}})).json();
  const held1 = await ready();
  assert.equal(held1.status, 'ready');
  assert.equal(held1.epoch, epoch);
  assert.equal(held1.warming.length, tables.length);
  assert.ok(held1.warming.find(({table}) => table === 'main.keyed')!.rowsExpected >= 3000);
  assert.match((await app.inject({url: '/metrics', headers: {host: 'localhost'}})).payload, /^millrace_warming_tables 10$/m);
  assert.equal((await warehouse.sql('SHOW WARMING')).rows.length, tables.length);
  assert.equal((await warehouse.sql('SELECT count(*)::INTEGER AS n FROM millrace.warming')).rows[0]!['n'], tables.length);

  await using session = await warehouse.session();
  await session.sql('BEGIN');
  const pinned = (await session.sql('SELECT count(*) AS n FROM keyed')).rows;
  await session.sql("UPDATE keyed SET label = 'mine' WHERE k = 100003; INSERT INTO fresh VALUES (77, 77)");
  const gaveUp = [
    rejects(warehouse.sql('INSERT INTO fresh VALUES (50, 0)', [], {deadlineMs: 30}), 'unavailable', 'MR_WARMING', /main\.keyed \(0 of \d+ rows\)/),
    rejects(warehouse.sql('DELETE FROM fresh', [], {signal: AbortSignal.timeout(20)}), 'unavailable', 'MR_INTERRUPTED'),
    rejects(warehouse.sql('DROP TABLE still', [], {deadlineMs: 30}), 'unavailable', 'MR_WARMING'),
    rejects(warehouse.sql('CHECKPOINT', [], {deadlineMs: 30}), 'unavailable', 'MR_WARMING'),
  ];
  await Promise.all(gaveUp);
  const waiting = [
    warehouse.sql('INSERT INTO fresh VALUES (10, 1), (11, 1)'), warehouse.insert('fresh', [{k: 12, w: 1}]), warehouse.sql('UPDATE fresh SET w = w + 1 WHERE k = 1'),
    warehouse.sql('CREATE TABLE newest (k INTEGER PRIMARY KEY)'), warehouse.sql(`INSERT INTO keyed SELECT range, 0, 'much', 0 FROM range(1000000, 1003000)`), warehouse.checkpoint(), warehouse.sql('ALTER TABLE twice ADD COLUMN c INTEGER'),
  ];
  gate.open(4); // some tables, not all
  assert.equal(warehouse.epoch, epoch);
  const early = await Promise.race([...waiting, new Promise((resolve) => setTimeout(() => resolve('none'), 60))]);
  assert.equal(early, 'none');
  gate.open();
  await Promise.all(waiting);
  assert.deepEqual((await warehouse.sql('SELECT * FROM fresh ORDER BY k')).rows, [[1, 3], [2, 2], [3, 4], [10, 1], [11, 1], [12, 1]].map(([k, w]) => ({k, w})));
  assert.deepEqual((await warehouse.sql('SELECT w, c FROM late ORDER BY w')).rows, [{w: 1, c: 3n}, {w: 2, c: 1n}, {w: 3, c: 1n}, {w: 4, c: 1n}]);
  assert.equal((await warehouse.sql('SELECT count(*)::INTEGER AS n FROM keyed WHERE k >= 1000000')).rows[0]!['n'], 3000);
  assert.deepEqual((await session.sql('SELECT count(*) AS n FROM keyed')).rows, pinned, 'a transaction from before the switch stays where it was');
  await warehouse.sql("UPDATE keyed SET label = 'theirs' WHERE k = 100003");
  await rejects(session.sql('COMMIT'), 'conflict', 'MR_CONFLICT');
  await session.sql("BEGIN; UPDATE keyed SET label = 'mine' WHERE k = 100003; COMMIT");
  assert.deepEqual((await warehouse.sql("SELECT k FROM keyed WHERE label = 'mine'")).rows, [{k: 100003n}]);
  assert.deepEqual((await ready()).warming, []);
  for (const row of (await warehouse.sql('VERIFY ALL')).rows) assert.equal(row['equal'], true, String(row['table']));
  await app.close();
  await session.close();
  while (warehouse.coldTables.length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const expected = (await warehouse.sql('SELECT * FROM keyed ORDER BY ALL')).rows;
  await warehouse.close();
  // The cache that a clean close left is used at once, and kept by a close in the middle of the next loading.
  const middle = new Gate();
  middle.open(2);
  for (const options of [{loadingGate: middle.word}, {}]) {
    await using again = await Warehouse.open({path, ...held, ...options});
    assert.equal(again.reusedTables, tables.length + 1);
    assert.deepEqual(again.coldTables, []);
    assert.deepEqual((await again.sql('SELECT * FROM keyed ORDER BY ALL')).rows, expected);
  }
});

test('opening: damage that is found while state is loading reaches who waits, who comes later, and an opening that waits for it', async () => {
  const path = await copyOf('damage');
  // A file that a frame names: a delta by reference of the keyed table.
  const bucket = join(path, 'default.db', 'keyed', 'bucket-0');
  const manifests = readdirSync(join(path, 'default.db', 'keyed', 'manifest')).map((name) => readFileSync(join(path, 'default.db', 'keyed', 'manifest', name)));
  const names = readdirSync(bucket).filter((name) => name.startsWith('changelog-') && !manifests.some((bytes) => bytes.includes(name)));
  assert.ok(names.length > 0, 'a delta by reference lies in the folder');
  for (const name of names) {
    const bytes = readFileSync(join(bucket, name));
    bytes[bytes.length >> 1]! ^= 0x10;
    writeFileSync(join(bucket, name), bytes);
  }
  const gate = new Gate();
  await using warehouse = await Warehouse.open({path, ...held, loadingGate: gate.word});
  assert.equal((await warehouse.sql('SELECT count(*)::INTEGER AS n FROM still')).rows[0]!['n'], 40);
  const waiting = rejects(warehouse.sql('INSERT INTO fresh VALUES (1, 1)'), 'data', 'MR_DELTA_DAMAGED', /checksum/);
  const warm = rejects(warehouse.warm(), 'data', 'MR_DELTA_DAMAGED');
  gate.open();
  await Promise.all([waiting, warm]);
  await rejects(warehouse.sql('DELETE FROM fresh'), 'data', 'MR_DELTA_DAMAGED');
  await rejects(warehouse.sql('SELECT 1'), 'data', 'MR_DELTA_DAMAGED');
  await warehouse.close();
  await rejects(Warehouse.open({path, ...held, until: 'warm'}), 'data', 'MR_DELTA_DAMAGED');
});
