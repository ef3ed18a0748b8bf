import test from 'node:test';
import {timeCases} from './cases-time.ts';
import {Differential, assertTelling} from './differential-support.ts';

test('dates and times: values and raising rows are those of DuckDB, narrow and wide', async () => {
  await using differential = await Differential.open();
  assertTelling(await differential.check(timeCases), 100, 13);
});
