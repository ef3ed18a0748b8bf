/** The house's floor plan (docs/ARCHITECTURE.md): imports go down only, and each door has one keeper. */
import assert from 'node:assert/strict';
import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {join, relative} from 'node:path';
import test from 'node:test';

const FLOOR: Readonly<Record<string, readonly string[]>> = {
  base: [],
  kernel: ['base'],
  catalog: ['base', 'kernel'], storage: ['base', 'kernel'], compute: ['base', 'kernel'], connect: ['base', 'kernel'],
  query: ['base', 'kernel', 'catalog', 'storage', 'compute'],
  engine: ['base', 'kernel', 'catalog', 'storage', 'compute', 'connect', 'query'],
  server: ['base', 'kernel', 'query', 'engine'],
  cli: ['base', 'query', 'engine', 'server'],
  bench: ['base', 'kernel', 'catalog', 'storage', 'compute', 'query', 'engine', 'server', 'cli'],
};

/** Packages that only one folder may import. */
const KEEPERS: Readonly<Record<string, string>> = {'@duckdb/node-api': 'kernel', '@duckdb/node-bindings': 'kernel', fastify: 'server', 'prom-client': 'server', commander: 'cli', 'cli-progress': 'cli', avsc: 'storage', 'apache-arrow': 'storage'};

/** What is reached by few doors: pattern, and the files that may use it. */
const DOORS: readonly {readonly what: string; readonly pattern: RegExp; readonly files: readonly string[]}[] = [
  {what: 'the clock', pattern: /\bDate\.now\(|\bsetTimeout\(|\bsetInterval\(|\bperformance\.now\(/, files: ['base/clock.ts']},
  {what: 'randomness', pattern: /\bMath\.random\(|\brandomUUID\(/, files: ['base/id.ts']},
];

const root = join(import.meta.dirname, '..', '..');
const importPattern = /(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g;

function sources(folder: string): string[] {
  if (!existsSync(join(root, folder))) return []; // a folder begins with its first file
  return (readdirSync(join(root, folder), {recursive: true}) as string[]).filter((entry) => entry.endsWith('.ts') && !entry.endsWith('.test.ts')).map((entry) => join(folder, entry));
}

test('floor plan: every import goes to an allowed folder, every guarded package to its keeper', () => {
  const wrong: string[] = [];
  for (const [folder, allowed] of Object.entries(FLOOR)) {
    for (const file of sources(folder)) {
      for (const [, specifier] of readFileSync(join(root, file), 'utf8').matchAll(importPattern)) {
        if (specifier!.startsWith('.')) {
          const target = relative(root, join(root, file, '..', specifier!)).split('/')[0]!;
          if (target !== folder && !allowed.includes(target) && target !== 'package.json') wrong.push(`${file} -> ${target}/`);
          continue;
        }
        const keeper = Object.entries(KEEPERS).find(([name]) => specifier === name || specifier!.startsWith(`${name}/`));
        if (keeper !== undefined && keeper[1] !== folder && folder !== 'bench') wrong.push(`${file} -> ${specifier}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});

test('floor plan: the worker half of the engine imports no reader, the computing half no file', () => {
  const wrong: string[] = [];
  for (const file of sources('engine')) {
    if (!/engine\/worker[-.]/.test(file) || file.endsWith('worker-client.ts')) continue;
    for (const [, specifier] of readFileSync(join(root, file), 'utf8').matchAll(importPattern)) if (specifier!.startsWith('../query/') || specifier!.startsWith('../server/')) wrong.push(`${file} -> ${specifier}`);
  }
  for (const file of sources('compute')) if (/['"]node:(fs|net|http)/.test(readFileSync(join(root, file), 'utf8'))) wrong.push(`${file} does IO`);
  assert.deepEqual(wrong, []);
});

test('floor plan: time and randomness come by their doors', () => {
  const wrong: string[] = [];
  for (const folder of Object.keys(FLOOR)) {
    if (folder === 'bench' || folder === 'cli') continue;
    for (const file of sources(folder)) {
      const text = readFileSync(join(root, file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
      for (const {what, pattern, files} of DOORS) if (pattern.test(text) && !files.includes(file) && !/test-|arbitrary/.test(file)) wrong.push(`${file} reaches for ${what}`);
    }
  }
  assert.deepEqual(wrong, []);
});
