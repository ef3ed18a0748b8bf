/**
 * The indexes of one table: by its key, and chains by other columns that operators share. They follow the rows together, are filled,
 * taken back and put out together, and the blocks of them that were brought back from the page file are theirs together.
 */
import {WarehouseError} from '../../base/error.ts';
import type {MemoryShare} from './memory-budget.ts';
import {MultiIndex, type NullRule} from './multi-index.ts';
import type {PageSpace} from './page-file.ts';
import {type RowStore, SCAN_ROWS} from './row-store.ts';
import {type IndexOptions, UniqueIndex} from './unique-index.ts';
import {WordBlocks} from './word-blocks.ts';

/** Bytes of a new index that go out at a time while it is filled beyond the budget. */
const fillBytesMin = 4 << 20;
/** Bytes of blocks that were brought and stay from one step to the next however short memory is. */
const blockBytesKept = 16 << 20;

interface SharedIndex {
  readonly index: MultiIndex;
  /** Length of the journal when the index was made: earlier entries of the epoch are not in its links. */
  since: number;
}

export class TableIndexes {
  readonly #store: RowStore;
  readonly #share: MemoryShare | null;
  /** key → row; of a bag only once it was asked for by key. */
  #unique: UniqueIndex | null = null;
  readonly #shared = new Map<string, SharedIndex>();
  /** Where parts go when memory is short, and the blocks of them that were brought back; null: they stay. */
  readonly #blocks: WordBlocks | null;
  readonly #options: IndexOptions;

  constructor(store: RowStore, pages: PageSpace | null, share: MemoryShare | null, options: IndexOptions) {
    this.#store = store;
    this.#share = share;
    this.#blocks = pages === null ? null : new WordBlocks(pages);
    this.#options = {...options, blocks: this.#blocks};
  }

