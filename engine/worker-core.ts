/**
 * The engine: the epoch loop and all that it owns. Requests wait in one queue. When the loop is free it takes all waiting writes
 * that may share an epoch (adaptive: one when idle, many under load), seals them, appends one frame, and only then publishes and
 * answers. What is not a write runs alone between epochs.
 *
 * An epoch that fails leaves all state as before: tables and operators are taken back. If it carried several requests, each is
 * tried alone, so that only the wrong one is refused.
 */
import {join} from 'node:path';
import {systemClock} from '../base/clock.ts';
import {asWarehouseError, WarehouseError} from '../base/error.ts';
import {epoch as toEpoch, nextEpoch, type Epoch} from '../base/epoch.ts';
import {checkpointMs, epochBytesMax, epochRowsMax, timedCheckpointsMax} from '../base/limit.ts';
import type {ChangeBatch} from '../base/delta.ts';
import {SharedTurns} from '../base/turns.ts';
import {Catalog} from '../catalog/catalog.ts';
import type {DdlRecord, TableId, TableSpec} from '../catalog/spec.ts';
import {Dataflow} from '../compute/dataflow.ts';
import {MemoryBudget, type MemoryShare} from '../compute/state/memory-budget.ts';
import type {PageFile} from '../compute/state/page-file.ts';
import {Kernel} from '../kernel/duckdb.ts';
import {macroStatements} from '../kernel/macros.ts';
import type {Session} from '../kernel/session.ts';
import type {FileSystem} from '../storage/file/file-system.ts';
import {makeDirectoryDurably} from '../storage/file/durable.ts';
import {nodeFileSystem} from '../storage/file/node-file-system.ts';
import {DiskPageFile} from '../storage/file/page-file.ts';
import type {Log} from '../storage/log/log.ts';
import {maintainDirectory, pageDirectory} from './layout.ts';
import {rejectedTableOf} from './lookup.ts';
import {compactTables, longestRetentionMs, makeMaintenance, setRetention} from './maintenance.ts';
import {maintainShares} from './memory.ts';
import {loggedBytesOf, placedTables, tailParts, type TableDelta} from './bulk-delta.ts';
import type {Request, ReplyBody, ToMain, WorkerOptions} from './protocol.ts';
import {epochMessage} from './epoch-message.ts';
import {rejectedBatch} from './rejected-table.ts';
import {applyWrites} from './worker-apply.ts';
import {backUp} from './worker-backup.ts';
import {clearBulk, commitDeltas, gatherLarge, writeBulk} from './worker-bulk.ts';
import {removeTree} from './table-home.ts';
import {Checkpointer} from './worker-checkpoint.ts';
import {closeEngine} from './worker-close.ts';
import {readLog} from './worker-log.ts';
import type {CompactionService} from './worker-compaction.ts';
import type {ExpiryService} from './worker-expiry.ts';
import {createView, finishRecords, prepareRecords, stamped, type PreparedForm} from './worker-define.ts';
import {lookUp} from './worker-lookup.ts';
import {findTail, loadState} from './worker-recovery.ts';
import {statsRows} from './worker-stats.ts';
import {followTagRecords, settleTags, type TagScope} from './worker-tags.ts';

type WriteRequest = Extract<Request, {kind: 'write'}>;
interface Queued {readonly id: number; readonly request: Request; readonly rows: number; readonly bytes: number}

/** What epochs do not wait for. */
const besideEpochs: ReadonlySet<Request['kind']> = new Set(['checkpoint', 'compact', 'expire', 'backup']);

/** What one epoch changes, before it is numbered. */
export interface EpochContent {
  readonly ddl: readonly DdlRecord[];
  readonly changes: ReadonlyMap<TableId, TableDelta>;
}

