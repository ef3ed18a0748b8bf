/**
 * The buckets of many rows at once: Murmur over the BinaryRow of each row's key, without building the rows.
 *
 * The hash takes in the words of the null bits, then of each slot, then of the variable part, in field order. So the columns are
 * walked twice, the state of every row's hash in one Int32Array: once for the slots, where a running offset per row says where
 * its next variable value would lie, and once for the variable values. One loop per column form; no object, string or bigint a row
 * (wide timestamps and wide large decimals excepted, which are rare and not keys of anything big).
 */
import type {BytesColumn, Column, F64Column, I64Column, Validity} from '../../base/delta.ts';
import {ARENA_SEGMENT_SPAN} from '../../base/arena.ts';
import {invariant} from '../../base/invariant.ts';
import type {LogicalType} from '../../base/type.ts';
import {bucketOfHash, MURMUR_SEED, murmurFinish, murmurMix} from './murmur.ts';

const TWO_32 = 4_294_967_296;
const INLINE_MAX = 7;
const LARGE_DECIMAL_BYTES = 16;

/** State of the hashes of a batch of rows. */
interface Hashes {
  readonly rowCount: number;
  readonly hash: Int32Array;
  /** Byte offset of each row's next variable value; at the end its length. */
  readonly offset: Int32Array;
}

/**
 * @param columns the key columns, in key order; read, not kept.
 * @param types their types, each a type that a key may have.
 * @returns Paimon's bucket of every row, [0, bucketCount).
 */
export function bucketColumn(columns: readonly Column[], types: readonly LogicalType[], bucketCount: number, rowCount: number): Int32Array {
  invariant(columns.length === types.length && columns.length > 0, () => `${columns.length} key columns with ${types.length} types`);
  invariant(Number.isInteger(bucketCount) && bucketCount > 0, () => `bucket count ${bucketCount}`);
  const nullBytes = Math.floor((columns.length + 63 + 8) / 64) * 8;
  const state: Hashes = {rowCount, hash: new Int32Array(rowCount).fill(MURMUR_SEED), offset: new Int32Array(rowCount).fill(nullBytes + 8 * columns.length)};
  mixNullBits(state, columns, nullBytes);
  for (let i = 0; i < columns.length; i++) mixSlot(state, columns[i]!, types[i]!);
  for (let i = 0; i < columns.length; i++) mixVariable(state, columns[i]!, types[i]!);
  const buckets = new Int32Array(rowCount);
  for (let row = 0; row < rowCount; row++) buckets[row] = bucketOfHash(murmurFinish(state.hash[row]!, state.offset[row]!), bucketCount);
  return buckets;
}

function mixNullBits(state: Hashes, columns: readonly Column[], nullBytes: number): void {
  const {hash, rowCount} = state;
  for (let word = 0; word < nullBytes / 4; word++) {
    const bits = new Int32Array(rowCount);
    for (let i = 0; i < columns.length; i++) {
      if (((i + 8) >> 5) === word && columns[i]!.valid !== null) setNullBit(bits, columns[i]!.valid!, 1 << ((i + 8) & 31), rowCount);
    }
    for (let row = 0; row < rowCount; row++) hash[row] = murmurMix(hash[row]!, bits[row]!);
  }
}

function setNullBit(bits: Int32Array, valid: Uint8Array, bit: number, rowCount: number): void {
  for (let row = 0; row < rowCount; row++) if (valid[row] === 0) bits[row]! |= bit;
}

function mixSlot(state: Hashes, column: Column, type: LogicalType): void {
  switch (type.kind) {
    case 'boolean': case 'tinyint': return mixInt32(state, i32(column), 0xff);
    case 'smallint': return mixInt32(state, i32(column), 0xffff);
    case 'integer': case 'date': return mixInt32(state, i32(column), -1);
    case 'float': return mixFloat(state, f64(column));
    case 'double': return mixDouble(state, f64(column));
    case 'bigint': return mixInt64(state, column);
    case 'decimal': return type.precision <= 18 ? mixInt64(state, column) : mixLargeDecimalSlot(state, column);
    case 'timestamp': case 'timestamptz': return mixTimestampSlot(state, column);
    case 'varchar': case 'blob': return mixBytesSlot(state, bytes(column));
  }
}

function mixVariable(state: Hashes, column: Column, type: LogicalType): void {
  switch (type.kind) {
    case 'varchar': case 'blob': return mixLongBytes(state, bytes(column));
    case 'timestamp': case 'timestamptz': return mixTimestampMillis(state, column);
    case 'decimal': if (type.precision > 18) mixLargeDecimal(state, column);
  }
}

