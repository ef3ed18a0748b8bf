import test from 'node:test';
import {runLaws} from './test/support/laws-run.ts';
import {temporaryFolder} from './test/support/temporary.ts';
for (let s = 1; s <= 12; s++) test(`n${s}`, async (t) => { await runLaws({path: temporaryFolder(t), seed: s * 31, steps: 25, views: 5, nested: true, ...(s % 3 === 0 ? {referenceBytes: 400} : {})}); });
