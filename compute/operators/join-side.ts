/**
 * One input of a join as state: rows found by key. A table's own rows serve every join over the table (`SharedSide`: an index by
 * the key columns, kept by the table); the output of another operator is kept here (`PrivateSide`).
 */
import type {Column, Delta} from '../../base/delta.ts';
import type {LogicalType} from '../../base/type.ts';
import type {MultiIndex, NullRule} from '../state/multi-index.ts';
import type {RowStore} from '../state/row-store.ts';
import type {OperatorPages} from '../state/operator-pages.ts';
import type {TableState} from '../state/table-state.ts';
import {storeContent} from '../delta-tools.ts';
import {RowMultiset} from './row-multiset.ts';

export interface JoinSide {
  /** Whether the rows belong to a table. */
  readonly shared: boolean;
  readonly index: MultiIndex;
  /** Copies of a row. */
  weight(row: number): number;
  /** @returns columns of rows, by their positions in the input's output; row −1 reads as NULL. */
  gather(rows: Int32Array, count: number, columns: readonly number[]): Column[];
  /** Takes an epoch's changes in; a table has them already. */
  apply(delta: Delta, weights: Int32Array): void;
  /** All rows, in chunks, with their weights. */
  content(): Iterable<Delta>;
  endEpoch(): void;
  /** Bytes that belong to this side alone. */
  bytes(): number;
}

export class SharedSide implements JoinSide {
  readonly shared = true;
  readonly index: MultiIndex;
  readonly #store: RowStore;
  readonly #columnIndexes: readonly number[];

  /** @param columnIndexes positions of the input's columns in the table's. */
  constructor(table: TableState, columnIndexes: readonly number[], keys: readonly number[], nulls: NullRule) {
    this.#store = table.store;
    this.#columnIndexes = columnIndexes;
    this.index = table.index(keys.map((key) => columnIndexes[key]!), nulls);
  }

  weight(_row: number): number { return 1; }

  gather(rows: Int32Array, count: number, columns: readonly number[]): Column[] {
    return this.#store.gather(rows, count, columns.map((column) => this.#columnIndexes[column]!));
  }

  content(): Iterable<Delta> { return storeContent(this.#store, this.#columnIndexes); }
  apply(_delta: Delta, _weights: Int32Array): void {}
  endEpoch(): void {}
  bytes(): number { return 0; }
}

export class PrivateSide implements JoinSide {
  readonly shared = false;
  readonly index: MultiIndex;
  readonly #rows: RowMultiset;
  readonly #columns: readonly number[];

  /** @param pages where rows may go. */
  constructor(types: readonly LogicalType[], keys: readonly number[], nulls: NullRule, pages: OperatorPages | null) {
    this.#rows = new RowMultiset(types, pages);
    this.#columns = types.map((_, column) => column);
    this.index = this.#rows.index(keys, nulls);
  }

  weight(row: number): number { return this.#rows.weight(row); }

  gather(rows: Int32Array, count: number, columns: readonly number[]): Column[] {
    return this.#rows.store.gather(rows, count, columns);
  }

  apply(delta: Delta, weights: Int32Array): void {
    this.#rows.add(delta.columns, weights, delta.rowCount);
  }

  *content(): Generator<Delta, void, undefined> {
    for (const {rows, columns, count} of this.#rows.store.content(this.#columns)) {
      yield {rowCount: count, weights: Int32Array.from({length: count}, (_, i) => this.#rows.weight(rows[i]!)), columns};
    }
  }

  endEpoch(): void { this.#rows.endEpoch(); }
  bytes(): number { return this.#rows.bytes(); }
}
