/**
 * Folds constants that DuckDB's unoptimised plan leaves as casts and calls: `CAST(1 AS DECIMAL(12,2))`, `CAST('t' AS BOOLEAN)`,
 * `to_days(CAST(trunc(CAST(1 AS DOUBLE)) AS INTEGER))` (= INTERVAL 1 DAY). Only what is exact and cannot raise is folded;
 * everything else stays an expression and DuckDB's own cast decides.
 */
import type {ConstantValue, Expression, PlanType} from './tree.ts';
import {samePlanType} from './plan-type.ts';
import {parseDateDays, parseTimestampMicros} from './time-text.ts';

type Constant = Extract<Expression, {kind: 'constant'}>;

/** [smallest, largest] value of the integer types. */
export const integerRanges: Readonly<Partial<Record<PlanType['kind'], readonly [bigint, bigint]>>> = {
  tinyint: [-(2n ** 7n), 2n ** 7n - 1n], smallint: [-(2n ** 15n), 2n ** 15n - 1n], integer: [-(2n ** 31n), 2n ** 31n - 1n],
  bigint: [-(2n ** 63n), 2n ** 63n - 1n], hugeint: [-(2n ** 127n), 2n ** 127n - 1n], utinyint: [0n, 2n ** 8n - 1n],
  usmallint: [0n, 2n ** 16n - 1n], uinteger: [0n, 2n ** 32n - 1n], ubigint: [0n, 2n ** 64n - 1n], uhugeint: [0n, 2n ** 128n - 1n],
};

const exactDouble = 2n ** 53n;
const powersOfTenExact = 22; // 10^22 is the largest power of ten that a double holds exactly
const microsPerDay = 86_400_000_000n;
/** Bound on the counts of folded intervals: far from every overflow. */
const intervalCountMax = 1_000_000n;

/** @returns the constant that `CAST(child AS type)` yields, or undefined if that is not plain. */
export function foldCast(child: Expression, type: PlanType): Constant | undefined {
  if (child.kind !== 'constant' || child.sql !== undefined) return undefined;
  if (child.value === null) return constant(type, null);
  if (samePlanType(child.type, type)) return child;
  const value = foldValue(child.type, child.value, type);
  return value === undefined ? undefined : constant(type, value);
}

/** @returns the constant that a call of a function yields: `trunc` of whole doubles and the interval functions, else undefined. */
export function foldCall(name: string, args: readonly Expression[], type: PlanType): Constant | undefined {
  const [arg] = args;
  if (args.length !== 1 || arg?.kind !== 'constant' || arg.sql !== undefined || arg.value === null) return undefined;
  if (name === 'trunc') return type.kind === 'double' && Number.isSafeInteger(arg.value) ? arg : undefined;
  if (type.kind !== 'interval') return undefined;
  const count = typeof arg.value === 'bigint' ? arg.value : Number.isSafeInteger(arg.value) ? BigInt(arg.value as number) : undefined;
  const unit = name.startsWith('to_') ? intervalUnits[name.slice(3)] : undefined;
  return count === undefined || unit === undefined ? undefined : intervalConstant(count, unit);
}

const intervalUnits: Readonly<Record<string, {readonly months: number; readonly days: number; readonly micros: bigint}>> = {
  years: {months: 12, days: 0, micros: 0n}, quarters: {months: 3, days: 0, micros: 0n}, months: {months: 1, days: 0, micros: 0n},
  weeks: {months: 0, days: 7, micros: 0n}, days: {months: 0, days: 1, micros: 0n}, hours: {months: 0, days: 0, micros: 3_600_000_000n},
  minutes: {months: 0, days: 0, micros: 60_000_000n}, seconds: {months: 0, days: 0, micros: 1_000_000n},
  milliseconds: {months: 0, days: 0, micros: 1000n}, microseconds: {months: 0, days: 0, micros: 1n},
};

function intervalConstant(count: bigint, unit: {months: number; days: number; micros: bigint}): Constant | undefined {
  if (count > intervalCountMax || count < -intervalCountMax) return undefined;
  return constant({kind: 'interval'}, {months: unit.months * Number(count), days: unit.days * Number(count), micros: unit.micros * count});
}

function constant(type: PlanType, value: ConstantValue): Constant {
  return {kind: 'constant', type, value};
}

