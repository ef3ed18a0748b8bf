/** ALTER TABLE in a running warehouse: between writes and restarts, under readers that began before, across logs, files and layers. */
import assert from 'node:assert/strict';
import {readdirSync} from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import type {Row, Value} from '../../base/value.ts';
import {Warehouse} from '../../engine/warehouse.ts';
import type {SubscriptionItem} from '../../query/subscription.ts';
import {systemClock} from '../../base/clock.ts';
import {Kernel} from '../../kernel/duckdb.ts';
import {nodeFileSystem} from '../../storage/file/node-file-system.ts';
import {checkTable} from '../../storage/lsm/check-table.ts';
import {PaimonTable} from '../../storage/lsm/paimon-table.ts';
import {scanPlan} from '../../storage/lsm/scan-plan.ts';
import {scanSql} from '../../storage/lsm/scan-sql.ts';
import {temporaryFolder} from '../support/temporary.ts';

const rows = async (wh: Warehouse, sql: string): Promise<Value[][]> => (await wh.sql(sql)).rows.map((row) => Object.values(row));
const names = async (wh: Warehouse, table: string): Promise<string> => (await wh.sql(`DESCRIBE ${table}`)).rows.map((row) => row['name']).join(' ');

async function verified(wh: Warehouse): Promise<void> {
  for (const row of (await wh.sql('VERIFY ALL')).rows) assert.equal(row['equal'], true, `${String(row['table'])}: ${String(row['missing'])} missing, ${String(row['unexpected'])} unexpected`);
}

async function items(wh: Warehouse, table: string, from: number): Promise<[number, Row[]][]> {
  const found: [number, Row[]][] = [];
  for await (const {epoch, changes} of wh.subscribe(table, {from, until: wh.epoch})) found.push([epoch, changes.map(({row}) => row)]);
  return found;
}

