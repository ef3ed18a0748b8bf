/**
 * A table much larger than memory: 20 M keyed rows × 10 columns, loaded by INSERT … SELECT, then upserts of 1,000 rows over uniform
 * keys, OLAP reads, a checkpoint with what it compacts, a clean close, and a reopening with an upsert and a read: the resident memory
 * of the whole process is sampled throughout and must stay below 2 GiB. Everything counts: both DuckDB instances, both threads' heaps,
 * state and its page files' buffers, log, history, opening. Answers are compared with what the statements must have left.
 *
 * Prints one JSON line a phase and one at the end; exit code 1 if the limit was passed or an answer was wrong.
 * `node --import tsx bench/memory-large.ts [rows] [memory MiB] [epochs] [rows a statement] [MiB of state at rest]`
 */
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {Warehouse} from '../engine/warehouse.ts';
import {quantile} from './statistics.ts';

const limitMiB = 2048;
const sampleMs = 25;
const rows = Number(process.argv[2] ?? '20000000');
const memoryBytes = Number(process.argv[3] ?? '1280') * 2 ** 20;
const epochs = Number(process.argv[4] ?? '300');
/** Rows of one INSERT … SELECT. */
const statementRows = Number(process.argv[5] ?? '5000000');
/** What may stay in memory of state between epochs; as the memory allows unless given. */
const rest = process.argv[6] === undefined ? {} : {stateRestBytes: Number(process.argv[6]) * 2 ** 20};
const deadlineMs = 3_600_000;
const epochRows = 1000;
const path = mkdtempSync(join(tmpdir(), 'millrace-large-'));

const columns = `(id BIGINT PRIMARY KEY, customer INTEGER NOT NULL, region INTEGER NOT NULL, quantity INTEGER, amount DECIMAL(12,2) NOT NULL, discount DECIMAL(4,2),
  created TIMESTAMP NOT NULL, updated TIMESTAMP, code VARCHAR, note VARCHAR)`;
/** @param i the key's expression. @param version goes into what an upsert changes. */
const values = (i: string, version: string): string => `${i} AS id, (${i} % 1000003)::INTEGER AS customer, (${i} % 26)::INTEGER AS region, (${i} % 100)::INTEGER AS quantity,
  ((${i} * 7 % 1000000) / 100)::DECIMAL(12,2) AS amount, (${i} % 50 / 100)::DECIMAL(4,2) AS discount, TIMESTAMP '2026-01-01' + INTERVAL (${i} % 31536000) SECOND AS created,
  TIMESTAMP '2026-06-01' + INTERVAL (${version}) SECOND AS updated, 'code-' || (${i} % 9999991) AS code, 'note of row ' || ${i} AS note`;

const MiB = (bytes: number): number => Math.round(bytes / 2 ** 20);
let peak = 0;
let highest = 0;
const sample = (): void => {
  const {rss} = process.memoryUsage();
  peak = Math.max(peak, rss);
  highest = Math.max(highest, rss);
};
const timer = setInterval(sample, sampleMs);
timer.unref();

async function phase<T>(name: string, work: () => Promise<T>): Promise<T> {
  sample();
  peak = 0;
  const start = performance.now();
  const result = await work();
  sample();
  process.stdout.write(`${JSON.stringify({phase: name, seconds: Number(((performance.now() - start) / 1000).toFixed(1)), peakMiB: MiB(peak), ...(result instanceof Warehouse || typeof result !== 'object' ? {} : result)})}\n`);
  return result;
}

/** What the engine says of its memory. */
async function shares(warehouse: Warehouse): Promise<Record<string, number>> {
  const metrics = await warehouse.metrics();
  const named = metrics.filter(({name}) => /^millrace_(memory_bytes|state_page_bytes|state_page_file_bytes|state_rows_asked|state_rows_read|state_page_reads|state_index_blocks_read|state_index_blocks_written)$/.test(name));
  return Object.fromEntries(named.map(({name, labels, value}) => [`${name.slice('millrace_'.length)}${labels['share'] === undefined ? '' : `_${labels['share']}`}`, name.endsWith('bytes') ? MiB(value) : value]));
}

