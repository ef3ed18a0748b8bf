/** `t$rejected`: what was refused at the door of t, with the reason. An append table, made when the first row is refused. */
import {concatBatches} from '../base/columns.ts';
import type {ChangeBatch} from '../base/delta.ts';
import {invariant} from '../base/invariant.ts';
import {typeText, type LogicalType} from '../base/type.ts';
import type {Catalog} from '../catalog/catalog.ts';
import type {ColumnSpec, TableId, TableSpec} from '../catalog/spec.ts';
import type {Dataflow} from '../compute/dataflow.ts';
import {columnsFromRows} from '../kernel/column-values.ts';
import type {RejectedRow} from './protocol.ts';

const rejectedColumns: readonly (readonly [string, LogicalType])[] = [
  ['rejected_at', {kind: 'timestamp'}], ['line', {kind: 'integer'}], ['code', {kind: 'varchar'}], ['reason', {kind: 'varchar'}], ['raw', {kind: 'varchar'}],
];

/** @returns the append table that keeps what was refused at the door of `of`. */
export function rejectedTable(catalog: Catalog, of: TableId, nowMs: number): TableSpec {
  const table = catalog.byId(of);
  invariant(table !== undefined, () => `table ${of} is unknown`);
  const columns = rejectedColumns.map(([name, type], id): ColumnSpec => ({id, name, type, nullable: false, hidden: false}));
  return {id: catalog.nextTableId, schema: table.schema, name: `${table.name}$rejected`, storage: 'append', key: [], columns, options: {}, schemaId: 0, createdMs: nowMs, comment: `rows that ${table.schema}.${table.name} refused`};
}

/** What a query of `t$rejected` reads while no row was refused. */
export const emptyRejectedSql = `SELECT ${rejectedColumns.map(([name, type]) => `NULL::${typeText(type)} AS ${name}`).join(', ')} WHERE false`;

/** Adds rejected rows to their table. @param before changes of the same table earlier in this epoch. */
export function rejectedBatch(dataflow: Dataflow, target: TableSpec, rows: readonly RejectedRow[], before: ChangeBatch | undefined, nowMs: number): ChangeBatch {
  const at = new Date(nowMs).toISOString().replace('Z', '');
  const types = target.columns.map((column) => column.type);
  const columns = columnsFromRows(types, rows.map(({line, code, reason, raw}) => [at, line, code, reason, raw]));
  const batch = dataflow.state(target.id).upsert(columns, rows.length);
  return before === undefined ? batch : concatBatches(types, [before, batch]);
}
