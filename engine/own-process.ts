/**
 * For processes that are Millrace's own (the command line, the benchmarks): V8 set up for threads that have to answer.
 *
 * Heaps may grow further between two full collections. Rows lie outside the JS heap, in arrays that count as its growth. V8 lets a heap
 * that changes little grow by a tenth and 24 MiB, so that 20 MiB of objects are marked again after every 24 MiB of such arrays, several
 * times a second under load; marking and freeing keep both threads from answering for 10–50 ms each time. Up to four times the objects,
 * which is V8's own limit for programs that make objects fast, ingest's p99 falls from 14 to 4 ms (bench a24), for at most 64 MiB of
 * memory: V8 collects at so many bytes of arrays in any case.
 *
 * V8's helper threads (collections, arrays freed, code compiled) get a lower priority: at the priority of all a thread that is woken
 * to answer waits behind them for ms, also where another core is idle (bench a24, with a niceness of 10: p99 beside
 * a checkpoint 3.1–3.8 → 2.6–3.0 ms). What a helper has begun of a collection the JS thread waits for: statements in the background come after them.
 *
 * A library leaves its process alone: whoever embeds Millrace gives `--heap-growing-percent` to node.
 */
import {readdirSync} from 'node:fs';
import {setPriority} from 'node:os';
import {setFlagsFromString} from 'node:v8';
import {helperNiceness} from '../base/limit.ts';

/** Percent of what a collection left. */
const heapGrowingPercent = 300;
/** node's own: a thread for delayed tasks, and so many that do them, unless `--v8-pool-size` says otherwise. */
const helperThreads = 1 + 4;

/** Sets up the process that this runs in. What cannot be set stays as it is. */
export function setUpOwnProcess(): void {
  setFlagsFromString(`--heap-growing-percent=${heapGrowingPercent}`);
  const options = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].join(' ');
  if (process.platform !== 'linux' || /v8[-_]pool[-_]size/.test(options)) return;
  try {
    for (const thread of firstThreads(process.pid, readdirSync('/proc/self/task').map(Number), helperThreads)) setPriority(thread, helperNiceness);
  } catch {
    // Threads that cannot be seen, or not be changed, keep the priority of all.
  }
}

/**
 * @param main the process's first thread. @param threads of the process.
 * @returns the `count` that were made first after it; none if there are fewer, or it is not among them (numbers of another namespace). Numbers rise, and begin again at the system's largest.
 */
export function firstThreads(main: number, threads: readonly number[], count: number): number[] {
  if (!threads.includes(main)) return [];
  const others = threads.filter((thread) => thread !== main);
  const rising = [...others.filter((thread) => thread > main).sort((a, b) => a - b), ...others.filter((thread) => thread < main).sort((a, b) => a - b)];
  return rising.length < count ? [] : rising.slice(0, count);
}
