/**
 * INSERT, UPDATE and DELETE: a pinned read answers which rows there are and what they become, by column; the rows go to the worker
 * as one write that names the `_pos` each must still have. If another epoch changed one of them since, the statement is evaluated
 * again on a newer epoch.
 */
import type {Column} from '../base/delta.ts';
import {WarehouseError} from '../base/error.ts';
import {bulkChunkRows, dmlRetriesMax} from '../base/limit.ts';
import type {LogicalType} from '../base/type.ts';
import {formAt} from '../catalog/forms.ts';
import type {TableSpec} from '../catalog/spec.ts';
import {quoteIdentifier} from '../kernel/quote.ts';
import {deleteQuery, insertQuery, updateQuery, type DmlTable} from '../kernel/statement/dml.ts';
import type {DeleteStatement, SqlText, Statement, TableName, UpdateStatement} from '../kernel/statement/parse.ts';
import type {PinnedRead} from '../query/pinned-read.ts';
import {Batcher, type Chunk} from './batcher.ts';
import {removeSpool, WriteSpool} from './bulk-spool.ts';
import {rowsRelation} from './cold-views.ts';
import {encodeRows} from './encode-rows.ts';
import type {Host} from './host.ts';
import {MUST_BE_ABSENT, type Spool, type TableWrite} from './protocol.ts';
import type {BoundTarget, RemovedRows} from './own-writes.ts';
import {readyQuery} from './sql-query.ts';
import {inUserWords} from './user-words.ts';
import type {StatementContext} from './statement-context.ts';
import {requireTable} from './lookup.ts';

export interface PreparedWrite {
  readonly writes: readonly TableWrite[];
  /** The writes, where they are too many for a message; `writes` is empty then. Never inside a transaction. */
  readonly spool: Spool | null;
  readonly rowCount: number;
  /** Rows of bags that the writes take away. */
  readonly removed: readonly RemovedRows[];
}

const positionType: LogicalType = {kind: 'bigint'};
const targetName = '_mr_target';

/** Prepares and commits, again while other epochs change the same keys, at most `dmlRetriesMax` times. */
export async function retryConflicts(host: Host, prepare: () => Promise<PreparedWrite>): Promise<{prepared: PreparedWrite; epoch: number}> {
  for (let attempt = 0; ; attempt++) {
    const prepared = await prepare();
    if (prepared.writes.length === 0 && prepared.spool === null) return {prepared, epoch: host.history.newest};
    try {
      const {epoch} = await (prepared.spool === null ? host.write(prepared.writes, []) : host.bulk(prepared.spool));
      return {prepared, epoch};
    } catch (cause) {
      if (!(cause instanceof WarehouseError) || cause.code !== 'MR_CONFLICT' || attempt >= dmlRetriesMax) throw cause;
    } finally {
      if (prepared.spool !== null) await removeSpool(prepared.spool.path);
    }
  }
}

export async function prepareInsert(context: StatementContext, read: PinnedRead, statement: Extract<Statement, {kind: 'insert'}>): Promise<PreparedWrite> {
  const table = writable(context, statement.table, read);
  const shape = dmlTable(table);
  const byName = statement.byName ? await columnNames(context, read, statement.source) : [];
  const query = insertQuery(statement, shape, byName);
  const names = query.sourceColumnCount === undefined ? byName : await columnNames(context, read, statement.source);
  if (query.sourceColumnCount !== undefined && names.length !== query.sourceColumnCount) {
    throw new WarehouseError('invalid', 'MR_COLUMN_COUNT', `${table.schema}.${table.name} takes ${query.sourceColumnCount} columns here, the source has ${names.length}`, {hint: `name the columns: INSERT INTO ${table.schema}.${table.name} (a, b, …) …`});
  }
  const visible = visibleColumns(table);
  const types = visible.map((column) => column.type);
  let rowCount = 0;
  const sent = await gathered(context, async (spool) => {
    for await (const batch of chunks(context, read, query.sql, null, types)) {
      requireNotNull(table, batch.columns, batch.rowCount, rowCount);
      rowCount += batch.rowCount;
      await spool.add({table: table.id, schemaId: table.schemaId, mode: table.storage === 'keyed' ? 'upsert' : 'append', rows: encodeRows(types, batch.columns, batch.rowCount), expected: null, asOf: -1});
    }
  });
  return {...sent, rowCount, removed: []};
}

