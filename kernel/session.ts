/** Sessions: one DuckDB connection each. Statements of one session run one at a time, in the order they were asked for. */
import type {LogicalType} from '../base/type.ts';
import type {Value} from '../base/value.ts';
import {startsOnJsThread, type BackgroundThread} from './background.ts';
import {binding, type Connection, type PreparedStatement, type Result} from './duckdb-binding.ts';
import {closedError, duckdbError, interruptedError, type ErrorRelay, type InterruptCode} from './duckdb-error.ts';
import {readingsOf, resultColumns} from './session-columns.ts';
import {Activity} from './session-activity.ts';
import {bindParams} from './session-params.ts';
import {Prepared} from './session-prepared.ts';
import {Turnstile} from './session-queue.ts';
import {ResultStream} from './session-stream.ts';
import {resultRows, type ResultRows, type ResultValue} from './session-values.ts';
import type {RelationRegistry} from './relation-function.ts';
import type {RelationSource} from './relation.ts';

/** What a session shares with the others of its kernel. */
export interface SessionHost {
  readonly relations: RelationRegistry;
  readonly relay: ErrorRelay;
  /** A connection of the same database; closed by who asked for it. */
  readonly connect: () => Promise<Connection>;
  /** Where a statement runs now; null: on the pool thread that asks for it. */
  readonly background: () => BackgroundThread | null;
  /** Told once, when the session has closed. */
  readonly forget: (session: Session) => void;
}

export interface StreamOptions {
  /** Stored types to read the columns as; without them each result column must be of a stored type itself. */
  readonly types?: readonly LogicalType[];
}

export class Session implements AsyncDisposable {
  readonly #host: SessionHost;
  readonly #connection: Connection;
  readonly #turnstile = new Turnstile();
  /** Statements that have not ended, in order: the first runs, the others wait. */
  readonly #activities: Activity[] = [];
  readonly #prepared = new Set<Prepared>();
  #closing: Promise<void> | null = null;

  /** Sessions are made by `Kernel.connect`. */
  constructor(host: SessionHost, connection: Connection) {
    this.#host = host;
    this.#connection = connection;
  }

  /**
   * Runs `sql` for its effect; of several statements the last one takes the `params`.
   *
   * @returns rows that the last statement inserted, updated or deleted.
   * @throws {WarehouseError} MR_SQL (invalid) with DuckDB's text; MR_DUCKDB_MEMORY, MR_DISK_FULL, MR_INTERRUPTED, MR_DEADLINE
   *   (unavailable); MR_CLOSED (closed). The same holds for `rows` and `stream`.
   */
  run(sql: string, params: readonly Value[] = []): Promise<{rowsChanged: number}> {
    return this.#exclusive(async activity => ({rowsChanged: binding.rows_changed(await this.#execute(activity, sql, params))}));
  }

  /** Runs `sql` and gives the last statement's rows as values: for small results. Ask for `ResultValue` where LISTs, STRUCTs or MAPs may come. */
  rows<V extends ResultValue = Value>(sql: string, params: readonly Value[] = []): Promise<ResultRows<V>> {
    return this.#exclusive(async activity => resultRows<V>(await this.#execute(activity, sql, params)));
  }

