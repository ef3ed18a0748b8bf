/**
 * Turns at a core, across threads: whoever does long work that nobody waits for takes one first, so that a core stays free for those
 * who answer. Two such works at once on a machine of two cores keep a write waiting for a tick of the scheduler at every change of
 * threads on its way, and at every step of the kernel's own that its sync needs.
 *
 * Tickets in shared memory: who came first goes first, on whatever thread. A thread that dies with a turn would keep it, but here the
 * process goes down with its threads.
 */
import {availableParallelism} from 'node:os';
import {systemClock, type Clock} from './clock.ts';

/** Where the two counters lie. */
const TAKEN = 0;
const GIVEN = 1;
/** Between two looks at whether it is one's turn. */
const lookMs = 2;

export class SharedTurns {
  /** To be handed to other threads. */
  readonly shared: SharedArrayBuffer;
  readonly #counts: Int32Array;
  readonly #width: number;
  readonly #clock: Clock;

  /**
   * @param shared of the turns on another thread; new ones unless given.
   * @param width how many have a turn at once: all cores but one unless given. The same on all threads.
   */
  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(8), width: number = Math.max(1, availableParallelism() - 1), clock: Clock = systemClock) {
    this.shared = shared;
    this.#counts = new Int32Array(shared);
    this.#width = width;
    this.#clock = clock;
  }

  /**
   * Waits for a turn, in order of asking. Who has one must not wait for somebody who takes one.
   *
   * @param hurried who is, waits for none: begins beside the others, or as soon as it is.
   * @returns gives it back; to be called once.
   */
  async take(hurried: () => boolean = () => false): Promise<() => void> {
    if (hurried()) return () => undefined;
    const ticket = Atomics.add(this.#counts, TAKEN, 1);
    // Counters wrap around; their difference does not.
    while (((ticket - Atomics.load(this.#counts, GIVEN)) | 0) >= this.#width && !hurried()) await new Promise<void>((resolve) => this.#clock.after(lookMs, resolve));
    return () => void Atomics.add(this.#counts, GIVEN, 1);
  }

  /** Runs `work` in a turn. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const give = await this.take();
    try {
      return await work();
    } finally {
      give();
    }
  }
}
