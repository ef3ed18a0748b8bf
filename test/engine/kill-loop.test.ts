/** Law 5: what was acknowledged survives SIGKILL at any instant, once, in all layers, again and again on one warehouse. */
import assert from 'node:assert/strict';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'node:test';
import {compileFor} from '../support/compiled.ts';
import {runKillLoop} from '../support/kill-loop.ts';
import {Random, testSeed} from '../support/random.ts';

const kills = Number(process.env['MR_KILLS'] ?? 50);

test('kill loop: every acknowledged epoch is there once, and all layers equal batch, after each of many kills', {timeout: 600_000}, async (t) => {
  const seed = testSeed(Date.now() % 1_000_000);
  const folder = mkdtempSync(join(tmpdir(), 'millrace-kill-'));
  const {file, remove} = compileFor('test/support/kill-child.ts');
  const startMs = performance.now();
  try {
    const stats = await runKillLoop({folder, child: file, random: new Random(seed), kills});
    const openMs = stats.openMs.toSorted((a, b) => a - b);
    t.diagnostic(`seed ${seed}: ${stats.kills} kills (${stats.early} before the check was done), ${stats.acknowledged} batches, epoch ${stats.epoch}, ${stats.replayed} epochs replayed, ${stats.folds} folds, ${stats.checks} checks, open p50 ${openMs[openMs.length >> 1]} ms, max ${openMs.at(-1)} ms, ${((performance.now() - startMs) / 1000).toFixed(0)} s`);
    assert.ok(stats.kills >= kills);
    assert.ok(stats.acknowledged > kills, `only ${stats.acknowledged} batches were acknowledged`);
    assert.ok(stats.replayed > 0, 'no reopening replayed an epoch');
    rmSync(folder, {recursive: true, force: true});
  } catch (cause) {
    throw new Error(`MR_SEED=${seed}, folder kept: ${folder}: ${cause instanceof Error ? cause.message : String(cause)}`, {cause});
  } finally {
    remove();
  }
});
