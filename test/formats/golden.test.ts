/**
 * Old warehouses stay open: the golden one of every format version is opened, read, verified, written on, checked and opened again.
 * What it holds was noted when it was made: several kinds of tables, a dynamic table, checkpoints with a dropped table and rejected
 * rows between them, and a tail that is in the log alone.
 */
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import {checkWarehouse} from '../../engine/check.ts';
import {formatVersion} from '../../engine/upgrade-steps.ts';
import {Warehouse} from '../../engine/warehouse.ts';
import {temporaryFolder} from '../support/temporary.ts';
import {goldenVersions, unpackGolden} from './golden-warehouse.ts';

async function values(wh: Warehouse, sql: string): Promise<unknown[][]> {
  return (await wh.sql(sql)).rows.map((row) => Object.values(row));
}

async function checkContent(wh: Warehouse): Promise<void> {
  assert.deepEqual(await values(wh, 'SELECT count(*), sum(id), sum(amount), min(placed), max(placed) FROM ods.orders'), [[97n, 5060n, '5721.25', '2026-01-01T00:02:00.000000', '2026-02-02T02:02:02.000002']]);
  assert.deepEqual(await values(wh, 'SELECT * FROM ods.bag ORDER BY ALL'), [['x', 1], ['x', 1]]);
  assert.deepEqual(await values(wh, 'SELECT * FROM ods.events ORDER BY day NULLS LAST'), [
    ['1969-12-31', 'tail', null, null, 0, null], ['2026-01-01', 'a', new Uint8Array([170, 0]), '2026-01-01T00:00:00.000000Z', 0.5, 1], [null, null, null, null, Number.NaN, -128]]);
  assert.deepEqual(await values(wh, 'SELECT count(*), count(DISTINCT b), min(a), max(a) FROM ods.two'), [[16n, 16n, 0, 3]]);
  assert.deepEqual(await values(wh, "SELECT * FROM dws.customers WHERE customer IN ('c0', 'tail') ORDER BY ALL"), [['c0', 13n, '797.25', 61.32692307692308], ['tail', 2n, '10.00', 5]]);
  assert.deepEqual(await values(wh, 'SELECT code, line FROM ods.orders$rejected'), [['MR_TYPE', 1]]);
  assert.deepEqual(await values(wh, 'SELECT _epoch, _op, count(*) FROM changes(ods.orders, since => 0) GROUP BY ALL ORDER BY ALL'), [
    [19n, '+I', 96n], [20n, '+I', 1n], [20n, '+U', 1n], [20n, '-U', 1n]]); // history begins with the newest checkpoint of format 1 (docs/formats/checkpoint.md)
  assert.deepEqual(await values(wh, 'SELECT name FROM millrace.tables ORDER BY name'), [['bag'], ['customers'], ['events'], ['orders'], ['orders$rejected'], ['two']]);
}

test('golden: there is a warehouse of version 1', () => assert.ok(goldenVersions().includes(1)));

for (const version of goldenVersions()) {
  test(`golden: the warehouse of version ${version} is opened, read, verified, written on and checked`, async (t) => {
    const path = join(temporaryFolder(t), 'wh');
    unpackGolden(version, path);
    assert.deepEqual((await checkWarehouse(path)).problems, [], 'as it was written');
    const wh = await Warehouse.open({path});
    try {
      assert.equal(wh.epoch, 22);
      assert.equal(JSON.parse(readFileSync(join(path, '_millrace', 'format'), 'utf8')).version, formatVersion, 'upgraded');
      await checkContent(wh);
      assert.deepEqual((await wh.sql('VERIFY ALL')).rows.map((row) => row['equal']), [true]);
      await wh.sql("INSERT INTO ods.orders VALUES (1000, 'new', 1.00, NULL); INSERT INTO ods.bag VALUES ('z', 9); DELETE FROM ods.two WHERE a = 0; DROP TABLE ods.events");
    } finally {
      await wh.close();
    }
    assert.deepEqual((await checkWarehouse(path)).problems, [], 'after writing on');
    await using again = await Warehouse.open({path});
    assert.deepEqual(await values(again, 'SELECT count(*), sum(id) FROM ods.orders'), [[98n, 6060n]]);
    assert.deepEqual(await values(again, "SELECT orders FROM dws.customers WHERE customer = 'new'"), [[1n]]);
    assert.deepEqual((await again.sql('VERIFY ALL')).rows.map((row) => row['equal']), [true]);
  });
}
