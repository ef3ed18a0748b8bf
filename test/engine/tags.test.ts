/**
 * Tags: an epoch of the whole warehouse under a name, kept beyond the history of the warehouse, seen by other engines in every table,
 * gone with DROP TAG or their time; over restarts, and over a crash between the record and the files.
 */
import assert from 'node:assert/strict';
import {existsSync, readdirSync, readFileSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import {Warehouse} from '../../engine/warehouse.ts';
import {rejects} from '../support/expect.ts';
import {temporaryFolder} from '../support/temporary.ts';

const rows = async (wh: Warehouse, sql: string): Promise<string[]> => (await wh.sql(sql)).rows.map((row) => Object.values(row).join('|')).sort();

test('tags: an epoch stays readable by name when history has left it behind, files of foreign engines included', async (t) => {
  const path = temporaryFolder(t);
  const options = {path, historyRetentionMs: 0, logCheckpoints: 1, logSegmentBytesMax: 2048};
  let wh = await Warehouse.open(options);
  t.after(() => wh.close());
  await wh.sql('CREATE TABLE k (id INTEGER PRIMARY KEY, v INTEGER); CREATE TABLE a (v INTEGER); CREATE TABLE later (id INTEGER PRIMARY KEY); CREATE DYNAMIC TABLE n AS SELECT v, count(*) AS n FROM k GROUP BY v');
  await wh.sql('INSERT INTO k SELECT range, range % 3 FROM range(9); INSERT INTO a VALUES (1), (2)');
  const tables = ['k', 'a', 'n'];
  const then = new Map<string, string[]>();
  for (const table of tables) then.set(table, await rows(wh, `SELECT * FROM ${table}`));
  const {epoch: tagged} = await wh.sql('CREATE TAG eod');
  await wh.sql("CREATE TAG brief RETAIN '1 ms'");
  const tagFile = (table: string, name: string): string => join(path, 'default.db', table, 'tag', `tag-${name}`);
  for (const table of tables) assert.equal((JSON.parse(readFileSync(tagFile(table, 'eod'), 'utf8')) as {properties: Record<string, string>}).properties['millrace.tag'], 'eod', table);
  assert.ok(!existsSync(tagFile('later', 'eod')), 'a table without a snapshot has none');
  const shown = (await wh.sql('SHOW TAGS')).rows.map((row) => [row['name'], row['checkpoint'], row['kept_until'] === null]);
  assert.deepEqual(shown, [['eod', true, true], ['brief', true, false]]);
  // History moves on, far beyond the tag.
  for (let i = 0; i < 5; i++) {
    await wh.sql(`UPDATE k SET v = ${10 + i}; INSERT INTO a VALUES (${i}); INSERT INTO later VALUES (${i})`);
    await wh.checkpoint();
  }
  await wh.sql('DROP DYNAMIC TABLE n; DROP TABLE later');
  await wh.checkpoint();
  const check = async (): Promise<void> => {
    assert.ok(wh.oldestEpoch > tagged);
    for (const table of tables) assert.deepEqual(await rows(wh, `SELECT * FROM ${table} AT (VERSION => 'eod')`), then.get(table), table);
    const at = Number((await wh.sql("SELECT epoch FROM millrace.tags WHERE name = 'eod'")).rows[0]!['epoch']);
    assert.deepEqual(await rows(wh, `SELECT * FROM k AT (VERSION => ${at})`), then.get('k'));
    assert.deepEqual((await wh.sql('SELECT * FROM k', [], {at: 'eod'})).rows.length, 9);
    await rejects(wh.sql(`SELECT * FROM changes(k, since => ${at})`), 'invalid', 'MR_EPOCH_EXPIRED');
    await rejects(wh.sql(`SELECT * FROM k AT (VERSION => ${at + 2})`), 'invalid', 'MR_EPOCH_EXPIRED');
  };
  await check();
  await rejects(wh.sql("SELECT * FROM k AT (VERSION => 'brief')"), 'invalid', 'MR_UNKNOWN_TAG');
  // As if the process had died between the record and the files.
  await wh.sql('CREATE TAG cut');
  await wh.closeWithoutCheckpoint();
  rmSync(tagFile('k', 'cut'));
  wh = await Warehouse.open(options);
  await check();
  for (let i = 0; i < 1000 && !existsSync(tagFile('k', 'cut')); i++) await wh.sql('SELECT 1');
  assert.ok(existsSync(tagFile('k', 'cut')), 'made good at the opening');
  await wh.sql('DROP TAG cut');
  assert.ok(!existsSync(tagFile('k', 'brief')), 'a tag whose time has ended is gone');
  // What is refused.
  await rejects(wh.sql('CREATE TAG EOD'), 'invalid', 'MR_TAG_EXISTS', /"eod"/);
  await wh.sql('CREATE TAG IF NOT EXISTS eod');
  await rejects(wh.sql('CREATE TAG "7"'), 'invalid', 'MR_BAD_NAME');
  await rejects(wh.sql(`CREATE TAG x AT EPOCH ${wh.epoch + 5}`), 'invalid', 'MR_EPOCH_FUTURE');
  await rejects(wh.sql('CREATE TAG x AT EPOCH 1'), 'invalid', 'MR_EPOCH_EXPIRED');
  await rejects(wh.sql('DROP TAG nothing'), 'invalid', 'MR_UNKNOWN_TAG');
  await wh.sql('DROP TAG IF EXISTS nothing');
  // Another tag of the same epoch, then neither.
  await wh.sql(`CREATE TAG twin AT EPOCH ${(await wh.sql("SELECT epoch FROM millrace.tags WHERE name = 'eod'")).rows[0]!['epoch'] as bigint}; DROP TAG eod`);
  assert.ok(!existsSync(tagFile('k', 'eod')) && existsSync(tagFile('k', 'twin')));
  assert.deepEqual(await rows(wh, "SELECT * FROM k AT (VERSION => 'twin')"), then.get('k'));
  await wh.sql('DROP TAG twin');
  assert.deepEqual(readdirSync(join(path, 'default.db', 'k', 'tag')), []);
  await rejects(wh.sql("SELECT * FROM k AT (VERSION => 'twin')"), 'invalid', 'MR_UNKNOWN_TAG');
  await wh.sql('INSERT INTO a VALUES (1)');
  await wh.checkpoint();
  await wh.sql('INSERT INTO a VALUES (1)');
  await wh.checkpoint();
  assert.ok(!existsSync(join(path, '_millrace', 'dropped')) || readdirSync(join(path, '_millrace', 'dropped')).length < 2, 'dropped tables that the tag kept are gone');
});
