/**
 * What the warehouse says about itself, as tables of the schema `millrace`: queries read them, SHOW and DESCRIBE print them. Made
 * from the catalog when they are read; a definition cannot read them.
 */
import {WarehouseError} from '../base/error.ts';
import {publishSliceRows} from '../base/limit.ts';
import {typeText, type LogicalType} from '../base/type.ts';
import type {Row, Value} from '../base/value.ts';
import {nearestNames} from '../kernel/statement/nearest.ts';
import type {Catalog} from '../catalog/catalog.ts';
import type {TableSpec} from '../catalog/spec.ts';
import {columnsFromRows} from '../kernel/column-values.ts';
import {timestampText} from '../kernel/column-times.ts';
import type {RelationSource} from '../kernel/relation.ts';
import {relationOfPieces} from '../kernel/relation-pieces.ts';
import type {Host} from './host.ts';

/** The schema of system tables; nobody may create it. */
export const SYSTEM_SCHEMA = 'millrace';

interface SystemTable {
  readonly columns: readonly (readonly [string, LogicalType])[];
  readonly rows: (host: Host) => Value[][] | Promise<Value[][]>;
}

export interface SystemRows {
  readonly columns: readonly {readonly name: string; readonly type: LogicalType}[];
  readonly rows: readonly (readonly Value[])[];
}

const text: LogicalType = {kind: 'varchar'};
const flag: LogicalType = {kind: 'boolean'};
const whole: LogicalType = {kind: 'bigint'};

function big(value: number | null): bigint | null {
  return value === null ? null : BigInt(Math.trunc(value));
}

function moment(ms: number): string {
  return timestampText(BigInt(ms) * 1000n);
}

const systemTables: Readonly<Record<string, SystemTable>> = {
  schemas: {columns: [['name', text]], rows: ({catalog}) => catalog.schemas().map((name) => [name])},
  tables: {
    columns: [['schema', text], ['name', text], ['kind', text], ['storage', text], ['key', text], ['created_at', {kind: 'timestamp'}], ['comment', text]],
    rows: ({catalog}) => catalog.tables().map((table) => [table.schema, table.name, kindOf(table), table.storage, keyText(table), moment(table.createdMs), table.comment ?? null]),
  },
  columns: {
    columns: [['schema', text], ['table_name', text], ['position', {kind: 'integer'}], ['name', text], ['type', text], ['nullable', flag], ['key', flag], ['comment', text]],
    rows: ({catalog}) => catalog.tables().flatMap((table) => columnRows(table).map((row, index) => [table.schema, table.name, index + 1, ...row])),
  },
  dynamic_tables: {
    columns: [['schema', text], ['name', text], ['storage', text], ['key', text], ['reads', text], ['definition', text]],
    rows: ({catalog}) => catalog.tables().filter((table) => table.definition !== undefined).map((table) => [table.schema, table.name, table.storage, keyText(table), readsText(catalog, table), table.definition!.sql]),
  },
  subscriptions: {
    columns: [['name', text], ['tables', text], ['state', text], ['position', whole], ['fetched', whole], ['lag_epochs', whole], ['lag_ms', whole], ['lag_bytes', whole], ['lag_ms_max', whole], ['lag_bytes_max', whole],
      ['consumer', text], ['conflate', flag], ['split', flag], ['created_at', {kind: 'timestamp'}], ['ended_at', {kind: 'timestamp'}], ['ended_reason', text]],
    rows: async ({catalog, subscriptions}) => (await subscriptions.states()).map(({subscription: {name, tables, lagMsMax, lagBytesMax, conflate, split, createdMs, ended}, state, position, fetched, lagEpochs, lagMs, lagBytes, consumer}) => [
      name, tables.map((id) => catalog.byId(id)!).map((table) => `${table.schema}.${table.name}`).join(', '), state, big(position), big(fetched), big(lagEpochs), big(lagMs), big(lagBytes), big(lagMsMax), big(lagBytesMax),
      consumer, conflate, split, moment(createdMs), ended === undefined ? null : moment(ended.atMs), ended?.reason ?? null]),
  },
  tags: {
    columns: [['name', text], ['epoch', whole], ['checkpoint', flag], ['created_at', {kind: 'timestamp'}], ['kept_until', {kind: 'timestamp'}]],
    rows: ({catalog}) => catalog.tags().map(({name, epoch, checkpoint, createdMs, untilMs}) => [name, big(epoch), checkpoint, moment(createdMs), untilMs === null ? null : moment(untilMs)]),
  },
  warming: {
    columns: [['table_name', text], ['rows', whole], ['rows_expected', whole]],
    rows: ({warming}) => warming.tables().map(({table, rows, rowsExpected}) => [table, big(rows), big(rowsExpected)]),
  },
  metrics: {
    columns: [['name', text], ['labels', text], ['value', {kind: 'double'}], ['help', text]],
    rows: async (host) => (await host.metrics()).map(({name, labels, value, help}) => [name, JSON.stringify(labels), value, help]),
  },
};

