/**
 * The project's sources compiled once: a worker that runs them is there in a third of the time that a loader takes. `npm test`
 * compiles its tests and all entries for them, and says where (`MILLRACE_COMPILED`); a test that runs alone compiles its own. Types are checked
 * elsewhere; what does not type-check is emitted all the same.
 */
import {copyFileSync, existsSync, mkdirSync, readFileSync, rmSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {pathToFileURL} from 'node:url';
import {build, buildSync, type BuildOptions, type Plugin} from 'esbuild';

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
export function compileAll(entries: readonly string[]): CompiledTree {
  const tree = newTree();
  buildSync(optionsOf(tree.folder, entries));
  return tree;
}

/**
 * The same with tests among the entries: they are run as JavaScript, which saves each of them the second that a loader takes to bring
 * the project. Where they look beside themselves they find what stands beside their source.
 */
export async function compileTests(entries: readonly string[], tests: readonly string[]): Promise<CompiledTree> {
  const tree = newTree();
  const places: Plugin = {
    name: 'places of sources',
    setup: (builder) => builder.onLoad({filter: /\.ts$/}, ({path}) => {
      const text = readFileSync(path, 'utf8');
      if (path.includes('node_modules') || !text.includes('import.meta.')) return undefined;
      const placed = text.replaceAll('import.meta.dirname', JSON.stringify(dirname(path)));
      // Who asks whether it is compiled looks for what is compiled.
      const asks = text.includes("import.meta.url.endsWith('.ts')");
      return {loader: 'ts', contents: asks ? placed : placed.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href))};
    }),
  };
  await build({...optionsOf(tree.folder, [...entries, ...tests]), sourcemap: 'linked', sourcesContent: false, plugins: [places]});
  return tree;
}

export interface CompiledTree {
  readonly folder: string;
  remove(): void;
}

function newTree(): CompiledTree {
  const folder = join(root, 'node_modules', '.cache', `millrace-${process.pid}`);
  rmSync(folder, {recursive: true, force: true});
  mkdirSync(folder, {recursive: true});
  copyFileSync(join(root, 'package.json'), join(folder, 'package.json')); // the program reads its version there
  return {folder: join(folder, 'out'), remove: () => rmSync(folder, {recursive: true, force: true})};
}

/** What several entries share lies in `engine/`, where the worker is looked for beside who starts it. */
function optionsOf(outdir: string, entries: readonly string[]): BuildOptions {
  return {
    absWorkingDir: root, entryPoints: [...new Set([...entries, 'engine/warehouse.ts', 'engine/worker.ts'])], outdir, outbase: root,
    bundle: true, splitting: true, chunkNames: 'engine/[name]-[hash]', external, format: 'esm', platform: 'node', target: 'node20', logLevel: 'error',
    banner: {js: "import {createRequire as mrCreateRequire} from 'node:module'; const require = mrCreateRequire(import.meta.url);"},
  };
}
