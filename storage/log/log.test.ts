import test from 'node:test';
import assert from 'node:assert/strict';
import {readFile, readdir, rm, truncate, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import * as fc from 'fast-check';
import {epoch} from '../../base/epoch.ts';
import {WarehouseError} from '../../base/error.ts';
import {nodeFileSystem} from '../file/node-file-system.ts';
import {seeded} from './batch-arbitrary.ts';
import {checkLog} from './check-log.ts';
import {frameText, inDirectory, openLog, textFrame, textsOf} from './log-fixture.ts';
import {Log} from './log.ts';

const is = (code: string) => (error: unknown): boolean => {
  assert.ok(error instanceof WarehouseError && error.code === code, `expected ${code}, found ${String(error)}`);
  return true;
};

const lines = (from: number, through: number, text = 'x'): string[] => Array.from({length: Math.max(0, through - from + 1)}, (_, i) => `${from + i} ${text}`);

type Step =
  | {readonly kind: 'append'; readonly calls: readonly (readonly string[])[]}
  | {readonly kind: 'reopen'; readonly back: number}
  | {readonly kind: 'read'; readonly back: number}
  | {readonly kind: 'truncate'; readonly back: number};

const text = fc.string({maxLength: 200, unit: 'grapheme'});
const step: fc.Arbitrary<Step> = fc.oneof(
  {weight: 4, arbitrary: fc.record({kind: fc.constant('append' as const), calls: fc.array(fc.array(text, {minLength: 1, maxLength: 4}), {minLength: 1, maxLength: 4})})},
  {weight: 1, arbitrary: fc.record({kind: fc.constantFrom('reopen' as const, 'read' as const, 'truncate' as const), back: fc.nat(12)})},
);
const sizes = fc.record({segmentBytesMax: fc.constantFrom(200, 700, 3000), aheadBytes: fc.constantFrom(0, 64, 512), chunkBytes: fc.constantFrom(64, 300, 4096)});

test('log: whatever was appended comes back, after any reopening, reading and removing', async () => {
  let segmentsMost = 0;
  await fc.assert(fc.asyncProperty(fc.array(step, {maxLength: 14}), sizes, (steps, options) => inDirectory(async (directory) => {
    const model: string[] = []; // model[i] is epoch i + 1
    let {log} = await openLog(directory, options);
    for (const {kind, ...s} of steps) {
      if (kind === 'append') {
        const appended: Promise<void>[] = [];
        for (const texts of (s as Step & {kind: 'append'}).calls) {
          appended.push(log.append(texts.map((t) => textFrame(model.push(`${model.length + 1} ${t}`), t))));
        }
        await Promise.all(appended);
        assert.equal(log.lastEpoch, model.length);
        segmentsMost = Math.max(segmentsMost, log.segmentCount);
        continue;
      }
      const at = Math.max(0, model.length - (s as {back: number}).back);
      if (kind === 'reopen') {
        await log.close();
        const after = Math.max(at, log.firstEpoch - 1);
        const opened = await openLog(directory, {...options, after});
        assert.deepEqual(opened.texts, model.slice(after));
        log = opened.log;
      } else if (kind === 'read') {
        const reading = textsOf(log.readFrom(epoch(at + 1)));
        if (at + 1 >= log.firstEpoch) assert.deepEqual(await reading, model.slice(at));
        else await assert.rejects(reading, is('MR_EPOCH_EXPIRED'));
      } else {
        await log.truncateBefore(epoch(at));
        assert.ok(log.firstEpoch <= at + 1 && log.lastEpoch === model.length);
      }
    }
    const bytes = log.bytes;
    await log.close();
    const report = await checkLog(nodeFileSystem, directory);
    assert.deepEqual(report.problems, []);
    assert.equal(report.segments.reduce((sum, r) => sum + r.frameBytes, 0), bytes);
    assert.equal(report.frameCount, model.length + 1 - log.firstEpoch);
  })), seeded(60));
  assert.ok(segmentsMost > 4, `at most ${segmentsMost} segments`);
});

test('log: reading gives what was durable at its start, while appends go on', () => inDirectory(async (directory) => {
  const {log} = await openLog(directory, {segmentBytesMax: 300, chunkBytes: 100});
  for (let e = 1; e <= 20; e++) await log.append([textFrame(e, 'x')]);
  const seen: string[] = [];
  for await (const frame of log.readFrom(epoch(5))) {
    seen.push(frameText(frame));
    await log.append([textFrame(log.lastEpoch + 1, 'later')]);
  }
  assert.deepEqual(seen, lines(5, 20));
  await log.close();
}));

/** One append per entry, each of that many frames; without room ahead, so that the file ends with the last frame. */
async function written(directory: string, appends: readonly number[], options: {segmentBytesMax?: number} = {}): Promise<{path: string; starts: number[]}> {
  const {log} = await openLog(directory, {aheadBytes: 0, ...options});
  const starts: number[] = [];
  let last = '';
  for (const count of appends) {
    const frames = Array.from({length: count}, (_, i) => textFrame(log.lastEpoch + 1 + i, 'x'));
    const before = (await checkLog(nodeFileSystem, directory)).segments.at(-1);
    await log.append(frames);
    last = (await readdir(directory)).sort().at(-1)!;
    let at = before?.path.endsWith(last) === true ? before.frameBytes : 0;
    for (const frame of frames) {
      starts.push(at);
      at += frame.length;
    }
  }
  await log.close();
  return {path: join(directory, last), starts};
}

test('log: a tail torn at any byte of the last append is cut, and the log goes on', async () => {
  for (const last of [1, 3]) {
    await inDirectory(async (directory) => {
      const {path, starts} = await written(directory, [2, 1, last]);
      const whole = await readFile(path);
      const groupStart = starts[3]!;
      for (let at = groupStart; at < whole.length; at++) {
        for (const torn of ['cut', 'zeros', 'junk'] as const) {
          const image = Buffer.from(whole);
          if (torn !== 'cut') image.fill(torn === 'zeros' ? 0 : 0xa7, at);
          await writeFile(path, torn === 'cut' ? image.subarray(0, at) : image);
          const before = await readFile(path);
          if (before.equals(whole)) continue; // the bytes were zeros anyway
          const whole1 = starts.filter((start, i) => start >= groupStart && (starts[i + 1] ?? whole.length) <= at).length;
          const {log, texts} = await openLog(directory);
          assert.ok(texts.length >= 3 + whole1, `${torn} at ${at}: ${texts.length} frames`);
          assert.deepEqual(texts, lines(1, texts.length));
          await log.append([textFrame(log.lastEpoch + 1, 'again')]);
          await log.close();
          const again = await openLog(directory);
          assert.deepEqual(again.texts, [...texts, `${texts.length + 1} again`]);
          await again.log.close();
        }
      }
    });
  }
});

test('log: the pages of an unfinished append may reach the disk in any order', () => inDirectory(async (directory) => {
  const {path, starts} = await written(directory, [2, 3]);
  const whole = await readFile(path);
  for (const lost of [2, 3, 4]) {
    const image = Buffer.from(whole);
    image.fill(0, starts[lost], starts[lost + 1] ?? whole.length);
    await writeFile(path, image);
    const {log, texts} = await openLog(directory);
    assert.deepEqual(texts, lines(1, lost), 'the frames behind the lost one belong to the same append: it never finished');
    await log.close();
  }
  // The same loss with one more append behind it: the first had been acknowledged.
  await writeFile(path, whole);
  const {log} = await openLog(directory);
  await log.append([textFrame(6, 'x')]);
  await log.close();
  const image = await readFile(path);
  for (const lost of [0, 2, 3, 4]) {
    const damaged = Buffer.from(image);
    damaged.fill(0, starts[lost], starts[lost + 1]! > 0 ? starts[lost + 1] : starts[lost]! + 32);
    await writeFile(path, damaged);
    await assert.rejects(openLog(directory), (error: unknown) => is('MR_LOG_DAMAGED')(error)
      && (error as Error).message.includes(`'${path}' at byte ${starts[lost]}: expected the frame of epoch ${lost + 1}`));
    assert.deepEqual(await readFile(path), damaged, 'a refused log is left as it was');
    const report = await checkLog(nodeFileSystem, directory);
    assert.equal(report.problems.length, 1);
    assert.match(report.problems[0]!, new RegExp(`expected the frame of epoch ${lost + 1}`));
  }
}));

test('log: a flipped bit anywhere is cut off with the last append or refused, never read', () => inDirectory(async (directory) => {
  await written(directory, [1, 2, 1, 3, 1, 1, 2], {segmentBytesMax: 250});
  const images = await Promise.all((await readdir(directory)).sort().map(async (name) => ({path: join(directory, name), bytes: await readFile(join(directory, name))})));
  assert.ok(images.length > 2, `${images.length} segments`);
  let cut = 0;
  let refused = 0;
  await fc.assert(fc.asyncProperty(fc.nat(images.length - 1), fc.nat(), fc.nat(7), async (file, position, bit) => {
    const {path, bytes} = images[file]!;
    const at = position % bytes.length;
    const image = Buffer.from(bytes);
    image[at]! ^= 1 << bit;
    await writeFile(path, image);
    try {
      const {log, texts} = await openLog(directory);
      await log.close();
      assert.equal(file, images.length - 1, `a flip in segment ${file} went unseen`);
      assert.ok(texts.length >= 9 && texts.length < 11, `${texts.length} frames after a flip at ${at} of the last segment`);
      assert.deepEqual(texts, lines(1, texts.length));
      cut++;
    } catch (error) {
      is('MR_LOG_DAMAGED')(error);
      assert.ok((error as Error).message.includes(path));
      assert.notDeepEqual((await checkLog(nodeFileSystem, directory)).problems, []);
      refused++;
    }
    await writeFile(path, bytes);
  }), seeded(400));
  assert.ok(cut > 20 && refused > 200, `${cut} cut, ${refused} refused`);
}));

test('log: missing epochs are refused: segments gone, or a log that ends before the checkpoint', () => inDirectory(async (directory) => {
  await written(directory, [1, 1, 1, 1, 1, 1], {segmentBytesMax: 150});
  const names = (await readdir(directory)).sort();
  assert.ok(names.length >= 3);
  await assert.rejects(openLog(directory, {after: 7}), is('MR_LOG_DAMAGED'));
  const middle = join(directory, names[1]!);
  const bytes = await readFile(middle);
  await rm(middle);
  await assert.rejects(openLog(directory), is('MR_LOG_DAMAGED'));
  assert.equal((await checkLog(nodeFileSystem, directory)).problems.length, 1);
  await writeFile(middle, bytes.subarray(0, bytes.length - 8));
  await assert.rejects(openLog(directory), is('MR_LOG_DAMAGED'));
  await rm(middle);
  await rm(join(directory, names[0]!));
  await assert.rejects(openLog(directory), is('MR_LOG_DAMAGED'), 'the oldest segments are gone and no checkpoint covers them');
  const {log, texts} = await openLog(directory, {after: 5});
  assert.deepEqual(texts, lines(6, 6));
  await log.close();
}));

test('log: an empty one begins behind the checkpoint; epochs come in order; a closed one refuses', () => inDirectory(async (directory) => {
  const {log, recovered} = await Log.open({directory, fileSystem: nodeFileSystem, afterEpoch: epoch(41)});
  assert.throws(() => log.append([textFrame(42, 'x')]), /recovered frames/);
  assert.deepEqual(await textsOf(recovered), []);
  assert.equal(log.firstEpoch, 42);
  assert.throws(() => log.append([textFrame(43, 'x')]), /epoch 43 appended after 41/);
  assert.throws(() => log.append([new Uint8Array(64)]), /encoded frames/);
  await log.append([]);
  await log.append([textFrame(42, 'x')]);
  await log.close();
  await log.close();
  await assert.rejects(log.append([textFrame(43, 'x')]), is('MR_CLOSED'));
  assert.deepEqual(await readdir(directory), ['0000000000000042.log']);
}));

test('log: room made ahead is cut when the log closes, and ignored when it did not', () => inDirectory(async (directory) => {
  const {log} = await openLog(directory, {aheadBytes: 4096});
  await log.append([textFrame(1, 'x')]);
  const path = join(directory, '0000000000000001.log');
  const alive = await readFile(path);
  assert.equal(alive.length, textFrame(1, 'x').length + 4096);
  await log.append([textFrame(2, 'x')]);
  assert.equal((await readFile(path)).length, alive.length);
  await log.close();
  assert.equal((await readFile(path)).length, 2 * textFrame(1, 'x').length);
  await truncate(path, 9000);
  const reopened = await openLog(directory);
  assert.deepEqual(reopened.texts, lines(1, 2));
  await reopened.log.close();
}));
