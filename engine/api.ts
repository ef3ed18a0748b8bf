/** The shapes that the library, the server and the command line share: what a warehouse takes and answers. */
import type {Row} from '../base/value.ts';
import type {SubscriptionStart} from '../query/subscription.ts';
import type {RejectedRow, ReplyBody} from './protocol.ts';

export type {RejectedRow} from './protocol.ts';
export type {Row, Value} from '../base/value.ts';

export interface ResultColumn {
  readonly name: string;
  /** DuckDB's name of the type. */
  readonly type: string;
}

/** What one statement answers. */
export interface Result {
  readonly columns: readonly ResultColumn[];
  readonly rows: readonly Row[];
  /** The epoch that was read, or that made the statement's effect visible. */
  readonly epoch: number;
  /** What was done, for a person: `INSERT 3`, `CREATE TABLE`. Empty for a query. */
  readonly tag: string;
}

/** What a backup copied: `linked` of its files are shared with the warehouse, by hard links. */
export interface BackupReport {
  readonly epoch: number;
  readonly files: number;
  readonly bytes: number;
  readonly linked: number;
}

/** @returns a worker's answer as a report. */
export function backupReport({epoch, rows}: ReplyBody): BackupReport {
  const found = rows?.[0] ?? {};
  return {epoch, files: Number(found['files']), bytes: Number(found['bytes']), linked: Number(found['linked'])};
}

export interface InsertResult {
  readonly epoch: number;
  readonly accepted: number;
  readonly rejected: number;
  /** The first rejected rows with their reasons, at most 100. */
  readonly errors: readonly RejectedRow[];
}

export interface SqlOptions {
  /** Read tables as they were at this epoch, or at that of this tag; where a table has its own AT, that counts. */
  readonly at?: number | string;
  readonly signal?: AbortSignal;
  /** ms after which the statement is interrupted with `MR_DEADLINE`. */
  readonly deadlineMs?: number;
}

export interface InsertOptions {
  /** `fail` (default): one bad row refuses the batch. `reject`: bad rows go to `t$rejected`, the rest is taken. */
  readonly onError?: 'fail' | 'reject';
}

export interface OpenOptions {
  /** The warehouse's folder; made if absent. */
  readonly path: string;
  /** Bytes for everything that grows (DuckDB, state, caches); default half of what the machine or container has. */
  readonly memoryBytes?: number;
  /** Bytes of them for tables and operators; default 45 %. Rows beyond it go to page files beside the cache. */
  readonly stateBytes?: number;
  /** Bytes of state that stay in memory between epochs; default 7/8 of `stateBytes`, at least all but 64 MiB. */
  readonly stateRestBytes?: number;
  /**
   * Whether tables are copied into the read cache (default): scans are several times faster for one more copy on disk. Without it
   * reads go to files and log.
   */
  readonly readCache?: boolean;
  /** ms for which BEGIN holds its epoch; then the transaction can only be rolled back. Default one hour. */
  readonly transactionMsMax?: number;
  /** Folders that SQL may read files from. Default none. */
  readonly allowDirectories?: readonly string[];
  /** Bytes of changes after which a checkpoint is written. */
  readonly checkpointBytes?: number;
  /** ms after a first change after which a checkpoint is written. */
  readonly checkpointMs?: number;
  /** ms that history is kept: `AT`, `changes` and subscriptions reach back so far. Default 24 hours. */
  readonly historyRetentionMs?: number;
  /** ms after which a file of a table that nothing names is removed. Default 24 h. */
  readonly orphanAgeMs?: number;
  /** The log is kept from the oldest of so many newest checkpoints on, at least 1; what is older is read from the tables' files. Default 8. */
  readonly logCheckpoints?: number;
  /** Bytes of writes that are accepted and not yet visible; beyond it writers wait. Default 128 MiB. */
  readonly inFlightBytesMax?: number;
  /** A segment of the log is closed at this size; what no kept checkpoint needs goes segment by segment. Default 64 MiB. */
  readonly logSegmentBytesMax?: number;
  /** Least ms between two epochs; 0 (default) seals as soon as there is something and the last is durable. */
  readonly epochIntervalMs?: number;
  /** Bytes of a delta above which it is written as files of its table, which the log names, instead of into the log. Default 8 MiB. */
  readonly referenceBytes?: number;
  /**
   * When the opening resolves: once reads are answered (`readable`, default), or once state is loaded too and writes are taken (`warm`):
   * then what is wrong with a table's files rejects it. See `Warehouse.warm`.
   */
  readonly until?: 'readable' | 'warm';
  /** For tests: holds the loading of state. @see WorkerOptions.loadingGate */
  readonly loadingGate?: Int32Array;
  /** Where the warehouse is served, for the message that a second opener gets. */
  readonly url?: string;
}

/** What is followed: tables, or a durable subscription by its name; `consumer` is whose place in it is taken, one of its own unless given. */
export type Followed = string | readonly string[] | {readonly subscription: string; readonly consumer?: string};

/** @see Warehouse.subscribe. `from`: `latest` unless given; of a durable subscription an epoch at or after its position, or nothing. `until` is inclusive; without it the subscription follows until `signal` fires. */
export interface SubscribeOptions {
  readonly from?: SubscriptionStart | undefined;
  readonly until?: number | null;
  readonly emptyEpochs?: boolean;
  readonly signal?: AbortSignal;
}
