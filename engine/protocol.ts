/**
 * What crosses between the main thread (sessions, reads, sockets) and the engine's worker (epochs, log, compute, files): the only
 * thing the two halves share. Rows cross as SharedArrayBuffers that are never written again. The worker's catalog is the
 * authority; the main thread folds the same records. DDL is serialised by the main thread.
 */
import type {ErrorReport} from '../base/error.ts';
import type {DdlRecord, StreamPosition, TableId, TableSpec} from '../catalog/spec.ts';

/** Columns in the record-batch form of storage/log (`encodeColumns`): visible columns in table order, or the key columns for `delete`. */
export interface EncodedRows {
  readonly bytes: Uint8Array;
  readonly rowCount: number;
}

/** In `expected`: no row may have the key when this one comes. */
export const MUST_BE_ABSENT = -Infinity;

/**
 * One ordered step of a write. `upsert`: rows of a keyed table, the last of a key wins. `append`: rows of an append table or a bag.
 * `delete`: by key, absent keys are no change. `remove`: rows of a bag, by their visible columns.
 * `expected[i]` is the `_pos` that row i's key must still hold (−1: not checked; `MUST_BE_ABSENT` for all rows of a write or none): what makes DML a snapshot write.
 */
export interface TableWrite {
  readonly table: TableId;
  /** The form of the table that the rows have: an ALTER may come before them. */
  readonly schemaId: number;
  readonly mode: 'upsert' | 'append' | 'delete' | 'remove';
  readonly rows: EncodedRows;
  readonly expected: Float64Array | null;
  /** The epoch that a bag's rows were read at: refused if the table changed after it. −1: not checked. */
  readonly asOf: number;
}

/** A row that was refused at the door: kept in `t$rejected`. */
export interface RejectedRow {
  readonly raw: string;
  readonly reason: string;
  readonly code: string;
  readonly line: number;
}

/** A write whose rows lie in a spool file: `bytes` of it from `at` on, then the positions if they are expected. Both at multiples of 8. */
export interface SpooledWrite extends Omit<TableWrite, 'rows' | 'expected'> {
  readonly rowCount: number;
  readonly at: number;
  readonly bytes: number;
  readonly checked: boolean;
}

/** The writes of one large statement, in order: more than one message should hold. */
export interface Spool {
  readonly path: string;
  readonly writes: readonly SpooledWrite[];
}

export type Request =
  | {readonly kind: 'write'; readonly writes: readonly TableWrite[]; readonly rejected: readonly {readonly table: TableId; readonly rows: readonly RejectedRow[]}[]}
  /** One statement, one epoch; the sender removes the file after the answer. */
  | {readonly kind: 'bulk'; readonly spool: Spool}
  | {readonly kind: 'ddl'; readonly records: readonly DdlRecord[]}
  | {readonly kind: 'create-view'; readonly table: TableSpec; readonly executor: 'code' | 'sql'}
  | {readonly kind: 'set'; readonly name: 'epoch_interval'; readonly value: number}
  /** Durable: the warehouse's, over restarts. null: the default. */
  | {readonly kind: 'set'; readonly name: 'history_retention'; readonly value: number | null}
  | {readonly kind: 'checkpoint'}
  /** `full`: each bucket to one run, after a checkpoint; otherwise what the rules ask for. `tables` null: all. */
  | {readonly kind: 'compact'; readonly tables: readonly TableId[] | null; readonly full: boolean}
  /** Removes what has expired, and orphans that are old enough. */
  | {readonly kind: 'expire'}
  | {readonly kind: 'stats'}
  /** Rows of a keyed table by key. */
  | {readonly kind: 'lookup'; readonly table: TableId; readonly keys: EncodedRows}
  /** A copy of the warehouse at its newest epoch; epochs go on meanwhile. */
  | {readonly kind: 'backup'; readonly target: string}
  /** Frames after `since`, in order, at most `until` and about `bytesMax`; at least one if there is one. */
  | {readonly kind: 'read-log'; readonly since: number; readonly until: number; readonly bytesMax: number}
  /** Holds history for a read that is under way, until `release`. */
  | {readonly kind: 'hold'; readonly name: string; readonly epoch: number | 'oldest'; readonly reach: 'onward' | 'moment'}
  | {readonly kind: 'release'; readonly name: string}
  /** `keepPositions`: the read cache will be kept, so rows need their positions at the next opening. */
  | {readonly kind: 'close'; readonly checkpoint: boolean; readonly keepPositions?: boolean};

