import assert from 'node:assert/strict';
import test, {after, before} from 'node:test';
import fc from 'fast-check';
import {testSeed} from '../test/support/random.ts';
import {Kernel} from './duckdb.ts';
import {macroStatements} from './macros.ts';
import {lowerPlan} from './plan/lower.ts';
import {serializePlan} from './plan/serialize.ts';
import {childrenOf, tablesOf} from './plan/walk.ts';
import type {PlanNode} from './plan/tree.ts';
import type {Session} from './session.ts';

let kernel: Kernel;
let session: Session;

before(async () => {
  kernel = await Kernel.open({threads: 1, memoryBytes: 64 << 20});
  session = await kernel.connect();
  for (const statement of [...macroStatements, ...macroStatements, 'CREATE SCHEMA ods', 'CREATE SCHEMA "odd schema"', 'CREATE TABLE ods.flights (id BIGINT, ts TIMESTAMP, tz TIMESTAMPTZ, d DATE)', 'CREATE TABLE flights (id BIGINT, ts TIMESTAMP)',
    'CREATE TABLE "odd schema"."T$1" (id BIGINT, "t s" TIMESTAMP)', 'CREATE TABLE ods.words (t TIMESTAMP, ts TIMESTAMP, size INTEGER)', 'CREATE VIEW v AS SELECT * FROM ods.flights WHERE id > 0']) await session.run(statement);
});
after(() => kernel.close());

test('tumble: windows count from 1970, half-open, for every width and both time types', async () => {
  const widths = [['INTERVAL 1 SECOND', 1_000_000n], ['INTERVAL 7 MINUTE', 420_000_000n], ['INTERVAL 1 HOUR', 3_600_000_000n], ['INTERVAL 1 DAY', 86_400_000_000n], ['INTERVAL 86401 SECOND', 86_401_000_000n], ['INTERVAL 13 DAY', 1_123_200_000_000n]] as const;
  const instant = fc.oneof(fc.bigInt(-(10n ** 16n), 10n ** 17n), fc.tuple(fc.constantFrom(...widths), fc.bigInt(-9n, 9n), fc.constantFrom(-1n, 0n, 1n)).map(([[, micros], count, aside]) => micros * count + aside));
  await fc.assert(fc.asyncProperty(fc.array(instant, {minLength: 1, maxLength: 20}), fc.constantFrom(...widths), fc.constantFrom('ts', 'tz'), async (instants, [size, micros], column) => {
    await session.run(`DELETE FROM ods.flights; INSERT INTO ods.flights SELECT i, make_timestamp(i), make_timestamptz(i), NULL FROM (VALUES ${instants.map(value => `(${value})`).join(', ')}) v(i)`);
    const {rows} = await session.rows(`SELECT id, epoch_us(window_start), epoch_us(window_end), typeof(window_start) = typeof(${column}) AND typeof(window_end) = typeof(${column}) FROM TUMBLE(ods.flights, ${column}, ${size})`);
    for (const [id, start, end, sameType] of rows) {
      const value = BigInt(id as bigint);
      const expected = value - ((value % micros) + micros) % micros;
      assert.deepEqual([BigInt(start as bigint), BigInt(end as bigint), sameType], [expected, expected + micros, true], `${value} in ${size}`);
    }
  }), {numRuns: 40, seed: testSeed()});
});

test('tumble: NULL times have NULL windows, dates have timestamp windows, months are calendar months', async () => {
  await session.run("DELETE FROM ods.flights; INSERT INTO ods.flights VALUES (1, NULL, NULL, NULL), (2, '2024-02-29 12:00:00', NULL, '1969-12-31')");
  const read = async (sql: string): Promise<unknown[][]> => (await session.rows(sql)).rows;
  assert.deepEqual(await read('SELECT window_start, window_end FROM TUMBLE(ods.flights, ts, INTERVAL 1 MONTH) ORDER BY id'), [[null, null], ['2024-02-01T00:00:00.000000', '2024-03-01T00:00:00.000000']]);
  assert.deepEqual(await read('SELECT window_start, window_end FROM TUMBLE(ods.flights, d, INTERVAL 7 DAY) WHERE id = 2'), [['1969-12-25T00:00:00.000000', '1970-01-01T00:00:00.000000']]);
});

for (const [sql, tables] of [
  ['FROM TUMBLE(ods.flights, ts, INTERVAL 1 HOUR)', ['ods.flights']], ['FROM TUMBLE(flights, ts, INTERVAL 1 HOUR)', ['main.flights']], ["FROM TUMBLE('ods.flights', ts, INTERVAL 1 HOUR)", ['ods.flights']],
  ['SELECT w.id FROM tumble("odd schema"."T$1", "t s", size := INTERVAL 1 DAY) AS w', ['odd schema.T$1']], ['FROM TUMBLE(ods.words, t, INTERVAL 1 HOUR)', ['ods.words']], ['FROM TUMBLE(ods.words, ts, INTERVAL 1 HOUR)', ['ods.words']],
  ['SELECT a.window_start FROM TUMBLE(ods.flights, ts, INTERVAL 1 HOUR) a JOIN TUMBLE(flights, ts, INTERVAL 1 HOUR) b USING (window_start, id)', ['ods.flights', 'main.flights']],
  ['WITH c AS (SELECT * FROM ods.flights WHERE id > 1) FROM TUMBLE(c, ts + INTERVAL 1 DAY, INTERVAL 1 HOUR)', ['ods.flights']], ['FROM TUMBLE(v, tz, INTERVAL 1 HOUR)', ['ods.flights']],
] as const) {
  test(`tumble: binds and becomes get, filter, project and join: ${sql}`, async () => {
    const tree = lowerPlan(await serializePlan(session, sql));
    assert.deepEqual(tablesOf(tree).map(({schema, table}) => `${schema}.${table}`), tables);
    for (const kind of kindsOf(tree)) assert.ok(['get', 'project', 'filter', 'join'].includes(kind), kind);
    await session.rows(sql);
  });
}

function kindsOf(tree: PlanNode): string[] {
  return [tree.kind, ...childrenOf(tree).flatMap(kindsOf)];
}
