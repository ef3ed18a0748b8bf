/** State larger than its memory: the laws as ever while rows lie in page files, kills, and page files that fail. */
import assert from 'node:assert/strict';
import {readSync, writeSync} from 'node:fs';
import test from 'node:test';
import {DiskPageFile} from '../../storage/file/page-file.ts';
import {nodeFileSystem} from '../../storage/file/node-file-system.ts';
import {compileFor} from '../support/compiled.ts';
import {contents, CoreHarness, script, type Content} from '../support/core-script.ts';
import {runKillLoop} from '../support/kill-loop.ts';
import {runLaws} from '../support/laws-run.ts';
import {Random, testSeed} from '../support/random.ts';
import {temporaryFolder} from '../support/temporary.ts';

test('spill: the laws hold where no row has room in memory between epochs', async (t) => {
  const seed = testSeed(4242);
  const {epochs, restarts, pageReads} = await runLaws({path: temporaryFolder(t), seed, steps: 12, views: 3, stateRestBytes: 0});
  t.diagnostic(`seed ${seed}: ${epochs} epochs, ${restarts} restarts, ${pageReads} reads of page files`);
  assert.ok(pageReads >= 10, `page files were read ${pageReads} times`);
});

test('spill: what was acknowledged survives kills while rows lie in page files', async (t) => {
  const {file, remove} = compileFor('test/support/kill-child.ts');
  try {
    const {kills, acknowledged} = await runKillLoop({folder: temporaryFolder(t), child: file, random: new Random(testSeed(77)), kills: Number(process.env['MR_KILLS'] ?? 2), stateRestBytes: 0});
    t.diagnostic(`${kills} kills, ${acknowledged} batches`);
  } finally {
    remove();
  }
});

/** The page files of one core, over system calls that fail when told. */
class Calls {
  reads = 0;
  writes = 0;
  failing: 'none' | 'read' | 'short read' | 'write' = 'none';

  open = (path: string): DiskPageFile => new DiskPageFile(path, {
    read: (fd, into, offset, length, position) => {
      this.reads++;
      if (this.failing === 'read') throw Object.assign(new Error('EIO: i/o error, read'), {code: 'EIO'});
      return this.failing === 'short read' ? 0 : readSync(fd, into, offset, length, position);
    },
    write: (fd, bytes, offset, length, position) => {
      this.writes++;
      if (this.failing === 'write') throw Object.assign(new Error('ENOSPC: no space left on device, write'), {code: 'ENOSPC'});
      return writeSync(fd, bytes, offset, length, position);
    },
  });
}

async function newHarness(directory: string, calls: Calls): Promise<CoreHarness> {
  await nodeFileSystem.mkdir(`${directory}/_millrace/log`);
  await nodeFileSystem.mkdir(`${directory}/_millrace/checkpoint`);
  const harness = new CoreHarness(directory, nodeFileSystem, {restBytes: 0}, calls.open);
  await harness.open();
  return harness;
}

const rowsOfState = (harness: CoreHarness): number => harness.core.catalog.tables().reduce((sum, {id}) => sum + harness.core.dataflow.state(id).rowCount, 0);
const rowsOf = (content: Content): number => [...content.values()].reduce((sum, rows) => sum + rows.length, 0);

for (const failing of ['read', 'short read'] as const) {
  test(`spill: an epoch that meets a failing ${failing} is refused with a code, and the next opening has all that was acknowledged`, async (t) => {
    const directory = temporaryFolder(t);
    const calls = new Calls();
    const harness = await newHarness(directory, calls);
    const expected = contents();
    let refused = 0;
    for (const step of script) {
      const before = harness.core.epoch;
      if (step.kind === 'write') {
        calls.failing = failing;
        await harness.step(step).catch((cause: unknown) => {
          assert.equal((cause as {code: string}).code, 'MR_PAGE_FILE_FAILED');
          assert.equal(harness.core.epoch, before, 'a refused epoch never happened');
          refused++;
        });
        calls.failing = 'none';
        if (harness.core.epoch > before) continue;
      }
      await harness.step(step); // what was refused was taken back whole: now it goes through
    }
    assert.ok(refused > 0 && calls.reads > 0, `${refused} epochs were refused, ${calls.reads} reads`);
    const {epoch} = harness.core;
    assert.equal(rowsOfState(harness), rowsOf(expected.at(-1)!));
    await harness.abandon();
    const again = new CoreHarness(directory, nodeFileSystem);
    await again.open();
    assert.equal(again.core.epoch, epoch);
    assert.deepEqual(await again.filesContent(), expected.at(-1));
    await again.abandon();
  });
}

test('spill: a full disk keeps rows in memory as long as they have room there', async (t) => {
  const calls = new Calls();
  calls.failing = 'write';
  const harness = await newHarness(temporaryFolder(t), calls);
  for (const step of script) await harness.step(step);
  assert.ok(calls.writes > 0, 'rows were to go out');
  assert.deepEqual(await harness.filesContent(), contents().at(-1));
  await harness.abandon();
});
