import assert from 'node:assert/strict';
import {readdirSync} from 'node:fs';
import {mkdtemp, rm} from 'node:fs/promises';
import {getPriority} from 'node:os';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'node:test';
import {WarehouseError} from '../base/error.ts';
import {startsOnJsThread} from './background.ts';
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

test('background: a relation is copied to a temporary table by the thread, whatever other sessions define meanwhile', async () => {
  await withSessions(async (background, ordinary) => {
    const ended = {value: false};
    const changing = (async () => {
      for (let i = 0; !ended.value; i++) await ordinary.run(`CREATE OR REPLACE TABLE t AS SELECT ${i} AS a; CREATE TEMP TABLE u${i} AS FROM t; DROP TABLE u${i}; CREATE OR REPLACE MACRO m(x) AS x + ${i}; CREATE SCHEMA s${i}; ATTACH ':memory:' AS d${i}; CREATE TABLE d${i}.t (a INTEGER); DETACH d${i}`);
    })();
    for (let i = 0; i < 40; i++) {
      const copy = `CREATE TEMP TABLE "copy-${i}" AS SELECT * FROM mr_rows('numbers')${i % 2 === 0 ? '' : ' ORDER BY "a", a'}`;
      assert.ok(startsOnJsThread(copy));
      assert.deepEqual(await background.run(copy), {rowsChanged: 0});
      assert.deepEqual((await background.rows(`SELECT count(*)::INTEGER, sum(a)::BIGINT FROM "copy-${i}"`)).rows, [[rowCount, BigInt(rowCount) * BigInt(rowCount - 1) / 2n]]);
      if (i % 3 === 0) await background.run(`DROP TABLE "copy-${i}"`);
    }
    ended.value = true;
    await changing;
  });
});

test('background: a copy of a relation ends with the error of its source, with an interrupt and with the session', async () => {
  await withSessions(async (background, ordinary) => {
    const copy = (name: string): string => `CREATE TEMP TABLE "t" AS SELECT * FROM mr_rows('${name}')`;
    const numbers = columnFromValues({kind: 'bigint'}, Array.from({length: 100}, (_, i) => i));
    const columns = [{name: 'a', type: {kind: 'bigint'}}] as const;
    let left = 50;
    background.bindRelation('broken', {columns, open: () => ({next: () => {
      if (left-- === 0) throw new WarehouseError('data', 'MR_TEST', 'broken');
      return {columns: [numbers], start: 0, rowCount: 100};
    }})});
    let given: (() => void) | null = null;
    background.bindRelation('endless', {columns, open: () => ({next: () => {
      given?.();
      return {columns: [numbers], start: 0, rowCount: 100};
    }})});
    assert.equal(await failure(background.run(copy('broken'))), 'data MR_TEST broken');
    for (const stop of [() => background.interrupt(), () => background.close()]) {
      const begun = new Promise<void>((resolve) => { given = resolve; });
      const running = failure(background.run(copy('endless')));
      await begun;
      assert.deepEqual((await ordinary.rows('SELECT 42')).rows, [[42]]);
      void stop();
      assert.match(await running, /MR_INTERRUPTED|MR_CLOSED/);
    }
  });
});

test('background: only a plain copy of a relation is started by the JS thread', () => {
  for (const sql of ["SELECT * FROM mr_rows('a')", "CREATE TEMP TABLE \"t\" AS SELECT * FROM mr_rows('a'), u", "CREATE TEMP TABLE \"t\" AS SELECT * FROM mr_rows('a') ORDER BY (SELECT max(b) FROM u)", "CREATE TABLE \"t\" AS SELECT * FROM mr_rows('a')"]) {
    assert.ok(!startsOnJsThread(sql), sql);
  }
  for (const sql of ['SELECT 1', "CREATE TEMP TABLE \"mr_flush_1-2\" AS SELECT * FROM mr_rows('mr_flush') ORDER BY \"a\"\"b\", _bucket"]) assert.ok(startsOnJsThread(sql), sql);
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
