import test from 'node:test';
import {textCases} from './cases-text.ts';
import {Differential, assertTelling} from './differential-support.ts';

test('text: values and raising rows are those of DuckDB', async () => {
  await using differential = await Differential.open();
  assertTelling(await differential.check(textCases), 4, 9);
});
