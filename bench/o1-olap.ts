/**
 * O1: OLAP over live layers against DuckDB on freshly written zstd Parquet of the same rows: the demo's queries over 3 M flights with
 * 10,000 overwrites pending, and one group-by over 10 M generated rows (A4). Queries run in turn, ours and theirs; answers are compared.
 */
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {cpus} from 'node:os';
import {invariant} from '../base/invariant.ts';
import {findDemoData} from '../cli/demo-data.ts';
import {demoLayers, flightTypes} from '../cli/demo-layers.ts';
import {olapQueries} from '../cli/demo-watch.ts';
import {rowsOfQuery} from '../engine/file-source.ts';
import {Warehouse} from '../engine/warehouse.ts';
import {Kernel} from '../kernel/duckdb.ts';
import {macroStatements} from '../kernel/macros.ts';
import {quoteLiteral} from '../kernel/quote.ts';
import type {Session} from '../kernel/session.ts';
import {geomean, quantile} from './statistics.ts';

const text = {kind: 'varchar'} as const;
const generatedQuery = 'SELECT g, count(*) AS n, sum(v) AS s, max(v) AS m FROM ods.generated GROUP BY g ORDER BY n DESC, g LIMIT 20';
const generated = (rows: number): string => `SELECT i AS id, (hash(i) % 1000)::INTEGER AS g, (hash(i, 1) % 1000000)::BIGINT AS v, 'text ' || (i % 5000) AS note FROM range(${rows}) r(i)`;

export async function run(options: Record<string, number>): Promise<object> {
  const data = findDemoData();
  const {rows = data.rowCount, generatedRows = 10_000_000, repeats = 7} = options;
  const path = await mkdtemp(join(tmpdir(), 'millrace-o1-'));
  const warehouse = await Warehouse.open({path: join(path, 'warehouse')});
  const kernel = await Kernel.open({threads: Math.max(1, cpus().length - 1), memoryBytes: 4 * 2 ** 30});
  const session = await kernel.connect();
  try {
    await warehouse.sql(demoLayers);
    for await (const airports of rowsOfQuery(data.airportsSql, [text, text, text, text], 10_000)) await warehouse.insertColumns('ods.airports', airports.columns, airports.rowCount);
    for await (const flights of rowsOfQuery(data.flightsSql(1, rows), flightTypes, 50_000)) await warehouse.insertColumns('ods.flights', flights.columns, flights.rowCount);
    await warehouse.sql('CREATE TABLE ods.generated (id BIGINT NOT NULL, g INTEGER, v BIGINT, note VARCHAR)');
    const generatedTypes = [{kind: 'bigint'}, {kind: 'integer'}, {kind: 'bigint'}, text] as const;
    for await (const batch of rowsOfQuery(generated(generatedRows), generatedTypes, 100_000)) await warehouse.insertColumns('ods.generated', batch.columns, batch.rowCount);
    await warehouse.sql('UPDATE ods.flights SET distance = distance + 0 WHERE id % 300 = 7');
    await warehouse.sql('UPDATE ods.flights SET delay = delay + 1 WHERE id % 300 = 7');
    await plainParquet(session, path, `SELECT * REPLACE (CASE WHEN id % 300 = 7 THEN delay + 1 ELSE delay END AS delay) FROM (${data.flightsSql(1, rows)})`, data.airportsSql, generated(generatedRows));
    const figures: {query: string; oursMs: number; parquetMs: number; ratio: number}[] = [];
    for (const query of [...olapQueries, generatedQuery]) {
      const ours: number[] = [];
      const theirs: number[] = [];
      for (let i = 0; i <= repeats; i++) {
        const a = await timed(async () => (await warehouse.sql(query)).rows.map((row) => Object.values(row)));
        const b = await timed(async () => (await session.rows(query)).rows);
        invariant(sorted(a.value) === sorted(b.value), () => `answers differ for ${query}`);
        if (i === 0) continue;
        ours.push(a.ms);
        theirs.push(b.ms);
      }
      figures.push({query: query.slice(0, 70), oursMs: quantile(ours, 0.5), parquetMs: quantile(theirs, 0.5), ratio: Number((Math.min(...ours) / Math.min(...theirs)).toFixed(3))});
    }
    return {id: 'O1', rows, generatedRows, figures, geomean: geomean(figures.map(({ratio}) => ratio)), worst: Math.max(...figures.map(({ratio}) => ratio)), goal: 'geomean ≤ 1.0, worst ≤ 4', verified: 'answers equal in every run'};
  } finally {
    await session.close();
    await kernel.close();
    await warehouse.close();
    await rm(path, {recursive: true, force: true});
  }
}

async function timed<T>(work: () => Promise<T>): Promise<{ms: number; value: T}> {
  const startMs = performance.now();
  const value = await work();
  return {ms: performance.now() - startMs, value};
}

function sorted(rows: readonly (readonly unknown[])[]): string {
  return rows.map((row) => JSON.stringify(row, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))).sort().join('\n');
}

/** The same layers in Parquet files, as views of the same names. */
async function plainParquet(session: Session, path: string, flights: string, airports: string, generatedSql: string): Promise<void> {
  for (const statement of macroStatements) await session.run(statement);
  await session.run('CREATE SCHEMA ods; CREATE SCHEMA dwd; CREATE SCHEMA dws');
  const table = async (name: string, select: string): Promise<void> => {
    const file = quoteLiteral(join(path, `${name}.parquet`));
    await session.run(`COPY (${select}) TO ${file} (FORMAT parquet, COMPRESSION zstd)`);
    await session.run(`CREATE VIEW ${name} AS SELECT * FROM read_parquet(${file})`);
  };
  await table('ods.flights', flights);
  await table('ods.airports', airports);
  await table('ods.generated', generatedSql);
  for (const [, name, select] of demoLayers.matchAll(/CREATE DYNAMIC TABLE ([\w.]+) AS([^;]+);/g)) await table(name!, select!);
}
