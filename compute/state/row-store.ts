/**
 * Rows of one state, row-major: one record a row (record-layout.ts), in segments of 64 K rows, so that growth never copies more
 * than the first segment while it is small. Text lies in the store's own arena. Row numbers are taken again after they were freed.
 *
 * Freeing is deferred to `endEpoch()`: until then freed rows keep their contents, because columns gathered in the running epoch
 * refer to the arena, and because the epoch may be taken back (`undoFrees`).
 */
import {ARENA_SEGMENT_SPAN} from '../../base/arena.ts';
import type {Column, Validity} from '../../base/delta.ts';
import {NARROW_BOUND} from '../../base/delta.ts';
import {invariant, unreachable} from '../../base/invariant.ts';
import type {LogicalType} from '../../base/type.ts';
import {AlignedArena, blockBytes} from './aligned-arena.ts';
import {Int32Stack} from './number-stack.ts';
import type {RecordField, RecordLayout} from './record-layout.ts';
import {recordLayout} from './record-layout.ts';
import {anyAbsent, readF64, readI32, readNarrow128, readNarrow64, readValid, readWide} from './record-read.ts';
import {SEGMENT_BITS, SEGMENT_MASK, writeBytes, writeF64, writeHeader, writeI32, writeNarrow128, writeNarrow64, writeNulls, writePositions, writeWide} from './record-write.ts';

const segmentRowsMin = 256;
const segmentRowsMax = 1 << SEGMENT_BITS;
/** Rows in one chunk of `scan()`. */
export const SCAN_ROWS = 4096;

export interface RowStoreOptions {
  /** Records hold a `_pos`. */
  readonly positions?: boolean;
  /** Columns of doubles whose −0 is stored as 0: key columns, whose values must be one in every reader. */
  readonly normalised?: readonly number[];
}

export class RowStore {
  readonly types: readonly LogicalType[];
  readonly layout: RecordLayout;
  /** The segments as words and as doubles; replaced, so look them up per call. */
  readonly words: Int32Array[] = [];
  readonly doubles: Float64Array[] = [];
  readonly arena = new AlignedArena();
  /** Whether a column ever held a NULL. */
  readonly #nullable: boolean[];
  readonly #normalised: readonly boolean[];
  readonly #bytesFields: readonly RecordField[];
  readonly #free = new Int32Stack();
  readonly #pending = new Int32Stack();
  #capacity = 0;
  #used = 0; // rows ever taken
  #live = 0;

  constructor(types: readonly LogicalType[], options: RowStoreOptions = {}) {
    this.types = types;
    this.layout = recordLayout(types, options.positions === true);
    this.#nullable = types.map(() => false);
    this.#normalised = types.map((_, column) => options.normalised?.includes(column) === true);
    this.#bytesFields = this.layout.fields.filter((field) => field.kind === 'bytes');
  }

