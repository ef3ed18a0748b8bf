/**
 * DuckDB vectors → columns, in bulk: one copy of a vector's memory, then one loop over it where the physical form differs.
 * Result chunks are flat (the C interface flattens them), so value i of a vector is row i.
 *
 * What comes back is owned by the caller: nothing points into DuckDB. Values under NULL are garbage in DuckDB and 0 here.
 * 64- and 128-bit integers come out narrow (doubles) whenever all of the chunk's values fit 2⁵³ − 1, with the largest
 * magnitude as the bound.
 */
import {WarehouseError} from '../base/error.ts';
import {NARROW_BOUND, type Column, type F64Column, type I32Column, type I64Column, type I128Column, type Validity} from '../base/delta.ts';
import {shapeOf} from '../base/nested.ts';
import {isNested, typeText, type LogicalType} from '../base/type.ts';
import {binding, type DataChunk, type Vector} from './duckdb-binding.ts';
import {readBytes} from './columns-out-bytes.ts';
import {readNested} from './columns-out-nested.ts';
import {valueBytes} from './columns-in.ts';

/** How a vector is read: the stored type that its values become, and the bytes of one value in the vector. */
export interface ColumnReading {readonly type: LogicalType; readonly bytes: 1 | 2 | 4 | 8 | 16; readonly signed: boolean; readonly checked: boolean}

/** @returns how vectors of exactly `type` are read. */
export function readingOf(type: LogicalType): ColumnReading {
  return {type, bytes: valueBytes(type), signed: true, checked: false};
}

/** @returns rows [0, rowCount) of column `index` of a result chunk. */
export function readColumn(chunk: DataChunk, index: number, reading: ColumnReading, rowCount: number): Column {
  const vector = binding.data_chunk_get_vector(chunk, index);
  const {type} = reading;
  if (isNested(type)) return readNested(vector, shapeOf(type), rowCount);
  const valid = readValidity(vector, rowCount);
  switch (type.kind) {
    case 'boolean': case 'tinyint': case 'smallint': case 'integer': case 'date':
      return {kind: 'i32', data: readInts(vector, reading, valid, rowCount), valid} satisfies I32Column;
    case 'float': case 'double':
      return {kind: 'f64', data: readDoubles(vector, reading, valid, rowCount), valid, bound: Infinity} satisfies F64Column;
    case 'varchar': case 'blob':
      return readBytes(vector, valid, rowCount);
    default:
      return readExact(vector, reading, valid, rowCount);
  }
}

/** @returns one byte a row, or null when no value is NULL. */
function readValidity(vector: Vector, rowCount: number): Validity {
  const bits = binding.vector_get_validity(vector, (rowCount + 7) >> 3) as Uint8Array | null;
  if (bits === null) return null;
  const valid = new Uint8Array(rowCount);
  return unpackValidity(bits, valid, rowCount) ? null : valid;
}

/** @returns whether all of the first `rowCount` bits are 1. */
function unpackValidity(bits: Uint8Array, valid: Uint8Array, rowCount: number): boolean {
  let all = 1;
  for (let i = 0; i < rowCount; i++) {
    const bit = (bits[i >> 3]! >> (i & 7)) & 1;
    valid[i] = bit;
    all &= bit;
  }
  return all === 1;
}

function readInts(vector: Vector, reading: ColumnReading, valid: Validity, rowCount: number): Int32Array {
  const bytes = binding.vector_get_data(vector, rowCount * reading.bytes);
  let data: Int32Array;
  if (reading.bytes === 4) data = new Int32Array(bytes.buffer, bytes.byteOffset, rowCount);
  else {
    data = new Int32Array(rowCount);
    if (reading.bytes === 1) {
      if (reading.signed) widenInt8(new Int8Array(bytes.buffer, bytes.byteOffset, rowCount), data, rowCount);
      else widenUint8(bytes, data, rowCount);
    } else if (reading.signed) widenInt16(new Int16Array(bytes.buffer, bytes.byteOffset, rowCount), data, rowCount);
    else widenUint16(new Uint16Array(bytes.buffer, bytes.byteOffset, rowCount), data, rowCount);
  }
  if (valid !== null) zeroNullInts(data, valid, rowCount);
  return data;
}