function i32(column: Column): {readonly data: Int32Array} {
  invariant(column.kind === 'i32', () => `key column is ${column.kind}, expected i32`);
  return column;
}

function f64(column: Column): F64Column {
  invariant(column.kind === 'f64', () => `key column is ${column.kind}, expected f64`);
  return column;
}

function bytes(column: Column): BytesColumn {
  invariant(column.kind === 'bytes', () => `key column is ${column.kind}, expected bytes`);
  return column;
}

/** Values under NULL are 0, so no loop below has to ask. */
function mixInt32({hash, rowCount}: Hashes, {data}: {readonly data: Int32Array}, mask: number): void {
  for (let row = 0; row < rowCount; row++) hash[row] = murmurMix(murmurMix(hash[row]!, data[row]! & mask), 0);
}

const scratch = new DataView(new ArrayBuffer(8));

function mixFloat({hash, rowCount}: Hashes, {data}: F64Column): void {
  for (let row = 0; row < rowCount; row++) {
    scratch.setFloat32(0, data[row]! + 0, true); // + 0: -0 and 0 are one key
    hash[row] = murmurMix(murmurMix(hash[row]!, scratch.getInt32(0, true)), 0);
  }
}

function mixDouble({hash, rowCount}: Hashes, {data}: F64Column): void {
  for (let row = 0; row < rowCount; row++) {
    scratch.setFloat64(0, data[row]! + 0, true);
    hash[row] = murmurMix(murmurMix(hash[row]!, scratch.getInt32(0, true)), scratch.getInt32(4, true));
  }
}

function mixInt64({hash, rowCount}: Hashes, column: Column): void {
  if (column.kind === 'i64') return mixWords(hash, words(column), rowCount);
  const {data} = f64(column);
  for (let row = 0; row < rowCount; row++) {
    const value = data[row]!;
    const high = Math.floor(value / TWO_32);
    hash[row] = murmurMix(murmurMix(hash[row]!, (value - high * TWO_32) | 0), high | 0);
  }
}

function mixWords(hash: Int32Array, halves: Int32Array, rowCount: number): void {
  for (let row = 0; row < rowCount; row++) hash[row] = murmurMix(murmurMix(hash[row]!, halves[2 * row]!), halves[2 * row + 1]!);
}

function words(column: I64Column): Int32Array {
  return new Int32Array(column.data.buffer, column.data.byteOffset, column.data.length * 2);
}

/** Slot: nanoseconds within the millisecond, offset of the 8 bytes of milliseconds. A NULL reserves its 8 bytes. */
function mixTimestampSlot(state: Hashes, column: Column): void {
  const {hash, offset, rowCount} = state;
  for (let row = 0; row < rowCount; row++) {
    hash[row] = murmurMix(murmurMix(hash[row]!, microsOfMilli(column, row) * 1000), offset[row]!);
    offset[row]! += 8;
  }
}

function microsOfMilli(column: Column, row: number): number {
  if (column.kind === 'i64') return Number(((column.data[row]! % 1000n) + 1000n) % 1000n);
  const micros = f64(column).data[row]!;
  return micros - Math.floor(micros / 1000) * 1000;
}

function mixTimestampMillis({hash, rowCount}: Hashes, column: Column): void {
  if (column.kind === 'i64') {
    const millis = new BigInt64Array(rowCount);
    for (let row = 0; row < rowCount; row++) millis[row] = (column.data[row]! - BigInt(microsOfMilli(column, row))) / 1000n;
    return mixWords(hash, new Int32Array(millis.buffer), rowCount);
  }
  const {data} = f64(column);
  for (let row = 0; row < rowCount; row++) {
    const millis = Math.floor(data[row]! / 1000);
    const high = Math.floor(millis / TWO_32);
    hash[row] = murmurMix(murmurMix(hash[row]!, (millis - high * TWO_32) | 0), high | 0);
  }
}

