// Tables that we write, read by pypaimon, and the other way round. Prints `N passed, N failed`; skipped where there is no Python or
// no way to install pypaimon. `MR_INTEROP_VENV` names a virtual environment to use or to make.
import {spawnSync} from 'node:child_process';
import {existsSync, mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {register} from 'tsx/esm/api';

const release = 'pypaimon==2.1.0';
const venv = process.env.MR_INTEROP_VENV ?? join(tmpdir(), `millrace-interop-${release.replace('==', '-')}`);
const python = join(venv, 'bin', 'python');

function skip(reason) {
  console.log(`skipped: ${reason}`);
  process.exit(0);
}

function prepare() {
  if (spawnSync('python3', ['--version']).status !== 0) skip('python3 is not installed');
  if (!existsSync(python) && spawnSync('python3', ['-m', 'venv', venv]).status !== 0) skip('python3 cannot make a virtual environment');
  if (spawnSync(python, ['-c', 'import pypaimon']).status === 0) return;
  console.log(`installing ${release} into ${venv} (about a minute)`);
  const install = spawnSync(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', release], {encoding: 'utf8'});
  if (install.status !== 0) skip(`${release} could not be installed: ${install.stderr.trim().split('\n').at(-1)}`);
}

prepare();
register();
const {runCases} = await import('./cases.ts');
const {stoppedWarehouse} = await import('./warehouse-case.ts');
const warehouse = process.env.MR_KEEP ?? mkdtempSync(join(tmpdir(), 'millrace-interop-'));
let failed = 1;
try {
  const read = (args) => {
    const run = spawnSync(python, ['-B', join(import.meta.dirname, 'read_tables.py'), ...args], {encoding: 'utf8', maxBuffer: 1 << 28});
    if (run.status !== 0) throw new Error(`read_tables.py ${args[0]} ended with ${run.status}: ${run.stderr}`);
    return run.stdout;
  };
  const result = [...(await runCases(warehouse, read)), ...(await stoppedWarehouse(warehouse, read))];
  for (const {name, problem} of result) console.log(problem === null ? `ok ${name}` : `not ok ${name}: ${problem}`);
  failed = result.filter(({problem}) => problem !== null).length;
  console.log(`${result.length - failed} passed, ${failed} failed`);
} finally {
  if (process.env.MR_KEEP === undefined) rmSync(warehouse, {recursive: true, force: true});
}
process.exit(failed === 0 ? 0 : 1);