test('evolution: a table changes form between writes, with layers over it, through checkpoints, kills and restarts', async (t) => {
  const path = temporaryFolder(t);
  let wh = await Warehouse.open({path});
  const again = async (how: 'close' | 'closeWithoutCheckpoint'): Promise<void> => {
    await wh[how]();
    wh = await Warehouse.open({path});
  };
  try {
    await wh.sql('CREATE TABLE t (k INTEGER PRIMARY KEY, g INTEGER, x SMALLINT, s VARCHAR); CREATE TABLE d (g INTEGER PRIMARY KEY, label VARCHAR)');
    await wh.sql("INSERT INTO d VALUES (1, 'one'), (2, 'two'); INSERT INTO t VALUES (1, 1, 10, 'a'), (2, 2, 20, 'b'), (3, 1, 30, 'c')");
    await wh.sql('CREATE DYNAMIC TABLE sums AS SELECT g, sum(x) AS total, count(*) AS n FROM t GROUP BY g; CREATE DYNAMIC TABLE joined AS SELECT t.k, t.x, d.label FROM t JOIN d USING (g)');
    await wh.sql('CREATE DYNAMIC TABLE counted AS SELECT count(*) AS n FROM t');
    const first = wh.epoch;
    await wh.sql('ALTER TABLE t ADD COLUMN note VARCHAR FIRST, RENAME s TO text, DROP COLUMN IF EXISTS nothing');
    await wh.sql("INSERT INTO t VALUES ('new', 4, 2, 40, 'd'); UPDATE t SET note = 'was' WHERE k = 1; DELETE FROM t WHERE k = 2");
    const expected = [['was', 1, 1, 10, 'a'], [null, 3, 1, 30, 'c'], ['new', 4, 2, 40, 'd']];
    assert.deepEqual(await rows(wh, 'SELECT * FROM t ORDER BY k'), expected);
    assert.deepEqual(await rows(wh, 'SELECT * FROM sums ORDER BY g'), [[1, '40', 2n], [2, '40', 1n]]);
    assert.deepEqual(await rows(wh, 'SELECT * FROM joined ORDER BY k'), [[1, 10, 'one'], [3, 30, 'one'], [4, 40, 'two']]);
    await verified(wh);
    await again('closeWithoutCheckpoint');
    assert.deepEqual(await rows(wh, 'SELECT * FROM t ORDER BY k'), expected);
    await wh.sql('UPDATE d SET label = upper(label)');
    await verified(wh);
    await again('close');
    // The layers go on over what was rebuilt, and over files of two schemas.
    await wh.sql('ALTER TABLE t DROP COLUMN text; ALTER TABLE t ADD COLUMN text BIGINT; ALTER TABLE t MODIFY text DECIMAL(20,0) AFTER k');
    await wh.sql('UPDATE t SET text = 7 WHERE k = 4; INSERT INTO t (k, g, x) VALUES (5, 2, 50)');
    const later = [['was', 1, null, 1, 10], [null, 3, null, 1, 30], ['new', 4, '7', 2, 40], [null, 5, null, 2, 50]];
    assert.deepEqual(await rows(wh, 'SELECT * FROM t ORDER BY k'), later);
    assert.deepEqual(await rows(wh, 'SELECT * FROM counted'), [[4n]]);
    await verified(wh);
    for (const how of ['closeWithoutCheckpoint', 'close'] as const) {
      await again(how);
      assert.deepEqual(await rows(wh, 'SELECT * FROM t ORDER BY k'), later, how);
      await verified(wh);
    }
    await wh.sql('DROP DYNAMIC TABLE counted; ALTER TABLE t RENAME note TO remark');
    // Epochs of then have the columns of then; changes() has those of now.
    const seen = await items(wh, 't', first);
    assert.deepEqual(seen[0]![1].map((row) => Object.keys(row).join()), ['note,k,g,x,text']);
    assert.deepEqual(Object.keys(seen.at(-1)![1][0]!), ['note', 'k', 'text', 'g', 'x']);
    assert.deepEqual((await items(wh, 't', 0))[0]![1].map((row) => Object.keys(row).join())[0], 'k,g,x,s');
    const log = (await wh.sql(`SELECT * FROM changes(t, since => 0)`)).rows;
    assert.ok(log.every((row) => Object.keys(row).join() === '_epoch,_op,remark,k,text,g,x'));
    assert.deepEqual(log.filter((row) => row['k'] === 4).map((row) => [row['_op'], row['remark'], row['text'], row['x']]), [['+I', 'new', null, 40], ['-U', 'new', null, 40], ['+U', 'new', '7', 40]]);
    // So has the past: rows of then in the columns of then, also where files of later forms hold them by now.
    const past = (await wh.sql(`SELECT * FROM t AT (VERSION => ${first}) ORDER BY k`)).rows;
    assert.deepEqual(past.map((row) => Object.keys(row).join()), ['k,g,x,s', 'k,g,x,s', 'k,g,x,s']);
    assert.deepEqual(past.map((row) => Object.values(row)), [[1, 1, 10, 'a'], [2, 2, 20, 'b'], [3, 1, 30, 'c']]);
    await again('close');
    // What is on disk: every schema, and a legal table under the newest.
    const directory = join(path, 'default.db', 't');
    assert.deepEqual(readdirSync(join(directory, 'schema')).sort(), ['schema-0', 'schema-1', 'schema-2', 'schema-3', 'schema-4', 'schema-5']);
    const paimon = await PaimonTable.open({files: nodeFileSystem, clock: systemClock}, directory);
    assert.deepEqual(paimon.schema.fields.map(({id, name}) => `${name}${id}`), ['remark4', 'k0', 'text5', 'g1', 'x2']);
    assert.equal(paimon.schema.highestFieldId, 5);
    await using kernel = await Kernel.open({threads: 1, memoryBytes: 128 << 20});
    await using session = await kernel.connect();
    assert.deepEqual((await session.rows(scanSql(paimon, await scanPlan(paimon), {ordered: true}))).rows, later);
    assert.deepEqual((await checkTable(session, {files: nodeFileSystem, clock: systemClock}, directory)).problems, []);
  } finally {
    await wh.close();
  }
});