export class WorkerCore {
  readonly options: WorkerOptions;
  /** Where log and checkpoints are written. */
  readonly files: FileSystem;
  readonly #post: (message: ToMain) => void;
  readonly #queue: Queued[] = [];
  #running = false;
  #intervalMs: number;
  /** ms for which history is kept. */
  retentionMs: number;
  #lastSealedMs = 0;
  /** Nothing is done any more. */
  closed = false;
  catalog = new Catalog();
  epoch: Epoch = toEpoch(0);
  /** Bytes logged up to `epoch`, since the warehouse was made. */
  loggedBytes = 0;
  /** The newest epoch that changed each table, since this opening. */
  readonly changedAt = new Map<TableId, number>();
  kernel!: Kernel;
  session!: Session;
  dataflow!: Dataflow;
  log!: Log;
  checkpointer!: Checkpointer;
  compaction!: CompactionService;
  expiry!: ExpiryService;
  budget!: MemoryBudget;
  readonly shares = new Map<TableId, readonly MemoryShare[]>();
  /** Forms of tables that are ready for the record that is being committed. */
  readonly evolutions = new Map<TableId, PreparedForm>();

  /** Page files of operators that were made. */
  operatorPageFiles = 0;

  readonly #newPageFile: (path: string) => PageFile;

  /**
   * @param files another file system than the machine's, in tests.
   * @param newPageFile makes the files of state that memory has no room for; likewise.
   */
  constructor(options: WorkerOptions, post: (message: ToMain) => void, files: FileSystem = nodeFileSystem, newPageFile: (path: string) => PageFile = (path) => new DiskPageFile(path)) {
    this.options = options;
    this.files = files;
    this.#newPageFile = newPageFile;
    this.#post = post;
    this.#intervalMs = options.epochIntervalMs;
    this.retentionMs = options.historyRetentionMs;
  }

  openPageFile(name: string): PageFile {
    return this.#newPageFile(join(pageDirectory(this.options.directory), name));
  }

