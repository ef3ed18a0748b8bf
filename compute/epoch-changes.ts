/**
 * The changes of one epoch, by table, as views read them: some of the columns, with weights. A row that changed only in columns
 * that a view does not read is no change to it, so its −U +U are left out; views that read the same columns share the answer.
 */
import {gatherColumns} from '../base/columns.ts';
import type {ChangeBatch, Delta} from '../base/delta.ts';
import {OP_UPDATE_BEFORE} from '../base/delta.ts';
import {deltaOfChanges, weightsOfOps} from './delta-tools.ts';
import {differentNeighbours} from './operators/different-rows.ts';

export interface ReadDelta {
  readonly delta: Delta;
  /** Rows of the change batch that the delta's rows are; null: all, in order. */
  readonly rows: Int32Array | null;
}

interface Changed {
  readonly changes: ChangeBatch;
  readonly weights: Int32Array;
  readonly updates: boolean;
  readonly reads: Map<string, ReadDelta>;
}

export class EpochChanges {
  readonly #tables = new Map<number, Changed>();

  set(table: number, changes: ChangeBatch): void {
    const updates = changes.ops.subarray(0, changes.rowCount).includes(OP_UPDATE_BEFORE);
    this.#tables.set(table, {changes, weights: weightsOfOps(changes.ops, changes.rowCount), updates, reads: new Map()});
  }

  has(table: number): boolean { return this.#tables.has(table); }

  /** @returns some columns of a table's changes; null if the table did not change. */
  delta(table: number, columns: readonly number[]): ReadDelta | null {
    const changed = this.#tables.get(table);
    if (changed === undefined) return null;
    const key = columns.join(',');
    const known = changed.reads.get(key);
    if (known !== undefined) return known;
    const read = readColumns(changed, columns);
    changed.reads.set(key, read);
    return read;
  }
}

function readColumns({changes, weights, updates}: Changed, columns: readonly number[]): ReadDelta {
  const delta = deltaOfChanges(changes, columns, weights);
  if (!updates || columns.length === changes.columns.length) return {delta, rows: null};
  const {rowCount, ops} = changes;
  const different = differentNeighbours(delta.columns, rowCount);
  const rows = new Int32Array(rowCount);
  let count = 0;
  for (let i = 0; i < rowCount; i++) {
    if (ops[i] === OP_UPDATE_BEFORE && different[i] === 0) i++; // and its +U
    else rows[count++] = i;
  }
  if (count === rowCount) return {delta, rows: null};
  const kept = new Int32Array(count);
  for (let i = 0; i < count; i++) kept[i] = weights[rows[i]!]!;
  return {delta: {rowCount: count, weights: kept, columns: gatherColumns(delta.columns, rows, count)}, rows};
}
