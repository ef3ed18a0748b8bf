/**
 * E1: one epoch through three layers, from the call that brings the rows to the subscriber of the last layer, with the log on
 * (fdatasync) and everything in the final product's path: encode, worker, apply, compute, log, publish, decode.
 */
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {invariant} from '../base/invariant.ts';
import {Numbers, openOrders, randomWrites} from './orders.ts';
import {quantile} from './statistics.ts';

export interface EpochFigures {
  readonly rows: number;
  readonly epochs: number;
  readonly p10Ms: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const goals: Readonly<Record<number, string>> = {1: 'p50 ≤ 0.6, p99 ≤ 3', 100: 'p50 ≤ 1.5, p99 ≤ 5', 1000: 'p50 ≤ 5, p99 ≤ 15', 10000: 'p50 ≤ 50'};

/** @param options.orders state; `options.scale` multiplies the number of epochs per size; `options.restMiB` of state stay in memory between epochs (all). */
export async function run(options: Record<string, number>): Promise<object> {
  const {orders = 1_000_000, scale = 1, restMiB} = options;
  const figures = await measureEpochs(orders, [1, 100, 1_000, 10_000], scale, restMiB);
  return {id: 'E1', orders, restMiB: restMiB ?? 'all', figures: figures.map((figure) => ({...figure, goal: goals[figure.rows]})), verified: 'VERIFY ALL equal at the end'};
}

export async function measureEpochs(orders: number, sizes: readonly number[], scale: number, restMiB?: number): Promise<EpochFigures[]> {
  const path = await mkdtemp(join(tmpdir(), 'millrace-e1-'));
  const numbers = new Numbers(20_260_101);
  const warehouse = await openOrders(path, orders, numbers, restMiB === undefined ? undefined : restMiB * 2 ** 20);
  try {
    await warehouse.checkpoint();
    const items = warehouse.subscribe('dws.region', {from: 'latest', emptyEpochs: true});
    const figures: EpochFigures[] = [];
    for (const rows of sizes) {
      const epochs = Math.max(10, Math.round(scale * Math.min(300, 200_000 / rows)));
      const warmUp = Math.ceil(epochs / 5);
      const times: number[] = [];
      for (let i = 0; i < epochs + warmUp; i++) {
        const writes = randomWrites(numbers, rows, Math.round(orders * 4 / 3));
        const startMs = performance.now();
        const written = warehouse.writeColumns(writes);
        for (;;) {
          const {value} = await items.next();
          invariant(value !== undefined, 'the subscription goes on');
          if (value.complete) break;
        }
        const elapsedMs = performance.now() - startMs;
        await written;
        if (i >= warmUp) times.push(elapsedMs);
      }
      figures.push({rows, epochs, p10Ms: quantile(times, 0.1), p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99)});
    }
    await items.return(undefined);
    const {rows} = await warehouse.sql('VERIFY ALL');
    invariant(rows.every((row) => row['equal'] === true), () => `the layers differ from batch: ${rows.map((row) => `${String(row['table'])} ${String(row['missing'])}/${String(row['unexpected'])}`).join(', ')}`);
    return figures;
  } finally {
    await warehouse.close();
    await rm(path, {recursive: true, force: true});
  }
}
