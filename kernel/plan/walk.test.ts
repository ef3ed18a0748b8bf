import assert from 'node:assert/strict';
import test, {after, before} from 'node:test';
import {randomSelect, type GeneratorTable} from '../../test/support/query-generator.ts';
import {testSeed} from '../../test/support/random.ts';
import {Binder} from './binder.ts';
import {singleRowPer} from './single-row.ts';
import {decodeTree, encodeTree, sameTree} from './tree-json.ts';
import type {Expression, PlanNode} from './tree.ts';
import {columnsUsed, expressionKey, mapOperands, operandsOf, sameExpression} from './walk-expression.ts';
import {childrenOf, columnsRead, expressionsOf, functionsCalled, mapChildren, moveColumns, tablesOf, unstableFunctions, visitNodes} from './walk.ts';

const table: GeneratorTable = {schema: 'ods', name: 'flights', key: ['id'], columns: [{name: 'id', type: {kind: 'bigint'}}, {name: 'delay', type: {kind: 'integer'}}, {name: 'origin', type: {kind: 'varchar'}}, {name: 'ts', type: {kind: 'timestamp'}}]};
let binder: Binder;

before(async () => {
  binder = await Binder.open();
  await binder.createSchema('ods');
  await binder.createTable('ods', 'flights', table.columns.map(column => ({...column, nullable: true})));
  await binder.createTable('ods', 'airports', [{name: 'iata', type: {kind: 'varchar'}, nullable: true}, {name: 'city', type: {kind: 'varchar'}, nullable: true}]);
});
after(() => binder.close());

const bind = async (sql: string): Promise<PlanNode> => (await binder.bindSelect(sql)).tree;

test('walk: rebuilding a tree by its children and operands changes nothing, and its JSON comes back', async () => {
  const rebuild = (node: PlanNode): PlanNode => mapChildren(node, child => rebuild({...child}));
  const rebuildExpression = (expression: Expression): Expression => mapOperands(expression, rebuildExpression);
  for (let seed = testSeed(); seed < testSeed() + 60; seed++) {
    const tree = await bind(randomSelect(seed, [table]).sql);
    assert.ok(sameTree(rebuild(tree), tree));
    assert.equal(mapChildren(tree, child => child), tree, 'nothing changed, so it is the same node');
    assert.deepEqual(decodeTree(encodeTree(tree)), tree);
    visitNodes(tree, node => {
      for (const expression of expressionsOf(node)) {
        assert.ok(sameExpression(rebuildExpression(expression), expression));
        const moved = moveColumns(expression, index => index + 1);
        assert.deepEqual(columnsUsed(moved), columnsUsed(expression).map(index => index + 1));
        assert.equal(sameExpression(moved, expression), columnsUsed(expression).length === 0);
      }
    });
  }
});

test('walk: every column that an expression uses is one of its input', async () => {
  for (let seed = testSeed() + 100; seed < testSeed() + 160; seed++) {
    visitNodes(await bind(randomSelect(seed, [table]).sql), node => {
      const width = Math.max(0, ...childrenOf(node).map(child => child.columns.length));
      if (node.kind !== 'join') for (const expression of expressionsOf(node)) for (const index of columnsUsed(expression)) assert.ok(index < width, `${node.kind} uses column ${index} of ${width}`);
    });
  }
});

test('walk: tables, columns and functions of a tree, lambdas and subqueries included', async () => {
  const tree = await bind("SELECT upper(f.origin), list_transform([f.delay], lambda x: abs(x) + f.delay), (SELECT max(city) FROM ods.airports a WHERE a.iata = f.origin), lag(delay) OVER (ORDER BY ts) FROM ods.flights f");
  assert.deepEqual(tablesOf(tree), [{schema: 'ods', table: 'flights'}, {schema: 'ods', table: 'airports'}]);
  assert.deepEqual(columnsRead(tree), [{schema: 'ods', table: 'flights', columnIndexes: [1, 2, 3]}, {schema: 'ods', table: 'airports', columnIndexes: [0, 1]}]);
  for (const name of ['upper', 'list_transform', 'abs', 'max', 'lag', '+', 'list_value']) assert.ok(functionsCalled(tree).includes(name), name);
});