function mixBytesSlot({hash, offset, rowCount}: Hashes, column: BytesColumn): void {
  const {address, length, arena, valid} = column;
  for (let row = 0; row < rowCount; row++) {
    const byteLength = length[row]!;
    if (valid !== null && valid[row] === 0) {
      hash[row] = murmurMix(murmurMix(hash[row]!, 0), 0);
    } else if (byteLength <= INLINE_MAX) {
      const segmentIndex = Math.floor(address[row]! / ARENA_SEGMENT_SPAN);
      const segment = arena.segments[segmentIndex];
      const start = address[row]! - segmentIndex * ARENA_SEGMENT_SPAN;
      let low = 0;
      let high = (0x80 | byteLength) << 24;
      for (let i = 0; i < byteLength; i++) {
        if (i < 4) low |= segment![start + i]! << (8 * i);
        else high |= segment![start + i]! << (8 * (i - 4));
      }
      hash[row] = murmurMix(murmurMix(hash[row]!, low), high);
    } else {
      hash[row] = murmurMix(murmurMix(hash[row]!, byteLength), offset[row]!);
      offset[row]! += (byteLength + 7) & ~7;
    }
  }
}

function mixLongBytes({hash, rowCount}: Hashes, {address, length, arena}: BytesColumn): void {
  for (let row = 0; row < rowCount; row++) {
    const byteLength = length[row]!;
    if (byteLength <= INLINE_MAX) continue;
    const segmentIndex = Math.floor(address[row]! / ARENA_SEGMENT_SPAN);
    hash[row] = mixBytes(hash[row]!, arena.segments[segmentIndex]!, address[row]! - segmentIndex * ARENA_SEGMENT_SPAN, byteLength);
  }
}

/** Takes in `byteLength` bytes, padded with zeros to a multiple of 8. */
function mixBytes(hash: number, segment: Uint8Array, start: number, byteLength: number): number {
  const whole = byteLength & ~3;
  let h = hash;
  for (let i = start; i < start + whole; i += 4) h = murmurMix(h, segment[i]! | (segment[i + 1]! << 8) | (segment[i + 2]! << 16) | (segment[i + 3]! << 24));
  let tail = 0;
  for (let i = whole; i < byteLength; i++) tail |= segment[start + i]! << (8 * (i - whole));
  const padded = (byteLength + 7) & ~7;
  if (whole < byteLength) h = murmurMix(h, tail);
  return padded - whole > 4 || (whole === byteLength && padded > whole) ? murmurMix(h, 0) : h;
}

/** Slot: bytes needed, offset. A NULL reserves its 16 bytes too. */
function mixLargeDecimalSlot({hash, offset, rowCount}: Hashes, column: Column): void {
  for (let row = 0; row < rowCount; row++) {
    hash[row] = murmurMix(murmurMix(hash[row]!, isNull(column.valid, row) ? 0 : decimalByteLength(column, row)), offset[row]!);
    offset[row]! += LARGE_DECIMAL_BYTES;
  }
}

const decimalBytes = new Uint8Array(LARGE_DECIMAL_BYTES);
const decimalView = new DataView(decimalBytes.buffer);

/** Puts the shortest big-endian two's complement into `decimalBytes`, zeros behind it. @returns its length. */
function decimalByteLength(column: Column, row: number): number {
  // Big-endian over all 16 bytes first, then without the bytes that only repeat the sign.
  if (column.kind === 'i128') {
    decimalView.setBigInt64(0, column.data[2 * row + 1]!, false);
    decimalView.setBigInt64(8, column.data[2 * row]!, false);
  } else {
    const value = f64(column).data[row]!;
    const high = Math.floor(value / TWO_32);
    const sign = value < 0 ? -1 : 0;
    decimalView.setInt32(0, sign, false);
    decimalView.setInt32(4, sign, false);
    decimalView.setInt32(8, high, false);
    decimalView.setInt32(12, (value - high * TWO_32) | 0, false);
  }
  const sign = decimalBytes[0]! >= 0x80 ? 0xff : 0;
  let first = 0;
  while (first < LARGE_DECIMAL_BYTES - 1 && decimalBytes[first] === sign && (decimalBytes[first + 1]! & 0x80) === (sign & 0x80)) first++;
  decimalBytes.copyWithin(0, first);
  decimalBytes.fill(0, LARGE_DECIMAL_BYTES - first);
  return LARGE_DECIMAL_BYTES - first;
}

function mixLargeDecimal({hash, rowCount}: Hashes, column: Column): void {
  for (let row = 0; row < rowCount; row++) {
    if (isNull(column.valid, row)) decimalBytes.fill(0);
    else decimalByteLength(column, row);
    let h = hash[row]!;
    for (let i = 0; i < LARGE_DECIMAL_BYTES; i += 4) h = murmurMix(h, decimalView.getInt32(i, true));
    hash[row] = h;
  }
}

function isNull(valid: Validity, row: number): boolean {
  return valid !== null && valid[row] === 0;
}
