/** Values as DuckDB's casts to VARCHAR write them. Each function writes to `scratch` and returns where; the text ends at `scratch.used`. */
import {dateInfinity, dayOfMonth, microsPerDay, monthOf, timestampInfinity, bigDay, bigTimeOfDay, yearOf} from './calendar.ts';
import type {TextScratch} from './text-scratch.ts';

const zero = 0x30;

/** Longest text of a number, date or time. */
const textBytesMax = 64;

function writeAscii(scratch: TextScratch, text: string): number {
  const start = scratch.reserve(text.length);
  const {bytes} = scratch;
  for (let i = 0; i < text.length; i++) bytes[start + i] = text.charCodeAt(i);
  scratch.used = start + text.length;
  return start;
}

/** Writes at least `digits` digits of a whole number ≥ 0 that end before `end`. @returns where they begin. */
export function writeDigits(bytes: Uint8Array, end: number, value: number, digits: number): number {
  let at = end;
  let rest = value;
  // Nine digits at a time, so that the divisions are those of 32-bit integers.
  while (rest >= 1_000_000_000) {
    const high = Math.floor(rest / 1_000_000_000);
    let low = rest - high * 1_000_000_000;
    for (let i = 0; i < 9; i++) {
      const tens = (low / 10) | 0;
      bytes[--at] = zero + low - tens * 10;
      low = tens;
    }
    rest = high;
  }
  let small = rest | 0;
  while (small > 0 || end - at < digits) {
    const tens = (small / 10) | 0;
    bytes[--at] = zero + small - tens * 10;
    small = tens;
  }
  return at;
}

/** A decimal from its unscaled value; a whole number where `scale` is 0. @param digitsMin digits at least, those behind the point included. */
export function writeDecimal(scratch: TextScratch, value: number, scale: number, digitsMin: number): number {
  const begin = scratch.reserve(textBytesMax);
  const {bytes} = scratch;
  const end = begin + textBytesMax;
  let at = writeDigits(bytes, end, Math.abs(value), digitsMin);
  if (scale > 0) {
    // The digits before the point move one place down.
    const point = end - scale - 1;
    for (let i = at; i <= point; i++) bytes[i - 1] = bytes[i]!;
    bytes[point] = 0x2e;
    at--;
  }
  if (value < 0) bytes[--at] = 0x2d;
  scratch.used = end;
  return at;
}

/** As `writeDecimal`, for wide values. */
export function writeBigDecimal(scratch: TextScratch, value: bigint, scale: number, digitsMin: number): number {
  const digits = String(value < 0n ? -value : value).padStart(digitsMin, '0');
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  return writeAscii(scratch, value < 0n ? `-${text}` : text);
}

/**
 * Whether DuckDB's text of a double is not the shortest: NaN, whose sign it writes and JavaScript hides, and large powers of two,
 * for some of which it writes another number (2^81, 2^91, 2^806).
 */
export function peculiarDouble(value: number): boolean {
  if (value !== value) return true;
  const magnitude = Math.abs(value);
  return magnitude >= 1e16 && 2 ** Math.round(Math.log2(magnitude)) === magnitude && magnitude !== Infinity;
}

/** Shortest digits that read back as the same double: plain from 1e-4 up to 1e16, else with an exponent of two digits at least. */
export function writeDouble(scratch: TextScratch, value: number): number {
  return writeAscii(scratch, doubleText(value, String(Math.abs(value))));
}

