import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type {LogicalType} from '../../base/type.ts';
import {AlignedArena, alignColumn} from './aligned-arena.ts';
import {recordLayout} from './record-layout.ts';
import {rowHashes} from './row-hash.ts';
import type {Cell, Form} from './test-rows.ts';
import {anyCell, anyForm, anyType, columnsOf, plainForm, rowText, seed} from './test-rows.ts';

function hashesOf(types: readonly LogicalType[], rows: readonly (readonly Cell[])[], form: Form = plainForm): bigint[] {
  const scratch = new AlignedArena();
  const columns = columnsOf(types, rows, form).map((column) => alignColumn(scratch, column, null, rows.length));
  const low = new Int32Array(rows.length);
  const high = new Int32Array(rows.length);
  rowHashes(recordLayout(types, false).fields, columns, null, rows.length, low, high);
  return rows.map((_, i) => (BigInt(high[i]!) << 32n) | BigInt(low[i]! >>> 0));
}

const integer: LogicalType = {kind: 'integer'};
const bigint: LogicalType = {kind: 'bigint'};
const long: LogicalType = {kind: 'decimal', precision: 38, scale: 0};
const double: LogicalType = {kind: 'double'};
const varchar: LogicalType = {kind: 'varchar'};

/** The definition of docs/formats/row-hash.md once more, value by value, over words. */
function reference(words: readonly (readonly number[])[]): bigint {
  let a = 0x6d696c6c;
  let b = 0x72616365;
  const rotl = (value: number, by: number): number => (value << by) | (value >>> (32 - by));
  words.forEach((value, column) => {
    if (value.length === 0) return;
    for (const word of [column + 1, ...value]) {
      a = (rotl(Math.imul(a ^ word, 0x9e3779b1), 15) + b) | 0;
      b = rotl(Math.imul(b ^ rotl(word, 16), 0x85ebca77), 13) ^ a;
    }
  });
  const scramble = (value: number): number => {
    let h = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return h ^ (h >>> 16);
  };
  const x = scramble((a + b) | 0);
  const y = scramble((b + x) | 0);
  return (BigInt(y) << 32n) | BigInt((x + y) >>> 0);
}

function wordsOf(type: LogicalType, cell: Cell): number[] {
  if (cell === null) return [];
  if (typeof cell === 'string') {
    const bytes = [...cell].map((char) => char.charCodeAt(0));
    while (bytes.length % 4 !== 0) bytes.push(0);
    const words: number[] = [];
    for (let i = 0; i < bytes.length; i += 4) words.push(bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24));
    return [...words, cell.length];
  }
  if (type.kind === 'double' || type.kind === 'float') {
    if (Number.isNaN(cell)) return [0, 0x7ff80000];
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, cell === 0 ? 0 : Number(cell), true);
    return [view.getInt32(0, true), view.getInt32(4, true)];
  }
  const value = BigInt(cell);
  const word = (at: bigint): number => Number(BigInt.asIntN(32, value >> (32n * at)));
  return value === BigInt.asIntN(64, value) ? [word(0n), word(1n)] : [word(0n), word(1n), word(2n), word(3n)];
}

test('row hash: has the values that docs/formats/row-hash.md lists', () => {
  const vectors: [LogicalType[], Cell[], bigint][] = [
    [[integer], [null], -3_660_455_293_505_042_997n],
    [[integer], [0], -8_962_550_906_365_819_184n],
    [[integer], [1], 859_956_868_387_200_110n],
    [[integer], [-1], 7_364_668_308_667_865_283n],
    [[bigint], [9_223_372_036_854_775_807n], 466_147_665_234_903_878n],
    [[long], [99_999_999_999_999_999_999_999_999_999_999_999_999n], 6_067_110_601_144_356_377n],
    [[double], [1.5], -445_784_221_638_621_229n],
    [[double], [-0], -8_962_550_906_365_819_184n],
    [[double], [Number.NaN], 7_521_870_216_124_563_085n],
    [[varchar], [''], -3_326_318_050_203_838_705n],
    [[varchar], ['LAS'], 5_295_028_088_042_708_279n],
    [[varchar], ['Las Vegas'], -3_822_161_875_857_788_673n],
    [[bigint, varchar, double], [4n, 'PHX', 7.5], -9_130_363_806_543_051_012n],
    [[bigint, varchar, double], [null, 'PHX', null], 7_318_692_694_593_601_721n],
  ];
  for (const [types, row, hash] of vectors) assert.equal(hashesOf(types, [row])[0], hash, rowText(row, true));
});

test('row hash: follows its definition, in whatever form the columns come', () => {
  const cases = fc.array(fc.record({type: anyType, nullable: fc.boolean()}), {minLength: 1, maxLength: 5}).chain((columns) => fc.record({
    types: fc.constant(columns.map(({type}) => type)),
    rows: fc.array(fc.tuple(...columns.map(({type, nullable}) => anyCell(type, nullable))), {minLength: 1, maxLength: 10}),
    form: anyForm,
  }));
  fc.assert(fc.property(cases, ({types, rows, form}) => {
    assert.deepEqual(hashesOf(types, rows, form), rows.map((row) => reference(row.map((cell, column) => wordsOf(types[column]!, cell)))));
  }), {seed, numRuns: 300});
});

test('row hash: wider types and columns added later leave the hashes of old rows as they are', () => {
  for (const value of [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)]) {
    const [narrow] = hashesOf([integer], [[value]]);
    assert.equal(hashesOf([bigint], [[BigInt(value)]])[0], narrow);
    assert.equal(hashesOf([long], [[BigInt(value)]], {...plainForm, wide: true})[0], narrow);
    assert.equal(hashesOf([integer, varchar, double], [[value, null, null]])[0], narrow);
  }
  assert.equal(hashesOf([{kind: 'float'}], [[1.5]])[0], hashesOf([double], [[1.5]])[0]);
  assert.notEqual(hashesOf([integer, integer], [[1, null]])[0], hashesOf([integer, integer], [[null, 1]])[0]);
});

test('row hash: rows that differ little have different hashes, and bits of both halves are fair', () => {
  const rows: Cell[][] = [];
  for (let i = 0; i < 200; i++) for (let j = 0; j < 200; j++) rows.push([BigInt(i), BigInt(j) * 4_294_967_296n]);
  const pairs = hashesOf([bigint, bigint], rows);
  const texts = hashesOf([varchar, varchar], rows.map(([i, j]) => [`${i}`, `${j}`]));
  for (const hashes of [pairs, texts]) {
    assert.equal(new Set(hashes).size, rows.length);
    for (let bit = 0n; bit < 64n; bit++) {
      const ones = hashes.filter((hash) => ((hash >> bit) & 1n) === 1n).length;
      assert.ok(Math.abs(ones - rows.length / 2) < 5 * Math.sqrt(rows.length / 4), `bit ${bit} is set ${ones} times in ${rows.length}`);
    }
  }
});
