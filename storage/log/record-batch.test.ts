import test from 'node:test';
import assert from 'node:assert/strict';
import {RecordBatchReader, Table, tableFromIPC, tableToIPC} from 'apache-arrow';
import type {Vector} from 'apache-arrow';
import * as fc from 'fast-check';
import {Arena} from '../../base/arena.ts';
import type {LogicalType} from '../../base/type.ts';
import {physicalKind} from '../../base/type.ts';
import {WarehouseError} from '../../base/error.ts';
import {readMetadata} from './arrow-metadata.ts';
import {endOfStream, schemaMessage} from './arrow-schema.ts';
import type {Plain, PlainTable} from './batch-arbitrary.ts';
import {arbitraryTable, columnsOf, everyType, seeded, valuesOf} from './batch-arbitrary.ts';
import {decodeColumns, encodeColumns} from './columns.ts';
import {sharedMemory} from './encode-kernels.ts';
import type {RecordBatch} from './read-batch.ts';
import {readBatch} from './read-batch.ts';
import {layOutBatches, writeBatch} from './record-batch.ts';

const fail = (what: string): never => { throw new Error(what); };

/** Encodes a table's changes as the frame does, batch after batch. */
function encode(table: PlainTable, form: 'narrow' | 'wide', bytesMax = Infinity): Uint8Array[] {
  const source = {rowCount: table.ops.length, ops: Uint8Array.from(table.ops), columns: columnsOf(table, form)};
  const layouts = layOutBatches(source, table.types, bytesMax);
  const memory = sharedMemory(layouts.reduce((sum, l) => sum + l.bytes, 0));
  let at = 0;
  return layouts.map((layout) => {
    const start = at;
    at = writeBatch(source, table.types, layout, memory, at);
    assert.equal(at - start, layout.bytes);
    return memory.u8.subarray(start, at);
  });
}

function decode(bytes: Uint8Array, types: readonly LogicalType[]): RecordBatch {
  return readBatch({bytes, arena: Arena.wrap(bytes)}, 0, bytes.length, types, true, fail);
}

function stream(table: PlainTable, batches: readonly Uint8Array[]): Uint8Array {
  const columns = table.types.map((type, c) => ({name: `c${c}`, type, nullable: true}));
  return Uint8Array.from(Buffer.concat([schemaMessage(columns, true), ...batches, endOfStream]));
}

/** The values of an Arrow vector from its memory (its own `get` rounds timestamps to ms). */
function arrowValues(vector: Vector, type: LogicalType): Plain[] {
  const values: Plain[] = [];
  for (const data of vector.data) {
    for (let i = 0; i < data.length; i++) {
      if (!data.getValid(i)) { values.push(null); continue; }
      if (type.kind === 'boolean') values.push((data.values[(data.offset + i) >> 3] >> ((data.offset + i) & 7)) & 1);
      else if (physicalKind(type) === 'bytes') values.push(Buffer.from(data.values.subarray(data.valueOffsets[i], data.valueOffsets[i + 1])).toString('latin1'));
      else if (type.kind === 'decimal') {
        const words: number[] = [...(data.values as Uint32Array).subarray(4 * i, 4 * i + 4)];
        values.push(BigInt.asIntN(128, words.reduceRight((sum, w) => (sum << 32n) | BigInt(w), 0n)));
      } else values.push(data.values[i]);
    }
  }
  return values;
}

function checkEqual(found: readonly (readonly Plain[])[], table: PlainTable, what: string): void {
  table.types.forEach((type, c) => assert.deepEqual(found[c], table.values[c], `${what}: column ${c} ${type.kind}`));
}

function checkDecoded(batches: readonly RecordBatch[], table: PlainTable, what: string): void {
  assert.deepEqual(batches.flatMap((b) => [...b.ops!.subarray(0, b.rowCount)]), table.ops);
  checkEqual(table.types.map((type, c) => batches.flatMap((b) => valuesOf(b.columns[c]!, type, b.rowCount))), table, what);
}

test('record batch: rows come back equal, of every type, narrow and wide, cut into batches or not', () => {
  const seen = new Set<string>();
  let cuts = 0;
  fc.assert(fc.property(arbitraryTable(40), fc.constantFrom(Infinity, 2000, 600), (table, bytesMax) => {
    for (const form of ['narrow', 'wide'] as const) {
      const batches = encode(table, form, bytesMax);
      for (const batch of batches) assert.ok(batch.length <= bytesMax || decode(batch, table.types).rowCount === 1, `a batch of ${batch.length} bytes`);
      cuts += batches.length > 1 ? 1 : 0;
      checkDecoded(batches.map((b) => decode(b, table.types)), table, form);
      for (const b of batches) decode(b, table.types).columns.forEach((column, c) => seen.add(`${table.types[c]!.kind} ${column.kind} ${column.valid === null}`));
    }
  }), seeded(300));
  for (const type of everyType) {
    const kinds = {i32: ['i32'], f64: ['f64'], exact64: ['f64', 'i64'], exact128: ['f64', 'i128'], bytes: ['bytes']}[physicalKind(type)];
    for (const kind of kinds) for (const whole of [true, false]) assert.ok(seen.has(`${type.kind} ${kind} ${whole}`), `the generator never made ${type.kind} ${kind} ${whole}`);
  }
  assert.ok(cuts > 50, `only ${cuts} tables were cut`);
});

