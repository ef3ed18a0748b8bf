/**
 * CREATE TAG and DROP TAG cut off at every operation, and with an operation that fails once: the record is the tag. A fresh core finds
 * the tags of its epoch and makes their files good: of every table that had a snapshot then the file names it, it is read as it was, and
 * no other file of ours is there; whatever expiry did meanwhile. When the last tag is gone nothing stays behind.
 */
import assert from 'node:assert/strict';
import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import {systemClock} from '../../base/clock.ts';
import {epoch as toEpoch} from '../../base/epoch.ts';
import {directoryOf, droppedDirectory} from '../../engine/layout.ts';
import {tableForm} from '../../engine/table-form.ts';
import {tableHome} from '../../engine/table-home.ts';
import {nodeFileSystem} from '../../storage/file/node-file-system.ts';
import {checkTable} from '../../storage/lsm/check-table.ts';
import {findOrphans} from '../../storage/lsm/orphans.ts';
import {PaimonTable} from '../../storage/lsm/paimon-table.ts';
import {scanPlan} from '../../storage/lsm/scan-plan.ts';
import {scanSql} from '../../storage/lsm/scan-sql.ts';
import {parseSnapshot} from '../../storage/paimon/snapshot.ts';
import {catalogAt, contents, type CoreHarness, specs, type Step} from '../support/core-script.ts';
import {crashAtPoints, failAtPoints, recovered, runWhole, samplePoints} from '../support/crash-points.ts';
import {Random, testSeed} from '../support/random.ts';
import {temporaryFolder} from '../support/temporary.ts';

const make = (name: string, epoch: number): Step => ({kind: 'ddl', records: [{kind: 'create-tag', tag: {name, epoch, checkpoint: true, createdMs: 1, untilMs: null}}]});
const drop = (name: string): Step => ({kind: 'ddl', records: [{kind: 'drop-tag', name}]});
const checkpoint: Step = {kind: 'checkpoint'};
const expire: Step = {kind: 'expire'};

/** Two tags; a table that only a tag keeps goes between them and their end. */
const steps: readonly Step[] = [
  {kind: 'ddl', records: [specs.orders, specs.stock, specs.events].map((table) => ({kind: 'create-table', table}))},
  {kind: 'write', writes: [{table: specs.orders, rows: [[1, 'one'], [2, 'two']]}, {table: specs.stock, rows: [[1, 10], [2, 20], [3, 30]]}]},
  checkpoint,
  make('first', 2),
  {kind: 'write', writes: [{table: specs.orders, rows: [[2, 'zwei']]}, {table: specs.stock, remove: [3]}]},
  {kind: 'compact'}, checkpoint, expire,
  make('second', 4),
  {kind: 'write', writes: [{table: specs.orders, rows: [[3, 'drei']]}, {table: specs.events, rows: [[1, 'first']]}]},
  checkpoint, expire,
  drop('first'),
  {kind: 'write', writes: [{table: specs.stock, rows: [[1, 11]]}]},
  checkpoint, expire,
  {kind: 'ddl', records: [{kind: 'drop-table', id: specs.orders.id}]},
  checkpoint, expire,
  drop('second'),
  {kind: 'write', writes: [{table: specs.stock, rows: [[1, 12]]}]},
  checkpoint, expire,
];
const states = contents(steps);
const lastEpoch = states.length - 1;
const seed = testSeed(20260303);
const soak = process.env['MR_SOAK'] !== undefined;
const options = {historyRetentionMs: 0, orphanAgeMs: 0, logSegmentBytesMax: 512};
const doors = {files: nodeFileSystem, clock: systemClock};

/** Our tag files in all folders of tables, by path. */
function tagFiles(root: string): string[] {
  return readdirSync(root, {recursive: true, encoding: 'utf8'}).filter((path) => /\/tag\/tag-[^/]+$/.test(path)).map((path) => join(root, path)).sort();
}

