/**
 * Arrow IPC record-batch messages to columns: ours or any writer's of the same types (record-batch.ts lists them), uncompressed.
 * Columns are views on the message's memory where the layouts agree: INTEGER, DATE, DOUBLE, wide integers, and all text. So they
 * live as long as that memory, which must not be written again. Integers of 64 bits become narrow columns with a certified bound
 * if all of them are small enough, else wide ones.
 */
import type {Arena} from '../../base/arena.ts';
import type {Column, Validity} from '../../base/delta.ts';
import {NARROW_BOUND, OP_DELETE} from '../../base/delta.ts';
import {unreachable} from '../../base/invariant.ts';
import type {LogicalType} from '../../base/type.ts';
import {physicalKind, typeText} from '../../base/type.ts';
import type {BatchMetadata} from './arrow-metadata.ts';
import {readMetadata} from './arrow-metadata.ts';
import {
  bitsUnderNull, clearReferences, clearWords, decimalsToDoubles, decimalsToLongs, findOpAbove, longsToDoubles, offsetsToReferences,
  unpackBits, unpackBooleans, widenBytes, widenFloats, widenShorts,
} from './decode-kernels.ts';
import {freshMemory, type DecodeMemory} from './decode-memory.ts';
import {bufferCount, valueBits} from './record-batch.ts';

/** Rows of one batch. `ops` is null where the batch has no `_op` column. */
export interface RecordBatch {
  readonly rowCount: number;
  readonly ops: Uint8Array | null;
  readonly columns: Column[];
}

/** Memory that batches lie in. */
export interface BatchMemory {
  /** A plain Uint8Array, not a Buffer: kernels are compiled for one kind. */
  readonly bytes: Uint8Array;
  /** `Arena.wrap(bytes)`: text columns refer to it by positions in `bytes`. */
  readonly arena: Arena;
}

/**
 * Reads the message at [start, start + length) of `memory`.
 *
 * @param types of the columns without `_op`. @param withOps whether an `_op` column stands in front.
 * @param fail throws the caller's error; told what is wrong. @param into where columns lie that are no views.
 * @param wanted by column, whether it is read; of the others nothing may be used. All unless given.
 */
export function readBatch(memory: BatchMemory, start: number, length: number, types: readonly LogicalType[], withOps: boolean, fail: (what: string) => never, into: DecodeMemory = freshMemory, wanted?: readonly boolean[]): RecordBatch {
  const {metadata, bodyStart} = readMetadata(memory.bytes.subarray(start, start + length), fail);
  const reader = new BodyReader(memory, start + bodyStart, metadata, fail, into);
  const nodes = types.length + (withOps ? 1 : 0);
  let buffers = withOps ? 2 : 0;
  for (const type of types) buffers += bufferCount(type);
  if (metadata.nullCounts.length !== nodes || metadata.buffers.length !== 2 * buffers) {
    fail(`expected ${nodes} columns with ${buffers} buffers, found ${metadata.nullCounts.length} with ${metadata.buffers.length / 2}`);
  }
  const ops = withOps ? reader.ops() : null;
  // Without `wanted` all are. What is not is passed over in its place: the reader goes through the buffers in order.
  const columns = types.map((type, index) => ((wanted?.[index] ?? true) ? reader.column(type) : reader.skip(type)));
  return {rowCount: metadata.rowCount, ops, columns};
}

/** In the place of a column that nobody wants. */
const unread: Column = {kind: 'i32', data: new Int32Array(0), valid: null};

/** Walks the buffers of one body, column by column. */
class BodyReader {
  readonly #memory: BatchMemory;
  readonly #body: number;
  readonly #metadata: BatchMetadata;
  readonly #fail: (what: string) => never;
  readonly #rows: number;
  readonly #into: DecodeMemory;
  #node = 0;
  #buffer = 0;

  constructor(memory: BatchMemory, body: number, metadata: BatchMetadata, fail: (what: string) => never, into: DecodeMemory) {
    this.#memory = memory;
    this.#body = body;
    this.#metadata = metadata;
    this.#fail = fail;
    this.#rows = metadata.rowCount;
    this.#into = into;
  }

