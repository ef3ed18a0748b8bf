import assert from 'node:assert/strict';
import test from 'node:test';
import type {CheckTable} from '../test/support/check-incremental.ts';
import type {Value} from '../base/value.ts';
import {columnsFromRows} from '../kernel/column-values.ts';
import {Binder} from '../kernel/plan/binder.ts';
import {Dataflow} from './dataflow.ts';
import {EpochRowError} from './row-error.ts';
import {IncrementalCheck} from '../test/support/check-incremental.ts';

test('dataflow: the worked example gives its changes, by both executors', async () => {
  await using check = await IncrementalCheck.open();
  await check.table({schema: 'ods', name: 'airports', key: ['iata'], columns: [{name: 'iata', type: {kind: 'varchar'}}, {name: 'city', type: {kind: 'varchar'}}]});
  await check.table({schema: 'ods', name: 'flights', key: ['id'], columns: [{name: 'id', type: {kind: 'bigint'}}, {name: 'delay', type: {kind: 'integer'}}, {name: 'origin', type: {kind: 'varchar'}}]});
  await check.epoch([
    {table: 'ods.airports', upsert: [['LAS', 'Las Vegas'], ['PHX', 'Phoenix']]},
    {table: 'ods.flights', upsert: [[1, 33, 'LAS'], [2, -212, 'LAS'], [3, 5, 'PHX']]},
  ]);
  const flights = await check.view({schema: 'dwd', name: 'flights', sql: `SELECT f.*, a.city, CASE WHEN delay <= 15 THEN 'on time' WHEN delay > 15 THEN 'late' END AS class
    FROM ods.flights f LEFT JOIN ods.airports a ON a.iata = f.origin`});
  assert.deepEqual([flights.storage, flights.key], ['keyed', [0]]);
  const airport = await check.view({schema: 'dws', name: 'airport', sql: 'SELECT origin, count(*) AS flights, avg(delay) AS delay_avg, max(delay) AS delay_max FROM dwd.flights GROUP BY ALL'});
  assert.deepEqual([airport.storage, airport.pairBy], ['bag', [0]]);
  const changes = await check.epoch([{table: 'ods.flights', upsert: [[2, null, 'LAS'], [4, 10, 'PHX']]}]);
  assert.deepEqual(changes.get('dwd.flights'), [
    [1, 2n, -212, 'LAS', 'Las Vegas', 'on time'], [2, 2n, null, 'LAS', 'Las Vegas', null], [0, 4n, 10, 'PHX', 'Phoenix', 'on time'],
  ]);
  assert.deepEqual(changes.get('dws.airport'), [[1, 'LAS', 2n, -89.5, 33], [2, 'LAS', 2n, 33, 33], [1, 'PHX', 1n, 5, 5], [2, 'PHX', 2n, 7.5, 10]]);
});

const numbers: CheckTable = {schema: 'ods', name: 'numbers', key: ['id'], columns: [{name: 'id', type: {kind: 'integer'}}, {name: 'g', type: {kind: 'integer'}}, {name: 'x', type: {kind: 'integer'}}, {name: 's', type: {kind: 'varchar'}}]};

test('dataflow: an epoch whose row raises names the row and leaves nothing behind', async () => {
  await using check = await IncrementalCheck.open();
  await check.table(numbers);
  await check.view({schema: 'dw', name: 'sums', sql: 'SELECT g, count(*) AS n, sum(x) AS x, min(s) AS s, count(DISTINCT x) AS d FROM ods.numbers GROUP BY g'});
  await check.view({schema: 'dw', name: 'pairs', sql: 'SELECT a.id, b.id AS other FROM (SELECT id, g FROM ods.numbers WHERE x > 0) a LEFT JOIN (SELECT id, g FROM ods.numbers WHERE x < 5) b ON a.g = b.g'});
  await check.view({schema: 'dw', name: 'texts', sql: "SELECT id, CAST(s AS INTEGER) AS i, strptime('2026', '%Y') AS y FROM ods.numbers"});
  await check.view({schema: 'dw', name: 'last', sql: 'SELECT id, x + 2147483640 AS far FROM ods.numbers'});
  await check.epoch([{table: 'ods.numbers', upsert: [[1, 1, 1, '7'], [2, 1, 2, '8'], [3, null, 3, null]]}]);
  const located = (row: number, code: string) => (error: unknown): void => {
    assert.ok(error instanceof EpochRowError, String(error));
    assert.deepEqual([error.rowIndex, error.tableId, error.code, error.kind], [row, 1, code, 'invalid']);
  };
  // The second row replaces one: its row before and after are rows 1 and 2 of the changes.
  await check.undone([{table: 'ods.numbers', upsert: [[4, 1, 4, '1'], [1, 2, 9, '2']]}], located(2, 'MR_EXPRESSION'));
  await check.undone([{table: 'ods.numbers', upsert: [[4, 1, 4, '1'], [5, 1, 4, '5x'], [6, 1, 4, '6x']]}], located(1, 'MR_EXPRESSION'));
  await check.epoch([{table: 'ods.numbers', upsert: [[1, 2, 5, '2'], [4, 1, 4, '1']], remove: [[2]]}]);
  await check.epoch([{table: 'ods.numbers', remove: [[1], [3], [4]]}]);
  await check.epoch([{table: 'ods.numbers', upsert: [[1, 2, 5, '2'], [4, 2, 4, '1']]}]);
});

