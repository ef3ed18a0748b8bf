/** SELECT: through the gate, on a pinned epoch. What a name in a query reads is decided here. */
import {WarehouseError} from '../base/error.ts';
import {setField} from '../base/field.ts';
import {columnsBytes} from '../base/columns.ts';
import {resultBytesMax, resultRowsMax} from '../base/limit.ts';
import {parseTypeText} from '../base/type.ts';
import type {Row, Value} from '../base/value.ts';
import type {TableSpec} from '../catalog/spec.ts';
import {nearTables} from '../catalog/create.ts';
import {valueAt} from '../kernel/column-values.ts';
import type {Session} from '../kernel/session.ts';
import {explainIncremental as planRows} from '../compute/explain-incremental.ts';
import {planView} from '../compute/plan-view.ts';
import type {PlanNode} from '../kernel/plan/tree.ts';
import type {SqlText, Statement} from '../kernel/statement/parse.ts';
import type {Span} from '../kernel/statement/place.ts';
import {gateSelect, type GateContext, type GatedSelect, type GateReference, type Resolution} from '../query/gate.ts';
import type {PinnedRead} from '../query/pinned-read.ts';
import {viewName} from '../query/live-tables.ts';
import type {Result, ResultColumn} from './api.ts';
import {requireTable} from './lookup.ts';
import {epochOfRequest} from './sql-epoch.ts';
import {isDerived, prepareReferences, referenceKey} from './sql-references.ts';
import {findSystemTable, isSystemSchema, nearSystemTables} from './system-tables.ts';
import {inUserWords} from './user-words.ts';
import type {StatementContext} from './statement-context.ts';
import {shapesOf} from './table-shape.ts';

/** The relation that DML puts in the place of its target: its rows with their positions. */
export interface DmlTarget {
  readonly name: string;
  readonly relation: string;
}

/** Where a query stands: in a script, for messages; over which rows, for DML. */
export interface QueryPlace {
  readonly start?: Span;
  readonly target?: DmlTarget;
}

function startOf(start: Span | undefined): {start?: {line: number; column: number}} {
  return start === undefined ? {} : {start: {line: start.line, column: start.column}};
}

/** What user SQL may read: tables of the catalog by their own names, what is derived from them, files below allowed folders. */
export function gateContext(context: StatementContext, options: QueryPlace & {derived?: ReadonlyMap<string, string>; past?: boolean} = {}): GateContext {
  const {catalog, allowDirectories} = context.host;
  return {
    allowedDirectories: allowDirectories,
    ...startOf(options.start),
    resolve: (reference): Resolution => {
      const {schema, name} = reference;
      const {target, derived, past} = options;
      if (target !== undefined && reference.at === undefined && schema === undefined && name === target.name) return {relation: target.relation};
      if (isSystemSchema(schema) && findSystemTable(name) === undefined) return {unknown: true, nearest: nearSystemTables(name)};
      if (isDerived(reference, past)) return {relation: derived?.get(referenceKey(reference)) ?? "mr_rows('mr_pending')"};
      const table = catalog.find(schema, name);
      return table === undefined ? {unknown: true, nearest: nearTables(catalog, reference)} : {relation: derived?.get(referenceKey(reference)) ?? viewName(table)};
    },
  };
}

/** What a definition may read: tables only, each at its own name or at `relationOf`. */
export function definitionContext(context: StatementContext, relationOf: (table: TableSpec) => string = viewName, start?: Span): GateContext {
  const {catalog} = context.host;
  return {
    ...startOf(start),
    resolve: (reference): Resolution => {
      const {schema, name} = reference;
      if (isSystemSchema(schema) && findSystemTable(name) === undefined) return {unknown: true, nearest: nearSystemTables(name)};
      if (reference.at !== undefined) throw new WarehouseError('invalid', 'MR_NOT_ALLOWED', `a definition reads ${schema === undefined ? '' : `${schema}.`}${name} AT (…)`, {hint: 'a dynamic table follows its inputs as they are; to keep what was, INSERT INTO a table SELECT … AT (…)'});
      if (isDerived(reference)) throw new WarehouseError('invalid', 'MR_NOT_ALLOWED', `a definition reads ${schema === undefined ? '' : `${schema}.`}${name}${reference.kind === 'table' ? ', a system table' : `, its ${reference.kind}`}`, {hint: 'a dynamic table reads tables and dynamic tables'});
      const table = catalog.find(reference.schema, reference.name);
      if (table === undefined) return {unknown: true, nearest: nearTables(catalog, reference)};
      return {relation: relationOf(table)};
    },
  };
}

/** A query that may run: gated, and everything that it reads beside tables bound to the session. */
export interface ReadyQuery {
  readonly sql: string;
  readonly params: readonly Value[];
  release(): void;
}

/** Passes `text` through the gate; what it derives from the changelog is computed and bound first. */
export async function readyQuery(context: StatementContext, read: PinnedRead, text: string, place: QueryPlace = {}): Promise<ReadyQuery> {
  const past = epochOfRequest(context, read) !== read.epoch;
  const first = await gateSelect(read.session, text, gateContext(context, {...place, past}));
  const isTarget = ({schema, name, at, kind}: GateReference): boolean => place.target !== undefined && kind === 'table' && at === undefined && schema === undefined && name === place.target.name;
  const isCold = (reference: GateReference): boolean => {
    const table = read.cold.size === 0 ? undefined : context.host.catalog.find(reference.schema, reference.name);
    return table !== undefined && read.cold.has(table.id);
  };
  const derived = first.references.filter((reference) => !isTarget(reference) && (isDerived(reference, past) || isCold(reference)));
  if (derived.length === 0) return {sql: first.sql, params: paramsOf(first, context.params), release: () => undefined};
  const {relations, release} = await prepareReferences(context, read, derived);
  try {
    const gated = await gateSelect(read.session, text, gateContext(context, {...place, past, derived: relations}));
    return {sql: gated.sql, params: paramsOf(gated, context.params), release};
  } catch (cause) {
    release();
    throw cause;
  }
}

