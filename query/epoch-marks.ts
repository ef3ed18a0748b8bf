/**
 * When epochs were sealed and how much was logged by then: what tells how far behind a subscription is. Kept for at most
 * `epochMarksMax` epochs: when there are more, every second one of the older half goes, so that the recent past is known exactly and
 * the distant one by and large.
 */
import {epochMarksMax} from '../base/limit.ts';
import {invariant} from '../base/invariant.ts';
import type {StreamPosition} from '../catalog/spec.ts';

export class EpochMarks {
  #marks: StreamPosition[];
  readonly #marksMax: number;

  /** @param first where counting begins: the checkpoint that the warehouse was opened from. */
  constructor(first: StreamPosition, marksMax: number = epochMarksMax) {
    this.#marks = [first];
    this.#marksMax = marksMax;
  }

  get newest(): StreamPosition {
    return this.#marks.at(-1)!;
  }

  get count(): number {
    return this.#marks.length;
  }

  /** @param bytes what the epoch added to the log. */
  append(epoch: number, timeMs: number, bytes: number): void {
    const {newest} = this;
    invariant(epoch > newest.epoch, () => `epoch ${epoch} after ${newest.epoch}`);
    this.#marks.push({epoch, timeMs, loggedBytes: newest.loggedBytes + bytes});
    if (this.#marks.length <= this.#marksMax) return;
    const half = this.#marks.length >> 1;
    // The first one stays: nothing is known before it.
    this.#marks = this.#marks.filter((_, index) => index === 0 || index >= half || index % 2 === 0);
  }

  /** @returns the position of `epoch`, with time and bytes of the last mark at or before it; of the first mark, if it lies before all. */
  at(epoch: number): StreamPosition {
    let low = 0;
    for (let high = this.#marks.length; high - low > 1;) {
      const middle = (low + high) >> 1;
      if (this.#marks[middle]!.epoch <= epoch) low = middle;
      else high = middle;
    }
    const {timeMs, loggedBytes} = this.#marks[low]!;
    return {epoch, timeMs, loggedBytes};
  }
}
