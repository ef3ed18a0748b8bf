/**
 * What happens to running statements when the process exits without closing its kernels (`process.exit`, an uncaught error).
 *
 * Node then waits for the threads of its pool, and a statement that reads `mr_rows` waits there for the JS thread, which is no
 * more: the process would hang for ever. So at exit all statements are interrupted, which ends most of them at once; if one of
 * them may wait for JS, the process is ended by SIGKILL, which a warehouse survives by design. In an orderly exit, kernels are
 * closed first and none of this happens.
 */
import {writeSync} from 'node:fs';
import {inspect} from 'node:util';
import {isMainThread} from 'node:worker_threads';

/** What is asked of a kernel at exit. */
export interface AtExit {
  /** Interrupts all statements. @returns what those that run may wait for. */
  stopForExit(): Waits;
}

/** What running statements may wait for: there are none, DuckDB alone, or the JS thread too. */
export type Waits = 'none' | 'duckdb' | 'js';

const insistRounds = 20; // of 1 ms

const open = new Set<AtExit>();
let listening = false;

/** From now on `kernel` is stopped when the process exits. */
export function watchExit(kernel: AtExit): void {
  open.add(kernel);
  // Worker threads do not wait for the pool on their own exit; see Kernel.close.
  if (listening || !isMainThread) return;
  listening = true;
  // Node prints an uncaught error after its exit handlers: too late if we end the process in one.
  let uncaught: unknown;
  process.on('uncaughtExceptionMonitor', error => { uncaught = error; });
  process.on('exit', () => {
    const waits = stopAll();
    if (waits === 'none') return;
    // An interrupt is lost on a statement that has not begun on its thread yet: say it again while that may be.
    for (let i = 0; i < insistRounds; i++) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      stopAll();
    }
    if (waits === 'duckdb') return;
    if (uncaught !== undefined) writeSync(2, `uncaught ${inspect(uncaught)}\n`);
    process.kill(process.pid, 'SIGKILL');
  });
}

function stopAll(): Waits {
  const waits = [...open].map(kernel => kernel.stopForExit());
  return waits.includes('js') ? 'js' : waits.includes('duckdb') ? 'duckdb' : 'none';
}

/** The kernel is closed. */
export function unwatchExit(kernel: AtExit): void {
  open.delete(kernel);
}
