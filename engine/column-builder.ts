/**
 * Builds one column from single values as they come in JSON or from the library's caller: number, string, bigint, boolean,
 * Uint8Array, null. Strict: a value of another kind is an error text, never a guess. Values are pushed straight into typed arrays.
 *
 * JSON in (docs/http.md): integers and decimals as numbers or text, TIMESTAMP `2026-01-01T03:04:05[.ffffff]` or with a space; text
 * with an offset is converted to UTC. A number beyond 2^53 has lost digits before we see it: `NEEDS_TEXT` asks for the line again
 * with its long numbers as text.
 */
import {Arena} from '../base/arena.ts';
import type {Column} from '../base/delta.ts';
import {NARROW_BOUND} from '../base/delta.ts';
import {invariant, unreachable} from '../base/invariant.ts';
import {isNested, physicalKind, typeText, type LogicalType} from '../base/type.ts';
import {NEEDS_TEXT, NestedBuilder} from './nested-builder.ts';
import {parseDateText, parseTimestampText} from './time-text.ts';

const encoder = new TextEncoder();
const integerRange: Readonly<Record<string, readonly [number, number]>> = {tinyint: [-128, 127], smallint: [-32768, 32767], integer: [-2147483648, 2147483647]};
const int64Max = 9_223_372_036_854_775_807n;
const int64Min = -9_223_372_036_854_775_808n;
const word = 18_446_744_073_709_551_616n;

/** @returns what a value is, as an error message names it. */
function found(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value === 'object') return 'an object';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return `${typeof value} ${text.length > 60 ? `${text.slice(0, 57)}...` : text}`;
}

