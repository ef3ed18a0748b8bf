/** Law 3: how given rows are cut into epochs, when checkpoints run and where the process restarts change no final result. Law 6/A12: per key, changes come in commit order. */
import assert from 'node:assert/strict';
import {mkdirSync} from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import type {Value} from '../../base/value.ts';
import {Warehouse} from '../../engine/warehouse.ts';
import {Random, testSeed} from '../support/random.ts';
import {temporaryFolder} from '../support/temporary.ts';

const definitions = `
CREATE SCHEMA dwd; CREATE SCHEMA dws;
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL, amount DECIMAL(10,2), placed TIMESTAMP);
CREATE TABLE customers (id INTEGER PRIMARY KEY, city VARCHAR);
CREATE TABLE clicks (customer INTEGER, page VARCHAR);
CREATE DYNAMIC TABLE dwd.orders AS SELECT o.*, c.city FROM orders o LEFT JOIN customers c ON c.id = o.customer;
CREATE DYNAMIC TABLE dwd.both AS SELECT city AS word FROM dwd.orders UNION ALL SELECT page FROM clicks;
CREATE DYNAMIC TABLE dws.city AS SELECT city, count(*) AS n, sum(amount) AS amount, avg(amount) AS mean, min(amount) AS least, count(DISTINCT customer) AS customers FROM dwd.orders GROUP BY city;
CREATE DYNAMIC TABLE dws.hours AS SELECT window_start, count(*) AS n, max(amount) AS most FROM TUMBLE(orders, placed, INTERVAL 1 HOUR) GROUP BY window_start;
CREATE DYNAMIC TABLE dws.words AS SELECT word, count(*) AS n FROM dwd.both GROUP BY word;
CREATE DYNAMIC TABLE dws.total AS SELECT count(*) AS n, sum(amount) AS amount FROM dwd.orders;`;
const tables = ['orders', 'customers', 'clicks', 'dwd.orders', 'dwd.both', 'dws.city', 'dws.hours', 'dws.words', 'dws.total'];

interface Step {readonly table: string; readonly row: Record<string, Value>}

function steps(random: Random, count: number): Step[] {
  return Array.from({length: count}, (): Step => {
    switch (random.integer(0, 3)) {
      case 0: return {table: 'customers', row: {id: random.integer(1, 6), city: random.pick(['Oslo', 'Łódź', null, 'a rather long name of a city'])}};
      case 1: return {table: 'clicks', row: {customer: random.integer(1, 6), page: random.pick(['home', 'Oslo', null])}};
      default: return {table: 'orders', row: {id: random.integer(1, 25), customer: random.integer(1, 8), amount: random.chance(0.1) ? null : `${random.integer(-50, 500)}.25`, placed: `2026-01-01T0${random.integer(0, 3)}:${random.pick(['00', '59'])}:00.000000`}};
    }
  });
}

async function content(warehouse: Warehouse): Promise<string[]> {
  const found: string[] = [];
  for (const table of tables) {
    const {rows} = await warehouse.sql(`SELECT * FROM ${table}`);
    found.push(`${table}: ${rows.map((row) => JSON.stringify(Object.values(row), (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value))).sort().join(' ')}`);
  }
  return found;
}

/** @param cut says after each row whether the epoch ends, and what happens then. */
async function replay(path: string, rows: readonly Step[], cut: (index: number) => 'go on' | 'epoch' | 'checkpoint' | 'restart' | 'kill'): Promise<string[]> {
  mkdirSync(path, {recursive: true});
  let warehouse = await Warehouse.open({path});
  await warehouse.sql(definitions);
  let waiting: Step[] = [];
  for (const [index, step] of rows.entries()) {
    // Rows of different tables in one epoch keep no order between the tables, so an epoch ends where the table changes.
    if (waiting.length > 0 && waiting[0]!.table !== step.table) {
      await warehouse.insert(waiting[0]!.table, waiting.map(({row}) => row));
      waiting = [];
    }
    waiting.push(step);
    const what = cut(index);
    if (what === 'go on') continue;
    await warehouse.insert(step.table, waiting.map(({row}) => row));
    waiting = [];
    if (what === 'checkpoint') await warehouse.checkpoint();
    if (what === 'restart') await warehouse.close();
    if (what === 'kill') await warehouse.closeWithoutCheckpoint();
    if (what === 'restart' || what === 'kill') warehouse = await Warehouse.open({path});
  }
  if (waiting.length > 0) await warehouse.insert(waiting[0]!.table, waiting.map(({row}) => row));
  const found = await content(warehouse);
  await warehouse.close();
  return found;
}

test('law 3: the same rows in large epochs, one by one, and with checkpoints and restarts between give the same content', async (t) => {
  const random = new Random(testSeed(31));
  const rows = steps(random, 90);
  const folder = temporaryFolder(t);
  const whole = await replay(join(folder, 'whole'), rows, () => 'go on');
  const single = await replay(join(folder, 'single'), rows, () => 'epoch');
  const broken = await replay(join(folder, 'broken'), rows, (index) => (index % 30 === 17 ? 'restart' : index % 30 === 29 ? 'kill' : index % 20 === 9 ? 'checkpoint' : random.chance(0.4) ? 'epoch' : 'go on'));
  assert.deepEqual(single, whole);
  assert.deepEqual(broken, whole);
});

test('order: for one key a subscriber sees the changes in commit order, over a restart and a checkpoint', async (t) => {
  const path = temporaryFolder(t);
  let warehouse = await Warehouse.open({path});
  await warehouse.sql('CREATE TABLE t (k INTEGER PRIMARY KEY, v INTEGER)');
  const start = warehouse.epoch;
  for (let v = 0; v < 30; v++) {
    await warehouse.insert('t', [{k: 1, v}, {k: 2, v: -v}]);
    if (v === 10) await warehouse.checkpoint();
    if (v === 20) {
      await warehouse.closeWithoutCheckpoint();
      warehouse = await Warehouse.open({path});
    }
  }
  const seen: unknown[] = [];
  for await (const {changes} of warehouse.subscribe('t', {from: start, until: warehouse.epoch})) for (const {op, row} of changes) if (row['k'] === 1) seen.push([op, row['v']]);
  const expected: unknown[] = [['+I', 0]];
  for (let v = 1; v < 30; v++) expected.push(['-U', v - 1], ['+U', v]);
  assert.deepEqual(seen, expected);
  await warehouse.close();
});
