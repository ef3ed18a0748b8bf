import test from 'node:test';
import assert from 'node:assert/strict';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {WarehouseError} from '../../base/error.ts';
import {makeDirectoryDurably, putIfAbsent, removeTemporaries, temporaryName, temporaryPath, writeDurably} from './durable.ts';
import {CrashError, FailingFileSystem} from './failing-file-system.ts';
import type {FileSystem} from './file-system.ts';
import {nodeFileSystem} from './node-file-system.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const read = async (files: FileSystem, path: string): Promise<string> => new TextDecoder().decode(await files.readFile(path));

async function inDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-file-'));
  try {
    await work(directory);
  } finally {
    await rm(directory, {recursive: true});
  }
}

const fails = (code: string, path: string) => (error: unknown): boolean => {
  assert.ok(error instanceof WarehouseError);
  assert.equal(error.code, code);
  assert.ok(error.message.includes(path), error.message);
  return true;
};

test('file system: writes of several buffers, small, large and in shared memory, read back in order', () => inDirectory(async (directory) => {
  const path = join(directory, 'a');
  await using handle = await nodeFileSystem.open(path, 'wx+');
  const shared = new Uint8Array(new SharedArrayBuffer(5)).fill(7);
  const large = new Uint8Array(300_000).fill(9);
  await handle.write([text('ab'), new Uint8Array(0), shared, text('c')], 3);
  await handle.write([large, shared], 11);
  await handle.datasync();
  assert.equal((await handle.stat()).bytes, 300_016);
  const all = await nodeFileSystem.readFile(path);
  assert.deepEqual([...all.subarray(0, 12)], [0, 0, 0, 97, 98, 7, 7, 7, 7, 7, 99, 9]);
  assert.deepEqual([...all.subarray(300_010)], [9, 7, 7, 7, 7, 7]);
  const part = new Uint8Array(10);
  assert.equal(await handle.read(part, 300_012), 4);
  await handle.truncate(4);
  assert.equal((await handle.stat()).bytes, 4);
}));

test('file system: what the system says becomes our codes, with the path', () => inDirectory(async (directory) => {
  const path = join(directory, 'none');
  await assert.rejects(nodeFileSystem.open(path, 'r'), fails('MR_FILE_MISSING', path));
  await assert.rejects(nodeFileSystem.readFile(path), fails('MR_FILE_MISSING', path));
  await assert.rejects(nodeFileSystem.unlink(path), fails('MR_FILE_MISSING', path));
  assert.equal(await nodeFileSystem.stat(path), undefined);
  await nodeFileSystem.mkdir(path);
  await assert.rejects(nodeFileSystem.open(path, 'wx+'), fails('MR_FILE_EXISTS', path));
  await assert.rejects(nodeFileSystem.readFile(path), fails('MR_FILE_FAILED', path));
  await using full = await nodeFileSystem.open('/dev/full', 'r+');
  await assert.rejects(full.write([text('x')], 0), fails('MR_DISK_FULL', '/dev/full'));
}));

test('durable: putIfAbsent has one winner, writeDurably replaces, no temporary stays', () => inDirectory(async (directory) => {
  const path = join(directory, 'deep', 'er', 'a');
  await makeDirectoryDurably(nodeFileSystem, join(directory, 'deep', 'er'));
  const made = await Promise.all(['x', 'y', 'z'].map((value) => putIfAbsent(nodeFileSystem, path, text(value))));
  assert.equal(made.filter(Boolean).length, 1);
  assert.equal(await read(nodeFileSystem, path), ['x', 'y', 'z'][made.indexOf(true)]);
  await writeDurably(nodeFileSystem, path, text('new'));
  assert.equal(await read(nodeFileSystem, path), 'new');
  assert.deepEqual((await nodeFileSystem.readdir(join(directory, 'deep', 'er'))).map((e) => e.name), ['a']);
  assert.ok(temporaryName(temporaryPath(path).split('/').pop()!));
  await (await nodeFileSystem.open(temporaryPath(path), 'wx+')).close();
  assert.equal(await removeTemporaries(nodeFileSystem, join(directory, 'deep', 'er')), 1);
}));

