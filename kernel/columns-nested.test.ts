/**
 * Nested columns in through `mr_rows`, kept by DuckDB, out through `stream`: the same bytes, whatever the type. Bytes are canonical, so
 * they also say what DuckDB says of equality.
 */
import assert from 'node:assert/strict';
import test, {after, before} from 'node:test';
import fc from 'fast-check';
import {Arena} from '../base/arena.ts';
import type {BytesColumn} from '../base/delta.ts';
import {shapeOf} from '../base/nested.ts';
import {decodeNested} from '../base/nested-decode.ts';
import {isNested, nestingDepth, parseTypeText, typeText, type LogicalType, type NestedType} from '../base/type.ts';
import type {Value} from '../base/value.ts';
import {columnFromValues, rowsFromColumns, valueAt} from './column-values.ts';
import {Kernel} from './duckdb.ts';
import {relationOf} from './relation.ts';
import {bytesAt} from './scalar-values.ts';
import type {Session} from './session.ts';
import {nestedTypes, valuesOf} from './values-arbitrary.ts';

const seed = Number(process.env['MR_SEED'] ?? 20_260_101);
let kernel: Kernel;
let session: Session;
before(async () => {
  kernel = await Kernel.open({threads: 2, memoryBytes: 512 << 20});
  session = await kernel.connect();
});
after(() => kernel.close());

const typed = (text: string): NestedType => {
  const type = parseTypeText(text);
  assert.ok(type !== undefined && isNested(type), text);
  return type;
};
const nestedColumn = (type: NestedType, values: readonly Value[]): BytesColumn => columnFromValues(type, values) as BytesColumn;
const bytesOf = (column: BytesColumn, row: number): string => (column.valid !== null && column.valid[row] === 0 ? 'null' : Buffer.from(bytesAt(column, row)).toString('hex'));
const allBytes = (column: BytesColumn): string[] => Array.from(column.length, (_, row) => bytesOf(column, row));

async function throughSql(type: LogicalType, column: BytesColumn, sql: string): Promise<string[]> {
  session.bindRelation('rows', relationOf([column], column.length.length, [{name: 'v', type}]));
  await using stream = await session.stream(sql, [], {types: [type]});
  const found: string[] = [];
  for (let chunk = await stream.next(); chunk !== null; chunk = await stream.next()) found.push(...allBytes(chunk.columns[0] as BytesColumn));
  return found;
}

/** The same values in several arena segments, and out of order: what columns from state and from several frames look like. */
function scattered(column: BytesColumn): BytesColumn {
  const arena = new Arena();
  const address = new Float64Array(column.length.length);
  for (let row = column.length.length - 1; row >= 0; row--) {
    if (column.length[row]! > 0) address[row] = arena.append(bytesAt(column, row), 0, column.length[row]!);
    if (row % 3 === 0) arena.segments.push(new Uint8Array(0)); // ends the segment
  }
  return {...column, arena, address};
}

const reached = new Set<string>();
const cases = nestedTypes(3).chain((type) => fc.record({type: fc.constant(type), pool: fc.array(valuesOf(type), {minLength: 1, maxLength: 8}), rowCount: fc.constantFrom(1, 7, 64, 300), nulls: fc.integer({min: 0, max: 3})}));

