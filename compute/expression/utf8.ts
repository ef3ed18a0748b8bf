/** UTF-8, code point by code point. Texts are valid UTF-8: whoever lets bytes in has checked that. */

/** @returns how many code points start in `bytes[start, start + length)`. */
export function codePointCount(bytes: Uint8Array, start: number, length: number): number {
  let count = 0;
  for (let i = start, end = start + length; i < end; i++) count += (bytes[i]! & 0xc0) === 0x80 ? 0 : 1;
  return count;
}

/** @returns bytes of the code point that begins with `lead`. */
export function leadBytes(lead: number): number {
  return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/** @returns the code point that begins at `at`. */
export function codePointAt(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]!;
  if (lead < 0x80) return lead;
  if (lead < 0xe0) return ((lead & 0x1f) << 6) | (bytes[at + 1]! & 0x3f);
  if (lead < 0xf0) return ((lead & 0x0f) << 12) | ((bytes[at + 1]! & 0x3f) << 6) | (bytes[at + 2]! & 0x3f);
  return ((lead & 0x07) << 18) | ((bytes[at + 1]! & 0x3f) << 12) | ((bytes[at + 2]! & 0x3f) << 6) | (bytes[at + 3]! & 0x3f);
}

/** @returns bytes that a code point takes. */
export function codePointBytes(codePoint: number): number {
  return codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4;
}

/** Writes a code point at `at`. @returns where the next one goes. */
export function writeCodePoint(bytes: Uint8Array, at: number, codePoint: number): number {
  if (codePoint < 0x80) {
    bytes[at] = codePoint;
    return at + 1;
  }
  if (codePoint < 0x800) {
    bytes[at] = 0xc0 | (codePoint >> 6);
    bytes[at + 1] = 0x80 | (codePoint & 0x3f);
    return at + 2;
  }
  if (codePoint < 0x10000) {
    bytes[at] = 0xe0 | (codePoint >> 12);
    bytes[at + 1] = 0x80 | ((codePoint >> 6) & 0x3f);
    bytes[at + 2] = 0x80 | (codePoint & 0x3f);
    return at + 3;
  }
  bytes[at] = 0xf0 | (codePoint >> 18);
  bytes[at + 1] = 0x80 | ((codePoint >> 12) & 0x3f);
  bytes[at + 2] = 0x80 | ((codePoint >> 6) & 0x3f);
  bytes[at + 3] = 0x80 | (codePoint & 0x3f);
  return at + 4;
}

/** @returns the byte position `count` code points after `at`, `end` at most. */
export function skipCodePoints(bytes: Uint8Array, at: number, end: number, count: number): number {
  let position = at;
  for (let left = count; left > 0 && position < end; left--) position += leadBytes(bytes[position]!);
  return position;
}

/** @returns where the code point before `at` begins. */
export function codePointBefore(bytes: Uint8Array, at: number): number {
  let position = at - 1;
  while ((bytes[position]! & 0xc0) === 0x80) position--;
  return position;
}
