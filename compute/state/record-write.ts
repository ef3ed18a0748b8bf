/**
 * Loop kernels that copy columns into records: one per array type, arguments only. `rows[i]` is the record of the i-th selected row.
 * A value under a NULL is written as zero words whatever the column holds there, so that records compare by words.
 */
import {ARENA_SEGMENT_SPAN} from '../../base/arena.ts';
import type {BytesColumn, Column, Validity} from '../../base/delta.ts';
import {invariant, unreachable} from '../../base/invariant.ts';
import type {AlignedArena} from './aligned-arena.ts';
import type {RecordField} from './record-layout.ts';

/** Rows of one segment of a store, as a power of two. */
export const SEGMENT_BITS = 15;
export const SEGMENT_MASK = (1 << SEGMENT_BITS) - 1;
const TWO_32 = 4_294_967_296;

export function writeHeader(words: readonly Int32Array[], stride: number, offset: number, value: number, rows: Int32Array, count: number): void {
  for (let i = 0; i < count; i++) {
    const row = rows[i]!;
    words[row >> SEGMENT_BITS]![(row & SEGMENT_MASK) * stride + offset] = value;
  }
}

/** Clears the validity bit of the rows that are NULL. @returns how many are. */
export function writeNulls(words: readonly Int32Array[], stride: number, offset: number, mask: number, rows: Int32Array, valid: Uint8Array, selection: Int32Array | null, count: number): number {
  let nulls = 0;
  for (let i = 0; i < count; i++) {
    if (valid[selection === null ? i : selection[i]!] !== 0) continue;
    const row = rows[i]!;
    words[row >> SEGMENT_BITS]![(row & SEGMENT_MASK) * stride + offset]! &= ~mask;
    nulls++;
  }
  return nulls;
}

export function writeI32(words: readonly Int32Array[], stride: number, offset: number, rows: Int32Array, data: Int32Array, valid: Validity, selection: Int32Array | null, count: number): void {
  for (let i = 0; i < count; i++) {
    const from = selection === null ? i : selection[i]!;
    const row = rows[i]!;
    words[row >> SEGMENT_BITS]![(row & SEGMENT_MASK) * stride + offset] = valid === null || valid[from] !== 0 ? data[from]! : 0;
  }
}

/** Doubles; `offset` in words, even. NaNs become one NaN; −0 stays unless `normalise`. */
export function writeF64(doubles: readonly Float64Array[], stride: number, offset: number, rows: Int32Array, data: Float64Array, valid: Validity, selection: Int32Array | null, count: number, normalise: boolean): void {
  const half = stride >> 1;
  const at = offset >> 1;
  for (let i = 0; i < count; i++) {
    const from = selection === null ? i : selection[i]!;
    const row = rows[i]!;
    let value = valid === null || valid[from] !== 0 ? data[from]! : 0;
    if (value !== value) value = Number.NaN;
    else if (normalise && value === 0) value = 0;
    doubles[row >> SEGMENT_BITS]![(row & SEGMENT_MASK) * half + at] = value;
  }
}

/** Narrow exact integers as low and high word. */
export function writeNarrow64(words: readonly Int32Array[], stride: number, offset: number, rows: Int32Array, data: Float64Array, valid: Validity, selection: Int32Array | null, count: number): void {
  for (let i = 0; i < count; i++) {
    const from = selection === null ? i : selection[i]!;
    const row = rows[i]!;
    const value = valid === null || valid[from] !== 0 ? data[from]! : 0;
    const segment = words[row >> SEGMENT_BITS]!;
    const at = (row & SEGMENT_MASK) * stride + offset;
    segment[at] = value | 0;
    segment[at + 1] = Math.floor(value / TWO_32) | 0;
  }
}

/** Narrow exact integers as four words. */
export function writeNarrow128(words: readonly Int32Array[], stride: number, offset: number, rows: Int32Array, data: Float64Array, valid: Validity, selection: Int32Array | null, count: number): void {
  for (let i = 0; i < count; i++) {
    const from = selection === null ? i : selection[i]!;
    const row = rows[i]!;
    const value = valid === null || valid[from] !== 0 ? data[from]! : 0;
    const segment = words[row >> SEGMENT_BITS]!;
    const at = (row & SEGMENT_MASK) * stride + offset;
    segment[at] = value | 0;
    segment[at + 1] = Math.floor(value / TWO_32) | 0;
    segment[at + 2] = segment[at + 3] = value < 0 ? -1 : 0;
  }
}