function foldValue(from: PlanType, value: NonNullable<ConstantValue>, to: PlanType): ConstantValue | undefined {
  if (typeof value === 'bigint') {
    if (from.kind === 'date') return to.kind === 'timestamp' ? value * microsPerDay : undefined;
    if (from.kind === 'decimal') return foldDecimal(value, from.scale, to);
    return integerRanges[from.kind] === undefined ? undefined : foldDecimal(value, 0, to);
  }
  if (typeof value === 'number') {
    if (from.kind === 'double' && to.kind === 'float') return Number.isFinite(Math.fround(value)) ? Math.fround(value) : undefined;
    if (from.kind === 'float' && to.kind === 'double') return value;
    // A whole double only: DuckDB rounds the others.
    return Number.isSafeInteger(value) && !Object.is(value, -0) && integerRanges[to.kind] !== undefined ? inRange(BigInt(value), to) : undefined;
  }
  return typeof value === 'string' && from.kind === 'varchar' ? foldText(value, to) : undefined;
}

/** Integers are decimals of scale 0 here. */
function foldDecimal(unscaled: bigint, scale: number, to: PlanType): ConstantValue | undefined {
  if (to.kind === 'decimal') {
    if (to.scale < scale) return undefined; // narrowing rounds
    const widened = unscaled * 10n ** BigInt(to.scale - scale);
    const limit = 10n ** BigInt(to.precision);
    return widened < limit && widened > -limit ? widened : undefined;
  }
  const magnitude = unscaled < 0n ? -unscaled : unscaled;
  // Both operands of the division are exact, so it rounds once, as DuckDB's does.
  if (to.kind === 'double') return magnitude <= exactDouble && scale <= powersOfTenExact ? Number(unscaled) / Number(`1e${scale}`) : undefined;
  if (scale !== 0) return undefined;
  if (to.kind === 'float') return magnitude <= 2n ** 24n ? Number(unscaled) : undefined;
  return inRange(unscaled, to);
}

function inRange(value: bigint, type: PlanType): bigint | undefined {
  const range = integerRanges[type.kind];
  return range !== undefined && value >= range[0] && value <= range[1] ? value : undefined;
}

function foldText(text: string, to: PlanType): ConstantValue | undefined {
  switch (to.kind) {
    case 'boolean': return text === 't' || text === 'true' ? true : text === 'f' || text === 'false' ? false : undefined;
    case 'date': return parseDateDays(text);
    case 'timestamp': return parseTimestampMicros(text);
    case 'timestamptz': return /(?:Z|\+00)$/.test(text) ? parseTimestampMicros(text.replace(/(?:Z|\+00)$/, '')) : undefined;
    case 'interval': return foldIntervalText(text);
    case 'double': return plainDoubles[text];
    case 'decimal': {
      const [, digits, fraction = ''] = /^(-?\d{1,38}(?:\.(\d{1,38}))?)$/.exec(text) ?? [];
      return digits === undefined ? undefined : foldDecimal(BigInt(digits.replace('.', '')), fraction.length, to);
    }
    default: return integerRanges[to.kind] !== undefined && /^-?\d{1,39}$/.test(text) ? inRange(BigInt(text), to) : undefined;
  }
}

/** Doubles without a literal. */
const plainDoubles: Readonly<Record<string, number>> = {nan: NaN, inf: Infinity, '-inf': -Infinity, '-0': -0};

/** `1 hour`, `-2 days`, and several of them; other spellings stay a cast. */
function foldIntervalText(text: string): ConstantValue | undefined {
  if (!/^(?:-?\d{1,15} [a-z]+(?: (?=.)|$))+$/.test(text)) return undefined;
  const sum = {months: 0, days: 0, micros: 0n};
  for (const [, count, unitName] of text.matchAll(/(-?\d+) ([a-z]+)/g)) {
    const unit = intervalUnits[unitName!.endsWith('s') ? unitName! : `${unitName!}s`];
    if (unit === undefined) return undefined;
    sum.months += unit.months * Number(count);
    sum.days += unit.days * Number(count);
    sum.micros += unit.micros * BigInt(count!);
  }
  const within = Math.abs(sum.months) <= 2e9 && Math.abs(sum.days) <= 2e9 && sum.micros < 2n ** 62n && sum.micros > -(2n ** 62n);
  return within ? sum : undefined;
}
