/**
 * The warehouse's changelog by epoch: recent epochs in memory, older ones from the log, those that the log has no longer from the
 * tables' files. Every reader of changes (subscriptions, `changes()`, followers over HTTP) goes through here and therefore sees the
 * same rows in the same order, wherever they lie by now.
 */
import {WarehouseError} from '../base/error.ts';
import {epoch as toEpoch, type Epoch} from '../base/epoch.ts';
import {invariant} from '../base/invariant.ts';
import {historyBytesMax} from '../base/limit.ts';
import type {TableSpec} from '../catalog/spec.ts';
import type {SealedEpoch} from './sealed-epoch.ts';

export interface HistoryOptions {
  /** The newest epoch at the start; nothing of it is in memory yet. */
  readonly at: Epoch;
  /** The oldest epoch whose content can be read; changes are readable after it. */
  readonly oldest: () => Epoch;
  /** Frames (since, until] from the log, in order; none if the log begins later. */
  readonly readLog: (since: Epoch, until: Epoch) => AsyncIterable<SealedEpoch>;
  /** The same epochs from files, in order, with the changes of `tables` only; it may end before `until`, and gives none that it has not. */
  readonly readFiles: (since: Epoch, until: Epoch, tables: readonly TableSpec[]) => AsyncIterable<SealedEpoch>;
}

export class EpochHistory {
  readonly #options: HistoryOptions;
  #recent: SealedEpoch[] = [];
  #recentBytes = 0;
  #newest: Epoch;
  #wake = new Set<() => void>();
  #closed: WarehouseError | null = null;

  constructor(options: HistoryOptions) {
    this.#options = options;
    this.#newest = options.at;
  }

  get newest(): Epoch {
    return this.#newest;
  }

  /** The epoch after which everything is in memory. */
  get memoryFrom(): Epoch {
    return toEpoch((this.#recent[0]?.epoch ?? this.#newest + 1) - 1);
  }

  /** Bytes of recent epochs in memory. */
  get bytes(): number {
    return this.#recentBytes;
  }

  get oldest(): Epoch {
    return this.#options.oldest();
  }

  append(sealed: SealedEpoch): void {
    invariant(sealed.epoch === this.#newest + 1, () => `epoch ${sealed.epoch} after ${this.#newest}`);
    this.#newest = sealed.epoch;
    this.#recent.push(sealed);
    this.#recentBytes += sealed.bytes;
    let drop = 0;
    while (this.#recentBytes > historyBytesMax && drop < this.#recent.length - 1) this.#recentBytes -= this.#recent[drop++]!.bytes;
    if (drop > 0) this.#recent = this.#recent.slice(drop);
    this.#notify();
  }

  /** Ends all readers with `error`. */
  close(error: WarehouseError): void {
    this.#closed = error;
    this.#notify();
  }

  /**
   * Epochs in (since, until], in order, without gap or repeat; with `until` null it goes on, waiting for new ones.
   *
   * @param tables those whose changes are wanted; an epoch may hold others' too. Definitions come of all.
   * @throws {WarehouseError} `MR_EPOCH_EXPIRED` if `since` lies before what is kept; `MR_CLOSED` when the warehouse closes.
   */
  async *epochs(since: Epoch, until: Epoch | null, tables: readonly TableSpec[], signal?: AbortSignal): AsyncGenerator<SealedEpoch> {
    let at = since;
    for (;;) {
      if ((until !== null && at >= until) || aborted(signal)) return;
      if (at < this.#newest) {
        const first = this.#recent[0]?.epoch;
        if (first !== undefined && at + 1 >= first) {
          const next = this.#recent[at + 1 - first];
          invariant(next !== undefined && next.epoch === at + 1, () => `epoch ${at + 1} is missing in memory`);
          yield next;
          at = next.epoch;
          continue;
        }
        if (at < this.oldest) throw expired(at, this.oldest);
        const last = first === undefined ? this.#newest : toEpoch(first - 1);
        const end = until === null || last < until ? last : until;
        const began = at;
        for (const read of [() => this.#options.readLog(at, end), () => this.#options.readFiles(at, end, tables)]) {
          for await (const sealed of read()) {
            // A slow reader may be overtaken: what it was about to read has expired between two of its epochs.
            if (sealed.epoch !== at + 1 && at < this.oldest) throw expired(at, this.oldest);
            invariant(sealed.epoch === at + 1, () => `epoch ${sealed.epoch} read back after ${at}`);
            yield sealed;
            at = sealed.epoch;
            if (aborted(signal)) return;
          }
          if (at > began) break;
        }
        if (at === began) throw expired(at, this.oldest);
        continue;
      }
      if (this.#closed !== null) throw this.#closed;
      await this.#next(signal);
    }
  }

  /** Resolves when `wanted` is committed. @throws {WarehouseError} `MR_INTERRUPTED` by `signal`; `MR_CLOSED` when the warehouse closes. */
  async reached(wanted: Epoch, signal?: AbortSignal): Promise<void> {
    while (this.#newest < wanted) {
      if (this.#closed !== null) throw this.#closed;
      if (aborted(signal)) throw new WarehouseError('unavailable', 'MR_INTERRUPTED', `the wait for epoch ${wanted} was interrupted at epoch ${this.#newest}`);
      await this.#next(signal);
    }
  }

  #next(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#wake.delete(done);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      this.#wake.add(done);
      signal?.addEventListener('abort', done, {once: true});
    });
  }

  #notify(): void {
    for (const wake of Array.from(this.#wake)) wake(); // who wakes may wait again at once
  }
}

export function expired(since: number, oldest: number): WarehouseError {
  return new WarehouseError('invalid', 'MR_EPOCH_EXPIRED', `epoch ${since} is no longer kept; the oldest readable epoch is ${oldest}`, {hint: `ask for changes since ${oldest} or later, or start from a snapshot`});
}

function aborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted ?? false;
}
