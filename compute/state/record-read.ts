/**
 * Loop kernels that read records into columns: one per array type, arguments only. Row −1 reads as NULL (zero words).
 * The first kernel that runs touches the record's cache lines; the later ones find them warm.
 */
import {SEGMENT_BITS, SEGMENT_MASK} from './record-write.ts';

const TWO_32 = 4_294_967_296;

/** @returns whether a row is −1. */
export function anyAbsent(rows: Int32Array, count: number): boolean {
  let least = 0;
  for (let i = 0; i < count; i++) least |= rows[i]!;
  return least < 0;
}

/** @returns how many of the rows are NULL. */
export function readValid(words: readonly Int32Array[], stride: number, offset: number, mask: number, rows: Int32Array, count: number, to: Uint8Array): number {
  let nulls = 0;
  for (let i = 0; i < count; i++) {
    const row = rows[i]!;
    const valid = row >= 0 && (words[row >> SEGMENT_BITS]![(row & SEGMENT_MASK) * stride + offset]! & mask) !== 0 ? 1 : 0;
    to[i] = valid;
    nulls += 1 - valid;
  }
  return nulls;
}

export function readI32(words: readonly Int32Array[], stride: number, offset: number, rows: Int32Array, count: number, to: Int32Array): void {
  for (let i = 0; i < count; i++) {
    const row = rows[i]!;
    to[i] = row >= 0 ? words[row >> SEGMENT_BITS]![(row & SEGMENT_MASK) * stride + offset]! : 0;
  }
}

/** Doubles, addresses, positions. `offset` in words, even. */
export function readF64(doubles: readonly Float64Array[], stride: number, offset: number, rows: Int32Array, count: number, to: Float64Array): void {
  const half = stride >> 1;
  const at = offset >> 1;
  for (let i = 0; i < count; i++) {
    const row = rows[i]!;
    to[i] = row >= 0 ? doubles[row >> SEGMENT_BITS]![(row & SEGMENT_MASK) * half + at]! : 0;
  }
}

/** @returns the largest |value|; if it is above 2^53−1 the values are rounded and must be read again as wide ones. */
export function readNarrow64(words: readonly Int32Array[], stride: number, offset: number, rows: Int32Array, count: number, to: Float64Array): number {
  let bound = 0;
  for (let i = 0; i < count; i++) {
    const row = rows[i]!;
    let value = 0;
    if (row >= 0) {
      const segment = words[row >> SEGMENT_BITS]!;
      const at = (row & SEGMENT_MASK) * stride + offset;
      value = segment[at + 1]! * TWO_32 + (segment[at]! >>> 0);
    }
    to[i] = value;
    const size = value < 0 ? -value : value;
    if (size > bound) bound = size;
  }
  return bound;
}

/** As `readNarrow64`, of four words; Infinity if one needs more than 64 bits. */
export function readNarrow128(words: readonly Int32Array[], stride: number, offset: number, rows: Int32Array, count: number, to: Float64Array): number {
  let bound = 0;
  for (let i = 0; i < count; i++) {
    const row = rows[i]!;
    let value = 0;
    if (row >= 0) {
      const segment = words[row >> SEGMENT_BITS]!;
      const at = (row & SEGMENT_MASK) * stride + offset;
      const high = segment[at + 1]!;
      const sign = high >> 31;
      value = high * TWO_32 + (segment[at]! >>> 0);
      if (segment[at + 2] !== sign || segment[at + 3] !== sign) bound = Infinity;
    }
    to[i] = value;
    const size = value < 0 ? -value : value;
    if (size > bound) bound = size;
  }
  return bound;
}

/** Words of wide integers, `per` a value. */
export function readWide(words: readonly Int32Array[], stride: number, offset: number, per: 2 | 4, rows: Int32Array, count: number, to: Int32Array): void {
  for (let i = 0; i < count; i++) {
    const row = rows[i]!;
    if (row < 0) {
      for (let k = 0; k < per; k++) to[per * i + k] = 0;
      continue;
    }
    const segment = words[row >> SEGMENT_BITS]!;
    const at = (row & SEGMENT_MASK) * stride + offset;
    to[per * i] = segment[at]!;
    to[per * i + 1] = segment[at + 1]!;
    if (per === 4) {
      to[per * i + 2] = segment[at + 2]!;
      to[per * i + 3] = segment[at + 3]!;
    }
  }
}

/** Loads one word of each record, so that their cache misses overlap. @returns a value that keeps the loads alive. */
export function touchRecords(words: readonly Int32Array[], stride: number, offset: number, rows: Int32Array, count: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const row = rows[i]!;
    if (row >= 0) sum ^= words[row >> SEGMENT_BITS]![(row & SEGMENT_MASK) * stride + offset]!;
  }
  return sum;
}

/** Writes the live rows of [start, end) to `to`. @returns how many. */
export function liveRows(words: readonly Int32Array[], stride: number, start: number, end: number, to: Int32Array): number {
  let count = 0;
  for (let row = start; row < end; row++) {
    if ((words[row >> SEGMENT_BITS]![(row & SEGMENT_MASK) * stride]! & 1) === 1) to[count++] = row;
  }
  return count;
}
