import assert from 'node:assert/strict';
import test, {after, before} from 'node:test';
import type {Column} from '../base/delta.ts';
import {typeText, type LogicalType} from '../base/type.ts';
import {columnFromValues, rowsFromColumns} from './column-values.ts';
import {Kernel} from './duckdb.ts';
import {relationOf} from './relation.ts';
import type {Session} from './session.ts';

let kernel: Kernel;
let session: Session;
before(async () => {
  kernel = await Kernel.open({threads: 2, memoryBytes: 256 << 20});
  session = await kernel.connect();
});
after(() => kernel.close());

const decimal = (precision: number, scale: number): LogicalType => ({kind: 'decimal', precision, scale});

async function read(sql: string, types?: readonly LogicalType[]): Promise<Column[][]> {
  await using stream = await session.stream(sql, [], types === undefined ? {} : {types});
  const chunks: Column[][] = [];
  for (let chunk = await stream.next(); chunk !== null; chunk = await stream.next()) chunks.push(chunk.columns);
  return chunks;
}

const columnRows = (column: Column): number => (column.kind === 'bytes' ? column.length.length : 0);

async function readOne(sql: string, type?: LogicalType): Promise<Column> {
  const chunks = await read(sql, type === undefined ? undefined : [type]);
  return chunks[0]![0]!;
}

test('columns out: exact columns are narrow with the largest magnitude as bound, until a value passes 2⁵³ − 1', async () => {
  const largest = 2n ** 53n - 1n;
  for (const type of ['BIGINT', 'DECIMAL(18,0)', 'DECIMAL(38,0)']) {
    for (const [value, kind] of [[largest, 'f64'], [-largest, 'f64'], [largest + 1n, 'wide'], [-largest - 1n, 'wide'], [0n, 'f64'], [-5n, 'f64']] as const) {
      const column = await readOne(`SELECT unnest([3, ${value}, NULL])::${type} AS v`);
      assert.equal(column.kind === 'f64', kind === 'f64', `${value}::${type}`);
      if (column.kind === 'f64') {
        assert.ok(Object.is(column.bound, Math.max(3, Math.abs(Number(value)))), `bound of ${value} is ${column.bound}`);
        assert.deepEqual([...column.data], [3, Number(value), 0]);
      }
    }
  }
  const zeros = await readOne('SELECT 0::BIGINT AS v');
  assert.ok(zeros.kind === 'f64' && Object.is(zeros.bound, 0));
});

test('columns out: what DuckDB leaves under NULL does not reach the column, nor its bound', async () => {
  await session.run(`CREATE OR REPLACE TABLE under AS SELECT i, CASE WHEN i % 2 = 0 THEN i ELSE 9223372036854775807 END AS b,
    CASE WHEN i % 2 = 0 THEN i % 100 ELSE 120 END::TINYINT AS t, i * 1.5 AS d, 'a string of more than twelve bytes ' || i AS s,
    repeat('x', (i % 12)::INT) AS short, (i % 90)::DECIMAL(3,0) AS small, CASE WHEN i % 2 = 0 THEN i ELSE 170141183460469231731 END::DECIMAL(38,0) AS wide
    FROM range(5000) t(i)`);
  // NULLs made late, by a function that only marks them.
  const chunks = await read(`SELECT nullif(b, 9223372036854775807) AS b, if(i % 2 = 0, t, NULL) AS t, if(i % 2 = 0, d, NULL)::DOUBLE AS d,
    if(i % 2 = 0, s, NULL) AS s, if(i % 2 = 0, short, NULL) AS short, if(i % 2 = 0, small, NULL) AS small, nullif(wide, 170141183460469231731) AS wide FROM under ORDER BY i`);
  assert.ok(chunks.length >= 3);
  for (const columns of chunks) {
    for (const column of columns) {
      assert.ok(column.valid !== null && column.valid.includes(0) && column.valid.includes(1));
      column.valid.forEach((valid, row) => {
        if (valid === 1) return;
        assert.equal(column.kind === 'bytes' ? column.address[row]! + column.length[row]! : Number(column.kind === 'i32' || column.kind === 'f64' ? column.data[row] : NaN), 0);
      });
    }
    for (const column of [columns[0]!, columns[6]!]) assert.ok(column.kind === 'f64' && column.bound < 5000);
  }
});

