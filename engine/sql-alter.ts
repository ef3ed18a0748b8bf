/** ALTER TABLE and COMMENT ON: types are read by the binder, the changes checked against the catalog, one record committed as an epoch. */
import {WarehouseError} from '../base/error.ts';
import type {LogicalType} from '../base/type.ts';
import {alterTableRecord, type TableChange} from '../catalog/alter.ts';
import {declaredType} from '../catalog/create.ts';
import type {TableSpec} from '../catalog/spec.ts';
import {quoteIdentifier} from '../kernel/quote.ts';
import type {AlterChange, AlterTableStatement, SqlText} from '../kernel/statement/parse.ts';
import type {Result} from './api.ts';
import {requireTable} from './lookup.ts';
import {done, type StatementContext} from './statement-context.ts';
import {inUserWords} from './user-words.ts';

export async function alterTable(context: StatementContext, statement: AlterTableStatement): Promise<Result> {
  const {host} = context;
  const found = host.catalog.find(statement.table.schema, statement.table.name);
  if (found === undefined && statement.ifExists) return done('ALTER TABLE', host.history.newest);
  const table = found ?? requireTable(host.catalog, statement.table);
  const changes: TableChange[] = [];
  for (const change of statement.changes) changes.push(await resolved(context, table, change));
  const record = alterTableRecord(host.catalog, table, changes, {oldestEpoch: host.history.oldest});
  if (record === undefined) return done('ALTER TABLE', host.history.newest);
  const {epoch} = await host.define([record]);
  return done('ALTER TABLE', epoch);
}

async function resolved(context: StatementContext, table: TableSpec, change: AlterChange): Promise<TableChange> {
  switch (change.kind) {
    case 'add-column': {
      const {name, ifNotExists, place, comment} = change;
      return {kind: 'add-column', name, type: await typeOf(context, table, change.name, change.definition, ''), ifNotExists, place, comment};
    }
    case 'set-type': return {kind: 'set-type', name: change.name, type: await typeOf(context, table, change.name, change.type, `${quoteIdentifier(change.name)} `)};
    default: return change;
  }
}

/** @param before what stands before the user's text to make it a column's definition. */
async function typeOf({host}: StatementContext, table: TableSpec, name: string, text: SqlText, before: string): Promise<LogicalType> {
  const place = `of ${table.schema}.${table.name}`;
  const {columns, primaryKey} = await inUserWords(text, '', () => host.binder.readCreateTable(`CREATE TABLE _mr_probe (${before}${text.text})`));
  const column = columns[0]!;
  if (columns.length !== 1) throw new WarehouseError('invalid', 'MR_SYNTAX', `expected one column ${place}, found ${columns.length}`);
  if (primaryKey.length > 0) throw new WarehouseError('invalid', 'MR_KEY_COLUMN', `column "${name}" ${place} cannot become its key`, {hint: 'CREATE a table with the key you want and INSERT … SELECT into it'});
  if (column.default !== null) throw new WarehouseError('invalid', 'MR_UNSUPPORTED', `DEFAULT of column "${name}" ${place} is not supported in this version`, {hint: 'leave it out, then UPDATE the rows that are there'});
  if (!column.nullable) throw new WarehouseError('invalid', 'MR_UNSUPPORTED', `column "${name}" ${place} cannot be NOT NULL: rows that are there have no value in it`, {hint: 'leave NOT NULL out, or CREATE a table with it and INSERT … SELECT into it'});
  return declaredType(column.type, name, table);
}
