/** E2: E1's epoch of 1,000 rows as the state behind it grows from 10⁵ to 10⁷ orders (`--max` limits it): the price of cache misses, not of size. */
import {measureEpochs, type EpochFigures} from './e1-epochs.ts';

export async function run(options: Record<string, number>): Promise<object> {
  const {max = 10_000_000, scale = 1} = options;
  const sizes = [100_000, 1_000_000, 10_000_000].filter((orders) => orders <= max);
  const figures: {orders: number; figure: EpochFigures}[] = [];
  for (const orders of sizes) figures.push({orders, figure: (await measureEpochs(orders, [1_000], scale))[0]!});
  const first = figures[0]!.figure.p50Ms;
  return {id: 'E2', figures, ratio: Number((figures.at(-1)!.figure.p50Ms / first).toFixed(2)), goal: '≤ 2.3 from 10⁵ to 10⁷', verified: 'VERIFY ALL equal at the end of each'};
}
