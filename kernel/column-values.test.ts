import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {WarehouseError} from '../base/error.ts';
import type {LogicalType} from '../base/type.ts';
import type {Value} from '../base/value.ts';
import {dateText, parseDate, parseTimestamp, timestampText} from './column-times.ts';
import {columnFromValues, columnsFromRows, rowsFromColumns, valueAt} from './column-values.ts';
import {decimalText, parseDecimal} from './decimal-text.ts';
import {Kernel} from './duckdb.ts';

const seed = Number(process.env['MR_SEED'] ?? 20_260_101);
const decimal = (precision: number, scale: number): LogicalType => ({kind: 'decimal', precision, scale});
const refused = (error: unknown): boolean => error instanceof WarehouseError && error.kind === 'invalid' && error.code === 'MR_VALUE';

test('values: dates and timestamps agree with DuckDB, both ways, over all that it can hold', async () => {
  await using kernel = await Kernel.open({threads: 1, memoryBytes: 64 << 20});
  await using session = await kernel.connect();
  await fc.assert(fc.asyncProperty(fc.array(fc.oneof(fc.constantFrom(-1, 0, 1, -719_528, -719_529, 2_932_896, 2_932_897, -2_147_483_646 + 2_147_483_647), fc.integer({min: -780_000, max: 3_000_000}), fc.integer({min: -2_000_000_000, max: 2_000_000_000})), {minLength: 1, maxLength: 40}), async days => {
    // DuckDB's calendar ends in 5877642 BC; the numbers beyond are not dates.
    const texts = days.map(dateText);
    const {rows} = await session.rows(`SELECT (d::DATE - DATE '1970-01-01')::BIGINT FROM (SELECT unnest([${texts.map(text => `'${text}'`).join(', ')}]) AS d)`);
    assert.deepEqual(rows.flat(), days.map(BigInt), texts.join());
    assert.deepEqual(texts.map(parseDate), days);
  }), {seed, numRuns: 40});
  await fc.assert(fc.asyncProperty(fc.array(fc.bigInt({min: -(10n ** 18n), max: 9n * 10n ** 18n}), {minLength: 1, maxLength: 40}), async micros => {
    const texts = micros.map(timestampText);
    const {rows} = await session.rows(`SELECT epoch_us(t::TIMESTAMP) FROM (SELECT unnest([${texts.map(text => `'${text}'`).join(', ')}]) AS t)`);
    assert.deepEqual(rows.flat(), micros, texts.join());
    assert.deepEqual(texts.map(parseTimestamp), micros);
  }), {seed, numRuns: 40});
});

test('values: forms of dates and timestamps', () => {
  assert.equal(timestampText(1_767_236_645_000_000n), '2026-01-01T03:04:05.000000');
  assert.equal(timestampText(-1n), '1969-12-31T23:59:59.999999');
  assert.equal(timestampText(2n ** 63n - 1n), 'infinity');
  assert.equal(timestampText(1n - 2n ** 63n), '-infinity');
  assert.equal(dateText(-(2 ** 31) + 1), '-infinity');
  assert.equal(dateText(2_932_897), '10000-01-01');
  assert.equal(dateText(-719_529), '-0001-12-31'.replace('-0001', '-0001'));
  for (const text of ['2026-01-01T03:04:05', '2026-01-01 03:04:05.0', '2026-01-01T03:04:05Z', '2026-01-01T05:04:05+02:00', '2026-01-01T05:04:05+02', '2025-12-31 21:34:05-0530']) {
    assert.equal(parseTimestamp(text), 1_767_236_645_000_000n, text);
  }
  assert.equal(parseTimestamp('2026-01-01'), 1_767_225_600_000_000n);
  for (const text of ['', 'x', '2026-02-29', '2026-13-01', '2026-00-01', '2026-01-00', '26-01-01', '2026-1-1', '2026-01-01T', '9999999-01-01']) {
    assert.throws(() => parseDate(text), refused, text);
    assert.throws(() => parseTimestamp(text), refused, text);
  }
  for (const text of ['2026-01-01T24:00:00', '2026-01-01T00:60:00', '2026-01-01T00:00:61', '2026-01-01T00:00:00.1234567', '2026-01-01T00:00:00+99', '300000-01-01T00:00:00']) assert.throws(() => parseTimestamp(text), refused, text);
});

