/** Columns of scalar types ↔ single values: what column-values.ts does for cells that hold one value. */
import {Arena} from '../base/arena.ts';
import {NARROW_BOUND, type Column, type Validity} from '../base/delta.ts';
import {WarehouseError} from '../base/error.ts';
import {physicalKind, typeText, type LogicalType, type ScalarType} from '../base/type.ts';
import type {Value} from '../base/value.ts';
import {decimalText, parseDecimal} from './decimal-text.ts';
import {dateText, parseDate, parseTimestamp, timestampText} from './column-times.ts';

const decoder = new TextDecoder('utf-8', {ignoreBOM: true});
const encoder = new TextEncoder();

/** @returns the exact integer at `rowIndex` of an exact column in either form. */
export function exactAt(column: Column, rowIndex: number): bigint {
  switch (column.kind) {
    case 'f64': return BigInt(column.data[rowIndex]!);
    case 'i64': return column.data[rowIndex]!;
    case 'i128': return (column.data[2 * rowIndex + 1]! << 64n) + BigInt.asUintN(64, column.data[2 * rowIndex]!);
    default: return mismatch(column);
  }
}

/** @returns the value of one cell, in the form of base/value.ts. */
export function scalarAt(column: Column, type: ScalarType, rowIndex: number): Value {
  if (column.valid !== null && column.valid[rowIndex] === 0) return null;
  switch (type.kind) {
    case 'boolean': return intAt(column, rowIndex) !== 0;
    case 'tinyint': case 'smallint': case 'integer': return intAt(column, rowIndex);
    case 'date': return dateText(intAt(column, rowIndex));
    case 'float': case 'double': return column.kind === 'f64' ? column.data[rowIndex]! : mismatch(column);
    case 'bigint': return exactAt(column, rowIndex);
    case 'timestamp': return timestampText(exactAt(column, rowIndex));
    case 'timestamptz': {
      const text = timestampText(exactAt(column, rowIndex));
      return text.endsWith('infinity') ? text : `${text}Z`;
    }
    case 'decimal': return decimalText(exactAt(column, rowIndex), type.scale);
    case 'varchar': return decoder.decode(bytesAt(column, rowIndex));
    case 'blob': return bytesAt(column, rowIndex).slice();
  }
}

function intAt(column: Column, rowIndex: number): number {
  return column.kind === 'i32' ? column.data[rowIndex]! : mismatch(column);
}

/** @returns a view of the bytes of one cell. */
export function bytesAt(column: Column, rowIndex: number): Uint8Array {
  if (column.kind !== 'bytes') return mismatch(column);
  const length = column.length[rowIndex]!;
  return length === 0 ? new Uint8Array(0) : column.arena.view(column.address[rowIndex]!, length);
}

function mismatch(column: Column): never {
  throw new WarehouseError('internal', 'MR_INTERNAL', `a column of kind ${column.kind} does not hold values of this type`);
}

/** @returns a column of `values`; see column-values.ts. */
export function scalarColumn(type: ScalarType, values: readonly Value[]): Column {
  const valid = validityOf(values);
  const located = <T>(convert: (value: Exclude<Value, null>) => T, nothing: T): T[] => values.map((value, row) => {
    if (value === null) return nothing;
    try {
      return convert(value);
    } catch (cause) {
      if (!(cause instanceof WarehouseError)) throw cause;
      throw new WarehouseError('invalid', 'MR_VALUE', `row ${row}: ${cause.message}`, {cause, hint: cause.hint});
    }
  });
  switch (physicalKind(type)) {
    case 'i32': return {kind: 'i32', data: Int32Array.from(located(value => intOf(type, value), 0)), valid};
    case 'f64': return {kind: 'f64', data: Float64Array.from(located(value => doubleOf(type, value), 0)), valid, bound: Infinity};
    case 'exact64': return exactColumn(located(value => exactOf(type, value), 0n), valid, false);
    case 'exact128': return exactColumn(located(value => exactOf(type, value), 0n), valid, true);
    case 'bytes': return bytesColumn(located(value => bytesOf(type, value), noBytes), valid);
  }
}