test('nested columns: values come back the same, as values, through DuckDB and through its tables', async () => {
  await fc.assert(fc.asyncProperty(cases, async ({type, pool, rowCount, nulls}) => {
    reached.add(type.kind).add(`depth ${nestingDepth(type)}`);
    const values = Array.from({length: rowCount}, (_, i): Value => (nulls > 0 && i % (nulls + 1) === 0 ? null : pool[(i * 7 + nulls) % pool.length]!));
    const column = nestedColumn(type, values);
    const expected = allBytes(column);
    const back = rowsFromColumns([column], [type], rowCount).map(([value]) => value!);
    assert.deepEqual(allBytes(nestedColumn(type, back)), expected, 'values');
    assert.deepEqual(await throughSql(type, column, `FROM mr_rows('rows')`), expected, typeText(type));
    await session.run(`CREATE OR REPLACE TEMP TABLE kept AS SELECT * FROM mr_rows('rows')`);
    assert.deepEqual(await throughSql(type, scattered(column), `SELECT v FROM mr_rows('rows') UNION ALL SELECT v FROM kept`), [...expected, ...expected], 'scattered');
    assert.equal(parseTypeText(typeText(type)) === undefined ? '' : typeText(parseTypeText(typeText(type))!), typeText(type));
    // Equal bytes are equal values, and different ones different values.
    const {rows} = await session.rows(`SELECT count(DISTINCT v) FROM kept`);
    assert.equal(Number(rows[0]![0]), new Set(expected.filter((bytes) => bytes !== 'null')).size, `DISTINCT of ${typeText(type)}`);
  }), {seed, numRuns: Number(process.env['MR_RUNS'] ?? 25)});
  for (const what of ['list', 'struct', 'map', 'depth 1', 'depth 2', 'depth 3']) assert.ok(reached.has(what), `no ${what} came up`);
});

test('nested columns: lists of more elements than a vector has rows, with NULLs in every other vector', async () => {
  const type = typed('STRUCT(n BIGINT, s VARCHAR, l DOUBLE[])[]');
  const list = (count: number, nulls: boolean): Value => Array.from({length: count}, (_, i) => (nulls && i % 5 === 0 ? null : {n: nulls && i % 7 === 0 ? null : 2n ** 53n + BigInt(i), s: i % 3 === 0 ? 'short' : `a longer text, number ${i}`, l: i % 11 === 0 ? [i, null, -i] : []}));
  const values: Value[] = [];
  for (let i = 0; i < 4100; i++) values.push(i === 2047 || i === 2048 ? list(9000, i === 2048) : i % 2 === 0 ? list(i % 4, i < 2048) : i < 2048 ? null : []);
  const column = nestedColumn(type, values);
  assert.deepEqual(await throughSql(type, column, `SELECT v FROM mr_rows('rows')`), allBytes(column));
});

test('nested columns: lists that share elements, come out of order, or stand under a NULL', async () => {
  const type = typed('VARCHAR[]');
  await using stream = await session.stream(`SELECT CASE WHEN i % 3 = 0 THEN NULL ELSE list_reverse(l)[1:i % 4] END AS v FROM (SELECT i, ['a', 'b longer than twelve', NULL, 'd' || i] AS l FROM range(3000) t(i)) ORDER BY i DESC`, [], {types: [type]});
  let row = 2999;
  for (let chunk = await stream.next(); chunk !== null; chunk = await stream.next()) {
    for (let i = 0; i < chunk.rowCount; i++, row--) assert.deepEqual(valueAt(chunk.columns[0]!, type, i), row % 3 === 0 ? null : [`d${row}`, null, 'b longer than twelve', 'a'].slice(0, row % 4));
  }
  assert.equal(row, -1);
});

test('nested columns: zeros have no sign, NaN has one form, fields of a NULL struct are NULL', async () => {
  const type = typed('STRUCT(d DOUBLE, f FLOAT)[]');
  const bytes = await throughSqlOnly(`SELECT [{'d': -0.0::DOUBLE, 'f': -0.0::FLOAT}, {'d': -('nan'::DOUBLE), 'f': -('nan'::FLOAT)}, NULL] AS v`, type);
  assert.deepEqual(bytes, allBytes(nestedColumn(type, [[{d: 0, f: 0}, {d: NaN, f: NaN}, null]])));
});

async function throughSqlOnly(sql: string, type: LogicalType): Promise<string[]> {
  await using stream = await session.stream(sql, [], {types: [type]});
  const chunk = await stream.next();
  return allBytes(chunk!.columns[0] as BytesColumn);
}

