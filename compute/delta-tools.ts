/** Making deltas: from a table's changes, from its content, from pieces. */
import {concatColumn, nullColumn} from '../base/columns.ts';
import type {ChangeBatch, Column, Delta} from '../base/delta.ts';
import {OP_INSERT, OP_UPDATE_AFTER} from '../base/delta.ts';
import type {LogicalType} from '../base/type.ts';
import type {RowStore} from './state/row-store.ts';

/** @returns a delta without rows. */
export function emptyDelta(types: readonly LogicalType[]): Delta {
  return {rowCount: 0, weights: new Int32Array(0), columns: types.map((type) => nullColumn(type, 0))};
}

/** @returns +1 for rows that come, −1 for rows that go. */
export function weightsOfOps(ops: Uint8Array, rowCount: number): Int32Array {
  const weights = new Int32Array(rowCount);
  for (let i = 0; i < rowCount; i++) weights[i] = ops[i] === OP_INSERT || ops[i] === OP_UPDATE_AFTER ? 1 : -1;
  return weights;
}

/** @returns columns of a table's changes as a delta; its arrays are the batch's own. */
export function deltaOfChanges(changes: ChangeBatch, columnIndexes: readonly number[], weights: Int32Array): Delta {
  return {rowCount: changes.rowCount, weights, columns: columnIndexes.map((index) => changes.columns[index]!)};
}

/** @returns deltas end to end. */
export function concatDeltas(types: readonly LogicalType[], deltas: readonly Delta[]): Delta {
  const present = deltas.filter(({rowCount}) => rowCount > 0);
  const [only] = present;
  if (only === undefined) return emptyDelta(types);
  if (present.length === 1) return only;
  const rowCount = present.reduce((sum, delta) => sum + delta.rowCount, 0);
  const weights = new Int32Array(rowCount);
  let at = 0;
  for (const delta of present) {
    weights.set(delta.weights.subarray(0, delta.rowCount), at);
    at += delta.rowCount;
  }
  const columns = types.map((type, index): Column => concatColumn(type, present.map((delta) => ({column: delta.columns[index]!, rowCount: delta.rowCount}))));
  return {rowCount, weights, columns};
}

/** @returns the live rows of a store, each with weight 1, in chunks. Text refers to the store's arena, or to memory of the chunk's own. */
export function* storeContent(store: RowStore, columnIndexes: readonly number[]): Generator<Delta, void, undefined> {
  for (const {columns, count} of store.content(columnIndexes)) yield {rowCount: count, weights: new Int32Array(count).fill(1), columns};
}
