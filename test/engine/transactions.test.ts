/** BEGIN … COMMIT: one epoch over several tables, reads at the pinned epoch, writes that see the writes before them, conflicts. */
import assert from 'node:assert/strict';
import test, {after, before, beforeEach} from 'node:test';
import {Warehouse} from '../../engine/warehouse.ts';
import type {WarehouseSession} from '../../engine/session.ts';
import {rejects, sharedFolder} from '../support/expect.ts';

let wh: Warehouse;
const folder = sharedFolder();

before(async () => {
  wh = await Warehouse.open({path: folder.path});
  await wh.sql(`
    CREATE TABLE k (id BIGINT PRIMARY KEY, a INTEGER, note VARCHAR);
    CREATE TABLE pair (x INTEGER, y VARCHAR, v INTEGER, PRIMARY KEY (x, y));
    CREATE TABLE log (what VARCHAR);
    CREATE TABLE bag (a INTEGER, b VARCHAR) WITH ('append-only' = 'false');
    CREATE DYNAMIC TABLE total AS SELECT count(*) AS n, sum(a) AS a FROM k;`);
});
after(async () => {
  await wh.close();
  folder.remove();
});
beforeEach(async () => {
  await wh.sql("DELETE FROM k; DELETE FROM pair; DELETE FROM bag; INSERT INTO k VALUES (1, 10, 'one'), (2, 20, 'two'), (3, 30, 'three')");
});

async function inBlock(work: (s: WarehouseSession) => Promise<void>, end = 'COMMIT'): Promise<number> {
  await using session = await wh.session();
  await session.sql('BEGIN');
  await work(session);
  return (await session.sql(end)).epoch;
}

async function rows(sql: string): Promise<unknown[][]> {
  return (await wh.sql(sql)).rows.map((row) => Object.values(row));
}

test('transactions: writes to several tables are one epoch, and layers move with it', async () => {
  const before_ = wh.epoch;
  const epoch = await inBlock(async (s) => {
    await s.sql("INSERT INTO k VALUES (4, 40, 'four')");
    await s.sql("INSERT INTO log VALUES ('four came')");
    await s.sql('UPDATE k SET a = 11 WHERE id = 1');
    assert.equal(wh.epoch, before_, 'nothing is done before COMMIT');
  });
  assert.equal(epoch, before_ + 1);
  assert.equal(wh.epoch, epoch);
  assert.deepEqual(await rows('SELECT id, a FROM k ORDER BY id'), [[1n, 11], [2n, 20], [3n, 30], [4n, 40]]);
  assert.deepEqual(await rows('SELECT n FROM total'), [[4n]]);
});

test('transactions: reads see the epoch pinned at BEGIN, neither own writes nor what others commit', async () => {
  await inBlock(async (s) => {
    const first = await s.sql('SELECT count(*) AS n FROM k');
    await s.sql("INSERT INTO k VALUES (9, 90, 'nine')");
    await wh.sql("INSERT INTO k VALUES (8, 80, 'eight')");
    const second = await s.sql('SELECT count(*) AS n FROM k');
    assert.deepEqual(second.rows, first.rows);
    assert.equal(second.epoch, first.epoch);
  });
  assert.deepEqual(await rows('SELECT id FROM k ORDER BY id'), [[1n], [2n], [3n], [8n], [9n]]);
});

test('transactions: the second write to one key sees the first', async () => {
  await inBlock(async (s) => {
    await s.sql('UPDATE k SET a = a + 1 WHERE id = 1');
    await s.sql('UPDATE k SET a = a + 1 WHERE id = 1');
    await s.sql("INSERT INTO k VALUES (5, 50, 'five'), (6, 60, 'six')");
    assert.equal((await s.sql("UPDATE k SET note = note || '!' WHERE id >= 5")).tag, 'UPDATE 2');
    assert.equal((await s.sql('DELETE FROM k WHERE id = 6')).tag, 'DELETE 1');
    assert.equal((await s.sql('DELETE FROM k WHERE id = 2')).tag, 'DELETE 1');
    assert.equal((await s.sql('UPDATE k SET a = 0 WHERE id = 2')).tag, 'UPDATE 0');
    await s.sql('UPDATE k SET id = 7 WHERE id = 3');
    assert.equal((await s.sql('UPDATE k SET a = a * 2 WHERE id = 7')).tag, 'UPDATE 1');
    assert.equal((await s.sql('UPDATE k SET a = a * 2 WHERE id = 3')).tag, 'UPDATE 0');
  });
  assert.deepEqual(await rows('SELECT id, a, note FROM k ORDER BY id'), [[1n, 12, 'one'], [5n, 50, 'five!'], [7n, 60, 'three']]);
});

