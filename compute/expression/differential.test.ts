import assert from 'node:assert/strict';
import test from 'node:test';
import {arithmeticCases} from './cases-arithmetic.ts';
import {castCases} from './cases-cast.ts';
import {logicCases} from './cases-logic.ts';
import {Differential} from './differential-support.ts';

test('arithmetic: values and raising rows are those of DuckDB', async () => {
  await using differential = await Differential.open();
  await differential.check(arithmeticCases);
  assert.ok(reports.filter(({raised}) => raised > 0).length > 50);
});

test('casts: values and raising rows are those of DuckDB', async () => {
  await using differential = await Differential.open();
  await differential.check(castCases);
});

test('logic: values and raising rows are those of DuckDB', async () => {
  await using differential = await Differential.open();
  await differential.check(logicCases);
});
