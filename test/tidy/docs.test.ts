/** Documents that name things in the code are kept true by it. */
import assert from 'node:assert/strict';
import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';

const root = join(import.meta.dirname, '..', '..');
const folders = ['base', 'kernel', 'catalog', 'storage', 'compute', 'query', 'connect', 'engine', 'server', 'cli'];

function sourceText(): string {
  return folders.filter((folder) => existsSync(join(root, folder))).flatMap((folder) => (readdirSync(join(root, folder), {recursive: true}) as string[]).filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts')).map((file) => readFileSync(join(root, folder, file), 'utf8'))).join('\n');
}

test('docs: every error code of the code stands in docs/errors.md, and every one there is used', () => {
  // Test helpers beside the code read settings of the same prefix from the environment: those are no codes.
  const text = sourceText().replaceAll(/process\.env\['MR_\w+'\]/g, '');
  const used = new Set([...text.matchAll(/'(MR_[A-Z0-9_]+)'/g)].map((match) => match[1]!));
  const documented = new Set([...readFileSync(join(root, 'docs/errors.md'), 'utf8').matchAll(/^\| `(MR_[A-Z0-9_]+)`/gm)].map((match) => match[1]!));
  assert.deepEqual([...used].filter((code) => !documented.has(code)).sort(), [], 'used but not documented');
  assert.deepEqual([...documented].filter((code) => !used.has(code)).sort(), [], 'documented but not used');
});

test('docs: rows of docs/errors.md are in the order of their codes, each once, of a known kind', () => {
  const rows = [...readFileSync(join(root, 'docs/errors.md'), 'utf8').matchAll(/^\| `(MR_[A-Z0-9_]+)` \| (\w+) \|.+\|.+\|$/gm)].map((match) => ({code: match[1]!, kind: match[2]!}));
  const codes = rows.map(({code}) => code);
  assert.deepEqual(codes, [...new Set(codes)].toSorted((a, b) => (a < b ? -1 : 1)));
  assert.deepEqual(rows.filter(({kind}) => !['invalid', 'conflict', 'unavailable', 'closed', 'data', 'internal'].includes(kind)), []);
});

test('docs: files that the documents name exist, unless they say that they do not yet', () => {
  const missing: string[] = [];
  for (const document of ['docs/ARCHITECTURE.md', 'docs/GLOSSARY.md', 'docs/laws.md', 'docs/errors.md', 'docs/dependencies.md', 'docs/decisions.md', 'docs/status.md', 'CONTRIBUTING.md', 'README.md']) {
    if (!existsSync(join(root, document))) {
      missing.push(document);
      continue;
    }
    // What a ledger calls open, or a law not there yet, may be absent.
    for (const line of readFileSync(join(root, document), 'utf8').split('\n')) {
      for (const [, path, after] of line.matchAll(/`((?:base|kernel|catalog|storage|compute|query|engine|server|cli|bench|test|docs|scripts)\/[\w./-]+\.(?:ts|md|mjs|sql|json))`( \(not yet\))?/g)) {
        if (!existsSync(join(root, path!)) && after === undefined && !line.includes('*open*')) missing.push(`${document}: ${path}`);
      }
    }
  }
  assert.deepEqual(missing, []);
});

test('docs: every package is in docs/dependencies.md with its exact version', () => {
  const {dependencies, devDependencies} = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {dependencies: Record<string, string>; devDependencies: Record<string, string>};
  const text = readFileSync(join(root, 'docs/dependencies.md'), 'utf8');
  const missing = Object.entries({...dependencies, ...devDependencies}).filter(([name, version]) => !text.includes(`| \`${name}\` | ${version} |`)).map(([name, version]) => `${name} ${version}`);
  assert.deepEqual(missing, []);
});
