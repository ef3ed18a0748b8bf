/**
 * The project's sources compiled once: a worker that runs them is there in a third of the time that a loader takes. `npm test`
 * compiles all entries for its tests and says where (`MILLRACE_COMPILED`); a test that runs alone compiles its own. Types are checked
 * elsewhere; what does not type-check is emitted all the same.
 */
import {copyFileSync, existsSync, mkdirSync, readFileSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {buildSync} from 'esbuild';

const root = join(import.meta.dirname, '..', '..');

export interface Compiled {
  readonly file: string;
  remove(): void;
}

/**
 * Packages that stay where they are. Those of many small CommonJS files go along: to look into them for what they export costs every
 * worker 0.2 s. What is native or reads files beside itself cannot.
 */
const inside = new Set(['@duckdb/node-api', 'avsc']);
const {dependencies, devDependencies} = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<'dependencies' | 'devDependencies', Record<string, string>>;
const external = [...Object.keys({...dependencies, ...devDependencies}).filter((name) => !inside.has(name)), '@duckdb/node-bindings'];

/** @returns the compiled form of a source file. */
export function compileFor(entry: string): Compiled {
  const {MILLRACE_COMPILED: ready} = process.env;
  const file = ready === undefined ? null : join(ready, entry.replace(/\.ts$/, '.js'));
  if (file !== null && existsSync(file)) return {file, remove: () => undefined};
  const {folder, remove} = compileAll([entry]);
  return {file: join(folder, entry.replace(/\.ts$/, '.js')), remove};
}

/** @returns the folder that holds the compiled `entries`: `<folder>/test/support/kill-child.js`, and in few files what they import. */
export function compileAll(entries: readonly string[]): {readonly folder: string; remove(): void} {
  const folder = join(root, 'node_modules', '.cache', `millrace-${process.pid}`);
  rmSync(folder, {recursive: true, force: true});
  mkdirSync(folder, {recursive: true});
  const outdir = join(folder, 'out');
  // What several entries share lies in `engine/`, where the worker is looked for beside who starts it.
  buildSync({
    absWorkingDir: root, entryPoints: [...new Set([...entries, 'engine/warehouse.ts', 'engine/worker.ts'])], outdir, outbase: root,
    bundle: true, splitting: true, chunkNames: 'engine/[name]-[hash]', external, format: 'esm', platform: 'node', target: 'node20', logLevel: 'error',
    banner: {js: "import {createRequire as mrCreateRequire} from 'node:module'; const require = mrCreateRequire(import.meta.url);"},
  });
  copyFileSync(join(root, 'package.json'), join(folder, 'package.json')); // the program reads its version there
  return {folder: outdir, remove: () => rmSync(folder, {recursive: true, force: true})};
}
