/**
 * Columns → DuckDB vectors, in bulk: one memory copy per fixed-width column, at most two and one string assignment per text
 * column, no call and no object per value.
 *
 * The vector belongs to a chunk that DuckDB has reset and not yet taken: all values valid, contents undefined. Whatever is
 * written is copied; the column may change once `writeColumn` has returned.
 * Scratch buffers are one set per thread: every use ends before the function returns.
 */
import {WarehouseError} from '../base/error.ts';
import {fixedWidth, shapeOf, type FixedWidth} from '../base/nested.ts';
import {decodeNested} from '../base/nested-decode.ts';
import {isNested, physicalKind, typeText, type LogicalType} from '../base/type.ts';
import type {BytesColumn, Column} from '../base/delta.ts';
import {binding, VECTOR_ROWS, type BindingType, type Vector} from './duckdb-binding.ts';
import {writeBytes} from './columns-in-bytes.ts';
import {writeNested, writeValidity} from './columns-in-nested.ts';

const bindingTypes = new Map<string, BindingType>();

/** @returns DuckDB's handle of a stored type. */
export function bindingType(type: LogicalType): BindingType {
  const text = typeText(type);
  let handle = bindingTypes.get(text);
  if (handle === undefined) {
    handle = makeBindingType(type);
    bindingTypes.set(text, handle);
  }
  return handle;
}

function makeBindingType(type: LogicalType): BindingType {
  switch (type.kind) {
    case 'decimal': return binding.create_decimal_type(type.precision, type.scale);
    case 'list': return binding.create_list_type(bindingType(type.element));
    case 'map': return binding.create_map_type(bindingType(type.key), bindingType(type.value));
    case 'struct': return binding.create_struct_type(type.fields.map((field) => bindingType(field.type)), type.fields.map((field) => field.name));
    default: return binding.create_logical_type(typeIds[type.kind]);
  }
}

const typeIds = {
  boolean: binding.Type.BOOLEAN, tinyint: binding.Type.TINYINT, smallint: binding.Type.SMALLINT, integer: binding.Type.INTEGER,
  bigint: binding.Type.BIGINT, float: binding.Type.FLOAT, double: binding.Type.DOUBLE, varchar: binding.Type.VARCHAR,
  blob: binding.Type.BLOB, date: binding.Type.DATE, timestamp: binding.Type.TIMESTAMP, timestamptz: binding.Type.TIMESTAMP_TZ,
};

/** Bytes of one value in a vector; of a LIST or MAP those of its offset and length, of a STRUCT none. */
export function valueBytes(type: LogicalType): FixedWidth {
  return isNested(type) || type.kind === 'varchar' || type.kind === 'blob' ? 16 : fixedWidth(type);
}

const scratch = new ArrayBuffer(VECTOR_ROWS * 16);
const int8 = new Int8Array(scratch);
const int16 = new Int16Array(scratch);
const int32 = new Int32Array(scratch);
const int64 = new BigInt64Array(scratch);
const float32 = new Float32Array(scratch);
const scratchBytes = new Uint8Array(scratch);

/**
 * Writes rows [start, start + rowCount) of `column` to the first rows of `vector`.
 *
 * @param rowCount at most VECTOR_ROWS.
 * @throws {WarehouseError} MR_UTF8 (data) if a VARCHAR column holds bytes that are not UTF-8; MR_INTERNAL if the column's kind
 *   is not one of the type's.
 */
export function writeColumn(vector: Vector, type: LogicalType, column: Column, start: number, rowCount: number): void {
  if (rowCount === 0) return;
  switch (column.kind) {
    case 'i32': writeInts(vector, type, column.data, start, rowCount); break;
    case 'f64': writeDoubles(vector, type, column.data, start, rowCount); break;
    case 'i64': writeLongs(vector, type, column.data, start, rowCount); break;
    case 'i128':
      if (valueBytes(type) !== 16 || type.kind !== 'decimal') throw wrongKind(type, column);
      copyOut(vector, column.data, start * 16, rowCount * 16);
      break;
    case 'bytes': writeText(vector, type, column, start, rowCount); break;
  }
  // Of a nested column writeNested has written the NULLs, of all its parts.
  if (!isNested(type)) writeValidity(vector, column.valid, start, rowCount);
}

function wrongKind(type: LogicalType, column: Column): WarehouseError {
  return new WarehouseError('internal', 'MR_INTERNAL', `a ${typeText(type)} column is held as ${physicalKind(type)}, found ${column.kind}`);
}

function writeText(vector: Vector, type: LogicalType, column: BytesColumn, start: number, rowCount: number): void {
  if (isNested(type)) writeNested(vector, decodeNested(shapeOf(type), column, start, rowCount), rowCount);
  else if (type.kind === 'varchar' || type.kind === 'blob') writeBytes(vector, type.kind, column, start, rowCount);
  else throw wrongKind(type, column);
}