test('transactions: an update from several partners tells own rows apart', async () => {
  await inBlock(async (s) => {
    await s.sql("INSERT INTO pair VALUES (1, 'a', 0), (1, 'b', 0)");
    assert.equal((await s.sql('UPDATE pair SET v = k.a FROM k WHERE k.id = pair.x')).tag, 'UPDATE 2');
    await s.sql("DELETE FROM pair WHERE y = 'a'");
    await s.sql("INSERT INTO pair VALUES (1, 'a', 5)");
  });
  assert.deepEqual(await rows('SELECT * FROM pair ORDER BY ALL'), [[1, 'a', 5], [1, 'b', 10]]);
});

test('transactions: rows of a bag that come and go inside a block are no change', async () => {
  await wh.sql("INSERT INTO bag VALUES (1, 'x'), (1, 'x'), (2, 'y')");
  const epoch = await inBlock(async (s) => {
    await s.sql("INSERT INTO bag VALUES (1, 'x'), (3, 'z')");
    assert.equal((await s.sql('UPDATE bag SET a = a + 10 WHERE a = 1')).tag, 'UPDATE 3');
    assert.equal((await s.sql('DELETE FROM bag WHERE a = 3')).tag, 'DELETE 1');
    assert.equal((await s.sql('UPDATE bag SET a = 1 WHERE a = 11')).tag, 'UPDATE 3');
    assert.equal((await s.sql('DELETE FROM bag WHERE a = 2')).tag, 'DELETE 1');
  });
  assert.deepEqual(await rows('SELECT * FROM bag ORDER BY ALL'), [[1, 'x'], [1, 'x'], [1, 'x']]);
  assert.deepEqual(await rows(`SELECT _op, a, b FROM changes(bag, since => ${epoch - 1}) ORDER BY ALL`), [['+I', 1, 'x'], ['-D', 2, 'y']]);
});

test('transactions: a row that another epoch changed since makes COMMIT a conflict, and nothing is done', async () => {
  await using session = await wh.session();
  await session.sql("BEGIN; INSERT INTO log VALUES ('lost'); UPDATE k SET a = a + 1 WHERE id = 1; UPDATE k SET a = a + 1 WHERE id = 1");
  await wh.sql('UPDATE k SET a = 100 WHERE id = 1');
  const at = wh.epoch;
  await rejects(session.sql('COMMIT'), 'conflict', 'MR_CONFLICT');
  assert.equal(wh.epoch, at);
  assert.deepEqual(await rows("SELECT count(*) FROM log WHERE what = 'lost'"), [[0n]]);
  assert.deepEqual(await rows('SELECT a FROM k WHERE id = 1'), [[100]]);
  await session.sql('BEGIN; UPDATE k SET a = 1 WHERE id = 1; COMMIT'); // the session goes on
  assert.deepEqual(await rows('SELECT a FROM k WHERE id = 1'), [[1]]);
});

