/**
 * O1/O2, the wide mix: nine queries over one table of 10 M rows × 8 columns, read live with 0, 0.1, 1 and 10 % of its rows overwritten,
 * against DuckDB on freshly written plain zstd Parquet of the same rows and against a native DuckDB table that nobody touched; then
 * live once more while 1,000-row upserts go on. Queries run in turn, answers are compared. Reads beside writes are compared by count.
 */
import {mkdtemp, rm} from 'node:fs/promises';
import {cpus, tmpdir} from 'node:os';
import {join} from 'node:path';
import {invariant} from '../base/invariant.ts';
import {Warehouse} from '../engine/warehouse.ts';
import {Kernel} from '../kernel/duckdb.ts';
import {quoteLiteral} from '../kernel/quote.ts';
import type {Session} from '../kernel/session.ts';
import {geomean} from './statistics.ts';

const generated = (rows: number): string => `SELECT i AS k, (hash(i) % 1000)::INTEGER AS g, (hash(i, 1) % 1000000)::BIGINT AS v, (hash(i, 2) % 1000000)::INTEGER AS u, ((hash(i, 3) % 100000000) / 100.0)::DECIMAL(18,2) AS d,
  TIMESTAMP '2024-01-01' + INTERVAL (hash(i, 4) % 31536000) SECOND AS t, 'city-' || (hash(i, 5) % 37) AS s, 'n' || lpad((hash(i, 6) % 1000000000000)::VARCHAR, 24, 'abcd') AS n FROM range(${rows}) r(i)`;

const mix: readonly (readonly [string, string])[] = [
  ['sum of 2 columns', 'SELECT sum(v) AS a, sum(u) AS b FROM t'],
  ['sum of 1 column', 'SELECT sum(v) AS a FROM t'],
  ['count', 'SELECT count(*) AS a FROM t'],
  ['selective filter', "SELECT count(*) AS a, sum(d) AS b FROM t WHERE g = 17 AND s = 'city-5'"],
  ['group by 1,000 integers', 'SELECT g, count(*) AS a, sum(v) AS b FROM t GROUP BY g ORDER BY g'],
  ['group by 37 texts', 'SELECT s, count(*) AS a, max(u) AS b FROM t GROUP BY s ORDER BY s'],
  ['group by 1 M, top 10', 'SELECT u, count(*) AS a FROM t GROUP BY u ORDER BY a DESC, u LIMIT 10'],
  ['top 20 rows', 'SELECT * FROM t ORDER BY v DESC, k LIMIT 20'],
  ['join with 1 M', 'SELECT sum(t.v * dim.w) AS a FROM t JOIN dim ON dim.u = t.u'],
  ['LIKE', "SELECT count(*) AS a FROM t WHERE n LIKE '%abcd9%'"],
];

