/**
 * key → all rows of that key: a slot holds the head of a chain, the chain is doubly linked through arrays by row number, so that
 * a row comes and goes in O(1) however many rows share its key (hot keys). New rows become heads: chains are newest first.
 *
 * A removed row keeps its links until its number is taken again (after `endEpoch()` of the store). So `restore`, called in the
 * reverse order of the removals, puts each row back exactly where it was: undo is exact, order of chains included.
 */
import type {Column} from '../../base/delta.ts';
import {invariant} from '../../base/invariant.ts';
import {AlignedArena, alignColumn} from './aligned-arena.ts';
import type {HashFinish} from './key-hash.ts';
import {finishHashes, hashColumns, hashRecords} from './key-hash.ts';
import {recordsEqual} from './record-equal.ts';
import type {RecordField} from './record-layout.ts';
import {touchRecords} from './record-read.ts';
import {SEGMENT_BITS, SEGMENT_MASK} from './record-write.ts';
import type {RowStore} from './row-store.ts';
import {SlotTable} from './slot-table.ts';
import type {IndexOptions} from './unique-index.ts';
import {verifyCandidates} from './unique-index.ts';

/** `never-match`: a key with a NULL is not indexed and finds nothing (equi-joins). `group`: NULL equals NULL. */
export type NullRule = 'never-match' | 'group';

const linksMin = 256;
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
  readonly #slots = new SlotTable();
  readonly #scratch = new AlignedArena();
  /** (next, previous) by row number, in segments as the store's. */
  readonly #links: Int32Array[] = [];
  #linksCapacity = 0;
  #hash = new Int32Array(1024);
  #flags = new Uint8Array(1024);
  #heads = new Int32Array(1024);

  constructor(store: RowStore, keyColumns: readonly number[], nulls: NullRule, options: IndexOptions = {}) {
    this.store = store;
    this.keyColumns = keyColumns;
    this.nulls = nulls;
    this.#fields = keyColumns.map((column) => store.layout.fields[column]!);
    this.#finish = options.finish ?? finishHashes;
  }

  /** Distinct keys held. */
  get keyCount(): number { return this.#slots.count; }

  bytes(): number { return this.#slots.bytes() + this.#linksCapacity * 8 + this.#scratch.bytes() + this.#hash.length * 9; }

  growthBytes(count: number): number { return this.#slots.growthBytes(count) + count * 16; }

  #ensure(count: number): void {
    if (this.#hash.length >= count) return;
    const length = 2 ** Math.ceil(Math.log2(count));
    this.#hash = new Int32Array(length);
    this.#flags = new Uint8Array(length);
    this.#heads = new Int32Array(length);
  }

  #ensureLinks(): void {
    while (this.#linksCapacity < this.store.rowLimit) {
      if (this.#linksCapacity <= SEGMENT_MASK) {
        const rows = Math.max(linksMin, this.#linksCapacity * 2);
        const links = new Int32Array(rows * 2);
        const before = this.#links[0];
        if (before !== undefined) links.set(before);
        this.#links[0] = links;
        this.#linksCapacity = rows;
      } else {
        this.#links.push(new Int32Array(2 << SEGMENT_BITS));
        this.#linksCapacity += 1 << SEGMENT_BITS;
      }
    }
  }

  /** @returns the row after `row` in its chain, −1 at the end. */
  next(row: number): number {
    return this.#links[row >> SEGMENT_BITS]![(row & SEGMENT_MASK) << 1]!;
  }

  #previous(row: number): number {
    return this.#links[row >> SEGMENT_BITS]![((row & SEGMENT_MASK) << 1) + 1]!;
  }

  #link(row: number, next: number, previous: number): void {
    const links = this.#links[row >> SEGMENT_BITS]!;
    const at = (row & SEGMENT_MASK) << 1;
    links[at] = next;
    links[at + 1] = previous;
  }

  #setNext(row: number, next: number): void {
    this.#links[row >> SEGMENT_BITS]![(row & SEGMENT_MASK) << 1] = next;
  }

  #setPrevious(row: number, previous: number): void {
    this.#links[row >> SEGMENT_BITS]![((row & SEGMENT_MASK) << 1) + 1] = previous;
  }

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

  #prepare(rows: Int32Array, count: number): void {
    this.#ensure(count);
    this.#ensureLinks();
    hashRecords(this.store, this.#fields, rows, count, this.#hash, this.#finish);
    this.#slots.touch(this.#hash, count);
  }

  /** Adds rows of the store, in order: the last one of a key becomes its head. */
  insert(rows: Int32Array, count: number): void {
    this.#prepare(rows, count);
    this.#slots.first(this.#hash, count, this.#heads);
    sink = touchRecords(this.store.words, this.store.layout.stride, 0, this.store.located(this.#heads, count), count);
    for (let i = 0; i < count; i++) this.#insertOne(rows[i]!, this.#hash[i]!);
  }

  #insertOne(row: number, hash: number): void {
    if (this.#outside(row)) {
      this.#link(row, NONE, OUTSIDE);
      return;
    }
    let head = this.#slots.nextSame(hash, NONE);
    while (head >= 0 && !recordsEqual(this.store, this.#fields, head, row)) head = this.#slots.nextSame(hash, head);
    this.#link(row, head, NONE);
    if (head < 0) this.#slots.add(hash, row);
    else {
      this.#setPrevious(head, row);
      this.#slots.replace(hash, head, row);
    }
  }

  /** Takes rows out. Their links stay for `restore`. */
  remove(rows: Int32Array, count: number): void {
    this.#prepare(rows, count);
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      const previous = this.#previous(row);
      if (previous === OUTSIDE) continue;
      const next = this.next(row);
      if (next >= 0) this.#setPrevious(next, previous);
      if (previous >= 0) this.#setNext(previous, next);
      else if (next >= 0) this.#slots.replace(this.#hash[i]!, row, next);
      else this.#slots.remove(this.#hash[i]!, row);
    }
  }

  /** Puts removed rows back where they were; the exact reverse of the removals, `rows` in the order of their removal. */
  restore(rows: Int32Array, count: number): void {
    this.#prepare(rows, count);
    for (let i = count - 1; i >= 0; i--) {
      const row = rows[i]!;
      const previous = this.#previous(row);
      if (previous === OUTSIDE) continue;
      const next = this.next(row);
      if (next >= 0) this.#setPrevious(next, row);
      if (previous >= 0) {
        invariant(this.next(previous) === next, () => `row ${row} is restored out of order`);
        this.#setNext(previous, row);
      } else if (next >= 0) this.#slots.replace(this.#hash[i]!, next, row);
      else this.#slots.add(this.#hash[i]!, row);
    }
  }
}

function clearNulls(valid: Uint8Array, selection: Int32Array | null, count: number, heads: Int32Array): void {
  for (let i = 0; i < count; i++) if (valid[selection === null ? i : selection[i]!] === 0) heads[i] = NONE;
}
