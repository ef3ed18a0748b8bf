/**
 * `npm run bench -- <id> [--json] [--name value …]`: runs one benchmark and prints one JSON line: its ratio, both raw figures, and what
 * was verified. docs/benchmarks.md says how to read them.
 */
import {cpus, loadavg, totalmem} from 'node:os';
import {setUpOwnProcess} from '../engine/own-process.ts';

const benches: Readonly<Record<string, () => Promise<{run: (options: Record<string, number>) => Promise<object>}>>> = {
  w1: () => import('./w1-log.ts'),
  e1: () => import('./e1-epochs.ts'),
  e2: () => import('./e2-scaling.ts'),
  i1: () => import('./i1-flights.ts'),
  o1: () => import('./o1-olap.ts'),
  o2: () => import('./o2-wide-mix.ts'),
  w3: () => import('./w3-upserts.ts'),
  c1: () => import('./c1-space.ts'),
  a24: () => import('./a24-checkpoint.ts'),
  r1: () => import('./r1-recovery.ts'),
};

const [id = '', ...rest] = process.argv.slice(2);
const bench = benches[id.toLowerCase()];
if (bench === undefined) {
  process.stderr.write(`usage: npm run bench -- <id> [--json] [--name value …]; ids: ${Object.keys(benches).join(', ')}\n`);
  process.exit(2);
}
const options: Record<string, number> = {};
for (let i = 0; i < rest.length; i++) {
  if (rest[i] === '--json') continue;
  options[rest[i]!.replace(/^--/, '')] = Number(rest[++i]);
}
setUpOwnProcess(); // as the command line does
const load = loadavg()[0]!;
const result = await (await bench()).run(options);
process.stdout.write(`${JSON.stringify({...result, machine: {cores: cpus().length, memoryGiB: Math.round(totalmem() / 2 ** 30), node: process.version, loadAtStart: Number(load.toFixed(2))}})}\n`);
process.exit(0);
