/**
 * A table that keeps itself, cut off at every operation: checkpoints, compactions and expiry of all that no history holds, over a file
 * system that dies at operation k. A fresh core finds the epochs that were answered, or one more, with whole tables; and when it has
 * gone on to the end and the orphan age is over, every file that is there is named, and every file that is named is there.
 */
import assert from 'node:assert/strict';
import {readdirSync} from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import {systemClock} from '../../base/clock.ts';
import {checkpointDirectory, directoryOf, droppedDirectory} from '../../engine/layout.ts';
import {nodeFileSystem} from '../../storage/file/node-file-system.ts';
import {checkTable} from '../../storage/lsm/check-table.ts';
import {findOrphans} from '../../storage/lsm/orphans.ts';
import {PaimonTable} from '../../storage/lsm/paimon-table.ts';
import {contents, specs, tidyScript, type CoreHarness} from '../support/core-script.ts';
import {crashAtPoints, recovered, runWhole, samplePoints} from '../support/crash-points.ts';
import {Random, testSeed} from '../support/random.ts';
import {temporaryFolder} from '../support/temporary.ts';

const seed = testSeed(20260202);
const states = contents();
const lastEpoch = states.length - 1;
/** All points with MR_SOAK, else about so many. */
const pointsMax = process.env['MR_SOAK'] === undefined ? 4 : Infinity;
const options = {historyRetentionMs: 0, orphanAgeMs: 0, logSegmentBytesMax: 512};
const doors = {files: nodeFileSystem, clock: systemClock};

/** Every table whole; without orphans once it is `settled`. */
async function checkTables(harness: CoreHarness, root: string, settled: boolean, at: string): Promise<void> {
  for (const table of harness.core.catalog.tables()) {
    const directory = directoryOf(root, table);
    // Its making may have been cut off: then nothing of it is in a checkpoint.
    if (!(await nodeFileSystem.exists(join(directory, 'schema', 'schema-0')))) continue;
    assert.deepEqual((await checkTable(harness.core.session, doors, directory)).problems, [], `${at}: ${table.name}`);
    if (!settled) continue;
    const paimon = await PaimonTable.open(doors, directory);
    assert.deepEqual(await findOrphans(paimon, harness.core.checkpointer.preparedNames()), [], `${at}: ${table.name} has files that nothing names`);
  }
}

async function checkRecovered(root: string, answered: number, at: string): Promise<void> {
  const harness = await recovered(root, answered, at, options);
  const {epoch} = harness.core;
  try {
    await checkTables(harness, root, false, at);
    assert.deepEqual(await harness.filesContent(), states[epoch], `${at}: at epoch ${epoch}`);
    await harness.goOn(() => undefined, tidyScript);
    assert.equal(harness.core.epoch, lastEpoch, at);
    assert.deepEqual(await harness.filesContent(), states[lastEpoch], `${at}: at the end`);
    // What no checkpoint names any more goes with the next ones.
    for (let round = 0; round < 3; round++) {
      await harness.step({kind: 'write', writes: [{table: specs.stock, rows: [[1, 14 + (round % 2)]]}]});
      await harness.step({kind: 'checkpoint'});
    }
    await harness.step({kind: 'compact'});
    await harness.step({kind: 'expire'});
    await checkTables(harness, root, true, `${at}, settled`);
    assert.ok(readdirSync(checkpointDirectory(root)).length <= 3, `${at}: ${readdirSync(checkpointDirectory(root)).join(' ')}`);
    const dropped = droppedDirectory(root);
    assert.deepEqual((await nodeFileSystem.exists(dropped)) ? readdirSync(dropped) : [], [], `${at}: dropped tables`);
  } finally {
    await harness.abandon();
  }
}

test('maintenance: a crash at any operation of checkpoint, compaction and expiry loses no reachable file and leaks none', async (t) => {
  const random = new Random(seed);
  const script = {folder: temporaryFolder(t), seed, random, steps: tidyScript, options, checkRecovered};
  const {operations, trace} = await runWhole(script, ({core}) => {
    assert.ok(core.compaction.done > 2 && core.expiry.expired.snapshots > 2, `${core.compaction.done} compactions, ${core.expiry.expired.snapshots} snapshots expired`);
  });
  for (const what of ['unlink', 'EARLIEST', 'snapshot-1', 'dropped', 'changelog-']) assert.ok(trace.some((line) => line.includes(what)), `the script never met: ${what}`);
  // Half of the points lie where files go: their steps are few among many.
  const going = trace.flatMap((line, index) => (line.startsWith('unlink') || line.includes('EARLIEST') ? [index + 1] : []));
  const points = pointsMax === Infinity ? samplePoints(operations, Infinity, random) : Array.from({length: pointsMax}, (_, index) => (index % 2 === 0 ? random.pick(going) : random.integer(1, operations)));
  const crashes = await crashAtPoints(script, operations, points);
  t.diagnostic(`${operations} operations in ${tidyScript.length} steps, ${crashes} crashes`);
  assert.ok(crashes >= points.length / 2, `only ${crashes} crashes`);
});
