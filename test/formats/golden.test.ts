/**
 * Old warehouses stay open: the golden one of every format version is opened, read, verified, written on, checked and opened again.
 * What it holds was noted when it was made: several kinds of tables, a dynamic table, checkpoints with a dropped table and rejected
 * rows between them, and a tail that is in the log alone.
 */
import assert from 'node:assert/strict';
import {cpSync, readdirSync, readFileSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import {checkWarehouse} from '../../engine/check.ts';
import {formatVersion} from '../../engine/upgrade-steps.ts';
import {Warehouse} from '../../engine/warehouse.ts';
import {nodeFileSystem} from '../../storage/file/node-file-system.ts';
import {checkLog} from '../../storage/log/check-log.ts';
import {rejects} from '../support/expect.ts';
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
    [8n, '+I', 100n], [12n, '+U', 10n], [12n, '-U', 10n], [13n, '-D', 5n], [19n, '+I', 1n], [20n, '+I', 1n], [20n, '+U', 1n], [20n, '-U', 1n]]);
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

/** What of the golden warehouse of version 1 lies between its checkpoints: as its log tells it. */
async function checkUntold(wh: Warehouse): Promise<void> {
  assert.equal(wh.oldestEpoch, 0, 'history begins where the log begins');
  assert.deepEqual(await values(wh, "SELECT _epoch, _op, count(*) FROM changes(ods.orders, since => 0, until => 16) GROUP BY ALL ORDER BY ALL"), [
    [8n, '+I', 100n], [12n, '+U', 10n], [12n, '-U', 10n], [13n, '-D', 5n]]);
  const at = async (epoch: number): Promise<unknown[][]> => values(wh, `SELECT * FROM ods.orders AT (VERSION => ${epoch}) ORDER BY id`);
  const changes = await values(wh, 'SELECT _epoch, _op, * EXCLUDE (_epoch, _op) FROM changes(ods.orders, since => 0, until => 19) ORDER BY _epoch');
  for (const epoch of [8, 11, 12, 13, 15, 19]) {
    const rows = new Map<unknown, unknown[]>();
    for (const [of, op, ...row] of changes) {
      if (Number(of) > epoch) break;
      if (op === '-D') rows.delete(row[0]);
      else if (op !== '-U') rows.set(row[0], row);
    }
    assert.deepEqual(await at(epoch), [...rows.values()].sort((a, b) => Number(a[0]) - Number(b[0])), `at epoch ${epoch}`);
  }
  // Tables that were not there yet, or are no longer.
  await rejects(wh.sql('SELECT * FROM ods.orders AT (VERSION => 1)'), 'invalid', 'MR_UNKNOWN_TABLE');
  assert.deepEqual(await values(wh, 'SELECT count(*) FROM ods.gone AT (VERSION => 16)'), [[1n]]);
  await rejects(wh.sql('SELECT * FROM ods.gone AT (VERSION => 19)'), 'invalid', 'MR_UNKNOWN_TABLE');
}

test('golden: history of version 1 begins where its log does, and stays for its time, told by the log until newer checkpoints tell it', async (t) => {
  const path = join(temporaryFolder(t), 'wh');
  unpackGolden(1, path);
  const options = {path, logCheckpoints: 2, logSegmentBytesMax: 4096, historyRetentionMs: 1e12};
  const log = (): string[] => readdirSync(join(path, '_millrace', 'log'));
  const [firstSegment] = log() as [string];
  const times: number[] = [];
  await checkLog(nodeFileSystem, join(path, '_millrace', 'log'), async ({epoch, header}) => void (times[epoch] = header.timeMs));
  let wh = await Warehouse.open(options);
  try {
    await checkUntold(wh);
    const amounts = 'SELECT count(*), sum(amount) FROM ods.orders';
    for (const epoch of [9, 13]) {
      const last = times.findLastIndex((timeMs) => timeMs <= times[epoch]!);
      const text = new Date(times[epoch]!).toISOString().replace('T', ' ').replace('Z', '');
      assert.deepEqual(await values(wh, `${amounts} AT (TIMESTAMP => TIMESTAMP '${text}')`), await values(wh, `${amounts} AT (VERSION => ${last})`), text);
    }
    await rejects(wh.sql(`SELECT * FROM ods.orders AT (TIMESTAMP => TIMESTAMP '2026-01-01')`), 'invalid', 'MR_UNKNOWN_TABLE');
    for (let i = 0; i < 4; i++) {
      await wh.sql(`INSERT INTO ods.bag VALUES ('more', ${i})`);
      await wh.checkpoint();
    }
    await wh.close();
    assert.ok(log().includes(firstSegment), 'the log is kept for it');
    assert.deepEqual((await checkWarehouse(path)).problems, []);
    const damaged = `${path}-damaged`;
    cpSync(path, damaged, {recursive: true, filter: (from) => !/lock\.duckdb|\/live$/.test(from)});
    rmSync(join(damaged, '_millrace', 'log', firstSegment));
    const {problems: [problem]} = await checkWarehouse(damaged);
    assert.match(problem?.what ?? '', /^begins with epoch \d+, history is told to reach back to epoch 0, and checkpoints tell nothing of the epochs up to 19$/);
    wh = await Warehouse.open(options);
    await checkUntold(wh);
    await wh.close();
    // Its time is over: the next checkpoints tell all that is left, and the log goes.
    wh = await Warehouse.open({...options, historyRetentionMs: 0});
    for (let i = 0; i < 3; i++) {
      await wh.sql(`INSERT INTO ods.bag VALUES ('most', ${i})`);
      await wh.checkpoint();
    }
    assert.ok(wh.oldestEpoch > 22);
    assert.ok(!log().includes(firstSegment), `the log of version 1 is gone: ${log().join(' ')}`);
    await rejects(wh.sql('SELECT * FROM ods.orders AT (VERSION => 12)'), 'invalid', 'MR_EPOCH_EXPIRED');
  } finally {
    await wh.close();
  }
  assert.deepEqual((await checkWarehouse(path)).problems, []);
});
