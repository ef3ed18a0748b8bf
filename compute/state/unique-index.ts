/**
 * key → row of a store, for keys that occur once. A probe is staged: hash all keys, load all slots, load all candidate rows, then
 * verify column by column; only keys whose 32-bit hash is shared with another key walk on one by one.
 * NULL is a value like others here (equal to itself), as in grouping.
 */
import type {Column} from '../../base/delta.ts';
import {AlignedArena, alignColumn} from './aligned-arena.ts';
import type {HashFinish} from './key-hash.ts';
import {finishHashes, hashColumns, hashRecords} from './key-hash.ts';
import {compareColumns} from './record-equal.ts';
import type {RecordField} from './record-layout.ts';
import {touchRecords} from './record-read.ts';
import type {RowStore} from './row-store.ts';
import {SlotTable} from './slot-table.ts';
import type {WordBlocks} from './word-blocks.ts';

let sink = 0;

/** @returns what keeps the touching loads alive. */
export function touchedRecords(): number {
  return sink;
}

/** Verifies candidates found by hash; those that are another key's walk on. Shared by both indexes (a head stands for its chain). */
export function verifyCandidates(store: RowStore, slots: SlotTable, fields: readonly RecordField[], hash: Int32Array, columns: readonly Column[], selection: Int32Array | null, count: number, rows: Int32Array, flags: Uint8Array): void {
  flags.fill(1, 0, count);
  if (fields.length > 0) sink = touchRecords(store.words, store.layout.stride, fields[0]!.offset, store.located(rows, count), count);
  compareColumns(store, fields, rows, columns, selection, count, flags, false);
  for (let i = 0; i < count; i++) if (flags[i] === 0) rows[i] = walkOn(store, slots, fields, hash[i]!, columns, selection === null ? i : selection[i]!, rows[i]!);
}

const oneRow = new Int32Array(1);
const oneSelected = new Int32Array(1);
const oneFlag = new Uint8Array(1);

function walkOn(store: RowStore, slots: SlotTable, fields: readonly RecordField[], hash: number, columns: readonly Column[], from: number, after: number): number {
  for (let row = slots.nextSame(hash, after); row >= 0; row = slots.nextSame(hash, row)) {
    oneRow[0] = row;
    oneSelected[0] = from;
    oneFlag[0] = 1;
    compareColumns(store, fields, oneRow, columns, oneSelected, 1, oneFlag, false);
    if (oneFlag[0] === 1) return row;
  }
  return -1;
}

export interface IndexOptions {
  /** Ends the hash; tests give a weak one to force collisions. */
  readonly finish?: HashFinish;
  /** Where parts of the index may go; none: it stays in memory. */
  readonly blocks?: WordBlocks | null;
}

export class UniqueIndex {
  readonly store: RowStore;
  readonly keyColumns: readonly number[];
  readonly #fields: readonly RecordField[];
  readonly #finish: HashFinish;
  readonly #slots: SlotTable;
  readonly #scratch = new AlignedArena();
  #hash = new Int32Array(1024);
  #flags = new Uint8Array(1024);

  constructor(store: RowStore, keyColumns: readonly number[], options: IndexOptions = {}) {
    this.store = store;
    this.keyColumns = keyColumns;
    this.#fields = keyColumns.map((column) => store.layout.fields[column]!);
    this.#finish = options.finish ?? finishHashes;
    this.#slots = new SlotTable(options.blocks ?? null);
  }

