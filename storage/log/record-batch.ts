/**
 * Columns to Arrow IPC record-batch messages, by our own loops straight into the frame's memory. The schema message is left out:
 * whoever reads knows the types (a frame names table and schema id). A table's changes carry one more column in front: `_op` Int8.
 *
 * Encoding goes in two steps, so that a frame is allocated once and exactly: `layOutBatches` measures and cuts rows into batches
 * of at most `batchBytesMax`, `writeBatch` writes one. What a type becomes (validity first, each buffer on a multiple of 8 bytes,
 * zeros between):
 *
 * type                          Arrow                buffers after validity
 * BOOLEAN                       Bool                 one bit a value
 * TINYINT SMALLINT INTEGER      Int8 Int16 Int32     1, 2, 4 bytes a value
 * BIGINT                        Int64                8 bytes
 * FLOAT DOUBLE                  Float32 Float64      4, 8 bytes
 * DECIMAL(p,s)                  Decimal128(p,s)      16 bytes, unscaled
 * DATE                          Date32               4 bytes, days since 1970
 * TIMESTAMP, TIMESTAMPTZ        Timestamp(µs[, UTC]) 8 bytes
 * VARCHAR BLOB                  Utf8 Binary          rows + 1 offsets of 4 bytes, then the bytes
 * LIST STRUCT MAP               Binary               the same: bytes as base/nested.ts draws them
 *
 * A validity buffer has length 0 where a batch has no NULL in a column, and values under a NULL are 0, as in memory.
 */
import type {Column} from '../../base/delta.ts';
import {NARROW_BOUND} from '../../base/delta.ts';
import {invariant, unreachable} from '../../base/invariant.ts';
import type {LogicalType} from '../../base/type.ts';
import {physicalKind, typeText} from '../../base/type.ts';
import {metadataBytes, writeMetadata} from './arrow-metadata.ts';
import type {Memory} from './encode-kernels.ts';
import {
  copyBytes, copyDoubles, copyLongs, copyWords, countNulls, doublesToDecimals, doublesToLongs, gatherBytes, longsToDecimals,
  narrowToBytes, narrowToFloats, narrowToShorts, packBits, packBooleans, sumLengths, writeOffsets,
} from './encode-kernels.ts';

/** A batch is cut before it passes this many bytes, which are decoded within a ms; only a single row that is larger makes a larger batch. */
export const batchBytesMax = 256 << 10;
/** Offsets of strings and lengths in the metadata are signed 32-bit words. */
const bodyBytesMax = 2 ** 31 - 8;

/** Rows to encode: a table's changes (`ops` has one changelog op a row) or plain columns (`ops` null). Read, not kept. */
export interface BatchSource {
  readonly rowCount: number;
  readonly ops: Uint8Array | null;
  readonly columns: readonly Column[];
}

/** A measured batch: rows [start, end) of its source, and where everything lies. */
export interface BatchLayout {
  readonly start: number;
  readonly end: number;
  readonly nullCounts: Int32Array;
  readonly buffers: Float64Array;
  readonly bodyBytes: number;
  /** Of the whole message, a multiple of 8. */
  readonly bytes: number;
}

/** @returns buffers of a column in Arrow, validity included. */
export function bufferCount(type: LogicalType): number {
  return physicalKind(type) === 'bytes' ? 3 : 2;
}

/** @returns bits of one value in the buffer after validity (of an offset for strings). */
export function valueBits(type: LogicalType): number {
  switch (type.kind) {
    case 'boolean': return 1;
    case 'tinyint': return 8;
    case 'smallint': return 16;
    case 'integer': case 'date': case 'float': case 'varchar': case 'blob': case 'list': case 'struct': case 'map': return 32;
    case 'bigint': case 'double': case 'timestamp': case 'timestamptz': return 64;
    case 'decimal': return 128;
    default: return unreachable(type);
  }
}

const align = (bytes: number): number => (bytes + 7) & ~7;