test('walk: functions that are not stable are found wherever they stand', async () => {
  const stability = (name: string): ReturnType<Binder['stability']> => binder.stability(name);
  for (const [sql, expected] of [
    ['SELECT delay, (SELECT max(city) FROM ods.airports) FROM ods.flights', []],
    ['SELECT random() FROM ods.flights', ['random']], ['SELECT 1 FROM ods.flights WHERE ts < now()', ['now']],
    ['SELECT max(delay + random()) FROM ods.flights', ['random']], ['SELECT list_transform([1], lambda x: x + random()) FROM ods.flights', ['random']],
    ['SELECT delay FROM ods.flights ORDER BY uuid()', ['uuid']], ['SELECT row_number() OVER (PARTITION BY random()) FROM ods.flights', ['random']],
    ['SELECT a.city FROM ods.flights f JOIN ods.airports a ON f.origin = a.iata || current_date', ['current_date']],
    ['SELECT id FROM ods.flights WHERE id IN (SELECT 3 * random() FROM ods.airports)', ['random']], ['SELECT count(*) FROM TUMBLE(ods.flights, ts, INTERVAL 1 DAY) GROUP BY window_start', []],
  ] as const) assert.deepEqual(unstableFunctions(await bind(sql), stability), expected, sql);
  assert.deepEqual(unstableFunctions(await bind('SELECT now(), random()'), stability, 'consistent-within-query'), ['random']);
});

test('expression key: equal exactly for the same expression, when constants, types or details differ', async () => {
  const tree = await bind("SELECT delay + 1, delay + 2, delay + 1, id + 1, delay IS NULL, delay IS NOT NULL, delay = 1, delay <> 1, CAST(delay AS BIGINT), TRY_CAST(delay AS BIGINT), '1', 1, 1.0, 1.00, NULL::DATE, NULL::INTEGER, delay IN (1), delay NOT IN (1), list_transform([delay], lambda x: x), list_transform([delay], lambda x: x + 1), {'a': delay}, {'b': delay}, INTERVAL 1 DAY, INTERVAL 24 HOUR, '-0'::DOUBLE, 0::DOUBLE FROM ods.flights");
  assert.ok(tree.kind === 'project');
  const keys = tree.expressions.map(expressionKey);
  assert.equal(keys[0], keys[2]);
  assert.equal(new Set(keys).size, keys.length - 1, keys.join('\n'));
});

test('single row: known per key, and never claimed wrongly', async () => {
  const per = async (sql: string, keys: readonly number[]): Promise<boolean> => singleRowPer(await bind(sql), new Set(keys));
  assert.ok(await per('SELECT origin, count(*) FROM ods.flights GROUP BY origin', [0]));
  assert.ok(await per('SELECT count(*), origin FROM ods.flights GROUP BY origin HAVING count(*) > 1', [1]));
  assert.ok(await per('SELECT max(delay) FROM ods.flights', []));
  assert.ok(await per('SELECT DISTINCT origin, delay FROM ods.flights', [0, 1]));
  assert.ok(await per('SELECT * FROM ods.flights ORDER BY id LIMIT 1', []));
  assert.ok(await per('SELECT l.origin, r.n FROM (SELECT DISTINCT origin FROM ods.flights) l LEFT JOIN (SELECT iata, count(*) AS n FROM ods.airports GROUP BY iata) r ON l.origin = r.iata', [0]));
  for (const [sql, keys] of [
    ['SELECT origin, count(*) FROM ods.flights GROUP BY origin, delay', [0]], ['SELECT * FROM ods.flights', [0]], ['SELECT DISTINCT origin, delay FROM ods.flights', [0]], ['SELECT upper(origin) FROM ods.flights GROUP BY origin', [0]],
    ['SELECT origin, count(*) FROM ods.flights GROUP BY ROLLUP (origin)', [0]], ['SELECT l.origin FROM (SELECT DISTINCT origin FROM ods.flights) l JOIN ods.airports a ON a.iata = l.origin', [0]],
    ['SELECT l.origin FROM (SELECT DISTINCT origin FROM ods.flights) l FULL JOIN (SELECT DISTINCT iata FROM ods.airports) r ON l.origin = r.iata', [0]], ['SELECT * FROM ods.flights LIMIT 2', []],
    ['SELECT origin FROM ods.flights GROUP BY origin UNION ALL SELECT iata FROM ods.airports GROUP BY iata', [0]],
  ] as const) assert.ok(!await per(sql, keys), sql);
});

test('walk: operands of a lambda are its arguments alone', async () => {
  const tree = await bind('SELECT list_transform([delay], lambda x, i: x + i + id) FROM ods.flights');
  assert.ok(tree.kind === 'project');
  const [call] = tree.expressions;
  assert.ok(call?.kind === 'function' && call.detail?.lambda?.parameterCount === 2);
  assert.deepEqual([operandsOf(call).length, columnsUsed(call), columnsUsed(call.detail.lambda.body)], [2, [0, 1], [0, 1, 2]]);
});
