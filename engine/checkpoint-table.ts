/**
 * One table's part of a checkpoint: its changes since the last one (checkpoint-tail.ts) become files and one snapshot. Of a
 * `first-row` table they go below level 0 at once, where alone readers look.
 * Merging them is compaction's (worker-compaction.ts).
 *
 * A snapshot carries its checkpoint's epoch as commit identifier, so the table itself says up to which epoch its files go. A
 * checkpoint that ended half way is completed by that: what the table holds already is not flushed again.
 */
import {relative} from 'node:path';
import {concatBatches} from '../base/columns.ts';
import {OP_DELETE, OP_INSERT, OP_UPDATE_AFTER, OP_UPDATE_BEFORE, type ChangeBatch, type Column} from '../base/delta.ts';
import type {ChangeRows} from '../base/growing-rows.ts';
import {epoch as toEpoch, type Epoch} from '../base/epoch.ts';
import {WarehouseError} from '../base/error.ts';
import {invariant} from '../base/invariant.ts';
import {formOf} from '../catalog/forms.ts';
import type {TableSpec} from '../catalog/spec.ts';
import type {RelationColumn, RelationSource} from '../kernel/relation.ts';
import type {RelationPiece} from '../kernel/relation-pieces.ts';
import type {Session} from '../kernel/session.ts';
import {freshMemory, ReusedMemory, type DecodeMemory} from '../storage/log/decode-memory.ts';
import {decodeFrame, type FrameTable} from '../storage/log/frame.ts';
import {bucketColumn} from '../storage/paimon/bucket-column.ts';
import type {CheckpointTable} from '../storage/lsm/checkpoint-file.ts';
import {commitFlush} from '../storage/lsm/commit.ts';
import {noEpochs} from '../storage/lsm/epoch-numbers.ts';
import {commitCompaction, planLevelZero, prepareCompaction, type Compaction} from '../storage/lsm/compact.ts';
import {BUCKET_COLUMN, CHANGE_SEQUENCE_COLUMN, OP_COLUMN} from '../storage/lsm/column-sql.ts';
import {joinPrepared, prepareFlush, type PreparedFiles} from '../storage/lsm/flush.ts';
import {PaimonTable} from '../storage/lsm/paimon-table.ts';
import type {CoveredTable, RowRun, TailPiece} from './checkpoint-tail.ts';
import {typesOf} from './frame-batch.ts';
import {tableForm} from './table-form.ts';
import {settleTable, tableOfSnapshot, tableProperty} from './table-home.ts';

/** What a flush needs of a session. */
export type FlushSession = Pick<Session, 'run' | 'rows' | 'bindRelation' | 'unbindRelation'>;

export interface FlushContext {
  readonly session: FlushSession;
  /** The warehouse's. */
  readonly directory: string;
  /** Commit user of all our snapshots. */
  readonly warehouseId: string;
  readonly epoch: Epoch;
}

/** Rows handed to DuckDB per call: epochs get the thread between calls. */
const flushSliceRows = 2048;
/** Batches of frames decoded per call, for the same reason: a thousand frames of one row cost more than a thousand rows. */
const flushSliceBatches = 32;

/**
 * Flushes one table up to the checkpoint's epoch.
 *
 * @param changes those of it that the checkpoint covers. @param before the table in the checkpoint before this one.
 * @returns what the checkpoint says of the table.
 * @throws {WarehouseError} `MR_PAIMON_FOREIGN` (conflict) when others have committed to it; those of flush and commit.
 */
