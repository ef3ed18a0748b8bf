/**
 * A process to be killed: opens the warehouse, checks that it holds what was acknowledged before, and then writes until it dies.
 * Each line on standard output is a fact: `open`, `checked`, `ack <writer> <k> <epoch>`, `bad <what>`, `end`.
 * Usage: kill-child <folder> <JSON of Plan>
 */
import {writeSync} from 'node:fs';
import {Warehouse} from '../../engine/warehouse.ts';
import {WarehouseError} from '../../base/error.ts';
import {batch, itemsAfter, layers, logRows, setUp, writers} from './kill-work.ts';

export interface KillPlan {
  /** The last acknowledged batch of each writer, −1 for none, and the newest acknowledged epoch. */
  readonly acknowledged: readonly number[];
  readonly epoch: number;
  /** Also fold all changes and compare. */
  readonly fold: boolean;
  /** Close the warehouse after the check instead of writing. */
  readonly stop: boolean;
  readonly checkpointBytes: number;
  /** Deltas above it go by reference. */
  readonly referenceBytes?: number | undefined;
  readonly stateRestBytes?: number | undefined;
}

const say = (text: string): void => void writeSync(1, `${text}\n`);

function demand(condition: boolean, what: string): void {
  if (condition) return;
  say(`bad ${what}`);
  process.exit(3);
}

/** @returns the last batch that the warehouse holds of each writer. */
async function check(warehouse: Warehouse, plan: KillPlan): Promise<number[]> {
  demand(warehouse.epoch >= plan.epoch, `epoch ${plan.epoch} was acknowledged, the warehouse is at ${warehouse.epoch}`);
  const counts = (await warehouse.sql('SELECT w, max(k) AS last, count(*) AS n, count(DISTINCT (k, i)) AS different FROM ods.log GROUP BY w')).rows;
  const last = writers.map((writer) => {
    const row = counts.find(({w}) => w === writer);
    const k = row === undefined ? -1 : Number(row['last']);
    const acknowledged = plan.acknowledged[writer]!;
    demand(k === acknowledged || k === acknowledged + 1, `writer ${writer}: batch ${acknowledged} was acknowledged, the newest is ${k}`);
    demand(Number(row?.['n'] ?? 0) === (k + 1) * logRows(writer), `writer ${writer}: ${String(row?.['n'])} rows of ${k + 1} batches`);
    demand(Number(row?.['different'] ?? 0) === (k + 1) * logRows(writer), `writer ${writer}: ${String(row?.['different'])} different rows of ${k + 1} batches`);
    return k;
  });
  const found = new Map((await warehouse.sql('SELECT key, k, amount FROM ods.items')).rows.map((row) => [Number(row['key']), `${String(row['k'])} ${String(row['amount'])}`]));
  let expectedCount = 0;
  for (const writer of writers) {
    for (const [key, {k, amount}] of itemsAfter(writer, last[writer]!)) {
      expectedCount++;
      demand(found.get(key) === `${k} ${amount}`, `item ${key} is ${found.get(key) ?? 'absent'}, expected ${k} ${amount}`);
    }
  }
  demand(found.size === expectedCount, `${found.size} items, expected ${expectedCount}`);
  if (warehouse.catalog.find('ods', 'scratch') !== undefined) {
    const [row] = (await warehouse.sql('SELECT count(*) AS n, count(DISTINCT generation) AS generations FROM ods.scratch')).rows;
    demand([0, 20].includes(Number(row!['n'])) && Number(row!['generations']) <= 1, `scratch has ${String(row!['n'])} rows of ${String(row!['generations'])} generations`);
  }
  const verified = await warehouse.sql('VERIFY ALL');
  demand(verified.rows.length === layers.length, `${verified.rows.length} dynamic tables`);
  for (const row of verified.rows) demand(row['equal'] === true, `${String(row['table'])} at epoch ${String(row['epoch'])}: ${String(row['missing'])} missing, ${String(row['unexpected'])} unexpected`);
  if (plan.fold) for (const table of ['ods.items', 'ods.log', ...layers]) await checkFold(warehouse, table);
  return last;
}

