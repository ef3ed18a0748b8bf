/**
 * Replay of a delta by reference: its rows are read back from the files that the frame names, after their checksums, and applied
 * anew. First in a delta come the rows that went, each beside the one that took its place; then those that came, which are loaded
 * as they lie: so each row takes the position that it had beside the others of its file.
 */
import {OP_DELETE, OP_INSERT, OP_UPDATE_BEFORE, type ChangeBatch} from '../base/delta.ts';
import {sliceColumn} from '../base/columns.ts';
import {WarehouseError} from '../base/error.ts';
import {invariant} from '../base/invariant.ts';
import type {TableId, TableSpec} from '../catalog/spec.ts';
import type {TableState} from '../compute/state/table-state.ts';
import {deltaBatches, deltaSql, sliceBatch} from './delta-sql.ts';
import type {Frame, FrameTable} from '../storage/log/frame.ts';
import {fileChecksum, joinPositions, type FileDelta} from './bulk-delta.ts';
import {deltaPaths, preparedOf} from './bulk-files.ts';
import {typesOf} from './frame-batch.ts';
import type {WorkerCore} from './worker-core.ts';

/**
 * @returns the delta with the positions of this process.
 * @throws {WarehouseError} `MR_DELTA_GONE` (unavailable) before anything is applied, `MR_DELTA_DAMAGED` (data) naming the file.
 */
export async function replayFiles(core: WorkerCore, table: TableSpec, frame: Frame, part: FrameTable): Promise<FileDelta> {
  const {files, directory} = {files: core.files, directory: core.options.directory};
  const paths = await deltaPaths(files, directory, part.tableId as TableId, part.files);
  for (const [index, path] of paths.entries()) {
    const found = await fileChecksum(files, path);
    const {checksum} = part.files[index]!;
    if (found !== checksum) throw new WarehouseError('data', 'MR_DELTA_DAMAGED', `epoch ${frame.epoch} of the log names '${path}' with checksum ${checksum}, found ${found}`, {hint: 'restore the file from a backup'});
  }
  const prepared = preparedOf(frame.header, part.tableId);
  if (prepared === undefined) throw new WarehouseError('data', 'MR_LOG_DAMAGED', `epoch ${frame.epoch} names files of table ${part.tableId} and does not describe them`);
  const state = core.dataflow.state(table.id);
  const first = state.nextPosition;
  const freed: Float64Array[] = [];
  let rowCount = 0;
  for await (const batch of deltaBatches(core.session, typesOf(table), deltaSql(table, paths))) {
    rowCount += batch.rowCount;
    let split = batch.rowCount;
    while (split > 0 && batch.ops[split - 1] === OP_INSERT) split--;
    if (split > 0) freed.push(applyPairs(state, table, sliceBatch(batch, 0, split)));
    // What freed rows held is needed no more, and rows are loaded into a table at rest.
    state.endEpoch();
    if (split < batch.rowCount) state.load(batch.columns.map((column) => sliceColumn(column, split, batch.rowCount)), batch.rowCount - split);
    if (state.spilled) state.maintain();
    core.budget.relieve(core.shares.get(table.id)?.[0]); // changes of other tables refer to their rows
  }
  const logged = part.files.reduce((sum, file) => sum + file.rows, 0);
  invariant(rowCount === logged, () => `files of epoch ${frame.epoch} gave ${rowCount} rows of table ${table.id}, ${logged} were logged`);
  return {rowCount, files: part.files, prepared, written: [], first, freed: joinPositions(freed)};
}

/** @returns the positions that were freed. */
function applyPairs(state: TableState, table: TableSpec, {rowCount, ops, columns}: ChangeBatch): Float64Array {
  const weights = new Int32Array(rowCount);
  for (let i = 0; i < rowCount; i++) weights[i] = ops[i] === OP_DELETE || ops[i] === OP_UPDATE_BEFORE ? -1 : 1;
  const given = table.storage === 'bag' ? columns.filter((_, index) => !table.columns[index]!.hidden) : columns;
  const replayed = state.applyDelta({rowCount, weights, columns: [...given]});
  invariant(replayed.rowCount === rowCount, () => `a logged delta of table ${table.id} changed ${rowCount} rows, replay changed ${replayed.rowCount}`);
  const freed = new Float64Array(rowCount);
  let count = 0;
  for (let i = 0; i < rowCount; i++) if (replayed.ops[i] === OP_DELETE || replayed.ops[i] === OP_UPDATE_BEFORE) freed[count++] = replayed.positions[i]!;
  return freed.slice(0, count);
}
