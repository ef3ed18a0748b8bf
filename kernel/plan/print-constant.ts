/** Constants → SQL that DuckDB binds to the same value and type. */
import {unreachable} from '../../base/invariant.ts';
import {quoteLiteral} from '../quote.ts';
import {integerRanges} from './fold-constant.ts';
import {unsupported} from './plan-json.ts';
import {printCastTarget, printType} from './plan-type.ts';
import {dateText, timestampText, timeText} from './time-text.ts';
import type {ConstantValue, Expression, PlanType} from './tree.ts';

/** @throws {WarehouseError} `MR_PLAN_UNSUPPORTED` where the value's type has no literal. */
export function printConstant({type, value, sql}: Extract<Expression, {kind: 'constant'}>): string {
  if (sql !== undefined) return sql;
  if (value === null) return type.kind === 'null' ? 'NULL' : cast('NULL', type);
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return type.kind === 'varchar' ? printText(value) : cast(printText(value), type);
  if (typeof value === 'number') return printNumber(value, type);
  if (typeof value === 'bigint') return printInteger(value, type);
  return printInterval(value);
}

function cast(text: string, type: PlanType): string {
  return `CAST(${text} AS ${printCastTarget(type)})`;
}

/** A NUL cannot stand in a statement's text. */
function printText(text: string): string {
  if (!text.includes('\0')) return quoteLiteral(text);
  return `(${text.split('\0').map(quoteLiteral).join(' || chr(0) || ')})`;
}

/** The exponent makes it a DOUBLE literal; a plain 1.5 is a DECIMAL. */
function printNumber(value: number, type: PlanType): string {
  const finite = Number.isFinite(value) && !Object.is(value, -0);
  const text = finite ? String(value).replace('e+', 'e') : Object.is(value, -0) ? "'-0'" : Number.isNaN(value) ? "'nan'" : value > 0 ? "'inf'" : "'-inf'";
  if (!finite) return cast(text, type);
  const literal = text.includes('e') ? text : `${text}e0`;
  return type.kind === 'double' ? literal : cast(literal, type);
}

const int64 = integerRanges.bigint!;
const int32 = integerRanges.integer!;

/** An integer as a literal of whatever type; the most negative ones would be read as minus a too large number. */
function integerLiteral(value: bigint): string {
  return value > int64[0] && value <= int64[1] && value !== int32[0] ? String(value) : `'${value}'`;
}

function printInteger(value: bigint, type: PlanType): string {
  switch (type.kind) {
    case 'integer': return value === int32[0] ? cast(integerLiteral(value), type) : String(value);
    case 'bigint': return value > int32[1] || (value < int32[0] && value > int64[0]) ? String(value) : cast(integerLiteral(value), type);
    case 'hugeint': return value > int64[1] && value < integerRanges.hugeint![1] ? String(value) : cast(integerLiteral(value), type);
    case 'tinyint': case 'smallint': case 'utinyint': case 'usmallint': case 'uinteger': case 'ubigint': case 'uhugeint': return cast(integerLiteral(value), type);
    case 'decimal': return printDecimal(value, type);
    case 'date': {
      const text = dateText(value);
      return text === undefined ? `(DATE '1970-01-01' + ${value < 0n ? `(${value})` : value})` : `DATE '${text}'`;
    }
    case 'time': return cast(`'${timeText(value)}'`, type);
    case 'timestamp': {
      const text = timestampText(value);
      return text === undefined ? `make_timestamp(${printInteger(value, {kind: 'bigint'})})` : `TIMESTAMP '${text}'`;
    }
    case 'timestamptz': {
      const text = timestampText(value);
      return text === undefined ? `make_timestamptz(${printInteger(value, {kind: 'bigint'})})` : `TIMESTAMPTZ '${text}+00'`;
    }
    case 'timestamp_s': case 'timestamp_ms': case 'timestamp_ns': case 'boolean': case 'float': case 'double': case 'varchar': case 'blob': case 'interval': case 'null': case 'other': case 'list': case 'struct': case 'map':
      throw unsupported(`constant of type ${printType(type)}`);
    default: return unreachable(type);
  }
}

/** A literal with more digits is a DOUBLE. */
const decimalDigitsMax = 38;

function printDecimal(unscaled: bigint, type: Extract<PlanType, {kind: 'decimal'}>): string {
  const text = printDecimalLiteral(unscaled, type.scale);
  // A literal's type is as wide as it is written.
  const digitCount = text.replaceAll(/[-.]/g, '').length;
  if (type.scale === 0) return cast(integerLiteral(unscaled), type);
  return digitCount === type.precision ? text : cast(digitCount <= decimalDigitsMax ? text : `'${text}'`, type);
}

/** @returns e.g. `-12.50`: a literal of its own width. */
export function printDecimalLiteral(unscaled: bigint, scale: number): string {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  return `${unscaled < 0n ? '-' : ''}${whole}${scale === 0 ? '' : `.${digits.slice(whole.length)}`}`;
}

const intervalUnits: readonly (readonly [string, bigint])[] = [['hour', 3_600_000_000n], ['minute', 60_000_000n], ['second', 1_000_000n], ['microsecond', 1n]];

function printInterval(value: Extract<ConstantValue, {months: number}>): string {
  const [unit, size] = intervalUnits.find(([, micros]) => value.micros % micros === 0n)!;
  const parts = ([[BigInt(value.months), 'month'], [BigInt(value.days), 'day'], [value.micros / size, unit]] as const).filter(([count]) => count !== 0n);
  const text = parts.map(([count, name]) => `${count} ${name}${count === 1n ? '' : 's'}`).join(' ');
  return `INTERVAL '${text || '0 days'}'`;
}
