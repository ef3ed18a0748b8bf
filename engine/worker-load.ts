/** Opening: a table's rows come from its files, and from the log's tail, into state. */
import type {Column} from '../base/delta.ts';
import {WarehouseError} from '../base/error.ts';
import {invariant} from '../base/invariant.ts';
import type {TableSpec} from '../catalog/spec.ts';
import type {TableState} from '../compute/state/table-state.ts';
import type {LogicalType} from '../base/type.ts';
import type {RelationSource} from '../kernel/relation.ts';
import {typesOf} from './frame-batch.ts';
import type {PositionImage} from './position-image.ts';
import type {LastChanges, RecoveredTail} from './recovered-tail.ts';
import {tableContent, withDoubles, type ContentPiece} from './table-content.ts';
import type {WorkerCore} from './worker-core.ts';

const position: LogicalType = {kind: 'double'};
let relations = 0;

/**
 * Loads a table as it was left, at the epoch that the engine opens at. Memory holds a chunk of rows beside the state.
 *
 * @param image the rows' positions where they are kept from the process before; then the tail does not change the table.
 * @param loaded is told how many rows have come, chunk by chunk, and may end it by throwing.
 * @throws {WarehouseError} `MR_CACHE_FAILED` (data) when positions are not as many as the rows; `MR_DELTA_GONE`, `MR_DELTA_DAMAGED`.
 */
export async function loadTable(core: WorkerCore, table: TableSpec, tail: RecoveredTail, image: PositionImage | null, loaded: (rows: number) => Promise<void> | void): Promise<void> {
  const {session} = core;
  const state = core.dataflow.state(table.id);
  await tail.verifyFiles(table.id);
  const files = await core.checkpointer.planOf(table);
  const bound: string[] = [];
  const bind = (source: RelationSource): string => {
    const name = `mr_load_${relations++}`;
    bound.push(name);
    session.bindRelation(name, source);
    return name;
  };
  const bag = table.storage === 'bag';
  let rows = 0;
  try {
    if (files !== null) state.expect(files.plan.rowCount);
    const touched = `temp.main.mr_last_${table.id}`;
    const changes = table.storage === 'append' ? await tail.changes(table, tail.until, bind) : null;
    const last = table.storage === 'append' ? null : await tail.lastChanges(table, session, touched, bind);
    const inFiles = last === null || last.inFiles === null ? [] : [last.inFiles];
    // Copies of a bag's rows are loaded in rising order; other rows go from frames to state as they are.
    const inFrames = last === null || last.inFrames === null || !bag ? [] : [`FROM mr_rows('${bind(last.inFrames)}')`];
    const {pieces, tailPosition} = await tableContent(session, table, files, last !== null ? {kind: 'keyed', touched, rows: [...inFiles, ...inFrames]} : changes === null ? null : {kind: 'append', changes}, {sorted: bag});
    for (const piece of pieces) rows = await loadPiece(core, state, table, piece, rows, image, loaded);
    if (last !== null && tailPosition !== null) {
      if (!bag) rows = await loadFrames(core, state, last, tailPosition, rows, loaded);
      state.skipPositions(tailPosition + last.rowCount);
      await session.run(`DROP TABLE ${touched}`);
    }
  } finally {
    for (const name of bound) session.unbindRelation(name);
  }
  state.endLoad();
  core.budget.relieve();
  if (image === null) return;
  if (rows !== image.positions.length) throw new WarehouseError('data', 'MR_CACHE_FAILED', `table ${table.schema}.${table.name} has ${rows} rows in its files, ${image.positions.length} positions were kept`, {hint: 'open the warehouse again: the read cache is then made anew, no data is lost'});
  state.skipPositions(image.nextPosition);
}

/** @param before rows of the table that have come. @returns how many have come after it. */
async function loadPiece({session, budget}: WorkerCore, state: TableState, table: TableSpec, piece: ContentPiece, before: number, image: PositionImage | null, loaded: (rows: number) => Promise<void> | void): Promise<number> {
  const types = typesOf(table);
  let rows = before;
  const stream = piece.numbered ? await session.stream(withDoubles(piece), [], {types: [position, ...types]}) : await session.stream(piece.sql, [], {types});
  try {
    for (let chunk = await stream.next(); chunk !== null; chunk = await stream.next()) {
      const {rowCount} = chunk;
      if (piece.numbered) state.load(chunk.columns.slice(1), rowCount, positionsOf(chunk.columns[0]!));
      else state.load(chunk.columns, rowCount, image?.positions.subarray(rows, rows + rowCount));
      rows += rowCount;
      budget.relieve();
      const pause = loaded(rows);
      if (pause !== undefined) await pause;
    }
  } finally {
    await stream.close();
  }
  return rows;
}

/** Loads rows that lie in frames. @returns how many rows of the table have come after it. */
async function loadFrames({budget}: WorkerCore, state: TableState, last: LastChanges, tailPosition: number, before: number, loaded: (rows: number) => Promise<void> | void): Promise<number> {
  let rows = before;
  for (const {rowCount, columns, sequences} of last.columns()) {
    const positions = new Float64Array(rowCount);
    for (let i = 0; i < rowCount; i++) positions[i] = tailPosition + sequences[i]!;
    state.load(columns, rowCount, positions);
    rows += rowCount;
    budget.relieve();
    const pause = loaded(rows);
    if (pause !== undefined) await pause;
  }
  return rows;
}

function positionsOf(column: Column): Float64Array {
  invariant(column.kind === 'f64', 'positions are doubles');
  return column.data;
}
