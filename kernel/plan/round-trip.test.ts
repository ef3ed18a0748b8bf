/** Plan → tree → SQL: the printed text must give the same rows, types and names as the text that was bound. */
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import test, {after, before} from 'node:test';
import {randomSelect, type GeneratorTable, type QueryFeature} from '../../test/support/query-generator.ts';
import {Random, testSeed} from '../../test/support/random.ts';
import {Kernel} from '../duckdb.ts';
import {macroStatements} from '../macros.ts';
import type {Session} from '../session.ts';
import {lowerPlan} from './lower.ts';
import {printTree} from './print.ts';
import {serializePlan} from './serialize.ts';

const tables = [
  'CREATE SCHEMA ods', 'CREATE SCHEMA "we ird"',
  'CREATE TABLE t (id INTEGER, a INTEGER, b INTEGER, c VARCHAR)',
  'CREATE TABLE u (id INTEGER, a INTEGER, c VARCHAR)',
  'CREATE TABLE ods.flights (id BIGINT, delay INTEGER, origin VARCHAR, dest VARCHAR, ts TIMESTAMP, tz TIMESTAMPTZ, d DATE, price DECIMAL(12,2), x DOUBLE, ok BOOLEAN, small TINYINT, f FLOAT, big DECIMAL(38,4), raw BLOB)',
  'CREATE TABLE ods.airports (id INTEGER, iata VARCHAR, city VARCHAR, opened DATE)',
  'CREATE TABLE "we ird"."T$ 1 😀" (id INTEGER, "select" INTEGER, "a ""q"" b" VARCHAR, "Ünï" DOUBLE, x1 INTEGER, s1 INTEGER, "order" DATE)',
  'CREATE TABLE nested (id INTEGER, l INTEGER[], s STRUCT(a INTEGER, "b c" VARCHAR), m MAP(VARCHAR, INTEGER))',
];

let kernel: Kernel;
let session: Session;

before(async () => {
  kernel = await Kernel.open({threads: 1, memoryBytes: 256 << 20});
  session = await kernel.connect();
  for (const statement of [...macroStatements, ...tables]) await session.run(statement);
  for (const statement of insertStatements(new Random(testSeed()))) await session.run(statement);
});
after(() => kernel.close());

/** Rows with NULLs in every column but id, few distinct values so that joins and groups meet, and extremes. */
function insertStatements(random: Random): string[] {
  const orNull = (text: string): string => random.chance(0.15) ? 'NULL' : text;
  const text = (items: readonly string[]): string => orNull(`'${random.pick(items)}'`);
  const int = (min: number, max: number): string => orNull(String(random.integer(min, max)));
  const cs = ['x', 'y', 'xy', '', 'xX', 'é😀', 'a_', '12', ' x '];
  const airports = ['LAS', 'PHX', 'SFO', 'JFK', ''];
  const rows = (count: number, row: (id: number) => readonly string[]): string => Array.from({length: count}, (_, i) => `(${row(i + 1).join(', ')})`).join(', ');
  const moment = (): string => orNull(`TIMESTAMP '2024-01-01' + INTERVAL ${random.integer(0, 40_000)} MINUTE`);
  return [
    `INSERT INTO t VALUES ${rows(60, id => [`${id}`, id === 7 ? '99999' : int(0, 8), int(-1, 4), text(cs)])}`,
    `INSERT INTO u VALUES ${rows(25, id => [`${id}`, int(0, 9), text(cs)])}`,
    `INSERT INTO ods.flights VALUES ${rows(80, id => [id === 3 ? '9007199254740993' : `${id}`, int(-20, 90), text(airports), text(airports), moment(), `(${moment()})::TIMESTAMPTZ`,
      orNull(`DATE '2024-01-01' + ${random.integer(0, 30)}`), orNull(`${random.integer(-99_999, 99_999)} / 100`), orNull(`${random.integer(-40, 40) / 4}`), random.pick(['true', 'false', 'NULL']),
      int(-128, 127), orNull(`${random.integer(-8, 8) / 2}`), id === 5 ? "'9999999999999999999999999999999999.9999'::DECIMAL(38,4) / 4" : orNull(`${random.integer(-1000, 1000)}.25`), orNull("'\\xAB\\x00'::BLOB")])}`,
    `INSERT INTO ods.airports VALUES ${airports.map((iata, i) => `(${i + 1}, '${iata}', ${text(['Las Vegas', 'Phoenix', 'San Francisco', 'New York'])}, DATE '1950-01-01' + ${random.integer(0, 9999)})`).join(', ')}`,
    `INSERT INTO "we ird"."T$ 1 😀" VALUES ${rows(30, id => [`${id}`, int(0, 20), text(cs), orNull(`${random.integer(-9, 9)}.5`), int(0, 9), int(1, 30), orNull(`DATE '2024-02-01' + ${random.integer(0, 20)}`)])}`,
    `INSERT INTO nested VALUES ${rows(12, id => [`${id}`, orNull(`[${Array.from({length: random.integer(0, 4)}, () => int(0, 4)).join(', ')}]::INTEGER[]`), orNull(`{'a': ${int(0, 3)}, 'b c': ${text(cs)}}`), orNull(`MAP {'k1': ${int(0, 3)}, 'k2': ${id}}`)])}`,
  ];
}

