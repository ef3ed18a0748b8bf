/** Adds up the weights of equal rows of a delta: what is left is its net. */
import type {Column, Delta} from '../../base/delta.ts';
import type {BatchGroups} from './batch-groups.ts';
import {hashColumns} from './key-hash.ts';
import type {RecordField} from './record-layout.ts';

/** Rows of a batch with their net weights, none of them 0. */
export interface NetRows {
  readonly rows: Int32Array;
  readonly weights: Int32Array;
  readonly count: number;
}

/** @param columns all that make rows equal, bytes aligned. @returns the first of each set of equal rows whose weights do not cancel. */
export function netRows(fields: readonly RecordField[], columns: readonly Column[], delta: Delta, batch: BatchGroups): NetRows {
  const hash = new Int32Array(delta.rowCount);
  hashColumns(fields, columns, null, delta.rowCount, hash);
  const groupCount = batch.assign(fields, columns, null, delta.rowCount, hash);
  const sums = new Int32Array(groupCount);
  addWeights(sums, batch.groups, delta.weights, delta.rowCount);
  const rows = new Int32Array(groupCount);
  const weights = new Int32Array(groupCount);
  let count = 0;
  for (let group = 0; group < groupCount; group++) {
    const sum = sums[group]!;
    if (sum === 0) continue;
    rows[count] = batch.first[group]!;
    weights[count++] = sum;
  }
  return {rows, weights, count};
}

function addWeights(sums: Int32Array, groups: Int32Array, weights: Int32Array, count: number): void {
  for (let i = 0; i < count; i++) sums[groups[i]!]! += weights[i]!;
}
