/** docs/compiled-functions.md, made from the registry. Run this file to print it; functions.test.ts keeps the page equal. */
import {fileURLToPath} from 'node:url';
import {casts} from './casts.ts';
import {compiledFunctions, compiledKinds, compiledOperators} from './functions.ts';

const head = `# Compiled functions

What the \`code\` executor evaluates itself; an expression with anything else in it is evaluated by DuckDB (the \`sql\` executor).
Every line is compared with DuckDB over edge values, raising rows included, by the tests in \`compute/expression\`.
This page is printed from the registry: \`node --import tsx compute/expression/functions-page.ts > docs/compiled-functions.md\`.

Types are those of DuckDB's plan. \`const\` marks an argument that must be constant (after folding), \`…\` one or more. The time zone is UTC.
Exact integers (BIGINT, HUGEINT, DECIMAL, TIMESTAMP) run as doubles while all values and results fit 2^53−1, and as bigint where one does not.

A few values are given up to DuckDB (\`ExpressionError.needsFallback\`): TIMESTAMPTZ outside of the years 1 to 9999 in calendar
functions, NaN and powers of two from 1e16 in a cast from DOUBLE to VARCHAR, and odd spellings in casts from VARCHAR (hexadecimal,
\`nan\`, \`infinity\`, \`epoch\`, time zones other than \`Z\`, decimals with an exponent).
`;

function kindList(kinds: readonly string[]): string {
  return kinds.map((kind) => kind.toUpperCase()).join(', ');
}

/** @returns the page. */
export function functionsPage(): string {
  const byName = new Map<string, {signatures: string[]; notes: Set<string>}>();
  for (const {name, signatures, note} of compiledFunctions) {
    const line = byName.get(name) ?? {signatures: [], notes: new Set()};
    line.signatures.push(...signatures.map((signature) => `(${signature.replaceAll(',', ', ')})`));
    if (note !== undefined) line.notes.add(note);
    byName.set(name, line);
  }
  const functions = [...byName].toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, {signatures, notes}]) => `| \`${name.replaceAll('|', '\\|')}\` | ${[...new Set(signatures)].join(' ')} | ${[...notes].join('; ')} |`);
  const bySource = new Map<string, string[]>();
  for (const {from, to} of casts) bySource.set(from, [...bySource.get(from) ?? [], to]);
  const castLines = [...bySource].map(([from, targets]) => `| ${from.toUpperCase()} | ${kindList(targets)} |`);
  return `${head}
## Operators

${compiledOperators.map((operator) => `\`${operator}\``).join(' ')} \`BETWEEN\` for ${kindList(compiledKinds)}; \`AND\` \`OR\` \`NOT\` \`TRY\` \`TRY_CAST\`.

## Functions

| name | arguments | notes |
|---|---|---|
${functions.join('\n')}

## Casts

| from | to |
|---|---|
${castLines.join('\n')}
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(functionsPage());
