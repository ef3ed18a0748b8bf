/**
 * The rows of a bag: a chain of rows by row hash, each with a copy number. A new row takes the number of its chain's head + 1, so
 * the head always has the largest and numbers in a chain fall; a row that goes is the first equal one from the head on (the head
 * itself, unless hashes collide). So (`_mr_row`, `_mr_copy`) is a key, and no row is ever renumbered.
 */
import type {Column} from '../../base/delta.ts';
import {invariant} from '../../base/invariant.ts';
import type {NetRows} from './delta-net.ts';
import type {MultiIndex} from './multi-index.ts';
import {compareColumns} from './record-equal.ts';
import type {RecordField} from './record-layout.ts';
import {SEGMENT_BITS, SEGMENT_MASK} from './record-write.ts';
import type {RowHashFinish} from './row-hash.ts';
import {rowHashes} from './row-hash.ts';
import type {RowStore} from './row-store.ts';
import {halves} from './record-write.ts';

/** Copy number of the first row of a hash. */
export const COPY_FIRST = 0;

export interface BagShape {
  /** Positions of `_mr_row` and `_mr_copy`. */
  readonly hashColumn: number;
  readonly copyColumn: number;
  /** Positions of the columns that rows come with, all but those two. */
  readonly given: readonly number[];
  /** Positions of the columns that are hashed. */
  readonly visible: readonly number[];
}

/** What a net delta does to a bag. */
export interface BagChange {
  readonly going: Int32Array;
  /** Rows of the delta, each as often as it comes, and their hashes. */
  readonly coming: Int32Array;
  readonly hashes: BigInt64Array;
}

const one = new Int32Array(1);
const oneSelected = new Int32Array(1);
const oneFlag = new Uint8Array(1);

export class BagRows {
  readonly shape: BagShape;
  readonly #name: string;
  readonly #store: RowStore;
  readonly #chains: MultiIndex;
  readonly #givenFields: readonly RecordField[];
  readonly #visibleFields: readonly RecordField[];
  readonly #copyOffset: number;
  readonly #finish: RowHashFinish | undefined;

  constructor(name: string, store: RowStore, chains: MultiIndex, shape: BagShape, finish: RowHashFinish | undefined) {
    const {fields} = store.layout;
    this.#name = name;
    this.#store = store;
    this.#chains = chains;
    this.shape = shape;
    this.#givenFields = shape.given.map((column) => fields[column]!);
    this.#visibleFields = shape.visible.map((column) => fields[column]!);
    this.#copyOffset = fields[shape.copyColumn]!.offset;
    this.#finish = finish;
  }

  copyOf(row: number): number {
    const place = this.#store.locatedOne(row);
    return this.#store.words[place >> SEGMENT_BITS]![(place & SEGMENT_MASK) * this.#store.layout.stride + this.#copyOffset]!;
  }

  #setCopy(row: number, copy: number): void {
    this.#store.words[row >> SEGMENT_BITS]![(row & SEGMENT_MASK) * this.#store.layout.stride + this.#copyOffset] = copy;
  }

  /** Finds the rows that go and hashes those that come; changes nothing. @param columns by position, bytes aligned. */
  plan(columns: readonly Column[], net: NetRows): BagChange {
    const {rows, weights, count} = net;
    const low = new Int32Array(count);
    const high = new Int32Array(count);
    rowHashes(this.#visibleFields, this.shape.visible.map((column) => columns[column]!), rows, count, low, high, this.#finish);
    const hashes = new BigInt64Array(count);
    const words = halves(hashes);
    let goingCount = 0;
    let comingCount = 0;
    for (let i = 0; i < count; i++) {
      words[2 * i] = low[i]!;
      words[2 * i + 1] = high[i]!;
      if (weights[i]! < 0) goingCount -= weights[i]!;
      else comingCount += weights[i]!;
    }
    const heads = new Int32Array(count);
    if (goingCount > 0) this.#chains.find([{kind: 'i64', data: hashes, valid: null}], null, count, heads);
    const going = new Int32Array(goingCount);
    const coming = new Int32Array(comingCount);
    const comingHashes = new BigInt64Array(comingCount);
    const comingWords = halves(comingHashes);
    const given = this.shape.given.map((column) => columns[column]!);
    let gone = 0;
    let come = 0;
    for (let i = 0; i < count; i++) {
      if (weights[i]! < 0) gone = this.#take(given, rows[i]!, heads[i]!, -weights[i]!, going, gone);
      for (let left = weights[i]!; left > 0; left--) {
        comingWords[2 * come] = low[i]!;
        comingWords[2 * come + 1] = high[i]!;
        coming[come++] = rows[i]!;
      }
    }
    return {going, coming, hashes: comingHashes};
  }

  /** Takes `copies` rows equal to row `from` of the columns from a chain. */
  #take(given: readonly Column[], from: number, head: number, copies: number, going: Int32Array, at: number): number {
    oneSelected[0] = from;
    let left = copies;
    for (let row = head; left > 0; row = this.#chains.next(row)) {
      invariant(row >= 0, () => `a row goes from '${this.#name}' that is not there`);
      one[0] = row;
      oneFlag[0] = 1;
      compareColumns(this.#store, this.#givenFields, one, given, oneSelected, 1, oneFlag, false);
      if (oneFlag[0] === 0) continue;
      going[at++] = row;
      left--;
    }
    return at;
  }

  /** Inserts the rows that come, without their copy numbers. @param rowCount rows of the columns. */
  insert(columns: readonly Column[], rowCount: number, {coming, hashes}: BagChange, outRows: Int32Array): void {
    const {hashColumn, copyColumn} = this.shape;
    const all = [...columns];
    all[hashColumn] = {kind: 'f64', data: new Float64Array(rowCount), valid: null, bound: 0}; // written below, by inserted row
    all[copyColumn] = {kind: 'i32', data: new Int32Array(rowCount), valid: null};
    this.#store.insert(all, coming, coming.length, outRows);
    this.#store.writeColumn(hashColumn, {kind: 'i64', data: hashes, valid: null}, null, coming.length, outRows);
  }

  /** Numbers rows that were just put into the chains, in the order in which they were. */
  number(rows: Int32Array, count: number): void {
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      const older = this.#chains.next(row);
      this.#setCopy(row, older < 0 ? COPY_FIRST : this.copyOf(older) + 1);
    }
  }

  /** @throws {InvariantError} unless the copies of these rows, just put into the chains, rise. */
  check(rows: Int32Array, count: number): void {
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      const older = this.#chains.next(row);
      invariant(older < 0 || this.copyOf(older) < this.copyOf(row), () => `copies of one row hash of '${this.#name}' are not loaded in rising order`);
    }
  }
}
