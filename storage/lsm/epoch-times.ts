/**
 * When epochs were sealed, so that a time names an epoch after the log is gone. A clock may be set back: the time of an epoch is the
 * largest of its own and of all before it, so times never fall, and only epochs at which they rise are listed (at most one a ms), each with
 * its ms since 1970 (epoch-numbers.ts).
 */
import type {Epoch} from '../../base/epoch.ts';
import {GrowingEpochNumbers, indexAboveNumber, type EpochNumbers} from './epoch-numbers.ts';

/** Collects the times of epochs that come in order. */
export class EpochTimes {
  readonly #times = new GrowingEpochNumbers();
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

  add(epoch: Epoch, timeMs: number): void {
    if (timeMs <= this.#timeMs) return;
    this.#timeMs = timeMs;
    this.#times.push(epoch, timeMs);
  }

  /** @returns the epochs at which the time rose, as a view that is valid until some are dropped. */
  view(): EpochNumbers {
    return this.#times.view();
  }

  /** @returns the epochs up to `epoch` at which the time rose, and the time of `epoch`. */
  through(epoch: Epoch): {readonly times: EpochNumbers; readonly timeMs: number} {
    const times = this.#times.through(epoch);
    return {times, timeMs: times.numbers.at(-1) ?? this.#sinceMs};
  }

  /** Forgets what another keeps: entries up to `epoch`. */
  dropThrough(epoch: Epoch): void {
    this.#sinceMs = this.#times.dropThrough(epoch) ?? this.#sinceMs;
  }

  /** @param newest the newest epoch there is. @returns the newest epoch sealed at or before `timeMs`; undefined if it lies before those that are listed here. */
  at(timeMs: number, newest: Epoch): Epoch | undefined {
    if (timeMs < this.#sinceMs) return undefined;
    const times = this.#times.view();
    return epochAtTime(times, newest, timeMs) ?? (times.epochs.length === 0 ? newest : ((times.epochs[0]! - 1) as Epoch));
  }
}

/**
 * @param last the newest epoch that `times` tell of.
 * @returns the newest epoch whose time is at most `timeMs`; undefined if it lies before them.
 */
export function epochAtTime(times: EpochNumbers, last: Epoch, timeMs: number): Epoch | undefined {
  const next = indexAboveNumber(times, timeMs);
  if (next === 0) return undefined;
  return next === times.epochs.length ? last : (times.epochs[next]! - 1) as Epoch;
}