  ops(): Uint8Array {
    if (this.#metadata.nullCounts[this.#node++] !== 0) this.#fail('an op is NULL');
    this.#buffer++;
    const at = this.#take(this.#rows);
    const ops = this.#memory.bytes.subarray(at, at + this.#rows);
    const wrong = findOpAbove(ops, this.#rows, OP_DELETE);
    if (wrong >= 0) this.#fail(`op ${ops[wrong]} in row ${wrong}`);
    return ops;
  }

  /** @returns position in memory of the next buffer, which has at least `bytes` bytes. */
  #take(bytes: number): number {
    const b = 2 * this.#buffer++;
    const found = this.#metadata.buffers[b + 1]!;
    if (found < bytes) this.#fail(`buffer ${b / 2} has ${found} bytes, expected ${bytes} for ${this.#rows} rows`);
    return this.#body + this.#metadata.buffers[b]!;
  }

  #validity(): Validity {
    const nulls = this.#metadata.nullCounts[this.#node++]!;
    if (nulls === 0) {
      this.#buffer++;
      return null;
    }
    const at = this.#take((this.#rows + 7) >> 3);
    const valid = this.#into.u8(this.#rows);
    const ones = unpackBits(this.#memory.bytes, at, this.#rows, valid);
    if (ones !== this.#rows - nulls) this.#fail(`column ${this.#node - 1} has ${this.#rows - ones} NULLs, its metadata say ${nulls}`);
    return valid;
  }

  skip(type: LogicalType): Column {
    this.#node++;
    this.#buffer += bufferCount(type);
    return unread;
  }

  column(type: LogicalType): Column {
    const rows = this.#rows;
    const valid = this.#validity();
    const text = physicalKind(type) === 'bytes';
    const at = this.#take(text && rows > 0 ? 4 * (rows + 1) : Math.ceil(rows * valueBits(type) / 8));
    switch (type.kind) {
      case 'varchar': case 'blob': case 'list': case 'struct': case 'map':
        return this.#bytes(at, valid);
      case 'boolean': {
        const data = this.#into.i32(rows);
        unpackBooleans(this.#memory.bytes, at, rows, data);
        return cleared({kind: 'i32', data, valid}, rows);
      }
      case 'tinyint': {
        const data = this.#into.i32(rows);
        widenBytes(new Int8Array(this.#memory.bytes.buffer, this.#memory.bytes.byteOffset + at, rows), rows, data);
        return cleared({kind: 'i32', data, valid}, rows);
      }
      case 'smallint': {
        const data = this.#into.i32(rows);
        const bytes = this.#aligned(at, 2 * rows, 2);
        widenShorts(new Int16Array(bytes.buffer, bytes.byteOffset, rows), rows, data);
        return cleared({kind: 'i32', data, valid}, rows);
      }
      case 'integer': case 'date':
        return {kind: 'i32', data: this.#words(at, rows, 1, valid), valid};
      case 'float': {
        const data = this.#into.f64(rows);
        const bytes = this.#aligned(at, 4 * rows, 4);
        widenFloats(new Float32Array(bytes.buffer, bytes.byteOffset, rows), rows, data);
        if (valid !== null) clearWords(wordsOf(data), 2, valid, rows);
        return {kind: 'f64', data, valid, bound: Infinity};
      }
      case 'double': {
        const words = this.#words(at, rows, 2, valid);
        return {kind: 'f64', data: new Float64Array(words.buffer, words.byteOffset, rows), valid, bound: Infinity};
      }
      case 'bigint': case 'timestamp': case 'timestamptz': {
        const words = this.#words(at, rows, 2, valid);
        const data = this.#into.f64(rows);
        const bound = longsToDoubles(words, rows, data);
        if (bound <= NARROW_BOUND) return {kind: 'f64', data, valid, bound};
        return {kind: 'i64', data: new BigInt64Array(words.buffer, words.byteOffset, rows), valid};
      }
      case 'decimal':
        return this.#decimal(type, this.#words(at, rows, 4, valid), valid);
      default:
        return unreachable(type);
    }
  }

  #decimal(type: LogicalType & {readonly kind: 'decimal'}, words: Int32Array, valid: Validity): Column {
    const rows = this.#rows;
    const data = this.#into.f64(rows);
    const bound = decimalsToDoubles(words, rows, data);
    if (bound <= NARROW_BOUND) return {kind: 'f64', data, valid, bound};
    const longs = new BigInt64Array(words.buffer, words.byteOffset, 2 * rows);
    if (type.precision > 18) return {kind: 'i128', data: longs, valid};
    const wide = this.#into.i64(rows);
    if (!decimalsToLongs(longs, rows, wide)) this.#fail(`a value of column ${this.#node - 1} does not fit ${typeText(type)}`);
    return {kind: 'i64', data: wide, valid};
  }

  #bytes(offsetsAt: number, valid: Validity): Column {
    const rows = this.#rows;
    const address = this.#into.f64(rows);
    const length = this.#into.i32(rows);
    const textBytes = this.#metadata.buffers[2 * this.#buffer + 1]!;
    const textAt = this.#take(0);
    if (rows > 0) {
      const bytes = this.#aligned(offsetsAt, 4 * (rows + 1), 4);
      const wrong = offsetsToReferences(new Int32Array(bytes.buffer, bytes.byteOffset, rows + 1), rows, textAt, textBytes, address, length);
      if (wrong >= 0) this.#fail(`row ${wrong} of column ${this.#node - 1} leaves its ${textBytes} bytes`);
      if (valid !== null) clearReferences(valid, rows, address, length);
    }
    return {kind: 'bytes', arena: this.#memory.arena, address, length, valid};
  }

  /** @returns bytes [at, at + length) at a multiple of `unit`: a view, or a copy where memory lies badly. */
  #aligned(at: number, length: number, unit: number): Uint8Array {
    const {bytes} = this.#memory;
    const view = bytes.subarray(at, at + length);
    return view.byteOffset % unit === 0 ? view : Uint8Array.from(view);
  }

  /** @returns values of `perValue` words, 0 under NULL: a view, or a copy where something stood under a NULL. */
  #words(at: number, rows: number, perValue: 1 | 2 | 4, valid: Validity): Int32Array {
    const bytes = this.#aligned(at, 4 * perValue * rows, perValue === 1 ? 4 : 8);
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, perValue * rows);
    if (valid === null || !bitsUnderNull(words, perValue, valid, rows)) return words;
    const copy = Int32Array.from(words);
    clearWords(copy, perValue, valid, rows);
    return copy;
  }
}

function cleared(column: Column & {readonly kind: 'i32'}, rows: number): Column {
  if (column.valid !== null) clearWords(column.data, 1, column.valid, rows);
  return column;
}

function wordsOf(data: Float64Array): Int32Array {
  return new Int32Array(data.buffer, data.byteOffset, 2 * data.length);
}
