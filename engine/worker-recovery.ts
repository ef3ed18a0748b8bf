/**
 * Opening, in two parts. First what readers need, and no more: the newest complete checkpoint, and the log's tail after it, walked
 * through once: then catalog and newest epoch are known, and the main thread reads from files and tail. Then, beside those reads, state:
 * each table's rows at that epoch, from the same files and the same tail, and at the end what operators keep beside them. Nothing is
 * computed or applied anew: frames hold the changes of all tables, derived ones too.
 *
 * Between the two nothing is written, so a process that ends there leaves what it found.
 */
import {setImmediate} from 'node:timers/promises';
import {epoch as toEpoch} from '../base/epoch.ts';
import {WarehouseError} from '../base/error.ts';
import {systemClock} from '../base/clock.ts';
import {Catalog} from '../catalog/catalog.ts';
import {decodeRecord} from '../catalog/record-json.ts';
import type {TableId, TableSpec} from '../catalog/spec.ts';
import {decodeFrame} from '../storage/log/frame.ts';
import {Log} from '../storage/log/log.ts';
import {deltaPaths, preparedOf} from './bulk-files.ts';
import {logDirectory} from './layout.ts';
import {readPositionImage, type PositionImage} from './position-image.ts';
import type {ToMain, WarmingTable} from './protocol.ts';
import {partRows, RecoveredTail} from './recovered-tail.ts';
import {clearStaging} from './worker-backup.ts';
import type {WorkerCore} from './worker-core.ts';
import {addTable} from './worker-define.ts';
import {loadTable} from './worker-load.ts';

/** What an opening has found, and what loading goes on from. */
export interface Found {
  readonly tail: RecoveredTail;
  readonly positions: ReadonlyMap<TableId, PositionImage | null>;
  /** For the main thread. */
  readonly message: Extract<ToMain, {kind: 'recovered'}>;
}

/** Reads checkpoint and tail. Catalog, epoch and log are those of the newest epoch afterwards; state is empty. */
export async function findTail(core: WorkerCore): Promise<Found> {
  const {checkpointer, options} = core;
  const newest = checkpointer.newest();
  if (newest !== null) {
    core.catalog = Catalog.fromSnapshot(newest.catalog);
    core.epoch = toEpoch(newest.epoch);
    core.loggedBytes = newest.loggedBytes ?? 0;
  }
  const catalog = core.catalog.records();
  const position = {epoch: core.epoch, timeMs: newest?.createdMs ?? 0, loggedBytes: core.loggedBytes};
  const tail = new RecoveredTail(core.files, options.directory, core.epoch);
  const {log, recovered} = await Log.open({directory: logDirectory(options.directory), fileSystem: core.files, afterEpoch: core.epoch, ...(options.logSegmentBytesMax === undefined ? {} : {segmentBytesMax: options.logSegmentBytesMax})});
  core.log = log;
  const frames: Uint8Array[] = [];
  const gone = new Map<TableId, unknown>();
  for await (const {bytes} of recovered) {
    await note(core, tail, bytes, gone);
    frames.push(bytes);
  }
  for (const [id, cause] of gone) if (core.catalog.byId(id) !== undefined) throw cause;
  // A cache that was left stands at a checkpoint that nothing came after.
  const positions = frames.length > 0 ? new Map<TableId, PositionImage | null>() : await keptPositions(core);
  const message = {kind: 'recovered', catalog, position, checkpoint: await checkpointer.recoveryView(), oldest: checkpointer.holds.oldest, positioned: [...positions.keys()], frames} as const;
  return {tail, positions, message};
}

