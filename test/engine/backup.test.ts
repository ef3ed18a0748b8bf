/**
 * Backups: a copy of one epoch of a running warehouse is a warehouse, with its history, its log's tail, deltas by reference, dropped
 * tables and subscriptions; it shares no file that is ever written; a crash anywhere leaves something that is refused or whole.
 */
import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {existsSync, mkdirSync, readdirSync, statSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import {checkWarehouse} from '../../engine/check.ts';
import {Warehouse} from '../../engine/warehouse.ts';
import {FailingFileSystem} from '../../storage/file/failing-file-system.ts';
import {nodeFileSystem} from '../../storage/file/node-file-system.ts';
import {contents, CoreHarness} from '../support/core-script.ts';
import {rejects} from '../support/expect.ts';
import {Random, testSeed} from '../support/random.ts';
import {temporaryFolder} from '../support/temporary.ts';

async function values(wh: Warehouse, sql: string): Promise<unknown[][]> {
  return (await wh.sql(sql)).rows.map((row) => Object.values(row));
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, {withFileTypes: true}).flatMap((entry) => (entry.isDirectory() ? filesBelow(join(directory, entry.name)) : [join(directory, entry.name)]));
}

/** Whether another process gets the warehouse: exits 0 if it does, 3 if it is locked. */
function otherProcess(path: string): number | null {
  const script = `const {WarehouseLock} = await import(${JSON.stringify(new URL('../../storage/lock.ts', import.meta.url).href)});
    const {nodeFileSystem} = await import(${JSON.stringify(new URL('../../storage/file/node-file-system.ts', import.meta.url).href)});
    await WarehouseLock.acquire({directory: ${JSON.stringify(join(path, '_millrace'))}, fileSystem: nodeFileSystem}).then((lock) => lock.close(), (cause) => { process.exitCode = cause.code === 'MR_LOCKED' ? 3 : 1; });`;
  return spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {encoding: 'utf8'}).status;
}

test('backup: a copy of one epoch, taken while writes go on, is a warehouse with history, tail and subscriptions; both go on', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'wh');
  const dest = join(folder, 'copies', 'monday');
  await using wh = await Warehouse.open({path, referenceBytes: 4096});
  await wh.sql(`CREATE TABLE a (id BIGINT PRIMARY KEY, v VARCHAR); CREATE TABLE b (id BIGINT, v VARCHAR); CREATE TABLE gone (x INTEGER);
    CREATE DYNAMIC TABLE d AS SELECT v, count(*) AS n FROM a GROUP BY ALL; INSERT INTO gone VALUES (1); INSERT INTO a VALUES (1, 'x'), (2, 'y'); CHECKPOINT`);
  await wh.sql("CREATE SUBSCRIPTION s ON a; UPDATE a SET v = 'z' WHERE id = 1; CHECKPOINT; DROP TABLE gone; CHECKPOINT");
  // The tail: inline, by reference into a table with and one without a checkpoint.
  await wh.sql("INSERT INTO a SELECT i, repeat('w', 20) FROM range(100, 1100) t(i); CREATE TABLE young (id BIGINT PRIMARY KEY, v VARCHAR); INSERT INTO young SELECT i, repeat('w', 20) FROM range(1000) t(i); INSERT INTO b VALUES (1, 'tail')");
  const stop = new AbortController();
  const writing = (async (): Promise<void> => {
    for (let i = 0; !stop.signal.aborted; i++) {
      await wh.sql(`BEGIN; INSERT INTO a VALUES (${5000 + i}, 'busy'); INSERT INTO b VALUES (${5000 + i}, 'busy'); COMMIT`);
      if (i % 5 === 4) await wh.sql('CHECKPOINT');
    }
  })();
  const report = await wh.backup(dest);
  await wh.sql("INSERT INTO a VALUES (9999, 'after the copy')");
  stop.abort();
  await writing;
  assert.ok(report.files > 20 && report.bytes > 0 && report.linked > 0, JSON.stringify(report));
  assert.equal(otherProcess(path), 3, 'the warehouse is still held');
  assert.equal(statSync(filesBelow(join(dest, '_millrace', 'log')).sort().at(-1)!).nlink, 1, 'the segment that is written on is a copy');
  assert.ok(!existsSync(join(dest, '_millrace', 'lock.duckdb')) && !existsSync(join(dest, '_millrace', 'incomplete-backup')));
  assert.deepEqual(existsSync(join(path, '_millrace', 'backup')) ? readdirSync(join(path, '_millrace', 'backup')) : [], [], 'nothing is held any longer');
  assert.deepEqual((await checkWarehouse(dest)).problems, []);
  assert.equal(otherProcess(dest), 0, 'a check leaves no lock');
  const copy = await Warehouse.open({path: dest});
  try {
    assert.equal(copy.epoch, report.epoch);
    const [[na, busy, nb]] = await values(copy, "SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM a WHERE v = 'busy'), (SELECT count(*) FROM b)") as [[bigint, bigint, bigint]];
    assert.equal(na, 1002n + busy);
    assert.equal(nb, 1n + busy, 'tables stand at one epoch');
    assert.deepEqual(await values(copy, 'SELECT count(*), min(id), max(id) FROM young'), [[1000n, 0n, 999n]]);
    assert.deepEqual((await copy.sql('VERIFY ALL')).rows.map((row) => row['equal']), [true]);
    assert.deepEqual((await copy.sql('FETCH 1 FROM s')).rows.map(({_op, v}) => [_op, v]), [['-U', 'x'], ['+U', 'z']], 'its subscriptions go on from where they were');
    await copy.sql("DELETE FROM a WHERE v = 'busy'; CHECKPOINT; INSERT INTO a VALUES (1, 'in the copy')");
  } finally {
    await copy.close();
  }
  assert.deepEqual((await checkWarehouse(dest)).problems, [], 'written on');
  assert.deepEqual(await values(wh, "SELECT count(*) FROM a WHERE v IN ('after the copy', 'z')"), [[2n]], 'the warehouse does not feel it');
  await rejects(wh.backup(dest), 'invalid', 'MR_BACKUP_TARGET', /holds /);
  await rejects(wh.backup(join(path, 'inside')), 'invalid', 'MR_BACKUP_TARGET', /warehouse itself/);
  writeFileSync(join(folder, 'file'), '');
  await rejects(wh.backup(join(folder, 'file')), 'invalid', 'MR_BACKUP_TARGET', /is a file/);
});

