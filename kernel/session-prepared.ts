/** A statement that was planned once and is run often: for the statements that every epoch repeats. */
import type {Value} from '../base/value.ts';
import {binding, type PreparedStatement, type Result} from './duckdb-binding.ts';
import {closedError} from './duckdb-error.ts';
import {resultRows, type ResultRows, type ResultValue} from './session-values.ts';

/** Runs the statement in its session's turn. */
export type Execute = <T>(params: readonly Value[], read: (result: Result) => T) => Promise<T>;

export class Prepared implements Disposable {
  readonly #statement: PreparedStatement;
  readonly #execute: Execute;
  readonly #forget: (prepared: Prepared) => void;
  #running = 0;
  #closed = false;

  /** Made by `Session.prepare`. */
  constructor(statement: PreparedStatement, execute: Execute, forget: (prepared: Prepared) => void) {
    this.#statement = statement;
    this.#execute = execute;
    this.#forget = forget;
  }

  /** As `Session.run`. */
  run(params: readonly Value[] = []): Promise<{rowsChanged: number}> {
    return this.#run(params, result => ({rowsChanged: binding.rows_changed(result)}));
  }

  /** As `Session.rows`. */
  rows<V extends ResultValue = Value>(params: readonly Value[] = []): Promise<ResultRows<V>> {
    return this.#run(params, result => resultRows<V>(result));
  }

  /** Frees the plan, once runs already asked for have ended; twice is fine. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#forget(this);
    if (this.#running === 0) binding.destroy_prepare_sync(this.#statement);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #run<T>(params: readonly Value[], read: (result: Result) => T): Promise<T> {
    if (this.#closed) throw closedError('prepared statement');
    this.#running++;
    try {
      return await this.#execute(params, read);
    } finally {
      this.#running--;
      if (this.#closed && this.#running === 0) binding.destroy_prepare_sync(this.#statement);
    }
  }
}
