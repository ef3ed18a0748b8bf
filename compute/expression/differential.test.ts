import assert from 'node:assert/strict';
import test from 'node:test';
import {arithmeticCases} from './cases-arithmetic.ts';
import {Differential} from './differential-support.ts';

test('arithmetic: values and raising rows are those of DuckDB', async () => {
  await using differential = await Differential.open();
  const reports = await differential.check(arithmeticCases);
  assert.ok(reports.filter(({raised}) => raised > 0).length > 50);
});
