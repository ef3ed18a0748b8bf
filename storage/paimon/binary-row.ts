/**
 * BinaryRow: the bytes of keys and partitions in manifests, and what is hashed into buckets. Little-endian but for the prefix.
 *
 *   int32 BE arity | null bits, W = ⌊(arity + 63 + 8) / 64⌋ · 8 bytes | 8-byte slot per field | variable part
 *
 * Byte 0 of the null bits is the row kind (0 here), the null flag of field i is bit i + 8. Text and binary of at most 7 bytes lie
 * in their slot with 0x80|length in its last byte; longer ones lie in the variable part, padded to 8, with (offset << 32 | length)
 * in the slot. Offsets count from the null bits. A null DECIMAL(p > 18) or TIMESTAMP(p > 3) still reserves its 16 or 8 bytes.
 */
import {invariant, unreachable} from '../../base/invariant.ts';
import {type PaimonType, paimonTypeText} from './data-type.ts';
import {damaged, unsupported} from './failure.ts';

/**
 * A value as the format thinks of it: BOOLEAN boolean · TINYINT…INT, DATE (days), TIME (ms), FLOAT, DOUBLE number · BIGINT,
 * DECIMAL (unscaled), TIMESTAMP and LTZ (µs since 1970) bigint · text string · binary Uint8Array.
 */
export type InternalValue = null | boolean | number | bigint | string | Uint8Array;

const utf8 = new TextEncoder();
const utf8Decoder = new TextDecoder('utf-8', {fatal: true});
const INLINE_MAX = 7;
const LARGE_DECIMAL_BYTES = 16;

function nullBitsBytes(arity: number): number {
  return Math.floor((arity + 63 + 8) / 64) * 8;
}

/** @returns whether the type can be a key or partition column; everything else is refused where a table is made. */
export function keyable(type: PaimonType): boolean {
  switch (type.root) {
    case 'ARRAY': case 'MULTISET': case 'MAP': case 'ROW': case 'VECTOR': return false;
    case 'TIMESTAMP': case 'TIMESTAMP_LTZ': return type.precision <= 6;
    default: return true;
  }
}

/** The row of no fields: partition of unpartitioned tables, key of append tables. */
export const EMPTY_ROW: Uint8Array = encodeBinaryRow([], []);

/**
 * @returns the row with its arity prefix.
 * @throws {WarehouseError} `MR_PAIMON_UNSUPPORTED` for a type that cannot be a key.
 */
export function encodeBinaryRow(types: readonly PaimonType[], values: readonly InternalValue[]): Uint8Array {
  invariant(types.length === values.length, () => `binary row of ${types.length} types got ${values.length} values`);
  const arity = types.length;
  const nullBytes = nullBitsBytes(arity);
  const fixedBytes = nullBytes + 8 * arity;
  let totalBytes = fixedBytes;
  const variable: (Uint8Array | null)[] = types.map((type, i) => {
    const bytes = variableBytes(type, values[i]!);
    if (bytes !== null) totalBytes += roundUp(bytes.length);
    return bytes;
  });
  const out = new Uint8Array(4 + totalBytes);
  const view = new DataView(out.buffer);
  view.setInt32(0, arity, false);
  let cursor = fixedBytes;
  for (let i = 0; i < arity; i++) {
    const type = types[i]!;
    const value = values[i]!;
    const slot = 4 + nullBytes + 8 * i;
    const bytes = variable[i]!;
    if (value === null) out[4 + ((i + 8) >> 3)]! |= 1 << ((i + 8) & 7);
    if (bytes !== null) {
      out.set(bytes, 4 + cursor);
      view.setInt32(slot, value === null ? 0 : slotLow(type, value, bytes), true);
      view.setInt32(slot + 4, cursor, true);
      cursor += roundUp(bytes.length);
    } else if (value !== null) {
      writeSlot(view, slot, type, value);
    }
  }
  return out;
}

