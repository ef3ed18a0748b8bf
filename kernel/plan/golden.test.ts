/**
 * One golden tree per operator: what DuckDB binds and what we make of it, so that an upgrade of DuckDB shows what moved.
 * `MR_GOLDEN=write` writes the files anew.
 */
import assert from 'node:assert/strict';
import {readFileSync, writeFileSync} from 'node:fs';
import test, {after, before} from 'node:test';
import {Binder} from './binder.ts';
import {printTree} from './print.ts';
import {decodeTree, encodeTree, sameTree} from './tree-json.ts';

const goldens: Readonly<Record<string, string>> = {
  'get': 'SELECT * FROM ods.flights',
  'project-filter': "SELECT id + 1 AS next, upper(origin) AS origin FROM ods.flights WHERE delay > 15 AND ts >= TIMESTAMP '2024-01-01' AND price < 99.5",
  'aggregate': 'SELECT origin, count(*) AS flights, avg(delay) AS delay_avg, max(delay) FILTER (WHERE price > 10) AS delay_max, count(DISTINCT id) AS ids FROM ods.flights GROUP BY ALL',
  'grouping-sets': 'SELECT origin, delay, count(*), grouping(origin) FROM ods.flights GROUP BY ROLLUP (origin, delay)',
  'inner-join': 'SELECT f.id, a.city FROM ods.flights f JOIN ods.airports a ON a.iata = f.origin',
  'left-join-residual': 'SELECT f.id, a.city FROM ods.flights f LEFT JOIN ods.airports a ON a.iata = f.origin AND length(a.city) > f.delay',
  'asof-join': 'SELECT f.id, p.id FROM ods.flights f ASOF JOIN ods.flights p ON f.origin = p.origin AND f.ts > p.ts',
  'mark-in': 'SELECT id FROM ods.flights WHERE origin NOT IN (SELECT iata FROM ods.airports)',
  'delim-exists': 'SELECT id FROM ods.flights f WHERE EXISTS (SELECT 1 FROM ods.airports a WHERE a.iata = f.origin)',
  'delim-scalar': 'SELECT id, (SELECT max(city) FROM ods.airports a WHERE a.iata = f.origin) AS city FROM ods.flights f',
  'window-top': 'SELECT * FROM ods.flights QUALIFY row_number() OVER (PARTITION BY origin ORDER BY ts DESC, id) <= 3',
  'window-frame': 'SELECT id, sum(delay) OVER (PARTITION BY origin ORDER BY ts RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND CURRENT ROW EXCLUDE TIES) AS s FROM ods.flights',
  'union': 'SELECT origin FROM ods.flights UNION SELECT iata FROM ods.airports UNION ALL SELECT NULL',
  'distinct-on': 'SELECT DISTINCT ON (origin) origin, id FROM ods.flights ORDER BY origin, ts DESC',
  'order-limit': 'SELECT id FROM ods.flights ORDER BY delay DESC, id LIMIT 3 OFFSET 1',
  'cte': 'WITH n AS (SELECT origin, count(*) AS n FROM ods.flights GROUP BY origin) SELECT l.origin, r.n FROM n l JOIN n r ON l.n = r.n + 1',
  'unnest-lambda': 'SELECT id, unnest(list_filter([delay, 9007199254740993], lambda x, i: x > i + id)) AS e FROM ods.flights',
  'values': "SELECT * FROM (VALUES (1, DATE '2024-02-29', NULL), (2, NULL, INTERVAL 1 DAY)) v(n, d, i)",
  'tumble': 'SELECT window_start, count(*) AS n FROM TUMBLE(ods.flights, ts, INTERVAL 10 MINUTE) GROUP BY window_start',
};

let binder: Binder;

before(async () => {
  binder = await Binder.open();
  await binder.createSchema('ods');
  await binder.createTable('ods', 'airports', [{name: 'iata', type: {kind: 'varchar'}, nullable: false}, {name: 'city', type: {kind: 'varchar'}, nullable: true}]);
  await binder.createTable('ods', 'flights', [
    {name: 'id', type: {kind: 'bigint'}, nullable: false}, {name: 'delay', type: {kind: 'integer'}, nullable: true}, {name: 'origin', type: {kind: 'varchar'}, nullable: true},
    {name: 'ts', type: {kind: 'timestamp'}, nullable: true}, {name: 'price', type: {kind: 'decimal', precision: 12, scale: 2}, nullable: true},
  ]);
});
after(() => binder.close());

for (const [name, sql] of Object.entries(goldens)) {
  test(`golden tree: ${name} is lowered and printed as recorded`, async () => {
    const {tree, columns} = await binder.bindSelect(sql);
    const found = {sql, printed: printTree(tree, {names: columns.map(column => column.name)}).split('\n'), tree: JSON.parse(encodeTree(tree)) as unknown};
    const file = new URL(`./golden/${name}.json`, import.meta.url);
    if (process.env['MR_GOLDEN'] === 'write') writeFileSync(file, `${JSON.stringify(found, null, 1)}\n`);
    assert.deepEqual(found, JSON.parse(readFileSync(file, 'utf8')));
    assert.ok(sameTree(decodeTree(encodeTree(tree)), tree));
  });
}
