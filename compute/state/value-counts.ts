/**
 * (group, value) → number of copies: the multiset of values of each group, for DISTINCT aggregates and whatever else needs to know
 * when a value comes or goes. A value is one record of a row store, once a group; it goes with its last copy.
 */
import type {Column} from '../../base/delta.ts';
import {invariant} from '../../base/invariant.ts';
import type {LogicalType} from '../../base/type.ts';
import {AlignedArena, alignColumn} from './aligned-arena.ts';
import {BatchGroups} from './batch-groups.ts';
import {MultiIndex} from './multi-index.ts';
import type {RecordField} from './record-layout.ts';
import {SEGMENT_BITS, SEGMENT_MASK} from './record-write.ts';
import {RowStore} from './row-store.ts';
import {UniqueIndex} from './unique-index.ts';

/** Rows of `store` whose first copy came, and whose last copy went (readable until `endEpoch()`). */
export interface ValueChanges {
  readonly came: Int32Array;
  readonly went: Int32Array;
}

/** Columns of `ValueCounts.store`. */
export const VALUE_GROUP = 0;
export const VALUE = 1;
const COPIES = 2;

export class ValueCounts {
  /** (group INTEGER, value, copies INTEGER). */
  readonly store: RowStore;
  readonly #index: UniqueIndex;
  readonly #byGroup: MultiIndex | null;
  readonly #keyFields: readonly RecordField[];
  readonly #copiesOffset: number;
  readonly #scratch = new AlignedArena();
  readonly #batch = new BatchGroups();

  /** @param options `byGroup`: values can be listed and cleared by group. */
  constructor(type: LogicalType, options: {readonly byGroup?: boolean} = {}) {
    this.store = new RowStore([{kind: 'integer'}, type, {kind: 'integer'}], {normalised: [VALUE]});
    this.#index = new UniqueIndex(this.store, [VALUE_GROUP, VALUE]);
    this.#byGroup = options.byGroup === true ? new MultiIndex(this.store, [VALUE_GROUP], 'group') : null;
    const {fields} = this.store.layout;
    this.#keyFields = [fields[VALUE_GROUP]!, fields[VALUE]!];
    this.#copiesOffset = fields[COPIES]!.offset;
  }

  /** Distinct values of all groups. */
  get valueCount(): number { return this.store.rowCount; }

  /** @returns copies of a value. */
  copies(row: number): number {
    return this.store.words[row >> SEGMENT_BITS]![(row & SEGMENT_MASK) * this.store.layout.stride + this.#copiesOffset]!;
  }

  /**
   * Adds values to groups by weight, in no order; NULLs and weights of 0 are left out.
   *
   * @param groups the group of each row.
   */
  add(groups: Int32Array, weights: Int32Array, column: Column, rowCount: number): ValueChanges {
    const selection = countedRows(weights, column.valid, rowCount);
    const count = selection.length;
    if (count === 0) return {came: selection, went: selection};
    this.#scratch.reset();
    const keys: Column[] = [{kind: 'i32', data: groups, valid: null}, alignColumn(this.#scratch, column, selection, count)];
    const hash = new Int32Array(count);
    this.#index.hashKeys(keys, selection, count, hash);
    const valueCount = this.#batch.assign(this.#keyFields, keys, selection, count, hash);
    const first = new Int32Array(valueCount);
    const firstHash = new Int32Array(valueCount);
    const sums = new Int32Array(valueCount);
    sumWeights(this.#batch.groups, selection, weights, count, sums);
    for (let k = 0; k < valueCount; k++) {
      first[k] = selection[this.#batch.first[k]!]!;
      firstHash[k] = hash[this.#batch.first[k]!]!;
    }
    const rows = new Int32Array(valueCount);
    this.#index.findHashed(keys, first, valueCount, firstHash, rows);
    const absent = new Int32Array(valueCount);
    let cameCount = 0;
    for (let k = 0; k < valueCount; k++) {
      if (rows[k]! >= 0 || sums[k] === 0) continue;
      invariant(sums[k]! > 0, () => `${-sums[k]!} copies of a value go from group ${groups[first[k]!]} that are not there`);
      absent[cameCount++] = first[k]!;
    }
    const came = this.#make(keys, absent, cameCount, rowCount);
    const went = new Int32Array(valueCount);
    let wentCount = 0;
    let made = 0;
    for (let k = 0; k < valueCount; k++) {
      if (sums[k] === 0) continue;
      const row = rows[k]! >= 0 ? rows[k]! : came[made++]!;
      const copies = this.#addCopies(row, sums[k]!);
      invariant(copies >= 0, () => `copies of a value of group ${groups[first[k]!]} fall to ${copies}`);
      if (copies === 0) went[wentCount++] = row;
    }
    const gone = went.subarray(0, wentCount);
    this.#forget(gone);
    return {came, went: gone};
  }

  /** Forgets all values of a group. @returns their rows. Needs `byGroup`. */
  clear(group: number): Int32Array {
    invariant(this.#byGroup !== null, 'values are cleared by group only where they are kept by group');
    const head = new Int32Array(1);
    this.#byGroup.find([{kind: 'i32', data: Int32Array.of(group), valid: null}], null, 1, head);
    const rows = new Int32Array(this.#byGroup.chainLength(head[0]!));
    for (let row = head[0]!, at = 0; row >= 0; row = this.#byGroup.next(row)) rows[at++] = row;
    this.#forget(rows);
    return rows;
  }

  /** Forgets values, whatever their copies. */
  forget(rows: Int32Array): void {
    this.#forget(rows);
  }

  endEpoch(): void { this.store.endEpoch(); }

  bytes(): number {
    return this.store.bytes() + this.#index.bytes() + (this.#byGroup?.bytes() ?? 0) + this.#batch.bytes() + this.#scratch.bytes();
  }

  #make(keys: readonly Column[], absent: Int32Array, count: number, rowCount: number): Int32Array {
    const rows = new Int32Array(count);
    if (count === 0) return rows;
    this.store.insert([...keys, {kind: 'i32', data: new Int32Array(rowCount), valid: null}], absent, count, rows);
    this.#index.insert(rows, count);
    this.#byGroup?.insert(rows, count);
    return rows;
  }

  #addCopies(row: number, weight: number): number {
    const words = this.store.words[row >> SEGMENT_BITS]!;
    const at = (row & SEGMENT_MASK) * this.store.layout.stride + this.#copiesOffset;
    const copies = words[at]! + weight;
    words[at] = copies;
    return copies;
  }

  #forget(rows: Int32Array): void {
    if (rows.length === 0) return;
    this.#index.remove(rows, rows.length);
    this.#byGroup?.remove(rows, rows.length);
    this.store.free(rows, rows.length);
  }
}

function countedRows(weights: Int32Array, valid: Uint8Array | null, rowCount: number): Int32Array {
  const rows = new Int32Array(rowCount);
  let count = 0;
  for (let i = 0; i < rowCount; i++) if (weights[i] !== 0 && (valid === null || valid[i] !== 0)) rows[count++] = i;
  return rows.subarray(0, count);
}

function sumWeights(values: Int32Array, selection: Int32Array, weights: Int32Array, count: number, sums: Int32Array): void {
  for (let i = 0; i < count; i++) sums[values[i]!]! += weights[selection[i]!]!;
}
