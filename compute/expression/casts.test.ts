import test from 'node:test';
import {castCases} from './cases-cast.ts';
import {Differential, assertTelling} from './differential-support.ts';

test('casts: values and raising rows are those of DuckDB, narrow and wide', async () => {
  await using differential = await Differential.open();
  assertTelling(await differential.check(castCases), 140, 12);
});
