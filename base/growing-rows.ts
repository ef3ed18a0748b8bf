/**
 * Rows of a changelog to which batches are appended: in arrays of their own, which grow. A batch of few rows by itself would cost more in
 * objects than its values take.
 */
import {Arena, ARENA_SEGMENT_SPAN} from './arena.ts';
import {asI128, asI64, sliceColumn} from './columns.ts';
import type {BytesColumn, ChangeBatch, Column} from './delta.ts';
import {invariant, unreachable} from './invariant.ts';

/** Of thousands of tables each may have a row between two checkpoints. */
const capacityMin = 4;
const textBytesMin = 256;

/** Rows by column; operations as in a `ChangeBatch`. */
export type ChangeRows = Pick<ChangeBatch, 'rowCount' | 'ops' | 'columns'>;

export class GrowingRows {
  readonly #arena = new Arena(textBytesMin);
  #capacity: number;
  #ops: Uint8Array<ArrayBuffer>;
  #columns: Column[] | null = null;
  #rowCount = 0;

  /** @param capacity rows for which there is room at once. */
  constructor(capacity = capacityMin) {
    this.#capacity = capacity;
    this.#ops = new Uint8Array(capacity);
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  /** Copies rows to the end. @param rows of the same columns as all before them; exact numbers may be narrow or wide. */
  append({rowCount, ops, columns}: ChangeRows): void {
    this.#columns ??= columns.map((column) => emptyLike(column, this.#capacity, this.#arena));
    invariant(columns.length === this.#columns.length, () => `${columns.length} columns after ${this.#columns?.length}`);
    if (this.#rowCount + rowCount > this.#capacity) this.#grow(this.#rowCount + rowCount);
    copyBytes(ops, rowCount, this.#ops, this.#rowCount);
    for (let c = 0; c < columns.length; c++) this.#columns[c] = appended(this.#columns[c]!, this.#rowCount, this.#capacity, columns[c]!, rowCount);
    this.#rowCount += rowCount;
  }

  /** @returns rows [start, end) as views: they stay as they are, whatever is appended later. */
  view(start: number, end: number): ChangeRows {
    invariant(start <= end && end <= this.#rowCount, () => `rows ${start} to ${end} of ${this.#rowCount}`);
    return {rowCount: end - start, ops: this.#ops.subarray(start, end), columns: (this.#columns ?? []).map((column) => sliceColumn(column, start, end))};
  }

  #grow(rowCount: number): void {
    this.#capacity = Math.max(rowCount, 2 * this.#capacity);
    const ops = new Uint8Array(this.#capacity);
    ops.set(this.#ops.subarray(0, this.#rowCount));
    this.#ops = ops;
    this.#columns = this.#columns!.map((column) => resized(column, this.#rowCount, this.#capacity, this.#arena));
  }
}

function emptyLike(column: Column, capacity: number, arena: Arena): Column {
  switch (column.kind) {
    case 'i32': return {kind: 'i32', data: new Int32Array(capacity), valid: null};
    case 'f64': return {kind: 'f64', data: new Float64Array(capacity), valid: null, bound: 0};
    case 'i64': return {kind: 'i64', data: new BigInt64Array(capacity), valid: null};
    case 'i128': return {kind: 'i128', data: new BigInt64Array(2 * capacity), valid: null};
    case 'bytes': return {kind: 'bytes', arena, address: new Float64Array(capacity), length: new Int32Array(capacity), valid: null};
    default: return unreachable(column);
  }
}

/** @returns the first rows of a column in arrays that have room for more. */
function resized(column: Column, rowCount: number, capacity: number, arena: Arena): Column {
  const to = emptyLike(column, capacity, arena);
  return appendSame({...to, valid: column.valid === null ? null : new Uint8Array(capacity)} as Column, 0, column, rowCount);
}

/** Whether `source` holds exact numbers in a wider form than `column`. */
function isWider(source: Column, column: Column): boolean {
  return (column.kind === 'f64' && (source.kind === 'i64' || source.kind === 'i128')) || (column.kind === 'i64' && source.kind === 'i128');
}

/** Copies rows of `source` to [at, at + rowCount) of `column`. @returns the column, or what took its place. */
function appended(column: Column, at: number, capacity: number, source: Column, rowCount: number): Column {
  if (isWider(source, column)) return appended(widened(column, source.kind, at, capacity), at, capacity, source, rowCount);
  if (source.valid !== null && column.valid === null) return appendSame({...column, valid: new Uint8Array(capacity).fill(1, 0, at)}, at, source, rowCount);
  return appendSame(column, at, source, rowCount);
}

/** @returns the first rows of an exact column in a wider form. */
function widened(column: Column, kind: Column['kind'], rowCount: number, capacity: number): Column {
  const data = new BigInt64Array(kind === 'i128' ? 2 * capacity : capacity);
  data.set(kind === 'i128' ? asI128(column, rowCount) : asI64(column, rowCount));
  return {kind: kind === 'i128' ? 'i128' : 'i64', data, valid: column.valid};
}

function appendSame(column: Column, at: number, source: Column, rowCount: number): Column {
  const {valid} = column;
  if (valid !== null) {
    if (source.valid === null) valid.fill(1, at, at + rowCount);
    else copyBytes(source.valid, rowCount, valid, at);
  }
  switch (column.kind) {
    case 'i32':
      invariant(source.kind === 'i32', () => `rows of kind ${source.kind} in an i32 column`);
      copyWords(source.data, rowCount, column.data, at);
      break;
    case 'f64':
      invariant(source.kind === 'f64', () => `rows of kind ${source.kind} in an f64 column`);
      copyDoubles(source.data, rowCount, column.data, at);
      column.bound = Math.max(column.bound, source.bound);
      break;
    case 'i64':
      column.data.set(asI64(source, rowCount).subarray(0, rowCount), at);
      break;
    case 'i128':
      column.data.set(asI128(source, rowCount).subarray(0, 2 * rowCount), 2 * at);
      break;
    case 'bytes':
      invariant(source.kind === 'bytes', () => `rows of kind ${source.kind} in a bytes column`);
      appendText(column, at, source, rowCount);
      break;
    default: unreachable(column);
  }
  return column;
}

/** Text that the column's arena has already stays where it is. */
function appendText(column: BytesColumn, at: number, source: BytesColumn, rowCount: number): void {
  const {segments} = source.arena;
  for (let i = 0; i < rowCount; i++) {
    const [address, length] = [source.address[i]!, source.length[i]!];
    column.length[at + i] = length;
    if (length === 0 || source.arena === column.arena) {
      column.address[at + i] = length === 0 ? 0 : address;
      continue;
    }
    const segment = Math.floor(address / ARENA_SEGMENT_SPAN);
    column.address[at + i] = column.arena.append(segments[segment]!, address - segment * ARENA_SEGMENT_SPAN, length);
  }
}

// One loop for each kind of array: they stay compiled for that one. Of few rows a loop takes less than `set`, which needs a view.

function copyBytes(from: Uint8Array, count: number, to: Uint8Array, at: number): void {
  for (let i = 0; i < count; i++) to[at + i] = from[i]!;
}

function copyWords(from: Int32Array, count: number, to: Int32Array, at: number): void {
  for (let i = 0; i < count; i++) to[at + i] = from[i]!;
}

function copyDoubles(from: Float64Array, count: number, to: Float64Array, at: number): void {
  for (let i = 0; i < count; i++) to[at + i] = from[i]!;
}
