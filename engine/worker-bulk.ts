/**
 * Large deltas in the engine: statements whose rows come by spool file, and deltas that go by reference.
 *
 * A large statement is one epoch in many steps: each chunk of rows is applied to its table and goes through the views, whose tables
 * follow; at the end every changed table gives its net change (`TableState.epochChanges`), chunk by chunk. Memory holds a chunk and
 * one file's rows; what is to be taken back if a step fails lies in the tables' journals.
 *
 * While a table has files under way, `_millrace/bulk/<table id>.json` says so: at open they are orphans unless a frame names them.
 */
import {open} from 'node:fs/promises';
import {join, relative} from 'node:path';
import type {ChangeBatch} from '../base/delta.ts';
import {columnsBytes} from '../base/columns.ts';
import type {Epoch} from '../base/epoch.ts';
import {invariant} from '../base/invariant.ts';
import {bulkChunkRows, epochRowsMax, referenceFileBytes} from '../base/limit.ts';
import {systemClock} from '../base/clock.ts';
import type {TableId, TableSpec} from '../catalog/spec.ts';
import {makeDirectoryDurably, temporaryName, writeDurably} from '../storage/file/durable.ts';
import {removeOrphans} from '../storage/lsm/orphans.ts';
import {discardDelta, gatherDelta, isFileDelta, type TableDelta} from './bulk-delta.ts';
import {bulkDirectory, directoryOf} from './layout.ts';
import type {Spool, TableWrite} from './protocol.ts';
import {openIfMade, removeTree} from './table-home.ts';
import {applyWrites} from './worker-apply.ts';
import type {EpochContent, WorkerCore} from './worker-core.ts';

/** Applies a spooled statement and commits it. @throws {WarehouseError} as its rows, views or the log fail; everything is then as before. */
export async function writeBulk(core: WorkerCore, spool: Spool): Promise<Epoch> {
  const before = core.epoch;
  const deltas = new Map<TableId, TableDelta>();
  try {
    const file = await open(spool.path, 'r');
    try {
      for (const {rowCount, at, bytes, checked, ...write} of spool.writes) {
        const buffer = new ArrayBuffer(bytes + (checked ? 8 * rowCount : 0));
        const {bytesRead} = await file.read(new Uint8Array(buffer), 0, buffer.byteLength, at);
        invariant(bytesRead === buffer.byteLength, () => `spool of ${spool.path}: ${bytesRead} of ${buffer.byteLength} bytes at ${at}`);
        const one: TableWrite = {...write, rows: {bytes: new Uint8Array(buffer, 0, bytes), rowCount}, expected: checked ? new Float64Array(buffer, bytes) : null};
        const derived = core.dataflow.step(applyWrites(core.catalog, core.dataflow, [one], core.changedAt));
        if (derived instanceof Promise) await derived;
        core.dataflow.endStep();
      }
    } finally {
      await file.close();
    }
    for (const id of core.dataflow.changedTables() as TableId[]) {
      const state = core.dataflow.state(id);
      const delta = await gather(core, core.catalog.byId(id)!, state.epochChanges(bulkChunkRows), state.epochPosition, state.epochPosition === 0);
      if (delta.rowCount > 0) deltas.set(id, delta);
    }
    if (deltas.size > 0) return await commitDeltas(core, {ddl: [], changes: deltas});
    core.dataflow.endEpoch();
    return core.epoch;
  } catch (cause) {
    if (core.epoch === before) {
      await discardFiles(core, deltas);
      await core.takeBack(() => core.dataflow.undoSteps());
    }
    throw cause;
  }
}

/** @returns a delta as it will travel. @param filling the table had no rows ever. */
export function gather(core: WorkerCore, table: TableSpec, batches: AsyncIterable<ChangeBatch> | Iterable<ChangeBatch>, first: number, filling: boolean): Promise<TableDelta> {
  return gatherDelta({
    session: core.session, files: core.files, directory: core.options.directory, bytesMin: core.options.referenceBytes, fileBytes: Math.max(referenceFileBytes, core.options.referenceBytes),
    place: async (placed) => {
      await announce(core, placed);
      return core.checkpointer.place(placed);
    },
    nextSequence: (id) => core.checkpointer.nextSequence(id),
    released: () => {
      // Deltas of other tables may be held, and refer to their rows.
      core.dataflow.state(table.id).endChunk();
      core.budget.relieve(core.shares.get(table.id)?.[0]);
    },
  }, table, batches, first, filling);
}

