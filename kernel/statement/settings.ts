/** What SET takes: settings of a session or of the warehouse, with their values as text and what they mean. */
import {WarehouseError} from '../../base/error.ts';
import {didYouMean} from './nearest.ts';

export interface SettingSpec {
  readonly name: string;
  /** What RESET sets. */
  readonly defaultValue: string;
  readonly description: string;
  /** For messages: what a value looks like. */
  readonly expected: string;
  /** @returns the value in its one canonical spelling, or undefined when `text` is none. */
  readonly canonical: (text: string) => string | undefined;
}

/** Every setting, by name. */
export const settings: readonly SettingSpec[] = [
  {
    name: 'executor', defaultValue: 'auto', description: 'which executor maintains dynamic tables created from now on: compiled loops, DuckDB statements, or what fits',
    expected: "'auto', 'code' or 'sql'", canonical: (text) => ['auto', 'code', 'sql'].find((value) => value === text.toLowerCase()),
  },
  {
    name: 'epoch_interval', defaultValue: '0 ms', description: 'least time between two epochs; 0 seals as soon as something waits',
    expected: "a duration of at most 60 s, such as '10 ms'", canonical: (text) => {
      const ms = durationMs(text);
      return ms === undefined || ms > epochIntervalMsMax ? undefined : `${ms} ms`;
    },
  },
  {
    name: 'history_retention', defaultValue: '24 h', description: 'time for which content and changes of the past are kept, by the warehouse, over restarts',
    expected: "a duration of at most 10 years, such as '24 h' or '7 d'", canonical: (text) => {
      const ms = durationMs(text);
      return ms === undefined || ms > historyRetentionMsMax ? undefined : durationText(ms);
    },
  },
];

const epochIntervalMsMax = 60_000;
const historyRetentionMsMax = 3653 * 86_400_000;

/**
 * Checks `SET name = value`.
 *
 * @returns the setting's own name and the canonical value.
 * @throws {WarehouseError} `MR_UNKNOWN_SETTING`, `MR_BAD_SETTING`.
 */
export function checkSetting(name: string, value: string | undefined): {readonly name: string; readonly value: string | undefined} {
  const spec = settings.find((candidate) => candidate.name === name.toLowerCase());
  if (spec === undefined) {
    const names = settings.map((candidate) => candidate.name);
    throw new WarehouseError('invalid', 'MR_UNKNOWN_SETTING', `expected a setting of the warehouse (${names.join(', ')}), found "${name}"`, {hint: didYouMean(name, names) ?? 'SHOW SETTINGS lists them'});
  }
  if (value === undefined) return {name: spec.name, value: undefined};
  const canonical = spec.canonical(value);
  if (canonical === undefined) throw new WarehouseError('invalid', 'MR_BAD_SETTING', `expected ${spec.expected} for "${spec.name}", found "${value}"`);
  return {name: spec.name, value: canonical};
}

const unitMs: Readonly<Record<string, number>> = {ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000};
const unitNames: Readonly<Record<string, string>> = {
  ms: 'ms', msec: 'ms', msecs: 'ms', millisecond: 'ms', milliseconds: 'ms', s: 's', sec: 's', secs: 's', second: 's', seconds: 's',
  m: 'min', min: 'min', mins: 'min', minute: 'min', minutes: 'min', h: 'h', hour: 'h', hours: 'h', d: 'd', day: 'd', days: 'd',
};

/** @returns a duration in the largest unit that says it exactly. */
export function durationText(ms: number): string {
  const [unit, size] = Object.entries(unitMs).findLast(([, units]) => ms > 0 && ms % units === 0) ?? ['ms', 1];
  return unit === 'd' && ms < 3 * unitMs['d']! ? `${ms / unitMs['h']!} h` : `${ms / size} ${unit}`;
}

/** @returns the whole ms of a duration such as `10 ms`, `1.5 s`, `0` or `1 minute`; undefined when `text` is none. */
export function durationMs(text: string): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text);
  if (match === null) return undefined;
  const amount = Number(match[1]);
  if (match[2] === '') return amount === 0 ? 0 : undefined;
  const unit = unitNames[match[2]!.toLowerCase()];
  if (unit === undefined) return undefined;
  const ms = Math.round(amount * unitMs[unit]!);
  return Number.isSafeInteger(ms) ? ms : undefined;
}
