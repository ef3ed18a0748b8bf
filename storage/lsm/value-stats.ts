/**
 * Statistics of a data file's columns: smallest and largest value and the count of NULLs, for readers that pass files over by them. They
 * come from the footer of the file itself, so they cost no pass over its rows.
 *
 * What is kept of a column, its mode says (`fields.<column>.stats-mode`, else `metadata.stats-mode`, else truncate(16)): nothing, the NULLs
 * alone, all, or text and bytes cut to a length. A cut largest value is raised in its last place, so that it still is an upper bound;
 * where that cannot be done it is unknown. A wrong bound hides rows from every reader that trusts it, so what is not certain is unknown:
 *
 * - nested columns have none, as in Paimon;
 * - footers cut long text themselves: bounds are taken from them only if they are cut shorter still, else from the rows;
 * - a column with NaN has no bounds; 0.0 bounds from below as −0.0 and from above as 0.0, since engines order them.
 */
import {quoteIdentifier} from '../../kernel/quote.ts';
import {compareRows, encodeBinaryRow, type InternalValue} from '../paimon/binary-row.ts';
import type {DataField, PaimonType} from '../paimon/data-type.ts';
import {unsupported} from '../paimon/failure.ts';
import {NO_STATS, type SimpleStats} from '../paimon/manifest.ts';
import type {TableSchema} from '../paimon/table-schema.ts';
import {keyTextSql, parquetSql, parseKeyText, pathListSql} from './column-sql.ts';
import {namedRows, type SqlSession} from './sql-session.ts';

export type StatsMode = {readonly kind: 'none' | 'counts' | 'full'} | {readonly kind: 'truncate'; readonly length: number};

export interface ValueStats {
  readonly stats: SimpleStats;
  /** Columns in `stats`; null is all of the table. */
  readonly columns: readonly string[] | null;
}

export const NO_VALUE_STATS: ValueStats = {stats: NO_STATS, columns: []};

/** Footers hold text and bytes up to 256 bytes; that is 64 code points at least. */
const FOOTER_LENGTH_MAX = 48;

/** @returns the mode of a column. @throws {WarehouseError} `MR_PAIMON_UNSUPPORTED` for one that is unknown. */
export function statsMode(options: Readonly<Record<string, string>>, column: string, where: string): StatsMode {
  const name = options[`fields.${column}.stats-mode`] === undefined ? 'metadata.stats-mode' : `fields.${column}.stats-mode`;
  const text = (options[name] ?? 'truncate(16)').trim().toLowerCase();
  if (text === 'none' || text === 'counts' || text === 'full') return {kind: text};
  const length = /^truncate\(([1-9]\d{0,6})\)$/.exec(text)?.[1];
  if (length === undefined) throw unsupported(where, `option '${name}' = '${options[name]}'`, "use none, counts, full or truncate(n)");
  return {kind: 'truncate', length: Number(length)};
}

interface Column {
  readonly field: DataField;
  readonly mode: StatsMode;
}

interface Bounds {
  min: InternalValue;
  max: InternalValue;
  /** A part of the file has values and no bounds. */
  unknown: boolean;
  nullCount: bigint | null;
}

/**
 * @param paths files of the table's present columns, written by DuckDB.
 * @returns the statistics of each, by path.
 */