test('transactions: ROLLBACK and closing the session do nothing; READ ONLY refuses writes', async () => {
  const at = wh.epoch;
  assert.equal(await inBlock(async (s) => void await s.sql('DELETE FROM k'), 'ROLLBACK'), at);
  {
    await using session = await wh.session();
    await session.sql('BEGIN; DELETE FROM k');
  }
  await using session = await wh.session();
  await session.sql('BEGIN READ ONLY; SELECT * FROM k');
  await rejects(session.sql('DELETE FROM k'), 'invalid', 'MR_READ_ONLY', /DELETE in a read-only transaction/);
  await session.sql('ROLLBACK');
  assert.equal(wh.epoch, at);
  await rejects(session.sql('COMMIT'), 'invalid', 'MR_NO_TRANSACTION');
  await rejects(session.sql('ROLLBACK'), 'invalid', 'MR_NO_TRANSACTION');
  await session.sql('BEGIN');
  await rejects(session.sql('BEGIN'), 'invalid', 'MR_TRANSACTION_OPEN');
});

test('transactions: a failed statement ends the block in all but name', async () => {
  const at = wh.epoch;
  await using session = await wh.session();
  await session.sql('BEGIN; DELETE FROM k WHERE id = 1');
  await rejects(session.sql("SELECT CAST('x' AS INTEGER) FROM k"), 'invalid', 'MR_SQL');
  await rejects(session.sql('SELECT 1'), 'invalid', 'MR_TRANSACTION_ABORTED', /not run.*MR_SQL/);
  await rejects(session.sql('COMMIT'), 'invalid', 'MR_TRANSACTION_ABORTED', /nothing was committed/);
  assert.equal(wh.epoch, at);
  assert.deepEqual(await rows('SELECT count(*) FROM k'), [[3n]]);
  await session.sql('BEGIN; DELETE FROM k WHERE id = 1');
  await rejects(session.sql('SELECT * FROM nowhere'), 'invalid', 'MR_UNKNOWN_TABLE');
  await session.sql('ROLLBACK');
  assert.deepEqual((await session.sql('SELECT count(*) AS n FROM k')).rows, [{n: 3n}]);
});

test('transactions: definitions stand outside of them', async () => {
  await using session = await wh.session();
  await session.sql('BEGIN');
  await rejects(session.sql('CREATE TABLE inside (a INTEGER)'), 'invalid', 'MR_TRANSACTION_OPEN', /create table inside a transaction/);
});

test('transactions: a text that begins one must end it, or nothing of the text is done', async () => {
  const at = wh.epoch;
  await rejects(wh.sql("INSERT INTO log VALUES ('before'); BEGIN; DELETE FROM k"), 'invalid', 'MR_TRANSACTION_OPEN', /line 1/);
  assert.equal(wh.epoch, at);
  assert.equal((await wh.sql("BEGIN; DELETE FROM k WHERE id = 1; DELETE FROM k WHERE id = 2; COMMIT")).epoch, at + 1);
  await rejects(wh.sql('BEGIN; DELETE FROM k; SELECT 1/0::INTEGER, * FROM nowhere; COMMIT'), 'invalid', 'MR_UNKNOWN_TABLE');
  assert.equal(wh.epoch, at + 1);
});

test('transactions: statements of one session asked for at once run one after the other', async () => {
  await using session = await wh.session();
  await session.sql('BEGIN');
  await Promise.all(Array.from({length: 5}, () => session.sql('UPDATE k SET a = a + 1 WHERE id = 1')));
  await session.sql('COMMIT');
  assert.deepEqual(await rows('SELECT a FROM k WHERE id = 1'), [[15]]);
});

test('transactions: a deadline and a signal end a statement inside a block, and the block with it', async () => {
  await using session = await wh.session();
  const slow = 'SELECT count(*) FROM range(100000) a, range(100000) b WHERE a.range + b.range = 7';
  await session.sql('BEGIN');
  await rejects(session.sql(slow, [], {deadlineMs: 30}), 'unavailable', 'MR_DEADLINE', /longer than 30 ms/);
  await rejects(session.sql('COMMIT'), 'invalid', 'MR_TRANSACTION_ABORTED');
  const controller = new AbortController();
  const running = session.sql(slow, [], {signal: controller.signal});
  controller.abort();
  await rejects(running, 'unavailable', 'MR_INTERRUPTED');
  assert.equal((await session.sql('SELECT 1 AS one')).rows.length, 1);
});
