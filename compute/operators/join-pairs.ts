/** Pairs of rows that a probe found: growing arrays, filled by walking chains. */
import type {Column} from '../../base/delta.ts';
import {WarehouseError} from '../../base/error.ts';
import type {MultiIndex} from '../state/multi-index.ts';

export interface Pairs {
  /** Row of the probing batch. */
  probe: Int32Array;
  /** Row of the state. */
  rows: Int32Array;
  count: number;
}

/** Pairs that one join may make of one delta. */
export const pairsMax = 1 << 27;

function tooManyPairs(): WarehouseError {
  return new WarehouseError('invalid', 'MR_TOO_LARGE', `one epoch makes more than ${pairsMax} pairs in a join`, {hint: 'write the rows in smaller batches, or join on more columns'});
}

/**
 * Finds the rows of a state for every row of a batch.
 *
 * @param equal positions in `keys` where NULL matches nothing, for an index that holds NULLs as values.
 * @param limit rows wanted of each chain at most; null: all.
 * @throws {WarehouseError} MR_TOO_LARGE (invalid).
 */
export function findPairs(index: MultiIndex, keys: readonly Column[], rowCount: number, equal: readonly number[], limit: Int32Array | null): Pairs {
  const heads = new Int32Array(rowCount);
  index.find(keys, null, rowCount, heads);
  for (const key of equal) {
    const {valid} = keys[key]!;
    if (valid !== null) for (let i = 0; i < rowCount; i++) if (valid[i] === 0) heads[i] = -1;
  }
  return walkChains(index, heads, rowCount, limit);
}

function walkChains(index: MultiIndex, heads: Int32Array, rowCount: number, limit: Int32Array | null): Pairs {
  let probe = new Int32Array(rowCount);
  let rows = new Int32Array(rowCount);
  let count = 0;
  for (let i = 0; i < rowCount; i++) {
    let left = limit === null ? Infinity : limit[i]!;
    for (let row = heads[i]!; row >= 0 && left > 0; row = index.next(row), left--) {
      if (count === rows.length) {
        if (count >= pairsMax) throw tooManyPairs();
        probe = doubled(probe);
        rows = doubled(rows);
      }
      probe[count] = i;
      rows[count++] = row;
    }
  }
  return {probe, rows, count};
}

function doubled(array: Int32Array): Int32Array<ArrayBuffer> {
  const to = new Int32Array(Math.max(64, array.length * 2));
  to.set(array);
  return to;
}

/** Keeps the pairs at `kept[0, count)`. */
export function keepPairs(pairs: Pairs, kept: Int32Array, count: number): void {
  const {probe, rows} = pairs;
  for (let k = 0; k < count; k++) {
    probe[k] = probe[kept[k]!]!;
    rows[k] = rows[kept[k]!]!;
  }
  pairs.count = count;
}
