/** Every operator against its oracle: random epochs over hand-written dynamic tables, both executors. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type {CheckTable, CheckView} from '../test/support/check-incremental.ts';
import {IncrementalCheck} from '../test/support/check-incremental.ts';
import {randomEpoch, randomRows} from '../test/support/random-epochs.ts';
import {Random, testSeed} from '../test/support/random.ts';

const orders: CheckTable = {
  schema: 'ods', name: 'orders', key: ['id'], columns: [
    {name: 'id', type: {kind: 'bigint'}}, {name: 'customer', type: {kind: 'integer'}}, {name: 'amount', type: {kind: 'decimal', precision: 12, scale: 2}},
    {name: 'quantity', type: {kind: 'integer'}}, {name: 'price', type: {kind: 'double'}}, {name: 'status', type: {kind: 'varchar'}}, {name: 'created', type: {kind: 'timestamp'}},
    {name: 'big', type: {kind: 'bigint'}}, {name: 'paid', type: {kind: 'boolean'}},
  ],
};
const customers: CheckTable = {
  schema: 'ods', name: 'customers', key: ['id'], columns: [
    {name: 'id', type: {kind: 'integer'}}, {name: 'region', type: {kind: 'varchar'}}, {name: 'tier', type: {kind: 'integer'}}, {name: 'boss', type: {kind: 'integer'}}, {name: 'credit', type: {kind: 'decimal', precision: 38, scale: 4}},
  ],
};
const clicks: CheckTable = {schema: 'ods', name: 'clicks', bag: true, columns: [{name: 'customer', type: {kind: 'integer'}}, {name: 'page', type: {kind: 'varchar'}}, {name: 'ms', type: {kind: 'smallint'}}, {name: 'score', type: {kind: 'float'}}]};
const visits: CheckTable = {schema: 'ods', name: 'visits', columns: [{name: 'customer', type: {kind: 'integer'}}, {name: 'seen', type: {kind: 'timestamptz'}}, {name: 'day', type: {kind: 'date'}}]};
const plainTables = [orders, customers, clicks, visits];

const view = (name: string, sql: string, ...approximate: string[]): CheckView => ({schema: 'dw', name, sql, approximate});

/** Views whose inputs are random; each is compared after every epoch. */
const groups: Readonly<Record<string, readonly CheckView[]>> = {
  'filters and projections': [
    view('plain', 'SELECT * FROM ods.orders'),
    view('some', "SELECT id, amount * 2 AS twice, upper(status) AS status, quantity % 5 AS next FROM ods.orders WHERE quantity > 0 AND status <> 'a' AND quantity < 1000"),
    view('keyless', 'SELECT status, paid FROM ods.orders WHERE paid'),
    view('tumbled', "SELECT id, window_start, window_end FROM TUMBLE(ods.orders, created, INTERVAL 1 HOUR)"),
    view('outside', "SELECT id, strftime(created, '%Y/%m') AS month, md5(status) AS hash FROM ods.orders WHERE regexp_matches(status, '^[a-z]')"),
    view('twice', 'SELECT id, quantity FROM ods.orders WHERE quantity > 2 UNION ALL SELECT id, quantity FROM ods.orders WHERE quantity > 4'),
    view('appended', 'SELECT customer, day FROM ods.visits WHERE customer > 0 UNION ALL SELECT CAST(customer % 7 AS INTEGER), day FROM ods.visits'),
    view('mixed', "SELECT customer, page FROM ods.clicks UNION ALL SELECT customer, status FROM ods.orders UNION ALL SELECT id, region FROM ods.customers WHERE tier IS NULL"),
  ],
  'joins': [
    view('inner_join', 'SELECT o.id, o.amount, c.region, c.tier FROM ods.orders o JOIN ods.customers c ON o.customer = c.id'),
    view('left_join', 'SELECT o.*, c.region FROM ods.orders o LEFT JOIN ods.customers c ON o.customer = c.id'),
    view('right_join', 'SELECT o.id, o.status, c.id AS customer, c.region FROM ods.orders o RIGHT JOIN ods.customers c ON o.customer = c.id'),
    view('residual', 'SELECT o.id, c.id AS customer, o.quantity, c.tier FROM ods.orders o JOIN ods.customers c ON o.customer = c.id AND o.quantity > c.tier'),
    view('left_residual', 'SELECT c.id, o.id AS orders, o.quantity FROM ods.customers c LEFT JOIN ods.orders o ON o.customer = c.id AND o.quantity >= c.tier AND o.paid'),
    view('many_to_many', 'SELECT o.id, k.page, k.ms FROM ods.orders o LEFT JOIN ods.clicks k ON o.customer = k.customer AND o.status = k.page'),
    view('null_keys', 'SELECT o.id, c.id AS customer FROM ods.orders o JOIN ods.customers c ON o.customer IS NOT DISTINCT FROM c.boss'),
    view('null_keys_left', 'SELECT c.id, k.page FROM ods.customers c LEFT JOIN ods.clicks k ON c.tier IS NOT DISTINCT FROM k.customer AND c.id = k.ms'),
    view('cast_key', 'SELECT o.id, k.page FROM ods.orders o JOIN ods.clicks k ON o.id = k.customer'),
    view('cast_key_wide', 'SELECT o.big, v.customer, v.day FROM ods.orders o LEFT JOIN ods.visits v ON o.big = v.customer'),
    view('cast_keys', 'SELECT k.page, o.id FROM ods.clicks k LEFT JOIN ods.orders o ON k.ms = o.big AND k.customer = o.id'),
    view('self_join', 'SELECT a.id, b.id AS boss, b.region FROM ods.customers a LEFT JOIN ods.customers b ON a.boss = b.id'),
    view('self_equal', 'SELECT a.id, b.id AS other FROM ods.orders a JOIN ods.orders b ON a.customer = b.customer AND a.id <> b.id'),
    view('three', "SELECT o.id, c.region, b.region AS boss FROM ods.orders o JOIN ods.customers c ON o.customer = c.id LEFT JOIN ods.customers b ON c.boss = b.id WHERE o.quantity IS NOT NULL"),
    view('append_join', 'SELECT v.customer, v.day, w.seen FROM ods.visits v JOIN ods.visits w ON v.customer = w.customer AND v.day = w.day'),
    view('computed', "SELECT o.id, c.id AS customer FROM (SELECT id, CAST(customer AS BIGINT) + 1 AS next FROM ods.orders WHERE paid) o JOIN (SELECT id, coalesce(tier, 0) AS tier FROM ods.customers) c ON o.next = CAST(c.tier AS BIGINT) + 1"),
    view('grouped_side', 'SELECT c.id, c.region, t.n, t.total FROM ods.customers c LEFT JOIN (SELECT customer, count(*) AS n, sum(amount) AS total FROM ods.orders GROUP BY customer) t ON c.id = t.customer'),
  ],
  'aggregates by delta': [
    view('counts', 'SELECT customer, count(*) AS n, count(amount) AS amounts, count(DISTINCT status) AS statuses, count(*) FILTER (WHERE paid) AS paid FROM ods.orders GROUP BY customer'),
    view('sums', 'SELECT status, sum(amount) AS amount, sum(quantity) AS quantity, sum(big) AS big, avg(amount) AS amount_avg, avg(quantity) AS quantity_avg, avg(big) AS big_avg FROM ods.orders GROUP BY status'),
    view('doubles', 'SELECT customer, sum(price) AS price, avg(price) AS price_avg FROM ods.orders WHERE abs(price) < 1e100 GROUP BY customer', 'price', 'price_avg'),
    view('extremes', 'SELECT customer, min(amount) AS a, max(amount) AS b, min(status) AS c, max(status) AS d, min(price) AS e, max(price) AS f, min(created) AS g, max(big) AS h, max(paid) AS i FROM ods.orders GROUP BY customer'),
    view('wide', 'SELECT region, sum(credit) AS credit, min(credit) AS least, max(credit) AS most, avg(credit) AS mean, count(DISTINCT credit) AS n FROM ods.customers GROUP BY region'),
    view('global', 'SELECT count(*) AS n, sum(quantity) AS q, min(status) AS s, avg(quantity) AS a, max(created) AS c FROM ods.orders'),
    view('global_filtered', 'SELECT count(*) AS n, sum(ms) AS ms, max(page) AS page FROM ods.clicks WHERE ms > 3'),
    view('bools', 'SELECT customer, bool_and(paid) AS every, bool_or(paid) AS some FROM ods.orders GROUP BY customer'),
    view('several_keys', 'SELECT status, paid, price, count(*) AS n, sum(quantity % 4) AS q FROM ods.orders GROUP BY ALL'),
    view('by_expression', "SELECT date_trunc('hour', created) AS hour, coalesce(status, 'none') AS status, count(*) AS n, max(CAST(quantity AS BIGINT) * 2) FILTER (WHERE quantity > 0 AND quantity < 100) AS most FROM ods.orders GROUP BY ALL"),
    view('having', 'SELECT customer, count(*) AS n FROM ods.orders GROUP BY customer HAVING count(*) > 1 AND max(quantity) > 2'),
    view('distinct_rows', 'SELECT DISTINCT customer, page FROM ods.clicks'),
    view('of_bag', 'SELECT customer, count(*) AS n, count(DISTINCT page) AS pages, sum(ms) AS ms, min(score) AS score FROM ods.clicks GROUP BY customer'),
    view('of_log', 'SELECT customer, count(*) AS n, min(seen) AS first_at, max(day) AS last_day FROM ods.visits GROUP BY customer'),
    view('nested', 'SELECT n, count(*) AS groups FROM (SELECT customer, count(*) AS n FROM ods.orders GROUP BY customer) GROUP BY n'),
    view('of_union', 'SELECT customer, count(*) AS n FROM (SELECT customer FROM ods.orders UNION ALL SELECT customer FROM ods.clicks UNION ALL SELECT customer FROM ods.orders WHERE paid) GROUP BY customer'),
    view('of_join', 'SELECT c.region, count(*) AS n, sum(o.amount) AS amount, max(o.created) AS latest FROM ods.orders o LEFT JOIN ods.customers c ON o.customer = c.id GROUP BY c.region'),
  ],
  'aggregates by affected group': [
    view('median', 'SELECT customer, median(quantity) AS m, quantile_cont(quantity, 0.25) AS q, count(*) AS n FROM ods.orders GROUP BY customer'),
    view('spread', 'SELECT status, stddev(quantity) AS s, var_pop(ms) AS v FROM ods.orders o JOIN ods.clicks k ON o.status = k.page GROUP BY status', 's', 'v'),
    view('texts', "SELECT customer, string_agg(status, ',' ORDER BY status) AS all_of, first(status ORDER BY status DESC) AS last_of FROM ods.orders GROUP BY customer"),
    view('global_median', 'SELECT median(quantity) AS m, bit_xor(quantity) AS x FROM ods.orders'),
    view('lists', "SELECT customer, len(list(status ORDER BY status)) AS n, list(status ORDER BY status)[1] AS one FROM ods.orders GROUP BY customer"),
    view('sum_distinct', 'SELECT paid, sum(DISTINCT quantity) AS q, count(*) AS n FROM ods.orders GROUP BY paid'),
  ],
  'CTEs and chains': [
    view('cte_once', 'WITH big AS (SELECT * FROM ods.orders WHERE quantity > 1) SELECT status, count(*) AS n FROM big GROUP BY status'),
    view('cte_twice', 'WITH t AS (SELECT customer, count(*) AS n, sum(quantity) AS q FROM ods.orders GROUP BY customer) SELECT a.customer, a.n, b.q FROM t a JOIN t b ON a.n = b.n'),
    view('cte_union', 'WITH t AS (SELECT id, customer FROM ods.orders WHERE paid) SELECT * FROM t UNION ALL SELECT * FROM t UNION ALL SELECT id, 0 FROM t'),
    view('layer1', 'SELECT o.id, o.customer, o.amount, o.quantity, c.region, c.boss FROM ods.orders o LEFT JOIN ods.customers c ON o.customer = c.id'),
    view('layer2', 'SELECT region, boss, count(*) AS n, sum(amount) AS amount, max(quantity) AS most FROM dw.layer1 GROUP BY region, boss'),
    view('layer3', 'SELECT l.region, c.id, l.n, l.most FROM dw.layer2 l JOIN ods.customers c ON l.boss = c.id'),
    view('layer4', 'SELECT region, sum(n) AS n, count(DISTINCT id) AS bosses FROM dw.layer3 GROUP BY region'),
    view('layers_meet', 'SELECT a.region, a.n, b.n AS all_n FROM dw.layer4 a LEFT JOIN dw.layer2 b ON a.region = b.region'),
  ],
};

