/**
 * A session: runs statements one after the other, holds `BEGIN … COMMIT` and settings. Inside a transaction all reads see the epoch
 * pinned at BEGIN; writes are collected and committed as one epoch at COMMIT. UPDATE and DELETE see the writes before them.
 *
 * A statement that fails inside a transaction ends it in all but name: nothing of it will be done, later statements are refused,
 * and COMMIT says so. ROLLBACK (or the failing COMMIT) leaves the block.
 */
import {systemClock} from '../base/clock.ts';
import {epoch as toEpoch} from '../base/epoch.ts';
import {asWarehouseError, WarehouseError} from '../base/error.ts';
import {statementMsMax} from '../base/limit.ts';
import type {Row, Value} from '../base/value.ts';
import {formAt} from '../catalog/forms.ts';
import type {TableSpec} from '../catalog/spec.ts';
import {valueAt} from '../kernel/column-values.ts';
import {parseScript, type Statement} from '../kernel/statement/parse.ts';
import {requireTable} from './lookup.ts';
import {durationMs} from '../kernel/statement/settings.ts';
import type {PinnedRead} from '../query/pinned-read.ts';
import {decodeColumns} from '../storage/log/columns.ts';
import {encodeRows} from './encode-rows.ts';
import type {Result, SqlOptions} from './api.ts';
import type {Host} from './host.ts';
import {OwnWrites} from './own-writes.ts';
import {done, type StatementContext} from './statement-context.ts';
import {lookUpCold} from './cold-lookup.ts';
import {ColumnBuilder} from './column-builder.ts';
import {alterTable} from './sql-alter.ts';
import {createDynamicTable, createSchema, createTable, dropSchema, dropTable} from './sql-ddl.ts';
import {prepareDelete, prepareInsert, prepareUpdate, retryConflicts, type PreparedWrite} from './sql-dml.ts';
import {explainIncremental, runSelect} from './sql-query.ts';
import {describeTable, show} from './sql-show.ts';
import {createTag, dropTag} from './sql-tags.ts';
import {commitSubscription, createSubscription, dropSubscription, fetchChanges} from './sql-subscription.ts';
import {verify} from './sql-verify.ts';
import {throwIfAborted, withDeadline} from './deadline.ts';

interface Transaction {
  readonly read: PinnedRead;
  readonly readOnly: boolean;
  readonly own: OwnWrites;
  /** Why nothing of it will be done, once a statement failed. */
  failure: WarehouseError | null;
  /** Ends the wait for the moment at which it is too old. */
  readonly cancelExpiry: () => void;
}

export interface SessionOptions {
  /** The text is all there is: every BEGIN must have its COMMIT or ROLLBACK in it. Checked before anything runs. */
  readonly wholeText?: boolean;
}

