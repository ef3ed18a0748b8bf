/**
 * Two soaks of the table that keeps itself; `npm run soak -- --maintenance M` and `-- --small-writes M` (minutes).
 *
 * `soakHistory`: one writer moves money between accounts while readers stay pinned to old epochs, followers and a durable subscription lie
 * behind, tables are optimised, the warehouse is closed and opened, and compaction and expiry race all of them: history is kept for seconds only.
 * Every sum that anybody sees is 0, and no file that anybody reaches is ever missing.
 *
 * `soakSmallWrites` (A18): a row at a time with hundreds of checkpoints within the time that history is kept: the number of files of every
 * kind stays under what docs/formats/compaction.md declares. Time is scaled: a checkpoint every half second stands for one a minute.
 */
import assert from 'node:assert/strict';
import {readdirSync} from 'node:fs';
import {join} from 'node:path';
import {checkWarehouse} from '../../engine/check.ts';
import {Warehouse} from '../../engine/warehouse.ts';
import type {Random} from '../support/random.ts';

const accounts = 500;
/** The warehouse is closed and opened so often. */
const roundMs = 45_000;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const codeOf = (cause: unknown): string => String((cause as {code?: unknown}).code ?? cause);
/** What a read of the past may be told: that it is past. Never that a file is missing. */
const late = new Set(['MR_EPOCH_EXPIRED', 'MR_SUBSCRIPTION_EXPIRED']);

export interface HistorySoakStats {
  epochs: number;
  pinned: number;
  longestPinMs: number;
  past: number;
  expired: number;
  followed: number;
  fetched: number;
  restarts: number;
  compactions: number;
  expiredSnapshots: number;
}

