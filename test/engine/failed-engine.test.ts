/** An engine that cannot follow what it has logged: memory is short, say, between an epoch's append and what comes after. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {GrowingRows} from '../../base/growing-rows.ts';
import {newestCheckpoint} from '../../storage/lsm/checkpoint-file.ts';
import {FailingFileSystem} from '../../storage/file/failing-file-system.ts';
import {nodeFileSystem} from '../../storage/file/node-file-system.ts';
import {metaDirectory} from '../../engine/layout.ts';
import {CoreHarness, specs} from '../support/core-script.ts';
import {temporaryFolder} from '../support/temporary.ts';

test('engine: an epoch that is logged and half noted is in no checkpoint, and whole after the next opening', async (t) => {
  const root = temporaryFolder(t);
  const harness = new CoreHarness(root, await FailingFileSystem.over(root));
  await harness.open();
  const write = (key: number): Promise<unknown> => harness.step({kind: 'write', writes: [{table: specs.orders, rows: [[key, `k${key}`]]}, {table: specs.stock, rows: [[key, 10 * key]]}]});
  await harness.step({kind: 'ddl', records: [specs.orders, specs.stock].map((table) => ({kind: 'create-table', table}))});
  await write(1);
  const {append} = GrowingRows.prototype;
  let appends = 0;
  const broken = t.mock.method(GrowingRows.prototype, 'append', function short(this: GrowingRows, rows: Parameters<typeof append>[0]): void {
    if (++appends === 2) throw new RangeError('Array buffer allocation failed');
    append.call(this, rows);
  });
  await assert.rejects(write(2), /allocation failed/);
  broken.mock.restore();
  await assert.rejects(write(3), /allocation failed/);
  await assert.rejects(harness.core.checkpoint(), /allocation failed/);
  assert.equal(await newestCheckpoint(nodeFileSystem, metaDirectory(root)), undefined);
  await harness.abandon();
  const again = new CoreHarness(root, await FailingFileSystem.over(root));
  await again.open();
  try {
    assert.equal(again.core.epoch, 3);
    assert.deepEqual(await again.filesContent(), new Map([[specs.orders.id, ['1|k1', '2|k2']], [specs.stock.id, ['1|10', '2|20']]]));
  } finally {
    await again.abandon();
  }
});
