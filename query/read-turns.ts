/**
 * Turns for reads: each has a session of the serve instance to itself. Reads that come and go take one of `readsMax` turns, in the
 * order they asked; reads that a user holds across statements have sessions of their own beside, bounded too.
 */
import {WarehouseError} from '../base/error.ts';
import {readsMax} from '../base/limit.ts';
import type {Kernel} from '../kernel/duckdb.ts';
import type {Session} from '../kernel/session.ts';

interface Waiter {
  readonly take: (session: Session) => void;
  readonly fail: (cause: unknown) => void;
}

export interface TurnLimits {
  readonly readsWaitingMax: number;
  readonly heldReadsMax: number;
}

export class ReadTurns {
  readonly #kernel: Kernel;
  readonly #limits: TurnLimits;
  readonly #idle: Session[] = [];
  readonly #waiting = new Set<Waiter>();
  #sessions = 0;
  #held = 0;
  #closed = false;

  constructor(kernel: Kernel, limits: TurnLimits) {
    this.#kernel = kernel;
    this.#limits = limits;
  }

  /** Reads that are held now. */
  get heldCount(): number {
    return this.#held;
  }

  /**
   * @param held the read is held across statements: it takes no turn from others.
   * @throws {WarehouseError} `MR_BUSY` when too many wait or are held; `MR_INTERRUPTED` by `signal`; `MR_CLOSED`.
   */
  take(held: boolean, signal: AbortSignal | undefined): Promise<Session> {
    return held ? this.#connectHeld() : this.#acquire(signal);
  }

  /** Refuses who waits; sessions in use are closed when they are given back. */
  close(): void {
    this.#closed = true;
    for (const {fail} of this.#waiting) fail(closedError());
  }

  /** Closes the sessions that nobody uses. */
  async closeIdle(): Promise<void> {
    for (const session of this.#idle.splice(0)) await session.close();
  }

  async #acquire(signal: AbortSignal | undefined): Promise<Session> {
    if (this.#closed) throw closedError();
    if (signal?.aborted === true) throw interrupted();
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    if (this.#sessions < readsMax) return this.#connect();
    if (this.#waiting.size >= this.#limits.readsWaitingMax) throw new WarehouseError('unavailable', 'MR_BUSY', `${this.#waiting.size} reads wait for one of ${readsMax} turns, at most ${this.#limits.readsWaitingMax} may`, {hint: 'try again later'});
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(waiter);
        signal?.removeEventListener('abort', stop);
      };
      const stop = (): void => waiter.fail(interrupted());
      const waiter: Waiter = {
        take: (session) => {
          leave();
          resolve(session);
        },
        fail: (cause) => {
          leave();
          reject(cause);
        },
      };
      this.#waiting.add(waiter);
      signal?.addEventListener('abort', stop, {once: true});
    });
  }

  async #connect(): Promise<Session> {
    this.#sessions++;
    try {
      return await this.#kernel.connect();
    } catch (cause) {
      this.#sessions--;
      throw cause;
    }
  }

  async #connectHeld(): Promise<Session> {
    if (this.#closed) throw closedError();
    if (this.#held >= this.#limits.heldReadsMax) throw new WarehouseError('unavailable', 'MR_BUSY', `${this.#held} transactions are open, at most ${this.#limits.heldReadsMax} may be`, {hint: 'COMMIT or ROLLBACK some, or try again later'});
    this.#held++;
    try {
      return await this.#kernel.connect();
    } catch (cause) {
      this.#held--;
      throw cause;
    }
  }

  /** @param clean no transaction is open on it: it may serve others. */
  async giveBack(session: Session, held: boolean, clean: boolean): Promise<void> {
    if (held) this.#held--;
    if (!held && clean && !this.#closed) {
      const [next] = this.#waiting;
      if (next === undefined) this.#idle.push(session);
      else next.take(session);
      return;
    }
    await session.close();
    if (held) return;
    this.#sessions--;
    // Who waits for this turn gets a new session.
    const [next] = this.#waiting;
    if (next !== undefined) await this.#connect().then((fresh) => (this.#waiting.has(next) ? next.take(fresh) : this.giveBack(fresh, false, true)), (cause: unknown) => next.fail(cause));
  }
}

/** @returns what a closed warehouse answers. */
export function closedError(): WarehouseError {
  return new WarehouseError('closed', 'MR_CLOSED', 'the warehouse is closed', {hint: 'open it again'});
}

/** @returns what a read answers that was told to stop before it began. */
export function interrupted(): WarehouseError {
  return new WarehouseError('unavailable', 'MR_INTERRUPTED', 'the statement was interrupted before it began');
}
