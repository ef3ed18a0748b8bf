import assert from 'node:assert/strict';
import {once} from 'node:events';
import test from 'node:test';
import {Worker, isMainThread, workerData} from 'node:worker_threads';
import {WarehouseError} from '../base/error.ts';
import type {LogicalType} from '../base/type.ts';
import {columnFromValues, columnsFromRows, rowsFromColumns} from './column-values.ts';
import {Kernel} from './duckdb.ts';
import {relationOf, type RelationSource} from './relation.ts';

const bigint: LogicalType = {kind: 'bigint'};
const numbersOf = (rowCount: number, first = 0): RelationSource =>
  relationOf([columnFromValues(bigint, Array.from({length: rowCount}, (_, i) => first + i))], rowCount, [{name: 'a', type: bigint}]);

/** Many scans at once, by several names and sessions, some left early, some failing: what a server does all day. */
async function hammer(rounds: number): Promise<void> {
  await using kernel = await Kernel.open({threads: 2, memoryBytes: 256 << 20});
  const sessions = await Promise.all([kernel.connect(), kernel.connect(), kernel.connect()]);
  const types: LogicalType[] = [bigint, {kind: 'varchar'}, {kind: 'decimal', precision: 38, scale: 2}];
  const rows = Array.from({length: 3000}, (_, i) => [BigInt(i), i % 5 === 0 ? `s${i}` : `a long string value, number ${i}`, i % 7 === 0 ? null : `${i}.25`]);
  const columns = columnsFromRows(types, rows);
  const shape = types.map((type, i) => ({name: `c${i}`, type}));
  await sessions[0]!.run('CREATE TEMP TABLE t (c0 BIGINT, c1 VARCHAR, c2 DECIMAL(38,2))');
  for (let round = 0; round < rounds; round++) {
    const rowCount = 1 + (round * 37) % 3000;
    const name = `r${round % 10}`;
    sessions[0]!.bindRelation(name, relationOf(columns, rowCount, shape));
    sessions[0]!.bindRelation('broken', {columns: shape, open: () => { throw new WarehouseError('data', 'MR_TEST', `broken in round ${round}`); }});
    const [copied, joined, streamed, failed] = await Promise.all([
      sessions[0]!.run(`TRUNCATE t; INSERT INTO t FROM mr_rows('${name}') ORDER BY c1`),
      sessions[1]!.rows(`SELECT count(*), count(a.c2) FROM mr_rows('${name}') a JOIN mr_rows('${name}') b USING (c0, c1)`),
      (async () => {
        await using stream = await sessions[2]!.stream(`FROM mr_rows('${name}')`);
        const chunk = await stream.next();
        return rowsFromColumns(chunk!.columns, types, 1);
      })(),
      sessions[2]!.run(`FROM mr_rows('broken')`).catch((error: WarehouseError) => error.message),
    ]);
    assert.deepEqual(copied, {rowsChanged: rowCount});
    assert.deepEqual(joined.rows, [[BigInt(rowCount), BigInt(rowCount - Math.ceil(rowCount / 7))]]);
    assert.deepEqual(streamed, [rows[0]]);
    assert.equal(failed, `broken in round ${round}`);
    sessions[0]!.unbindRelation(name);
  }
}