/** Takes a frame of the tail. @param gone takes tables whose files are no longer there: they must turn out to be dropped by a later epoch. */
async function note(core: WorkerCore, tail: RecoveredTail, bytes: Uint8Array, gone: Map<TableId, unknown>): Promise<void> {
  const frame = decodeFrame(bytes, true);
  if (frame.epoch !== core.epoch + 1) throw new WarehouseError('data', 'MR_LOG_DAMAGED', `expected epoch ${core.epoch + 1} in the log, found ${frame.epoch}`, {hint: 'restore the missing segment from a backup'});
  const ddl = frame.header.ddl.map((text) => decodeRecord(String(text)));
  const dropped = ddl.flatMap((record) => (record.kind === 'drop-table' ? [core.catalog.byId(record.id)!] : []));
  for (const record of ddl) core.catalog.apply(record);
  const placed: TableSpec[] = [];
  let fileBytes = 0;
  const tables = [];
  for (const part of frame.tables) {
    const id = part.tableId as TableId;
    if (gone.has(id)) continue;
    const prepared = part.files.length === 0 ? undefined : preparedOf(frame.header, id);
    if (part.files.length > 0) {
      if (prepared === undefined) throw new WarehouseError('data', 'MR_LOG_DAMAGED', `epoch ${frame.epoch} names files of table ${id} and does not describe them`);
      try {
        await deltaPaths(core.files, core.options.directory, id, part.files);
      } catch (cause) {
        if (!(cause instanceof WarehouseError) || cause.code !== 'MR_DELTA_GONE') throw cause;
        gone.set(id, cause);
        continue;
      }
      placed.push(core.catalog.byId(id)!);
      for (const file of part.files) fileBytes += file.bytes;
    }
    const rowCount = partRows(part);
    if (rowCount > 0) tables.push({table: id, schemaId: part.schemaId, rowCount, prepared});
  }
  tail.add(frame, new Set(gone.keys()));
  core.epoch = frame.epoch;
  core.loggedBytes += bytes.byteLength + fileBytes;
  core.checkpointer.note({epoch: frame.epoch, timeMs: frame.header.timeMs, ddl, frame: bytes, tables, dropped}, placed);
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

/** ms of loading after which what was asked meanwhile gets its turn, and turns after which the main thread hears how far it is. */
const turnMs = 30;
const turnsToTell = 4;
/** ms between two looks at a gate that tests hold. */
const gateMs = 2;

/** Loads state, table by table, then what operators keep. @throws {WarehouseError} `MR_CLOSED` (closed) once the engine is to close. */
export async function loadState(core: WorkerCore, {tail, positions}: Found, post: (message: ToMain) => void): Promise<void> {
  const {dataflow} = core;
  const order = core.catalog.dependencyOrder();
  const warming: WarmingTable[] = [];
  for (const {id} of order) warming.push({table: id, rows: 0, rowsExpected: await expectedRows(core, id, tail), done: false});
  let [turnAt, turns] = [systemClock.monotonicMs() + turnMs, 0];
  const turn = async (): Promise<void> => {
    if (systemClock.monotonicMs() >= turnAt) {
      if (++turns % turnsToTell === 0) post({kind: 'warming', tables: warming.map((table) => ({...table}))});
      await setImmediate();
      turnAt = systemClock.monotonicMs() + turnMs;
    }
    core.requireLoading();
  };
  post({kind: 'warming', tables: warming.map((table) => ({...table}))});
  for (const [index, table] of order.entries()) {
    await passGate(core, index);
    addTable(core, table, table.definition?.executor ?? 'code');
    const counted = warming[index]!;
    await loadTable(core, table, tail, positions.get(table.id) ?? null, (rows) => {
      counted.rows = rows;
      return systemClock.monotonicMs() >= turnAt ? turn() : undefined;
    });
    counted.done = true;
  }
  dataflow.endEpoch();
  await passGate(core, order.length);
  for (const table of order) if (table.definition !== undefined) await dataflow.rebuild(table.id, turn);
  dataflow.endEpoch();
  await clearStaging(core);
}

/** @returns about how many rows a table will have, from above. */
async function expectedRows({catalog, checkpointer}: WorkerCore, id: TableId, tail: RecoveredTail): Promise<number> {
  const files = await checkpointer.planOf(catalog.byId(id)!);
  return (files?.plan.rowCount ?? 0) + tail.rowsOf(id);
}

/** Waits where a test holds the opening. */
async function passGate(core: WorkerCore, step: number): Promise<void> {
  core.requireLoading();
  const {loadingGate: gate} = core.options;
  if (gate === undefined) return;
  while (Atomics.load(gate, 0) <= step) {
    await new Promise<void>((resolve) => { systemClock.after(gateMs, resolve); });
    core.requireLoading();
  }
}