/** Law 1: what is read of a table is the fold of its changes since the oldest epoch. */
async function checkFold(warehouse: Warehouse, table: string): Promise<void> {
  const columns = warehouse.catalog.find(...(table.split('.') as [string, string]))!.columns.filter(({hidden}) => !hidden).map(({name}) => `"${name}"`).join(', ');
  const {rows} = await warehouse.sql(`WITH folded AS (SELECT ${columns}, sum(CASE WHEN _op IN ('+I', '+U') THEN 1 ELSE -1 END) AS copies FROM changes(${table}, since => 0) GROUP BY ALL),
    read AS (SELECT ${columns}, count(*) AS copies FROM ${table} GROUP BY ALL)
    SELECT (SELECT count(*) FROM (FROM folded WHERE copies <> 0 EXCEPT FROM read)) AS extra, (SELECT count(*) FROM (FROM read EXCEPT FROM folded)) AS missing`);
  demand(rows[0]!['extra'] === 0n && rows[0]!['missing'] === 0n, `${table} is not the fold of its changes since epoch ${warehouse.oldestEpoch}: ${String(rows[0]!['extra'])} extra, ${String(rows[0]!['missing'])} missing`);
}

async function write(warehouse: Warehouse, writer: number, first: number): Promise<never> {
  for (let k = first; ; k++) {
    const next = batch(writer, k);
    const {epoch} = next.kind === 'sql' ? await warehouse.sql(next.sql) : await warehouse.insert('ods.log', next.rows);
    say(`ack ${writer} ${k} ${epoch}`);
  }
}

/** A table that is dropped and made again under its name, time after time. */
async function remake(warehouse: Warehouse): Promise<never> {
  for (let generation = 0; ; generation++) {
    await warehouse.sql('DROP TABLE IF EXISTS ods.scratch');
    // Every other time with other columns.
    await warehouse.sql(`CREATE TABLE ods.scratch (id INTEGER PRIMARY KEY, generation INTEGER${generation % 2 === 0 ? '' : ', more VARCHAR'})`);
    await warehouse.sql(`INSERT INTO ods.scratch SELECT range, ${generation}${generation % 2 === 0 ? '' : ", 'x'"} FROM range(20)`);
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
}

const [folder, json] = process.argv.slice(2) as [string, string];
const plan = JSON.parse(json) as KillPlan;
try {
  const startMs = performance.now();
  const warehouse = await Warehouse.open({path: folder, checkpointBytes: plan.checkpointBytes, ...(plan.referenceBytes === undefined ? {} : {referenceBytes: plan.referenceBytes}), ...(plan.stateRestBytes === undefined ? {} : {stateRestBytes: plan.stateRestBytes}), checkpointMs: 400, logSegmentBytesMax: 4 * plan.checkpointBytes, memoryBytes: 1 << 30});
  if (warehouse.catalog.find('dwd', 'amounts') === undefined) {
    // A kill may have come between any two statements of the set-up.
    for (const text of setUp.split(';').map((part) => part.trim()).filter((part) => part !== '')) await warehouse.sql(text.replace(/^CREATE (SCHEMA|TABLE|DYNAMIC TABLE)/, 'CREATE $1 IF NOT EXISTS'));
  }
  say(`open ${(performance.now() - startMs).toFixed(0)} ${warehouse.openStats.replayedEpochs} ${warehouse.openStats.openMs.toFixed(0)}`);
  const last = await check(warehouse, plan);
  say(`checked ${last.join(' ')}`);
  if (plan.stop) {
    await warehouse.close();
    say('end');
  } else await Promise.all([...writers.map((writer) => write(warehouse, writer, last[writer]! + 1)), remake(warehouse)]);
} catch (cause) {
  say(`bad ${cause instanceof WarehouseError ? `${cause.code} ` : ''}${cause instanceof Error ? cause.stack?.replaceAll('\n', ' | ') : String(cause)}`);
  process.exit(3);
}
