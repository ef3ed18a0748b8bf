/**
 * The other implementations: Paimon's Java library, Flink SQL with Paimon's connector, pypaimon. Each is built or installed on first use, below
 * a cache folder (`MR_INTEROP_CACHE`, else the system's temporary folder), from pinned versions. A peer is left out, with the reason,
 * only where Java, Maven, Python or the harness beside the project is not there; a build that fails is a failure.
 */
import {execFile, spawnSync} from 'node:child_process';
import {existsSync, mkdirSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {promisify} from 'node:util';
import {PeerProcess} from './peer-process.ts';

const run = promisify(execFile);
const harness = join(import.meta.dirname, '..', '..', '..', 'shared', 'peers', 'paimon');
const cache = process.env['MR_INTEROP_CACHE'] ?? tmpdir();
const pypaimon = 'pypaimon==2.1.0';
const outputBytesMax = 1 << 29;

/** A peer, or why there is none. */
export type Available<T> = {readonly peer: T} | {readonly reason: string};

/** One line of a result of Flink's: `{op, row}`. */
export interface FlinkRow {
  readonly op: string;
  readonly row: Readonly<Record<string, unknown>>;
}

export interface FlinkPeer {
  /** Runs statements in one job after the other; gives the rows of all SELECTs, in order. */
  run(folder: string, statements: readonly string[], options?: readonly string[]): Promise<FlinkRow[]>;
}

export interface Peers {
  readonly java: Available<PeerProcess>;
  readonly python: Available<PeerProcess>;
  readonly flink: Available<FlinkPeer>;
  close(): Promise<void>;
}

/** @throws {Error} when a peer should be there and cannot be built. */
export async function preparePeers(): Promise<Peers> {
  mkdirSync(cache, {recursive: true});
  const builds = await Promise.allSettled([buildJava(), preparePython()]);
  for (const build of builds) if (build.status === 'rejected') throw build.reason;
  const [java, python] = builds.map((build) => (build as PromiseFulfilledResult<Available<PeerProcess>>).value) as [Available<PeerProcess>, Available<PeerProcess>];
  const flink = await buildFlink();
  return {
    java, python, flink,
    close: async () => { for (const available of [java, python]) if ('peer' in available) await available.peer.close(); },
  };
}

function missingForJava(): string | undefined {
  if (!existsSync(harness)) return 'the harness ../shared/peers/paimon is not there';
  for (const tool of ['java', 'javac', 'mvn']) if (spawnSync(tool, ['-version']).error !== undefined) return `${tool} is not installed`;
  return undefined;
}

/** Runs a script of the harness without a command: it builds itself if it has to, and says how it is used. */
async function build(what: string, script: string, env: Readonly<Record<string, string>>): Promise<void> {
  const started = performance.now();
  try {
    await run(script, [], {env: {...process.env, ...env}, maxBuffer: outputBytesMax});
  } catch (cause) {
    const {code, stderr} = cause as {code?: number; stderr?: string};
    if (code !== 2) throw new Error(`${what} could not be built: ${stderr ?? String(cause)}`, {cause});
  }
  if (performance.now() - started > 5_000) console.log(`${what} built in ${((performance.now() - started) / 1000).toFixed(0)} s`);
}

async function buildJava(): Promise<Available<PeerProcess>> {
  const reason = missingForJava();
  if (reason !== undefined) return {reason};
  const folder = join(cache, 'millrace-peer-paimon-java');
  await build("Paimon's Java library", join(harness, 'java', 'run'), {PEER_BUILD: folder});
  const classes = join(folder, 'session');
  const path = `${join(folder, 'target', 'classes')}:${join(folder, 'target', 'lib')}/*`;
  mkdirSync(classes, {recursive: true});
  await run('javac', ['-nowarn', '-cp', path, '-d', classes, join(import.meta.dirname, 'java', 'peer', 'Session.java')]);
  return {peer: new PeerProcess('java', 'java', ['-Xmx3g', '-XX:+UseParallelGC', '-XX:TieredStopAtLevel=4', '--add-opens=java.base/java.nio=ALL-UNNAMED', '-cp', `${classes}:${path}`, 'peer.Session'])};
}

async function buildFlink(): Promise<Available<FlinkPeer>> {
  const reason = missingForJava();
  if (reason !== undefined) return {reason};
  const script = join(harness, 'flink', 'flink-sql');
  const env = {PEER_FLINK_BUILD: join(cache, 'millrace-peer-paimon-flink')};
  await build('Flink SQL', script, env);
  let number = 0;
  return {peer: {
    run: async (folder, statements, options = []) => {
      const file = join(folder, `flink-${number++}.sql`);
      writeFileSync(file, statements.map((statement) => `${statement};\n`).join(''));
      try {
        const {stdout} = await run(script, [file, ...options], {env: {...process.env, ...env}, maxBuffer: outputBytesMax});
        return parseFlink(stdout);
      } catch (cause) {
        const {stdout = '', stderr = ''} = cause as {stdout?: string; stderr?: string};
        const rows = parseFlink(stdout);
        throw new FlinkFailure(rows, rootCause(stderr) || String(cause), {cause});
      }
    },
  }};
}

/** A Flink job failed: the rows that came before, and the innermost message. */
export class FlinkFailure extends Error {
  readonly rows: readonly FlinkRow[];

  constructor(rows: readonly FlinkRow[], message: string, options: ErrorOptions) {
    super(message, options);
    this.rows = rows;
  }
}

function rootCause(trace: string): string {
  const lines = trace.split('\n').filter((line) => line.startsWith('Caused by: ') || /^[\w.]+(?:Exception|Error)/.test(line));
  return lines.at(-1) ?? trace.trim().split('\n').at(-1) ?? '';
}

function parseFlink(text: string): FlinkRow[] {
  return text.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as FlinkRow);
}

async function preparePython(): Promise<Available<PeerProcess>> {
  if (!existsSync(harness)) return {reason: 'the harness ../shared/peers/paimon is not there'};
  if (spawnSync('python3', ['--version']).status !== 0) return {reason: 'python3 is not installed'};
  const venv = process.env['MR_INTEROP_VENV'] ?? join(cache, `millrace-interop-${pypaimon.replace('==', '-')}`);
  const python = join(venv, 'bin', 'python');
  if (!existsSync(python)) await run('python3', ['-m', 'venv', venv]);
  const there = await run(python, ['-c', 'import importlib.metadata as m; print(m.version("pypaimon"))']).then(({stdout}) => stdout.trim(), () => '');
  if (there !== pypaimon.split('==')[1]) {
    const started = performance.now();
    await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', pypaimon], {maxBuffer: outputBytesMax});
    console.log(`${pypaimon} installed in ${((performance.now() - started) / 1000).toFixed(0)} s`);
  }
  return {peer: new PeerProcess('pypaimon', python, ['-B', join(import.meta.dirname, 'session.py'), join(harness, 'python')])};
}
