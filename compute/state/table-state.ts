/**
 * One table's current content: a row store under a unique index by key (keyed), nothing (append) or chains by row hash (bag), and
 * any number of further indexes that operators share. Changes come in as rows, keys or a delta and go out as a `ChangeBatch` with
 * positions; everything since the last `endEpoch()`, or since a savepoint in it, can be taken back.
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
import {BagRows} from './bag-rows.ts';
import {BatchGroups} from './batch-groups.ts';
import {netRows} from './delta-net.ts';
import type {HashFinish} from './key-hash.ts';
import {keyedDelta} from './keyed-delta.ts';
import {netChanges} from './net-changes.ts';
import type {MemoryShare} from './memory-budget.ts';
import {type PageFile, PageSpace} from './page-file.ts';
import type {MultiIndex, NullRule} from './multi-index.ts';
import {Int32Stack} from './number-stack.ts';
import {comingRows, pickI32, pickU8, repeat} from './picks.ts';
import {compareColumns} from './record-equal.ts';
import type {RecordField} from './record-layout.ts';
import type {RowHashFinish} from './row-hash.ts';
import {RowStore} from './row-store.ts';
import {TableIndexes} from './table-indexes.ts';
import type {UniqueIndex} from './unique-index.ts';
import {keepStanding, winners, type WinRule} from './win-rule.ts';
import type {BlockCounts} from './word-blocks.ts';

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
  /** Which row of a key stands, of a keyed table; unless given the one that came last. Deltas are taken as they are. */
  readonly rule?: WinRule | undefined;
}

export interface TableStateOptions {
  /** Share of the memory budget; none: unlimited. */
  readonly share?: MemoryShare;
  /** Makes the file that rows and indexes go to when the budget is short; none: they stay in memory, and changes are refused when it is full. */
  readonly pageFile?: () => PageFile;
  /** Tests give weak hashes to force collisions. */
  readonly keyFinish?: HashFinish;
  readonly rowFinish?: RowHashFinish;
  /** Tests give segments of few rows, so that they go out. */
  readonly segmentRows?: number;
}

/** A moment in an epoch to which `undo` can go back. Void after `endEpoch()`. */
export interface Savepoint {
  readonly changeCount: number;
  readonly nextPosition: number;
}

/** Entries of the journal that are taken back at a time. */
const undoRows = 1 << 16;
/** Scratch of one row in a batch: hashes, groups, journal. */
const scratchRowBytes = 40;

export class TableState {
  readonly spec: TableStateSpec;
  readonly store: RowStore;
  readonly #name: string;
  readonly #bag: BagRows | null;
  readonly #indexes: TableIndexes;
  readonly #share: MemoryShare | null;
  /** Where rows and indexes go when memory is short. */
  readonly #pages: PageSpace | null;
  readonly #allColumns: readonly number[];
  readonly #keyFields: readonly RecordField[];
  /** All columns but the key's: what makes two rows of one key differ; in a bag, what rows come with. */
  readonly #valueColumns: readonly number[];
  readonly #journal = new Int32Stack();
  /** A change began and did not end: rows and indexes differ. Only a page file that fails can do that. */
  #torn = false;
  #epochPosition = 0;
  #nextPosition = 0;
  readonly #aligned = new AlignedArena();
  readonly #batch = new BatchGroups();

