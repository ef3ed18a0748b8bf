import test from 'node:test';
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {crc32} from 'node:zlib';
import {epoch} from '../../base/epoch.ts';
import {FailingFileSystem} from '../file/failing-file-system.ts';
import {nodeFileSystem} from '../file/node-file-system.ts';
import {type Checkpoint, checkpointPath, decodeCheckpoint, encodeCheckpoint, listCheckpoints, loadCheckpoint, newestCheckpoint, readCheckpointHead, removeOldCheckpoints, writeCheckpoint} from './checkpoint-file.ts';
import {decodeEpochNumbers, encodeEpochNumbers, epochsBetween, GrowingEpochNumbers, noEpochs, numberAfter, type EpochNumbers} from './epoch-numbers.ts';
import {epochNumbers} from './test-epochs.ts';

const seed = Number(process.env['MR_SEED'] ?? 20_260_101);
const steps = fc.array(fc.tuple(fc.integer({min: 1, max: 5}), fc.integer({min: 1, max: 1000})), {maxLength: 20});
const sequences = steps.map((list): EpochNumbers => {
  let [at, sequence] = [0, -1];
  return epochNumbers(list.map(([byEpoch, bySequence]) => [at += byEpoch, sequence += bySequence]));
});

function checkpointOf(at: number, epochs: EpochNumbers = noEpochs): Checkpoint {
  return {
    epoch: epoch(at), timeMs: 1_699_999_999_999, previous: at === 0 ? null : epoch(at - 1), createdMs: 1_700_000_000_000, oldest: epoch(0), times: epochNumbers([[at, 1_699_999_999_999]]),
    ddl: [{epoch: epoch(at), records: [{kind: 'drop-table', id: 2}]}], dropped: [], aside: [[2, epoch(at)]], catalog: {version: 3, names: ['é', '"']}, sources: {kafka: {0: '17'}},
    tables: [{id: 1, path: 'default.db/flights', schemaId: 0, snapshotId: 4, nextSequence: (epochs.numbers.at(-1) ?? 0) + 1, epochs}],
  };
}

async function inDirectory(work: (home: string) => Promise<void>): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'mr-checkpoint-'));
  try {
    await work(home);
  } finally {
    await rm(home, {recursive: true});
  }
}

test('checkpoint: what is written reads back, for any epochs', () => {
  fc.assert(fc.property(sequences, fc.nat(), (epochs, at) => {
    const checkpoint = checkpointOf(at, epochs);
    assert.deepEqual(decodeCheckpoint(encodeCheckpoint(checkpoint), 'f'), checkpoint);
  }), {seed, numRuns: 200});
});

test('checkpoint: thousands of epochs read back from the file, as they would be coded in one piece', async () => {
  await inDirectory(async (home) => {
    for (const count of [256, 257, 3000]) {
      const epochs = epochNumbers(Array.from({length: count}, (_, i) => [7 + i * 2, i * i + 5] as const));
      const times = {epochs: epochs.epochs, numbers: epochs.epochs.map((_, i) => 1_700_000_000_000 + 3 * i)};
      const at = 10 * count;
      const [table] = checkpointOf(at, epochs).tables;
      const checkpoint = {...checkpointOf(at), times, tables: [table!, {...table!, id: 3, epochs: epochsBetween(epochs, 1), changed: 9}], dropped: [{...table!, id: 4}], ddl: [...epochs.epochs.subarray(1)].map((at) => ({epoch: epoch(at), records: [{kind: 'drop-table', id: at}]}))};
      await writeCheckpoint(nodeFileSystem, home, checkpoint);
      assert.deepEqual(await loadCheckpoint(nodeFileSystem, home, epoch(at)), checkpoint);
      assert.deepEqual(await readFile(checkpointPath(home, epoch(at))), encodeCheckpoint(checkpoint));
      assert.ok((await readFile(checkpointPath(home, epoch(at)), 'utf8')).includes(`"epochs":${JSON.stringify(encodeEpochNumbers(epochs))}`));
    }
  });
});

test('checkpoint: what would not read back is not written', async () => {
  await inDirectory(async (home) => {
    const [first, second] = [[7, 5], [8, 5]] as const;
    const lists = [[second, first], [first, second], [[7, 0.5]], [[7, -1]]] as const;
    for (const list of lists) await assert.rejects(writeCheckpoint(nodeFileSystem, home, checkpointOf(9, epochNumbers([...list, [9, 9]]))), /after epoch/);
    const [table] = checkpointOf(9, epochNumbers([first])).tables;
    await assert.rejects(writeCheckpoint(nodeFileSystem, home, {...checkpointOf(9), tables: [{...table!, nextSequence: 4}]}), {code: 'MR_CHECKPOINT_DAMAGED'});
    assert.deepEqual(await listCheckpoints(nodeFileSystem, home), []);
  });
});

