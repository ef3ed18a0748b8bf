/** The loops that turn Arrow's buffers into columns: small top-level functions, arguments only, one array type each. */

/** Bits to one byte a value. @returns how many are 1. */
export function unpackBits(source: Uint8Array, at: number, count: number, out: Uint8Array): number {
  let ones = 0;
  for (let i = 0; i < count; i++) {
    const bit = (source[at + (i >> 3)]! >> (i & 7)) & 1;
    out[i] = bit;
    ones += bit;
  }
  return ones;
}

export function unpackBooleans(source: Uint8Array, at: number, count: number, out: Int32Array): void {
  for (let i = 0; i < count; i++) out[i] = (source[at + (i >> 3)]! >> (i & 7)) & 1;
}

export function widenBytes(source: Int8Array, count: number, out: Int32Array): void {
  for (let i = 0; i < count; i++) out[i] = source[i]!;
}

export function widenShorts(source: Int16Array, count: number, out: Int32Array): void {
  for (let i = 0; i < count; i++) out[i] = source[i]!;
}

export function widenFloats(source: Float32Array, count: number, out: Float64Array): void {
  for (let i = 0; i < count; i++) out[i] = source[i]!;
}

/** Int64 as pairs of words to doubles. @returns largest |value|; beyond 2⁵³ − 1 the doubles are not exact. */
export function longsToDoubles(source: Int32Array, count: number, out: Float64Array): number {
  let bound = 0;
  for (let i = 0; i < count; i++) {
    const value = source[2 * i + 1]! * 4_294_967_296 + (source[2 * i]! >>> 0);
    out[i] = value;
    const size = value < 0 ? -value : value;
    if (size > bound) bound = size;
  }
  return bound;
}

/** Decimal128 as words to doubles. @returns largest |value|, Infinity if one needs more than 64 bits. */
export function decimalsToDoubles(source: Int32Array, count: number, out: Float64Array): number {
  let bound = 0;
  for (let i = 0; i < count; i++) {
    const high = source[4 * i + 1]!;
    const sign = high >> 31;
    if (source[4 * i + 2]! !== sign || source[4 * i + 3]! !== sign) return Infinity;
    const value = high * 4_294_967_296 + (source[4 * i]! >>> 0);
    out[i] = value;
    const size = value < 0 ? -value : value;
    if (size > bound) bound = size;
  }
  return bound;
}

/** Decimal128 as pairs of longs to their low longs. @returns whether all of them fit. */
export function decimalsToLongs(source: BigInt64Array, count: number, out: BigInt64Array): boolean {
  for (let i = 0; i < count; i++) {
    const low = source[2 * i]!;
    if (source[2 * i + 1]! !== low >> 63n) return false;
    out[i] = low;
  }
  return true;
}

/**
 * Arrow's offsets to addresses and lengths; `textAt` is the address of offset 0.
 *
 * @returns the index of the first row whose bytes leave [0, textBytes), or −1.
 */
export function offsetsToReferences(offsets: Int32Array, count: number, textAt: number, textBytes: number, addresses: Float64Array, lengths: Int32Array): number {
  let start = offsets[0]!;
  for (let i = 0; i < count; i++) {
    const end = offsets[i + 1]!;
    if (start < 0 || end < start || end > textBytes) return i;
    addresses[i] = textAt + start;
    lengths[i] = end - start;
    start = end;
  }
  return -1;
}

/** Address 0 and length 0 under NULL. */
export function clearReferences(valid: Uint8Array, count: number, addresses: Float64Array, lengths: Int32Array): void {
  for (let i = 0; i < count; i++) {
    if (valid[i] === 0) {
      addresses[i] = 0;
      lengths[i] = 0;
    }
  }
}

/** @returns whether a value under a NULL has a bit set; `words` 32-bit words make a value. */
export function bitsUnderNull(source: Int32Array, words: number, valid: Uint8Array, count: number): boolean {
  let bits = 0;
  for (let i = 0; i < count; i++) {
    if (valid[i] === 0) for (let w = 0; w < words; w++) bits |= source[words * i + w]!;
  }
  return bits !== 0;
}

export function clearWords(out: Int32Array, words: number, valid: Uint8Array, count: number): void {
  for (let i = 0; i < count; i++) {
    if (valid[i] === 0) for (let w = 0; w < words; w++) out[words * i + w] = 0;
  }
}

/** @returns the index of the first op above `max`, or −1. */
export function findOpAbove(ops: Uint8Array, count: number, max: number): number {
  for (let i = 0; i < count; i++) if (ops[i]! > max) return i;
  return -1;
}