/** What the tags of the core's epoch promise. */
async function checkTags(harness: CoreHarness, root: string, at: string): Promise<void> {
  const {core} = harness;
  // What the opening began is over.
  await core.checkpointer.exclusive(() => Promise.resolve());
  const tags = core.catalog.tags();
  assert.deepEqual(tags, catalogAt(core.epoch, steps).tags(), `${at}: tags at epoch ${core.epoch}`);
  const expected: string[] = [];
  for (const {name, epoch} of tags) {
    const kept = await core.checkpointer.loadKept(toEpoch(epoch));
    assert.ok(kept !== undefined, `${at}: the checkpoint of tag ${name} is there`);
    const then = catalogAt(epoch, steps);
    for (const entry of kept.tables) {
      const spec = then.byId(entry.id as typeof specs.orders.id)!;
      if (entry.snapshotId === 0) continue;
      const home = await tableHome(nodeFileSystem, root, entry);
      const path = join(home, 'tag', `tag-${name}`);
      expected.push(path);
      assert.equal(parseSnapshot(readFileSync(path, 'utf8'), path).id, entry.snapshotId, `${at}: ${path}`);
      const paimon = await PaimonTable.open(doors, home, tableForm(spec));
      const {rows} = await core.session.rows(`SELECT ${spec.columns.map((column) => column.name).join(', ')} FROM (${scanSql(paimon, await scanPlan(paimon, entry.snapshotId, {own: true}))})`);
      assert.deepEqual(rows.map((row) => row.join('|')).sort(), states[epoch]!.get(spec.id), `${at}: ${spec.name} as tag ${name} keeps it`);
      assert.deepEqual((await checkTable(core.session, doors, home)).problems, [], `${at}: ${spec.name}`);
    }
  }
  assert.deepEqual(tagFiles(root), expected.sort(), `${at}: tag files at epoch ${core.epoch}`);
}

async function checkRecovered(root: string, answered: number, at: string): Promise<void> {
  const harness = await recovered(root, answered, at, options);
  try {
    await checkTags(harness, root, at);
    assert.deepEqual(await harness.filesContent(), states[harness.core.epoch], `${at}: at epoch ${harness.core.epoch}`);
    await harness.goOn(() => undefined, steps);
    assert.equal(harness.core.epoch, lastEpoch, at);
    await checkTags(harness, root, `${at}, at the end`);
    // What the tags kept goes with the next checkpoints.
    for (let round = 0; round < 3; round++) {
      await harness.step({kind: 'write', writes: [{table: specs.stock, rows: [[1, 13 + round]]}]});
      await harness.step(checkpoint);
    }
    const dropped = droppedDirectory(root);
    assert.deepEqual((await nodeFileSystem.exists(dropped)) ? readdirSync(dropped) : [], [], `${at}: dropped tables`);
  } finally {
    await harness.abandon();
  }
  // Files that a tag alone named are orphans from its end on; those that a process made itself are none to it.
  const again = await recovered(root, lastEpoch + 3, at, options);
  try {
    await again.step(expire);
    for (const table of again.core.catalog.tables()) {
      const paimon = await PaimonTable.open(doors, directoryOf(root, table));
      assert.deepEqual(await findOrphans(paimon, again.core.checkpointer.preparedNames()), [], `${at}: ${table.name} has files that nothing names`);
    }
  } finally {
    await again.abandon();
  }
}

test('tags: a crash at any operation leaves the tags of the epoch that is found, with their files and all that they keep', async (t) => {
  const random = new Random(seed);
  const script = {folder: temporaryFolder(t), seed, random, steps, options, checkRecovered};
  const {operations, trace} = await runWhole(script, (harness, root) => checkTags(harness, root, 'without a crash'));
  const ofTags = trace.flatMap((line, index) => (/\/tag(?:\/|$)/.test(line) ? [index + 1] : []));
  assert.ok(ofTags.length > 10, `${ofTags.length} operations on tag files`);
  const points = soak ? samplePoints(operations, Infinity, random) : [random.pick(ofTags), random.pick(ofTags), random.integer(1, operations)];
  const crashes = await crashAtPoints(script, operations, points);
  t.diagnostic(`${operations} operations, ${ofTags.length} of them on tag files; ${crashes} crashes`);
  assert.ok(crashes >= points.length / 2, `only ${crashes} crashes`);
});

test('tags: an operation on tag files that fails once is made good at the next opening', async (t) => {
  const random = new Random(seed + 1);
  const folder = temporaryFolder(t);
  const {trace} = await runWhole({folder, steps, options}, () => undefined);
  const ofTags = trace.flatMap((line, index) => (/\/tag(?:\/|$)/.test(line) ? [index + 1] : []));
  // Expiry meets it too: it is refused, and the epochs that were answered stand.
  await failAtPoints({folder, seed, random, steps, options, refused: /^MR_(DISK_FULL|FILE_FAILED)$/, checkRecovered}, trace, soak ? ofTags : [random.pick(ofTags)]);
});
