/**
 * Rows of one state, row-major: one record a row (record-layout.ts), in segments of 32 K rows, so that growth never copies more
 * than the first segment while it is small. Text lies in the store's own arena. Row numbers are taken again after they were freed.
 *
 * A store that was given a page file may put segments out (`evict`, between epochs or between the steps of a large one): spilled-rows.ts.
 * Then kernels find a row's record under the number that `located` says, which is the row's own while its segment is in memory.
 *
 * Freeing is deferred to `endEpoch()`: until then freed rows keep their contents, because columns gathered in the running epoch
 * refer to the arena, and because the epoch may be taken back (`undoFrees`).
 */
import {Arena} from '../../base/arena.ts';
import type {Column} from '../../base/delta.ts';
import {invariant} from '../../base/invariant.ts';
import type {LogicalType} from '../../base/type.ts';
import {AlignedArena, blocksBytes} from './aligned-arena.ts';
import {Int32Stack} from './number-stack.ts';
import type {RecordField, RecordLayout} from './record-layout.ts';
import {recordLayout} from './record-layout.ts';
import {gatherColumn, type Records} from './record-gather.ts';
import {anyAbsent, liveRows, readF64} from './record-read.ts';
import type {PageSpace} from './page-file.ts';
import {SEGMENT_BITS, SEGMENT_MASK, writeField, writeHeader, writeNulls, writePositions} from './record-write.ts';
import {SpilledRows, type SpillCounts} from './spilled-rows.ts';

const segmentRowsMin = 256;
const segmentRowsMax = 1 << SEGMENT_BITS;
/** Rows in one chunk of `scan()`. */
export const SCAN_ROWS = 4096;
/** A segment that is out and of which this part is free comes back, so that its rows are used again. */
const sparseShare = 0.5;
/** Free rows below which a sparse segment comes back. */
const freeRowsMin = 4096;
/** A segment with more fresh rows is still being filled, and does not go out: its image would be mostly air. */
const freshRowsMax = 1024;

export interface RowStoreOptions {
  /** Records hold a `_pos`. */
  readonly positions?: boolean;
  /** Columns of doubles whose −0 is stored as 0: key columns, whose values must be one in every reader. */
  readonly normalised?: readonly number[];
  /** Where rows go when memory is short; none: they stay in memory. */
  readonly pages?: PageSpace;
  /** Rows of a segment, a power of two; tests give few. */
  readonly segmentRows?: number;
}

export class RowStore {
  readonly types: readonly LogicalType[];
  readonly layout: RecordLayout;
  /** The segments as words and as doubles; replaced, so look them up per call. */
  readonly words: Int32Array[] = [];
  readonly doubles: Float64Array[] = [];
  readonly arena = new AlignedArena({zoned: true});
  /** Whether a column ever held a NULL. */
  readonly #nullable: boolean[];
  readonly #normalised: readonly boolean[];
  readonly #bytesFields: readonly RecordField[];
  readonly #free = new Int32Stack();
  readonly #pending = new Int32Stack();
  readonly #spill: SpilledRows | null;
  readonly #segmentRowsMax: number;
  /** Rows of each segment; 0: not in use. */
  readonly #segmentRows: number[] = [];
  readonly #freeSegments: number[] = [];
  /** Fresh rows, never taken: [next, end) of one segment. */
  #fresh = 0;
  #freshEnd = 0;
  #limit = 0; // rows that were ever taken are below it
  #residentRows = 0; // rows that the segments in memory have room for, frames included
  #live = 0;

