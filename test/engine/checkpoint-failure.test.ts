/** Checkpoints that cannot be written, and what is left of dropped tables. */
import assert from 'node:assert/strict';
import {existsSync, readdirSync} from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import {WarehouseError} from '../../base/error.ts';
import type {FileSystem} from '../../storage/file/file-system.ts';
import {nodeFileSystem} from '../../storage/file/node-file-system.ts';
import {Warehouse} from '../../engine/warehouse.ts';
import {checkWarehouse} from '../../engine/check.ts';
import {CoreHarness, specs, type Step} from '../support/core-script.ts';
import {temporaryFolder} from '../support/temporary.ts';

/** A disk that has no room for manifests while `full`. */
function fillingDisk(): {files: FileSystem; disk: {full: boolean}} {
  const disk = {full: false};
  const open: FileSystem['open'] = (path, flags) => {
    if (disk.full && path.includes('/manifest/') && flags !== 'r') throw new WarehouseError('unavailable', 'MR_DISK_FULL', `no room for '${path}'`, {hint: 'make room'});
    return nodeFileSystem.open(path, flags);
  };
  return {files: {...nodeFileSystem, open}, disk};
}

const write = (id: number): Step => ({kind: 'write', writes: [{table: specs.orders, rows: [[id, 'x'.repeat(500)]]}]});
const code = (expected: string) => (cause: unknown): boolean => cause instanceof WarehouseError && cause.code === expected;

test('checkpoint: while the disk is full ingest goes on up to the bound, is then refused with the reason, and goes on when there is room', async (t) => {
  const root = temporaryFolder(t);
  const {files, disk} = fillingDisk();
  const harness = new CoreHarness(root, files, {checkpointBytes: 8192});
  await harness.open();
  await harness.step({kind: 'ddl', records: [{kind: 'create-table', table: specs.orders}]});
  disk.full = true;
  let accepted = 0;
  let refused: WarehouseError | null = null;
  for (; refused === null && accepted < 1000; accepted++) refused = await harness.step(write(accepted)).then(() => null, (cause: WarehouseError) => cause);
  accepted--; // the last one was refused
  assert.ok(accepted * 1000 >= 4 * 8192, `${accepted} writes went on`);
  assert.ok(refused !== null && code('MR_CHECKPOINT_BEHIND')(refused), String(refused));
  assert.match(refused.message, /no room for/);
  await assert.rejects(harness.request({kind: 'checkpoint'}), code('MR_DISK_FULL'));
  const {epoch} = await harness.request({kind: 'stats'});
  assert.equal(epoch, accepted + 1, 'nothing of the refused write happened');
  disk.full = false;
  await harness.request({kind: 'checkpoint'});
  await harness.step(write(accepted++));
  const content = await harness.filesContent();
  assert.equal(content.get(specs.orders.id)!.length, accepted);
  await harness.abandon();
});

test('checkpoint: a close that cannot write its checkpoint says so, and the log has all', async (t) => {
  const root = temporaryFolder(t);
  const {files, disk} = fillingDisk();
  const harness = new CoreHarness(root, files);
  await harness.open();
  await harness.step({kind: 'ddl', records: [{kind: 'create-table', table: specs.orders}]});
  await harness.step(write(1));
  disk.full = true;
  await assert.rejects(harness.request({kind: 'close', checkpoint: true}), code('MR_DISK_FULL'));
  await assert.rejects(harness.step(write(2)), code('MR_CLOSED'));
  const again = new CoreHarness(root, nodeFileSystem);
  await again.open();
  assert.equal(again.core.epoch, 2);
  assert.equal((await again.filesContent()).get(specs.orders.id)!.length, 1);
  await again.request({kind: 'close', checkpoint: true});
});

