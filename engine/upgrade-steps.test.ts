/** Upgrades: in order, each once, begun again after a crash at any operation, never past what is known. */
import assert from 'node:assert/strict';
import {mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import {writeDurably} from '../storage/file/durable.ts';
import {FailingFileSystem} from '../storage/file/failing-file-system.ts';
import type {FileSystem} from '../storage/file/file-system.ts';
import {nodeFileSystem} from '../storage/file/node-file-system.ts';
import {temporaryFolder} from '../test/support/temporary.ts';
import {formatBytes, readFormat, upgradeWarehouse, type UpgradeStep} from './upgrade-steps.ts';

/** Three steps that leave a trace each; every one needs the trace of the one before. */
const steps: readonly UpgradeStep[] = [1, 2, 3].map((from) => ({
  from, name: `step ${from}`,
  run: async (files: FileSystem, directory: string): Promise<void> => {
    if (from > 1) assert.ok(await files.exists(join(directory, '_millrace', `done-${from - 1}`)), `step ${from} runs after step ${from - 1}`);
    await writeDurably(files, join(directory, '_millrace', `done-${from}`), Buffer.from('done'));
  },
}));

function folderOf(root: string, version: number): string {
  mkdirSync(join(root, '_millrace'), {recursive: true});
  writeFileSync(join(root, '_millrace', 'format'), formatBytes({version, warehouse: 'w'}));
  return root;
}

function versionOf(folder: string): number {
  const path = join(folder, '_millrace', 'format');
  return readFormat(path, readFileSync(path, 'utf8'), 4).version;
}

test('upgrade: the steps from the folder\'s version on, in order, and nothing when it has the newest', async (t) => {
  const root = temporaryFolder(t);
  assert.deepEqual(await upgradeWarehouse(nodeFileSystem, folderOf(join(root, 'one'), 1), steps), ['step 1', 'step 2', 'step 3']);
  assert.equal(versionOf(join(root, 'one')), 4);
  assert.deepEqual(await upgradeWarehouse(nodeFileSystem, join(root, 'one'), steps), []);
  const three = folderOf(join(root, 'three'), 3);
  writeFileSync(join(three, '_millrace', 'done-2'), '');
  assert.deepEqual(await upgradeWarehouse(nodeFileSystem, three, steps), ['step 3']);
  await assert.rejects(upgradeWarehouse(nodeFileSystem, folderOf(join(root, 'newer'), 5), steps), {code: 'MR_FORMAT_NEWER'});
});

test('upgrade: a crash at any operation leaves a folder that the next opening takes on from there', async (t) => {
  const root = temporaryFolder(t);
  const counted = await FailingFileSystem.over(folderOf(join(root, 'count'), 1));
  await upgradeWarehouse(counted, join(root, 'count'), steps);
  for (let operation = 1; operation <= counted.operations; operation++) {
    const folder = folderOf(join(root, String(operation)), 1);
    const files = await FailingFileSystem.over(folder);
    files.crashAt(operation, {torn: 7});
    await assert.rejects(upgradeWarehouse(files, folder, steps));
    await files.crash(operation % 2 === 0 ? 'unsynced' : 'none');
    const before = versionOf(folder);
    assert.deepEqual(await upgradeWarehouse(nodeFileSystem, folder, steps), steps.slice(before - 1).map(({name}) => name), `crash at operation ${operation}`);
    assert.equal(versionOf(folder), 4);
  }
});