/** @returns what the value puts in the variable part: null for nothing. */
function variableBytes(type: PaimonType, value: InternalValue): Uint8Array | null {
  switch (type.root) {
    case 'CHAR': case 'VARCHAR': case 'BINARY': case 'VARBINARY': {
      if (value === null) return null;
      const bytes = typeof value === 'string' ? utf8.encode(value) : value;
      invariant(bytes instanceof Uint8Array, () => `${type.root} key value is ${typeof value}`);
      return bytes.length > INLINE_MAX ? bytes : null;
    }
    case 'DECIMAL': {
      if (type.precision <= 18) return null;
      const bytes = new Uint8Array(LARGE_DECIMAL_BYTES);
      if (value !== null) bytes.set(bigEndianBytes(value as bigint));
      return bytes;
    }
    case 'TIMESTAMP': case 'TIMESTAMP_LTZ': {
      if (type.precision <= 3) return null;
      const bytes = new Uint8Array(8);
      if (value !== null) new DataView(bytes.buffer).setBigInt64(0, floorDiv(value as bigint, 1000n), true);
      return bytes;
    }
    default: return null;
  }
}

/** The first half of a slot that points into the variable part: the length, or the nanoseconds of a timestamp. */
function slotLow(type: PaimonType, value: Exclude<InternalValue, null>, bytes: Uint8Array): number {
  if (type.root === 'DECIMAL') return bigEndianBytes(value as bigint).length;
  if (type.root === 'TIMESTAMP' || type.root === 'TIMESTAMP_LTZ') {
    const micros = value as bigint;
    return Number(micros - floorDiv(micros, 1000n) * 1000n) * 1000;
  }
  return bytes.length;
}

function writeSlot(view: DataView, slot: number, type: PaimonType, value: Exclude<InternalValue, null>): void {
  switch (type.root) {
    case 'BOOLEAN': return view.setUint8(slot, value === true ? 1 : 0);
    case 'TINYINT': return view.setInt8(slot, value as number);
    case 'SMALLINT': return view.setInt16(slot, value as number, true);
    case 'INT': case 'DATE': case 'TIME': return view.setInt32(slot, value as number, true);
    case 'FLOAT': return view.setFloat32(slot, value as number, true);
    case 'DOUBLE': return view.setFloat64(slot, value as number, true);
    case 'BIGINT': case 'DECIMAL': return view.setBigInt64(slot, value as bigint, true);
    case 'TIMESTAMP': case 'TIMESTAMP_LTZ': return view.setBigInt64(slot, floorDiv(value as bigint, 1000n), true);
    case 'CHAR': case 'VARCHAR': case 'BINARY': case 'VARBINARY': {
      const bytes = typeof value === 'string' ? utf8.encode(value) : value as Uint8Array;
      for (let i = 0; i < bytes.length; i++) view.setUint8(slot + i, bytes[i]!);
      return view.setUint8(slot + 7, 0x80 | bytes.length);
    }
    case 'ARRAY': case 'MULTISET': case 'MAP': case 'ROW': case 'VECTOR': throw unsupported('binary row', `key of type ${paimonTypeText(type)}`);
    default: return unreachable(type);
  }
}

/**
 * @param bytes with the arity prefix.
 * @param where file and field, for the message.
 * @throws {WarehouseError} `MR_PAIMON_DAMAGED` when the arity is another or an offset lies outside.
 */
