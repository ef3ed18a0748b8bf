/**
 * Exact sums of doubles, rounded once: the answer does not depend on the order of rows, and rows can be taken out again without
 * a trace, which no compensated sum can promise (1e300 in and out again would cost the small values beside it).
 *
 * A sum is a fixed-point number: five signed limbs of 32 bits in a window of 160 bits, whose unit 2^(32·(bin − 34)) is chosen by
 * the group's first value (42 bits of room above it, 32 below). A value that does not fit the window moves the group to a
 * full-range accumulator of 70 limbs beside the slots; so do ±Infinity and NaN, which are counted there. Few groups ever do.
 *
 * slots   bin + 1 (0: empty, −1: full range)   l0 l1 l2 l3 l4, each |l| < 2^52, not normalised
 *
 * Source: the idea of the small superaccumulator, R. Neal, "Fast exact summation using small and large superaccumulators" (2015).
 */
import type {Column} from '../../base/delta.ts';
import {invariant} from '../../base/invariant.ts';
import {GROUP_BITS, GROUP_MASK} from './group-slots.ts';

export const DOUBLE_SUM_SLOTS = 6;
const limbs = 5;
const TWO_32 = 4_294_967_296;
const TWO_64 = 2 ** 64;
const TWO_96 = 2 ** 96;
const TWO_128 = 2 ** 128;
const windowMax = 2 ** 158;
/** A limb beyond this is carried into the next. */
const limbMax = 2 ** 51;
const weightMax = 1 << 20;
const zeroBin = 34;
const fullLimbs = 72;
/** Bins whose unit and its inverse are normal doubles with room for the window. */
const binMin = zeroBin - 27;
const binMax = zeroBin + 24;

const scratch = new DataView(new ArrayBuffer(8));

function exponentOf(value: number): number {
  scratch.setFloat64(0, value);
  const biased = (scratch.getUint16(0) >> 4) & 0x7ff;
  return biased === 0 ? -1022 : biased - 1023;
}

/** A group's sum over the whole range of doubles, and what is no number. */
interface FullSum {readonly limbs: Float64Array; nan: number; plus: number; minus: number}

/** Sums of one aggregate: slots in the groups' records, and the few groups that need the full range. */
export class DoubleSums {
  readonly #slot: number;
  readonly #stride: number;
  readonly #full = new Map<number, FullSum>();

  constructor(stride: number, slot: number) {
    this.#stride = stride;
    this.#slot = slot;
  }

  add(segments: readonly Float64Array[], groups: Int32Array, weights: Int32Array, column: Column, count: number): void {
    invariant(column.kind === 'f64', () => `a sum of doubles over a column of kind ${column.kind}`);
    const {data, valid} = column;
    for (let i = 0; i < count; i++) {
      const weight = weights[i]!;
      if (weight === 0 || (valid !== null && valid[i] === 0)) continue;
      const group = groups[i]!;
      const segment = segments[group >> GROUP_BITS]!;
      const at = (group & GROUP_MASK) * this.#stride + this.#slot;
      if (weight > weightMax || weight < -weightMax || !addInWindow(segment, at, data[i]!, weight)) this.#addFull(segment, at, group, data[i]!, weight);
    }
  }

