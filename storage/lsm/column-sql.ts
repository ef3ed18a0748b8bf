/**
 * SQL between DuckDB's types and what Parquet files of Paimon hold. Writing casts to the exact type, because Java does not widen
 * and takes a timestamp's unit from the schema, not from the file; reading casts by the schema, not by what DuckDB reports.
 */
import {unreachable} from '../../base/invariant.ts';
import {typeText} from '../../base/type.ts';
import {quoteIdentifier, quoteLiteral} from '../../kernel/quote.ts';
import type {InternalValue} from '../paimon/binary-row.ts';
import {type DataField, logicalType, type PaimonType, paimonTypeText} from '../paimon/data-type.ts';
import {damaged, unsupported} from '../paimon/failure.ts';

/** Names of the system columns, and Java's field ids of them. */
export const SEQUENCE_COLUMN = '_SEQUENCE_NUMBER';
export const KIND_COLUMN = '_VALUE_KIND';
export const KEY_PREFIX = '_KEY_';
export const SEQUENCE_FIELD_ID = 2_147_483_646;
export const KIND_FIELD_ID = 2_147_483_645;
export const KEY_FIELD_ID_OFFSET = 1_073_741_823;

/** Columns of a batch of changes beside the table's own. */
export const OP_COLUMN = '_op';
export const CHANGE_SEQUENCE_COLUMN = '_seq';
/** Only where the table has more than one bucket; see bucketColumn. */
export const BUCKET_COLUMN = '_bucket';

/** @returns the DuckDB type that a column is read as; undefined where the file's own nested type is taken as it is. */
function readType(field: DataField): string | undefined {
  const {type} = field;
  if (!unreadable(type)) return readTypeText(type);
  throw unsupported(`column "${field.name}"`, `reading type ${paimonTypeText(type)}`);
}

/** INT96: DuckDB drops the nanoseconds. */
function unreadable(type: PaimonType): boolean {
  return (type.root === 'TIMESTAMP' || type.root === 'TIMESTAMP_LTZ') && type.precision > 6;
}

/** @returns the DuckDB type that values of a type are read as; undefined for one that is taken as the file has it, or not read. */
export function readTypeText(type: PaimonType): string | undefined {
  switch (type.root) {
    case 'BOOLEAN': case 'TINYINT': case 'SMALLINT': case 'BIGINT': case 'FLOAT': case 'DOUBLE': case 'DATE': case 'TIME': return type.root;
    case 'INT': return 'INTEGER';
    case 'DECIMAL': return `DECIMAL(${type.precision},${type.scale})`;
    case 'CHAR': case 'VARCHAR': return 'VARCHAR';
    case 'BINARY': case 'VARBINARY': return 'BLOB';
    case 'TIMESTAMP': case 'TIMESTAMP_LTZ':
      if (type.precision > 6) return undefined;
      return type.root === 'TIMESTAMP' ? 'TIMESTAMP' : 'TIMESTAMP WITH TIME ZONE';
    case 'ARRAY': case 'MAP': case 'ROW': {
      const logical = logicalType(type);
      return logical === undefined ? undefined : typeText(logical);
    }
    case 'MULTISET': case 'VECTOR': return undefined;
    default: return unreachable(type);
  }
}

/** @returns the column as read from a data file, cast to its DuckDB type. */
export function readSql(field: DataField): string {
  const column = quoteIdentifier(field.name);
  const type = readType(field);
  return type === undefined ? column : `CAST(${column} AS ${type})`;
}

/** @returns `column` cast to what the file must hold, as an expression over the changes. */
export function writeSql(field: DataField, column: string, key: boolean): string {
  const {type} = field;
  switch (type.root) {
    // -0.0 and 0.0 are one key for us and two for Java, whose hash and order see the sign; NaN has one bit pattern.
    case 'FLOAT': case 'DOUBLE':
      return key ? `CAST(CASE WHEN isnan(${column}) THEN 'nan' ELSE ${column} + 0 END AS ${type.root})` : `CAST(${column} AS ${type.root})`;
    case 'TIMESTAMP': case 'TIMESTAMP_LTZ': {
      if (type.precision > 6) break;
      const zoned = type.root === 'TIMESTAMP_LTZ';
      if (type.precision > 3) return `CAST(${column} AS ${zoned ? 'TIMESTAMP WITH TIME ZONE' : 'TIMESTAMP'})`;
      // DuckDB has no TIMESTAMPTZ of milliseconds; readers do not look at isAdjustedToUTC.
      return `CAST(${zoned ? `(${column} AT TIME ZONE 'UTC')` : column} AS TIMESTAMP_MS)`;
    }
    case 'ARRAY': case 'MAP': case 'ROW':
      if (!exactInside(type)) break;
      return `CAST(${column} AS ${readType(field)!})`;
    case 'TIME': case 'MULTISET': case 'VECTOR': break;
    default: return `CAST(${column} AS ${readType(field)!})`;
  }
  throw unsupported(`column "${field.name}"`, `writing type ${paimonTypeText(type)}`);
}

/** @returns whether DuckDB writes what a nested type holds as Paimon's readers want it, with no cast inside: timestamps of µs. */
export function exactInside(type: PaimonType): boolean {
  switch (type.root) {
    case 'ARRAY': return exactInside(type.element);
    case 'MAP': return exactInside(type.key) && exactInside(type.value);
    case 'ROW': return type.fields.every((field) => exactInside(field.type));
    case 'TIMESTAMP': case 'TIMESTAMP_LTZ': return type.precision > 3 && type.precision <= 6;
    default: return logicalType(type) !== undefined;
  }
}