test('durable: after a crash at any operation, with any loss, the file is the old one or the new one', async () => {
  const losses = ['none', 'unsynced', 'mixed'] as const;
  for (const write of [writeDurably, putIfAbsent]) {
    for (const loss of losses) {
      for (let k = 1, total = 99; k <= total; k++) {
        await inDirectory(async (directory) => {
          const path = join(directory, 'a');
          const before = write === writeDurably ? 'old' : undefined;
          if (before !== undefined) await writeDurably(nodeFileSystem, path, text(before));
          const files = await FailingFileSystem.over(directory);
          files.crashAt(k, {torn: 2});
          let done = true;
          try {
            await write(files, path, text('newer'));
            total = files.operations;
          } catch (error) {
            assert.ok(error instanceof CrashError, String(error));
            done = false;
          }
          let asked = 0;
          await files.crash(loss === 'mixed' ? () => (++asked % 2 === 0 ? 'kept' : 'lost') : loss);
          const after = (await nodeFileSystem.exists(path)) ? await read(nodeFileSystem, path) : undefined;
          assert.ok(after === 'newer' || (!done && after === before), `${write.name}, crash at ${k} with ${loss} lost: found '${after}'`);
        });
      }
    }
  }
});

test('durable: a full disk leaves the old file and no temporary', async () => {
  for (let k = 1, total = 99; k <= total; k++) {
    await inDirectory(async (directory) => {
      const path = join(directory, 'a');
      await writeDurably(nodeFileSystem, path, text('old'));
      const files = await FailingFileSystem.over(directory);
      files.failAt(k, 'ENOSPC');
      const failed = await writeDurably(files, path, text('new')).then(() => undefined, (error: unknown) => error);
      total = files.operations;
      if (failed !== undefined) assert.ok(failed instanceof WarehouseError && failed.code === 'MR_DISK_FULL');
      assert.ok(['old', 'new'].includes(await read(nodeFileSystem, path)));
      assert.deepEqual((await nodeFileSystem.readdir(directory)).map((e) => e.name), ['a']);
    });
  }
});

test('failing file system: unsynced bytes, names and removals are lost, synced ones are not', () => inDirectory(async (directory) => {
  const path = (name: string): string => join(directory, name);
  await writeDurably(nodeFileSystem, path('kept'), text('kept'));
  await writeDurably(nodeFileSystem, path('removed'), text('removed'));
  const files = await FailingFileSystem.over(directory);
  const put = async (name: string, value: string, sync: boolean): Promise<void> => {
    await using handle = await files.open(path(name), 'w+');
    await handle.write([text(value)], 0);
    if (sync) await handle.sync();
  };
  await put('half', 'durable', true);
  await files.mkdir(path('sub'));
  await files.syncDirectory(directory);
  await put('half', 'lost and longer', false);
  await put('unnamed', 'x', true);
  await put('sub/unnamed', 'x', true);
  await files.unlink(path('removed'));
  await files.rename(path('kept'), path('renamed'));
  await files.crash('unsynced');
  await assert.rejects(files.readFile(path('half')), CrashError);
  assert.deepEqual((await nodeFileSystem.readdir(directory)).map((e) => e.name), ['half', 'kept', 'removed', 'sub']);
  assert.equal(await read(nodeFileSystem, path('half')), 'durable');
  assert.equal(await read(nodeFileSystem, path('removed')), 'removed');
  assert.deepEqual(await nodeFileSystem.readdir(path('sub')), []);
}));

test('failing file system: an operation that fails once lets a part in and goes on', () => inDirectory(async (directory) => {
  const files = await FailingFileSystem.over(directory);
  files.failAt(2, 'EIO', {torn: 3});
  await using handle = await files.open(join(directory, 'a'), 'wx+');
  await assert.rejects(handle.write([text('ab'), text('cd')], 0), fails('MR_FILE_FAILED', 'EIO'));
  assert.equal(await read(nodeFileSystem, join(directory, 'a')), 'abc');
  await handle.write([text('z')], 3);
  assert.equal(await read(files, join(directory, 'a')), 'abcz');
  assert.equal(files.operations, 3);
}));