/** @param shortest what JavaScript prints for the magnitude. */
function doubleText(value: number, shortest: string): string {
  if (Number.isNaN(value)) return 'nan';
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  if (shortest === 'Infinity') return `${sign}inf`;
  const [mantissa, exponentText] = shortest.split('e') as [string, string | undefined];
  const [whole, fraction = ''] = mantissa.split('.') as [string, string | undefined];
  const leading = `${whole}${fraction}`.replace(/^0+/, '');
  if (leading === '') return `${sign}0.0`;
  // value = 0.leading · 10^pointAt
  const pointAt = (exponentText === undefined ? 0 : Number(exponentText)) + whole.length - (`${whole}${fraction}`.length - leading.length);
  const digits = leading.replace(/0+$/, '');
  const exponent = pointAt - 1;
  if (exponent < -4 || exponent >= 16) {
    const shownExponent = `${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
    return `${sign}${digits[0]!}${digits.length > 1 ? `.${digits.slice(1)}` : ''}e${shownExponent}`;
  }
  if (pointAt <= 0) return `${sign}0.${'0'.repeat(-pointAt)}${digits}`;
  return `${sign}${digits.slice(0, pointAt).padEnd(pointAt, '0')}.${digits.slice(pointAt) || '0'}`;
}

/** Writes `yyyy-mm-dd`, ` (BC)` behind it for years before 1. */
export function writeDate(scratch: TextScratch, days: number): number {
  if (days === dateInfinity) return writeAscii(scratch, 'infinity');
  if (days === -dateInfinity) return writeAscii(scratch, '-infinity');
  const start = scratch.reserve(textBytesMax);
  scratch.used = writeCivil(scratch.bytes, start, days);
  return start;
}

function writeCivil(bytes: Uint8Array, start: number, days: number): number {
  const year = yearOf(days);
  const shown = year > 0 ? year : 1 - year;
  let at = start + (shown > 9999 ? Math.floor(Math.log10(shown)) + 1 : 4);
  writeDigits(bytes, at, shown, 4);
  bytes[at] = 0x2d;
  writeDigits(bytes, at + 3, monthOf(days), 2);
  bytes[at + 3] = 0x2d;
  writeDigits(bytes, at + 6, dayOfMonth(days), 2);
  at += 6;
  if (year <= 0) for (const character of ' (BC)') bytes[at++] = character.charCodeAt(0);
  return at;
}

/** Writes date and time of day, µs only as far as they are not 0. @param zoned writes `+00` behind. */
export function writeTimestamp(scratch: TextScratch, micros: number, zoned: boolean): number {
  const day = Math.floor(micros / microsPerDay);
  return writeParts(scratch, day, micros - day * microsPerDay, zoned);
}

/** As `writeTimestamp`, for wide values, infinities among them. */
export function writeBigTimestamp(scratch: TextScratch, micros: bigint, zoned: boolean): number {
  if (micros === timestampInfinity) return writeAscii(scratch, 'infinity');
  if (micros === -timestampInfinity) return writeAscii(scratch, '-infinity');
  return writeParts(scratch, bigDay(micros), bigTimeOfDay(micros), zoned);
}

function writeParts(scratch: TextScratch, day: number, time: number, zoned: boolean): number {
  const start = scratch.reserve(textBytesMax);
  const {bytes} = scratch;
  let at = writeCivil(bytes, start, day);
  const seconds = Math.floor(time / 1_000_000);
  bytes[at] = 0x20;
  writeDigits(bytes, at + 3, Math.floor(seconds / 3600), 2);
  bytes[at + 3] = 0x3a;
  writeDigits(bytes, at + 6, Math.floor(seconds / 60) % 60, 2);
  bytes[at + 6] = 0x3a;
  writeDigits(bytes, at + 9, seconds % 60, 2);
  at += 9;
  const micros = time - seconds * 1_000_000;
  if (micros > 0) {
    bytes[at] = 0x2e;
    writeDigits(bytes, at + 7, micros, 6);
    at += 7;
    while (bytes[at - 1] === zero) at--;
  }
  if (zoned) {
    bytes[at] = 0x2b;
    bytes[at + 1] = bytes[at + 2] = zero;
    at += 3;
  }
  scratch.used = at;
  return start;
}

/** Writes `true` or `false`. @returns the end. */
/** Writes `true` or `false`. */
export function writeBoolean(scratch: TextScratch, value: boolean): number {
  return writeAscii(scratch, value ? 'true' : 'false');
}