/** @returns the unscaled value of decimal text, rounded half away from zero to `scale`; undefined if it is no decimal. */
export function parseDecimalText(text: string, scale: number): bigint | undefined {
  const match = /^\s*([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?\s*$/.exec(text);
  if (match === null) return undefined;
  const whole = match[2] ?? '';
  const fraction = match[3] ?? '';
  if (whole === '' && fraction === '') return undefined;
  const digits = whole + fraction;
  const shift = scale - fraction.length + Number(match[4] ?? '0');
  let unscaled: bigint;
  if (shift >= 0) unscaled = BigInt(digits) * 10n ** BigInt(shift);
  else {
    const divisor = 10n ** BigInt(-shift);
    const value = BigInt(digits);
    unscaled = value / divisor + ((value % divisor) * 2n >= divisor ? 1n : 0n);
  }
  return match[1] === '-' ? -unscaled : unscaled;
}

export class ColumnBuilder {
  readonly #type: LogicalType;
  readonly #kind: ReturnType<typeof physicalKind>;
  #count = 0;
  #valid: Uint8Array;
  #hasNull = false;
  #i32: Int32Array;
  #f64: Float64Array;
  #wide: BigInt64Array | null = null; // set once a value does not fit the narrow form
  #bound = 0;
  #arena = new Arena();
  #length: Int32Array;
  /** Of a nested type: what takes the values. */
  readonly #nested: NestedBuilder | null;

  constructor(type: LogicalType, capacity = 64) {
    this.#type = type;
    this.#kind = physicalKind(type);
    this.#nested = isNested(type) ? new NestedBuilder(type, {leaf: (inner) => new ColumnBuilder(inner), found}) : null;
    this.#valid = new Uint8Array(capacity);
    this.#i32 = new Int32Array(this.#kind === 'i32' ? capacity : 0);
    this.#f64 = new Float64Array(this.#kind === 'i32' ? 0 : capacity);
    this.#length = new Int32Array(this.#kind === 'bytes' ? capacity : 0);
  }

  get count(): number {
    return this.#count;
  }

  /** Forgets the last value: its row was refused by a later column. */
  pop(): void {
    this.truncate(this.#count - 1);
  }

  /** Forgets the values from the `count`-th on. */
  truncate(count: number): void {
    this.#count = count;
    this.#nested?.truncate(count);
  }

  /** @returns what equal values of the column, and only they, have in common; of scalars that are not NULL. */
  identity(index: number): string | number | bigint {
    switch (this.#kind) {
      case 'i32': return this.#i32[index]!;
      case 'f64': return this.#f64[index]! + 0; // −0 is 0
      case 'bytes': {
        const length = this.#length[index]!;
        return length === 0 ? '' : Buffer.from(this.#arena.view(this.#f64[index]!, length)).toString('latin1');
      }
      default:
        if (this.#wide === null) return this.#f64[index]!;
        return this.#kind === 'exact128' ? (this.#wide[2 * index + 1]! << 64n) + BigInt.asUintN(64, this.#wide[2 * index]!) : this.#wide[index]!;
    }
  }

  /** @returns null if taken, `NEEDS_TEXT`, or why not: what was expected and what was found. */
  push(value: unknown): string | null {
    if (this.#nested !== null) {
      const problem = this.#nested.push(value);
      if (problem === null) this.#count++;
      return problem;
    }
    if (this.#count === this.#valid.length) this.#grow();
    const at = this.#count;
    if (value === null || value === undefined) {
      this.#valid[at] = 0;
      this.#hasNull = true;
      this.#setZero(at);
      this.#count++;
      return null;
    }
    const problem = this.#set(at, value);
    if (problem !== null) return problem;
    this.#valid[at] = 1;
    this.#count++;
    return null;
  }

  finish(): Column {
    if (this.#nested !== null) return this.#nested.finish();
    const count = this.#count;
    const valid = this.#hasNull ? this.#valid.subarray(0, count) : null;
    switch (this.#kind) {
      case 'i32': return {kind: 'i32', data: this.#i32.subarray(0, count), valid};
      case 'f64': return {kind: 'f64', data: this.#f64.subarray(0, count), valid, bound: Infinity};
      case 'exact64':
        if (this.#wide !== null) return {kind: 'i64', data: this.#wide.subarray(0, count), valid};
        return {kind: 'f64', data: this.#f64.subarray(0, count), valid, bound: this.#bound};
      case 'exact128':
        if (this.#wide !== null) return {kind: 'i128', data: this.#wide.subarray(0, 2 * count), valid};
        return {kind: 'f64', data: this.#f64.subarray(0, count), valid, bound: this.#bound};
      case 'bytes': return {kind: 'bytes', arena: this.#arena, address: this.#f64.subarray(0, count), length: this.#length.subarray(0, count), valid};
      default: return unreachable(this.#kind);
    }
  }

  #set(at: number, value: unknown): string | null {
    const type = this.#type;
    switch (type.kind) {
      case 'boolean':
        if (value === true || value === 'true') this.#i32[at] = 1;
        else if (value === false || value === 'false') this.#i32[at] = 0;
        else return this.#wrong(value);
        return null;
      case 'tinyint': case 'smallint': case 'integer': {
        const number = typeof value === 'number' ? value : typeof value === 'bigint' || (typeof value === 'string' && /^\s*[+-]?\d+\s*$/.test(value)) ? Number(value) : Number.NaN;
        const [low, high] = integerRange[type.kind]!;
        if (!Number.isInteger(number) || number < low || number > high) return this.#wrong(value);
        this.#i32[at] = number;
        return null;
      }
      case 'bigint': {
        if (typeof value === 'number') {
          if (!Number.isInteger(value)) return this.#wrong(value);
          if (!Number.isSafeInteger(value)) return NEEDS_TEXT;
          return this.#exact(at, value);
        }
        if (typeof value !== 'bigint' && !(typeof value === 'string' && /^\s*[+-]?\d+\s*$/.test(value))) return this.#wrong(value);
        const exact = BigInt(typeof value === 'string' ? value.trim() : value);
        if (exact > int64Max || exact < int64Min) return this.#wrong(value);
        return this.#exactBig(at, exact);
      }
      case 'float': case 'double': {
        const number = typeof value === 'number' ? value : typeof value === 'bigint' ? Number(value) : typeof value === 'string' ? parseDouble(value) : undefined;
        if (number === undefined) return this.#wrong(value);
        this.#f64[at] = type.kind === 'float' ? Math.fround(number) : number;
        return null;
      }
      case 'decimal': {
        if (typeof value === 'number' && !exactDecimal(value, type.scale)) return NEEDS_TEXT;
        if (typeof value !== 'number' && typeof value !== 'bigint' && typeof value !== 'string') return this.#wrong(value);
        const unscaled = parseDecimalText(String(value), type.scale);
        if (unscaled === undefined || unscaled >= 10n ** BigInt(type.precision) || -unscaled >= 10n ** BigInt(type.precision)) return this.#wrong(value);
        return this.#exactBig(at, unscaled);
      }
      case 'varchar': {
        if (typeof value !== 'string') return this.#wrong(value);
        this.#bytes(at, encoder.encode(value));
        return null;
      }
      case 'blob': {
        if (value instanceof Uint8Array) this.#bytes(at, value);
        else if (typeof value === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(value) && value.length % 4 === 0) this.#bytes(at, Buffer.from(value, 'base64'));
        else return this.#wrong(value);
        return null;
      }
      case 'date': {
        const days = typeof value === 'string' ? parseDateText(value) : undefined;
        if (days === undefined) return this.#wrong(value);
        this.#i32[at] = days;
        return null;
      }
      case 'timestamp': case 'timestamptz': {
        const micros = typeof value === 'string' ? parseTimestampText(value) : value instanceof Date && !Number.isNaN(value.getTime()) ? BigInt(value.getTime()) * 1000n : undefined;
        if (micros === undefined) return this.#wrong(value);
        return this.#exactBig(at, micros);
      }
      case 'list': case 'struct': case 'map':
        invariant(false, 'nested values go to their own builder');
        return null;
      default: return unreachable(type);
    }
  }

  #wrong(value: unknown): string {
    return `expected ${typeText(this.#type)}, found ${found(value)}`;
  }

  #exact(at: number, value: number): null {
    if (this.#wide !== null) return this.#exactBig(at, BigInt(value));
    this.#f64[at] = value;
    if (Math.abs(value) > this.#bound) this.#bound = Math.abs(value);
    return null;
  }

  #exactBig(at: number, value: bigint): null {
    const narrow = Number(value);
    if (this.#wide === null && Number.isSafeInteger(narrow)) return this.#exact(at, narrow);
    this.#wide ??= this.#widen();
    if (this.#kind === 'exact128') {
      const low = ((value % word) + word) % word;
      this.#wide[2 * at] = BigInt.asIntN(64, low);
      this.#wide[2 * at + 1] = (value - low) / word;
    } else this.#wide[at] = value;
    return null;
  }

  #widen(): BigInt64Array {
    const words = this.#kind === 'exact128' ? 2 : 1;
    const wide = new BigInt64Array(words * this.#valid.length);
    for (let i = 0; i < this.#count; i++) {
      const value = BigInt(this.#f64[i]!);
      wide[words * i] = value;
      if (words === 2) wide[2 * i + 1] = value < 0n ? -1n : 0n;
    }
    return wide;
  }

  #bytes(at: number, bytes: Uint8Array): void {
    this.#f64[at] = bytes.length === 0 ? 0 : this.#arena.append(bytes, 0, bytes.length);
    this.#length[at] = bytes.length;
  }

  #setZero(at: number): void {
    if (this.#kind === 'i32') this.#i32[at] = 0;
    else this.#f64[at] = 0;
    if (this.#kind === 'bytes') this.#length[at] = 0;
    if (this.#wide !== null) {
      if (this.#kind === 'exact128') this.#wide[2 * at] = this.#wide[2 * at + 1] = 0n;
      else this.#wide[at] = 0n;
    }
  }

  #grow(): void {
    const capacity = this.#valid.length * 2;
    this.#valid = grown(this.#valid, new Uint8Array(capacity));
    if (this.#kind === 'i32') this.#i32 = grown(this.#i32, new Int32Array(capacity));
    else this.#f64 = grown(this.#f64, new Float64Array(capacity));
    if (this.#kind === 'bytes') this.#length = grown(this.#length, new Int32Array(capacity));
    if (this.#wide !== null) {
      const wide = new BigInt64Array(this.#wide.length * 2);
      wide.set(this.#wide);
      this.#wide = wide;
    }
  }
}

/**
 * Whether a number still says every digit that was written: it was a whole one that doubles hold, or short enough for a double, or
 * what a double cannot hold of it lies behind the scale.
 */
function exactDecimal(value: number, scale: number): boolean {
  if (Number.isSafeInteger(value)) return true;
  if (Math.abs(value) * 10 ** scale <= NARROW_BOUND / 16) return true;
  const digits = /^-?0*(\d*)(?:\.(\d*))?/.exec(String(value));
  return digits !== null && `${digits[1]}${digits[2] ?? ''}`.replace(/^0+/, '').length <= doubleDigits;
}

/** Decimal digits that every double of their length keeps. */
const doubleDigits = 15;

function grown<T extends Uint8Array | Int32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

function parseDouble(text: string): number | undefined {
  const trimmed = text.trim();
  if (trimmed === 'NaN') return Number.NaN;
  if (/^[+-]?Infinity$/.test(trimmed)) return trimmed.startsWith('-') ? -Infinity : Infinity;
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(trimmed)) return undefined;
  return Number(trimmed);
}
