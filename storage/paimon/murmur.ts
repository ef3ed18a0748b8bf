/**
 * Murmur3-32 over the 4-byte little-endian words of a BinaryRow, seed 42: the hash that decides a row's bucket. A row is a
 * multiple of 8 bytes long, so there is no tail. Exact to the bit: a row in the wrong bucket is invisible to point queries.
 */
export const MURMUR_SEED = 42;

/** Takes one word in. */
export function murmurMix(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = (k << 15) | (k >>> 17);
  let h = hash ^ Math.imul(k, 0x1b873593);
  h = (h << 13) | (h >>> 19);
  return (Math.imul(h, 5) + 0xe6546b64) | 0;
}

/** @param byteLength of all that was mixed in. @returns the hash, a signed 32-bit integer. */
export function murmurFinish(hash: number, byteLength: number): number {
  let h = hash ^ byteLength;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) | 0;
}

/** @param row a BinaryRow without its arity prefix. */
export function murmurHash(row: Uint8Array): number {
  const view = new DataView(row.buffer, row.byteOffset, row.byteLength);
  let hash = MURMUR_SEED;
  for (let i = 0; i < row.byteLength; i += 4) hash = murmurMix(hash, view.getInt32(i, true));
  return murmurFinish(hash, row.byteLength);
}

/** @returns the bucket of a row with this hash, [0, bucketCount). */
export function bucketOfHash(hash: number, bucketCount: number): number {
  return Math.abs(hash % bucketCount);
}
