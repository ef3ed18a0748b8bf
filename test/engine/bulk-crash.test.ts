/**
 * Deltas by reference cut off at every operation, and with an operation that fails once: the folder of a table that has none yet, data
 * files, frame, the checkpoint that names them, another table at the place of a dropped one. A fresh core finds the epochs that were
 * answered, or one more, no file under way and none that nothing names, and goes on to the same end.
 */
import assert from 'node:assert/strict';
import {readdirSync} from 'node:fs';
import test from 'node:test';
import {systemClock} from '../../base/clock.ts';
import {bulkDirectory, directoryOf} from '../../engine/layout.ts';
import {nodeFileSystem} from '../../storage/file/node-file-system.ts';
import {findOrphans} from '../../storage/lsm/orphans.ts';
import {PaimonTable} from '../../storage/lsm/paimon-table.ts';
import {contents, type CoreHarness, specs, type Step} from '../support/core-script.ts';
import {crashAtPoints, failAtPoints, recovered, runWhole, samplePoints} from '../support/crash-points.ts';
import {Random, testSeed} from '../support/random.ts';
import {temporaryFolder} from '../support/temporary.ts';

const rows = (count: number, ...rest: readonly (string | number)[]): (readonly (string | number)[])[] => Array.from({length: count}, (_, index) => [index, ...rest]);
const checkpoint: Step = {kind: 'checkpoint'};
const third = {...specs.orders, id: 5 as typeof specs.orders.id};
const fourth = {...specs.again, id: 6 as typeof specs.orders.id};
const fifth = {...specs.orders, id: 7 as typeof specs.orders.id};

/** Large and small epochs; a table that is dropped before and one that is dropped after its first checkpoint, and others at their place. */
const steps: readonly Step[] = [
  {kind: 'ddl', records: [specs.orders, specs.stock, specs.events].map((table) => ({kind: 'create-table', table}))},
  {kind: 'write', writes: [{table: specs.orders, rows: rows(20, 'one')}]},
  {kind: 'write', writes: [{table: specs.orders, rows: [[1, 'eins']]}]},
  {kind: 'write', writes: [{table: specs.orders, rows: rows(12, 'two')}, {table: specs.stock, rows: rows(30, 7)}]},
  {kind: 'ddl', records: [{kind: 'drop-table', id: specs.orders.id}]},
  {kind: 'ddl', records: [{kind: 'create-table', table: specs.again}]},
  {kind: 'write', writes: [{table: specs.again, rows: rows(25, 5, 'again')}]},
  checkpoint,
  {kind: 'write', writes: [{table: specs.stock, rows: rows(15, 8)}]},
  {kind: 'ddl', records: [{kind: 'drop-table', id: specs.again.id}]},
  {kind: 'ddl', records: [{kind: 'create-table', table: third}]},
  {kind: 'write', writes: [{table: third, rows: rows(20, 'third')}, {table: specs.events, rows: rows(20, 'event')}, {table: specs.stock, remove: [3]}]},
  checkpoint,
  {kind: 'write', writes: [{table: third, rows: rows(20, 'later')}]},
];
/** Tables that follow each other at one place: the first with changes in frames alone and no folder, the next with files that only frames name. */
const inPlaces: readonly Step[] = [
  {kind: 'ddl', records: [specs.orders, specs.stock, specs.events].map((table) => ({kind: 'create-table', table}))},
  {kind: 'write', writes: [{table: specs.orders, rows: [[1, 'one']]}]},
  {kind: 'ddl', records: [{kind: 'drop-table', id: specs.orders.id}]},
  {kind: 'ddl', records: [{kind: 'create-table', table: specs.again}]},
  {kind: 'write', writes: [{table: specs.again, rows: rows(25, 5, 'again')}]},
  {kind: 'ddl', records: [{kind: 'drop-table', id: specs.again.id}]},
  {kind: 'ddl', records: [{kind: 'create-table', table: third}]},
  {kind: 'write', writes: [{table: third, rows: rows(20, 'third')}]},
  checkpoint,
  // Small ones after it.
  {kind: 'ddl', records: [{kind: 'drop-table', id: third.id}]},
  {kind: 'ddl', records: [{kind: 'create-table', table: fourth}]},
  {kind: 'write', writes: [{table: fourth, rows: [[1, 2, 'fourth']]}]},
  checkpoint,
  {kind: 'ddl', records: [{kind: 'drop-table', id: fourth.id}]},
  {kind: 'ddl', records: [{kind: 'create-table', table: fifth}]},
  {kind: 'write', writes: [{table: fifth, rows: [[1, 'fifth']]}]},
  checkpoint,
];
/** A table that a checkpoint names, without a snapshot: its last changes are in the tail when another at its place is written by reference. */
const overEmpty: readonly Step[] = [
  {kind: 'ddl', records: [specs.orders, specs.stock, specs.events].map((table) => ({kind: 'create-table', table}))},
  checkpoint,
  {kind: 'write', writes: [{table: specs.orders, rows: [[1, 'one']]}]},
  {kind: 'ddl', records: [{kind: 'drop-table', id: specs.orders.id}]},
  {kind: 'ddl', records: [{kind: 'create-table', table: specs.again}]},
  {kind: 'write', writes: [{table: specs.again, rows: rows(25, 5, 'again')}]},
  checkpoint,
];
const seed = testSeed(20260404);
const soak = process.env['MR_SOAK'] !== undefined;
/** The bytes decide: nearly every write goes by reference. */
const options = {referenceBytes: 4, orphanAgeMs: 0};
const doors = {files: nodeFileSystem, clock: systemClock};

