/**
 * W3: upserts into one primary-key table against Paimon's own Java writer, in the same run, in turn: 3 M rows in random key order, then
 * 1 M upserts of uniform keys. Ours: every 100,000 rows an epoch, durable and visible, with before-images and a changelog; timed from
 * the first row until all is in files and compaction's rules ask for nothing more. Java: `default` commits every 100,000 rows and compacts; `write-only`
 * makes one commit and no compaction. The peer makes neither before-images nor a changelog, and nothing of it is visible before its
 * commit.
 *
 * Then commits of 1,000 rows over uniform keys of a table of 10 M (`--keys`), rows a second and ms a commit.
 *
 * The Java peer is started by a command in MILLRACE_PAIMON_PEER, or ../shared/peers/paimon/java/run; without it ours runs alone.
 */
import {spawnSync} from 'node:child_process';
import {existsSync} from 'node:fs';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {scheduler} from 'node:timers/promises';
import {Arena} from '../base/arena.ts';
import {invariant} from '../base/invariant.ts';
import {Warehouse} from '../engine/warehouse.ts';
import {Numbers} from './orders.ts';
import {quantile} from './statistics.ts';
import {shuffledKeys, wideRows, wideTable} from './wide-rows.ts';

interface Peer {
  readonly loadRowsPerSecond: number;
  readonly upsertRowsPerSecond: number;
}

export async function run(options: Record<string, number>): Promise<object> {
  const {rows = 3_000_000, upserts = 1_000_000, batch = 100_000, rounds = 1, keys = 10_000_000, commits = 300} = options;
  const ours: (Peer & {readonly visibleRowsPerSecond: number})[] = [];
  const byDefault: Peer[] = [];
  const writeOnly: Peer[] = [];
  for (let round = 0; round < rounds; round++) {
    ours.push(await oursOnce(rows, upserts, batch));
    const first = java(rows, upserts, batch, false);
    if (first === null) break;
    byDefault.push(first);
    writeOnly.push(java(rows, upserts, 0, true)!);
  }
  const best = (of: readonly Peer[], what: keyof Peer): number => Math.max(...of.map((one) => one[what]));
  const ratios = byDefault.length === 0 ? 'no peer on this machine' : {
    loadAgainstDefault: ratio(best(ours, 'loadRowsPerSecond'), best(byDefault, 'loadRowsPerSecond')),
    loadAgainstWriteOnly: ratio(best(ours, 'loadRowsPerSecond'), best(writeOnly, 'loadRowsPerSecond')),
    upsertAgainstDefault: ratio(best(ours, 'upsertRowsPerSecond'), best(byDefault, 'upsertRowsPerSecond')),
    upsertAgainstWriteOnly: ratio(best(ours, 'upsertRowsPerSecond'), best(writeOnly, 'upsertRowsPerSecond')),
  };
  return {id: 'W3', rows, upserts, ours, javaDefault: byDefault, javaWriteOnly: writeOnly, ratios, goal: '≥ 5 against default, ≥ 2 against write-only', smallCommits: keys === 0 ? 'not run' : await smallCommits(keys, commits), verified: 'row counts, distinct keys and the last text of each upserted key'};
}

const ratio = (a: number, b: number): number => Number((a / b).toFixed(2));

async function oursOnce(rows: number, upserts: number, batch: number): Promise<Peer & {readonly visibleRowsPerSecond: number}> {
  const path = await mkdtemp(join(tmpdir(), 'millrace-w3-'));
  const numbers = new Numbers(7);
  const warehouse = await Warehouse.open({path});
  try {
    await warehouse.sql(wideTable);
    const order = shuffledKeys(numbers, rows);
    const write = async (count: number, keysOf: (start: number, length: number) => Int32Array): Promise<{readonly visibleMs: number; readonly allMs: number; readonly last: Int32Array}> => {
      const startMs = performance.now();
      const waiting = new Set<Promise<unknown>>();
      let last: Int32Array = new Int32Array(0);
      for (let start = 0; start < count; start += batch) {
        last = keysOf(start, Math.min(batch, count - start));
        const commit: Promise<unknown> = warehouse.insertColumns('wide', wideRows(numbers, last), last.length).finally(() => waiting.delete(commit));
        waiting.add(commit);
        if (waiting.size >= 2) await Promise.race(waiting);
      }
      await Promise.all(waiting);
      const visibleMs = performance.now() - startMs;
      await warehouse.sql('CHECKPOINT');
      await compacted(warehouse);
      return {visibleMs, allMs: performance.now() - startMs, last};
    };
    const load = await write(rows, (start, length) => order.slice(start, start + length));
    const again = upserts === 0 ? null : await write(upserts, (_, length) => Int32Array.from({length}, () => numbers.below(rows)));
    const [found] = (await warehouse.sql('SELECT count(*) AS n, count(DISTINCT k) AS k, min(length(c19)) AS l FROM wide')).rows;
    invariant(found!['n'] === BigInt(rows) && found!['k'] === BigInt(rows) && found!['l'] === 10n, () => `${String(found!['n'])} rows, ${String(found!['k'])} keys`);
    const changes = await warehouse.sql("SELECT count(*) AS n FROM changes(wide, since => 0) WHERE _op = '+I'");
    invariant(Number(changes.rows[0]!['n']) >= rows, () => `${String(changes.rows[0]!['n'])} rows came in the changelog`);
    return {
      visibleRowsPerSecond: Math.round(rows / load.visibleMs * 1000), loadRowsPerSecond: Math.round(rows / load.allMs * 1000),
      upsertRowsPerSecond: again === null ? 0 : Math.round(upserts / again.allMs * 1000),
    };
  } finally {
    await warehouse.close();
    await rm(path, {recursive: true, force: true});
  }
}

