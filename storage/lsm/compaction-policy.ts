/**
 * Which sorted runs of a bucket to merge, and to which level: universal compaction, pure. Runs are listed newest to oldest; only
 * neighbours by age are merged, so newer rows never come to lie below older ones.
 *
 * 1. Size amplification: at least `trigger` runs, and all but the oldest together larger than 200 % of it → everything, to the last level.
 * 2. Size ratio: at least `trigger` runs; from the newest on, take the next older run as long as those taken are not much smaller.
 * 3. Run count: more than `trigger` runs → the newest (count − trigger + 1), extended by rule 2.
 *
 * Append tables have no runs to keep apart and no levels: of their newest files, as long as those are small, rules 2 and 3 take
 * neighbours; a file of nearly the target size is never rewritten again. So a row is written about log(target / flush) times.
 *
 * A bucket with `stopTrigger` runs takes no more: the next flush waits for its compaction.
 *
 * Source: the rules and defaults are those of Paimon's own compaction, so that both read each other's tables well.
 */
import {invariant} from '../../base/invariant.ts';

/** What the rules look at. */
export interface RunSize {
  readonly level: number;
  readonly bytes: number;
}

export interface CompactionRules {
  /** Sorted runs from which on a bucket is compacted (`num-sorted-run.compaction-trigger`). */
  readonly trigger: number;
  readonly sizeAmplificationPercentMax: number;
  readonly sizeRatioPercent: number;
  /** Deepest level. */
  readonly levelMax: number;
  /** Sorted runs from which on flushes wait (`num-sorted-run.stop-trigger`). */
  readonly stopTrigger: number;
}

/** A window of an append table's files, [start, end) from newest to oldest. */
export interface AppendPick {
  readonly start: number;
  readonly end: number;
  /** Files that are not of full size, newest ones that follow each other. */
  readonly smallCount: number;
}

export interface CompactionPick {
  /** The newest `runCount` runs are merged. */
  readonly runCount: number;
  readonly outputLevel: number;
}

export const DEFAULT_RULES: CompactionRules = {trigger: 5, sizeAmplificationPercentMax: 200, sizeRatioPercent: 1, levelMax: 5, stopTrigger: 8};

/** @returns the rules as the table's options set them. */
export function compactionRules(options: Readonly<Record<string, string>>): CompactionRules {
  const positive = (name: string, fallback: number): number => {
    const value = Number(options[name] ?? fallback);
    return Number.isInteger(value) && value > 0 ? value : fallback;
  };
  const trigger = positive('num-sorted-run.compaction-trigger', DEFAULT_RULES.trigger);
  return {
    trigger, levelMax: positive('num-levels', trigger + 1) - 1,
    sizeAmplificationPercentMax: positive('compaction.max-size-amplification-percent', DEFAULT_RULES.sizeAmplificationPercentMax),
    sizeRatioPercent: positive('compaction.size-ratio', DEFAULT_RULES.sizeRatioPercent),
    // Below the trigger nothing would ever make room.
    stopTrigger: Math.max(trigger + 1, positive('num-sorted-run.stop-trigger', trigger + 3)),
  };
}

/** @returns what to merge; undefined for nothing. */
export function pickCompaction(runs: readonly RunSize[], rules: CompactionRules): CompactionPick | undefined {
  if (runs.length < rules.trigger || runs.length < 2) return undefined;
  const oldest = runs.at(-1)!;
  const younger = runs.slice(0, -1).reduce((sum, run) => sum + run.bytes, 0);
  if (younger * 100 > oldest.bytes * rules.sizeAmplificationPercentMax) return {runCount: runs.length, outputLevel: lastLevel(runs, rules)};
  const byRatio = extend(runs, 1, rules);
  if (byRatio > 1) return pick(runs, byRatio, rules);
  if (runs.length > rules.trigger) return pick(runs, extend(runs, runs.length - rules.trigger + 1, rules), rules);
  return undefined;
}

