/**
 * Checkpoints: the changes since the last one become files of every changed table, one snapshot each, and then a file names them all
 * as one cut. Works in a session of its own beside the epochs; ingest never waits for it unless the tail outgrows its bound.
 *
 * In order: 1. directories of tables dropped since are moved aside (table-home.ts), and their last changes flushed there: they are
 * history; 2. each changed table is flushed and committed (checkpoint-table.ts), of the others what compaction made of them is taken
 * over; 3. the file `checkpoint/<epoch>.json` appears: that is the checkpoint; 4. checkpoint files that nothing holds (history-holds.ts)
 * go, and dropped tables that none of those kept names; 5. log segments before the newest `logCheckpoints` may go (the caller's part):
 * files tell all that they told.
 * A crash or a failure between any two of them leaves the checkpoint before this one whole: its snapshots and their files stay, the
 * log reaches back to it, and the next try completes what was begun.
 *
 * A failed try is repeated after a while, with the same changes and those that came meanwhile. When the tail is full writers wait
 * for a try that is under way; when the newest try failed they are refused with its reason.
 */
import {join} from 'node:path';
import type {Epoch} from '../base/epoch.ts';
import {asWarehouseError, WarehouseError} from '../base/error.ts';
import {invariant} from '../base/invariant.ts';
import type {Catalog} from '../catalog/catalog.ts';
import type {TableId, TableSpec} from '../catalog/spec.ts';
import {newestCheckpoint, writeCheckpoint, type Checkpoint, type CheckpointTable} from '../storage/lsm/checkpoint-file.ts';
import {noEpochs} from '../storage/lsm/epoch-numbers.ts';
import {PaimonTable} from '../storage/lsm/paimon-table.ts';
import {scanPlan, type ScanPlan} from '../storage/lsm/scan-plan.ts';
import {CheckpointIndex} from './checkpoint-index.ts';
import {checkpointPace} from './checkpoint-pace.ts';
import {flushTable} from './checkpoint-table.ts';
import {Tail, type TailEpoch} from './checkpoint-tail.ts';
import {HistoryHolds, type HeldHistory, type HistoryHold} from './history-holds.ts';
import {clearHistory} from './clear-history.ts';
import {EarlierSnapshots} from './earlier-snapshots.ts';
import {directoryOf, droppedDirectory, metaDirectory} from './layout.ts';
import type {CheckpointerOptions} from './checkpointer-options.ts';
import type {CheckpointView} from './protocol.ts';
import {firstForm, inForm, tableForm} from './table-form.ts';
import type {Pace} from './pace.ts';
import {PacedSession} from './paced-session.ts';
import {settleTable, tableHome} from './table-home.ts';
import {TablePlaces} from './table-places.ts';
import {withUntoldHistory} from './untold-history.ts';

/** The tail may grow to this many times `checkpointBytes` before writers wait. */
const tailFactorMax = 4;
/** A failed try is repeated after this time, doubled from failure to failure up to the checkpoint's own interval. */
const retryMsMin = 500;

export class Checkpointer {
  readonly #options: CheckpointerOptions;
  readonly #tables = new Map<TableId, PaimonTable>();
  readonly #places: TablePlaces;
  /** What keeps history; the worker's, and so the warehouse's. */
  readonly holds: HistoryHolds;
  /** What the newest checkpoint named before it was told anew. */
  readonly earlier = new EarlierSnapshots();
  readonly #index: CheckpointIndex;
  #current: Checkpoint | null = null;
  /** Its tables. */
  #entries: ReadonlyMap<number, CheckpointTable> = new Map();
  /** The epochs up to it are in the log alone. */
  readonly #untold: Epoch;
  /** The newest checkpoint older than the retention: from there on all is kept for whoever comes. */
  #retained: Epoch;
  readonly #pace: Pace;
  readonly #session: PacedSession;
  readonly #tail: Tail;
  #running: Promise<unknown> = Promise.resolve();
  #pending = 0; // tries under way or waiting for their turn
  #startMs = 0;
  #wanted = false;
  #started = false;
  #stopped = false;
  #cancelTimer: (() => void) | null = null;
  #failedCount = 0;
  #roomWaiters: (() => void)[] = [];
  /** ms that the newest checkpoint took, and bytes of changes that it covered; checkpoints since the opening. */
  lastMs = 0;
  lastBytes = 0;
  count = 0;
  /** Why the newest try failed; null when it did not. */
  failure: WarehouseError | null = null;

