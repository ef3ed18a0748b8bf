/**
 * One budget of bytes for all state of the engine. Every store holds a share; before a change it reserves what the change may add,
 * so that a full budget is refused before anything was changed, and afterwards it says what it really holds.
 *
 * Shares that can put rows and indexes out to a file (`spillable`) do so in `relieve`, which the owner calls between epochs and between
 * the steps of a large one: within one, columns refer to rows in memory. So what is asked for within an epoch is granted as long as that
 * which cannot go out fits, and the budget may be passed for as long as one step lasts, by no more than the step brings.
 *
 * Rows go before indexes, of all shares: a byte of an index is hotter than a byte of a row. A look-up reads one slot of 8 bytes whether
 * its key is there or not, and a row only if it is; so the same bytes of memory save several times the reads where they hold slots.
 */
import {WarehouseError} from '../../base/error.ts';
import {invariant} from '../../base/invariant.ts';

/** What a share can give back by putting rows or indexes out to a file. */
export interface Spillable {
  /** @returns an estimate of the bytes that `evict` could give back. */
  evictableBytes(): number;
  /** Gives about `bytes` back, and settles. @returns what it gave. @throws {WarehouseError} when the file cannot take it; nothing is changed. */
  evict(bytes: number): number;
}

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
  /** Bytes that may still be held without anything having to go out for them; below 0 when something has to. */
  readonly roomBytes: number;
  /** Says what of the share may go out to a file, in the order in which it goes: nothing second before all that is first in any share. */
  spillable(...order: readonly Spillable[]): void;
  /** Gives everything back; the share is void. */
  close(): void;
}

class Share implements MemoryShare {
  readonly name: string;
  readonly #budget: MemoryBudget;
  bytes = 0;
  reserved = 0;
  spills: readonly Spillable[] = [];

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

  get roomBytes(): number { return this.#budget.restBytesMax - this.#budget.heldBytes; }

  spillable(...order: readonly Spillable[]): void {
    this.spills = order;
  }

  close(): void {
    this.#budget.drop(this);
  }
}

/** Room that `relieve` leaves: what one epoch or step may bring, as far as the budget allows. */
const headroomBytesMax = 64 * 2 ** 20;
const headroomOf = (bytesMax: number): number => Math.min(headroomBytesMax, bytesMax / 8);

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

export class MemoryBudget {
  readonly bytesMax: number;
  readonly #shares = new Set<Share>();
  #held = 0;
  #reserved = 0;

  /** What `relieve` lets stay in memory. */
  readonly restBytesMax: number;

  /** @param restBytesMax what `relieve` lets stay in memory: room for one step is left unless it is given. */
  constructor(bytesMax: number, restBytesMax: number = bytesMax - headroomOf(bytesMax)) {
    invariant(bytesMax > 0 && restBytesMax <= bytesMax, () => `memory budget of ${bytesMax} bytes, ${restBytesMax} at rest`);
    this.bytesMax = bytesMax;
    this.restBytesMax = restBytesMax;
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
    if (this.#held + this.#reserved + bytes > this.bytesMax && this.#held - this.#evictableBytes() + this.#reserved + bytes > this.bytesMax) {
      if (this.#failure !== null) {
        throw new WarehouseError('unavailable', 'MR_MEMORY_FULL', `state of '${share.name}' needs ${mebibytes(bytes)} more, ${mebibytes(this.#held + this.#reserved)} of ${mebibytes(this.bytesMax)} are taken, and nothing can be put out to a file`, {cause: this.#failure, hint: `mend the disk: ${this.#failure.message}`});
      }
      throw new WarehouseError('unavailable', 'MR_MEMORY_FULL',
        `state of '${share.name}' needs ${mebibytes(bytes)} more, but ${mebibytes(this.#held + this.#reserved)} of ${mebibytes(this.bytesMax)} are taken`,
        {hint: "raise 'memory', drop dynamic tables that are not needed, or suspend some"});
    }
    share.reserved += bytes;
    this.#reserved += bytes;
  }

  /** What could go out; nothing while the file does not take it. */
  #evictableBytes(): number {
    if (this.#failure !== null) return 0;
    let bytes = 0;
    for (const {spills} of this.#shares) for (const spill of spills) bytes += spill.evictableBytes();
    return bytes;
  }

  /**
   * Lets shares put out what may go until a step's worth of room is free: rows of all, then indexes, the largest first. Not while anybody reads columns that refer to
   * state: between epochs, or between steps.
   *
   * @param only the one share whose columns nobody reads. A file that fails is not an error here: the next change that needs the
   *   room is refused with its reason, and each call tries again.
   */
  relieve(only?: MemoryShare): void {
    if (this.#held <= this.restBytesMax) return;
    let wanted = this.#held - (this.restBytesMax - headroomOf(this.bytesMax));
    const shares = [...this.#shares].filter((share) => only === undefined || share === only);
    try {
      for (let turn = 0; wanted > 0 && shares.some(({spills}) => turn < spills.length); turn++) {
        const sized = shares.flatMap(({spills: {[turn]: spill}}) => (spill === undefined ? [] : [{spill, bytes: spill.evictableBytes()}])).sort((a, b) => b.bytes - a.bytes);
        for (const {spill, bytes} of sized) if (wanted > 0 && bytes > 0) wanted -= spill.evict(wanted);
      }
      this.#failure = null;
    } catch (cause) {
      if (!(cause instanceof WarehouseError)) throw cause;
      this.#failure = cause;
    }
  }
  #failure: WarehouseError | null = null;

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