test('evolution: what began before an ALTER ends by its own form: transactions, streams of rows, subscriptions', async (t) => {
  await using wh = await Warehouse.open({path: temporaryFolder(t)});
  await wh.sql('CREATE TABLE t (k INTEGER PRIMARY KEY, a INTEGER, b VARCHAR); CREATE TABLE bag (a INTEGER, b VARCHAR) WITH (\'append-only\' = \'false\')');
  await wh.sql("INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y'); INSERT INTO bag VALUES (1, 'x'), (1, 'x'), (2, NULL)");
  const followed: SubscriptionItem[] = [];
  const stop = new AbortController();
  const following = (async () => {
    for await (const item of wh.subscribe('t', {from: 'snapshot', signal: stop.signal})) followed.push(item);
  })();
  const session = await wh.session();
  await session.sql('BEGIN');
  assert.deepEqual((await session.sql('SELECT * FROM t ORDER BY k')).rows.map((row) => Object.values(row)), [[1, 1, 'x'], [2, 2, 'y']]);
  const stream = wh.ingest('t', {onError: 'reject'});
  stream.object({k: 10, a: 10, b: 'before'}, 1);
  await wh.sql('ALTER TABLE t ADD COLUMN c DATE AFTER k, DROP COLUMN b, ALTER a TYPE BIGINT; ALTER TABLE bag ADD COLUMN c DATE, ALTER a TYPE BIGINT');
  assert.deepEqual(await rows(wh, 'SELECT * FROM t ORDER BY k'), [[1, null, 1n], [2, null, 2n]]);
  // The transaction reads and writes what it saw.
  assert.deepEqual((await session.sql('SELECT * FROM t ORDER BY k')).rows.map((row) => Object.values(row)), [[1, 1, 'x'], [2, 2, 'y']]);
  await session.sql("UPDATE t SET a = a + 100, b = 'z' WHERE k = 1; INSERT INTO t VALUES (3, 3, 'n'); DELETE FROM t WHERE k = 2; UPDATE t SET a = 103 WHERE k = 3; DELETE FROM bag WHERE a = 2; INSERT INTO bag VALUES (5, 'new')");
  await session.sql('COMMIT');
  await stream.flush();
  // A stream takes the new form with its next batch.
  stream.object({k: 11, a: 11, c: '2026-01-01'}, 2);
  stream.object({k: 12, a: 12, b: 'gone'}, 3);
  const {accepted, rejected} = await stream.finish();
  assert.deepEqual([accepted, rejected], [2, 1]);
  assert.deepEqual(await rows(wh, 'SELECT * FROM t ORDER BY k'), [[1, null, 101n], [3, null, 103n], [10, null, 10n], [11, '2026-01-01', 11n]]);
  assert.deepEqual(await rows(wh, 'SELECT * FROM bag ORDER BY a'), [[1n, 'x', null], [1n, 'x', null], [5n, 'new', null]]);
  await wh.sql("DELETE FROM bag WHERE a = 1; INSERT INTO bag VALUES (1, 'x', NULL), (1, 'x', '2026-02-02')");
  assert.deepEqual(await rows(wh, 'SELECT * FROM bag ORDER BY a, c'), [[1n, 'x', '2026-02-02'], [1n, 'x', null], [5n, 'new', null]]);
  // A change of a row since the transaction began still is a conflict, whatever form it has.
  await session.sql('BEGIN; SELECT 1 FROM t');
  await wh.sql('ALTER TABLE t ADD COLUMN d DOUBLE');
  await wh.sql('UPDATE t SET d = 0.5 WHERE k = 1');
  await session.sql('UPDATE t SET a = 0 WHERE k = 1');
  await assert.rejects(session.sql('COMMIT'), {code: 'MR_CONFLICT'});
  await session.close();
  while (followed.at(-1)?.epoch !== wh.epoch) await new Promise((resolve) => setImmediate(resolve));
  stop.abort();
  await following;
  const forms = new Set(followed.flatMap(({changes}) => changes.map(({row}) => Object.keys(row).join())));
  assert.deepEqual([...forms], ['k,a,b', 'k,c,a', 'k,c,a,d']);
});

