/**
 * What a delta does to a keyed table: per key at most one row goes and at most one comes. Operators may emit transient rows that
 * cancel (a join's first half makes a row that its second half takes back), so rows of one key are added up first where needed.
 */
import type {Column, Delta} from '../../base/delta.ts';
import {WarehouseError} from '../../base/error.ts';
import {invariant} from '../../base/invariant.ts';
import type {BatchGroups} from './batch-groups.ts';
import {netRows} from './delta-net.ts';
import {compareColumns} from './record-equal.ts';
import type {RecordField} from './record-layout.ts';
import type {RowStore} from './row-store.ts';
import type {UniqueIndex} from './unique-index.ts';

/** One entry a key: row `chosen[i]` of the delta comes, or goes if `deletes[i]`; `old[i]` is the key's row now, −1 if none. */
export interface KeyedDelta {
  readonly chosen: Int32Array;
  readonly deletes: Uint8Array;
  readonly old: Int32Array;
  readonly count: number;
}

export interface KeyedTarget {
  readonly name: string;
  readonly store: RowStore;
  readonly unique: UniqueIndex;
  readonly key: readonly number[];
  readonly keyFields: readonly RecordField[];
}

/**
 * @param columns all columns of the table, bytes aligned.
 * @throws {WarehouseError} `MR_KEY_NOT_UNIQUE` (invalid) when two rows of one key would stand.
 */
export function keyedDelta(target: KeyedTarget, columns: readonly Column[], delta: Delta, batch: BatchGroups): KeyedDelta {
  const simple = byKey(target, columns, null, delta.weights, delta.rowCount, false, batch);
  if (simple !== null) return simple;
  const {rows, weights, count} = netRows(target.store.layout.fields, columns, delta, batch);
  const net = byKey(target, columns, rows, weights, count, true, batch);
  invariant(net !== null, 'a net delta has one answer');
  return net;
}

/**
 * One pass by key. Unless the rows are `net` it gives up (null) where they must first be added up: more than one row of a key
 * comes or goes, a weight is not ±1, or the row that goes is not the row that stands (then it may cancel the one that comes).
 */
function byKey(target: KeyedTarget, columns: readonly Column[], selection: Int32Array | null, weights: Int32Array, count: number, net: boolean, batch: BatchGroups): KeyedDelta | null {
  const {store, unique} = target;
  const keys = target.key.map((column) => columns[column]!);
  const hash = new Int32Array(count);
  unique.hashKeys(keys, selection, count, hash);
  const keyCount = batch.assign(target.keyFields, keys, selection, count, hash);
  const {groups} = batch;
  const plus = new Int32Array(keyCount).fill(-1);
  const minus = new Int32Array(keyCount).fill(-1);
  const keyHash = new Int32Array(keyCount);
  for (let i = 0; i < count; i++) {
    const key = groups[i]!;
    const weight = weights[i]!;
    const side = weight > 0 ? plus : minus;
    if (side[key]! >= 0 || weight > 1 || weight < -1) {
      if (!net) return null;
      if (weight > 0) throw notUnique(target);
      invariant(false, () => `two rows of one key go from '${target.name}'`);
    }
    side[key] = selection === null ? i : selection[i]!;
    keyHash[key] = hash[i]!;
  }
  const chosen = new Int32Array(keyCount);
  const deletes = new Uint8Array(keyCount);
  for (let key = 0; key < keyCount; key++) {
    chosen[key] = plus[key]! >= 0 ? plus[key]! : minus[key]!;
    deletes[key] = plus[key]! >= 0 ? 0 : 1;
  }
  const old = new Int32Array(keyCount);
  unique.findHashed(keys, chosen, keyCount, keyHash, old);
  if (!net && !goingStand(store, columns, minus, old, keyCount)) return null;
  for (let key = 0; key < keyCount; key++) {
    if (minus[key]! >= 0) invariant(old[key]! >= 0, () => `a row goes from '${target.name}' whose key is not there`);
    else if (old[key]! >= 0) throw notUnique(target);
  }
  return {chosen, deletes, old, count: keyCount};
}

/** @returns whether every row that goes is the row of its key now. */
function goingStand(store: RowStore, columns: readonly Column[], minus: Int32Array, old: Int32Array, count: number): boolean {
  const against = new Int32Array(count);
  const going = new Int32Array(count);
  for (let key = 0; key < count; key++) {
    const row = minus[key]!;
    if (row >= 0 && old[key]! < 0) return false;
    against[key] = row >= 0 ? old[key]! : -1; // −1 is passed over
    going[key] = row >= 0 ? row : 0;
  }
  const flags = new Uint8Array(count).fill(1);
  compareColumns(store, store.layout.fields, against, columns, going, count, flags, false);
  return !flags.includes(0);
}

function notUnique(target: KeyedTarget): WarehouseError {
  return new WarehouseError('invalid', 'MR_KEY_NOT_UNIQUE', `two rows of '${target.name}' have the same key`,
    {hint: 'declare a key that is unique in the result, or none'});
}
