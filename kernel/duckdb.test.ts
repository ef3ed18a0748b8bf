import assert from 'node:assert/strict';
import {mkdirSync, mkdtempSync, readdirSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test, {after, before} from 'node:test';
import {columnFromValues} from './column-values.ts';
import {Kernel} from './duckdb.ts';
import {relationOf} from './relation.ts';

let folder: string;
before(() => { folder = mkdtempSync(join(tmpdir(), 'kernel-')); });
after(() => { rmSync(folder, {recursive: true}); });

test('kernel: options reach DuckDB, and the time zone is UTC in every session', async () => {
  await using kernel = await Kernel.open({threads: 2, memoryBytes: 64 << 20, settings: {default_null_order: 'nulls_last', preserve_insertion_order: false}});
  for (let i = 0; i < 2; i++) {
    await using session = await kernel.connect();
    assert.deepEqual((await session.rows(`SELECT current_setting('TimeZone'), current_setting('threads'), current_setting('memory_limit'), current_setting('default_null_order'), current_setting('preserve_insertion_order'), TIMESTAMPTZ '2026-01-01'::VARCHAR`)).rows,
      [['UTC', 2n, '64.0 MiB', 'NULLS_LAST', false, '2026-01-01 00:00:00+00']]);
  }
});

test('kernel: with allowed directories and locked settings, SQL reaches nothing else', async () => {
  mkdirSync(join(folder, 'open'));
  await using kernel = await Kernel.open({path: join(folder, 'walled.duckdb'), threads: 1, memoryBytes: 64 << 20, allowedDirectories: [join(folder, 'open')], lockSettings: true, tempDirectory: join(folder, 'spill')});
  await using session = await kernel.connect();
  await session.run(`COPY (SELECT 1 AS a) TO '${folder}/open/a.parquet'`);
  assert.deepEqual((await session.rows(`FROM '${folder}/open/a.parquet'`)).rows, [[1]]);
  for (const sql of [
    `COPY (SELECT 1) TO '${folder}/a.parquet'`, `FROM read_csv('/etc/passwd')`, `FROM read_text('${folder}/open/../walled.duckdb')`, `ATTACH '${folder}/other.duckdb'`, 'INSTALL httpfs', 'LOAD httpfs',
    `SET TimeZone = 'Asia/Tokyo'`, 'SET threads = 4', 'SET enable_external_access = true', `SET allowed_directories = ['/']`, 'RESET lock_configuration',
  ]) await assert.rejects(session.run(sql), {kind: 'invalid', code: 'MR_SQL'}, sql);
  session.bindRelation('r', relationOf([columnFromValues({kind: 'integer'}, [7])], 1, [{name: 'a', type: {kind: 'integer'}}]));
  await session.run(`CREATE TABLE kept AS FROM mr_rows('r')`);
  await session.run('CHECKPOINT');
  assert.deepEqual((await session.rows('FROM kept')).rows, [[7]]);
});

test('kernel: big operators spill to the temporary directory, and fail for memory without one', async () => {
  const sorted = 'SELECT max(v)::VARCHAR FROM (SELECT hash(i)::VARCHAR || i AS v, row_number() OVER (ORDER BY hash(i)::VARCHAR) FROM range(1000000) t(i))';
  const spill = join(folder, 'spilled');
  const roomy = await Kernel.open({threads: 1, memoryBytes: 24 << 20, tempDirectory: spill});
  await (await roomy.connect()).run(sorted);
  await roomy.close();
  const tight = await Kernel.open({threads: 1, memoryBytes: 24 << 20});
  await assert.rejects((await tight.connect()).run(sorted), {kind: 'unavailable', code: 'MR_DUCKDB_MEMORY'});
  await tight.close();
  assert.ok(!readdirSync('.').includes('.tmp'));
});

test('kernel: closing stops running statements and open streams, frees the file, and may be called twice', async () => {
  const path = join(folder, 'closed.duckdb');
  for (let round = 0; round < 3; round++) {
    const kernel = await Kernel.open({path, threads: 2, memoryBytes: 64 << 20});
    const [one, two, three] = await Promise.all([kernel.connect(), kernel.connect(), kernel.connect()]);
    await one.run('CREATE OR REPLACE TABLE t AS FROM range(100000) t(a)');
    one.bindRelation('r', relationOf([columnFromValues({kind: 'integer'}, Array.from({length: 50_000}, (_, i) => i))], 50_000, [{name: 'a', type: {kind: 'integer'}}]));
    const stream = await one.stream(`FROM mr_rows('r')`);
    await stream.next();
    const running = assert.rejects(two.run(`SELECT sum(a.a * b.a) FROM mr_rows('r') a, t b`), {kind: 'closed', code: 'MR_CLOSED'});
    const abandoned = await three.stream('FROM t'); // never read
    await Promise.all([kernel.close(), kernel.close()]);
    await running;
    await assert.rejects(stream.next(), {code: 'MR_CLOSED'});
    await assert.rejects(abandoned.next(), {code: 'MR_CLOSED'});
    await assert.rejects(kernel.connect(), {kind: 'closed', code: 'MR_CLOSED'});
    await assert.rejects(one.rows('SELECT 1'), {code: 'MR_CLOSED'});
    await kernel.close();
  }
  const again = await Kernel.open({path, threads: 1, memoryBytes: 64 << 20});
  assert.deepEqual((await (await again.connect()).rows('SELECT count(*) FROM t')).rows, [[100_000n]]);
  await again.close();
});

test('kernel: options that cannot be are refused', async () => {
  for (const options of [{threads: 0, memoryBytes: 64 << 20}, {threads: 1.5, memoryBytes: 64 << 20}, {threads: 1, memoryBytes: 1000}, {threads: 1, memoryBytes: NaN}]) {
    await assert.rejects(Kernel.open(options), {kind: 'invalid', code: 'MR_CONFIG'});
  }
  await assert.rejects(Kernel.open({threads: 1, memoryBytes: 64 << 20, settings: {no_such_setting: 1}}), {kind: 'invalid', code: 'MR_SQL', message: /no_such_setting/});
  await assert.rejects(Kernel.open({path: join(folder, 'no', 'such', 'folder.duckdb'), threads: 1, memoryBytes: 64 << 20}), {kind: 'invalid', code: 'MR_SQL'});
});
