/**
 * The time between an opening's first reads and its first write: state is being loaded. Reads are answered meanwhile, from files and log or
 * from a read cache that is current; what needs state waits here, for as long as its statement may take, and is not sent before.
 */
import {systemClock} from '../base/clock.ts';
import {WarehouseError} from '../base/error.ts';
import {statementMsMax, warmWaitersMax} from '../base/limit.ts';
import type {TableId} from '../catalog/spec.ts';
import type {WarmingTable} from './protocol.ts';

/** How far the loading of one table is; `rowsExpected` is from above. */
export interface TableWarmth {
  /** `schema.name` */
  readonly table: string;
  readonly rows: number;
  readonly rowsExpected: number;
}

export interface WarmWait {
  /** ms after which it is given up; as long as a statement may take unless given. */
  readonly deadlineMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export class Warming {
  readonly #nameOf: (id: TableId) => string;
  #tables: readonly WarmingTable[] = [];
  #state: 'warming' | 'warm' | WarehouseError = 'warming';
  readonly #waiters = new Set<() => void>();

  constructor(nameOf: (id: TableId) => string) {
    this.#nameOf = nameOf;
  }

  get warm(): boolean {
    return this.#state === 'warm';
  }

  /** Tables that are not loaded whole, in the order of their loading. */
  tables(): TableWarmth[] {
    if (this.#state !== 'warming') return [];
    return this.#tables.flatMap(({table, rows, rowsExpected, done}) => (done ? [] : [{table: this.#nameOf(table), rows, rowsExpected}]));
  }

  note(tables: readonly WarmingTable[]): void {
    this.#tables = tables;
  }

  /** @param failure why it will never be; null: all is loaded. */
  end(failure: WarehouseError | null): void {
    if (this.#state !== 'warming') return;
    this.#state = failure ?? 'warm';
    for (const wake of this.#waiters) wake();
  }

  /**
   * Resolves when state is loaded.
   *
   * @throws {WarehouseError} `MR_WARMING` (unavailable) after `deadlineMs`, `MR_BUSY` when too many wait, `MR_INTERRUPTED` by the signal;
   *   why it failed; `MR_CLOSED`.
   */
  async wait({deadlineMs = statementMsMax, signal}: WarmWait = {}): Promise<void> {
    if (this.#state === 'warming') {
      if (this.#waiters.size >= warmWaitersMax) throw new WarehouseError('unavailable', 'MR_BUSY', `${this.#waiters.size} statements wait for tables to be loaded, at most ${warmWaitersMax} may`, {hint: 'try again later'});
      await this.#ended(deadlineMs, signal);
    }
    if (this.#state instanceof WarehouseError) throw this.#state;
    if (this.#state === 'warm') return;
    if (signal?.aborted === true) throw new WarehouseError('unavailable', 'MR_INTERRUPTED', 'the statement was interrupted while it waited for tables to be loaded');
    throw new WarehouseError('unavailable', 'MR_WARMING', `nothing was done: after ${deadlineMs} ms tables are still being loaded: ${this.#text()}`, {hint: 'reads are answered meanwhile; try again later, /readyz and millrace.warming say how far it is'});
  }

  #ended(deadlineMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiters.delete(done);
        cancel();
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const cancel = systemClock.after(deadlineMs, done);
      this.#waiters.add(done);
      signal?.addEventListener('abort', done, {once: true});
      if (signal?.aborted === true) done();
    });
  }

  #text(): string {
    const tables = this.tables();
    const named = tables.slice(0, 3).map(({table, rows, rowsExpected}) => `${table} (${rows} of ${rowsExpected} rows)`);
    if (tables.length === 0) named.push('all rows are there, dynamic tables are being made ready');
    return [...named, ...(tables.length > 3 ? [`${tables.length - 3} more`] : [])].join(', ');
  }
}
