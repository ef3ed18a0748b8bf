/**
 * Exact sums of integers (and unscaled decimals) without BigInt: limbs of 32 bits held as doubles, lowest first. All but the last
 * are in [0, 2^32) between calls; the last is signed and takes what is left. Three limbs hold 2^53 rows of 64-bit values, four
 * hold 2^21 rows beyond the largest 128-bit value; since a sum is a number, rows can be taken out by a negative weight.
 *
 * slots   l0  l1  l2 (signed)        of inputs of at most 64 bits
 *         l0  l1  l2  l3 (signed)    of HUGEINT and DECIMAL of more than 18 digits
 */
import {WarehouseError} from '../../base/error.ts';
import type {Column} from '../../base/delta.ts';
import {NARROW_BOUND} from '../../base/delta.ts';
import {invariant} from '../../base/invariant.ts';
import {GROUP_BITS, GROUP_MASK} from './group-slots.ts';

const TWO_32 = 4_294_967_296;
/** Weights up to this times a limb stay exact; larger ones are added in parts. */
const weightMax = 1 << 20;

export const SUM64_SLOTS = 3;
export const SUM128_SLOTS = 4;

/** Adds `weight · (high · 2^32 + low)` to the limbs at `at`: `low` in [0, 2^32), |high| below 2^31 or so. */
function addPair(segment: Float64Array, at: number, limbs: number, weight: number, low: number, high: number): void {
  let value = segment[at]! + weight * low;
  let carry = Math.floor(value / TWO_32);
  segment[at] = value - carry * TWO_32;
  value = segment[at + 1]! + weight * high + carry;
  carry = Math.floor(value / TWO_32);
  segment[at + 1] = value - carry * TWO_32;
  for (let limb = 2; limb < limbs - 1 && carry !== 0; limb++) {
    value = segment[at + limb]! + carry;
    carry = Math.floor(value / TWO_32);
    segment[at + limb] = value - carry * TWO_32;
  }
  segment[at + limbs - 1]! += carry;
}

function addPairs(segment: Float64Array, at: number, limbs: number, weight: number, low: number, high: number): void {
  let rest = weight;
  while (rest > weightMax) {
    addPair(segment, at, limbs, weightMax, low, high);
    rest -= weightMax;
  }
  while (rest < -weightMax) {
    addPair(segment, at, limbs, -weightMax, low, high);
    rest += weightMax;
  }
  addPair(segment, at, limbs, rest, low, high);
}

function addI32(segments: readonly Float64Array[], stride: number, slot: number, limbs: number, groups: Int32Array, weights: Int32Array, data: Int32Array, valid: Uint8Array | null, count: number): void {
  for (let i = 0; i < count; i++) {
    if (valid !== null && valid[i] === 0) continue;
    const value = data[i]!;
    const group = groups[i]!;
    addPairs(segments[group >> GROUP_BITS]!, (group & GROUP_MASK) * stride + slot, limbs, weights[i]!, value < 0 ? value + TWO_32 : value, value < 0 ? -1 : 0);
  }
}

function addF64(segments: readonly Float64Array[], stride: number, slot: number, limbs: number, groups: Int32Array, weights: Int32Array, data: Float64Array, valid: Uint8Array | null, count: number): void {
  for (let i = 0; i < count; i++) {
    if (valid !== null && valid[i] === 0) continue;
    const value = data[i]!;
    const high = Math.floor(value / TWO_32);
    const group = groups[i]!;
    addPairs(segments[group >> GROUP_BITS]!, (group & GROUP_MASK) * stride + slot, limbs, weights[i]!, value - high * TWO_32, high);
  }
}

/** `halves`: the words of 64-bit values, low first. */
function addI64(segments: readonly Float64Array[], stride: number, slot: number, limbs: number, groups: Int32Array, weights: Int32Array, halves: Int32Array, valid: Uint8Array | null, count: number): void {
  for (let i = 0; i < count; i++) {
    if (valid !== null && valid[i] === 0) continue;
    const group = groups[i]!;
    addPairs(segments[group >> GROUP_BITS]!, (group & GROUP_MASK) * stride + slot, limbs, weights[i]!, halves[2 * i]! >>> 0, halves[2 * i + 1]!);
  }
}

function addI128(segments: readonly Float64Array[], stride: number, slot: number, groups: Int32Array, weights: Int32Array, halves: Int32Array, valid: Uint8Array | null, count: number): void {
  for (let i = 0; i < count; i++) {
    if (valid !== null && valid[i] === 0) continue;
    const group = groups[i]!;
    const segment = segments[group >> GROUP_BITS]!;
    const at = (group & GROUP_MASK) * stride + slot;
    addPairs(segment, at, SUM128_SLOTS, weights[i]!, halves[4 * i]! >>> 0, halves[4 * i + 1]! >>> 0);
    const third = segment[at + 2]! + weights[i]! * (halves[4 * i + 2]! >>> 0);
    const carry = Math.floor(third / TWO_32);
    segment[at + 2] = third - carry * TWO_32;
    segment[at + 3]! += weights[i]! * halves[4 * i + 3]! + carry;
  }
}