export async function prepareUpdate(context: StatementContext, read: PinnedRead, statement: UpdateStatement): Promise<PreparedWrite> {
  const table = writable(context, statement.table, read);
  const bag = table.storage === 'bag';
  const visible = visibleColumns(table);
  // A bag's row is known by all its columns: the old row stands with the position before the new one.
  const oldRow = bag ? visible.map((column) => quoteIdentifier(column.name)) : [];
  const query = updateQuery(statement, bag ? {...dmlTable(table), key: ['']} : dmlTable(table), {positionExpression: (alias) => ['_pos', ...oldRow].map((name) => `${alias}.${name}`).join(', '), relation: targetName});
  const moves = query.changesKey || bag;
  const keyTypes = bag ? visible.map((column) => column.type) : query.changesKey ? table.key.map((index) => table.columns[index]!.type) : [];
  const removed: RemovedRows[] = [];
  let rowCount = 0;
  const seen = new PositionSet(query.mayRepeat);
  const sent = await gathered(context, async (spool) => {
    for await (const batch of targetChunks(context, read, query.sql, table, [positionType, ...keyTypes, ...visible.map((column) => column.type)])) {
      const positions = positionsOf(batch.columns[0]!, batch.rowCount);
      seen.add(positions, table);
      const oldKeys = batch.columns.slice(1, 1 + keyTypes.length);
      const rows = batch.columns.slice(1 + keyTypes.length);
      requireNotNull(table, rows, batch.rowCount, rowCount);
      rowCount += batch.rowCount;
      const encoded = encodeRows(visible.map((column) => column.type), rows, batch.rowCount);
      if (bag && context.own !== null) removed.push({table: table.id, positions});
      if (moves) {
        const old = encodeRows(keyTypes, oldKeys, batch.rowCount);
        await spool.add(bag ? {table: table.id, schemaId: table.schemaId, mode: 'remove', rows: old, expected: null, asOf: read.epoch} : {table: table.id, schemaId: table.schemaId, mode: 'delete', rows: old, ...unchanged(read, table, positions)});
        await spool.add({table: table.id, schemaId: table.schemaId, mode: bag ? 'append' : 'upsert', rows: encoded, expected: bag ? null : new Float64Array(batch.rowCount).fill(MUST_BE_ABSENT), asOf: -1});
      } else await spool.add({table: table.id, schemaId: table.schemaId, mode: 'upsert', rows: encoded, ...unchanged(read, table, positions)});
    }
  }, moves ? (a, b) => Number(arrives(a)) - Number(arrives(b)) : undefined);
  // A key may move onto a key that another row of the same statement leaves: all leave before any arrives.
  return {...sent, rowCount, removed};
}

/** What a write of rows that were read relies on: each is at its position still; of a table that is not in the read cache, that no epoch has changed it. */
function unchanged(read: PinnedRead, table: TableSpec, positions: Float64Array): Pick<TableWrite, 'expected' | 'asOf'> {
  return read.cold.has(table.id) ? {expected: null, asOf: read.epoch} : {expected: positions, asOf: -1};
}

function arrives({mode}: Pick<TableWrite, 'mode'>): boolean {
  return mode === 'upsert' || mode === 'append';
}

export async function prepareDelete(context: StatementContext, read: PinnedRead, statement: DeleteStatement): Promise<PreparedWrite> {
  const table = writable(context, statement.table, read);
  const query = deleteQuery(statement, dmlTable(table), {positionExpression: (alias) => `${alias}._pos`, relation: targetName});
  const bag = table.storage === 'bag';
  const keyTypes = bag ? visibleColumns(table).map((column) => column.type) : table.key.map((index) => table.columns[index]!.type);
  const removed: RemovedRows[] = [];
  let rowCount = 0;
  const sent = await gathered(context, async (spool) => {
    for await (const batch of targetChunks(context, read, query.sql, table, [positionType, ...keyTypes])) {
      rowCount += batch.rowCount;
      const positions = positionsOf(batch.columns[0]!, batch.rowCount);
      const rows = encodeRows(keyTypes, batch.columns.slice(1), batch.rowCount);
      if (bag && context.own !== null) removed.push({table: table.id, positions});
      await spool.add(bag ? {table: table.id, schemaId: table.schemaId, mode: 'remove', rows, expected: null, asOf: read.epoch} : {table: table.id, schemaId: table.schemaId, mode: 'delete', rows, ...unchanged(read, table, positions)});
    }
  });
  return {...sent, rowCount, removed};
}

/** Gathers a statement's writes: outside of a transaction a large one goes to a file. */
async function gathered(context: StatementContext, write: (spool: WriteSpool) => Promise<void>, order?: Parameters<WriteSpool['end']>[0]): Promise<Pick<PreparedWrite, 'writes' | 'spool'>> {
  const {spoolDirectory, referenceBytes} = context.host;
  const spool = new WriteSpool(spoolDirectory, context.own === null ? referenceBytes : Infinity);
  try {
    await write(spool);
    return await spool.end(order);
  } catch (cause) {
    await spool.discard();
    throw cause;
  }
}