test('dataflow: two rows of one declared key are refused and taken back', async () => {
  const flow = new Dataflow();
  const base = flow.addTable({id: 1, schema: 'main', name: 't', storage: 'keyed', key: [0], columns: [{name: 'id', type: {kind: 'integer'}, nullable: false, hidden: false}, {name: 'x', type: {kind: 'integer'}, nullable: true, hidden: false}]});
  await using binder = await Binder.open();
  await binder.createTable('main', 't', [{name: 'id', type: {kind: 'integer'}, nullable: false}, {name: 'x', type: {kind: 'integer'}, nullable: true}]);
  const {tree} = await binder.bindSelect('SELECT x, id FROM t');
  const derived = flow.addView({id: 2, schema: 'main', name: 'v', storage: 'keyed', key: [0], columns: [{name: 'x', type: {kind: 'integer'}, nullable: false, hidden: false}, {name: 'id', type: {kind: 'integer'}, nullable: false, hidden: false}]}, tree);
  for await (const _ of flow.hydrate(2)) assert.fail('an empty table has no rows');
  const columns = columnsFromRows([{kind: 'integer'}, {kind: 'integer'}], [[1, 7], [2, 7]]);
  assert.throws(() => flow.step(new Map([[1, base.upsert(columns, 2)]])), {code: 'MR_KEY_NOT_UNIQUE'});
  flow.undo();
  assert.deepEqual([base.rowCount, derived.rowCount], [0, 0]);
  const made = flow.step(new Map([[1, base.upsert(columnsFromRows([{kind: 'integer'}, {kind: 'integer'}], [[1, 7], [2, 8]]), 2)]]));
  assert.ok(made instanceof Map, 'a view of code operators steps at once');
  assert.equal(made.get(2)?.rowCount, 2);
  flow.endEpoch();
});

test('dataflow: an epoch that does not touch what a view reads costs it nothing', async () => {
  await using check = await IncrementalCheck.open(['code']);
  await check.table(numbers);
  await check.table({...numbers, name: 'others'});
  await check.view({schema: 'dw', name: 'n', sql: 'SELECT g, count(*) AS n FROM ods.numbers GROUP BY g'});
  assert.deepEqual([...(await check.epoch([{table: 'ods.others', upsert: [[1, 1, 1, 'a']]}])).keys()], []);
  // A change of columns that the view does not show is none.
  await check.epoch([{table: 'ods.numbers', upsert: [[1, 1, 1, 'a']]}]);
  assert.deepEqual([...(await check.epoch([{table: 'ods.numbers', upsert: [[1, 1, 2, 'b']]}])).keys()], []);
});

test('dataflow: content of many chunks, a hot key, and epochs that touch most of it', async () => {
  await using check = await IncrementalCheck.open(['code']);
  const dimension: CheckTable = {schema: 'ods', name: 'dimension', key: ['id'], columns: [{name: 'id', type: {kind: 'bigint'}}, {name: 'label', type: {kind: 'varchar'}}]};
  await check.table(numbers);
  await check.table(dimension);
  const row = (id: number, shift: number): Value[] => [id, id % 3 === 0 ? 1 : (id + shift) % 500, (id * 7919 + shift) % 1000, `text ${(id + shift) % 77}`];
  const rowCount = 5000;
  await check.epoch([{table: 'ods.numbers', upsert: Array.from({length: rowCount}, (_, id) => row(id, 0))}, {table: 'ods.dimension', upsert: Array.from({length: 300}, (_, id) => [BigInt(id), `label ${id % 9}`])}]);
  await check.view({schema: 'dw', name: 'wide', sql: 'SELECT n.id, n.x, d.label FROM ods.numbers n LEFT JOIN ods.dimension d ON n.g = d.id WHERE n.x > 100'});
  await check.view({schema: 'dw', name: 'fine', sql: 'SELECT x, s, count(*) AS n, min(g) AS g FROM ods.numbers GROUP BY x, s'});
  await check.view({schema: 'dw', name: 'coarse', sql: 'SELECT label, count(*) AS n, sum(x) AS x, max(x) AS most, count(DISTINCT x) AS d FROM dw.wide GROUP BY label'});
  // The hot key's dimension row goes, comes back, and changes what nobody reads.
  await check.epoch([{table: 'ods.dimension', remove: [[1n]]}]);
  await check.epoch([{table: 'ods.dimension', upsert: [[1n, 'back']]}, {table: 'ods.numbers', upsert: Array.from({length: 1500}, (_, id) => row(id * 2, 5))}]);
  await check.undone([{table: 'ods.dimension', remove: [[1n], [2n]]}, {table: 'ods.numbers', remove: Array.from({length: rowCount}, (_, id) => [id])}], null);
  await check.restart();
  await check.epoch([{table: 'ods.numbers', remove: Array.from({length: rowCount - 10}, (_, id) => [id])}]);
  await check.epoch([{table: 'ods.numbers', upsert: Array.from({length: 1000}, (_, id) => row(id, 9))}, {table: 'ods.dimension', remove: [[1n]]}]);
});
