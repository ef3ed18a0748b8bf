import test from 'node:test';
import {arithmeticCases} from './cases-arithmetic.ts';
import {Differential, assertTelling} from './differential-support.ts';

test('arithmetic: values and raising rows are those of DuckDB, narrow and wide', async () => {
  await using differential = await Differential.open();
  assertTelling(await differential.check(arithmeticCases), 100, 2);
});