const trips: CheckTable = {
  schema: 'ods', name: 'trips', key: ['id'], columns: [
    {name: 'id', type: {kind: 'bigint'}}, {name: 'stops', type: {kind: 'list', element: {kind: 'varchar'}}}, {name: 'counts', type: {kind: 'map', key: {kind: 'varchar'}, value: {kind: 'integer'}}},
    {name: 'legs', type: {kind: 'list', element: {kind: 'struct', fields: [{name: 'km', type: {kind: 'decimal', precision: 12, scale: 2}}, {name: 'notes', type: {kind: 'list', element: {kind: 'varchar'}}}]}}},
    {name: 'place', type: {kind: 'struct', fields: [{name: 'x', type: {kind: 'double'}}, {name: 'at', type: {kind: 'timestamp'}}]}},
  ],
};
const tags: CheckTable = {schema: 'ods', name: 'tags', bag: true, columns: [{name: 'stops', type: {kind: 'list', element: {kind: 'varchar'}}}, {name: 'n', type: {kind: 'integer'}}]};
const seenTags: CheckTable = {schema: 'ods', name: 'seen_tags', columns: [{name: 'stops', type: {kind: 'list', element: {kind: 'varchar'}}}]};

/** Views over nested columns. */
const nestedGroups: Readonly<Record<string, readonly CheckView[]>> = {
  'nested columns': [
    view('stops', 'SELECT id, unnest(stops) AS stop FROM ods.trips'),
    view('side_by_side', 'SELECT id, unnest(stops) AS stop, unnest(legs) AS leg, place FROM ods.trips WHERE id > 2'),
    view('inner', "SELECT id, leg.km AS km, unnest(leg.notes) AS note FROM (SELECT id, unnest(legs) AS leg FROM ods.trips)"),
    view('entries', "SELECT id, entry.key AS name, entry.value AS n FROM (SELECT id, unnest(map_entries(counts)) AS entry FROM ods.trips)"),
    view('per_stop', 'SELECT stop, count(*) AS n, count(DISTINCT id) AS trips FROM (SELECT id, unnest(stops) AS stop FROM ods.trips) GROUP BY stop'),
    view('of_stops', 'SELECT s.id, s.stop, g.n FROM (SELECT id, unnest(stops) AS stop FROM ods.trips) s JOIN dw.per_stop g ON s.stop = g.stop'),
    view('bag_stops', 'SELECT unnest(stops) AS stop, n FROM ods.tags'),
    view('log_stops', 'SELECT unnest(list_distinct(list_sort(stops))) AS stop FROM ods.seen_tags'),
    view('same_stops', 'SELECT t.id, g.n, t.place FROM ods.trips t JOIN ods.tags g ON t.stops = g.stops'),
    view('by_list', 'SELECT stops, count(*) AS n, min(counts) AS least, max(place) AS most, count(DISTINCT legs) AS legs FROM ods.trips GROUP BY stops'),
    view('distinct_places', 'SELECT DISTINCT place, counts FROM ods.trips'),
    view('looked_into', "SELECT id, len(stops) AS n, counts['a'] AS a, place.x AS x, list_transform(legs, lambda l: l.km) AS kms, {'id': id, 'first': stops[1]} AS pair FROM ods.trips WHERE place IS NOT NULL AND stops IS DISTINCT FROM ['a']"),
    view('gathered', 'SELECT place, list_sort(list(id)) AS ids, list(stops ORDER BY stops) AS all_of FROM ods.trips GROUP BY place'),
  ],
};

