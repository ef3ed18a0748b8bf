/**
 * Where writes go in: each takes bytes of what may be in flight and waits where there are none, so that overload stays with the caller
 * instead of in memory. While state is loaded after an opening they wait too. The read cache takes rows slower than the log; far behind it writers wait too.
 */
import {unpublishedRowsMax} from '../base/limit.ts';
import {ByteBudget} from '../base/semaphore.ts';
import type {LiveRelation} from '../query/live.ts';
import type {ReplyBody, Spool, TableWrite} from './protocol.ts';
import type {Host} from './host.ts';
import type {Warming} from './warming.ts';
import type {WorkerClient} from './worker-client.ts';

export interface WriteDoorParts {
  /** Bytes of writes that are accepted and not yet visible. */
  readonly bytesMax: number;
  readonly client: () => WorkerClient;
  readonly live: () => LiveRelation;
  readonly warming: Warming;
}

export class WriteDoor {
  readonly #parts: WriteDoorParts;
  readonly #budget: ByteBudget;

  constructor(parts: WriteDoorParts) {
    this.#parts = parts;
    this.#budget = new ByteBudget(parts.bytesMax);
  }

  get bytesMax(): number { return this.#parts.bytesMax; }
  get usedBytes(): number { return this.#budget.used; }
  get waitingWrites(): number { return this.#budget.waiting; }

  /** @returns the epoch of the writes, when they are visible. */
  async write(writes: readonly TableWrite[], rejected: Parameters<Host['write']>[1]): Promise<ReplyBody> {
    const bytes = writes.reduce((sum, {rows}) => sum + rows.bytes.byteLength, 256);
    await this.#budget.take(bytes);
    try {
      if (!this.#parts.warming.warm) await this.#parts.warming.wait();
      await this.#settle();
      return await this.#parts.client().request({kind: 'write', writes, rejected});
    } finally {
      this.#budget.give(bytes);
    }
  }

  /** The writes of one large statement, which wait in a file. */
  async bulk(spool: Spool): Promise<ReplyBody> {
    if (!this.#parts.warming.warm) await this.#parts.warming.wait();
    await this.#settle();
    return this.#parts.client().request({kind: 'bulk', spool});
  }

  async #settle(): Promise<void> {
    const live = this.#parts.live();
    if (live.pendingRows > unpublishedRowsMax) await live.settle(unpublishedRowsMax / 2);
  }
}