export function decodeBinaryRow(types: readonly PaimonType[], bytes: Uint8Array, where: string): InternalValue[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const nullBytes = nullBitsBytes(types.length);
  if (bytes.length < 4 + nullBytes + 8 * types.length) throw damaged(where, `binary row of ${bytes.length} bytes is too short for ${types.length} fields`);
  const arity = view.getInt32(0, false);
  if (arity !== types.length) throw damaged(where, `binary row of ${arity} fields where ${types.length} are expected`);
  return types.map((type, i) => {
    const slot = 4 + nullBytes + 8 * i;
    if (((bytes[4 + ((i + 8) >> 3)]! >> ((i + 8) & 7)) & 1) === 1) return null;
    const slice = (offset: number, length: number): Uint8Array => {
      if (length < 0 || offset < 0 || 4 + offset + length > bytes.length) throw damaged(where, `binary row field ${i} points outside the row`);
      return bytes.subarray(4 + offset, 4 + offset + length);
    };
    switch (type.root) {
      case 'BOOLEAN': return bytes[slot] !== 0;
      case 'TINYINT': return view.getInt8(slot);
      case 'SMALLINT': return view.getInt16(slot, true);
      case 'INT': case 'DATE': case 'TIME': return view.getInt32(slot, true);
      case 'FLOAT': return view.getFloat32(slot, true);
      case 'DOUBLE': return view.getFloat64(slot, true);
      case 'BIGINT': return view.getBigInt64(slot, true);
      case 'DECIMAL':
        if (type.precision <= 18) return view.getBigInt64(slot, true);
        return fromBigEndianBytes(slice(view.getInt32(slot + 4, true), view.getInt32(slot, true)));
      case 'TIMESTAMP': case 'TIMESTAMP_LTZ': {
        if (type.precision <= 3) return view.getBigInt64(slot, true) * 1000n;
        const millis = slice(view.getInt32(slot + 4, true), 8);
        const low = new DataView(millis.buffer, millis.byteOffset, 8).getBigInt64(0, true);
        return low * 1000n + BigInt(Math.floor(view.getInt32(slot, true) / 1000));
      }
      case 'CHAR': case 'VARCHAR': case 'BINARY': case 'VARBINARY': {
        const mark = bytes[slot + 7]!;
        const value = (mark & 0x80) !== 0
          ? slice(slot - 4, Math.min(mark & 0x7f, INLINE_MAX))
          : slice(view.getInt32(slot + 4, true), view.getInt32(slot, true));
        if (type.root === 'BINARY' || type.root === 'VARBINARY') return value.slice();
        try {
          return utf8Decoder.decode(value);
        } catch (cause) {
          throw damaged(where, `binary row field ${i} is not UTF-8`, cause);
        }
      }
      case 'ARRAY': case 'MULTISET': case 'MAP': case 'ROW': case 'VECTOR': throw unsupported(where, `key of type ${paimonTypeText(type)}`);
      default: return unreachable(type);
    }
  });
}

/** @returns <0, 0, >0 as files sort the two rows: field by field, null first, text and binary by bytes. */
export function compareRows(a: readonly InternalValue[], b: readonly InternalValue[]): number {
  for (let i = 0; i < a.length; i++) {
    const order = compareValues(a[i]!, b[i]!);
    if (order !== 0) return order;
  }
  return 0;
}

function compareValues(a: InternalValue, b: InternalValue): number {
  if (a === null || b === null) return (a === null ? 0 : 1) - (b === null ? 0 : 1);
  if (typeof a === 'string' || a instanceof Uint8Array) {
    const left = typeof a === 'string' ? utf8.encode(a) : a;
    const right = typeof b === 'string' ? utf8.encode(b) : b as Uint8Array;
    return Buffer.compare(left, right);
  }
  if (typeof a === 'number' && typeof b === 'number') {
    // NaN is the greatest, as in DuckDB and Java.
    if (Number.isNaN(a) || Number.isNaN(b)) return (Number.isNaN(a) ? 1 : 0) - (Number.isNaN(b) ? 1 : 0);
  }
  return a < b! ? -1 : a > b! ? 1 : 0;
}

function roundUp(byteLength: number): number {
  return (byteLength + 7) & ~7;
}

function floorDiv(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value % by < 0n ? quotient - 1n : quotient;
}

/** Shortest two's complement, big-endian, as BigInteger.toByteArray gives. */
function bigEndianBytes(value: bigint): Uint8Array {
  let byteLength = 1;
  while (BigInt.asIntN(8 * byteLength, value) !== value) byteLength++;
  const bytes = new Uint8Array(byteLength);
  for (let i = 0; i < byteLength; i++) bytes[byteLength - 1 - i] = Number((value >> BigInt(8 * i)) & 0xffn);
  return bytes;
}

function fromBigEndianBytes(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return BigInt.asIntN(8 * bytes.length, value);
}