test('nested columns: values of the wrong shape are refused by name', () => {
  const refusals: readonly (readonly [string, Value, RegExp])[] = [
    ['INTEGER[]', 1, /expected INTEGER\[\], found 1/], ['INTEGER[]', ['x'], /expected INTEGER, found "x"/], ['INTEGER[]', {a: 1}, /expected INTEGER\[\]/],
    ['STRUCT(a INTEGER)', {b: 1}, /a field "b"/], ['STRUCT(a INTEGER)', [1], /expected STRUCT/], ['STRUCT(a TINYINT)', {a: 300}, /expected TINYINT, found 300/],
    ['MAP(VARCHAR, INTEGER)', {a: 1}, /expected MAP/], ['MAP(VARCHAR, INTEGER)', [{key: 'a', value: 1}, {key: 'a', value: 2}], /each key .* once/],
    ['MAP(VARCHAR, INTEGER)', [{key: null, value: 1}], /found null/], ['MAP(VARCHAR, INTEGER)', [{key: 'a', vale: 1}], /expected \{key, value\}/],
  ];
  for (const [text, value, message] of refusals) assert.throws(() => columnFromValues(typed(text), [value]), (error: unknown) => error instanceof Error && 'code' in error && error.code === 'MR_VALUE' && message.test(error.message), `${text} ${JSON.stringify(value)}`);
  assert.deepEqual(rowsFromColumns([columnFromValues(typed('STRUCT(a INTEGER, b VARCHAR)'), [{a: 1}])], [typed('STRUCT(a INTEGER, b VARCHAR)')], 1), [[{a: 1, b: null}]], 'what is left out is NULL');
});

test('nested columns: golden bytes', () => {
  const bytes = (text: string, value: Value): string => bytesOf(nestedColumn(typed(text), [value]), 0);
  assert.equal(bytes('INTEGER[]', []), '00');
  assert.equal(bytes('INTEGER[]', [1, -2]), '020001000000feffffff');
  assert.equal(bytes('INTEGER[]', [null, 1]), '0201020000000001000000');
  assert.equal(bytes('VARCHAR[]', ['a', null, 'bc']), '030105010002616263');
  assert.equal(bytes('VARCHAR[][]', [['x'], [], null]), '030103010000000178');
  assert.equal(bytes('STRUCT(a SMALLINT, b VARCHAR)', {a: 258, b: null}), '000201010000');
  assert.equal(bytes('MAP(VARCHAR, DECIMAL(5,2))', [{key: 'k', value: '1.50'}]), '010000016b0096000000');
  assert.equal(bytes('DOUBLE[]', [1.5, -0, NaN]), '0300000000000000f83f0000000000000000000000000000f87f');
  assert.equal(bytes('VARCHAR[]', ['x'.repeat(300)]), `0100ac02${'78'.repeat(300)}`);
});

test('nested columns: bytes that are no value of the type are refused, wherever they end or lie', () => {
  const type = typed('STRUCT(a VARCHAR[], b MAP(INTEGER, DOUBLE))[]');
  const whole = bytesAt(nestedColumn(type, [[{a: ['x', null, 'longer'], b: [{key: 1, value: 2}]}, null]]), 0);
  const refused = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'MR_NESTED_DAMAGED';
  const column = (bytes: Uint8Array): BytesColumn => ({kind: 'bytes', arena: Arena.wrap(bytes), address: new Float64Array(1), length: Int32Array.of(bytes.length), valid: null});
  for (let length = 1; length < whole.length; length++) {
    assert.throws(() => decodeNested(shapeOf(type), column(whole.slice(0, length)), 0, 1), refused, `parts of ${length} bytes`);
    assert.throws(() => valueAt(column(whole.slice(0, length)), type, 0), refused, `value of ${length} bytes`);
  }
  assert.throws(() => decodeNested(shapeOf(type), column(Uint8Array.from([...whole, 0])), 0, 1), refused);
  // Any one byte changed gives a value or a refusal, never anything else.
  for (let at = 0; at < whole.length; at++) {
    for (const change of [1, 0x7f, 0x80, 0xff]) {
      const bytes = Uint8Array.from(whole);
      bytes[at]! ^= change;
      for (const read of [() => decodeNested(shapeOf(type), column(bytes), 0, 1), () => valueAt(column(bytes), type, 0)]) {
        try {
          read();
        } catch (error) {
          assert.ok(refused(error), String(error));
        }
      }
    }
  }
});
