/**
 * min(x) or max(x) of each group under insertions and retractions. Values of up to 64 bits are kept as sortable pairs
 * (pair-extremes.ts); text, blobs and long decimals as rows of a `ValueCounts` under indexed heaps. Order is DuckDB's: NaN is the
 * greatest double, text goes by bytes. NULLs count for nothing; a group without values has the extreme NULL.
 */
import type {Column} from '../../base/delta.ts';
import {ARENA_SEGMENT_SPAN} from '../../base/arena.ts';
import type {LogicalType, PhysicalKind} from '../../base/type.ts';
import {physicalKind} from '../../base/type.ts';
import {IndexedHeaps} from './indexed-heaps.ts';
import {PairExtremes} from './pair-extremes.ts';
import {SEGMENT_BITS, SEGMENT_MASK} from './record-write.ts';
import type {RowStore} from './row-store.ts';
import {columnOfPairs, sortablePairs} from './sortable.ts';
import {VALUE, VALUE_GROUP, ValueCounts} from './value-counts.ts';

export interface Extreme {
  /**
   * Adds values to groups by weight; rows may come in any order, as long as no value falls below 0 copies in sum.
   *
   * @param groups the group of each row: small non-negative integers.
   */
  add(groups: Int32Array, weights: Int32Array, column: Column, rowCount: number): void;
  /** @returns the extreme of each group. Text is valid until `endEpoch()` if its value goes. */
  read(groups: Int32Array, count: number): Column;
  /** Forgets all values of a group. */
  clear(group: number): void;
  endEpoch(): void;
  bytes(): number;
}

/** @returns empty state for min or max of values of `type`. */
export function extremeOf(type: LogicalType, which: 'min' | 'max'): Extreme {
  const kind = physicalKind(type);
  return kind === 'bytes' || kind === 'exact128' ? new RowExtreme(type, which) : new PairExtreme(kind, which);
}

class PairExtreme implements Extreme {
  readonly #kind: PhysicalKind;
  readonly #flip: 0 | -1;
  readonly #pairs = new PairExtremes();
  #high = new Int32Array(1024);
  #low = new Int32Array(1024);

  constructor(kind: PhysicalKind, which: 'min' | 'max') {
    this.#kind = kind;
    this.#flip = which === 'min' ? 0 : -1;
  }

  add(groups: Int32Array, weights: Int32Array, column: Column, rowCount: number): void {
    this.#ensure(rowCount);
    sortablePairs(this.#kind, column, rowCount, this.#flip, this.#high, this.#low);
    this.#pairs.add(groups, weights, column.valid, this.#high, this.#low, rowCount);
  }

  read(groups: Int32Array, count: number): Column {
    this.#ensure(count);
    const valid = new Uint8Array(count);
    const absent = this.#pairs.read(groups, count, this.#high, this.#low, valid);
    return columnOfPairs(this.#kind, this.#high, this.#low, count, this.#flip, absent === 0 ? null : valid);
  }

  clear(group: number): void { this.#pairs.clear(group); }
  endEpoch(): void {}
  bytes(): number { return this.#pairs.bytes() + this.#high.length * 8; }

  #ensure(count: number): void {
    if (this.#high.length >= count) return;
    const length = 2 ** Math.ceil(Math.log2(count));
    this.#high = new Int32Array(length);
    this.#low = new Int32Array(length);
  }
}

class RowExtreme implements Extreme {
  readonly #values: ValueCounts;
  readonly #heaps: IndexedHeaps;
  readonly #groupOffset: number;

  constructor(type: LogicalType, which: 'min' | 'max') {
    this.#values = new ValueCounts(type);
    const {store} = this.#values;
    const sign = which === 'min' ? 1 : -1;
    this.#groupOffset = store.layout.fields[VALUE_GROUP]!.offset;
    const compare = physicalKind(type) === 'bytes' ? compareText : compareLong;
    this.#heaps = new IndexedHeaps({before: (a, b) => compare(store, a, b) * sign < 0});
  }

  add(groups: Int32Array, weights: Int32Array, column: Column, rowCount: number): void {
    const {came, went} = this.#values.add(groups, weights, column, rowCount);
    for (let i = 0; i < came.length; i++) this.#heaps.insert(this.#groupOf(came[i]!), came[i]!);
    for (let i = 0; i < went.length; i++) this.#heaps.remove(this.#groupOf(went[i]!), went[i]!);
  }

  read(groups: Int32Array, count: number): Column {
    const rows = new Int32Array(count);
    for (let i = 0; i < count; i++) rows[i] = this.#heaps.top(groups[i]!);
    return this.#values.store.gather(rows, count, [VALUE])[0]!;
  }

  clear(group: number): void {
    const rows = this.#heaps.nodes(group);
    this.#heaps.clear(group);
    this.#values.forget(rows);
  }

  endEpoch(): void { this.#values.endEpoch(); }
  bytes(): number { return this.#values.bytes() + this.#heaps.bytes(); }

  #groupOf(row: number): number {
    const {store} = this.#values;
    return store.words[row >> SEGMENT_BITS]![(row & SEGMENT_MASK) * store.layout.stride + this.#groupOffset]!;
  }
}

/** Order of two records by their text, by bytes, the shorter of two equal beginnings first. */
function compareText(store: RowStore, a: number, b: number): number {
  const {stride, fields} = store.layout;
  const {offset, lengthOffset} = fields[VALUE]!;
  const aAt = (a & SEGMENT_MASK) * stride;
  const bAt = (b & SEGMENT_MASK) * stride;
  const aLength = store.words[a >> SEGMENT_BITS]![aAt + lengthOffset]!;
  const bLength = store.words[b >> SEGMENT_BITS]![bAt + lengthOffset]!;
  const aAddress = store.doubles[a >> SEGMENT_BITS]![(aAt + offset) >> 1]!;
  const bAddress = store.doubles[b >> SEGMENT_BITS]![(bAt + offset) >> 1]!;
  const aIndex = Math.floor(aAddress / ARENA_SEGMENT_SPAN);
  const bIndex = Math.floor(bAddress / ARENA_SEGMENT_SPAN);
  const shared = Math.min(aLength, bLength);
  if (shared === 0) return aLength - bLength;
  const aBytes = store.arena.segments[aIndex]!;
  const bBytes = store.arena.segments[bIndex]!;
  const aStart = aAddress - aIndex * ARENA_SEGMENT_SPAN;
  const bStart = bAddress - bIndex * ARENA_SEGMENT_SPAN;
  for (let i = 0; i < shared; i++) {
    const difference = aBytes[aStart + i]! - bBytes[bStart + i]!;
    if (difference !== 0) return difference;
  }
  return aLength - bLength;
}

/** Order of two records by their 128-bit integer. */
function compareLong(store: RowStore, a: number, b: number): number {
  const {stride, fields} = store.layout;
  const {offset} = fields[VALUE]!;
  const aWords = store.words[a >> SEGMENT_BITS]!;
  const bWords = store.words[b >> SEGMENT_BITS]!;
  const aAt = (a & SEGMENT_MASK) * stride + offset;
  const bAt = (b & SEGMENT_MASK) * stride + offset;
  if (aWords[aAt + 3] !== bWords[bAt + 3]) return aWords[aAt + 3]! < bWords[bAt + 3]! ? -1 : 1;
  for (let word = 2; word >= 0; word--) {
    const x = aWords[aAt + word]! >>> 0;
    const y = bWords[bAt + word]! >>> 0;
    if (x !== y) return x < y ? -1 : 1;
  }
  return 0;
}
