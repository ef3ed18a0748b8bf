/**
 * A warehouse, open in this process: the library's entry. This thread holds sessions, reads and subscribers; epochs, log, compute
 * and files live in a worker (protocol.ts). An epoch reaches readers here the moment its message arrives; whoever wrote is
 * answered after that, so an acknowledged write is visible to the next read.
 */
import {cpus} from 'node:os';
import {join, resolve} from 'node:path';
import {systemClock} from '../base/clock.ts';
import {asWarehouseError, WarehouseError} from '../base/error.ts';
import type {Column} from '../base/delta.ts';
import {epoch as toEpoch} from '../base/epoch.ts';
import {invariant} from '../base/invariant.ts';
import {historyRetentionMs, inFlightBytesMax, referenceBytesMin, transactionMsMax} from '../base/limit.ts';
import {SharedTurns} from '../base/turns.ts';
import type {Row} from '../base/value.ts';
import {Catalog} from '../catalog/catalog.ts';
import type {DdlRecord, TableId, TableSpec} from '../catalog/spec.ts';
import type {Kernel} from '../kernel/duckdb.ts';
import {Binder} from '../kernel/plan/binder.ts';
import type {EpochHistory} from '../query/history.ts';
import type {LiveRelation} from '../query/live.ts';
import type {PinnedRead} from '../query/pinned-read.ts';
import {closedError} from '../query/read-turns.ts';
import {changesOfItems, SnapshotRoom, subscribeColumns, type ColumnItem, type SubscriptionItem, type SubscriptionHost, type SubscriptionOptions} from '../query/subscription.ts';
import {backupReport, type BackupReport, type Followed, type InsertOptions, type InsertResult, type OpenOptions, type Result, type SqlOptions, type SubscribeOptions} from './api.ts';
import {mirror} from './binder-mirror.ts';
import {ColdReader} from './cold.ts';
import {tableRelation} from './cold-views.ts';
import {ensureRejected} from './ensure-rejected.ts';
import type {Host} from './host.ts';
import type {IngestSession} from './ingest-session.ts';
import {saveLiveImage, withLiveImage, type LivePlace} from './live-image.ts';
import {workerOptions} from './worker-options.ts';
import {metaDirectory, spoolDirectory} from './layout.ts';
import {defaultMemoryBytes, sharesOf, type MemoryShares} from './memory.ts';
import {kernelBytes, memoryOf, metricsOf, type Metric} from './metrics.ts';
import {openReaders} from './open-readers.ts';
import {openServeKernel} from './open-serve.ts';
import {Past} from './past.ts';
import {pastContent} from './past-content.ts';
import {prepareDirectory} from './prepare-directory.ts';
import type {Progress} from './progress.ts';
import type {ReplyBody} from './protocol.ts';
import {sealedFromMessage, type SealedSource} from './sealed.ts';
import {WriteDoor} from './write-door.ts';
import {withinMs} from './warm-cache.ts';
import {Warming, type TableWarmth} from './warming.ts';
import {dropEndedTags} from './sql-tags.ts';
import {WarehouseSession, type SessionOptions} from './session.ts';
import {Subscriptions} from './subscriptions.ts';
import {upgradeWarehouse} from './upgrade-steps.ts';
import {readSettings} from './warehouse-settings.ts';
import {WorkerClient, type EngineEvent} from './worker-client.ts';
import {WarehouseLock} from '../storage/lock.ts';
import {nodeFileSystem} from '../storage/file/node-file-system.ts';
import {requireTable, tableName} from './lookup.ts';
import {encodeColumnWrite, ingestInto, type ColumnWrite} from './table-writes.ts';

/** An opening waits so many ms for state and read cache: small warehouses are warm when it resolves. */
const warmWaitMs = 300;
/** Who asks for nothing but a warm warehouse waits as long as it takes: as a timer may. */
const warmMsMax = 2 ** 31 - 1;