test('record batch: apache-arrow reads ours with equal values', () => {
  fc.assert(fc.property(arbitraryTable(20), fc.constantFrom(Infinity, 900), (table, bytesMax) => {
    const read = [...RecordBatchReader.from(stream(table, encode(table, 'narrow', bytesMax)))];
    const arrow = new Table(read);
    assert.equal(arrow.numRows, table.ops.length);
    if (table.ops.length === 0) return;
    assert.deepEqual([...arrow.getChild('_op')!], table.ops);
    checkEqual(table.types.map((type, c) => arrowValues(arrow.getChild(`c${c}`)!, type)), table, 'read by apache-arrow');
  }), seeded(80));
});

test('record batch: we read what apache-arrow writes, sliced batches too', () => {
  fc.assert(fc.property(arbitraryTable(20), fc.nat(9), (table, skip) => {
    if (table.ops.length === 0) return;
    const from = Math.min(skip, table.ops.length - 1);
    const sliced = tableFromIPC(stream(table, encode(table, 'wide'))).slice(from);
    const bytes = tableToIPC(sliced, 'stream');
    const batches: RecordBatch[] = [];
    for (let at = 8 + new DataView(bytes.buffer, bytes.byteOffset).getInt32(4, true); at < bytes.length - 8;) {
      const {metadata, bodyStart} = readMetadata(bytes.subarray(at), fail);
      const end = at + bodyStart + metadata.bodyBytes;
      batches.push(readBatch({bytes, arena: Arena.wrap(bytes)}, at, end - at, table.types, true, fail));
      at = end;
    }
    checkDecoded(batches, {types: table.types, ops: table.ops.slice(from), values: table.values.map((v) => v.slice(from))}, 'written by apache-arrow');
  }), seeded(80));
});

test('record batch: values under NULL become 0, whatever another writer left there', () => {
  for (const type of everyType) {
    const kind = physicalKind(type);
    const junk: Plain = kind === 'bytes' ? 'junk' : kind.startsWith('exact') ? -7n : 1;
    const table: PlainTable = {types: [type], ops: [0, 0], values: [[junk, junk]]};
    const withNull: PlainTable = {types: [type], ops: [0, 0], values: [[junk, null]]};
    // The same memory, but with a validity bitmap put in its place: the batch of `withNull` with the values of `table`.
    const columns = columnsOf(table);
    columns[0]!.valid = Uint8Array.of(1, 0);
    const bytes = encodeColumns(columns, [type], 2);
    const {columns: [column]} = decodeColumns(bytes, [type]);
    assert.deepEqual(valuesOf(column!, type, 2), withNull.values[0]);
  }
});

test('record batch: memory that lies badly is copied, not misread', () => {
  fc.assert(fc.property(arbitraryTable(10), fc.integer({min: 1, max: 7}), (table, shift) => {
    const [batch] = encode(table, 'wide');
    if (batch === undefined) return;
    const moved = new Uint8Array(batch.length + 8).subarray(shift, shift + batch.length);
    moved.set(batch);
    checkDecoded([decode(moved, table.types)], table, `moved by ${shift}`);
  }), seeded(60));
});

test('record batch: damaged metadata, lengths and offsets are refused or give rows, never a crash', () => {
  let refused = 0;
  fc.assert(fc.property(arbitraryTable(6), fc.array(fc.tuple(fc.nat(), fc.nat(255)), {minLength: 1, maxLength: 4}), fc.nat(), (table, flips, cut) => {
    const [batch] = encode(table, 'narrow');
    if (batch === undefined) return;
    const damaged = Uint8Array.from(batch);
    for (const [at, value] of flips) damaged[at % damaged.length] = value;
    for (const bytes of [damaged, batch.slice(0, cut % batch.length)]) {
      try {
        decodeColumns(bytes, table.types);
      } catch (error) {
        assert.ok(error instanceof WarehouseError && error.code === 'MR_BATCH_INVALID', String(error));
        refused++;
      }
    }
  }), seeded(300));
  assert.ok(refused > 200, `${refused} refused`);
});

test('columns: what one thread encodes another decodes, empty and large', () => {
  fc.assert(fc.property(arbitraryTable(30), (table) => {
    const bytes = encodeColumns(columnsOf(table), table.types, table.ops.length);
    assert.ok(bytes.buffer instanceof SharedArrayBuffer);
    const {rowCount, columns} = decodeColumns(bytes, table.types);
    assert.equal(rowCount, table.types.length === 0 ? rowCount : table.ops.length);
    checkEqual(table.types.map((type, c) => valuesOf(columns[c]!, type, rowCount)), table, 'columns');
  }), seeded(60));
  const rows = 100_000;
  const large = Float64Array.from({length: rows}, (_, i) => (i - 500) * 2 ** 33);
  const {columns: [column]} = decodeColumns(encodeColumns([{kind: 'f64', data: large, valid: null, bound: 2 ** 51}], [{kind: 'bigint'}], rows), [{kind: 'bigint'}]);
  assert.ok(column?.kind === 'f64');
  assert.deepEqual(column.data, large);
});
