/**
 * Statements that nobody waits for: they run on a thread of the DuckDB instance's own, at a lower priority than the process's other
 * threads, and hold none of libuv's pool.
 *
 * An ordinary statement runs on the pool thread that asked for it, at the priority of all: a checkpoint's COPY then takes turns with
 * the threads that answer writes, some ms each, and holds one of four pool threads. Here the statement is started, DuckDB's thread
 * takes its tasks, and the JS thread only looks from time to time whether they are done.
 *
 * The thread is there only while such statements run: it would help other sessions' statements too, and those then take the memory of
 * two threads (a table of 20 M rows no longer loaded within 192 MiB).
 */
import {readdir} from 'node:fs/promises';
import {setPriority} from 'node:os';
import {scheduler, setImmediate} from 'node:timers/promises';
import {systemClock} from '../base/clock.ts';
import {backgroundNiceness} from '../base/limit.ts';
import {binding, type Connection, type PreparedStatement, type Result} from './duckdb-binding.ts';

/** Looks without a wait before the first wait: most small statements are done by then. */
const looksAtOnce = 8;
const waitMsMin = 1;
const waitMsMax = 4;
/** The thread goes so long after the last statement: a series of small ones finds it there. */
const idleMs = 250;

/** The background thread of one instance. */
export class BackgroundThread {
  readonly #admin: Connection;
  readonly #threads: number;
  #users = 0;
  /** Whether the thread is there, once what was asked for is done. */
  #state: Promise<boolean> = Promise.resolve(false);
  #cancelEnd: (() => void) | null = null;

  /** @param admin a connection of the instance. @param threads that it has besides, the caller's among them. */
  constructor(admin: Connection, threads: number) {
    this.#admin = admin;
    this.#threads = threads;
  }

  /**
   * Runs a statement. Where the thread cannot be had (the system is short of them, or settings are locked) it runs on the pool thread, like
   * every other: work in the background is slower to give way then, not undone.
   *
   * @throws as `execute_prepared` does.
   */
  async run(statement: PreparedStatement): Promise<Result> {
    this.#users++;
    this.#cancelEnd?.();
    this.#cancelEnd = null;
    this.#set(1);
    try {
      return await ((await this.#state) ? executeInBackground(statement) : binding.execute_prepared(statement));
    } finally {
      if (--this.#users === 0) this.#cancelEnd = systemClock.after(idleMs, () => this.#set(0));
    }
  }

  /** Ends the thread, when no statement runs any more. */
  async close(): Promise<void> {
    this.#cancelEnd?.();
    this.#set(0);
    await this.#state;
  }

  #set(count: 0 | 1): void {
    this.#state = this.#state.then((there) => {
      if (there === (count === 1)) return there;
      const set = (): Promise<unknown> => binding.query(this.#admin, `SET GLOBAL threads = ${this.#threads + count}`);
      return (count === 1 ? loweringNewThread(set) : set()).then(() => count === 1, () => there);
    });
  }
}

/**
 * The thread that came while `work` ran gets a lower priority. Where the system does not name threads (it is Linux that does), or others
 * came as well, all keep theirs.
 */
async function loweringNewThread(work: () => Promise<unknown>): Promise<void> {
  const before = new Set(await threadIds());
  await work();
  const [made, ...others] = (await threadIds()).filter((id) => !before.has(id));
  if (made === undefined || others.length > 0) return;
  try {
    setPriority(Number(made), backgroundNiceness);
  } catch {
    // It has ended, or it is not allowed: the thread keeps its priority.
  }
}

async function threadIds(): Promise<string[]> {
  return readdir('/proc/self/task').catch(() => []);
}

/**
 * @returns whether a statement can be started by the JS thread itself: one that reads a relation cannot, since binding it anew, which
 *   DuckDB does when a definition changed in a database that the statement touches, calls back to the JS thread and would wait for itself.
 *   But one that only copies a relation to a temporary table can: it touches the session's own temporary database alone.
 */
export function startsOnJsThread(sql: string): boolean {
  return !/mr_rows/i.test(sql) || copyOfRelation.test(sql);
}

const copyOfRelation = /^CREATE TEMP TABLE "[\w-]+" AS SELECT \* FROM mr_rows\('\w+'\)(?: ORDER BY (?:"(?:[^"]|"")+"|\w+)(?:, (?:"(?:[^"]|"")+"|\w+))*)?$/;

/** Runs a statement on the instance's own thread, which must be there. */
async function executeInBackground(statement: PreparedStatement): Promise<Result> {
  const pending = binding.pending_prepared(statement);
  for (let looks = 0; binding.pending_error(pending) === '' && !binding.pending_execution_is_finished(binding.pending_execute_check_state(pending)); looks++) {
    if (looks < looksAtOnce) await setImmediate();
    else await scheduler.wait(Math.min(waitMsMax, waitMsMin + (looks - looksAtOnce) / 8));
  }
  const error = binding.pending_error(pending);
  if (error !== '') throw new Error(error);
  return binding.execute_pending(pending);
}
