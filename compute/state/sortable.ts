/**
 * Values of up to 64 bits as two Int32 words whose signed order, high word first, is the order of the values: doubles with −0 as 0
 * and NaN greatest, integers of any width. For a maximum all bits are flipped (`flip` −1), so that the least pair is always wanted.
 */
import type {Column} from '../../base/delta.ts';
import {NARROW_BOUND} from '../../base/delta.ts';
import {invariant} from '../../base/invariant.ts';
import type {PhysicalKind} from '../../base/type.ts';
import {halves} from './record-write.ts';

const TWO_32 = 4_294_967_296;
const SIGN = 0x80000000 | 0;
const NAN_HIGH = 0x7ff80000;

function fromI32(data: Int32Array, count: number, flip: number, high: Int32Array, low: Int32Array): void {
  for (let i = 0; i < count; i++) {
    high[i] = data[i]! ^ flip;
    low[i] = 0;
  }
}

function fromNarrow(data: Float64Array, count: number, flip: number, high: Int32Array, low: Int32Array): void {
  for (let i = 0; i < count; i++) {
    const value = data[i]!;
    high[i] = Math.floor(value / TWO_32) ^ flip;
    low[i] = value ^ SIGN ^ flip;
  }
}

function fromWide(data: Int32Array, count: number, flip: number, high: Int32Array, low: Int32Array): void {
  for (let i = 0; i < count; i++) {
    high[i] = data[2 * i + 1]! ^ flip;
    low[i] = data[2 * i]! ^ SIGN ^ flip;
  }
}

function fromDouble(data: Float64Array, words: Int32Array, count: number, flip: number, high: Int32Array, low: Int32Array): void {
  for (let i = 0; i < count; i++) {
    const value = data[i]!;
    let h = words[2 * i + 1]!;
    let l = words[2 * i]!;
    if (value === 0) h = l = 0;
    else if (value !== value) {
      h = NAN_HIGH;
      l = 0;
    } else if (h < 0) { // the bits of negative doubles fall as the values rise
      h ^= 0x7fffffff;
      l = ~l;
    }
    high[i] = h ^ flip;
    low[i] = l ^ SIGN ^ flip;
  }
}

/** Writes the pair of each of the first `count` values; those of NULLs mean nothing. @param flip 0, or −1 for the reverse order. */
export function sortablePairs(kind: PhysicalKind, column: Column, count: number, flip: 0 | -1, high: Int32Array, low: Int32Array): void {
  switch (column.kind) {
    case 'i32': fromI32(column.data, count, flip, high, low); return;
    case 'f64':
      if (kind === 'f64') fromDouble(column.data, new Int32Array(column.data.buffer, column.data.byteOffset, column.data.length * 2), count, flip, high, low);
      else fromNarrow(column.data, count, flip, high, low);
      return;
    case 'i64': fromWide(halves(column.data), count, flip, high, low); return;
    default: invariant(false, () => `a ${column.kind} column has no sortable pairs`);
  }
}

/** @returns the values of pairs as a column of `kind`; values under a NULL of `valid` are 0. */
export function columnOfPairs(kind: PhysicalKind, high: Int32Array, low: Int32Array, count: number, flip: 0 | -1, valid: Uint8Array | null): Column {
  if (kind === 'i32') {
    const data = new Int32Array(count);
    for (let i = 0; i < count; i++) data[i] = valid === null || valid[i] === 1 ? high[i]! ^ flip : 0;
    return {kind: 'i32', data, valid};
  }
  const data = new Float64Array(count);
  if (kind === 'f64') {
    toDoubles(high, low, count, flip, valid, new Int32Array(data.buffer));
    return {kind: 'f64', data, valid, bound: Infinity};
  }
  const bound = toNarrow(high, low, count, flip, valid, data);
  if (bound <= NARROW_BOUND) return {kind: 'f64', data, valid, bound};
  const wide = new BigInt64Array(count);
  toWide(high, low, count, flip, valid, halves(wide));
  return {kind: 'i64', data: wide, valid};
}

function toDoubles(high: Int32Array, low: Int32Array, count: number, flip: number, valid: Uint8Array | null, words: Int32Array): void {
  for (let i = 0; i < count; i++) {
    if (valid !== null && valid[i] === 0) continue;
    let h = high[i]! ^ flip;
    let l = low[i]! ^ SIGN ^ flip;
    if (h < 0) {
      h ^= 0x7fffffff;
      l = ~l;
    }
    words[2 * i] = l;
    words[2 * i + 1] = h;
  }
}

function toNarrow(high: Int32Array, low: Int32Array, count: number, flip: number, valid: Uint8Array | null, data: Float64Array): number {
  let bound = 0;
  for (let i = 0; i < count; i++) {
    if (valid !== null && valid[i] === 0) continue;
    const value = (high[i]! ^ flip) * TWO_32 + ((low[i]! ^ SIGN ^ flip) >>> 0);
    data[i] = value;
    const size = value < 0 ? -value : value;
    if (size > bound) bound = size;
  }
  return bound;
}

function toWide(high: Int32Array, low: Int32Array, count: number, flip: number, valid: Uint8Array | null, words: Int32Array): void {
  for (let i = 0; i < count; i++) {
    if (valid !== null && valid[i] === 0) continue;
    words[2 * i] = low[i]! ^ SIGN ^ flip;
    words[2 * i + 1] = high[i]! ^ flip;
  }
}
