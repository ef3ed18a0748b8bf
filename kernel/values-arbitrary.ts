/** Tests only: types and values at random, in the forms of base/value.ts. */
import fc from 'fast-check';
import {typeText, type LogicalType, type NestedType, type ScalarType} from '../base/type.ts';
import type {Value} from '../base/value.ts';
import {columnFromValues} from './column-values.ts';
import {bytesAt} from './scalar-values.ts';

const decimal = (precision: number, scale: number): ScalarType => ({kind: 'decimal', precision, scale});
export const storedTypes: readonly ScalarType[] = [
  {kind: 'boolean'}, {kind: 'tinyint'}, {kind: 'smallint'}, {kind: 'integer'}, {kind: 'bigint'}, {kind: 'float'}, {kind: 'double'},
  {kind: 'varchar'}, {kind: 'blob'}, {kind: 'date'}, {kind: 'timestamp'}, {kind: 'timestamptz'},
  decimal(1, 0), decimal(4, 4), decimal(5, 2), decimal(9, 0), decimal(10, 2), decimal(18, 2), decimal(19, 0), decimal(38, 0), decimal(38, 38),
];

const names = ['a', 'b', 'key', 'value', 'ein Feld', 'Ünïcode', 'q"uote', 'select', '__proto__', 'constructor'];

/** Types that nest up to `depth` deep, over all scalar types. Keys of maps are what equality takes as it is. */
export function nestedTypes(depth: number): fc.Arbitrary<NestedType> {
  const inner: fc.Arbitrary<LogicalType> = depth === 1 ? fc.constantFrom(...storedTypes) : fc.oneof({weight: 3, arbitrary: fc.constantFrom(...storedTypes)}, {weight: 2, arbitrary: nestedTypes(depth - 1)});
  return fc.oneof(
    inner.map((element): NestedType => ({kind: 'list', element})),
    fc.tuple(fc.subarray(names, {minLength: 1, maxLength: 4}), fc.array(inner, {minLength: 4, maxLength: 4})).map(([chosen, types]): NestedType => ({kind: 'struct', fields: chosen.map((name, i) => ({name, type: types[i]!}))})),
    fc.tuple(inner, inner).map(([key, value]): NestedType => ({kind: 'map', key, value})),
  );
}

const innerOf = (type: LogicalType): fc.Arbitrary<Value> => fc.oneof({weight: 1, arbitrary: fc.constant(null)}, {weight: 4, arbitrary: valuesOf(type)});

/** @returns what equal values have in common: their bytes as part of a nested value. */
function identity(type: LogicalType, value: Value): string {
  return Buffer.from(bytesAt(columnFromValues({kind: 'list', element: type}, [[value]]), 0)).toString('latin1') + typeText(type);
}

const nines = (digits: number): bigint => 10n ** BigInt(digits) - 1n;
const dateOf = (days: number): string => new Date(days * 86_400_000).toISOString().slice(0, 10);

/** @returns values of a type, not NULL at the top; edge values first: fc.constantFrom keeps them frequent. */
export function valuesOf(type: LogicalType): fc.Arbitrary<Value> {
  switch (type.kind) {
    case 'list': return fc.array(innerOf(type.element), {maxLength: 4});
    case 'struct': return fc.record(Object.fromEntries(type.fields.map((field) => [field.name, innerOf(field.type)])), {noNullPrototype: true});
    case 'map': return fc.uniqueArray(fc.record({key: valuesOf(type.key), value: innerOf(type.value)}, {noNullPrototype: true}), {maxLength: 4, selector: ({key}) => identity(type.key, key)});
    case 'boolean': return fc.boolean();
    case 'tinyint': return fc.oneof(fc.constantFrom(-128, 127, 0), fc.integer({min: -128, max: 127}));
    case 'smallint': return fc.oneof(fc.constantFrom(-32_768, 32_767, 0), fc.integer({min: -32_768, max: 32_767}));
    case 'integer': return fc.oneof(fc.constantFrom(-(2 ** 31), 2 ** 31 - 1, 0), fc.integer());
    case 'bigint': return fc.oneof(
      fc.constantFrom(-(2n ** 63n), 2n ** 63n - 1n, 2n ** 53n, -(2n ** 53n), 2n ** 53n - 1n, 1n - 2n ** 53n, 2n ** 32n, -(2n ** 32n), -1n, 0n),
      fc.bigInt({min: -1000n, max: 1000n}), fc.bigInt({min: 1n - 2n ** 53n, max: 2n ** 53n - 1n}));
    case 'float': return fc.oneof(fc.constantFrom(NaN, Infinity, -Infinity, -0, 0, Math.fround(3.4e38), 2 ** -149), fc.float());
    case 'double': return fc.oneof(fc.constantFrom(NaN, Infinity, -Infinity, -0, 0, Number.MAX_VALUE, Number.MIN_VALUE), fc.double());
    case 'varchar': return fc.oneof(
      fc.constantFrom('', 'a', '123456789012', '1234567890123', '🎉🎉🎉', '🎉🎉🎉🎉', 'a\0b', '\uFEFFbom', 'x'.repeat(100_000), 'é'.repeat(5000)),
      fc.string({maxLength: 11}), fc.string({unit: 'grapheme', maxLength: 40}), fc.string({minLength: 13, maxLength: 300}));
    case 'blob': return fc.oneof(
      fc.constantFrom(new Uint8Array(0), Uint8Array.of(0), Uint8Array.of(0xff, 0xfe), new Uint8Array(12).fill(0x80), new Uint8Array(13).fill(0xc0), new Uint8Array(100_000).fill(0xff)),
      fc.uint8Array({maxLength: 40}));
    case 'date': return fc.oneof(
      fc.constantFrom('infinity', '-infinity', '1970-01-01', '1969-12-31', '-0043-03-15', '0000-02-29', '9999-12-31', '10000-01-01', '5000000-01-01'),
      fc.integer({min: -700_000, max: 2_900_000}).map(dateOf));
    case 'timestamp': case 'timestamptz': return fc.oneof(
      fc.constantFrom('infinity', '-infinity', '1970-01-01T00:00:00.000000', '1969-12-31T23:59:59.999999', '-0043-03-15T01:02:03.000004', '200000-01-01T00:00:00.000001'),
      fc.integer({min: -2_000_000_000_000, max: 4_000_000_000_000}).map(ms => new Date(ms).toISOString()));
    case 'decimal': {
      const most = nines(type.precision);
      const text = (unscaled: bigint): string => `${unscaled}e-${type.scale}`;
      return fc.oneof(fc.constantFrom(most, -most, 0n, -1n), fc.bigInt({min: -most, max: most}), fc.bigInt({min: most < 99n ? -most : -99n, max: most < 99n ? most : 99n})).map(text);
    }
  }
}
