/** Distances between times (`date_diff`), times as numbers and numbers as times, and times as formatted text. */
import {NARROW_BOUND} from '../../base/delta.ts';
import type {Expression} from '../../kernel/plan/tree.ts';
import {checkLimits, checkNarrow} from './arithmetic-code.ts';
import {microsPerDay, timestampInfinity} from './calendar.ts';
import {written} from './functions-text.ts';
import type {Operand, Result} from './operand.ts';
import {asBig} from './operand.ts';
import type {CompiledFunction} from './registry.ts';
import {infiniteCode, timeParts} from './time-code.ts';
import {TimeFormat, timeFormatRefusal} from './time-format.ts';
import type {TimeUnit} from './time-unit.ts';
import {timeUnit, unitMicros} from './time-unit.ts';
import type {Writer} from './writer.ts';

/** Units of `date_diff` that follow from the day alone, as a count since some beginning. */
function dayCount(unit: TimeUnit, day: string): string | null {
  switch (unit) {
    case 'millennium': return `Math.trunc(yearOf(${day}) / 1000)`;
    case 'century': return `Math.trunc(yearOf(${day}) / 100)`;
    case 'decade': return `Math.trunc(yearOf(${day}) / 10)`;
    case 'year': return `yearOf(${day})`;
    case 'isoyear': return `isoYear(${day})`;
    case 'quarter': return `Math.trunc((monthNumber(${day}) + 23640) / 3)`; // from year 0
    case 'month': return `monthNumber(${day})`;
    case 'week': return day;
    case 'day': case 'doy': case 'dow': return day;
    default: return null;
  }
}

/** Boundaries of the unit between two times. */
function difference(writer: Writer, unit: TimeUnit, from: Operand, to: Operand): Result {
  for (const operand of [from, to]) {
    const infinite = infiniteCode(operand);
    if (infinite !== null) writer.line(`if ${infinite} ${writer.toNull()}`);
  }
  const micros = unitMicros[unit];
  if (micros === undefined || micros >= 1_000_000) {
    const [start, end] = [from, to].map((operand) => {
      const {day, time} = timeParts(writer, operand);
      return micros === undefined ? dayCount(unit, day)! : `(${day} * ${microsPerDay / micros} + Math.floor(${time} / ${micros}))`;
    });
    // Weeks are not counted by their beginnings but by sevens of days.
    return {form: 'exact', code: unit === 'week' ? `Math.trunc((${end} - ${start}) / 7) + 0` : `${end} - ${start} + 0`, bound: NARROW_BOUND};
  }
  // Finer than seconds: the counts themselves may pass 2^53.
  if (!writer.wide && from.form !== 'big' && to.form !== 'big') {
    // A day's ms or µs pass 2^53 long before they pass 2^63.
    for (const {form, code} of [from, to]) if (form === 'int') writer.line(`if (${code} > 100000 || ${code} < -100000) ${writer.widen()}`);
    const [start, end] = [from, to].map(({form, code}) => (form === 'int' ? `${code} * ${microsPerDay / micros}` : micros === 1 ? code : `Math.floor(${code} / ${micros})`));
    const code = writer.local(`${end} - ${start} + 0`);
    checkNarrow(writer, code);
    return {form: 'exact', code, bound: NARROW_BOUND};
  }
  const [start, end] = [from, to].map((operand) => {
    if (operand.form === 'int') writer.line(`if (${operand.code} > 106751991 || ${operand.code} < -106751991) ${writer.fail(`conversion(r, 'Could not convert DATE to microseconds')`)}`);
    const value = operand.form === 'int' ? `BigInt(${operand.code}) * ${microsPerDay}n` : asBig(operand);
    return micros === 1 ? value : `bigFloor(${value}, ${micros}n) / ${micros}n`;
  });
  const code = writer.local(`${end} - ${start}`);
  checkLimits(writer, code, true, Infinity, {kind: 'bigint'}, () => writer.fail(`overflow(r, 'subtraction', '-', 'INT64', ${end}, ${start})`));
  return {form: 'big', code};
}

