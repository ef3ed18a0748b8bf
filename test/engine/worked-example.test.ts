/** One epoch from a row to a subscriber, in values that can be checked by hand. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {Warehouse} from '../../engine/warehouse.ts';
import {temporaryFolder} from '../support/temporary.ts';

const setUp = `
CREATE SCHEMA ods; CREATE SCHEMA dwd; CREATE SCHEMA dws;
CREATE TABLE ods.airports (iata VARCHAR PRIMARY KEY, city VARCHAR);
CREATE TABLE ods.flights (id BIGINT PRIMARY KEY, delay INTEGER, origin VARCHAR);
INSERT INTO ods.airports VALUES ('LAS', 'Las Vegas'), ('PHX', 'Phoenix');
INSERT INTO ods.flights VALUES (1, 33, 'LAS'), (2, -212, 'LAS'), (3, 5, 'PHX');
CREATE DYNAMIC TABLE dwd.flights AS SELECT f.*, a.city, CASE WHEN delay <= 15 THEN 'on time' WHEN delay > 15 THEN 'late' END AS class
  FROM ods.flights f LEFT JOIN ods.airports a ON a.iata = f.origin;
CREATE DYNAMIC TABLE dws.airport AS SELECT origin, count(*) AS flights, avg(delay) AS delay_avg, max(delay) AS delay_max
  FROM dwd.flights GROUP BY ALL;`;

test('worked example: one correction and one row move all layers in one epoch each, and a subscriber sees the net change', async (t) => {
  const path = temporaryFolder(t);
  await using warehouse = await Warehouse.open({path});
  await warehouse.sql(setUp);
  const start = warehouse.epoch;
  const items = warehouse.subscribe('dws.airport', {from: 'latest'});
  const first = items.next();
  const corrected = await warehouse.sql('UPDATE ods.flights SET delay = NULL WHERE delay < -120');
  assert.equal(corrected.tag, 'UPDATE 1');
  assert.equal(corrected.epoch, start + 1);
  assert.deepEqual((await first).value, {
    epoch: start + 1, complete: true, changes: [
      {table: 'dws.airport', op: '-U', row: {origin: 'LAS', flights: 2n, delay_avg: -89.5, delay_max: 33}},
      {table: 'dws.airport', op: '+U', row: {origin: 'LAS', flights: 2n, delay_avg: 33, delay_max: 33}},
    ],
  });
  assert.deepEqual(await warehouse.insert('ods.flights', [{id: 4, delay: 10, origin: 'PHX'}]), {epoch: start + 2, accepted: 1, rejected: 0, errors: []});
  assert.deepEqual((await items.next()).value?.changes.map(({op, row}: {op: string; row: Record<string, unknown>}) => [op, row['origin'], row['flights'], row['delay_avg']]), [['-U', 'PHX', 1n, 5], ['+U', 'PHX', 2n, 7.5]]);
  await items.return(undefined);
  const {rows} = await warehouse.sql('SELECT id, class, city FROM dwd.flights ORDER BY id');
  assert.deepEqual(rows, [
    {id: 1n, class: 'late', city: 'Las Vegas'}, {id: 2n, class: null, city: 'Las Vegas'}, {id: 3n, class: 'on time', city: 'Phoenix'}, {id: 4n, class: 'on time', city: 'Phoenix'},
  ]);
  const verified = await warehouse.sql('VERIFY ALL');
  assert.deepEqual(verified.rows.map((row) => [row['table'], row['equal']]), [['dwd.flights', true], ['dws.airport', true]]);
});

test('worked example: the warehouse is the same after a close, after a loss of the process, and after both', async (t) => {
  const path = temporaryFolder(t);
  const content = async (warehouse: Warehouse): Promise<unknown> => [
    warehouse.epoch,
    (await warehouse.sql('SELECT * FROM dwd.flights ORDER BY id')).rows,
    (await warehouse.sql('SELECT * FROM dws.airport ORDER BY origin')).rows,
  ];
  let warehouse = await Warehouse.open({path});
  await warehouse.sql(setUp);
  let expected = await content(warehouse);
  await warehouse.closeWithoutCheckpoint();
  warehouse = await Warehouse.open({path});
  assert.deepEqual(await content(warehouse), expected, 'from the log alone');
  await warehouse.close();
  warehouse = await Warehouse.open({path});
  assert.equal(warehouse.openStats.replayedEpochs, 0);
  assert.deepEqual(await content(warehouse), expected, 'from the checkpoint alone');
  await warehouse.sql("INSERT INTO ods.flights VALUES (9, 90, 'PHX'); DELETE FROM ods.flights WHERE id = 1");
  expected = await content(warehouse);
  await warehouse.closeWithoutCheckpoint();
  warehouse = await Warehouse.open({path});
  assert.equal(warehouse.openStats.replayedEpochs, 2);
  assert.deepEqual(await content(warehouse), expected, 'from the checkpoint and the tail');
  assert.deepEqual((await warehouse.sql('VERIFY ALL')).rows.map((row) => row['equal']), [true, true]);
  await warehouse.close();
});
