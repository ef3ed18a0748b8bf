/**
 * The demo's server process, the one that is killed: holds the warehouse, serves it, and replays flights into it batch by batch.
 * Speaks with the demo over the channel that fork gives; everything else goes over HTTP.
 */
import {Warehouse} from '../engine/warehouse.ts';
import {rowsOfQuery} from '../engine/file-source.ts';
import {serve} from '../server/main.ts';
import {findDemoData} from './demo-data.ts';

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
const types = [{kind: 'bigint'}, {kind: 'timestamp'}, {kind: 'integer'}, {kind: 'integer'}, {kind: 'varchar'}, {kind: 'varchar'}] as const;

const layers = `
CREATE SCHEMA ods; CREATE SCHEMA dwd; CREATE SCHEMA dws;
CREATE TABLE ods.flights (id BIGINT PRIMARY KEY, ts TIMESTAMP, delay INTEGER, distance INTEGER, origin VARCHAR NOT NULL, destination VARCHAR NOT NULL);
CREATE TABLE ods.airports (iata VARCHAR PRIMARY KEY, name VARCHAR, city VARCHAR, state VARCHAR);
CREATE DYNAMIC TABLE dwd.flights AS
  SELECT f.*, o.city AS origin_city, o.state AS origin_state, d.city AS destination_city, d.state AS destination_state,
         CASE WHEN delay <= 15 THEN 'on time' WHEN delay <= 60 THEN 'late' WHEN delay > 60 THEN 'very late' END AS class
  FROM ods.flights f LEFT JOIN ods.airports o ON o.iata = f.origin LEFT JOIN ods.airports d ON d.iata = f.destination;
CREATE DYNAMIC TABLE dws.airport AS
  SELECT origin, count(*) AS flights, count(*) FILTER (WHERE delay > 15) AS delayed, avg(delay) AS delay_avg, max(delay) AS delay_max
  FROM dwd.flights GROUP BY origin;
CREATE DYNAMIC TABLE dws.route AS
  SELECT origin, destination, count(*) AS flights, avg(delay) AS delay_avg, max(delay) AS delay_max, sum(distance) AS distance
  FROM dwd.flights GROUP BY origin, destination;
CREATE DYNAMIC TABLE dws.airport_hour AS
  SELECT window_start AS hour, origin, count(*) AS flights, avg(delay) AS delay_avg, max(delay) AS delay_max
  FROM TUMBLE(dwd.flights, ts, INTERVAL 1 HOUR) GROUP BY window_start, origin;
`;

export async function runDemoHost(options: HostOptions): Promise<void> {
  const send = (message: HostMessage): void => void process.send?.(message);
  try {
    const data = findDemoData();
    const startMs = performance.now();
    const warehouse = await Warehouse.open({path: options.dir});
    const recoveryMs = performance.now() - startMs;
    if (warehouse.catalog.find('ods', 'flights') === undefined) {
      await warehouse.sql(layers);
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
  for await (const {columns, rowCount} of rowsOfQuery(sql, types, batchRows)) {
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
