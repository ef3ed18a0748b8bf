/**
 * npm run soak: what the test run does some of, for as long as it is told to.
 *
 *   --kills N     kills of the kill loop, at least (500)
 *   --minutes M   stop after so many minutes, whatever is left (none)
 *   --seed S      first seed (from the clock); each round of 250 kills has the next one and a fresh warehouse
 *   --crash       also every crash point of log, checkpoint, compaction, expiry, forms and tags, instead of a sample
 *   --maintenance M   only: M minutes of pinned readers and followers behind, against compaction and expiry
 *   --small-writes M  only: M minutes of single rows, the number of files within its bound
 */
import {spawnSync} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {parseArgs} from 'node:util';
import {compileFor} from '../support/compiled.ts';
import {runKillLoop} from '../support/kill-loop.ts';
import {Random} from '../support/random.ts';
import {soakHistory, soakSmallWrites} from './maintenance-soak.ts';

/** Kills of one warehouse: its files grow, and with them the time that every check takes. */
const killsPerWarehouse = 250;

const {values} = parseArgs({options: {kills: {type: 'string', default: '500'}, minutes: {type: 'string'}, seed: {type: 'string'}, crash: {type: 'boolean', default: false}, maintenance: {type: 'string'}, 'small-writes': {type: 'string'}}});
const kills = Number(values.kills);
const endMs = values.minutes === undefined ? Infinity : performance.now() + Number(values.minutes) * 60_000;
let seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed);
const over = (): boolean => performance.now() >= endMs;

if (values.crash) {
  const suites = ['test/engine/checkpoint-crash', 'test/engine/maintenance-crash', 'test/engine/tag-crash', 'test/engine/bulk-crash', 'test/engine/places-crash', 'storage/lsm/crash', 'storage/lsm/evolution-crash', 'storage/lsm/expiry', 'test/engine/backup'].map((name) => join(import.meta.dirname, '../..', `${name}.test.ts`));
  const {status} = spawnSync(process.execPath, ['--import', 'tsx', '--test', ...suites], {stdio: 'inherit', env: {...process.env, MR_SOAK: '1', MR_SEED: String(seed)}});
  if (status !== 0) process.exit(1);
}
if (values.maintenance !== undefined || values['small-writes'] !== undefined) {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-soak-'));
  console.log(`maintenance: seed ${seed}, ${folder}`);
  if (values.maintenance !== undefined) console.log(await soakHistory(join(folder, 'history'), new Random(seed), Number(values.maintenance), (stats) => console.log(JSON.stringify(stats))));
  if (values['small-writes'] !== undefined) console.log(await soakSmallWrites(join(folder, 'small'), Number(values['small-writes'])));
  rmSync(folder, {recursive: true, force: true});
  process.exit(0);
}
const {file, remove} = compileFor('test/support/kill-child.ts');
let done = 0;
try {
  while (done < kills && !over()) {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-soak-'));
    console.log(`kill loop: seed ${seed}, ${folder}`);
    try {
      const stats = await runKillLoop({
        folder, child: file, random: new Random(seed), kills: Math.min(killsPerWarehouse, kills - done), until: over,
        // Every other warehouse forgets as it goes.
        historyRetentionMs: seed % 2 === 0 ? undefined : 2000,
        onRound: (so) => {
          if (so.kills % 25 === 0) console.log(`  ${done + so.kills} kills (${so.early} early), ${so.acknowledged} batches acknowledged, epoch ${so.epoch}, ${so.replayed} epochs replayed, open ${so.openMs.at(-1)} ms`);
        },
      });
      done += stats.kills;
      console.log(`  nothing lost, nothing doubled: ${stats.kills} kills, ${stats.acknowledged} batches, ${stats.shaped} changes of form, ${stats.tagged} steps of tags, ${stats.took} epochs followed, ${stats.whole} times all verified, ${stats.checks} checks`);
      rmSync(folder, {recursive: true, force: true});
    } catch (cause) {
      console.error(`seed ${seed}, folder kept: ${folder}`);
      console.error(cause);
      process.exitCode = 1;
      break;
    }
    seed++;
  }
} finally {
  remove();
}
console.log(`soak: ${done} kills`);
