/**
 * One statement of a session, as far as stopping it goes. DuckDB forgets an interrupt that arrives before the statement has
 * begun on its thread, so the request is repeated until the call that it is meant for has returned.
 */
import {scheduler} from 'node:timers/promises';
import type {WarehouseError} from '../base/error.ts';
import {binding, type Connection} from './duckdb-binding.ts';

const insistEveryMs = 1;

export class Activity {
  readonly #connection: Connection;
  #calling: Connection; // the one that the running call uses
  #pending = 0; // calls of the binding that have not returned
  #stopped: WarehouseError | null = null;
  /** Called after a stop, once no call runs: an open stream closes itself, whether or not its reader comes back. */
  onStopped: (() => void) | null = null;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#calling = connection;
  }

  /** Why it was stopped, or null. */
  get stopped(): WarehouseError | null {
    return this.#stopped;
  }

  /** Whether a call of the binding has not returned. */
  get busy(): boolean {
    return this.#pending > 0;
  }

  /**
   * Runs one asynchronous call of the binding.
   *
   * @param connection the one that it runs on, if it is not the session's.
   * @throws the reason, without calling, once stopped.
   */
  async call<T>(work: () => Promise<T>, connection: Connection = this.#connection): Promise<T> {
    if (this.#stopped !== null) throw this.#stopped;
    this.#calling = connection;
    this.#pending++;
    try {
      return await work();
    } finally {
      this.#pending--;
    }
  }

  /** Makes the running call fail soon, and every later one; the first reason counts. */
  stop(reason: WarehouseError): void {
    if (this.#stopped !== null) return;
    this.#stopped = reason;
    void this.#insist();
  }

  async #insist(): Promise<void> {
    while (this.#pending > 0) {
      binding.interrupt(this.#calling);
      await scheduler.wait(insistEveryMs);
    }
    this.onStopped?.();
  }
}