export async function flushTable(context: FlushContext, table: TableSpec, paimon: PaimonTable, changes: CoveredTable | undefined, before: CheckpointTable | undefined): Promise<CheckpointTable> {
  const {session, warehouseId, epoch} = context;
  const through = await flushedThrough(paimon, table, warehouseId);
  // A later state than the checkpoint's would be taken for it; epochs of files are epochs of the log, and those only rise.
  invariant(through.epoch <= epoch, () => `files of table ${table.id} go up to epoch ${through.epoch}, the checkpoint is of ${epoch}`);
  const runs = changes?.runsAfter(toEpoch(through.epoch)) ?? [];
  let snapshot = through.snapshot ?? before?.snapshotId ?? 0;
  // Names that an earlier process made and may not have synced must be durable before the checkpoint relies on them.
  if (before === undefined || snapshot !== before.snapshotId) await settleTable(paimon.files, paimon);
  if (runs.length > 0) {
    const commit = {commitUser: warehouseId, commitIdentifier: BigInt(epoch), properties: {'millrace.epoch': String(epoch), [tableProperty]: String(table.id)}};
    const prepared: PreparedFiles[] = [];
    for (const run of runs) {
      if (!('pieces' in run)) {
        prepared.push(run);
        continue;
      }
      // Rows go into files as they were logged: an epoch is read back in the form that the table had then.
      const form = formOf(table, run.schemaId);
      invariant(form !== undefined, () => `the tail has rows of table ${table.id} under schema ${run.schemaId}, which nobody knows`);
      const target = form === table ? paimon : await PaimonTable.open(paimon, paimon.directory, tableForm(form));
      session.bindRelation('mr_flush', tailRelation(form, target, run));
      try {
        prepared.push(await prepareFlush(session, target, {from: "mr_rows('mr_flush')"}));
      } finally {
        session.unbindRelation('mr_flush');
      }
    }
    snapshot = (await commitFlush(paimon, joinPrepared(prepared), commit))?.id ?? snapshot;
  }
  const deeper: Compaction[] = [];
  for (const spec of planLevelZero(paimon, await paimon.state())) deeper.push(await prepareCompaction(session, paimon, spec));
  if (deeper.length > 0) snapshot = (await commitCompaction(paimon, deeper, {commitUser: warehouseId})).id;
  return {id: table.id, path: relative(context.directory, paimon.directory), schemaId: table.schemaId, snapshotId: snapshot, nextSequence: changes?.nextSequence ?? before?.nextSequence ?? 0, epochs: changes?.epochs ?? noEpochs};
}

/** Up to which epoch the table's files go, by its newest snapshot; 0 if it has none. */
async function flushedThrough(paimon: PaimonTable, table: TableSpec, warehouseId: string): Promise<{epoch: number; snapshot: number | undefined}> {
  const latest = await paimon.snapshots.latestId();
  if (latest === undefined) return {epoch: 0, snapshot: undefined};
  const snapshot = await paimon.snapshots.read(latest);
  const {commitUser, commitIdentifier, id} = snapshot;
  if (commitUser !== warehouseId) throw new WarehouseError('conflict', 'MR_PAIMON_FOREIGN', `${paimon.directory}: snapshot ${id} was committed by another writer (${commitUser})`, {hint: 'writes of other engines are not taken in by this version: roll the table back to the snapshot before'});
  const owner = tableOfSnapshot(snapshot);
  invariant(owner === undefined || owner === table.id, () => `${paimon.directory} belongs to table ${owner}, not ${table.id}`);
  return {epoch: Number(commitIdentifier), snapshot: id};
}

/** The rows of a run as a relation: made as they are asked for, piece by piece. */
function tailRelation(table: TableSpec, paimon: PaimonTable, {first, pieces, rowCount}: RowRun): RelationSource {
  return {
    columns: flushShape(table, paimon),
    rowCount,
    open: () => {
      const memory = new ReusedMemory();
      const batches = rowsOf(table, pieces, memory);
      let sequence = first;
      let current: RelationPiece | null = null;
      let start = 0;
      const advance = (): boolean => {
        const {done, value} = batches.next();
        if (done === true) return false;
        current = flushPiece(table, paimon, value, sequence, memory);
        sequence += value.rowCount;
        start = 0;
        return true;
      };
      return {
        next: (maxRows: number) => {
          if ((current === null || start >= current.rowCount) && !advance()) return null;
          const rows = {columns: current!.columns, start, rowCount: Math.min(maxRows, flushSliceRows, current!.rowCount - start)};
          start += rows.rowCount;
          return rows;
        },
      };
    },
  };
}

