import test from 'node:test';
import assert from 'node:assert/strict';
import {epoch} from '../../base/epoch.ts';
import {WarehouseError} from '../../base/error.ts';
import type {FailureCode, Loss} from '../file/failing-file-system.ts';
import {CrashError, FailingFileSystem} from '../file/failing-file-system.ts';
import {nodeFileSystem} from '../file/node-file-system.ts';
import {checkLog} from './check-log.ts';
import {inDirectory, openLog, textFrame} from './log-fixture.ts';
import type {Log} from './log.ts';

/** What a run of the scenario knew when it ended. */
interface Run {
  /** Acknowledged, by epoch from 1 on. */
  readonly acknowledged: string[];
  /** Frames handed to an append that has not come back. */
  pending: string[];
  /** The checkpoint whose frames may be gone. */
  checkpoint: number;
  failures: WarehouseError[];
}

const sizes = {segmentBytesMax: 500, aheadBytes: 64};
/** Frames of each append; `removed` means: remove what a checkpoint two epochs back covers. */
const scenario: readonly (readonly number[] | 'removed')[] = [[20], [5, 90], [40], [300], 'removed', [1, 2, 3], [600], [10], 'removed', [100], [1]];

async function play(files: FailingFileSystem, directory: string, run: Run): Promise<void> {
  const {log} = await openLog(directory, sizes, files);
  let attempts = 0;
  for (const step of scenario) {
    if (step === 'removed') {
      run.checkpoint = log.lastEpoch - 2;
      await retried(run, () => log.truncateBefore(epoch(run.checkpoint)));
      continue;
    }
    await retried(run, async () => {
      attempts++;
      // Another content at every attempt: frames of a failed append must never come back in the place of these.
      const texts = step.map((length, i) => `${attempts}.${i} ${'x'.repeat(length)}`);
      const first = run.acknowledged.length + 1;
      run.pending = texts.map((t, i) => `${first + i} ${t}`);
      await log.append(texts.map((t, i) => textFrame(first + i, t)));
      run.acknowledged.push(...run.pending);
      run.pending = [];
    });
  }
  await log.close();
}

/** Tries again after a failure of the disk, as the warehouse does; a closed log and a crash end the run. */
async function retried(run: Run, work: () => Promise<unknown>): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await work();
      return;
    } catch (error) {
      if (!(error instanceof WarehouseError) || error.kind === 'closed' || tries === 3) throw error;
      run.failures.push(error);
      run.pending = [];
    }
  }
}

async function checkReopened(directory: string, run: Run, what: string): Promise<void> {
  const after = run.checkpoint;
  let opened: {log: Log; texts: string[]};
  try {
    opened = await openLog(directory, {...sizes, after});
  } catch (error) {
    throw new Error(`${what}: does not open`, {cause: error});
  }
  const {log, texts} = opened;
  const known = [...run.acknowledged, ...run.pending].slice(after);
  assert.ok(texts.length >= run.acknowledged.length - after, `${what}: ${texts.length} frames after ${after}, ${run.acknowledged.length} acknowledged`);
  assert.deepEqual(texts, known.slice(0, texts.length), `${what}: frames as they were handed over`);
  const next = after + texts.length + 1;
  await log.append([textFrame(next, 'next')]);
  await log.close();
  assert.deepEqual((await checkLog(nodeFileSystem, directory)).problems, [], what);
  const again = await openLog(directory, {...sizes, after});
  assert.deepEqual(again.texts, [...texts, `${next} next`], what);
  await again.log.close();
}

/** Loses every third unsynced thing, beginning with number `from`: pages and names reach the disk in no order. */
const partly = (from: number): Loss => {
  let asked = from;
  return () => (asked++ % 3 === 0 ? 'lost' : 'kept');
};

async function crashedRun(plan: (files: FailingFileSystem) => void, loss: Loss, what: string): Promise<{operations: number; trace: readonly string[]; run: Run; dead: boolean}> {
  return inDirectory(async (directory) => {
    const files = await FailingFileSystem.over(directory);
    plan(files);
    const run: Run = {acknowledged: [], pending: [], checkpoint: 0, failures: []};
    try {
      await play(files, `${directory}/log`, run);
    } catch (error) {
      const closed = error instanceof WarehouseError && error.code === 'MR_LOG_FAILED';
      if (!closed && !(error instanceof CrashError)) throw error;
    }
    const {operations, trace, dead} = files;
    await files.crash(loss);
    await checkReopened(`${directory}/log`, run, what);
    return {operations, trace, run, dead};
  });
}

test('log: after a crash at any operation, with any loss, acknowledged epochs are there and others whole or absent', async () => {
  const {operations, trace, run} = await crashedRun(() => undefined, 'unsynced', 'no crash');
  assert.equal(run.acknowledged.length, 12);
  assert.ok(operations > 40, `${operations} operations`);
  const losses: [string, (k: number) => Loss][] = [['none', () => 'none'], ['unsynced', () => 'unsynced'], ['some', (k) => partly(k % 3)], ['others', (k) => partly((k + 1) % 3)]];
  for (let k = 1; k <= operations; k++) {
    for (const [name, loss] of losses) {
      for (const torn of trace[k - 1]!.startsWith('write ') ? [0, 20, 110, 1_000_000] : [0]) {
        const {dead} = await crashedRun((files) => files.crashAt(k, {torn}), loss(k), `crash at operation ${k}, ${torn} bytes in, lost: ${name}`);
        assert.ok(dead, `operation ${k} never came`);
      }
    }
  }
});

