/** What has no operator is refused by name; what is new in a plan is never ignored in silence. */
import assert from 'node:assert/strict';
import test, {after, before} from 'node:test';
import {WarehouseError} from '../../base/error.ts';
import {Kernel} from '../duckdb.ts';
import {macroStatements} from '../macros.ts';
import type {Session} from '../session.ts';
import {lowerPlan} from './lower.ts';
import {printTree} from './print.ts';
import {serializePlan} from './serialize.ts';

let kernel: Kernel;
let session: Session;

before(async () => {
  kernel = await Kernel.open({threads: 1, memoryBytes: 64 << 20});
  session = await kernel.connect();
  for (const statement of [...macroStatements, 'CREATE TABLE t (id INTEGER, a INTEGER, c VARCHAR, ts TIMESTAMP, l INTEGER[])', 'CREATE TABLE u (id INTEGER, a INTEGER)', 'CREATE SEQUENCE q', "CREATE TYPE mood AS ENUM ()"]) await session.run(statement);
});
after(() => kernel.close());

const refused: readonly (readonly [sql: string, named: RegExp])[] = [
  ['SELECT rowid FROM t', /rowid/],
  ['SELECT * FROM t WHERE rowid > 3', /rowid/],
  ['SELECT max(t.rowid) FROM t', /rowid/],
  ['SELECT t.a FROM t JOIN u ON t.rowid = u.id', /rowid/],
  ['SELECT * FROM t TABLESAMPLE 10%', /TABLESAMPLE/],
  ['SELECT * FROM (SELECT * FROM t USING SAMPLE 3)', /TABLESAMPLE/],
  ['SELECT * FROM t POSITIONAL JOIN u', /POSITIONAL JOIN/],
  ['WITH RECURSIVE r AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM r WHERE x < 3) SELECT * FROM r', /recursive WITH/],
  ['SELECT DISTINCT ON (a) a, id FROM t', /DISTINCT ON without ORDER BY/],
  ['SELECT * FROM t LIMIT 10%', /LIMIT by a percentage/],
  ['SELECT * FROM t LIMIT (SELECT 1)', /LIMIT by an expression/],
  ['SELECT * FROM t OFFSET (SELECT 1)', /OFFSET by an expression/],
  ['SELECT * FROM t WHERE c COLLATE NOCASE = \'x\'', /collation nocase/i],
  ['SELECT * FROM duckdb_tables()', /table function duckdb_tables/],
  ['SELECT date_part([\'year\', \'month\'], ts) FROM t', /function date_part/],
  ['SELECT struct_update({a: id}, a := 2) FROM t', /function struct_update/],
  ['SELECT nextval(\'q\') FROM t', /function nextval/],
  ['SELECT approx_quantile(a, 0.5) FROM t', /approx_quantile/],
  ['SELECT bitstring_agg(a, 1, 9) FROM t', /bitstring_agg/],
  ['SELECT row_number(ORDER BY a) OVER (ORDER BY id) FROM t', /arg_orders/],
  ['SELECT list_filter(NULL, lambda x: x > 1) FROM t', /list_filter over NULL/],
  ['SELECT enum_range(NULL::mood) FROM t', /an ENUM without words/],
  ['DESCRIBE t', /a constant result/],
];

async function refusal(sql: string): Promise<WarehouseError> {
  const json = await serializePlan(session, sql);
  try {
    lowerPlan(json);
  } catch (cause) {
    assert.ok(cause instanceof WarehouseError, String(cause));
    return cause;
  }
  return assert.fail(`${sql} was lowered`);
}

for (const [sql, named] of refused) {
  test(`lower: refused by name: ${sql}`, async () => {
    const error = await refusal(sql).catch((cause: unknown) => cause as WarehouseError);
    assert.equal(error.kind, 'invalid', String(error));
    assert.match(error.message, named);
  });
}

test('print: a cast to a STRUCT without names is refused, when it has no SQL text', async () => {
  const tree = lowerPlan(await serializePlan(session, 'SELECT coalesce(row(id, 1), row(2::BIGINT, 3)) FROM t'));
  assert.throws(() => printTree(tree), (error: unknown) => error instanceof WarehouseError && error.code === 'MR_PLAN_UNSUPPORTED');
});

test('lower: statements that do not bind give DuckDB’s text', () => {
  assert.throws(() => lowerPlan('{"error":true,"error_type":"binder","error_message":"no such thing"}'), (error: unknown) => error instanceof WarehouseError && error.code === 'MR_SQL' && error.message === 'no such thing');
  assert.throws(() => lowerPlan('{"error":false,"plans":[]}'), /expected one SELECT, found 0 statements/);
});

