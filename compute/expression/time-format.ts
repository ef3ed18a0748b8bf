/**
 * A constant strftime format, cut once into literal text and the parts of a time. Compiled are the specifiers below, which
 * depend on the calendar alone; `%-d` and its like write no leading zeros.
 */
import {dateInfinity, dayOfMonth, dayOfYear, isoWeekday, monthOf, timestampInfinity, yearOf} from './calendar.ts';
import {writeDigits} from './text-format.ts';
import type {TextScratch} from './text-scratch.ts';

const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const months = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'];

/** Specifiers and the digits that they write at least; 0 for names. */
const digitsOf: Readonly<Record<string, number>> = {Y: 4, y: 2, m: 2, d: 2, j: 3, H: 2, I: 2, M: 2, S: 2, f: 6, g: 3, u: 1, w: 1, B: 0, b: 0, A: 0, a: 0, p: 0};
const unpadded: ReadonlySet<string> = new Set(['y', 'm', 'd', 'j', 'H', 'I', 'M', 'S']);

interface Part {readonly literal: Uint8Array; /** empty for a literal */ readonly specifier: string; readonly digits: number}

const encoder = new TextEncoder();
/** Longest text of one specifier. */
const partBytesMax = 16;

/** @returns why a format is not compiled, or null. */
export function timeFormatRefusal(format: string): string | null {
  if (format === '') return 'an empty format';
  for (const [found, minus, specifier] of format.matchAll(/%(-?)(.?)/gsu)) {
    if (specifier === '%' && minus === '') continue;
    if (digitsOf[specifier!] === undefined || (minus === '-' && !unpadded.has(specifier!))) return `format '${found}'`;
  }
  return null;
}

/** A format ready to write times. */
export class TimeFormat {
  readonly #parts: readonly Part[];
  readonly #bytesMax: number;

  /** @param format accepted by `timeFormatRefusal`. */
  constructor(format: string) {
    this.#parts = [...format.matchAll(/%(-?)(.)|[^%]+/gsu)].map(([found, minus, specifier]): Part => {
      if (specifier === undefined || specifier === '%') return {literal: encoder.encode(specifier ?? found), specifier: '', digits: 0};
      return {literal: encoder.encode(''), specifier, digits: minus === '-' ? 1 : digitsOf[specifier]!};
    });
    this.#bytesMax = this.#parts.reduce((sum, {literal}) => sum + literal.length + partBytesMax, 0);
  }

  /** Writes a finite time. @returns where the text begins; it ends at `scratch.used`. */
  write(scratch: TextScratch, day: number, time: number): number {
    const start = scratch.reserve(this.#bytesMax);
    const {bytes} = scratch;
    let at = start;
    for (const {literal, specifier, digits} of this.#parts) {
      if (specifier === '') {
        for (let i = 0; i < literal.length; i++) bytes[at++] = literal[i]!;
      } else if (digits === 0) at = writeName(bytes, at, nameOf(specifier, day, time));
      else at = writeNumber(bytes, at, numberOf(specifier, day, time), digits);
    }
    scratch.used = at;
    return start;
  }
}

function writeName(bytes: Uint8Array, at: number, name: string): number {
  for (let i = 0; i < name.length; i++) bytes[at + i] = name.charCodeAt(i);
  return at + name.length;
}

function writeNumber(bytes: Uint8Array, at: number, value: number, digits: number): number {
  let position = at;
  const magnitude = Math.abs(value);
  // A negative year is not padded.
  if (value < 0) bytes[position++] = 0x2d;
  let size = value < 0 ? 1 : digits;
  while (magnitude >= 10 ** size) size++;
  writeDigits(bytes, position + size, magnitude, size);
  return position + size;
}

function nameOf(specifier: string, day: number, time: number): string {
  switch (specifier) {
    case 'B': return months[monthOf(day) - 1]!;
    case 'b': return months[monthOf(day) - 1]!.slice(0, 3);
    case 'A': return days[isoWeekday(day) % 7]!;
    case 'a': return days[isoWeekday(day) % 7]!.slice(0, 3);
    default: return time < 43_200_000_000 ? 'AM' : 'PM';
  }
}

function numberOf(specifier: string, day: number, time: number): number {
  switch (specifier) {
    case 'Y': return yearOf(day);
    case 'y': return Math.abs(yearOf(day)) % 100;
    case 'm': return monthOf(day);
    case 'd': return dayOfMonth(day);
    case 'j': return dayOfYear(day);
    case 'H': return Math.floor(time / 3_600_000_000);
    case 'I': return (Math.floor(time / 3_600_000_000) + 11) % 12 + 1;
    case 'M': return Math.floor(time / 60_000_000) % 60;
    case 'S': return Math.floor(time / 1_000_000) % 60;
    case 'f': return time % 1_000_000;
    case 'g': return Math.floor(time % 1_000_000 / 1000);
    case 'u': return isoWeekday(day);
    default: return isoWeekday(day) % 7;
  }
}

/** @returns where the text of an infinite date or time begins. */
export function writeInfinite(scratch: TextScratch, value: number | bigint): number {
  const text = value === dateInfinity || value === timestampInfinity ? 'infinity' : '-infinity';
  const start = scratch.reserve(text.length);
  scratch.used = writeName(scratch.bytes, start, text);
  return start;
}
