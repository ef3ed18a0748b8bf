/**
 * What a child of the kill loop demands of the warehouse that it finds. Cheaply every time: each batch once, items, layers against their
 * SELECTs, forms, tags, what the subscriber is given. Wholly now and then: VERIFY ALL reads both sides from files and log, every table is
 * the fold of its changes, and every tag holds one moment of all tables.
 */
import type {Warehouse} from '../../engine/warehouse.ts';
import {typeText} from '../../base/type.ts';
import type {KillPlan} from './kill-child.ts';
import {shapedAfter, shapeText, tagsAfter} from './kill-steps.ts';
import {itemsAfter, layers, logRows, writers} from './kill-work.ts';

/** What was found. */
export interface Found {
  /** The last batch of each writer. */
  readonly last: readonly number[];
  /** Steps done on the table that changes form, and by the tagger. */
  readonly shaped: number;
  readonly tagged: number;
}

/** @throws {Error} saying what is wrong. */
export function demand(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

/** @throws {Error} what is not as it must be. */
export async function checkFound(warehouse: Warehouse, plan: KillPlan): Promise<Found> {
  demand(warehouse.epoch >= plan.epoch, `epoch ${plan.epoch} was acknowledged, the warehouse is at ${warehouse.epoch}`);
  const last = await lastBatches(warehouse, '');
  for (const writer of writers) {
    const acknowledged = plan.acknowledged[writer]!;
    demand(last[writer] === acknowledged || last[writer] === acknowledged + 1, `writer ${writer}: batch ${acknowledged} was acknowledged, the newest is ${last[writer]!}`);
  }
  await checkItems(warehouse, '', last);
  if (warehouse.catalog.find('ods', 'scratch') !== undefined) {
    const [row] = (await warehouse.sql('SELECT count(*) AS n, count(DISTINCT generation) AS generations FROM ods.scratch')).rows;
    demand([0, 20].includes(Number(row!['n'])) && Number(row!['generations']) <= 1, `scratch has ${String(row!['n'])} rows of ${String(row!['generations'])} generations`);
  }
  const shaped = await checkShape(warehouse, plan.shaped);
  const tagged = await checkTags(warehouse, plan);
  for (const [layer, select] of layers) await checkLayer(warehouse, layer, select);
  if (plan.wholly) {
    const verified = await warehouse.sql('VERIFY ALL');
    demand(verified.rows.length === layers.size, `${verified.rows.length} dynamic tables`);
    for (const row of verified.rows) demand(row['equal'] === true, `${String(row['table'])} at epoch ${String(row['epoch'])}: ${String(row['missing'])} missing, ${String(row['unexpected'])} unexpected`);
    for (const table of ['ods.items', 'ods.log', 'ods.shaped', ...layers.keys()]) await checkFold(warehouse, table);
  }
  return {last, shaped, tagged};
}

/** @param at '' or an AT clause. @returns the last batch of each writer, all before it being there once. */
async function lastBatches(warehouse: Warehouse, at: string): Promise<number[]> {
  const counts = (await warehouse.sql(`SELECT w, max(k) AS last, count(*) AS n, count(DISTINCT (k, i)) AS different FROM ods.log ${at} GROUP BY w`)).rows;
  return writers.map((writer) => {
    const row = counts.find(({w}) => w === writer);
    const k = row === undefined ? -1 : Number(row['last']);
    demand(Number(row?.['n'] ?? 0) === (k + 1) * logRows(writer), `writer ${writer}: ${String(row?.['n'])} rows of ${k + 1} batches ${at}`);
    demand(Number(row?.['different'] ?? 0) === (k + 1) * logRows(writer), `writer ${writer}: ${String(row?.['different'])} different rows of ${k + 1} batches ${at}`);
    return k;
  });
}

async function checkItems(warehouse: Warehouse, at: string, last: readonly number[]): Promise<void> {
  const found = new Map((await warehouse.sql(`SELECT key, k, amount FROM ods.items ${at}`)).rows.map((row) => [Number(row['key']), `${String(row['k'])} ${String(row['amount'])}`]));
  let expectedCount = 0;
  for (const writer of writers) {
    for (const [key, {k, amount}] of itemsAfter(writer, last[writer]!)) {
      expectedCount++;
      demand(found.get(key) === `${k} ${amount}`, `item ${key} ${at} is ${found.get(key) ?? 'absent'}, expected ${k} ${amount}`);
    }
  }
  demand(found.size === expectedCount, `${found.size} items ${at}, expected ${expectedCount}`);
}

async function checkLayer(warehouse: Warehouse, layer: string, select: string): Promise<void> {
  const {rows: [row], epoch} = await warehouse.sql(`SELECT (SELECT count(*) FROM (FROM (${select}) EXCEPT ALL FROM ${layer})) AS missing, (SELECT count(*) FROM (FROM ${layer} EXCEPT ALL FROM (${select}))) AS unexpected`);
  demand(row!['missing'] === 0n && row!['unexpected'] === 0n, `${layer} at epoch ${epoch}: ${String(row!['missing'])} missing, ${String(row!['unexpected'])} unexpected`);
}

async function checkShape(warehouse: Warehouse, acknowledged: number): Promise<number> {
  const columns = warehouse.catalog.find('ods', 'shaped')!.columns.map(({name, type}) => `${name} ${typeText(type)}`);
  const found = shapeText(columns, (await warehouse.sql('SELECT * FROM ods.shaped ORDER BY id')).rows.map((row) => Object.values(row)));
  const steps = [acknowledged, acknowledged + 1].find((count) => shapedAfter(count) === found);
  demand(steps !== undefined, `ods.shaped after ${acknowledged} acknowledged steps is ${found}, expected ${shapedAfter(acknowledged)}, or ${shapedAfter(acknowledged + 1)}`);
  return steps!;
}

async function checkTags(warehouse: Warehouse, plan: KillPlan): Promise<number> {
  const tags = (await warehouse.sql('SHOW TAGS')).rows.map((row) => ({name: String(row['name']), epoch: Number(row['epoch'])}));
  const names = tags.map(({name}) => name).sort().join(' ');
  const steps = [plan.tagged, plan.tagged + 1].find((count) => tagsAfter(count).sort().join(' ') === names);
  demand(steps !== undefined, `tags after ${plan.tagged} acknowledged steps are ${names}, expected ${tagsAfter(plan.tagged).join(' ')}, or ${tagsAfter(plan.tagged + 1).join(' ')}`);
  for (const {name} of plan.wholly ? tags : tags.slice(-1)) {
    const at = `AT (VERSION => '${name}')`;
    const last = await lastBatches(warehouse, at);
    for (const writer of writers) demand(last[writer]! <= plan.acknowledged[writer]! + 1, `writer ${writer} is at batch ${last[writer]!} ${at}`);
    await checkItems(warehouse, at, last);
    const {rows: [row]} = await warehouse.sql(`SELECT (SELECT sum(n) FROM dws.total ${at}) AS layer, (SELECT count(*) FROM ods.items ${at}) AS base`);
    demand(Number(row!['layer'] ?? 0) === Number(row!['base']), `dws.total ${at} counts ${String(row!['layer'])} items of ${String(row!['base'])}`);
  }
  return steps!;
}

/** Law 1: what is read of a table is the fold of its changes since the oldest epoch. */
async function checkFold(warehouse: Warehouse, table: string): Promise<void> {
  const columns = warehouse.catalog.find(...(table.split('.') as [string, string]))!.columns.filter(({hidden}) => !hidden).map(({name}) => `"${name}"`).join(', ');
  const {rows} = await warehouse.sql(`WITH folded AS (SELECT ${columns}, sum(CASE WHEN _op IN ('+I', '+U') THEN 1 ELSE -1 END) AS copies FROM changes(${table}, since => 0) GROUP BY ALL),
    read AS (SELECT ${columns}, count(*) AS copies FROM ${table} GROUP BY ALL)
    SELECT (SELECT count(*) FROM (FROM folded WHERE copies <> 0 EXCEPT FROM read)) AS extra, (SELECT count(*) FROM (FROM read EXCEPT FROM folded)) AS missing`);
  demand(rows[0]!['extra'] === 0n && rows[0]!['missing'] === 0n, `${table} is not the fold of its changes since epoch ${warehouse.oldestEpoch}: ${String(rows[0]!['extra'])} extra, ${String(rows[0]!['missing'])} missing`);
}
