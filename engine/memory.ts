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
