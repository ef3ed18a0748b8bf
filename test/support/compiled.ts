/**
 * The project's sources compiled once: a child that runs them opens a warehouse in 0.3 s, from TypeScript it takes two. `npm test`
 * compiles all entries for its tests and says where (`MILLRACE_COMPILED`); a test that runs alone compiles its own. Types are checked
 * elsewhere; what does not type-check is emitted all the same.
 */
import {spawnSync} from 'node:child_process';
import {copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {dirname, join} from 'node:path';

const root = join(import.meta.dirname, '..', '..');

export interface Compiled {
  readonly file: string;
  remove(): void;
}

/** @returns the compiled form of a source file, with all that it imports beside it. */
export function compileFor(entry: string): Compiled {
  const {MILLRACE_COMPILED: ready} = process.env;
  const file = ready === undefined ? null : join(ready, entry.replace(/\.ts$/, '.js'));
  if (file !== null && existsSync(file)) return {file, remove: () => undefined};
  const {folder, remove} = compileAll([entry]);
  return {file: join(folder, entry.replace(/\.ts$/, '.js')), remove};
}

/** @returns the folder that holds the compiled tree of `entries`: `<folder>/test/support/kill-child.js` and all that it imports. */
export function compileAll(entries: readonly string[]): {readonly folder: string; remove(): void} {
  const folder = join(root, 'node_modules', '.cache', `millrace-${process.pid}`);
  rmSync(folder, {recursive: true, force: true});
  mkdirSync(folder, {recursive: true});
  const config = {
    extends: join(root, 'tsconfig.build.json'),
    compilerOptions: {outDir: join(folder, 'out'), rootDir: root, declaration: false, sourceMap: false, noEmitOnError: false},
    include: [], exclude: [], files: [...entries, 'engine/worker.ts'].map((entry) => join(root, entry)),
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
  const result = spawnSync(process.execPath, [compiler, '-p', join(folder, 'tsconfig.json')], {encoding: 'utf8'});
  copyFileSync(join(root, 'package.json'), join(folder, 'package.json')); // the program reads its version there
  for (const entry of entries) {
    if (!existsSync(join(folder, 'out', entry.replace(/\.ts$/, '.js')))) throw new Error(`${entry} was not compiled:\n${result.stdout}${result.stderr}`);
  }
  return {folder: join(folder, 'out'), remove: () => rmSync(folder, {recursive: true, force: true})};
}
