/**
 * Rows from outside into columns: decode, validate, and say of each bad row what is wrong and where. Used by `Warehouse.insert`
 * (objects), HTTP (JSON array, ndjson) and `millrace ingest` (ndjson). The stream goes on after a bad row; the caller decides
 * whether one bad row refuses the batch or goes to `t$rejected`.
 */
import type {Column} from '../base/delta.ts';
import {fieldOf} from '../base/field.ts';
import {lineBytesMax} from '../base/limit.ts';
import {typeText} from '../base/type.ts';
import type {TableSpec} from '../catalog/spec.ts';
import {ColumnBuilder} from './column-builder.ts';
import {quoteLongNumbers} from './long-numbers.ts';
import {NEEDS_TEXT} from './nested-builder.ts';
import type {RejectedRow} from './protocol.ts';

export interface IngestBatch {
  readonly rowCount: number;
  /** The table's visible columns, in order. */
  readonly columns: Column[];
  readonly rejected: RejectedRow[];
}

const rawCharsMax = 4096;

/** Builds one batch for one table. */
export class RowDecoder {
  readonly #names: readonly string[];
  readonly #required: readonly boolean[];
  readonly #keyed: readonly boolean[];
  readonly #builders: ColumnBuilder[];
  readonly #indexes: ReadonlyMap<string, number>;
  readonly #table: TableSpec;
  #rowCount = 0;
  #rejected: RejectedRow[] = [];

  constructor(table: TableSpec) {
    const visible = table.columns.filter((column) => !column.hidden);
    this.#table = table;
    this.#names = visible.map((column) => column.name);
    this.#required = visible.map((column) => !column.nullable);
    this.#keyed = visible.map((_, index) => table.key.includes(index));
    this.#builders = visible.map((column) => new ColumnBuilder(column.type));
    this.#indexes = new Map(visible.map((column, index) => [column.name, index]));
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  get rejectedCount(): number {
    return this.#rejected.length;
  }

  /**
   * @param line 1-based number of the row in its batch, for the message.
   * @param exact gives the row again with its long numbers as text: asked for when a number may have lost digits.
   */
  pushObject(row: unknown, line: number, exact?: () => unknown): void {
    this.#push(row, line, undefined, exact);
  }

  /** One line of ndjson, without its end. Empty lines are nothing. @param byteLength its bytes, if known. */
  pushLine(text: string, line: number): void {
    if (text.length > lineBytesMax) {
      this.#reject(text, `line ${line} has ${text.length} characters, at most ${lineBytesMax} are taken`, 'MR_LINE_TOO_LONG', line);
      return;
    }
    if (/^\s*$/.test(text)) return;
    let row: unknown;
    try {
      row = JSON.parse(text);
    } catch (cause) {
      this.#reject(text, `line ${line} is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`, 'MR_JSON', line);
      return;
    }
    this.#push(row, line, text, () => JSON.parse(quoteLongNumbers(text)) as unknown);
  }

  /** Notes a line that was cut off before it could be read whole. */
  rejectLine(raw: string, reason: string, code: string, line: number): void {
    this.#reject(raw, reason, code, line);
  }

  finish(): IngestBatch {
    return {rowCount: this.#rowCount, columns: this.#builders.map((builder) => builder.finish()), rejected: this.#rejected};
  }

  #push(row: unknown, line: number, raw: string | undefined, exact: (() => unknown) | undefined): void {
    const problem = this.#tryPush(row);
    if (problem === null) {
      this.#rowCount++;
      return;
    }
    const text = raw ?? rawOf(row);
    if (problem.code === NEEDS_TEXT) {
      const again = exact === undefined ? problem : this.#tryPush(exact());
      if (again === null) {
        this.#rowCount++;
        return;
      }
      const reason = again.code === NEEDS_TEXT ? `column "${again.column}": a number beyond 2^53 has lost digits; write it as text or bigint` : again.reason;
      this.#reject(text, `line ${line}: ${reason}`, again.code === NEEDS_TEXT ? 'MR_TYPE' : again.code, line);
      return;
    }
    this.#reject(text, `line ${line}: ${problem.reason}`, problem.code, line);
  }

  #tryPush(row: unknown): {code: string; reason: string; column: string} | null {
    if (typeof row !== 'object' || row === null || Array.isArray(row)) return {code: 'MR_JSON', reason: `expected an object, found ${row === null ? 'null' : Array.isArray(row) ? 'an array' : typeof row}`, column: ''};
    const values = row as Readonly<Record<string, unknown>>;
    for (const name in values) {
      if (!this.#indexes.has(name)) return {code: 'MR_UNKNOWN_COLUMN', reason: `unknown column "${name}"; ${this.#table.schema}.${this.#table.name} has ${this.#names.join(', ')}`, column: name};
    }
    for (let i = 0; i < this.#names.length; i++) {
      const name = this.#names[i]!;
      const value = fieldOf(values, name);
      let problem: {code: string; reason: string; column: string} | null = null;
      if ((value === null || value === undefined) && this.#required[i]!) {
        const what = this.#keyed[i]! ? 'key column' : 'column';
        problem = {code: this.#keyed[i]! ? 'MR_NULL_KEY' : 'MR_NOT_NULL', reason: `${what} "${name}" ${value === null ? 'is null' : 'is missing'}: expected ${typeText(this.#table.columns[i]!.type)}`, column: name};
      } else {
        const wrong = this.#builders[i]!.push(value);
        if (wrong !== null) problem = {code: wrong === NEEDS_TEXT ? NEEDS_TEXT : 'MR_TYPE', reason: `column "${name}": ${wrong}`, column: name};
      }
      if (problem !== null) {
        for (let j = 0; j < i; j++) this.#builders[j]!.pop();
        return problem;
      }
    }
    return null;
  }

  #reject(raw: string, reason: string, code: string, line: number): void {
    this.#rejected.push({raw: raw.length > rawCharsMax ? `${raw.slice(0, rawCharsMax)}…` : raw, reason, code, line});
  }
}

function rawOf(row: unknown): string {
  try {
    return JSON.stringify(row, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value)) ?? String(row);
  } catch (cause) {
    // Text can nest deeper than the stack goes, and the library's caller can give circles.
    if (!(cause instanceof RangeError || cause instanceof TypeError)) throw cause;
    return '(nested too deep to be kept)';
  }
}
