/**
 * The positions of a table's rows, kept over a clean close beside the read cache: with them the cache is right for the next process
 * too. One file a table, `_millrace/live/positions/<table id>`; worth nothing without the cache, and never needed.
 *
 *   bytes  0  magic 'MRPOS001'
 *          8  table id, epoch, row count, next position, CRC-32 of what follows: doubles, little endian
 *         48  `_pos` of every row, in the order in which the table is scanned: doubles, little endian
 *
 * Written by the worker when the last checkpoint is done. Read at the next opening, if that goes on from the same checkpoint and the
 * main thread found its half (live-image.ts) whole.
 */
import {join} from 'node:path';
import {crc32} from 'node:zlib';
import {systemClock} from '../base/clock.ts';
import type {TableId} from '../catalog/spec.ts';
import type {FileSystem} from '../storage/file/file-system.ts';
import {positionsDirectory} from './layout.ts';
import {orderedScan} from '../storage/lsm/ordered-scan.ts';
import {typesOf} from './frame-batch.ts';
import {positionOrder} from './table-home.ts';
import type {WorkerCore} from './worker-core.ts';

const magic = 'MRPOS001';
const headerBytes = 48;
/** A close that would take longer than this for it goes without; the next opening fills the cache anew. */
const imageMsMax = 20_000;

export interface PositionImage {
  readonly positions: Float64Array;
  readonly nextPosition: number;
}

/** @returns the tables whose rows will have their positions at the next opening; none if the newest checkpoint is not of the newest epoch. */
export async function writePositionImages(core: WorkerCore): Promise<TableId[]> {
  if (core.checkpointer.epoch !== core.epoch) return [];
  // A help for the next opening: without it that fills the cache anew.
  return writeImages(core).catch(() => []);
}

async function writeImages(core: WorkerCore): Promise<TableId[]> {
  const directory = positionsDirectory(core.options.directory);
  const endMs = systemClock.monotonicMs() + imageMsMax;
  const kept: TableId[] = [];
  await core.files.mkdir(directory);
  for (const table of core.catalog.tables()) {
    // Rows of an append table are never looked up by position.
    if (table.storage === 'append') {
      kept.push(table.id);
      continue;
    }
    const left = endMs - systemClock.monotonicMs();
    if (left <= 0) break;
    if (await writeImage(core, directory, table.id, endMs)) kept.push(table.id);
  }
  return kept;
}

async function writeImage(core: WorkerCore, directory: string, id: TableId, endMs: number): Promise<boolean> {
  const table = core.catalog.byId(id)!;
  const state = core.dataflow.state(id);
  const path = join(directory, String(id));
  const types = table.key.map((index) => typesOf(table)[index]!);
  const found = state.rowCount === 0 ? null : await core.checkpointer.planOf(table);
  const pieces = found === null ? [] : await orderedScan(core.session, found.paimon, found.plan, {ordered: positionOrder(table), columns: table.key.map((index) => table.columns[index]!.name)});
  const temporary = `${path}.tmp`;
  let [rowCount, crc] = [0, 0];
  {
    await using file = await core.files.open(temporary, 'w+');
    for (const sql of pieces) {
      const stream = await core.session.stream(sql, [], {types});
      try {
        for (let chunk = await stream.next(); chunk !== null; chunk = await stream.next()) {
          const rows = new Int32Array(chunk.rowCount);
          state.find(chunk.columns, null, chunk.rowCount, rows);
          if (rows.includes(-1) || systemClock.monotonicMs() > endMs) return false;
          const positions = new Float64Array(chunk.rowCount);
          state.store.getPositions(rows, chunk.rowCount, positions);
          state.store.endChunk();
          const bytes = new Uint8Array(positions.buffer);
          crc = crc32(bytes, crc);
          await file.write([bytes], headerBytes + 8 * rowCount);
          rowCount += chunk.rowCount;
        }
      } finally {
        await stream.close();
      }
    }
    if (rowCount !== state.rowCount) return false;
    const header = new Uint8Array(headerBytes);
    header.set(Buffer.from(magic, 'latin1'));
    const view = new DataView(header.buffer);
    for (const [at, value] of [id, core.epoch, rowCount, state.nextPosition, crc].entries()) view.setFloat64(8 + 8 * at, value, true);
    await file.write([header], 0);
  }
  await core.files.rename(temporary, path);
  return true;
}

/** @returns the positions of a table as they were when the process before closed at `epoch`; null if they are not there, whole. */
export async function readPositionImage(files: FileSystem, directory: string, table: TableId, epoch: number): Promise<PositionImage | null> {
  // It is a help, not a need: whatever is wrong with it, the table is read without.
  const bytes = await files.readFile(join(positionsDirectory(directory), String(table))).catch(() => null);
  if (bytes === null || bytes.length < headerBytes || Buffer.from(bytes.subarray(0, 8)).toString('latin1') !== magic) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const [id, at, rowCount, nextPosition, crc] = Array.from({length: 5}, (_, index) => view.getFloat64(8 + 8 * index, true)) as [number, number, number, number, number];
  const data = bytes.subarray(headerBytes);
  if (id !== table || at !== epoch || data.length !== 8 * rowCount || crc32(data) !== crc) return null;
  const positions = new Float64Array(rowCount);
  new Uint8Array(positions.buffer).set(data);
  return {positions, nextPosition};
}
