/**
 * One script of the engine's core, cut off at operation k of its file system: what every crash test of the engine does. The script is
 * run once to count its operations; then a core runs it into a crash at each chosen point, the file system loses what it may lose, and
 * `checkRecovered` judges what is left: a fresh core over it, usually.
 */
import assert from 'node:assert/strict';
import {mkdirSync} from 'node:fs';
import {join} from 'node:path';
import type {WorkerOptions} from '../../engine/protocol.ts';
import {FailingFileSystem, type Loss} from '../../storage/file/failing-file-system.ts';
import {CoreHarness, type Step} from './core-script.ts';
import type {Random} from './random.ts';

export interface CrashScript {
  /** Where warehouses are made, one a point. */
  readonly folder: string;
  readonly seed: number;
  readonly random: Random;
  readonly steps: readonly Step[];
  readonly options?: Partial<WorkerOptions>;
  /** @param answered the newest epoch that the core answered. @param at what was done, for messages. */
  readonly checkRecovered: (root: string, answered: number, at: string) => Promise<void>;
}

/** What a script did that was not cut off. */
export interface WholeRun {
  readonly operations: number;
  /** trace[k - 1] is operation k. */
  readonly trace: readonly string[];
}

/** Runs a script to its end. @param judge looks at the core before it is let go. */
export async function runWhole({folder, steps, options}: Pick<CrashScript, 'folder' | 'steps' | 'options'>, judge: (harness: CoreHarness, root: string) => Promise<void> | void): Promise<WholeRun> {
  const root = join(folder, 'count');
  mkdirSync(root);
  const files = await FailingFileSystem.over(root);
  const harness = new CoreHarness(root, files, options);
  try {
    await harness.open();
    await harness.goOn(() => undefined, steps);
    const run = {operations: files.operations, trace: [...files.trace]};
    await judge(harness, root);
    return run;
  } finally {
    await harness.abandon();
  }
}

/** @returns `most` of the points 1 … operations, evenly, each at random within its stretch; all if there are no more. */
export function samplePoints(operations: number, most: number, random: Random): number[] {
  const all = Array.from({length: operations}, (_, index) => index + 1);
  if (all.length <= most) return all;
  const stride = all.length / most;
  return Array.from({length: most}, (_, index) => Math.min(operations, 1 + Math.floor(index * stride + random.unit() * stride)));
}

/** @returns how many of the points were crashes: a later run may have fewer operations. */
export async function crashAtPoints({folder, seed, random, steps, options, checkRecovered}: CrashScript, operations: number, points: readonly number[]): Promise<number> {
  let crashes = 0;
  for (const [index, operation] of points.entries()) {
    const root = join(folder, `${index}-${operation}`);
    mkdirSync(root);
    const files = await FailingFileSystem.over(root);
    files.crashAt(operation, {torn: random.integer(0, 200)});
    const kind = random.integer(0, 2);
    const loss: Loss = kind === 0 ? 'none' : kind === 1 ? 'unsynced' : () => (random.chance(0.5) ? 'kept' : 'lost');
    const harness = new CoreHarness(root, files, options);
    let answered = 0;
    try {
      await harness.open();
      await harness.goOn((epoch) => {
        answered = Math.max(answered, epoch);
      }, steps);
    } catch (cause) {
      if (!files.dead) throw cause;
      crashes++;
    } finally {
      await harness.abandon();
    }
    const at = `MR_SEED=${seed} crash at operation ${operation} of ${operations} (${files.trace.at(-1) ?? ''}), ${['nothing', 'all unsynced', 'some unsynced'][kind]!} lost`;
    await files.crash(loss);
    await checkRecovered(root, answered, at);
  }
  return crashes;
}

export interface FailureScript extends CrashScript {
  /** The codes that a step may be refused with. */
  readonly refused: RegExp;
  /** What was refused is tried again, by the same core unless it was opening: that comes to the end, which this looks at. Without it nothing is tried again. */
  readonly checkEnd?: (harness: CoreHarness, at: string) => Promise<void> | void;
}

/** Runs a script with operation k failing once, for each of the points: the disk is full, or an I/O error. @returns how many failures were felt. */
export async function failAtPoints({folder, seed, random, steps, options, refused, checkEnd, checkRecovered}: FailureScript, trace: readonly string[], points: readonly number[]): Promise<number> {
  let felt = 0;
  for (const operation of points) {
    const root = join(folder, `failure-${operation}`);
    mkdirSync(root);
    const files = await FailingFileSystem.over(root);
    const failure = random.pick(['ENOSPC', 'EIO'] as const);
    files.failAt(operation, failure, {torn: random.integer(0, 200)});
    const at = `MR_SEED=${seed} ${failure} at operation ${operation} of ${trace.length} (${trace[operation - 1] ?? ''})`;
    let harness = new CoreHarness(root, files, options);
    let answered = 0;
    const run = async (): Promise<void> => {
      if (harness.core.log === undefined) await harness.open();
      await harness.goOn((epoch) => {
        answered = Math.max(answered, epoch);
      }, steps);
    };
    try {
      await run().catch(async (cause: unknown) => {
        felt++;
        assert.match(String((cause as {code?: unknown}).code), refused, `${at}: ${cause instanceof Error ? cause.stack : String(cause)}`);
        if (checkEnd === undefined) return;
        if (harness.core.log === undefined) {
          await harness.abandon();
          harness = new CoreHarness(root, files, options);
        }
        await run().catch((again: unknown) => assert.fail(`${at}, tried again: ${again instanceof Error ? again.stack : String(again)}`));
      });
      if (checkEnd !== undefined) {
        await checkEnd(harness, at);
        answered = harness.core.epoch;
      }
    } finally {
      await harness.abandon();
    }
    await checkRecovered(root, answered, at);
  }
  return felt;
}

/** Opens a core over what a crash left. @throws {AssertionError} if it does not open, or finds other epochs than those that were answered, or one more. */
export async function recovered(root: string, answered: number, at: string, options?: Partial<WorkerOptions>): Promise<CoreHarness> {
  // A double again: nothing of this has to reach the disk.
  const harness = new CoreHarness(root, await FailingFileSystem.over(root), options);
  try {
    await harness.open().catch((cause: unknown) => assert.fail(`${at}: does not open: ${cause instanceof Error ? cause.stack : String(cause)}`));
    const {epoch} = harness.core;
    assert.ok(epoch === answered || epoch === answered + 1, `${at}: epoch ${answered} was answered, ${epoch} is found`);
    return harness;
  } catch (cause) {
    await harness.abandon();
    throw cause;
  }
}
