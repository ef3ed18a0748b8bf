/**
 * One form of a row for all readers: JSON, an object per row in column order; BIGINT and DECIMAL as strings, times as ISO text with six
 * digits, BYTES base64, MAP a list of [key, value] pairs, sorted. Numbers are compared as values, since readers print doubles differently.
 */
import assert from 'node:assert/strict';
import {quoteIdentifier} from '../../kernel/quote.ts';
import type {LogicalType} from '../../base/type.ts';
import type {Session} from '../../kernel/session.ts';
import type {InternalValue} from '../../storage/paimon/binary-row.ts';
import type {DataField, PaimonType} from '../../storage/paimon/data-type.ts';
import type {TestRow, TestShape} from '../../storage/lsm/test-tables.ts';
import {columnNames} from '../../storage/lsm/test-tables.ts';

/** A row's canonical JSON text. Lists of them are sorted. */
export type Line = string;

/** @returns the lines of a reader's output, one JSON object each, in the form and order that can be compared. */
export function parseLines(fields: readonly DataField[], text: string): Line[] {
  return text.split('\n').filter((line) => line !== '').map((line) => lineOf(fields, JSON.parse(line) as Record<string, unknown>)).sort();
}

/** @returns a row's line; `row` may hold columns in any order. */
export function lineOf(fields: readonly DataField[], row: Readonly<Record<string, unknown>>): Line {
  const missing = fields.find((field) => row[field.name] === undefined);
  if (missing !== undefined) throw new Error(`column "${missing.name}" is not in ${JSON.stringify(row)}`);
  return JSON.stringify(Object.fromEntries(fields.map((field) => [field.name, normal(field.type, row[field.name])])));
}

function normal(type: PaimonType, value: unknown): unknown {
  if (value === null || value === undefined) return null;
  switch (type.root) {
    case 'ARRAY': return (value as unknown[]).map((item) => normal(type.element, item));
    case 'ROW': return Object.fromEntries(type.fields.map((field) => [field.name, normal(field.type, (value as Record<string, unknown>)[field.name])]));
    case 'MAP': {
      const pairs = (value as [unknown, unknown][]).map(([key, item]) => [normal(type.key, key), normal(type.value, item)]);
      return pairs.map((pair) => JSON.stringify(pair)).sort().map((text) => JSON.parse(text) as unknown);
    }
    case 'FLOAT': return typeof value === 'number' ? Math.fround(value) + 0 : value;
    case 'DOUBLE': return typeof value === 'number' ? value + 0 : value;
    default: return value;
  }
}

/** @returns the rows of a query of ours, read through text, so that nothing of our decoding is shared. */
export async function readLines(session: Session, sql: string, fields: readonly DataField[]): Promise<Line[]> {
  const columns = fields.map((field) => jsonSql(field.type, quoteIdentifier(field.name)));
  const {rows} = await session.rows(`SELECT ${columns.map((column, i) => `CAST(${column} AS VARCHAR) AS c${i}`).join(', ')} FROM (${sql}) AS q`);
  return rows.map((row) => lineOf(fields, Object.fromEntries(fields.map((field, i) => [field.name, fromText(field.type, row[i] === null ? null : JSON.parse(row[i] as string))])))).sort();
}

/** An expression that gives the value as JSON; times and binaries still in DuckDB's text, see {@link fromText}. */
function jsonSql(type: PaimonType, value: string, depth = 0): string {
  const item = `x${depth}`;
  switch (type.root) {
    case 'BOOLEAN': case 'TINYINT': case 'SMALLINT': case 'INT': return `to_json(${value})`;
    case 'FLOAT': case 'DOUBLE':
      return `(CASE WHEN ${value} IS NULL THEN NULL WHEN isnan(${value}) THEN to_json('NaN') WHEN isinf(${value}) THEN to_json(CASE WHEN ${value} > 0 THEN 'Infinity' ELSE '-Infinity' END) ELSE to_json(CAST(${value} AS DOUBLE)) END)`;
    case 'BINARY': case 'VARBINARY': return `to_json(base64(${value}))`;
    case 'TIME': return `to_json(epoch_ms(CAST(DATE '1970-01-01' + ${value} AS TIMESTAMP)))`;
    case 'TIMESTAMP_LTZ': return `to_json(CAST((${value} AT TIME ZONE 'UTC') AS VARCHAR))`;
    case 'ARRAY': case 'VECTOR': return `to_json(list_transform(${value}, lambda ${item}: ${jsonSql(type.element, item, depth + 1)}))`;
    case 'MULTISET': case 'MAP': {
      const pair = type.root === 'MAP' ? type : {key: type.element, value: {root: 'INT', nullable: false} as PaimonType};
      return `to_json(list_transform(map_entries(${value}), lambda ${item}: json_array(${jsonSql(pair.key, `${item}.key`, depth + 1)}, ${jsonSql(pair.value, `${item}.value`, depth + 1)})))`;
    }
    case 'ROW': {
      const members = type.fields.map((field) => `'${field.name.replaceAll("'", "''")}', ${jsonSql(field.type, `${value}.${quoteIdentifier(field.name)}`, depth)}`);
      return `(CASE WHEN ${value} IS NULL THEN NULL ELSE json_object(${members.join(', ')}) END)`;
    }
    default: return `to_json(CAST(${value} AS VARCHAR))`;
  }
}

