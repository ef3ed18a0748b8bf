/**
 * When epochs were sealed, so that a time names an epoch after the log is gone. A clock may be set back: the time of an epoch is the
 * largest of its own and of all before it, so times never fall, and only epochs at which they rise are listed (at most one a ms).
 * Coded as epoch-sequences.ts codes its pairs: [epoch, ms, Δepoch, Δms, …].
 */
import type {Epoch} from '../../base/epoch.ts';
import {decodeEpochSequences, type EpochSequence} from './epoch-sequences.ts';

export interface EpochTime {
  readonly epoch: Epoch;
  /** ms since 1970. */
  readonly timeMs: number;
}

/** Collects the times of epochs that come in order. */
export class EpochTimes {
  #entries: EpochTime[] = [];
  #sinceMs: number;
  #timeMs: number;

  /** @param timeMs the time of the epoch before the first that comes. */
  constructor(timeMs: number) {
    this.#sinceMs = timeMs;
    this.#timeMs = timeMs;
  }

  /** The time of the newest epoch. */
  get timeMs(): number {
    return this.#timeMs;
  }

  /** Epochs at which the time rose. */
  get entries(): readonly EpochTime[] {
    return this.#entries;
  }

  add(epoch: Epoch, timeMs: number): void {
    if (timeMs <= this.#timeMs) return;
    this.#timeMs = timeMs;
    this.#entries.push({epoch, timeMs});
  }

  /** Forgets what another keeps: entries up to `epoch`. */
  dropThrough(epoch: Epoch): void {
    const kept = this.#entries.findIndex((entry) => entry.epoch > epoch);
    const dropped = this.#entries.splice(0, kept === -1 ? this.#entries.length : kept);
    this.#sinceMs = dropped.at(-1)?.timeMs ?? this.#sinceMs;
  }

  /** @param newest the newest epoch there is. @returns the newest epoch sealed at or before `timeMs`; undefined if it lies before those that are listed here. */
  at(timeMs: number, newest: Epoch): Epoch | undefined {
    if (timeMs < this.#sinceMs) return undefined;
    return epochAtTime(this.#entries, newest, timeMs) ?? (this.#entries.length === 0 ? newest : ((this.#entries[0]!.epoch - 1) as Epoch));
  }
}

/** @returns a time as the pair that epoch-sequences.ts codes. */
export function epochTimePair({epoch, timeMs}: EpochTime): EpochSequence {
  return {epoch, sequence: timeMs};
}

/** @returns the entries, or what is wrong with `coded`. */
export function decodeEpochTimes(coded: readonly unknown[]): EpochTime[] | string {
  const entries = decodeEpochSequences(coded);
  return typeof entries === 'string' ? entries : entries.map(({epoch, sequence}) => ({epoch, timeMs: sequence}));
}

/**
 * @param entries both rising.
 * @param last the newest epoch that they tell of.
 * @returns the newest epoch whose time is at most `timeMs`; undefined if it lies before them.
 */
export function epochAtTime(entries: readonly EpochTime[], last: Epoch, timeMs: number): Epoch | undefined {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (entries[middle]!.timeMs > timeMs) high = middle;
    else low = middle + 1;
  }
  if (low === 0) return undefined;
  return low === entries.length ? last : (entries[low]!.epoch - 1) as Epoch;
}
