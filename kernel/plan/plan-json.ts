/**
 * DuckDB's plan JSON as unknown data that is read strictly: `PlanFields` remembers which fields of an object were read, and
 * `end()` refuses the object if any was not. A new field of another DuckDB version can then never be ignored in silence.
 */
import {WarehouseError} from '../../base/error.ts';

/** DuckDB's "absent" of optional indexes, and the column index that means `rowid`. */
export const ABSENT_INDEX = 18_446_744_073_709_551_615n;

/** @returns the error that names a part of a bound plan which millrace has no operator for. */
export function unsupported(what: string, hint?: string): WarehouseError {
  return new WarehouseError('invalid', 'MR_PLAN_UNSUPPORTED', `${what} is not supported in a definition`, {hint});
}

/**
 * Parses plan JSON without losing digits: integers of 16 digits or more come back as strings (JSON.parse would round
 * BIGINT and HUGEINT constants beyond 2^53), and so do Infinity and NaN, which DuckDB writes and JSON does not know.
 */
export function parsePlanJson(text: string): unknown {
  // One alternative per JSON token that can contain digits, so that digits inside strings and fractions are never seen alone.
  const exact = text.replaceAll(/"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|-?Infinity|NaN/g, token =>
    /^(?:-?\d{16,}|-?Infinity|NaN)$/.test(token) ? `"${token}"` : token);
  return JSON.parse(exact);
}

/** One object of the plan; `where` names it in errors. */
export class PlanFields {
  readonly where: string;
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #unread: Set<string>;

  constructor(value: unknown, where: string) {
    expectShape(typeof value === 'object' && value !== null && !Array.isArray(value), () => `${where} must be an object, got ${JSON.stringify(value)}`);
    this.where = where;
    this.#fields = value as Readonly<Record<string, unknown>>;
    this.#unread = new Set(Object.keys(value));
  }

  has(name: string): boolean {
    return name in this.#fields;
  }

  /** @returns the raw value; the field counts as read. */
  take(name: string): unknown {
    expectShape(name in this.#fields, () => `${this.where} has no field "${name}"; found ${Object.keys(this.#fields).join(', ')}`);
    this.#unread.delete(name);
    return this.#fields[name];
  }

  text(name: string): string {
    const value = this.take(name);
    expectShape(typeof value === 'string', () => `${this.where}.${name} must be text, got ${JSON.stringify(value)}`);
    return value;
  }

  flag(name: string): boolean {
    const value = this.take(name);
    expectShape(typeof value === 'boolean', () => `${this.where}.${name} must be true or false, got ${JSON.stringify(value)}`);
    return value;
  }

  /** @returns an exact integer, whatever its size. */
  integer(name: string): bigint {
    return planInteger(this.take(name), `${this.where}.${name}`);
  }

  /** @returns an integer that counts or numbers something: 0 … 2^53-1. */
  index(name: string): number {
    return planIndex(this.take(name), `${this.where}.${name}`);
  }

  list(name: string): readonly unknown[] {
    return planList(this.take(name), `${this.where}.${name}`);
  }

  object(name: string, where = `${this.where}.${name}`): PlanFields {
    return new PlanFields(this.take(name), where);
  }

  /** @returns undefined where the field is null. */
  optionalObject(name: string, where = `${this.where}.${name}`): PlanFields | undefined {
    const value = this.take(name);
    return value === null ? undefined : new PlanFields(value, where);
  }

  /** Reads fields that say nothing about meaning (positions in the text, internal numbers). */
  ignore(...names: readonly string[]): void {
    for (const name of names) this.#unread.delete(name);
  }

  /** Refuses any value of the field but `expected`: what else it could say is not understood. */
  expect(name: string, expected: string | number | boolean | bigint | null | 'empty list'): void {
    const value = this.take(name);
    const same = expected === 'empty list' ? Array.isArray(value) && value.length === 0
      : typeof expected === 'bigint' ? planInteger(value, name) === expected : value === expected;
    if (!same) throw unsupported(`${this.where} with ${name} = ${JSON.stringify(value)}`);
  }

  /** @throws {WarehouseError} `MR_PLAN_UNSUPPORTED` naming a field that nobody read. */
  end(): void {
    for (const name of this.#unread) {
      throw unsupported(`${this.where} with field "${name}" = ${JSON.stringify(this.#fields[name])?.slice(0, 120)}`);
    }
  }
}

/** The plan is another program's output: a shape that is not known is refused like any other unknown. */
function expectShape(condition: boolean, message: () => string): asserts condition {
  if (!condition) throw unsupported(`a plan where ${message()}`);
}

export function planInteger(value: unknown, where: string): bigint {
  const exact = typeof value === 'string' ? /^-?\d+$/.test(value) : Number.isSafeInteger(value);
  expectShape(exact, () => `${where} must be an integer, got ${JSON.stringify(value)}`);
  return BigInt(value as string | number);
}

export function planIndex(value: unknown, where: string): number {
  const integer = planInteger(value, where);
  expectShape(integer >= 0n && integer <= BigInt(Number.MAX_SAFE_INTEGER), () => `${where} must be an index, got ${integer}`);
  return Number(integer);
}

export function planList(value: unknown, where: string): readonly unknown[] {
  expectShape(Array.isArray(value), () => `${where} must be a list, got ${JSON.stringify(value)}`);
  return value as readonly unknown[];
}
