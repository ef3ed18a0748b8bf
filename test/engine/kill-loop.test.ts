/**
 * Law 5: what was acknowledged survives SIGKILL at any instant, once, in all layers, again and again on one warehouse: writes, changes
 * of form, tags, a durable subscriber. One warehouse keeps its history, the other one forgets as it goes.
 */
import assert from 'node:assert/strict';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'node:test';
import {compileFor} from '../support/compiled.ts';
import {runKillLoop} from '../support/kill-loop.ts';
import {Random, testSeed} from '../support/random.ts';

/** Of each of the two. */
const kills = Number(process.env['MR_KILLS'] ?? 25);
const seed = testSeed(20261129);

for (const [index, historyRetentionMs] of [undefined, 1500].entries()) {
  test(`kill loop: every acknowledged step is there once, and all layers equal batch, after each of many kills; ${historyRetentionMs === undefined ? 'with all history' : 'with little history'}`, {timeout: 600_000}, async (t) => {
    t.diagnostic(`MR_SEED=${seed}`);
    const folder = mkdtempSync(join(tmpdir(), 'millrace-kill-'));
    const {file, remove} = compileFor('test/support/kill-child.ts');
    const startMs = performance.now();
    try {
      const stats = await runKillLoop({folder, child: file, random: new Random(seed + index), kills, historyRetentionMs});
      const openMs = stats.openMs.toSorted((a, b) => a - b);
      t.diagnostic(`${stats.kills} kills (${stats.early} before the check was done), ${stats.acknowledged} batches, ${stats.shaped} changes of form, ${stats.tagged} steps of tags, ${stats.took} epochs followed, ${stats.committed} commits, epoch ${stats.epoch}, ${stats.replayed} epochs replayed, ${stats.whole} times all verified, ${stats.checks} checks, open p50 ${openMs[openMs.length >> 1]} ms, max ${openMs.at(-1)} ms, ${((performance.now() - startMs) / 1000).toFixed(0)} s`);
      assert.ok(stats.kills >= kills);
      assert.ok(stats.acknowledged > kills, `only ${stats.acknowledged} batches were acknowledged`);
      for (const what of ['shaped', 'tagged', 'took', 'committed'] as const) assert.ok(stats[what] >= kills / 5, `only ${stats[what]} ${what}`);
      assert.ok(stats.replayed > 0, 'no reopening replayed an epoch');
      rmSync(folder, {recursive: true, force: true});
    } catch (cause) {
      throw new Error(`MR_SEED=${seed}, folder kept: ${folder}: ${cause instanceof Error ? cause.message : String(cause)}`, {cause});
    } finally {
      remove();
    }
  });
}
