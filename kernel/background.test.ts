import assert from 'node:assert/strict';
import {readdirSync} from 'node:fs';
import {mkdtemp, rm} from 'node:fs/promises';
import {getPriority} from 'node:os';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'node:test';
import type {WarehouseError} from '../base/error.ts';
import {columnFromValues} from './column-values.ts';
import {Kernel} from './duckdb.ts';
import {relationOf} from './relation.ts';
import type {Session} from './session.ts';

const rowCount = 100_000;
const endless = 'SELECT sum(a.a * b.a) FROM range(1000000) a(a), range(1000000) b(a)';

async function withSessions(work: (background: Session, ordinary: Session) => Promise<void>): Promise<void> {
  await using kernel = await Kernel.open({threads: 1, memoryBytes: 256 << 20});
  const background = await kernel.connect({background: () => true});
  const numbers = columnFromValues({kind: 'bigint'}, Array.from({length: rowCount}, (_, i) => i));
  background.bindRelation('numbers', relationOf([numbers], rowCount, [{name: 'a', type: {kind: 'bigint'}}]));
  await work(background, await kernel.connect());
}

const failure = (running: Promise<unknown>): Promise<string> => running.then(() => 'done', (error: WarehouseError) => `${error.kind} ${error.code} ${error.message}`);

test('background: statements answer as elsewhere, rows, counts, parameters, errors and several at once', async () => {
  await withSessions(async (background, ordinary) => {
    await background.run('CREATE TABLE t (a BIGINT PRIMARY KEY, b VARCHAR)');
    assert.deepEqual(await background.run("INSERT INTO t SELECT a, 'x' || a FROM mr_rows('numbers')"), {rowsChanged: rowCount});
    for (const [sql, params] of [
      ['SELECT count(*), min(b), max(b) FROM t', []], ['SELECT a, b FROM t WHERE a % ? = 0 ORDER BY b LIMIT 3', [7777]], ['SELECT 1; SELECT 2', []], ['', []],
      ['SELECT error(b) FROM t', []], ['SELECT nothing FROM t', []], ['SELEC', []], ["SELECT CAST(b AS INTEGER) FROM t", []], ['INSERT INTO t VALUES (5, NULL)', []],
    ] as const) {
      const [there, here] = [await background.rows(sql, params).then(({rows}) => rows, () => null), await ordinary.rows(sql, params).then(({rows}) => rows, () => null)];
      assert.deepEqual(there, here, sql);
      if (there === null) assert.equal(await failure(background.run(sql, params)), await failure(ordinary.run(sql, params)));
    }
    await background.run('BEGIN TRANSACTION');
    await background.run('DELETE FROM t');
    await background.run('ROLLBACK');
    using counted = await background.prepare('SELECT count(*) FROM t WHERE a < ?');
    for (const below of [0, 10, rowCount]) assert.deepEqual((await counted.rows([below])).rows, [[BigInt(below)]]);
  });
});

test('background: the process goes on meanwhile; what runs is stopped by an interrupt and by closing', async () => {
  await withSessions(async (background, ordinary) => {
    for (const stop of [() => background.interrupt(), () => background.close()]) {
      const running = failure(background.rows(endless));
      await new Promise((resolve) => setTimeout(resolve, 30));
      assert.deepEqual((await ordinary.rows('SELECT 42')).rows, [[42]]);
      void stop();
      assert.match(await running, /MR_INTERRUPTED|MR_CLOSED/);
    }
  });
});

test('background: statements go on while another session changes definitions, relations among what they read', async () => {
  await withSessions(async (background, ordinary) => {
    await ordinary.run('CREATE TABLE t AS SELECT 1 AS a');
    const changing = (async () => {
      for (let i = 0; i < 40; i++) await ordinary.run(`CREATE OR REPLACE TABLE t AS SELECT ${i}::${i % 2 === 0 ? 'BIGINT' : 'INTEGER'} AS a; CREATE OR REPLACE VIEW v${i % 3} AS SELECT * FROM t`);
    })();
    for (let i = 0; i < 40; i++) {
      assert.deepEqual((await background.rows("SELECT count(*) FROM mr_rows('numbers')")).rows, [[BigInt(rowCount)]]);
      assert.equal((await background.rows('SELECT a FROM t')).rows.length, 1);
    }
    await changing;
  });
});

test('background: what lacks memory or a disk says so', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-background-'));
  try {
    await using kernel = await Kernel.open({threads: 1, memoryBytes: 16 << 20});
    await using session = await kernel.connect({background: () => true});
    assert.match(await failure(session.run('CREATE TABLE t AS SELECT md5(range::VARCHAR) AS a, md5((range + 1)::VARCHAR) AS b FROM range(1000000)')), /MR_DUCKDB_MEMORY/);
    assert.match(await failure(session.run(`COPY (SELECT 1) TO '${join(folder, 'none', 'x.parquet')}' (FORMAT parquet)`)), /MR_SQL|MR_FILE/);
    await session.run(`COPY (SELECT range AS a FROM range(10)) TO '${join(folder, 'x.parquet')}' (FORMAT parquet)`);
    assert.deepEqual((await session.rows(`SELECT sum(a)::BIGINT FROM '${join(folder, 'x.parquet')}'`)).rows, [[45n]]);
  } finally {
    await rm(folder, {recursive: true, force: true});
  }
});

test('background: the thread is there while a statement runs, at a lower priority, and takes no part in others', async () => {
  await using kernel = await Kernel.open({threads: 1, memoryBytes: 64 << 20});
  await using session = await kernel.connect({background: () => true});
  await using ordinary = await kernel.connect();
  const threads = async (): Promise<unknown> => (await ordinary.rows("SELECT current_setting('threads')::INTEGER")).rows[0]?.[0];
  const mine = getPriority();
  const niced = (): number => readdirSync('/proc/self/task').filter((id) => getPriority(Number(id)) > mine).length;
  for (let i = 0; i < 3; i++) {
    const [first, second] = [failure(session.rows(endless)), failure(session.rows('SELECT 1'))];
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.equal(await threads(), 2);
    if (process.platform === 'linux') assert.equal(niced(), 1);
    session.interrupt();
    assert.match(await first, /MR_INTERRUPTED/);
    assert.equal(await second, 'done');
    await ordinary.rows('SELECT 1');
    while (await threads() !== 1) await new Promise((resolve) => setTimeout(resolve, 5));
    if (process.platform === 'linux') assert.equal(niced(), 0);
  }
  assert.equal(getPriority(), mine);
});
