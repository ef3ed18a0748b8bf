/**
 * DML → the SELECT that finds its rows. The tree functions of DuckDB refuse INSERT, UPDATE and DELETE, and tables are not DuckDB's
 * anyway: a pinned read answers which rows there are and what they become, and the rows go to the engine as one batch.
 *
 * UPDATE t SET a = e [FROM f] [WHERE p]  →  SELECT <position>, [old key …,] CAST(t.id AS …), CAST((e) AS …), … FROM t[, f] [WHERE (p)]
 * DELETE FROM t [USING u] [WHERE p]      →  SELECT <position>, t.id, … FROM t[, u] [WHERE (p)]
 * INSERT INTO t (b, a) source            →  SELECT CAST(s.c2 AS …), CAST(s.c1 AS …), NULL, … FROM (source) AS s(c1, c2)
 *
 * Expressions stay the user's text, in brackets; the result must pass the gate as any user query does. A cast failure or an
 * expression that raises fails the statement. With FROM or USING a row may be found more than once: equal outcomes are folded by
 * DISTINCT, and it is for the caller to refuse a position that comes twice (`mayRepeat`).
 */
import {WarehouseError} from '../../base/error.ts';
import {typeText, type LogicalType} from '../../base/type.ts';
import {quoteIdentifier} from '../quote.ts';
import {castLiteralRows} from './literal-rows.ts';
import {didYouMean} from './nearest.ts';
import type {Assignment, DeleteStatement, InsertStatement, UpdateStatement} from './statement.ts';

/** What DML must know of a table. */
export interface DmlTable {
  readonly schema: string;
  readonly name: string;
  /** Visible columns in table order. */
  readonly columns: readonly {readonly name: string; readonly type: LogicalType}[];
  /** Names of the key columns, in key order; the hidden ones of a bag; empty for an append table. */
  readonly key: readonly string[];
}

export interface DmlHooks {
  /** @returns the SQL expression of a row's position, given the quoted name that the table has in the query. */
  readonly positionExpression: (table: string) => string;
  /** @returns SQL of the relation to read the table from, where that is not the table's own name: it is given the table's alias. */
  readonly relation?: string;
}

export interface UpdateQuery {
  /** Result columns: position, then `oldKeyCount` old key columns, then the new row: all visible columns in table order. */
  readonly sql: string;
  /** A key column is assigned: the rows under the old keys go. */
  readonly changesKey: boolean;
  /** `key.length` when `changesKey`, else 0. */
  readonly oldKeyCount: number;
  /** One position may come in several rows, with different outcomes. */
  readonly mayRepeat: boolean;
}

/**
 * @throws {WarehouseError} `MR_UNKNOWN_COLUMN` for an assignment to a column that the table does not have; `MR_APPEND_ONLY` for a
 *   table without a key.
 */
export function updateQuery(statement: UpdateStatement, table: DmlTable, hooks: DmlHooks): UpdateQuery {
  requireKey(table, 'UPDATE');
  const alias = aliasOf(statement, table);
  const assigned = resolveAssignments(statement.assignments, table);
  const changesKey = table.key.some((name) => assigned.has(name.toLowerCase()));
  const oldKey = changesKey ? table.key.map((name) => `${alias}.${quoteIdentifier(name)}`) : [];
  const newRow = table.columns.map((column) => {
    const expression = assigned.get(column.name.toLowerCase());
    const name = quoteIdentifier(column.name);
    return expression === undefined ? `${alias}.${name}` : `CAST((${expression}) AS ${typeText(column.type)}) AS ${name}`;
  });
  const mayRepeat = statement.from !== undefined;
  const list = [hooks.positionExpression(alias), ...oldKey, ...newRow].join(', ');
  return {sql: findRows(list, statement, statement.from?.text, table, hooks, mayRepeat), changesKey, oldKeyCount: oldKey.length, mayRepeat};
}

/**
 * @returns SQL whose result columns are the position, then the key columns; each row to delete comes once.
 * @throws {WarehouseError} `MR_APPEND_ONLY` for a table without a key.
 */
export function deleteQuery(statement: DeleteStatement, table: DmlTable, hooks: DmlHooks): {readonly sql: string} {
  requireKey(table, 'DELETE');
  const alias = aliasOf(statement, table);
  const list = [hooks.positionExpression(alias), ...table.key.map((name) => `${alias}.${quoteIdentifier(name)}`)].join(', ');
  return {sql: findRows(list, statement, statement.using?.text, table, hooks, statement.using !== undefined)};
}