/** Wide integers: `data` holds `per` words a value, the record takes `per` of them and, if `extend`, two more of sign. */
export function writeWide(words: readonly Int32Array[], stride: number, offset: number, rows: Int32Array, data: Int32Array, per: 2 | 4, extend: boolean, valid: Validity, selection: Int32Array | null, count: number): void {
  for (let i = 0; i < count; i++) {
    const from = selection === null ? i : selection[i]!;
    const row = rows[i]!;
    const there = valid === null || valid[from] !== 0 ? -1 : 0;
    const segment = words[row >> SEGMENT_BITS]!;
    const at = (row & SEGMENT_MASK) * stride + offset;
    segment[at] = data[per * from]! & there;
    const high = data[per * from + 1]! & there;
    segment[at + 1] = high;
    if (per === 4) {
      segment[at + 2] = data[per * from + 2]! & there;
      segment[at + 3] = data[per * from + 3]! & there;
    } else if (extend) segment[at + 2] = segment[at + 3] = high >> 31;
  }
}

/** Copies bytes into the store's arena, those of each segment of rows into a zone of their own. */
export function writeBytes(words: readonly Int32Array[], doubles: readonly Float64Array[], stride: number, offset: number, lengthOffset: number, rows: Int32Array, column: BytesColumn, selection: Int32Array | null, count: number, arena: AlignedArena): void {
  const {valid, address: addresses, length: lengths} = column;
  const sources = column.arena.segments;
  const half = stride >> 1;
  const at = offset >> 1;
  for (let i = 0; i < count; i++) {
    const from = selection === null ? i : selection[i]!;
    const row = rows[i]!;
    const length = valid === null || valid[from] !== 0 ? lengths[from]! : 0;
    let address = 0;
    if (length !== 0) {
      const source = addresses[from]!;
      const index = Math.floor(source / ARENA_SEGMENT_SPAN);
      arena.useZone(row >> SEGMENT_BITS);
      address = arena.append(sources[index]!, source - index * ARENA_SEGMENT_SPAN, length);
    }
    doubles[row >> SEGMENT_BITS]![(row & SEGMENT_MASK) * half + at] = address;
    words[row >> SEGMENT_BITS]![(row & SEGMENT_MASK) * stride + lengthOffset] = length;
  }
}

export function writePositions(doubles: readonly Float64Array[], stride: number, offset: number, rows: Int32Array, positions: Float64Array, count: number): void {
  const half = stride >> 1;
  const at = offset >> 1;
  for (let i = 0; i < count; i++) {
    const row = rows[i]!;
    doubles[row >> SEGMENT_BITS]![(row & SEGMENT_MASK) * half + at] = positions[i]!;
  }
}

/** Where records are written. */
interface RecordTarget {
  readonly words: readonly Int32Array[];
  readonly doubles: readonly Float64Array[];
  readonly arena: AlignedArena;
}

/** Writes one field of records, by its kind. @param index the column's number, for errors. @param normalise −0 is written as 0. */
export function writeField({words, doubles, arena}: RecordTarget, field: RecordField, stride: number, index: number, column: Column, selection: Int32Array | null, count: number, rows: Int32Array, normalise: boolean): void {
  const {offset} = field;
  const {valid} = column;
  switch (field.kind) {
    case 'i32':
      invariant(column.kind === 'i32', () => `column ${index} is ${column.kind}, wants i32`);
      writeI32(words, stride, offset, rows, column.data, valid, selection, count);
      return;
    case 'f64':
      invariant(column.kind === 'f64', () => `column ${index} is ${column.kind}, wants f64`);
      writeF64(doubles, stride, offset, rows, column.data, valid, selection, count, normalise);
      return;
    case 'exact64':
      if (column.kind === 'f64') writeNarrow64(words, stride, offset, rows, column.data, valid, selection, count);
      else {
        invariant(column.kind === 'i64', () => `column ${index} is ${column.kind}, wants f64 or i64`);
        writeWide(words, stride, offset, rows, halves(column.data), 2, false, valid, selection, count);
      }
      return;
    case 'exact128':
      if (column.kind === 'f64') writeNarrow128(words, stride, offset, rows, column.data, valid, selection, count);
      else {
        invariant(column.kind === 'i64' || column.kind === 'i128', () => `column ${index} is ${column.kind}, wants f64, i64 or i128`);
        writeWide(words, stride, offset, rows, halves(column.data), column.kind === 'i64' ? 2 : 4, true, valid, selection, count);
      }
      return;
    case 'bytes':
      invariant(column.kind === 'bytes', () => `column ${index} is ${column.kind}, wants bytes`);
      writeBytes(words, doubles, stride, offset, field.lengthOffset, rows, column, selection, count, arena);
      return;
    default: unreachable(field.kind);
  }
}

/** @returns the 32-bit halves of 64-bit words, low first. */
export function halves(data: BigInt64Array): Int32Array {
  return new Int32Array(data.buffer, data.byteOffset, data.length * 2);
}
