import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import type {Expression} from '../../kernel/plan/tree.ts';
import {operandsOf} from '../../kernel/plan/walk-expression.ts';
import {arithmeticCases} from './cases-arithmetic.ts';
import {castCases} from './cases-cast.ts';
import {logicCases} from './cases-logic.ts';
import {textCases} from './cases-text.ts';
import {timeCases} from './cases-time.ts';
import {Differential} from './differential-support.ts';
import {edgeRows, edgeTypes} from './differential-tables.ts';
import {fold} from './fold.ts';
import {compiledEntries, entriesOf} from './functions.ts';
import {functionsPage} from './functions-page.ts';

test('functions: everything in the compiled set occurs in a differential test', async () => {
  await using differential = await Differential.open();
  const met = new Set<string>();
  const visit = (expression: Expression): void => {
    for (const entry of entriesOf(expression)) met.add(entry);
    operandsOf(expression).forEach(visit);
  };
  const cases = [...arithmeticCases, ...castCases, ...logicCases, ...textCases, ...timeCases];
  for (const expression of await differential.bind(cases)) visit(fold(expression));
  assert.deepEqual(compiledEntries().filter((entry) => !met.has(entry)), []);
});

test('functions: the edge tables hold every value of their lists, in the pairs that two columns can make', async () => {
  await using differential = await Differential.open();
  for (const table of differential.tables) {
    for (const {prefix, narrow, wide} of edgeTypes) {
      const [first, second] = [1, 2].map((k) => differential.texts(table, `${prefix}${prefix.startsWith('n') ? '_' : ''}${k}`));
      const listed = new Set([...narrow, ...table.name.startsWith('wide') ? wide : []]).size + (table.name.endsWith('nulls') ? 1 : 0);
      const distinct = new Set(first).size;
      // NaN and −0 have more than one spelling, and some texts are one value of the type.
      assert.ok(distinct >= listed * 0.9, `${table.name}.${prefix}1 has ${distinct} values of ${listed}`);
      const pairs = new Set(first!.map((value, row) => `${value} | ${second![row]}`)).size;
      assert.ok(pairs >= Math.min(distinct * distinct, edgeRows) * 0.9, `${table.name}.${prefix} meets in ${pairs} pairs of ${distinct} values`);
    }
  }
});

test('functions: docs/compiled-functions.md is the list', () => {
  const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'compiled-functions.md'), 'utf8');
  assert.equal(page, functionsPage(), 'write it anew: node --import tsx compute/expression/functions-page.ts > docs/compiled-functions.md');
});
