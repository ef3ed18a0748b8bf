/** The only door to time. Tests move a `ManualClock`; production uses `systemClock`. */
export interface Clock {
  /** @returns wall time in ms since 1970, UTC. */
  nowMs(): number;
  /** @returns a monotonic time in ms, for durations only. */
  monotonicMs(): number;
  /** Calls `work` once after `delayMs`. @returns what cancels it. A waiting timer does not keep the process alive. */
  after(delayMs: number, work: () => void): () => void;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after: (delayMs, work) => {
    const timer = setTimeout(work, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