function words(data: BigInt64Array): Int32Array {
  return new Int32Array(data.buffer, data.byteOffset, data.length * 2);
}

/** Adds a column's values, each times its row's weight, to the sums of the rows' groups. */
export function addIntegers(segments: readonly Float64Array[], stride: number, slot: number, limbs: number, groups: Int32Array, weights: Int32Array, column: Column, count: number): void {
  switch (column.kind) {
    case 'i32': return addI32(segments, stride, slot, limbs, groups, weights, column.data, column.valid, count);
    case 'f64':
      invariant(column.bound <= NARROW_BOUND, 'a sum of integers over a column of doubles');
      return addF64(segments, stride, slot, limbs, groups, weights, column.data, column.valid, count);
    case 'i64': return addI64(segments, stride, slot, limbs, groups, weights, words(column.data), column.valid, count);
    case 'i128':
      invariant(limbs === SUM128_SLOTS, 'a sum of 128-bit values in 64-bit limbs');
      return addI128(segments, stride, slot, groups, weights, words(column.data), column.valid, count);
    case 'bytes': throw new TypeError('a sum over text');
  }
}

/** @returns a sum as a double: exact up to 2^53, rounded to nearest up to 2^85. */
export function sumAsDouble(segment: Float64Array, at: number, limbs: number): number {
  const top = limbs === SUM128_SLOTS ? segment[at + 3]! * TWO_32 + segment[at + 2]! : segment[at + 2]!;
  return (top * TWO_32 + segment[at + 1]!) * TWO_32 + segment[at]!;
}

function readNarrow(segments: readonly Float64Array[], stride: number, slot: number, limbs: number, groups: Int32Array, count: number, to: Float64Array): number {
  let bound = 0;
  for (let i = 0; i < count; i++) {
    const group = groups[i]!;
    const value = sumAsDouble(segments[group >> GROUP_BITS]!, (group & GROUP_MASK) * stride + slot, limbs);
    to[i] = value;
    const size = value < 0 ? -value : value;
    if (size > bound) bound = size;
  }
  return bound;
}

function readWide(segments: readonly Float64Array[], stride: number, slot: number, limbs: number, groups: Int32Array, count: number, to: Int32Array): void {
  for (let i = 0; i < count; i++) {
    const group = groups[i]!;
    const segment = segments[group >> GROUP_BITS]!;
    const at = (group & GROUP_MASK) * stride + slot;
    to[4 * i] = segment[at]!;
    to[4 * i + 1] = segment[at + 1]!;
    const third = segment[at + 2]!;
    const carry = limbs === SUM128_SLOTS ? 0 : Math.floor(third / TWO_32);
    to[4 * i + 2] = third - carry * TWO_32;
    to[4 * i + 3] = limbs === SUM128_SLOTS ? segment[at + 3]! : carry;
  }
}

/** Sums are stored as DECIMAL(38, s): the largest is below 10^38, as in DuckDB's own decimals. */
const sumMax = 1e38;

/**
 * @param valid whether each group has a sum; others are 0 under NULL.
 * @returns the sums as an exact128 column: narrow if all fit.
 * @throws {WarehouseError} MR_EXPRESSION (invalid) if a sum passes 38 digits.
 */
export function readSums(segments: readonly Float64Array[], stride: number, slot: number, limbs: number, groups: Int32Array, count: number, valid: Uint8Array | null): Column {
  const data = new Float64Array(count);
  const bound = readNarrow(segments, stride, slot, limbs, groups, count, data);
  if (bound <= NARROW_BOUND) return {kind: 'f64', data, valid, bound};
  if (bound >= sumMax) {
    throw new WarehouseError('invalid', 'MR_EXPRESSION', `Out of Range Error: a sum passes 38 digits (about ${bound})`, {hint: 'cast the values to DOUBLE before they are summed'});
  }
  const wide = new BigInt64Array(2 * count);
  readWide(segments, stride, slot, limbs, groups, count, words(wide));
  return {kind: 'i128', data: wide, valid};
}

/** @returns one group's sum: exact, for the cold paths that need all its digits. */
export function sumBigInt(segment: Float64Array, at: number, limbs: number): bigint {
  let value = BigInt(segment[at + limbs - 1]!);
  for (let limb = limbs - 2; limb >= 0; limb--) value = value * 4_294_967_296n + BigInt(segment[at + limb]!);
  return value;
}
