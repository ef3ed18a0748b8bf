/**
 * Reads of the past: AT (VERSION => …), AT (TIMESTAMP => …), the request's `at`, over tables of every kind, in memory, in the log, and
 * when the log is gone; and changes from any retained epoch. What each epoch held is kept by the test itself.
 */
import assert from 'node:assert/strict';
import {readdirSync} from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import {Warehouse} from '../../engine/warehouse.ts';
import {buildApp} from '../../server/app.ts';
import {rejects} from '../support/expect.ts';
import {temporaryFolder} from '../support/temporary.ts';

const rows = async (wh: Warehouse, sql: string, params: readonly unknown[] = [], at?: number | string): Promise<string[]> =>
  (await wh.sql(sql, params, at === undefined ? {} : {at})).rows.map((row) => Object.values(row).join('|')).sort();

/** A warehouse whose log goes with every checkpoint. */
const options = (path: string): Parameters<typeof Warehouse.open>[0] => ({path, logSegmentBytesMax: 2048, logCheckpoints: 1, checkpointBytes: 1 << 30});

function firstLogged(path: string): number {
  return Math.min(...readdirSync(join(path, '_millrace', 'log')).map((name) => parseInt(name, 10)));
}

test('past: every epoch of every kind of table reads as it was, from memory, files and over restarts', async (t) => {
  const path = temporaryFolder(t);
  let wh = await Warehouse.open(options(path));
  t.after(() => wh.close());
  await wh.sql(`CREATE TABLE k (id INTEGER PRIMARY KEY, v VARCHAR); CREATE TABLE a (v INTEGER, w VARCHAR); CREATE TABLE b (v INTEGER) WITH ('append-only' = 'false');
    CREATE DYNAMIC TABLE sums AS SELECT v % 3 AS m, sum(v) AS s, count(*) AS n FROM b GROUP BY ALL`);
  const tables = ['k', 'a', 'b', 'sums'];
  const held = new Map<number, Map<string, string[]>>();
  const note = async (): Promise<void> => {
    held.set(wh.epoch, new Map(await Promise.all(tables.map(async (table) => [table, await rows(wh, `SELECT * FROM ${table}`)] as const))));
  };
  const check = async (epoch: number): Promise<void> => {
    for (const table of tables) assert.deepEqual(await rows(wh, `SELECT * FROM ${table} AT (VERSION => ${epoch})`), held.get(epoch)!.get(table), `${table} at ${epoch}`);
  };
  await note();
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 3; i++) {
      await wh.sql(`INSERT INTO k SELECT range, 'r${round}.${i} ' || range FROM range(${i}, ${i + 6})`);
      await note();
      await wh.sql(`INSERT INTO a SELECT ${round}, repeat('x', 200) FROM range(3); INSERT INTO b VALUES (${round}), (${i}), (${i})`);
      held.set(wh.epoch - 1, held.get(wh.epoch - 1) ?? new Map());
      await note();
      await wh.sql(`DELETE FROM k WHERE id = ${i}; UPDATE b SET v = v + 1 WHERE v = ${i}`);
      await note();
    }
    for (const epoch of held.keys()) if (held.get(epoch)!.size === 0) held.delete(epoch);
    if (round % 2 === 0) for (const epoch of [...held.keys()].slice(-6)) await check(epoch);
    await wh.checkpoint();
    if (round === 1) {
      await wh.closeWithoutCheckpoint();
      wh = await Warehouse.open(options(path));
    }
  }
  assert.ok(firstLogged(path) > [...held.keys()][12]!, 'most epochs are no longer in the log');
  for (const epoch of held.keys()) await check(epoch);
  // Several epochs in one query, and the newest beside them.
  const [e1, e2] = [...held.keys()].filter((_, index) => index === 4 || index === 14) as [number, number];
  const mixed = await rows(wh, 'SELECT o.id, o.v, n.v, c.v FROM k o AT (VERSION => $2) FULL JOIN k AS n AT (VERSION => ?) ON n.id = o.id LEFT JOIN k c ON c.id = o.id', [0, e1, e2]);
  const then = (epoch: number): Map<string, string> => new Map(held.get(epoch)!.get('k')!.map((row) => row.split('|') as [string, string]));
  const [o, n, c] = [then(e1), then(e2), then([...held.keys()].at(-1)!)];
  const expected = [...new Set([...o.keys(), ...n.keys()])].map((id) => [o.has(id) ? id : '', o.get(id) ?? '', n.get(id) ?? '', o.has(id) ? c.get(id) ?? '' : ''].join('|')).sort();
  assert.deepEqual(mixed, expected);
  // The request's own epoch, where no table says another.
  assert.deepEqual(await rows(wh, 'SELECT * FROM k', [], e1), held.get(e1)!.get('k'));
  assert.equal((await wh.sql('SELECT 1 AS one', [], {at: e1})).epoch, e1);
  assert.deepEqual(await rows(wh, `SELECT * FROM k AT (VERSION => ${e2})`, [], e1), held.get(e2)!.get('k'));
  assert.equal((await rows(wh, 'SELECT DISTINCT _epoch FROM changes(k)', [], e1)).map(Number).every((epoch) => epoch <= e1), true);
  // As a source of DML.
  await wh.sql(`CREATE TABLE back (id INTEGER PRIMARY KEY, v VARCHAR); INSERT INTO back SELECT * FROM k AT (VERSION => ${e1})`);
  assert.deepEqual(await rows(wh, 'SELECT * FROM back'), held.get(e1)!.get('k'));
  await wh.sql(`DELETE FROM k; INSERT INTO k SELECT * FROM k AT (VERSION => ${e2})`);
  assert.deepEqual(await rows(wh, 'SELECT * FROM k'), held.get(e2)!.get('k'));
  await wh.close();
});

