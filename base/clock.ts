/** The only door to time. Tests move a `ManualClock`; production uses `systemClock`. */
export interface Clock {
  /** @returns wall time in ms since 1970, UTC. */
  nowMs(): number;
  /** @returns a monotonic time in ms, for durations only. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};
