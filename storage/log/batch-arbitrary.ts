/** Generators of tables for tests of the log: every stored type, extremes, NULLs, narrow and wide columns of the same values. */
import * as fc from 'fast-check';
import {Arena} from '../../base/arena.ts';
import type {Column, Validity} from '../../base/delta.ts';
import {NARROW_BOUND} from '../../base/delta.ts';
import type {LogicalType} from '../../base/type.ts';
import {physicalKind} from '../../base/type.ts';

/** A value as tests compare it: exact kinds are bigint, text and blobs are bytes as latin-1 text. */
export type Plain = null | number | bigint | string;

export interface PlainTable {
  readonly types: readonly LogicalType[];
  /** By column. */
  readonly values: readonly (readonly Plain[])[];
  readonly ops: readonly number[];
}

/** Options for `fc.assert`: a fixed seed unless MR_SEED is set. */
export function seeded(numRuns: number): {numRuns: number; seed: number} {
  return {numRuns, seed: Number(process.env['MR_SEED'] ?? 20_260_101)};
}

export const everyType: readonly LogicalType[] = [
  {kind: 'boolean'}, {kind: 'tinyint'}, {kind: 'smallint'}, {kind: 'integer'}, {kind: 'bigint'}, {kind: 'float'}, {kind: 'double'},
  {kind: 'varchar'}, {kind: 'blob'}, {kind: 'date'}, {kind: 'timestamp'}, {kind: 'timestamptz'},
  {kind: 'decimal', precision: 5, scale: 2}, {kind: 'decimal', precision: 18, scale: 0}, {kind: 'decimal', precision: 38, scale: 10},
];

function integers(min: bigint, max: bigint): fc.Arbitrary<bigint> {
  const corners = [0n, 1n, -1n, min, max, 2n ** 31n, -(2n ** 31n), 2n ** 32n, -(2n ** 32n) - 1n, 2n ** 53n - 1n, 2n ** 53n, -(2n ** 53n), 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 64n, -(2n ** 64n)]
    .filter((v) => v >= min && v <= max);
  return fc.oneof(fc.constantFrom(...corners), fc.bigInt({min, max}), fc.bigInt({min: min < -1000n ? -1000n : min, max: max > 1000n ? 1000n : max}));
}

function arbitraryValue(type: LogicalType): fc.Arbitrary<Plain> {
  const numbers = (min: number, max: number): fc.Arbitrary<number> => fc.oneof(fc.constantFrom(min, max, 0), fc.integer({min, max}));
  switch (type.kind) {
    case 'boolean': return numbers(0, 1);
    case 'tinyint': return numbers(-128, 127);
    case 'smallint': return numbers(-32_768, 32_767);
    case 'integer': case 'date': return numbers(-(2 ** 31), 2 ** 31 - 1);
    case 'float': return fc.oneof(fc.float(), fc.constantFrom(NaN, -0, Infinity, Math.fround(1e-45)));
    case 'double': return fc.oneof(fc.double(), fc.constantFrom(NaN, -0, -Infinity, 5e-324, Number.MAX_VALUE));
    case 'varchar': return fc.oneof(fc.string({unit: 'grapheme', maxLength: 12}), fc.constantFrom('', 'x'.repeat(100))).map((s) => Buffer.from(s).toString('latin1'));
    case 'blob': return fc.oneof(fc.uint8Array({maxLength: 40}), fc.constant(new Uint8Array(0))).map((b) => Buffer.from(b).toString('latin1'));
    case 'bigint': case 'timestamp': case 'timestamptz': return integers(-(2n ** 63n), 2n ** 63n - 1n);
    default: {
      const most = 10n ** BigInt((type as {precision: number}).precision) - 1n;
      return integers(-most, most);
    }
  }
}

function arbitraryColumn(type: LogicalType, rows: number): fc.Arbitrary<Plain[]> {
  const value = arbitraryValue(type);
  const small: fc.Arbitrary<Plain> = physicalKind(type).startsWith('exact') ? fc.integer({min: -99, max: 99}).map(BigInt) : value;
  const cells = (of: fc.Arbitrary<Plain>): fc.Arbitrary<Plain[]> => fc.array(of, {minLength: rows, maxLength: rows});
  return fc.oneof(cells(value), cells(small), cells(fc.option(value, {nil: null})), cells(fc.option(small, {nil: null, freq: 1})));
}

