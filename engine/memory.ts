/** How the one memory budget is divided. Shares are fractions of `memoryBytes`; the rest is for Node itself and buffers in flight. */
import {readFileSync} from 'node:fs';
import {totalmem} from 'node:os';

export interface MemoryShares {
  /** All that is divided. */
  readonly total: number;
  readonly maintain: number;
  readonly serve: number;
  readonly state: number;
}

/** @returns half of what the container (cgroup) or the machine has, in bytes. */
export function defaultMemoryBytes(): number {
  for (const file of ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes']) {
    try {
      const limit = Number(readFileSync(file, 'utf8').trim());
      if (Number.isFinite(limit) && limit > 0 && limit < totalmem()) return Math.floor(limit / 2);
    } catch {
      // no such controller here: the machine's memory is the limit
    }
  }
  return Math.floor(totalmem() / 2);
}

export function sharesOf(memoryBytes: number): MemoryShares {
  return {total: memoryBytes, maintain: Math.floor(memoryBytes * 0.2), serve: Math.floor(memoryBytes * 0.3), state: Math.floor(memoryBytes * 0.45)};
}

/** @returns the maintain share in two, so that an epoch's statement lacks no memory because of compaction. */
export function maintainShares(bytes: number): {readonly maintain: number; readonly compaction: number} {
  const compaction = Math.max(kernelBytesMin, Math.floor(bytes / 4), Math.min(compactionBytesMin, Math.floor(bytes / 2)));
  return {maintain: Math.max(kernelBytesMin, bytes - compaction), compaction};
}

/** Below it a merge of one output file spills more than it works. */
const compactionBytesMin = 64 * 1024 * 1024;
/** What an instance needs to open. */
const kernelBytesMin = 16 * 1024 * 1024;