function writeInts(vector: Vector, type: LogicalType, data: Int32Array, start: number, rowCount: number): void {
  if (physicalKind(type) !== 'i32') throw wrongKind(type, {kind: 'i32', data, valid: null});
  switch (valueBytes(type)) {
    case 1: intsToInt8(data, start, rowCount); return copyScratch(vector, rowCount);
    case 2: intsToInt16(data, start, rowCount); return copyScratch(vector, rowCount * 2);
    default: return copyOut(vector, data, start * 4, rowCount * 4);
  }
}

function writeDoubles(vector: Vector, type: LogicalType, data: Float64Array, start: number, rowCount: number): void {
  if (type.kind === 'double') return copyOut(vector, data, start * 8, rowCount * 8);
  if (type.kind === 'float') {
    doublesToFloat32(data, start, rowCount);
    return copyScratch(vector, rowCount * 4);
  }
  const kind = physicalKind(type);
  if (kind !== 'exact64' && kind !== 'exact128') throw wrongKind(type, {kind: 'f64', data, valid: null, bound: 0});
  const width = valueBytes(type);
  if (width === 2) doublesToInt16(data, start, rowCount);
  else if (width === 4) doublesToInt32(data, start, rowCount);
  else if (width === 8) doublesToWords(data, start, rowCount);
  else doublesToWideWords(data, start, rowCount);
  copyScratch(vector, rowCount * width);
}

function writeLongs(vector: Vector, type: LogicalType, data: BigInt64Array, start: number, rowCount: number): void {
  const kind = physicalKind(type);
  if (kind !== 'exact64' && kind !== 'exact128') throw wrongKind(type, {kind: 'i64', data, valid: null});
  const width = valueBytes(type);
  if (width === 8) return copyOut(vector, data, start * 8, rowCount * 8);
  for (let i = 0; i < rowCount; i++) { // wide columns of narrow decimals do not come from hot paths
    const value = data[start + i]!;
    if (width === 2) int16[i] = Number(value);
    else if (width === 4) int32[i] = Number(value);
    else { int64[2 * i] = value; int64[2 * i + 1] = value < 0n ? -1n : 0n; }
  }
  copyScratch(vector, rowCount * width);
}

function intsToInt8(data: Int32Array, start: number, rowCount: number): void {
  for (let i = 0; i < rowCount; i++) int8[i] = data[start + i]!;
}

function intsToInt16(data: Int32Array, start: number, rowCount: number): void {
  for (let i = 0; i < rowCount; i++) int16[i] = data[start + i]!;
}

function doublesToFloat32(data: Float64Array, start: number, rowCount: number): void {
  for (let i = 0; i < rowCount; i++) float32[i] = data[start + i]!;
}

function doublesToInt16(data: Float64Array, start: number, rowCount: number): void {
  for (let i = 0; i < rowCount; i++) int16[i] = data[start + i]!;
}

function doublesToInt32(data: Float64Array, start: number, rowCount: number): void {
  for (let i = 0; i < rowCount; i++) int32[i] = data[start + i]!;
}

/** Two words a value, low first: the low word is the value modulo 2³², the high word floors. */
function doublesToWords(data: Float64Array, start: number, rowCount: number): void {
  for (let i = 0; i < rowCount; i++) {
    const value = data[start + i]!;
    int32[2 * i] = value | 0;
    int32[2 * i + 1] = Math.floor(value * 2 ** -32);
  }
}

function doublesToWideWords(data: Float64Array, start: number, rowCount: number): void {
  for (let i = 0; i < rowCount; i++) {
    const value = data[start + i]!;
    const sign = value < 0 ? -1 : 0;
    int32[4 * i] = value | 0;
    int32[4 * i + 1] = Math.floor(value * 2 ** -32);
    int32[4 * i + 2] = sign;
    int32[4 * i + 3] = sign;
  }
}

function copyScratch(vector: Vector, byteCount: number): void {
  binding.copy_data_to_vector(vector, 0, scratch, 0, byteCount);
}

/** Copies `byteCount` bytes of `data` from `byteStart` on to the start of the vector. */
function copyOut(vector: Vector, data: Int32Array | Float64Array | BigInt64Array, byteStart: number, byteCount: number): void {
  const buffer = data.buffer;
  const from = data.byteOffset + byteStart;
  // The binding takes offsets of 32 bits and no SharedArrayBuffer.
  if (buffer instanceof ArrayBuffer && from <= 0xffff_ffff) {
    binding.copy_data_to_vector(vector, 0, buffer, from, byteCount);
    return;
  }
  scratchBytes.set(new Uint8Array(buffer, from, byteCount));
  copyScratch(vector, byteCount);
}