const noBytes = new Uint8Array(0);

/** @returns one byte a value, 0 where it is null; null if none is. */
export function validityOf(values: readonly Value[]): Validity {
  return values.includes(null) ? Uint8Array.from(values, value => (value === null ? 0 : 1)) : null;
}

function exactColumn(values: readonly bigint[], valid: Validity, wide128: boolean): Column {
  const bound = values.reduce((most, value) => (value > most ? value : -value > most ? -value : most), 0n);
  if (bound <= BigInt(NARROW_BOUND)) return {kind: 'f64', data: Float64Array.from(values, Number), valid, bound: Number(bound)};
  if (!wide128) return {kind: 'i64', data: BigInt64Array.from(values), valid};
  const data = new BigInt64Array(values.length * 2);
  values.forEach((value, i) => { data[2 * i] = BigInt.asIntN(64, value); data[2 * i + 1] = value >> 64n; });
  return {kind: 'i128', data, valid};
}

/** @returns a column of byte strings in an arena of its own. */
export function bytesColumn(values: readonly Uint8Array[], valid: Validity): Column {
  const arena = new Arena();
  const address = new Float64Array(values.length);
  values.forEach((value, i) => { if (value.length > 0) address[i] = arena.append(value, 0, value.length); });
  return {kind: 'bytes', arena, address, length: Int32Array.from(values, value => value.length), valid};
}

/** @throws {WarehouseError} MR_VALUE (invalid): always. */
export function refuse(type: LogicalType, value: Value): never {
  const shown = typeof value === 'string' ? `"${value.slice(0, 60)}"` : value instanceof Uint8Array ? `${value.length} bytes` : String(value);
  throw new WarehouseError('invalid', 'MR_VALUE', `expected ${typeText(type)}, found ${shown}`);
}

const intRange = {tinyint: 2 ** 7, smallint: 2 ** 15, integer: 2 ** 31};

function intOf(type: LogicalType, value: Value): number {
  if (type.kind === 'boolean') return typeof value === 'boolean' ? Number(value) : refuse(type, value);
  if (type.kind === 'date') return typeof value === 'string' ? parseDate(value) : refuse(type, value);
  if (type.kind !== 'tinyint' && type.kind !== 'smallint' && type.kind !== 'integer') return refuse(type, value);
  const range = intRange[type.kind];
  const int = typeof value === 'bigint' ? Number(value) : value;
  return typeof int === 'number' && Number.isInteger(int) && int >= -range && int < range ? int : refuse(type, value);
}

function doubleOf(type: LogicalType, value: Value): number {
  const double = typeof value === 'bigint' ? Number(value) : value;
  if (typeof double !== 'number') return refuse(type, value);
  return type.kind === 'float' ? Math.fround(double) : double;
}

function exactOf(type: LogicalType, value: Value): bigint {
  switch (type.kind) {
    case 'bigint': {
      const int = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
      return typeof int === 'bigint' && BigInt.asIntN(64, int) === int ? int : refuse(type, value);
    }
    case 'timestamp': case 'timestamptz': return typeof value === 'string' ? parseTimestamp(value) : refuse(type, value);
    case 'decimal':
      if (typeof value === 'string' || typeof value === 'bigint' || (typeof value === 'number' && Number.isFinite(value))) return parseDecimal(String(value), type.precision, type.scale);
      return refuse(type, value);
    default: return refuse(type, value);
  }
}

function bytesOf(type: LogicalType, value: Value): Uint8Array {
  if (type.kind === 'varchar') return typeof value === 'string' ? encoder.encode(value) : refuse(type, value);
  return value instanceof Uint8Array ? value : refuse(type, value);
}
