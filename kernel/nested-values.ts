/**
 * Nested values ↔ single values at the edges, in the forms of base/value.ts: LIST array, STRUCT object, MAP array of `{key, value}`.
 * Reading goes over the bytes once, in the order in which base/nested.ts draws them.
 */
import {WarehouseError} from '../base/error.ts';
import type {Column} from '../base/delta.ts';
import {setField} from '../base/field.ts';
import {fixedWidth, type Parts} from '../base/nested.ts';
import {encodeNested} from '../base/nested-encode.ts';
import {leafParts} from '../base/nested-leaf.ts';
import {isNested, typeText, type LogicalType, type NestedType, type ScalarType} from '../base/type.ts';
import type {Value} from '../base/value.ts';
import {dateText, timestampText} from './column-times.ts';
import {decimalText} from './decimal-text.ts';
import {refuse, scalarColumn, validityOf} from './scalar-values.ts';

const decoder = new TextDecoder('utf-8', {ignoreBOM: true});

interface Reader {readonly bytes: Uint8Array; readonly view: DataView; at: number}

/** @param bytes of one value. @throws {WarehouseError} `MR_NESTED_DAMAGED` (data) if they are no value of the type. */
export function nestedValue(type: NestedType, bytes: Uint8Array): Value {
  const reader = {bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), at: 0};
  let value: Value | undefined;
  try {
    value = readContent(reader, type, 1, null)[0];
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw damaged(type, cause);
  }
  if (reader.at !== bytes.length) throw damaged(type);
  return value!;
}

function damaged(type: LogicalType, cause?: unknown): WarehouseError {
  return new WarehouseError('data', 'MR_NESTED_DAMAGED', `the bytes of a nested value are not of its type: ${typeText(type)}`, {cause});
}

function readValues(reader: Reader, type: LogicalType, count: number): Value[] {
  if (count === 0) return [];
  if (reader.bytes[reader.at++] === 0) return readContent(reader, type, count, null);
  const bits = reader.bytes.subarray(reader.at, reader.at + ((count + 7) >> 3));
  reader.at += bits.length;
  return readContent(reader, type, count, bits);
}

/** @param bits which values are valid, null: all. */
function readContent(reader: Reader, type: LogicalType, count: number, bits: Uint8Array | null): Value[] {
  const values: Value[] = [];
  const valid = (i: number): boolean => bits === null || ((bits[i >> 3]! >> (i & 7)) & 1) === 1;
  switch (type.kind) {
    case 'varchar': case 'blob': {
      const lengths = readLengths(reader, count);
      for (let i = 0; i < count; i++) {
        const bytes = reader.bytes.subarray(reader.at, reader.at += lengths[i]!);
        values.push(!valid(i) ? null : type.kind === 'blob' ? bytes.slice() : decoder.decode(bytes));
      }
      return values;
    }
    case 'list': case 'map': {
      const lengths = readLengths(reader, count);
      let total = 0;
      for (const length of lengths) total += length;
      if (total > reader.bytes.length - reader.at) throw damaged(type);
      const elements = type.kind === 'list' ? readValues(reader, type.element, total) : readEntries(reader, type, total);
      for (let i = 0, from = 0; i < count; from += lengths[i++]!) values.push(valid(i) ? elements.slice(from, from + lengths[i]!) : null);
      return values;
    }
    case 'struct': {
      const fields = type.fields.map((field) => readValues(reader, field.type, count));
      for (let i = 0; i < count; i++) {
        if (!valid(i)) values.push(null);
        else {
          const struct: Record<string, Value> = {};
          type.fields.forEach(({name}, index) => { setField(struct, name, fields[index]![i]!); });
          values.push(struct);
        }
      }
      return values;
    }
    default:
      for (let i = 0; i < count; i++) values.push(valid(i) ? readScalar(reader.view, type, reader.at + i * fixedWidth(type)) : null);
      reader.at += count * fixedWidth(type);
      return values;
  }
}

function readEntries(reader: Reader, type: Extract<NestedType, {kind: 'map'}>, count: number): Value[] {
  if (count > 0) reader.at++; // entries are never NULL
  const keys = readValues(reader, type.key, count);
  const values = readValues(reader, type.value, count);
  return keys.map((key, i) => ({key, value: values[i]!}));
}

function readLengths(reader: Reader, count: number): number[] {
  const lengths: number[] = [];
  for (let i = 0; i < count; i++) {
    let value = 0;
    let byte: number;
    let shift = 0;
    do {
      byte = reader.view.getUint8(reader.at++);
      value |= (byte & 0x7f) << shift;
      shift += 7;
    } while (byte >= 0x80 && shift < 32);
    if (value < 0) throw new RangeError('a length below 0');
    lengths.push(value);
  }
  return lengths;
}

