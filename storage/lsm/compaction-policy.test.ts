/** The policy of compaction, pure: what it picks, what it costs, what it leaves. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {compactionRules, DEFAULT_RULES, pickAppend, pickAppendFull, pickCompaction, type RunSize} from './compaction-policy.ts';

const seed = Number(process.env['MR_SEED'] ?? 20_260_101);
const target = 1000;

test('compaction policy: whatever the sizes of flushes, runs stay below the stop trigger, levels rise, and a row is written a few times', () => {
  fc.assert(fc.property(fc.array(fc.integer({min: 1, max: 400}), {minLength: 50, maxLength: 400}), (flushes) => {
    let runs: RunSize[] = [];
    let written = 0;
    for (const bytes of flushes) {
      runs = [{level: 0, bytes}, ...runs];
      for (let picked = pickCompaction(runs, DEFAULT_RULES); picked !== undefined; picked = pickCompaction(runs, DEFAULT_RULES)) {
        const merged = runs.slice(0, picked.runCount);
        const rest = runs.slice(picked.runCount);
        assert.ok(picked.runCount >= 2 && picked.outputLevel > 0, JSON.stringify(picked));
        assert.ok(rest.every(({level}) => level > picked.outputLevel), `${JSON.stringify(picked)} above ${JSON.stringify(rest)}`);
        const size = merged.reduce((sum, run) => sum + run.bytes, 0);
        written += size;
        runs = [{level: picked.outputLevel, bytes: size}, ...rest];
      }
      assert.ok(runs.length < DEFAULT_RULES.stopTrigger, `${runs.length} runs`);
    }
    const total = flushes.reduce((sum, bytes) => sum + bytes, 0);
    assert.ok(written <= total * 12, `${written} written for ${total}`);
  }), {seed, numRuns: 60});
});

test('compaction policy: files of an append table grow to the target size, few are small, and none that is full is written again', () => {
  fc.assert(fc.property(fc.array(fc.integer({min: 1, max: 60}), {minLength: 50, maxLength: 600}), (flushes) => {
    let files: RunSize[] = [];
    let written = 0;
    for (const bytes of flushes) {
      files = [{level: 0, bytes}, ...files];
      const picked = pickAppend(files, DEFAULT_RULES, target);
      if (picked === undefined) continue;
      assert.equal(picked.start, 0);
      const merged = files.slice(0, picked.end);
      assert.ok(merged.length >= 2 && merged.every((file) => file.bytes < 0.7 * target));
      const size = merged.reduce((sum, file) => sum + file.bytes, 0);
      written += size;
      files = [{level: 0, bytes: size}, ...files.slice(picked.end)];
    }
    const total = flushes.reduce((sum, bytes) => sum + bytes, 0);
    assert.ok(files.length <= total / (0.1 * target) + 2 * DEFAULT_RULES.trigger, `${files.length} files of ${total}`);
    assert.ok(written <= total * 12, `${written} written for ${total}`);
  }), {seed, numRuns: 60});
});

test('compaction policy: OPTIMIZE of an append table takes neighbours that fit one file, and nothing where none do', () => {
  const files = (...sizes: number[]): RunSize[] => sizes.map((bytes) => ({level: 0, bytes}));
  assert.equal(pickAppendFull(files(), target), undefined);
  assert.equal(pickAppendFull(files(10), target), undefined);
  assert.equal(pickAppendFull(files(600, 600, 900), target), undefined);
  assert.deepEqual(pickAppendFull(files(900, 10, 20, 990, 5, 900), target), {start: 0, end: 6, smallCount: 3});
  assert.deepEqual(pickAppendFull(files(990, 10, 20, 990), target), {start: 0, end: 3, smallCount: 2});
});

test('compaction policy: options of the table by Paimon’s names; the stop trigger leaves room', () => {
  assert.deepEqual(compactionRules({}), DEFAULT_RULES);
  assert.deepEqual(compactionRules({'num-sorted-run.compaction-trigger': '3', 'compaction.size-ratio': '20', 'num-levels': '9'}),
    {trigger: 3, sizeAmplificationPercentMax: 200, sizeRatioPercent: 20, levelMax: 8, stopTrigger: 6});
  assert.equal(compactionRules({'num-sorted-run.compaction-trigger': '7', 'num-sorted-run.stop-trigger': '2'}).stopTrigger, 8);
});
