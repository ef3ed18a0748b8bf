/** Sums and averages of groups: exact under any order, weights and retractions; averages to the bit as DuckDB's. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type {Column} from '../../base/delta.ts';
import type {LogicalType} from '../../base/type.ts';
import {columnFromValues, valueAt} from '../../kernel/column-values.ts';
import {Kernel} from '../../kernel/duckdb.ts';
import {relationOf} from '../../kernel/relation.ts';
import {Random, testSeed} from '../../test/support/random.ts';
import {averageSmall, averageWide} from './average.ts';
import {DoubleSums, DOUBLE_SUM_SLOTS} from './double-sum.ts';
import {GroupSlots} from './group-slots.ts';
import {addIntegers, readSums, SUM128_SLOTS, SUM64_SLOTS} from './integer-sum.ts';

const seed = testSeed();
const decimal38: LogicalType = {kind: 'decimal', precision: 38, scale: 0};

/** The exact value of a double as a fraction of 2^1074. */
function scaled(value: number): bigint {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  const exponent = Number((bits.getBigUint64(0) >> 52n) & 0x7ffn);
  const mantissa = (bits.getBigUint64(0) & 0xfffffffffffffn) | (exponent === 0 ? 0n : 0x10000000000000n);
  return (value < 0 ? -mantissa : mantissa) << BigInt(Math.max(0, exponent - 1));
}

/** Rounds sum / 2^1074 half to even. */
function rounded(sum: bigint): number {
  const negative = sum < 0n;
  const size = negative ? -sum : sum;
  const drop = Math.max(0, size.toString(2).length - 53);
  let mantissa = size >> BigInt(drop);
  const rest = size - (mantissa << BigInt(drop));
  const half = drop === 0 ? 0n : 1n << BigInt(drop - 1);
  if (drop > 0 && (rest > half || (rest === half && (mantissa & 1n) === 1n))) mantissa += 1n;
  const exponent = drop - 1074;
  const value = exponent > 971 ? Infinity : Number(mantissa) * 2 ** Math.max(exponent, -1074) * (exponent < -1074 ? 2 ** (exponent + 1074) : 1);
  return negative ? -value : value;
}

function sumOfDoubles(values: readonly number[], weights: readonly number[]): number {
  const slots = new GroupSlots(DOUBLE_SUM_SLOTS + 1);
  slots.reserve(4);
  const sums = new DoubleSums(slots.stride, 1);
  const groups = new Int32Array(values.length).fill(3);
  const column: Column = {kind: 'f64', data: Float64Array.from(values), valid: null, bound: Infinity};
  sums.add(slots.segments, groups, Int32Array.from(weights), column, values.length);
  const to = new Float64Array(1);
  sums.read(slots.segments, Int32Array.of(3), 1, to);
  return to[0]!;
}

const anyDouble = fc.oneof(
  fc.constantFrom(0.1, 0.2, 0.3, -0.1, 1, 3, 1e9, 123.456, -99.99),
  fc.double({noNaN: true, noDefaultInfinity: true}),
  fc.constantFrom(1e300, -1e300, 1.7e308, -1.7e308, 5e-324, -5e-324, 2 ** -1022, 1e-310, 2 ** 53, 2 ** 1000, 2 ** -1000),
  fc.double({noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6}),
);

test('double sums: the exact sum rounded once, in any order and with any weights', () => {
  fc.assert(fc.property(fc.array(fc.tuple(anyDouble, fc.integer({min: -3, max: 5})), {maxLength: 40}), (rows) => {
    const exact = rows.reduce((sum, [value, weight]) => sum + scaled(value) * BigInt(weight), 0n);
    const found = sumOfDoubles(rows.map(([value]) => value), rows.map(([, weight]) => weight));
    assert.equal(found + 0, rounded(exact) + 0);
    const backwards = rows.toReversed();
    assert.equal(sumOfDoubles(backwards.map(([value]) => value), backwards.map(([, weight]) => weight)), found);
  }), {seed, numRuns: 1500});
});

test('double sums: rows taken out leave no trace', () => {
  fc.assert(fc.property(fc.array(anyDouble, {maxLength: 20}), fc.array(fc.oneof(anyDouble, fc.constantFrom(NaN, Infinity, -Infinity)), {maxLength: 20}), (kept, passing) => {
    const values = [...passing, ...kept, ...passing];
    const weights = [...passing.map(() => 1), ...kept.map(() => 1), ...passing.map(() => -1)];
    assert.equal(sumOfDoubles(values, weights), sumOfDoubles(kept, kept.map(() => 1)));
  }), {seed, numRuns: 500});
});

test('double sums: infinities and NaN as DuckDB adds them', () => {
  assert.equal(sumOfDoubles([1, Infinity], [1, 1]), Infinity);
  assert.equal(sumOfDoubles([1, -Infinity, 2], [1, 2, 1]), -Infinity);
  assert.ok(Number.isNaN(sumOfDoubles([Infinity, -Infinity], [1, 1])));
  assert.ok(Number.isNaN(sumOfDoubles([NaN, 1], [1, 1])));
  assert.equal(sumOfDoubles([1e308, 1e308], [1, 1]), Infinity);
  assert.equal(sumOfDoubles([1e308, 1e308, 1e308], [1, 1, -1]), 1e308);
});

test('double sums: many rows of a large weight', () => {
  assert.equal(sumOfDoubles([0.1], [2_000_000_000]), rounded(scaled(0.1) * 2_000_000_000n));
  const many = Array.from({length: 5000}, (_, i) => (i % 7) * 0.1 - 0.3);
  assert.equal(sumOfDoubles(many, many.map(() => 1_000_000)), rounded(many.reduce((sum, value) => sum + scaled(value) * 1_000_000n, 0n)));
});