test('columns out: integers are read as wider ones, HUGEINT as DECIMAL(38,0) and JSON as VARCHAR where that was asked for', async () => {
  const bigint: LogicalType = {kind: 'bigint'};
  for (const [sql, type, expected] of [
    ['255::UTINYINT', {kind: 'smallint'}, [[255]]], ['65535::USMALLINT', {kind: 'integer'}, [[65_535]]], ['4294967295::UINTEGER', bigint, [[4_294_967_295n]]],
    ['(-128)::TINYINT', bigint, [[-128n]]], ['(-32768)::SMALLINT', {kind: 'integer'}, [[-32_768]]], ['(-2147483648)::INTEGER', bigint, [[-2_147_483_648n]]],
    ['255::UTINYINT', bigint, [[255n]]], ['65535::USMALLINT', bigint, [[65_535n]]],
    ['sum(i)::HUGEINT', decimal(38, 0), [['-3']]], [`'{"a":1}'::JSON`, {kind: 'varchar'}, [['{"a":1}']]],
  ] as [string, LogicalType, unknown[][]][]) {
    const columns = (await read(`SELECT ${sql} AS v FROM (VALUES (-3)) t(i)${sql.includes('sum') ? ' GROUP BY ALL' : ''}`, [type]))[0]!;
    assert.deepEqual(rowsFromColumns(columns, [type], 1), expected, `${sql} as ${typeText(type)}`);
  }
  const wide = 170_141_183_460_469_231_731_687_303_715n;
  assert.deepEqual(rowsFromColumns([await readOne(`SELECT ${wide}::HUGEINT AS v`, decimal(38, 0))], [decimal(38, 0)], 1), [[String(wide)]]);
  await assert.rejects(read('SELECT 170141183460469231731687303715884105727::HUGEINT AS v', [decimal(38, 0)]), {code: 'MR_TYPE'});
});

test('columns out: a type that no column can have, or another than asked for, is refused with the cast to write', async () => {
  for (const [sql, type, hint] of [
    ['1::HUGEINT', undefined, /DECIMAL\(38,0\)/], ['[1::HUGEINT]', undefined, /DECIMAL\(38,0\)\[\]/], ['[1]::INTEGER[1]', undefined, /INTEGER\[\]/], ["TIME '01:00:00'", undefined, /VARCHAR/], ['255::UTINYINT', {kind: 'tinyint'}, /::TINYINT/],
    ['1::BIGINT', {kind: 'integer'}, /::INTEGER/], ['1.5::DECIMAL(3,1)', decimal(4, 1), /DECIMAL\(4,1\)/], ["TIMESTAMP_S '2026-01-01'", undefined, /TIMESTAMP/],
  ] as [string, LogicalType | undefined, RegExp][]) {
    await assert.rejects(read(`SELECT ${sql} AS "v""1"`, type && [type]), (error: {code?: string; hint?: string}) => error.code === 'MR_TYPE' && hint.test(error.hint ?? '') && (error.hint ?? '').includes('"v""1"'), sql);
  }
  await assert.rejects(read('SELECT 1 AS a', [{kind: 'integer'}, {kind: 'integer'}]), {code: 'MR_TYPE'});
  assert.deepEqual((await session.rows('SELECT 1')).rows, [[1]], 'the session is free after a refusal');
});

test('columns out: strings of any shape of result are read right (constants, dictionaries, slices, functions, big ones)', async () => {
  await session.run(`CREATE OR REPLACE TABLE texts AS SELECT i, 'some longer text value ' || i AS a, repeat('z', (i * 7919 % 200)::INT) AS b, repeat(chr(65 + (i % 26)::INT), 100000 * (i % 500 = 7)::INT) AS c FROM range(10000) t(i)`);
  for (const select of [
    'a', 'b', 'c', `'a constant of more than twelve bytes'`, 'a[3:20]', 'upper(a)', 'a || b', `CASE WHEN i % 3 = 0 THEN a WHEN i % 3 = 1 THEN 'k' ELSE NULL END`,
    'lag(a) OVER (ORDER BY i)', `string_split(a, ' ')[4]`, 'a::BLOB',
  ]) {
    const sql = `SELECT ${select} AS v FROM texts ORDER BY i`;
    const blob = select.endsWith('BLOB');
    const type: LogicalType = {kind: blob ? 'blob' : 'varchar'};
    const values = (await read(sql)).flatMap(columns => rowsFromColumns(columns, [type], columnRows(columns[0]!))).flat();
    const lengths = (await session.rows<number | string>(`SELECT ${blob ? 'octet_length' : 'strlen'}(v)::INT, md5(v) FROM (${sql})`)).rows;
    const {createHash} = await import('node:crypto');
    assert.deepEqual(values.map(value => (value === null ? [null, null] : [Buffer.byteLength(value as string), createHash('md5').update(value as string).digest('hex')])), lengths, select);
  }
});

test('columns out: a column stays what it was when its chunk and statement are gone', async () => {
  const rowCount = 6000;
  const values = Array.from({length: rowCount}, (_, i) => `a text that does not fit its entry ${i}`);
  session.bindRelation('values', relationOf([columnFromValues({kind: 'varchar'}, values)], rowCount, [{name: 'v', type: {kind: 'varchar'}}]));
  const kept = await read(`FROM mr_rows('values')`);
  for (let i = 0; i < 50; i++) await session.run(`SELECT max(v || ${i}) FROM mr_rows('values')`);
  assert.deepEqual(kept.flatMap(columns => rowsFromColumns(columns, [{kind: 'varchar'}], columnRows(columns[0]!))).flat(), values);
});

test('columns out: values may be appended to the arena of a column that was read', async () => {
  for (const text of ['short', 'a text that does not fit its entry']) {
    const column = await readOne(`SELECT '${text}' AS v`);
    assert.ok(column.kind === 'bytes');
    const more = column.arena.append(Buffer.from('more'), 0, 4);
    assert.equal(Buffer.from(column.arena.view(more, 4)).toString(), 'more');
    assert.equal(Buffer.from(column.arena.view(column.address[0]!, column.length[0]!)).toString(), text);
  }
});
