/** Checkpoints that nobody waits for: one where one is due, with rests; who waits for one ends them. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {Warehouse} from '../../engine/warehouse.ts';
import {temporaryFolder} from '../support/temporary.ts';

const metric = async (warehouse: Warehouse, name: string): Promise<number> => (await warehouse.metrics()).find((one) => one.name === `millrace_${name}`)!.value;

test('checkpoint: a full tail brings one, whatever comes while it is written, and the next one when that is much', async (t) => {
  const warehouse = await Warehouse.open({path: temporaryFolder(t), checkpointBytes: 1 << 20, checkpointMs: 3_600_000});
  await warehouse.sql('CREATE TABLE t (id INTEGER PRIMARY KEY, v BIGINT)');
  await warehouse.warm();
  let next = 0;
  for (let round = 1; round <= 3; round++) {
    // The epoch that passes the limit, then epochs while the checkpoint is on its way.
    while (await metric(warehouse, 'checkpoints_total') < 2 * round - 1) {
      const full = await metric(warehouse, 'checkpoint_tail_bytes') > 1 << 20;
      await warehouse.sql(`INSERT INTO t SELECT range, range * 3 FROM range(${next}, ${next += full ? 1 : 10_000})`);
    }
    assert.ok(await metric(warehouse, 'checkpoint_tail_bytes') < 1 << 20);
    // The one that is asked for comes after all that wait for their turn.
    await warehouse.sql(`INSERT INTO t VALUES (${next}, ${3 * next++})`);
    await warehouse.checkpoint();
    assert.equal(await metric(warehouse, 'checkpoints_total'), 2 * round);
  }
  assert.deepEqual((await warehouse.sql('SELECT count(*)::INTEGER AS n, sum(v)::BIGINT AS s FROM t')).rows, [{n: next, s: BigInt(3 * (next * (next - 1) / 2))}]);
  await warehouse.close();
});

test('checkpoint: one that is asked for does not wait for the rests of the one under way, nor does the end', async (t) => {
  const path = temporaryFolder(t);
  for (const ask of [(warehouse: Warehouse) => warehouse.checkpoint(), () => Promise.resolve()]) {
    const warehouse = await Warehouse.open({path, checkpointBytes: 4 << 20, checkpointMs: 3_600_000});
    await warehouse.sql('CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, v VARCHAR)');
    await warehouse.warm();
    const before = await metric(warehouse, 'checkpoints_total');
    while (await metric(warehouse, 'checkpoint_tail_bytes') < 4 << 20) await warehouse.sql("INSERT INTO t SELECT range, md5((range + random())::VARCHAR) FROM range(20000)");
    await ask(warehouse);
    if (await metric(warehouse, 'checkpoints_total') > before) assert.ok(await metric(warehouse, 'checkpoint_tail_bytes') < 4 << 20);
    await warehouse.close();
    const again = await Warehouse.open({path});
    assert.deepEqual((await again.sql('SELECT count(*)::INTEGER AS n FROM t')).rows, [{n: 20_000}]);
    assert.equal(again.openStats.replayedEpochs, 0);
    await again.close();
  }
});
