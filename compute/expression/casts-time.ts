/** Casts between dates and times. The time zone is UTC, so TIMESTAMP and TIMESTAMPTZ differ in type only. */
import {timestampInfinity} from './calendar.ts';
import {keepingInfinity, timeParts, timestampOf} from './time-code.ts';
import type {CompiledCast} from './registry.ts';

const dateToTimestamp: CompiledCast['emit'] = (writer, [date], to) => keepingInfinity(writer, date!, to, () =>
  timestampOf(writer, date!.code, '0', () => writer.fail(to.kind === 'timestamp' ? `conversion(r, 'Could not convert DATE to TIMESTAMP')` : `invalidInput(r, 'the date lies outside of the timestamp range')`)));

const timestampToDate: CompiledCast['emit'] = (writer, [time], to) => keepingInfinity(writer, time!, to, () => ({form: 'int', code: timeParts(writer, time!).day, bound: 2 ** 31}));

/** Where a time in ms passes 2^53, the calendar behind TIMESTAMPTZ rounds it. */
const roundedFrom = 9_007_199_254_740_992_000n;

const timestampToZoned: CompiledCast['emit'] = (writer, [time]) => {
  if (time!.form === 'big') writer.line(`if ((${time!.code} > ${roundedFrom}n && ${time!.code} !== ${timestampInfinity}n) || (${time!.code} < ${-roundedFrom}n && ${time!.code} !== ${-timestampInfinity}n)) ${writer.fallBack('TIMESTAMPTZ beyond 285000 years from 1970')}`);
  return time!;
};

export const timeCasts: readonly CompiledCast[] = [
  {from: 'date', to: 'timestamp', emit: dateToTimestamp},
  {from: 'date', to: 'timestamptz', emit: dateToTimestamp},
  {from: 'timestamp', to: 'date', emit: timestampToDate},
  {from: 'timestamptz', to: 'date', emit: timestampToDate},
  {from: 'timestamp', to: 'timestamptz', emit: timestampToZoned, note: 'UTC'},
  {from: 'timestamptz', to: 'timestamp', emit: (_, [a]) => a!, note: 'UTC'},
];
