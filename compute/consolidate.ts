/** Deltas as sets: adding up the weights of equal rows, negating. */
import {gatherColumns} from '../base/columns.ts';
import type {Delta} from '../base/delta.ts';
import type {LogicalType} from '../base/type.ts';
import {AlignedArena, alignColumn} from './state/aligned-arena.ts';
import {BatchGroups} from './state/batch-groups.ts';
import {hashColumns} from './state/key-hash.ts';
import {recordLayout} from './state/record-layout.ts';

/** Adds up weights of equal rows of deltas of one shape. NULL equals NULL, −0 equals 0, NaN equals NaN. */
export class Consolidator {
  readonly #fields;
  readonly #groups = new BatchGroups();
  readonly #scratch = new AlignedArena();
  #hash = new Int32Array(256);

  constructor(types: readonly LogicalType[]) {
    this.#fields = recordLayout(types, false).fields;
  }

  /** @returns each row once, in the order of first sight, with a weight that is not 0. Text shares the arenas of `delta`. */
  consolidate(delta: Delta): Delta {
    const {rowCount} = delta;
    if (rowCount === 0 || (rowCount === 1 && delta.weights[0] !== 0)) return delta;
    if (this.#hash.length < rowCount) this.#hash = new Int32Array(2 ** Math.ceil(Math.log2(rowCount)));
    this.#scratch.reset();
    const aligned = delta.columns.map((column) => alignColumn(this.#scratch, column, null, rowCount));
    hashColumns(this.#fields, aligned, null, rowCount, this.#hash);
    const groupCount = this.#groups.assign(this.#fields, aligned, null, rowCount, this.#hash);
    if (groupCount === rowCount && allSet(delta.weights, rowCount)) return delta;
    const sums = new Int32Array(groupCount);
    addWeights(this.#groups.groups, delta.weights, rowCount, sums);
    const rows = new Int32Array(groupCount);
    const weights = new Int32Array(groupCount);
    const {first} = this.#groups;
    let count = 0;
    for (let group = 0; group < groupCount; group++) {
      if (sums[group] === 0) continue;
      rows[count] = first[group]!;
      weights[count++] = sums[group]!;
    }
    return {rowCount: count, weights, columns: gatherColumns(delta.columns, rows, count)};
  }
}

function allSet(weights: Int32Array, count: number): boolean {
  for (let i = 0; i < count; i++) if (weights[i] === 0) return false;
  return true;
}

function addWeights(groups: Int32Array, weights: Int32Array, count: number, sums: Int32Array): void {
  for (let i = 0; i < count; i++) sums[groups[i]!]! += weights[i]!;
}

/** @returns the weights of a delta with the other sign. */
export function negated(weights: Int32Array, rowCount: number): Int32Array {
  const to = new Int32Array(rowCount);
  for (let i = 0; i < rowCount; i++) to[i] = -weights[i]!;
  return to;
}