test('log: a write, sync or roll that fails once is tried again; what failed never happened', async () => {
  const {operations} = await crashedRun(() => undefined, 'none', 'no failure');
  let failed = 0;
  for (const code of ['ENOSPC', 'EIO'] as const satisfies readonly FailureCode[]) {
    for (let k = 3; k <= operations; k++) { // the first two make the directory, before there is a log
      for (const torn of [0, 70]) {
        const what = `${code} at operation ${k}, ${torn} bytes in`;
        const {run} = await crashedRun((files) => files.failAt(k, code, {torn}), 'unsynced', what);
        for (const failure of run.failures) assert.equal(failure.code, code === 'ENOSPC' ? 'MR_DISK_FULL' : 'MR_FILE_FAILED', what);
        failed += run.failures.length;
        if (run.acknowledged.length < 12) assert.fail(`${what}: only ${run.acknowledged.length} epochs`);
      }
    }
  }
  assert.ok(failed > 80, `only ${failed} failures reached the caller`);
});

test('log: a rejected epoch is not there after a crash, although its bytes had been written', async () => {
  const {operations} = await crashedRun(() => undefined, 'none', 'no failure');
  // At worst the bytes reach the disk by themselves and what cut them away does not.
  const losses: readonly Loss[] = ['none', 'unsynced', (what) => (what.startsWith('truncation') ? 'lost' : 'kept')];
  for (let k = 3; k <= operations; k++) {
    for (const loss of losses) await inDirectory(async (directory) => {
      const files = await FailingFileSystem.over(directory);
      files.failAt(k, 'EIO', {torn: 1_000_000});
      const run: Run = {acknowledged: [], pending: [], checkpoint: 0, failures: []};
      const {log} = await openLog(`${directory}/log`, {...sizes, aheadBytes: 0}, files);
      try {
        for (let e = 1; e <= 12; e++) {
          await log.append([textFrame(e, 'x'.repeat(e * 30))]);
          run.acknowledged.push(`${e} ${'x'.repeat(e * 30)}`);
        }
      } catch (error) {
        assert.ok(error instanceof WarehouseError && error.code === 'MR_FILE_FAILED');
      }
      await files.crash(loss);
      await checkReopened(`${directory}/log`, run, `EIO at operation ${k}`);
    });
  }
});

test('log: when the failed append cannot be cut back the log closes, and says so from then on', async () => {
  await inDirectory(async (directory) => {
    const files = await FailingFileSystem.over(directory);
    const {log} = await openLog(directory, sizes, files);
    await log.append([textFrame(1, 'x')]);
    const k = files.operations + 1;
    files.failAt(k + 1, 'EIO'); // the sync
    files.failAt(k + 2, 'EIO'); // the truncation
    const waiting = [log.append([textFrame(2, 'x')]), log.append([textFrame(3, 'x')])];
    const failures = await Promise.all(waiting.map((w) => w.then(() => undefined, (error: unknown) => error)));
    for (const failure of [...failures, await log.append([textFrame(2, 'y')]).catch((error: unknown) => error)]) {
      assert.ok(failure instanceof WarehouseError && failure.kind === 'closed' && failure.code === 'MR_LOG_FAILED', String(failure));
    }
    assert.equal(log.lastEpoch, 1);
    await log.close();
    const {log: again, texts} = await openLog(directory, sizes);
    assert.deepEqual(texts, ['1 x', '2 x']); // whole, and nobody was told that it never happened
    await again.close();
  });
});

test('log: what waited behind a failed append is rejected with it, and the order begins anew', () => inDirectory(async (directory) => {
  const files = await FailingFileSystem.over(directory);
  const {log} = await openLog(directory, sizes, files);
  await log.append([textFrame(1, 'x')]);
  files.failAt(files.operations + 1, 'EIO', {torn: 30});
  const results = await Promise.allSettled([log.append([textFrame(2, 'x')]), log.append([textFrame(3, 'x')]), log.append([textFrame(4, 'x')])]);
  assert.deepEqual(results.map((r) => r.status), ['rejected', 'rejected', 'rejected']);
  await log.append([textFrame(2, 'y'), textFrame(3, 'y')]);
  await log.close();
  const {log: again, texts} = await openLog(directory, sizes);
  assert.deepEqual(texts, ['1 x', '2 y', '3 y']);
  await again.close();
}));

test('log: when a new segment could not be made, a smaller append does not go into the old one', () => inDirectory(async (directory) => {
  const files = await FailingFileSystem.over(directory);
  const {log} = await openLog(directory, sizes, files);
  await log.append([textFrame(1, 'x'.repeat(350))]);
  files.failAt(files.operations + 4, 'EIO'); // after truncation, sync and the new file: the sync of the directory
  await assert.rejects(log.append([textFrame(2, 'x'.repeat(350))]));
  assert.match(files.trace.at(-1)!, /sync the directory/);
  await log.append([textFrame(2, 'small')]);
  await log.close();
  const {log: again, texts} = await openLog(directory, {...sizes, after: 1});
  assert.deepEqual(texts, ['2 small']);
  assert.equal(again.segmentCount, 2);
  await again.close();
}));