test('backup: a crash at any operation leaves the warehouse as it was, and a copy that is refused or whole', async (t) => {
  const seed = testSeed(20_260_103);
  const random = new Random(seed);
  const folder = temporaryFolder(t);
  const states = contents();
  const points = process.env['MR_SOAK'] === undefined ? 8 : Infinity;
  const setUp = async (name: string): Promise<{root: string; files: FailingFileSystem; harness: CoreHarness}> => {
    const root = join(folder, name);
    mkdirSync(join(root, 'wh', '_millrace'), {recursive: true});
    writeFileSync(join(root, 'wh', '_millrace', 'format'), '{"version":1,"warehouse":"test"}\n');
    const files = await FailingFileSystem.over(root);
    const harness = new CoreHarness(join(root, 'wh'), files, {referenceBytes: 1});
    await harness.open();
    await harness.goOn();
    return {root, files, harness};
  };
  const counted = await setUp('count');
  const before = counted.files.operations;
  const answer = await counted.harness.request({kind: 'backup', target: join(counted.root, 'copy')});
  const operations = counted.files.operations - before;
  assert.equal(answer.epoch, states.length - 1);
  await counted.harness.abandon();
  let whole = 0, refused = 0;
  for (let point = 0; point < Math.min(points, operations); point++) {
    const at = points === Infinity ? point + 1 : Math.max(1, Math.min(operations, Math.round((point + random.unit()) * operations / points)));
    const {root, files, harness} = await setUp(`p${point}`);
    files.crashAt(files.operations + at, {torn: random.integer(0, 50)});
    await harness.request({kind: 'backup', target: join(root, 'copy')}).catch(() => undefined);
    await harness.abandon();
    await files.crash(random.pick(['none', 'unsynced', (): 'kept' | 'lost' => (random.chance(0.5) ? 'kept' : 'lost')]));
    const what = `MR_SEED=${seed} crash at operation ${at} of ${operations}`;
    const report = await checkWarehouse(join(root, 'copy')).catch((cause: unknown) => cause as {code: string});
    if ('code' in report) {
      assert.match(report.code, /^MR_(BACKUP_INCOMPLETE|NOT_A_WAREHOUSE)$/, what);
      if (existsSync(join(root, 'copy')) && readdirSync(join(root, 'copy')).length > 0) await rejects(Warehouse.open({path: join(root, 'copy')}), 'data', 'MR_BACKUP_INCOMPLETE');
      refused++;
    } else {
      assert.deepEqual(report.problems, [], what);
      whole++;
    }
    const again = new CoreHarness(join(root, 'wh'), nodeFileSystem);
    await again.open();
    assert.equal(again.core.epoch, states.length - 1, what);
    assert.ok(!existsSync(join(root, 'wh', '_millrace', 'backup')), `${what}: what it held is let go`);
    await again.abandon();
  }
  t.diagnostic(`${operations} operations; ${refused} refused, ${whole} whole`);
  assert.ok(refused > 3, `${refused} were refused`);
});
