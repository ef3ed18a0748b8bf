/**
 * For processes that are Millrace's own (the command line, the benchmarks): how far V8's heaps may grow between two full collections.
 *
 * Rows lie outside the JS heap, in arrays that count as its growth. V8 lets a heap that changes little grow by a tenth and 24 MiB, so
 * that 20 MiB of objects are marked again after every 24 MiB of such arrays, several times a second under load; marking and freeing
 * keep both threads from answering for 10–50 ms each time. Up to four times the objects, which is V8's own limit for programs that
 * make objects fast, ingest's p99 falls from 14 to 4 ms (bench a24), for at most 64 MiB of memory: V8 collects at so many bytes of arrays in any case.
 *
 * A library leaves the flags of its process alone: whoever embeds Millrace gives it to node.
 */
import {setFlagsFromString} from 'node:v8';

/** Percent of what a collection left. */
const heapGrowingPercent = 300;

export function growHeapsFreely(): void {
  setFlagsFromString(`--heap-growing-percent=${heapGrowingPercent}`);
}
