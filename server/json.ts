/**
 * Values as JSON text, as docs/http.md promises: 64-bit integers and decimals as strings, times as ISO text, BLOB base64, NaN and
 * infinities as strings. Smaller integers and finite doubles are numbers.
 */
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
  for (const name in row) out[name] = jsonValue(row[name]);
  return out;
}

export function jsonColumns(columns: readonly ResultColumn[]): {name: string; type: string}[] {
  return columns.map(({name, type}) => ({name, type}));
}
