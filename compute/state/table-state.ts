/**
 * One table's current content: a row store under a unique index by key (keyed), nothing (append) or a chain index by row hash
 * (bag), and any number of further indexes that operators share. Changes come in as rows, keys or a delta and go out as a
 * `ChangeBatch` with positions; everything since the last `endEpoch()` can be taken back.
 *
 * A change never overwrites a record: the new row takes a new record and position, the old one is freed at the end of the epoch.
 * The journal lists inserted rows (row) and freed rows (~row) in the order of the index changes, so that undo is their reverse.
 */
import type {ChangeBatch, Column, Delta} from '../../base/delta.ts';
import {OP_DELETE, OP_INSERT, OP_UPDATE_AFTER, OP_UPDATE_BEFORE} from '../../base/delta.ts';
import {WarehouseError} from '../../base/error.ts';
import {invariant} from '../../base/invariant.ts';
import type {LogicalType} from '../../base/type.ts';
import {AlignedArena, alignColumn} from './aligned-arena.ts';
import {BatchGroups} from './batch-groups.ts';
import type {HashFinish} from './key-hash.ts';
import {hashColumns} from './key-hash.ts';
import type {MemoryShare} from './memory-budget.ts';
import type {NullRule} from './multi-index.ts';
import {MultiIndex} from './multi-index.ts';
import {Int32Stack} from './number-stack.ts';
import {compareColumns} from './record-equal.ts';
import type {RecordField} from './record-layout.ts';
import type {RowHashFinish} from './row-hash.ts';
import {rowHashes} from './row-hash.ts';
import {halves, RowStore} from './row-store.ts';
import {UniqueIndex} from './unique-index.ts';

export interface TableStateSpec {
  /** The table's name, for errors. */
  readonly name?: string;
  /** All columns, hidden ones included. */
  readonly types: readonly LogicalType[];
  readonly storage: 'keyed' | 'append' | 'bag';
  /** Positions of the key columns; of `_mr_row`, `_mr_copy` for a bag; empty for append. */
  readonly key: readonly number[];
  /** Positions of hidden columns. */
  readonly hidden: readonly number[];
}

export interface TableStateOptions {
  /** Share of the memory budget; none: unlimited. */
  readonly share?: MemoryShare;
  /** Tests give weak hashes to force collisions. */
  readonly keyFinish?: HashFinish;
  readonly rowFinish?: RowHashFinish;
}

interface SharedIndex {
  readonly index: MultiIndex;
  /** Length of the journal when the index was made: earlier entries of the epoch are not in its links. */
  since: number;
}

export class TableState {
  readonly spec: TableStateSpec;
  readonly store: RowStore;
  /** key → row of a keyed table. */
  readonly unique: UniqueIndex | null;
  readonly #bag: MultiIndex | null;
  readonly #indexes = new Map<string, SharedIndex>();
  readonly #share: MemoryShare | null;
  readonly #rowFinish: RowHashFinish | undefined;
  readonly #allColumns: readonly number[];
  readonly #keyFields: readonly RecordField[];
  /** All columns but the key's. */
  readonly #valueColumns: readonly number[];
  /** Columns that rows come with: all but `_mr_row` and `_mr_copy`. */
  readonly #given: readonly number[];
  readonly #givenFields: readonly RecordField[];
  readonly #visible: readonly number[];
  readonly #visibleFields: readonly RecordField[];
  readonly #journal = new Int32Stack();
  #epochPosition = 0;
  #nextPosition = 0;
  readonly #aligned = new AlignedArena();
  readonly #groups = new BatchGroups();

