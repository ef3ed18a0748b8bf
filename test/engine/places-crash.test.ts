/**
 * Tables that follow each other at one name after a checkpoint that did not come to its end, refused or killed at any operation, and was
 * not tried again before the next table came: what it made at their place is the older one's still.
 */
import assert from 'node:assert/strict';
import {mkdirSync} from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import {FailingFileSystem} from '../../storage/file/failing-file-system.ts';
import {contents, CoreHarness, specs, type Step} from '../support/core-script.ts';
import {recovered, samplePoints} from '../support/crash-points.ts';
import {Random, testSeed} from '../support/random.ts';
import {temporaryFolder} from '../support/temporary.ts';

const seed = testSeed(20261130);
const soak = process.env['MR_SOAK'] !== undefined;
const before: readonly Step[] = [
  {kind: 'ddl', records: [specs.orders, specs.stock, specs.events].map((table) => ({kind: 'create-table', table}))},
  {kind: 'write', writes: [{table: specs.orders, rows: [[1, 'one'], [2, 'two']]}]},
];
const ofSameForm = {...specs.orders, id: 5 as typeof specs.orders.id};
const nexts: readonly {readonly form: string; readonly table: typeof specs.orders; readonly rows: readonly (readonly (string | number)[])[]}[] = [
  {form: 'another form', table: specs.again, rows: [[1, 2, 'again']]}, {form: 'the same form', table: ofSameForm, rows: [[1, 'eins']]},
];

async function runSteps(harness: CoreHarness, steps: readonly Step[]): Promise<void> {
  for (const step of steps) await harness.step(step);
}

/** @returns the operations of a checkpoint of `before`, by number. */
async function checkpointOperations(folder: string): Promise<Map<number, string>> {
  const root = join(folder, 'count');
  mkdirSync(root);
  const files = await FailingFileSystem.over(root);
  const harness = new CoreHarness(root, files);
  try {
    await harness.open();
    await runSteps(harness, before);
    const first = files.operations + 1;
    await harness.step({kind: 'checkpoint'});
    return new Map(files.trace.flatMap((line, index) => (index + 1 >= first ? [[index + 1, line]] : [])));
  } finally {
    await harness.abandon();
  }
}

for (const {form, table, rows} of nexts) {
  const after: readonly Step[] = [
    {kind: 'ddl', records: [{kind: 'drop-table', id: specs.orders.id}]}, {kind: 'ddl', records: [{kind: 'create-table', table}]}, {kind: 'write', writes: [{table, rows}]},
  ];
  const states = contents([...before, ...after]);
  for (const ending of ['refused', 'killed'] as const) {
    test(`places: a checkpoint is ${ending} at any operation, the table is dropped and one of ${form} takes its name: the next checkpoint holds both`, async (t) => {
      const random = new Random(seed);
      const folder = temporaryFolder(t);
      const operations = await checkpointOperations(folder);
      const all = [...operations.keys()];
      const named = (pattern: RegExp): number => all.findLast((point) => pattern.test(operations.get(point)!))!;
      const points = soak ? all : [...samplePoints(all.length, 2, random).map((index) => all[index - 1]!), named(/snapshot-1$/), named(/checkpoint\/\d+\.json$/)];
      for (const point of new Set(points)) {
        const at = `MR_SEED=${seed} ${ending} at operation ${point}: ${operations.get(point)!}`;
        const root = join(folder, String(point));
        mkdirSync(root);
        const files = await FailingFileSystem.over(root);
        if (ending === 'killed') files.crashAt(point, {torn: 10});
        else files.failAt(point, 'EIO');
        let harness = new CoreHarness(root, files);
        try {
          await harness.open();
          await runSteps(harness, before);
          await harness.step({kind: 'checkpoint'}).catch((cause: unknown) => assert.ok(files.dead || (cause as {code?: unknown}).code === 'MR_FILE_FAILED', `${at}: ${String(cause)}`));
          if (ending === 'killed') {
            await harness.abandon();
            await files.crash(random.pick(['none', 'unsynced'] as const));
            harness = await recovered(root, 2, at);
          }
          await runSteps(harness, after);
          assert.deepEqual(await harness.filesContent(), states.at(-1), at);
        } catch (cause) {
          assert.fail(`${at}: ${cause instanceof Error ? cause.stack : String(cause)}`);
        } finally {
          await harness.abandon();
        }
        const again = await recovered(root, states.length - 1, at);
        try {
          assert.deepEqual(await again.filesContent(), states.at(-1), `${at}, opened again`);
        } finally {
          await again.abandon();
        }
      }
      t.diagnostic(`${points.length} of ${all.length} operations`);
    });
  }
}
