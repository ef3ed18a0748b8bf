/**
 * The groups of an aggregate: key → group number, over a row store of the keys. Numbers are given again after `drop`. Without key
 * columns there is one group, number 0, always. Keys and index may go out to the view's page file; a file that fails is met in `assign`,
 * before anything is changed: `drop` of groups that were assigned since reads nothing.
 */
import type {Column} from '../../base/delta.ts';
import type {LogicalType} from '../../base/type.ts';
import {AlignedArena, alignColumn} from '../state/aligned-arena.ts';
import {BatchGroups} from '../state/batch-groups.ts';
import {type OperatorPages, spillOptions} from '../state/operator-pages.ts';
import {RowStore} from '../state/row-store.ts';
import {UniqueIndex} from '../state/unique-index.ts';

export class GroupDirectory {
  readonly #store: RowStore;
  readonly #index: UniqueIndex;
  readonly #keyed: boolean;
  readonly #columns: readonly number[];
  readonly #scratch = new AlignedArena();
  readonly #batch = new BatchGroups();
  #hash = new Int32Array(256);

  /** @param pages where keys and index may go; null: they stay in memory. */
  constructor(keyTypes: readonly LogicalType[], pages: OperatorPages | null) {
    this.#columns = keyTypes.map((_, column) => column);
    this.#keyed = keyTypes.length > 0;
    const options = spillOptions(pages);
    this.#store = new RowStore(keyTypes, {normalised: this.#columns, ...options.store});
    this.#index = new UniqueIndex(this.#store, this.#columns, options.index);
    pages?.keepStore(this.#store);
    pages?.keepIndex(this.#index);
  }

  /** Group numbers are below this. */
  get limit(): number { return this.#keyed ? this.#store.rowLimit : 1; }
  /** Groups that exist. */
  get count(): number { return this.#keyed ? this.#store.rowCount : 1; }

  /** Finds the group of every row, making those that do not exist. @param groups takes their numbers. @throws {WarehouseError} `MR_PAGE_FILE_FAILED`; nothing has changed then. */
  assign(keys: readonly Column[], rowCount: number, groups: Int32Array): void {
    if (!this.#keyed) {
      groups.fill(0, 0, rowCount);
      return;
    }
    if (this.#hash.length < rowCount) this.#hash = new Int32Array(2 ** Math.ceil(Math.log2(rowCount)));
    this.#scratch.reset();
    const aligned = keys.map((column) => alignColumn(this.#scratch, column, null, rowCount));
    this.#index.hashKeys(aligned, null, rowCount, this.#hash);
    this.#index.findHashed(aligned, null, rowCount, this.#hash, groups);
    const absent = absentRows(groups, rowCount);
    if (absent !== null) this.#make(aligned, absent, groups);
    else if (this.#index.spilled) this.#index.prepare(groups, rowCount, noGroups, 0);
  }

  #make(keys: readonly Column[], absent: Int32Array, groups: Int32Array): void {
    const hash = new Int32Array(absent.length);
    for (let i = 0; i < absent.length; i++) hash[i] = this.#hash[absent[i]!]!;
    const count = this.#batch.assign(this.#store.layout.fields, keys, absent, absent.length, hash);
    const first = new Int32Array(count);
    for (let i = 0; i < count; i++) first[i] = absent[this.#batch.first[i]!]!;
    const made = new Int32Array(count);
    this.#store.insert(keys, first, count, made);
    if (this.#index.spilled) {
      const found = groups.filter((group) => group >= 0);
      try {
        this.#index.prepare(found, found.length, made, count);
      } catch (cause) {
        this.#store.discard(made, count);
        throw cause;
      }
    }
    this.#index.insert(made, count);
    for (let i = 0; i < absent.length; i++) groups[absent[i]!] = made[this.#batch.groups[i]!]!;
  }

  /** @returns the key columns of groups. Text is valid until the epoch in which the group is dropped has ended. */
  keys(groups: Int32Array, count: number): Column[] {
    return this.#store.gather(groups, count, this.#columns);
  }

  /** Forgets groups. */
  drop(groups: Int32Array, count: number): void {
    if (!this.#keyed || count === 0) return;
    this.#index.remove(groups, count);
    this.#store.free(groups, count);
    this.#store.endEpoch();
  }

  /** Gives all groups, in chunks; the array is reused. */
  *scan(): Generator<{readonly rows: Int32Array; readonly count: number}, void, undefined> {
    if (this.#keyed) yield* this.#store.scan();
    else yield {rows: new Int32Array(1), count: 1};
  }

  bytes(): number { return this.#store.bytes() + this.#index.bytes() + this.#batch.bytes(); }
}

const noGroups = new Int32Array(0);

function absentRows(groups: Int32Array, count: number): Int32Array | null {
  let absent = 0;
  for (let i = 0; i < count; i++) absent += groups[i]! < 0 ? 1 : 0;
  if (absent === 0) return null;
  const rows = new Int32Array(absent);
  let at = 0;
  for (let i = 0; i < count; i++) if (groups[i]! < 0) rows[at++] = i;
  return rows;
}
