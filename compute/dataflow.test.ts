import assert from 'node:assert/strict';
import test from 'node:test';
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
