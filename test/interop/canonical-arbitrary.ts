/** Rows of any stored types in canonical form, at random, extremes often. */
import * as fc from 'fast-check';
import type {DataField, PaimonType} from '../../storage/paimon/data-type.ts';

const isoOf = (millis: number, within: number): string => `${new Date(millis).toISOString().slice(0, -1)}${String(within).padStart(3, '0')}`;
/** Years 1 to 9999: what every reader takes. */
const millisMin = -62_135_596_800_000;
const millisMax = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
const notableMillis = [0, -1, 1, 999, -1000, 951_826_496_789, millisMax, Date.UTC(1969, 11, 31, 23, 59, 59, 999)];

/** @returns values of a type in canonical form; null is the caller's. */
export function canonicalValue(type: PaimonType): fc.Arbitrary<unknown> {
  switch (type.root) {
    case 'BOOLEAN': return fc.boolean();
    case 'TINYINT': return fc.oneof(fc.integer({min: -128, max: 127}), fc.constantFrom(-128, 127, 0, -1));
    case 'SMALLINT': return fc.oneof(fc.integer({min: -32_768, max: 32_767}), fc.constantFrom(-32_768, 32_767));
    case 'INT': return fc.oneof(fc.integer(), fc.constantFrom(-2_147_483_648, 2_147_483_647, 0, -1));
    case 'BIGINT': return fc.oneof(fc.bigInt({min: -(2n ** 63n), max: 2n ** 63n - 1n}), fc.constantFrom(-(2n ** 63n), 2n ** 63n - 1n, 0n, -1n, 2n ** 53n + 1n)).map(String);
    case 'FLOAT': return fc.oneof(fc.float({noNaN: true, noDefaultInfinity: true}).map((v) => v + 0), fc.constantFrom('NaN', 'Infinity', '-Infinity'));
    case 'DOUBLE': return fc.oneof(fc.double({noNaN: true, noDefaultInfinity: true}).map((v) => v + 0), fc.constantFrom('NaN', 'Infinity', '-Infinity'));
    case 'DECIMAL': {
      const limit = 10n ** BigInt(type.precision) - 1n;
      return fc.oneof(fc.bigInt({min: -limit, max: limit}), fc.constantFrom(limit, -limit, 0n, -1n)).map((unscaled) => decimalText(unscaled, type.scale));
    }
    case 'CHAR': case 'VARCHAR': return fc.oneof(fc.string({unit: 'grapheme', maxLength: Math.min(type.length, 12)}), fc.constantFrom('', '日本語', '🙂')).map((text) => [...text].slice(0, type.length).join(''));
    case 'BINARY': return fc.uint8Array({minLength: type.length, maxLength: type.length}).map((bytes) => Buffer.from(bytes).toString('base64'));
    case 'VARBINARY': return fc.uint8Array({maxLength: Math.min(type.length, 12)}).map((bytes) => Buffer.from(bytes).toString('base64'));
    case 'DATE': return fc.oneof(fc.integer({min: millisMin, max: millisMax}), fc.constantFrom(...notableMillis)).map((millis) => isoOf(millis, 0).slice(0, 10));
    case 'TIME': return fc.oneof(fc.integer({min: 0, max: 86_399_999}), fc.constantFrom(0, 86_399_999)).map((ms) => (type.precision === 0 ? ms - ms % 1000 : ms));
    case 'TIMESTAMP': case 'TIMESTAMP_LTZ': {
      const zone = type.root === 'TIMESTAMP' ? '' : 'Z';
      return fc.tuple(fc.oneof(fc.integer({min: millisMin, max: millisMax}), fc.constantFrom(...notableMillis)), fc.integer({min: 0, max: 999})).map(([millis, micros]) => {
        const whole = type.precision === 0 ? millis - (((millis % 1000) + 1000) % 1000) : millis;
        return isoOf(whole, type.precision > 3 ? micros : 0) + zone;
      });
    }
    case 'ARRAY': return fc.array(nullable(type.element), {maxLength: 4});
    case 'MAP': return fc.uniqueArray(fc.tuple(canonicalValue(type.key), nullable(type.value)), {maxLength: 4, selector: ([key]) => JSON.stringify(key)});
    case 'ROW': return fc.record(Object.fromEntries(type.fields.map((field) => [field.name, nullable(field.type)])));
    default: throw new Error(`no values of type ${type.root} here`);
  }
}

function nullable(type: PaimonType): fc.Arbitrary<unknown> {
  return type.nullable ? fc.option(canonicalValue(type), {freq: 5}) : canonicalValue(type);
}

/** @returns rows of a table; columns that may be NULL are, now and then. */
export function canonicalRow(fields: readonly DataField[]): fc.Arbitrary<Record<string, unknown>> {
  return fc.record(Object.fromEntries(fields.map((field) => [field.name, nullable(field.type)])), {noNullPrototype: true});
}

function decimalText(unscaled: bigint, scale: number): string {
  if (scale === 0) return String(unscaled);
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0');
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
