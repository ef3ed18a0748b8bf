/**
 * Checkpoints: the changes since the last one become files of every changed table, one snapshot each, and then a file names them all
 * as one cut. Works in a session of its own beside the epochs; ingest never waits for it unless the tail outgrows its bound.
 *
 * Half-done ones are completed, not repeated: a snapshot carries its checkpoint's epoch as commit identifier, so each table itself
 * says up to which epoch its files go, and the next checkpoint flushes only what came after.
 */
import {join, relative} from 'node:path';
import type {Clock} from '../base/clock.ts';
import {OP_DELETE, OP_INSERT, OP_UPDATE_AFTER, OP_UPDATE_BEFORE, type Column} from '../base/delta.ts';
import type {Epoch} from '../base/epoch.ts';
import {WarehouseError} from '../base/error.ts';
import type {Catalog} from '../catalog/catalog.ts';
import type {TableId, TableSpec} from '../catalog/spec.ts';
import {relationOfPieces, type RelationPiece} from '../kernel/relation-pieces.ts';
import type {Session} from '../kernel/session.ts';
import type {FileSystem} from '../storage/file/file-system.ts';
import {decodeFrame} from '../storage/log/frame.ts';
import {bucketColumn} from '../storage/paimon/bucket-column.ts';
import {listCheckpoints, loadCheckpoint, newestCheckpoint, removeOldCheckpoints, writeCheckpoint, type Checkpoint, type CheckpointTable} from '../storage/lsm/checkpoint-file.ts';
import type {EpochSequence} from '../storage/lsm/epoch-sequences.ts';
import {commitFlush} from '../storage/lsm/commit.ts';
import {commitCompaction, planCompactions, prepareCompaction} from '../storage/lsm/compact.ts';
import {BUCKET_COLUMN, CHANGE_SEQUENCE_COLUMN, OP_COLUMN} from '../storage/lsm/column-sql.ts';
import {prepareFlush} from '../storage/lsm/flush.ts';
import {PaimonTable} from '../storage/lsm/paimon-table.ts';
import {scanPlan} from '../storage/lsm/scan-plan.ts';
import {scanSql} from '../storage/lsm/scan-sql.ts';
import {directoryOf, metaDirectory} from './layout.ts';
import type {CheckpointView} from './protocol.ts';
import {batchOf, typesOf} from './frame-batch.ts';

export interface CheckpointerOptions {
  readonly directory: string;
  readonly warehouseId: string;
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly session: Session;
  readonly checkpointBytes: number;
  readonly checkpointMs: number;
  readonly onWanted: () => void;
  readonly onWritten: (checkpoint: CheckpointView) => void;
}

interface TailEpoch {
  readonly epoch: Epoch;
  readonly frame: Uint8Array;
  readonly tables: readonly {readonly table: TableId; readonly rowCount: number}[];
}

/** The tail may grow to this many times `checkpointBytes` before writers wait. */
const tailFactorMax = 4;
/** Rows handed to DuckDB per call: epochs get the thread between calls. */
const flushSliceRows = 2048;
const checkpointsKept = 2;

export class Checkpointer {
  readonly #options: CheckpointerOptions;
  readonly #tables = new Map<TableId, PaimonTable>();
  #current: Checkpoint | null = null;
  #tail: TailEpoch[] = [];
  #tailBytes = 0;
  #running: Promise<void> = Promise.resolve();
  #wanted = false;
  #cancelTimer: (() => void) | null = null;
  #roomWaiters: (() => void)[] = [];
  /** ms that the newest checkpoint took. */
  lastMs = 0;
  /** Why the newest try failed; null when it did not. */
  failure: WarehouseError | null = null;

  private constructor(options: CheckpointerOptions) {
    this.#options = options;
  }

  static async open(options: CheckpointerOptions): Promise<Checkpointer> {
    const checkpointer = new Checkpointer(options);
    checkpointer.#current = (await newestCheckpoint(options.files, metaDirectory(options.directory))) ?? null;
    return checkpointer;
  }

  /** The epoch of the newest checkpoint; 0 if there is none. */
  get epoch(): number {
    return this.#current?.epoch ?? 0;
  }

  get tailBytes(): number {
    return this.#tailBytes;
  }

  newest(): Checkpoint | null {
    return this.#current;
  }

  view(): CheckpointView {
    return this.#viewOf(this.#current);
  }

  /** @returns the oldest retained cut after which the log, whose first frame is `firstEpoch`, is whole. */
  async oldestView(firstEpoch: Epoch): Promise<CheckpointView> {
    if (firstEpoch <= 1) return this.#viewOf(null);
    const {files, directory} = this.#options;
    for (const epoch of await listCheckpoints(files, metaDirectory(directory))) {
      if (epoch < firstEpoch - 1) continue;
      const checkpoint = await loadCheckpoint(files, metaDirectory(directory), epoch);
      if (checkpoint !== undefined) return this.#viewOf(checkpoint);
    }
    return this.view();
  }

