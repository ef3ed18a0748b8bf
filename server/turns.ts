/** Long work on the thread that answers everyone: after some ms of it the others get a turn. */
import {setImmediate} from 'node:timers/promises';
import {systemClock} from '../base/clock.ts';
import {encodeMsMax} from '../base/limit.ts';

/** Asking the clock costs about as much as encoding a small row. */
const rowsPerLook = 64;

export class Turns {
  #startMs = systemClock.monotonicMs();
  #rows = 0;

  /** @returns whether it is time to let others in; cheap enough to ask for every row. */
  get over(): boolean {
    if (++this.#rows < rowsPerLook) return false;
    this.#rows = 0;
    return systemClock.monotonicMs() - this.#startMs >= encodeMsMax;
  }

  /** Lets others in. */
  async next(): Promise<void> {
    await setImmediate();
    this.#startMs = systemClock.monotonicMs();
  }
}
