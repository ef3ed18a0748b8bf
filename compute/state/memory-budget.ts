/**
 * One budget of bytes for all state of the engine. Every store holds a share; before a change it reserves what the change may add,
 * so that a full budget is refused before anything was changed, and afterwards it says what it really holds.
 */
import {WarehouseError} from '../../base/error.ts';
import {invariant} from '../../base/invariant.ts';

export interface MemoryShare {
  readonly name: string;
  /** Bytes held, as last said. */
  readonly bytes: number;
  /**
   * Asks for `bytes` more.
   *
   * @throws {WarehouseError} `MR_MEMORY_FULL` (unavailable) when they do not fit the budget; nothing is taken then.
   */
  reserve(bytes: number): void;
  /** Says what the store holds now; ends the reservation. */
  settle(bytes: number): void;
  /** Gives everything back; the share is void. */
  close(): void;
}

class Share implements MemoryShare {
  readonly name: string;
  readonly #budget: MemoryBudget;
  bytes = 0;
  reserved = 0;

  constructor(budget: MemoryBudget, name: string) {
    this.#budget = budget;
    this.name = name;
  }

  reserve(bytes: number): void {
    this.#budget.take(this, bytes);
  }

  settle(bytes: number): void {
    this.#budget.settle(this, bytes);
  }

  close(): void {
    this.#budget.drop(this);
  }
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

export class MemoryBudget {
  readonly bytesMax: number;
  readonly #shares = new Set<Share>();
  #held = 0;
  #reserved = 0;

  constructor(bytesMax: number) {
    invariant(bytesMax > 0, () => `memory budget of ${bytesMax} bytes`);
    this.bytesMax = bytesMax;
  }

  /** Bytes held by all shares. */
  get heldBytes(): number { return this.#held; }

  /** @returns a share of the budget; `name` is what errors and metrics say, e.g. `ods.orders`. */
  register(name: string): MemoryShare {
    const share = new Share(this, name);
    this.#shares.add(share);
    return share;
  }

  /** What each share holds, for metrics. */
  shares(): {readonly name: string; readonly bytes: number}[] {
    return [...this.#shares].map(({name, bytes}) => ({name, bytes}));
  }

  /** Called by shares. */
  take(share: Share, bytes: number): void {
    invariant(this.#shares.has(share), () => `share '${share.name}' is closed`);
    if (this.#held + this.#reserved + bytes > this.bytesMax) {
      throw new WarehouseError('unavailable', 'MR_MEMORY_FULL',
        `state of '${share.name}' needs ${mebibytes(bytes)} more, but ${mebibytes(this.#held + this.#reserved)} of ${mebibytes(this.bytesMax)} are taken`,
        {hint: "raise 'memory', drop dynamic tables that are not needed, or suspend some"});
    }
    share.reserved += bytes;
    this.#reserved += bytes;
  }

  /** Called by shares. */
  settle(share: Share, bytes: number): void {
    this.#reserved -= share.reserved;
    share.reserved = 0;
    this.#held += bytes - share.bytes;
    share.bytes = bytes;
  }

  /** Called by shares. */
  drop(share: Share): void {
    if (!this.#shares.delete(share)) return;
    this.settle(share, 0);
  }
}
