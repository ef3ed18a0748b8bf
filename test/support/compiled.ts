/**
 * The project's sources compiled once per test process: a child that runs them opens a warehouse in 0.3 s, from TypeScript it takes
 * two. Types are checked elsewhere; what does not type-check is emitted all the same.
 */
import {spawnSync} from 'node:child_process';
import {existsSync, mkdirSync, rmSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {dirname, join} from 'node:path';

const root = join(import.meta.dirname, '..', '..');

/** @returns the folder that holds the compiled tree: `<folder>/test/support/kill-child.js` and all that it imports. */
export function compileFor(entry: string): {readonly file: string; remove(): void} {
  const folder = join(root, 'node_modules', '.cache', `millrace-${process.pid}`);
  rmSync(folder, {recursive: true, force: true});
  mkdirSync(folder, {recursive: true});
  const config = {
    extends: join(root, 'tsconfig.build.json'),
    compilerOptions: {outDir: join(folder, 'out'), rootDir: root, declaration: false, sourceMap: false, noEmitOnError: false},
    include: [], exclude: [], files: [join(root, entry), join(root, 'engine/worker.ts')],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
  const result = spawnSync(process.execPath, [compiler, '-p', join(folder, 'tsconfig.json')], {encoding: 'utf8'});
  writeFileSync(join(folder, 'out', 'package.json'), '{"type":"module"}');
  const file = join(folder, 'out', entry.replace(/\.ts$/, '.js'));
  if (!existsSync(file)) throw new Error(`${entry} was not compiled:\n${result.stdout}${result.stderr}`);
  return {file, remove: () => rmSync(folder, {recursive: true, force: true})};
}
