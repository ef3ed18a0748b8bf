/** Tests only: values of every storable type, at random, and columns made of them. */
import * as fc from 'fast-check';
import {Arena} from '../../base/arena.ts';
import type {Column} from '../../base/delta.ts';
import {type LogicalType, physicalKind} from '../../base/type.ts';
import type {InternalValue} from './binary-row.ts';

export const storedTypes: readonly LogicalType[] = [
  {kind: 'boolean'}, {kind: 'tinyint'}, {kind: 'smallint'}, {kind: 'integer'}, {kind: 'bigint'}, {kind: 'float'}, {kind: 'double'}, {kind: 'varchar'}, {kind: 'blob'},
  {kind: 'date'}, {kind: 'timestamp'}, {kind: 'timestamptz'}, {kind: 'decimal', precision: 9, scale: 3}, {kind: 'decimal', precision: 18, scale: 2}, {kind: 'decimal', precision: 38, scale: 0},
];

const exact = (min: bigint, max: bigint): fc.Arbitrary<bigint> =>
  fc.oneof(fc.bigInt({min, max}), fc.constantFrom(0n, -1n, 127n, 128n, -128n, -129n, 255n, min, max), fc.bigInt({min: -20n, max: 20n}));

// Years 1 to 9999, in days and µs: what every reader takes.
const dayMin = -719_162;
const dayMax = 2_932_896;
const microsMin = BigInt(dayMin) * 86_400_000_000n;
const microsMax = (BigInt(dayMax) + 1n) * 86_400_000_000n - 1n;

/** @returns values of a type, -0 apart (it is 0 as a key). */
export function valueOf(of: LogicalType): fc.Arbitrary<Exclude<InternalValue, null>> {
  switch (of.kind) {
    case 'boolean': return fc.boolean();
    case 'tinyint': return fc.integer({min: -128, max: 127});
    case 'smallint': return fc.integer({min: -32_768, max: 32_767});
    case 'integer': return fc.oneof(fc.integer(), fc.integer({min: -3, max: 3}));
    case 'date': return fc.integer({min: dayMin, max: dayMax});
    case 'float': return fc.float().map((v) => v + 0);
    case 'double': return fc.double().map((v) => v + 0);
    case 'bigint': return exact(-(2n ** 63n), 2n ** 63n - 1n);
    case 'timestamp': case 'timestamptz': return exact(microsMin, microsMax);
    case 'decimal': return exact(-(10n ** BigInt(of.precision)) + 1n, 10n ** BigInt(of.precision) - 1n);
    case 'varchar': return fc.string({unit: 'grapheme', maxLength: 12});
    case 'blob': return fc.uint8Array({maxLength: 12});
    case 'list': case 'struct': case 'map': throw new Error('nested values are never keys');
  }
}

/** @returns the form that a batch would use: narrow where all values allow it, always wide if `wide`. */
export function columnOf(of: LogicalType, values: readonly InternalValue[], wide = false): Column {
  const valid = values.includes(null) ? Uint8Array.from(values, (v) => (v === null ? 0 : 1)) : null;
  const kind = physicalKind(of);
  if (kind === 'i32') return {kind, data: Int32Array.from(values, (v) => Number(v ?? 0)), valid};
  if (kind === 'f64') return {kind, data: Float64Array.from(values, (v) => Number(v ?? 0)), valid, bound: Infinity};
  if (kind === 'bytes') {
    const arena = new Arena();
    const encoded = values.map((v) => (v === null ? new Uint8Array(0) : typeof v === 'string' ? new TextEncoder().encode(v) : v as Uint8Array));
    return {kind, arena, address: Float64Array.from(encoded, (bytes) => (bytes.length === 0 ? 0 : arena.append(bytes, 0, bytes.length))), length: Int32Array.from(encoded, (bytes) => bytes.length), valid};
  }
  const integers = values.map((v) => (v ?? 0n) as bigint);
  const narrow = !wide && integers.every((v) => v > -(2n ** 53n) && v < 2n ** 53n);
  if (narrow) return {kind: 'f64', data: Float64Array.from(integers, Number), valid, bound: Number.MAX_SAFE_INTEGER};
  if (kind === 'exact64') return {kind: 'i64', data: BigInt64Array.from(integers), valid};
  return {kind: 'i128', data: BigInt64Array.from(integers.flatMap((v) => [BigInt.asIntN(64, v), v >> 64n])), valid};
}
