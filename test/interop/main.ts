/**
 * Tables that we write, read by every other implementation there is, at every instant; tables that others write, read by us. Prints a line per
 * case and `N passed, N failed, N skipped`. Arguments choose suites by a part of their name; `MR_KEEP` names a folder to keep the tables in;
 * `MR_INTEROP_CACHE` a folder for what is built and installed; `MR_INTEROP_DEMO` a stopped warehouse that the demo left.
 */
import {mkdirSync, mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {Kernel} from '../../kernel/duckdb.ts';
import type {Session} from '../../kernel/session.ts';
import {preparePeers, type Peers} from './peers.ts';
import {ReadMatrix} from './read-matrix.ts';
import {Report} from './report.ts';
import {featureTables} from './feature-cases.ts';
import {javaWritten} from './java-cases.ts';
import {liveWarehouse} from './live-case.ts';
import {demoWarehouse} from './demo-case.ts';
import {nestedWarehouse} from './nested-case.ts';
import {storageCases} from './storage-cases.ts';
import {stoppedWarehouse} from './warehouse-case.ts';
import {writerCases} from './writer-cases.ts';

/** What a suite gets. */
export interface Suite {
  readonly session: Session;
  readonly kernel: Kernel;
  readonly folder: string;
  readonly peers: Peers;
  readonly report: Report;
  readonly matrix: ReadMatrix;
}

/** A suite writes tables and adds them to the matrix; what it returns runs when all readers have read them, and may add more. */
type SuiteStart = (suite: Suite) => Promise<(() => Promise<void>) | void>;

const suites: Readonly<Record<string, SuiteStart>> = {
  warehouse: ({folder, matrix}) => stoppedWarehouse(folder, matrix),
  java: ({session, folder, peers, report, matrix}) => javaWritten(session, folder, peers, report, matrix),
  live: ({folder, peers, report, matrix}) => liveWarehouse(folder, peers, report, matrix),
  demo: ({folder, report, matrix}) => demoWarehouse(folder, report, matrix),
  writer: ({session, folder, peers, report, matrix}) => writerCases(session, folder, peers, report, matrix),
  features: ({folder, peers, report, matrix}) => featureTables(folder, peers, report, matrix),
  nested: ({folder, peers, report, matrix}) => nestedWarehouse(folder, peers, report, matrix),
  storage: ({session, folder, peers, report, matrix}) => storageCases(session, folder, peers, report, matrix),
};

const wanted = process.argv.slice(2);
const folder = process.env['MR_KEEP'] ?? mkdtempSync(join(tmpdir(), 'millrace-interop-'));
mkdirSync(folder, {recursive: true});
const report = new Report();
const started = performance.now();
const elapsed = (): string => `${((performance.now() - started) / 1000).toFixed(0)} s`;
const peers = await preparePeers();
console.log(`# peers ready after ${elapsed()}`);
try {
  await using kernel = await Kernel.open({threads: 2, memoryBytes: 1024 * 1024 * 1024});
  await using session = await kernel.connect();
  const matrix = new ReadMatrix();
  const later: (() => Promise<void>)[] = [];
  for (const [name, start] of Object.entries(suites)) {
    if (wanted.length > 0 && !wanted.some((part) => name.includes(part))) continue;
    try {
      const then = await start({session, kernel, folder, peers, report, matrix});
      if (then !== undefined) later.push(then);
    } catch (cause) {
      report.fail(name, cause instanceof Error ? cause.stack ?? cause.message : String(cause));
    }
    console.log(`# ${name}: written after ${elapsed()}`);
  }
  await matrix.run(kernel, peers, report, folder);
  console.log(`# read after ${elapsed()}`);
  for (const then of later) await then();
  await matrix.run(kernel, peers, report, folder);
} finally {
  await peers.close();
  if (process.env['MR_KEEP'] === undefined) rmSync(folder, {recursive: true, force: true});
}
console.log(`# ended after ${elapsed()}`);
console.log(report.summary());
process.exit(report.failed === 0 ? 0 : 1);
