/** Intervals occur in compiled expressions as constants only: `INTERVAL 5 MINUTE` is bound as `to_minutes(…)` of a constant. */
import type {ConstantValue, Expression} from '../../kernel/plan/tree.ts';

/** An interval as DuckDB keeps it: months, days and microseconds, added in that order. */
export interface Interval {readonly months: number; readonly days: number; readonly micros: bigint}

const units: Readonly<Record<string, Interval>> = {
  to_millennia: {months: 12_000, days: 0, micros: 0n}, to_centuries: {months: 1200, days: 0, micros: 0n}, to_decades: {months: 120, days: 0, micros: 0n},
  to_years: {months: 12, days: 0, micros: 0n}, to_quarters: {months: 3, days: 0, micros: 0n}, to_months: {months: 1, days: 0, micros: 0n},
  to_weeks: {months: 0, days: 7, micros: 0n}, to_days: {months: 0, days: 1, micros: 0n},
  to_hours: {months: 0, days: 0, micros: 3_600_000_000n}, to_minutes: {months: 0, days: 0, micros: 60_000_000n},
  to_microseconds: {months: 0, days: 0, micros: 1n},
};
/** `to_seconds` and `to_milliseconds` take a DOUBLE. */
const fractionalUnits: Readonly<Record<string, number>> = {to_seconds: 1_000_000, to_milliseconds: 1000};

/** @returns the interval of a constant operand, or null if it is none. */
export function intervalOf(constant: ConstantValue | undefined): Interval | null {
  return constant !== null && typeof constant === 'object' ? constant : null;
}

/** @returns the constant that an interval function of constants yields, or null where it is not known here. */
export function intervalConstant(expression: Expression): Expression | null {
  const {type} = expression;
  if (expression.kind === 'cast') return intervalOfText(expression);
  if (expression.kind !== 'function') return null;
  const [arg] = expression.args;
  if (expression.args.length !== 1 || arg?.kind !== 'constant' || arg.value === null) return null;
  const fractional = fractionalUnits[expression.name];
  if (fractional !== undefined && (typeof arg.value === 'number' || typeof arg.value === 'bigint')) {
    const micros = Number(arg.value) * fractional;
    // A fraction of a microsecond would need DuckDB's rounding.
    return Number.isSafeInteger(micros) ? {kind: 'constant', type, value: {months: 0, days: 0, micros: BigInt(micros)}} : null;
  }
  const unit = units[expression.name];
  if (unit === undefined || typeof arg.value !== 'bigint') return null;
  const value = {months: unit.months * Number(arg.value), days: unit.days * Number(arg.value), micros: unit.micros * arg.value};
  return intervalInRange(value) ? {kind: 'constant', type, value} : null;
}

/** `INTERVAL '1 DAY'`: a cast of text. Other spellings than counts and units stay a cast. */
function intervalOfText({child, type}: Extract<Expression, {kind: 'cast'}>): Expression | null {
  if (child.kind !== 'constant' || typeof child.value !== 'string' || !/^(?:-?\d{1,15} [a-z]+(?: (?=.)|$))+$/i.test(child.value)) return null;
  const sum = {months: 0, days: 0, micros: 0n};
  for (const [, count, name] of child.value.toLowerCase().matchAll(/(-?\d+) ([a-z]+)/g)) {
    const plural = name!.endsWith('s') ? name! : `${name!}s`;
    const unit = units[`to_${plural}`] ?? (fractionalUnits[`to_${plural}`] === undefined ? undefined : {months: 0, days: 0, micros: BigInt(fractionalUnits[`to_${plural}`]!)});
    if (unit === undefined) return null;
    sum.months += unit.months * Number(count);
    sum.days += unit.days * Number(count);
    sum.micros += unit.micros * BigInt(count!);
  }
  return intervalInRange(sum) ? {kind: 'constant', type, value: sum} : null;
}

function intervalInRange({months, days, micros}: Interval): boolean {
  return Math.abs(months) < 2 ** 31 && Math.abs(days) < 2 ** 31 && BigInt.asIntN(64, micros) === micros;
}