/** An epoch of many small writes may hold this many times `referenceBytes` inline: what waits together is not one large delta. */
const inlineFactorMax = 4;

/** @returns an epoch's deltas, the large ones by reference. */
export async function gatherLarge(core: WorkerCore, changes: ReadonlyMap<TableId, ChangeBatch>): Promise<ReadonlyMap<TableId, TableDelta>> {
  const {referenceBytes} = core.options;
  const rowsMin = Math.min(epochRowsMax, referenceBytes);
  const large = [...changes].filter(([, batch]) => batch.rowCount > rowsMin && columnsBytes(batch.columns, batch.rowCount) > inlineFactorMax * referenceBytes);
  if (large.length === 0) return changes;
  const deltas = new Map<TableId, TableDelta>(changes);
  try {
    for (const [id] of large) {
      const state = core.dataflow.state(id);
      deltas.set(id, await gather(core, core.catalog.byId(id)!, state.epochChanges(bulkChunkRows), state.epochPosition, state.epochPosition === 0));
    }
  } catch (cause) {
    await discardFiles(core, deltas);
    throw cause;
  }
  return deltas;
}

/** Commits; if the epoch did not come to be, the files of its deltas are removed. */
export async function commitDeltas(core: WorkerCore, content: EpochContent): Promise<Epoch> {
  const before = core.epoch;
  try {
    const sealed = await core.commit(content);
    for (const [id, delta] of content.changes) if (isFileDelta(delta)) await withdraw(core, id);
    return sealed;
  } catch (cause) {
    if (core.epoch === before) await discardFiles(core, content.changes);
    throw cause;
  }
}

export async function discardFiles(core: WorkerCore, deltas: ReadonlyMap<TableId, TableDelta>): Promise<void> {
  for (const [id, delta] of deltas) {
    if (!isFileDelta(delta)) continue;
    await discardDelta(core.files, delta);
    await withdraw(core, id);
  }
}

/** Removes the folder that was made for a table that did not come to be, if one was and no other table took its place. */
export async function discardTable(core: WorkerCore, table: TableSpec): Promise<void> {
  if (!core.checkpointer.forget(table)) return;
  const at = directoryOf(core.options.directory, table);
  const taken = core.catalog.tables().some((other) => directoryOf(core.options.directory, other) === at) || await core.checkpointer.reliesOn(at);
  if (!taken && await core.files.exists(at)) await removeTree(core.files, at);
  await withdraw(core, table.id);
}

const markPath = (core: WorkerCore, id: TableId): string => join(bulkDirectory(core.options.directory), `${id}.json`);

async function announce(core: WorkerCore, table: TableSpec): Promise<void> {
  await makeDirectoryDurably(core.files, bulkDirectory(core.options.directory));
  await writeDurably(core.files, markPath(core, table.id), Buffer.from(JSON.stringify({path: relative(core.options.directory, directoryOf(core.options.directory, table))})));
}

async function withdraw(core: WorkerCore, id: TableId): Promise<void> {
  // A mark that stays makes the next opening look once more, no more than that.
  await core.files.unlink(markPath(core, id)).catch(() => undefined);
}

/** At open: removes files whose frame never came. */
export async function clearBulk(core: WorkerCore): Promise<void> {
  const {files} = core;
  const marks = bulkDirectory(core.options.directory);
  if (!(await files.exists(marks))) return;
  const keep = core.checkpointer.preparedNames();
  for (const {name} of await files.readdir(marks)) {
    if (!/^\d+\.json$/.test(name)) {
      if (temporaryName(name)) await files.unlink(join(marks, name));
      continue;
    }
    const mark = JSON.parse(Buffer.from(await files.readFile(join(marks, name))).toString()) as {path: string};
    const path = join(core.options.directory, mark.path);
    if (await core.checkpointer.reliesOn(path)) {
      const table = await openIfMade({files, clock: systemClock}, path);
      if (table !== null) await removeOrphans(table, keep);
    } else if (await files.exists(path)) await removeTree(files, path); // it was made for a delta whose frame never came
    await files.unlink(join(marks, name));
  }
}
