/**
 * The processes of R1, which r1-recovery.ts starts: `write <folder> <rows> <tail bytes> close|wait` makes the warehouse and either closes
 * it or stays, to be killed; `open <folder> <JSON of Expected>` opens it and prints what an opening takes, one line of JSON.
 */
import {spawnSync} from 'node:child_process';
import {writeSync} from 'node:fs';
import {Arena} from '../base/arena.ts';
import type {Column} from '../base/delta.ts';
import {Warehouse} from '../engine/warehouse.ts';
import {Numbers} from './orders.ts';

/** What the table must hold. */
export interface Expected {
  readonly rows: number;
  readonly sum: string;
  readonly epoch: number;
}

const epochRows = 20_000;
const statementRows = 1_000_000;
const letters = Arena.wrap(new TextEncoder().encode('abcdefghijklmnopqrstuvwxyz0123456789-abcdefghijklmnopqrstuvwxyz'));
/** No checkpoint but those that are asked for: the tail is what the benchmark says. */
export const heldOff = {checkpointMs: 3_600_000, checkpointBytes: 2 ** 32};

const say = (line: object): void => void writeSync(1, `${JSON.stringify(line)}\n`);

const whole = (data: Float64Array): Column => ({kind: 'f64', data, valid: null, bound: 2 ** 40});

async function write(path: string, rows: number, tailBytes: number, close: boolean): Promise<void> {
  const warehouse = await Warehouse.open({path, ...heldOff});
  await warehouse.sql('CREATE TABLE t (id BIGINT PRIMARY KEY, a BIGINT, b BIGINT, c DOUBLE, d TIMESTAMP, code INTEGER, label VARCHAR)');
  for (let from = 0; from < rows; from += statementRows) {
    await warehouse.sql(`INSERT INTO t SELECT i, i * 7 % 1000003, i % 1000, i / 8, TIMESTAMP '2026-01-01' + INTERVAL (i % 31536000) SECOND, (i % 26)::INTEGER, 'label of row ' || i FROM range(${from}, ${Math.min(rows, from + statementRows)}) r(i)`, [], {deadlineMs: 3_600_000});
  }
  await warehouse.checkpoint();
  const numbers = new Numbers(20_261_129);
  const latest = new Float64Array(rows);
  for (let i = 0; i < rows; i++) latest[i] = (i * 7) % 1_000_003;
  const tailNow = async (): Promise<number> => (await warehouse.metrics()).find(({name}) => name === 'millrace_checkpoint_tail_bytes')?.value ?? 0;
  for (let version = 1; await tailNow() < tailBytes; version++) {
    const seen = new Set<number>();
    while (seen.size < Math.min(epochRows, rows)) seen.add(numbers.below(rows));
    const ids = Float64Array.from(seen);
    const rowCount = ids.length;
    const a = ids.map((id) => (id + version) % 1_000_003);
    for (let i = 0; i < rowCount; i++) latest[ids[i]!] = a[i]!;
    const address = Float64Array.from({length: rowCount}, () => numbers.below(30));
    await warehouse.insertColumns('t', [whole(ids), whole(a), whole(ids.map((id) => id % 1000)), {kind: 'f64', data: ids.map((id) => id / 8), valid: null, bound: Infinity}, whole(ids.map(() => version * 1e6)),
      {kind: 'i32', data: Int32Array.from(ids, (id) => id % 26), valid: null}, {kind: 'bytes', arena: letters, address, length: new Int32Array(rowCount).fill(20), valid: null}], rowCount);
  }
  const tail = await tailNow();
  const expected: Expected = {rows, sum: latest.reduce((sum, value) => sum + BigInt(value), 0n).toString(), epoch: warehouse.epoch};
  if (close) await warehouse.close();
  say({expected, tailMiB: Math.round(tail / 2 ** 20)});
  if (!close) await new Promise<never>(() => setInterval(() => undefined, 1000));
}

async function open(path: string, expected: Expected): Promise<void> {
  const startedMs = Math.round(performance.now());
  const since = (): number => Math.round(performance.now()) - startedMs;
  let peak = 0;
  const timer = setInterval(() => { peak = Math.max(peak, process.memoryUsage.rss()); }, 50);
  const warehouse = await Warehouse.open({path, ...heldOff});
  const openMs = since();
  const read = async (rows: number, epochAtLeast: number): Promise<void> => {
    const answer = await warehouse.sql('SELECT count(*)::BIGINT AS n, sum(a)::VARCHAR AS s FROM t WHERE id >= 0', [], {deadlineMs: 3_600_000});
    const {n, s} = answer.rows[0]!;
    if (Number(n) !== rows || s !== expected.sum || answer.epoch < epochAtLeast) throw new Error(`read ${String(n)} rows, sum ${String(s)} at epoch ${answer.epoch}; expected ${rows}, ${expected.sum} at ${epochAtLeast}`);
  };
  await read(expected.rows, expected.epoch);
  const firstReadMs = since();
  const readAgain = performance.now();
  await read(expected.rows, expected.epoch);
  const nextReadMs = Math.round(performance.now() - readAgain);
  const inserted = warehouse.sql("INSERT INTO t VALUES (-1, 0, 0, 0, TIMESTAMP '2026-01-01', 0, 'first')", [], {deadlineMs: 3_600_000}).then(() => since());
  await warehouse.warm();
  const warmMs = since();
  const ingestMs = await inserted;
  while (warehouse.coldTables.length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await read(expected.rows, expected.epoch + 1);
  const hotMs = since();
  const hotAgain = performance.now();
  await read(expected.rows, expected.epoch + 1);
  const hotReadMs = Math.round(performance.now() - hotAgain);
  clearInterval(timer);
  const used = process.cpuUsage();
  const cpu = used.user + used.system;
  await warehouse.sql('DELETE FROM t WHERE id = -1');
  await warehouse.closeWithoutCheckpoint();
  say({startedMs, openMs, firstReadMs, nextReadMs, firstIngestMs: ingestMs, stateMs: warmMs, hotMs, hotReadMs, cpuMs: Math.round(cpu / 1000), reusedTables: warehouse.reusedTables, peakMiB: Math.round(peak / 2 ** 20)});
}

/** Runs one of the two in a process of its own. @returns its line. */
export function opening(path: string, expected: Expected): Record<string, number> {
  const {stdout, status, stderr} = spawnSync(process.execPath, ['--import', 'tsx', import.meta.filename, 'open', path, JSON.stringify(expected)], {encoding: 'utf8', maxBuffer: 1 << 20});
  if (status !== 0) throw new Error(`the opening failed (${String(status)}): ${stderr}`);
  return JSON.parse(stdout) as Record<string, number>;
}

const [what, path = '', ...rest] = process.argv.slice(2);
if (process.argv[1] === import.meta.filename) {
  if (what === 'write') await write(path, Number(rest[0]), Number(rest[1]), rest[2] === 'close');
  else await open(path, JSON.parse(rest[0]!) as Expected);
  process.exit(0);
}
