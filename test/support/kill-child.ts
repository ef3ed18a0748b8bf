/**
 * A process to be killed: takes a plan, opens the warehouse, checks that it holds what was acknowledged before, and then writes until it
 * dies. It is started ahead, and waits for its plan as one line of JSON on standard input: so its start costs the loop no time.
 * Each line on standard output is a fact: `open`, `checked <JSON of Found>`, `ack <writer> <k> <epoch>`, `shaped <steps>`, `tagged <steps>`,
 * `anew` (the subscriber begins with content), `took <epoch> <JSON of changes>`, `committed <epoch>`, `bad <what>`, `end`.
 * Usage: kill-child <folder>
 */
import {readSync, writeSync} from 'node:fs';
import {Warehouse} from '../../engine/warehouse.ts';
import type {WarehouseSession} from '../../engine/session.ts';
import {WarehouseError} from '../../base/error.ts';
import {checkFound, demand, type Found} from './kill-check.ts';
import {followed, shapeStep, tagStep, type Followed, type ItemChange} from './kill-steps.ts';
import {batch, setUp, writers} from './kill-work.ts';

export interface KillPlan {
  /** The last acknowledged batch of each writer, −1 for none, and the newest acknowledged epoch. */
  readonly acknowledged: readonly number[];
  readonly epoch: number;
  /** Acknowledged steps (kill-steps.ts). */
  readonly shaped: number;
  readonly tagged: number;
  /** What the subscriber has taken in; the newest epoch that it knows to be committed, −1 for none. */
  readonly followed: Followed;
  readonly committed: number;
  /** Also verify everything from files and log, and fold all changes. */
  readonly wholly: boolean;
  /** Close the warehouse after the check instead of writing. */
  readonly stop: boolean;
  readonly checkpointBytes: number;
  /** For how long history is kept; the default if it is not given. */
  readonly historyRetentionMs?: number | undefined;
  /** Deltas above it go by reference. */
  readonly referenceBytes?: number | undefined;
  readonly stateRestBytes?: number | undefined;
}

const say = (text: string): void => void writeSync(1, `${text}\n`);

async function write(warehouse: Warehouse, writer: number, first: number): Promise<never> {
  for (let k = first; ; k++) {
    const next = batch(writer, k);
    const {epoch} = next.kind === 'sql' ? await warehouse.sql(next.sql) : await warehouse.insert('ods.log', next.rows);
    say(`ack ${writer} ${k} ${epoch}`);
  }
}

const rest = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A table that is dropped and made again under its name, time after time. */
async function remake(warehouse: Warehouse): Promise<never> {
  for (let generation = 0; ; generation++) {
    await warehouse.sql('DROP TABLE IF EXISTS ods.scratch');
    // Every other time with other columns.
    await warehouse.sql(`CREATE TABLE ods.scratch (id INTEGER PRIMARY KEY, generation INTEGER${generation % 2 === 0 ? '' : ', more VARCHAR'})`);
    await warehouse.sql(`INSERT INTO ods.scratch SELECT range, ${generation}${generation % 2 === 0 ? '' : ", 'x'"} FROM range(20)`);
    await rest(150);
  }
}

/** A table that changes form between its writes. */
async function reshape(warehouse: Warehouse, first: number): Promise<never> {
  for (let step = first; ; step++) {
    await warehouse.sql(shapeStep(step));
    say(`shaped ${step + 1}`);
    await rest(5);
  }
}

async function tag(warehouse: Warehouse, first: number): Promise<never> {
  for (let step = first; ; step++) {
    await warehouse.sql(tagStep(step, warehouse.epoch));
    say(`tagged ${step + 1}`);
    await rest(5);
  }
}

/** The durable subscriber. Every whole epoch is told before it is committed; what comes again after a kill is passed over by its number. */
class Follower {
  readonly #session: WarehouseSession;
  #has: Followed;
  #epoch = -1;
  #changes: ItemChange[] = [];
  #uncommitted = 0;

  private constructor(session: WarehouseSession, has: Followed) {
    this.#session = session;
    this.#has = has;
  }

  /** @param plan what it had before the kill. */
  static async begin(warehouse: Warehouse, plan: KillPlan): Promise<Follower> {
    const [row] = (await warehouse.sql("SELECT position FROM millrace.subscriptions WHERE name = 'follower'")).rows;
    // Nothing was ever committed: it begins with the content of this moment.
    const position = row!['position'] === null ? -1 : Number(row!['position']);
    demand(position >= plan.committed, `the subscriber had committed epoch ${plan.committed}, its position is ${position}`);
    if (position === -1) say('anew');
    return new Follower(await warehouse.session(), position === -1 ? {through: -1, rows: []} : plan.followed);
  }

