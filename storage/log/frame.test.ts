import test from 'node:test';
import assert from 'node:assert/strict';
import {crc32} from 'node:zlib';
import * as fc from 'fast-check';
import {epoch} from '../../base/epoch.ts';
import {WarehouseError} from '../../base/error.ts';
import type {PlainTable} from './batch-arbitrary.ts';
import {arbitraryTable, columnsOf, seeded, valuesOf} from './batch-arbitrary.ts';
import type {FrameContent, TableChanges} from './frame.ts';
import {decodeFrame, decodeTable, encodeFrame} from './frame.ts';
import type {FrameHeader, JsonValue} from './frame-header.ts';
import {emptyHeader} from './frame-header.ts';
import {frameVersion, preambleBytes} from './preamble.ts';
import {layOutBatches} from './record-batch.ts';

const json = fc.jsonValue({maxDepth: 2}) as fc.Arbitrary<JsonValue>;
const names = fc.dictionary(fc.string({minLength: 1, maxLength: 6}).filter((n) => n !== '__proto__'), json, {maxKeys: 2});
const count = fc.oneof(fc.nat(9), fc.constant(Number.MAX_SAFE_INTEGER));
const arbitraryHeader: fc.Arbitrary<FrameHeader> = fc.record({
  timeMs: fc.integer(), positions: names, watermarks: names, ddl: fc.array(json, {maxLength: 2}), notes: names,
  counts: fc.array(fc.record({source: fc.string({unit: 'grapheme'}), in: count, late: count, rejected: count}), {maxLength: 2}),
}).map((header) => JSON.parse(JSON.stringify(header)) as FrameHeader); // −0 is 0 in JSON, and prototypes do not matter
const arbitraryFile = fc.record({path: fc.string(), rows: count, bytes: count, checksum: fc.string()}, {noNullPrototype: true});
const arbitraryEpoch = fc.oneof(fc.integer({min: 1, max: 9}), fc.constantFrom(2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER)).map(epoch);

function changes(table: PlainTable, tableId: number, files: TableChanges['files'] = []): TableChanges {
  return {tableId, schemaId: tableId % 3, types: table.types, rowCount: table.ops.length, ops: Uint8Array.from(table.ops), columns: columnsOf(table), files};
}

const small: FrameContent = {
  epoch: epoch(8), header: {...emptyHeader, timeMs: 5, ddl: [{kind: 'drop-table', id: 1}]},
  tables: [changes({types: [{kind: 'bigint'}, {kind: 'varchar'}], ops: [1, 2], values: [[2n, 2n], [null, 'LAS']]}, 7)],
};

const damaged = (error: unknown): boolean => {
  assert.ok(error instanceof WarehouseError && error.kind === 'data' && error.code === 'MR_LOG_DAMAGED', String(error));
  return true;
};

test('frame: header, files and rows of all tables come back equal', () => {
  const tables = fc.array(fc.tuple(arbitraryTable(12), fc.array(arbitraryFile, {maxLength: 2})), {maxLength: 3});
  fc.assert(fc.property(arbitraryEpoch, arbitraryHeader, tables, (e, header, content) => {
    const bytes = encodeFrame({epoch: e, header, tables: content.map(([table, files], t) => changes(table, t * 1000, files))});
    assert.ok(bytes.buffer instanceof SharedArrayBuffer);
    assert.equal(bytes.length, bytes.buffer.byteLength);
    const frame = decodeFrame(bytes);
    assert.equal(frame.epoch, e);
    assert.deepEqual(frame.header, header);
    assert.equal(frame.tables.length, content.length);
    frame.tables.forEach((table, t) => {
      const [plain, files] = content[t]!;
      assert.deepEqual({id: table.tableId, schema: table.schemaId, rows: table.rowCount, files: table.files}, {id: t * 1000, schema: (t * 1000) % 3, rows: plain.ops.length, files});
      const batches = decodeTable(frame, table, plain.types);
      assert.deepEqual(batches.flatMap((b) => [...b.ops]), plain.ops);
      plain.types.forEach((type, c) => assert.deepEqual(batches.flatMap((b) => valuesOf(b.columns[c]!, type, b.rowCount)), plain.values[c]));
    });
  }), seeded(150));
});

