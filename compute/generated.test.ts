/**
 * Generated SELECTs against the oracle: one dynamic table each, over random tables and epochs, by both executors. A seed that ever
 * failed is committed to test/fuzz/regressions/incremental.json and runs first. `MR_RUNS=2000` runs more.
 */
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import {WarehouseError} from '../base/error.ts';
import type {CheckTable} from '../test/support/check-incremental.ts';
import {IncrementalCheck} from '../test/support/check-incremental.ts';
import type {GeneratorTable, QueryFeature} from '../test/support/query-generator.ts';
import {randomSelect} from '../test/support/query-generator.ts';
import {randomEpoch, randomRows} from '../test/support/random-epochs.ts';
import {Random, testSeed} from '../test/support/random.ts';

const plainTables: readonly CheckTable[] = [
  {schema: 'ods', name: 'facts', key: ['id'], columns: [
    {name: 'id', type: {kind: 'bigint'}}, {name: 'dim', type: {kind: 'integer'}}, {name: 'amount', type: {kind: 'decimal', precision: 12, scale: 2}}, {name: 'n', type: {kind: 'integer'}},
    {name: 'price', type: {kind: 'double'}}, {name: 'state', type: {kind: 'varchar'}}, {name: 'at', type: {kind: 'timestamp'}}, {name: 'ok', type: {kind: 'boolean'}}]},
  {schema: 'ods', name: 'dims', key: ['id'], columns: [{name: 'id', type: {kind: 'integer'}}, {name: 'name', type: {kind: 'varchar'}}, {name: 'tier', type: {kind: 'smallint'}}, {name: 'day', type: {kind: 'date'}}]},
  {schema: 'ods', name: 'pairs', key: ['a', 'b'], columns: [{name: 'a', type: {kind: 'integer'}}, {name: 'b', type: {kind: 'varchar'}}, {name: 'x', type: {kind: 'decimal', precision: 30, scale: 3}}, {name: 'y', type: {kind: 'float'}}]},
  {schema: 'ods', name: 'loose', bag: true, columns: [{name: 'k', type: {kind: 'integer'}}, {name: 'v', type: {kind: 'bigint'}}, {name: 's', type: {kind: 'varchar'}}]},
];
/** Nested columns beside plain ones. */
const nestedTables: readonly CheckTable[] = [
  {schema: 'ods', name: 'events', key: ['id'], columns: [
    {name: 'id', type: {kind: 'bigint'}}, {name: 'dim', type: {kind: 'integer'}}, {name: 'tags', type: {kind: 'list', element: {kind: 'varchar'}}}, {name: 'state', type: {kind: 'varchar'}},
    {name: 'place', type: {kind: 'struct', fields: [{name: 'x', type: {kind: 'double'}}, {name: 'amount', type: {kind: 'decimal', precision: 30, scale: 2}}, {name: 'ns', type: {kind: 'list', element: {kind: 'bigint'}}}]}},
    {name: 'counts', type: {kind: 'map', key: {kind: 'varchar'}, value: {kind: 'integer'}}}]},
  {schema: 'ods', name: 'dims', key: ['id'], columns: [{name: 'id', type: {kind: 'integer'}}, {name: 'tags', type: {kind: 'list', element: {kind: 'varchar'}}}, {name: 'day', type: {kind: 'date'}}]},
  {schema: 'ods', name: 'loose', bag: true, columns: [
    {name: 'k', type: {kind: 'integer'}}, {name: 'rows', type: {kind: 'list', element: {kind: 'struct', fields: [{name: 'at', type: {kind: 'timestamp'}}, {name: 'b', type: {kind: 'blob'}}]}}},
    {name: 'counts', type: {kind: 'map', key: {kind: 'varchar'}, value: {kind: 'integer'}}}]},
];
const shapesOf = (all: readonly CheckTable[]): readonly GeneratorTable[] => all.map(({schema, name, columns, key}) => ({schema, name, columns, key: key ?? []}));

interface Outcome {readonly features: ReadonlySet<QueryFeature>; readonly refused: string | null; readonly pageReads?: number}

