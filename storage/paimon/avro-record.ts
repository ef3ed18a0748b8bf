/** Reads fields of an Avro record by name, each with its expected type; what is missing or of another type is damage. */
import {damaged} from './failure.ts';
import {type AvroRecord, unwrap} from './avro-file.ts';

export class RecordReader {
  readonly #record: AvroRecord;
  readonly where: string;

  constructor(record: unknown, where: string) {
    if (record === null || typeof record !== 'object') throw damaged(where, 'expected an Avro record');
    this.#record = record as AvroRecord;
    this.where = where;
  }

  text(name: string): string {
    return this.#typed(name, 'string') as string;
  }

  int(name: string): number {
    return this.#typed(name, 'number') as number;
  }

  /** A long that counts things or bytes. */
  count(name: string): number {
    return safe(this.#typed(name, 'bigint') as bigint, `${this.where}: ${name}`);
  }

  long(name: string): bigint {
    return this.#typed(name, 'bigint') as bigint;
  }

  bytes(name: string): Uint8Array {
    const value = this.#record[name];
    if (!(value instanceof Uint8Array)) throw damaged(this.where, `field ${name} should be bytes, found ${typeof value}`);
    // A copy: the block that the record was cut from should not stay alive because of its keys.
    return Uint8Array.from(value);
  }

  record(name: string): RecordReader {
    return new RecordReader(this.#record[name], `${this.where}: ${name}`);
  }

  array(name: string): readonly unknown[] {
    const value = this.#record[name];
    if (!Array.isArray(value)) throw damaged(this.where, `field ${name} should be an array, found ${typeof value}`);
    return value as readonly unknown[];
  }

  /** The value of a nullable field; null too when the file's schema does not have it. */
  nullable(name: string): unknown {
    return unwrap(this.#record[name]);
  }

  nullableCount(name: string): number | null {
    const value = this.nullable(name);
    return typeof value === 'bigint' ? safe(value, `${this.where}: ${name}`) : null;
  }

  nullableInt(name: string): number | null {
    const value = this.nullable(name);
    return typeof value === 'number' ? value : null;
  }

  nullableText(name: string): string | null {
    const value = this.nullable(name);
    return typeof value === 'string' ? value : null;
  }

  nullableBytes(name: string): Uint8Array | null {
    const value = this.nullable(name);
    return value instanceof Uint8Array ? Uint8Array.from(value) : null;
  }

  nullableTexts(name: string): readonly string[] | null {
    const value = this.nullable(name);
    return Array.isArray(value) ? (value as readonly string[]) : null;
  }

  #typed(name: string, type: 'string' | 'number' | 'bigint'): unknown {
    const value = this.#record[name];
    if (typeof value !== type) throw damaged(this.where, `field ${name} should be a ${type}, found ${typeof value}`);
    return value;
  }
}

function safe(value: bigint, where: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < BigInt(Number.MIN_SAFE_INTEGER)) throw damaged(where, `${value} is out of range`);
  return Number(value);
}