test('checkpoint: the bytes of format 1 are read, and tell of no epoch before it', () => {
  const body = '{"format":1,"epoch":8,"createdMs":1700000000000,"tables":[{"id":1,"path":"default.db/flights","schemaId":0,"snapshotId":4,"nextSequence":4,"epochs":[7,0,1,3]}],'
    + '"catalog":{"version":3,"names":["é","\\""]},"sources":{"kafka":{"0":"17"}},"crc32":3925337749}\n';
  const {tables, catalog, sources} = checkpointOf(8, epochNumbers([[7, 0], [8, 3]]));
  assert.deepEqual(decodeCheckpoint(Buffer.from(body), 'f'), {epoch: 8, timeMs: 1_700_000_000_000, previous: null, createdMs: 1_700_000_000_000, oldest: 8, times: noEpochs, ddl: [], dropped: [], aside: [], tables, catalog, sources});
});

test('checkpoint: the bytes of format 2 stay as they are', () => {
  const bytes = encodeCheckpoint(checkpointOf(8, epochNumbers([[7, 0], [8, 3]])));
  assert.equal(Buffer.from(bytes).toString(), '{"format":2,"epoch":8,"timeMs":1699999999999,"previous":7,"createdMs":1700000000000,"oldest":0,"times":[8,1699999999999],"ddl":[[8,{"kind":"drop-table","id":2}]],'
    + '"tables":[{"id":1,"path":"default.db/flights","schemaId":0,"snapshotId":4,"nextSequence":4,"epochs":[7,0,1,3]}],"dropped":[],"aside":[[2,8]],'
    + '"catalog":{"version":3,"names":["é","\\""]},"sources":{"kafka":{"0":"17"}},"crc32":608189477}\n');
});

test('checkpoint: a file cut at any byte is passed over, one with any byte changed is refused or passed over', () => {
  const checkpoint = checkpointOf(9, epochNumbers([[9, 5]]));
  const bytes = encodeCheckpoint(checkpoint);
  for (let end = 0; end < bytes.length; end++) assert.equal(decodeCheckpoint(bytes.subarray(0, end), 'f'), undefined, `${end} bytes`);
  for (let i = 0; i < bytes.length; i++) {
    const changed = Uint8Array.from(bytes);
    changed[i]! ^= 1;
    let read: Checkpoint | undefined;
    try {
      read = decodeCheckpoint(changed, 'some/9.json');
    } catch (error) {
      assert.equal((error as {code?: string}).code, 'MR_CHECKPOINT_DAMAGED');
      assert.match((error as Error).message, /some\/9\.json/);
      continue;
    }
    assert.equal(read, undefined, `byte ${i}`);
  }
});

test('checkpoint: wrong content under a right checksum is refused by name', () => {
  const refused = (change: (table: Record<string, unknown>) => void, expected: RegExp): void => {
    const checkpoint = structuredClone(checkpointOf(9, epochNumbers([[9, 5]]))) as unknown as {tables: Record<string, unknown>[]};
    change(checkpoint.tables[0]!);
    assert.throws(() => decodeCheckpoint(encodeCheckpoint(checkpoint as unknown as Checkpoint), 'f'), (error: {code?: string} & Error) => error.code === 'MR_CHECKPOINT_DAMAGED' && expected.test(error.message));
  };
  refused((table) => { table['path'] = '../elsewhere'; }, /path/);
  refused((table) => { table['snapshotId'] = -1; }, /snapshotId/);
  refused((table) => { table['nextSequence'] = 2; }, /epochs/);
  refused((table) => { delete table['schemaId']; }, /schemaId/);
  const damaged = (change: Partial<Record<keyof Checkpoint, unknown>>, expected: RegExp): void => {
    assert.throws(() => decodeCheckpoint(encodeCheckpoint({...checkpointOf(9), ...change} as Checkpoint), 'f'), (error: {code?: string} & Error) => error.code === 'MR_CHECKPOINT_DAMAGED' && expected.test(error.message));
  };
  damaged({previous: epoch(9)}, /previous/);
  damaged({timeMs: -1}, /timeMs/);
  damaged({ddl: [{epoch: 'x', records: []}]}, /ddl/);
  damaged({aside: [[1]]}, /aside/);
  damaged({dropped: checkpointOf(9).tables}, /twice/);
  const text = Buffer.from(encodeCheckpoint(checkpointOf(9))).toString().replace('"format":2', '"format":3');
  const body = text.slice(0, text.lastIndexOf(',"crc32"'));
  assert.throws(() => decodeCheckpoint(Buffer.from(`${body},"crc32":${crc32(body)}}\n`), 'f'), {code: 'MR_FORMAT_NEWER'});
});

test('checkpoint: the head is read by itself; a file that was cut off within it has none', async () => {
  await inDirectory(async (home) => {
    await writeCheckpoint(nodeFileSystem, home, checkpointOf(9));
    assert.deepEqual(await readCheckpointHead(nodeFileSystem, home, epoch(9)), {epoch: 9, timeMs: 1_699_999_999_999, previous: 8});
    await writeFile(checkpointPath(home, epoch(10)), encodeCheckpoint(checkpointOf(10)).subarray(0, 30));
    assert.equal(await readCheckpointHead(nodeFileSystem, home, epoch(10)), undefined);
    await assert.rejects(readCheckpointHead(nodeFileSystem, home, epoch(11)), {code: 'MR_FILE_MISSING'});
  });
});

