/**
 * The shape of the hot tier in DuckDB: for each table an append-only `t<id>(_pos, columns…)` and, unless it is an append table,
 * `t<id>_dead(p)` with the overwritten positions, in schema `mr_internal`. Readers see the view `"schema"."name"` of the visible
 * columns. All of it lies in one database, `live`: a DuckDB transaction writes to one only.
 *
 * `ANTI JOIN … ON` it must be: `NOT EXISTS` with a further filter becomes a join that hashes the big side (16–63 times slower).
 */
import {typeText} from '../base/type.ts';
import type {TableSpec} from '../catalog/spec.ts';
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

/** @returns the relation of a table's current rows: `columns` are SQL expressions over `t`. */
function relation(table: TableSpec, columns: readonly string[]): string {
  const from = `FROM ${liveName(table)} t`;
  const dead = table.storage === 'append' ? '' : ` ANTI JOIN ${deadName(table)} d ON d.p = t._pos`;
  return `SELECT ${columns.join(', ')} ${from}${dead}`;
}

/** @param kept the live form is there. @returns the statements that create the table's live form and its views. */
export function createStatements(table: TableSpec, kept: boolean): string[] {
  const columns = table.columns.map((column) => `${quoteIdentifier(column.name)} ${typeText(column.type)}`);
  const visible = table.columns.filter((column) => !column.hidden).map((column) => `t.${quoteIdentifier(column.name)}`);
  const all = ['t._pos', ...table.columns.map((column) => `t.${quoteIdentifier(column.name)}`)];
  const statements = kept ? [] : [`CREATE TABLE ${liveName(table)} (_pos BIGINT, ${columns.join(', ')})`];
  if (table.storage !== 'append' && !kept) statements.push(`CREATE TABLE ${deadName(table)} (p BIGINT)`);
  statements.push(`CREATE VIEW ${viewName(table)} AS ${relation(table, visible)}`, `CREATE VIEW ${rowsViewName(table)} AS ${relation(table, all)}`);
  return statements;
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
