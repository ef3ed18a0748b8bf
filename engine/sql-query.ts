/** SELECT: through the gate, on a pinned epoch. What a name in a query reads is decided here. */
import {WarehouseError} from '../base/error.ts';
import type {Row, Value} from '../base/value.ts';
import type {TableSpec} from '../catalog/spec.ts';
import {resultRowsMax} from '../base/limit.ts';
import type {SqlText, Statement} from '../kernel/statement/parse.ts';
import {gateSelect, type GateContext} from '../query/gate.ts';
import type {PinnedRead} from '../query/live.ts';
import {viewName} from '../query/live-tables.ts';
import type {Result} from './api.ts';
import {bindReferences} from './sql-references.ts';
import {requireTable} from './lookup.ts';
import type {StatementContext} from './session.ts';

/** What user SQL may read: tables of the catalog, and the relation that stands in for DML's target. */
export function gateContext({host}: StatementContext, target?: {readonly name: string; readonly relation: string}): GateContext {
  return {
    allowDirectories: host.allowDirectories,
    resolve: ({schema, name}) => {
      if (target !== undefined && schema === undefined && name === target.name) return target.relation;
      const table = host.catalog.find(schema, name);
      return table === undefined ? undefined : viewName(table);
    },
    known: () => host.catalog.tables().map((table) => (table.schema === 'main' ? table.name : `${table.schema}.${table.name}`)),
  };
}

/** What a definition may read: tables only, each at its own name or at `relationOf`. */
export function definitionContext(context: StatementContext, relationOf: (table: TableSpec) => string = viewName): GateContext {
  const {catalog} = context.host;
  return {
    ...gateContext(context),
    allowDirectories: [],
    resolve: ({schema, name}) => {
      const table = catalog.find(schema, name);
      return table === undefined ? undefined : relationOf(table);
    },
  };
}

export async function runSelect(context: StatementContext, read: PinnedRead, select: SqlText, prefix: string): Promise<Result> {
  const {at} = context.options;
  if (at !== undefined && at !== read.epoch) throw new WarehouseError('invalid', 'MR_UNSUPPORTED', `reading at epoch ${at} is not supported in this version; the newest epoch is ${read.epoch}`);
  const gated = await gateSelect(read.session, select.text, gateContext(context));
  const unbind = await bindReferences(context, read, gated);
  try {
    const {columns, rows} = await read.session.rows(prefix + gated.sql, context.params);
    if (rows.length > resultRowsMax) throw new WarehouseError('invalid', 'MR_TOO_LARGE', `the result has ${rows.length} rows, at most ${resultRowsMax} are answered at once`, {hint: 'add LIMIT, or subscribe'});
    const names = uniqueNames(columns.map(({name}) => name));
    return {columns: columns.map(({typeText}, index) => ({name: names[index]!, type: typeText})), rows: rows.map((row) => rowObject(names, row)), epoch: read.epoch, tag: ''};
  } finally {
    unbind();
  }
}

export async function explainIncremental(context: StatementContext, statement: Extract<Statement, {kind: 'explain-incremental'}>): Promise<Result> {
  const {host} = context;
  let sql: string;
  if (statement.select !== undefined) {
    sql = statement.select.text;
    await host.live.read((read) => gateSelect(read.session, sql, definitionContext(context)));
  } else {
    const table = requireTable(host.catalog, statement.table!);
    if (table.definition === undefined) throw new WarehouseError('invalid', 'MR_WRONG_KIND', `${table.schema}.${table.name} is no dynamic table`);
    sql = table.definition.sql;
  }
  const {tree} = await host.binder.bindSelect(sql);
  const {rows = [], epoch} = await host.explain(tree);
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return {columns: names.map((name) => ({name, type: 'VARCHAR'})), rows, epoch, tag: ''};
}

function rowObject(names: readonly string[], values: readonly Value[]): Row {
  const row: Record<string, Value> = {};
  for (let i = 0; i < names.length; i++) row[names[i]!] = values[i]!;
  return row;
}

/** Column names that come twice get `:1`, `:2`, as DuckDB names them. */
function uniqueNames(names: readonly string[]): string[] {
  const taken = new Set(names);
  const seen = new Set<string>();
  return names.map((name) => {
    let unique = name;
    for (let number = 1; seen.has(unique); number++) unique = taken.has(`${name}:${number}`) && !seen.has(`${name}:${number}`) ? unique : `${name}:${number}`;
    seen.add(unique);
    return unique;
  });
}
