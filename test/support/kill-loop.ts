/** The kill loop: children write to one warehouse, each is killed at a random instant, the next one checks what it finds. */
import {spawn} from 'node:child_process';
import {createInterface} from 'node:readline';
import {checkWarehouse} from '../../engine/check.ts';
import type {KillPlan} from './kill-child.ts';
import {writers} from './kill-work.ts';
import type {Random} from './random.ts';

export interface KillLoopOptions {
  readonly folder: string;
  /** The compiled child. */
  readonly child: string;
  readonly random: Random;
  readonly kills: number;
  /** Deltas above it go by reference. */
  readonly referenceBytes?: number;
  /** Bytes of state that stay in memory between epochs. */
  readonly stateRestBytes?: number;
  /** Ends early when it says so. */
  readonly until?: () => boolean;
  readonly onRound?: (stats: KillStats) => void;
}

export interface KillStats {
  kills: number;
  /** Of them before the child had checked what it found: in recovery, or in a check. */
  early: number;
  acknowledged: number;
  epoch: number;
  /** ms from the start of a child's open to its end. */
  openMs: number[];
  replayed: number;
  checks: number;
  folds: number;
}

interface Child {
  readonly lines: string[];
  readonly killed: boolean;
  readonly stderr: string;
  readonly code: number | null;
}

/** Throws with what a child found wrong. @returns counts; the warehouse was closed cleanly and checked at the end. */
export async function runKillLoop({folder, child, random, kills, referenceBytes, stateRestBytes, until, onRound}: KillLoopOptions): Promise<KillStats> {
  const stats: KillStats = {kills: 0, early: 0, acknowledged: 0, epoch: 0, openMs: [], replayed: 0, checks: 0, folds: 0};
  const acknowledged = writers.map(() => -1);
  for (let round = 0; round < kills; round++) {
    if (until?.() === true) break;
    const fold = round % 8 === 7;
    // Mostly some time after it began to write; now and then while it opens and checks.
    const early = random.chance(0.15);
    const delayMs = early ? random.integer(20, 700) : Math.floor(-Math.log(1 - random.unit()) * 350);
    const plan: KillPlan = {acknowledged, epoch: stats.epoch, fold, stop: false, checkpointBytes: random.pick([8, 32, 128]) * 1024, referenceBytes, stateRestBytes};
    const end = await runChild(child, folder, plan, early, delayMs);
    note(end, stats, acknowledged);
    if (fold && end.lines.some((line) => line.startsWith('checked'))) stats.folds++;
    stats.kills++;
    if (round % 25 === 12) await check(folder, stats);
    onRound?.(stats);
  }
  const end = await runChild(child, folder, {acknowledged, epoch: stats.epoch, fold: true, stop: true, checkpointBytes: 64 * 1024, referenceBytes, stateRestBytes}, false, null);
  note(end, stats, acknowledged);
  if (end.code !== 0) throw new Error(`the last child ended with ${String(end.code)}: ${end.stderr}`);
  await check(folder, stats);
  return stats;
}

async function check(folder: string, stats: KillStats): Promise<void> {
  const {problems} = await checkWarehouse(folder);
  if (problems.length > 0) throw new Error(`check finds ${problems.length} problems, the first: ${problems[0]!.where}: ${problems[0]!.what}`);
  stats.checks++;
}

/** Takes in what a child said; the acknowledged batches are what the next one must find. */
function note({lines, killed, stderr, code}: Child, stats: KillStats, acknowledged: number[]): void {
  let checked = false;
  for (const line of lines) {
    const [what, ...rest] = line.split(' ');
    if (what === 'bad') throw new Error(`after ${stats.kills} kills: ${rest.join(' ')}`);
    else if (what === 'open') {
      stats.openMs.push(Number(rest[0]));
      stats.replayed += Number(rest[1]);
    } else if (what === 'checked') {
      checked = true;
      // A batch that came through without its acknowledgement counts from here on.
      for (const writer of writers) acknowledged[writer] = Number(rest[writer]);
    } else if (what === 'ack') {
      const [writer, k, epoch] = rest.map(Number) as [number, number, number];
      acknowledged[writer] = k;
      stats.epoch = Math.max(stats.epoch, epoch);
      stats.acknowledged++;
    }
  }
  if (!killed && code !== 0) throw new Error(`a child ended by itself with ${String(code)} after ${stats.kills} kills: ${stderr}`);
  if (!checked) stats.early++;
}

/** @param delayMs null: it is left to end by itself. */
function runChild(child: string, folder: string, plan: KillPlan, early: boolean, delayMs: number | null): Promise<Child> {
  return new Promise((resolve, reject) => {
    const running = spawn(process.execPath, [child, folder, JSON.stringify(plan)], {stdio: ['ignore', 'pipe', 'pipe']});
    const lines: string[] = [];
    let stderr = '';
    let killed = false;
    const kill = (): void => {
      killed = running.exitCode === null && running.kill('SIGKILL');
    };
    let timer: NodeJS.Timeout | undefined;
    if (early && delayMs !== null) timer = setTimeout(kill, delayMs);
    createInterface(running.stdout).on('line', (line) => {
      lines.push(line);
      if (!early && delayMs !== null && line.startsWith('checked')) timer = setTimeout(kill, delayMs);
    });
    running.stderr.on('data', (data: Buffer) => {
      stderr = `${stderr}${data.toString()}`.slice(-4000);
    });
    running.on('error', reject);
    running.on('close', (code) => {
      clearTimeout(timer);
      resolve({lines, killed, stderr, code});
    });
  });
}
