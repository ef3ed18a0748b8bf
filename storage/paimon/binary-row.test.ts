import test from 'node:test';
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {bucketColumn} from './bucket-column.ts';
import {compareRows, decodeBinaryRow, encodeBinaryRow, EMPTY_ROW, type InternalValue} from './binary-row.ts';
import {type PaimonType, paimonType, parseType} from './data-type.ts';
import {bucketOfHash, murmurHash} from './murmur.ts';
import {columnOf, storedTypes, valueOf} from './test-columns.ts';

const seed = Number(process.env['MR_SEED'] ?? 20_260_101);
const type = (text: string): PaimonType => parseType(text, 'test');

function checkVector(types: readonly string[], values: readonly InternalValue[], hex: string, hash: number): void {
  const parsed = types.map(type);
  const bytes = encodeBinaryRow(parsed, values);
  assert.equal(Buffer.from(bytes).toString('hex'), hex.replaceAll(' ', ''));
  assert.equal(murmurHash(bytes.subarray(4)), hash);
  assert.deepEqual(decodeBinaryRow(parsed, bytes, 'test'), values);
}

test('binary row: bytes and hashes are those of Paimon, for every form of value', () => {
  checkVector(['BIGINT', 'STRING'], [42n, 'abc'], '00000002 0000000000000000 2a00000000000000 6162630000000083', 1_298_985_554);
  checkVector(['STRING', 'INT'], ['a long string over 7 bytes', null],
    '00000002 0002000000000000 1a00000018000000 0000000000000000 61206c6f6e6720737472696e67206f7665722037206279746573 000000000000', 1_558_304_622);
  checkVector(['DECIMAL(10,2)', 'DECIMAL(20,1)', 'DECIMAL(20,1)'], [1_234_567n, -15n, null],
    '00000003 0004000000000000 87d6120000000000 0100000020000000 0000000030000000 f1000000000000000000000000000000 00000000000000000000000000000000', 1_111_475_181);
  checkVector(['TIMESTAMP(3)', 'TIMESTAMP(6)', 'TIMESTAMP(6)'], [1_700_000_000_123_000n, 1_700_000_000_123_456n, null],
    '00000003 0004000000000000 7b68e5cf8b010000 40f5060020000000 0000000028000000 7b68e5cf8b010000 0000000000000000', -1_020_116_837);
  checkVector(['BOOLEAN', 'TINYINT', 'SMALLINT', 'FLOAT', 'DOUBLE'], [true, -1, -2, 1.5, -2.25],
    '00000005 0000000000000000 0100000000000000 ff00000000000000 feff000000000000 0000c03f00000000 00000000000002c0', -989_649_778);
  checkVector(['STRING'], ['20240514'], '00000001 0000000000000000 0800000010000000 3230323430353134', -1_422_800_034);
  checkVector([], [], '00000000 0000000000000000', -1_670_924_195);
  assert.equal(EMPTY_ROW.length, 12);
});

test('bucket: single keys land where Paimon puts them', () => {
  const bigint: readonly (readonly [bigint, number, number, number])[] = [
    [0n, -300_363_099, 3, 3], [1n, 1_465_514_398, 2, 6], [2n, 1_340_390_384, 0, 0], [3n, -771_300_025, 1, 1],
    [5n, 260_196_596, 0, 4], [42n, 907_821_237, 1, 5], [-1n, -821_098_432, 0, 0], [1000n, 18_631_685, 1, 5],
  ];
  for (const [value, hash, of4, of8] of bigint) {
    const found = murmurHash(encodeBinaryRow([type('BIGINT')], [value]).subarray(4));
    assert.deepEqual([found, bucketOfHash(found, 4), bucketOfHash(found, 8)], [hash, of4, of8], String(value));
  }
  const text: readonly (readonly [string | null, number, number, number])[] = [
    ['', 302_122_119, 3, 7], ['a', 943_281_246, 2, 6], ['1234567', 199_144_172, 0, 4], ['12345678', -391_021_801, 1, 1],
    ['key-00001', 1_213_688_508, 0, 4], ['日本語', -476_998_221, 1, 5], [null, -1_748_325_344, 0, 0],
  ];
  for (const [value, hash, of4, of8] of text) {
    const found = murmurHash(encodeBinaryRow([type('STRING')], [value]).subarray(4));
    assert.deepEqual([found, bucketOfHash(found, 4), bucketOfHash(found, 8)], [hash, of4, of8], String(value));
  }
});

test('binary row: more than 56 fields take a second word of null bits', () => {
  const types = Array.from({length: 57}, () => type('INT'));
  const values = types.map((_, i) => (i === 56 ? null : i));
  const bytes = encodeBinaryRow(types, values);
  assert.equal(bytes.length, 4 + 16 + 57 * 8);
  assert.deepEqual(decodeBinaryRow(types, bytes, 'test'), values);
});

