/**
 * Text to values as DuckDB's casts read it (not its literals): surrounding spaces, a sign, underscores between digits, fractions
 * and exponents in integers; dates with any of four separators and whatever comes behind them.
 *
 * Each parser answers one of the states below and leaves the value in `scratch`. What it does not follow to the end (hexadecimal,
 * time zones …) is `parseOther`, never a guess.
 */
import {dateInfinity, daysFromCivil, microsPerDay, monthStart} from './calendar.ts';
import type {TextScratch} from './text-scratch.ts';

/** The text is no such value: the cast raises. */
export const parseFailed = 0;
/** The value is in `scratch.parsed`. */
export const parsedNumber = 1;
/** The value is in `scratch.parsedBig`, beyond 2^53. */
export const parsedBig = 2;
/** DuckDB may read it; the caller gives the row up. */
export const parseOther = 3;
/** A date whose fields are out of range: another message than for what is no date. */
export const parseOutOfRange = 4;

type State = typeof parseFailed | typeof parsedNumber | typeof parsedBig | typeof parseOther | typeof parseOutOfRange;

function space(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

function digit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

/** Digits that a number always holds exactly. */
const exactDigits = 15;
/** Exponents beyond it are left to DuckDB. */
const exponentMax = 300;

/**
 * A decimal number times 10^`scale`, rounded half away from zero.
 *
 * @param integer whether the wanted type is an integer one, where exponents are read.
 * @param hexadecimal whether `0x…` and `0b…` are numbers of the wanted type.
 */
export function parseDecimal(scratch: TextScratch, bytes: Uint8Array, start: number, length: number, scale: number, integer: boolean, hexadecimal: boolean): State {
  const end = start + length;
  let at = start;
  while (at < end && space(bytes[at]!)) at++;
  const negative = at < end && bytes[at] === 0x2d;
  if (negative || (at < end && bytes[at] === 0x2b)) at++;
  else if (hexadecimal && at + 1 < end && bytes[at] === 0x30 && (bytes[at + 1]! | 0x20) !== 0x30 && ((bytes[at + 1]! | 0x20) === 0x78 || (bytes[at + 1]! | 0x20) === 0x62)) return parseOther;
  const first = at;
  let value = 0;
  let digits = 0; // significant ones
  let fractionDigits = 0;
  let seen = false;
  let fraction = false;
  for (; at < end; at++) {
    const byte = bytes[at]!;
    if (digit(byte)) {
      seen = true;
      if (fraction) fractionDigits++;
      if (digits > 0 || byte !== 0x30) digits++;
      if (digits <= exactDigits) value = value * 10 + byte - 0x30;
    } else if (byte === 0x5f) {
      // One underscore, between digits.
      if (!digit(bytes[at - 1]) || at === first || at + 1 >= end || !digit(bytes[at + 1])) return parseFailed;
    } else if (byte === 0x2e && !fraction) {
      fraction = true;
      if (at + 1 < end && bytes[at + 1] === 0x5f) return parseFailed;
    } else break;
  }
  if (!seen) {
    // A sign with nothing but spaces behind it is 0.
    const signOnly = first > start && !space(bytes[first - 1]!) && at === first && at < end;
    while (at < end && space(bytes[at]!)) at++;
    scratch.parsed = 0;
    return signOnly && at === end ? parsedNumber : parseFailed;
  }
  const mantissaEnd = at;
  let exponent = 0;
  if (at < end && (bytes[at]! | 0x20) === 0x65) {
    const read = parseExponent(bytes, at + 1, end);
    if (read === null) return parseFailed;
    // DuckDB counts the digits of decimals, and of long integers, before it applies the exponent.
    if (read === exponentOdd || !integer || digits > exactDigits) return parseOther;
    exponent = read;
    at = end;
  }
  while (at < end && space(bytes[at]!)) at++;
  if (at < end) return parseFailed;
  if (exponent > exponentMax || exponent < -exponentMax) return parseOther;
  const shift = scale + exponent - fractionDigits;
  if (digits <= exactDigits && shift <= 0 && shift >= -22) {
    const power = 10 ** -shift;
    const quotient = Math.floor(value / power);
    const rounded = quotient + (shift < 0 && (value - quotient * power) * 2 >= power ? 1 : 0);
    scratch.parsed = negative ? 0 - rounded : rounded;
    return parsedNumber;
  }
  if (digits + shift <= exactDigits && shift >= 0) {
    const scaled = value * 10 ** shift;
    scratch.parsed = negative ? 0 - scaled : scaled;
    return parsedNumber;
  }
  return parseLong(scratch, bytes, first, mantissaEnd, shift, negative);
}

/** The same with bigint, for what has many digits. */
function parseLong(scratch: TextScratch, bytes: Uint8Array, start: number, end: number, shift: number, negative: boolean): State {
  let text = '';
  for (let i = start; i < end; i++) if (digit(bytes[i])) text += String.fromCharCode(bytes[i]!);
  const whole = BigInt(text);
  let value: bigint;
  if (shift >= 0) value = whole * 10n ** BigInt(shift);
  else {
    const power = 10n ** BigInt(-shift);
    value = whole / power + ((whole % power) * 2n >= power ? 1n : 0n);
  }
  if (negative) value = -value;
  if (value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= -BigInt(Number.MAX_SAFE_INTEGER)) {
    scratch.parsed = Number(value);
    return parsedNumber;
  }
  scratch.parsedBig = value;
  return parsedBig;
}

/** An exponent with a point, or spaces where it should be, which DuckDB lets pass. */
const exponentOdd = 1e7;

/** @returns the exponent that stands in `bytes[start, end)`, spaces behind it allowed; null if none does. */
function parseExponent(bytes: Uint8Array, start: number, end: number): number | null {
  let at = start;
  const negative = bytes[at] === 0x2d;
  if (at < end && (negative || bytes[at] === 0x2b)) at++;
  const first = at;
  let value = 0;
  for (; at < end; at++) {
    const byte = bytes[at]!;
    if (digit(byte)) value = Math.min(value * 10 + byte - 0x30, 1e6);
    else if (byte === 0x5f) {
      if (at === first || !digit(bytes[at - 1]) || at + 1 >= end || !digit(bytes[at + 1])) return null;
    } else break;
  }
  if (at < end && (bytes[at] === 0x2e || (at === first && space(bytes[at]!)))) return exponentOdd;
  if (at === first) return null;
  while (at < end && space(bytes[at]!)) at++;
  return at < end ? null : negative ? -value : value;
}

/** A double. Words (`nan`, `inf`) and odd spellings are left to DuckDB. */
export function parseDouble(scratch: TextScratch, bytes: Uint8Array, start: number, length: number): State {
  let from = start;
  let end = start + length;
  while (from < end && space(bytes[from]!)) from++;
  while (end > from && space(bytes[end - 1]!)) end--;
  if (from === end) return parseFailed;
  let text = '';
  for (let i = from; i < end; i++) {
    if (bytes[i]! >= 0x80) return parseFailed;
    text += String.fromCharCode(bytes[i]!);
  }
  if (/^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/.test(text)) {
    scratch.parsed = Number(text);
    return parsedNumber;
  }
  // Words, underscores and two signs.
  return /_|^\+-|^[+-]*[in]/i.test(text) ? parseOther : parseFailed;
}

/** `true`, `t`, `yes`, `y`, `1` and their opposites in any case, nothing around them; `scratch.parsed` is 1 or 0. */
export function parseBoolean(scratch: TextScratch, bytes: Uint8Array, start: number, length: number): State {
  if (length === 0 || length > 5) return parseFailed;
  let text = '';
  for (let i = 0; i < length; i++) text += String.fromCharCode(bytes[start + i]!);
  const word = text.toLowerCase();
  if (word === 't' || word === 'true' || word === 'y' || word === 'yes' || word === '1') scratch.parsed = 1;
  else if (word === 'f' || word === 'false' || word === 'n' || word === 'no' || word === '0') scratch.parsed = 0;
  else return parseFailed;
  return parsedNumber;
}

/** A date at the beginning of the text; `scratch.sliceStart` is where it ends. What follows is not looked at, but for a digit. */
function parseDatePart(scratch: TextScratch, bytes: Uint8Array, start: number, end: number): State {
  let at = start;
  while (at < end && space(bytes[at]!)) at++;
  const negative = at < end && bytes[at] === 0x2d;
  if (negative) at++;
  if (at >= end) return parseFailed;
  if (!digit(bytes[at])) return (bytes[at]! | 0x20) === 0x69 || (bytes[at]! | 0x20) === 0x65 ? parseOther : parseFailed; // infinity, epoch
  let year = 0;
  for (; at < end && digit(bytes[at]); at++) {
    if (year >= 100_000_000) return parseFailed;
    year = year * 10 + bytes[at]! - 0x30;
  }
  const separator = bytes[at];
  if (at >= end || !(separator === 0x20 || separator === 0x2d || separator === 0x2f || separator === 0x5c)) return parseFailed;
  at++;
  if (at >= end || !digit(bytes[at])) return parseFailed;
  let month = bytes[at++]! - 0x30;
  if (at < end && digit(bytes[at])) month = month * 10 + bytes[at++]! - 0x30;
  if (at >= end || bytes[at++] !== separator) return parseFailed;
  if (at >= end || !digit(bytes[at])) return parseFailed;
  let day = bytes[at++]! - 0x30;
  if (at < end && digit(bytes[at])) day = day * 10 + bytes[at++]! - 0x30;
  if (end - at >= 5 && space(bytes[at]!) && bytes[at + 1] === 0x28 && (bytes[at + 2]! | 0x20) === 0x62 && (bytes[at + 3]! | 0x20) === 0x63 && bytes[at + 4] === 0x29) {
    if (negative || year === 0) return parseFailed;
    year = 1 - year;
    at += 5;
  } else if (negative) year = -year;
  if (at < end && digit(bytes[at])) return parseFailed;
  scratch.sliceStart = at;
  if (month < 1 || month > 12 || day < 1) return parseOutOfRange;
  const first = daysFromCivil(year, month, 1);
  const next = monthStart((year - 1970) * 12 + month);
  const days = first + day - 1;
  if (days >= next || days >= dateInfinity || days <= -dateInfinity) return parseOutOfRange;
  scratch.parsed = days;
  return parsedNumber;
}

/** A date, whatever stands behind it; `scratch.parsed` is days since 1970. */
export function parseDate(scratch: TextScratch, bytes: Uint8Array, start: number, length: number): State {
  return parseDatePart(scratch, bytes, start, start + length);
}

/** A date and a time of day, `T` or spaces between them; zones but `Z` are left to DuckDB. µs beyond six digits are cut. */
export function parseTimestamp(scratch: TextScratch, bytes: Uint8Array, start: number, length: number): State {
  const end = start + length;
  const state = parseDatePart(scratch, bytes, start, end);
  if (state !== parsedNumber) return state;
  const days = scratch.parsed;
  let at = scratch.sliceStart;
  let micros = 0;
  if (at < end) {
    if (bytes[at] !== 0x20 && bytes[at] !== 0x54) return parseFailed;
    at++;
    while (at < end && space(bytes[at]!)) at++;
    const fields = [0, 0, 0];
    let field = 0;
    for (; field < 3; field++) {
      if (at >= end || !digit(bytes[at])) break;
      let value = bytes[at++]! - 0x30;
      if (at < end && digit(bytes[at])) value = value * 10 + bytes[at++]! - 0x30;
      fields[field] = value;
      if (field === 2 || at >= end || bytes[at] !== 0x3a) break;
      at++;
    }
    // At least hours and minutes, and no colon at the end; the rest is DuckDB's.
    if (field === 0) return at < end && digit(bytes[at]) ? parseOther : parseFailed;
    if (field === 3 || bytes[at - 1] === 0x3a) return parseFailed;
    const [hour, minute, second] = fields as [number, number, number];
    if (at < end && bytes[at] === 0x2e && field === 2) {
      at++;
      for (let unit = 100_000; at < end && digit(bytes[at]); at++, unit = Math.floor(unit / 10)) micros += (bytes[at]! - 0x30) * unit;
    }
    if (minute > 59 || second > 59 || hour > 24 || (hour === 24 && (minute > 0 || second > 0 || micros > 0))) return parseFailed;
    micros += ((hour * 60 + minute) * 60 + second) * 1_000_000;
    if (at < end && bytes[at] === 0x5a) at++;
    while (at < end && space(bytes[at]!)) at++;
    if (at < end) return parseOther;
  }
  const sum = days * microsPerDay + micros;
  if (sum <= Number.MAX_SAFE_INTEGER && sum >= -Number.MAX_SAFE_INTEGER) {
    scratch.parsed = sum;
    return parsedNumber;
  }
  scratch.parsedBig = BigInt(days) * BigInt(microsPerDay) + BigInt(micros);
  return parsedBig;
}
