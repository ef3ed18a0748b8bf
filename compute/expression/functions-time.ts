/** Dates and times: parts, truncation, buckets, and arithmetic with constant intervals. The time zone is UTC throughout. */
import {NARROW_BOUND} from '../../base/delta.ts';
import type {Expression} from '../../kernel/plan/tree.ts';
import {checkNarrow} from './arithmetic-code.ts';
import {daysFromCivil, microsPerDay} from './calendar.ts';
import type {Interval} from './interval.ts';
import {intervalOf} from './interval.ts';
import type {Operand, Result} from './operand.ts';
import {asBig} from './operand.ts';
import type {CompiledFunction} from './registry.ts';
import {checkTimestamp, checkZoned, infiniteCode, timestampRange, keepingInfinity, timeParts, timestampOf} from './time-code.ts';
import type {TimeUnit} from './time-unit.ts';
import {partCode, timeUnit, truncatedDay, unitMicros} from './time-unit.ts';
import type {Writer} from './writer.ts';

type Emit = CompiledFunction['emit'];


const timeKinds = ['date', 'timestamp', 'timestamptz'] as const;

function textOf(expression: Expression | undefined): string {
  return expression?.kind === 'constant' ? String(expression.value) : '';
}

function partOf(writer: Writer, operand: Operand, unit: TimeUnit): Result {
  const infinite = infiniteCode(operand);
  if (infinite !== null) writer.line(`if ${infinite} ${writer.toNull()}`);
  checkZoned(writer, operand);
  const {day, time} = timeParts(writer, operand);
  if (operand.type.kind === 'date' && (unit === 'isoyear' || unit === 'week' || unit === 'yearweek')) {
    // Days of DATE's first year, whose beginning is no date.
    writer.line(`if (${day} < ${daysFromCivil(-5_877_640, 1, 1)}) ${writer.fail(`conversion(r, 'Date out of range')`)}`);
  }
  if (unit === 'epoch' && operand.type.kind === 'timestamptz') {
    const millis = writer.local(operand.form === 'big' ? `Number(bigFloor(${operand.code}, 1000n) / 1000n)` : `Math.floor(${operand.code} / 1000)`);
    const rest = operand.form === 'big' ? `Number(${operand.code} - BigInt(${millis}) * 1000n)` : `(${operand.code} - ${millis} * 1000)`;
    return {form: 'double', code: `${millis} / 1000 + ${rest} / 1000000`};
  }
  if (unit === 'epoch' && operand.form !== 'int') return {form: 'double', code: operand.form === 'big' ? `Number(${operand.code}) / 1000000` : `${operand.code} / 1000000`};
  const code = partCode(unit, day, time);
  return unit === 'epoch' || unit === 'julian' ? {form: 'double', code} : {form: 'exact', code, bound: unit === 'yearweek' ? 600_000_000 : 60_000_000};
}

const dateTrunc: Emit = (writer, [unitText, operand], type) => {
  const unit = timeUnit(String(unitText!.constant))!;
  const value = operand!;
  checkZoned(writer, value);
  return keepingInfinity(writer, value, type, () => {
    const failure = (): string => writer.fail(timestampRange);
    const step = unitMicros[unit];
    // Narrow times down to a day need no calendar: a quotient below 2^53 never rounds up to the next integer.
    const micros = unit === 'day' ? microsPerDay : step;
    if (!writer.wide && value.form === 'exact' && micros !== undefined) {
      const code = writer.local(`Math.floor(${value.code} / ${micros}) * ${micros} + 0`);
      checkNarrow(writer, code);
      return {form: 'exact', code, bound: NARROW_BOUND};
    }
    const {day, time} = timeParts(writer, value);
    const truncated = truncatedDay(unit, day);
    if (truncated !== null) return timestampOf(writer, writer.local(truncated), '0', failure);
    return timestampOf(writer, day, time === '0' ? time : writer.local(`Math.floor(${time} / ${step}) * ${step}`), failure);
  });
};

const truncRefusal: CompiledFunction['refuse'] = ([unitText]) => {
  const unit = timeUnit(textOf(unitText));
  return unit !== null && (unitMicros[unit] !== undefined || truncatedDay(unit, '') !== null) ? null : `unit '${textOf(unitText)}'`;
};

