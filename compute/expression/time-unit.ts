/** Units of time by their DuckDB names and nicknames, and what `date_trunc` and `date_part` do for each. */
import {microsPerDay} from './calendar.ts';

export type TimeUnit = 'millennium' | 'century' | 'decade' | 'year' | 'isoyear' | 'quarter' | 'month' | 'week' | 'day' | 'hour' | 'minute' | 'second' | 'millisecond' | 'microsecond'
  | 'dow' | 'isodow' | 'doy' | 'yearweek' | 'era' | 'epoch' | 'julian';

const names: Readonly<Record<TimeUnit, readonly string[]>> = {
  millennium: ['millennium', 'millennia', 'mil', 'mils'], century: ['century', 'centuries', 'cent', 'c'], decade: ['decade', 'decades', 'dec', 'decs'],
  year: ['year', 'years', 'y', 'yr', 'yrs'], isoyear: ['isoyear'], quarter: ['quarter', 'quarters'], month: ['month', 'months', 'mon'],
  week: ['week', 'weeks', 'w', 'weekofyear'], day: ['day', 'days', 'd', 'dayofmonth'], hour: ['hour', 'hours', 'h', 'hr'], minute: ['minute', 'minutes', 'm', 'min'],
  second: ['second', 'seconds', 's', 'sec'], millisecond: ['millisecond', 'milliseconds', 'ms', 'msec'], microsecond: ['microsecond', 'microseconds', 'us', 'usec'],
  dow: ['dow', 'dayofweek', 'weekday'], isodow: ['isodow'], doy: ['doy', 'dayofyear'], yearweek: ['yearweek'], era: ['era'], epoch: ['epoch'], julian: ['julian'],
};

const byName = new Map<string, TimeUnit>((Object.entries(names) as [TimeUnit, readonly string[]][]).flatMap(([unit, aliases]) => aliases.map((alias) => [alias, unit] as const)));

/** @returns the unit of a name, or null. */
export function timeUnit(name: string): TimeUnit | null {
  return byName.get(name.toLowerCase()) ?? null;
}

/** µs of units that divide a day. */
export const unitMicros: Readonly<Partial<Record<TimeUnit, number>>> = {hour: 3_600_000_000, minute: 60_000_000, second: 1_000_000, millisecond: 1000, microsecond: 1};

/** @returns code of the first day of the period that `day` lies in, or null where the unit is no period of days. */
export function truncatedDay(unit: TimeUnit, day: string): string | null {
  switch (unit) {
    case 'millennium': return `daysFromCivil(Math.trunc(yearOf(${day}) / 1000) * 1000, 1, 1)`;
    case 'century': return `daysFromCivil(Math.trunc(yearOf(${day}) / 100) * 100, 1, 1)`;
    case 'decade': return `daysFromCivil(Math.trunc(yearOf(${day}) / 10) * 10, 1, 1)`;
    case 'year': return `daysFromCivil(yearOf(${day}), 1, 1)`;
    case 'isoyear': return `isoYearStart(${day})`;
    case 'quarter': return `monthStart(Math.floor(monthNumber(${day}) / 3) * 3)`;
    case 'month': return `${day} - dayOfMonth(${day}) + 1`;
    case 'week': return `${day} - isoWeekday(${day}) + 1`;
    case 'day': return day;
    default: return null;
  }
}

/** @returns code of a part of a finite time, a number; `epoch` and `julian` are doubles. */
export function partCode(unit: TimeUnit, day: string, time: string): string {
  switch (unit) {
    case 'millennium': return `centuryOf(yearOf(${day}), 1000)`;
    case 'century': return `centuryOf(yearOf(${day}), 100)`;
    case 'decade': return `Math.trunc(yearOf(${day}) / 10) + 0`;
    case 'year': return `yearOf(${day})`;
    case 'isoyear': return `isoYear(${day})`;
    case 'quarter': return `Math.floor((monthOf(${day}) + 2) / 3)`;
    case 'month': return `monthOf(${day})`;
    case 'week': return `isoWeek(${day})`;
    case 'day': return `dayOfMonth(${day})`;
    case 'hour': return `Math.floor(${time} / 3600000000)`;
    case 'minute': return `Math.floor(${time} / 60000000) % 60`;
    case 'second': return `Math.floor(${time} / 1000000) % 60`;
    case 'millisecond': return `Math.floor(${time} % 60000000 / 1000)`;
    case 'microsecond': return `${time} % 60000000`;
    case 'dow': return `isoWeekday(${day}) % 7`;
    case 'isodow': return `isoWeekday(${day})`;
    case 'doy': return `dayOfYear(${day})`;
    case 'yearweek': return `yearWeek(${day})`;
    case 'era': return `yearOf(${day}) > 0 ? 1 : 0`;
    case 'epoch': return time === '0' ? `${day} * 86400` : `(${day} * ${microsPerDay} + ${time}) / 1000000`;
    case 'julian': return `${day} + 2440588 + ${time} / ${microsPerDay}`;
  }
}