function sumOfIntegers(column: Column, weights: readonly number[], limbs: number): bigint {
  const slots = new GroupSlots(limbs + 2);
  slots.reserve(2);
  addIntegers(slots.segments, slots.stride, 1, limbs, new Int32Array(weights.length).fill(1), Int32Array.from(weights), column, weights.length);
  return BigInt(String(valueAt(readSums(slots.segments, slots.stride, 1, limbs, Int32Array.of(1), 1, null), decimal38, 0)));
}

const any64 = fc.oneof(fc.bigInt({min: -(2n ** 63n), max: 2n ** 63n - 1n}), fc.bigInt({min: -1000n, max: 1000n}), fc.constantFrom(0n, 2n ** 53n, -(2n ** 53n), 2n ** 32n - 1n, -(2n ** 32n), 2n ** 63n - 1n, -(2n ** 63n)));
const anyWeight = fc.oneof(fc.integer({min: -4, max: 9}), fc.constantFrom(2_000_000_000, -2_000_000_000, 1_048_577));

test('integer sums: 64-bit values are summed exactly, narrow and wide', () => {
  fc.assert(fc.property(fc.array(fc.tuple(any64, anyWeight), {maxLength: 30}), (rows) => {
    const column = columnFromValues({kind: 'bigint'}, rows.map(([value]) => value));
    assert.equal(sumOfIntegers(column, rows.map(([, weight]) => weight), SUM64_SLOTS), rows.reduce((sum, [value, weight]) => sum + value * BigInt(weight), 0n));
  }), {seed, numRuns: 600});
});

test('integer sums: 128-bit values are summed exactly', () => {
  const any128 = fc.oneof(fc.bigInt({min: -(10n ** 36n), max: 10n ** 36n}), any64);
  fc.assert(fc.property(fc.array(fc.tuple(any128, fc.integer({min: -2, max: 2})), {maxLength: 12}), (rows) => {
    const column = columnFromValues(decimal38, rows.map(([value]) => value));
    assert.equal(sumOfIntegers(column, rows.map(([, weight]) => weight), SUM128_SLOTS), rows.reduce((sum, [value, weight]) => sum + value * BigInt(weight), 0n));
  }), {seed, numRuns: 600});
});

test('integer sums: INTEGER columns, and a sum of more than 38 digits is refused', () => {
  const column = columnFromValues({kind: 'integer'}, [2_147_483_647, -2_147_483_648, -1, null, 5]);
  assert.equal(sumOfIntegers(column, [3, 2, 1, 1, 1], SUM64_SLOTS), 3n * 2_147_483_647n - 2n * 2_147_483_648n + 4n);
  const large = columnFromValues(decimal38, [9n * 10n ** 37n, 9n * 10n ** 37n]);
  assert.throws(() => sumOfIntegers(large, [1, 1], SUM128_SLOTS), {code: 'MR_EXPRESSION'});
});

const averaged: readonly LogicalType[] = [
  {kind: 'tinyint'}, {kind: 'smallint'}, {kind: 'integer'}, {kind: 'bigint'}, {kind: 'decimal', precision: 4, scale: 1}, {kind: 'decimal', precision: 9, scale: 2},
  {kind: 'decimal', precision: 18, scale: 3}, {kind: 'decimal', precision: 38, scale: 7},
];

test('averages: to the bit as DuckDB gives them', async () => {
  const random = new Random(seed);
  await using kernel = await Kernel.open({threads: 1, memoryBytes: 256 << 20});
  const session = await kernel.connect();
  for (const type of averaged) {
    const [digits, scale, wide] = type.kind === 'decimal' ? [type.precision, type.scale, type.precision > 9] : [{tinyint: 2, smallint: 4, integer: 9, bigint: 18}[type.kind as 'integer'], 0, type.kind === 'bigint'];
    const sums: {sum: bigint; count: number}[] = [];
    const group: number[] = [];
    const values: bigint[] = [];
    for (let g = 0; g < 400; g++) {
      const count = g < 380 ? random.integer(1, 12) : random.integer(1000, 2000);
      let sum = 0n;
      for (let i = 0; i < count; i++) {
        let value = 0n;
        for (let at = random.integer(1, digits - 1); at > 0; at -= 6) value = value * 10n ** BigInt(Math.min(6, at)) + BigInt(random.integer(0, 10 ** Math.min(6, at) - 1));
        if (random.chance(0.4)) value = -value;
        sum += value;
        group.push(g);
        values.push(value);
      }
      sums.push({sum, count});
    }
    const typed = columnFromValues(type, values.map((value) => (scale === 0 ? value : decimal(value, scale))));
    session.bindRelation('averaged', relationOf([columnFromValues({kind: 'integer'}, group), typed], values.length, [{name: 'g', type: {kind: 'integer'}}, {name: 'x', type}]));
    const {rows} = await session.rows("SELECT g, avg(x) FROM mr_rows('averaged') GROUP BY g ORDER BY g");
    for (const [g, expected] of rows) {
      const {sum, count} = sums[Number(g)]!;
      const found = wide ? averageWide(Number(sum), count, 10 ** scale, () => sum) : averageSmall(Number(sum), count, 10 ** scale);
      assert.equal(found + 0, Number(expected) + 0, `avg of ${JSON.stringify(type)}: ${sum} / ${count}`);
    }
  }
});

function decimal(unscaled: bigint, scale: number): string {
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0');
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