/** Runs one seed: its SELECT, every third time a second one that may read the first, rows, epochs. */
async function run(seed: number, check: IncrementalCheck, tables: readonly CheckTable[]): Promise<Outcome> {
  const shapes = shapesOf(tables);
  const {sql, features} = randomSelect(seed, shapes);
  const random = new Random(seed ^ 0x5eed);
  try {
    await check.view({schema: 'dw', name: 'first', sql});
    if (seed % 3 === 0) await check.view({schema: 'dw', name: 'second', sql: randomSelect(seed + 1, [shapes[1]!, {schema: 'dw', name: 'first', key: [], columns: check.columns('dw.first')}]).sql});
  } catch (error) {
    if (error instanceof WarehouseError && (error.code === 'MR_NOT_INCREMENTAL' || error.code === 'MR_TYPE_UNSTORABLE')) return {features, refused: error.message};
    throw error;
  }
  for (let epoch = 0; epoch < 4; epoch++) {
    const changes = randomEpoch(random, check, tables, {rowsMax: 8, keyRange: 10, tame: true});
    if (epoch === 1) await check.undone(changes, null);
    await check.epoch(changes);
  }
  return {features, refused: null};
}

/** Every second seed runs with nothing in memory between epochs. */
async function runAlone(seed: number, tables: readonly CheckTable[] = plainTables): Promise<Outcome> {
  await using check = await IncrementalCheck.open(undefined, {spilled: seed % 2 === 1});
  for (const table of tables) await check.table(table);
  const random = new Random(seed);
  await check.epoch(tables.map((table) => randomRows(random, table, 12, 10, true)));
  try {
    const {features, refused} = await run(seed, check, tables);
    return {features, refused, pageReads: check.pageReads};
  } catch (error) {
    throw new Error(`seed ${seed}: ${randomSelect(seed, shapesOf(tables)).sql}\n${error instanceof Error ? error.stack : String(error)}`, {cause: error});
  }
}

const regressions: readonly number[] = JSON.parse(readFileSync(join(import.meta.dirname, '../test/fuzz/regressions/incremental.json'), 'utf8')) as number[];

test('generated: seeds that once failed', async () => {
  for (const seed of regressions) await runAlone(seed);
});

test('generated: random SELECTs equal their oracle after every epoch, by both executors', async () => {
  const runs = Number(process.env['MR_RUNS'] ?? 30);
  const first = testSeed() * 100_000;
  const features = new Set<QueryFeature>();
  const refusals = new Map<string, number>();
  let pageReads = 0;
  for (let seed = first; seed < first + runs; seed++) {
    const outcome = await runAlone(seed);
    for (const feature of outcome.features) features.add(feature);
    pageReads += outcome.pageReads ?? 0;
    if (outcome.refused !== null) refusals.set(outcome.refused, (refusals.get(outcome.refused) ?? 0) + 1);
  }
  assert.ok(pageReads > 10 * runs, `page files were read ${pageReads} times`);
  const refused = [...refusals.values()].reduce((sum, count) => sum + count, 0);
  assert.ok(refused <= runs / 10, `${refused} of ${runs} were refused: ${[...refusals].map(([message, count]) => `${count} × ${message}`).join('; ')}`);
  if (process.env['MR_SEED'] === undefined && runs >= 30) {
    for (const feature of ['filter', 'inner-join', 'left-join', 'group', 'global-aggregate', 'union', 'tumble', 'subquery', 'count', 'sum', 'avg', 'min', 'max', 'count-distinct'] as const) assert.ok(features.has(feature), `no ${feature} came up`);
  }
});

test('generated: random SELECTs over LIST, STRUCT and MAP columns equal their oracle after every epoch, by both executors', async () => {
  const runs = Math.ceil(Number(process.env['MR_RUNS'] ?? 30) / 6);
  const first = testSeed() * 100_000 + 50_000;
  let refused = 0;
  let unnested = 0;
  for (let seed = first; seed < first + runs; seed++) {
    const outcome = await runAlone(seed, nestedTables);
    if (outcome.refused !== null) refused++;
    if (outcome.features.has('unnest')) unnested++;
  }
  if (process.env['MR_SEED'] === undefined) assert.ok(unnested > 0, 'no UNNEST came up');
  assert.ok(refused <= 1 + runs / 10, `${refused} of ${runs} were refused`);
});
