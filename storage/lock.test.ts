import test from 'node:test';
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import type {ChildProcess} from 'node:child_process';
import {once} from 'node:events';
import {copyFile, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {WarehouseError} from '../base/error.ts';
import type {ErrorReport} from '../base/error.ts';
import {nodeFileSystem} from './file/node-file-system.ts';
import {WarehouseLock, lockFileName, readHolder} from './lock.ts';

async function inDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-lock-'));
  try {
    await work(directory);
  } finally {
    await rm(directory, {recursive: true});
  }
}

const acquire = (directory: string): Promise<WarehouseLock> => WarehouseLock.acquire({directory, fileSystem: nodeFileSystem});

/** Starts a process that tries to take the lock. @returns its first word. */
async function elsewhere(directory: string, url?: string): Promise<{child: ChildProcess; answer: {held: true} | ErrorReport}> {
  const child = spawn(process.execPath, ['--import', 'tsx', join(import.meta.dirname, 'lock-process.ts'), directory, ...(url === undefined ? [] : [url])], {stdio: ['pipe', 'pipe', 'inherit']});
  const [line] = (await once(createInterface(child.stdout!), 'line')) as [string];
  return {child, answer: JSON.parse(line) as {held: true} | ErrorReport};
}

const locked = (error: unknown): WarehouseError => {
  assert.ok(error instanceof WarehouseError && error.kind === 'unavailable' && error.code === 'MR_LOCKED', String(error));
  return error;
};

test('lock: a second open in this process is refused, by any path, until the first is closed', () => inDirectory(async (root) => {
  const directory = join(root, 'w', '_millrace');
  const lock = await acquire(directory);
  await symlink(join(root, 'w'), join(root, 'other'));
  for (const path of [directory, join(root, 'other', '_millrace'), join(directory, '..', '_millrace')]) {
    const error = locked(await acquire(path).then(() => undefined, (e: unknown) => e));
    assert.ok(error.message.includes(String(process.pid)) && error.message.includes(directory), error.message);
  }
  assert.deepEqual(await readdir(directory), ['holder.json', 'lock.duckdb']);
  await lock.close();
  await lock.close();
  assert.deepEqual(await readdir(directory), ['lock.duckdb']);
  await using again = await acquire(directory);
  await again.announce('http://127.0.0.1:1');
  assert.deepEqual(await readHolder(nodeFileSystem, directory), {pid: process.pid, url: 'http://127.0.0.1:1'});
}));

test('lock: a second process is refused with pid and URL, also after the files around the lock were walked and copied', () => inDirectory(async (root) => {
  const directory = join(root, '_millrace');
  await using lock = await acquire(directory);
  await lock.announce('http://127.0.0.1:8080');
  await mkdir(join(root, 'copy'));
  for (const {name} of await nodeFileSystem.readdir(directory)) {
    if (lockFileName(name)) continue;
    await readFile(join(directory, name));
    await copyFile(join(directory, name), join(root, 'copy', name));
  }
  await assert.rejects(acquire(directory)); // a refusal inside the process must not release it either
  const {child, answer} = await elsewhere(directory);
  assert.ok('code' in answer && answer.code === 'MR_LOCKED', JSON.stringify(answer));
  assert.ok(answer.message.includes(`process ${process.pid} at http://127.0.0.1:8080`), answer.message);
  assert.match(answer.hint ?? '', /--url http:\/\/127\.0\.0\.1:8080/);
  child.kill();
}));

test('lock: after SIGKILL of the holder the next open succeeds at once', () => inDirectory(async (directory) => {
  const {child, answer} = await elsewhere(directory, 'http://127.0.0.1:9');
  assert.deepEqual(answer, {held: true});
  const error = locked(await acquire(directory).then(() => undefined, (e: unknown) => e));
  assert.ok(error.message.includes(`process ${child.pid} at http://127.0.0.1:9`), error.message);
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.equal((await readHolder(nodeFileSystem, directory))?.pid, child.pid, 'the dead holder left its note');
  const lock = await acquire(directory);
  assert.deepEqual(await readHolder(nodeFileSystem, directory), {pid: process.pid});
  await lock.close();
}));

test('lock: a file that is no lock is refused with what to do', () => inDirectory(async (directory) => {
  await writeFile(join(directory, 'lock.duckdb'), 'no database'.repeat(2000));
  await assert.rejects(acquire(directory), (error: unknown) => error instanceof WarehouseError && error.code === 'MR_LOCK_DAMAGED' && /remove that file/.test(error.hint ?? ''));
  await rm(join(directory, 'lock.duckdb'));
  await (await acquire(directory)).close();
}));
