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
  #pending = 0; // calls of the binding that have not returned
  #stopped: WarehouseError | null = null;
  /** Called after a stop, once no call runs: an open stream closes itself, whether or not its reader comes back. */
  onStopped: (() => void) | null = null;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Why it was stopped, or null. */
  get stopped(): WarehouseError | null {
    return this.#stopped;
  }

  /** Runs one asynchronous call of the binding. @throws the reason, without calling, once stopped. */
  async call<T>(work: () => Promise<T>): Promise<T> {
    if (this.#stopped !== null) throw this.#stopped;
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
      binding.interrupt(this.#connection);
      await scheduler.wait(insistEveryMs);
    }
    this.onStopped?.();
  }
}