test('frame: a large table travels in batches of at most 256 KiB', () => {
  const rows = 50_000;
  const values = Array.from({length: rows}, (_, i) => 'v'.repeat(i % 90));
  const table: PlainTable = {types: [{kind: 'varchar'}], ops: Array.from({length: rows}, () => 0), values: [values]};
  const frame = decodeFrame(encodeFrame({epoch: epoch(1), header: emptyHeader, tables: [changes(table, 1)]}));
  const layouts = layOutBatches(changes(table, 1), table.types);
  assert.ok(layouts.every(({bytes}) => bytes <= 256 << 10));
  assert.ok(layouts.length > 2);
  assert.equal(frame.tables[0]!.batchCount, layouts.length);
  const batches = decodeTable(frame, frame.tables[0]!, table.types);
  assert.deepEqual(batches.flatMap((b) => valuesOf(b.columns[0]!, {kind: 'varchar'}, b.rowCount)), values);
});

test('frame: any flipped bit, and any cut, is refused', () => {
  const bytes = encodeFrame(small);
  for (let at = 0; at < bytes.length; at++) {
    for (const bit of [0, 7]) {
      const flipped = Uint8Array.from(bytes);
      flipped[at]! ^= 1 << bit;
      assert.throws(() => decodeFrame(flipped), damaged);
    }
    assert.throws(() => decodeFrame(bytes.slice(0, at)), damaged);
  }
  assert.throws(() => decodeFrame(Buffer.concat([bytes, new Uint8Array(8)])), damaged);
});

test('frame: a newer version is refused by name', () => {
  const bytes = Uint8Array.from(encodeFrame(small));
  const view = new DataView(bytes.buffer);
  view.setUint16(4, frameVersion + 1, true);
  view.setUint32(28, crc32(bytes.subarray(0, 28)), true);
  assert.throws(() => decodeFrame(bytes), (error: unknown) => error instanceof WarehouseError && error.code === 'MR_LOG_VERSION');
});

test('frame: rows asked for with other types are refused', () => {
  const frame = decodeFrame(encodeFrame(small));
  assert.throws(() => decodeTable(frame, frame.tables[0]!, [{kind: 'bigint'}]), damaged);
  assert.throws(() => decodeTable(frame, frame.tables[0]!, [{kind: 'varchar'}, {kind: 'bigint'}]), damaged);
});

test('frame: it costs few bytes when little happened', () => {
  assert.ok(encodeFrame({epoch: epoch(1), header: {...emptyHeader, timeMs: 1_767_225_600_000}, tables: []}).length <= preambleBytes + 24);
  assert.ok(encodeFrame(small).length <= 416, `${encodeFrame(small).length} bytes`);
});

test('frame: golden bytes', () => {
  const golden = [
    '4d524652010000000800000000000000980100003e000000fb9d1f857edd959d7b226d223a352c2274223a5b5b372c312c322c5b3331325d5d5d2c2264223a5b',
    '7b226b696e64223a2264726f702d7461626c65222c226964223a317d5d7d0000fffffffff8000000200000000c00140004000600100008000a00140008000400',
    '10000000000000001c0000000400030038000000000000000800000000000000280000001000000002000000000000003c000000030000000200000000000000',
    '00000000000000000200000000000000000000000000000002000000000000000100000000000000000000000700000000000000000000000000000000000000',
    '00000000000000000200000000000000080000000000000000000000000000000800000000000000100000000000000018000000000000000100000000000000',
    '20000000000000000c00000000000000300000000000000003000000000000000102000000000000020000000000000002000000000000000200000000000000',
    '000000000000000003000000000000004c41530000000000',
  ].join('');
  assert.equal(Buffer.from(encodeFrame(small)).toString('hex'), golden);
  const frame = decodeFrame(Buffer.from(golden, 'hex'));
  assert.equal(frame.header.timeMs, 5);
  const [rows] = decodeTable(frame, frame.tables[0]!, [{kind: 'bigint'}, {kind: 'varchar'}]);
  assert.deepEqual(rows!.columns.map((column, c) => valuesOf(column, c === 0 ? {kind: 'bigint'} : {kind: 'varchar'}, 2)), [[2n, 2n], [null, 'LAS']]);
});