export function isSystemSchema(schema: string | undefined): boolean {
  return schema?.toLowerCase() === SYSTEM_SCHEMA;
}

export function findSystemTable(name: string): SystemTable | undefined {
  return Object.hasOwn(systemTables, name.toLowerCase()) ? systemTables[name.toLowerCase()] : undefined;
}

/** @returns names, with their schema, of system tables that `name` may have meant. */
export function nearSystemTables(name: string): string[] {
  return nearestNames(name, Object.keys(systemTables)).map((near) => `${SYSTEM_SCHEMA}.${near}`);
}

/** @throws {WarehouseError} `MR_UNKNOWN_TABLE`. */
export async function systemRows(host: Host, name: string): Promise<SystemRows> {
  const table = findSystemTable(name);
  if (table === undefined) throw new WarehouseError('invalid', 'MR_UNKNOWN_TABLE', `expected a table that exists, found "${SYSTEM_SCHEMA}.${name}"`, {hint: `there are ${Object.keys(systemTables).map((one) => `${SYSTEM_SCHEMA}.${one}`).join(', ')}`});
  return {columns: table.columns.map(([column, type]) => ({name: column, type})), rows: await table.rows(host)};
}

/** @returns the rows as a relation that SQL reads. */
export function relationOfRows({columns, rows}: SystemRows): RelationSource {
  return relationOfPieces(columns, [{columns: columnsFromRows(columns.map(({type}) => type), rows), rowCount: rows.length}], publishSliceRows);
}

/** @returns columns `names` of the rows, as a statement answers them. */
export function answerOf({columns, rows}: SystemRows, names: readonly string[]): {columns: {name: string; type: string}[]; rows: Row[]} {
  const indexes = names.map((name) => columns.findIndex((column) => column.name === name));
  return {
    columns: indexes.map((index) => ({name: columns[index]!.name, type: typeText(columns[index]!.type)})),
    rows: rows.map((row): Row => Object.fromEntries(indexes.map((index) => [columns[index]!.name, row[index]!]))),
  };
}

/** @returns name, type, nullable, key, comment of a table's visible columns. */
function columnRows(table: TableSpec): Value[][] {
  return table.columns.flatMap((column, index) => (column.hidden ? [] : [[column.name, typeText(column.type), column.nullable, table.storage === 'keyed' && table.key.includes(index), column.comment ?? null]]));
}

function kindOf(table: TableSpec): string {
  return table.definition !== undefined ? 'dynamic table' : table.name.includes('$') ? 'system table' : 'table';
}

/** @returns the key's columns; null without one. */
export function keyText(table: TableSpec): string | null {
  return table.storage === 'keyed' ? table.key.map((index) => table.columns[index]!.name).join(', ') : null;
}

function readsText(catalog: Catalog, table: TableSpec): string {
  return table.definition!.inputs.map((id) => catalog.byId(id)).map((input) => (input === undefined ? '?' : `${input.schema}.${input.name}`)).join(', ');
}
