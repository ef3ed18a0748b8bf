/**
 * The stored types: what a column of a table can be. Each maps to one DuckDB type, one Paimon type, one Arrow type and one
 * physical column kind (base/delta.ts). Types that only occur inside expressions (HUGEINT, INTERVAL …) are kernel/plan's.
 */
import {unreachable} from './invariant.ts';

export interface StructField {readonly name: string; readonly type: LogicalType}

/** Types whose values hold values: LIST, STRUCT, MAP, in any nesting. */
export type NestedType =
  | {readonly kind: 'list'; readonly element: LogicalType}
  | {readonly kind: 'struct'; /** at least one; no two names are equal, whatever their case */ readonly fields: readonly StructField[]}
  | {readonly kind: 'map'; readonly key: LogicalType; readonly value: LogicalType};

/** Types of one value. */
export type ScalarType =
  | {readonly kind: 'boolean' | 'tinyint' | 'smallint' | 'integer' | 'bigint' | 'float' | 'double'}
  | {readonly kind: 'varchar' | 'blob' | 'date' | 'timestamp' | 'timestamptz'}
  | {readonly kind: 'decimal'; readonly precision: number; readonly scale: number};

export type LogicalType = ScalarType | NestedType;

export type TypeKind = LogicalType['kind'];

/**
 * How values of a type are held in columns and records.
 * `i32` Int32; `f64` an IEEE double; `exact64` an integer of ≤ 64 bits (unscaled decimal, µs since 1970);
 * `exact128` an unscaled decimal of more than 18 digits; `bytes` UTF-8 text, a blob, or a nested value as base/nested.ts writes it.
 */
export type PhysicalKind = 'i32' | 'f64' | 'exact64' | 'exact128' | 'bytes';

export function physicalKind(type: LogicalType): PhysicalKind {
  switch (type.kind) {
    case 'boolean': case 'tinyint': case 'smallint': case 'integer': case 'date': return 'i32';
    case 'float': case 'double': return 'f64';
    case 'bigint': case 'timestamp': case 'timestamptz': return 'exact64';
    case 'decimal': return type.precision <= 18 ? 'exact64' : 'exact128';
    case 'varchar': case 'blob': case 'list': case 'struct': case 'map': return 'bytes';
    default: return unreachable(type);
  }
}

/** @returns whether values of `type` hold values. */
export function isNested(type: LogicalType): type is NestedType {
  return type.kind === 'list' || type.kind === 'struct' || type.kind === 'map';
}

/** @returns the types of what a value of `type` holds, in order; none for a scalar. */
export function innerTypes(type: LogicalType): readonly LogicalType[] {
  switch (type.kind) {
    case 'list': return [type.element];
    case 'struct': return type.fields.map((field) => field.type);
    case 'map': return [type.key, type.value];
    default: return [];
  }
}

/** @returns how deep values of `type` nest: 0 for a scalar, 1 for `INTEGER[]`, 2 for `INTEGER[][]`. */
export function nestingDepth(type: LogicalType): number {
  return isNested(type) ? 1 + Math.max(...innerTypes(type).map(nestingDepth)) : 0;
}

/** @returns how many fields STRUCTs in `type` have in all: each takes a field id of its table, after that of its column. */
export function structFieldCount(type: LogicalType): number {
  return innerTypes(type).reduce((sum, inner) => sum + structFieldCount(inner), type.kind === 'struct' ? type.fields.length : 0);
}

/** @returns DuckDB's name of the type, e.g. `DECIMAL(12,2)`, `TIMESTAMP WITH TIME ZONE`, `STRUCT("a" INTEGER)[]`. */
export function typeText(type: LogicalType): string {
  switch (type.kind) {
    case 'decimal': return `DECIMAL(${type.precision},${type.scale})`;
    case 'timestamptz': return 'TIMESTAMP WITH TIME ZONE';
    case 'list': return `${typeText(type.element)}[]`;
    case 'struct': return `STRUCT(${type.fields.map(({name, type: field}) => `"${name.replaceAll('"', '""')}" ${typeText(field)}`).join(', ')})`;
    case 'map': return `MAP(${typeText(type.key)}, ${typeText(type.value)})`;
    default: return type.kind.toUpperCase();
  }
}