export async function run(options: Record<string, number>): Promise<object> {
  const {rows = 10_000_000, repeats = 3} = options;
  const path = await mkdtemp(join(tmpdir(), 'millrace-o2-'));
  const warehouse = await Warehouse.open({path: join(path, 'warehouse')});
  // In a file, as the read cache is: compressed, and within the same memory.
  const kernel = await Kernel.open({path: join(path, 'peer.duckdb'), tempDirectory: join(path, 'temp'), threads: Math.max(1, cpus().length - 1), memoryBytes: 4 * 2 ** 30});
  const session = await kernel.connect();
  try {
    await warehouse.sql('CREATE TABLE t (k BIGINT PRIMARY KEY, g INTEGER, v BIGINT, u INTEGER, d DECIMAL(18,2), t TIMESTAMP, s VARCHAR, n VARCHAR); CREATE TABLE dim (u INTEGER PRIMARY KEY, w INTEGER)');
    await warehouse.sql(`INSERT INTO t ${generated(rows)}`);
    await warehouse.sql('INSERT INTO dim SELECT range, range % 10 FROM range(1000000)');
    await warehouse.sql('CHECKPOINT');
    await session.run(`CREATE TABLE model AS ${generated(rows)}; CREATE TABLE dim AS SELECT range::INTEGER AS u, (range % 10)::INTEGER AS w FROM range(1000000)`);
    const results: object[] = [];
    for (const percent of [0, 0.1, 1, 10]) {
      if (percent > 0) {
        const change = (table: string): string => `UPDATE ${table} SET v = v + 1, u = (u * 7 + 1) % 1000000 WHERE hash(k, 99) % 1000 < ${percent * 10}`;
        await warehouse.sql(change('t'));
        await session.run(change('model'));
      }
      const file = join(path, `t-${percent}.parquet`);
      await session.run(`COPY (SELECT * FROM model ORDER BY k) TO ${quoteLiteral(file)} (FORMAT parquet, COMPRESSION zstd); CREATE OR REPLACE VIEW parquet_t AS SELECT * FROM read_parquet(${quoteLiteral(file)}); CREATE OR REPLACE TABLE native_t AS SELECT * FROM model ORDER BY k`);
      results.push({overwrittenPercent: percent, ...await compare(warehouse, session, repeats, null)});
      await rm(file);
    }
    await session.run(`COPY (SELECT * FROM model ORDER BY k) TO ${quoteLiteral(join(path, 'last.parquet'))} (FORMAT parquet, COMPRESSION zstd); CREATE OR REPLACE VIEW parquet_t AS SELECT * FROM read_parquet(${quoteLiteral(join(path, 'last.parquet'))})`);
    const writer = upserts(warehouse, rows);
    const busy = await compare(warehouse, session, repeats, rows);
    const epochs = await writer.stop();
    results.push({overwrittenPercent: 10, whileUpserting: epochs, ...busy});
    return {id: 'O2', rows, results, goal: 'geomean ≤ 1.0 against Parquet at ≤ 10 K pending; ≤ 3.5 against an untouched native table', verified: 'answers equal in every quiet run'};
  } finally {
    await session.close();
    await kernel.close();
    await warehouse.close();
    await rm(path, {recursive: true, force: true});
  }
}

/** @param busyRows not null: the table changes meanwhile, so only its size is compared. */
async function compare(warehouse: Warehouse, session: Session, repeats: number, busyRows: number | null): Promise<object> {
  const queries: {query: string; ms: number; toParquet: number; toNative: number}[] = [];
  for (const [name, query] of mix) {
    const times: [number[], number[], number[]] = [[], [], []];
    for (let i = 0; i <= repeats; i++) {
      const answers: string[] = [];
      for (const [at, ask] of [
        async () => text((await warehouse.sql(query)).rows.map((row) => Object.values(row))),
        async () => text((await session.rows(query.replaceAll(/\bFROM t\b/g, 'FROM parquet_t AS t'))).rows),
        async () => text((await session.rows(query.replaceAll(/\bFROM t\b/g, 'FROM native_t AS t'))).rows),
      ].entries()) {
        const startMs = performance.now();
        answers.push(await ask());
        if (i > 0) times[at as 0 | 1 | 2].push(performance.now() - startMs);
      }
      if (busyRows === null) invariant(answers[0] === answers[1] && answers[1] === answers[2], () => `answers to "${query}" differ: ${answers.map((answer) => answer.slice(0, 200)).join(' | ')}`);
      else if (name === 'count') invariant(answers[0] === text([[BigInt(busyRows)]]), () => `${answers[0]} rows while keys are overwritten`);
    }
    const [ours, parquet, native] = times.map((one) => Math.min(...one)) as [number, number, number];
    queries.push({query: name, ms: Number(ours.toFixed(1)), toParquet: Number((ours / parquet).toFixed(2)), toNative: Number((ours / native).toFixed(2))});
  }
  return {geomeanToParquet: geomean(queries.map(({toParquet}) => toParquet)), geomeanToNative: geomean(queries.map(({toNative}) => toNative)), worstToParquet: Math.max(...queries.map(({toParquet}) => toParquet)), queries};
}

function text(rows: readonly (readonly unknown[])[]): string {
  return JSON.stringify(rows, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value));
}

/** Upserts of 1,000 uniform keys, some twenty a second. */
function upserts(warehouse: Warehouse, rows: number): {stop(): Promise<number>} {
  const state = {stopped: false, epochs: 0};
  const loop = (async (): Promise<void> => {
    while (!state.stopped) {
      await warehouse.sql(`INSERT INTO t SELECT (hash(i, ${state.epochs}) % ${rows})::BIGINT, 1, 2, 3, 4.5, TIMESTAMP '2024-01-01', 'city-0', 'upserted' FROM range(1000) r(i)`);
      state.epochs++;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  return {
    stop: async () => {
      state.stopped = true;
      await loop;
      return state.epochs;
    },
  };
}