const structuredFieldIdBase = 536_870_911;

/**
 * @returns the value of a column in COPY's FIELD_IDS: its id, and for nested types those of the parts, as Java's writer numbers them:
 *   an element 536870911 + 1024 · id + depth, a key 536870911 − 1024 · id − depth; fields of a ROW have their own.
 */
export function fieldIdSql(field: DataField): string {
  const inner = innerIdsSql(field.type, field.id, 0);
  return inner === '' ? String(field.id) : `{__duckdb_field_id: ${field.id}, ${inner}}`;
}

function innerIdsSql(type: PaimonType, id: number, depth: number): string {
  const part = (name: string, partId: number, of: PaimonType): string => {
    const inner = innerIdsSql(of, id, depth + 1);
    return `${name}: ${inner === '' ? partId : `{__duckdb_field_id: ${partId}, ${inner}}`}`;
  };
  const above = structuredFieldIdBase + 1024 * id + depth + 1;
  switch (type.root) {
    case 'ARRAY': return part('element', above, type.element);
    case 'MAP': return `${part('key', structuredFieldIdBase - 1024 * id - depth - 1, type.key)}, ${part('value', above, type.value)}`;
    case 'ROW': return type.fields.map((field) => `${quoteIdentifier(field.name)}: ${fieldIdSql(field)}`).join(', ');
    default: return '';
  }
}

/** @returns an expression that gives a key value as text, for {@link parseKeyText}. */
export function keyTextSql(type: PaimonType, expression: string): string {
  switch (type.root) {
    case 'DATE': return `CAST(CAST(${expression} AS DATE) - DATE '1970-01-01' AS VARCHAR)`;
    case 'TIMESTAMP': case 'TIMESTAMP_LTZ': return `CAST(epoch_us(${expression}) AS VARCHAR)`;
    case 'BINARY': case 'VARBINARY': return `hex(${expression})`;
    default: return `CAST(${expression} AS VARCHAR)`;
  }
}

export function parseKeyText(type: PaimonType, text: unknown): InternalValue {
  if (text === null) return null;
  if (typeof text !== 'string') throw damaged('key value', `expected text, found ${typeof text}`);
  switch (type.root) {
    case 'BOOLEAN': return text === 'true';
    case 'TINYINT': case 'SMALLINT': case 'INT': case 'DATE': return Number(text);
    case 'FLOAT': return Math.fround(parseDouble(text));
    case 'DOUBLE': return parseDouble(text);
    case 'BIGINT': case 'TIMESTAMP': case 'TIMESTAMP_LTZ': return BigInt(text);
    case 'DECIMAL': return BigInt(text.replace('.', ''));
    case 'CHAR': case 'VARCHAR': return text;
    case 'BINARY': case 'VARBINARY': return Uint8Array.from(Buffer.from(text, 'hex'));
    default: throw unsupported('key value', `key of type ${paimonTypeText(type)}`);
  }
}

function parseDouble(text: string): number {
  return text === 'nan' ? Number.NaN : text === 'inf' ? Infinity : text === '-inf' ? -Infinity : Number(text);
}

/** @returns a literal of the DuckDB type that `readSql` gives. */
export function valueLiteralSql(field: DataField, value: InternalValue): string {
  if (value === null) return `CAST(NULL AS ${readType(field)!})`;
  if (value instanceof Uint8Array) return keyLiteralSql(field, Buffer.from(value).toString('hex'));
  if (field.type.root !== 'DECIMAL') return keyLiteralSql(field, String(value));
  const unscaled = BigInt(value);
  const {scale} = field.type;
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  return keyLiteralSql(field, `${unscaled < 0n ? '-' : ''}${scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`}`);
}

/** @returns a literal of the DuckDB type that `readSql` gives. `text` is what {@link keyTextSql} gave. */
export function keyLiteralSql(field: DataField, text: string): string {
  const {type} = field;
  switch (type.root) {
    case 'DATE': return `CAST(DATE '1970-01-01' + CAST(${Number(text)} AS INTEGER) AS DATE)`;
    case 'TIMESTAMP': return `make_timestamp(CAST(${BigInt(text)} AS BIGINT))`;
    case 'TIMESTAMP_LTZ': return `(make_timestamp(CAST(${BigInt(text)} AS BIGINT)) AT TIME ZONE 'UTC')`;
    case 'BINARY': case 'VARBINARY': return `from_hex(${quoteLiteral(text)})`;
    default: return `CAST(${quoteLiteral(text)} AS ${readType(field)!})`;
  }
}

/**
 * @returns a list literal for `read_parquet`. It reads `*`, `?` and `[` in a path as patterns; in brackets they stand for themselves.
 */
export function pathListSql(paths: readonly string[]): string {
  return `[${paths.map((path) => quoteLiteral(path.replace(/[[*?]/g, '[$&]'))).join(', ')}]`;
}

/**
 * @param more further arguments of `read_parquet`.
 * @returns a table expression over data files. Directories `key=value` are no columns: partition values come from the manifest.
 */
export function parquetSql(paths: readonly string[], more: readonly string[] = []): string {
  return `read_parquet(${[pathListSql(paths), 'hive_partitioning = false', ...more].join(', ')})`;
}