export class Warehouse implements AsyncDisposable {
  readonly directory: string;
  readonly #lock: WarehouseLock;
  readonly #serve: Kernel;
  readonly #shares: MemoryShares;
  readonly #binder: Binder;
  readonly #client: WorkerClient;
  #readCache = true;
  #transactionMsMax = transactionMsMax;
  /** With the read cache of the process before. */
  #place!: LivePlace;
  #historyRetentionMs = historyRetentionMs;
  #door!: WriteDoor;
  readonly #past: Past;
  readonly #cold: ColdReader;
  readonly #host: Host;
  readonly #snapshots: SnapshotRoom;
  #catalog = new Catalog();
  /** Every table that ever was, so that epochs read back from the log can be decoded after a drop. */
  readonly #everKnown = new Map<TableId, TableSpec>();
  readonly #sealedSource: SealedSource;
  #live: LiveRelation | null = null;
  #history: EpochHistory | null = null;
  #progress: Progress | null = null;
  /** Durable subscriptions: fetching, following and committing by name. */
  readonly subscriptions: Subscriptions;
  #opened: {resolve: () => void; reject: (cause: unknown) => void} | null = null;
  readonly #warming = new Warming((id) => tableName(this.#everKnown.get(id)!));
  #ddlQueue: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | null = null;
  #failure: WarehouseError | null = null;
  /** Tables whose read cache of the process before is used again. */
  reusedTables = 0;
  /** ms until all state was loaded, and epochs that were found in the log after the checkpoint: for reports. */
  openStats = {openMs: 0, replayedEpochs: 0};