  /**
   * Parses and plans `sql` once, to be run often. Tables and relations that it reads may change; what changes their columns'
   * types makes it fail or plan again, as DuckDB decides.
   *
   * @returns a statement of this session, closed with it if not before.
   */
  async prepare(sql: string): Promise<Prepared> {
    const statement = await this.#exclusive(activity => activity.call(() => binding.prepare(this.#connection, sql)));
    const prepared = new Prepared(statement, (params, read) => this.#exclusive(async activity => {
      bindParams(statement, params);
      return read(await activity.call(() => this.#perform(statement, sql)));
    }), closed => { this.#prepared.delete(closed); });
    this.#prepared.add(prepared);
    return prepared;
  }

  /**
   * Runs one statement and gives its rows as columns, chunk by chunk. The session is taken until the stream ended or was closed.
   *
   * @throws {WarehouseError} MR_TYPE (invalid) if a column is not of a stored type, or not readable as `options.types` says.
   */
  async stream(sql: string, params: readonly Value[] = [], options: StreamOptions = {}): Promise<ResultStream> {
    const {activity, leave} = await this.#enter();
    let statement: PreparedStatement | undefined;
    let running = false;
    try {
      const prepared = await activity.call(() => binding.prepare(this.#connection, sql));
      statement = prepared;
      bindParams(prepared, params);
      const result = await activity.call(() => binding.execute_prepared_streaming(prepared));
      running = true;
      const columns = resultColumns(result);
      const readings = readingsOf(columns, options.types);
      return new ResultStream({
        connection: this.#connection, statement, sql, params, connect: this.#host.connect, result, columns, readings, activity, relay: this.#host.relay, leave,
      });
    } catch (cause) {
      if (running) await binding.query(this.#connection, 'SELECT 1').catch(() => undefined);
      if (statement !== undefined) binding.destroy_prepare_sync(statement);
      leave();
      throw duckdbError(cause, this.#host.relay, activity.stopped);
    }
  }

  /** From now on `FROM mr_rows('name')` reads `source`, in every session of the kernel. Binding a name again replaces its source. */
  bindRelation(name: string, source: RelationSource): void {
    if (this.#closing !== null) throw closedError('session');
    this.#host.relations.set(name, source);
  }

  unbindRelation(name: string): void {
    this.#host.relations.delete(name);
  }

  /** Stops the first statement or stream that has not ended, if any; those that wait behind it are not touched. */
  interrupt(code: InterruptCode = 'MR_INTERRUPTED'): void {
    this.#activities[0]?.stop(interruptedError(code));
  }

  /** Interrupts without waiting, when the process exits. @returns whether DuckDB works for this session at this moment. */
  interruptForExit(): boolean {
    const busy = this.#activities[0]?.busy ?? false;
    if (busy) binding.interrupt(this.#connection);
    return busy;
  }

  /** Stops what runs, refuses what waits (MR_CLOSED), frees the connection; twice is fine. An open transaction is rolled back. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    for (const activity of this.#activities) activity.stop(closedError('session'));
    const leave = await this.#turnstile.enter();
    for (const prepared of this.#prepared) prepared.close();
    binding.disconnect_sync(this.#connection);
    leave();
    this.#host.forget(this);
  }

  async #enter(): Promise<{activity: Activity; leave: () => void}> {
    if (this.#closing !== null) throw closedError('session');
    const activity = new Activity(this.#connection);
    this.#activities.push(activity);
    const next = await this.#turnstile.enter();
    return {activity, leave: () => {
      this.#activities.shift();
      next();
    }};
  }

  async #exclusive<T>(work: (activity: Activity) => Promise<T>): Promise<T> {
    const {activity, leave} = await this.#enter();
    try {
      return await work(activity);
    } catch (cause) {
      throw duckdbError(cause, this.#host.relay, activity.stopped);
    } finally {
      leave();
    }
  }

  async #execute(activity: Activity, sql: string, params: readonly Value[]): Promise<Result> {
    if (severalPattern.test(sql)) return this.#executeEach(activity, sql, params);
    if (params.length === 0 && (this.#host.background() === null || sql.trim() === '')) return activity.call(() => binding.query(this.#connection, sql));
    return this.#executeOnce(activity, () => binding.prepare(this.#connection, sql), sql, params);
  }

  #perform(statement: PreparedStatement, sql: string): Promise<Result> {
    const background = this.#host.background();
    return background !== null && startsOnJsThread(sql) ? background.run(statement) : binding.execute_prepared(statement);
  }

  async #executeEach(activity: Activity, sql: string, params: readonly Value[]): Promise<Result> {
    const {extracted_statements: statements, statement_count: count} = await activity.call(() => binding.extract_statements(this.#connection, sql));
    if (count === 0) return activity.call(() => binding.query(this.#connection, sql)); // fails with the parser's text, or there is nothing to do
    for (let i = 0; i < count - 1; i++) {
      await this.#executeOnce(activity, () => binding.prepare_extracted_statement(this.#connection, statements, i), sql, []);
    }
    return this.#executeOnce(activity, () => binding.prepare_extracted_statement(this.#connection, statements, count - 1), sql, params);
  }

  async #executeOnce(activity: Activity, prepare: () => Promise<PreparedStatement>, sql: string, params: readonly Value[]): Promise<Result> {
    const statement = await activity.call(prepare);
    try {
      bindParams(statement, params);
      return await activity.call(() => this.#perform(statement, sql));
    } finally {
      binding.destroy_prepare_sync(statement);
    }
  }
}

/** Text that may hold several statements; a `;` inside a literal only takes the longer way. */
const severalPattern = /;\s*\S/;