/** @returns tables of 0 to `rowsMax` rows and 0 to 8 columns. */
export function arbitraryTable(rowsMax: number): fc.Arbitrary<PlainTable> {
  return fc.tuple(fc.array(fc.constantFrom(...everyType), {maxLength: 8}), fc.integer({min: 0, max: rowsMax})).chain(([types, rows]) =>
    fc.tuple(fc.tuple(...types.map((type) => arbitraryColumn(type, rows))), fc.array(fc.integer({min: 0, max: 3}), {minLength: rows, maxLength: rows}))
      .map(([values, ops]) => ({types, values, ops})));
}

/**
 * @param form how columns hold what both forms can hold: narrow integers or wide ones; arena in column order (one run) or row by row.
 * @returns columns with spare room behind the rows, filled with junk.
 */
export function columnsOf(table: PlainTable, form: 'narrow' | 'wide' = 'narrow'): Column[] {
  const rows = table.values[0]?.length ?? 0;
  const spare = rows + 3;
  const arena = new Arena();
  const columns = table.types.map((type, c): Column => {
    const values = table.values[c]!;
    const nulls = values.includes(null);
    const valid: Validity = nulls || form === 'wide' ? new Uint8Array(spare).fill(1) : null;
    if (valid !== null) values.forEach((v, i) => { valid[i] = v === null ? 0 : 1; });
    const bigints = values.map((v) => (typeof v === 'bigint' ? v : 0n));
    const fits = bigints.every((v) => v <= NARROW_BOUND && v >= -NARROW_BOUND);
    switch (physicalKind(type)) {
      case 'i32': return {kind: 'i32', valid, data: filled(new Int32Array(spare).fill(-7), values)};
      case 'f64': return {kind: 'f64', valid, bound: Infinity, data: filled(new Float64Array(spare).fill(-7), values)};
      case 'exact64': case 'exact128': {
        if (fits && form === 'narrow') return {kind: 'f64', valid, bound: NARROW_BOUND, data: filled(new Float64Array(spare), bigints.map(Number))};
        if (physicalKind(type) === 'exact64') return {kind: 'i64', valid, data: BigInt64Array.from(bigints)};
        return {kind: 'i128', valid, data: BigInt64Array.from(bigints.flatMap((v) => [BigInt.asIntN(64, v), v >> 64n]))};
      }
      case 'bytes': return {kind: 'bytes', valid, arena, address: new Float64Array(spare), length: new Int32Array(spare)};
    }
  });
  const cells = columns.flatMap((_, c) => Array.from({length: rows}, (__, i) => [c, i] as const));
  if (form === 'wide') cells.sort((a, b) => a[1] - b[1]);
  for (const [c, i] of cells) {
    const column = columns[c]!;
    const value = table.values[c]![i];
    if (column.kind !== 'bytes' || typeof value !== 'string' || value.length === 0) continue;
    column.address[i] = arena.append(Uint8Array.from(Buffer.from(value, 'latin1')), 0, value.length);
    column.length[i] = value.length;
  }
  return columns;
}

function filled<T extends Int32Array | Float64Array>(out: T, values: readonly Plain[]): T {
  values.forEach((v, i) => { out[i] = typeof v === 'number' ? v : 0; });
  return out;
}

/** @returns the values of a column; fails where memory under a NULL is not 0 or a bound does not hold. */
export function valuesOf(column: Column, type: LogicalType, rows: number): Plain[] {
  const exact = physicalKind(type).startsWith('exact');
  return Array.from({length: rows}, (_, i): Plain => {
    const missing = column.valid !== null && column.valid[i] === 0;
    if (column.kind === 'bytes') {
      const [address, length] = [column.address[i]!, column.length[i]!];
      if (missing && (address !== 0 || length !== 0)) throw new Error(`row ${i}: bytes under NULL`);
      if (missing) return null;
      return length === 0 ? '' : Buffer.from(column.arena.view(address, length)).toString('latin1');
    }
    const value = column.kind === 'i128' ? (column.data[2 * i + 1]! << 64n) + BigInt.asUintN(64, column.data[2 * i]!) : column.data[i]!;
    if (missing) {
      if (!Object.is(Number(value), 0)) throw new Error(`row ${i}: ${value} under NULL`);
      return null;
    }
    if (!exact) return Number(value);
    if (column.kind === 'f64' && !(Math.abs(Number(value)) <= column.bound && column.bound <= NARROW_BOUND)) throw new Error(`row ${i}: ${value} beyond ${column.bound}`);
    return BigInt(value);
  });
}