  private constructor(options: CheckpointerOptions, newest: Checkpoint | null, index: CheckpointIndex, untold: Epoch) {
    this.#options = options;
    this.#pace = checkpointPace(options.clock, () => (this.#stopped ? null : {
      tailBytes: this.#tail.bytes, checkpointBytes: options.checkpointBytes, elapsedMs: options.clock.monotonicMs() - this.#startMs, checkpointMs: options.checkpointMs,
    }));
    this.#session = new PacedSession(options.session, options.turns, this.#pace, options.clock);
    this.#tail = new Tail(newest?.timeMs ?? 0);
    this.#places = new TablePlaces(options, options.directory, () => this.#current);
    this.#setCurrent(newest);
    this.#index = index;
    this.#untold = untold;
    this.#retained = newest?.oldest ?? (0 as Epoch);
    this.holds = new HistoryHolds(this.#retained);
    this.holds.addSource((): HistoryHold[] => [{kind: 'retention', name: 'history.retention', epoch: this.#retained, reach: 'onward', untilMs: null}]);
  }

  static async open(options: CheckpointerOptions): Promise<Checkpointer> {
    const {files, directory} = options;
    const newest = await withUntoldHistory(files, directory, (await newestCheckpoint(files, metaDirectory(directory))) ?? null);
    const index = await CheckpointIndex.open(files, directory, newest?.epoch ?? (0 as Epoch));
    return new Checkpointer(options, newest, index, await index.newestUntold());
  }

  #setCurrent(checkpoint: Checkpoint | null): void {
    this.#current = checkpoint;
    this.#entries = new Map(checkpoint?.tables.map((table) => [table.id, table]));
  }

  /** The epoch of the newest checkpoint; 0 if there is none. */
  get epoch(): number { return this.#current?.epoch ?? 0; }

  get tailBytes(): number { return this.#tail.bytes; }

  /** The bound of `tailBytes` at which writers wait. */
  get tailBytesMax(): number { return tailFactorMax * this.#options.checkpointBytes; }

  newest(): Checkpoint | null { return this.#current; }

  view(): CheckpointView { return this.#viewOf(this.epoch as Epoch, this.#current?.tables ?? []); }

  /** The view from which a recovery starts: tables that were dropped later may have been moved aside already. */
  async recoveryView(): Promise<CheckpointView> {
    const {epoch, tables} = this.view();
    const homes = await Promise.all((this.#current?.tables ?? []).map((table) => tableHome(this.#options.files, this.#options.directory, table)));
    return {epoch, tables: tables.map((table, index) => ({...table, directory: homes[index]!}))};
  }

  /** The epoch up to which the log may be cut. */
  keepLogFrom(): Epoch {
    const {epochs} = this.#index;
    const {oldest} = this.holds;
    const from = epochs.at(-this.#options.logCheckpoints) ?? (oldest > 0 ? epochs[0] : undefined) ?? (0 as Epoch);
    return oldest < this.#untold && oldest < from ? oldest : from;
  }

  #viewOf(epoch: Epoch, tables: readonly CheckpointTable[]): CheckpointView {
    return {epoch, tables: tables.map(({id, path, snapshotId, changed}) => ({table: id as TableId, directory: join(this.#options.directory, path), snapshot: snapshotId === 0 ? null : snapshotId, ...(changed === undefined ? {} : {changed})}))};
  }

  /** @returns the epochs of the checkpoints that are kept, rising. */
  keptEpochs(): readonly Epoch[] { return this.#index.epochs; }

  /** @returns a kept checkpoint; undefined if it is kept no longer, or cannot be read. */
  async loadKept(epoch: Epoch): Promise<Checkpoint | undefined> {
    return epoch === this.#current?.epoch ? this.#current : this.#index.load(epoch);
  }

  /** @returns ids of the tables of the newest checkpoint that were not dropped since. */
  tableIds(): TableId[] {
    return (this.#current?.tables ?? []).map(({id}) => id as TableId).filter((id) => !this.#places.hasMoved(id));
  }

  /** @returns a table of the newest checkpoint at its place; undefined if it was dropped. The same object until a checkpoint fails. */
  async openTable(id: TableId): Promise<PaimonTable | undefined> {
    const entry = this.#entries.get(id);
    if (entry === undefined || this.#places.hasMoved(id)) return undefined;
    const opened = this.#tables.get(id) ?? await PaimonTable.open(this.#options, join(this.#options.directory, entry.path));
    if (this.#places.hasMoved(id)) return undefined;
    if (!this.#tables.has(id)) this.#tables.set(id, opened);
    return this.#tables.get(id);
  }

  /** @returns the newest snapshot of a table that this process knows of; 0 if it has none. */
  snapshotOf(id: TableId): number {
    return Math.max(this.#entries.get(id)?.snapshotId ?? 0, this.#compacted.get(id) ?? 0);
  }

  /** Whether no change waits for a checkpoint, but what compaction made does. */
  get stale(): boolean { return this.#tail.isEmpty && this.#compacted.size > 0; }

  /** Takes note of a snapshot that holds what the newest checkpoint's of that table holds: the next checkpoint names it. */
  noteCompacted(id: TableId, snapshot: number): void {
    if (snapshot > this.snapshotOf(id)) this.#compacted.set(id, snapshot);
  }
  readonly #compacted = new Map<TableId, number>();

  /** Runs `work` in its turn with checkpoints: none is under way meanwhile. @param awaited one that is now does not rest. */
  exclusive<T>(work: () => Promise<T>, awaited = true): Promise<T> {
    const turn = this.#running.catch(() => undefined).finally(awaited ? this.hurry() : null).then(work);
    this.#running = turn;
    return turn;
  }

  /** Somebody waits for a checkpoint: none rests until what this returns was called. */
  hurry(): () => void { return this.#pace.hurry(); }
  get hurried(): boolean { return this.#pace.hurried; }

  /** Resolves when no checkpoint is at work: none is under way, or one that rests. */
  quiet(): Promise<unknown> {
    return this.#pending === 0 ? Promise.resolve() : Promise.race([this.#running.catch(() => undefined), this.#pace.resting()]);
  }

  /** @returns what a read of a table at the newest checkpoint opens; null if it has no rows there. */
  async planOf(table: TableSpec): Promise<{readonly paimon: PaimonTable; readonly plan: ScanPlan} | null> {
    const entry = this.#entries.get(table.id);
    if (entry === undefined || entry.snapshotId === 0) return null;
    const paimon = await PaimonTable.open(this.#options, await tableHome(this.#options.files, this.#options.directory, entry), tableForm(table));
    return {paimon, plan: await scanPlan(paimon, entry.snapshotId, {own: true})};
  }

  /** Takes note of a committed epoch, with the tables of which it has files; asks for a checkpoint when enough has come together. */
  note(sealed: TailEpoch, placed: readonly TableSpec[] = []): void {
    for (const table of placed) this.#places.claim(table);
    this.#tail.add(sealed, (table) => this.#sequenceOf(table));
    if (this.#pace.hurried) this.#pace.wake();
    this.#consider();
  }

  /**
   * The folder of a table, ahead of its first checkpoint: for files of a delta by reference. If a dropped table lies at its place
   * still, that is moved aside first. Waits for a checkpoint that is under way.
   */
  place(table: TableSpec): Promise<PaimonTable> {
    return this.exclusive(async () => {
      const {directory} = this.#options;
      const at = directoryOf(directory, table);
      for (const gone of this.#tail.dropped) if (directoryOf(directory, gone) === at && await this.#places.isOf(gone)) await this.#moveAside(gone);
      this.#places.claim(table);
      const [known, before] = [this.#tables.has(table.id), this.#entries.get(table.id)];
      const placed = await this.#table(table, before);
      // A frame relies on names that a process before may have made and not synced.
      if (!known && before === undefined) await settleTable(placed.files, placed);
      return placed;
    });
  }

  /** Whether anything relies on the folder at a table's place: files that frames name, the newest checkpoint, or a snapshot. */
  reliesOn(at: string): Promise<boolean> { return this.#places.isReliedOn(at); }

  /** A table did not come to be, or lies elsewhere. @returns whether it was placed. */
  forget(table: TableSpec): boolean {
    this.#tables.delete(table.id);
    return this.#places.release(table);
  }

  /** @returns the sequence number of a table's next change. */
  nextSequence(table: TableId): number {
    return this.#tail.nextSequence(table) ?? this.#sequenceOf(table);
  }

  #sequenceOf(table: TableId): number {
    return this.#entries.get(table)?.nextSequence ?? 0;
  }

  /** @returns the names of files that frames hold for the next checkpoint. */
  preparedNames(): Set<string> {
    return new Set(this.#tail.prepared().flatMap(({data, changelog}) => [...data, ...changelog].map(({fileName}) => fileName)));
  }

  /**
   * Recovery is over: from here on checkpoints are asked for. Before, state and catalog are those of no epoch, and files of the
   * checkpoint that recovery reads must stay at their place.
   */
  start(): void {
    this.#started = true;
    this.#consider();
  }

  /** After a failure the timer alone asks again: with a full disk every try costs, and none helps. */
  #consider(): void {
    if (!this.#started || this.#stopped || this.#tail.isEmpty) return;
    const full = this.#tail.bytes >= this.#options.checkpointBytes && this.failure === null;
    // What a checkpoint under way covers is in the tail until its end: then it looks again.
    if (full && this.#pending === 0) this.#want();
    else if (!full) this.#cancelTimer ??= this.#options.clock.after(this.#delayMs(), () => {
      this.#cancelTimer = null;
      this.#want();
    });
  }

  #delayMs(): number {
    const {checkpointMs} = this.#options;
    return this.failure === null ? checkpointMs : Math.min(checkpointMs, retryMsMin * 2 ** Math.min(this.#failedCount - 1, 20));
  }

  #want(): void {
    if (this.#wanted || this.#stopped) return;
    this.#wanted = true;
    this.#options.onWanted().catch((cause: unknown) => {
      if (!this.#wanted) return; // a try has failed, and has said so
      this.#wanted = false;
      this.#failed(cause);
      this.#wakeRoom();
      this.#consider();
    });
  }

  #failed(cause: unknown): WarehouseError {
    this.#failedCount++;
    return (this.failure = asWarehouseError(cause));
  }

  /**
   * Resolves when the tail has room for more: at once, unless a checkpoint is far behind.
   *
   * @throws {WarehouseError} `MR_CHECKPOINT_BEHIND` (unavailable) with the reason, when checkpoints fail and the tail is full.
   */
  async room(): Promise<void> {
    while (this.#tail.bytes >= this.tailBytesMax) {
      if (this.#pending === 0) {
        const {failure} = this;
        if (failure !== null || this.#stopped) throw new WarehouseError('unavailable', 'MR_CHECKPOINT_BEHIND', `${this.#tail.bytes} bytes of changes wait for a checkpoint, at most ${this.tailBytesMax} may, and the newest try failed: ${failure?.message ?? 'the engine is closing'}`, {cause: failure, hint: failure?.hint ?? 'see to the cause; checkpoints are tried again by themselves'});
        this.#want();
      }
      await new Promise<void>((resolve) => this.#roomWaiters.push(resolve));
    }
  }

  /**
   * Writes a checkpoint of everything up to `epoch`, after any that is under way. `catalog` is as of `epoch`; it is read now.
   *
   * @throws {WarehouseError} why it failed; it is tried again by itself.
   */
  write(epoch: Epoch, catalog: Catalog, loggedBytes: number): Promise<void> {
    const snapshot = catalog.snapshot();
    const tables = catalog.tables();
    this.#wanted = true;
    this.#pending++;
    return this.exclusive(() => this.#attempt(epoch, tables, snapshot, loggedBytes), false);
  }

  /** Waits for what is under way and begins nothing more by itself. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#pace.wake();
    this.#cancelTimer?.();
    this.#wakeRoom();
    await this.#running.catch(() => undefined);
  }

  async #attempt(epoch: Epoch, tables: readonly TableSpec[], catalog: Checkpoint['catalog'], loggedBytes: number): Promise<void> {
    this.#wanted = false;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    try {
      if (epoch > this.epoch) await this.#write(epoch, tables, catalog, loggedBytes);
      else if (this.#compacted.size > 0) await this.#restate();
      this.failure = null;
      this.#failedCount = 0;
    } catch (cause) {
      this.#tables.clear(); // what is known of tables may be what a half-done step left: it is read anew
      throw this.#failed(cause);
    } finally {
      this.#pending--;
      this.#wakeRoom();
      this.#consider();
    }
  }

  /** The newest checkpoint anew, with what compaction made of its tables since: the same content, in one replaced file. */
  async #restate(): Promise<void> {
    const tables = this.#current!.tables.map((table) => ({...table, snapshotId: this.snapshotOf(table.id as TableId)}));
    const checkpoint = {...this.#current!, tables};
    this.earlier.note(this.#current!.tables);
    await writeCheckpoint(this.#options.files, metaDirectory(this.#options.directory), checkpoint);
    this.#setCurrent(checkpoint);
    this.#index.add(checkpoint.epoch);
    this.#compacted.clear();
  }

  async #write(epoch: Epoch, tables: readonly TableSpec[], catalog: Checkpoint['catalog'], loggedBytes: number): Promise<void> {
    const {files, clock, directory, warehouseId} = this.#options;
    this.#startMs = clock.monotonicMs();
    const tail = this.#tail.through(epoch);
    const held = await this.#heldHistory();
    const flush = {session: this.#session, directory, warehouseId, epoch};
    const dropped: CheckpointTable[] = [];
    const aside = new Map<number, Epoch>(this.#current?.aside.filter(([, through]) => through >= (this.#index.epochs[0] ?? 0)));
    for (const table of tail.dropped) {
      if (await this.#places.isOf(table)) await this.#moveAside(table);
      else this.#tables.delete(table.id);
      const before = this.#entries.get(table.id);
      const changes = tail.changes.get(table.id);
      if (changes === undefined) {
        if (before !== undefined) aside.set(table.id, this.#current!.epoch);
        continue;
      }
      aside.set(table.id, epoch);
      dropped.push(await flushTable(flush, table, await this.#openAt(join(droppedDirectory(directory), String(table.id)), table, before), changes, before));
    }
    const entries: CheckpointTable[] = [];
    for (const table of tables) {
      const before = this.#entries.get(table.id);
      const changes = tail.changes.get(table.id);
      if (before !== undefined && before.schemaId === table.schemaId && changes === undefined) entries.push({...before, snapshotId: this.snapshotOf(table.id), epochs: noEpochs});
      else entries.push(await flushTable(flush, table, await this.#table(table, before), changes, before));
    }
    const noted = entries.map((entry) => (entry.epochs.epochs.length === 0 ? entry : {...entry, changed: entry.epochs.epochs.at(-1)!}));
    const checkpoint: Checkpoint = {
      epoch, timeMs: tail.timeMs, previous: (this.#current?.epoch ?? 0) as Epoch, createdMs: clock.nowMs(), oldest: this.holds.oldest,
      times: tail.times, ddl: tail.ddl, tables: noted, dropped, aside: [...aside], catalog, sources: {}, loggedBytes,
    };
    await writeCheckpoint(files, metaDirectory(directory), checkpoint);
    this.#setCurrent(checkpoint);
    this.#index.add(epoch);
    this.#compacted.clear();
    this.#tail.dropThrough(epoch);
    this.lastBytes = tail.bytes;
    this.count++;
    this.lastMs = clock.monotonicMs() - this.#startMs;
    // The checkpoint stands whatever becomes of this; what stays behind is cleared away by the next one.
    await clearHistory({files, directory, index: this.#index, newest: checkpoint, held, droppedSince: (id) => this.#tail.dropped.some((table) => table.id === id)}).catch(() => undefined);
  }

  /** The first phase of expiry: moves the oldest readable epoch up to what is held. It stands in the checkpoint before anything goes. */
  async #heldHistory(): Promise<HeldHistory> {
    const {clock, historyRetentionMs} = this.#options;
    const old = await this.#index.headAtTime(clock.nowMs() - historyRetentionMs);
    if (old !== undefined && old.epoch > this.#retained) this.#retained = old.epoch;
    return this.holds.advance((this.#current?.epoch ?? 0) as Epoch, clock.nowMs());
  }

  async #moveAside(table: TableSpec): Promise<void> {
    this.#tables.delete(table.id);
    this.#options.onDrop(table.id);
    await this.#places.moveAside(table);
  }

  async #table(table: TableSpec, before: CheckpointTable | undefined): Promise<PaimonTable> {
    const known = this.#tables.get(table.id);
    if (known?.schema.id === table.schemaId) return known;
    const made = await this.#openAt(directoryOf(this.#options.directory, table), table, before, known);
    this.#tables.set(table.id, made);
    return made;
  }

  async #openAt(at: string, table: TableSpec, before: CheckpointTable | undefined, known?: PaimonTable): Promise<PaimonTable> {
    const made = await inForm(table, known ?? (before === undefined ? await PaimonTable.create(this.#options, at, firstForm(table)) : await PaimonTable.open(this.#options, at)));
    invariant(made.directory === at, () => `table ${table.id} lies at ${made.directory}`);
    return made;
  }

  #wakeRoom(): void {
    const waiters = this.#roomWaiters;
    this.#roomWaiters = [];
    for (const wake of waiters) wake();
  }
}