function readScalar(view: DataView, type: ScalarType, at: number): Value {
  switch (type.kind) {
    case 'boolean': return view.getUint8(at) !== 0;
    case 'tinyint': return view.getInt8(at);
    case 'smallint': return view.getInt16(at, true);
    case 'integer': return view.getInt32(at, true);
    case 'date': return dateText(view.getInt32(at, true));
    case 'float': return view.getFloat32(at, true);
    case 'double': return view.getFloat64(at, true);
    case 'bigint': return view.getBigInt64(at, true);
    case 'timestamp': return timestampText(view.getBigInt64(at, true));
    case 'timestamptz': {
      const text = timestampText(view.getBigInt64(at, true));
      return text.endsWith('infinity') ? text : `${text}Z`;
    }
    case 'decimal': return decimalText(readUnscaled(view, fixedWidth(type), at), type.scale);
    default: throw damaged(type);
  }
}

function readUnscaled(view: DataView, width: number, at: number): bigint {
  switch (width) {
    case 2: return BigInt(view.getInt16(at, true));
    case 4: return BigInt(view.getInt32(at, true));
    case 8: return view.getBigInt64(at, true);
    default: return (view.getBigInt64(at + 8, true) << 64n) + view.getBigUint64(at, true);
  }
}

/**
 * @returns a column of `values`. Fields that an object leaves out are NULL.
 * @throws {WarehouseError} `MR_VALUE` (invalid) for a value that is not of the type, a field that it has not, a key that is NULL or
 *   there twice; `MR_NESTED_LIMIT`.
 */
export function nestedColumn(type: NestedType, values: readonly Value[]): Column {
  return encodeNested(partsOf(type, values), values.length);
}

function partsOf(type: LogicalType, values: readonly Value[]): Parts {
  if (!isNested(type)) return leafParts(type, scalarColumn(type, values), values.length);
  const valid = validityOf(values);
  if (type.kind === 'struct') return {kind: 'struct', valid, fields: type.fields.map((field) => partsOf(field.type, values.map((value) => (value === null ? null : fieldsOf(type, value)[field.name] ?? null))))};
  const lists = values.map((value): readonly Value[] => (value === null ? [] : Array.isArray(value) ? (value as readonly Value[]) : refuse(type, value)));
  const lengths = Int32Array.from(lists, (list) => list.length);
  if (type.kind === 'list') return {kind: 'list', valid, lengths, child: partsOf(type.element, lists.flat(1))};
  const entries = lists.map((list) => checkedEntries(type, list)).flat(1);
  const child: Parts = {kind: 'struct', valid: null, fields: [partsOf(type.key, entries.map(({key}) => key)), partsOf(type.value, entries.map(({value}) => value))]};
  return {kind: 'list', valid, lengths, child};
}

function fieldsOf(type: Extract<NestedType, {kind: 'struct'}>, value: Value): Readonly<Record<string, Value>> {
  if (value === null || typeof value !== 'object' || Array.isArray(value) || value instanceof Uint8Array) return refuse(type, value);
  const unknown = Object.keys(value).find((name) => !type.fields.some((field) => field.name === name));
  if (unknown !== undefined) throw new WarehouseError('invalid', 'MR_VALUE', `expected ${typeText(type)}, found a field "${unknown}"`);
  return Object.assign(Object.create(null) as Record<string, Value>, value);
}

function checkedEntries(type: Extract<NestedType, {kind: 'map'}>, list: readonly Value[]): readonly {key: Value; value: Value}[] {
  const seen = new Set<string>();
  return list.map((entry) => {
    if (entry === null || typeof entry !== 'object' || Array.isArray(entry) || entry instanceof Uint8Array || !('key' in entry) || Object.keys(entry).some((name) => name !== 'key' && name !== 'value')) {
      throw new WarehouseError('invalid', 'MR_VALUE', `expected {key, value} as an entry of ${typeText(type)}, found ${entry === null ? 'null' : typeof entry}`);
    }
    const {key, value} = entry as {readonly key: Value; readonly value?: Value};
    if (key === null || key === undefined) throw new WarehouseError('invalid', 'MR_VALUE', `expected a key in an entry of ${typeText(type)}, found null`);
    const text = JSON.stringify(key, (_, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner));
    if (seen.has(text)) throw new WarehouseError('invalid', 'MR_VALUE', `expected each key of ${typeText(type)} once, found ${text} twice`);
    seen.add(text);
    return {key, value: value ?? null};
  });
}
