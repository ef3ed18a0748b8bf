/**
 * Functions whose result is a part of their argument: substring, left, right, the trims, split_part. Nothing is copied; where the
 * part begins and how long it is are left in `scratch.sliceStart` and `scratch.sliceLength`.
 */
import {equalBytes, indexOfBytes} from './text.ts';
import type {TextScratch} from './text-scratch.ts';
import {codePointAt, codePointBefore, codePointCount, leadBytes, skipCodePoints} from './utf8.ts';

/** Largest offset and length that DuckDB takes; a substring without length has this one. */
export const substringMax = 4_294_967_295;

/**
 * The code points of [first, first + count), or of [first + count, first) where `count` is negative, as far as they exist.
 *
 * @param offset of the first one, counted from 1; from the end if negative; 0 is the place before the first.
 */
export function substringSlice(scratch: TextScratch, bytes: Uint8Array, start: number, length: number, offset: number, count: number): void {
  const end = start + length;
  const first = offset < 0 ? codePointCount(bytes, start, length) + offset : offset - 1;
  const low = Math.max(count < 0 ? first + count : first, 0);
  const high = Math.max(count < 0 ? first : first + count, 0);
  const from = skipCodePoints(bytes, start, end, low);
  scratch.sliceStart = from;
  scratch.sliceLength = skipCodePoints(bytes, from, end, high - low) - from;
}

/** The first `count` code points, or all but the last −`count`. */
export function leftSlice(scratch: TextScratch, bytes: Uint8Array, start: number, length: number, count: number): void {
  const take = count >= 0 ? count : Math.max(0, codePointCount(bytes, start, length) + count);
  scratch.sliceStart = start;
  scratch.sliceLength = skipCodePoints(bytes, start, start + length, take) - start;
}

/** The last `count` code points, or all but the first −`count`. */
export function rightSlice(scratch: TextScratch, bytes: Uint8Array, start: number, length: number, count: number): void {
  const skip = count >= 0 ? Math.max(0, codePointCount(bytes, start, length) - count) : -count;
  const from = skipCodePoints(bytes, start, start + length, skip);
  scratch.sliceStart = from;
  scratch.sliceLength = start + length - from;
}

/** @returns whether a code point is a space separator (Zs), which the trims remove; tabs and line ends are none. */
function spaceSeparator(codePoint: number): boolean {
  return codePoint === 0x20 || codePoint === 0xa0 || codePoint === 0x1680 || (codePoint >= 0x2000 && codePoint <= 0x200a)
    || codePoint === 0x202f || codePoint === 0x205f || codePoint === 0x3000;
}

/** Removes space separators. */
export function trimSlice(scratch: TextScratch, bytes: Uint8Array, start: number, length: number, atStart: boolean, atEnd: boolean): void {
  let from = start;
  let end = start + length;
  if (atStart) while (from < end && spaceSeparator(codePointAt(bytes, from))) from += leadBytes(bytes[from]!);
  if (atEnd) {
    while (end > from) {
      const before = codePointBefore(bytes, end);
      if (!spaceSeparator(codePointAt(bytes, before))) break;
      end = before;
    }
  }
  scratch.sliceStart = from;
  scratch.sliceLength = end - from;
}

/** @returns whether the code point at `at` is one of those in `set`. */
function among(bytes: Uint8Array, at: number, set: Uint8Array, setStart: number, setLength: number): boolean {
  const size = leadBytes(bytes[at]!);
  for (let i = setStart, end = setStart + setLength; i < end; i += leadBytes(set[i]!)) {
    if (leadBytes(set[i]!) === size && equalBytes(bytes, at, set, i, size)) return true;
  }
  return false;
}

/** Removes the code points of `set`. */
export function trimSetSlice(scratch: TextScratch, bytes: Uint8Array, start: number, length: number, set: Uint8Array, setStart: number, setLength: number, atStart: boolean, atEnd: boolean): void {
  let from = start;
  let end = start + length;
  if (atStart) while (from < end && among(bytes, from, set, setStart, setLength)) from += leadBytes(bytes[from]!);
  if (atEnd) {
    while (end > from) {
      const before = codePointBefore(bytes, end);
      if (!among(bytes, before, set, setStart, setLength)) break;
      end = before;
    }
  }
  scratch.sliceStart = from;
  scratch.sliceLength = end - from;
}

/**
 * Part `index` (from 1; from the end if negative) between separators; an empty separator cuts between code points.
 *
 * @returns whether there is such a part.
 */
export function splitPartSlice(scratch: TextScratch, bytes: Uint8Array, start: number, length: number, separator: Uint8Array, separatorStart: number, separatorLength: number, index: number): boolean {
  const end = start + length;
  const wanted = index < 0 ? index + 1 + partCount(bytes, start, length, separator, separatorStart, separatorLength) : index;
  if (wanted <= 0) return false;
  scratch.sliceStart = start;
  scratch.sliceLength = 0;
  if (separatorLength === 0) {
    const from = skipCodePoints(bytes, start, end, wanted - 1);
    if (from >= end) return wanted === 1; // an empty text has one empty part
    scratch.sliceStart = from;
    scratch.sliceLength = leadBytes(bytes[from]!);
    return true;
  }
  let from = start;
  for (let part = 1; ; part++) {
    const found = indexOfBytes(bytes, from, end - from, separator, separatorStart, separatorLength);
    if (part === wanted) {
      scratch.sliceStart = from;
      scratch.sliceLength = (found === -1 ? end : found) - from;
      return true;
    }
    if (found === -1) return false;
    from = found + separatorLength;
  }
}

function partCount(bytes: Uint8Array, start: number, length: number, separator: Uint8Array, separatorStart: number, separatorLength: number): number {
  if (separatorLength === 0) return Math.max(1, codePointCount(bytes, start, length));
  const end = start + length;
  let count = 1;
  for (let from = start; ; count++) {
    const found = indexOfBytes(bytes, from, end - from, separator, separatorStart, separatorLength);
    if (found === -1) return count;
    from = found + separatorLength;
  }
}