test('checkpoint: a name that is dropped and made again, time after time, is the newest table, over all restarts', async (t) => {
  const path = temporaryFolder(t);
  const dropped = join(path, '_millrace', 'dropped');
  let warehouse = await Warehouse.open({path});
  t.after(() => warehouse.close());
  await warehouse.sql('CREATE TABLE t (a INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2)');
  await warehouse.checkpoint();
  for (let generation = 2; generation < 6; generation++) {
    const columns = Array.from({length: generation}, (_, index) => `c${index} INTEGER`).join(', ');
    await warehouse.sql(`DROP TABLE t; CREATE TABLE t (${columns}, PRIMARY KEY (c0)); INSERT INTO t VALUES (${Array.from({length: generation}, () => generation).join(', ')})`);
    if (generation % 2 === 0) await warehouse.checkpoint();
    await warehouse.closeWithoutCheckpoint();
    warehouse = await Warehouse.open({path});
    assert.deepEqual(Object.values((await warehouse.sql('SELECT * FROM t')).rows[0]!), Array.from({length: generation}, () => generation));
  }
  assert.ok(readdirSync(dropped).length > 0, 'a checkpoint that is kept names dropped tables');
  // Once history does not reach back to them they go.
  await warehouse.close();
  warehouse = await Warehouse.open({path, historyRetentionMs: 0});
  for (let i = 0; i < 3; i++) {
    await warehouse.sql(`INSERT INTO t VALUES (${[100 + i, 1, 1, 1, 1].join(', ')})`);
    await warehouse.checkpoint();
  }
  assert.deepEqual(readdirSync(dropped), []);
  await warehouse.sql('DROP TABLE t');
  await warehouse.close();
  assert.ok(!existsSync(join(path, 'default.db', 't')), 'other engines see no dropped table');
  assert.deepEqual((await checkWarehouse(path)).problems, []);
  warehouse = await Warehouse.open({path});
  await assert.rejects(warehouse.sql('SELECT * FROM t'), code('MR_UNKNOWN_TABLE'));
  await warehouse.close();
});

test('checkpoint: changes stay readable from the oldest kept checkpoint on, and the log before it goes', async (t) => {
  const path = temporaryFolder(t);
  const options = {path, logSegmentBytesMax: 4096, checkpointBytes: 1 << 30, historyRetentionMs: 0};
  let warehouse = await Warehouse.open(options);
  t.after(() => warehouse.close());
  await warehouse.sql('CREATE TABLE t (id INTEGER PRIMARY KEY, v VARCHAR)');
  const fold = async (): Promise<void> => {
    const {rows: [row]} = await warehouse.sql("SELECT (SELECT sum(CASE WHEN _op IN ('+I', '+U') THEN 1 ELSE -1 END) FROM changes(t, since => 0)) AS folded, (SELECT count(*) FROM t) AS rows");
    assert.equal(String(row!['folded']), String(row!['rows']), `since epoch ${warehouse.oldestEpoch}`);
  };
  for (let round = 0; round < 10; round++) {
    for (let k = 0; k < 6; k++) await warehouse.insert('t', [{id: round * 6 + k, v: 'x'.repeat(400)}, {id: 0, v: String(round)}]);
    await warehouse.checkpoint();
    await fold();
    if (round % 5 === 4) {
      const oldest = warehouse.oldestEpoch;
      await (round === 4 ? warehouse.closeWithoutCheckpoint() : warehouse.close());
      warehouse = await Warehouse.open(options);
      assert.equal(warehouse.oldestEpoch, oldest, 'the oldest readable epoch outlives a restart');
      await fold();
    }
  }
  const oldest = warehouse.oldestEpoch;
  assert.ok(oldest > 0, 'old checkpoints went');
  const segments = readdirSync(join(path, '_millrace', 'log')).map((name) => parseInt(name, 10));
  assert.ok(Math.min(...segments) > 1, 'old segments went');
  await assert.rejects(warehouse.sql(`SELECT * FROM changes(t, since => ${oldest - 1})`), code('MR_EPOCH_EXPIRED'));
  assert.ok((await warehouse.sql(`SELECT count(*) AS n FROM changes(t, since => ${oldest})`)).rows[0]!['n'] as bigint > 0n);
  await warehouse.close();
});