const epochs = 8;
const keyRange = 20;

for (const [group, views, tables] of [...Object.entries(groups).map((one) => [...one, plainTables] as const), ...Object.entries(nestedGroups).map((one) => [...one, [trips, tags, seenTags]] as const)]) {
  test(`incremental: ${group} equal their SELECT after every epoch, by both executors`, async () => {
    const random = new Random(testSeed());
    await using check = await IncrementalCheck.open();
    for (const table of tables) await check.table(table);
    await check.epoch(tables.map((table) => randomRows(random, table, 36, keyRange)));
    for (const one of views) await check.view(one);
    const seen = new Map<string, number>();
    for (let epoch = 0; epoch < epochs; epoch++) {
      const changes = randomEpoch(random, check, tables, {rowsMax: 12, keyRange});
      if (random.chance(0.25)) await check.undone(changes, null);
      const made = await check.epoch(changes);
      for (const [name, rows] of made) seen.set(name, (seen.get(name) ?? 0) + rows.length);
      if (epoch === epochs >> 1) await check.restart();
    }
    // Coverage is asserted for the fixed seed alone.
    if (process.env['MR_SEED'] === undefined) for (const {name} of views) assert.ok((seen.get(`dw.${name}`) ?? 0) >= epochs, `${name} changed by ${seen.get(`dw.${name}`)} rows only`);
  });
}