test('checkpoint: the newest whole one is found, those cut off and temporary names are passed over', async () => {
  await inDirectory(async (home) => {
    assert.equal(await newestCheckpoint(nodeFileSystem, home), undefined);
    for (const at of [9, 10, 100]) await writeCheckpoint(nodeFileSystem, home, checkpointOf(at));
    await writeFile(checkpointPath(home, epoch(200)), encodeCheckpoint(checkpointOf(200)).subarray(0, 50));
    await writeFile(join(home, 'checkpoint', '.300.json.x.tmp'), '');
    assert.deepEqual(await listCheckpoints(nodeFileSystem, home), [9, 10, 100, 200]);
    assert.equal((await newestCheckpoint(nodeFileSystem, home))?.epoch, 100);
    await writeFile(checkpointPath(home, epoch(150)), await readFile(checkpointPath(home, epoch(100))));
    await assert.rejects(loadCheckpoint(nodeFileSystem, home, epoch(150)), {code: 'MR_CHECKPOINT_DAMAGED'});
  });
});

test('checkpoint: retention keeps the last ones and all that a reader may need', async () => {
  await inDirectory(async (home) => {
    for (const at of [1, 5, 9, 12]) await writeCheckpoint(nodeFileSystem, home, checkpointOf(at));
    await writeFile(checkpointPath(home, epoch(20)), 'cut');
    assert.deepEqual(await removeOldCheckpoints(nodeFileSystem, home, {keepLast: 2, keepFrom: epoch(6)}), [1]);
    assert.deepEqual(await removeOldCheckpoints(nodeFileSystem, home, {keepLast: 2, keepFrom: epoch(9)}), [5]);
    assert.deepEqual(await removeOldCheckpoints(nodeFileSystem, home, {keepLast: 1}), [9]);
    assert.deepEqual(await removeOldCheckpoints(nodeFileSystem, home, {keepLast: 1}), []);
    assert.equal((await newestCheckpoint(nodeFileSystem, home))?.epoch, 12);
  });
});

test('checkpoint: a crash at any operation leaves the old one or the new one', async () => {
  for (let operation = 1; ; operation++) {
    let survived = false;
    await inDirectory(async (home) => {
      await writeCheckpoint(nodeFileSystem, home, checkpointOf(1));
      const files = await FailingFileSystem.over(home);
      files.crashAt(operation, {torn: 10});
      survived = await writeCheckpoint(files, home, checkpointOf(2)).then(() => true, () => false);
      await files.crash('unsynced');
      const newest = await newestCheckpoint(nodeFileSystem, home);
      assert.ok(newest?.epoch === 2 || (!survived && newest?.epoch === 1), `operation ${operation}`);
    });
    if (survived) break;
  }
});

test('epoch numbers: the first one after an epoch is found, and bad codes are refused', () => {
  fc.assert(fc.property(sequences, fc.nat({max: 110}), (list, at) => {
    assert.equal(numberAfter(list, epoch(at)), list.numbers[list.epochs.findIndex((one) => one > at)]);
    assert.deepEqual(decodeEpochNumbers(encodeEpochNumbers(list)), list);
  }), {seed, numRuns: 200});
  for (const bad of [[1], [1, 2, 0, 1], [1, 2, 1, 0], [-1, 0], [1, 0.5], ['1', 2], [1, 2 ** 53 - 1, 1, 2 ** 53 - 1]]) assert.equal(typeof decodeEpochNumbers(bad), 'string', JSON.stringify(bad));
  assert.equal(decodeEpochNumbers([1, 5, 1]), '3 numbers');
  assert.match(String(decodeEpochNumbers([1, 5, 1, 0])), /step 0/);
});

test('epoch numbers: what is pushed and dropped in any order is what an array would hold', () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.integer({min: 1, max: 40}), fc.nat({max: 60})), {maxLength: 20}), (turns) => {
    const list = new GrowingEpochNumbers();
    let model: [number, number][] = [];
    let at = 0;
    for (const [count, back] of turns) {
      for (let i = 0; i < count; i++) {
        at += 1 + (i % 3);
        list.push(epoch(at), 10 * at);
        model.push([at, 10 * at]);
      }
      const through = epoch(Math.max(0, at - back));
      assert.deepEqual(list.view(), epochNumbers(model));
      assert.deepEqual(list.through(through), epochNumbers(model.filter(([one]) => one <= through)));
      const kept = list.through(through);
      assert.equal(list.dropThrough(through), model.findLast(([one]) => one <= through)?.[1]);
      assert.deepEqual(kept, epochNumbers(model.filter(([one]) => one <= through)), 'a copy stays');
      model = model.filter(([one]) => one > through);
      assert.deepEqual(list.view(), epochNumbers(model));
    }
  }), {seed, numRuns: 200});
});