function textOf(expression: Expression | undefined): string {
  return expression?.kind === 'constant' ? String(expression.value) : '';
}

const differenceRefusal: CompiledFunction['refuse'] = ([unitText]) => {
  const unit = timeUnit(textOf(unitText));
  return unit !== null && (unitMicros[unit] !== undefined || dayCount(unit, '') !== null) ? null : `unit '${textOf(unitText)}'`;
};

function formatted(writer: Writer, time: Operand, format: Operand): Result {
  const formatter = writer.constant(new TimeFormat(String(format.constant)));
  const scratch = writer.scratch();
  const infinite = infiniteCode(time);
  const finite = writer.nested(() => {
    const parts = timeParts(writer, time);
    return `${formatter}.write(${scratch}, ${parts.day}, ${parts.time})`;
  });
  if (infinite === null) {
    writer.line(finite.lines);
    return written(writer, finite.result);
  }
  const start = writer.variable('0');
  writer.line([`if ${infinite} ${start} = writeInfinite(${scratch}, ${time.code});`, 'else {', finite.lines, `${start} = ${finite.result};`, '}']);
  return written(writer, start);
}

/** A whole number of `micros` since 1970 as a timestamp. */
function toTimestamp(writer: Writer, operand: Operand, micros: number): Result {
  if (operand.form !== 'big' && !writer.wide) {
    const code = micros === 1 ? operand.code : writer.local(`${operand.code} * ${micros} + 0`);
    if (micros !== 1) checkNarrow(writer, code);
    return {form: 'exact', code, bound: NARROW_BOUND};
  }
  const code = writer.local(micros === 1 ? asBig(operand) : `${asBig(operand)} * ${micros}n`);
  if (micros === 1) writer.line(`if (${code} === ${timestampInfinity}n || ${code} === ${-timestampInfinity}n) ${writer.fail(`conversion(r, 'Timestamp microseconds out of range: ' + ${code})`)}`);
  else checkLimits(writer, code, true, Infinity, {kind: 'timestamp'}, () => writer.fail(`conversion(r, 'Could not convert Timestamp(MS) to Timestamp(US)')`));
  return {form: 'big', code};
}

const spanKinds = ['date', 'timestamp'] as const;

export const spanFunctions: readonly CompiledFunction[] = [
  ...['date_diff', 'datediff'].map((name): CompiledFunction => ({
    name, signatures: spanKinds.map((kind) => `const varchar,${kind},${kind}`), refuse: differenceRefusal,
    emit: (w, [unit, from, to]) => difference(w, timeUnit(String(unit!.constant))!, from!, to!), note: 'boundaries of the unit between the two',
  })),
  {name: 'strftime', signatures: spanKinds.map((kind) => `${kind},const varchar`), refuse: ([, format]) => timeFormatRefusal(textOf(format)), emit: (w, [time, format]) => formatted(w, time!, format!), note: '%Y %y %m %d %j %H %I %M %S %f %g %u %w %B %b %A %a %p %%, `-` before numbers'},
  {name: 'strftime', signatures: spanKinds.map((kind) => `const varchar,${kind}`), refuse: ([format]) => timeFormatRefusal(textOf(format)), emit: (w, [format, time]) => formatted(w, time!, format!)},
  {name: 'epoch_ms', signatures: ['bigint'], emit: (w, [a]) => toTimestamp(w, a!, 1000)},
  {name: 'make_timestamp', signatures: ['bigint'], emit: (w, [a]) => toTimestamp(w, a!, 1)},
  ...[['epoch_ms', 1000], ['epoch_us', 1]].map(([name, micros]): CompiledFunction => ({
    name: String(name), signatures: ['timestamp'],
    emit: (w, [time]) => {
      const infinite = infiniteCode(time!);
      if (infinite !== null) w.line(`if ${infinite} ${w.toNull()}`);
      if (time!.form === 'big') return {form: 'big', code: micros === 1 ? time!.code : `${time!.code} / ${micros}n`};
      return {form: 'exact', code: micros === 1 ? time!.code : `Math.trunc(${time!.code} / ${micros}) + 0`, bound: NARROW_BOUND};
    },
  })),
];
