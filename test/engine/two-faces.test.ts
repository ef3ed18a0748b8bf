/** A2: a table's two faces lie in different files. A scan opens no changelog file, a tail no data file: shown by taking the others away. */
import assert from 'node:assert/strict';
import {readdirSync, renameSync} from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import {Warehouse} from '../../engine/warehouse.ts';
import {temporaryFolder} from '../support/temporary.ts';

/** Takes the files away whose names begin so. @returns how many, and what brings them back. */
function hide(path: string, prefix: string): {readonly count: number; back(): void} {
  const hidden = (readdirSync(path, {recursive: true}) as string[]).filter((name) => name.includes('.db/') && name.split('/').at(-1)!.startsWith(prefix)).map((name) => join(path, name));
  for (const name of hidden) renameSync(name, `${name}.hidden`);
  return {
    count: hidden.length,
    back: () => {
      for (const name of hidden) renameSync(`${name}.hidden`, name);
    },
  };
}

test('two faces: scans read no changelog file, changes beyond the log no data file', async (t) => {
  const path = temporaryFolder(t);
  const options = {path, readCache: false, logCheckpoints: 1, logSegmentBytesMax: 2048};
  let warehouse = await Warehouse.open(options);
  await warehouse.sql('CREATE TABLE t (k BIGINT PRIMARY KEY, n INTEGER, s VARCHAR); CREATE DYNAMIC TABLE d AS SELECT n % 5 AS g, count(*) AS c, sum(k) AS s FROM t GROUP BY ALL');
  const seen: {epoch: number; op: string; row: string}[] = [];
  for (let round = 0; round < 5; round++) {
    await warehouse.sql(`INSERT INTO t SELECT range, range % ${7 + round}, 'text ' || range FROM range(${40 * round}, ${40 * round + 60}); DELETE FROM t WHERE k % 9 = ${round}`);
    await warehouse.checkpoint();
  }
  const until = warehouse.epoch;
  const first = warehouse.oldestEpoch + 3;
  for await (const {epoch, changes} of warehouse.subscribe(['t', 'd'], {from: first, until})) for (const {op, row, table} of changes) seen.push({epoch, op, row: JSON.stringify([table, ...Object.values(row).map(String)])});
  assert.ok(seen.length > 100);
  const rowsOf = async (): Promise<unknown[]> => [(await warehouse.sql('SELECT * FROM t ORDER BY k')).rows, (await warehouse.sql('SELECT * FROM d ORDER BY g')).rows];
  const content = await rowsOf();
  await warehouse.close();

  const changelog = hide(path, 'changelog-');
  assert.ok(changelog.count >= 8, `${changelog.count} changelog files`);
  warehouse = await Warehouse.open(options);
  assert.deepEqual(await rowsOf(), content);
  for (const row of (await warehouse.sql('VERIFY ALL')).rows) assert.equal(row['equal'], true);
  changelog.back();

  const data = hide(path, 'data-');
  assert.ok(data.count >= 2, `${data.count} data files`);
  const again: typeof seen = [];
  for await (const {epoch, changes} of warehouse.subscribe(['t', 'd'], {from: first, until})) for (const {op, row, table} of changes) again.push({epoch, op, row: JSON.stringify([table, ...Object.values(row).map(String)])});
  assert.deepEqual(again, seen);
  data.back();
  await warehouse.close();
});