  constructor(types: readonly LogicalType[], options: RowStoreOptions = {}) {
    this.types = types;
    this.layout = recordLayout(types, options.positions === true);
    this.#nullable = types.map(() => false);
    this.#normalised = types.map((_, column) => options.normalised?.includes(column) === true);
    this.#bytesFields = this.layout.fields.filter((field) => field.kind === 'bytes');
    this.#segmentRowsMax = options.segmentRows ?? segmentRowsMax;
    this.#spill = options.pages === undefined ? null : new SpilledRows({
      layout: this.layout, words: this.words, doubles: this.doubles, arena: this.arena, takeSegment: () => this.#addSegment(segmentRowsMax), giveSegment: (segment) => this.#dropSegment(segment),
    }, options.pages);
  }

  /** Live rows. */
  get rowCount(): number { return this.#live; }

  /** Row numbers are below this. */
  get rowLimit(): number { return this.#limit; }

  /** @returns whether column `index` may hold a NULL. */
  mayBeNull(index: number): boolean { return this.#nullable[index]!; }

  bytes(): number {
    return this.#residentRows * this.layout.stride * 4 + this.arena.bytes() + this.#free.bytes() + this.#pending.bytes() + (this.#spill?.bytes() ?? 0);
  }

  /**
   * @param rowCount rows of `columns`, whose text is counted.
   * @returns an estimate from above of what inserting `count` rows adds to `bytes()`.
   */
  growthBytes(columns: readonly Column[], rowCount: number, count: number): number {
    const fresh = Math.max(0, count - this.#free.length - (this.#freshEnd - this.#fresh));
    const unit = Math.max(segmentRowsMin, Math.min(this.#residentRows, segmentRowsMax));
    let bytes = fresh === 0 ? 0 : (fresh + unit) * this.layout.stride * 4;
    let text = 0;
    for (let index = 0; index < columns.length; index++) {
      const column = columns[index];
      if (column?.kind === 'bytes') text += blocksBytes(column.length, rowCount) * Math.max(1, count / rowCount);
    }
    bytes += this.arena.growthBytes(text);
    return bytes;
  }

  /** Makes fresh rows. The only segment doubles while it is small; then segments follow, whole ones where the store is large. */
  #grow(): void {
    const first = this.#segmentRows[0];
    if (first !== undefined && this.words.length === 1 && first > 0 && first < this.#segmentRowsMax && this.#freshEnd === first) {
      const before = this.words[0]!;
      this.#placeSegment(0, first * 2);
      this.words[0]!.set(before);
      this.#residentRows -= first;
      this.#freshEnd = first * 2;
      return;
    }
    // Only a store of which rows are out is small and has a segment already.
    const rows = Math.min(this.#segmentRowsMax, 2 ** Math.ceil(Math.log2(Math.max(segmentRowsMin, this.#live))));
    this.#fresh = this.#addSegment(rows) << SEGMENT_BITS;
    this.#freshEnd = this.#fresh + rows;
  }

  #addSegment(rows: number): number {
    const segment = this.#freeSegments.pop() ?? this.words.length;
    invariant(segment < 0x7fff_0000 >> SEGMENT_BITS, () => `row store with ${segment} segments: row numbers are Int32`);
    this.#placeSegment(segment, rows);
    return segment;
  }

  #placeSegment(segment: number, rows: number): void {
    const buffer = new ArrayBuffer(rows * this.layout.stride * 4);
    this.words[segment] = new Int32Array(buffer);
    this.doubles[segment] = new Float64Array(buffer);
    this.#segmentRows[segment] = rows;
    this.#residentRows += rows;
  }

  /** Forgets the records and the text of a segment. */
  #clearSegment(segment: number): void {
    this.words[segment] = noWords;
    this.doubles[segment] = noDoubles;
    this.arena.dropZone(segment);
    this.#residentRows -= this.#segmentRows[segment]!;
  }

  #dropSegment(segment: number): void {
    this.#clearSegment(segment);
    this.#segmentRows[segment] = 0;
    this.#freeSegments.push(segment);
  }

  /** @returns the numbers under which the kernels find the rows' records; valid until the next call. */
  located(rows: Int32Array, count: number): Int32Array {
    const spill = this.#spill;
    return spill === null || !spill.any ? rows : spill.locate(rows, count);
  }

  /** @returns the number under which the kernels find one row's record. */
  locatedOne(row: number): number {
    const spill = this.#spill;
    return spill === null || !spill.any ? row : spill.locateOne(row);
  }

  /** Copies rows in. @param outRows takes their row numbers. */
  insert(columns: readonly Column[], selection: Int32Array | null, count: number, outRows: Int32Array): void {
    const {fields, headerWords, stride} = this.layout;
    invariant(columns.length >= fields.length, () => `insert of ${columns.length} columns into a store of ${fields.length}`);
    for (let i = 0; i < count; i++) {
      if (this.#free.length > 0) outRows[i] = this.#free.pop();
      else {
        if (this.#fresh === this.#freshEnd) this.#grow();
        outRows[i] = this.#fresh++;
        if (this.#fresh > this.#limit) this.#limit = this.#fresh;
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
    const {valid} = column;
    if (valid !== null && writeNulls(this.words, stride, field.validOffset, field.validMask, rows, valid, selection, count) > 0) this.#nullable[index] = true;
    writeField(this, field, stride, index, column, selection, count, rows, this.#normalised[index]!);
  }

  /** Frees live rows at the end of the epoch; till then their contents stay, but `scan()` no longer gives them. */
  free(rows: Int32Array, count: number): void {
    for (let i = 0; i < count; i++) {
      this.#setLive(rows[i]!, false);
      this.#pending.push(rows[i]!);
    }
    this.#live -= count;
  }

  #setLive(row: number, live: boolean): void {
    const spill = this.#spill;
    if (spill !== null && spill.isOut(row)) {
      spill.setLive(row, live);
      return;
    }
    const segment = this.words[row >> SEGMENT_BITS]!;
    const at = (row & SEGMENT_MASK) * this.layout.stride;
    invariant(((segment[at]! & 1) === 1) !== live, () => `row ${row} ${live ? 'is live already' : 'is freed twice'}`);
    segment[at]! ^= 1;
  }

  /** Takes the last `count` frees of this epoch back, last first. */
  undoFrees(count: number): void {
    invariant(count <= this.#pending.length, () => `undo of ${count} frees, ${this.#pending.length} are pending`);
    for (let i = 0; i < count; i++) this.#setLive(this.#pending.pop(), true);
    this.#live += count;
  }

  /** Frees live rows at once: only for rows that nobody refers to (inserts that are taken back). */
  discard(rows: Int32Array, count: number): void {
    for (let i = 0; i < count; i++) {
      this.#setLive(rows[i]!, false);
      this.#release(rows[i]!);
    }
    this.#live -= count;
  }

  /** Gives the rows and bytes freed in this epoch back for use. */
  endEpoch(): void {
    while (this.#pending.length > 0) this.#release(this.#pending.pop());
  }

  #release(row: number): void {
    const spill = this.#spill;
    if (spill !== null && spill.isOut(row)) {
      spill.release(row);
      return;
    }
    const {stride} = this.layout;
    const words = this.words[row >> SEGMENT_BITS]!;
    const doubles = this.doubles[row >> SEGMENT_BITS]!;
    const at = (row & SEGMENT_MASK) * stride;
    for (const field of this.#bytesFields) {
      const length = words[at + field.lengthOffset]!;
      if (length === 0) continue;
      this.arena.free(doubles[(at + field.offset) >> 1]!, length);
      words[at + field.lengthOffset] = 0;
    }
    this.#free.push(row);
  }

  /** Whether rows are out, and how those that were asked for were found. */
  get spillCounts(): SpillCounts | null { return this.#spill?.counts ?? null; }

  /** Whether any row lies in the page file. */
  get spilled(): boolean { return this.#spill?.any === true; }

  /** @returns an estimate of the bytes that `evict` could give back. */
  evictableBytes(): number {
    return this.#spill === null ? 0 : Math.max(0, this.#residentRows - (this.#freshEnd - this.#fresh)) * this.layout.stride * 4 + this.arena.bytes();
  }

  /**
   * Puts segments out until `bytes` of memory are given back or none is left. Not while anybody reads what was gathered from the
   * store: between epochs, or between the steps of one.
   *
   * @returns bytes given back.
   * @throws {WarehouseError} `MR_PAGE_FILE_FAILED` when the file cannot take them; all rows are as they were.
   */
  evict(bytes: number): number {
    const spill = this.#spill;
    if (spill === null) return 0;
    const before = this.bytes();
    spill.dropFrames();
    const pending = new Map<number, number>();
    for (let at = 0; at < this.#pending.length; at++) {
      const segment = this.#pending.at(at) >> SEGMENT_BITS;
      if (!spill.segmentOut(segment)) pending.set(segment, (pending.get(segment) ?? 0) + 1);
    }
    const gone = new Set<number>();
    const filling = this.#freshEnd - this.#fresh > freshRowsMax ? (this.#freshEnd - 1) >> SEGMENT_BITS : -1;
    try {
      while (before - this.bytes() < bytes) {
        const segment = spill.coldest(this.words.length, (candidate) => this.#segmentRows[candidate] === 0 || candidate === filling || spill.isFrames(candidate));
        if (segment === -1) break;
        spill.spill(segment, this.#segmentRows[segment]!, pending.get(segment) ?? 0);
        this.#clearSegment(segment);
        gone.add(segment);
        if (segment === (this.#freshEnd - 1) >> SEGMENT_BITS) this.#fresh = this.#freshEnd = 0;
      }
    } finally {
      if (gone.size > 0) this.#free.filter((row) => !gone.has(row >> SEGMENT_BITS));
    }
    return before - this.bytes();
  }

  /**
   * Where rows were freed among those that are out, one segment comes back, so that they are used again before new ones are made.
   * Between epochs.
   *
   * @throws {WarehouseError} `MR_PAGE_FILE_FAILED`; all rows are as they were.
   */
  reuse(): void {
    const spill = this.#spill;
    if (spill === null || !spill.any || this.#free.length + this.#freshEnd - this.#fresh >= freeRowsMin) return;
    const segment = spill.sparsest(sparseShare);
    if (segment === -1) return;
    const rows = this.#segmentRows[segment]!;
    const buffer = new ArrayBuffer(rows * this.layout.stride * 4);
    const words = new Int32Array(buffer);
    const doubles = new Float64Array(buffer);
    spill.restore(segment, words, doubles, (row) => this.#free.push(row));
    this.words[segment] = words;
    this.doubles[segment] = doubles;
    this.#residentRows += rows;
  }

  /** Rows that were fetched from the page file go: nothing that was gathered from them may be in use. */
  dropFrames(): void {
    this.#spill?.dropFrames();
  }

  /** As `dropFrames`, if there are many. */
  endChunk(): void {
    this.#spill?.endChunk();
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
    const places = this.located(rows, count);
    for (let i = 0; i < columnIndexes.length; i++) columns[i] = this.#column(this, columnIndexes[i]!, places, count, absent, columns[i]);
    columns.length = columnIndexes.length;
    return columns;
  }

  #column(records: Records, index: number, rows: Int32Array, count: number, absent: boolean, reuse: Column | undefined): Column {
    return gatherColumn(records, this.layout.fields[index]!, this.layout.stride, absent || this.#nullable[index]!, rows, count, reuse);
  }

  /** @param out takes the positions of the rows. */
  getPositions(rows: Int32Array, count: number, out: Float64Array): void {
    invariant(this.layout.positionOffset >= 0, 'the store holds no positions');
    readF64(this.doubles, this.layout.stride, this.layout.positionOffset, this.located(rows, count), count, out);
  }

  setPositions(rows: Int32Array, count: number, positions: Float64Array): void {
    const {stride, positionOffset} = this.layout;
    const spill = this.#spill;
    invariant(positionOffset >= 0, 'the store holds no positions');
    if (spill === null || !spill.any) {
      writePositions(this.doubles, stride, positionOffset, rows, positions, count);
      return;
    }
    for (let i = 0; i < count; i++) if (!spill.isOut(rows[i]!)) this.doubles[rows[i]! >> SEGMENT_BITS]![((rows[i]! & SEGMENT_MASK) * stride + positionOffset) >> 1] = positions[i]!;
    spill.writeDoubles(positionOffset, rows, positions, count);
  }

  getPosition(row: number): number {
    const place = this.locatedOne(row);
    return this.doubles[place >> SEGMENT_BITS]![((place & SEGMENT_MASK) * this.layout.stride + this.layout.positionOffset) >> 1]!;
  }

  /** @returns whether `row` holds a row that was not freed. */
  live(row: number): boolean {
    if (row < 0 || row >= this.#limit) return false;
    if (this.#spill?.isOut(row) === true) return this.#spill.live(row);
    return (this.words[row >> SEGMENT_BITS]![(row & SEGMENT_MASK) * this.layout.stride]! & 1) === 1;
  }

  /** The bytes of one value of live row `row`, for cold paths. */
  view(row: number, index: number): Uint8Array {
    const [column] = this.gather(Int32Array.of(row), 1, [index]);
    invariant(column?.kind === 'bytes', () => `column ${index} holds no bytes`);
    return column.length[0] === 0 ? noBytes : column.arena.view(column.address[0]!, column.length[0]!);
  }

  /**
   * Gives the live rows in chunks of at most `SCAN_ROWS` row numbers; the array is reused from one chunk to the next. What was
   * gathered in a chunk is valid until the next one is asked for.
   */
  *scan(): Generator<{readonly rows: Int32Array; readonly count: number}, void, undefined> {
    const spill = this.#spill;
    const rows = new Int32Array(SCAN_ROWS);
    for (const {start, end, out} of this.#chunks()) {
      const count = this.#liveRows(start, end, rows);
      if (count === 0) continue;
      const mark = out ? spill!.mark() : null;
      yield {rows, count};
      if (mark !== null) spill!.rewind(mark);
    }
  }

  /** Gives columns of the live rows in chunks, and the rows, in an array that is reused. Text is valid as long as nothing is freed or put out; that of rows that are out, always. */
  *content(columnIndexes: readonly number[]): Generator<{readonly rows: Int32Array; readonly columns: Column[]; readonly count: number}, void, undefined> {
    const rows = new Int32Array(SCAN_ROWS);
    for (const {start, end, out} of this.#chunks()) {
      if (!out) {
        const count = this.#liveRows(start, end, rows);
        if (count > 0) yield {rows, columns: columnIndexes.map((index) => this.#column(this, index, rows, count, false, undefined)), count};
        continue;
      }
      const {records, text, count} = this.#spill!.copy(start, end, rows);
      if (count === 0) continue;
      const copied: Records = {words: [records], doubles: [new Float64Array(records.buffer)], arena: Arena.wrap(text)};
      const order = Int32Array.from({length: count}, (_, i) => i);
      yield {rows, columns: columnIndexes.map((index) => this.#column(copied, index, order, count, false, undefined)), count};
    }
  }

  /** Runs of row numbers that hold rows, each of one segment. */
  *#chunks(): Generator<{readonly start: number; readonly end: number; readonly out: boolean}, void, undefined> {
    for (let segment = 0; segment < this.words.length; segment++) {
      if (this.#segmentRows[segment] === 0 || this.#spill?.isFrames(segment) === true) continue;
      const first = segment << SEGMENT_BITS;
      for (let start = first; start < first + this.#segmentRows[segment]!; start += SCAN_ROWS) {
        yield {start, end: Math.min(start + SCAN_ROWS, first + this.#segmentRows[segment]!), out: this.#spill?.segmentOut(segment) === true};
      }
    }
  }

  #liveRows(start: number, end: number, to: Int32Array): number {
    return this.#spill?.segmentOut(start >> SEGMENT_BITS) === true ? this.#spill.liveRows(start, end, to) : liveRows(this.words, this.layout.stride, start, end, to);
  }
}

const noBytes = new Uint8Array(0);
const noWords = new Int32Array(0);
const noDoubles = new Float64Array(0);
