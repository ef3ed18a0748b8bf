/**
 * The demo: real flights replayed as a live stream through three layers, queried and subscribed to meanwhile; the process killed,
 * history corrected, everything verified. It talks to the server over HTTP like any client. Exit 1 if anything differs.
 */
import {fork, type ChildProcess} from 'node:child_process';
import {existsSync, mkdtempSync, readdirSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {SingleBar} from 'cli-progress';
import {WarehouseError} from '../base/error.ts';
import {findDemoData} from './demo-data.ts';
import type {HostMessage, HostOptions} from './demo-host.ts';
import {Fold, median, percentile, Queries, sqlOver} from './demo-watch.ts';

interface DemoOptions {readonly dir?: string; readonly from: string; readonly rows?: string; readonly rate?: string}

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const number = (value: number): string => Math.round(value).toLocaleString('en-US');

export async function runDemo(given: DemoOptions): Promise<void> {
  const data = findDemoData();
  const from = positive('--from', given.from);
  const rows = Math.min(given.rows === undefined ? data.rowCount : positive('--rows', given.rows), data.rowCount - from + 1);
  const rate = given.rate === undefined ? 0 : positive('--rate', given.rate);
  const dir = given.dir === undefined ? mkdtempSync(join(tmpdir(), 'millrace-demo-')) : resolve(given.dir);
  if (existsSync(dir) && readdirSync(dir).length > 0) throw new WarehouseError('invalid', 'MR_USAGE', `folder ${dir} is not empty`, {hint: 'the demo begins with a fresh warehouse: name a new folder'});
  say(`data       ${data.description}`);
  say(`warehouse  ${dir}`);
  say('layers     ods.flights, ods.airports → dwd.flights → dws.airport, dws.route, dws.airport_hour');
  const demo = new Demo({dir, from, to: from + rows - 1, rate});
  try {
    await demo.run();
  } finally {
    demo.kill();
  }
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new WarehouseError('invalid', 'MR_USAGE', `${name} is "${text}": expected a whole number from 1`);
  return value;
}

class Demo {
  readonly #options: HostOptions;
  readonly #bar: SingleBar;
  readonly #commitMs: number[] = [];
  #child: ChildProcess | null = null;
  #url = '';
  #row: number;
  #onRow: (() => void) | null = null;
  #finished = false;
  #failure: WarehouseError | null = null;

  constructor(options: HostOptions) {
    this.#options = options;
    this.#row = options.from - 1;
    this.#bar = new SingleBar({format: 'replay     {bar} {percentage}% {value}/{total} flights, epoch {epoch}', stream: process.stderr, noTTYOutput: false, hideCursor: true});
  }

  kill(): void {
    this.#bar.stop();
    this.#child?.kill('SIGKILL');
  }

  async run(): Promise<void> {
    const {from, to} = this.#options;
    const total = to - from + 1;
    const startMs = performance.now();
    await this.#start();
    say(`server     ${this.#url}`);
    this.#bar.start(total, 0, {epoch: 0});
    const fold = new Fold(() => this.#url);
    const queries = new Queries(() => this.#url);
    fold.start();
    queries.start();

    await this.#reach(from + Math.floor(total * 0.35));
    this.#pause('kill       SIGKILL in the middle of the stream …');
    queries.pause();
    const before = this.#row;
    await this.#kill();
    const ready = await this.#start();
    queries.resume();
    say(`           open again in ${number(ready.recoveryMs)} ms at epoch ${ready.epoch} (${ready.replayedEpochs} epochs from the log); acknowledged up to flight ${before}, found up to ${ready.next - 1}: ${ready.next - 1 >= before ? 'nothing lost' : 'LOST ROWS'}`);
    if (ready.next - 1 < before) throw differs('acknowledged flights are missing after the kill');
    this.#resume();

    await this.#reach(from + Math.floor(total * 0.7));
    this.#pause('correct    impossible delays (below −120 minutes) distort dws.airport:');
    await this.#correct(fold);
    this.#resume();

    await this.#reach(to);
    await this.#end();
    this.#bar.stop();
    const elapsedMs = performance.now() - startMs;
    // The correction ran while the stream went on: what came after it may be impossible again.
    const late = await sqlOver(this.#url, 'UPDATE ods.flights SET delay = NULL WHERE delay < -120');
    say(`verify     every dynamic table against its SELECT, run in batch over files and log …`);
    const verified = await sqlOver(this.#url, 'VERIFY ALL');
    for (const row of verified.rows) say(`           ${String(row['table']).padEnd(18)} ${number(Number(row['rows'])).padStart(10)} rows  ${row['equal'] === true ? 'equal' : `DIFFERS: ${row['missing']} missing, ${row['unexpected']} unexpected`}`);
    const wrong = verified.rows.filter((row) => row['equal'] !== true);
    await fold.reached(Math.max(verified.epoch, late.epoch));
    const table = await sqlOver(this.#url, 'SELECT * FROM dws.airport');
    const foldWrong = fold.compare(table.rows);
    say(`           the subscriber's fold of dws.airport (${fold.size} rows, epoch ${fold.epoch}) ${foldWrong === 0 ? 'equals the table' : `DIFFERS in ${foldWrong} rows`}`);
    queries.stop();
    fold.stop();
    const count = await sqlOver(this.#url, 'SELECT count(*) AS n, count(DISTINCT id) AS ids FROM ods.flights');
    if (Number(count.rows[0]!['n']) !== total || Number(count.rows[0]!['ids']) !== total) throw differs(`${total} flights were sent, ${String(count.rows[0]!['n'])} are there`);
    await this.#stop();
    const again = await this.#start();
    const recount = await sqlOver(this.#url, 'SELECT count(*) AS n FROM ods.flights');
    if (Number(recount.rows[0]!['n']) !== total) throw differs('the reopened warehouse has other rows');
    await this.#stop();
    say('');
    say(`summary    ${number(total)} flights through three layers at ${number((total / elapsedMs) * 1000)} rows/s end to end (kill, recovery and queries included)`);
    say(`           epoch: commit p50 ${percentile(this.#commitMs, 0.5).toFixed(1)} ms, p99 ${percentile(this.#commitMs, 0.99).toFixed(1)} ms, of batches of 5,000 flights`);
    say(`           OLAP over live layers: p50 ${median(queries.latenciesMs).toFixed(0)} ms of ${queries.latenciesMs.length} queries while the stream ran`);
    say(`           recovery after the kill ${number(ready.recoveryMs)} ms, after a clean stop ${number(again.recoveryMs)} ms`);
    if (wrong.length > 0 || foldWrong > 0) throw differs(`${wrong.length} dynamic tables and ${foldWrong} folded rows differ`);
    say(`verified: ${verified.rows.length} dynamic tables equal batch at epoch ${verified.epoch}`);
    say('');
    say('try next');
    say(`  millrace sql -w ${this.#options.dir} -c "SELECT * FROM dws.airport ORDER BY delay_avg DESC LIMIT 5"`);
    say(`  millrace sql -w ${this.#options.dir} -c "SELECT class, count(*) FROM dwd.flights GROUP BY class"`);
    say(`  millrace sql -w ${this.#options.dir} -c "EXPLAIN INCREMENTAL dws.airport_hour"`);
    say(`  millrace serve -w ${this.#options.dir}      and, beside it:  millrace subscribe dws.airport --url http://127.0.0.1:8080`);
  }

  async #correct(fold: Fold): Promise<void> {
    const found = await sqlOver(this.#url, 'SELECT id, origin, destination, delay FROM ods.flights WHERE delay < -120 ORDER BY id');
    for (const row of found.rows) say(`           flight ${String(row['id'])} ${String(row['origin'])}→${String(row['destination'])}: ${String(row['delay'])} minutes`);
    const updated = await sqlOver(this.#url, 'UPDATE ods.flights SET delay = NULL WHERE delay < -120');
    const left = await sqlOver(this.#url, 'SELECT count(*) AS n FROM dwd.flights WHERE delay < -120');
    await fold.reached(updated.epoch);
    say(`           UPDATE ods.flights SET delay = NULL WHERE delay < -120  → epoch ${updated.epoch}; ${String(left.rows[0]!['n'])} left in dwd.flights; the subscriber has it`);
    for (const origin of new Set(found.rows.map((row) => String(row['origin'])))) {
      const [row] = (await sqlOver(this.#url, `SELECT flights, delay_avg FROM dws.airport WHERE origin = '${origin}'`)).rows;
      say(`           dws.airport ${origin}: ${String(row!['flights'])} flights, average delay ${Number(row!['delay_avg']).toFixed(2)} minutes now`);
    }
  }

  /** Starts the server process; resolves when it serves. */
  #start(): Promise<Extract<HostMessage, {kind: 'ready'}>> {
    const child = fork(process.argv[1]!, ['demo-host', JSON.stringify(this.#options)], {stdio: ['ignore', 'inherit', 'inherit', 'ipc']});
    this.#child = child;
    this.#finished = false;
    return new Promise((resolveReady, reject) => {
      child.on('message', (message: HostMessage) => {
        switch (message.kind) {
          case 'ready':
            this.#url = message.url;
            resolveReady(message);
            return;
          case 'progress':
            this.#row = Math.max(this.#row, message.row);
            this.#commitMs.push(...message.commitMs);
            this.#bar.update(this.#row - this.#options.from + 1, {epoch: message.epoch});
            break;
          case 'done':
            this.#finished = true;
            break;
          case 'failed':
            this.#failure = new WarehouseError('internal', 'MR_DEMO', message.message);
            reject(this.#failure);
            break;
        }
        this.#onRow?.();
      });
      child.on('exit', (code, signal) => {
        if (this.#child !== child || signal === 'SIGKILL') return;
        if (code !== 0) this.#failure ??= new WarehouseError('internal', 'MR_DEMO', `the server process ended with ${code ?? signal}`);
        this.#onRow?.();
      });
    });
  }

  /** Resolves when flight `row` is acknowledged. */
  async #reach(row: number): Promise<void> {
    while (this.#row < row && !this.#finished) await this.#nextMessage();
  }

  async #end(): Promise<void> {
    while (!this.#finished) await this.#nextMessage();
  }

  async #nextMessage(): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    await new Promise<void>((resolveNext) => {
      this.#onRow = resolveNext;
    });
    this.#onRow = null;
    if (this.#failure !== null) throw this.#failure;
  }

  async #kill(): Promise<void> {
    const child = this.#child!;
    const gone = new Promise((resolveGone) => child.once('exit', resolveGone));
    child.kill('SIGKILL');
    await gone;
  }

  async #stop(): Promise<void> {
    const child = this.#child!;
    const gone = new Promise((resolveGone) => child.once('exit', resolveGone));
    child.send('stop');
    await gone;
    if (this.#failure !== null) throw this.#failure;
  }

  #pause(text: string): void {
    this.#bar.stop();
    say(text);
  }

  #resume(): void {
    const {from, to} = this.#options;
    this.#bar.start(to - from + 1, Math.max(0, this.#row - from + 1), {epoch: 0});
  }
}

function differs(message: string): WarehouseError {
  return new WarehouseError('internal', 'MR_DEMO_DIFFERS', message, {hint: 'this is a bug in millrace: please report it'});
}
