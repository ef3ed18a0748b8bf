/**
 * Laws 3 and 5 at every single write, sync, rename and link of log and checkpoints: the engine's core runs a script over a file
 * system that dies (or fails once) at operation k; a fresh core must find exactly the epochs that were answered, or one more, and
 * go on to the same end. A COPY of DuckDB's is one operation: its file counts as unsynced until it is synced.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import {FailingFileSystem} from '../../storage/file/failing-file-system.ts';
import type {Epoch} from '../../base/epoch.ts';
import {changelogSql} from '../../storage/lsm/changelog-sql.ts';
import {listCheckpoints, loadCheckpoint} from '../../storage/lsm/checkpoint-file.ts';
import {numberAfter} from '../../storage/lsm/epoch-numbers.ts';
import {PaimonTable} from '../../storage/lsm/paimon-table.ts';
import {directoryOf, metaDirectory} from '../../engine/layout.ts';
import {systemClock} from '../../base/clock.ts';
import {nodeFileSystem} from '../../storage/file/node-file-system.ts';
import {contents, CoreHarness, script, specs, subscriptionAt} from '../support/core-script.ts';
import {crashAtPoints, failAtPoints, recovered, runWhole, samplePoints} from '../support/crash-points.ts';
import {Random, testSeed} from '../support/random.ts';
import {temporaryFolder} from '../support/temporary.ts';

const seed = testSeed(20260101);
const states = contents();
const lastEpoch = states.length - 1;
/** All points with MR_SOAK, else about so many. */
const pointsMax = process.env['MR_SOAK'] === undefined ? 20 : Infinity;

async function checkEnd(harness: CoreHarness, at: string): Promise<void> {
  assert.equal(harness.core.epoch, lastEpoch, at);
  assert.deepEqual(await harness.filesContent(), states[lastEpoch], `${at}: at the end`);
}

/** What a fresh core finds, and that it goes on to the same end as if nothing had happened. */
async function checkRecovered(root: string, answered: number, at: string): Promise<void> {
  const harness = await recovered(root, answered, at);
  const {epoch} = harness.core;
  try {
    assert.deepEqual(harness.core.catalog.findSubscription('s'), subscriptionAt(epoch), `${at}: the subscription at epoch ${epoch}`);
    assert.deepEqual(await harness.filesContent(), states[epoch], `${at}: at epoch ${epoch}`);
    await harness.goOn();
    await checkEnd(harness, at);
  } finally {
    await harness.abandon();
  }
  const again = new CoreHarness(root, await FailingFileSystem.over(root));
  try {
    await again.open();
    await checkEnd(again, `${at}, opened again`);
    await checkHistory(again, root, at);
  } finally {
    await again.abandon();
  }
}

/** The changelog files, cut at any epoch by what the checkpoints say of sequence numbers, fold to the content of that epoch. */
async function checkHistory(harness: CoreHarness, root: string, at: string): Promise<void> {
  const home = metaDirectory(root);
  const checkpoints = await Promise.all((await listCheckpoints(nodeFileSystem, home)).map((epoch) => loadCheckpoint(nodeFileSystem, home, epoch)));
  for (const table of harness.core.catalog.tables()) {
    const lists = checkpoints.flatMap((checkpoint) => checkpoint!.tables.find(({id}) => id === table.id)?.epochs ?? []);
    const paimon = await PaimonTable.open({files: nodeFileSystem, clock: systemClock}, directoryOf(root, table));
    const {rows} = await harness.core.session.rows(`SELECT _op, _seq, ${table.columns.map(({name}) => name).join(', ')} FROM (${await changelogSql(paimon, {afterSnapshot: 0})}) ORDER BY _seq`);
    for (let epoch = 0; epoch <= lastEpoch; epoch++) {
      const end = lists.map((list) => numberAfter(list, epoch as Epoch)).find((sequence) => sequence !== undefined) ?? Infinity;
      const folded: string[] = [];
      for (const [op, sequence, ...values] of rows) {
        if (Number(sequence) >= end) break;
        if (op === 0 || op === 2) folded.push(values.join('|'));
        else folded.splice(folded.indexOf(values.join('|')), 1);
      }
      assert.deepEqual(folded.sort(), states[epoch]!.get(table.id) ?? [], `${at}: ${table.name} cut at epoch ${epoch}`);
    }
  }
}

async function wholeTrace(folder: string): Promise<readonly string[]> {
  const {trace} = await runWhole({folder, steps: script}, async (harness, root) => {
    await checkEnd(harness, 'without a crash');
    const stock = await PaimonTable.open({files: nodeFileSystem, clock: systemClock}, directoryOf(root, specs.stock));
    const kinds = await Promise.all((await stock.snapshots.ids()).map(async (id) => (await stock.snapshots.read(id)).commitKind));
    assert.ok(kinds.includes('COMPACT'), 'the script compacts');
  });
  assert.ok(trace.some((what) => what.startsWith('rename') && what.includes('dropped')), 'the script moves a dropped table aside');
  return trace;
}

test('checkpoint: a crash at any operation loses nothing and doubles nothing', async (t) => {
  const random = new Random(seed);
  const folder = temporaryFolder(t);
  const operations = (await wholeTrace(folder)).length;
  const crashes = await crashAtPoints({folder, seed, random, steps: script, checkRecovered}, operations, samplePoints(operations, pointsMax, random));
  t.diagnostic(`${operations} operations in ${script.length} steps, ${crashes} crashes`);
  assert.ok(crashes > 10, `only ${crashes} crashes`);
});

test('checkpoint: an operation that fails once refuses its step, and the step done again comes to the same end', async (t) => {
  const random = new Random(seed + 1);
  const folder = temporaryFolder(t);
  const trace = await wholeTrace(folder);
  const failures = await failAtPoints({
    folder, seed, random, steps: script, refused: /^MR_(DISK_FULL|FILE_FAILED)$/, checkEnd,
    checkRecovered: async (root, answered, at) => {
      const again = await recovered(root, answered, at);
      try {
        await checkEnd(again, `${at}, opened again`);
      } finally {
        await again.abandon();
      }
    },
  }, trace, samplePoints(trace.length, pointsMax, random));
  t.diagnostic(`${trace.length} operations, ${failures} failures felt`);
  assert.ok(failures > 10, `only ${failures} failures were felt`);
});