  get unique(): UniqueIndex | null { return this.#unique; }
  get blocks(): WordBlocks | null { return this.#blocks; }
  /** Whether a part is out. */
  get spilled(): boolean { return this.#blocks !== null && this.#blocks.regionCount > 0; }

  bytes(): number {
    let bytes = (this.#unique?.bytes() ?? 0) + (this.#blocks?.bytes() ?? 0);
    for (const {index} of this.#shared.values()) bytes += index.bytes();
    return bytes;
  }

  /** @returns bytes that `count` more rows add on average. */
  growthBytes(count: number): number {
    let bytes = this.#unique?.growthBytes(count) ?? 0;
    for (const {index} of this.#shared.values()) bytes += index.growthBytes(count);
    return bytes;
  }

  /** Makes room for about so many rows, so that loading them does not grow the index step by step, if memory has it. */
  expect(rowCount: number): void {
    if (this.#unique === null || (this.#blocks !== null && this.#share !== null && this.#unique.expectedBytes(rowCount) > this.#share.roomBytes)) return;
    this.#unique.expect(rowCount);
  }

  /** @returns the index by the key, made over the present rows if there is none. @throws {WarehouseError} `MR_MEMORY_FULL`, `MR_PAGE_FILE_FAILED`. */
  byKey(key: readonly number[]): UniqueIndex {
    if (this.#unique !== null) return this.#unique;
    const unique = new UniqueIndex(this.#store, key, this.#options);
    this.#fill(unique, (rows, count) => unique.load(rows, count));
    unique.endLoad();
    this.#unique = unique;
    return unique;
  }

  /**
   * @param since length of the epoch's journal.
   * @returns the index by these columns, made over the present rows at first asking. @throws as `byKey`.
   */
  index(keyColumns: readonly number[], nulls: NullRule, since: number): MultiIndex {
    const name = `${nulls}:${keyColumns.join(',')}`;
    const known = this.#shared.get(name);
    if (known !== undefined) return known.index;
    const index = new MultiIndex(this.#store, keyColumns, nulls, this.#options);
    this.#fill(index, (rows, count) => index.insert(rows, count));
    this.#shared.set(name, {index, since});
    return index;
  }

  /** Fills a new index with all rows. Nobody refers to it yet: what it holds may go out meanwhile. */
  #fill(index: UniqueIndex | MultiIndex, insert: (rows: Int32Array, count: number) => void): void {
    const share = this.#share;
    const blocks = this.#blocks;
    const spilling = blocks !== null && share !== null;
    share?.reserve(index.growthBytes(spilling ? Math.min(this.#store.rowCount, SCAN_ROWS) : this.#store.rowCount));
    try {
      for (const {rows, count} of this.#store.scan()) {
        insert(rows, count);
        if (!spilling) continue;
        share.settle(this.#store.bytes() + this.bytes() + index.bytes());
        const wanted = Math.max(fillBytesMin, -share.roomBytes);
        if (share.roomBytes < 0 && index.evict(wanted) < wanted) blocks.wash(wanted);
      }
    } catch (cause) {
      index.drop();
      throw cause;
    }
  }

  /** Ends what `load` began. @throws {WarehouseError} `MR_PAGE_FILE_FAILED`; nothing is lost. */
  endLoad(): void { this.#unique?.endLoad(); }

  /** Adds rows at open; keys must be new. */
  load(rows: Int32Array, count: number): void {
    this.#unique?.load(rows, count);
    for (const {index} of this.#shared.values()) index.insert(rows, count);
  }

  /**
   * Before rows are exchanged: brings what that looks into of what is out, so that no file can fail half-way.
   *
   * @param added those of `coming` whose keys are not there, null if the index by key is not changed.
   * @throws {WarehouseError} `MR_PAGE_FILE_FAILED`; nothing has changed then.
   */
  prepare(going: Int32Array, goingCount: number, coming: Int32Array, comingCount: number, added: Int32Array | null): void {
    if (added !== null) this.#unique?.prepare(going, goingCount, added, added.length);
    for (const {index} of this.#shared.values()) index.prepare(going, goingCount, coming, comingCount);
  }

  /** Takes rows out of the chains and puts others in. */
  exchange(going: Int32Array, goingCount: number, coming: Int32Array, comingCount: number): void {
    for (const {index} of this.#shared.values()) {
      index.remove(going, goingCount);
      index.insert(coming, comingCount);
    }
  }

  /**
   * A bag's rows came and went, in the chains already: its index by key follows, if it was asked for.
   *
   * @throws {WarehouseError} `MR_PAGE_FILE_FAILED`; the index is then made anew when it is asked for again.
   */
  rekey(going: Int32Array, coming: Int32Array): void {
    const unique = this.#unique;
    if (unique === null) return;
    try {
      unique.prepare(going, going.length, coming, coming.length); // a row that comes has its key only now
    } catch (cause) {
      unique.drop();
      this.#unique = null;
      throw cause;
    }
    unique.remove(going, going.length);
    unique.insert(coming, coming.length);
  }

  /** Takes inserts back. */
  undoInserts(rows: Int32Array): void {
    this.#unique?.remove(rows, rows.length);
    for (const {index} of this.#shared.values()) index.remove(rows, rows.length);
  }

  /** Takes removals back, `rows` in their order. @param start of them in the journal. */
  undoRemovals(rows: Int32Array, start: number): void {
    const count = rows.length;
    this.#unique?.insert(rows, count);
    for (const {index, since} of this.#shared.values()) {
      const before = Math.max(0, Math.min(count, since - start)); // entries that are older than the index
      index.restore(rows.subarray(before), count - before);
      index.insert(rows, before);
    }
  }

  /** The epoch's journal was cut to a length. */
  cut(length: number): void {
    for (const shared of this.#shared.values()) shared.since = Math.min(shared.since, length);
  }

  /**
   * Between the steps of something long: blocks that were brought go if they are many and memory is short. A file that does not take
   * what was written to them is no error here: they stay.
   *
   * @param settle says what the table holds.
   */
  endChunk(settle: () => void): void {
    if (this.#blocks === null || this.#share === null || this.#blocks.washableBytes() <= blockBytesKept) return;
    settle();
    if (this.#share.roomBytes >= 0) return;
    try {
      this.#blocks.wash(Infinity);
    } catch (cause) {
      if (!(cause instanceof WarehouseError)) throw cause;
    }
    settle();
  }

  endEpoch(): void {
    this.cut(0);
    this.#blocks?.tick();
  }

  /** Between epochs. @throws {WarehouseError} `MR_PAGE_FILE_FAILED`; what is out stays out. */
  maintain(): void {
    this.#unique?.maintain();
    for (const {index} of this.#shared.values()) index.maintain();
  }

  /** Bytes that `evict` could give back. */
  evictableBytes(): number {
    if (this.#blocks === null) return 0;
    let bytes = this.#blocks.washableBytes() + (this.#unique?.evictableBytes() ?? 0);
    for (const {index} of this.#shared.values()) bytes += index.evictableBytes();
    return bytes;
  }

  /**
   * Puts parts out until `bytes` of memory are given back or all is out: blocks that were brought first, which cost a read each to
   * have again, then what never was out. Not within a change.
   *
   * @returns bytes given back.
   * @throws {WarehouseError} `MR_PAGE_FILE_FAILED` when the file cannot take them; the indexes are as they were.
   */
  evict(bytes: number): number {
    if (this.#blocks === null) return 0;
    let freed = this.#blocks.wash(bytes);
    if (freed < bytes) freed += this.#unique?.evict(bytes - freed) ?? 0;
    for (const {index} of this.#shared.values()) if (freed < bytes) freed += index.evict(bytes - freed);
    return freed;
  }
}
