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
import {epoch as toEpoch, type Epoch} from '../base/epoch.ts';
import {invariant} from '../base/invariant.ts';
import {checkpointBytes, checkpointMs, historyBytesMax, historyRetentionMs, inFlightBytesMax, publishRowsMax, referenceBytesMin} from '../base/limit.ts';
import {ByteBudget} from '../base/semaphore.ts';
import type {Row} from '../base/value.ts';
import {Catalog} from '../catalog/catalog.ts';
import type {DdlRecord, TableId, TableSpec} from '../catalog/spec.ts';
import type {Kernel} from '../kernel/duckdb.ts';
import {Binder} from '../kernel/plan/binder.ts';
import {EpochHistory, expired} from '../query/history.ts';
import {LiveRelation} from '../query/live.ts';
import type {SealedEpoch} from '../query/sealed-epoch.ts';
import {SnapshotRoom, subscribe, subscribeColumns, type ColumnItem, type SubscriptionItem, type SubscriptionHost, type SubscriptionOptions} from '../query/subscription.ts';
import type {InsertOptions, InsertResult, OpenOptions, Result, SqlOptions, SubscribeOptions} from './api.ts';
import {mirror} from './binder-mirror.ts';
import {ColdReader} from './cold.ts';
import {encodeRows} from './encode-rows.ts';
import type {Host} from './host.ts';
import {IngestSession} from './ingest-session.ts';
import {metaDirectory, spoolDirectory} from './layout.ts';
import {defaultMemoryBytes, sharesOf, type MemoryShares} from './memory.ts';
import {metricsOf, type Metric} from './metrics.ts';
import {openServeKernel} from './open-serve.ts';
import {prepareDirectory} from './prepare-directory.ts';
import type {CheckpointView, ReplyBody, TableWrite} from './protocol.ts';
import {sealedFromFrame, sealedFromMessage, type SealedSource} from './sealed.ts';
import {decodeFrame} from '../storage/log/frame.ts';
import {WarehouseSession, type SessionOptions} from './session.ts';
import {WorkerClient, type EngineEvent} from './worker-client.ts';
import {readHolder, WarehouseLock, type LockHolder} from '../storage/lock.ts';
import {nodeFileSystem} from '../storage/file/node-file-system.ts';
import {rejectedTableOf, requireTable} from './lookup.ts';
import {rejectedTable} from './rejected-table.ts';

/** @returns who holds the warehouse at `path`, as far as it said so. */
export function holderOf(path: string): Promise<LockHolder | undefined> {
  return readHolder(nodeFileSystem, metaDirectory(resolve(path)));
}

/** Bytes of log read back in one go for a reader of old epochs. */
const logReadBytes = 8 * 1024 * 1024;
/** Checkpoints that reads pinned before them may start from. */
const checkpointViewsMax = 64;

export class Warehouse implements AsyncDisposable {
  readonly directory: string;
  readonly #lock: WarehouseLock;
  readonly #serve: Kernel;
  readonly #shares: MemoryShares;
  readonly #binder: Binder;
  readonly #client: WorkerClient;
  #inFlightBytesMax = inFlightBytesMax;
  #budget = new ByteBudget(inFlightBytesMax);
  readonly #cold: ColdReader;
  readonly #host: Host;
  readonly #snapshots: SnapshotRoom;
  #catalog = new Catalog();
  /** Every table that ever was, so that epochs read back from the log can be decoded after a drop. */
  readonly #everKnown = new Map<TableId, TableSpec>();
  readonly #sealedSource: SealedSource;
  #live: LiveRelation | null = null;
  #history: EpochHistory | null = null;
  #oldest: Epoch = toEpoch(0);
  /** Newest last. Reads begun before a checkpoint go on from the one before it. */
  #checkpoints: CheckpointView[] = [];
  /** The oldest cut whose content can be read, last; before it those that were it and that reads may still be about. */
  #oldestCheckpoints: CheckpointView[] = [];
  #opened: {resolve: () => void; reject: (cause: unknown) => void} | null = null;
  #recovering: Promise<void> = Promise.resolve();
  #ddlQueue: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | null = null;
  #failure: WarehouseError | null = null;
  /** ms from open to ready, and epochs replayed from the log: for reports. */
  openStats = {openMs: 0, replayedEpochs: 0};

  /**
   * Opens the warehouse at `path`, making an empty one if there is none; recovers it if it was killed.
   *
   * @throws {WarehouseError} `MR_LOCKED` if another process or another opening in this one holds it; `MR_FORMAT_NEWER`;
   *   `MR_LOG_DAMAGED`, `MR_CHECKPOINT_DAMAGED` naming file and place.
   */
  static async open(options: OpenOptions): Promise<Warehouse> {
    const directory = resolve(options.path);
    const warehouseId = await prepareDirectory(directory);
    const lock = await WarehouseLock.acquire({directory: metaDirectory(directory), fileSystem: nodeFileSystem});
    const undo: (() => Promise<void>)[] = [() => lock.close()];
    try {
      const memoryBytes = options.memoryBytes ?? defaultMemoryBytes();
      const shares = sharesOf(memoryBytes);
      const allowDirectories = (options.allowDirectories ?? []).map((path) => resolve(path));
      const serve = await openServeKernel({directory, threads: Math.max(1, cpus().length - 1), memoryBytes: shares.serve, allowDirectories});
      undo.push(() => serve.close());
      const binder = await Binder.open();
      undo.push(() => binder.close());
      const warehouse = new Warehouse(directory, lock, serve, shares, binder, allowDirectories, options.referenceBytes ?? referenceBytesMin, (onEvent) => new WorkerClient({
        directory, warehouseId, memoryBytes: options.stateBytes ?? shares.state, maintainThreads: 1, maintainMemoryBytes: shares.maintain,
        checkpointBytes: options.checkpointBytes ?? checkpointBytes, checkpointMs: options.checkpointMs ?? checkpointMs, historyRetentionMs: options.historyRetentionMs ?? historyRetentionMs, maintenance: 'background',
