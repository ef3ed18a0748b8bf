import assert from 'node:assert/strict';
import test, {after, before} from 'node:test';
import fc from 'fast-check';
import {testSeed} from '../../test/support/random.ts';
import {Kernel} from '../duckdb.ts';
import type {Session} from '../session.ts';
import {integerRanges} from './fold-constant.ts';
import {lowerPlan} from './lower.ts';
import {printAggregate, printExpression, printTree, printType, type GetNode} from './print.ts';
import {reservedWords} from './print-name.ts';
import {serializePlan} from './serialize.ts';
import type {Expression, PlanNode, PlanType} from './tree.ts';
import {expressionKey} from './walk-expression.ts';

let kernel: Kernel;
let session: Session;

before(async () => {
  kernel = await Kernel.open({threads: 1, memoryBytes: 64 << 20});
  session = await kernel.connect();
  for (const statement of ['CREATE SCHEMA ods', 'CREATE TABLE ods.flights (id BIGINT, delay INTEGER, origin VARCHAR)', 'CREATE TABLE ods.airports (iata VARCHAR, "select" VARCHAR)', "INSERT INTO ods.flights VALUES (1, 33, 'LAS'), (2, -212, 'LAS')"]) await session.run(statement);
});
after(() => kernel.close());

const lower = async (sql: string): Promise<PlanNode> => lowerPlan(await serializePlan(session, sql));

test('print: the worked example reads one step per operator', async () => {
  const tree = await lower("SELECT f.*, a.\"select\", CASE WHEN delay <= 15 THEN 'on time' WHEN delay > 15 THEN 'late' END AS class FROM ods.flights f LEFT JOIN ods.airports a ON a.iata = f.origin");
  assert.equal(printTree(tree), [
    'WITH s1 AS (SELECT f.origin AS x1, f.id AS x2, f.delay AS x3, a.iata AS x4, a."select" AS x5 FROM ods.flights AS f LEFT JOIN ods.airports AS a ON f.origin = a.iata)',
    "SELECT s1.x2 AS id, s1.x3 AS delay, s1.x1 AS origin, s1.x5 AS \"select\", CASE WHEN s1.x3 <= 15 THEN 'on time' WHEN s1.x3 > 15 THEN 'late' END AS class FROM s1",
  ].join('\n'));
});

test('print: a leaf replaces a table, whatever form its SQL has', async () => {
  const tree = await lower('SELECT origin, count(*) AS n FROM ods.flights WHERE delay > 0 GROUP BY origin');
  const forms = [
    "SELECT 'PHX' AS origin, 1 AS delay, 'more' AS more", "  with d as (SELECT 2 AS delay, 'PHX' AS origin) SELECT * FROM d", "(SELECT 2 AS delay, 'PHX' AS origin)", "VALUES_LIKE", "FROM (SELECT 2 AS delay, 'PHX' AS origin)",
  ];
  await session.run("CREATE VIEW VALUES_LIKE AS SELECT 'PHX' AS origin, 3 AS delay");
  for (const form of forms) {
    const seen: GetNode[] = [];
    const sql = printTree(tree, {leaf: get => { seen.push(get); return form; }, names: ['o "1"', 'n']});
    const {columns, rows} = await session.rows(sql);
    assert.deepEqual([columns.map(column => column.name), rows], [['o "1"', 'n'], [['PHX', 1n]]], form);
    assert.deepEqual(seen.map(get => get.columns.map(column => column.name)), [['delay', 'origin']]);
  }
});

test('print: any subtree is a SELECT of its own columns', async () => {
  const tree = await lower('SELECT origin, sum(delay) AS s FROM ods.flights WHERE delay < 0 GROUP BY origin HAVING sum(delay) < -3');
  assert.ok(tree.kind === 'project' && tree.child.kind === 'filter' && tree.child.child.kind === 'aggregate');
  assert.equal(printTree(tree.child.child.child), 'SELECT f.delay AS delay, f.origin AS origin FROM ods.flights AS f WHERE f.delay < 0');
  assert.deepEqual((await session.rows(printTree(tree.child))).rows, [['LAS', '-212']].map(([origin]) => [origin, (-212n)]));
  assert.equal(printAggregate(tree.child.child.aggregates[0]!, index => `d${index}`), 'sum(d0)');
});

test('print: names that DuckDB reserves are the ones that are quoted', async () => {
  const {rows} = await session.rows("SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category <> 'unreserved'");
  assert.deepEqual([...reservedWords].toSorted(), [...new Set(rows.map(([word]) => String(word)))].toSorted());
});

const bits = (low: bigint, high: bigint): fc.Arbitrary<bigint> => fc.oneof(fc.bigInt(low, high), fc.constantFrom(low, high, 0n, low + 1n, high - 1n), fc.bigInt(low < 0n ? -9n : 0n, 9n));
const integers = (Object.entries(integerRanges) as [PlanType['kind'], readonly [bigint, bigint]][]).map(([kind, [low, high]]) => bits(low, high).map((value): Expression => ({kind: 'constant', type: {kind} as PlanType, value})));
const decimals = fc.tuple(fc.integer({min: 1, max: 38}), fc.integer({min: 0, max: 38})).filter(([precision, scale]) => scale <= precision)
  .chain(([precision, scale]) => bits(1n - 10n ** BigInt(precision), 10n ** BigInt(precision) - 1n).map((value): Expression => ({kind: 'constant', type: {kind: 'decimal', precision, scale}, value})));