const simpleTypes: Readonly<Record<string, LogicalType>> = {
  BOOLEAN: {kind: 'boolean'}, TINYINT: {kind: 'tinyint'}, SMALLINT: {kind: 'smallint'}, INTEGER: {kind: 'integer'},
  BIGINT: {kind: 'bigint'}, FLOAT: {kind: 'float'}, DOUBLE: {kind: 'double'}, VARCHAR: {kind: 'varchar'}, BLOB: {kind: 'blob'},
  DATE: {kind: 'date'}, TIMESTAMP: {kind: 'timestamp'}, 'TIMESTAMP WITH TIME ZONE': {kind: 'timestamptz'}, TIMESTAMPTZ: {kind: 'timestamptz'},
};

/** Nesting that the reader of type texts follows; what a table may have is less (`nestedDepthMax`). */
const parsedDepthMax = 200;

/** @returns the stored type that DuckDB's `text` names, or undefined if a column cannot be of it (HUGEINT, TIME, INTEGER[3] …). */
export function parseTypeText(text: string): LogicalType | undefined {
  const simple = simpleTypes[text];
  if (simple !== undefined) return simple;
  const reader = {text, at: 0};
  const type = readType(reader, 0);
  return reader.at === text.length ? type : undefined;
}

export function sameType(a: LogicalType, b: LogicalType): boolean {
  return a === b || typeText(a) === typeText(b);
}

interface TypeReader {readonly text: string; at: number}

/** @returns the type that stands at the reader's place, or undefined where none that can be stored does. */
function readType(reader: TypeReader, depth: number): LogicalType | undefined {
  if (depth > parsedDepthMax) return undefined;
  let type = readUnsuffixed(reader, depth);
  while (type !== undefined && take(reader, '[]')) type = {kind: 'list', element: type};
  return type;
}

function readUnsuffixed(reader: TypeReader, depth: number): LogicalType | undefined {
  const found = /[A-Z]+(?: WITH TIME ZONE)?/y;
  found.lastIndex = reader.at;
  const word = found.exec(reader.text)?.[0];
  if (word === undefined) return undefined;
  reader.at += word.length;
  switch (word) {
    case 'DECIMAL': return readDecimal(reader);
    case 'STRUCT': return readStruct(reader, depth);
    case 'MAP': {
      if (!take(reader, '(')) return undefined;
      const key = readType(reader, depth + 1);
      if (key === undefined || !take(reader, ', ')) return undefined;
      const value = readType(reader, depth + 1);
      return value === undefined || !take(reader, ')') ? undefined : {kind: 'map', key, value};
    }
    default: return simpleTypes[word];
  }
}

function readDecimal(reader: TypeReader): LogicalType | undefined {
  const found = /\((\d+),\s*(\d+)\)/y;
  found.lastIndex = reader.at;
  const parts = found.exec(reader.text);
  if (parts === null) return undefined;
  reader.at += parts[0].length;
  return {kind: 'decimal', precision: Number(parts[1]), scale: Number(parts[2])};
}

/** Names stand plain or in double quotes, as DuckDB prints them. */
function readStruct(reader: TypeReader, depth: number): LogicalType | undefined {
  if (!take(reader, '(')) return undefined;
  const fields: StructField[] = [];
  do {
    const found = /"((?:[^"]|"")+)" |([^"\s(),]+) /y;
    found.lastIndex = reader.at;
    const parts = found.exec(reader.text);
    if (parts === null) return undefined;
    reader.at += parts[0].length;
    const type = readType(reader, depth + 1);
    if (type === undefined) return undefined;
    fields.push({name: parts[1]?.replaceAll('""', '"') ?? parts[2]!, type});
  } while (take(reader, ', '));
  return take(reader, ')') ? {kind: 'struct', fields} : undefined;
}

function take(reader: TypeReader, text: string): boolean {
  if (!reader.text.startsWith(text, reader.at)) return false;
  reader.at += text.length;
  return true;
}