/** Waits until the rules ask for no more compaction: as far as the peer's writer goes by itself. */
async function compacted(warehouse: Warehouse): Promise<void> {
  for (let calm = 0; calm < 3;) {
    await scheduler.wait(50);
    const pending = (await warehouse.metrics()).filter(({name}) => name === 'millrace_table_compaction_pending_bytes').reduce((sum, {value}) => sum + value, 0);
    calm = pending === 0 ? calm + 1 : 0;
  }
}

/** @returns null where the peer is not there. */
function java(rows: number, upserts: number, every: number, writeOnly: boolean): Peer | null {
  const command = process.env['MILLRACE_PAIMON_PEER'] ?? join(import.meta.dirname, '..', '..', 'shared', 'peers', 'paimon', 'java', 'run');
  if (!existsSync(command)) return null;
  const {stdout, status, stderr} = spawnSync(command, ['write-bench', '--rows', String(rows), '--upserts', String(upserts), '--order', 'random', '--commit-every', String(every), '--write-only', String(writeOnly)], {encoding: 'utf8'});
  if (status !== 0) throw new Error(`the Java peer ended with ${String(status)}: ${stderr.slice(-2000)}`);
  const line = JSON.parse(stdout.trim().split('\n').at(-1)!) as Record<string, number>;
  return {loadRowsPerSecond: line['load_rows_s']!, upsertRowsPerSecond: line['upsert_rows_s']!};
}

/** Epochs of 1,000 upserts over a large table of narrow rows. */
async function smallCommits(keys: number, commits: number): Promise<object> {
  const path = await mkdtemp(join(tmpdir(), 'millrace-w3-'));
  const numbers = new Numbers(11);
  const warehouse = await Warehouse.open({path});
  try {
    await warehouse.sql('CREATE TABLE narrow (k BIGINT PRIMARY KEY, a INTEGER, b BIGINT, c VARCHAR)');
    await warehouse.sql(`INSERT INTO narrow SELECT range, range % 1000, range * 3, 'text ' || (range % 5000) FROM range(${keys})`);
    const ms: number[] = [];
    const startMs = performance.now();
    for (let i = 0; i < commits; i++) {
      const data = Float64Array.from({length: 1000}, () => numbers.below(keys));
      const values = Int32Array.from({length: 1000}, () => -1 - i);
      const atMs = performance.now();
      await warehouse.insertColumns('narrow', [
        {kind: 'f64', data, valid: null, bound: keys}, {kind: 'i32', data: values, valid: null}, {kind: 'f64', data, valid: null, bound: keys},
        {kind: 'bytes', ...constantText(1000), valid: null},
      ], 1000);
      ms.push(performance.now() - atMs);
    }
    const seconds = (performance.now() - startMs) / 1000;
    const [found] = (await warehouse.sql('SELECT count(*) AS n, count(*) FILTER (WHERE a < 0) AS changed FROM narrow')).rows;
    invariant(found!['n'] === BigInt(keys) && Number(found!['changed']) > 0, 'rows of the small commits');
    const lookUps: number[] = [];
    for (let i = 0; i < 1000; i++) {
      const key = numbers.below(keys);
      const atMs = performance.now();
      const row = await warehouse.lookup('narrow', [String(key)]);
      lookUps.push(performance.now() - atMs);
      invariant(row?.['k'] === BigInt(key), () => `key ${key} is not found`);
    }
    return {keys, commits, lookUpP50Ms: quantile(lookUps, 0.5), lookUpP99Ms: quantile(lookUps, 0.99), rowsPerSecond: Math.round(commits * 1000 / seconds), p50Ms: quantile(ms, 0.5), p99Ms: quantile(ms, 0.99)};
  } finally {
    await warehouse.close();
    await rm(path, {recursive: true, force: true});
  }
}

function constantText(rowCount: number): {arena: Arena; address: Float64Array; length: Int32Array} {
  return {arena: Arena.wrap(new TextEncoder().encode('upserted')), address: new Float64Array(rowCount), length: new Int32Array(rowCount).fill(8)};
}
