/**
 * A result read chunk by chunk. The next chunk is computed on DuckDB's threads while the caller works on the last one.
 *
 * Two things of the binding shape this file. It does not say why a stream broke off (a failed fetch looks like the end; only
 * the result's kind tells): the statement is then run once more, only to learn the reason. And a result that still runs must
 * not be left to the garbage collector, which would wait for DuckDB on the JS thread, while DuckDB may wait for the JS thread
 * in `mr_rows`: closing runs an empty statement on the connection, which cancels what is left on a thread of the pool.
 */
import {WarehouseError} from '../base/error.ts';
import type {Column} from '../base/delta.ts';
import type {Value} from '../base/value.ts';
import {binding, type Connection, type DataChunk, type PreparedStatement, type Result} from './duckdb-binding.ts';
import {duckdbError, type ErrorRelay} from './duckdb-error.ts';
import {readColumn, type ColumnReading} from './columns-out.ts';
import type {Activity} from './session-activity.ts';
import type {ResultColumn} from './session-columns.ts';
import {bindParams} from './session-params.ts';

export type {ResultColumn} from './session-columns.ts';

/** Rows [0, rowCount) of columns; the receiver's own. */
export interface ColumnChunk {readonly rowCount: number; readonly columns: Column[]}

/** What a stream takes over from the session that opened it. */
export interface StreamParts {
  readonly connection: Connection;
  readonly statement: PreparedStatement;
  /** What `statement` was made from, to make it again. */
  readonly sql: string;
  readonly params: readonly Value[];
  /** A connection of the same database for a moment. */
  readonly connect: () => Promise<Connection>;
  readonly result: Result;
  readonly columns: readonly ResultColumn[];
  readonly readings: readonly ColumnReading[];
  readonly activity: Activity;
  readonly relay: ErrorRelay;
  /** Lets the session's next statement in. */
  readonly leave: () => void;
}

/** Holds its session until it ended or was closed: statements asked for meanwhile wait. One reader; not for concurrent `next`. */
export class ResultStream implements AsyncDisposable {
  readonly #parts: StreamParts;
  #ahead: Promise<DataChunk | null> | null = null;
  #ended: Promise<void> | null = null;
  #failure: WarehouseError | null = null;

  constructor(parts: StreamParts) {
    this.#parts = parts;
    parts.activity.onStopped = () => { void this.close(); };
  }

  get columns(): readonly ResultColumn[] {
    return this.#parts.columns;
  }

  /** @returns the next rows, at most 2048, or null at the end. @throws {WarehouseError} as the statement failed. */
  async next(): Promise<ColumnChunk | null> {
    if (this.#ended !== null) return this.#afterEnd();
    const {readings, activity} = this.#parts;
    try {
      const chunk = await (this.#ahead ?? this.#fetch());
      this.#ahead = null;
      if (this.#ended !== null) return await this.#afterEnd();
      const rowCount = chunk === null ? 0 : binding.data_chunk_get_size(chunk);
      if (chunk === null || rowCount === 0) return await this.#finish();
      this.#ahead = this.#fetch();
      this.#ahead.catch(() => undefined); // reported by the call that awaits it
      const columns = readings.map((reading, i) => readColumn(chunk, i, reading, rowCount));
      binding.data_chunk_reset(chunk); // its strings are freed now, not when the handle is collected
      return {rowCount, columns};
    } catch (cause) {
      this.#failure ??= duckdbError(cause, this.#parts.relay, activity.stopped);
      await this.close();
      throw this.#failure;
    }
  }

  /** Stops the statement if it still runs and frees the session; twice is fine. */
  async close(): Promise<void> {
    this.#ended ??= this.#release(false);
    await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #fetch(): Promise<DataChunk | null> {
    return this.#parts.activity.call(() => binding.fetch_chunk(this.#parts.result));
  }

  async #afterEnd(): Promise<null> {
    await this.#ended;
    const reason = this.#failure ?? this.#parts.activity.stopped;
    if (reason !== null) throw reason;
    return null;
  }

  async #finish(): Promise<null> {
    // 0 is the binding's INVALID: the result carries an error.
    if (binding.result_return_type(this.#parts.result) === binding.ResultType.INVALID) throw await this.#reason();
    this.#ended ??= this.#release(true);
    await this.#ended;
    return null;
  }

  /** @returns why the stream broke off. */
  async #reason(): Promise<WarehouseError> {
    const {activity, statement} = this.#parts;
    if (activity.stopped !== null) return activity.stopped;
    let reason: WarehouseError | null = null;
    if (binding.prepared_statement_type(statement) === binding.StatementType.SELECT) {
      reason = await this.#fail(() => activity.call(() => binding.execute_prepared(statement)));
      // In a transaction of several statements the failure has ended it, and nothing runs in it any more.
      if (reason?.message.startsWith('TransactionContext Error') === true) reason = await this.#fail(() => this.#runElsewhere());
    }
    // Kept whole, the result may need memory that the stream did not: that is not why the stream failed.
    if (reason !== null && reason.code !== 'MR_DUCKDB_MEMORY') return reason;
    return new WarehouseError('invalid', 'MR_SQL', 'the statement failed while its rows were read, and DuckDB kept no reason',
      {hint: 'run it as CREATE TABLE … AS to see the reason'});
  }

  async #fail(run: () => Promise<unknown>): Promise<WarehouseError | null> {
    try {
      await run();
      return null;
    } catch (cause) {
      return duckdbError(cause, this.#parts.relay, this.#parts.activity.stopped);
    }
  }

  async #runElsewhere(): Promise<void> {
    const {sql, params, connect, activity} = this.#parts;
    const connection = await connect();
    try {
      const statement = await activity.call(() => binding.prepare(connection, sql), connection);
      try {
        bindParams(statement, params);
        await activity.call(() => binding.execute_prepared(statement), connection);
      } finally {
        binding.destroy_prepare_sync(statement);
      }
    } finally {
      binding.disconnect_sync(connection);
    }
  }

  async #release(complete: boolean): Promise<void> {
    const {connection, statement, activity, leave} = this.#parts;
    activity.onStopped = null;
    await this.#ahead?.catch(() => undefined);
    this.#ahead = null;
    if (!complete) await binding.query(connection, 'SELECT 1').catch(() => undefined);
    binding.destroy_prepare_sync(statement);
    leave();
  }
}