  async open(): Promise<void> {
    const startMs = systemClock.monotonicMs();
    const {options} = this;
    const tempDirectory = maintainDirectory(options.directory);
    await makeDirectoryDurably(this.files, tempDirectory);
    const shares = maintainShares(options.maintainMemoryBytes);
    this.kernel = await Kernel.open({threads: options.maintainThreads, memoryBytes: shares.maintain, tempDirectory, turns: new SharedTurns(options.turns)});
    this.session = await this.kernel.connect();
    for (const statement of macroStatements) await this.session.run(statement);
    this.budget = new MemoryBudget(options.memoryBytes, options.restBytes);
    if (await this.files.exists(pageDirectory(options.directory))) await removeTree(this.files, pageDirectory(options.directory));
    this.dataflow = new Dataflow({session: this.session, relieve: () => this.budget.relieve()});
    const [core, checkpointMsOf] = [this, (): number => options.checkpointMs ?? Math.max(checkpointMs, this.retentionMs / timedCheckpointsMax)] as const;
    this.checkpointer = await Checkpointer.open({
      directory: options.directory, warehouseId: options.warehouseId, files: this.files, clock: systemClock, session: await this.kernel.connect({background: () => !this.checkpointer.hurried}), turns: this.kernel.turns,
      checkpointBytes: options.checkpointBytes, logCheckpoints: options.logCheckpoints,
      get checkpointMs() { return checkpointMsOf(); },
      get historyRetentionMs() { return longestRetentionMs(core); },
      // A failure is noted and repeated by the checkpointer; until the tail's bound ingest does not feel it.
      onWanted: () => this.checkpoint(false),
      onDrop: (table) => this.compaction.forget(table),
    });
    Object.assign(this, makeMaintenance(this, shares.compaction));
    const found = await findTail(this);
    this.#kept = found.message.positioned;
    this.#post(found.message);
    try {
      await loadState(this, found, this.#post);
      await clearBulk(this);
      this.#post({kind: 'ready', epoch: this.epoch, openMs: systemClock.monotonicMs() - startMs});
    } catch (cause) {
      // What waits is refused, and what comes, but for the end.
      this.#failure = this.#ending ? closedError() : asWarehouseError(cause);
      if (!this.#ending) throw this.#failure;
    } finally {
      this.#opened = true;
      this.#kick();
    }
  }

  /** @throws {WarehouseError} `MR_CLOSED` once the engine is to close: loading state is given up then. */
  requireLoading(): void {
    if (this.#ending) throw closedError();
  }
  /** The end was asked for while state was loaded. */
  #ending = false;
  #kept: readonly TableId[] = [];

  /** The main thread has read what it needs of the checkpoint that this opening began from. */
  loaded(): void {
    this.checkpointer.start();
    void settleTags(this.#tagScope());
    this.compaction.kick();
    this.expiry.kick();
  }
  #opened = false;
  /** Checkpoints that were asked for and are not answered yet. */
  #asked: Promise<unknown> = Promise.resolve();
  /** Why the engine has stopped: an epoch is in the log, and memory could not follow. */
  #failure: WarehouseError | null = null;

  receive(id: number, request: Request): void {
    const {kind} = request;
    if (kind === 'read-log' || kind === 'hold' || kind === 'release' || (this.#opened ? kind === 'backup' : kind === 'stats')) {
      // Who reads the past waits for no epoch, nor for state.
      this.#asked = Promise.all([this.#asked, this.#alone({id, request, rows: 0, bytes: 0})]);
      return;
    }
    if (kind === 'close' && !this.#opened) {
      this.#ending = true;
      this.session?.interrupt();
    }
    let rows = 0;
    let bytes = 0;
    if (request.kind === 'write') {
      for (const write of request.writes) {
        rows += write.rows.rowCount;
        bytes += write.rows.bytes.byteLength;
      }
    }
    this.#queue.push({id, request, rows, bytes});
    if (request.kind !== 'write') this.#endWait?.();
    this.#kick();
  }

  /** Numbers, logs and publishes an epoch. State must already hold it; when this rejects, nothing of it is durable or visible. */
  async commit({ddl, changes}: EpochContent): Promise<Epoch> {
    const sealed = nextEpoch(this.epoch);
    const message = epochMessage(sealed, changes, ddl, (id) => this.specOf(id, ddl));
    const dropped = ddl.flatMap((record) => (record.kind === 'drop-table' ? [this.catalog.byId(record.id)!] : []));
    await this.log.append([message.frame]);
    try {
      this.epoch = sealed;
      this.loggedBytes += loggedBytesOf(message.frame.byteLength, changes);
      // Before the epoch ends in memory: rows that are copied may refer to state that it frees.
      this.checkpointer.note({epoch: sealed, timeMs: message.timeMs, ddl, frame: message.frame, tables: tailParts(changes, (id) => this.specOf(id, ddl)), dropped}, placedTables(changes, (id) => this.specOf(id, ddl)));
      for (const record of ddl) this.catalog.apply(record);
      finishRecords(this, ddl);
      this.dataflow.endEpoch();
      for (const {table} of message.positions) this.changedAt.set(table, sealed);
      this.#post(message);
    } catch (cause) {
      // The epoch is durable and cannot be taken back: whoever answered on from here would answer wrongly. The next opening replays it.
      this.#failure = asWarehouseError(cause);
      this.#post({kind: 'failed', error: this.#failure.report()});
      throw cause;
    }
    return sealed;
  }

  specOf(id: TableId, ddl: readonly DdlRecord[]): TableSpec {
    for (const record of ddl) if (record.kind === 'create-table' && record.table.id === id) return record.table;
    return this.catalog.byId(id)!;
  }

  #kick(): void {
    if (this.#running || !this.#opened || this.#queue.length === 0) return;
    this.#running = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    try {
      while (this.#queue.length > 0) {
        // First the wait, then the taking: what comes meanwhile goes with it.
        if (this.#queue[0]!.request.kind === 'write') await this.#waitInterval();
        const group = this.#takeGroup();
        if (group.length === 0) {
          const next = this.#queue.shift()!;
          // A checkpoint takes epoch and catalog as they are now, and epochs go on beside it, and beside a compaction.
          if (besideEpochs.has(next.request.kind)) this.#asked = Promise.all([this.#asked, this.#alone(next)]);
          else await this.#alone(next);
        } else await this.#writeGroup(group);
      }
    } finally {
      this.#running = false;
    }
  }

  /** Waiting writes that may share an epoch: within the limits, and no statement that checks rows beside another on its table. */
  #takeGroup(): Queued[] {
    const group: Queued[] = [];
    const touched = new Set<TableId>();
    const checked = new Set<TableId>();
    let rows = 0;
    let bytes = 0;
    for (let next = this.#queue[0]; next?.request.kind === 'write'; next = this.#queue[0]) {
      const {writes, rejected} = next.request;
      if (group.length > 0 && (rows + next.rows > epochRowsMax || bytes + next.bytes > epochBytesMax)) break;
      const checks = writes.filter(({expected, asOf}) => expected !== null || asOf >= 0).map(({table}) => table);
      const tables = [...writes.map(({table}) => table), ...rejected.map(({table}) => table)];
      if (group.length > 0 && (checks.some((table) => touched.has(table)) || tables.some((table) => checked.has(table)))) break;
      for (const table of tables) touched.add(table);
      for (const table of checks) checked.add(table);
      group.push(this.#queue.shift()!);
      rows += next.rows;
      bytes += next.bytes;
    }
    return group;
  }

  /** Waits until the next epoch may be sealed, or somebody wants what only happens between epochs: a definition, a checkpoint, the end. */
  async #waitInterval(): Promise<void> {
    if (this.#intervalMs === 0) return;
    const left = this.#lastSealedMs + this.#intervalMs - systemClock.monotonicMs();
    if (left <= 0 || this.#queue.some(({request}) => request.kind !== 'write')) return;
    await new Promise<void>((resolve) => {
      const cancel = systemClock.after(left, resolve);
      this.#endWait = () => {
        cancel();
        resolve();
      };
    });
    this.#endWait = null;
  }
  #endWait: (() => void) | null = null;

  async #writeGroup(group: readonly Queued[]): Promise<void> {
    try {
      const epoch = await this.#seal(group.map(({request}) => request as WriteRequest));
      this.#lastSealedMs = systemClock.monotonicMs();
      for (const {id} of group) this.#reply(id, {epoch});
    } catch (cause) {
      if (group.length === 1) this.#refuse(group[0]!.id, cause);
      else for (const one of group) await this.#writeGroup([one]);
    }
  }

  async #seal(requests: readonly WriteRequest[]): Promise<Epoch> {
    if (this.#failure !== null) throw this.#failure;
    await this.checkpointer.room();
    try {
      const base = applyWrites(this.catalog, this.dataflow, requests.flatMap(({writes}) => writes), this.changedAt);
      for (const {rejected} of requests) {
        for (const {table, rows} of rejected) {
          const of = this.catalog.byId(table);
          // The main thread makes `t$rejected` before it sends the first row for it.
          const target = of === undefined ? undefined : rejectedTableOf(this.catalog, of);
          if (target === undefined) throw new WarehouseError('conflict', 'MR_TABLE_GONE', `table ${table} was dropped meanwhile`);
          base.set(target.id, rejectedBatch(this.dataflow, target, rows, base.get(target.id), systemClock.nowMs()));
        }
      }
      const derived = this.dataflow.step(base);
      // Without an operator that runs in DuckDB the step is synchronous, and no tick is spent on it.
      const changes = new Map([...base, ...(derived instanceof Promise ? await derived : derived)] as [TableId, ChangeBatch][]);
      let rowCount = 0;
      for (const batch of changes.values()) rowCount += batch.rowCount;
      if (rowCount === 0) {
        this.dataflow.endEpoch();
        return this.epoch;
      }
      return await commitDeltas(this, {ddl: [], changes: await gatherLarge(this, changes)});
    } catch (cause) {
      await this.takeBack(() => this.dataflow.undo());
      throw cause;
    }
  }

  /** Takes an epoch back that failed. If even that fails memory differs from the log: the engine stops, and the next opening begins from the log. */
  async takeBack(undo: () => void | Promise<void>): Promise<void> {
    try {
      await undo();
    } catch (cause) {
      this.#failure = asWarehouseError(cause);
      this.#post({kind: 'failed', error: this.#failure.report()});
      throw cause;
    }
  }

  async #define(records: readonly DdlRecord[]): Promise<Epoch> {
    const undo = await prepareRecords(this, records);
    const sealed = await this.commit({ddl: stamped(records, nextEpoch(this.epoch)), changes: new Map()}).catch((cause: unknown) => {
      undo();
      throw cause;
    });
    await followTagRecords(this.#tagScope(), records);
    return sealed;
  }

  #tagScope(): TagScope {
    return {files: this.files, directory: this.options.directory, checkpointer: this.checkpointer, catalog: this.catalog};
  }

  async #alone({id, request}: Queued): Promise<void> {
    try {
      this.#reply(id, await this.#handle(request));
    } catch (cause) {
      this.#refuse(id, cause);
    }
  }

  async #handle(request: Request): Promise<ReplyBody> {
    if (this.closed) throw closedError();
    if (this.#failure !== null && request.kind !== 'close') throw this.#failure;
    switch (request.kind) {
      case 'write': return {epoch: await this.#seal([request])};
      case 'bulk': {
        await this.checkpointer.room();
        return {epoch: await writeBulk(this, request.spool)};
      }
      case 'ddl': return {epoch: await this.#define(request.records)};
      case 'create-view':
        await this.checkpointer.room();
        return {epoch: await createView(this, request.table, request.executor)};
      case 'set':
        if (request.name === 'epoch_interval') this.#intervalMs = request.value;
        else await setRetention(this, request.value);
        return {epoch: this.epoch};
      case 'lookup': return lookUp(this, request);
      case 'read-log': return {epoch: this.epoch, frames: await readLog(this.log, request)};
      case 'hold': {
        const {name, reach} = request;
        const {holds} = this.checkpointer;
        const epoch = request.epoch === 'oldest' ? holds.oldest : toEpoch(request.epoch);
        holds.hold({kind: 'read', name, epoch, reach, untilMs: null}, systemClock.nowMs());
        return {epoch};
      }
      case 'release':
        this.checkpointer.holds.release('read', request.name);
        return {epoch: this.epoch};
      case 'backup': return backUp(this, request.target);
      case 'stats': return {epoch: this.epoch, rows: await statsRows(this)};
      case 'checkpoint': {
        const {epoch} = this;
        await this.checkpoint();
        return {epoch};
      }
      case 'compact': return compactTables(this, request);
      case 'expire':
        await this.expiry.run(true);
        return {epoch: this.epoch};
      case 'close':
        await this.#asked;
        return closeEngine(this, request, this.#failure === null, this.#ending ? this.#kept : []);
    }
  }

  /** A checkpoint of this moment, then what of the log it makes needless goes. @param awaited somebody waits for it: without rests. */
  async checkpoint(awaited = true): Promise<void> {
    const calm = awaited ? this.checkpointer.hurry() : null;
    try {
      await this.compaction.room();
      if (this.closed) throw closedError();
      // Memory does not follow the log any more: what it says of the newest epoch may be half of it.
      if (this.#failure !== null) throw this.#failure;
      await this.checkpointer.write(this.epoch, this.catalog, this.loggedBytes);
    } finally {
      calm?.();
    }
    this.compaction.kick();
    this.expiry.kick();
    // Segments that cannot be removed now go after the next checkpoint.
    await this.log.truncateBefore(this.checkpointer.keepLogFrom()).catch(() => 0);
    this.#post({kind: 'checkpoint', checkpoint: this.checkpointer.view(), oldest: this.checkpointer.holds.oldest});
    this.checkpointer.earlier.told(this.checkpointer.holds.readers(systemClock.nowMs()));
  }

  #reply(id: number, body: ReplyBody): void {
    this.#post({kind: 'reply', id, body});
  }

  #refuse(id: number, cause: unknown): void {
    this.#post({kind: 'error', id, error: asWarehouseError(cause).report()});
  }
}

function closedError(): WarehouseError {
  return new WarehouseError('closed', 'MR_CLOSED', 'the engine is closed');
}