/** @throws {AssertionError} naming what was seen. */
export async function soakHistory(folder: string, random: Random, minutes: number, onRound: (stats: HistorySoakStats) => void): Promise<HistorySoakStats> {
  const options = {path: folder, checkpointMs: 300, checkpointBytes: 64 * 1024, historyRetentionMs: 6000, orphanAgeMs: 20_000, logSegmentBytesMax: 32 * 1024};
  const stats: HistorySoakStats = {epochs: 0, pinned: 0, longestPinMs: 0, past: 0, expired: 0, followed: 0, fetched: 0, restarts: 0, compactions: 0, expiredSnapshots: 0};
  const balances = Array.from({length: accounts}, () => 0);
  const endMs = performance.now() + minutes * 60_000;
  const setUp = await Warehouse.open(options);
  await setUp.sql('CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance BIGINT); CREATE TABLE moves (account INTEGER, amount BIGINT); CREATE DYNAMIC TABLE totals AS SELECT account % 10 AS part, sum(amount) AS amount FROM moves GROUP BY 1');
  await setUp.sql(`INSERT INTO accounts SELECT i, 0 FROM range(${accounts}) r(i)`);
  await setUp.sql('CREATE SUBSCRIPTION behind ON accounts FROM SNAPSHOT');
  await setUp.close();
  const subscribed = new Map<number, number>();
  while (performance.now() < endMs) {
    const warehouse = await Warehouse.open(options);
    const roundEnd = Math.min(endMs, performance.now() + roundMs);
    const going = (): boolean => performance.now() < roundEnd;
    /** Runs until the round is over; what it may be told is counted, all else ends the soak. */
    const actor = async (work: () => Promise<void>): Promise<void> => {
      while (going()) {
        await work().catch((cause: unknown) => {
          if (!late.has(codeOf(cause))) throw cause;
          stats.expired++;
        });
      }
    };
    const sumOf = async (session: {sql: Warehouse['sql']}): Promise<void> => {
      const {rows: [row], epoch} = await session.sql('SELECT (SELECT sum(balance)::BIGINT FROM accounts) AS a, (SELECT sum(amount)::BIGINT FROM moves) AS m, (SELECT sum(amount)::BIGINT FROM totals) AS t, (SELECT count(*) FROM accounts) AS n');
      assert.deepEqual([row!['a'], row!['m'] ?? 0n, String(row!['t'] ?? 0), row!['n']], [0n, 0n, '0', BigInt(accounts)], `sums at epoch ${epoch}`);
    };
    const writer = actor(async () => {
      const [from, to, amount] = [random.integer(0, accounts - 1), random.integer(0, accounts - 1), random.integer(1, 1000)];
      if (from === to) return;
      balances[from]! -= amount;
      balances[to]! += amount;
      await warehouse.sql(`BEGIN; INSERT INTO accounts VALUES (${from}, ${balances[from]}), (${to}, ${balances[to]}); INSERT INTO moves VALUES (${from}, ${-amount}), (${to}, ${amount}); COMMIT`);
      stats.epochs++;
      await sleep(random.integer(0, 20));
    });
    const pins = [1, 2].map(() => actor(async () => {
      await using session = await warehouse.session();
      await session.sql('BEGIN READ ONLY');
      const startMs = performance.now();
      const untilMs = startMs + random.integer(100, 20_000);
      while (going() && performance.now() < untilMs) {
        await sumOf(session);
        await sleep(random.integer(10, 1500));
      }
      stats.longestPinMs = Math.max(stats.longestPinMs, performance.now() - startMs);
      await session.sql('COMMIT');
      stats.pinned++;
    }));
    const past = actor(async () => {
      const at = random.integer(Math.max(1, warehouse.oldestEpoch), warehouse.epoch);
      const {rows: [row]} = await warehouse.sql(`SELECT sum(CASE WHEN _op IN ('+I', '+U') THEN balance ELSE -balance END)::BIGINT AS moved FROM changes(accounts, since => ${at})`);
      assert.equal(row!['moved'] ?? 0n, 0n, `changes since ${at}`);
      stats.past++;
      await warehouse.sql('VERIFY totals');
      await sleep(random.integer(50, 400));
    });
    const follower = actor(async () => {
      const from = random.chance(0.5) ? 'snapshot' : random.integer(Math.max(1, warehouse.oldestEpoch), warehouse.epoch);
      const stop = new AbortController();
      const timer = setTimeout(() => stop.abort(), Math.max(0, roundEnd - performance.now()));
      const content = new Map<unknown, bigint>();
      let sum = 0n;
      let items = 0;
      for await (const {changes, complete, epoch} of warehouse.subscribe('accounts', {from, signal: stop.signal})) {
        for (const {op, row} of changes) {
          const balance = BigInt(row['balance'] as bigint);
          sum += op === '+I' || op === '+U' ? balance : -balance;
          if (from === 'snapshot') content.set(row['id'], op === '+I' || op === '+U' ? balance : 0n);
        }
        if (complete) assert.equal(sum, 0n, `followed from ${from} to epoch ${epoch}`);
        stats.followed++;
        if (++items > 200 || !going()) stop.abort();
        await sleep(random.integer(0, 60));
      }
      clearTimeout(timer);
      assert.equal([...content.values()].reduce((a, b) => a + b, 0n), 0n);
    });
    const durable = actor(async () => {
      const {rows} = await warehouse.sql("FETCH 400 FROM behind WAIT '200 ms'");
      let sum = [...subscribed.values()].reduce((a, b) => a + b, 0);
      let epoch = -1;
      for (const row of rows) {
        const [at, op, id, balance] = [Number(row['_epoch']), String(row['_op']), Number(row['id']), Number(row['balance'])];
        if (at !== epoch) assert.equal(sum, 0, `fetched through epoch ${epoch}`);
        epoch = at;
        const now = op === '+I' || op === '+U' ? balance : 0;
        sum += op === '-U' || op === '-D' ? -balance : now;
        if (op === '+I' || op === '+U') subscribed.set(id, balance);
      }
      if (epoch < 0) return;
      assert.equal(sum, 0, `fetched through epoch ${epoch}`);
      // Some way behind what history is kept for: the lease holds it.
      await sleep(random.integer(500, 4000));
      await warehouse.sql(`COMMIT behind THROUGH EPOCH ${epoch}`);
      stats.fetched++;
    });
    const optimiser = actor(async () => {
      await sleep(random.integer(2000, 9000));
      if (going()) await warehouse.sql(random.pick(['OPTIMIZE accounts', 'OPTIMIZE moves', 'CHECKPOINT']));
    });
    await Promise.all([writer, ...pins, past, follower, durable, optimiser]);
    const metrics = await warehouse.metrics();
    const value = (name: string): number => metrics.find((metric) => metric.name === `millrace_${name}`)?.value ?? 0;
    stats.compactions += value('compactions_total');
    stats.expiredSnapshots += value('expired_snapshots_total');
    for (const failed of ['compactions_failed_total', 'expiry_failed', 'checkpoint_failed']) assert.equal(value(failed), 0, failed);
    await (random.chance(0.5) ? warehouse.close() : warehouse.closeWithoutCheckpoint());
    assert.deepEqual((await checkWarehouse(folder)).problems, []);
    stats.restarts++;
    onRound(stats);
  }
  assert.ok(stats.compactions > 0 && stats.expiredSnapshots > 0 && stats.pinned > 0 && stats.fetched > 0, JSON.stringify(stats));
  return stats;
}

