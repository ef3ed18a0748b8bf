/**
 * What compaction does to the newest checkpoint while somebody reads it: it names other snapshots of the same content from then on, and
 * with no retention the ones before expire. Who held the epoch before goes on reading them. And `since => 0` means the oldest epoch of the
 * moment in which it is held, not of one in which it was looked up.
 */
import assert from 'node:assert/strict';
import {existsSync} from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import {Warehouse} from '../../engine/warehouse.ts';
import {temporaryFolder} from '../support/temporary.ts';

/** Resolves when it is so; fails after a while. */
async function until(what: string, holds: () => boolean): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail(`it never came: ${what}`);
}

test('restated: a read of the newest checkpoint outlives compaction and expiry of what it reads; then the files go', async (t) => {
  const path = temporaryFolder(t);
  await using wh = await Warehouse.open({path, readCache: false, historyRetentionMs: 0, checkpointMs: 3_600_000});
  const hasSnapshot = (table: string, id: number): boolean => existsSync(join(path, 'default.db', table, 'snapshot', `snapshot-${id}`));
  await wh.sql('CREATE TABLE held (id INTEGER PRIMARY KEY, v INTEGER); CREATE TABLE other (id INTEGER PRIMARY KEY, v INTEGER); CREATE TABLE later (id INTEGER)');
  for (const half of [0, 50]) {
    for (const table of ['held', 'other']) await wh.sql(`INSERT INTO ${table} SELECT i + ${half}, 1 FROM range(50) r(i)`);
    await wh.checkpoint();
  }
  await using session = await wh.session();
  await session.sql('BEGIN READ ONLY');
  const read = async (): Promise<unknown> => (await session.sql('SELECT count(*) AS n, sum(v)::BIGINT AS v FROM held')).rows;
  assert.deepEqual(await read(), [{n: 100n, v: 100n}]);
  // Told anew: of the same epoch and content, with another snapshot. Then history moves up to it.
  await wh.sql('OPTIMIZE held');
  assert.ok(hasSnapshot('held', 3), 'compacted');
  for (let i = 0; i < 2; i++) {
    await wh.sql(`INSERT INTO later VALUES (${i})`);
    await wh.checkpoint();
  }
  await until('expiry of what came before', () => !hasSnapshot('other', 1));
  assert.deepEqual(await read(), [{n: 100n, v: 100n}]);
  assert.ok(hasSnapshot('held', 2), 'what is read stays');
  assert.deepEqual((await wh.sql('SELECT count(*) AS n FROM held')).rows, [{n: 100n}], 'who comes now reads what it names now');
  await session.sql('COMMIT');
  await wh.sql('INSERT INTO later VALUES (9)');
  await wh.checkpoint();
  await until('expiry of what was read', () => !hasSnapshot('held', 2));
  assert.deepEqual((await wh.sql('SELECT count(*) AS n FROM held')).rows, [{n: 100n}]);
});

test('restated: since => 0 begins with whatever is the oldest epoch, however fast history moves on', async (t) => {
  await using wh = await Warehouse.open({path: temporaryFolder(t), historyRetentionMs: 0, logCheckpoints: 1, checkpointMs: 3_600_000});
  await wh.sql('CREATE TABLE k (id INTEGER PRIMARY KEY, v INTEGER); INSERT INTO k SELECT i, 0 FROM range(20) r(i)');
  const going = {on: true};
  const move = async (): Promise<void> => {
    for (let i = 1; i <= 25; i++) {
      await wh.sql(`UPDATE k SET v = ${i}`);
      await wh.checkpoint();
    }
    going.on = false;
  };
  let reads = 0;
  const fromSql = async (): Promise<void> => {
    while (going.on) {
      const {rows: [row]} = await wh.sql("SELECT count(*) FILTER (_op IN ('+I', '+U')) - count(*) FILTER (_op IN ('-D', '-U')) AS n FROM changes(k, since => 0)");
      assert.equal(row!['n'], 20n);
      reads++;
    }
  };
  const fromLibrary = async (): Promise<void> => {
    while (going.on) {
      let rows = 0;
      for await (const {changes, complete} of wh.subscribe('k', {from: 0, until: wh.epoch})) {
        rows += changes.length;
        if (complete) break;
      }
      assert.ok(rows >= 20, `${rows} rows`);
      reads++;
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await Promise.all([move(), fromSql(), fromLibrary()]);
  assert.ok(reads > 10, `only ${reads} reads`);
});
