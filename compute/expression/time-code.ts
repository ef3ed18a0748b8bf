/**
 * Dates and times in generated code: a value is taken apart into a day number and µs of that day (both numbers in either variant),
 * and put together again. Infinite dates and times exist; a narrow timestamp is never infinite.
 */
import type {PlanType} from '../../kernel/plan/tree.ts';
import {checkNarrow} from './arithmetic-code.ts';
import {dateInfinity, microsPerDay, timestampInfinity, timestampMin} from './calendar.ts';
import {NARROW_BOUND} from '../../base/delta.ts';
import type {Operand, Result} from './operand.ts';
import type {Writer} from './writer.ts';

export interface TimeParts {
  /** Days since 1970-01-01. */
  readonly day: string;
  /** µs of the day; `0` for dates. */
  readonly time: string;
}

/** @returns a condition that the value is infinite, null where it cannot be. */
export function infiniteCode({form, code}: Operand): string | null {
  if (form === 'int') return `(${code} === ${dateInfinity} || ${code} === ${-dateInfinity})`;
  return form === 'big' ? `(${code} === ${timestampInfinity}n || ${code} === ${-timestampInfinity}n)` : null;
}

/** µs of the years 1 to 9999: outside of them the calendar behind TIMESTAMPTZ counts years by era and rounds. */
const zonedMin = -62_135_596_800_000_000n;
const zonedMax = 253_402_300_799_999_999n;

/** Emits the check that a finite TIMESTAMPTZ lies where generated code and DuckDB agree; a narrow one always does. */
export function checkZoned(writer: Writer, {type, form, code}: Operand): void {
  if (type.kind !== 'timestamptz' || form !== 'big') return;
  writer.line(`if ((${code} < ${zonedMin}n && ${code} !== ${-timestampInfinity}n) || (${code} > ${zonedMax}n && ${code} !== ${timestampInfinity}n)) ${writer.fallBack('TIMESTAMPTZ outside of the years 1 to 9999')}`);
}

/** Takes a finite date or time apart. */
export function timeParts(writer: Writer, {form, code}: Operand): TimeParts {
  if (form === 'int') return {day: code, time: '0'};
  if (form === 'big') return {day: writer.local(`bigDay(${code})`), time: writer.local(`bigTimeOfDay(${code})`)};
  const day = writer.local(`Math.floor(${code} / ${microsPerDay})`);
  return {day, time: writer.local(`${code} - ${day} * ${microsPerDay}`)};
}

/** @returns the timestamp of a day and µs (of the day, or more) as the variant holds it; `failure` where it is no timestamp. */
export function timestampOf(writer: Writer, day: string, time: string, failure: () => string): Result {
  if (!writer.wide) {
    const code = writer.local(time === '0' ? `${day} * ${microsPerDay} + 0` : `${day} * ${microsPerDay} + ${time}`);
    checkNarrow(writer, code);
    return {form: 'exact', code, bound: NARROW_BOUND};
  }
  const code = writer.local(time === '0' ? `BigInt(${day}) * ${microsPerDay}n` : `BigInt(${day}) * ${microsPerDay}n + BigInt(${time})`);
  checkTimestamp(writer, code, failure);
  return {form: 'big', code};
}

/** DuckDB's error for what is no timestamp. */
export const timestampRange = `conversion(r, 'Date and time not in timestamp range')`;

/** Finite timestamps begin with the first whole day above −2^63 and end below positive infinity. */
export function checkTimestamp(writer: Writer, code: string, failure: () => string): void {
  writer.line(`if (${code} >= ${timestampInfinity}n || ${code} < ${timestampMin}n) ${failure()}`);
}

/** @returns the infinite timestamp of an infinite date: leaves the narrow variant. */
export function infiniteTimestamp(writer: Writer, date: Operand): Result {
  return {form: 'big', code: writer.local(`${date.code} > 0 ? ${timestampInfinity}n : ${-timestampInfinity}n`)};
}

/**
 * `emit` for finite values; infinite ones stay infinite (as `type`).
 *
 * The result is put in a local, as an infinite value takes another way to it.
 */
export function keepingInfinity(writer: Writer, operand: Operand, type: PlanType, emit: () => Result): Result {
  const infinite = infiniteCode(operand);
  if (infinite === null) return emit();
  if (!writer.wide && operand.form === 'int' && type.kind !== 'date') {
    writer.line(`if ${infinite} ${writer.widen()}`);
    return emit();
  }
  const big = operand.form === 'big' || type.kind !== 'date';
  const kept = operand.form === 'int' && type.kind !== 'date' ? `(${operand.code} > 0 ? ${timestampInfinity}n : ${-timestampInfinity}n)`
    : operand.form === 'big' && type.kind === 'date' ? `(${operand.code} > 0n ? ${dateInfinity} : ${-dateInfinity})` : operand.code;
  const resultBig = type.kind !== 'date' && big;
  const value = writer.variable(kept);
  const {lines, result} = writer.nested(emit);
  writer.line([`if (!${infinite}) {`, lines, `${value} = ${resultBig && result.form !== 'big' ? `BigInt(${result.code})` : result.code};`, '}']);
  return {form: type.kind === 'date' ? 'int' : 'big', code: value, bound: result.bound ?? Infinity};
}
