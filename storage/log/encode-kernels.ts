/**
 * The loops that lay columns out as Arrow wants them: small top-level functions, arguments only, one array type each, so that each
 * stays compiled for one shape. They write into the typed arrays of one {@link Memory}, whose byte 0 is the buffer's byte 0.
 */
import {ARENA_SEGMENT_SPAN} from '../../base/arena.ts';
import {invariant} from '../../base/invariant.ts';

invariant(new Uint8Array(new Uint16Array([1]).buffer)[0] === 1, 'Arrow bodies are laid out by typed arrays: the machine must be little-endian');

/** One block of fresh memory seen as every element type; its length in bytes is a multiple of 8. */
export interface Memory {
  readonly u8: Uint8Array;
  readonly i16: Int16Array;
  readonly i32: Int32Array;
  readonly f32: Float32Array;
  readonly f64: Float64Array;
  readonly i64: BigInt64Array;
}

/** @returns `bytes` (a multiple of 8) of zeroed memory that threads can share. */
export function sharedMemory(bytes: number): Memory {
  const buffer = new SharedArrayBuffer(bytes);
  return {
    u8: new Uint8Array(buffer), i16: new Int16Array(buffer), i32: new Int32Array(buffer),
    f32: new Float32Array(buffer), f64: new Float64Array(buffer), i64: new BigInt64Array(buffer),
  };
}

/** Below this many elements a plain loop beats `set(subarray())`. */
const loopMax = 32;

export function countNulls(valid: Uint8Array, start: number, end: number): number {
  let valids = 0;
  for (let i = start; i < end; i++) valids += valid[i]!;
  return end - start - valids;
}

export function sumLengths(lengths: Int32Array, start: number, end: number): number {
  let sum = 0;
  for (let i = start; i < end; i++) sum += lengths[i]!;
  return sum;
}

export function packBits(source: Uint8Array, start: number, end: number, out: Uint8Array, at: number): void {
  let i = start;
  let o = at;
  for (; i + 8 <= end; i += 8) {
    out[o++] = source[i]! | (source[i + 1]! << 1) | (source[i + 2]! << 2) | (source[i + 3]! << 3)
      | (source[i + 4]! << 4) | (source[i + 5]! << 5) | (source[i + 6]! << 6) | (source[i + 7]! << 7);
  }
  if (i === end) return;
  let last = 0;
  for (let bit = 0; i < end; i++, bit++) last |= source[i]! << bit;
  out[o] = last;
}

export function packBooleans(source: Int32Array, start: number, end: number, out: Uint8Array, at: number): void {
  let o = at;
  for (let i = start; i < end; o++) {
    let byte = 0;
    for (let bit = 0; bit < 8 && i < end; bit++, i++) byte |= source[i]! << bit;
    out[o] = byte;
  }
}

export function copyBytes(source: Uint8Array, start: number, end: number, out: Uint8Array, at: number): void {
  if (end - start > loopMax) out.set(source.subarray(start, end), at);
  else for (let i = start, o = at; i < end; i++, o++) out[o] = source[i]!;
}

export function copyWords(source: Int32Array, start: number, end: number, out: Int32Array, at: number): void {
  if (end - start > loopMax) out.set(source.subarray(start, end), at);
  else for (let i = start, o = at; i < end; i++, o++) out[o] = source[i]!;
}

export function copyDoubles(source: Float64Array, start: number, end: number, out: Float64Array, at: number): void {
  if (end - start > loopMax) out.set(source.subarray(start, end), at);
  else for (let i = start, o = at; i < end; i++, o++) out[o] = source[i]!;
}

export function copyLongs(source: BigInt64Array, start: number, end: number, out: BigInt64Array, at: number): void {
  if (end - start > loopMax) out.set(source.subarray(start, end), at);
  else for (let i = start, o = at; i < end; i++, o++) out[o] = source[i]!;
}

export function narrowToBytes(source: Int32Array, start: number, end: number, out: Uint8Array, at: number): void {
  for (let i = start, o = at; i < end; i++, o++) out[o] = source[i]!;
}

export function narrowToShorts(source: Int32Array, start: number, end: number, out: Int16Array, at: number): void {
  for (let i = start, o = at; i < end; i++, o++) out[o] = source[i]!;
}

export function narrowToFloats(source: Float64Array, start: number, end: number, out: Float32Array, at: number): void {
  for (let i = start, o = at; i < end; i++, o++) out[o] = source[i]!;
}

/** Exact integers to Int64, as pairs of words, without BigInt. */
export function doublesToLongs(source: Float64Array, start: number, end: number, out: Int32Array, at: number): void {
  for (let i = start, o = at; i < end; i++, o += 2) {
    const value = source[i]!;
    const high = Math.floor(value * 2 ** -32);
    out[o] = value - high * 4_294_967_296;
    out[o + 1] = high;
  }
}

/** Exact integers to Decimal128. */
export function doublesToDecimals(source: Float64Array, start: number, end: number, out: Int32Array, at: number): void {
  for (let i = start, o = at; i < end; i++, o += 4) {
    const value = source[i]!;
    const high = Math.floor(value * 2 ** -32);
    const sign = high < 0 ? -1 : 0;
    out[o] = value - high * 4_294_967_296;
    out[o + 1] = high;
    out[o + 2] = sign;
    out[o + 3] = sign;
  }
}

/** Int64, seen as pairs of words, to Decimal128. */
export function longsToDecimals(source: Int32Array, start: number, end: number, out: Int32Array, at: number): void {
  for (let i = start, o = at; i < end; i++, o += 4) {
    const high = source[2 * i + 1]!;
    out[o] = source[2 * i]!;
    out[o + 1] = high;
    out[o + 2] = high >> 31;
    out[o + 3] = high >> 31;
  }
}

/** Writes the (end − start + 1) running sums of lengths that Utf8 and Binary begin with. */
export function writeOffsets(lengths: Int32Array, start: number, end: number, out: Int32Array, at: number): void {
  let sum = 0;
  let o = at;
  out[o++] = 0;
  for (let i = start; i < end; i++) {
    sum += lengths[i]!;
    out[o++] = sum;
  }
}

/** Gathers the bytes of rows [start, end); rows that stand one behind the other in a segment go in one copy. */
export function gatherBytes(segments: readonly Uint8Array[], addresses: Float64Array, lengths: Int32Array, start: number, end: number, out: Uint8Array, at: number): void {
  let o = at;
  for (let i = start; i < end;) {
    const first = lengths[i]!;
    if (first === 0) { i++; continue; }
    const address = addresses[i]!;
    let run = first;
    for (i++; i < end; i++) {
      const length = lengths[i]!;
      if (length === 0) continue;
      if (addresses[i]! !== address + run) break;
      run += length;
    }
    const segment = Math.floor(address / ARENA_SEGMENT_SPAN);
    const from = address - segment * ARENA_SEGMENT_SPAN;
    copyBytes(segments[segment]!, from, from + run, out, o);
    o += run;
  }
}