  /** Reads the sums of groups. Those without rows read as 0. */
  read(segments: readonly Float64Array[], groups: Int32Array, count: number, to: Float64Array): void {
    for (let i = 0; i < count; i++) {
      const group = groups[i]!;
      const segment = segments[group >> GROUP_BITS]!;
      const at = (group & GROUP_MASK) * this.#stride + this.#slot;
      const bin = segment[at]!;
      to[i] = bin === 0 ? 0 : bin > 0 ? roundWindow(segment, at) : roundFull(this.#full.get(group)!);
    }
  }

  /** Forgets a group; its slots are cleared by their owner. */
  clear(group: number): void { this.#full.delete(group); }

  bytes(): number { return this.#full.size * (fullLimbs * 8 + 64); }

  #addFull(segment: Float64Array, at: number, group: number, value: number, weight: number): void {
    let full = this.#full.get(group);
    if (full === undefined) {
      full = {limbs: new Float64Array(fullLimbs), nan: 0, plus: 0, minus: 0};
      const bin = segment[at]! - 1;
      if (bin >= 0) for (let limb = 0; limb < limbs; limb++) full.limbs[bin + limb] = segment[at + 1 + limb]!;
      carry(full.limbs);
      segment.fill(0, at + 1, at + 1 + limbs);
      segment[at] = -1;
      this.#full.set(group, full);
    }
    if (Number.isNaN(value)) full.nan += weight;
    else if (value === Infinity) full.plus += weight;
    else if (value === -Infinity) full.minus += weight;
    else addToFull(full.limbs, value, weight);
  }
}

/** @returns false if the value lies outside of the group's window: nothing was added. */
function addInWindow(segment: Float64Array, at: number, value: number, weight: number): boolean {
  if (value === 0) return true;
  if (segment[at] === 0) {
    if (!Number.isFinite(value)) return false;
    // The lowest bit of the value comes to stand 32 to 63 bits above the unit.
    const bin = Math.floor((exponentOf(value) - 52 - 32) / 32) + zeroBin;
    if (bin < binMin || bin > binMax) return false;
    segment[at] = bin + 1;
  }
  const bin = segment[at]! - 1;
  if (bin < 0) return false;
  let rest = value * 2 ** (-32 * (bin - zeroBin));
  if (!(rest > -windowMax && rest < windowMax) || Math.floor(rest) !== rest || rest === 0) return false;
  let part = Math.trunc(rest / TWO_128);
  if (part !== 0) {
    segment[at + 5]! += weight * part;
    rest -= part * TWO_128;
  }
  part = Math.trunc(rest / TWO_96);
  if (part !== 0) {
    segment[at + 4]! += weight * part;
    rest -= part * TWO_96;
  }
  part = Math.trunc(rest / TWO_64);
  if (part !== 0) {
    segment[at + 3]! += weight * part;
    rest -= part * TWO_64;
  }
  part = Math.trunc(rest / TWO_32);
  segment[at + 2]! += weight * part;
  segment[at + 1]! += weight * (rest - part * TWO_32);
  return settle(segment, at + 1);
}

/** Carries limbs that grew large. @returns true; the top limb has 20 bits of room above a window full of rows. */
function settle(segment: Float64Array, first: number): true {
  for (let limb = first; limb < first + limbs - 1; limb++) {
    const value = segment[limb]!;
    if (value < limbMax && value > -limbMax) continue;
    const carried = Math.trunc(value / TWO_32);
    segment[limb] = value - carried * TWO_32;
    segment[limb + 1]! += carried;
  }
  return true;
}

/** Adds `weight · value` to full-range limbs: limb k counts 2^(32·(k − 34)). Subnormal bits reach limb 0. */
function addToFull(full: Float64Array, value: number, weight: number): void {
  let rest = weight;
  while (rest !== 0) {
    const part = Math.max(-weightMax, Math.min(weightMax, rest));
    addPartToFull(full, value, part);
    rest -= part;
  }
}

function addPartToFull(full: Float64Array, value: number, weight: number): void {
  if (value === 0) return;
  const low = Math.max(0, Math.floor((exponentOf(value) - 52) / 32) + zeroBin);
  // The factor 2^(−32·(low − 34)) may be no double: apply it in two steps, each exact.
  const shift = -32 * (low - zeroBin);
  const half = Math.trunc(shift / 2);
  let rest = value * 2 ** half * 2 ** (shift - half);
  let part = Math.trunc(rest / TWO_64);
  full[low + 2]! += weight * part;
  rest -= part * TWO_64;
  part = Math.trunc(rest / TWO_32);
  full[low + 1]! += weight * part;
  full[low]! += weight * (rest - part * TWO_32);
  carry(full);
}

/** Brings every limb but the last into (−2^32, 2^32). */
function carry(full: Float64Array): void {
  for (let limb = 0; limb < full.length - 1; limb++) {
    const value = full[limb]!;
    if (value < TWO_32 && value > -TWO_32) continue;
    const carried = Math.trunc(value / TWO_32);
    full[limb] = value - carried * TWO_32;
    full[limb + 1]! += carried;
  }
}

const digits = new Float64Array(fullLimbs + 2);

/**
 * Rounds Σ limb_k · 2^(32k) · 2^unit half to even.
 *
 * 1. Digits: carry so that all are in [0, 2^32), on the magnitude. 2. The top 64 bits and a sticky bit for the rest are rounded to
 * 53 (fewer where the answer is subnormal) as an integer, then scaled: one rounding.
 */
function roundDigits(source: Float64Array, start: number, count: number, unit: number): number {
  let top = count + 1;
  for (let limb = 0; limb < count; limb++) digits[limb] = source[start + limb]!;
  digits[count] = digits[count + 1] = 0;
  normalise(count + 2);
  const negative = digits[count + 1]! < 0;
  if (negative) {
    for (let limb = 0; limb < count + 2; limb++) digits[limb] = -digits[limb]!;
    normalise(count + 2);
  }
  while (top >= 0 && digits[top] === 0) top--;
  if (top < 0) return 0;
  // Bits are taken from the top: `bitCount` of the leading digit, then whole digits.
  const bitCount = 32 - Math.clz32(digits[top]!);
  const highest = 32 * top + bitCount - 1 + unit; // exponent of the leading bit
  const precision = Math.min(53, highest + 1075);
  if (precision < 0) return 0;
  const lowest = Math.max(0, 32 * top + bitCount - precision); // position of the last bit kept
  let mantissa = 0;
  for (let limb = top; limb >= 0 && 32 * limb + 31 >= lowest; limb--) {
    const keep = Math.max(0, lowest - 32 * limb);
    mantissa = mantissa * 2 ** (32 - keep) + Math.floor(digits[limb]! / 2 ** keep);
  }
  const half = lowest - 1;
  if (half >= 0) {
    const limb = Math.floor(half / 32);
    const bit = half - 32 * limb;
    const below = digits[limb]! % 2 ** (bit + 1);
    const halfValue = 2 ** bit;
    if (below >= halfValue) {
      let sticky = below > halfValue;
      for (let lower = limb - 1; lower >= 0 && !sticky; lower--) sticky = digits[lower] !== 0;
      if (sticky || mantissa % 2 === 1) mantissa++;
    }
  }
  const exponent = lowest + unit;
  const first = Math.max(-1074, Math.min(971, exponent));
  const value = mantissa * 2 ** first * 2 ** (exponent - first);
  return negative ? -value : value;
}

function normalise(count: number): void {
  for (let limb = 0; limb < count - 1; limb++) {
    const carried = Math.floor(digits[limb]! / TWO_32);
    digits[limb]! -= carried * TWO_32;
    digits[limb + 1]! += carried;
  }
}

function roundWindow(segment: Float64Array, at: number): number {
  return roundDigits(segment, at + 1, limbs, 32 * (segment[at]! - 1 - zeroBin));
}

function roundFull(full: FullSum): number {
  if (full.nan > 0 || (full.plus > 0 && full.minus > 0)) return NaN;
  if (full.plus > 0) return Infinity;
  if (full.minus > 0) return -Infinity;
  return roundDigits(full.limbs, 0, fullLimbs, -32 * zeroBin);
}
