/** How long the thread that answers everyone was kept from answering: what encoding in pieces and slices keeps small. */
import {monitorEventLoopDelay, type IntervalHistogram} from 'node:perf_hooks';
import type {Metric} from '../engine/metrics.ts';

const resolutionMs = 10;

export class LoopLag {
  readonly #delays: IntervalHistogram = monitorEventLoopDelay({resolution: resolutionMs});

  constructor() {
    this.#delays.enable();
  }

  /** @returns the delays since the last call. */
  metrics(): Metric[] {
    const ms = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - resolutionMs);
    const of = (quantile: string, value: number): Metric => ({name: 'millrace_event_loop_lag_ms', help: 'ms that the main thread kept others waiting, since the last look', labels: {quantile}, value});
    const metrics = this.#delays.count === 0 ? [of('0.5', 0), of('0.99', 0), of('1', 0)] : [of('0.5', ms(this.#delays.percentile(50))), of('0.99', ms(this.#delays.percentile(99))), of('1', ms(this.#delays.max))];
    this.#delays.reset();
    return metrics;
  }

  close(): void {
    this.#delays.disable();
  }
}
