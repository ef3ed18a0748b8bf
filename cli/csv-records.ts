/**
 * Rows of a CSV stream with a header, each with the line it begins at; what is no row is told as such, and reading goes on behind it.
 *
 * Fields are separated by what the header has most of: comma, semicolon, tab or bar. A field that begins with a quote ends with one; a
 * doubled quote in it is a quote, and it may hold separators and line ends. Elsewhere a quote is text. An empty field is NULL, an empty
 * one in quotes is empty text; every other value is its text. Empty lines are nothing.
 *
 * A record whose quote is not closed would swallow the rest: it is given up at the end of the input or when it is longer than a line
 * may be, and reading goes on with the line after the one it began in.
 */
import {WarehouseError} from '../base/error.ts';
import {setField} from '../base/field.ts';
import {lineBytesMax} from '../base/limit.ts';
import type {Row, Value} from '../base/value.ts';
import {linesOf, type Line} from '../server/lines.ts';

/** One record: a row, or why it is none. */
export interface CsvRecord {
  /** Of the file, from 1: where the record begins. */
  readonly line: number;
  readonly row: Row | null;
  readonly problem: {readonly code: string; readonly reason: string; readonly raw: string} | null;
}

/** @throws {WarehouseError} `MR_CSV` for a header that cannot be used. */
export async function* csvRecords(stream: AsyncIterable<Uint8Array>): AsyncGenerator<CsvRecord[]> {
  const reader = new CsvReader();
  for await (const lines of linesOf(stream)) {
    const records = reader.push(lines);
    if (records.length > 0) yield records;
  }
  const rest = reader.end();
  if (rest.length > 0) yield rest;
}

interface Parsed {
  readonly values: (string | null)[];
  /** The last field's quote is still open. */
  readonly open: boolean;
  readonly problem: string | null;
}

class CsvReader {
  #names: readonly string[] | null = null;
  #separator = ',';
  /** Lines of the record that is not whole yet. */
  #held: Line[] = [];
  #heldLength = 0;
  #records: CsvRecord[] = [];

  push(lines: readonly Line[]): CsvRecord[] {
    for (const line of lines) this.#line(line);
    return this.#taken();
  }

  end(): CsvRecord[] {
    while (this.#held.length > 0) this.#giveUp();
    return this.#taken();
  }

  #taken(): CsvRecord[] {
    const records = this.#records;
    this.#records = [];
    return records;
  }

  #line(line: Line): void {
    this.#held.push(line);
    this.#heldLength += line.text.length + 1;
    if (line.cut || this.#heldLength > lineBytesMax) {
      this.#giveUp();
      return;
    }
    // Only a line with a quote can close what is open; the whole is then read anew, which a record's limit bounds.
    if (this.#held.length > 1 && !line.text.includes('"')) return;
    this.#record();
  }

  /** Takes the held lines as a record, unless it is not whole yet. */
  #record(): void {
    const [first] = this.#held;
    const text = this.#held.length === 1 ? first!.text : this.#held.map((line) => line.text).join('\n');
    if (this.#names === null) {
      if (text.trim() === '') this.#drop();
      else this.#header(text.startsWith('\uFEFF') ? text.slice(1) : text);
      return;
    }
    if (text === '') {
      this.#drop();
      return;
    }
    const {values, open, problem} = parseRecord(text, this.#separator);
    if (open) return;
    const line = first!.number;
    this.#drop();
    const wrong = problem ?? (values.length === this.#names.length ? null : `expected ${this.#names.length} values, found ${values.length}`);
    if (wrong !== null) {
      this.#problem(line, 'MR_CSV', wrong, text);
      return;
    }
    const row: Record<string, Value> = {};
    for (const [index, name] of this.#names.entries()) setField(row, name, values[index]!);
    this.#records.push({line, row, problem: null});
  }

  #header(text: string): void {
    const tried = [',', ';', '\t', '|'].map((separator) => ({separator, parsed: parseRecord(text, separator)}));
    const {separator, parsed} = tried.reduce((best, one) => (one.parsed.values.length > best.parsed.values.length ? one : best));
    const names = parsed.values.map((value) => value ?? '');
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    const wrong = parsed.open ? 'it has a quote that is not closed' : parsed.problem ?? (names.includes('') ? 'a column has no name' : twice === undefined ? null : `column "${twice}" stands there twice`);
    if (wrong !== null) throw new WarehouseError('invalid', 'MR_CSV', `line ${this.#held[0]!.number} cannot be the header: ${wrong}`, {hint: 'the first line names the columns'});
    this.#names = names;
    this.#separator = separator;
    this.#drop();
  }

  /** The record at hand is none; what stands behind its first line is read anew. */
  #giveUp(): void {
    const [first, ...others] = this.#held;
    if (this.#names === null) throw new WarehouseError('invalid', 'MR_CSV', `line ${first!.number} cannot be the header: it is longer than ${lineBytesMax} bytes`);
    this.#drop();
    if (first!.cut) this.#problem(first!.number, 'MR_LINE_TOO_LONG', 'it is longer than the limit of one line', first!.text);
    else this.#problem(first!.number, 'MR_CSV', 'a quote that opens there is not closed', first!.text);
    for (const line of others) this.#line(line);
  }

  #drop(): void {
    this.#held = [];
    this.#heldLength = 0;
  }

  #problem(line: number, code: string, what: string, raw: string): void {
    this.#records.push({line, row: null, problem: {code, reason: `line ${line}: ${what}`, raw}});
  }
}

function parseRecord(text: string, separator: string): Parsed {
  const values: (string | null)[] = [];
  let at = 0;
  for (;;) {
    if (text[at] !== '"') {
      const end = text.indexOf(separator, at);
      const value = end === -1 ? text.slice(at) : text.slice(at, end);
      values.push(value === '' ? null : value);
      if (end === -1) return {values, open: false, problem: null};
      at = end + 1;
      continue;
    }
    let value = '';
    at++;
    for (;;) {
      const quote = text.indexOf('"', at);
      if (quote === -1) {
        values.push(value + text.slice(at));
        return {values, open: true, problem: null};
      }
      value += text.slice(at, quote);
      at = quote + 1;
      if (text[at] !== '"') break;
      value += '"';
      at++;
    }
    values.push(value);
    if (at === text.length) return {values, open: false, problem: null};
    if (text[at] !== separator) return {values, open: false, problem: `text follows the quote that ends value ${values.length}`};
    at++;
  }
}