/**
 * Measures `source` and cuts it into batches.
 *
 * @param bytesMax largest batch; one row that is larger still makes a batch of its own.
 * @returns layouts in row order; none for no rows.
 */
export function layOutBatches(source: BatchSource, types: readonly LogicalType[], bytesMax: number = batchBytesMax): BatchLayout[] {
  invariant(types.length === source.columns.length, () => `${source.columns.length} columns for ${types.length} types`);
  if (source.rowCount === 0) return [];
  const whole = layOut(source, types, 0, source.rowCount);
  if (whole !== undefined && whole.bytes <= bytesMax) return [whole];
  const layouts: BatchLayout[] = [];
  const ends = cutRows(source, types, bytesMax);
  let start = 0;
  for (const end of ends) {
    const layout = layOut(source, types, start, end);
    invariant(layout !== undefined, () => `rows ${start} to ${end} pass ${bodyBytesMax} bytes`);
    layouts.push(layout);
    start = end;
  }
  return layouts;
}

/** Greedy cut by an upper bound of what every row adds (as if each column had NULLs). @returns the batches' ends. */
function cutRows(source: BatchSource, types: readonly LogicalType[], bytesMax: number): number[] {
  let fixedBytes = source.ops === null ? 0 : 1;
  let headBytes = 0;
  let buffers = 2;
  for (const type of types) {
    fixedBytes += (valueBits(type) + 1) / 8;
    headBytes += 8 * bufferCount(type) + 4;
    buffers += bufferCount(type);
  }
  headBytes += metadataBytes(types.length + 1, buffers) + 16;
  const rowBytes = new Float64Array(source.rowCount).fill(fixedBytes);
  for (const column of source.columns) if (column.kind === 'bytes') addLengths(column.length, rowBytes);
  const ends: number[] = [];
  let bytes = headBytes;
  for (let i = 0, start = 0; i < source.rowCount; i++) {
    bytes += rowBytes[i]!;
    if (bytes > bytesMax && i > start) {
      ends.push(i);
      start = i;
      bytes = headBytes + rowBytes[i]!;
    }
  }
  ends.push(source.rowCount);
  return ends;
}

function addLengths(lengths: Int32Array, sums: Float64Array): void {
  for (let i = 0; i < sums.length; i++) sums[i]! += lengths[i]!;
}

/** @returns undefined if the rows do not fit a batch at all. */
function layOut(source: BatchSource, types: readonly LogicalType[], start: number, end: number): BatchLayout | undefined {
  const rows = end - start;
  const opNodes = source.ops === null ? 0 : 1;
  const nullCounts = new Int32Array(opNodes + types.length);
  let buffersTotal = 2 * opNodes;
  for (const type of types) buffersTotal += bufferCount(type);
  const buffers = new Float64Array(2 * buffersTotal);
  let b = 0;
  let body = 0;
  if (opNodes === 1) {
    buffers[3] = rows;
    b = 4;
    body = align(rows);
  }
  for (let c = 0; c < types.length; c++) {
    const column = source.columns[c]!;
    const type = types[c]!;
    const nulls = column.valid === null ? 0 : countNulls(column.valid, start, end);
    nullCounts[opNodes + c] = nulls;
    const validBytes = nulls === 0 ? 0 : (rows + 7) >> 3;
    buffers[b++] = body;
    buffers[b++] = validBytes;
    body += align(validBytes);
    const values = column.kind === 'bytes' ? rows + 1 : rows;
    const valueBytes = Math.ceil(values * valueBits(type) / 8);
    buffers[b++] = body;
    buffers[b++] = valueBytes;
    body += Math.ceil(valueBytes / 8) * 8;
    if (column.kind === 'bytes') {
      const textBytes = sumLengths(column.length, start, end);
      buffers[b++] = body;
      buffers[b++] = textBytes;
      body += Math.ceil(textBytes / 8) * 8;
    }
    if (body > bodyBytesMax) return undefined;
  }
  return {start, end, nullCounts, buffers, bodyBytes: body, bytes: metadataBytes(nullCounts.length, buffersTotal) + body};
}