function widenInt8(from: Int8Array, to: Int32Array, rowCount: number): void {
  for (let i = 0; i < rowCount; i++) to[i] = from[i]!;
}

function widenUint8(from: Uint8Array, to: Int32Array, rowCount: number): void {
  for (let i = 0; i < rowCount; i++) to[i] = from[i]!;
}

function widenInt16(from: Int16Array, to: Int32Array, rowCount: number): void {
  for (let i = 0; i < rowCount; i++) to[i] = from[i]!;
}

function widenUint16(from: Uint16Array, to: Int32Array, rowCount: number): void {
  for (let i = 0; i < rowCount; i++) to[i] = from[i]!;
}

function zeroNullInts(data: Int32Array, valid: Uint8Array, rowCount: number): void {
  for (let i = 0; i < rowCount; i++) data[i] = data[i]! & -valid[i]!;
}

function readDoubles(vector: Vector, reading: ColumnReading, valid: Validity, rowCount: number): Float64Array {
  const bytes = binding.vector_get_data(vector, rowCount * reading.bytes);
  let data: Float64Array;
  if (reading.bytes === 8) data = new Float64Array(bytes.buffer, bytes.byteOffset, rowCount);
  else {
    data = new Float64Array(rowCount);
    widenFloat32(new Float32Array(bytes.buffer, bytes.byteOffset, rowCount), data, rowCount);
  }
  if (valid !== null) zeroNullDoubles(data, valid, rowCount);
  return data;
}

function widenFloat32(from: Float32Array, to: Float64Array, rowCount: number): void {
  for (let i = 0; i < rowCount; i++) to[i] = from[i]!;
}

function zeroNullDoubles(data: Float64Array, valid: Uint8Array, rowCount: number): void {
  for (let i = 0; i < rowCount; i++) if (valid[i] === 0) data[i] = 0;
}

function readExact(vector: Vector, reading: ColumnReading, valid: Validity, rowCount: number): F64Column | I64Column | I128Column {
  const bytes = binding.vector_get_data(vector, rowCount * reading.bytes);
  const narrow = new Float64Array(rowCount);
  if (reading.bytes === 2 || reading.bytes === 4 || reading.bytes === 1) {
    const bound = narrowSmall(bytes, reading, narrow, valid, rowCount);
    return {kind: 'f64', data: narrow, valid, bound};
  }
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, rowCount * (reading.bytes >> 2));
  if (valid !== null) zeroNullWords(words, valid, rowCount, reading.bytes >> 2);
  const bound = reading.bytes === 8 ? narrowWords(words, narrow, rowCount) : narrowWideWords(words, narrow, rowCount);
  if (bound <= NARROW_BOUND) return {kind: 'f64', data: narrow, valid, bound};
  const wide = new BigInt64Array(bytes.buffer, bytes.byteOffset, rowCount * (reading.bytes >> 3));
  if (reading.checked) checkDecimalRange(wide, reading.type, rowCount);
  return reading.bytes === 8 ? {kind: 'i64', data: wide, valid} : {kind: 'i128', data: wide, valid};
}

function narrowSmall(bytes: Uint8Array, reading: ColumnReading, to: Float64Array, valid: Validity, rowCount: number): number {
  const {buffer, byteOffset} = bytes;
  let bound: number;
  if (reading.bytes === 4) bound = reading.signed ? narrowInt32(new Int32Array(buffer, byteOffset, rowCount), to, valid, rowCount) : narrowAny(new Uint32Array(buffer, byteOffset, rowCount), to, valid, rowCount);
  else if (reading.bytes === 2) bound = reading.signed ? narrowInt16(new Int16Array(buffer, byteOffset, rowCount), to, valid, rowCount) : narrowAny(new Uint16Array(buffer, byteOffset, rowCount), to, valid, rowCount);
  else bound = narrowAny(reading.signed ? new Int8Array(buffer, byteOffset, rowCount) : bytes, to, valid, rowCount);
  return bound;
}