if (!isMainThread && workerData === 'hammer') await hammer(150);
else {
  test('relation: thousands of scans at once, in this thread and in a worker thread, neither crash nor mix', async () => {
    // The loader that runs these tests does not reach into worker threads by itself.
    const start = `import(${JSON.stringify(import.meta.resolve('tsx/esm/api'))}).then(({register}) => { register(); return import(${JSON.stringify(import.meta.url)}); })`;
    const worker = new Worker(start, {eval: true, workerData: 'hammer'});
    const failed = once(worker, 'error').then(([error]) => { throw error; });
    const exited = once(worker, 'exit');
    await hammer(150);
    assert.deepEqual(await Promise.race([exited, failed]), [0]);
  });

  test('relation: one name may be scanned several times in a statement, and again later; each scan opens the source', async () => {
    await using kernel = await Kernel.open({threads: 2, memoryBytes: 64 << 20});
    await using session = await kernel.connect();
    const source = numbersOf(5000);
    let opened = 0;
    session.bindRelation('n', {...source, open: () => { opened++; return source.open(); }});
    const sql = `SELECT sum(a)::BIGINT FROM (FROM mr_rows('n') UNION ALL FROM mr_rows('n') UNION ALL SELECT a.a FROM mr_rows('n') a JOIN mr_rows('n') b USING (a))`;
    assert.deepEqual((await session.rows(sql)).rows, [[3n * 12_497_500n]]);
    assert.equal(opened, 4);
    assert.deepEqual((await session.rows(sql)).rows, [[3n * 12_497_500n]]);
    assert.equal(opened, 8);
  });

  test('relation: a statement reads what is bound when it runs, a scan what was bound when it began', async () => {
    await using kernel = await Kernel.open({threads: 2, memoryBytes: 64 << 20});
    await using session = await kernel.connect();
    await using other = await kernel.connect();
    session.bindRelation('n', numbersOf(100_000));
    await session.run(`PREPARE p AS SELECT count(*), min(a) FROM mr_rows('n')`);
    assert.deepEqual((await session.rows('EXECUTE p')).rows, [[100_000n, 0n]]);
    const stream = await other.stream(`FROM mr_rows('n')`);
    await stream.next();
    session.bindRelation('n', numbersOf(7, 5));
    assert.deepEqual((await session.rows('EXECUTE p')).rows, [[7n, 5n]]);
    let rest = 0;
    for (let chunk = await stream.next(); chunk !== null; chunk = await stream.next()) rest += chunk.rowCount;
    assert.equal(rest, 100_000 - 2048);
    session.bindRelation('n', relationOf([columnFromValues({kind: 'varchar'}, ['a'])], 1, [{name: 'a', type: {kind: 'varchar'}}]));
    await assert.rejects(session.rows('EXECUTE p'), {kind: 'invalid', code: 'MR_RELATION', message: /prepared as \(a BIGINT\), now bound to it is \(a VARCHAR\)/});
    session.unbindRelation('n');
    await assert.rejects(session.rows('EXECUTE p'), {code: 'MR_RELATION'});
    await assert.rejects(session.rows(`FROM mr_rows('n')`), {kind: 'invalid', code: 'MR_RELATION', message: /"n"/});
    await assert.rejects(session.rows(`FROM mr_rows(NULL)`), {code: 'MR_RELATION'});
  });

  test('relation: an error of the source is the error of the statement, whole', async () => {
    await using kernel = await Kernel.open({threads: 2, memoryBytes: 64 << 20});
    await using session = await kernel.connect();
    const mine = new WarehouseError('unavailable', 'MR_TEST', 'the source went away', {hint: 'come back later'});
    const failing = (when: number): RelationSource => {
      const source = numbersOf(1_000_000);
      return {...source, open: () => {
        if (when === 0) throw mine;
        const scan = source.open();
        let calls = 0;
        return {next: maxRows => { if (++calls > when) throw mine; return scan.next(maxRows); }};
      }};
    };
    for (const when of [0, 1, 200]) {
      session.bindRelation('f', failing(when));
      await assert.rejects(session.run(`CREATE OR REPLACE TABLE t AS FROM mr_rows('f')`), error => error === mine);
      await assert.rejects(session.rows(`SELECT count(*) FROM mr_rows('f') a JOIN mr_rows('f') b USING (a)`), error => error === mine);
      await assert.rejects(async () => {
        await using stream = await session.stream(`FROM mr_rows('f')`);
        while (await stream.next() !== null) { /* read on */ }
      }, error => error === mine);
    }
    session.bindRelation('f', {columns: [{name: 'a', type: bigint}], open: () => { throw new TypeError('a bug'); }});
    await assert.rejects(session.rows(`FROM mr_rows('f')`), {kind: 'internal', code: 'MR_INTERNAL', message: /a bug/});
    for (const rowCount of [3000, 2]) {
      session.bindRelation('f', {columns: [{name: 'a', type: bigint}], open: () => ({next: () => ({columns: rowCount === 2 ? [] : [columnFromValues(bigint, [1])], start: 0, rowCount})})});
      await assert.rejects(session.rows(`FROM mr_rows('f')`), {kind: 'internal', code: 'MR_INTERNAL', message: /rows of/});
    }
  });

  test('relation: a source may give few rows at a time, none in between, and none at all', async () => {
    await using kernel = await Kernel.open({threads: 2, memoryBytes: 64 << 20});
    await using session = await kernel.connect();
    const column = columnFromValues(bigint, Array.from({length: 100}, (_, i) => i));
    session.bindRelation('slow', {columns: [{name: 'a', type: bigint}], open: () => {
      let calls = 0;
      return {next: () => (++calls > 300 ? null : {columns: [column], start: calls % 100, rowCount: calls % 3 === 0 ? 0 : 1})};
    }});
    assert.deepEqual((await session.rows(`SELECT count(*), sum(a)::BIGINT FROM mr_rows('slow')`)).rows, [[200n, BigInt(Array.from({length: 300}, (_, i) => ((i + 1) % 3 === 0 ? 0 : (i + 1) % 100)).reduce((a, b) => a + b, 0))]]);
    session.bindRelation('empty', numbersOf(0));
    assert.deepEqual((await session.rows(`FROM mr_rows('empty')`)).rows, []);
  });

  test('relation: a scan is told which columns it is read for, and the others are not looked at', async () => {
    await using kernel = await Kernel.open({threads: 2, memoryBytes: 64 << 20});
    await using session = await kernel.connect();
    const names = ['a', 'b', 'c', 'd'];
    const columns = names.map((_, index) => columnFromValues(bigint, Array.from({length: 3000}, (_value, i) => i * 10 + index)));
    const nonsense = columnFromValues({kind: 'varchar'}, ['not looked at']);
    let asked: (readonly number[])[] = [];
    session.bindRelation('wide', {columns: names.map(name => ({name, type: bigint})), open(wanted = []) {
      asked.push(wanted);
      const scan = relationOf(columns.map((column, i) => (wanted.includes(i) ? column : nonsense)), 3000, names.map(name => ({name, type: bigint}))).open(wanted);
      return scan;
    }});
    for (const [sql, expected, wanted] of [
      [`SELECT min(d), max(b) FROM mr_rows('wide')`, [[3n, 29_991n]], [[1, 3]]], [`SELECT count(*) FROM mr_rows('wide')`, [[3000n]], null], [`SELECT c FROM mr_rows('wide') WHERE a = 100`, [[102n]], [[0, 2]]],
      [`SELECT x.b, y.c FROM mr_rows('wide') x JOIN mr_rows('wide') y ON x.a = y.d - 3 WHERE x.a = 50`, [[51n, 52n]], null], [`SELECT d, a, d FROM mr_rows('wide') WHERE a = 0`, [[3n, 0n, 3n]], [[0, 3]]],
      [`SELECT * FROM mr_rows('wide') WHERE a = 10`, [[10n, 11n, 12n, 13n]], [[0, 1, 2, 3]]],
    ] as [string, bigint[][], number[][] | null][]) {
      asked = [];
      assert.deepEqual((await session.rows(sql)).rows, expected, sql);
      if (wanted !== null) assert.deepEqual(asked.map(one => one.toSorted()), wanted, sql);
    }
  });

  test('relation: kernels do not see each other\'s relations', async () => {
    await using one = await Kernel.open({threads: 1, memoryBytes: 64 << 20});
    await using two = await Kernel.open({threads: 1, memoryBytes: 64 << 20});
    await using first = await one.connect();
    await using second = await two.connect();
    first.bindRelation('n', numbersOf(1));
    assert.deepEqual((await first.rows(`FROM mr_rows('n')`)).rows, [[0n]]);
    await assert.rejects(second.rows(`FROM mr_rows('n')`), {code: 'MR_RELATION'});
  });
}
