/** SHOW and DESCRIBE: answered from the system tables, so that they and queries say the same. */
import {typeText} from '../base/type.ts';
import type {TableSpec} from '../catalog/spec.ts';
import type {Statement, TableName} from '../kernel/statement/parse.ts';
import {durationText, settings} from '../kernel/statement/settings.ts';
import type {Result} from './api.ts';
import {requireTable} from './lookup.ts';
import type {StatementContext} from './statement-context.ts';
import {answerOf, isSystemSchema, keyText, systemRows} from './system-tables.ts';

export async function show(context: StatementContext, statement: Extract<Statement, {kind: 'show'}>): Promise<Result> {
  switch (statement.what) {
    case 'schemas': return systemAnswer(context, 'schemas', ['name']);
    case 'tables': return systemAnswer(context, 'tables', ['schema', 'name', 'kind', 'storage', 'key'], statement.schema);
    case 'dynamic tables': return systemAnswer(context, 'dynamic_tables', ['schema', 'name', 'storage', 'key', 'reads', 'definition'], statement.schema);
    case 'subscriptions': return systemAnswer(context, 'subscriptions', ['name', 'tables', 'state', 'position', 'fetched', 'lag_epochs', 'lag_ms', 'lag_bytes', 'consumer']);
    case 'tags': return systemAnswer(context, 'tags', ['name', 'epoch', 'checkpoint', 'created_at', 'kept_until']);
    case 'warming': return systemAnswer(context, 'warming', ['table_name', 'rows', 'rows_expected']);
    case 'columns': return describeTable(context, statement.table!);
    case 'jobs': return textAnswer(context, ['job', 'state'], []);
    case 'settings': return textAnswer(context, ['name', 'value', 'description'], settings.map(({name, defaultValue, description}) => [name, name === 'history_retention' ? durationText(context.host.historyRetentionMs()) : context.settings.get(name) ?? defaultValue, description]));
    case 'create table': {
      const table = requireTable(context.host.catalog, statement.table!);
      return textAnswer(context, ['table', 'statement'], [[`${table.schema}.${table.name}`, createText(table)]]);
    }
  }
}

export async function describeTable(context: StatementContext, name: TableName): Promise<Result> {
  const {host} = context;
  if (isSystemSchema(name.schema)) {
    const {columns} = await systemRows(host, name.name);
    return textAnswer(context, ['name', 'type'], columns.map((column) => [column.name, typeText(column.type)]));
  }
  const table = requireTable(host.catalog, name);
  const all = await systemRows(host, 'columns');
  const own = {columns: all.columns, rows: all.rows.filter((row) => row[0] === table.schema && row[1] === table.name)};
  return {...answerOf(own, ['name', 'type', 'nullable', 'key', 'comment']), epoch: host.history.newest, tag: ''};
}

/** @param schema only rows of it, in any case. */
async function systemAnswer({host}: StatementContext, table: string, names: readonly string[], schema?: string): Promise<Result> {
  const all = await systemRows(host, table);
  const rows = schema === undefined ? all.rows : all.rows.filter((row) => String(row[0]).toLowerCase() === schema.toLowerCase());
  return {...answerOf({columns: all.columns, rows}, names), epoch: host.history.newest, tag: ''};
}

function textAnswer({host}: StatementContext, names: readonly string[], rows: readonly (readonly string[])[]): Result {
  const columns = names.map((name) => ({name, type: {kind: 'varchar'} as const}));
  return {...answerOf({columns, rows}, names), epoch: host.history.newest, tag: ''};
}

function createText(table: TableSpec): string {
  const name = `${table.schema}.${table.name}`;
  const options = Object.entries(table.options).map(([key_, value]) => `'${key_}' = '${value}'`);
  const partitions = (table.partition ?? []).map((index) => table.columns[index]!.name);
  const clauses = `${partitions.length === 0 ? '' : ` PARTITIONED BY (${partitions.join(', ')})`}${options.length === 0 ? '' : ` WITH (${options.join(', ')})`}`;
  if (table.definition !== undefined) return `CREATE DYNAMIC TABLE ${name}${clauses} AS ${table.definition.sql}`;
  const columns = table.columns.filter((column) => !column.hidden).map((column) => `${column.name} ${typeText(column.type)}${column.nullable ? '' : ' NOT NULL'}`);
  const key = table.storage === 'keyed' ? [`PRIMARY KEY (${keyText(table)!})`] : [];
  return `CREATE TABLE ${name} (${[...columns, ...key].join(', ')})${clauses}`;
}
