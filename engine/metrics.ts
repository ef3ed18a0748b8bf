/** What `/metrics` shows, in Prometheus' naming. */
import {historyBytesMax} from '../base/limit.ts';
import type {Catalog} from '../catalog/catalog.ts';
import type {MemoryShares} from './memory.ts';
import type {Kernel} from '../kernel/duckdb.ts';
import type {SubscriptionState} from './subscriptions.ts';
import type {TableWarmth} from './warming.ts';

export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

type StatRow = Readonly<Record<string, string | number | boolean | null>>;

interface MainStats {
  readonly epoch: number;
  /** Tables whose state is being loaded. */
  readonly warming: readonly TableWarmth[];
  readonly inFlightBytes: number;
  readonly waitingWrites: number;
  readonly pendingRows: number;
  readonly memoryBytesMax: number;
  readonly subscriptions: readonly SubscriptionState[];
  /** What each holder of memory holds, and may hold at most (undefined: has no number of its own). */
  readonly memory: readonly {readonly share: string; readonly bytes: number | undefined; readonly bytesMax: number}[];
}

/** @returns the value of one of the worker's numbers. */
export function statOf(stats: readonly StatRow[], name: string): number | undefined {
  const found = stats.find((row) => row['metric'] === name);
  return found === undefined ? undefined : Number(found['value']);
}

/** @returns the bytes that an instance of DuckDB holds; through a session of its own, so that it waits for no read. */
export async function kernelBytes(kernel: Kernel): Promise<number> {
  await using session = await kernel.connect();
  const {rows} = await session.rows('SELECT sum(memory_usage_bytes)::BIGINT FROM duckdb_memory()');
  return Number(rows[0]?.[0] ?? 0);
}

/** @returns what each holder of memory holds and may hold, as far as the main thread tells it. */
export function memoryOf(stats: readonly StatRow[], shares: MemoryShares, held: {readonly serve: number; readonly history: number; readonly inFlight: number; readonly inFlightMax: number}): MainStats['memory'] {
  return [
    {share: 'serve', bytes: held.serve, bytesMax: shares.serve},
    {share: 'maintain', bytes: statOf(stats, 'maintain_bytes'), bytesMax: shares.maintain},
    {share: 'history', bytes: held.history, bytesMax: historyBytesMax},
    {share: 'in_flight', bytes: held.inFlight, bytesMax: held.inFlightMax},
  ];
}

function labelsOf({table, kind}: StatRow): Metric['labels'] {
  return {...(typeof table === 'string' ? {table} : {}), ...(typeof kind === 'string' ? {kind} : {})};
}

/** @param stats rows of the worker: `{metric, help, value, table?}`. */
export function metricsOf(catalog: Catalog, stats: readonly StatRow[], main: MainStats): Metric[] {
  const metric = (name: string, help: string, value: number): Metric => ({name: `millrace_${name}`, help, labels: {}, value});
  return [
    metric('epoch', 'newest visible epoch', main.epoch),
    metric('in_flight_bytes', 'bytes of writes accepted and not yet visible', main.inFlightBytes),
    metric('waiting_writes', 'writes that wait for room in flight', main.waitingWrites),
    metric('publish_pending_rows', 'changed rows not yet in the read cache', main.pendingRows),
    ...[...main.memory, {share: 'state', bytes: statOf(stats, 'state_bytes'), bytesMax: statOf(stats, 'state_bytes_max') ?? 0}].flatMap(({share, bytes, bytesMax}): Metric[] => [
      {name: 'millrace_memory_bytes_max', help: 'bytes that each share of the memory budget may take', labels: {share}, value: bytesMax},
      ...(bytes === undefined ? [] : [{name: 'millrace_memory_bytes', help: 'bytes that each share of the memory budget takes now', labels: {share}, value: bytes}]),
    ]),
    metric('memory_budget_bytes', 'bytes of the one memory budget', main.memoryBytesMax),
    metric('resident_bytes', 'bytes of the process that are in memory', process.memoryUsage.rss()),
    metric('subscriptions', 'durable subscriptions', main.subscriptions.length),
    ...main.subscriptions.flatMap(({subscription: {name}, state, lagEpochs, lagMs, lagBytes}): Metric[] => {
      const of = (what: string, help: string, value: number): Metric => ({name: `millrace_subscription_${what}`, help, value, labels: {subscription: name}});
      return [
        of('lag_epochs', 'epochs between the committed position and the newest, while something waits', lagEpochs), of('lag_ms', 'age of the committed position in ms, while something waits', lagMs),
        of('lag_bytes', 'bytes logged after the committed position, while something waits', lagBytes), of('expired', '1 if the lease on history has ended', state === 'expired' ? 1 : 0),
      ];
    }),
    metric('warming_tables', 'tables whose state is still being loaded: what needs it waits', main.warming.length),
    ...main.warming.flatMap(({table, rows, rowsExpected}): Metric[] => [
      {name: 'millrace_warming_rows', help: 'rows that are loaded of a table that is not loaded whole', labels: {table}, value: rows}, {name: 'millrace_warming_rows_expected', help: 'rows that such a table has at most', labels: {table}, value: rowsExpected},
    ]),
    metric('tables', 'tables and dynamic tables', catalog.tables().length),
    ...stats.map((row): Metric => ({name: `millrace_${String(row['metric'])}`, help: String(row['help']), value: Number(row['value']), labels: labelsOf(row)})),
  ];
}