export async function valueStats(session: SqlSession, schema: TableSchema, paths: readonly string[], where: string): Promise<ReadonlyMap<string, ValueStats>> {
  const columns = schema.fields.map((field): Column => ({field, mode: statsMode(schema.options, field.name, where)}))
    // A leaf of a nested column is named by its path, which a name with a comma may look like.
    .filter(({field, mode}) => mode.kind !== 'none' && boundable(field.type) && !field.name.includes(', '));
  const result = new Map<string, ValueStats>();
  if (columns.length === 0) return result;
  const byFile = new Map(paths.map((path) => [path, new Map<string, Bounds>()]));
  const rows = await namedRows(session, 'SELECT file_name, path_in_schema AS name, CAST(num_values AS VARCHAR) AS value_count, CAST(stats_null_count AS VARCHAR) AS null_count, '
    + `stats_min_value AS low, stats_max_value AS high FROM parquet_metadata(${pathListSql(paths)})`);
  const byName = new Map(columns.map((column) => [column.field.name, column]));
  for (const row of rows) {
    const column = byName.get(String(row['name']));
    const found = byFile.get(String(row['file_name']));
    if (column === undefined || found === undefined) continue;
    const bounds = found.get(column.field.name) ?? {min: null, max: null, unknown: false, nullCount: 0n};
    found.set(column.field.name, bounds);
    const nulls = row['null_count'] === null ? null : BigInt(String(row['null_count']));
    bounds.nullCount = nulls === null || bounds.nullCount === null ? null : bounds.nullCount + nulls;
    if (nulls !== null && nulls === BigInt(String(row['value_count']))) continue;
    widen(bounds, parseFooterText(column.field.type, row['low']), parseFooterText(column.field.type, row['high']));
  }
  const long = columns.filter(({field, mode}) => isLong(field.type) && (mode.kind === 'full' || (mode.kind === 'truncate' && mode.length > FOOTER_LENGTH_MAX)));
  if (long.length > 0) await boundsFromRows(session, long, paths, byFile);
  for (const [path, found] of byFile) result.set(path, statsOf(schema, columns.filter(({field}) => found.has(field.name)), found));
  return result;
}

function statsOf(schema: TableSchema, columns: readonly Column[], found: ReadonlyMap<string, Bounds>): ValueStats {
  const types = columns.map(({field}) => ({...field.type, nullable: true}));
  const bounds = columns.map(({field}) => found.get(field.name)!);
  const known = bounds.map((one, i) => (one.unknown || columns[i]!.mode.kind === 'counts' ? {min: null, max: null} : cutBounds(columns[i]!, one)));
  return {
    stats: {minValues: encodeBinaryRow(types, known.map(({min}) => min)), maxValues: encodeBinaryRow(types, known.map(({max}) => max)), nullCounts: bounds.map(({nullCount}) => nullCount)},
    columns: columns.length === schema.fields.length ? null : columns.map(({field}) => field.name),
  };
}

function boundable(type: PaimonType): boolean {
  switch (type.root) {
    case 'ARRAY': case 'MULTISET': case 'MAP': case 'ROW': case 'VECTOR': case 'TIME': return false;
    default: return true;
  }
}

function isLong(type: PaimonType): boolean {
  return type.root === 'CHAR' || type.root === 'VARCHAR' || type.root === 'BINARY' || type.root === 'VARBINARY';
}

function widen(bounds: Bounds, low: InternalValue, high: InternalValue): void {
  if (low === null || high === null) {
    bounds.unknown = true;
    return;
  }
  if (bounds.min === null || compareRows([low], [bounds.min]) < 0) bounds.min = low;
  if (bounds.max === null || compareRows([high], [bounds.max]) > 0) bounds.max = high;
}

async function boundsFromRows(session: SqlSession, columns: readonly Column[], paths: readonly string[], byFile: ReadonlyMap<string, Map<string, Bounds>>): Promise<void> {
  const list = columns.flatMap(({field}, i) => (['min', 'max'] as const).map((side) => `${keyTextSql(field.type, `${side}(${quoteIdentifier(field.name)})`)} AS "${side}${i}"`));
  for (const row of await namedRows(session, `SELECT filename AS file, ${list.join(', ')} FROM ${parquetSql(paths, ['filename = true'])} GROUP BY filename`)) {
    for (const [i, {field}] of columns.entries()) {
      const bounds = byFile.get(String(row['file']))?.get(field.name);
      if (bounds === undefined) continue;
      bounds.unknown = false;
      bounds.min = parseKeyText(field.type, row[`min${i}`]);
      bounds.max = parseKeyText(field.type, row[`max${i}`]);
    }
  }
}

