/** Reads of tables that are not in the read cache: right at once after an opening, and for ever without a cache. */
import assert from 'node:assert/strict';
import {existsSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import {Warehouse} from '../../engine/warehouse.ts';
import {rejects} from '../support/expect.ts';
import {temporaryFolder} from '../support/temporary.ts';

const setUp = `
  CREATE TABLE keyed (k BIGINT PRIMARY KEY, n INTEGER, label VARCHAR);
  CREATE TABLE logged (k BIGINT, n INTEGER);
  CREATE TABLE loose (k BIGINT, n INTEGER) WITH ('append-only' = 'false');
  CREATE DYNAMIC TABLE sums AS SELECT n % 10 AS d, count(*) AS c, sum(n) AS s FROM keyed GROUP BY ALL;
  INSERT INTO keyed SELECT range, range % 100, 'row ' || range FROM range(1000);
  INSERT INTO logged SELECT range, range % 7 FROM range(500);
  INSERT INTO loose SELECT range % 50, range % 3 FROM range(150)`;

async function sums(warehouse: Warehouse): Promise<unknown> {
  return (await warehouse.sql(`SELECT (SELECT (count(*), sum(k), sum(n), max(label))::VARCHAR FROM keyed) AS keyed, (SELECT (count(*), sum(k), sum(n))::VARCHAR FROM logged) AS logged,
    (SELECT (count(*), sum(k), sum(n))::VARCHAR FROM loose) AS loose, (SELECT (count(*), sum(c), sum(s))::VARCHAR FROM sums) AS sums`)).rows[0];
}

async function change(warehouse: Warehouse): Promise<void> {
  await warehouse.sql("UPDATE keyed SET n = n + 1, label = 'changed' WHERE k % 10 = 3");
  await warehouse.sql('UPDATE keyed SET k = k + 100000 WHERE k < 5');
  await warehouse.sql('DELETE FROM keyed WHERE k % 10 = 7');
  await warehouse.sql('INSERT INTO logged SELECT k, n FROM keyed WHERE k < 20');
  await warehouse.sql('DELETE FROM loose WHERE n = 1; UPDATE loose SET n = 9 WHERE k = 4');
  await warehouse.sql('BEGIN; DELETE FROM loose WHERE k = 10; DELETE FROM loose WHERE k < 12; UPDATE loose SET n = 5 WHERE k = 13; DELETE FROM keyed WHERE k = 500; INSERT INTO keyed VALUES (500, 1, \'again\'); UPDATE keyed SET n = 77 WHERE k = 500; COMMIT');
}

test('read cache: without it every read and change answers as with it, over restarts and checkpoints', async (t) => {
  const [withCache, without] = [temporaryFolder(t), temporaryFolder(t)];
  const results: unknown[][] = [];
  for (const [path, readCache] of [[withCache, true], [without, false]] as const) {
    const seen: unknown[] = [];
    let warehouse = await Warehouse.open({path, readCache});
    await warehouse.sql(setUp);
    seen.push(await sums(warehouse));
    await change(warehouse);
    seen.push(await sums(warehouse));
    await warehouse.checkpoint();
    await warehouse.sql('UPDATE keyed SET n = -1 WHERE k = 42');
    await warehouse.closeWithoutCheckpoint();
    warehouse = await Warehouse.open({path, readCache});
    try {
      seen.push(await sums(warehouse));
      await change(warehouse);
      seen.push(await sums(warehouse), (await warehouse.sql('SELECT * FROM changes(keyed, since => 0) ORDER BY ALL')).rows.length);
      const session = await warehouse.session();
      const keyed = warehouse.catalog.find('main', 'keyed')!;
      seen.push(await session.lookup(keyed, ['42']), await session.lookup(keyed, ['77777']));
      await session.close();
      let changes = 0;
      for await (const item of warehouse.subscribe(['keyed', 'sums'], {from: 'snapshot', until: warehouse.epoch})) {
        changes += item.changes.length;
        if (item.complete) break;
      }
      seen.push(changes, (await warehouse.sql('SELECT d, c FROM sums JOIN (SELECT DISTINCT n % 10 AS d FROM keyed) USING (d) ORDER BY d')).rows);
      for (const row of (await warehouse.sql('VERIFY ALL')).rows) assert.equal(row['equal'], true, String(row['table']));
    } finally {
      await warehouse.close();
    }
    results.push(seen);
  }
  assert.deepEqual(results[1], results[0]);
});

test('read cache: without it a change that meets another epoch of its table is evaluated again, in a transaction refused', async (t) => {
  await using warehouse = await Warehouse.open({path: temporaryFolder(t), readCache: false});
  await warehouse.sql(setUp);
  await Promise.all(Array.from({length: 6}, () => warehouse.sql('UPDATE keyed SET n = n + 1 WHERE k = 1')));
  assert.equal((await warehouse.sql('SELECT n FROM keyed WHERE k = 1')).rows[0]!['n'], 7);
  const session = await warehouse.session();
  await session.sql('BEGIN; UPDATE keyed SET n = 0 WHERE k = 1');
  await warehouse.sql('UPDATE keyed SET n = 100 WHERE k = 2');
  await rejects(session.sql('COMMIT'), 'conflict', 'MR_CONFLICT', /keyed/);
  await session.close();
});

test('read cache: reads right after an opening are whole before it is filled; what changes, goes and is made anew meanwhile is too', async (t) => {
  const path = temporaryFolder(t);
  let warehouse = await Warehouse.open({path});
  const rows = 250_000;
  await warehouse.sql(`CREATE TABLE big (k BIGINT PRIMARY KEY, a INTEGER, b VARCHAR); CREATE TABLE gone (k BIGINT PRIMARY KEY, b VARCHAR);
    INSERT INTO big SELECT range, range % 1000, 'text of row ' || range FROM range(${rows}); INSERT INTO gone SELECT range, 'text ' || range FROM range(${rows})`);
  await warehouse.close();
  warehouse = await Warehouse.open({path});
  try {
    const answers = [(await warehouse.sql('SELECT count(*) AS n, sum(a) AS s FROM big')).rows[0]];
    await warehouse.sql('DROP TABLE gone; CREATE TABLE gone (k INTEGER PRIMARY KEY); INSERT INTO gone VALUES (1), (2)');
    assert.equal((await warehouse.sql('SELECT count(*) AS n FROM gone')).rows[0]!['n'], 2n);
    let expected = BigInt(rows);
    for (let i = 0; warehouse.coldTables.length > 0 || i < 5; i++) {
      await warehouse.sql(`DELETE FROM big WHERE k = ${i}; INSERT INTO big VALUES (${rows + 2 * i}, 0, 'new'), (${rows + 2 * i + 1}, 0, 'new')`);
      expected += 1n;
      assert.equal((await warehouse.sql('SELECT count(*) AS n FROM big')).rows[0]!['n'], expected);
    }
    answers.push((await warehouse.sql(`SELECT count(*) AS n, sum(a) AS s FROM big WHERE k < ${rows}`)).rows[0]);
    assert.equal(answers[0]!['n'], BigInt(rows));
    assert.deepEqual(warehouse.coldTables, []);
    await warehouse.sql(`UPDATE big SET a = -1 WHERE k >= ${rows - 10}`);
    assert.equal((await warehouse.sql('SELECT count(*) AS n FROM big WHERE a = -1')).rows[0]!['n'], 10n + 2n * (expected - BigInt(rows)));
  } finally {
    await warehouse.close();
  }
});

const live = (path: string, ...names: string[]): string => join(path, '_millrace', 'live', ...names);

/** Reads all and changes some of it. @returns what was read before and after. */
async function exercise(warehouse: Warehouse): Promise<unknown[]> {
  const before = await sums(warehouse);
  await change(warehouse);
  for (const row of (await warehouse.sql('VERIFY ALL')).rows) assert.equal(row['equal'], true, String(row['table']));
  return [before, await sums(warehouse)];
}

test('read cache: after a clean close it is used again, and what is changed on top of it is right', async (t) => {
  const path = temporaryFolder(t);
  let warehouse = await Warehouse.open({path});
  await warehouse.sql(setUp);
  let last: unknown = (await exercise(warehouse))[1];
  for (let round = 0; round < 4; round++) {
    await warehouse.close();
    assert.ok(existsSync(live(path, 'live.json')), 'a clean close leaves the note');
    if (round === 2) {
      // One that is not the process before's cache.
      warehouse = await Warehouse.open({path, readCache: false});
      await warehouse.sql('INSERT INTO keyed VALUES (-5, 5, \'between\')');
      last = await sums(warehouse);
      await warehouse.close();
    }
    warehouse = await Warehouse.open({path});
    assert.ok(!existsSync(live(path, 'live.json')), 'who writes to the cache takes the note away');
    assert.equal(warehouse.reusedTables, round === 2 ? 0 : 4, `round ${round}`);
    const [before, after] = await exercise(warehouse);
    assert.deepEqual(before, last);
    last = after;
  }
  await warehouse.closeWithoutCheckpoint();
  assert.ok(!existsSync(live(path, 'live.json')));
  warehouse = await Warehouse.open({path});
  assert.equal(warehouse.reusedTables, 0);
  assert.deepEqual(await sums(warehouse), last);
  await warehouse.close();
});

test('read cache: one that is damaged, of another epoch or of another warehouse is made anew without a word', async (t) => {
  const path = temporaryFolder(t);
  let warehouse = await Warehouse.open({path});
  await warehouse.sql(setUp);
  await warehouse.close();
  const positions = readdirSync(live(path, 'positions')).map((name) => live(path, 'positions', name));
  const note = readFileSync(live(path, 'live.json'), 'utf8');
  const database = readFileSync(live(path, 'live.duckdb'));
  const damages: readonly [string, () => void, number][] = [
    ['a note that is not whole', () => writeFileSync(live(path, 'live.json'), note.slice(0, -20)), 0],
    ['a note of another epoch', () => writeFileSync(live(path, 'live.json'), note), 0],
    ['positions that are gone', () => { for (const file of positions) rmSync(file, {force: true}); }, 1],
    ['positions that are damaged', () => { for (const name of readdirSync(live(path, 'positions'))) writeFileSync(live(path, 'positions', name), Buffer.concat([readFileSync(live(path, 'positions', name)).subarray(0, 60), Buffer.from([7])])); }, 1],
    ['a database that is gone', () => rmSync(live(path, 'live.duckdb')), 0],
    ['a database of an earlier epoch', () => writeFileSync(live(path, 'live.duckdb'), database), 0],
    ['a database that is cut off', () => writeFileSync(live(path, 'live.duckdb'), readFileSync(live(path, 'live.duckdb')).subarray(0, 5000)), 0],
    ['a database that is none', () => writeFileSync(live(path, 'live.duckdb'), 'nothing of the kind'), 0],
    ['nothing wrong', () => undefined, 4],
  ];
  let last: unknown = null;
  for (const [what, damage, reused] of damages) {
    damage();
    warehouse = await Warehouse.open({path});
    assert.equal(warehouse.reusedTables, reused, what);
    if (last !== null) assert.deepEqual(await sums(warehouse), last, what);
    await warehouse.sql("UPDATE keyed SET n = n + 1 WHERE k % 10 = 3; DELETE FROM loose WHERE k = (SELECT min(k) FROM loose)");
    for (const row of (await warehouse.sql('VERIFY ALL')).rows) assert.equal(row['equal'], true, what);
    last = await sums(warehouse);
    await warehouse.close();
  }
});

test('pinned reads: a transaction that is open too long holds its epoch no more, and says so', async (t) => {
  await using warehouse = await Warehouse.open({path: temporaryFolder(t), transactionMsMax: 200});
  await warehouse.sql('CREATE TABLE k (id BIGINT PRIMARY KEY)');
  const session = await warehouse.session();
  await session.sql('BEGIN; INSERT INTO k VALUES (1)');
  let failure: unknown = null;
  while (failure === null) failure = await session.sql('SELECT count(*) FROM k').then(() => null, (cause: unknown) => cause);
  assert.match(String(failure), /MR_TRANSACTION_EXPIRED: the transaction is open for 200 ms/);
  await rejects(session.sql('COMMIT'), 'invalid', 'MR_TRANSACTION_ABORTED', /MR_TRANSACTION_EXPIRED/);
  assert.equal((await warehouse.sql('SELECT count(*) AS n FROM k')).rows[0]!['n'], 0n);
  await session.sql('BEGIN; INSERT INTO k VALUES (2); COMMIT');
  await session.close();
});