export interface InsertQuery {
  /** Result columns: all visible columns in table order, cast to their types. */
  readonly sql: string;
  /** The source alone, to ask DuckDB how many columns it has: `sourceColumnCount`, where that is not checked already (literal rows, BY NAME). */
  readonly sourceSql: string;
  readonly sourceColumnCount: number | undefined;
  /** `sql` holds nothing of the user's but literals: there is nothing in it to judge, and long lists need not pass the gate. */
  readonly literalsOnly: boolean;
}

/**
 * @param sourceNames names of the source's columns, needed for INSERT … BY NAME only.
 * @throws {WarehouseError} `MR_UNKNOWN_COLUMN` when a column is not the table's.
 */
export function insertQuery(statement: InsertStatement, table: DmlTable, sourceNames: readonly string[] = []): InsertQuery {
  const source = statement.source.text;
  const given = statement.byName ? sourceNames : statement.columns ?? table.columns.map((column) => column.name);
  const positions = new Map<string, number>();
  for (const [i, name] of given.entries()) {
    requireColumn(table, name, `line ${statement.span.line}, column ${statement.span.column}`);
    positions.set(name.toLowerCase(), i);
  }
  const list = table.columns.map((column) => {
    const position = positions.get(column.name.toLowerCase());
    const value = position === undefined ? 'NULL' : `_mr_source.${sourceColumn(position)}`;
    return `CAST(${value} AS ${typeText(column.type)}) AS ${quoteIdentifier(column.name)}`;
  });
  const aliases = given.map((_, i) => sourceColumn(i)).join(', ');
  const rows = statement.literalRows ? castLiteralRows(source, given.map((name) => typeText(requireColumn(table, name, '').type)), given) : {sql: source, literalsOnly: false};
  return {sql: `SELECT ${list.join(', ')} FROM (${rows.sql}) AS _mr_source(${aliases})`, sourceSql: source, sourceColumnCount: statement.byName || statement.literalRows ? undefined : given.length, literalsOnly: rows.literalsOnly};
}

function sourceColumn(index: number): string {
  return `_mr_${index + 1}`;
}

function findRows(list: string, statement: UpdateStatement | DeleteStatement, others: string | undefined, table: DmlTable, hooks: DmlHooks, distinct: boolean): string {
  const own = `${quoteIdentifier(table.schema)}.${quoteIdentifier(table.name)}`;
  // A table read under its own name keeps it, so that schema.table.column works too.
  const alias = statement.alias === undefined && hooks.relation === undefined ? '' : ` AS ${aliasOf(statement, table)}`;
  const from = `${hooks.relation ?? own}${alias}${others === undefined ? '' : `, ${others}`}`;
  const where = statement.where === undefined ? '' : ` WHERE (${statement.where.text})`;
  return `SELECT ${distinct ? 'DISTINCT ' : ''}${list} FROM ${from}${where}`;
}

function aliasOf(statement: UpdateStatement | DeleteStatement, table: DmlTable): string {
  return quoteIdentifier(statement.alias ?? table.name);
}

function resolveAssignments(assignments: readonly Assignment[], table: DmlTable): Map<string, string> {
  const assigned = new Map<string, string>();
  for (const {column, expression} of assignments) {
    requireColumn(table, column, `line ${expression.span.line}, column ${expression.span.column}`);
    assigned.set(column.toLowerCase(), expression.text);
  }
  return assigned;
}

function requireColumn(table: DmlTable, name: string, place: string): DmlTable['columns'][number] {
  const found = table.columns.find((column) => column.name.toLowerCase() === name.toLowerCase());
  if (found !== undefined) return found;
  const names = table.columns.map((column) => column.name);
  throw new WarehouseError('invalid', 'MR_UNKNOWN_COLUMN', `expected a column of "${table.schema}.${table.name}", found "${name}" (${place})`,
    {hint: didYouMean(name, names) ?? `its columns are ${names.join(', ')}`});
}

function requireKey(table: DmlTable, what: string): void {
  if (table.key.length > 0) return;
  throw new WarehouseError('invalid', 'MR_APPEND_ONLY', `expected a table that takes ${what}, found "${table.schema}.${table.name}", which has no key and takes INSERT only`,
    {hint: "declare a PRIMARY KEY, or create it WITH ('append-only' = 'false')"});
}