test('values: decimal text is exact both ways, and what does not fit is refused', () => {
  fc.assert(fc.property(fc.integer({min: 1, max: 38}).chain(precision => fc.tuple(fc.constant(precision), fc.integer({min: 0, max: precision}), fc.bigInt({min: 1n - 10n ** BigInt(precision), max: 10n ** BigInt(precision) - 1n}))), ([precision, scale, unscaled]) => {
    assert.equal(parseDecimal(decimalText(unscaled, scale), precision, scale), unscaled);
    assert.equal(parseDecimal(`${unscaled}e-${scale}`, precision, scale), unscaled);
    assert.match(decimalText(unscaled, scale), scale === 0 ? /^-?\d+$/ : new RegExp(`^-?\\d+\\.\\d{${scale}}$`));
  }), {seed, numRuns: 300});
  assert.equal(decimalText(-5n, 2), '-0.05');
  assert.equal(decimalText(0n, 3), '0.000');
  assert.equal(parseDecimal('+1.50', 3, 1), 15n);
  assert.equal(parseDecimal('.5', 3, 1), 5n);
  assert.equal(parseDecimal('1e2', 5, 2), 10_000n);
  for (const text of ['', '.', 'x', '1.2.3', '1e', '0x1', 'NaN', '1_000', '12,5']) assert.throws(() => parseDecimal(text, 10, 2), refused, text);
  for (const text of ['1.005', '100000000.00', '1e-3', '1e9']) assert.throws(() => parseDecimal(text, 10, 2), refused, text);
});

test('values: rows become columns and rows again', () => {
  const types: LogicalType[] = [{kind: 'boolean'}, {kind: 'tinyint'}, {kind: 'bigint'}, {kind: 'float'}, {kind: 'double'}, {kind: 'varchar'}, {kind: 'blob'}, {kind: 'date'}, {kind: 'timestamp'}, {kind: 'timestamptz'}, decimal(10, 2), decimal(38, 4)];
  const rows: Value[][] = [
    [true, -128, 2n ** 63n - 1n, 0.5, -0, '\uFEFFé🎉', Uint8Array.of(0, 255), '2024-02-29', '2026-01-01T03:04:05.000000', '2026-01-01T03:04:05.000000Z', '-12.50', '1234567890123456789012345678901234.5678'],
    types.map(() => null),
    [false, 127, -1n, -Infinity, NaN, '', new Uint8Array(0), 'infinity', '-infinity', 'infinity', '0.00', '0.0000'],
  ];
  assert.deepEqual(rowsFromColumns(columnsFromRows(types, rows), types, 3), rows);
  assert.deepEqual(columnsFromRows(types, []).map(column => column.valid), types.map(() => null));
  const exact = columnsFromRows([{kind: 'bigint'}, decimal(10, 2), {kind: 'integer'}], [[5, 2.5, 7n]]);
  assert.deepEqual(exact.map((column, i) => valueAt(column, [{kind: 'bigint'} as LogicalType, decimal(10, 2), {kind: 'integer'} as LogicalType][i]!, 0)), [5n, '2.50', 7]);
});

test('values: a value that its type cannot hold is refused with its row', () => {
  for (const [type, value] of [
    [{kind: 'boolean'}, 1], [{kind: 'tinyint'}, 128], [{kind: 'smallint'}, -32_769], [{kind: 'integer'}, 2 ** 31], [{kind: 'integer'}, 1.5], [{kind: 'integer'}, '1'], [{kind: 'bigint'}, 2n ** 63n],
    [{kind: 'bigint'}, 2 ** 53], [{kind: 'bigint'}, '1'], [{kind: 'double'}, '1'], [{kind: 'varchar'}, 1], [{kind: 'blob'}, 'a'], [{kind: 'date'}, 5], [{kind: 'date'}, '2026-02-30'], [{kind: 'timestamp'}, 'now'], [decimal(3, 1), '100.0'], [decimal(3, 1), NaN],
  ] as [LogicalType, Value][]) {
    assert.throws(() => columnFromValues(type, [null, value]), (error: Error) => refused(error) && error.message.startsWith('row 1: '), `${type.kind} ${value}`);
  }
  assert.throws(() => columnsFromRows([{kind: 'integer'}], [[1, 2]]), refused);
});
