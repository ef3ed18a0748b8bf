/** Loops over the bytes of texts that generated code calls. All arguments are plain Uint8Arrays, so that every loop sees one array type. */
import type {TextScratch} from './text-scratch.ts';
import {codePointCount} from './utf8.ts';

export const emptyBytes = new Uint8Array(1);

/** @returns whether `length` bytes are the same. */
export function equalBytes(left: Uint8Array, leftStart: number, right: Uint8Array, rightStart: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (left[leftStart + i] !== right[rightStart + i]) return false;
  return true;
}

/** @returns less than, equal to or greater than 0 as the left text is before, the same as or after the right one by bytes. */
export function compareBytes(left: Uint8Array, leftStart: number, leftLength: number, right: Uint8Array, rightStart: number, rightLength: number): number {
  const shared = leftLength < rightLength ? leftLength : rightLength;
  for (let i = 0; i < shared; i++) {
    const difference = left[leftStart + i]! - right[rightStart + i]!;
    if (difference !== 0) return difference;
  }
  return leftLength - rightLength;
}

/** Copies `length` bytes. @returns the position after them. */
export function copyBytes(to: Uint8Array, at: number, from: Uint8Array, start: number, length: number): number {
  for (let i = 0; i < length; i++) to[at + i] = from[start + i]!;
  return at + length;
}

/** @returns where `needle` first occurs at or after `start`, −1 if it does not. An empty needle occurs at `start`. */
export function indexOfBytes(bytes: Uint8Array, start: number, length: number, needle: Uint8Array, needleStart: number, needleLength: number): number {
  if (needleLength === 0) return start;
  const first = needle[needleStart]!;
  for (let i = start, last = start + length - needleLength; i <= last; i++) {
    if (bytes[i] === first && equalBytes(bytes, i, needle, needleStart, needleLength)) return i;
  }
  return -1;
}

/** @returns the position of `needle` in code points from 1, 0 if it does not occur. */
export function positionOf(bytes: Uint8Array, start: number, length: number, needle: Uint8Array, needleStart: number, needleLength: number): number {
  const found = indexOfBytes(bytes, start, length, needle, needleStart, needleLength);
  return found === -1 ? 0 : codePointCount(bytes, start, found - start) + 1;
}

/** Writes `bytes` with every `from` replaced by `to`. @returns its start in `scratch`; it ends at `scratch.used`. */
export function replaceText(scratch: TextScratch, bytes: Uint8Array, start: number, length: number, from: Uint8Array, fromStart: number, fromLength: number, to: Uint8Array, toStart: number, toLength: number): number {
  const growth = fromLength === 0 ? 1 : Math.max(1, toLength / fromLength);
  const begin = scratch.reserve(Math.ceil(length * growth));
  const target = scratch.bytes;
  const end = start + length;
  let at = begin;
  let position = start;
  for (;;) {
    const found = fromLength === 0 ? -1 : indexOfBytes(bytes, position, end - position, from, fromStart, fromLength);
    if (found === -1) break;
    at = copyBytes(target, at, bytes, position, found - position);
    at = copyBytes(target, at, to, toStart, toLength);
    position = found + fromLength;
  }
  scratch.used = copyBytes(target, at, bytes, position, end - position);
  return begin;
}
