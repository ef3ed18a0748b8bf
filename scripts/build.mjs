// Compiles the package into dist/ with the TypeScript compiler and copies what tsc does not carry.
import {spawnSync} from 'node:child_process';
import {chmodSync, existsSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {dirname, join} from 'node:path';

const root = join(import.meta.dirname, '..');
const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
rmSync(join(root, 'dist'), {recursive: true, force: true});
const result = spawnSync(process.execPath, [compiler, '-p', join(root, 'tsconfig.build.json')], {stdio: 'inherit'});
if (result.status !== 0) process.exit(result.status ?? 1);
const main = join(root, 'dist', 'cli', 'main.js');
if (existsSync(main)) {
  const text = readFileSync(main, 'utf8');
  if (!text.startsWith('#!')) writeFileSync(main, `#!/usr/bin/env node\n${text}`);
  chmodSync(main, 0o755);
}
