/**
 * DDL records as JSON: in frames of the log, in checkpoints. Everything is as JSON has it, but for what JSON lacks:
 * bigint → {"$bigint": "123"}, −0, NaN and ±Infinity → {"$number": "-0"}. Absent optional fields stay absent.
 */
import {WarehouseError} from '../base/error.ts';
import type {DdlRecord} from './spec.ts';

export type Json = null | boolean | number | string | readonly Json[] | {readonly [name: string]: Json};

const recordKinds: ReadonlySet<string> = new Set<DdlRecord['kind']>(['create-schema', 'drop-schema', 'create-table', 'alter-table', 'drop-table', 'table-ids', 'create-subscription', 'drop-subscription', 'move-subscription', 'end-subscription', 'create-tag', 'drop-tag']);

/** @returns the record as one line of JSON. */
export function encodeRecord(record: DdlRecord): string {
  return JSON.stringify(encodeJson(record));
}

/** @throws {WarehouseError} `MR_CATALOG_DAMAGED` (data) when `text` is not a record. */
export function decodeRecord(text: string): DdlRecord {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw damaged(`expected a DDL record as JSON, found ${JSON.stringify(text.slice(0, 40))}`, cause);
  }
  return asRecord(decodeValue(json));
}

/** @param values as `encodeJson` made them. @throws {WarehouseError} `MR_CATALOG_DAMAGED` when one is not a record. */
export function decodeRecords(values: readonly unknown[]): DdlRecord[] {
  return values.map((value) => asRecord(decodeValue(value)));
}

/** @returns `value` with what JSON lacks spelled out. */
export function encodeJson(value: unknown): Json {
  if (typeof value === 'bigint') return {$bigint: value.toString()};
  if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))) return {$number: Object.is(value, -0) ? '-0' : String(value)};
  if (value === null || typeof value !== 'object') return value as Json;
  if (Array.isArray(value)) return value.map(encodeJson);
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined).map(([name, field]) => [name, encodeJson(field)]));
}

/** @returns the records of a catalog's snapshot. @throws {WarehouseError} `MR_CATALOG_DAMAGED`. */
export function decodeJson(json: unknown, version: number): DdlRecord[] {
  const snapshot = decodeValue(json);
  if (typeof snapshot !== 'object' || snapshot === null || !('version' in snapshot) || !('records' in snapshot) || !Array.isArray(snapshot.records)) {
    throw damaged('expected a catalog with version and records, found something else');
  }
  if (snapshot.version !== version) throw damaged(`expected a catalog of version ${version}, found ${String(snapshot.version)}`);
  return snapshot.records.map(asRecord);
}

function decodeValue(json: unknown): unknown {
  if (json === null || typeof json !== 'object') return json;
  if (Array.isArray(json)) return json.map(decodeValue);
  const entries = Object.entries(json);
  if (entries.length === 1) {
    const [name, field] = entries[0]!;
    if (name === '$number' && typeof field === 'string') return Number(field);
    if (name === '$bigint' && typeof field === 'string') {
      if (!/^-?\d+$/.test(field)) throw damaged(`expected a whole number, found "${field}"`);
      return BigInt(field);
    }
  }
  return Object.fromEntries(entries.map(([name, field]) => [name, decodeValue(field)]));
}

function asRecord(value: unknown): DdlRecord {
  if (typeof value === 'object' && value !== null && 'kind' in value && typeof value.kind === 'string' && recordKinds.has(value.kind)) return value as DdlRecord;
  throw damaged('expected a DDL record of a known kind, found something else');
}

function damaged(message: string, cause?: unknown): WarehouseError {
  return new WarehouseError('data', 'MR_CATALOG_DAMAGED', message, {cause, hint: 'run `millrace check`; a newer version may have written it'});
}
