/** Reads the properties of one JSON object from disk, each with its expected type; the error names file and property. */
import {damaged} from './failure.ts';

export class JsonReader {
  readonly where: string;
  readonly #value: Readonly<Record<string, unknown>>;

  /** @throws {WarehouseError} `MR_PAIMON_DAMAGED` unless `value` is an object. */
  constructor(value: unknown, where: string) {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) throw damaged(where, `expected a JSON object, found ${describe(value)}`);
    this.#value = value as Readonly<Record<string, unknown>>;
    this.where = where;
  }

  has(name: string): boolean {
    return this.#value[name] !== undefined && this.#value[name] !== null;
  }

  raw(name: string): unknown {
    return this.#value[name];
  }

  string(name: string): string {
    const value = this.#value[name];
    if (typeof value !== 'string') throw this.#wrong(name, 'a string', value);
    return value;
  }

  optionalString(name: string): string | undefined {
    return this.has(name) ? this.string(name) : undefined;
  }

  /** An integer of at most 2^53-1. */
  integer(name: string): number {
    const value = this.#value[name];
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw this.#wrong(name, 'an integer', value);
    return value;
  }

  optionalInteger(name: string): number | undefined {
    return this.has(name) ? this.integer(name) : undefined;
  }

  /** Any 64-bit integer. */
  long(name: string): bigint {
    const value = this.#value[name];
    if (typeof value === 'bigint') {
      if (BigInt.asIntN(64, value) !== value) throw this.#wrong(name, 'a 64-bit integer', value);
      return value;
    }
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw this.#wrong(name, 'a 64-bit integer', value);
    return BigInt(value);
  }

  array(name: string): readonly unknown[] {
    const value = this.#value[name];
    if (!Array.isArray(value)) throw this.#wrong(name, 'an array', value);
    return value as readonly unknown[];
  }

  strings(name: string): readonly string[] {
    return this.array(name).map((item) => {
      if (typeof item !== 'string') throw this.#wrong(name, 'an array of strings', item);
      return item;
    });
  }

  /** A map of strings; absent is empty. */
  stringMap(name: string): Readonly<Record<string, string>> {
    if (!this.has(name)) return {};
    const reader = new JsonReader(this.#value[name], `${this.where}: "${name}"`);
    return Object.fromEntries(Object.keys(reader.#value).map((key) => [key, reader.string(key)]));
  }

  #wrong(name: string, expected: string, found: unknown): Error {
    return damaged(this.where, `property "${name}" should be ${expected}, found ${describe(found)}`);
  }
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = typeof value === 'bigint' ? value.toString() : JSON.stringify(value) ?? typeof value;
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
