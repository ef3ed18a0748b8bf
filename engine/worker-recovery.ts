/**
 * Opening: the newest complete checkpoint, then the log's tail. Rows in files are read from files; only the tail is replayed. The
 * frames hold the changes of all tables, so replay computes nothing; operators are rebuilt from the tables at the end.
 */
import type {ChangeBatch} from '../base/delta.ts';
import {OP_DELETE, OP_UPDATE_BEFORE} from '../base/delta.ts';
import {epoch as toEpoch} from '../base/epoch.ts';
import {WarehouseError} from '../base/error.ts';
import {invariant} from '../base/invariant.ts';
import {Catalog} from '../catalog/catalog.ts';
import {decodeRecord} from '../catalog/record-json.ts';
import type {DdlRecord, TableId, TableSpec} from '../catalog/spec.ts';
import {decodeFrame} from '../storage/log/frame.ts';
import {Log} from '../storage/log/log.ts';
import {logDirectory} from './layout.ts';
import type {ToMain} from './protocol.ts';
import {batchOf, typesOf} from './frame-batch.ts';
import {loggedBytesOf, placedTables, tailTables, type TableDelta} from './bulk-delta.ts';
import {readPositionImage, type PositionImage} from './position-image.ts';
import {clearStaging} from './worker-backup.ts';
import type {WorkerCore} from './worker-core.ts';
import {replayFiles} from './bulk-replay.ts';
import {loadTable} from './worker-load.ts';
import {addTable, finishRecords, prepareAlter} from './worker-define.ts';

/** @returns how many epochs were replayed from the log. */
export async function recover(core: WorkerCore, post: (message: ToMain) => void): Promise<number> {
  const {checkpointer, dataflow, options} = core;
  const found = checkpointer.newest();
  if (found !== null) {
    core.catalog = Catalog.fromSnapshot(found.catalog);
    core.epoch = toEpoch(found.epoch);
    core.loggedBytes = found.loggedBytes ?? 0;
  }
  const records: DdlRecord[] = core.catalog.records();
  const {log, recovered} = await Log.open({directory: logDirectory(options.directory), fileSystem: core.files, afterEpoch: core.epoch, ...(options.logSegmentBytesMax === undefined ? {} : {segmentBytesMax: options.logSegmentBytesMax})});
  core.log = log;
  const positions = await keptPositions(core);
  post({kind: 'recovered', catalog: records, position: {epoch: core.epoch, timeMs: found?.createdMs ?? 0, loggedBytes: core.loggedBytes}, checkpoint: await checkpointer.recoveryView(), oldest: checkpointer.holds.oldest, positioned: [...positions.keys()]});
  for (const table of core.catalog.dependencyOrder()) {
    addTable(core, table, table.definition?.executor ?? 'code');
    await loadTable(core, table, positions.get(table.id) ?? null);
  }
  dataflow.endEpoch();
  let replayed = 0;
  const gone = new Map<TableId, unknown>();
  for await (const {bytes} of recovered) {
    await replay(core, bytes, post, gone);
    replayed++;
  }
  for (const [id, cause] of gone) if (core.catalog.byId(id) !== undefined) throw cause;
  for (const table of core.catalog.dependencyOrder()) if (table.definition !== undefined) await dataflow.rebuild(table.id);
  dataflow.endEpoch();
  await clearStaging(core);
  return replayed;
}

/** The tables of the read cache whose rows can have their old positions: null where positions do not matter. */
async function keptPositions({options, checkpointer, catalog, files}: WorkerCore): Promise<Map<TableId, PositionImage | null>> {
  const kept = new Map<TableId, PositionImage | null>();
  const {cached, directory} = options;
  if (cached === undefined || cached.epoch !== checkpointer.epoch) return kept;
  for (const id of cached.tables) {
    const table = catalog.byId(id);
    if (table === undefined) continue;
    if (table.storage === 'append') kept.set(id, null);
    else {
      const image = await readPositionImage(files, directory, id, cached.epoch);
      if (image !== null) kept.set(id, image);
    }
  }
  return kept;
}

/** @param gone takes tables whose files are no longer there: they must turn out to be dropped by a later epoch. */
async function replay(core: WorkerCore, bytes: Uint8Array, post: (message: ToMain) => void, gone: Map<TableId, unknown>): Promise<void> {
  const frame = decodeFrame(bytes);
  if (frame.epoch !== core.epoch + 1) throw new WarehouseError('data', 'MR_LOG_DAMAGED', `expected epoch ${core.epoch + 1} in the log, found ${frame.epoch}`, {hint: 'restore the missing segment from a backup'});
  const ddl = frame.header.ddl.map((text) => decodeRecord(String(text)));
  const dropped = ddl.flatMap((record) => (record.kind === 'drop-table' ? [core.catalog.byId(record.id)!] : []));
  for (const record of ddl) {
    if (record.kind === 'alter-table') await prepareAlter(core, record.table);
    core.catalog.apply(record);
    if (record.kind === 'create-table') addTable(core, record.table, record.table.definition?.executor ?? 'code');
    else finishRecords(core, [record]);
  }
  const changes = new Map<TableId, TableDelta>();
  for (const part of frame.tables) {
    const id = part.tableId as TableId;
    const table = core.catalog.byId(id)!;
    if (gone.has(id)) continue;
    if (part.files.length === 0) changes.set(id, applyLogged(core, table, batchOf(part, typesOf(table), null)));
    else {
      const delta = await replayFiles(core, table, frame, part).catch((cause: unknown) => {
        if (!(cause instanceof WarehouseError) || cause.code !== 'MR_DELTA_GONE') throw cause;
        gone.set(id, cause);
      });
      if (delta !== undefined) changes.set(id, delta);
    }
  }
  core.epoch = frame.epoch;
  core.loggedBytes += loggedBytesOf(bytes.byteLength, changes);
  // Encoded while the rows that it speaks of are in memory: they may go out when the epoch ends.
  const message = core.message(frame.epoch, changes, ddl, frame.header.timeMs);
  core.dataflow.endEpoch();
  core.checkpointer.note({epoch: frame.epoch, timeMs: frame.header.timeMs, ddl, frame: bytes, tables: tailTables(changes, (id) => core.catalog.byId(id)!), dropped}, placedTables(changes, (id) => core.catalog.byId(id)!));
  post(message);
}

/** Applies one table's logged changes anew. @returns them with the positions of this process. */
function applyLogged(core: WorkerCore, table: TableSpec, batch: ChangeBatch): ChangeBatch {
  const weights = new Int32Array(batch.rowCount);
  for (let i = 0; i < batch.rowCount; i++) weights[i] = batch.ops[i] === OP_DELETE || batch.ops[i] === OP_UPDATE_BEFORE ? -1 : 1;
  // A bag's hidden columns follow from the rows before it, so they come out as they were logged.
  const columns = table.storage === 'bag' ? batch.columns.filter((_, index) => !table.columns[index]!.hidden) : batch.columns;
  const replayed = core.dataflow.state(table.id).applyDelta({rowCount: batch.rowCount, weights, columns});
  invariant(replayed.rowCount === batch.rowCount, () => `epoch ${core.epoch + 1} changed ${batch.rowCount} rows of table ${table.id}, replay changed ${replayed.rowCount}`);
  return replayed;
}