/** The user's parameters in the order of the gated text. */
function paramsOf(gated: GatedSelect, params: readonly Value[]): Value[] {
  return gated.parameters.map((parameter) => {
    const value = typeof parameter === 'number' ? params[parameter - 1] : undefined;
    if (value === undefined) throw new WarehouseError('invalid', 'MR_PARAMETER', `parameter $${parameter} has no value: ${params.length} are given`, {hint: 'number parameters from $1, or write ?'});
    return value;
  });
}

export async function runSelect(context: StatementContext, read: PinnedRead, select: SqlText, prefix: string): Promise<Result> {
  const query = await readyQuery(context, read, select.text, {start: select.span});
  try {
    const {columns, rows} = await inUserWords(select, query.sql, () => (prefix === '' ? selectRows(read.session, query) : plainRows(read.session, prefix + query.sql, query.params)));
    return {columns, rows, epoch: epochOfRequest(context, read), tag: ''};
  } finally {
    query.release();
  }
}

export async function explainIncremental(context: StatementContext, statement: Extract<Statement, {kind: 'explain-incremental'}>): Promise<Result> {
  const {host} = context;
  let tree: PlanNode;
  if (statement.select !== undefined) {
    const {text, span} = statement.select;
    await host.live.read((read) => gateSelect(read.session, text, definitionContext(context, viewName, span)));
    ({tree} = await host.binder.bindSelect(text));
  } else {
    const table = requireTable(host.catalog, statement.table!);
    if (table.definition === undefined) throw new WarehouseError('invalid', 'MR_WRONG_KIND', `${table.schema}.${table.name} is no dynamic table`);
    // As it was bound: its inputs may have changed form since.
    ({tree} = table.definition);
  }
  const executor = context.settings.get('executor') === 'sql' ? 'sql' : 'code';
  const rows = planRows(planView(tree, shapesOf(host.catalog), {executor})).map((row): Row => ({...row}));
  const columns = ['step', 'operator', 'level', 'executor', 'state', 'warning'].map((name) => ({name, type: 'VARCHAR'}));
  return {columns, rows, epoch: host.history.newest, tag: ''};
}

/** Rows chunk by chunk, so that a large result does not hold the thread; of types that no column has, all at once. */
async function selectRows(session: Session, {sql, params}: ReadyQuery): Promise<{columns: ResultColumn[]; rows: Row[]}> {
  const stream = await session.stream(sql, params).catch((cause: unknown) => {
    if (cause instanceof WarehouseError && cause.code === 'MR_TYPE') return null;
    throw cause;
  });
  if (stream === null) return plainRows(session, sql, params);
  try {
    const columns = resultColumns(stream.columns);
    const types = stream.columns.map(({typeText}) => parseTypeText(typeText)!);
    const rows: Row[] = [];
    let bytes = 0;
    for (let chunk = await stream.next(); chunk !== null; chunk = await stream.next()) {
      bytes += columnsBytes(chunk.columns, chunk.rowCount);
      if (rows.length + chunk.rowCount > resultRowsMax) throw tooLarge(`more than ${resultRowsMax}`);
      if (bytes > resultBytesMax) throw new WarehouseError('invalid', 'MR_TOO_LARGE', `the result has more than ${resultBytesMax} bytes`, {hint: 'ask for fewer rows or columns, or subscribe'});
      for (let i = 0; i < chunk.rowCount; i++) {
        const row: Record<string, Value> = {};
        for (let c = 0; c < columns.length; c++) setField(row, columns[c]!.name, valueAt(chunk.columns[c]!, types[c]!, i));
        rows.push(row);
      }
    }
    return {columns, rows};
  } finally {
    await stream.close();
  }
}

async function plainRows(session: Session, sql: string, params: readonly Value[]): Promise<{columns: ResultColumn[]; rows: Row[]}> {
  const {columns, rows} = await session.rows(sql, params);
  if (rows.length > resultRowsMax) throw tooLarge(String(rows.length));
  const named = resultColumns(columns);
  const names = named.map(({name}) => name);
  return {columns: named, rows: rows.map((row) => rowObject(names, row))};
}

function tooLarge(found: string): WarehouseError {
  return new WarehouseError('invalid', 'MR_TOO_LARGE', `the result has ${found} rows, at most ${resultRowsMax} are answered at once`, {hint: 'add LIMIT, or subscribe'});
}

function resultColumns(columns: readonly {readonly name: string; readonly typeText: string}[]): ResultColumn[] {
  const names = uniqueNames(columns.map(({name}) => name));
  return columns.map(({typeText}, index) => ({name: names[index]!, type: typeText}));
}

function rowObject(names: readonly string[], values: readonly Value[]): Row {
  const row: Record<string, Value> = {};
  for (let i = 0; i < names.length; i++) setField(row, names[i]!, values[i]!);
  return row;
}

/** Column names that come twice get `:1`, `:2`, as DuckDB names them. */
function uniqueNames(names: readonly string[]): string[] {
  const seen = new Set<string>();
  return names.map((name) => {
    let unique = name;
    for (let number = 1; seen.has(unique); number++) unique = `${name}:${number}`;
    seen.add(unique);
    return unique;
  });
}
