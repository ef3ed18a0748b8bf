/**
 * Dates and timestamps as text: `2026-01-31`, `2026-01-31T03:04:05.000000`. Proleptic Gregorian calendar, year 0 is 1 BC.
 * Years outside 0…9999 carry a sign or more digits (`-0043-03-15`, `10000-01-01`), a form that DuckDB casts back; the
 * infinities are `infinity` and `-infinity`.
 *
 * Source: days to civil and back after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
 */
import {WarehouseError} from '../base/error.ts';

export const DATE_INFINITY = 2_147_483_647;
export const TIMESTAMP_INFINITY = 9_223_372_036_854_775_807n;
const dayMicros = 86_400_000_000n;

/** @param days since 1970-01-01. */
export function dateText(days: number): string {
  if (days === DATE_INFINITY) return 'infinity';
  if (days === -DATE_INFINITY) return '-infinity';
  const shifted = days + 719_468; // days since 0000-03-01
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor((dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const yearText = (year < 0 ? '-' : '') + String(Math.abs(year)).padStart(4, '0');
  return `${yearText}-${two(month)}-${two(day)}`;
}

/** @param micros since 1970-01-01T00:00:00 UTC. */
export function timestampText(micros: bigint): string {
  if (micros === TIMESTAMP_INFINITY) return 'infinity';
  if (micros === -TIMESTAMP_INFINITY) return '-infinity';
  let days = micros / dayMicros;
  let rest = micros - days * dayMicros;
  if (rest < 0n) { days -= 1n; rest += dayMicros; }
  const inDay = Number(rest);
  const seconds = Math.floor(inDay / 1e6);
  const fraction = String(inDay - seconds * 1e6).padStart(6, '0');
  return `${dateText(Number(days))}T${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}.${fraction}`;
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

const datePattern = /^(-?)(\d{4,7})-(\d{2})-(\d{2})$/;
const timestampPattern = /^(-?\d{4,7}-\d{2}-\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?)?\s*(Z|[+-]\d{2}(?::?\d{2})?)?$/i;

/** @returns days since 1970. @throws {WarehouseError} MR_VALUE (invalid). */
export function parseDate(text: string): number {
  if (text === 'infinity') return DATE_INFINITY;
  if (text === '-infinity') return -DATE_INFINITY;
  const found = datePattern.exec(text);
  const year = found === null ? 0 : Number(found[2]) * (found[1] === '-' ? -1 : 1);
  const month = Number(found?.[3]);
  const day = Number(found?.[4]);
  if (found === null || month < 1 || month > 12 || day < 1 || day > monthDays(year, month)) {
    throw new WarehouseError('invalid', 'MR_VALUE', `expected a date like 2026-01-31, found "${text}"`);
  }
  const days = daysOf(year, month, day);
  if (Math.abs(days) >= DATE_INFINITY) throw new WarehouseError('invalid', 'MR_VALUE', `the date ${text} is out of range`);
  return days;
}

function daysOf(year: number, month: number, day: number): number {
  const shiftedYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(shiftedYear / 400);
  const yearOfEra = shiftedYear - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

function monthDays(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/**
 * @param text `T` or a space between date and time; an offset is applied, so the result is UTC; none means UTC.
 * @returns µs since 1970.
 * @throws {WarehouseError} MR_VALUE (invalid).
 */
export function parseTimestamp(text: string): bigint {
  if (text === 'infinity') return TIMESTAMP_INFINITY;
  if (text === '-infinity') return -TIMESTAMP_INFINITY;
  const found = timestampPattern.exec(text);
  const [hour, minute, second] = [Number(found?.[2] ?? 0), Number(found?.[3] ?? 0), Number(found?.[4] ?? 0)];
  const offsetMinutes = found?.[6] === undefined ? 0 : parseOffset(found[6]);
  if (found === null || hour > 23 || minute > 59 || second > 59 || Number.isNaN(offsetMinutes)) {
    throw new WarehouseError('invalid', 'MR_VALUE', `expected a timestamp like 2026-01-31T03:04:05.000000, found "${text}"`);
  }
  const fraction = Number((found[5] ?? '').padEnd(6, '0'));
  const inDay = ((hour * 60 + minute - offsetMinutes) * 60 + second) * 1e6 + fraction;
  const micros = BigInt(parseDate(found[1]!)) * dayMicros + BigInt(inDay);
  if (micros >= TIMESTAMP_INFINITY || micros <= -TIMESTAMP_INFINITY) throw new WarehouseError('invalid', 'MR_VALUE', `the timestamp ${text} is out of range`);
  return micros;
}

function parseOffset(text: string): number {
  if (text === 'Z' || text === 'z') return 0;
  const hours = Number(text.slice(1, 3));
  const minutes = text.length > 3 ? Number(text.slice(-2)) : 0;
  return hours > 15 || minutes > 59 ? NaN : (hours * 60 + minutes) * (text[0] === '-' ? -1 : 1);
}