/** @returns everything to the last level; undefined when there is nothing to merge. */
export function pickFull(runs: readonly RunSize[], rules: CompactionRules): CompactionPick | undefined {
  if (runs.length === 0 || (runs.length === 1 && runs[0]!.level > 0)) return undefined;
  return {runCount: runs.length, outputLevel: lastLevel(runs, rules)};
}

/** An append file of at least this part of the target size is full. */
const fullPart = 0.7;

/** @param files sizes of an append table's files, newest first. @returns which to put together; undefined for none. */
export function pickAppend(files: readonly RunSize[], rules: CompactionRules, targetBytes: number): AppendPick | undefined {
  const firstFull = files.findIndex(({bytes}) => bytes >= fullPart * targetBytes);
  // At a level of its own, so that only sizes count.
  const small = files.slice(0, firstFull === -1 ? files.length : firstFull).map(({bytes}) => ({bytes, level: Infinity}));
  if (small.length < rules.trigger || small.length < 2) return undefined;
  const byRatio = extend(small, 1, rules);
  if (byRatio > 1) return {start: 0, end: byRatio, smallCount: small.length};
  return small.length > rules.trigger ? {start: 0, end: extend(small, small.length - rules.trigger + 1, rules), smallCount: small.length} : undefined;
}

/** @returns all files of an append table from the newest small one to the oldest; undefined where no two neighbours fit one file. */
export function pickAppendFull(files: readonly RunSize[], targetBytes: number): AppendPick | undefined {
  const fits = (index: number): boolean => index + 1 < files.length && files[index]!.bytes + files[index + 1]!.bytes <= targetBytes;
  const start = files.findIndex((_, index) => fits(index));
  if (start === -1) return undefined;
  const end = files.findLastIndex((_, index) => fits(index)) + 2;
  return {start, end, smallCount: files.filter(({bytes}) => bytes < fullPart * targetBytes).length};
}

/**
 * Everything of level 0 goes deeper, for tables whose readers do not look at level 0.
 *
 * @returns undefined when there is nothing at level 0.
 */
export function pickLevelZero(runs: readonly RunSize[], rules: CompactionRules): CompactionPick | undefined {
  const young = runs.findIndex((run) => run.level > 0);
  if (young === 0 || runs.length === 0) return undefined;
  return young === -1 ? {runCount: runs.length, outputLevel: lastLevel(runs, rules)} : pick(runs, young, rules);
}

function extend(runs: readonly RunSize[], start: number, rules: CompactionRules): number {
  let runCount = start;
  let bytes = runs.slice(0, start).reduce((sum, run) => sum + run.bytes, 0);
  while (runCount < runs.length) {
    const next = runs[runCount]!;
    const similar = bytes * (100 + rules.sizeRatioPercent) >= next.bytes * 100;
    // A run of level 0 or 1 is taken anyway once something was added, or no level would be free for the output.
    if (!similar && !(runCount > 1 && next.level <= 1)) break;
    bytes += next.bytes;
    runCount++;
  }
  return runCount;
}

function pick(runs: readonly RunSize[], start: number, rules: CompactionRules): CompactionPick {
  let runCount = start;
  // The output lies one above the next older run. Level 0 is for flushes, so further runs are taken until there is room.
  while (runCount < runs.length && runs[runCount]!.level <= 1) runCount++;
  if (runCount === runs.length) return {runCount, outputLevel: lastLevel(runs, rules)};
  const outputLevel = runs[runCount]!.level - 1;
  invariant(outputLevel > 0, () => `compaction output at level ${outputLevel}`);
  return {runCount, outputLevel};
}

/** A table that others wrote may have runs deeper than our rules go. */
function lastLevel(runs: readonly RunSize[], rules: CompactionRules): number {
  return runs.reduce((max, run) => Math.max(max, run.level), rules.levelMax);
}
