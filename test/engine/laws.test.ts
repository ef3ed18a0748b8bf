/** Laws 1, 2, 6 and 8 over a whole warehouse (test/support/laws-run.ts). Seeds that failed once are run first. */
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import {runLaws} from '../support/laws-run.ts';
import {temporaryFolder} from '../support/temporary.ts';
import {testSeed} from '../support/random.ts';

const regressions = JSON.parse(readFileSync(join(import.meta.dirname, '../fuzz/regressions/laws.json'), 'utf8')) as {seed: number; steps: number; views: number; nested?: boolean; alter?: boolean}[];
const runs = Number(process.env['MR_RUNS'] ?? '3');

for (const {seed, steps, views, nested, alter} of regressions) {
  test(`laws: the run of seed ${seed} that failed once holds`, async (t) => {
    await runLaws({path: temporaryFolder(t), seed, steps, views, nested: nested === true, alter: alter === true});
  });
}

test('laws: tables are the fold of their changelog, layers equal batch, subscriptions repeat, after every step', async (t) => {
  for (let run = 0; run < runs; run++) {
    const seed = testSeed(20260101) + run;
    await t.test(`seed ${seed}`, async (t) => {
      const {epochs, restarts, checkpoints, alters} = await runLaws({path: temporaryFolder(t), seed, steps: 25, views: 5});
      t.diagnostic(`${epochs} epochs, ${restarts} restarts, ${checkpoints} checkpoints, ${alters} changes of form`);
    });
  }
});

test('laws: the same over LIST, STRUCT and MAP columns', async (t) => {
  const {epochs, restarts, checkpoints} = await runLaws({path: temporaryFolder(t), seed: testSeed(20260101), steps: 10, views: 3, nested: true});
  t.diagnostic(`${epochs} epochs, ${restarts} restarts, ${checkpoints} checkpoints`);
});