async function expect(warehouse: Warehouse, sql: string, answer: readonly unknown[]): Promise<void> {
  const found = Object.values((await warehouse.sql(sql, [], {deadlineMs})).rows[0]!).map(String);
  if (found.join() !== answer.map(String).join()) throw new Error(`${sql} answers ${found.join()}, expected ${answer.join()}`);
}

/** xorshift32 over the keys. */
let state = 20_260_101;
function key(): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % rows;
}

const latest = new Map<number, number>();
async function upserts(warehouse: Warehouse, count: number, version: number): Promise<object> {
  const times: number[] = [];
  for (let epoch = 0; epoch < count; epoch++) {
    const keys = Array.from({length: epochRows}, key);
    for (const one of keys) latest.set(one, version);
    const start = performance.now();
    await warehouse.sql(`INSERT INTO orders SELECT ${values('i', String(version))} FROM (SELECT unnest([${keys.join()}])::BIGINT AS i)`);
    times.push(performance.now() - start);
  }
  return {epochs: count, p50Ms: Number(quantile(times, 0.5).toFixed(1)), p99Ms: Number(quantile(times, 0.99).toFixed(1)), ...(await shares(warehouse))};
}

const updatedSince = async (warehouse: Warehouse): Promise<void> => {
  const versions = new Map<number, number>();
  for (const version of latest.values()) versions.set(version, (versions.get(version) ?? 0) + 1);
  await expect(warehouse, 'SELECT count(*), sum(id)::VARCHAR, count(DISTINCT region) FROM orders', [rows, String((BigInt(rows) * BigInt(rows - 1)) / 2n), 26]);
  for (const [version, count] of versions) await expect(warehouse, `SELECT count(*) FROM orders WHERE updated = TIMESTAMP '2026-06-01' + INTERVAL (${version}) SECOND`, [count]);
};

const reads = async (warehouse: Warehouse): Promise<void> => {
  await updatedSince(warehouse);
  await warehouse.sql('SELECT region, sum(amount * (1 - discount)), max(updated) FROM orders GROUP BY region', [], {deadlineMs});
  await warehouse.sql('SELECT customer, count(*) AS n FROM orders GROUP BY customer ORDER BY n DESC, customer LIMIT 10', [], {deadlineMs});
  await warehouse.sql("SELECT * FROM orders WHERE note LIKE '%777%' ORDER BY amount DESC, id LIMIT 20", [], {deadlineMs});
};

let ok = false;
try {
  let warehouse = await phase('open', () => Warehouse.open({path, memoryBytes, ...rest}).then((made) => made));
  await warehouse.sql(`CREATE TABLE orders ${columns}`);
  await phase('load', async () => {
    for (let start = 0; start < rows; start += statementRows) {
      await warehouse.sql(`INSERT INTO orders SELECT ${values('i', '0')} FROM range(${start}, ${Math.min(rows, start + statementRows)}) r(i)`, [], {deadlineMs});
      process.stdout.write(`${JSON.stringify({loaded: Math.min(rows, start + statementRows), peakMiB: MiB(peak)})}\n`);
    }
    return shares(warehouse);
  });
  await phase('upserts', () => upserts(warehouse, epochs, 1));
  await phase('reads', () => reads(warehouse));
  await phase('checkpoint', () => warehouse.checkpoint());
  await phase('more upserts', () => upserts(warehouse, Math.ceil(epochs / 3), 2));
  await phase('reads again', () => reads(warehouse));
  await phase('close', () => warehouse.close());
  warehouse = await phase('reopen', () => Warehouse.open({path, memoryBytes, ...rest}).then((made) => made));
  await phase('reads after opening', () => updatedSince(warehouse));
  await phase('upserts after opening', () => upserts(warehouse, Math.ceil(epochs / 3), 3));
  await phase('reads at last', () => reads(warehouse));
  await phase('last close', () => warehouse.close());
  ok = MiB(highest) <= limitMiB;
} finally {
  rmSync(path, {recursive: true, force: true});
  process.stdout.write(`${JSON.stringify({bench: 'memory-large', rows, memoryMiB: MiB(memoryBytes), peakMiB: MiB(highest), limitMiB, ok})}\n`);
}
process.exit(ok ? 0 : 1);
