/** Definitions beside writes: table ids are given out by one hand, and what others read stays. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {Warehouse} from '../../engine/warehouse.ts';
import {temporaryFolder} from '../support/temporary.ts';

test('definitions: tables made while others first reject rows all get ids of their own', async (t) => {
  await using warehouse = await Warehouse.open({path: temporaryFolder(t)});
  for (let i = 0; i < 8; i++) await warehouse.sql(`CREATE TABLE t${i} (id INTEGER PRIMARY KEY)`);
  await Promise.all(Array.from({length: 8}, (_, i) => [
    warehouse.insert(`t${i}`, [{id: 1}, {id: 'x'}], {onError: 'reject'}),
    warehouse.sql(`CREATE TABLE u${i} (id INTEGER PRIMARY KEY)`),
  ]).flat());
  const ids = warehouse.catalog.tables().map((table) => table.id);
  assert.equal(new Set(ids).size, 24);
  for (let i = 0; i < 8; i++) assert.equal((await warehouse.sql(`SELECT count(*) AS n FROM t${i}$rejected`)).rows[0]!['n'], 1n);
});

test('definitions: what is read is not dropped; a dropped name can be used again', async (t) => {
  const path = temporaryFolder(t);
  let warehouse = await Warehouse.open({path});
  await warehouse.sql("CREATE TABLE a (id INTEGER PRIMARY KEY, v INTEGER); INSERT INTO a VALUES (1, 2); CREATE DYNAMIC TABLE b AS SELECT count(*) AS n FROM a");
  await assert.rejects(warehouse.sql('DROP TABLE a'), {code: 'MR_DEPENDENTS'});
  await warehouse.checkpoint();
  await warehouse.sql("DROP DYNAMIC TABLE b; DROP TABLE a; CREATE TABLE a (id VARCHAR PRIMARY KEY); INSERT INTO a VALUES ('x')");
  await warehouse.closeWithoutCheckpoint();
  warehouse = await Warehouse.open({path});
  assert.deepEqual((await warehouse.sql('SELECT * FROM a')).rows, [{id: 'x'}]);
  await warehouse.close();
  warehouse = await Warehouse.open({path});
  assert.deepEqual((await warehouse.sql('SELECT * FROM a')).rows, [{id: 'x'}]);
  await warehouse.close();
});

test('update: rows that move to other keys bury none: a key that is taken or given twice refuses the statement, a swap is fine', async (t) => {
  await using warehouse = await Warehouse.open({path: temporaryFolder(t)});
  await warehouse.sql("CREATE TABLE k (id INTEGER PRIMARY KEY, v VARCHAR); INSERT INTO k VALUES (1, 'a'), (2, 'b'), (3, 'c')");
  const rows = async (): Promise<unknown> => (await warehouse.sql('SELECT * FROM k ORDER BY id')).rows.map((row) => Object.values(row));
  await assert.rejects(warehouse.sql('UPDATE k SET id = 2 WHERE id = 1'), {code: 'MR_DUPLICATE_KEY'});
  await assert.rejects(warehouse.sql('UPDATE k SET id = 9'), {code: 'MR_DUPLICATE_KEY'});
  assert.deepEqual(await rows(), [[1, 'a'], [2, 'b'], [3, 'c']]);
  assert.equal((await warehouse.sql('UPDATE k SET id = 3 - id WHERE id < 3')).tag, 'UPDATE 2');
  assert.deepEqual(await rows(), [[1, 'b'], [2, 'a'], [3, 'c']]);
  await warehouse.sql('UPDATE k SET id = id + 1');
  assert.deepEqual(await rows(), [[2, 'b'], [3, 'a'], [4, 'c']]);
  await warehouse.sql('BEGIN; DELETE FROM k WHERE id = 2; UPDATE k SET id = 2 WHERE id = 4; COMMIT');
  assert.deepEqual(await rows(), [[2, 'c'], [3, 'a']]);
});

test('bag: rows that come and go in one epoch leave the changes after a restart as they were seen before it', async (t) => {
  const path = temporaryFolder(t);
  let warehouse = await Warehouse.open({path});
  await warehouse.sql("CREATE TABLE b (v INTEGER, w VARCHAR) WITH ('append-only' = 'false'); INSERT INTO b VALUES (1, 'x'), (1, 'x'), (2, NULL)");
  const start = warehouse.epoch;
  await warehouse.sql("BEGIN; INSERT INTO b VALUES (2, NULL), (3, 'y'); DELETE FROM b WHERE v = 1; INSERT INTO b VALUES (1, 'x'); COMMIT");
  const seen = async (): Promise<unknown> => {
    const changes: unknown[] = [];
    for await (const item of warehouse.subscribe('b', {from: start, until: warehouse.epoch})) changes.push(...item.changes.map(({op, row}) => [op, ...Object.values(row)]));
    return changes;
  };
  const before = await seen();
  assert.equal((await warehouse.sql('SELECT count(*) AS n FROM b')).rows[0]!['n'], 4n);
  await warehouse.closeWithoutCheckpoint();
  warehouse = await Warehouse.open({path});
  assert.deepEqual(await seen(), before);
  assert.equal((await warehouse.sql('SELECT count(*) AS n FROM b')).rows[0]!['n'], 4n);
  await warehouse.close();
});