function fromText(type: PaimonType, value: unknown): unknown {
  if (value === null) return null;
  switch (type.root) {
    case 'DECIMAL': return (value as string).replace(/^(-?)\./, '$10.'); // DuckDB leaves the zero out where no digit is whole
    case 'TIMESTAMP': return timestampLine(value as string, '');
    case 'TIMESTAMP_LTZ': return timestampLine(value as string, 'Z');
    case 'ARRAY': return (value as unknown[]).map((item) => fromText(type.element, item));
    case 'MAP': return (value as [unknown, unknown][]).map(([key, item]) => [fromText(type.key, key), fromText(type.value, item)]);
    case 'ROW': return Object.fromEntries(type.fields.map((field) => [field.name, fromText(field.type, (value as Record<string, unknown>)[field.name] ?? null)]));
    default: return value;
  }
}

function timestampLine(text: string, zone: string): string {
  const match = /^(.+) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?$/.exec(text);
  if (match === null) throw new Error(`a timestamp of years 1 to 9999 is expected, found ${text}`);
  return `${match[1]!}T${match[2]!}.${(match[3] ?? '').padEnd(6, '0')}${zone}`;
}

/** @returns the lines of a model's rows. */
export function modelLines(rows: readonly TestRow[], shape: TestShape): Line[] {
  const types = [...shape.keys, ...shape.values];
  const names = columnNames(shape);
  return rows.map((row) => JSON.stringify(Object.fromEntries(row.map((value, i) => [names[i]!, internalValue(value, types[i]!)])))).sort();
}

/** @returns the lines of what SQL answered (base/value.ts), for the columns given. */
export function resultLines(fields: readonly DataField[], rows: readonly Readonly<Record<string, unknown>>[]): Line[] {
  return rows.map((row) => lineOf(fields, Object.fromEntries(fields.map((field) => [field.name, resultValue(field.type, row[field.name])])))).sort();
}

function resultValue(type: PaimonType, value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  switch (type.root) {
    case 'FLOAT': case 'DOUBLE': return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
    case 'ARRAY': return (value as unknown[]).map((item) => resultValue(type.element, item));
    case 'MAP': return (value as {key: unknown; value: unknown}[]).map((pair) => [resultValue(type.key, pair.key), resultValue(type.value, pair.value)]);
    case 'ROW': return Object.fromEntries(type.fields.map((field) => [field.name, resultValue(field.type, (value as Record<string, unknown>)[field.name])]));
    default: return value;
  }
}

/** @returns a stored value in canonical form. */
export function internalValue(value: InternalValue, type: LogicalType): unknown {
  if (value === null) return null;
  switch (type.kind) {
    case 'blob': return Buffer.from(value as Uint8Array).toString('base64');
    case 'float': case 'double': return Number.isFinite(value as number) ? value : String(value);
    case 'decimal': return decimalText(value as bigint, type.scale);
    case 'date': return isoMicros(BigInt(value as number) * 86_400_000_000n).slice(0, 10);
    case 'timestamp': return isoMicros(value as bigint);
    case 'timestamptz': return `${isoMicros(value as bigint)}Z`;
    default: return typeof value === 'bigint' ? String(value) : value;
  }
}

function decimalText(unscaled: bigint, scale: number): string {
  if (scale === 0) return String(unscaled);
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0');
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

function isoMicros(micros: bigint): string {
  const within = ((micros % 1000n) + 1000n) % 1000n;
  const text = new Date(Number((micros - within) / 1000n)).toISOString();
  return `${text.slice(0, -1)}${String(within).padStart(3, '0')}`;
}

/** @throws {AssertionError} saying which lines differ first. */
export function assertLines(found: readonly Line[], expected: readonly Line[], who: string): void {
  const differs = expected.findIndex((line, i) => line !== found[i]);
  if (found.length === expected.length && differs === -1) return;
  const at = differs === -1 ? expected.length : differs;
  assert.fail(`${who}: ${expected.length} rows expected, ${found.length} found; line ${at} expected ${expected[at] ?? 'nothing'}\n  found    ${found[at] ?? 'nothing'}`);
}