/** The pieces end to end, those in frames decoded into `memory`: what was given before is void then. */
function* rowsOf(table: TableSpec, pieces: readonly TailPiece[], memory: ReusedMemory): Generator<ChangeRows, void, undefined> {
  const types = typesOf(table);
  let gathered: ChangeBatch[] = [];
  let rowCount = 0;
  const joined = (): ChangeBatch => {
    const batch = concatBatches(types, gathered);
    [gathered, rowCount] = [[], 0];
    return batch;
  };
  for (const piece of pieces) {
    if ('block' in piece) {
      if (gathered.length > 0) yield joined();
      memory.reset();
      yield piece.block.view(piece.start, piece.end);
      continue;
    }
    const part = partOf(table, piece);
    for (let index = 0; index < part.batchCount; index++) {
      if (gathered.length === 0) memory.reset();
      const batch = part.batch(index, types, memory);
      gathered.push({...batch, positions: memory.f64(batch.rowCount)});
      rowCount += batch.rowCount;
      if (rowCount >= flushSliceRows || gathered.length === flushSliceBatches) yield joined();
    }
  }
  if (gathered.length > 0) yield joined();
}

/** The rows of a table in a frame. Its bytes were verified when it was encoded, or read from the log. */
function partOf(table: TableSpec, {frame, rowCount}: {readonly frame: Uint8Array; readonly rowCount: number}): FrameTable {
  const found = decodeFrame(frame, true).tables.find(({tableId}) => tableId === table.id);
  invariant(found !== undefined && found.rowCount === rowCount, () => `a frame has ${found?.rowCount ?? 0} rows of table ${table.id}, ${rowCount} were noted`);
  return found;
}

/** @returns the columns of `flushPiece`: what `prepareFlush` reads. */
export function flushShape(table: TableSpec, {bucketCount}: PaimonTable): RelationColumn[] {
  return [
    {name: OP_COLUMN, type: {kind: 'tinyint'}}, {name: CHANGE_SEQUENCE_COLUMN, type: {kind: 'bigint'}},
    ...(bucketCount > 1 ? [{name: BUCKET_COLUMN, type: {kind: 'integer'} as const}] : []),
    ...table.columns.map(({name, type}) => ({name, type})),
  ];
}

/** @returns a batch as it is flushed, its rows numbered from `sequence`. */
export function flushPiece(table: TableSpec, paimon: PaimonTable, batch: ChangeRows, sequence: number, memory: DecodeMemory = freshMemory): RelationPiece {
  const {rowCount} = batch;
  const head: Column[] = [opColumn(batch.ops, rowCount, table.storage === 'bag', memory.i32(rowCount)), sequenceColumn(sequence, rowCount, memory.f64(rowCount))];
  if (paimon.bucketCount > 1) {
    const key = paimon.bucketKeyFields.map(({name}) => table.columns.findIndex((column) => column.name === name));
    head.push({kind: 'i32', data: bucketColumn(key.map((index) => batch.columns[index]!), key.map((index) => table.columns[index]!.type), paimon.bucketCount, rowCount), valid: null});
  }
  return {columns: [...head, ...batch.columns], rowCount};
}

/**
 * Ops as a TINYINT column. A bag's row before and its row after have different hidden keys, and a reader that goes by keys must see
 * the one go and the other come.
 */
function opColumn(ops: Uint8Array, rowCount: number, bag: boolean, data: Int32Array): Column {
  for (let i = 0; i < rowCount; i++) {
    const op = ops[i]!;
    data[i] = !bag ? op : op === OP_UPDATE_BEFORE ? OP_DELETE : op === OP_UPDATE_AFTER ? OP_INSERT : op;
  }
  return {kind: 'i32', data, valid: null};
}

function sequenceColumn(first: number, rowCount: number, data: Float64Array): Column {
  for (let i = 0; i < rowCount; i++) data[i] = first + i;
  return {kind: 'f64', data, valid: null, bound: first + rowCount};
}