  /** Takes what is there. @returns whether there was anything. */
  async fetch(waitMs: number, after: number): Promise<boolean> {
    const {rows} = await this.#session.sql(`FETCH 50 FROM follower WAIT '${waitMs} ms'`);
    for (const row of rows) {
      const epoch = Number(row['_epoch']);
      demand(epoch > after, `epoch ${epoch} was delivered, ${after} was committed`);
      demand(epoch >= this.#epoch, `epoch ${epoch} was delivered after ${this.#epoch}`);
      if (epoch > this.#epoch) demand(this.#changes.length === 0, `epoch ${epoch} was delivered, ${this.#epoch} was not complete`);
      this.#epoch = epoch;
      if (row['_op'] !== null) this.#changes.push([String(row['_op']), Number(row['key']), `${String(row['k'])} ${String(row['amount'])}`]);
      if (row['_complete'] !== true) continue;
      const changes = this.#changes;
      this.#changes = [];
      if (epoch <= this.#has.through) continue;
      this.#has = followed(this.#has, epoch, changes);
      say(`took ${epoch} ${JSON.stringify(changes)}`);
      this.#uncommitted++;
    }
    return rows.length > 0;
  }

  /** It must come to have what the table holds. */
  async catchUp(warehouse: Warehouse, plan: KillPlan): Promise<void> {
    while (await this.fetch(0, plan.committed)); // nothing is written yet
    const found = (await warehouse.sql('SELECT key, k, amount FROM ods.items ORDER BY key')).rows.map((row) => `${String(row['key'])}: ${String(row['k'])} ${String(row['amount'])}`).join(', ');
    const has = this.#has.rows.toSorted(([a], [b]) => a - b).map(([key, text]) => `${key}: ${text}`).join(', ');
    demand(found === has, `the subscriber has ${has} at epoch ${this.#has.through}, ods.items at ${warehouse.epoch} is ${found}`);
  }

  /** Goes on until it dies; some epochs are left uncommitted for a while. */
  async follow(): Promise<never> {
    for (let round = 0; ; round++) {
      await this.fetch(100, -1);
      if (round % 3 !== 2 || this.#uncommitted === 0) continue;
      await this.#session.sql(`COMMIT follower THROUGH EPOCH ${this.#has.through}`);
      say(`committed ${this.#has.through}`);
      this.#uncommitted = 0;
    }
  }
}

/** @returns the first line of standard input; null where it ends before. */
function readLine(): string | null {
  const bytes = Buffer.alloc(1 << 16);
  let text = '';
  for (;;) {
    const count = readSync(0, bytes);
    if (count === 0) return null;
    text += bytes.toString('utf8', 0, count);
    if (text.endsWith('\n')) return text;
  }
}

const [folder] = process.argv.slice(2) as [string];
const line = readLine();
if (line === null) process.exit(0);
const plan = JSON.parse(line) as KillPlan;
try {
  const startMs = performance.now();
  const given = Object.fromEntries(Object.entries({referenceBytes: plan.referenceBytes, stateRestBytes: plan.stateRestBytes, historyRetentionMs: plan.historyRetentionMs}).filter(([, value]) => value !== undefined));
  const warehouse = await Warehouse.open({path: folder, checkpointBytes: plan.checkpointBytes, ...given, checkpointMs: 400, logSegmentBytesMax: 4 * plan.checkpointBytes, memoryBytes: 1 << 30});
  // A kill may have come between any two statements of the set-up.
  if (warehouse.catalog.find('dwd', 'amounts') === undefined) for (const text of setUp) await warehouse.sql(text);
  say(`open ${(performance.now() - startMs).toFixed(0)} ${warehouse.openStats.replayedEpochs}`);
  const found: Found = await checkFound(warehouse, plan);
  const follower = await Follower.begin(warehouse, plan);
  await follower.catchUp(warehouse, plan);
  say(`checked ${JSON.stringify(found)}`);
  if (plan.stop) {
    await warehouse.close();
    say('end');
    process.exit(0);
  }
  await Promise.all([...writers.map((writer) => write(warehouse, writer, found.last[writer]! + 1)), remake(warehouse), reshape(warehouse, found.shaped), tag(warehouse, found.tagged), follower.follow()]);
} catch (cause) {
  say(`bad ${cause instanceof WarehouseError ? `${cause.code} ` : ''}${cause instanceof Error ? cause.stack?.replaceAll('\n', ' | ') : String(cause)}`);
  process.exit(3);
}
