/**
 * Values as JSON text, as docs/http.md promises: 64-bit integers and decimals as strings, times as ISO text, BLOB base64, NaN and
 * infinities as strings. Smaller integers and finite doubles are numbers.
 */
import {setField} from '../base/field.ts';
import type {Column} from '../base/delta.ts';
import type {LogicalType} from '../base/type.ts';
import {valueAt} from '../kernel/column-values.ts';
import type {ResultColumn} from '../engine/api.ts';

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
    setField(out, name, jsonValue(row[name]));
  }
  return out;
}

export function jsonColumns(columns: readonly ResultColumn[]): {name: string; type: string}[] {
  return columns.map(({name, type}) => ({name, type}));
}

/** @returns a function that gives the JSON text of row `row` of the columns. (Text built cell by cell is no faster than one object and the engine's own stringify: measured.) */
export function rowTextOf(names: readonly string[], types: readonly LogicalType[]): (columns: readonly Column[], row: number) => string {
  return (columns, row) => {
    const out: Record<string, unknown> = {};
    for (let i = 0; i < names.length; i++) out[names[i]!] = jsonValue(valueAt(columns[i]!, types[i]!, row));
    return JSON.stringify(out);
  };
}
