/**
 * Values as JSON text, as docs/http.md promises: 64-bit integers and decimals as strings, times as ISO text, BLOB base64, NaN and
 * infinities as strings. Smaller integers and finite doubles are numbers.
 */
import type {Column} from '../base/delta.ts';
import type {LogicalType} from '../base/type.ts';
import type {ResultColumn} from '../engine/api.ts';
import {valueAt} from '../kernel/column-values.ts';

export function jsonValue(value: unknown): unknown {
  switch (typeof value) {
    case 'bigint': return value.toString();
    case 'number': return Number.isFinite(value) ? value : String(value);
    case 'object':
      if (value === null) return null;
      if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
      if (Array.isArray(value)) return value.map(jsonValue);
      return jsonRow(value as Readonly<Record<string, unknown>>);
    default: return value;
  }
}

export function jsonRow(row: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const name of Object.keys(row)) {
    // A column may be named like what an object inherits.
    if (name === '__proto__') Object.defineProperty(out, name, {value: jsonValue(row[name]), enumerable: true});
    else out[name] = jsonValue(row[name]);
  }
  return out;
}

export function jsonColumns(columns: readonly ResultColumn[]): {name: string; type: string}[] {
  return columns.map(({name, type}) => ({name, type}));
}

/**
 * The JSON text of one cell, straight from its column: the same text as `JSON.stringify(jsonValue(valueAt(…)))`, without the value
 * in between where a type allows it.
 */
export function cellText(column: Column, type: LogicalType, row: number): string {
  if (column.valid !== null && column.valid[row] === 0) return 'null';
  switch (type.kind) {
    case 'boolean': return column.kind === 'i32' && column.data[row] !== 0 ? 'true' : 'false';
    case 'tinyint': case 'smallint': case 'integer': return column.kind === 'i32' ? String(column.data[row]) : 'null';
    case 'bigint': return column.kind === 'f64' || column.kind === 'i64' ? `"${column.data[row]}"` : 'null';
    case 'float': case 'double': {
      const value = column.kind === 'f64' ? column.data[row]! : Number.NaN;
      return Number.isFinite(value) ? String(value) : `"${value}"`;
    }
    case 'varchar': return JSON.stringify(valueAt(column, type, row));
    case 'decimal': case 'date': case 'timestamp': case 'timestamptz': return `"${String(valueAt(column, type, row))}"`;
    case 'blob': return JSON.stringify(jsonValue(valueAt(column, type, row)));
  }
}

/** @returns a function that gives the JSON object of row `row` of the columns. */
export function rowTextOf(names: readonly string[], types: readonly LogicalType[]): (columns: readonly Column[], row: number) => string {
  const heads = names.map((name, index) => `${index === 0 ? '{' : ','}${JSON.stringify(name)}:`);
  return (columns, row) => {
    let text = '';
    for (let i = 0; i < heads.length; i++) text += heads[i]! + cellText(columns[i]!, types[i]!, row);
    return `${text}}`;
  };
}
