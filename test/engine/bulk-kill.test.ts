/** Law 5 for deltas by reference: killed between files and frame, in a checkpoint, in a replay. */
import assert from 'node:assert/strict';
import {readdirSync} from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import {compileFor} from '../support/compiled.ts';
import {runKillLoop} from '../support/kill-loop.ts';
import {Random, testSeed} from '../support/random.ts';
import {temporaryFolder} from '../support/temporary.ts';

// Every write goes to files: a child does less in its time.
const kills = Number(process.env['MR_KILLS'] ?? 8);

test('kill loop: deltas by reference are there once and whole after each kill, and no file is left under way', {timeout: 300_000}, async (t) => {
  const seed = testSeed(7);
  const folder = temporaryFolder(t);
  const {file, remove} = compileFor('test/support/kill-child.ts');
  try {
    const stats = await runKillLoop({folder, child: file, random: new Random(seed), kills, facts: 10, referenceBytes: 4});
    t.diagnostic(`seed ${seed}: ${stats.kills} kills, ${stats.acknowledged} batches, ${stats.replayed} epochs replayed, ${stats.checks} checks`);
    assert.ok(stats.acknowledged > 0);
    assert.deepEqual(readdirSync(join(folder, '_millrace', 'bulk')), []);
  } finally {
    remove();
  }
});
