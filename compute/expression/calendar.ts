/**
 * The proleptic Gregorian calendar on day numbers (days since 1970-01-01) and µs, as numbers or bigint.
 *
 * Source: days to civil dates by counting years from March in eras of 400 years (146,097 days).
 */

export const microsPerDay = 86_400_000_000;
const bigMicrosPerDay = 86_400_000_000n;
/** DATE's and TIMESTAMP's own infinities. */
export const dateInfinity = 2_147_483_647;
/** The earliest finite timestamp. */
export const timestampMin = -9_223_372_022_400_000_000n;
export const timestampInfinity = 9_223_372_036_854_775_807n;

/** @returns the day on which a time lies. */
export function bigDay(micros: bigint): number {
  const quotient = micros / bigMicrosPerDay;
  return Number(quotient) - (micros < 0n && quotient * bigMicrosPerDay !== micros ? 1 : 0);
}

/** @returns µs since that day began. */
export function bigTimeOfDay(micros: bigint): number {
  const rest = Number(micros % bigMicrosPerDay);
  return rest < 0 ? rest + microsPerDay : rest;
}

/** @returns the largest multiple of `step` that is not above `value`. */
export function bigFloor(value: bigint, step: bigint): bigint {
  const rest = value % step;
  return value - (rest < 0n ? rest + step : rest);
}

/** @returns the era of 400 years that a day lies in, counted from 0000-03-01. */
function eraOf(days: number): number {
  return Math.floor((days + 719_468) / 146_097);
}

/** A day's place in its era, packed: `year from March · 512 + day from March`. Small integers: V8 divides them by multiplying. */
function placeInEra(days: number): number {
  const day = (days + 719_468 - eraOf(days) * 146_097) | 0;
  const year = ((day - ((day / 1460) | 0) + ((day / 36_524) | 0) - ((day / 146_096) | 0)) / 365) | 0;
  return year * 512 + day - (365 * year + (year >> 2) - ((year / 100) | 0));
}

/** @returns the year, 0 for 1 BC. */
export function yearOf(days: number): number {
  const place = placeInEra(days);
  const year = eraOf(days) * 400 + (place >> 9);
  return (place & 511) >= 306 ? year + 1 : year; // January begins 306 days after March
}

/** @returns 1 … 12. */
export function monthOf(days: number): number {
  const month = ((5 * (placeInEra(days) & 511) + 2) / 153) | 0;
  return month < 10 ? month + 3 : month - 9;
}

/** @returns 1 … 31. */
export function dayOfMonth(days: number): number {
  const day = placeInEra(days) & 511;
  const month = ((5 * day + 2) / 153) | 0;
  return day - (((153 * month + 2) / 5) | 0) + 1;
}

/** @returns months since 1970-01. */
export function monthNumber(days: number): number {
  return (yearOf(days) - 1970) * 12 + monthOf(days) - 1;
}

/** @returns the day of `year`-`month`-`day`; month and day may run over. */
export function daysFromCivil(year: number, month: number, day: number): number {
  const shiftedYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(shiftedYear / 400);
  const yearOfEra = shiftedYear - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468;
}

/** @returns the first day of a month. @param month since 1970-01. */
export function monthStart(month: number): number {
  const year = Math.floor(month / 12);
  return daysFromCivil(1970 + year, month - year * 12 + 1, 1);
}

/** @returns the day `months` later (earlier if negative), the month's last day at most. */
export function addMonths(days: number, months: number): number {
  const month = monthNumber(days) + months;
  const start = monthStart(month);
  const length = monthStart(month + 1) - start;
  return start + Math.min(dayOfMonth(days), length) - 1;
}

/** @returns 1 … 366. */
export function dayOfYear(days: number): number {
  return days - daysFromCivil(yearOf(days), 1, 1) + 1;
}

/** @returns 1 (Monday) … 7 (Sunday). */
export function isoWeekday(days: number): number {
  const place = (days + 3) % 7; // 1970-01-01 was a Thursday
  return (place < 0 ? place + 7 : place) + 1;
}

/** @returns the year that the ISO week of a day belongs to: that of its Thursday. */
export function isoYear(days: number): number {
  return yearOf(days - isoWeekday(days) + 4);
}

/** @returns 1 … 53. */
export function isoWeek(days: number): number {
  const thursday = days - isoWeekday(days) + 4;
  return Math.floor((thursday - daysFromCivil(yearOf(thursday), 1, 1)) / 7) + 1;
}

/** @returns the Monday of the first ISO week of the ISO year that a day belongs to. */
export function isoYearStart(days: number): number {
  const january4 = daysFromCivil(isoYear(days), 1, 4);
  return january4 - isoWeekday(january4) + 1;
}

/** @returns ISO year and week as one number, `yyyyww`. */
export function yearWeek(days: number): number {
  const year = isoYear(days);
  const week = isoWeek(days);
  return year * 100 + (year > 0 ? week : -week);
}

/** @returns the century (`years` 100) or millennium (1000) of a year: the first begins with year 1, and there is none numbered 0. */
export function centuryOf(year: number, years: number): number {
  return year > 0 ? Math.floor((year - 1) / years) + 1 : -Math.floor(-year / years) - 1;
}