/** @returns how many rows the query has. */
async function checkRoundTrip(sql: string): Promise<number> {
  const described = (await session.rows(`DESCRIBE ${sql}`)).rows.map(([name, type]) => [name, type]);
  const tree = lowerPlan(await serializePlan(session, sql));
  const printed = printTree(tree, {names: described.map(([name]) => String(name))});
  try {
    assert.deepEqual((await session.rows(`DESCRIBE ${printed}`)).rows.map(([name, type]) => [name, type]), described, 'names or types differ');
    const {rows: [row]} = await session.rows(`WITH asked AS MATERIALIZED (${sql}), printed AS MATERIALIZED (${printed}) SELECT
      (SELECT count(*) FROM (FROM asked EXCEPT ALL FROM printed)), (SELECT count(*) FROM (FROM printed EXCEPT ALL FROM asked)), (SELECT count(*) FROM asked)`);
    assert.deepEqual(row!.slice(0, 2), [0n, 0n], `${row![0]} rows missing, ${row![1]} too many`);
    return Number(row![2]);
  } catch (cause) {
    throw new Error(`${cause instanceof Error ? cause.message : String(cause)}\nprinted:\n${printed}`, {cause});
  }
}

function queriesOf(file: URL): string[] {
  return readFileSync(file, 'utf8').split(/;\n/).map(query => query.replaceAll(/^(?:--.*|\s*)\n/gm, '').trim()).filter(query => query !== '');
}

test('round trip: rows, types and names stay, for every query of round-trip.sql', async context => {
  const queries = queriesOf(new URL('../../test/sql/round-trip.sql', import.meta.url));
  assert.ok(queries.length >= 150, `${queries.length} queries`);
  const failures: string[] = [];
  for (const query of queries) await checkRoundTrip(query).catch((cause: unknown): void => { failures.push(`${cause instanceof Error ? cause.message : String(cause)}\n${query}`); });
  assert.equal(failures.length, 0, `${failures.length} of ${queries.length} failed:\n\n${failures.join('\n\n')}`);
  context.diagnostic(`${queries.length} queries`);
});

const generatorTables: readonly GeneratorTable[] = [
  {schema: 'main', name: 't', key: ['id'], columns: [{name: 'id', type: {kind: 'integer'}}, {name: 'a', type: {kind: 'integer'}}, {name: 'b', type: {kind: 'integer'}}, {name: 'c', type: {kind: 'varchar'}}]},
  {schema: 'main', name: 'u', key: ['id'], columns: [{name: 'id', type: {kind: 'integer'}}, {name: 'a', type: {kind: 'integer'}}, {name: 'c', type: {kind: 'varchar'}}]},
  {schema: 'ods', name: 'flights', key: ['id'], columns: [
    {name: 'id', type: {kind: 'bigint'}}, {name: 'delay', type: {kind: 'integer'}}, {name: 'origin', type: {kind: 'varchar'}}, {name: 'ts', type: {kind: 'timestamp'}}, {name: 'tz', type: {kind: 'timestamptz'}},
    {name: 'd', type: {kind: 'date'}}, {name: 'price', type: {kind: 'decimal', precision: 12, scale: 2}}, {name: 'x', type: {kind: 'double'}}, {name: 'ok', type: {kind: 'boolean'}}, {name: 'small', type: {kind: 'tinyint'}},
    {name: 'f', type: {kind: 'float'}}, {name: 'big', type: {kind: 'decimal', precision: 38, scale: 4}}, {name: 'raw', type: {kind: 'blob'}}]},
  {schema: 'we ird', name: 'T$ 1 😀', key: ['id'], columns: [{name: 'id', type: {kind: 'integer'}}, {name: 'select', type: {kind: 'integer'}}, {name: 'a "q" b', type: {kind: 'varchar'}}, {name: 'order', type: {kind: 'date'}}]},
];

test('round trip: rows, types and names stay, for random queries of the incremental set', async () => {
  const first = testSeed() * 1000;
  const seen = new Map<QueryFeature, number>();
  let answered = 0;
  for (let seed = first; seed < first + 300; seed++) {
    const {sql, features} = randomSelect(seed, generatorTables, {floatSums: true});
    for (const feature of features) seen.set(feature, (seen.get(feature) ?? 0) + 1);
    const rowCount = await checkRoundTrip(sql).catch((cause: unknown) => { throw new Error(`seed ${seed}: ${sql}`, {cause}); });
    if (rowCount > 0) answered++;
  }
  for (const feature of ['filter', 'inner-join', 'left-join', 'group', 'global-aggregate', 'having', 'union', 'tumble', 'subquery', 'count', 'sum', 'avg', 'min', 'max', 'count-distinct'] satisfies QueryFeature[]) {
    assert.ok((seen.get(feature) ?? 0) >= 5, `${feature} occurs in ${seen.get(feature) ?? 0} queries`);
  }
  assert.ok(answered > 200, `${answered} of 300 queries gave rows`);
});