  constructor(spec: TableStateSpec, options: TableStateOptions = {}) {
    this.spec = spec;
    const bag = spec.storage === 'bag';
    invariant(bag ? spec.key.length === 2 : (spec.storage === 'keyed') === spec.key.length > 0, () => `a ${spec.storage} table with ${spec.key.length} key columns`);
    this.store = new RowStore(spec.types, {positions: true, normalised: spec.storage === 'keyed' ? spec.key : []});
    const {fields} = this.store.layout;
    const weak = options.keyFinish === undefined ? {} : {finish: options.keyFinish};
    this.unique = spec.storage === 'keyed' ? new UniqueIndex(this.store, spec.key, weak) : null;
    this.#bag = bag ? new MultiIndex(this.store, [spec.key[0]!], 'group', weak) : null;
    if (this.#bag !== null) this.#indexes.set(indexName([spec.key[0]!], 'group'), {index: this.#bag, since: 0});
    this.#share = options.share ?? null;
    this.#rowFinish = options.rowFinish;
    this.#allColumns = spec.types.map((_, column) => column);
    this.#keyFields = spec.key.map((column) => fields[column]!);
    this.#valueColumns = this.#allColumns.filter((column) => !spec.key.includes(column));
    this.#given = bag ? this.#valueColumns : this.#allColumns;
    this.#givenFields = this.#given.map((column) => fields[column]!);
    this.#visible = this.#allColumns.filter((column) => !spec.hidden.includes(column));
    this.#visibleFields = this.#visible.map((column) => fields[column]!);
  }

  get rowCount(): number { return this.store.rowCount; }

  /** The position that the next row takes. */
  get nextPosition(): number { return this.#nextPosition; }

  bytes(): number {
    let bytes = this.store.bytes() + (this.unique?.bytes() ?? 0) + this.#journal.bytes() + this.#aligned.bytes() + this.#groups.bytes();
    for (const {index} of this.#indexes.values()) bytes += index.bytes();
    return bytes;
  }

  /**
   * Rows into a keyed table: of several rows of one key the last wins; −U +U where the row was there and differs, +I where it was
   * not, nothing where it is the same. Rows of append tables and bags are added.
   */
  upsert(columns: readonly Column[], rowCount: number): ChangeBatch {
    if (this.spec.storage === 'keyed') return this.#writeKeyed(this.#align(columns, rowCount), rowCount, null);
    return this.applyDelta({rowCount, weights: new Int32Array(rowCount).fill(1), columns: [...columns]});
  }

  /** Deletes the rows of a keyed table by their keys; keys that are absent change nothing. @param keys the key columns, in key order. */
  deleteByKey(keys: readonly Column[], rowCount: number): ChangeBatch {
    const columns: Column[] = [];
    this.spec.key.forEach((column, k) => { columns[column] = keys[k]!; });
    return this.#writeKeyed(this.#align(columns, rowCount), rowCount, new Uint8Array(rowCount).fill(1));
  }

  /** Upserts and deletes of a keyed table in order, as one batch. @param deletes 1 where the row is a delete, of which only the key is read. */
  mixed(columns: readonly Column[], rowCount: number, deletes: Uint8Array): ChangeBatch {
    return this.#writeKeyed(this.#align(columns, rowCount), rowCount, deletes);
  }

  /** Rows found by key in a keyed table, −1 where absent. */
  find(keys: readonly Column[], selection: Int32Array | null, count: number, outRows: Int32Array): void {
    invariant(this.unique !== null, () => `look-up by key in a ${this.spec.storage} table`);
    this.unique.find(keys, selection, count, outRows);
  }

  /**
   * The output delta of a dynamic table, consolidated here. Keyed: per key at most one row goes and one comes. Bag: rows get and
   * release a copy. Append: rows with positive weights.
   *
   * @throws {WarehouseError} `MR_KEY_NOT_UNIQUE` (invalid) when two rows of one key would stand; nothing is changed then.
   */
  applyDelta(delta: Delta): ChangeBatch {
    if (delta.rowCount === 0) return this.#changes(new Int32Array(0), new Uint8Array(0), 0);
    const columns = this.#align(delta.columns, delta.rowCount);
    switch (this.spec.storage) {
      case 'keyed': return this.#applyKeyed(columns, delta);
      case 'bag': return this.#applyBag(columns, delta);
      default: return this.#applyAppend(columns, delta);
    }
  }

  /**
   * Fills the table at open: rows take positions from `nextPosition` in order; keys must be new. A bag's rows come with their
   * hidden columns, the copies of a hash in rising order (key order is).
   */
  load(columns: readonly Column[], rowCount: number): void {
    invariant(this.#journal.length === 0, 'rows are loaded before the first change of an epoch');
    this.#reserve(columns, rowCount);
    const rows = new Int32Array(rowCount);
    this.store.insert(columns, null, rowCount, rows);
    this.#takePositions(rows, rowCount);
    this.unique?.insert(rows, rowCount);
    for (const {index} of this.#indexes.values()) index.insert(rows, rowCount);
    if (this.#bag !== null) {
      for (let i = 0; i < rowCount; i++) {
        const older = this.#bag.next(rows[i]!);
        invariant(older < 0 || this.#copy(older) < this.#copy(rows[i]!), () => `copies of a row hash are not in rising order in '${this.spec.name ?? ''}'`);
      }
    }
    this.#epochPosition = this.#nextPosition;
    this.#settle();
  }

  /** @returns the index by these columns, made over the present rows at first asking and maintained from then on. */
  index(keyColumns: readonly number[], nulls: NullRule): MultiIndex {
    const name = indexName(keyColumns, nulls);
    const known = this.#indexes.get(name);
    if (known !== undefined) return known.index;
    const index = new MultiIndex(this.store, keyColumns, nulls);
    for (const {rows, count} of this.store.scan()) index.insert(rows, count);
    this.#indexes.set(name, {index, since: this.#journal.length});
    this.#settle();
    return index;
  }

  /** Gives freed rows back for use; what was changed can no longer be taken back. */
  endEpoch(): void {
    this.store.endEpoch();
    this.#journal.clear();
    this.#epochPosition = this.#nextPosition;
    for (const shared of this.#indexes.values()) shared.since = 0;
    this.#settle();
  }

  /** Takes back everything since the last `endEpoch()`. */
  undo(): void {
    const journal = this.#journal;
    while (journal.length > 0) {
      const removed = journal.at(journal.length - 1) < 0;
      let start = journal.length - 1;
      while (start > 0 && journal.at(start - 1) < 0 === removed) start--;
      const count = journal.length - start;
      const rows = new Int32Array(count);
      for (let i = count - 1; i >= 0; i--) {
        const entry = journal.pop();
        rows[i] = removed ? ~entry : entry;
      }
      if (removed) this.#undoRemovals(rows, count, start);
      else this.#undoInserts(rows, count);
    }
    this.#nextPosition = this.#epochPosition;
    for (const shared of this.#indexes.values()) shared.since = 0;
    this.#settle();
  }

  #undoInserts(rows: Int32Array, count: number): void {
    this.unique?.remove(rows, count);
    for (const {index} of this.#indexes.values()) index.remove(rows, count);
    this.store.discard(rows, count);
  }

  #undoRemovals(rows: Int32Array, count: number, start: number): void {
    this.store.undoFrees(count);
    this.unique?.insert(rows, count);
    for (const {index, since} of this.#indexes.values()) {
      const before = Math.max(0, Math.min(count, since - start)); // entries that are older than the index
      index.restore(rows.subarray(before), count - before);
      index.insert(rows, before);
    }
  }

  #align(columns: readonly Column[], rowCount: number): Column[] {
    this.#aligned.reset();
    const aligned: Column[] = [];
    columns.forEach((column, index) => { aligned[index] = alignColumn(this.#aligned, column, null, rowCount); });
    return aligned;
  }

  #reserve(columns: readonly Column[], count: number): void {
    if (this.#share === null) return;
    let bytes = this.store.growthBytes(columns, count) + (this.unique?.growthBytes(count) ?? 0);
    for (const {index} of this.#indexes.values()) bytes += index.growthBytes(count);
    this.#share.reserve(bytes);
  }

  #settle(): void {
    this.#share?.settle(this.bytes());
  }

  #takePositions(rows: Int32Array, count: number): void {
    const positions = new Float64Array(count);
    for (let i = 0; i < count; i++) positions[i] = this.#nextPosition++;
    this.store.setPositions(rows, count, positions);
  }

  #writeKeyed(columns: readonly Column[], rowCount: number, deletes: Uint8Array | null): ChangeBatch {
    invariant(this.unique !== null, () => `write by key into a ${this.spec.storage} table`);
    const keys = this.spec.key.map((column) => columns[column]!);
    const hash = new Int32Array(rowCount);
    this.unique.hashKeys(keys, null, rowCount, hash);
    const groupCount = this.#groups.assign(this.#keyFields, keys, null, rowCount, hash);
    if (groupCount === rowCount) return this.#change(columns, keys, null, rowCount, hash, deletes);
    const last = new Int32Array(groupCount);
    const {groups} = this.#groups;
    for (let i = 0; i < rowCount; i++) last[groups[i]!] = i;
    return this.#change(columns, keys, last, groupCount, pickI32(hash, last, groupCount), deletes === null ? null : pickU8(deletes, last, groupCount));
  }

  /** Distinct keys: `deletes[i]` says whether the i-th selected row goes or comes. */
  #change(columns: readonly Column[], keys: readonly Column[], selection: Int32Array | null, count: number, hash: Int32Array, deletes: Uint8Array | null): ChangeBatch {
    const old = new Int32Array(count);
    this.unique!.findHashed(keys, selection, count, hash, old);
    return this.#replaceRows(columns, selection, count, old, deletes);
  }

  /** The i-th selected row takes the place of row `old[i]` (−1: of none), or lets it go. */
  #replaceRows(columns: readonly Column[], selection: Int32Array | null, count: number, old: Int32Array, deletes: Uint8Array | null): ChangeBatch {
    const same = new Uint8Array(count);
    for (let i = 0; i < count; i++) same[i] = old[i]! >= 0 && (deletes === null || deletes[i] === 0) ? 1 : 0;
    const present = this.#valueColumns.filter((column) => columns[column] !== undefined);
    const fields = present.map((column) => this.store.layout.fields[column]!);
    const compared = new Int32Array(count);
    for (let i = 0; i < count; i++) compared[i] = same[i] === 1 ? old[i]! : -1;
    compareColumns(this.store, fields, compared, present.map((column) => columns[column]!), selection, count, same, true);

    // the rows that come, as selection of the columns; the rows that go; both in the order of the keys
    const coming = new Int32Array(count);
    const going = new Int32Array(count);
    let comingCount = 0;
    let goingCount = 0;
    for (let i = 0; i < count; i++) {
      if (same[i] === 1) continue;
      if (old[i]! >= 0) going[goingCount++] = old[i]!;
      if (deletes !== null && deletes[i] === 1) continue;
      coming[comingCount++] = selection === null ? i : selection[i]!;
    }
    if (comingCount > 0) this.#reserve(columns, count);
    const fresh = new Int32Array(comingCount);
    if (comingCount > 0) this.store.insert(columns, coming, comingCount, fresh);
    this.#takePositions(fresh, comingCount);
    this.#swapUnique(count, old, same, deletes, fresh);
    this.#swap(going, goingCount, fresh, comingCount);

    const rows = new Int32Array(goingCount + comingCount);
    const ops = new Uint8Array(goingCount + comingCount);
    let at = 0;
    let come = 0;
    for (let i = 0; i < count; i++) {
      if (same[i] === 1) continue;
      const gone = deletes !== null && deletes[i] === 1;
      if (old[i]! >= 0) {
        rows[at] = old[i]!;
        ops[at++] = gone ? OP_DELETE : OP_UPDATE_BEFORE;
      }
      if (gone) continue;
      rows[at] = fresh[come++]!;
      ops[at++] = old[i]! >= 0 ? OP_UPDATE_AFTER : OP_INSERT;
    }
    const changes = this.#changes(rows, ops, at);
    this.#settle();
    return changes;
  }

  /** The unique index's part of `#replaceRows`: a key that stays only changes its row. */
  #swapUnique(count: number, old: Int32Array, same: Uint8Array, deletes: Uint8Array | null, fresh: Int32Array): void {
    const from = new Int32Array(count);
    const to = new Int32Array(count);
    const dropped = new Int32Array(count);
    const added = new Int32Array(count);
    let replacedCount = 0;
    let droppedCount = 0;
    let addedCount = 0;
    let come = 0;
    for (let i = 0; i < count; i++) {
      if (same[i] === 1) continue;
      const gone = deletes !== null && deletes[i] === 1;
      if (gone) {
        if (old[i]! >= 0) dropped[droppedCount++] = old[i]!;
      } else if (old[i]! < 0) added[addedCount++] = fresh[come++]!;
      else {
        from[replacedCount] = old[i]!;
        to[replacedCount++] = fresh[come++]!;
      }
    }
    this.unique!.replace(from, to, replacedCount);
    this.unique!.remove(dropped, droppedCount);
    this.unique!.insert(added, addedCount);
  }

  /** Takes `going` out of the chain indexes and the store, puts `fresh` in, writes the journal. */
  #swap(going: Int32Array, goingCount: number, fresh: Int32Array, freshCount: number): void {
    for (const {index} of this.#indexes.values()) {
      index.remove(going, goingCount);
      index.insert(fresh, freshCount);
    }
    this.store.free(going, goingCount);
    for (let i = 0; i < goingCount; i++) this.#journal.push(~going[i]!);
    for (let i = 0; i < freshCount; i++) this.#journal.push(fresh[i]!);
  }

  #changes(rows: Int32Array, ops: Uint8Array, count: number): ChangeBatch {
    const positions = new Float64Array(count);
    this.store.getPositions(rows, count, positions);
    return {rowCount: count, ops: ops.subarray(0, count), columns: this.store.gather(rows, count, this.#allColumns), positions};
  }

  #applyKeyed(columns: readonly Column[], delta: Delta): ChangeBatch {
    const simple = this.#keyed(columns, null, delta.weights, delta.rowCount, false);
    if (simple !== null) return simple;
    const {rows, weights, count} = this.#consolidate(columns, delta);
    return this.#keyed(columns, rows, weights, count, true)!;
  }

  /**
   * One pass over a delta by key. Without `consolidated` it gives up (null) where rows of one key must first be added up: more
   * than one row comes or goes, a weight is not ±1, or the row that goes is not the row that stands (it may cancel the one that comes).
   */
  #keyed(columns: readonly Column[], selection: Int32Array | null, weights: Int32Array, count: number, consolidated: boolean): ChangeBatch | null {
    const keys = this.spec.key.map((column) => columns[column]!);
    const hash = new Int32Array(count);
    this.unique!.hashKeys(keys, selection, count, hash);
    const groupCount = this.#groups.assign(this.#keyFields, keys, selection, count, hash);
    const {groups} = this.#groups;
    const plus = new Int32Array(groupCount).fill(-1);
    const minus = new Int32Array(groupCount).fill(-1);
    const keyHash = new Int32Array(groupCount);
    for (let i = 0; i < count; i++) {
      const group = groups[i]!;
      const weight = weights[i]!;
      const side = weight > 0 ? plus : minus;
      if (side[group]! >= 0 || weight > 1 || weight < -1) {
        if (!consolidated) return null;
        if (weight > 0) this.#notUnique();
        invariant(false, () => `two rows of one key go from '${this.spec.name ?? ''}'`);
      }
      side[group] = selection === null ? i : selection[i]!;
      keyHash[group] = hash[i]!;
    }
    const chosen = new Int32Array(groupCount);
    const deletes = new Uint8Array(groupCount);
    for (let group = 0; group < groupCount; group++) {
      chosen[group] = plus[group]! >= 0 ? plus[group]! : minus[group]!;
      if (plus[group]! < 0) deletes[group] = 1;
    }
    const old = new Int32Array(groupCount);
    this.unique!.findHashed(keys, chosen, groupCount, keyHash, old);
    if (!consolidated) {
      const gone = new Int32Array(groupCount);
      for (let group = 0; group < groupCount; group++) {
        gone[group] = minus[group]! >= 0 ? old[group]! : -1;
        if (minus[group]! >= 0 && old[group]! < 0) return null;
      }
      const flags = new Uint8Array(groupCount).fill(1);
      for (let group = 0; group < groupCount; group++) if (minus[group]! < 0) minus[group] = 0; // any row: passed over, gone is −1
      compareColumns(this.store, this.#givenFields, gone, columns, minus, groupCount, flags, false);
      for (let group = 0; group < groupCount; group++) {
        if (flags[group] === 0) return null;
        if (gone[group]! < 0 && old[group]! >= 0) this.#notUnique();
      }
    } else {
      for (let group = 0; group < groupCount; group++) {
        if (minus[group]! < 0) {
          if (old[group]! >= 0) this.#notUnique();
        } else invariant(old[group]! >= 0, () => `a row goes from '${this.spec.name ?? ''}' whose key is not there`);
      }
    }
    return this.#replaceRows(columns, chosen, groupCount, old, deletes);
  }

  #notUnique(): never {
    throw new WarehouseError('invalid', 'MR_KEY_NOT_UNIQUE', `two rows of '${this.spec.name ?? 'the table'}' have the same key`,
      {hint: 'declare a key that is unique in the result, or none'});
  }

  /** Adds the weights of equal rows up. @returns first rows and weights of those that do not cancel. */
  #consolidate(columns: readonly Column[], delta: Delta): {rows: Int32Array; weights: Int32Array; count: number} {
    const given = this.#given.map((column, k) => columns.length === this.#given.length ? columns[k]! : columns[column]!);
    const hash = new Int32Array(delta.rowCount);
    hashColumns(this.#givenFields, given, null, delta.rowCount, hash);
    const groupCount = this.#groups.assign(this.#givenFields, given, null, delta.rowCount, hash);
    return this.#net(delta, groupCount);
  }

  #net(delta: Delta, groupCount: number): {rows: Int32Array; weights: Int32Array; count: number} {
    const {groups, first} = this.#groups;
    const sums = new Int32Array(groupCount);
    for (let i = 0; i < delta.rowCount; i++) sums[groups[i]!]! += delta.weights[i]!;
    const rows = new Int32Array(groupCount);
    const weights = new Int32Array(groupCount);
    let count = 0;
    for (let group = 0; group < groupCount; group++) {
      if (sums[group] === 0) continue;
      rows[count] = first[group]!;
      weights[count++] = sums[group]!;
    }
    return {rows, weights, count};
  }

  #applyAppend(columns: readonly Column[], delta: Delta): ChangeBatch {
    let total = 0;
    for (let i = 0; i < delta.rowCount; i++) {
      invariant(delta.weights[i]! > 0, () => `a row goes from the append table '${this.spec.name ?? ''}'`);
      total += delta.weights[i]!;
    }
    const selection = total === delta.rowCount ? null : repeat(delta.weights, delta.rowCount, null, total);
    this.#reserve(columns, total);
    const fresh = new Int32Array(total);
    this.store.insert(columns, selection, total, fresh);
    this.#takePositions(fresh, total);
    this.#swap(fresh, 0, fresh, total);
    const changes = this.#changes(fresh, new Uint8Array(total).fill(OP_INSERT), total);
    this.#settle();
    return changes;
  }

