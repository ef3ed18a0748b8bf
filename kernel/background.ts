/**
 * Statements that nobody waits for: they run on threads of the DuckDB instance's own, at a lower priority than the process's other
 * threads, and take none of libuv's pool.
 *
 * An ordinary statement runs on the pool thread that asked for it, at the priority of all: a checkpoint's COPY then takes turns with
 * the threads that answer writes, some ms each, and holds one of four pool threads, which syncs of the log need as well. Here the
 * statement is started, DuckDB's threads take its tasks, and the JS thread only looks from time to time whether they are done.
 */
import {readdir} from 'node:fs/promises';
import {setPriority} from 'node:os';
import {scheduler, setImmediate} from 'node:timers/promises';
import {binding, type PreparedStatement, type Result} from './duckdb-binding.ts';

/** Niceness of an instance's own threads: about a tenth of the weight of others. */
const niceness = 10;
/** Looks without a wait before the first wait: most small statements are done by then. */
const looksAtOnce = 8;
const waitMsMin = 1;
const waitMsMax = 4;

/**
 * Threads that came while `work` ran get a lower priority. Where the system does not name threads (it is Linux that does), all keep
 * theirs.
 */
export async function loweringNewThreads<T>(work: () => Promise<T>): Promise<T> {
  const before = new Set(await threadIds());
  const made = await work();
  for (const id of await threadIds()) {
    if (before.has(id)) continue;
    try {
      setPriority(Number(id), niceness);
    } catch {
      // It has ended, or it is not allowed: the thread keeps its priority.
    }
  }
  return made;
}

async function threadIds(): Promise<string[]> {
  return readdir('/proc/self/task').catch(() => []);
}

/**
 * @returns whether a statement can be started by the JS thread itself: one that reads a relation cannot, since binding it anew, which
 *   DuckDB does when a definition changed, calls back to the JS thread and would wait for itself.
 */
export function startsOnJsThread(sql: string): boolean {
  return !/mr_rows/i.test(sql);
}

/**
 * Runs a statement on the instance's own threads, of which there must be one.
 *
 * @throws as `execute_prepared` does.
 */
export async function executeInBackground(statement: PreparedStatement): Promise<Result> {
  const pending = binding.pending_prepared(statement);
  for (let looks = 0; binding.pending_error(pending) === '' && !binding.pending_execution_is_finished(binding.pending_execute_check_state(pending)); looks++) {
    if (looks < looksAtOnce) await setImmediate();
    else await scheduler.wait(Math.min(waitMsMax, waitMsMin + (looks - looksAtOnce) / 8));
  }
  const error = binding.pending_error(pending);
  if (error !== '') throw new Error(error);
  return binding.execute_pending(pending);
}