  /**
   * Opens the warehouse at `path`, making an empty one if there is none; recovers it if it was killed. Reads are answered when it
   * resolves, at the newest epoch; state may still be loading then (`warming`), and what needs it waits.
   *
   * @throws {WarehouseError} `MR_LOCKED` if another process or another opening in this one holds it; `MR_FORMAT_NEWER`;
   *   `MR_LOG_DAMAGED`, `MR_CHECKPOINT_DAMAGED` naming file and place.
   */
  static async open(options: OpenOptions): Promise<Warehouse> {
    const directory = resolve(options.path);
    const {warehouse: warehouseId} = await prepareDirectory(directory);
    const lock = await WarehouseLock.acquire({directory: metaDirectory(directory), fileSystem: nodeFileSystem});
    try {
      return await withLiveImage(directory, warehouseId, options.readCache ?? true, (place) => Warehouse.#open(options, place, lock));
    } catch (cause) {
      await lock.close().catch(() => undefined);
      throw cause;
    }
  }

  static async #open(options: OpenOptions, place: LivePlace, lock: WarehouseLock): Promise<Warehouse> {
    const {directory, databasePath} = place;
    const undo: (() => Promise<void>)[] = [];
    try {
      await upgradeWarehouse(nodeFileSystem, directory);
      const memoryBytes = options.memoryBytes ?? defaultMemoryBytes();
      const shares = sharesOf(memoryBytes);
      const allowDirectories = (options.allowDirectories ?? []).map((path) => resolve(path));
      const turns = new SharedTurns();
      const serve = await openServeKernel({directory, databasePath, threads: Math.max(1, cpus().length - 1), memoryBytes: shares.serve, allowDirectories, turns});
      undo.push(() => serve.close());
      const binder = await Binder.open();
      undo.push(() => binder.close());
      const retained = options.historyRetentionMs ?? (await readSettings(nodeFileSystem, directory)).historyRetentionMs ?? historyRetentionMs;
      const warehouse = new Warehouse(directory, lock, serve, shares, binder, allowDirectories, options.referenceBytes ?? referenceBytesMin, (onEvent) => new WorkerClient(workerOptions(options, place, shares, retained, turns), onEvent));
      warehouse.#historyRetentionMs = retained;
      warehouse.#readCache = options.readCache ?? true;
      warehouse.#place = place;
      warehouse.#transactionMsMax = options.transactionMsMax ?? transactionMsMax;
      warehouse.#door = new WriteDoor({bytesMax: options.inFlightBytesMax ?? inFlightBytesMax, client: () => warehouse.#client, live: () => warehouse.#requireLive(), warming: warehouse.#warming});
      undo.push(() => warehouse.#client.stop());
      await warehouse.#ready(options.until ?? 'readable');
      return warehouse;
    } catch (cause) {
      for (const step of undo.reverse()) await step().catch(() => undefined);
      throw cause;
    }
  }

  private constructor(directory: string, lock: WarehouseLock, serve: Kernel, shares: MemoryShares, binder: Binder, allowDirectories: readonly string[], referenceBytes: number, start: (onEvent: (event: EngineEvent) => void) => WorkerClient) {
    this.directory = directory;
    this.#snapshots = new SnapshotRoom(join(metaDirectory(directory), 'live', 'temp'));
    this.#lock = lock;
    this.#serve = serve;
    this.#shares = shares;
    this.#sealedSource = {directory, kernel: serve, known: (id) => this.#everKnown.get(id)};
    this.#binder = binder;
    this.#past = new Past({files: nodeFileSystem, directory, request: (request) => this.#client.request(request)});
    this.#cold = new ColdReader(directory, this.#past, () => this.#requireHistory());
    this.subscriptions = new Subscriptions({
      catalog: () => this.#catalog, history: () => this.#requireHistory(), progress: () => this.#progress!, follower: () => this.#follower(),
      kernel: serve, define: (records) => this.#request({kind: 'ddl', records}),
    });
    this.#host = this.#makeHost(allowDirectories, referenceBytes);
    this.#client = start((event) => this.#onEvent(event));
  }

  /** The newest visible epoch. */
  get epoch(): number {
    return this.#requireHistory().newest;
  }

  get catalog(): Catalog {
    return this.#catalog;
  }

  /** Tables that reads find in files and log, because they are not, or not yet, in the read cache: `schema.name`. */
  get coldTables(): string[] {
    return [...this.#requireLive().coldTables].map((id) => tableName(this.#everKnown.get(id)!));
  }

  /** Tables whose state is still being loaded, in order: reads are answered, what needs state waits. */
  get warming(): TableWarmth[] {
    return this.#warming.tables();
  }

  /** Resolves when state is loaded and writes are taken. @throws {WarehouseError} what is wrong with a table's files; `MR_CLOSED`. */
  async warm(): Promise<void> {
    await this.#warming.wait({deadlineMs: warmMsMax});
    this.#requireOpen();
  }

  /** Folders that SQL may read files from, absolute. */
  get allowDirectories(): readonly string[] {
    return this.#host.allowDirectories;
  }

  /** The oldest epoch that changes can be read after. */
  get oldestEpoch(): number {
    return this.#past.oldest;
  }

  /** Runs SQL. Of several statements the last one's result is answered; `BEGIN` needs its `COMMIT` in the same text. */
  async sql(text: string, params: readonly unknown[] = [], options: SqlOptions = {}): Promise<Result> {
    let last: Result | null = null;
    for await (const result of this.script(text, params, options)) last = result;
    if (last === null) throw new WarehouseError('invalid', 'MR_SYNTAX', 'the text has no statement');
    return last;
  }

  /** Runs SQL, giving every statement's result in turn. */
  async *script(text: string, params: readonly unknown[] = [], options: SqlOptions = {}): AsyncGenerator<Result> {
    const session = this.#newSession({wholeText: true});
    try {
      yield* session.script(text, params, options);
    } finally {
      await session.close();
    }
  }

  /** A session that holds `BEGIN … COMMIT` and settings across calls. */
  session(): Promise<WarehouseSession> {
    return Promise.resolve(this.#newSession());
  }

  /** Inserts rows (upserts them where the table has a primary key). */
  async insert(table: string, rows: Iterable<Readonly<Record<string, unknown>>>, options: InsertOptions = {}): Promise<InsertResult> {
    const ingest = this.ingest(table, options);
    let number = 0;
    for (const row of rows) {
      ingest.object(row, ++number);
      if (options.onError === 'reject' && ingest.full) await ingest.flush();
    }
    return ingest.finish();
  }

  /** Inserts rows by column, in the physical form of base/delta.ts; all or nothing. @param columns the table's visible columns, in order. */
  async insertColumns(table: string, columns: readonly Column[], rowCount: number): Promise<InsertResult> {
    const {epoch} = await this.writeColumns([{table, columns, rowCount}]);
    return {epoch, accepted: rowCount, rejected: 0, errors: []};
  }

  /**
   * Writes to several tables by column, in order, as one epoch. `columns` are the table's visible columns; with `delete` its key
   * columns in key order, and absent keys change nothing.
   */
  async writeColumns(writes: readonly ColumnWrite[]): Promise<{epoch: number}> {
    this.#requireOpen();
    return this.#host.write(writes.map((write) => encodeColumnWrite(this.#catalog, write)), []);
  }

  /** A stream of rows into one table. */
  ingest(table: string, options: InsertOptions = {}): IngestSession {
    this.#requireOpen();
    return ingestInto(this.#host, table, options, this.epoch);
  }

  /**
   * The changes of one or several tables, epoch by epoch.
   *
   * @param options.from `snapshot`: the content now, then what follows; `latest`: what follows; n: what came after epoch n;
   *   0: the content at the oldest readable epoch, then what followed.
   */
  subscribe(tables: Followed, options: SubscribeOptions = {}): AsyncGenerator<SubscriptionItem> {
    return changesOfItems(this.subscribeColumns(tables, options));
  }

  /** As `subscribe`, by column: for faces that encode changes without an object each. */
  subscribeColumns(tables: Followed, options: SubscribeOptions = {}): AsyncGenerator<ColumnItem> {
    this.#requireOpen();
    if (typeof tables === 'string' || !('subscription' in tables)) return subscribeColumns(...this.#subscription(tables, options));
    const {from, until, emptyEpochs, signal} = options;
    if (until !== undefined || emptyEpochs !== undefined || typeof from === 'string') throw new WarehouseError('invalid', 'MR_PARAMETER', 'a durable subscription says itself where it begins and does not end', {hint: 'give signal, and at most an epoch to go on from'});
    return this.subscriptions.follow(tables.subscription, {consumer: tables.consumer, since: from, signal});
  }

  /**
   * Says that the consumer of a durable subscription is done with everything through `epoch`; durable when it resolves.
   * @throws {WarehouseError} `MR_SUBSCRIPTION_POSITION`, `MR_SUBSCRIPTION_FENCED`, `MR_SUBSCRIPTION_EXPIRED`, `MR_UNKNOWN_SUBSCRIPTION`.
   */
  async commit(subscription: string, epoch: number, consumer?: string): Promise<{epoch: number}> {
    this.#requireOpen();
    return {epoch: await this.subscriptions.commit(subscription, epoch, consumer)};
  }

  #subscription(tables: string | readonly string[], options: SubscribeOptions): [SubscriptionHost, TableSpec[], SubscriptionOptions] {
    const specs = (typeof tables === 'string' ? [tables] : tables).map((name) => requireTable(this.#catalog, name));
    const {until = null} = options;
    return [this.#follower(), specs, {from: options.from ?? 'latest', until: until === null ? null : toEpoch(until), emptyEpochs: options.emptyEpochs ?? false, signal: options.signal}];
  }

  #follower(): SubscriptionHost {
    return {live: this.#requireLive(), history: this.#requireHistory(), cold: async (table: TableSpec, read: PinnedRead) => tableRelation(this.#host, read, table), past: pastContent(this.#host), known: (id) => this.#catalog.byId(id), snapshots: this.#snapshots};
  }

  /** @param key the key's values in key order. @returns the row, or null. */
  async lookup(table: string, key: readonly string[]): Promise<Row | null> {
    await using session = this.#newSession();
    return await session.lookup(requireTable(this.#catalog, table), key);
  }

  /** Writes a checkpoint of the newest epoch now. */
  async checkpoint(): Promise<number> {
    return (await this.#host.checkpoint()).epoch;
  }

  /** Copies the warehouse at its newest epoch to a new or empty folder, while it goes on; the copy is opened like any other. */
  async backup(target: string): Promise<BackupReport> {
    return backupReport(await this.#request({kind: 'backup', target: resolve(target)}));
  }

  /** Tells other processes where this warehouse is served. */
  announce(url: string): Promise<void> {
    return this.#lock.announce(url);
  }

  async metrics(): Promise<readonly Metric[]> {
    const stats = await this.#client.request({kind: 'stats'});
    return metricsOf(this.#catalog, stats.rows ?? [], {
      memoryBytesMax: this.#shares.total, subscriptions: await this.subscriptions.states(),
      warming: this.warming, epoch: this.epoch, inFlightBytes: this.#door.usedBytes, waitingWrites: this.#door.waitingWrites, pendingRows: this.#requireLive().pendingRows,
      memory: memoryOf(stats.rows ?? [], this.#shares, {serve: await kernelBytes(this.#serve), history: this.#requireHistory().bytes, inFlight: this.#door.usedBytes, inFlightMax: this.#door.bytesMax}),
    });
  }

  /** Writes a checkpoint and lets go of everything. May be called twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close(true);
    return this.#closing;
  }

  /** Lets go without a checkpoint; the log keeps all. For tests of recovery. */
  closeWithoutCheckpoint(): Promise<void> {
    this.#closing ??= this.#close(false);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(checkpoint: boolean): Promise<void> {
    this.#warming.end(closedError());
    try {
      await this.subscriptions.close();
      const keepPositions = checkpoint && this.#readCache;
      if (this.#failure === null) {
        const {epoch, positioned = []} = await this.#client.request({kind: 'close', checkpoint, keepPositions});
        if (keepPositions) await saveLiveImage(this.#place, this.#requireLive(), epoch, positioned).catch(() => undefined); // the next opening fills the cache anew
      }
    } finally {
      await this.#client.stop();
      this.#history?.close(closedError());
      await this.#live?.close().catch(() => undefined);
      await this.#binder.close();
      await this.#serve.close();
      await this.#lock.close();
    }
  }

  #newSession(options: SessionOptions = {}): WarehouseSession {
    this.#requireOpen();
    return new WarehouseSession(this.#host, options);
  }

  #ready(until: 'readable' | 'warm'): Promise<void> {
    return new Promise<void>((resolvePromise, reject) => {
      this.#opened = {resolve: resolvePromise, reject};
    }).then(async () => {
      if (until === 'warm') await this.warm();
      await withinMs(this.#hot, warmWaitMs);
      if (this.#failure !== null) throw this.#failure;
      this.subscriptions.start();
    });
  }
  /** State is loaded and the read cache filled: files of the checkpoint that the opening found stay where they are until then. */
  #hot: Promise<void> = Promise.resolve();

  #onEvent(event: EngineEvent): void {
    switch (event.kind) {
      case 'recovered':
        this.#recover(event).then(() => this.#opened?.resolve(), (cause: unknown) => this.#opened?.reject(cause));
        return;
      case 'warming':
        this.#warming.note(event.tables);
        return;
      case 'ready':
        this.openStats = {...this.openStats, openMs: event.openMs};
        this.#warming.end(null);
        return;
      case 'epoch': {
        for (const record of event.ddl) this.#fold(record);
        this.#past.note(toEpoch(event.epoch), event.timeMs, event.ddl);
        const sealed = sealedFromMessage(event, this.#sealedSource);
        this.#progress!.note(sealed);
        this.#requireLive().enqueue(sealed);
        this.#requireHistory().append(sealed);
        return;
      }
      case 'checkpoint':
        this.#cold.checkpointed(event.checkpoint.epoch);
        this.#past.checkpointed(toEpoch(event.checkpoint.epoch), toEpoch(event.oldest), this.#catalog.tags().map((tag) => toEpoch(tag.epoch)));
        void dropEndedTags(this.#host).catch(() => undefined); // the next checkpoint tries again
        void this.subscriptions.sweep();
        return;
      case 'failed':
        this.#failure = WarehouseError.from(event.error);
        this.#warming.end(this.#failure);
        this.#opened?.reject(this.#failure);
        this.#history?.close(this.#failure);
        return;
    }
  }

  async #recover(found: Extract<EngineEvent, {kind: 'recovered'}>): Promise<void> {
    const readers = await openReaders({
      serve: this.#serve, client: this.#client, place: this.#place, readCache: this.#readCache, past: this.#past, cold: this.#cold, source: this.#sealedSource,
      catalog: this.#catalog, fold: (record) => this.#fold(record), stopped: () => this.#closing !== null || this.#failure !== null,
    }, found);
    ({history: this.#history, progress: this.#progress, live: this.#live, reusedTables: this.reusedTables} = readers);
    this.openStats = {...this.openStats, replayedEpochs: readers.tailEpochs};
    this.#hot = Promise.all([this.#warming.wait({deadlineMs: warmMsMax}), readers.fill()]).then(() => this.#client.loaded(), () => undefined);
  }

  #fold(record: DdlRecord): void {
    this.#catalog.apply(record);
    if (record.kind === 'drop-subscription' || record.kind === 'end-subscription') void this.subscriptions.ended(record.name);
    if (record.kind === 'create-table' || record.kind === 'alter-table') this.#everKnown.set(record.table.id, record.table);
    // The engine has committed the record: a mirror that does not follow spoils the binder, not the statement that made it.
    this.#ddlMirror = this.#ddlMirror.then(() => mirror(this.#binder, this.#everKnown, record)).catch((cause: unknown) => {
      this.#failure ??= asWarehouseError(cause);
    });
  }
  #ddlMirror: Promise<void> = Promise.resolve();

  #makeHost(allowDirectories: readonly string[], referenceBytes: number): Host {
    const [catalog, live, history, longest] = [() => this.#catalog, () => this.#requireLive(), () => this.#requireHistory(), () => this.#transactionMsMax] as const;
    return {
      get catalog() { return catalog(); },
      get live() { return live(); },
      get history() { return history(); },
      get transactionMsMax() { return longest(); },
      binder: this.#binder,
      directory: this.directory,
      subscriptions: this.subscriptions,
      allowDirectories,
      nowMs: () => systemClock.nowMs(),
      warming: this.#warming,
      metrics: () => this.metrics(),
      write: async (writes, rejected) => {
        this.#requireOpen();
        for (const {table} of rejected) await ensureRejected(this.#host, table);
        return this.#door.write(writes, rejected);
      },
      bulk: (spool) => {
        this.#requireOpen();
        return this.#door.bulk(spool);
      },
      spoolDirectory: spoolDirectory(this.directory),
      referenceBytes,
      alone: (work) => {
        const next = this.#ddlQueue.catch(() => undefined).then(work);
        this.#ddlQueue = next.catch(() => undefined);
        return next;
      },
      define: (records) => this.#request({kind: 'ddl', records}),
      createView: (table, executor) => this.#request({kind: 'create-view', table, executor}),
      checkpoint: () => this.#request({kind: 'checkpoint'}),
      lookUp: (table, keys) => this.#request({kind: 'lookup', table, keys}),
      optimize: (table) => this.#request({kind: 'compact', tables: [table], full: true}),
      historyRetentionMs: () => this.#historyRetentionMs,
      setHistoryRetention: (ms) => this.#request({kind: 'set', name: 'history_retention', value: ms}).then(() => void (this.#historyRetentionMs = ms ?? historyRetentionMs)),
      setEpochInterval: (ms) => this.#request({kind: 'set', name: 'epoch_interval', value: ms}).then(() => undefined),
      past: this.#past,
      cold: (table, epoch, session, bound) => this.#cold.sqlAt(table, epoch, session, bound),
    };
  }

  async #request(request: Parameters<WorkerClient['request']>[0]): Promise<ReplyBody> {
    this.#requireOpen();
    if (!this.#warming.warm) await this.#warming.wait();
    const body = await this.#client.request(request);
    await this.#ddlMirror;
    return body;
  }

  #requireOpen(): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.#closing !== null) throw closedError();
  }

  #requireLive(): LiveRelation {
    invariant(this.#live !== null, 'the live relation is made before `open` returns');
    return this.#live;
  }

  #requireHistory(): EpochHistory {
    invariant(this.#history !== null, 'the history is made before `open` returns');
    return this.#history;
  }
}