test('binary row: a row of another arity or with an offset outside is refused as damaged', () => {
  const bytes = encodeBinaryRow([type('STRING')], ['longer than seven']);
  const damagedCode = {code: 'MR_PAIMON_DAMAGED'};
  assert.throws(() => decodeBinaryRow([type('STRING'), type('INT')], bytes, 'f'), damagedCode);
  assert.throws(() => decodeBinaryRow([type('STRING')], bytes.subarray(0, 8), 'f'), damagedCode);
  assert.throws(() => decodeBinaryRow([type('STRING')], bytes.subarray(0, 24), 'f'), damagedCode);
});

test('bucket column: equals the hash of each encoded row, for any key types, widths and NULLs', () => {
  const seen = new Set<string>();
  const batch = fc.tuple(fc.array(fc.integer({min: 0, max: storedTypes.length - 1}), {minLength: 1, maxLength: 3}), fc.boolean(), fc.integer({min: 1, max: 12})).chain(([picks, wide, buckets]) => {
    const types = picks.map((pick) => storedTypes[pick]!);
    return fc.record({
      types: fc.constant(types), wide: fc.constant(wide), buckets: fc.constant(buckets),
      rows: fc.array(fc.tuple(...types.map((of) => fc.option(valueOf(of), {freq: 8}))), {minLength: 1, maxLength: 8}),
    });
  });
  fc.assert(fc.property(batch, ({types, wide, buckets, rows}) => {
    const columns = types.map((of, i) => columnOf(of, rows.map((row) => row[i]!), wide));
    for (const [i, of] of types.entries()) seen.add(`${of.kind} ${columns[i]!.kind}`);
    const paimon = types.map((of) => paimonType(of, true));
    const expected = rows.map((row) => bucketOfHash(murmurHash(encodeBinaryRow(paimon, row).subarray(4)), buckets));
    assert.deepEqual([...bucketColumn(columns, types, buckets, rows.length)], expected);
    for (const row of rows) {
      const decoded = decodeBinaryRow(paimon, encodeBinaryRow(paimon, row), 'test');
      assert.equal(compareRows(decoded, row), 0);
    }
  }), {seed, numRuns: 2000});
  for (const form of ['bigint f64', 'bigint i64', 'decimal f64', 'decimal i128', 'timestamp f64', 'timestamp i64', 'varchar bytes', 'blob bytes', 'float f64', 'double f64']) assert.ok(seen.has(form), form);
});

test('types: what is printed is read back, and unknown words are refused', () => {
  for (const text of ['BOOLEAN', 'TINYINT NOT NULL', 'SMALLINT', 'INT', 'BIGINT NOT NULL', 'FLOAT', 'DOUBLE', 'DATE', 'DECIMAL(12, 2)', 'CHAR(5)', 'VARCHAR(20)', 'STRING', 'BINARY(4)', 'VARBINARY(9)', 'BYTES', 'TIME(3)', 'TIMESTAMP(3)', 'TIMESTAMP(6) WITH LOCAL TIME ZONE NOT NULL']) {
    checkTypeText(text, text);
  }
  for (const [read, printed] of [['integer', 'INT'], ['double precision', 'DOUBLE'], ['DECIMAL', 'DECIMAL(10, 0)'], ['numeric(5,1)', 'DECIMAL(5, 1)'], ['TIMESTAMP', 'TIMESTAMP(6)'],
    ['timestamp_ltz(3) not null', 'TIMESTAMP(3) WITH LOCAL TIME ZONE NOT NULL'], ['TIME WITHOUT TIME ZONE', 'TIME(0)'], ['VARCHAR', 'VARCHAR(1)'], ['INT NULL', 'INT']] as const) checkTypeText(read, printed);
  assert.deepEqual(parseType('INT ARRAY NOT NULL', 't'), {root: 'ARRAY', nullable: false, element: {root: 'INT', nullable: true}});
  for (const text of ['HUGEINT', 'DECIMAL(39)', 'DECIMAL(3, 4)', 'TIMESTAMP(10)', 'INT(3)', 'VARCHAR(0)', '', 'BIGINT NOT', {type: 'LIST', element: 'INT'}, 5, null]) {
    assert.throws(() => parseType(text, 't'), {code: 'MR_PAIMON_DAMAGED'}, JSON.stringify(text));
  }
  for (const text of ['VARIANT', 'BLOB', 'GEOMETRY(x)']) assert.throws(() => parseType(text, 't'), {code: 'MR_PAIMON_UNSUPPORTED'}, text);
});

function checkTypeText(read: string, printed: string): void {
  const parsed = parseType(read, 'test');
  assert.deepEqual(parseType(printed, 'test'), parsed);
}
