/** The order of the house: what the documents promise of the tree, what no file may hold, what every export has. */
import assert from 'node:assert/strict';
import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import test from 'node:test';

const root = join(import.meta.dirname, '..', '..');
const notOurs = new Set(['node_modules', 'dist', '.git', '.venv', 'tmp']);

function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), {withFileTypes: true}).flatMap((entry) => {
    const path = folder === '.' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return notOurs.has(entry.name) ? [] : filesBelow(path);
    return entry.isFile() && !notOurs.has(entry.name) ? [path] : [];
  });
}

const allFiles = filesBelow('.');
const textFiles = allFiles.filter((path) => /\.(?:ts|mjs|js|json|md|py|sql|ya?ml)$|^\.[^/]+$|^\.ci\//.test(path));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
/** Code that the package runs: no tests and no helpers of tests that stand beside the code. */
const production = (path: string): boolean => path.endsWith('.ts') && !path.endsWith('.test.ts') && !/(?:^|\/)(?:test-|cases-)|arbitrary|fixture|differential-|^test\//.test(path);

test('house: ARCHITECTURE names every folder, ten files to read first, and stays short', () => {
  const text = read('docs/ARCHITECTURE.md');
  const folders = readdirSync(root, {withFileTypes: true}).filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && !notOurs.has(entry.name)).map(({name}) => name);
  assert.deepEqual(folders.filter((name) => !text.includes(`${name}/`)), [], 'folders that it does not name');
  const list = text.slice(text.indexOf('## Ten files')).matchAll(/^\d+\. `([^`]+)`/gm);
  const ten = [...list].map((match) => match[1]!);
  assert.equal(ten.length, 10);
  assert.deepEqual(ten.filter((path) => !existsSync(join(root, path))), []);
  assert.ok(text.split('\n').length <= 300, 'it is at most 300 lines long');
});

/** Documents that are named and not written yet. The list only shrinks. */
const toBeWritten = new Set<string>();

test('house: links between documents lead somewhere', () => {
  const wrong: string[] = [];
  for (const path of allFiles.filter((file) => file.endsWith('.md'))) {
    for (const [, target] of read(path).matchAll(/\]\((?!https?:|#)([^)#\s]+)(?:#[^)]*)?\)/g)) {
      const named = join(dirname(path), target!);
      if (!existsSync(join(root, named)) && !toBeWritten.has(named)) wrong.push(`${path} -> ${target}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('house: documents that comments and messages name exist', () => {
  const wrong: string[] = [];
  for (const path of allFiles.filter((file) => /\.(?:ts|mjs)$/.test(file) && !file.startsWith('test/tidy/'))) {
    for (const [name] of read(path).matchAll(/\bdocs\/[\w/-]+\.md\b/g)) if (!existsSync(join(root, name)) && !toBeWritten.has(name)) wrong.push(`${path}: ${name}`);
  }
  assert.deepEqual(wrong, []);
});

const linesMax = 450;
/** Longer files: how far they may grow, and why they are not cut. The list only shrinks. */
const long: Readonly<Record<string, readonly [lines: number, why: string]>> = {
  'compute/state/table-state.ts': [560, 'one journal and one undo over three kinds of tables: cut apart, the invariants of the journal would cross files'],
  'engine/warehouse.ts': [500, 'the library\'s face: one class whose methods hand on'],
};

test('house: files are short enough to be read at once', () => {
  const wrong: string[] = [];
  for (const path of allFiles.filter((file) => /\.(?:ts|mjs)$/.test(file))) {
    const lines = read(path).split('\n').length - 1;
    const most = long[path]?.[0] ?? linesMax;
    if (lines > most) wrong.push(`${path} has ${lines} lines, at most ${most} are meant`);
  }
  assert.deepEqual(wrong, []);
});

// Put together from pieces, so that this file does not hold what it looks for.
const word = (...pieces: readonly string[]): string => pieces.join('');
const traces: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['a path of a machine', new RegExp(`(?<![\\w.$}])/(?:${['work', 'home', 'root', 'Users'].join('|')})/`)],
  ['a package registry\'s host', new RegExp(`https?://[\\w.-]*(?:${[word('regis', 'try'), 'pypi', word('verda', 'ccio'), word('npm', 'js'), word('artifac', 'tory')].join('|')})`)],
  ['an unfinished thought', new RegExp(`\\b(?:${[word('FIX', 'ME'), word('X', 'XX'), word('HA', 'CK')].join('|')})\\b`)],
  ['a to-do without its reason', new RegExp(`\\b${word('TO', 'DO')}\\b(?!\\([^)]+\\))(?!\`)`)],
  ['a document that is not here', new RegExp(`\\b(?:${[word('DESI', 'GN'), word('STY', 'LE')].join('|')})\\.md\\b`)],
  ['a suppressed check', new RegExp(`@ts-${'ignore'}|@ts-${'nocheck'}|\\bas an${'y'}(?=\\s*(?:[)\\];,.}[]|$))`)],
];

test('house: no file holds traces of a machine, unfinished thoughts or suppressed checks', () => {
  const wrong: string[] = [];
  for (const path of textFiles) {
    const lines = read(path).split('\n');
    for (const [what, pattern] of traces) {
      const at = lines.findIndex((line) => pattern.test(line));
      if (at !== -1) wrong.push(`${path}:${at + 1} holds ${what}: ${lines[at]!.trim().slice(0, 80)}`);
    }
  }
  assert.deepEqual(wrong, []);
});

/** Exported functions and classes without a doc comment, per folder, where the name was thought to say all. The numbers only shrink. */
const undocumentedMax: Readonly<Record<string, number>> = {base: 3, kernel: 14, catalog: 0, storage: 31, compute: 27};

test('house: what a folder gives to others says what it promises', () => {
  for (const [folder, most] of Object.entries(undocumentedMax)) {
    const found: string[] = [];
    for (const path of allFiles.filter((file) => file.startsWith(`${folder}/`) && production(file))) {
      const lines = read(path).split('\n');
      const header = lines[0]!.startsWith('/**');
      let first = true;
      for (const [index, line] of lines.entries()) {
        const name = /^export (?:async )?(?:abstract )?(?:function\*?|class) (\w+)/.exec(line)?.[1];
        if (name === undefined) continue;
        // The one class of a file is what the file's header speaks of.
        const spoken = lines[index - 1]?.trim().endsWith('*/') === true || (header && first && line.includes(' class '));
        first = false;
        if (!spoken) found.push(`${path}: ${name}`);
      }
    }
    assert.ok(found.length <= most, `${found.length} exports of ${folder}/ have no doc comment, at most ${most} are meant:\n${found.join('\n')}`);
  }
});

/** Packages of package.json that no production code imports. The list only shrinks. */
const unusedPackages: readonly string[] = [];

test('house: every package that is installed with ours is used by it', () => {
  const {dependencies} = JSON.parse(read('package.json')) as {dependencies: Record<string, string>};
  const code = allFiles.filter((path) => production(path) && !path.startsWith('bench/') && !path.startsWith('scripts/')).map(read).join('\n');
  const unused = Object.keys(dependencies).filter((name) => !new RegExp(`['"]${name.replace('/', '\\/')}(?:/[^'"]*)?['"]`).test(code));
  assert.deepEqual(unused.filter((name) => !unusedPackages.includes(name)), []);
});
