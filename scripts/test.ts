// Runs the project's tests with node:test (Node 20 does not glob): every *.test.ts, or those whose path contains an argument.
import {spawnSync} from 'node:child_process';
import {readdirSync} from 'node:fs';
import {join} from 'node:path';
import {compileTests} from '../test/support/compiled.ts';

const root = join(import.meta.dirname, '..');
const skipped = new Set(['node_modules', 'dist', '.git', '.venv', 'interop']);
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const flags = process.argv.slice(2).filter((argument) => argument.startsWith('--'));

function testFiles(folder: string): string[] {
  return readdirSync(join(root, folder), {withFileTypes: true}).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return skipped.has(entry.name) ? [] : testFiles(path);
    return entry.name.endsWith('.test.ts') ? [path] : [];
  });
}

const files = testFiles('.').filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)));
if (files.length === 0) {
  console.error(`no test file matches ${wanted.join(', ')}`);
  process.exit(2);
}
// Every test brings the project, every opening of a warehouse a worker: compiled once they are there in a third of the time that a loader takes.
const compiled = await compileTests(['cli/main.ts', 'test/support/kill-child.ts'], files);
const env = {...process.env, MILLRACE_COMPILED: compiled.folder};
const tests = files.toSorted().map((file) => join(compiled.folder, file.replace(/\.ts$/, '.js')));
const result = spawnSync(process.execPath, ['--enable-source-maps', '--test', '--test-concurrency=2', ...flags, ...tests], {cwd: root, stdio: 'inherit', env});
compiled.remove();
process.exit(result.status ?? 1);