/**
 * Writes one measured batch.
 *
 * @param memory zeroed where the batch goes. @param at byte position, a multiple of 8.
 * @returns the byte position after it.
 */
export function writeBatch(source: BatchSource, types: readonly LogicalType[], layout: BatchLayout, memory: Memory, at: number): number {
  const {start, end, buffers} = layout;
  writeMetadata(memory.i32, at, {rowCount: end - start, bodyBytes: layout.bodyBytes, nullCounts: layout.nullCounts, buffers});
  const body = at + layout.bytes - layout.bodyBytes;
  let b = 0;
  if (source.ops !== null) {
    copyBytes(source.ops, start, end, memory.u8, body + buffers[2]!);
    b = 4;
  }
  for (let c = 0; c < types.length; c++) {
    const column = source.columns[c]!;
    const type = types[c]!;
    if (buffers[b + 1]! > 0) packBits(column.valid!, start, end, memory.u8, body + buffers[b]!);
    writeValues(column, type, start, end, memory, body + buffers[b + 2]!, body + buffers[b + 4]!);
    b += 2 * bufferCount(type);
  }
  return at + layout.bytes;
}

/** @param textAt where the bytes of a string column go. */
function writeValues(column: Column, type: LogicalType, start: number, end: number, memory: Memory, at: number, textAt: number): void {
  switch (type.kind) {
    case 'boolean': return packBooleans(words(column, type), start, end, memory.u8, at);
    case 'tinyint': return narrowToBytes(words(column, type), start, end, memory.u8, at);
    case 'smallint': return narrowToShorts(words(column, type), start, end, memory.i16, at >> 1);
    case 'integer': case 'date': return copyWords(words(column, type), start, end, memory.i32, at >> 2);
    case 'float': return narrowToFloats(doubles(column, type), start, end, memory.f32, at >> 2);
    case 'double': return copyDoubles(doubles(column, type), start, end, memory.f64, at >> 3);
    case 'bigint': case 'timestamp': case 'timestamptz':
      if (column.kind === 'i64') return copyLongs(column.data, start, end, memory.i64, at >> 3);
      return doublesToLongs(narrow(column, type), start, end, memory.i32, at >> 2);
    case 'decimal':
      if (column.kind === 'i128') {
        invariant(type.precision > 18, () => `an i128 column for ${typeText(type)}`);
        return copyLongs(column.data, 2 * start, 2 * end, memory.i64, at >> 3);
      }
      if (column.kind === 'i64') return longsToDecimals(wordsOf(column.data), start, end, memory.i32, at >> 2);
      return doublesToDecimals(narrow(column, type), start, end, memory.i32, at >> 2);
    case 'varchar': case 'blob': case 'list': case 'struct': case 'map':
      invariant(column.kind === 'bytes', () => `an ${column.kind} column for ${typeText(type)}`);
      writeOffsets(column.length, start, end, memory.i32, at >> 2);
      return gatherBytes(column.arena.segments, column.address, column.length, start, end, memory.u8, textAt);
    default: return unreachable(type);
  }
}

function words(column: Column, type: LogicalType): Int32Array {
  invariant(column.kind === 'i32', () => `an ${column.kind} column for ${typeText(type)}`);
  return column.data;
}

function doubles(column: Column, type: LogicalType): Float64Array {
  invariant(column.kind === 'f64', () => `an ${column.kind} column for ${typeText(type)}`);
  return column.data;
}

function narrow(column: Column, type: LogicalType): Float64Array {
  invariant(column.kind === 'f64' && column.bound <= NARROW_BOUND, () => `an ${column.kind} column for ${typeText(type)}, or one without a bound`);
  return column.data;
}

function wordsOf(data: BigInt64Array): Int32Array {
  return new Int32Array(data.buffer, data.byteOffset, 2 * data.length);
}