const covering = [
  'SELECT a + 1, c LIKE \'x%\', CASE WHEN a BETWEEN 1 AND 3 THEN 1 END, a IN (1, 2), coalesce(a, 2.5), NOT a IS NULL, CAST(c AS DATE) FROM t WHERE a > 1 OR a < 0',
  'SELECT c, sum(a ORDER BY id), string_agg(c, \'|\' ORDER BY id) FILTER (WHERE a > 1), quantile_cont(a, 0.5), grouping(c) FROM t GROUP BY CUBE (c, a)',
  'SELECT t.id FROM t LEFT JOIN u ON t.a = u.a AND t.id > u.id + t.a WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a) UNION ALL SELECT id FROM u ORDER BY 1 LIMIT 3',
  'SELECT sum(a) OVER (PARTITION BY c ORDER BY id ROWS 2 PRECEDING), lag(a, 1, 0) OVER (ORDER BY id) FROM t',
  'WITH x AS (SELECT * FROM t) SELECT DISTINCT ON (p.a) p.a, unnest(q.l) FROM x p JOIN x q USING (id) ORDER BY p.a, q.ts',
  'SELECT * FROM (VALUES (1, INTERVAL 1 DAY)) v, range(3), TUMBLE(t, ts, INTERVAL 1 HOUR)',
  'SELECT list_transform(l, lambda x: x + id), {\'k\': l}, [1.5, 170141183460469231731687303715884105727] FROM t',
];
/** Parts of a plan that follow from others and are not read. */
const unread: ReadonlySet<string> = new Set(['arguments', 'original_arguments', 'variable_return_type', 'input_table_types', 'bind_data']);

test('lower: an unknown field is refused, wherever it stands in a plan', async () => {
  let places = 0;
  for (const sql of covering) {
    places += await changeEverywhere(sql, object => {
      object['surprise'] = 1;
      return ['surprise'];
    });
  }
  assert.ok(places > 300, `${places} places`);
});

/** Fields whose words decide what is meant. */
const enumerations = ['type', 'id', 'expression_class', 'comparison', 'join_type', 'distinct_type', 'aggregate_type', 'null_order', 'start', 'end', 'exclude_clause', 'index_type'] as const;
/** Expression classes with one `type` only. */
const typeless: ReadonlySet<unknown> = new Set(['BOUND_REF', 'BOUND_CONSTANT', 'BOUND_CAST', 'BOUND_BETWEEN', 'BOUND_CASE', 'BOUND_FUNCTION', 'BOUND_AGGREGATE', 'BOUND_UNNEST']);

test('lower: an unknown word is refused, wherever a plan has an enumeration', async () => {
  let places = 0;
  for (const field of enumerations) {
    for (const sql of covering) {
      places += await changeEverywhere(sql, object => {
        if (typeof object[field] !== 'string' || (field === 'type' && typeless.has(object['expression_class']))) return [];
        object[field] = 'ODD_WORD';
        return [field];
      });
    }
  }
  assert.ok(places > 300, `${places} places`);
});

/** Changes one object of the plan of `sql` after the other and expects each change to be refused. @returns how many there were. */
async function changeEverywhere(sql: string, change: (object: Record<string, unknown>) => readonly string[]): Promise<number> {
  const json = await serializePlan(session, sql);
  lowerPlan(json);
  let places = 0;
  for (const path of objectPaths(JSON.parse(json) as unknown, [])) {
    if (path.length < 2) continue; // the answer itself, beside error and plans
    const plan = JSON.parse(json.replaceAll(/:(-?\d{16,})/g, ':"$1"')) as unknown;
    const place = path.reduce<unknown>((value, key) => (value as Readonly<Record<string, unknown>>)[key], plan);
    const [field] = change(place as Record<string, unknown>);
    if (field === undefined) continue;
    assert.throws(() => lowerPlan(JSON.stringify(plan)), (error: unknown) => error instanceof WarehouseError && error.code === 'MR_PLAN_UNSUPPORTED', `${[...path, field].join('.')} of ${sql}`);
    places++;
  }
  return places;
}

function objectPaths(value: unknown, path: readonly string[]): string[][] {
  if (typeof value !== 'object' || value === null) return [];
  const below = Object.entries(value).filter(([key]) => !unread.has(key) && !readTwice(key, path, value)).flatMap(([key, field]) => objectPaths(field, [...path, key]));
  return Array.isArray(value) ? below : [[...path], ...below];
}

/** A function's data repeats its return type; the index of a scanned column names none. */
function readTwice(key: string, path: readonly string[], value: object): boolean {
  return (key === 'return_type' && path.at(-1) === 'function_data') || (key === 'type' && 'child_indexes' in value);
}