export class WarehouseSession implements AsyncDisposable {
  readonly #host: Host;
  readonly #settings = new Map<string, string>();
  readonly #wholeText: boolean;
  #transaction: Transaction | null = null;
  /** Under which this session reads subscriptions. */
  #consumer: string | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(host: Host, {wholeText = false}: SessionOptions = {}) {
    this.#host = host;
    this.#wholeText = wholeText;
  }

  /** Runs SQL; of several statements the last one's result is answered. */
  async sql(text: string, params: readonly unknown[] = [], options: SqlOptions = {}): Promise<Result> {
    let last: Result | null = null;
    for await (const result of this.script(text, params, options)) last = result;
    if (last === null) throw new WarehouseError('invalid', 'MR_SYNTAX', 'the text has no statement');
    return last;
  }

  async *script(text: string, params: readonly unknown[] = [], options: SqlOptions = {}): AsyncGenerator<Result> {
    const statements = parseScript(text);
    if (params.length > 0 && statements.length > 1) throw new WarehouseError('invalid', 'MR_PARAMETER', `${params.length} parameters for ${statements.length} statements`, {hint: 'run statements with parameters one at a time'});
    if (this.#wholeText) requireClosed(statements);
    const values = params.map(parameterValue);
    for (const statement of statements) {
      throwIfAborted(options.signal);
      if (this.#closed) throw new WarehouseError('closed', 'MR_CLOSED', 'the session is closed', {hint: 'open another: warehouse.session()'});
      yield await this.#alone(() => this.#run(statement, {host: this.#host, params: values, options, settings: this.#settings, own: this.#transaction?.own ?? null, consumer: this.#wholeText ? undefined : (this.#consumer ??= this.#host.subscriptions.newConsumer('session'))}));
    }
  }

  /** @param key text of the key's values in key order, in the forms that JSON takes. @throws {WarehouseError} `MR_TYPE` naming the column. */
  async lookup(table: TableSpec, key: readonly string[]): Promise<Row | null> {
    const called = `${table.schema}.${table.name}`;
    if (table.storage !== 'keyed') throw new WarehouseError('invalid', 'MR_NO_KEY', `${called} has no primary key to look up by`);
    if (key.length !== table.key.length) throw new WarehouseError('invalid', 'MR_PARAMETER', `${called} has ${table.key.length} key columns, ${key.length} values are given`);
    const keys = table.key.map((index, at) => {
      const {name, type} = table.columns[index]!;
      const builder = new ColumnBuilder(type, 1);
      const problem = builder.push(key[at]);
      if (problem !== null) throw new WarehouseError('invalid', 'MR_TYPE', `key column "${name}": ${problem}`);
      return builder.finish();
    });
    if (!this.#host.warming.warm) return this.#host.live.read((read) => lookUpCold(this.#host, read, table, keys));
    const {found, epoch} = await this.#host.lookUp(table.id, encodeRows(table.key.map((index) => table.columns[index]!.type), keys, 1));
    const form = formAt(this.#host.catalog.byId(table.id) ?? table, toEpoch(epoch));
    const visible = form.columns.filter((column) => !column.hidden);
    const {columns} = decodeColumns(found!.bytes, visible.map(({type}) => type));
    const row = Object.fromEntries(visible.map(({name, type}, index) => [name, valueAt(columns[index]!, type, 0)]));
    return row[form.columns[form.key[0]!]!.name] === null ? null : row;
  }

  /** Ends the session after what was asked of it before: an open transaction is rolled back, later statements are refused. */
  close(): Promise<void> {
    this.#closed = true;
    return this.#alone(async () => {
      await this.#rollback();
      if (this.#consumer !== undefined) await this.#host.subscriptions.detach(this.#consumer);
    });
  }

  async #rollback(): Promise<void> {
    this.#transaction?.cancelExpiry();
    await this.#transaction?.read.release();
    this.#transaction = null;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Statements of one session run one after the other, in the order they were asked for. */
  #closed = false;
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#queue.then(work);
    this.#queue = next.catch(() => undefined);
    return next;
  }

  async #run(statement: Statement, context: StatementContext): Promise<Result> {
    const transaction = this.#transaction;
    if (transaction === null || statement.kind === 'commit' || statement.kind === 'rollback') return this.#runStatement(statement, context);
    if (transaction.failure !== null) throw aborted(transaction.failure, 'the statement was not run');
    try {
      return await this.#runStatement(statement, context);
    } catch (cause) {
      transaction.failure = asWarehouseError(cause);
      throw cause;
    }
  }

  async #runStatement(statement: Statement, context: StatementContext): Promise<Result> {
    switch (statement.kind) {
      case 'select': return this.#read(context, (read) => runSelect(context, read, statement.select, ''));
      case 'explain': return this.#read(context, (read) => runSelect(context, read, statement.select, statement.analyze ? 'EXPLAIN ANALYZE ' : 'EXPLAIN '));
      case 'explain-incremental': return explainIncremental(context, statement);
      case 'insert': return this.#write(context, 'INSERT', (read) => prepareInsert(context, read, statement));
      case 'update': return this.#write(context, 'UPDATE', (read) => prepareUpdate(context, read, statement));
      case 'delete': return this.#write(context, 'DELETE', (read) => prepareDelete(context, read, statement));
      case 'begin': return this.#begin(statement.readOnly, context.options.signal);
      case 'commit': return this.#commit(context.options);
      case 'rollback': {
        const at = this.#requireTransaction().read.epoch;
        await this.#rollback();
        return done('ROLLBACK', at);
      }
      case 'set': return this.#set(statement.name, statement.value);
      case 'show': return show(context, statement);
      case 'describe': return describeTable(context, statement.table);
      case 'verify': return verify(context, statement.table);
      case 'wait-for-epoch':
        await this.#waitFor(statement.epoch, context.options);
        return done('WAIT', this.#host.history.newest);
      case 'checkpoint':
        await this.#warm(context.options);
        return done('CHECKPOINT', (await this.#host.checkpoint()).epoch);
      case 'optimize':
        await this.#warm(context.options);
        return done('OPTIMIZE', (await this.#host.optimize(requireTable(this.#host.catalog, statement.table).id)).epoch);
      case 'create-schema': return this.#define(context, statement, () => createSchema(context, statement));
      case 'drop-schema': return this.#define(context, statement, () => dropSchema(context, statement));
      case 'create-table': return this.#define(context, statement, () => createTable(context, statement));
      case 'alter-table': return this.#define(context, statement, () => alterTable(context, statement));
      case 'create-dynamic-table': return this.#define(context, statement, () => createDynamicTable(context, statement));
      case 'create-tag': return this.#define(context, statement, () => createTag(context, statement));
      case 'drop-tag': return this.#define(context, statement, () => dropTag(context, statement));
      case 'create-subscription': return this.#define(context, statement, () => createSubscription(context, statement));
      case 'drop-subscription': return this.#define(context, statement, () => dropSubscription(context, statement));
      case 'fetch':
        this.#requireNoTransaction('FETCH', 'it reads newer epochs than the transaction');
        return fetchChanges(context, {...statement, waitMs: Math.min(statement.waitMs, context.options.deadlineMs ?? statementMsMax)});
      case 'commit-subscription':
        this.#requireNoTransaction('COMMIT … THROUGH EPOCH', 'a position is an epoch of its own');
        return commitSubscription(context, statement);
      case 'drop-table': case 'drop-dynamic-table': return this.#define(context, statement, () => dropTable(context, statement));
    }
  }

  async #waitFor(wanted: number, {deadlineMs = statementMsMax, signal}: SqlOptions): Promise<void> {
    const ended = new AbortController();
    const abort = (): void => ended.abort(signal?.reason);
    signal?.addEventListener('abort', abort, {once: true});
    let late = false;
    const cancel = systemClock.after(deadlineMs, () => {
      late = true;
      ended.abort();
    });
    try {
      if (signal?.aborted === true) abort();
      await this.#host.history.reached(toEpoch(wanted), ended.signal);
    } catch (cause) {
      if (late) throw new WarehouseError('unavailable', 'MR_DEADLINE', `epoch ${wanted} did not come within ${deadlineMs} ms; the newest is ${this.#host.history.newest}`, {cause});
      throw cause;
    } finally {
      cancel();
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Runs `work` on the transaction's epoch, or on the newest one; interrupts it at the deadline. */
  #read<T>(context: StatementContext, work: (read: PinnedRead) => Promise<T>): Promise<T> {
    const guarded = (read: PinnedRead): Promise<T> => withDeadline(read.session, context.options.deadlineMs ?? statementMsMax, context.options.signal, () => work(read));
    return this.#transaction === null ? this.#host.live.read(guarded, context.options.signal === undefined ? {} : {signal: context.options.signal}) : guarded(this.#transaction.read);
  }

  async #write(context: StatementContext, what: string, prepare: (read: PinnedRead) => Promise<PreparedWrite>): Promise<Result> {
    const transaction = this.#transaction;
    if (transaction === null) {
      await this.#warm(context.options);
      const {prepared, epoch} = await retryConflicts(this.#host, () => this.#read(context, prepare));
      return done(`${what} ${prepared.rowCount}`, epoch);
    }
    if (transaction.readOnly) throw new WarehouseError('invalid', 'MR_READ_ONLY', `${what} in a read-only transaction`);
    const prepared = await this.#read(context, prepare);
    transaction.own.add(prepared.writes, prepared.removed);
    return done(`${what} ${prepared.rowCount}`, transaction.read.epoch);
  }

  async #begin(readOnly: boolean, signal: AbortSignal | undefined): Promise<Result> {
    if (this.#transaction !== null) throw new WarehouseError('invalid', 'MR_TRANSACTION_OPEN', 'a transaction is open already', {hint: 'COMMIT or ROLLBACK it first'});
    // A block may stay open for long: it takes no turn from the reads that come and go.
    const read = await this.#host.live.pin(signal === undefined ? {held: true} : {held: true, signal});
    const cancelExpiry = systemClock.after(this.#host.transactionMsMax, () => void this.#alone(() => this.#expire(read)));
    this.#transaction = {read, readOnly, own: new OwnWrites(), failure: null, cancelExpiry};
    return done('BEGIN', read.epoch);
  }

  /** What is pinned holds memory and files: after a while it is let go of, and the block can only be rolled back. */
  async #expire(read: PinnedRead): Promise<void> {
    if (this.#transaction?.read !== read) return;
    this.#transaction.failure ??= new WarehouseError('unavailable', 'MR_TRANSACTION_EXPIRED', `the transaction is open for ${this.#host.transactionMsMax} ms, the longest that an epoch is held for one`, {hint: 'begin again; AT (VERSION => …) reads an old epoch without holding it'});
    await read.release();
  }

  async #commit(options: SqlOptions): Promise<Result> {
    const {own, read, failure} = this.#requireTransaction();
    const at = read.epoch;
    if (failure === null && own.writes.length > 0) await this.#warm(options);
    await this.#rollback();
    if (failure !== null) throw aborted(failure, 'nothing was committed');
    if (own.writes.length === 0) return done('COMMIT', at);
    const {epoch} = await this.#host.write(own.writes, []);
    return done('COMMIT', epoch);
  }

  #requireTransaction(): Transaction {
    if (this.#transaction === null) throw new WarehouseError('invalid', 'MR_NO_TRANSACTION', 'no transaction is open', {hint: 'BEGIN one first'});
    return this.#transaction;
  }

  async #set(name: string, value: string | undefined): Promise<Result> {
    if (name === 'epoch_interval') await this.#host.setEpochInterval(value === undefined ? 0 : (durationMs(value) ?? 0));
    if (name === 'history_retention') {
      // The warehouse's own, for all sessions.
      await this.#host.setHistoryRetention(value === undefined ? null : durationMs(value)!);
      return done('SET', this.#host.history.newest);
    }
    if (value === undefined) this.#settings.delete(name);
    else this.#settings.set(name, value);
    return done('SET', this.#host.history.newest);
  }

  #requireNoTransaction(what: string, why: string): void {
    if (this.#transaction !== null) throw new WarehouseError('invalid', 'MR_TRANSACTION_OPEN', `${what} inside a transaction`, {hint: `${why}: run it outside BEGIN … COMMIT`});
  }

  /** Waits, as long as the statement may, for state that is still being loaded after an opening. */
  async #warm(options: SqlOptions): Promise<void> {
    if (!this.#host.warming.warm) await this.#host.warming.wait(options);
  }

  async #define(context: StatementContext, statement: Statement, work: () => Promise<Result>): Promise<Result> {
    this.#requireNoTransaction(statement.kind.replaceAll('-', ' '), 'definitions are epochs of their own');
    await this.#warm(context.options);
    return this.#host.alone(work);
  }
}

function aborted(failure: WarehouseError, what: string): WarehouseError {
  return new WarehouseError('invalid', 'MR_TRANSACTION_ABORTED', `${what}: an earlier statement of the transaction failed (${failure.code}: ${failure.message})`, {cause: failure, hint: 'ROLLBACK, then begin again'});
}

/** @throws {WarehouseError} `MR_TRANSACTION_OPEN` if a BEGIN has no end among the statements. */
function requireClosed(statements: readonly Statement[]): void {
  let open: Statement | null = null;
  for (const statement of statements) {
    if (statement.kind === 'begin') open ??= statement;
    else if (statement.kind === 'commit' || statement.kind === 'rollback') open = null;
  }
  if (open === null) return;
  throw new WarehouseError('invalid', 'MR_TRANSACTION_OPEN', `the text begins a transaction (line ${open.span.line}) and does not end it; nothing of it was done`, {hint: 'add COMMIT, or hold the transaction in a session: warehouse.session()'});
}

function parameterValue(value: unknown): Value {
  if (value === undefined || value === null) return null;
  if (value instanceof Date) return value.toISOString().replace('Z', '');
  if (typeof value === 'boolean' || typeof value === 'number' || typeof value === 'bigint' || typeof value === 'string' || value instanceof Uint8Array) return value;
  throw new WarehouseError('invalid', 'MR_PARAMETER', `a parameter is ${typeof value}`, {hint: 'pass null, boolean, number, bigint, string, Date or Uint8Array'});
}
