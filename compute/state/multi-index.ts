/**
 * key → all rows of that key: a slot holds the head of a chain, the chain is doubly linked by row number (row-links.ts), so that
 * a row comes and goes in O(1) however many rows share its key (hot keys). New rows become heads: chains are newest first.
 *
 * A removed row keeps its links until its number is taken again (after `endEpoch()` of the store). So `restore`, called in the
 * reverse order of the removals, puts each row back exactly where it was: undo is exact, order of chains included.
 */
import type {Column} from '../../base/delta.ts';
import {invariant} from '../../base/invariant.ts';
import {AlignedArena, alignColumn} from './aligned-arena.ts';
import {Int32Map} from './int32-map.ts';
import type {HashFinish} from './key-hash.ts';
import {finishHashes, hashColumns, hashRecords} from './key-hash.ts';
import {recordsEqual} from './record-equal.ts';
import type {RecordField} from './record-layout.ts';
import {touchRecords} from './record-read.ts';
import {SEGMENT_BITS, SEGMENT_MASK} from './record-write.ts';
import type {RowStore} from './row-store.ts';
import {RowLinks} from './row-links.ts';
import {SlotTable} from './slot-table.ts';
import type {IndexOptions} from './unique-index.ts';
import {verifyCandidates} from './unique-index.ts';

/** `never-match`: a key with a NULL is not indexed and finds nothing (equi-joins). `group`: NULL equals NULL. */
export type NullRule = 'never-match' | 'group';

const NONE = -1;
/** `previous` of a row that is not in the index, because its key has a NULL. */
const OUTSIDE = -2;

let sink = 0;

/** @returns what keeps the touching loads alive. */
export function touchedHeads(): number {
  return sink;
}

export class MultiIndex {
  readonly store: RowStore;
  readonly keyColumns: readonly number[];
  readonly nulls: NullRule;
  readonly #fields: readonly RecordField[];
  readonly #finish: HashFinish;
  readonly #slots: SlotTable;
  readonly #scratch = new AlignedArena();
  readonly #links: RowLinks;
  #hash = new Int32Array(1024);
  #flags = new Uint8Array(1024);
  #heads = new Int32Array(1024);

  constructor(store: RowStore, keyColumns: readonly number[], nulls: NullRule, options: IndexOptions = {}) {
    this.store = store;
    this.keyColumns = keyColumns;
    this.nulls = nulls;
    this.#fields = keyColumns.map((column) => store.layout.fields[column]!);
    this.#finish = options.finish ?? finishHashes;
    this.#slots = new SlotTable(options.blocks ?? null);
    this.#links = new RowLinks(options.blocks ?? null);
  }