  #copy(row: number): number {
    const {offset} = this.#keyFields[1]!;
    return this.store.words[row >> 16]![(row & 0xffff) * this.store.layout.stride + offset]!;
  }

  #setCopy(row: number, copy: number): void {
    const {offset} = this.#keyFields[1]!;
    this.store.words[row >> 16]![(row & 0xffff) * this.store.layout.stride + offset] = copy;
  }

  #applyBag(columns: readonly Column[], delta: Delta): ChangeBatch {
    const bag = this.#bag!;
    const given = this.#given.map((column, k) => columns.length === this.#given.length ? columns[k]! : columns[column]!);
    const byColumn: Column[] = [];
    this.#given.forEach((column, k) => { byColumn[column] = given[k]!; });
    const net = this.#consolidate(columns, delta);
    const low = new Int32Array(net.count);
    const high = new Int32Array(net.count);
    rowHashes(this.#visibleFields, this.#visible.map((column) => byColumn[column]!), net.rows, net.count, low, high, this.#rowFinish);
    const hashes = new BigInt64Array(net.count);
    const words = halves(hashes);
    for (let i = 0; i < net.count; i++) {
      words[2 * i] = low[i]!;
      words[2 * i + 1] = high[i]!;
    }
    const heads = new Int32Array(net.count);
    bag.find([{kind: 'i64', data: hashes, valid: null}], null, net.count, heads);

    // rows that go: equal rows from the head of their chain on
    let goingTotal = 0;
    let comingTotal = 0;
    for (let i = 0; i < net.count; i++) {
      if (net.weights[i]! < 0) goingTotal -= net.weights[i]!;
      else comingTotal += net.weights[i]!;
    }
    const going = new Int32Array(goingTotal);
    const one = new Int32Array(1);
    const source = new Int32Array(1);
    const flag = new Uint8Array(1);
    let goingCount = 0;
    for (let i = 0; i < net.count; i++) {
      if (net.weights[i]! > 0) continue;
      source[0] = net.rows[i]!;
      let row = heads[i]!;
      for (let left = -net.weights[i]!; left > 0; row = bag.next(row)) {
        invariant(row >= 0, () => `a row goes from '${this.spec.name ?? ''}' that is not there`);
        one[0] = row;
        flag[0] = 1;
        compareColumns(this.store, this.#givenFields, one, given, source, 1, flag, false);
        if (flag[0] === 0) continue;
        going[goingCount++] = row;
        left--;
      }
    }

    const coming = new Int32Array(comingTotal);
    const comingHashes = new BigInt64Array(comingTotal);
    let comingCount = 0;
    for (let i = 0; i < net.count; i++) {
      for (let left = net.weights[i]!; left > 0; left--) {
        comingHashes[comingCount] = hashes[i]!;
        coming[comingCount++] = net.rows[i]!;
      }
    }
    this.#reserve(columns, comingCount);
    const fresh = new Int32Array(comingCount);
    this.#insertBagRows(byColumn, coming, comingCount, comingHashes, fresh);
    this.#takePositions(fresh, comingCount);
    this.#swap(going, goingCount, fresh, comingCount);
    for (let i = 0; i < comingCount; i++) {
      const older = bag.next(fresh[i]!);
      this.#setCopy(fresh[i]!, older < 0 ? 0 : this.#copy(older) + 1);
    }
    const rows = new Int32Array(goingCount + comingCount);
    rows.set(going.subarray(0, goingCount));
    rows.set(fresh, goingCount);
    const ops = new Uint8Array(rows.length).fill(OP_INSERT);
    ops.fill(OP_DELETE, 0, goingCount);
    const changes = this.#changes(rows, ops, rows.length);
    this.#settle();
    return changes;
  }

  #insertBagRows(byColumn: readonly Column[], coming: Int32Array, count: number, hashes: BigInt64Array, fresh: Int32Array): void {
    const [hashColumn, copyColumn] = this.spec.key as readonly [number, number];
    const all = [...byColumn];
    // the hidden columns are written below: stand-ins that any selection may read
    const length = coming.reduce((most, row) => Math.max(most, row + 1), 0);
    all[hashColumn] = {kind: 'f64', data: new Float64Array(length), valid: null, bound: 0};
    all[copyColumn] = {kind: 'i32', data: new Int32Array(length), valid: null};
    this.store.insert(all, coming, count, fresh);
    this.store.writeColumn(hashColumn, {kind: 'i64', data: hashes, valid: null}, null, count, fresh);
  }
}

function indexName(keyColumns: readonly number[], nulls: NullRule): string {
  return `${nulls}:${keyColumns.join(',')}`;
}

function pickI32(from: Int32Array, rows: Int32Array, count: number): Int32Array {
  const to = new Int32Array(count);
  for (let i = 0; i < count; i++) to[i] = from[rows[i]!]!;
  return to;
}

function pickU8(from: Uint8Array, rows: Int32Array, count: number): Uint8Array {
  const to = new Uint8Array(count);
  for (let i = 0; i < count; i++) to[i] = from[rows[i]!]!;
  return to;
}

/** Each row as often as its weight says. */
function repeat(weights: Int32Array, count: number, rows: Int32Array | null, total: number): Int32Array {
  const to = new Int32Array(total);
  let at = 0;
  for (let i = 0; i < count; i++) for (let left = weights[i]!; left > 0; left--) to[at++] = rows === null ? i : rows[i]!;
  return to;
}
