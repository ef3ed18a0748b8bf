/**
 * Memory of large deltas: a 5 M-row `INSERT … SELECT` into a keyed and into an append table, and hydrations of 5 M rows (a stateless
 * map, a join with an aggregate), each in a warehouse of its own process. Resident memory above the idle warehouse, without the
 * arrangements (which are state, counted by themselves), must stay under 1 GiB.
 *
 * Prints one JSON line; exit code 1 if a figure is over. `node --import tsx bench/memory-bulk.ts [rows] [scenario]`
 */
import {fork} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {Warehouse} from '../engine/warehouse.ts';

const limitBytes = 1024 ** 3;
const sampleMs = 20;
const settleMs = 500;

const source = (rows: number): string => `SELECT i AS id, i % 1000 AS g, i * 3 AS x, (i % 100000)::DECIMAL(12,2) AS p, 'name ' || i AS name, TIMESTAMP '2026-01-01' + INTERVAL (i) SECOND AS ts FROM range(${rows}) r(i)`;
const columns = (key: string): string => `(id BIGINT${key}, g BIGINT, x BIGINT, p DECIMAL(12,2), name VARCHAR, ts TIMESTAMP)`;

interface Scenario {
  readonly prepare: (rows: number) => readonly string[];
  readonly measured: (rows: number) => string;
  readonly check: (rows: number) => readonly [sql: string, answer: string];
}

const keyed = (rows: number): string[] => [`CREATE TABLE k ${columns(' PRIMARY KEY')}`, `INSERT INTO k ${source(rows)}`];

const scenarios: Readonly<Record<string, Scenario>> = {
  'insert-keyed': {prepare: () => [`CREATE TABLE k ${columns(' PRIMARY KEY')}`], measured: (rows) => `INSERT INTO k ${source(rows)}`, check: (rows) => ['SELECT count(*) FROM k', String(rows)]},
  'insert-append': {prepare: () => [`CREATE TABLE a ${columns('')}`], measured: (rows) => `INSERT INTO a ${source(rows)}`, check: (rows) => ['SELECT count(*) FROM a', String(rows)]},
  'upsert-existing': {prepare: keyed, measured: (rows) => `INSERT INTO k SELECT id, g, x + 1, p, name, ts FROM (${source(rows)})`, check: (rows) => ['SELECT count(*) FROM k WHERE x = id * 3 + 1', String(rows)]},
  'hydrate-map': {prepare: keyed, measured: () => 'CREATE DYNAMIC TABLE m AS SELECT id, x + 1 AS y, upper(name) AS u FROM k', check: (rows) => ['SELECT count(*) FROM m', String(rows)]},
  'hydrate-join-aggregate': {
    prepare: (rows) => [...keyed(rows), 'CREATE TABLE d (g BIGINT PRIMARY KEY, label VARCHAR)', "INSERT INTO d SELECT i, 'label ' || i FROM range(1000) r(i)"],
    measured: () => 'CREATE DYNAMIC TABLE v AS SELECT d.label, count(*) AS n, sum(k.x) AS total, max(k.p) AS top FROM k JOIN d ON d.g = k.g GROUP BY d.label',
    check: (rows) => ['SELECT sum(n)::BIGINT FROM v', String(rows)],
  },
};

interface Figure {
  readonly name: string;
  readonly ms: number;
  readonly idleMiB: number;
  readonly peakMiB: number;
  readonly arrangementMiB: number;
  /** Peak above idle, arrangements apart. */
  readonly aboveMiB: number;
  readonly ok: boolean;
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms); });
const MiB = (bytes: number): number => Math.round(bytes / 2 ** 20);

async function stateBytes(warehouse: Warehouse): Promise<number> {
  const found = (await warehouse.metrics()).find(({name, labels}) => name === 'millrace_memory_bytes' && labels['share'] === 'state');
  if (found === undefined) throw new Error('no metric of state');
  return found.value;
}

/** Fills the warehouse at `path`: in a process that ends, so that what is measured begins as after a restart. */
async function prepare(name: string, rows: number, path: string): Promise<void> {
  await using warehouse = await Warehouse.open({path});
  for (const sql of scenarios[name]!.prepare(rows)) await warehouse.sql(sql);
}

async function measure(name: string, rows: number, path: string): Promise<Figure> {
  const {measured, check} = scenarios[name]!;
  const warehouse = await Warehouse.open({path});
  const [sql, answer] = check(rows);
  await warehouse.sql('SELECT 1');
  await wait(settleMs);
  const stateBefore = await stateBytes(warehouse);
  const idle = process.memoryUsage().rss;
  let peak = idle;
  const timer = setInterval(() => { peak = Math.max(peak, process.memoryUsage().rss); }, sampleMs);
  const start = performance.now();
  await warehouse.sql(measured(rows));
  const ms = performance.now() - start;
  const found = Object.values((await warehouse.sql(sql)).rows[0]!)[0];
  clearInterval(timer);
  peak = Math.max(peak, process.memoryUsage().rss);
  if (String(found) !== answer) throw new Error(`${name}: ${sql} answers ${String(found)}, expected ${answer}`);
  const arrangement = (await stateBytes(warehouse)) - stateBefore;
  await warehouse.closeWithoutCheckpoint();
  const above = peak - idle - arrangement;
  return {name, ms: Math.round(ms), idleMiB: MiB(idle), peakMiB: MiB(peak), arrangementMiB: MiB(arrangement), aboveMiB: MiB(above), ok: above < limitBytes};
}

/** Runs `step` in a process of its own. @returns what it sent. */
function inProcess<T>(step: 'prepare' | 'measure', name: string, rows: number, path: string): Promise<T | null> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(import.meta.url), [String(rows), name, step, path], {stdio: ['ignore', 'inherit', 'inherit', 'ipc']});
    let sent: T | null = null;
    child.on('message', (message) => { sent = message as T; });
    child.on('exit', (code) => {
      if (code === 0) resolve(sent);
      else reject(new Error(`${step} ${name} ended with code ${code}`));
    });
  });
}

async function run(name: string, rows: number): Promise<Figure> {
  const path = mkdtempSync(join(tmpdir(), 'millrace-memory-'));
  try {
    await inProcess('prepare', name, rows, path);
    return (await inProcess<Figure>('measure', name, rows, path))!;
  } finally {
    rmSync(path, {recursive: true, force: true});
  }
}

const [, , rowsText = '5000000', only, step, path] = process.argv;
const rows = Number(rowsText);
if (step === 'prepare') await prepare(only!, rows, path!);
else if (step === 'measure') process.send!(await measure(only!, rows, path!));
else {
  const figures: Figure[] = [];
  for (const name of only === undefined ? Object.keys(scenarios) : [only]) figures.push(await run(name, rows));
  process.stdout.write(`${JSON.stringify({bench: 'memory-bulk', rows, limitMiB: MiB(limitBytes), figures})}\n`);
  process.exitCode = figures.every(({ok}) => ok) ? 0 : 1;
}
if (process.send !== undefined) process.disconnect();
