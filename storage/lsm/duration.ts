/** Durations in table options: `1 h`, `30min`, `2 days`, `500 ms`; a bare number is milliseconds. */
import {WarehouseError} from '../../base/error.ts';

const units: Readonly<Record<string, number>> = {
  '': 1, ms: 1, milli: 1, millis: 1, millisecond: 1, milliseconds: 1, s: 1000, sec: 1000, secs: 1000, second: 1000, seconds: 1000,
  m: 60_000, min: 60_000, mins: 60_000, minute: 60_000, minutes: 60_000, h: 3_600_000, hour: 3_600_000, hours: 3_600_000, d: 86_400_000, day: 86_400_000, days: 86_400_000,
};

/** @returns ms; undefined for undefined. @throws {WarehouseError} `MR_PAIMON_OPTION` (invalid) */
export function parseDuration(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const match = /^\s*(\d{1,15})\s*([a-z]*)\s*$/i.exec(text);
  const unit = match === null ? undefined : units[match[2]!.toLowerCase()];
  const ms = match === null || unit === undefined ? Number.NaN : Number(match[1]) * unit;
  if (!Number.isSafeInteger(ms)) throw new WarehouseError('invalid', 'MR_PAIMON_OPTION', `expected a duration such as '24 h', found '${text}'`);
  return ms;
}
