/**
 * The package as a stranger meets it: packed, installed into an empty folder without install scripts, the README's example run from
 * the README's own text, the command line tried. Prints `N passed, N failed`.
 */
import {spawnSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'millrace-package-'));
let passed = 0;
let failed = 0;

function run(command: string, args: readonly string[], cwd = folder): {status: number; stdout: string; stderr: string} {
  const {status, stdout, stderr} = spawnSync(command, args, {cwd, encoding: 'utf8', timeout: 300_000});
  return {status: status ?? 1, stdout, stderr};
}

function check(name: string, holds: boolean, detail: string): void {
  if (holds) passed++;
  else failed++;
  console.log(`${holds ? 'ok' : 'not ok'} - package: ${name}${holds ? '' : `\n${detail}`}`);
}

try {
  const build = run('npm', ['run', 'build'], root);
  check('it builds', build.status === 0, build.stdout + build.stderr);
  const pack = run('npm', ['pack', '--pack-destination', folder], root);
  const tarball = pack.stdout.trim().split('\n').at(-1) ?? '';
  check('it packs', pack.status === 0 && tarball.endsWith('.tgz'), pack.stderr);
  writeFileSync(join(folder, 'package.json'), '{"private": true, "type": "module"}\n');
  const install = run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', join(folder, tarball)]);
  check('it installs into an empty folder, without install scripts', install.status === 0, install.stderr);
  const example = /```js\n([\s\S]*?)```/.exec(readFileSync(join(root, 'README.md'), 'utf8'))?.[1] ?? '';
  check('the README has an example of at most 15 lines', example !== '' && example.trim().split('\n').length <= 16, example);
  writeFileSync(join(folder, 'example.js'), example);
  const output = run('node', ['example.js']);
  const expected = ["customer: 'ann', orders: 2n, total: '15.50'", "op: '+I'", "op: '-U'", "total: '17.50'"];
  check('the example prints what it says', output.status === 0 && expected.every((text) => output.stdout.includes(text)), output.stdout + output.stderr);
  const query = run('npx', ['--no-install', 'millrace', 'sql', '-w', './warehouse', '--format', 'json', '-c', 'SELECT * FROM spending']);
  check('the command line reads what the library wrote', query.status === 0 && query.stdout.trim() === '[{"customer":"ann","orders":"2","total":"17.50"}]', query.stdout + query.stderr);
  const sound = run('npx', ['--no-install', 'millrace', 'check', '-w', './warehouse']);
  check('check finds it sound', sound.status === 0, sound.stdout + sound.stderr);
  const demo = run('npx', ['--no-install', 'millrace', 'demo', '--rows', '20000']);
  check('the demo runs without the data set and says so', demo.status === 0 && demo.stdout.includes('made-up flights') && demo.stdout.includes('verified: 4 dynamic tables equal batch'), demo.stdout + demo.stderr);
  writeFileSync(join(folder, 'types.ts'), "import {Warehouse, type Result} from 'millrace';\nexport const result = (warehouse: Warehouse): Promise<Result> => warehouse.sql('SELECT 1');\n");
  const types = run('node', [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2022', '--types', '', 'types.ts']);
  check('its types are found', types.status === 0, types.stdout + types.stderr);
} finally {
  rmSync(folder, {recursive: true, force: true});
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