function cutBounds({field, mode}: Column, {min, max}: Bounds): {readonly min: InternalValue; readonly max: InternalValue} {
  if (field.type.root === 'FLOAT' || field.type.root === 'DOUBLE') return {min: min === 0 ? -0 : min, max: max === 0 ? 0 : max};
  if (mode.kind !== 'truncate') return {min, max};
  if (typeof min === 'string') return {min: Array.from(min).slice(0, mode.length).join(''), max: raisedText(max as string, mode.length)};
  if (min instanceof Uint8Array) return {min: min.slice(0, mode.length), max: raisedBytes(max as Uint8Array, mode.length)};
  return {min, max};
}

/** @returns the shortest text of at most `length` code points that bounds all that begin as `text`; null for none. */
export function raisedText(text: string, length: number): string | null {
  const points = Array.from(text);
  if (points.length <= length) return text;
  for (let i = length - 1; i >= 0; i--) {
    const next = points[i]!.codePointAt(0)! + 1;
    if (next > 0x10ffff) continue;
    // Surrogates are no text of their own.
    return points.slice(0, i).join('') + String.fromCodePoint(next === 0xd800 ? 0xe000 : next);
  }
  return null;
}

/** @returns the same for bytes. */
export function raisedBytes(bytes: Uint8Array, length: number): Uint8Array | null {
  if (bytes.length <= length) return bytes;
  for (let i = length - 1; i >= 0; i--) {
    if (bytes[i] === 0xff) continue;
    const raised = bytes.slice(0, i + 1);
    raised[i]!++;
    return raised;
  }
  return null;
}

/** @returns a bound as DuckDB prints it from a footer; null where there is none, or its text is not what we know. */
function parseFooterText(type: PaimonType, text: unknown): InternalValue {
  if (typeof text !== 'string') return null;
  switch (type.root) {
    case 'CHAR': case 'VARCHAR': return text;
    case 'BINARY': case 'VARBINARY': return footerBytes(text);
    case 'DATE': {
      const date = /^(\d{4,6})-(\d\d)-(\d\d)$/.exec(text);
      return date === null ? null : daysOf(Number(date[1]), Number(date[2]), Number(date[3]));
    }
    case 'TIMESTAMP': case 'TIMESTAMP_LTZ': {
      const time = /^(\d{4,6})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:\+00)?$/.exec(text);
      if (time === null) return null;
      const [year, month, day, hour, minute, second] = time.slice(1, 7).map(Number) as [number, number, number, number, number, number];
      return BigInt(daysOf(year, month, day)) * 86_400_000_000n + BigInt((hour * 60 + minute) * 60 + second) * 1_000_000n + BigInt((time[7] ?? '').padEnd(6, '0'));
    }
    case 'DECIMAL': return /^-?\d*(\.\d*)?$/.test(text) && (text.split('.')[1]?.length ?? 0) === type.scale ? parseKeyText(type, text) : null;
    case 'FLOAT': case 'DOUBLE': {
      const value = parseKeyText(type, text);
      return Number.isNaN(value) ? null : value;
    }
    default: return /^(true|false|-?\d+)$/.test(text) ? parseKeyText(type, text) : null;
  }
}

function daysOf(year: number, month: number, day: number): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.getTime() / 86_400_000;
}

/** DuckDB prints bytes beyond ASCII, and the backslash, as \xHH. */
function footerBytes(text: string): Uint8Array | null {
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i++) {
    if (text[i] !== '\\') {
      bytes.push(text.charCodeAt(i));
      continue;
    }
    const hex = /^x([0-9A-F]{2})$/i.exec(text.slice(i + 1, i + 4))?.[1];
    if (hex === undefined) return null;
    bytes.push(Number.parseInt(hex, 16));
    i += 3;
  }
  return bytes.every((byte) => byte <= 0xff) ? Uint8Array.from(bytes) : null;
}
