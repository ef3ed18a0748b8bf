import test from 'node:test';
import {logicCases} from './cases-logic.ts';
import {Differential, assertTelling} from './differential-support.ts';

test('comparisons, logic and branches: values and raising rows are those of DuckDB, narrow and wide', async () => {
  await using differential = await Differential.open();
  assertTelling(await differential.check(logicCases), 12, 65);
});