/** value + sign · interval, for a date or time; the result is a timestamp. */
function addInterval(writer: Writer, operand: Operand, interval: Interval, sign: 1 | -1, type: Operand['type']): Result {
  checkZoned(writer, operand);
  return keepingInfinity(writer, operand, type, () => {
    const failure = (): string => writer.fail(timestampRange);
    const micros = BigInt(sign) * (BigInt(interval.days) * BigInt(microsPerDay) + interval.micros);
    if (interval.months === 0 && operand.form !== 'int') {
      const small = micros <= BigInt(NARROW_BOUND) && micros >= -BigInt(NARROW_BOUND);
      if (!writer.wide && operand.form === 'exact' && small) {
        const code = writer.local(`${operand.code} + ${micros < 0n ? `(${micros})` : micros}`);
        checkNarrow(writer, code);
        return {form: 'exact', code, bound: NARROW_BOUND};
      }
      if (!writer.wide && operand.form === 'exact') writer.line(writer.widen());
      const code = writer.local(`${asBig(operand)} + ${micros < 0n ? `(${micros}n)` : `${micros}n`}`);
      checkTimestamp(writer, code, failure);
      return {form: 'big', code};
    }
    const {day, time} = timeParts(writer, operand);
    const monthsLater = interval.months === 0 ? day : `addMonths(${day}, ${sign * interval.months})`;
    const rest = micros % BigInt(microsPerDay);
    const moved = writer.local(`${monthsLater} + ${(micros - rest) / BigInt(microsPerDay)}`);
    return timestampOf(writer, moved, rest === 0n ? time : writer.local(`${time} + ${rest}`), failure);
  });
}

const plusInterval: Emit = (writer, [left, right], type) => {
  const [time, interval] = intervalOf(left!.constant) === null ? [left!, right!] : [right!, left!];
  return addInterval(writer, time, intervalOf(interval.constant)!, 1, type);
};

/** Days as an int, checked to be a finite date. */
function dateOf(writer: Writer, code: string, failure: () => string): Result {
  const value = writer.local(code);
  writer.line(`if (${value} >= 2147483647 || ${value} <= -2147483647) ${failure()}`);
  return {form: 'int', code: value, bound: 2 ** 31};
}

function dateShift(sign: '+' | '-'): Emit {
  return (writer, [left, right]) => {
    const [date, days] = left!.type.kind === 'date' ? [left!, right!] : [right!, left!];
    const failure = (): string => writer.fail(`outOfRange(r, 'Date out of range')`);
    return keepingInfinity(writer, date, date.type, () => {
      const code = writer.local(`${date.code} ${sign} ${days.code}`);
      writer.line(`if (${code} >= 2147483647 || ${code} === -2147483647 || ${code} < -2147483648) ${failure()}`);
      return {form: 'int', code, bound: 2 ** 31};
    });
  };
}

const bucketOrigin = {days: 946_857_600_000_000n /* 2000-01-03 */, months: 360 /* 2000-01 */};

/** Width of a bucket in µs, or in months; null where it is neither. */
function bucketWidth(interval: Interval): {micros: bigint} | {months: number} | null {
  const micros = BigInt(interval.days) * BigInt(microsPerDay) + interval.micros;
  if (interval.months === 0) return micros > 0n ? {micros} : null;
  return micros === 0n && interval.days === 0 && interval.micros === 0n && interval.months > 0 ? {months: interval.months} : null;
}

const bucketRefusal: CompiledFunction['refuse'] = ([width, time, origin]) => {
  const interval = width?.kind === 'constant' ? intervalOf(width.value) : null;
  if (interval === null || bucketWidth(interval) === null) return 'a width that is not positive, or of months and days';
  if (time?.type.kind === 'timestamptz' && interval.days !== 0 && interval.micros !== 0n) return 'a width of days and hours over TIMESTAMPTZ';
  if (origin !== undefined && !(origin.kind === 'constant' && typeof origin.value === 'bigint' && finiteOrigin(origin))) return 'an origin that is not a finite constant';
  return null;
};

function finiteOrigin(origin: Expression & {readonly kind: 'constant'}): boolean {
  const value = origin.value as bigint;
  const magnitude = value < 0n ? -value : value;
  return origin.type.kind === 'date' ? magnitude < 2_147_483_647n : magnitude <= BigInt(NARROW_BOUND);
}