test('past: a time names the newest epoch before it, also when the log is gone', async (t) => {
  const path = temporaryFolder(t);
  const wh = await Warehouse.open(options(path));
  t.after(() => wh.close());
  await wh.sql('CREATE TABLE k (id INTEGER PRIMARY KEY, v INTEGER)');
  const moments: {text: string; rows: string[]}[] = [];
  for (let i = 0; i < 6; i++) {
    await wh.sql(`INSERT INTO k VALUES (1, ${i}), (${i}, ${i})`);
    const {rows: [now]} = await wh.sql("SELECT strftime(now() AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S.%f') AS t");
    moments.push({text: String(now!['t']), rows: await rows(wh, 'SELECT * FROM k')});
    if (i % 2 === 1) await wh.checkpoint();
    // The clock of the engine counts ms.
    for (const from = Date.now(); Date.now() < from + 2;) await Promise.resolve();
  }
  assert.ok(firstLogged(path) > 3, 'the log is gone');
  for (const {text, rows: expected} of moments) {
    assert.deepEqual(await rows(wh, `SELECT * FROM k AT (TIMESTAMP => TIMESTAMP '${text}')`), expected, text);
    assert.deepEqual(await rows(wh, 'SELECT * FROM k AT (TIMESTAMP => ?)', [text]), expected, text);
    assert.deepEqual(await rows(wh, `SELECT * FROM k AT (TIMESTAMP => '${text}+00')`), expected, text);
    assert.deepEqual(await rows(wh, `SELECT * FROM k AT (TIMESTAMP => TIMESTAMPTZ '${text}+02' + INTERVAL 2 HOUR)`), expected, text);
  }
  assert.deepEqual(await rows(wh, 'SELECT * FROM k AT (TIMESTAMP => now())'), moments.at(-1)!.rows);
  await rejects(wh.sql('SELECT * FROM k AT (TIMESTAMP => now() + INTERVAL 1 DAY)'), 'invalid', 'MR_EPOCH_FUTURE', /has not come yet/);
  await rejects(wh.sql("SELECT * FROM k AT (TIMESTAMP => '1999-01-01')"), 'invalid', 'MR_UNKNOWN_TABLE', /existed at epoch 0/);
  await wh.close();
});

test('past: tables that come and go, names used again: each epoch has its own', async (t) => {
  const path = temporaryFolder(t);
  let wh = await Warehouse.open(options(path));
  t.after(() => wh.close());
  const seen = new Map<number, string[] | null>();
  const note = async (): Promise<void> => {
    seen.set(wh.epoch, wh.catalog.find('main', 't') === undefined ? null : await rows(wh, 'SELECT * FROM t'));
  };
  await wh.sql('CREATE SCHEMA s');
  await note();
  for (let generation = 0; generation < 5; generation++) {
    await wh.sql(generation % 2 === 0 ? 'CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)' : 'CREATE TABLE t (v VARCHAR)');
    await note();
    for (let i = 0; i < 3; i++) {
      await wh.sql(generation % 2 === 0 ? `INSERT INTO t SELECT range, ${generation} FROM range(${i + 1})` : `INSERT INTO t VALUES ('${generation}.${i}')`);
      await note();
      if (generation === 1 && i === 1) await wh.checkpoint();
    }
    await wh.sql('DROP TABLE t');
    await note();
    if (generation === 2) {
      await wh.closeWithoutCheckpoint();
      wh = await Warehouse.open(options(path));
    }
    if (generation === 3) await wh.checkpoint();
  }
  await wh.checkpoint();
  for (const [epoch, expected] of seen) {
    const read = rows(wh, `SELECT * FROM t AT (VERSION => ${epoch})`);
    if (expected === null) await rejects(read, 'invalid', 'MR_UNKNOWN_TABLE', /expected a table that exist.*, found "t"/);
    else assert.deepEqual(await read, expected, `epoch ${epoch}`);
  }
  await wh.close();
});

