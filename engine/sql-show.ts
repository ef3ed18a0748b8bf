/** SHOW and DESCRIBE: answered from the catalog. */
import type {Row} from '../base/value.ts';
import {typeText} from '../base/type.ts';
import type {TableSpec} from '../catalog/spec.ts';
import type {Statement, TableName} from '../kernel/statement/parse.ts';
import {settings} from '../kernel/statement/settings.ts';
import type {Result} from './api.ts';
import type {StatementContext} from './statement-context.ts';
import {requireTable} from './lookup.ts';

function answer(context: StatementContext, names: readonly string[], rows: readonly (readonly (string | number | boolean | null)[])[]): Result {
  const columns = names.map((name) => ({name, type: 'VARCHAR'}));
  return {columns, rows: rows.map((row): Row => Object.fromEntries(names.map((name, index) => [name, row[index] ?? null]))), epoch: context.host.history.newest, tag: ''};
}

export function show(context: StatementContext, statement: Extract<Statement, {kind: 'show'}>): Result {
  const {catalog} = context.host;
  const inSchema = (table: TableSpec): boolean => statement.schema === undefined || table.schema.toLowerCase() === statement.schema.toLowerCase();
  switch (statement.what) {
    case 'schemas': return answer(context, ['schema'], catalog.schemas().map((name) => [name]));
    case 'tables': return answer(context, ['schema', 'table', 'kind', 'storage', 'key'], catalog.tables().filter(inSchema).map((table) => [table.schema, table.name, table.definition === undefined ? 'table' : 'dynamic table', table.storage, keyText(table)]));
    case 'dynamic tables': return answer(context, ['schema', 'table', 'storage', 'key', 'reads', 'definition'], catalog.tables().filter((table) => table.definition !== undefined && inSchema(table)).map((table) => [table.schema, table.name, table.storage, keyText(table), table.definition!.inputs.map((id) => catalog.byId(id)).map((input) => (input === undefined ? '?' : `${input.schema}.${input.name}`)).join(', '), table.definition!.sql]));
    case 'columns': return describeTable(context, statement.table!);
    case 'jobs': return answer(context, ['job', 'state'], []);
    case 'settings': return answer(context, ['name', 'value', 'description'], settings.map(({name, defaultValue, description}) => [name, context.settings.get(name) ?? defaultValue, description]));
    case 'create table': {
      const table = requireTable(catalog, statement.table!);
      return answer(context, ['table', 'statement'], [[`${table.schema}.${table.name}`, createText(table)]]);
    }
  }
}

export function describeTable(context: StatementContext, name: TableName): Result {
  const table = requireTable(context.host.catalog, name);
  return answer(context, ['column', 'type', 'nullable', 'key', 'comment'], table.columns.filter((column) => !column.hidden).map((column, index) => [column.name, typeText(column.type), column.nullable, table.key.includes(index), column.comment ?? null]));
}

function keyText(table: TableSpec): string | null {
  return table.storage === 'keyed' ? table.key.map((index) => table.columns[index]!.name).join(', ') : null;
}

function createText(table: TableSpec): string {
  const name = `${table.schema}.${table.name}`;
  if (table.definition !== undefined) return `CREATE DYNAMIC TABLE ${name} AS ${table.definition.sql}`;
  const columns = table.columns.filter((column) => !column.hidden).map((column) => `${column.name} ${typeText(column.type)}${column.nullable ? '' : ' NOT NULL'}`);
  const key = table.storage === 'keyed' ? [`PRIMARY KEY (${keyText(table)!})`] : [];
  const options = Object.entries(table.options).map(([key_, value]) => `'${key_}' = '${value}'`);
  return `CREATE TABLE ${name} (${[...columns, ...key].join(', ')})${options.length === 0 ? '' : ` WITH (${options.join(', ')})`}`;
}
