/**
 * Tables of the past as relations of a query. At the newest epoch a table is its live relation; at one a few changes ago the live
 * relation with those changes taken away, which leaves its speed; at an older one what files and log say (cold.ts).
 */
import type {Epoch} from '../base/epoch.ts';
import {WarehouseError} from '../base/error.ts';
import {publishSliceRows, takenBackRowsMax} from '../base/limit.ts';
import type {TableSpec} from '../catalog/spec.ts';
import {quoteIdentifier} from '../kernel/quote.ts';
import {numberedColumns, numberedPiece} from './numbered-changes.ts';
import {relationOfPieces, type RelationPiece} from '../kernel/relation-pieces.ts';
import {rowsViewName} from '../query/live-tables.ts';
import {tableRelation} from './cold-views.ts';
import type {ReadScope} from './read-scope.ts';
import {rolledBack} from './roll-sql.ts';

/**
 * @param table as it was at the epoch.
 * @returns a table expression of its visible columns.
 * @throws {WarehouseError} `MR_EPOCH_EXPIRED`.
 */
export async function relationAt(scope: ReadScope, table: TableSpec, epoch: Epoch): Promise<string> {
  const {read, context: {host}} = scope;
  if (epoch === read.epoch) return tableRelation(host, read, table);
  const visible = table.columns.filter((column) => !column.hidden).map((column) => quoteIdentifier(column.name)).join(', ');
  const recent = await liveTakenBack(scope, table, epoch);
  if (recent !== null) return `(SELECT ${visible} FROM (${recent}))`;
  await scope.hold(epoch, 'moment');
  const sql = await host.cold(table, epoch, read.session, scope.bound).catch((cause: unknown) => {
    // A table may keep less history than the warehouse.
    if (!(cause instanceof WarehouseError) || cause.code !== 'MR_SNAPSHOT_GONE') throw cause;
    throw new WarehouseError('invalid', 'MR_EPOCH_EXPIRED', `what ${table.schema}.${table.name} held at epoch ${epoch} is no longer kept`, {cause, hint: 'read it at a later epoch'});
  });
  return `(SELECT ${visible} FROM (${sql}))`;
}

/** @returns SQL of all columns from the live relation; null where it is not near, or has no longer what the table was. */
async function liveTakenBack(scope: ReadScope, table: TableSpec, epoch: Epoch): Promise<string | null> {
  const {read, context: {host, options}} = scope;
  const now = host.catalog.byId(table.id);
  if (read.cold.has(table.id) || now === undefined || now.schemaId !== table.schemaId || epoch < host.history.memoryFrom) return null;
  const pieces: RelationPiece[] = [];
  let sequence = 0;
  let first: number | null = null;
  for await (const sealed of host.history.epochs(epoch, read.epoch, [table], options.signal)) {
    const part = sealed.tables.find((candidate) => candidate.table === table.id);
    if (sealed.ddl.some((record) => record.kind === 'drop-table' && record.id === table.id)) return null;
    if (part === undefined) continue;
    if (part.reference !== null || sequence + part.rowCount > takenBackRowsMax) return null;
    const batch = part.batch();
    first ??= batch.positions[0]!;
    pieces.push(numberedPiece(batch, sequence));
    sequence += batch.rowCount;
  }
  options.signal?.throwIfAborted();
  if (first === null) return `FROM ${rowsViewName(table)}`;
  // Rows of an append table take rising positions and never go.
  if (table.storage === 'append') return first < 0 ? null : `SELECT * FROM ${rowsViewName(table)} WHERE _pos < ${first}`;
  const name = scope.newName();
  scope.bind(name, relationOfPieces(numberedColumns(table), pieces, publishSliceRows));
  return rolledBack(table, `FROM ${rowsViewName(table)}`, `(FROM mr_rows('${name}'))`);
}
