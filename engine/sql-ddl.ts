/**
 * Definitions: each statement is validated here, on the binder's mirror of the catalog, and becomes records that the worker
 * commits as an epoch. Runs alone among definitions, so the catalog it was checked against is the one it is applied to.
 */
import {WarehouseError} from '../base/error.ts';
import {createDynamicTableSpec, createSchemaRecord, createTableSpec} from '../catalog/create.ts';
import {dropSchemaRecord, dropTableRecord} from '../catalog/drop.ts';
import type {Definition} from '../catalog/spec.ts';
import type {Statement} from '../kernel/statement/parse.ts';
import {gateSelect} from '../query/gate.ts';
import {viewName} from '../query/live-tables.ts';
import {planView} from '../compute/plan-view.ts';
import {viewStorage} from '../compute/keys.ts';
import {inUserWords} from './user-words.ts';
import type {Result} from './api.ts';
import {done, type StatementContext} from './statement-context.ts';
import {definitionContext} from './sql-query.ts';
import {shapeOf, shapesOf} from './table-shape.ts';
import {requireTable} from './lookup.ts';

/** The kernel is pinned to it (package.json); under another a definition is bound again. */
const duckdbVersion = '1.5.5';

type Of<K extends Statement['kind']> = Extract<Statement, {kind: K}>;

export async function createSchema({host}: StatementContext, statement: Of<'create-schema'>): Promise<Result> {
  if (statement.ifNotExists && host.catalog.findSchema(statement.name) !== undefined) return done('CREATE SCHEMA', host.history.newest);
  const {epoch} = await host.define([createSchemaRecord(host.catalog, statement.name)]);
  return done('CREATE SCHEMA', epoch);
}

export async function dropSchema({host}: StatementContext, statement: Of<'drop-schema'>): Promise<Result> {
  if (statement.ifExists && host.catalog.findSchema(statement.name) === undefined) return done('DROP SCHEMA', host.history.newest);
  const {epoch} = await host.define([dropSchemaRecord(host.catalog, statement.name)]);
  return done('DROP SCHEMA', epoch);
}

export async function createTable({host}: StatementContext, statement: Of<'create-table'>): Promise<Result> {
  if (statement.ifNotExists && host.catalog.find(statement.table.schema, statement.table.name) !== undefined) return done('CREATE TABLE', host.history.newest);
  const read = await inUserWords(statement.columns, '', () => host.binder.readCreateTable(`CREATE TABLE _mr_probe (${statement.columns.text})`));
  const table = createTableSpec(host.catalog, statement, read, host.nowMs());
  const {epoch} = await host.define([{kind: 'create-table', table}]);
  return done('CREATE TABLE', epoch);
}

export async function createDynamicTable(context: StatementContext, statement: Of<'create-dynamic-table'>): Promise<Result> {
  const {host} = context;
  if (statement.ifNotExists && host.catalog.find(statement.table.schema, statement.table.name) !== undefined) return done('CREATE DYNAMIC TABLE', host.history.newest);
  const bound = await host.live.read(async (read) => {
    // The gate first: a definition may read nothing that a query may not.
    await gateSelect(read.session, statement.select.text, definitionContext(context, viewName, statement.select.span));
    return host.binder.bindSelect(statement.select.text);
  });
  const executor = context.settings.get('executor') === 'sql' ? 'sql' : 'code';
  const plan = planView(bound.tree, shapesOf(host.catalog), {executor});
  const shapes = new Map(host.catalog.tables().map((table) => [Number(table.id), shapeOf(table)]));
  const storage = viewStorage(plan, (id) => shapes.get(id)!);
  const definition: Definition = {sql: statement.select.text, tree: bound.tree, context: {searchPath: ['main'], nullOrder: 'NULLS LAST', duckdb: duckdbVersion}, inputs: plan.tables as Definition['inputs'], ...(executor === 'sql' ? {executor} : {}), ...(storage.storage === 'bag' && storage.pairBy !== null ? {pairBy: storage.pairBy} : {})};
  const table = createDynamicTableSpec(host.catalog, statement, {columns: bound.columns, storage, definition}, host.nowMs());
  const {epoch} = await host.createView(table, executor);
  return done('CREATE DYNAMIC TABLE', epoch);
}

export async function dropTable({host}: StatementContext, statement: Of<'drop-table'> | Of<'drop-dynamic-table'>): Promise<Result> {
  const tag = statement.kind === 'drop-table' ? 'DROP TABLE' : 'DROP DYNAMIC TABLE';
  const found = host.catalog.find(statement.table.schema, statement.table.name);
  if (found === undefined && statement.ifExists) return done(tag, host.history.newest);
  const table = found ?? requireTable(host.catalog, statement.table);
  if ((table.definition !== undefined) !== (statement.kind === 'drop-dynamic-table')) {
    throw new WarehouseError('invalid', 'MR_WRONG_KIND', `${table.schema}.${table.name} is ${table.definition === undefined ? 'a table' : 'a dynamic table'}`, {hint: table.definition === undefined ? 'use DROP TABLE' : 'use DROP DYNAMIC TABLE'});
  }
  const {epoch} = await host.define([dropTableRecord(host.catalog, table.id)]);
  return done(tag, epoch);
}