  constructor(spec: TableStateSpec, options: TableStateOptions = {}) {
    const {types, storage, key, hidden} = spec;
    const bag = storage === 'bag';
    invariant(bag ? key.length === 2 : (storage === 'keyed') === key.length > 0, () => `a ${storage} table with ${key.length} key columns`);
    this.spec = spec;
    this.#name = spec.name ?? 'table';
    this.#share = options.share ?? null;
    this.#pages = options.pageFile === undefined ? null : new PageSpace(options.pageFile);
    this.store = new RowStore(types, {positions: true, normalised: storage === 'keyed' ? key : [], ...(this.#pages === null ? {} : {pages: this.#pages}), ...(options.segmentRows === undefined ? {} : {segmentRows: options.segmentRows})});
    this.#share?.spillable(
      {evictableBytes: () => this.store.evictableBytes(), evict: (bytes) => this.#settled(() => this.store.evict(bytes))},
      {evictableBytes: () => this.#indexes.evictableBytes(), evict: (bytes) => this.#settled(() => this.evictIndexes(bytes))},
    );
    this.#allColumns = types.map((_, column) => column);
    this.#valueColumns = this.#allColumns.filter((column) => !key.includes(column));
    this.#keyFields = key.map((column) => this.store.layout.fields[column]!);
    this.#indexes = new TableIndexes(this.store, this.#pages, this.#share, options.keyFinish === undefined ? {} : {finish: options.keyFinish});
    if (storage === 'keyed') this.#indexes.byKey(key);
    if (bag) {
      const chains = this.#indexes.index([key[0]!], 'group', 0);
      const shape = {hashColumn: key[0]!, copyColumn: key[1]!, given: this.#valueColumns, visible: this.#allColumns.filter((column) => !hidden.includes(column))};
      this.#bag = new BagRows(this.#name, this.store, chains, shape, options.rowFinish);
    } else this.#bag = null;
  }

  get rowCount(): number { return this.store.rowCount; }

  /** The position that the first row of this epoch takes. */
  get epochPosition(): number { return this.#epochPosition; }

  /** Whether anything was changed since the last `endEpoch()`. */
  get changed(): boolean { return this.#journal.length > 0; }

  /** The position that the next row takes. */
  get nextPosition(): number { return this.#nextPosition; }

  /** Whether a part of it lies in the page file. */
  get spilled(): boolean { return this.store.spilled || this.#indexes.spilled; }

  /** Bytes of the page file that are in use, and its length. */
  get pageFileBytes(): {readonly used: number; readonly length: number} { return {used: this.#pages?.usedBytes ?? 0, length: this.#pages?.lengthBytes ?? 0}; }

  /** How blocks of indexes were found that are out. */
  get blockCounts(): BlockCounts | null { return this.#indexes.blocks?.counts ?? null; }

  bytes(): number {
    return this.store.bytes() + this.#indexes.bytes() + this.#journal.bytes() + this.#aligned.bytes() + this.#batch.bytes();
  }

  /**
   * Rows into a keyed table: of several rows of one key the last wins, or the one that the rule says; −U +U where the row was there
   * and differs, +I where it was not, nothing where it is the same or the one that is there stands. Rows of append tables and bags are added.
   */
  upsert(columns: readonly Column[], rowCount: number): ChangeBatch {
    if (this.spec.storage === 'keyed') return this.#write(columns, rowCount, null);
    return this.applyDelta({rowCount, weights: new Int32Array(rowCount).fill(1), columns: [...columns]});
  }

  /** Deletes rows by key; keys that are absent change nothing. @param keys the key columns, in key order. */
  deleteByKey(keys: readonly Column[], rowCount: number): ChangeBatch {
    const columns: Column[] = [];
    this.spec.key.forEach((column, k) => { columns[column] = keys[k]!; });
    return this.#write(columns, rowCount, new Uint8Array(rowCount).fill(1));
  }

  /** Upserts and deletes of a keyed table in order, as one batch. @param deletes 1 where the row is a delete, of which only the key is read. */
  mixed(columns: readonly Column[], rowCount: number, deletes: Uint8Array): ChangeBatch {
    invariant(this.spec.storage === 'keyed', () => `upserts by key into the ${this.spec.storage} table '${this.#name}'`);
    return this.#write(columns, rowCount, deletes);
  }

  /** Looks rows up by key (a bag's by `_mr_row`, `_mr_copy`). @param outRows takes their row numbers, −1 where absent. */
  find(keys: readonly Column[], selection: Int32Array | null, count: number, outRows: Int32Array): void {
    this.#byKey().find(keys, selection, count, outRows);
  }

  /**
   * The output delta of a dynamic table, consolidated here. Keyed: per key at most one row goes and one comes. Bag: rows get and
   * release a copy; the delta has no `_mr_row`, `_mr_copy`, or they are ignored. Append: rows with positive weights.
   *
   * @throws {WarehouseError} `MR_KEY_NOT_UNIQUE` (invalid) when two rows of one key would stand; nothing is changed then.
   */
  applyDelta(delta: Delta): ChangeBatch {
    if (delta.rowCount === 0) return this.#changes(new Int32Array(0), new Uint8Array(0));
    const coming = comingRows(delta.weights, delta.rowCount);
    if (coming > 0) this.#reserve(delta.columns, delta.rowCount, coming);
    const columns = this.#align(delta.columns, delta.rowCount);
    switch (this.spec.storage) {
      case 'keyed': {
        const target = {name: this.#name, store: this.store, unique: this.#byKey(), key: this.spec.key, keyFields: this.#keyFields};
        const {chosen, deletes, old, count} = keyedDelta(target, columns, delta, this.#batch);
        return this.#replaceRows(columns, chosen, count, old, deletes);
      }
      case 'bag': return this.#applyBag(columns, delta);
      default: return this.#applyAppend(columns, delta);
    }
  }

  /** After rows were loaded with positions of their own: the next one takes `next`. */
  skipPositions(next: number): void {
    invariant(next >= this.#nextPosition, () => `positions go on from ${next}, ${this.#nextPosition} is the next`);
    this.#nextPosition = next;
    this.#epochPosition = next;
  }

  /** Makes room in the indexes for about so many rows, so that loading them does not grow the indexes step by step, if memory has it. */
  expect(rowCount: number): void {
    this.#indexes.expect(rowCount);
  }

  /**
   * Fills the table at open: rows take positions from `nextPosition` in order, or those given; keys must be new. A bag's rows come
   * with their hidden columns, the copies of a hash in rising order (key order is).
   */
  load(columns: readonly Column[], rowCount: number, positions?: Float64Array): void {
    invariant(this.#journal.length === 0, 'rows are loaded before the first change of an epoch');
    this.#reserve(columns, rowCount, rowCount);
    const rows = new Int32Array(rowCount);
    this.store.insert(columns, null, rowCount, rows);
    if (positions === undefined) this.#takePositions(rows, rowCount);
    else this.store.setPositions(rows, rowCount, positions);
    this.#indexes.load(rows, rowCount);
    this.#bag?.check(rows, rowCount);
    this.#epochPosition = this.#nextPosition;
    this.#settle();
  }

  /** After the last `load` of many: what it still holds to be indexed is. @throws {WarehouseError} `MR_PAGE_FILE_FAILED`; nothing is lost. */
  endLoad(): void {
    this.#indexes.endLoad();
    this.#settle();
  }

  /** @returns the index by these columns, made over the present rows at first asking and maintained from then on. */
  index(keyColumns: readonly number[], nulls: NullRule): MultiIndex {
    try {
      return this.#indexes.index(keyColumns, nulls, this.#journal.length);
    } finally {
      this.#settle();
    }
  }

  /** Gives freed rows back for use; what was changed can no longer be taken back. */
  endEpoch(): void {
    this.store.endEpoch();
    this.#journal.clear();
    this.#epochPosition = this.#nextPosition;
    this.#indexes.endEpoch();
    this.#settle();
  }

  #settled(evict: () => number): number {
    try {
      return evict();
    } finally {
      this.#settle();
    }
  }

  /** Puts parts of the indexes out; see `TableIndexes.evict`. */
  evictIndexes(bytes: number): number { return this.#indexes.evict(bytes); }

  /** What was fetched from the page file goes if it is much: rows, to which nothing that was gathered may refer, and blocks of indexes. */
  endChunk(): void {
    this.store.endChunk();
    this.#indexes.endChunk(() => this.#settle());
  }

  /** Between epochs: what was fetched goes if it is much, and room that was freed in the page file is used again. */
  maintain(): void {
    this.endChunk();
    try {
      this.store.reuse();
      this.#indexes.maintain();
    } catch (cause) {
      // What is out stays out: the next end of an epoch tries again.
      if (!(cause instanceof WarehouseError)) throw cause;
    }
    this.#settle();
  }

  /** Closes and removes the page file; the state is void. */
  close(): void {
    this.#pages?.close();
  }

  /** @returns this moment, to go back to. */
  savepoint(): Savepoint {
    return {changeCount: this.#journal.length, nextPosition: this.#nextPosition};
  }

  /**
   * The net change since the last `endEpoch()`, whatever steps led to it: first the rows that were there and went, each of a keyed
   * table beside the row that took its place (−U +U; −D if none did), then the rows that came (+I). A row that came and went is no
   * change, nor is one that was replaced by its like. The rows that came take new positions, in the order given.
   *
   * To be read to its end, without another change of the table meanwhile; once an epoch.
   *
   * @param rowsMax of a batch; a pair may pass it by one row.
   */
  *epochChanges(rowsMax: number): Generator<ChangeBatch, void, undefined> {
    const replacements = this.spec.storage === 'keyed' ? (old: Int32Array, count: number, now: Int32Array): void => {
      this.#byKey().find(this.store.gather(old, count, this.spec.key), null, count, now);
    } : null;
    this.#nextPosition = yield* netChanges({
      store: this.store, journal: this.#journal, first: this.#epochPosition, rowsMax, replacements, changes: (rows, ops) => this.#changes(rows, ops),
    });
  }

  /** Takes back everything since the last `endEpoch()`, or since a savepoint in this epoch. */
  undo(to?: Savepoint): void {
    if (this.#torn) throw new WarehouseError('unavailable', 'MR_STATE_TORN', `a change of '${this.#name}' failed half-way and cannot be taken back in memory`, {hint: 'open the warehouse again: what was acknowledged is in its log'});
    const journal = this.#journal;
    const end = to?.changeCount ?? 0;
    invariant(end <= journal.length, () => `savepoint at change ${end} of ${journal.length}`);
    while (journal.length > end) {
      const removed = journal.at(journal.length - 1) < 0;
      let start = journal.length - 1;
      while (start > end && journal.length - start < undoRows && journal.at(start - 1) < 0 === removed) start--;
      const rows = new Int32Array(journal.length - start);
      for (let i = rows.length - 1; i >= 0; i--) {
        const entry = journal.pop();
        rows[i] = removed ? ~entry : entry;
      }
      this.#torn = true;
      if (removed) this.#undoRemovals(rows, start);
      else this.#undoInserts(rows);
      this.#torn = false;
      if (to === undefined) this.endChunk();
    }
    this.#nextPosition = to?.nextPosition ?? this.#epochPosition;
    this.#indexes.cut(journal.length);
    this.#settle();
  }

  #undoInserts(rows: Int32Array): void {
    this.#indexes.undoInserts(rows);
    this.store.discard(rows, rows.length);
  }

  #undoRemovals(rows: Int32Array, start: number): void {
    this.store.undoFrees(rows.length);
    this.#indexes.undoRemovals(rows, start);
  }

  #byKey(): UniqueIndex {
    const {unique} = this.#indexes;
    if (unique !== null) return unique;
    invariant(this.#bag !== null, () => `look-up by key in the append table '${this.#name}'`);
    try {
      return this.#indexes.byKey(this.spec.key);
    } finally {
      this.#settle();
    }
  }

  /** @returns the columns by position, their bytes aligned. */
  #align(columns: readonly Column[], rowCount: number): Column[] {
    const short = this.spec.storage === 'bag' && columns.length === this.#valueColumns.length;
    this.#aligned.reset();
    const aligned: Column[] = [];
    columns.forEach((column, index) => { aligned[short ? this.#valueColumns[index]! : index] = alignColumn(this.#aligned, column, null, rowCount); });
    return aligned;
  }

  /** Asks for what inserting `count` rows may add, scratch included, before anything is changed; `rowCount` rows of the columns bound their text. */
  #reserve(columns: readonly Column[], rowCount: number, count: number): void {
    if (this.#share === null) return;
    const bytes = 2 * this.store.growthBytes(columns, rowCount, count) + this.#indexes.growthBytes(count) + count * scratchRowBytes;
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

  /** Folds the rows of one key (the last wins), then replaces. */
  #write(given: readonly Column[], rowCount: number, deletes: Uint8Array | null): ChangeBatch {
    const unique = this.#byKey();
    invariant(deletes === null || this.spec.rule === undefined, () => `deletes from '${this.#name}', where a rule says which row stands`);
    if (deletes === null || deletes.includes(0)) this.#reserve(given, rowCount, rowCount);
    const columns = this.#align(given, rowCount);
    const keys = this.spec.key.map((column) => columns[column]!);
    const hash = new Int32Array(rowCount);
    unique.hashKeys(keys, null, rowCount, hash);
    const keyCount = this.#batch.assign(this.#keyFields, keys, null, rowCount, hash);
    const old = new Int32Array(keyCount);
    if (keyCount === rowCount) {
      unique.findHashed(keys, null, rowCount, hash, old);
      return this.#replaceRows(columns, null, rowCount, old, deletes, this.spec.rule);
    }
    const last = winners(this.spec.rule, columns, this.#batch.groups, rowCount, keyCount);
    unique.findHashed(keys, last, keyCount, pickI32(hash, last, keyCount), old);
    return this.#replaceRows(columns, last, keyCount, old, deletes === null ? null : pickU8(deletes, last, keyCount), this.spec.rule);
  }

  /** The i-th selected row takes the place of row `old[i]` (−1: of none), or lets it go if `deletes[i]`. Keys are distinct. */
  #replaceRows(columns: readonly Column[], selection: Int32Array | null, count: number, old: Int32Array, deletes: Uint8Array | null, rule?: WinRule): ChangeBatch {
    const same = new Uint8Array(count);
    const compared = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      const compare = old[i]! >= 0 && (deletes === null || deletes[i] === 0);
      compared[i] = compare ? old[i]! : -1;
      same[i] = compare ? 1 : 0;
    }
    const present = this.#valueColumns.filter((column) => columns[column] !== undefined);
    compareColumns(this.store, present.map((column) => this.store.layout.fields[column]!), compared, present.map((column) => columns[column]!), selection, count, same, true);

    if (rule !== undefined) keepStanding(rule, this.store, columns, selection, count, old, same);

    // what is not the same: rows that come (a selection of the columns), rows that go, and both by their effect on the key
    const coming = new Int32Array(count);
    const going = new Int32Array(count);
    const replaced = new Int32Array(count);
    const dropped = new Int32Array(count);
    let comingCount = 0;
    let goingCount = 0;
    let replacedCount = 0;
    let droppedCount = 0;
    for (let i = 0; i < count; i++) {
      if (same[i] === 1) continue;
      const row = old[i]!;
      if (row >= 0) going[goingCount++] = row;
      if (deletes !== null && deletes[i] === 1) {
        if (row >= 0) dropped[droppedCount++] = row;
        continue;
      }
      if (row >= 0) replaced[replacedCount++] = row;
      coming[comingCount++] = selection === null ? i : selection[i]!;
    }
    const fresh = new Int32Array(comingCount);
    this.#torn = true;
    if (comingCount > 0) {
      this.store.insert(columns, coming, comingCount, fresh);
      this.#takePositions(fresh, comingCount);
    }

    const rows = new Int32Array(goingCount + comingCount);
    const ops = new Uint8Array(goingCount + comingCount);
    const replacing = new Int32Array(replacedCount);
    const added = new Int32Array(comingCount - replacedCount);
    let at = 0;
    let come = 0;
    let replacement = 0;
    for (let i = 0; i < count; i++) {
      if (same[i] === 1) continue;
      const row = old[i]!;
      const gone = deletes !== null && deletes[i] === 1;
      if (row >= 0) {
        rows[at] = row;
        ops[at++] = gone ? OP_DELETE : OP_UPDATE_BEFORE;
      }
      if (gone) continue;
      if (row >= 0) replacing[replacement++] = fresh[come]!;
      else added[come - replacement] = fresh[come]!;
      rows[at] = fresh[come++]!;
      ops[at++] = row >= 0 ? OP_UPDATE_AFTER : OP_INSERT;
    }
    const unique = this.#byKey();
    this.#prepare(going, goingCount, fresh, comingCount, added);
    unique.replace(replaced, replacing, replacedCount);
    unique.remove(dropped, droppedCount);
    unique.insert(added, added.length);
    this.#swap(going, goingCount, fresh, comingCount);
    this.#torn = false;
    const changes = this.#changes(rows, ops);
    this.#settle();
    return changes;
  }

  /**
   * Before rows are exchanged in the indexes: brings what that looks into of what is out, so that no file can fail half-way.
   *
   * @param fresh rows that were just inserted; they are taken back if it fails.
   * @param added those of them whose keys are not there; null of a table without a key of its own.
   */
  #prepare(going: Int32Array, goingCount: number, fresh: Int32Array, freshCount: number, added: Int32Array | null): void {
    if (!this.spilled) return;
    try {
      this.#indexes.prepare(going, goingCount, fresh, freshCount, added);
    } catch (cause) {
      this.store.discard(fresh, freshCount);
      this.#nextPosition -= freshCount;
      this.#torn = false;
      throw cause;
    }
  }

  /** Takes `going` out of the chain indexes and the store, puts `fresh` in, writes the journal. */
  #swap(going: Int32Array, goingCount: number, fresh: Int32Array, freshCount: number): void {
    this.#indexes.exchange(going, goingCount, fresh, freshCount);
    this.store.free(going, goingCount);
    for (let i = 0; i < goingCount; i++) this.#journal.push(~going[i]!);
    for (let i = 0; i < freshCount; i++) this.#journal.push(fresh[i]!);
  }

  #changes(rows: Int32Array, ops: Uint8Array): ChangeBatch {
    const rowCount = rows.length;
    const positions = new Float64Array(rowCount);
    this.store.getPositions(rows, rowCount, positions);
    return {rowCount, ops, columns: this.store.gather(rows, rowCount, this.#allColumns), positions};
  }

  #applyAppend(columns: readonly Column[], delta: Delta): ChangeBatch {
    let total = 0;
    for (let i = 0; i < delta.rowCount; i++) {
      const weight = delta.weights[i]!;
      invariant(weight > 0, () => `a row goes from the append table '${this.#name}'`);
      total += weight;
    }
    const selection = total === delta.rowCount ? null : repeat(delta.weights, delta.rowCount, total);
    const fresh = new Int32Array(total);
    this.#torn = true;
    this.store.insert(columns, selection, total, fresh);
    this.#takePositions(fresh, total);
    this.#prepare(fresh, 0, fresh, total, null);
    this.#swap(fresh, 0, fresh, total);
    this.#torn = false;
    const changes = this.#changes(fresh, new Uint8Array(total).fill(OP_INSERT));
    this.#settle();
    return changes;
  }

  #applyBag(columns: readonly Column[], delta: Delta): ChangeBatch {
    const bag = this.#bag!;
    const net = netRows(this.#valueColumns.map((column) => this.store.layout.fields[column]!), this.#valueColumns.map((column) => columns[column]!), delta, this.#batch);
    const change = bag.plan(columns, net);
    const goingCount = change.going.length;
    const freshCount = change.coming.length;
    const fresh = new Int32Array(freshCount);
    this.#torn = true;
    bag.insert(columns, delta.rowCount, change, fresh);
    this.#takePositions(fresh, freshCount);
    this.#prepare(change.going, goingCount, fresh, freshCount, null);
    this.#swap(change.going, goingCount, fresh, freshCount);
    bag.number(fresh, freshCount);
    this.#torn = false;
    this.#indexes.rekey(change.going, fresh);
    const rows = new Int32Array(goingCount + freshCount);
    rows.set(change.going);
    rows.set(fresh, goingCount);
    const ops = new Uint8Array(rows.length).fill(OP_INSERT);
    ops.fill(OP_DELETE, 0, goingCount);
    const changes = this.#changes(rows, ops);
    this.#settle();
    return changes;
  }
}