  /** Distinct keys held. */
  get keyCount(): number { return this.#slots.count; }

  /** Whether a part of the index is out. */
  get spilled(): boolean { return this.#slots.spilled || this.#links.spilled; }

  /** Bytes in memory, blocks of what is out apart. */
  bytes(): number { return this.#slots.bytes() + this.#links.bytes() + this.#scratch.bytes() + this.#hash.length * 13; }

  growthBytes(count: number): number { return this.#slots.growthBytes(count) + count * 16; }

  #ensure(count: number): void {
    if (this.#hash.length >= count) return;
    const length = 2 ** Math.ceil(Math.log2(count));
    this.#hash = new Int32Array(length);
    this.#flags = new Uint8Array(length);
    this.#heads = new Int32Array(length);
  }

  /** @returns the row after `row` in its chain, −1 at the end. */
  next(row: number): number { return this.#links.next(row); }

  /** @returns the rows of the chain that begins at `head`: O(length). */
  chainLength(head: number): number {
    let length = 0;
    for (let row = head; row >= 0; row = this.next(row)) length++;
    return length;
  }

  /** Looks `count` keys up. @param outHead takes the newest row of each, −1 where there is none; go on by `next`. */
  find(keys: readonly Column[], selection: Int32Array | null, count: number, outHead: Int32Array): void {
    this.#ensure(count);
    this.#scratch.reset();
    const aligned = keys.map((column) => alignColumn(this.#scratch, column, selection, count));
    hashColumns(this.#fields, aligned, selection, count, this.#hash, this.#finish);
    this.#slots.touch(this.#hash, count);
    this.#slots.first(this.#hash, count, outHead);
    verifyCandidates(this.store, this.#slots, this.#fields, this.#hash, aligned, selection, count, outHead, this.#flags);
    if (this.nulls === 'never-match') for (const column of keys) if (column.valid !== null) clearNulls(column.valid, selection, count, outHead);
    this.#links.fetch(outHead, count);
  }

  /** @returns whether a key field of the record is NULL and the rule keeps it out. */
  #outside(row: number): boolean {
    if (this.nulls === 'group') return false;
    const place = this.store.locatedOne(row);
    const words = this.store.words[place >> SEGMENT_BITS]!;
    const at = (place & SEGMENT_MASK) * this.store.layout.stride;
    for (const {validOffset, validMask} of this.#fields) if ((words[at + validOffset]! & validMask) === 0) return true;
    return false;
  }

  /**
   * Before changes while a part of the index is out: brings what they, and taking them back, look into. See slot-table.ts.
   *
   * @param going rows that will be removed; `coming` rows of the store that will be inserted.
   * @throws {WarehouseError} `MR_PAGE_FILE_FAILED`; the index is as it was.
   */
  prepare(going: Int32Array, goingCount: number, coming: Int32Array, comingCount: number): void {
    if (!this.spilled && !this.store.spilled) return;
    this.#ensure(Math.max(goingCount, comingCount));
    this.#links.ensure(this.store.rowLimit);
    hashRecords(this.store, this.#fields, coming, comingCount, this.#hash, this.#finish);
    const added = this.#hash.slice(0, comingCount);
    hashRecords(this.store, this.#fields, going, goingCount, this.#hash, this.#finish);
    this.#slots.prepare(this.#hash, goingCount, added, comingCount);
    this.#links.fetchNeighbours(going, goingCount);
    this.#links.fetch(coming, comingCount);
    if (comingCount > 0) this.#prepareHeads(added, comingCount, going, goingCount);
  }

  /**
   * Brings links and records of all rows that a row which comes may be compared with and linked to: the heads that have its hash, and
   * for a head that goes the first row of its chain that stays.
   */
  #prepareHeads(hash: Int32Array, count: number, going: Int32Array, goingCount: number): void {
    const gone = new Int32Map();
    for (let i = 0; i < goingCount; i++) gone.add(going[i]!, 0);
    const heads = this.#heads;
    const staying = new Int32Array(count);
    this.#slots.first(hash, count, heads);
    for (let left = count; left > 0;) {
      this.#links.fetch(heads, count);
      left = 0;
      for (let i = 0; i < count; i++) {
        let row = heads[i]!;
        if (row >= 0) heads[i] = this.#slots.nextSame(hash[i]!, row);
        if (heads[i]! >= 0) left++;
        while (row >= 0 && gone.get(row) === 0) row = this.next(row);
        staying[i] = row;
      }
      this.store.located(staying, count);
    }
  }

  /** Bytes that `evict` could give back. */
  evictableBytes(): number { return this.#slots.evictableBytes() + this.#links.evictableBytes(); }

  /**
   * Puts parts out until `bytes` of memory are given back or all is out; links first: a look-up reads one of slots in any case, of
   * links only where there is something.
   *
   * @returns bytes given back.
   * @throws {WarehouseError} `MR_PAGE_FILE_FAILED`; what it met is in memory as before.
   */
  evict(bytes: number): number {
    const freed = this.#links.evict(bytes);
    return freed + (freed < bytes ? this.#slots.evict(bytes - freed) : 0);
  }

  /** Between epochs; see `SlotTable.maintain`. */
  maintain(): void { this.#slots.maintain(); }

  /** Gives the room in the file back; the index is void. */
  drop(): void {
    this.#slots.drop();
    this.#links.drop();
  }

  #begin(rows: Int32Array, count: number): void {
    this.#ensure(count);
    this.#links.ensure(this.store.rowLimit);
    hashRecords(this.store, this.#fields, rows, count, this.#hash, this.#finish);
    this.#slots.touch(this.#hash, count);
  }

  /** Adds rows of the store, in order: the last one of a key becomes its head. */
  insert(rows: Int32Array, count: number): void {
    this.#begin(rows, count);
    this.#slots.first(this.#hash, count, this.#heads);
    sink = touchRecords(this.store.words, this.store.layout.stride, 0, this.store.located(this.#heads, count), count);
    for (let i = 0; i < count; i++) this.#insertOne(rows[i]!, this.#hash[i]!);
  }

  #insertOne(row: number, hash: number): void {
    if (this.#outside(row)) {
      this.#links.link(row, NONE, OUTSIDE);
      return;
    }
    let head = this.#slots.nextSame(hash, NONE);
    while (head >= 0 && !recordsEqual(this.store, this.#fields, head, row)) head = this.#slots.nextSame(hash, head);
    this.#links.link(row, head, NONE);
    if (head < 0) this.#slots.add(hash, row);
    else {
      this.#links.setPrevious(head, row);
      this.#slots.replace(hash, head, row);
    }
  }

  /** Takes rows out. Their links stay for `restore`. */
  remove(rows: Int32Array, count: number): void {
    this.#begin(rows, count);
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      const previous = this.#links.previous(row);
      if (previous === OUTSIDE) continue;
      const next = this.next(row);
      if (next >= 0) this.#links.setPrevious(next, previous);
      if (previous >= 0) this.#links.setNext(previous, next);
      else if (next >= 0) this.#slots.replace(this.#hash[i]!, row, next);
      else this.#slots.remove(this.#hash[i]!, row);
    }
  }

  /** Puts removed rows back where they were; the exact reverse of the removals, `rows` in the order of their removal. */
  restore(rows: Int32Array, count: number): void {
    this.#begin(rows, count);
    for (let i = count - 1; i >= 0; i--) {
      const row = rows[i]!;
      const previous = this.#links.previous(row);
      if (previous === OUTSIDE) continue;
      const next = this.next(row);
      if (next >= 0) this.#links.setPrevious(next, row);
      if (previous >= 0) {
        invariant(this.next(previous) === next, () => `row ${row} is restored out of order`);
        this.#links.setNext(previous, row);
      } else if (next >= 0) this.#slots.replace(this.#hash[i]!, next, row);
      else this.#slots.add(this.#hash[i]!, row);
    }
  }
}

function clearNulls(valid: Uint8Array, selection: Int32Array | null, count: number, heads: Int32Array): void {
  for (let i = 0; i < count; i++) if (valid[selection === null ? i : selection[i]!] === 0) heads[i] = NONE;
}
