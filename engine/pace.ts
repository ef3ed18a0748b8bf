/**
 * The pace of work in the background: it rests between its steps in proportion to what they took, so that who answers finds a core and
 * the disk free most of the time. Not while somebody waits for it to end.
 */
import type {Clock} from '../base/clock.ts';
import {invariant} from '../base/invariant.ts';

export interface PaceOptions {
  readonly clock: Clock;
  /** Part of the time that is worked, above 0 and at most 1. */
  readonly share: () => number;
  /** The longest rest, in ms; asked before each. */
  readonly restMsMax: number;
  /** Whether there is no time to rest, beside what `hurry` says; `wake` when that changes. */
  readonly urgent?: () => boolean;
}

export class Pace {
  readonly #options: PaceOptions;
  #waiting = 0;
  #wake: (() => void) | null = null;
  #watching: (() => void)[] = [];

  constructor(options: PaceOptions) {
    this.#options = options;
  }

  /** Whether there are no rests now. */
  get hurried(): boolean {
    return this.#waiting > 0 || this.#options.urgent?.() === true;
  }

  /** Somebody waits: no rests until what this returns was called, once. */
  hurry(): () => void {
    this.#waiting++;
    this.wake();
    return () => void this.#waiting--;
  }

  /** Ends the rest that is under way, if any. */
  wake(): void {
    this.#wake?.();
  }

  /** Rests after a step. @param workedMs that the step took. */
  async rest(workedMs: number): Promise<void> {
    const {clock, restMsMax} = this.#options;
    const share = this.#options.share();
    invariant(share > 0 && share <= 1, () => `a share of ${share} of the time`);
    const restMs = Math.min(restMsMax, workedMs * (1 / share - 1));
    invariant(this.#wake === null, 'one rest at a time');
    if (restMs <= 0 || this.hurried) return;
    await new Promise<void>((resolve) => {
      const cancel = clock.after(restMs, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
      for (const tell of this.#watching.splice(0)) tell();
    });
    this.#wake = null;
  }

  /** Resolves at the next rest, at once in one. */
  async resting(): Promise<void> {
    if (this.#wake === null) await new Promise<void>((resolve) => this.#watching.push(resolve));
  }
}