  #viewOf(checkpoint: Checkpoint | null): CheckpointView {
    return {
      epoch: checkpoint?.epoch ?? 0,
      tables: (checkpoint?.tables ?? []).map(({id, path, snapshotId}) => ({table: id as TableId, directory: join(this.#options.directory, path), snapshot: snapshotId === 0 ? null : snapshotId})),
    };
  }

  /** The oldest epoch whose frame must stay in the log. */
  keepLogFrom(): Epoch {
    return this.epoch as Epoch;
  }

  /** @returns SQL of a table's rows at the newest checkpoint, in `_pos` order; null if it has none there. */
  async scanSql(table: TableSpec): Promise<string | null> {
    const entry = this.#current?.tables.find(({id}) => id === table.id);
    if (entry === undefined || entry.snapshotId === 0) return null;
    const paimon = await this.#table(table);
    return scanSql(paimon, await scanPlan(paimon, entry.snapshotId), {ordered: true});
  }

  /** Takes note of a committed epoch; asks for a checkpoint when enough has come together. */
  note(epoch: Epoch, frame: Uint8Array, tables: TailEpoch['tables']): void {
    this.#tail.push({epoch, frame, tables});
    this.#tailBytes += frame.byteLength;
    this.#cancelTimer ??= this.#options.clock.after(this.#options.checkpointMs, () => this.#want());
    if (this.#tailBytes >= this.#options.checkpointBytes) this.#want();
  }

  /** Resolves when the tail has room for more: at once, unless a checkpoint is far behind. */
  async room(): Promise<void> {
    while (this.#tailBytes >= tailFactorMax * this.#options.checkpointBytes && this.failure === null) {
      await new Promise<void>((resolve) => this.#roomWaiters.push(resolve));
    }
  }

  /** Notes that a try failed; the next one starts from the same changes. */
  failed(error: WarehouseError): void {
    this.failure = error;
    this.#wakeRoom();
  }

  /** Writes a checkpoint of everything up to `epoch`, after any that is under way. `catalog` is as of `epoch`; it is read now. */
  write(epoch: Epoch, catalog: Catalog): Promise<void> {
    const snapshot = catalog.snapshot();
    const tables = catalog.tables();
    const work = this.#running.catch(() => undefined).then(() => this.#write(epoch, tables, snapshot));
    this.#running = work;
    return work;
  }

  /** Waits for what is under way. */
  async stop(): Promise<void> {
    this.#cancelTimer?.();
    await this.#running.catch(() => undefined);
  }

  #want(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#options.onWanted();
  }

  async #write(epoch: Epoch, tables: readonly TableSpec[], catalog: Checkpoint['catalog']): Promise<void> {
    this.#wanted = false;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    if (epoch <= this.epoch) return;
    const startMs = this.#options.clock.monotonicMs();
    const tail = this.#tail.filter((sealed) => sealed.epoch <= epoch);
    const entries: CheckpointTable[] = [];
    for (const table of tables) entries.push(await this.#flush(table, tail, epoch));
    const {files, clock, directory} = this.#options;
    const checkpoint: Checkpoint = {epoch, createdMs: clock.nowMs(), tables: entries, catalog, sources: {}};
    await writeCheckpoint(files, metaDirectory(directory), checkpoint);
    this.#current = checkpoint;
    this.#tail = this.#tail.filter((sealed) => sealed.epoch > epoch);
    this.#tailBytes = this.#tail.reduce((sum, sealed) => sum + sealed.frame.byteLength, 0);
    await removeOldCheckpoints(files, metaDirectory(directory), {keepLast: checkpointsKept});
    this.failure = null;
    this.lastMs = this.#options.clock.monotonicMs() - startMs;
    this.#wakeRoom();
    this.#options.onWritten(this.view());
    if (this.#tail.length > 0) this.#cancelTimer ??= this.#options.clock.after(this.#options.checkpointMs, () => this.#want());
  }

  async #flush(table: TableSpec, tail: readonly TailEpoch[], epoch: Epoch): Promise<CheckpointTable> {
    const {session, warehouseId} = this.#options;
    const paimon = await this.#table(table);
    const before = this.#current?.tables.find(({id}) => id === table.id);
    const through = await this.#flushedThrough(paimon);
    const types = typesOf(table);
    const pieces: RelationPiece[] = [];
    const epochs: EpochSequence[] = [];
    let sequence = before?.nextSequence ?? 0;
    for (const sealed of tail) {
      if (!sealed.tables.some((part) => part.table === table.id)) continue;
      const part = decodeFrame(sealed.frame).tables.find(({tableId}) => tableId === table.id)!;
      const batch = batchOf(part, types, null);
      epochs.push({epoch: sealed.epoch, sequence});
      if (sealed.epoch <= through.epoch) {
        sequence += batch.rowCount;
        continue;
      }
      const columns: Column[] = [opColumn(batch.ops, batch.rowCount, table.storage === 'bag'), sequenceColumn(sequence, batch.rowCount)];
      if (paimon.bucketCount > 1) columns.push({kind: 'i32', data: bucketColumn(table.key.map((index) => batch.columns[index]!), table.key.map((index) => types[index]!), paimon.bucketCount, batch.rowCount), valid: null});
      pieces.push({columns: [...columns, ...batch.columns], rowCount: batch.rowCount});
      sequence += batch.rowCount;
    }
    let snapshot = through.snapshot ?? before?.snapshotId ?? 0;
    if (pieces.length > 0) {
      const shape = [
        {name: OP_COLUMN, type: {kind: 'tinyint'} as const}, {name: CHANGE_SEQUENCE_COLUMN, type: {kind: 'bigint'} as const},
        ...(paimon.bucketCount > 1 ? [{name: BUCKET_COLUMN, type: {kind: 'integer'} as const}] : []),
        ...table.columns.map(({name, type}) => ({name, type})),
      ];
      const commit = {commitUser: warehouseId, commitIdentifier: BigInt(epoch), properties: {'millrace.epoch': String(epoch)}};
      session.bindRelation('mr_flush', relationOfPieces(shape, pieces, flushSliceRows));
      try {
        const prepared = await prepareFlush(session, paimon, {from: "mr_rows('mr_flush')"});
        snapshot = (await commitFlush(paimon, prepared, commit))?.id ?? snapshot;
      } finally {
        session.unbindRelation('mr_flush');
      }
      const compactions = [];
      for (const spec of planCompactions(paimon, await paimon.state())) compactions.push(await prepareCompaction(session, paimon, spec));
      if (compactions.length > 0) snapshot = (await commitCompaction(paimon, compactions, commit)).id;
    }
    return {id: table.id, path: relative(this.#options.directory, paimon.directory), schemaId: table.schemaId, snapshotId: snapshot, nextSequence: sequence, epochs};
  }

  /** Up to which epoch the table's files go, by its newest snapshot of ours; 0 if it has none. */
  async #flushedThrough(paimon: PaimonTable): Promise<{epoch: number; snapshot: number | undefined}> {
    const state = await paimon.state();
    if (state === undefined) return {epoch: 0, snapshot: undefined};
    const {commitUser, commitIdentifier, id} = state.snapshot;
    if (commitUser !== this.#options.warehouseId) throw new WarehouseError('conflict', 'MR_PAIMON_FOREIGN', `${paimon.directory}: snapshot ${id} was committed by another writer (${commitUser})`, {hint: 'writes of other engines are not taken in by this version: roll the table back to the snapshot before'});
    return {epoch: Number(commitIdentifier), snapshot: id};
  }

  async #table(table: TableSpec): Promise<PaimonTable> {
    const known = this.#tables.get(table.id);
    if (known !== undefined) return known;
    const made = await PaimonTable.create(this.#options, directoryOf(this.#options.directory, table), {
      columns: table.columns.map(({id, name, type, nullable}) => ({id, name, type, nullable})),
      primaryKey: table.key.map((index) => table.columns[index]!.name),
      options: table.options,
    });
    this.#tables.set(table.id, made);
    return made;
  }

  #wakeRoom(): void {
    const waiters = this.#roomWaiters;
    this.#roomWaiters = [];
    for (const wake of waiters) wake();
  }
}

/**
 * Ops as a TINYINT column. A bag's row before and its row after have different hidden keys, and a reader that goes by keys must see
 * the one go and the other come.
 */
function opColumn(ops: Uint8Array, rowCount: number, bag: boolean): Column {
  const data = new Int32Array(rowCount);
  for (let i = 0; i < rowCount; i++) {
    const op = ops[i]!;
    data[i] = !bag ? op : op === OP_UPDATE_BEFORE ? OP_DELETE : op === OP_UPDATE_AFTER ? OP_INSERT : op;
  }
  return {kind: 'i32', data, valid: null};
}

function sequenceColumn(first: number, rowCount: number): Column {
  const data = new Float64Array(rowCount);
  for (let i = 0; i < rowCount; i++) data[i] = first + i;
  return {kind: 'f64', data, valid: null, bound: first + rowCount};
}