test('evolution: large deltas that lie in files are read in every later form, replayed too', async (t) => {
  const path = temporaryFolder(t);
  let wh = await Warehouse.open({path, referenceBytes: 2000});
  try {
    await wh.sql('CREATE TABLE t (k INTEGER PRIMARY KEY, a INTEGER, b VARCHAR); CREATE TABLE log (a INTEGER, b VARCHAR); CREATE DYNAMIC TABLE v AS SELECT a % 7 AS g, count(*) AS n FROM t GROUP BY 1');
    const bulk = async (into: string, columns: string, from: number): Promise<unknown> => wh.sql(`INSERT INTO ${into} SELECT ${columns} FROM range(${from}, ${from + 500}) r(i)`);
    await bulk('t', "i, i * 2, 'text ' || i", 0);
    await bulk('log', "i, 'text ' || i", 0);
    await wh.sql('ALTER TABLE t ADD COLUMN c BIGINT FIRST, RENAME b TO bb; ALTER TABLE log DROP COLUMN b, ADD COLUMN b DATE, ALTER a TYPE DOUBLE');
    await bulk('t', "i + 7, i, i * 2, 'more ' || i", 250);
    await bulk('log', "i, DATE '2026-01-01'", 500);
    const check = async (): Promise<void> => {
      assert.deepEqual(await rows(wh, 'SELECT count(*), sum(c), sum(a), count(DISTINCT bb) FROM t'), [[750n, 253250n, 561750n, 750n]]);
      assert.deepEqual(await rows(wh, 'SELECT count(*), sum(a), count(b) FROM log'), [[1000n, 499500, 500n]]);
      assert.deepEqual(await rows(wh, 'SELECT count(*), count(c), count(bb) FROM changes(t, since => 0)'), [[1250n, 500n, 1250n]]);
      await verified(wh);
    };
    await check();
    for (const how of ['closeWithoutCheckpoint', 'close'] as const) {
      await wh[how]();
      wh = await Warehouse.open({path, referenceBytes: 2000});
      await check();
    }
    const keys = (await items(wh, 't', 0)).map(([, changed]) => Object.keys(changed[0]!).join());
    assert.deepEqual([keys[0], keys.at(-1)], ['k,a,b', 'c,k,a,bb']);
  } finally {
    await wh.close();
  }
});

test('evolution: what is refused has changed nothing, and says why', async (t) => {
  await using wh = await Warehouse.open({path: temporaryFolder(t)});
  await wh.sql('CREATE TABLE t (k INTEGER PRIMARY KEY, a INTEGER, b VARCHAR NOT NULL); CREATE DYNAMIC TABLE v AS SELECT * FROM t');
  const before = wh.epoch;
  const refused = async (sql: string, code: string, message: RegExp): Promise<void> => assert.rejects(wh.sql(sql), (error: {code?: string; message: string; hint?: string}) => {
    assert.equal(error.code, code, `${sql}: ${error.message}`);
    assert.match(`${error.message} | ${error.hint ?? ''}`, message, sql);
    return true;
  });
  await refused('ALTER TABLE x ADD COLUMN c INT', 'MR_UNKNOWN_TABLE', /"x"/);
  await refused('ALTER TABLE t ADD COLUMN c NONSENSE', 'MR_SQL', /NONSENSE/i);
  await refused('ALTER TABLE t ADD COLUMN c HUGEINT', 'MR_TYPE_UNSTORABLE', /DECIMAL\(38,0\)/);
  await refused('ALTER TABLE t ADD COLUMN c INT NOT NULL', 'MR_UNSUPPORTED', /NOT NULL/);
  await refused('ALTER TABLE t ADD COLUMN c INT DEFAULT 5', 'MR_UNSUPPORTED', /DEFAULT/);
  await refused('ALTER TABLE t ADD COLUMN c INT PRIMARY KEY', 'MR_KEY_COLUMN', /"c"/);
  await refused('ALTER TABLE t ADD COLUMN c INT, DROP COLUMN nope', 'MR_UNKNOWN_COLUMN', /"nope"/);
  await refused('ALTER TABLE t DROP COLUMN a', 'MR_DEPENDENTS', /main\.v/);
  await refused('ALTER TABLE v ADD COLUMN c INT', 'MR_DYNAMIC_TABLE', /definition/);
  await refused('BEGIN; ALTER TABLE t ADD COLUMN c INT; COMMIT', 'MR_TRANSACTION_OPEN', /alter table/);
  assert.equal(wh.epoch, before);
  assert.equal(await names(wh, 't'), 'k a b');
  await wh.sql("COMMENT ON TABLE t IS 'facts'; COMMENT ON COLUMN v.a IS 'of t'; ALTER TABLE IF EXISTS nothing ADD COLUMN c INT; ALTER TABLE t ADD COLUMN c INT; ALTER TABLE t ALTER b DROP NOT NULL, SET ('file.compression' = 'snappy')");
  await wh.sql('INSERT INTO t VALUES (1, 2, NULL, 4)');
  assert.deepEqual(await rows(wh, 'SELECT * FROM v'), [[1, 2, null]]);
  assert.deepEqual(await rows(wh, "SELECT comment FROM millrace.tables WHERE name = 't'"), [['facts']]);
  await verified(wh);
});
