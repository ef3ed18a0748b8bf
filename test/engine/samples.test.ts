/** Three queries that every stream processor is asked first, with the changelogs they must give (+I −U +U −D). */
import assert from 'node:assert/strict';
import test from 'node:test';
import {Warehouse} from '../../engine/warehouse.ts';
import {temporaryFolder} from '../support/temporary.ts';

type Seen = [string, ...unknown[]];

async function changelog(warehouse: Warehouse, table: string, since: number): Promise<Seen[][]> {
  const epochs: Seen[][] = [];
  for await (const {changes} of warehouse.subscribe(table, {from: since, until: warehouse.epoch})) epochs.push(changes.map(({op, row}): Seen => [op, ...Object.values(row)]));
  return epochs;
}

test('samples: a filter, running page views per user, and page views per minute', async (t) => {
  await using warehouse = await Warehouse.open({path: temporaryFolder(t)});
  await warehouse.sql(`
    CREATE TABLE views (id INTEGER PRIMARY KEY, uid INTEGER NOT NULL, page VARCHAR NOT NULL, ts TIMESTAMP NOT NULL);
    CREATE DYNAMIC TABLE shop_views AS SELECT id, uid, ts FROM views WHERE page = 'shop';
    CREATE DYNAMIC TABLE user_views AS SELECT uid, count(*) AS n FROM views GROUP BY uid;
    CREATE DYNAMIC TABLE minute_views AS SELECT window_start, count(*) AS n FROM TUMBLE(views, ts, INTERVAL 1 MINUTE) WHERE window_start IS NOT NULL GROUP BY window_start`);
  const since = warehouse.epoch;
  await warehouse.sql("INSERT INTO views VALUES (1, 7, 'shop', '2026-01-01 10:00:10'), (2, 7, 'home', '2026-01-01 10:00:50'), (3, 8, 'shop', '2026-01-01 10:01:00')");
  await warehouse.sql("INSERT INTO views VALUES (4, 7, 'shop', '2026-01-01 10:00:59')");
  await warehouse.sql("UPDATE views SET page = 'home' WHERE id = 1");
  await warehouse.sql('DELETE FROM views WHERE id = 3');
  assert.deepEqual(await changelog(warehouse, 'shop_views', since), [
    [['+I', 1, 7, '2026-01-01T10:00:10.000000'], ['+I', 3, 8, '2026-01-01T10:01:00.000000']],
    [['+I', 4, 7, '2026-01-01T10:00:59.000000']],
    [['-D', 1, 7, '2026-01-01T10:00:10.000000']],
    [['-D', 3, 8, '2026-01-01T10:01:00.000000']],
  ]);
  assert.deepEqual(await changelog(warehouse, 'user_views', since), [
    [['+I', 7, 2n], ['+I', 8, 1n]],
    [['-U', 7, 2n], ['+U', 7, 3n]],
    // an update that leaves a group as it was is silent
    [['-D', 8, 1n]],
  ]);
  assert.deepEqual(await changelog(warehouse, 'minute_views', since), [
    [['+I', '2026-01-01T10:00:00.000000', 2n], ['+I', '2026-01-01T10:01:00.000000', 1n]],
    [['-U', '2026-01-01T10:00:00.000000', 2n], ['+U', '2026-01-01T10:00:00.000000', 3n]],
    [['-D', '2026-01-01T10:01:00.000000', 1n]],
  ]);
});