const constantOf = (kind: PlanType['kind'], values: fc.Arbitrary<bigint | number | string | boolean>): fc.Arbitrary<Expression> => values.map((value): Expression => ({kind: 'constant', type: {kind} as PlanType, value}));
const doubles = fc.oneof(fc.double({noNaN: false}), fc.constantFrom(0, -0, 0.1, 1 / 3, 5e-324, 1.7976931348623157e308, NaN, Infinity, -Infinity, 9007199254740992));
const microsOf = (years: number): bigint => BigInt(years) * 31_556_952_000_000n;
const constants = fc.oneof(
  ...integers, decimals, constantOf('double', doubles), constantOf('float', fc.float()), constantOf('boolean', fc.boolean()),
  constantOf('varchar', fc.oneof(fc.string({unit: 'binary'}), fc.constantFrom('', "'", '\0', 'a\0\'b', '\n', '\\', ';--', '😀'))),
  constantOf('date', bits(-719_162n, 2_932_896n)), constantOf('date', fc.constantFrom(-2_147_483_646n, 2_147_483_646n, 3_000_000n)),
  constantOf('timestamp', bits(microsOf(-1900), microsOf(8000))), constantOf('timestamp', fc.constantFrom(-(2n ** 62n), 2n ** 62n)), constantOf('timestamptz', bits(microsOf(-1900), microsOf(8000))),
  constantOf('time', bits(0n, 86_399_999_999n)),
  fc.record({months: fc.integer({min: -1e9, max: 1e9}), days: fc.integer({min: -1e9, max: 1e9}), micros: bits(-(2n ** 61n), 2n ** 61n)}).map((value): Expression => ({kind: 'constant', type: {kind: 'interval'}, value})),
  fc.constantFrom<PlanType>({kind: 'integer'}, {kind: 'date'}, {kind: 'decimal', precision: 5, scale: 2}, {kind: 'varchar'}, {kind: 'interval'}).map((type): Expression => ({kind: 'constant', type, value: null})),
);

test('print: a constant of every type comes back as the same constant', async () => {
  const kinds = new Map<string, number>();
  const unfolded = new Set<string>();
  await fc.assert(fc.asyncProperty(fc.array(constants, {minLength: 20, maxLength: 60}), async list => {
    const texts = list.map(constant => printExpression(constant, String));
    const sql = `SELECT ${texts.join(', ')}`;
    const tree = await lower(sql);
    assert.ok(tree.kind === 'project');
    const {rows: described} = await session.rows(`DESCRIBE ${sql}`);
    for (const [i, constant] of list.entries()) {
      kinds.set(constant.type.kind, (kinds.get(constant.type.kind) ?? 0) + 1);
      assert.equal(described[i]![1], printType(constant.type).replace('"NULL"', 'INTEGER'), texts[i]);
      const found: Expression = tree.expressions[i]!;
      if (found.kind === 'constant') assert.equal(expressionKey(found), expressionKey(constant), texts[i]);
      else unfolded.add(constant.type.kind);
    }
    // What stays a cast or a call is DuckDB's to read: its value is compared below through text.
    const compared = list.map((constant, i) => asText(constant, texts[i]!)).filter(pair => pair !== undefined);
    if (compared.length === 0) return;
    const {rows: [values]} = await session.rows(`SELECT ${compared.map(pair => pair.sql).join(', ')}`);
    assert.deepEqual(values, compared.map(pair => pair.expected), sql);
  }), {numRuns: 30, seed: testSeed(), includeErrorInReport: true});
  for (const kind of ['tinyint', 'smallint', 'integer', 'bigint', 'hugeint', 'ubigint', 'uhugeint', 'decimal', 'double', 'float', 'boolean', 'varchar', 'date', 'timestamp', 'timestamptz', 'time', 'interval']) {
    assert.ok((kinds.get(kind) ?? 0) >= 10, `${kind} occurs ${kinds.get(kind) ?? 0} times`);
  }
  // Text with NULs, and times beyond the years 0001 … 9999; the time of day has no literal.
  assert.deepEqual([...unfolded].filter(kind => !['varchar', 'date', 'timestamp', 'timestamptz', 'time', 'interval'].includes(kind)), []);
});

/** Integers of all sizes through text; dates and times through their number. */
function asText({type, ...constant}: Expression, text: string): {sql: string; expected: string | bigint | number | null} | undefined {
  if (!('value' in constant) || constant.value === null || typeof constant.value !== 'bigint') {
    const value = 'value' in constant ? constant.value : undefined;
    return type.kind === 'double' && typeof value === 'number' && !Number.isNaN(value) ? {sql: text, expected: value} : undefined;
  }
  const {value} = constant;
  switch (type.kind) {
    case 'date': return {sql: `CAST(date_diff('day', DATE '1970-01-01', ${text}) AS VARCHAR)`, expected: String(value)};
    case 'timestamp': return {sql: `CAST(epoch_us(${text}) AS VARCHAR)`, expected: String(value)};
    case 'timestamptz': return {sql: `CAST(epoch_us(${text}) AS VARCHAR)`, expected: String(value)};
    case 'time': return {sql: `CAST(epoch_us(${text}) AS VARCHAR)`, expected: String(value)};
    case 'decimal': return {sql: `CAST(CAST(replace(CAST(${text} AS VARCHAR), '.', '') AS HUGEINT) AS VARCHAR)`, expected: String(value)};
    default: return {sql: `CAST(${text} AS VARCHAR)`, expected: String(value)};
  }
}