/** As `chunks`, of a query over the rows of `table`, in a transaction with its own writes. */
async function* targetChunks(context: StatementContext, read: PinnedRead, sql: string, table: TableSpec, types: readonly LogicalType[]): AsyncGenerator<Chunk, void, undefined> {
  const rows = await rowsRelation(context.host, read, table, context.own !== null);
  const target: BoundTarget = context.own?.target(read.session, table, rows) ?? {relation: rows, release: () => undefined};
  try {
    yield* chunks(context, read, sql, target.relation, types);
  } finally {
    target.release();
  }
}

/** Runs a query and gives its rows in chunks that are worth a message each. @param target what `_mr_target` reads. */
async function* chunks(context: StatementContext, read: PinnedRead, sql: string, target: string | null, types: readonly LogicalType[]): AsyncGenerator<Chunk, void, undefined> {
  const query = await readyQuery(context, read, sql, target === null ? {} : {target: {name: targetName, relation: target}});
  const batcher = new Batcher(types, bulkChunkRows);
  try {
    // The statement was made from parts of the user's: DuckDB's messages quote what nobody wrote.
    const ours = <T>(work: () => Promise<T>): Promise<T> => inUserWords(undefined, query.sql, work);
    const stream = await ours(() => read.session.stream(query.sql, query.params, {types: [...types]}));
    try {
      for (let chunk = await ours(() => stream.next()); chunk !== null; chunk = await ours(() => stream.next())) yield* batcher.push(chunk);
    } finally {
      await stream.close();
    }
  } finally {
    query.release();
  }
  yield* batcher.end();
}

/** Names of a source's columns. */
async function columnNames(context: StatementContext, read: PinnedRead, source: SqlText): Promise<string[]> {
  const query = await readyQuery(context, read, source.text, {start: source.span});
  try {
    const {columns} = await inUserWords(source, '', () => read.session.rows(`SELECT * FROM (${query.sql}) LIMIT 0`, query.params));
    return columns.map(({name}) => name);
  } finally {
    query.release();
  }
}

/** @returns the table as it is at the statement's epoch: in a transaction it may have changed form since. */
function writable(context: StatementContext, name: TableName, read: PinnedRead): TableSpec {
  const table = formAt(requireTable(context.host.catalog, name), read.epoch);
  if (table.definition !== undefined) throw new WarehouseError('invalid', 'MR_DYNAMIC_TABLE', `${table.schema}.${table.name} is a dynamic table: its rows follow from its definition`, {hint: 'write to the tables it reads'});
  return table;
}

function visibleColumns(table: TableSpec): TableSpec['columns'] {
  return table.columns.filter((column) => !column.hidden);
}

function dmlTable(table: TableSpec): DmlTable {
  const key = table.storage === 'bag' ? visibleColumns(table) : table.key.map((index) => table.columns[index]!);
  return {schema: table.schema, name: table.name, columns: visibleColumns(table), key: key.map(({name}) => name)};
}

function positionsOf(column: Column, rowCount: number): Float64Array {
  if (column.kind !== 'f64') throw new WarehouseError('internal', 'MR_INTERNAL', `positions came as ${column.kind}`);
  return column.data.slice(0, rowCount);
}

/** @throws {WarehouseError} `MR_NULL_KEY`, `MR_NOT_NULL` naming column and row. */
function requireNotNull(table: TableSpec, columns: readonly Column[], rowCount: number, rowsBefore: number): void {
  for (const [index, spec] of visibleColumns(table).entries()) {
    const valid = columns[index]!.valid;
    if (spec.nullable || valid === null) continue;
    const row = valid.subarray(0, rowCount).indexOf(0);
    if (row === -1) continue;
    const key = table.key.includes(index);
    throw new WarehouseError('invalid', key ? 'MR_NULL_KEY' : 'MR_NOT_NULL', `${key ? 'key column' : 'column'} "${spec.name}" of ${table.schema}.${table.name} is NULL in row ${rowsBefore + row + 1}`, {hint: 'nothing of the statement was done'});
  }
}

/** Refuses a row that is given two outcomes (UPDATE … FROM with several partners). */
class PositionSet {
  readonly #seen: Set<number> | null;

  constructor(mayRepeat: boolean) {
    this.#seen = mayRepeat ? new Set() : null;
  }

  add(positions: Float64Array, table: TableSpec): void {
    if (this.#seen === null) return;
    for (const position of positions) {
      if (this.#seen.has(position)) throw new WarehouseError('invalid', 'MR_AMBIGUOUS_UPDATE', `a row of ${table.schema}.${table.name} meets several partners that give it different values`, {hint: 'make FROM give at most one partner a row'});
      this.#seen.add(position);
    }
  }
}
