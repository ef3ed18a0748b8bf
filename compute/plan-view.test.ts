/** Planning: what becomes of each kind of SELECT, what is refused and how, which key is proved. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {WarehouseError} from '../base/error.ts';
import type {LogicalType} from '../base/type.ts';
import {Binder} from '../kernel/plan/binder.ts';
import {explainIncremental} from './explain-incremental.ts';
import {viewStorage} from './keys.ts';
import type {TableShape, ViewPlan} from './operator-spec.ts';
import {planView} from './plan-view.ts';
import {volatileFunctions} from './volatile.ts';

const integer: LogicalType = {kind: 'integer'};
const column = (name: string, type: LogicalType, nullable = true): TableShape['columns'][number] => ({name, type, nullable});
const shapes: readonly TableShape[] = [
  {id: 1, schema: 'main', name: 'o', key: [0], appendOnly: false, columns: [column('id', {kind: 'bigint'}, false), column('c', integer), column('x', integer), column('s', {kind: 'varchar'}), column('d', {kind: 'double'}), column('t', {kind: 'timestamp'}), column('r', integer, false)]},
  {id: 2, schema: 'main', name: 'c', key: [0], appendOnly: false, columns: [column('id', integer, false), column('name', {kind: 'varchar'}), column('b', integer)]},
  {id: 3, schema: 'main', name: 'pair', key: [1, 0], appendOnly: false, columns: [column('a', integer, false), column('b', integer, false), column('v', integer)]},
  {id: 4, schema: 'main', name: 'log', key: [], appendOnly: true, columns: [column('k', integer), column('v', integer, false)]},
];

const binder = await Binder.open();
for (const {schema, name, columns} of shapes) await binder.createTable(schema, name, columns.map(({name: columnName, type, nullable}) => ({name: columnName, type: type as LogicalType, nullable})));
test.after(() => binder.close());

async function plan(sql: string): Promise<ViewPlan> {
  const {tree} = await binder.bindSelect(sql);
  return planView(tree, (schema, name) => shapes.find((table) => table.schema === schema && table.name === name));
}

async function storage(sql: string): Promise<[string, readonly number[], readonly number[] | null]> {
  const {storage: kind, key, pairBy} = viewStorage(await plan(sql), (id) => shapes.find((table) => table.id === id)!);
  return [kind, key, pairBy];
}

const kinds = ({operators}: ViewPlan): string => operators.map(({kind, executor}) => (executor === 'sql' ? `${kind}(sql)` : kind)).join(' ');

test('plan: chains of projections and filters are one map; a pick of columns is none', async () => {
  assert.equal(kinds(await plan('SELECT y + 1 AS z FROM (SELECT x * 2 AS y, c FROM (SELECT x, c FROM o WHERE x > 1) WHERE c < 5) WHERE y <> 7')), 'input map');
  assert.equal(kinds(await plan('SELECT s, count(*) FROM o GROUP BY s')), 'input aggregate map'.replace(' map', ''));
  assert.equal(kinds(await plan('SELECT a.id, b.name FROM o a JOIN c b ON a.c = b.id')).startsWith('input input join'), true);
});

test('plan: an expression outside the compiled set makes its operator sql, not the others', async () => {
  assert.equal(kinds(await plan("SELECT m, count(*) AS n FROM (SELECT md5(CAST(t AS VARCHAR)) AS m FROM o) GROUP BY m")), 'input map(sql) aggregate');
});

test('plan: a shared CTE is one operator', async () => {
  const {operators} = await plan('WITH t AS (SELECT c, count(*) AS n FROM o GROUP BY c) SELECT a.c FROM t a JOIN t b ON a.n = b.n');
  assert.equal(operators.filter(({kind}) => kind === 'aggregate').length, 1);
});

const refused: readonly (readonly [sql: string, operator: RegExp])[] = [
  ['SELECT id, row_number() OVER (ORDER BY x) FROM o', /window function/],
  ['SELECT DISTINCT ON (c) c, x FROM o ORDER BY c, x', /DISTINCT ON|ORDER BY/],
  ['SELECT id FROM o ORDER BY id', /ORDER BY/], ['SELECT id FROM o LIMIT 3', /LIMIT/],
  ['SELECT c FROM o EXCEPT SELECT id FROM c', /EXCEPT|DISTINCT/], ['SELECT c FROM o INTERSECT ALL SELECT id FROM c', /INTERSECT ALL/],
  ['SELECT id FROM o WHERE c IN (SELECT id FROM c)', /subquery/], ['SELECT id FROM o WHERE NOT EXISTS (SELECT 1 FROM c WHERE c.id = o.c)', /subquery/],
  ['SELECT id, (SELECT max(x) FROM o) AS m FROM c', /cross product|subquery/], ['SELECT o.id FROM o, c', /cross product/], ['SELECT o.id FROM o JOIN c ON o.x > c.b', /without an equality/],
  ['SELECT o.id, c.id AS d FROM o FULL JOIN c ON o.c = c.id', /FULL JOIN/], ['SELECT o.id FROM o ASOF JOIN pair p ON o.c = p.a AND o.x >= p.b', /ASOF JOIN/], ['SELECT o.id FROM o SEMI JOIN c ON o.c = c.id', /subquery/],
  ['SELECT o.id, u.e FROM o, unnest([o.c]) AS u(e)', /correlated subquery/], ['SELECT c, x, count(*) FROM o GROUP BY ROLLUP (c, x)', /ROLLUP/], ['SELECT 1 AS one', /without FROM/], ['SELECT * FROM (VALUES (1)) v(a)', /VALUES/],
  ['SELECT id, random() AS r FROM o', /random/], ['SELECT id FROM o WHERE t < now()', /now|current|get_current/],
  ['SELECT c, first(x) AS f FROM o GROUP BY c', /first/], ['SELECT c, list(x)[1] AS l FROM o GROUP BY c', /list/], ["SELECT c, string_agg(s, ',' ORDER BY x) AS l FROM o GROUP BY c", /string_agg/],
  ['SELECT c, arg_max(x, d) AS a FROM o GROUP BY c', /arg_max/], ['SELECT c, mode(x) AS m FROM o GROUP BY c', /mode/],
];

for (const [sql, operator] of refused) {
  test(`plan: refused with its name and a way out: ${sql}`, async () => {
    await assert.rejects(plan(sql), (error) => {
      assert.ok(error instanceof WarehouseError, String(error));
      assert.equal(error.code, 'MR_NOT_INCREMENTAL', error.message);
      assert.match(error.message, operator);
      assert.ok((error.hint ?? '').length > 10);
      return true;
    });
  });
}

const keys: readonly (readonly [sql: string, storage: string, key: readonly number[], pairBy?: readonly number[]])[] = [
  ['SELECT x, id FROM o', 'keyed', [1]],
  ['SELECT x FROM o', 'bag', []],
  ['SELECT id + 0 AS i, x FROM o', 'bag', []],
  ['SELECT CAST(id AS HUGEINT) AS i, x FROM o', 'keyed', [0]],
  ['SELECT v, k FROM log WHERE v > 0', 'append', []],
  ['SELECT a.v FROM log a JOIN log b ON a.v = b.v', 'append', []],
  ['SELECT a.v FROM log a LEFT JOIN log b ON a.v = b.v', 'bag', []],
  ['SELECT * FROM log UNION ALL SELECT * FROM log', 'append', []],
  ['SELECT id, x FROM o UNION ALL SELECT id, x FROM o', 'bag', []],
  ['SELECT o.*, c.name FROM o LEFT JOIN c ON o.c = c.id', 'keyed', [0]],
  ['SELECT c.name, o.id FROM c RIGHT JOIN o ON o.c = c.id', 'keyed', [1]],
  ['SELECT o.id, c.name FROM o JOIN c ON o.c = c.b', 'bag', []],
  ['SELECT o.id, c.name, c.id AS d FROM o JOIN c ON o.c = c.b', 'keyed', [0, 2]],
  ['SELECT o.id, c.name, c.id AS d FROM o LEFT JOIN c ON o.c = c.b', 'bag', [], [0, 2]],
  ['SELECT o.id FROM o LEFT JOIN pair p ON o.c = p.a', 'bag', []],
  ['SELECT o.id FROM o LEFT JOIN pair p ON o.c = p.a AND p.b = o.x', 'keyed', [0]],
  ['SELECT c.id, o.s FROM o JOIN c ON o.c = c.id', 'bag', []],
  ['SELECT p.a, p.b, c.name FROM pair p JOIN c ON p.a = c.id', 'keyed', [1, 0]],
  ['SELECT c.id, p.b, c.name FROM pair p JOIN c ON p.a = c.id', 'keyed', [1, 0]],
  ['SELECT c, count(*) AS n FROM o GROUP BY c', 'bag', [], [0]],
  ['SELECT c, count(*) AS n FROM o WHERE c IS NOT NULL GROUP BY c', 'keyed', [0]],
  ['SELECT c, count(*) AS n FROM o WHERE c > 3 AND s IS NOT NULL GROUP BY c', 'keyed', [0]],
  ['SELECT r, count(*) AS n FROM o GROUP BY r', 'keyed', [0]],
  ["SELECT coalesce(s, '') AS s, r, sum(x) AS n FROM o GROUP BY ALL", 'keyed', [0, 1]],
  ['SELECT DISTINCT r, c FROM o', 'bag', [], [0, 1]],
  ['SELECT r FROM o UNION SELECT id FROM c', 'keyed', [0]],
  ['SELECT count(*) AS n FROM o', 'bag', [], []],
  ['SELECT o.r, count(*) AS n FROM o JOIN c ON o.c = c.id GROUP BY o.r', 'keyed', [0]],
  ['SELECT r, n FROM (SELECT r, count(*) AS n FROM o GROUP BY r) WHERE n > 2', 'keyed', [0]],
  ['SELECT n FROM (SELECT r, count(*) AS n FROM o GROUP BY r)', 'bag', []],
];

for (const [sql, kind, key, pairBy] of keys) {
  test(`keys: ${kind} (${key.join(', ')}) for ${sql}`, async () => {
    assert.deepEqual(await storage(sql), [kind, key, pairBy ?? null]);
  });
}

test('explain: names operators, state and what makes an epoch dear', async () => {
  const rows = explainIncremental(await plan("SELECT name, n FROM (SELECT c, count(*) AS n, sum(x) AS q FROM o WHERE s <> 'a' GROUP BY c) t LEFT JOIN c ON t.c = c.id"));
  assert.deepEqual(rows.map(({step, level, executor, state, warning}) => [step, level, executor, state, warning]), [
    ['s1', 'delta', 'code', 'none', null], ['s2', 'delta', 'code', 'accumulators by c', null], ['s3', 'delta', 'code', 'rows of s2 by c; main.c by id, shared', null], ['s4', 'delta', 'code', 'none', null],
  ].slice(0, rows.length));
  assert.match(rows[2]!.operator, /^left join of s2 l and main\.c r on l\.c = r\.id/);
  const [median] = explainIncremental(await plan('SELECT median(x) AS m FROM o'));
  assert.equal(median!.level, 'affected group');
  assert.match(median!.warning ?? '', /whole table/);
  const [map] = explainIncremental(await plan("SELECT md5(CAST(t AS VARCHAR)) AS y FROM o"));
  assert.match(map!.warning ?? '', /md5/);
});

test('volatile: the list is all that DuckDB calls so', async () => {
  const {rows} = await binderFunctions();
  assert.deepEqual(rows.filter((name) => !volatileFunctions.has(name)), []);
});

async function binderFunctions(): Promise<{rows: string[]}> {
  const {Kernel} = await import('../kernel/duckdb.ts');
  await using kernel = await Kernel.open({threads: 1, memoryBytes: 64 << 20});
  const session = await kernel.connect();
  const {rows} = await session.rows("SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability <> 'CONSISTENT' ORDER BY 1");
  return {rows: rows.map(([name]) => String(name))};
}