  /** Keys held. */
  get count(): number { return this.#slots.count; }

  /** Whether a part of the index is out. */
  get spilled(): boolean { return this.#slots.spilled; }

  /** Bytes in memory, blocks of what is out apart. */
  bytes(): number { return this.#slots.bytes() + this.#scratch.bytes() + this.#hash.length * 4 + this.#flags.length; }

  growthBytes(count: number): number { return this.#slots.growthBytes(count); }

  /** Makes room for about so many keys. */
  expect(count: number): void { this.#slots.expect(count); }

  /** @returns bytes of what `expect` makes. */
  expectedBytes(count: number): number { return this.#slots.expectedBytes(count); }

  /** Bytes that `evict` could give back. */
  evictableBytes(): number { return this.#slots.evictableBytes(); }

  /** Puts parts out; see `SlotTable.evict`. */
  evict(bytes: number): number { return this.#slots.evict(bytes); }

  /** Between epochs; see `SlotTable.maintain`. */
  maintain(): void { this.#slots.maintain(); }

  /** Gives the room in the file back; the index is void. */
  drop(): void { this.#slots.drop(); }

  /**
   * Before changes while a part of the index is out: brings what they, and taking them back, look into. See slot-table.ts.
   *
   * @param changed rows whose keys will go or be replaced; `added` rows that will be inserted.
   * @throws {WarehouseError} `MR_PAGE_FILE_FAILED`; the index is as it was.
   */
  prepare(changed: Int32Array, changedCount: number, added: Int32Array, addedCount: number): void {
    if (!this.spilled) return;
    this.#ensure(Math.max(changedCount, addedCount));
    hashRecords(this.store, this.#fields, added, addedCount, this.#hash, this.#finish);
    const hash = this.#hash.slice(0, addedCount);
    hashRecords(this.store, this.#fields, changed, changedCount, this.#hash, this.#finish);
    this.#slots.prepare(this.#hash, changedCount, hash, addedCount);
  }

  #ensure(count: number): void {
    if (this.#hash.length >= count) return;
    const length = 2 ** Math.ceil(Math.log2(count));
    this.#hash = new Int32Array(length);
    this.#flags = new Uint8Array(length);
  }

  /**
   * Hashes keys as `find` does, for callers that also fold by key.
   *
   * @param keys the key columns, in key order; bytes aligned.
   */
  hashKeys(keys: readonly Column[], selection: Int32Array | null, count: number, hash: Int32Array): void {
    hashColumns(this.#fields, keys, selection, count, hash, this.#finish);
  }

  /** Looks `count` keys up. @param outRows takes the row of each, −1 where the key is absent. */
  find(keys: readonly Column[], selection: Int32Array | null, count: number, outRows: Int32Array): void {
    this.#ensure(count);
    this.#scratch.reset();
    const aligned = keys.map((column) => alignColumn(this.#scratch, column, selection, count));
    this.hashKeys(aligned, selection, count, this.#hash);
    this.findHashed(aligned, selection, count, this.#hash, outRows);
  }

  /** `find` for keys that are aligned and hashed already. */
  findHashed(keys: readonly Column[], selection: Int32Array | null, count: number, hash: Int32Array, outRows: Int32Array): void {
    this.#ensure(count);
    this.#slots.touch(hash, count);
    this.#slots.first(hash, count, outRows);
    verifyCandidates(this.store, this.#slots, this.#fields, hash, keys, selection, count, outRows, this.#flags);
  }

  /** Adds rows of the store whose keys are not in the index, each once. */
  insert(rows: Int32Array, count: number): void {
    this.#ensure(count);
    hashRecords(this.store, this.#fields, rows, count, this.#hash, this.#finish);
    this.#slots.touch(this.#hash, count);
    for (let i = 0; i < count; i++) this.#slots.add(this.#hash[i]!, rows[i]!);
  }

  /** As `insert`, for very many; `endLoad` ends it. See `SlotTable.addLater`. */
  load(rows: Int32Array, count: number): void {
    this.#ensure(count);
    hashRecords(this.store, this.#fields, rows, count, this.#hash, this.#finish);
    this.#slots.addLater(this.#hash, rows, count);
  }

  endLoad(): void { this.#slots.endLater(); }

  /** Takes rows out that are in the index. */
  remove(rows: Int32Array, count: number): void {
    this.#ensure(count);
    hashRecords(this.store, this.#fields, rows, count, this.#hash, this.#finish);
    this.#slots.touch(this.#hash, count);
    for (let i = 0; i < count; i++) this.#slots.remove(this.#hash[i]!, rows[i]!);
  }

  /** Lets the key of `from[i]` point to `to[i]`, a row of the same key. */
  replace(from: Int32Array, to: Int32Array, count: number): void {
    this.#ensure(count);
    hashRecords(this.store, this.#fields, to, count, this.#hash, this.#finish);
    this.#slots.touch(this.#hash, count);
    for (let i = 0; i < count; i++) this.#slots.replace(this.#hash[i]!, from[i]!, to[i]!);
  }
}
