/**
 * The kill loop: children write to one warehouse, each is killed at a random instant, the next one checks what it finds. While one
 * runs the next is started already and waits for its plan, so that a round is an opening, a check and some writing.
 */
import {spawn, type ChildProcess} from 'node:child_process';
import {createInterface} from 'node:readline';
import {checkWarehouse} from '../../engine/check.ts';
import type {Found} from './kill-check.ts';
import type {KillPlan} from './kill-child.ts';
import {followed, type ItemChange} from './kill-steps.ts';
import {writers} from './kill-work.ts';
import type {Random} from './random.ts';

export interface KillLoopOptions {
  readonly folder: string;
  /** The compiled child. */
  readonly child: string;
  readonly random: Random;
  readonly kills: number;
  /** For how long the warehouse keeps its history; the default if it is not given. */
  readonly historyRetentionMs?: number | undefined;
  /** What a child has done when it is killed, in the mean: batches, steps, epochs followed (40). */
  readonly facts?: number;
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
  /** Steps of the table that changes form, and of the tagger; epochs that the subscriber took in and that it committed through. */
  shaped: number;
  tagged: number;
  took: number;
  committed: number;
  checks: number;
  /** Children that verified everything. */
  whole: number;
}

/** What is known of the warehouse from outside: what was acknowledged. */
type Known = {-readonly [K in 'acknowledged' | 'epoch' | 'shaped' | 'tagged' | 'followed' | 'committed']: KillPlan[K]};

/** Of so many rounds one verifies everything. */
const wholeEvery = 6;

/** Throws with what a child found wrong. @returns counts; the warehouse was closed cleanly and checked at the end. */
export async function runKillLoop({folder, child, random, kills, facts = 40, historyRetentionMs, referenceBytes, stateRestBytes, until, onRound}: KillLoopOptions): Promise<KillStats> {
  const stats: KillStats = {kills: 0, early: 0, acknowledged: 0, epoch: 0, openMs: [], replayed: 0, shaped: 0, tagged: 0, took: 0, committed: 0, checks: 0, whole: 0};
  const known: Known = {acknowledged: writers.map(() => -1), epoch: 0, shaped: 0, tagged: 0, followed: {through: -1, rows: []}, committed: -1};
  const plan = (wholly: boolean, stop: boolean): KillPlan => ({...known, wholly, stop, checkpointBytes: random.pick([8, 32, 128]) * 1024, historyRetentionMs, referenceBytes, stateRestBytes});
  let next = new Child(child, folder);
  try {
    for (let round = 0; round < kills; round++) {
      if (until?.() === true) break;
      const wholly = round % wholeEvery === wholeEvery - 1;
      // Mostly after it has done something, much or little; now and then while it opens and checks.
      const early = random.chance(0.15);
      const when = early ? {facts: -1, ms: random.integer(20, 900)} : {facts: Math.floor(-Math.log(1 - random.unit()) * facts), ms: random.integer(0, 60)};
      const running = next;
      next = new Child(child, folder);
      const ended = await running.run(plan(wholly, false), when);
      note(ended, stats, known);
      if (wholly && ended.lines.some((line) => line.startsWith('checked'))) stats.whole++;
      stats.kills++;
      if (round % 25 === 12) await check(folder, stats);
      onRound?.(stats);
    }
    const last = await next.run(plan(true, true), null);
    note(last, stats, known);
    if (last.code !== 0) throw new Error(`the last child ended with ${String(last.code)}: ${last.stderr}`);
    stats.whole++;
  } finally {
    next.end();
  }
  await check(folder, stats);
  return stats;
}

async function check(folder: string, stats: KillStats): Promise<void> {
  const {problems} = await checkWarehouse(folder);
  if (problems.length > 0) throw new Error(`check finds ${problems.length} problems, the first: ${problems[0]!.where}: ${problems[0]!.what}`);
  stats.checks++;
}

