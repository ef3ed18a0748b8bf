/**
 * Rows with multiplicities: what an operator keeps of an input that is no table of its own. Equal rows are held once, with their
 * weight; a row goes when its weight falls to 0. Indexes by some of the columns follow. Rows and indexes may go out to the view's page
 * file; a file that fails is met before anything is changed.
 */
import type {Column} from '../../base/delta.ts';
import {invariant} from '../../base/invariant.ts';
import type {LogicalType} from '../../base/type.ts';
import {AlignedArena, alignColumn} from '../state/aligned-arena.ts';
import {BatchGroups} from '../state/batch-groups.ts';
import type {NullRule} from '../state/multi-index.ts';
import {MultiIndex} from '../state/multi-index.ts';
import {type OperatorPages, spillOptions} from '../state/operator-pages.ts';
import {RowStore} from '../state/row-store.ts';
import {UniqueIndex} from '../state/unique-index.ts';

export class RowMultiset {
  readonly store: RowStore;
  readonly #rows: UniqueIndex;
  readonly #indexes: MultiIndex[] = [];
  readonly #scratch = new AlignedArena();
  readonly #batch = new BatchGroups();
  readonly #pages: OperatorPages | null;
  #weights = new Int32Array(256);

  /** @param pages where rows and indexes may go; null: they stay in memory. */
  constructor(types: readonly LogicalType[], pages: OperatorPages | null) {
    const all = types.map((_, column) => column);
    const options = spillOptions(pages);
    this.#pages = pages;
    this.store = new RowStore(types, {normalised: all, ...options.store});
    this.#rows = new UniqueIndex(this.store, all, options.index);
    pages?.keepStore(this.store);
    pages?.keepIndex(this.#rows);
  }

  /** @returns an index that follows the rows; ask for it before the first row comes. */
  index(keyColumns: readonly number[], nulls: NullRule): MultiIndex {
    invariant(this.store.rowCount === 0, 'an index is made before the rows');
    const index = new MultiIndex(this.store, keyColumns, nulls, spillOptions(this.#pages).index);
    this.#pages?.keepIndex(index);
    this.#indexes.push(index);
    return index;
  }

  weight(row: number): number { return this.#weights[row]!; }

  /** Adds rows by weight; rows of weight 0 are left out. @throws {WarehouseError} `MR_PAGE_FILE_FAILED`; nothing has changed then. */
  add(columns: readonly Column[], weights: Int32Array, rowCount: number): void {
    const selection = weightedRows(weights, rowCount);
    const count = selection.length;
    if (count === 0) return;
    this.#scratch.reset();
    const aligned = columns.map((column) => alignColumn(this.#scratch, column, selection, count));
    const hash = new Int32Array(count);
    this.#rows.hashKeys(aligned, selection, count, hash);
    const distinct = this.#batch.assign(this.store.layout.fields, aligned, selection, count, hash);
    const {groups, first} = this.#batch;
    const sources = new Int32Array(distinct);
    const sourceHash = new Int32Array(distinct);
    const sums = new Int32Array(distinct);
    sumWeights(groups, weights, selection, count, sums);
    for (let k = 0; k < distinct; k++) {
      sources[k] = selection[first[k]!]!;
      sourceHash[k] = hash[first[k]!]!;
    }
    const rows = new Int32Array(distinct);
    this.#rows.findHashed(aligned, sources, distinct, sourceHash, rows);
    const gone = rows.filter((row, k) => row >= 0 && this.#weights[row] === -sums[k]!);
    this.#insert(aligned, sources, sums, rows, gone);
    this.#settle(sums, rows, gone);
  }

  /** Makes rows that are absent and do not cancel within the batch. @param gone rows that will be taken out. */
  #insert(columns: readonly Column[], sources: Int32Array, sums: Int32Array, rows: Int32Array, gone: Int32Array): void {
    const fresh = sources.filter((_, k) => rows[k]! < 0 && sums[k] !== 0);
    const made = new Int32Array(fresh.length);
    if (fresh.length > 0) this.store.insert(columns, fresh, fresh.length, made);
    this.#prepare(gone, made);
    if (fresh.length === 0) return;
    this.#rows.insert(made, made.length);
    for (const index of this.#indexes) index.insert(made, made.length);
    if (this.#weights.length < this.store.rowLimit) {
      const weights = new Int32Array(Math.max(this.store.rowLimit, this.#weights.length * 2));
      weights.set(this.#weights);
      this.#weights = weights;
    }
    let next = 0;
    for (let k = 0; k < rows.length; k++) {
      if (rows[k]! >= 0 || sums[k] === 0) continue;
      rows[k] = made[next++]!;
      this.#weights[rows[k]!] = 0;
    }
  }

  /** Brings what the change looks into of what is out. @param made rows that were just inserted: they go if it fails. */
  #prepare(gone: Int32Array, made: Int32Array): void {
    try {
      this.#rows.prepare(gone, gone.length, made, made.length);
      for (const index of this.#indexes) index.prepare(gone, gone.length, made, made.length);
    } catch (cause) {
      this.store.discard(made, made.length);
      throw cause;
    }
  }

  /** Adds the weights; lets rows without weight go. */
  #settle(sums: Int32Array, rows: Int32Array, gone: Int32Array): void {
    for (let k = 0; k < rows.length; k++) if (rows[k]! >= 0) this.#weights[rows[k]!]! += sums[k]!;
    if (gone.length === 0) return;
    this.#rows.remove(gone, gone.length);
    for (const index of this.#indexes) index.remove(gone, gone.length);
    this.store.free(gone, gone.length);
  }

  endEpoch(): void { this.store.endEpoch(); }

  bytes(): number {
    return this.store.bytes() + this.#rows.bytes() + this.#weights.length * 4 + this.#batch.bytes() + this.#indexes.reduce((sum, index) => sum + index.bytes(), 0);
  }
}

function sumWeights(groups: Int32Array, weights: Int32Array, selection: Int32Array, count: number, sums: Int32Array): void {
  for (let i = 0; i < count; i++) sums[groups[i]!]! += weights[selection[i]!]!;
}

function weightedRows(weights: Int32Array, rowCount: number): Int32Array {
  const rows = new Int32Array(rowCount);
  let count = 0;
  for (let i = 0; i < rowCount; i++) if (weights[i] !== 0) rows[count++] = i;
  return rows.subarray(0, count);
}
