/** lower and upper: ASCII by bytes, the rest by the table of case-mapping.ts. */
import {lowerRuns, upperRuns} from './case-mapping.ts';
import type {TextScratch} from './text-scratch.ts';
import {codePointAt, codePointBytes, writeCodePoint} from './utf8.ts';

/** Runs of code points that move by one distance, by their first code point. */
interface CaseTable {readonly first: Int32Array; readonly last: Int32Array; readonly step: Int32Array; readonly distance: Int32Array}

function tableOf(lines: readonly string[]): CaseTable {
  const runs = lines.flatMap((line) => line.split(' ')).map((run) => run.split(',').map(Number) as [number, number, number, number]);
  return {
    first: Int32Array.from(runs, ([first]) => first),
    last: Int32Array.from(runs, ([first, count, step]) => first + (count - 1) * step),
    step: Int32Array.from(runs, ([, , step]) => step),
    distance: Int32Array.from(runs, ([, , , distance]) => distance),
  };
}

const lowerTable = tableOf(lowerRuns);
const upperTable = tableOf(upperRuns);

function mapped(table: CaseTable, codePoint: number): number {
  // The last run that begins at or before the code point.
  let low = 0;
  let high = table.first.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (table.first[middle]! <= codePoint) low = middle + 1;
    else high = middle;
  }
  const run = low - 1;
  if (run < 0 || codePoint > table.last[run]! || (codePoint - table.first[run]!) % table.step[run]! !== 0) return codePoint;
  return codePoint + table.distance[run]!;
}

/** @param firstLetter of the ASCII letters that change, @param flip what is added to them. */
function convert(scratch: TextScratch, bytes: Uint8Array, start: number, length: number, table: CaseTable, firstLetter: number, flip: number): number {
  // Two bytes may become three, so twice the length is enough.
  const from = scratch.reserve(2 * length);
  const to = scratch.bytes;
  const end = start + length;
  let at = from;
  for (let i = start; i < end;) {
    const byte = bytes[i]!;
    if (byte < 0x80) {
      to[at++] = byte >= firstLetter && byte < firstLetter + 26 ? byte + flip : byte;
      i++;
    } else {
      const codePoint = codePointAt(bytes, i);
      i += codePointBytes(codePoint);
      at = writeCodePoint(to, at, mapped(table, codePoint));
    }
  }
  scratch.used = at;
  return from;
}

/** Writes the text in lower case to `scratch`. @returns its start there; it ends at `scratch.used`. */
export function lowerText(scratch: TextScratch, bytes: Uint8Array, start: number, length: number): number {
  return convert(scratch, bytes, start, length, lowerTable, 0x41, 32);
}

/** Writes the text in upper case to `scratch`. @returns its start there; it ends at `scratch.used`. */
export function upperText(scratch: TextScratch, bytes: Uint8Array, start: number, length: number): number {
  return convert(scratch, bytes, start, length, upperTable, 0x61, -32);
}