/** What became of a child. */
interface Ended {
  readonly lines: readonly string[];
  readonly killed: boolean;
  readonly stderr: string;
  readonly code: number | null;
}

/** Takes in what a child said; what was acknowledged is what the next one must find. */
function note({lines, killed, stderr, code}: Ended, stats: KillStats, known: Known): void {
  let checked = false;
  for (const line of lines) {
    const [what, ...rest] = line.split(' ');
    const [first = 0, second = 0, third = 0] = rest.map(Number);
    switch (what) {
      case 'bad': throw new Error(`after ${stats.kills} kills: ${rest.join(' ')}`);
      case 'open':
        stats.openMs.push(first);
        stats.replayed += second;
        break;
      case 'checked': {
        checked = true;
        // What came through without its acknowledgement counts from here on.
        const {last, shaped, tagged} = JSON.parse(rest.join(' ')) as Found;
        Object.assign(known, {acknowledged: [...last], shaped, tagged});
        break;
      }
      case 'ack':
        known.acknowledged = known.acknowledged.with(first, second);
        known.epoch = Math.max(known.epoch, third);
        stats.acknowledged++;
        break;
      case 'shaped':
        known.shaped = first;
        stats.shaped++;
        break;
      case 'tagged':
        known.tagged = first;
        stats.tagged++;
        break;
      case 'anew':
        known.followed = {through: -1, rows: []};
        break;
      case 'took':
        known.followed = followed(known.followed, first, JSON.parse(rest.slice(1).join(' ')) as ItemChange[]);
        stats.took++;
        break;
      case 'committed':
        known.committed = first;
        stats.committed++;
        break;
      default:
    }
  }
  stats.epoch = known.epoch;
  if (!killed && code !== 0) throw new Error(`a child ended by itself with ${String(code)} after ${stats.kills} kills: ${stderr}`);
  if (!checked) stats.early++;
}

/** A process that waits for its plan. */
class Child {
  readonly #process: ChildProcess;
  readonly #lines: string[] = [];
  readonly #ended: Promise<Ended>;
  #stderr = '';
  #killed = false;
  #onLine: (line: string) => void = () => undefined;

  constructor(child: string, folder: string) {
    this.#process = spawn(process.execPath, [child, folder], {stdio: ['pipe', 'pipe', 'pipe']});
    const {stdin, stdout, stderr} = this.#process;
    stdin!.on('error', () => undefined); // it was killed before it read its plan
    createInterface(stdout!).on('line', (line) => {
      this.#lines.push(line);
      this.#onLine(line);
    });
    stderr!.on('data', (data: Buffer) => {
      this.#stderr = `${this.#stderr}${data.toString()}`.slice(-4000);
    });
    this.#ended = new Promise((resolve, reject) => {
      this.#process.on('error', reject);
      this.#process.on('close', (code) => resolve({lines: this.#lines, killed: this.#killed, stderr: this.#stderr, code}));
    });
  }

  /** Hands over the plan. @param when it is killed: so many ms after so many facts behind `checked`, or after it got the plan (−1); null: it is left to end by itself. */
  async run(plan: KillPlan, when: {readonly facts: number; readonly ms: number} | null): Promise<Ended> {
    let timer: NodeJS.Timeout | undefined;
    const killLater = (ms: number): void => void (timer = setTimeout(() => this.#kill(), ms));
    if (when?.facts === -1) killLater(when.ms);
    else if (when !== null) {
      let facts = -1;
      this.#onLine = (line) => {
        if (facts >= 0 || line.startsWith('checked')) facts++;
        if (facts === when.facts) killLater(when.ms);
      };
    }
    this.#process.stdin!.end(`${JSON.stringify(plan)}\n`);
    const ended = await this.#ended;
    clearTimeout(timer);
    return ended;
  }

  #kill(): void {
    this.#killed = this.#process.exitCode === null && this.#process.kill('SIGKILL');
  }

  /** Ends one that got no plan. */
  end(): void {
    this.#process.stdin!.end();
  }
}