const timeBucket: Emit = (writer, [widthOperand, operand, origin], type) => {
  const value = operand!;
  const width = bucketWidth(intervalOf(widthOperand!.constant)!)!;
  const originMicros = origin === undefined ? null : (origin.constant as bigint) * (origin.type.kind === 'date' ? BigInt(microsPerDay) : 1n);
  checkZoned(writer, value);
  return keepingInfinity(writer, value, type, () => {
    if ('months' in width) {
      const failure = (): string => writer.fail(type.kind === 'date' ? `conversion(r, 'Date out of range')` : `invalidInput(r, 'the bucket of months begins outside of the timestamp range')`);
      const {day} = timeParts(writer, value);
      const start = originMicros === null ? bucketOrigin.months : monthsOf(originMicros);
      const first = writer.local(`monthStart(Math.floor((monthNumber(${day}) - ${start}) / ${width.months}) * ${width.months} + ${start})`);
      return type.kind === 'date' ? dateOf(writer, first, failure) : timestampOf(writer, first, '0', failure);
    }
    const {micros} = width;
    const start = (originMicros ?? bucketOrigin.days) % micros;
    if (!writer.wide && value.form !== 'big' && micros <= BigInt(NARROW_BOUND)) {
      const at = value.form === 'int' ? writer.local(`${value.code} * ${microsPerDay}`) : value.code;
      const shifted = writer.local(`${at} - ${start < 0n ? `(${start})` : start}`);
      checkNarrow(writer, shifted);
      const code = writer.local(`Math.floor(${shifted} / ${micros}) * ${micros} + ${start < 0n ? `(${start})` : start}`);
      checkNarrow(writer, code);
      return type.kind === 'date' ? {form: 'int', code: `Math.floor(${code} / ${microsPerDay})`, bound: 2 ** 31} : {form: 'exact', code, bound: NARROW_BOUND};
    }
    if (!writer.wide) writer.line(writer.widen());
    const at = writer.local(value.form === 'int' ? `BigInt(${value.code}) * ${microsPerDay}n` : asBig(value));
    if (value.form === 'int') checkTimestamp(writer, at, () => writer.fail(`invalidInput(r, 'the date lies outside of the timestamp range')`));
    const shifted = writer.local(`${at} - ${start < 0n ? `(${start}n)` : `${start}n`}`);
    writer.line(`if (${shifted} < ${-(2n ** 63n)}n) ${writer.fail(`overflow(r, 'subtraction', '-', 'INT64', ${at}, ${start}n)`)}`);
    const floor = writer.local(`bigFloor(${shifted}, ${micros}n)`);
    writer.line(`if (${floor} < ${-(2n ** 63n)}n) ${writer.fail(`overflow(r, 'subtraction', '-', 'INT64', ${floor} + ${micros}n, ${micros}n)`)}`);
    const code = writer.local(`${floor} + ${start < 0n ? `(${start}n)` : `${start}n`}`);
    return type.kind === 'date' ? dateOf(writer, `bigDay(${code})`, () => writer.fail(`conversion(r, 'Date out of range')`)) : {form: 'big', code};
  });
};

function monthsOf(micros: bigint): number {
  const date = new Date(Number(micros / 1000n));
  return (date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth();
}

/** Functions that are one part of a time. */
const partNames: Readonly<Record<string, TimeUnit>> = {
  year: 'year', month: 'month', day: 'day', dayofmonth: 'day', hour: 'hour', minute: 'minute', second: 'second', millisecond: 'millisecond', microsecond: 'microsecond',
  quarter: 'quarter', week: 'week', weekofyear: 'week', dayofweek: 'dow', weekday: 'dow', isodow: 'isodow', dayofyear: 'doy', isoyear: 'isoyear', yearweek: 'yearweek',
  decade: 'decade', century: 'century', millennium: 'millennium', era: 'era', epoch: 'epoch', julian: 'julian',
};

export const timeFunctions: readonly CompiledFunction[] = [
  ...['date_trunc', 'datetrunc'].map((name): CompiledFunction => ({name, signatures: timeKinds.map((kind) => `const varchar,${kind}`), refuse: truncRefusal, emit: dateTrunc})),
  ...['date_part', 'datepart'].map((name): CompiledFunction => ({
    name, signatures: timeKinds.map((kind) => `const varchar,${kind}`),
    refuse: ([unit]) => (timeUnit(textOf(unit)) === null ? `unit '${textOf(unit)}'` : null),
    emit: (w, [unit, time]) => partOf(w, time!, timeUnit(String(unit!.constant))!),
    note: '`extract(part FROM x)`',
  })),
  ...Object.entries(partNames).map(([name, unit]): CompiledFunction => ({name, signatures: timeKinds, emit: (w, [time]) => partOf(w, time!, unit)})),
  {name: '+', signatures: timeKinds.flatMap((kind) => [`${kind},const interval`, `const interval,${kind}`]), emit: plusInterval},
  {name: '-', signatures: timeKinds.map((kind) => `${kind},const interval`), emit: (w, [time, interval], type) => addInterval(w, time!, intervalOf(interval!.constant)!, -1, type)},
  {name: '+', signatures: ['date,integer', 'integer,date'], emit: dateShift('+')},
  {name: '-', signatures: ['date,integer'], emit: dateShift('-')},
  {name: '-', signatures: ['date,date'], emit: (_, [left, right]) => ({form: 'exact', code: `${left!.code} - ${right!.code}`, bound: 2 ** 32})},
  {name: 'time_bucket', signatures: [...timeKinds.map((kind) => `const interval,${kind}`), ...timeKinds.map((kind) => `const interval,${kind},const ${kind}`)], refuse: bucketRefusal, emit: timeBucket},
  {name: 'last_day', signatures: ['date', 'timestamp'], emit: (w, [time]) => {
    const infinite = infiniteCode(time!);
    if (infinite !== null) w.line(`if ${infinite} ${w.toNull()}`);
    return dateOf(w, `monthStart(monthNumber(${timeParts(w, time!).day}) + 1) - 1`, () => w.fail(`conversion(r, 'Date out of range')`));
  }},
];
