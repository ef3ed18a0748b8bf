import test from 'node:test';
import {castCases} from './cases-cast.ts';
import {Differential, assertTelling} from './differential-support.ts';

test('casts: values and raising rows are those of DuckDB, narrow and wide', async () => {
  await using differential = await Differential.open();
  // Most casts raise for many rows, which is dear in DuckDB: two tables do, one without NULLs, one wide.
  const tables = differential.tables.filter(({name}) => name !== 'narrow_nulls');
  assertTelling(await differential.check(castCases, tables), 140, 12);
});
