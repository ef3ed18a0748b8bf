/** Sessions hold what they hold: no number of open blocks starves reads, a closed session leaves nothing behind, waits end. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {Warehouse} from '../../engine/warehouse.ts';
import {temporaryFolder} from '../support/temporary.ts';

test('sessions: twelve open blocks starve no read, no write and no VERIFY', async (t) => {
  await using warehouse = await Warehouse.open({path: temporaryFolder(t)});
  await warehouse.sql('CREATE TABLE t (id INTEGER PRIMARY KEY); CREATE DYNAMIC TABLE d AS SELECT count(*) AS n FROM t');
  const sessions = await Promise.all(Array.from({length: 12}, () => warehouse.session()));
  for (const session of sessions) await session.sql('BEGIN');
  await warehouse.sql('INSERT INTO t VALUES (1)');
  assert.deepEqual((await warehouse.sql('SELECT * FROM d')).rows, [{n: 1n}]);
  assert.equal((await warehouse.sql('VERIFY ALL')).rows[0]!['equal'], true);
  for (const session of sessions) {
    assert.deepEqual((await session.sql('SELECT * FROM d')).rows, [{n: 0n}], 'the epoch of its BEGIN');
    await session.close();
  }
});

test('sessions: one that is closed while a statement waits rolls back, and refuses the next', async (t) => {
  await using warehouse = await Warehouse.open({path: temporaryFolder(t)});
  await warehouse.sql('CREATE TABLE t (id INTEGER PRIMARY KEY)');
  for (let i = 0; i < 12; i++) {
    const session = await warehouse.session();
    const begun = session.sql('BEGIN; INSERT INTO t VALUES (1)').catch((cause: unknown) => cause);
    await session.close();
    await begun;
    await assert.rejects(session.sql('SELECT 1'), {code: 'MR_CLOSED'});
  }
  assert.deepEqual((await warehouse.sql('SELECT count(*) AS n FROM t')).rows, [{n: 0n}]);
});

test('sessions: waiting for an epoch that does not come ends at the deadline', async (t) => {
  await using warehouse = await Warehouse.open({path: temporaryFolder(t)});
  await assert.rejects(warehouse.sql('WAIT FOR EPOCH 99', [], {deadlineMs: 20}), {code: 'MR_DEADLINE'});
});

test('rows: columns may be named as objects are built', async (t) => {
  await using warehouse = await Warehouse.open({path: temporaryFolder(t)});
  await warehouse.sql('CREATE TABLE t (id INTEGER PRIMARY KEY, constructor VARCHAR, "toString" VARCHAR)');
  assert.equal((await warehouse.insert('t', [{id: 1}])).accepted, 1);
  assert.deepEqual((await warehouse.sql('SELECT * FROM t')).rows.map((row) => Object.entries(row)), [[['id', 1], ['constructor', null], ['toString', null]]]);
  assert.deepEqual((await warehouse.sql('SELECT 7 AS "__proto__"')).rows.map((row) => Object.entries(row)), [[['__proto__', 7]]]);
});

test('results: one of more bytes than a process should hold is refused, and the next statement is answered', async (t) => {
  await using warehouse = await Warehouse.open({path: temporaryFolder(t)});
  await assert.rejects(warehouse.sql("SELECT repeat('x', 100000) AS x FROM range(3000)"), {code: 'MR_TOO_LARGE'});
  assert.deepEqual((await warehouse.sql('SELECT 1 AS one')).rows, [{one: 1}]);
});

test('verify: sums of doubles are compared within a bound, and a real difference is found', async (t) => {
  await using warehouse = await Warehouse.open({path: temporaryFolder(t)});
  await warehouse.sql('CREATE TABLE t (id INTEGER PRIMARY KEY, g INTEGER NOT NULL, x DOUBLE); CREATE DYNAMIC TABLE d AS SELECT g, sum(x) AS s, avg(x) AS a, count(*) AS n FROM t GROUP BY g');
  for (let i = 0; i < 6; i++) await warehouse.insert('t', Array.from({length: 200}, (_, k) => ({id: (i * 137 + k * 7) % 900, g: k % 3, x: (k + i) / 7 * 10 ** (k % 9)})));
  await warehouse.sql('DELETE FROM t WHERE id % 4 = 1');
  const [row] = (await warehouse.sql('VERIFY ALL')).rows;
  assert.equal(row!['equal'], true, JSON.stringify(row, (_, value: unknown) => String(value)));
});