function narrowInt16(from: Int16Array, to: Float64Array, valid: Validity, rowCount: number): number {
  let bound = 0;
  for (let i = 0; i < rowCount; i++) {
    const value = valid === null || valid[i] === 1 ? from[i]! : 0;
    const magnitude = value < 0 ? -value : value;
    if (magnitude > bound) bound = magnitude;
    to[i] = value;
  }
  return bound;
}

function narrowInt32(from: Int32Array, to: Float64Array, valid: Validity, rowCount: number): number {
  let bound = 0;
  for (let i = 0; i < rowCount; i++) {
    const value = valid === null || valid[i] === 1 ? from[i]! : 0;
    const magnitude = value < 0 ? -value : value;
    if (magnitude > bound) bound = magnitude;
    to[i] = value;
  }
  return bound;
}

/** The same for types that no stored column has (results cast by widening): rare, so one function for all. */
function narrowAny(from: Int8Array | Uint8Array | Uint16Array | Uint32Array, to: Float64Array, valid: Validity, rowCount: number): number {
  let bound = 0;
  for (let i = 0; i < rowCount; i++) {
    const value = valid === null || valid[i] === 1 ? from[i]! : 0;
    bound = Math.max(bound, Math.abs(value));
    to[i] = value;
  }
  return bound;
}

function zeroNullWords(words: Int32Array, valid: Uint8Array, rowCount: number, wordsPerValue: number): void {
  for (let i = 0; i < rowCount; i++) {
    if (valid[i] === 1) continue;
    for (let j = 0; j < wordsPerValue; j++) words[i * wordsPerValue + j] = 0;
  }
}

/** @returns the largest |value|; above NARROW_BOUND `to` is rounded and void (a value of 2⁵³ or more never rounds below 2⁵³). */
function narrowWords(words: Int32Array, to: Float64Array, rowCount: number): number {
  let smallest = 0;
  let largest = 0;
  for (let i = 0; i < rowCount; i++) {
    const value = words[2 * i + 1]! * 4294967296 + (words[2 * i]! >>> 0);
    if (value > largest) largest = value;
    else if (value < smallest) smallest = value;
    to[i] = value;
  }
  return largest > -smallest ? largest : 0 - smallest; // 0 -, so that the bound of zeros is not -0
}

/** As narrowWords, for values of four words; Infinity if the upper half is more than a sign. */
function narrowWideWords(words: Int32Array, to: Float64Array, rowCount: number): number {
  let smallest = 0;
  let largest = 0;
  for (let i = 0; i < rowCount; i++) {
    const high = words[4 * i + 1]!;
    const sign = high >> 31;
    if (words[4 * i + 2] !== sign || words[4 * i + 3] !== sign) return Infinity;
    const value = high * 4294967296 + (words[4 * i]! >>> 0);
    if (value > largest) largest = value;
    else if (value < smallest) smallest = value;
    to[i] = value;
  }
  return largest > -smallest ? largest : 0 - smallest;
}

const decimalMax = 10n ** 38n - 1n;

/** HUGEINT read as DECIMAL(38,0): 2¹²⁷ is a little more than 38 nines. */
function checkDecimalRange(words: BigInt64Array, type: LogicalType, rowCount: number): void {
  for (let i = 0; i < rowCount; i++) {
    const value = (words[2 * i + 1]! << 64n) + BigInt.asUintN(64, words[2 * i]!);
    if (value > decimalMax || value < -decimalMax) {
      throw new WarehouseError('invalid', 'MR_TYPE', `the value ${value} of a HUGEINT result does not fit ${typeText(type)}`, {hint: 'cast it in the statement'});
    }
  }
}