/** @see Request: what each is answered with. `epoch` is the one whose visibility the answer promises. */
export interface ReplyBody {
  readonly epoch: number;
  readonly rows?: readonly Readonly<Record<string, string | number | boolean | null>>[];
  readonly frames?: readonly Uint8Array[];
  /** To `lookup`: visible columns of a row for each key, NULL in all of them where there is none. */
  readonly found?: EncodedRows;
  /** Tables whose rows will have their positions at the next opening. */
  readonly positioned?: readonly TableId[];
}

/** `loaded`: once after `ready`, when the main thread has read the files of the checkpoint; only then does the next one begin. */
export type ToWorker = {readonly id: number; readonly request: Request} | {readonly loaded: true};

/** Where each table stands in a checkpoint: what a cold read and the cache's first filling start from. */
export interface CheckpointView {
  readonly epoch: number;
  readonly tables: readonly {readonly table: TableId; readonly directory: string; readonly snapshot: number | null; /** The newest epoch that changed it, if that was noted. */ readonly changed?: number}[];
}

/** The `_pos` that the rows of one table's delta free or take. */
export interface TablePositions {
  readonly table: TableId;
  /** Inline: of every row. By reference: those that are freed, in order. */
  readonly data: Float64Array;
  /** By reference: the position of the first row that came; the others follow it in file order. */
  readonly first?: number;
}

export interface EpochMessage {
  readonly epoch: number;
  /** When it was sealed, ms since 1970. */
  readonly timeMs: number;
  readonly frame: Uint8Array;
  /** Per table of the frame, in its order. */
  readonly positions: readonly TablePositions[];
  readonly ddl: readonly DdlRecord[];
}

/** A table whose state is being loaded. `rowsExpected` is from above until all are there. */
export interface WarmingTable {
  readonly table: TableId;
  rows: number;
  rowsExpected: number;
  /** All are there. */
  done: boolean;
}

export type ToMain =
  | {readonly kind: 'reply'; readonly id: number; readonly body: ReplyBody}
  | {readonly kind: 'error'; readonly id: number; readonly error: ErrorReport}
  | ({readonly kind: 'epoch'} & EpochMessage)
  /** `oldest`: the oldest epoch whose content can be read, and all that came after it. */
  | {readonly kind: 'checkpoint'; readonly checkpoint: CheckpointView; readonly oldest: number}
  /**
   * Sent once at open: catalog records of the checkpoint, and the frames after it (verified). Then reads can begin. Rows of tables in
   * `positioned` have the positions that they had in the process before, all others those of table-content.ts.
   */
  | {readonly kind: 'recovered'; readonly catalog: readonly DdlRecord[]; readonly position: StreamPosition; readonly checkpoint: CheckpointView; readonly oldest: number; readonly positioned: readonly TableId[]; readonly frames: readonly Uint8Array[]}
  /** Between `recovered` and `ready`, now and then: how far loading is, in its order. */
  | {readonly kind: 'warming'; readonly tables: readonly WarmingTable[]}
  /** State is loaded: the engine takes what was asked of it meanwhile. */
  | {readonly kind: 'ready'; readonly epoch: number; readonly openMs: number}
  | {readonly kind: 'failed'; readonly error: ErrorReport};

export interface WorkerOptions {
  readonly directory: string;
  readonly warehouseId: string;
  readonly memoryBytes: number;
  /** Bytes of state that stay in memory between epochs; a part of `memoryBytes` unless given. */
  readonly restBytes?: number;
  readonly maintainThreads: number;
  readonly maintainMemoryBytes: number;
  /** `SharedTurns.shared` of the main thread's; its own unless given. */
  readonly turns?: SharedArrayBuffer;
  readonly checkpointBytes: number;
  /** null: as often as history allows. */
  readonly checkpointMs: number | null;
  readonly epochIntervalMs: number;
  /** ms that history is kept. */
  readonly historyRetentionMs: number;
  /** A file that nothing names goes at this age. */
  readonly orphanAgeMs: number;
  /** The log reaches back to the oldest of so many newest checkpoints, at least 1. */
  readonly logCheckpoints: number;
  /** `asked`: compaction and expiry only when a request asks for them. */
  readonly maintenance: 'background' | 'asked';
  /** Tables that the read cache holds as of this epoch's checkpoint; absent: none. */
  readonly cached?: {readonly epoch: number; readonly tables: readonly TableId[]};
  /** Deltas above it travel by reference. */
  readonly referenceBytes: number;
  /** A log segment is closed at this size; the log's own default unless given. */
  readonly logSegmentBytesMax?: number;
  /** Tests hold the loading of state: table k is loaded once the first word is above k, operators once it is above the number of tables. In shared memory. */
  readonly loadingGate?: Int32Array;
}