export interface SmallWriteStats {
  rows: number;
  checkpoints: number;
  runsMost: number;
  filesMost: number;
  filesBound: number;
}

/** @throws {AssertionError} when a bound is passed. */
export async function soakSmallWrites(folder: string, minutes: number): Promise<SmallWriteStats> {
  const checkpointMs = 500;
  const historyRetentionMs = 30_000;
  const warehouse = await Warehouse.open({path: folder, checkpointMs, historyRetentionMs, orphanAgeMs: historyRetentionMs});
  const stats: SmallWriteStats = {rows: 0, checkpoints: 0, runsMost: 0, filesMost: 0, filesBound: 0};
  await warehouse.sql('CREATE TABLE events (id BIGINT PRIMARY KEY, v VARCHAR); CREATE TABLE lines (id BIGINT, v VARCHAR)');
  const endMs = performance.now() + minutes * 60_000;
  let times: number[] = [];
  while (performance.now() < endMs) {
    await warehouse.sql(`INSERT INTO events VALUES (${stats.rows % 1000}, 'row ${stats.rows}'); INSERT INTO lines VALUES (${stats.rows}, 'row')`);
    stats.rows++;
    await sleep(20);
    if (stats.rows % 50 !== 0) continue;
    const metrics = await warehouse.metrics();
    const value = (name: string, table?: string): number => metrics.find((metric) => metric.name === `millrace_${name}` && metric.labels['table'] === table)?.value ?? 0;
    const before = stats.checkpoints;
    stats.checkpoints = value('checkpoints_total');
    for (let i = before; i < stats.checkpoints; i++) times.push(performance.now());
    // Expiry runs a few times within the retention.
    times = times.filter((ms) => ms > performance.now() - historyRetentionMs * 1.5);
    const kept = times.length + 4;
    // Per kept checkpoint: two snapshots, a data and a changelog file, eight of metadata; live files, manifests not merged yet, schema, hints.
    stats.filesBound = kept * (2 + 2 + 8) + 60;
    for (const table of ['events', 'lines']) {
      stats.runsMost = Math.max(stats.runsMost, value('table_sorted_runs', `main.${table}`));
      const files = readdirSync(join(folder, 'default.db', table), {recursive: true, withFileTypes: true}).filter((entry) => entry.isFile()).length;
      stats.filesMost = Math.max(stats.filesMost, files);
      assert.ok(files <= stats.filesBound, `${table}: ${files} files, at most ${stats.filesBound} for ${kept} kept checkpoints`);
    }
    assert.ok(stats.runsMost <= 8 + 1, `${stats.runsMost} sorted runs`);
  }
  await warehouse.close();
  assert.deepEqual((await checkWarehouse(folder)).problems, []);
  return stats;
}