  /** Live rows. */
  get rowCount(): number { return this.#live; }

  /** Row numbers are below this. */
  get rowLimit(): number { return this.#used; }

  /** @returns whether column `index` may hold a NULL. */
  mayBeNull(index: number): boolean { return this.#nullable[index]!; }

  bytes(): number {
    return this.#capacity * this.layout.stride * 4 + this.arena.bytes() + this.#free.bytes() + this.#pending.bytes();
  }

  /**
   * @param rowCount rows of `columns`, whose text is counted.
   * @returns an estimate from above of what inserting `count` rows adds to `bytes()`.
   */
  growthBytes(columns: readonly Column[], rowCount: number, count: number): number {
    const fresh = Math.max(0, count - this.#free.length - (this.#capacity - this.#used));
    const unit = Math.max(segmentRowsMin, Math.min(this.#capacity, segmentRowsMax));
    let bytes = fresh === 0 ? 0 : (fresh + unit) * this.layout.stride * 4;
    let text = 0;
    for (let index = 0; index < columns.length; index++) {
      const column = columns[index];
      if (column?.kind === 'bytes') text += textBytes(column.length, rowCount) * Math.max(1, count / rowCount);
    }
    bytes += this.arena.growthBytes(text);
    return bytes;
  }

  #grow(): void {
    const rows = Math.max(segmentRowsMin, Math.min(this.#capacity === 0 ? segmentRowsMin : this.#capacity * 2, segmentRowsMax));
    const index = this.#capacity >> SEGMENT_BITS;
    const buffer = new ArrayBuffer(rows * this.layout.stride * 4);
    const words = new Int32Array(buffer);
    if (this.#capacity < segmentRowsMax) {
      const before = this.words[0];
      if (before !== undefined) words.set(before);
      this.#capacity = rows;
    } else this.#capacity += rows;
    invariant(this.#capacity < 0x7fff_0000, () => `row store with ${this.#capacity} rows: row numbers are Int32`);
    this.words[index] = words;
    this.doubles[index] = new Float64Array(buffer);
  }

  /** Copies rows in. @param outRows takes their row numbers. */
  insert(columns: readonly Column[], selection: Int32Array | null, count: number, outRows: Int32Array): void {
    const {fields, headerWords, stride} = this.layout;
    invariant(columns.length >= fields.length, () => `insert of ${columns.length} columns into a store of ${fields.length}`);
    for (let i = 0; i < count; i++) {
      if (this.#free.length > 0) outRows[i] = this.#free.pop();
      else {
        if (this.#used === this.#capacity) this.#grow();
        outRows[i] = this.#used++;
      }
    }
    this.#live += count;
    for (let word = 0; word < headerWords; word++) writeHeader(this.words, stride, word, -1, outRows, count);
    for (let column = 0; column < fields.length; column++) this.writeColumn(column, columns[column]!, selection, count, outRows);
  }

  /** Overwrites one column of live rows; the validity bit of rows not NULL must be set already. Old bytes are not freed. */
  writeColumn(index: number, column: Column, selection: Int32Array | null, count: number, rows: Int32Array): void {
    const field = this.layout.fields[index]!;
    const {stride} = this.layout;
    const {words, doubles} = this;
    const {offset} = field;
    const {valid} = column;
    if (valid !== null && writeNulls(words, stride, field.validOffset, field.validMask, rows, valid, selection, count) > 0) this.#nullable[index] = true;
    switch (field.kind) {
      case 'i32':
        invariant(column.kind === 'i32', () => `column ${index} is ${column.kind}, wants i32`);
        writeI32(words, stride, offset, rows, column.data, valid, selection, count);
        return;
      case 'f64':
        invariant(column.kind === 'f64', () => `column ${index} is ${column.kind}, wants f64`);
        writeF64(doubles, stride, offset, rows, column.data, valid, selection, count, this.#normalised[index]!);
        return;
      case 'exact64':
        if (column.kind === 'f64') writeNarrow64(words, stride, offset, rows, column.data, valid, selection, count);
        else {
          invariant(column.kind === 'i64', () => `column ${index} is ${column.kind}, wants f64 or i64`);
          writeWide(words, stride, offset, rows, halves(column.data), 2, false, valid, selection, count);
        }
        return;
      case 'exact128':
        if (column.kind === 'f64') writeNarrow128(words, stride, offset, rows, column.data, valid, selection, count);
        else {
          invariant(column.kind === 'i64' || column.kind === 'i128', () => `column ${index} is ${column.kind}, wants f64, i64 or i128`);
          writeWide(words, stride, offset, rows, halves(column.data), column.kind === 'i64' ? 2 : 4, true, valid, selection, count);
        }
        return;
      case 'bytes':
        invariant(column.kind === 'bytes', () => `column ${index} is ${column.kind}, wants bytes`);
        writeBytes(words, doubles, stride, offset, field.lengthOffset, rows, column, selection, count, this.arena);
        return;
      default: unreachable(field.kind);
    }
  }

  /** Frees live rows at the end of the epoch; till then their contents stay, but `scan()` no longer gives them. */
  free(rows: Int32Array, count: number): void {
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      const segment = this.words[row >> SEGMENT_BITS]!;
      const at = (row & SEGMENT_MASK) * this.layout.stride;
      invariant((segment[at]! & 1) === 1, () => `row ${row} is freed twice`);
      segment[at]! &= ~1;
      this.#pending.push(row);
    }
    this.#live -= count;
  }

  /** Takes the last `count` frees of this epoch back, last first. */
  undoFrees(count: number): void {
    invariant(count <= this.#pending.length, () => `undo of ${count} frees, ${this.#pending.length} are pending`);
    for (let i = 0; i < count; i++) {
      const row = this.#pending.pop();
      this.words[row >> SEGMENT_BITS]![(row & SEGMENT_MASK) * this.layout.stride]! |= 1;
    }
    this.#live += count;
  }

  /** Frees live rows at once: only for rows that nobody refers to (inserts that are taken back). */
  discard(rows: Int32Array, count: number): void {
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      const segment = this.words[row >> SEGMENT_BITS]!;
      const at = (row & SEGMENT_MASK) * this.layout.stride;
      invariant((segment[at]! & 1) === 1, () => `row ${row} is freed twice`);
      segment[at]! &= ~1;
      this.#release(row);
    }
    this.#live -= count;
  }

  /** Gives the rows and bytes freed in this epoch back for use. */
  endEpoch(): void {
    while (this.#pending.length > 0) this.#release(this.#pending.pop());
  }

  #release(row: number): void {
    const {stride} = this.layout;
    const words = this.words[row >> SEGMENT_BITS]!;
    const doubles = this.doubles[row >> SEGMENT_BITS]!;
    const at = (row & SEGMENT_MASK) * stride;
    for (const field of this.#bytesFields) {
      const length = words[at + field.lengthOffset]!;
      if (length !== 0) this.arena.free(doubles[(at + field.offset) >> 1]!, length);
    }
    this.#free.push(row);
  }

  /**
   * Reads columns of rows. Row −1 reads as NULL in every column (outer joins). Exact values come narrow where all fit, else wide.
   *
   * @param reuse columns of an earlier call, whose arrays are taken again where kind and length allow.
   * @returns columns of at least `count` values; text refers to the store's arena, valid until `endEpoch()` if the row is freed.
   */
  gather(rows: Int32Array, count: number, columnIndexes: readonly number[], reuse?: Column[]): Column[] {
    const absent = anyAbsent(rows, count);
    const columns = reuse ?? [];
    for (let i = 0; i < columnIndexes.length; i++) columns[i] = this.#gatherColumn(columnIndexes[i]!, rows, count, absent, columns[i]);
    columns.length = columnIndexes.length;
    return columns;
  }

  #gatherColumn(index: number, rows: Int32Array, count: number, absent: boolean, reuse: Column | undefined): Column {
    const field = this.layout.fields[index]!;
    const {stride} = this.layout;
    const {words, doubles} = this;
    let valid: Validity = null;
    if (absent || this.#nullable[index]!) {
      const to = reuse !== undefined && reuse.valid !== null && reuse.valid.length >= count ? reuse.valid : new Uint8Array(count);
      if (readValid(words, stride, field.validOffset, field.validMask, rows, count, to) > 0) valid = to;
    }
    switch (field.kind) {
      case 'i32': {
        const data = reuse?.kind === 'i32' && reuse.data.length >= count ? reuse.data : new Int32Array(count);
        readI32(words, stride, field.offset, rows, count, data);
        return {kind: 'i32', data, valid};
      }
      case 'f64': {
        const data = reuse?.kind === 'f64' && reuse.data.length >= count ? reuse.data : new Float64Array(count);
        readF64(doubles, stride, field.offset, rows, count, data);
        return {kind: 'f64', data, valid, bound: Infinity};
      }
      case 'exact64': {
        const data = reuse?.kind === 'f64' && reuse.data.length >= count ? reuse.data : new Float64Array(count);
        const bound = readNarrow64(words, stride, field.offset, rows, count, data);
        if (bound <= NARROW_BOUND) return {kind: 'f64', data, valid, bound};
        const wide = new BigInt64Array(count);
        readWide(words, stride, field.offset, 2, rows, count, halves(wide));
        return {kind: 'i64', data: wide, valid};
      }
      case 'exact128': {
        const data = reuse?.kind === 'f64' && reuse.data.length >= count ? reuse.data : new Float64Array(count);
        const bound = readNarrow128(words, stride, field.offset, rows, count, data);
        if (bound <= NARROW_BOUND) return {kind: 'f64', data, valid, bound};
        const wide = new BigInt64Array(2 * count);
        readWide(words, stride, field.offset, 4, rows, count, halves(wide));
        return {kind: 'i128', data: wide, valid};
      }
      case 'bytes': {
        const kept = reuse?.kind === 'bytes' && reuse.length.length >= count ? reuse : undefined;
        const address = kept?.address ?? new Float64Array(count);
        const length = kept?.length ?? new Int32Array(count);
        readF64(doubles, stride, field.offset, rows, count, address);
        readI32(words, stride, field.lengthOffset, rows, count, length);
        return {kind: 'bytes', arena: this.arena, address, length, valid};
      }
      default: return unreachable(field.kind);
    }
  }

  /** @param out takes the positions of the rows. */
  getPositions(rows: Int32Array, count: number, out: Float64Array): void {
    invariant(this.layout.positionOffset >= 0, 'the store holds no positions');
    readF64(this.doubles, this.layout.stride, this.layout.positionOffset, rows, count, out);
  }

  setPositions(rows: Int32Array, count: number, positions: Float64Array): void {
    invariant(this.layout.positionOffset >= 0, 'the store holds no positions');
    writePositions(this.doubles, this.layout.stride, this.layout.positionOffset, rows, positions, count);
  }

  getPosition(row: number): number {
    return this.doubles[row >> SEGMENT_BITS]![((row & SEGMENT_MASK) * this.layout.stride + this.layout.positionOffset) >> 1]!;
  }

  setPosition(row: number, position: number): void {
    this.doubles[row >> SEGMENT_BITS]![((row & SEGMENT_MASK) * this.layout.stride + this.layout.positionOffset) >> 1] = position;
  }

  /** @returns whether `row` holds a row that was not freed. */
  live(row: number): boolean {
    return row >= 0 && row < this.#used && (this.words[row >> SEGMENT_BITS]![(row & SEGMENT_MASK) * this.layout.stride]! & 1) === 1;
  }

  /** Gives the live rows in chunks of at most `SCAN_ROWS` row numbers; the array is reused from one chunk to the next. */
  *scan(): Generator<{readonly rows: Int32Array; readonly count: number}, void, undefined> {
    const rows = new Int32Array(SCAN_ROWS);
    for (let start = 0; start < this.#used; start += SCAN_ROWS) {
      const count = liveRows(this.words, this.layout.stride, start, Math.min(start + SCAN_ROWS, this.#used), rows);
      if (count > 0) yield {rows, count};
    }
  }

  /** The bytes of one value of live row `row`, for cold paths. */
  view(row: number, index: number): Uint8Array {
    const field = this.layout.fields[index]!;
    const at = (row & SEGMENT_MASK) * this.layout.stride;
    const address = this.doubles[row >> SEGMENT_BITS]![(at + field.offset) >> 1]!;
    const length = this.words[row >> SEGMENT_BITS]![at + field.lengthOffset]!;
    if (length === 0) return new Uint8Array(0);
    const segment = Math.floor(address / ARENA_SEGMENT_SPAN);
    const start = address - segment * ARENA_SEGMENT_SPAN;
    return this.arena.segments[segment]!.subarray(start, start + length);
  }
}

function textBytes(lengths: Int32Array, count: number): number {
  let bytes = 0;
  for (let i = 0; i < count; i++) bytes += blockBytes(lengths[i]!);
  return bytes;
}

function liveRows(words: readonly Int32Array[], stride: number, start: number, end: number, to: Int32Array): number {
  let count = 0;
  for (let row = start; row < end; row++) {
    if ((words[row >> SEGMENT_BITS]![(row & SEGMENT_MASK) * stride]! & 1) === 1) to[count++] = row;
  }
  return count;
}

/** @returns the 32-bit halves of 64-bit words, low first. */
export function halves(data: BigInt64Array): Int32Array {
  return new Int32Array(data.buffer, data.byteOffset, data.length * 2);
}