test('past: what cannot be read is said by name', async (t) => {
  await using wh = await Warehouse.open({path: temporaryFolder(t), historyRetentionMs: 0, logCheckpoints: 1, logSegmentBytesMax: 2048});
  await wh.sql('CREATE TABLE k (id INTEGER PRIMARY KEY)');
  for (let i = 0; i < 4; i++) {
    await wh.sql(`INSERT INTO k VALUES (${i})`);
    await wh.checkpoint();
  }
  const {epoch, oldestEpoch: oldest} = wh;
  assert.ok(oldest > 1, `oldest is ${oldest}`);
  await rejects(wh.sql(`SELECT * FROM k AT (VERSION => ${oldest - 1})`), 'invalid', 'MR_EPOCH_EXPIRED', new RegExp(`the oldest readable epoch is ${oldest}`));
  await rejects(wh.sql('SELECT * FROM k', [], {at: oldest - 1}), 'invalid', 'MR_EPOCH_EXPIRED');
  await rejects(wh.sql("SELECT * FROM k AT (TIMESTAMP => '2001-01-01')"), 'invalid', 'MR_EPOCH_EXPIRED', /2001-01-01T00:00:00/);
  assert.equal((await rows(wh, `SELECT * FROM k AT (VERSION => ${oldest})`)).length, oldest - 1);
  await rejects(wh.sql(`SELECT * FROM k AT (VERSION => ${epoch + 1})`), 'invalid', 'MR_EPOCH_FUTURE', new RegExp(`the newest readable epoch is ${epoch}`));
  await rejects(wh.sql("SELECT * FROM k AT (VERSION => 'eod')"), 'invalid', 'MR_UNKNOWN_TAG', /"eod"/);
  await rejects(wh.sql("SELECT * FROM k AT (VERSION => '3')"), 'invalid', 'MR_UNKNOWN_TAG');
  for (const value of ['-1', '1.5', 'NULL', '1 = 1', '1e30']) await rejects(wh.sql(`SELECT * FROM k AT (VERSION => ${value})`), 'invalid', 'MR_PARAMETER');
  await rejects(wh.sql('SELECT * FROM k AT (VERSION => $3)'), 'invalid', 'MR_PARAMETER', /\$3 has no value/);
  await rejects(wh.sql("SELECT * FROM k AT (TIMESTAMP => 'yesterday')"), 'invalid', 'MR_PARAMETER', /yesterday/);
  await rejects(wh.sql('SELECT * FROM k AT (VERSION => (SELECT max(id) FROM k))'), 'invalid', 'MR_UNSUPPORTED', /reads rows/);
  await rejects(wh.sql('SELECT * FROM k AT (VERSION => id)'), 'invalid', 'MR_UNSUPPORTED', /reads rows/);
  await rejects(wh.sql("SELECT * FROM k AT (VERSION => getenv('HOME'))"), 'invalid', 'MR_NOT_ALLOWED');
  await rejects(wh.sql('SELECT * FROM k AT (VERSION => 3) AS x'), 'invalid', 'MR_SYNTAX');
  await rejects(wh.sql('SELECT * FROM k$changelog AT (VERSION => 3)'), 'invalid', 'MR_UNSUPPORTED', /AT of "k\$changelog"/);
  await rejects(wh.sql('WITH c AS (FROM k) SELECT * FROM c AT (VERSION => 3)', [], {at: oldest}), 'invalid', 'MR_EPOCH_EXPIRED');
  await rejects(wh.sql(`WITH c AS (FROM k) SELECT * FROM c AT (VERSION => ${oldest})`), 'invalid', 'MR_UNKNOWN_TABLE');
  await rejects(wh.sql(`CREATE DYNAMIC TABLE d AS SELECT * FROM k AT (VERSION => ${epoch})`), 'invalid', 'MR_NOT_ALLOWED', /AT \(…\)/);
  await rejects(wh.sql(`SELECT * FROM nothing AT (VERSION => ${oldest})`), 'invalid', 'MR_UNKNOWN_TABLE', new RegExp(`existed at epoch ${oldest}, found "nothing"`));
  const app = buildApp({warehouse: wh});
  const post = async (payload: object): Promise<{statusCode: number; body: Record<string, unknown>}> => {
    const {statusCode, payload: text} = await app.inject({method: 'POST', url: '/v1/sql', headers: {host: 'localhost'}, payload});
    return {statusCode, body: JSON.parse(text) as Record<string, unknown>};
  };
  assert.deepEqual((await post({sql: 'SELECT id FROM k ORDER BY id', at: oldest})).body, {columns: [{name: 'id', type: 'INTEGER'}], rows: Array.from({length: oldest - 1}, (_, id) => ({id})), epoch: oldest});
  assert.equal((await post({sql: 'SELECT id FROM k ORDER BY id', at: epoch + 99})).statusCode, 400);
  assert.equal((await post({sql: 'SELECT id FROM k ORDER BY id', at: 1.5})).statusCode, 400);
  assert.equal((await post({sql: 'SELECT id FROM k ORDER BY id', at: 'eod'})).statusCode, 400);
  await app.close();
  // A transaction reads no epoch after its own.
  const session = await wh.session();
  await session.sql('BEGIN');
  await wh.sql('INSERT INTO k VALUES (100)');
  assert.equal((await session.sql(`SELECT count(*) AS n FROM k AT (VERSION => ${epoch})`)).rows[0]!['n'], 4n);
  await rejects(session.sql(`SELECT count(*) AS n FROM k AT (VERSION => ${wh.epoch})`), 'invalid', 'MR_EPOCH_FUTURE');
  await session.close();
});
