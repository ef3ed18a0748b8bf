/**
 * The shape of the hot tier in DuckDB: for each table an append-only `t<id>(_pos, c<field id>…)` and, unless it is an append table,
 * `t<id>_dead(p)` with the overwritten positions, in schema `mr_internal`. Readers see the view `"schema"."name"` of the visible
 * columns. All of it lies in one database, `live`: a DuckDB transaction writes to one only.
 *
 * `ANTI JOIN … ON` it must be: `NOT EXISTS` with a further filter becomes a join that hashes the big side (16–63 times slower).
 */
import {sameType, typeText} from '../base/type.ts';
import type {ColumnSpec, TableSpec} from '../catalog/spec.ts';
import {quoteIdentifier} from '../kernel/quote.ts';

export function liveName(table: Pick<TableSpec, 'id'>): string {
  return `live.mr_internal.t${table.id}`;
}

export function deadName(table: Pick<TableSpec, 'id'>): string {
  return `live.mr_internal.t${table.id}_dead`;
}

/** The name that a gated SELECT reads in place of a table. */
export function viewName(table: Pick<TableSpec, 'schema' | 'name'>): string {
  return `live.${quoteIdentifier(table.schema)}.${quoteIdentifier(table.name)}`;
}

/** The view with `_pos` and hidden columns, for our own statements: which rows does an UPDATE replace. */
export function rowsViewName(table: Pick<TableSpec, 'id'>): string {
  return `live.mr_internal.r${table.id}`;
}

/** A column's name in the live table: fields keep it when they are renamed, and nobody else ever has it. */
export function liveColumn(column: Pick<ColumnSpec, 'id'>): string {
  return `c${column.id}`;
}

/** @returns the relation of a table's current rows: `columns` are SQL expressions over `t`. */
function relation(table: TableSpec, columns: readonly string[]): string {
  const from = `FROM ${liveName(table)} t`;
  const dead = table.storage === 'append' ? '' : ` ANTI JOIN ${deadName(table)} d ON d.p = t._pos`;
  return `SELECT ${columns.join(', ')} ${from}${dead}`;
}

function named(column: ColumnSpec): string {
  return `t.${liveColumn(column)} AS ${quoteIdentifier(column.name)}`;
}

function viewStatements(table: TableSpec): string[] {
  const visible = table.columns.filter((column) => !column.hidden).map(named);
  return [`CREATE VIEW ${viewName(table)} AS ${relation(table, visible)}`, `CREATE VIEW ${rowsViewName(table)} AS ${relation(table, ['t._pos', ...table.columns.map(named)])}`];
}

/** @param kept the live form is there. @returns the statements that create the table's live form and its views. */
export function createStatements(table: TableSpec, kept: boolean): string[] {
  const columns = table.columns.map((column) => `${liveColumn(column)} ${typeText(column.type)}`);
  const statements = kept ? [] : [`CREATE TABLE ${liveName(table)} (_pos BIGINT, ${columns.join(', ')})`];
  if (table.storage !== 'append' && !kept) statements.push(`CREATE TABLE ${deadName(table)} (p BIGINT)`);
  return [...statements, ...viewStatements(table)];
}

/** @returns the statements that give the table another form: columns come, go and widen where they lie; the views are made anew. */
export function alterStatements(before: TableSpec, after: TableSpec): string[] {
  const alter = `ALTER TABLE ${liveName(after)}`;
  const statements = [`DROP VIEW ${viewName(before)}`, `DROP VIEW ${rowsViewName(before)}`];
  for (const column of after.columns) {
    const old = before.columns.find(({id}) => id === column.id);
    if (old === undefined) statements.push(`${alter} ADD COLUMN ${liveColumn(column)} ${typeText(column.type)}`);
    else if (!sameType(old.type, column.type)) statements.push(`${alter} ALTER COLUMN ${liveColumn(column)} TYPE ${typeText(column.type)}`);
  }
  for (const column of before.columns) if (!after.columns.some(({id}) => id === column.id)) statements.push(`${alter} DROP COLUMN ${liveColumn(column)}`);
  return [...statements, ...viewStatements(after)];
}

/** @returns what stands behind INSERT INTO: the live table with its columns in the order of the table's. */
export function liveTarget(table: TableSpec): string {
  return `${liveName(table)} (_pos, ${table.columns.map(liveColumn).join(', ')})`;
}

/** @returns the statements that drop the table's views. */
export function dropViewStatements(table: TableSpec): string[] {
  return [`DROP VIEW ${viewName(table)}`, `DROP VIEW ${rowsViewName(table)}`];
}

export function dropStatements(table: TableSpec): string[] {
  const statements = [...dropViewStatements(table), `DROP TABLE ${liveName(table)}`];
  if (table.storage !== 'append') statements.push(`DROP TABLE ${deadName(table)}`);
  return statements;
}
