/**
 * The stored types: what a column of a table can be. Each maps to one DuckDB type, one Paimon type, one Arrow type and one
 * physical column kind (base/delta.ts). Types that only occur inside expressions (HUGEINT, INTERVAL …) are kernel/plan's.
 */
import {unreachable} from './invariant.ts';

export type LogicalType =
  | {readonly kind: 'boolean' | 'tinyint' | 'smallint' | 'integer' | 'bigint' | 'float' | 'double'}
  | {readonly kind: 'varchar' | 'blob' | 'date' | 'timestamp' | 'timestamptz'}
  | {readonly kind: 'decimal'; readonly precision: number; readonly scale: number};

export type TypeKind = LogicalType['kind'];

/**
 * How values of a type are held in columns and records.
 * `i32` Int32; `f64` an IEEE double; `exact64` an integer of ≤ 64 bits (unscaled decimal, µs since 1970);
 * `exact128` an unscaled decimal of more than 18 digits; `bytes` UTF-8 text or a blob.
 */
export type PhysicalKind = 'i32' | 'f64' | 'exact64' | 'exact128' | 'bytes';

export function physicalKind(type: LogicalType): PhysicalKind {
  switch (type.kind) {
    case 'boolean': case 'tinyint': case 'smallint': case 'integer': case 'date': return 'i32';
    case 'float': case 'double': return 'f64';
    case 'bigint': case 'timestamp': case 'timestamptz': return 'exact64';
    case 'decimal': return type.precision <= 18 ? 'exact64' : 'exact128';
    case 'varchar': case 'blob': return 'bytes';
    default: return unreachable(type);
  }
}

/** @returns DuckDB's name of the type, e.g. `DECIMAL(12,2)`, `TIMESTAMP WITH TIME ZONE`. */
export function typeText(type: LogicalType): string {
  if (type.kind === 'decimal') return `DECIMAL(${type.precision},${type.scale})`;
  return type.kind === 'timestamptz' ? 'TIMESTAMP WITH TIME ZONE' : type.kind.toUpperCase();
}

const simpleTypes: Readonly<Record<string, LogicalType>> = {
  BOOLEAN: {kind: 'boolean'}, TINYINT: {kind: 'tinyint'}, SMALLINT: {kind: 'smallint'}, INTEGER: {kind: 'integer'},
  BIGINT: {kind: 'bigint'}, FLOAT: {kind: 'float'}, DOUBLE: {kind: 'double'}, VARCHAR: {kind: 'varchar'}, BLOB: {kind: 'blob'},
  DATE: {kind: 'date'}, TIMESTAMP: {kind: 'timestamp'}, 'TIMESTAMP WITH TIME ZONE': {kind: 'timestamptz'}, TIMESTAMPTZ: {kind: 'timestamptz'},
};

/** @returns the stored type that DuckDB's `text` names, or undefined if a column cannot be of it (HUGEINT, TIME, LIST …). */
export function parseTypeText(text: string): LogicalType | undefined {
  const decimal = /^DECIMAL\((\d+),\s*(\d+)\)$/.exec(text);
  if (decimal) return {kind: 'decimal', precision: Number(decimal[1]), scale: Number(decimal[2])};
  return simpleTypes[text];
}

export function sameType(a: LogicalType, b: LogicalType): boolean {
  return typeText(a) === typeText(b);
}
