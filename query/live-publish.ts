/**
 * What a publish has to write for one table: the rows that the pending epochs inserted and that still live at their end, and the
 * positions they killed of rows that were in the cache before. A row inserted and overwritten inside the window is never written.
 */
import {OP_DELETE, OP_INSERT, OP_UPDATE_AFTER, OP_UPDATE_BEFORE, type ChangeBatch, type Column} from '../base/delta.ts';
import {gatherColumns} from '../base/columns.ts';
import {invariant} from '../base/invariant.ts';
import {publishSliceRows} from '../base/limit.ts';
import type {ColumnSpec, TableSpec} from '../catalog/spec.ts';
import {quoteIdentifier} from '../kernel/quote.ts';
import type {RelationSource} from '../kernel/relation.ts';
import {relationOfPieces, type LatePiece} from '../kernel/relation-pieces.ts';
import type {Session} from '../kernel/session.ts';
import {deadName, liveTarget} from './live-tables.ts';
import type {DeltaReference} from './sealed-epoch.ts';

export interface Publishable {
  readonly insertedCount: number;
  /** `_pos` and all columns. */
  readonly inserted: RelationSource;
  readonly deadCount: number;
  /** `p` */
  readonly dead: RelationSource;
}

const positionType = {kind: 'bigint'} as const;

/** @param batches one table's changes, oldest epoch first. Positions rise as they are taken, so those of the window lie above its first. */
export function publishable(columns: readonly ColumnSpec[], batches: readonly ChangeBatch[]): Publishable {
  let first = Infinity;
  let last = -1;
  let freedCount = 0;
  for (const {rowCount, ops, positions} of batches) {
    for (let i = 0; i < rowCount; i++) {
      const op = ops[i];
      if (op === OP_INSERT || op === OP_UPDATE_AFTER) {
        if (positions[i]! < first) first = positions[i]!;
        if (positions[i]! > last) last = positions[i]!;
      } else freedCount++;
    }
  }
  const killed = new Uint8Array(last < first ? 0 : last - first + 1);
  const dead = new Float64Array(freedCount);
  let deadCount = 0;
  for (const {rowCount, ops, positions} of batches) {
    for (let i = 0; i < rowCount; i++) {
      if (ops[i] !== OP_DELETE && ops[i] !== OP_UPDATE_BEFORE) continue;
      if (positions[i]! >= first) killed[positions[i]! - first] = 1;
      else dead[deadCount++] = positions[i]!;
    }
  }
  const pieces: LatePiece[] = [];
  let insertedCount = 0;
  for (const {rowCount, ops, positions, columns: values} of batches) {
    const rows = new Int32Array(rowCount);
    let count = 0;
    for (let i = 0; i < rowCount; i++) {
      if ((ops[i] === OP_INSERT || ops[i] === OP_UPDATE_AFTER) && killed[positions[i]! - first] === 0) rows[count++] = i;
    }
    if (count === 0) continue;
    insertedCount += count;
    const position: Column = {kind: 'f64', data: positions, valid: null, bound: last};
    const all = [position, ...values];
    pieces.push({make: () => (count === rowCount ? all : gatherColumns(all, rows, count)), rowCount: count});
  }
  return {
    insertedCount,
    inserted: relationOfPieces([{name: '_pos', type: positionType}, ...columns.map(({name, type}) => ({name, type}))], pieces, publishSliceRows),
    deadCount,
    dead: deadPositions(dead, deadCount),
  };
}

/** @returns the relation `p` of overwritten positions. */
export function deadPositions(positions: Float64Array, count: number): RelationSource {
  return relationOfPieces([{name: 'p', type: positionType}], [{columns: [{kind: 'f64', data: positions, valid: null, bound: Number.MAX_SAFE_INTEGER}], rowCount: count}], publishSliceRows);
}

/**
 * @param sql the changes of a delta by reference: `_op` and all columns, in order.
 * @param first position of the first row that came.
 * @returns the statement that puts those rows into the cache. The running number follows the order of the files: a window without an
 *   order of its own is streamed.
 */
export function referenceInsert(table: TableSpec, sql: string, first: number): string {
  const names = table.columns.map(({name}) => quoteIdentifier(name)).join(', ');
  return `INSERT INTO ${liveTarget(table)} SELECT ${first} - 1 + row_number() OVER (), ${names} FROM (${sql}) WHERE _op IN (0, 2)`;
}

/** What the cache counts of a table; kept up here. */
export interface Counted {
  readonly spec: TableSpec;
  deadRows: number;
  rowCount: number;
}

/** Puts pending changes of a table into the cache. @param writer in the transaction of the publish. */
export async function publishBatches(writer: Session, live: Counted, batches: readonly ChangeBatch[]): Promise<void> {
  const rows = publishable(live.spec.columns, batches);
  if (rows.insertedCount > 0) {
    writer.bindRelation('mr_publish', rows.inserted);
    await writer.run(`INSERT INTO ${liveTarget(live.spec)} SELECT * FROM mr_rows('mr_publish')`);
  }
  if (rows.deadCount > 0) {
    writer.bindRelation('mr_publish_dead', rows.dead);
    await writer.run(`INSERT INTO ${deadName(live.spec)} SELECT * FROM mr_rows('mr_publish_dead')`);
    live.deadRows += rows.deadCount;
  }
  live.rowCount += rows.insertedCount - rows.deadCount;
}

/** The same of a delta that lies in files: it is taken from there; its rows were numbered in file order. */
export async function publishReference(writer: Session, live: Counted, rowCount: number, reference: DeltaReference): Promise<void> {
  const inserted = await writer.run(referenceInsert(live.spec, await reference.sql(), reference.firstPosition));
  const dead = reference.freed.length;
  invariant(inserted.rowsChanged === rowCount - dead, () => `files of table ${live.spec.id} gave ${inserted.rowsChanged} rows that came, ${rowCount - dead} were logged`);
  if (dead > 0) {
    writer.bindRelation('mr_publish_dead', deadPositions(reference.freed, dead));
    await writer.run(`INSERT INTO ${deadName(live.spec)} SELECT * FROM mr_rows('mr_publish_dead')`);
  }
  live.deadRows += dead;
  live.rowCount += rowCount - 2 * dead;
}
