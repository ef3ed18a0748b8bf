/**
 * The demo's server process, the one that is killed: holds the warehouse, serves it, and replays flights into it batch by batch.
 * Speaks with the demo over the channel that fork gives; everything else goes over HTTP.
 */
import {Warehouse} from '../engine/warehouse.ts';
import {rowsOfQuery} from '../engine/file-source.ts';
import {serve} from '../server/main.ts';
import {findDemoData} from './demo-data.ts';
import {demoLayers, flightTypes} from './demo-layers.ts';

export interface HostOptions {
  readonly dir: string;
  /** First and last row to replay. */
  readonly from: number;
  readonly to: number;
  /** Rows a second; 0: as fast as it goes. */
  readonly rate: number;
}

export type HostMessage =
  | {readonly kind: 'ready'; readonly url: string; readonly epoch: number; readonly recoveryMs: number; readonly replayedEpochs: number; readonly next: number}
  | {readonly kind: 'progress'; readonly row: number; readonly epoch: number; readonly commitMs: readonly number[]}
  | {readonly kind: 'done'; readonly epoch: number}
  | {readonly kind: 'failed'; readonly message: string};

const batchRows = 5_000;
const inFlightMax = 3;
export async function runDemoHost(options: HostOptions): Promise<void> {
  const send = (message: HostMessage): void => void process.send?.(message);
  try {
    const data = findDemoData();
    const startMs = performance.now();
    const warehouse = await Warehouse.open({path: options.dir});
    const recoveryMs = performance.now() - startMs;
    if (warehouse.catalog.find('ods', 'flights') === undefined) {
      await warehouse.sql(demoLayers);
      for await (const {columns, rowCount} of rowsOfQuery(data.airportsSql, [{kind: 'varchar'}, {kind: 'varchar'}, {kind: 'varchar'}, {kind: 'varchar'}], batchRows)) await warehouse.insertColumns('ods.airports', columns, rowCount);
    }
    const serving = await serve(warehouse, {host: '127.0.0.1', port: 0});
    await warehouse.announce(serving.url);
    // Where the log stands is where the stream goes on: nothing acknowledged is sent again, nothing else was taken.
    const last = (await warehouse.sql('SELECT coalesce(max(id), 0) AS last FROM ods.flights')).rows[0]!['last'] as bigint;
    const next = Math.max(options.from, Number(last) + 1);
    send({kind: 'ready', url: serving.url, epoch: warehouse.epoch, recoveryMs, replayedEpochs: warehouse.openStats.replayedEpochs, next});
    process.on('message', (message: unknown) => {
      if (message === 'stop') void serving.close().then(() => warehouse.close()).then(() => process.exit(0), (cause: unknown) => {
        send({kind: 'failed', message: String(cause)});
        process.exit(1);
      });
    });
    await replay(warehouse, data.flightsSql(next, options.to), next, options, send);
    send({kind: 'done', epoch: warehouse.epoch});
  } catch (cause) {
    send({kind: 'failed', message: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)});
    process.exitCode = 1;
  }
}

async function replay(warehouse: Warehouse, sql: string, first: number, {rate}: HostOptions, send: (message: HostMessage) => void): Promise<void> {
  const waiting = new Set<Promise<void>>();
  const startMs = performance.now();
  let sent = 0;
  let failure: unknown = null;
  for await (const {columns, rowCount} of rowsOfQuery(sql, flightTypes, batchRows)) {
    const row = first + sent + rowCount - 1;
    const atMs = performance.now();
    const commit = warehouse.insertColumns('ods.flights', columns, rowCount).then(
      ({epoch}) => send({kind: 'progress', row, epoch, commitMs: [performance.now() - atMs]}),
      (cause: unknown) => {
        failure ??= cause;
      },
    ).finally(() => waiting.delete(commit));
    waiting.add(commit);
    sent += rowCount;
    if (waiting.size >= inFlightMax) await Promise.race(waiting);
    if (failure !== null) throw failure;
    const aheadMs = rate === 0 ? 0 : (sent / rate) * 1000 - (performance.now() - startMs);
    if (aheadMs > 0) await new Promise((resolve) => setTimeout(resolve, aheadMs));
  }
  await Promise.all(waiting);
  if (failure !== null) throw failure;
}