async function checkFiles(harness: CoreHarness, root: string, at: string): Promise<void> {
  const {core} = harness;
  assert.deepEqual(readdirSync(bulkDirectory(root)), [], `${at}: files under way`);
  // What a checkpoint that was cut off left goes by its age.
  await harness.step({kind: 'expire'});
  for (const table of core.catalog.tables()) {
    assert.deepEqual(await findOrphans(await PaimonTable.open(doors, directoryOf(root, table)), core.checkpointer.preparedNames()), [], `${at}: files of ${table.name} that nothing names`);
  }
}

/** @returns what judges a crashed run of a script: looked at as it is found, run to its end, and its end opened again. */
const checkOf = (script: readonly Step[]) => {
  const states = contents(script);
  const lastEpoch = states.length - 1;
  return async (root: string, answered: number, at: string): Promise<void> => {
    const harness = await recovered(root, answered, at, options);
    try {
      assert.deepEqual(await harness.filesContent(), states[harness.core.epoch], `${at}: at epoch ${harness.core.epoch}`);
    } finally {
      await harness.abandon();
    }
    const next = await recovered(root, answered, at, options);
    try {
      await next.goOn(() => undefined, script);
      assert.equal(next.core.epoch, lastEpoch, at);
    } finally {
      await next.abandon();
    }
    const last = await recovered(root, lastEpoch, at, options);
    try {
      assert.deepEqual(await last.filesContent(), states[lastEpoch], `${at}: at the end`);
      await checkFiles(last, root, at);
    } finally {
      await last.abandon();
    }
  };
};

const ofFolders = (trace: readonly string[]): number[] => trace.flatMap((line, index) => (/schema|bulk/.test(line) ? [index + 1] : []));

test('bulk: a crash while the first folder of a table is made leaves a warehouse that opens, and the table can be written', async (t) => {
  const random = new Random(seed);
  const script = {folder: temporaryFolder(t), seed, random, steps: inPlaces, options, checkRecovered: checkOf(inPlaces)};
  const {operations, trace} = await runWhole(script, () => undefined);
  const making = trace.flatMap((line, index) => (line.includes('/default.db/orders') && !/bucket|manifest-|snapshot-/.test(line) ? [index + 1] : []));
  const points = soak ? samplePoints(operations, Infinity, random) : making.slice(0, 12);
  const crashes = await crashAtPoints(script, operations, points);
  t.diagnostic(`${operations} operations; ${crashes} crashes`);
  assert.equal(crashes, points.length);
});

test('bulk: a crash before the folder of a dropped table is moved aside leaves it to the checkpoint that flushes its last changes', async (t) => {
  const random = new Random(seed + 2);
  const script = {folder: temporaryFolder(t), seed, random, steps: overEmpty, options, checkRecovered: checkOf(overEmpty)};
  const {operations, trace} = await runWhole(script, () => undefined);
  // The mark is durable by then, and the folder is at its place still.
  const moving = trace.findIndex((line) => line.includes('dropped')) + 1;
  assert.ok(moving > 0 && trace.slice(0, moving).some((line) => line.startsWith('rename') && line.includes('bulk')), 'a folder is moved aside after a mark was made');
  const ofMarks = trace.flatMap((line, index) => (/bulk|dropped/.test(line) ? [index + 1] : [])).slice(0, 8);
  const points = soak ? samplePoints(operations, Infinity, random) : [...new Set([...ofMarks, moving - 1, moving, moving + 1, moving + 2])];
  const crashes = await crashAtPoints(script, operations, points);
  t.diagnostic(`${operations} operations; ${crashes} crashes`);
  assert.equal(crashes, points.length);
});

test('bulk: a crash at any operation leaves what was written by reference once and whole, and no file that nothing names', async (t) => {
  const random = new Random(seed);
  const script = {folder: temporaryFolder(t), seed, random, steps, options, checkRecovered: checkOf(steps)};
  const {operations, trace} = await runWhole(script, (harness, root) => checkFiles(harness, root, 'without a crash'));
  assert.ok(ofFolders(trace).length > 10);
  const points = soak ? samplePoints(operations, Infinity, random) : [...samplePoints(operations, 5, random), random.pick(ofFolders(trace))];
  const crashes = await crashAtPoints(script, operations, points);
  t.diagnostic(`${operations} operations; ${crashes} crashes`);
  assert.ok(crashes >= points.length / 2, `only ${crashes} crashes`);
});

test('bulk: an operation that fails once refuses its statement, and the next try of it is whole', async (t) => {
  const random = new Random(seed + 1);
  const folder = temporaryFolder(t);
  const {trace} = await runWhole({folder, steps, options}, () => undefined);
  const lastEpoch = contents(steps).length - 1;
  const points = soak ? samplePoints(trace.length, Infinity, random) : [random.pick(ofFolders(trace)), random.integer(1, trace.length)];
  const felt = await failAtPoints({
    folder, seed, random, steps, options, refused: /^MR_(DISK_FULL|FILE_FAILED|LOG_FAILED)$/, checkRecovered: checkOf(steps),
    checkEnd: (harness, at) => assert.equal(harness.core.epoch, lastEpoch, at),
  }, trace, points);
  t.diagnostic(`${felt} failures felt`);
  assert.ok(felt > 0, 'no failure was felt');
});
