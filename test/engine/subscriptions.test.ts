/**
 * Durable subscriptions: whole epochs from the committed position, over restarts; one consumer at a time; leases that end; several
 * tables with common boundaries; the net change of what waits.
 */
import assert from 'node:assert/strict';
import {readdirSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import test, {after, before} from 'node:test';
import {checkWarehouse} from '../../engine/check.ts';
import {Warehouse} from '../../engine/warehouse.ts';
import type {Result} from '../../engine/api.ts';
import {rejects, sharedFolder} from '../support/expect.ts';
import {Random, testSeed} from '../support/random.ts';

let wh: Warehouse;
const folder = sharedFolder();

before(async () => {
  wh = await Warehouse.open({path: folder.path});
  await wh.sql('CREATE SCHEMA ods; CREATE TABLE ods.a (id BIGINT PRIMARY KEY, v VARCHAR); CREATE TABLE ods.b (n INTEGER, f DOUBLE); CREATE DYNAMIC TABLE d AS SELECT v, count(*) AS n FROM ods.a GROUP BY ALL');
});
after(async () => {
  await wh.close();
  folder.remove();
});

async function reopen(how: 'close' | 'kill' = 'close'): Promise<void> {
  await (how === 'close' ? wh.close() : wh.closeWithoutCheckpoint());
  wh = await Warehouse.open({path: folder.path});
}

/** Rows as `epoch op values`, `|` behind the last row of an epoch. */
function lines({rows}: Result): string[] {
  return rows.map(({_epoch, _op, _complete, ...values}) => `${String(_epoch)} ${String(_op)} ${Object.values(values).map(String).join(',')}${_complete === true ? ' |' : ''}`);
}

test('subscription: FETCH gives whole epochs from the committed position, COMMIT moves it, and both survive restarts', async () => {
  await wh.sql('CREATE SUBSCRIPTION s ON ods.a');
  const {epoch: one} = await wh.sql("INSERT INTO ods.a VALUES (1, 'x'), (2, 'y')");
  const {epoch: two} = await wh.sql("UPDATE ods.a SET v = 'z' WHERE id = 1");
  const {epoch: three} = await wh.sql('DELETE FROM ods.a WHERE id = 2');
  const first = await wh.sql('FETCH 1 FROM s');
  assert.deepEqual(lines(first), [`${one} +I 1,x`, `${one} +I 2,y |`], 'an epoch is never split');
  assert.equal(first.epoch, one);
  assert.deepEqual(first.columns.map(({name, type}) => `${name} ${type}`), ['_epoch BIGINT', '_op VARCHAR', '_complete BOOLEAN', 'id BIGINT', 'v VARCHAR']);
  assert.deepEqual(lines(await wh.sql('FETCH 1 FROM s')), lines(first), 'without a consumer it begins at the committed position every time');
  await wh.sql(`COMMIT s THROUGH EPOCH ${one}`);
  const rest = [`${two} -U 1,x`, `${two} +U 1,z |`, `${three} -D 2,y |`];
  const second = await wh.sql('FETCH FROM s');
  assert.deepEqual(lines(second), rest);
  assert.ok(second.epoch > three, 'epochs that changed nothing are behind it too');
  await reopen('kill');
  assert.deepEqual(lines(await wh.sql('FETCH FROM S')), rest, 'what was not committed comes again');
  await reopen('close');
  assert.deepEqual(lines(await wh.sql('FETCH FROM s')), rest);
  await wh.sql(`COMMIT s THROUGH EPOCH ${three}`);
  await reopen('kill');
  assert.deepEqual(lines(await wh.sql('FETCH FROM s')), []);
});

test('subscription: a commit goes neither back nor beyond what was fetched, names what exists, and stands alone', async () => {
  await wh.sql('CREATE SUBSCRIPTION commits ON ods.a');
  const {epoch} = await wh.sql("INSERT INTO ods.a VALUES (10, 'x')");
  await rejects(wh.sql(`COMMIT commits THROUGH EPOCH ${epoch}`), 'invalid', 'MR_SUBSCRIPTION_POSITION', /was not fetched from/);
  await wh.sql('FETCH FROM commits');
  await rejects(wh.sql(`COMMIT commits THROUGH EPOCH ${epoch + 1}`), 'invalid', 'MR_SUBSCRIPTION_POSITION', new RegExp(`fetched through epoch ${epoch}`));
  await wh.sql(`COMMIT commits THROUGH EPOCH ${epoch}`);
  const {epoch: at} = await wh.sql(`COMMIT commits THROUGH EPOCH ${epoch}`);
  assert.equal(at, wh.epoch, 'the same again is no change');
  await rejects(wh.sql(`COMMIT commits THROUGH EPOCH ${epoch - 1}`), 'invalid', 'MR_SUBSCRIPTION_POSITION', /cannot go back/);
  assert.match((await rejects(wh.sql('FETCH FROM commit'), 'invalid', 'MR_UNKNOWN_SUBSCRIPTION')).hint ?? '', /"commits"/);
  await rejects(wh.sql('COMMIT nothing THROUGH EPOCH 1'), 'invalid', 'MR_UNKNOWN_SUBSCRIPTION');
  await rejects(wh.sql('DROP SUBSCRIPTION nothing'), 'invalid', 'MR_UNKNOWN_SUBSCRIPTION');
  await rejects(wh.sql('BEGIN; FETCH FROM commits; COMMIT'), 'invalid', 'MR_TRANSACTION_OPEN');
  await rejects(wh.sql('FETCH 0 FROM commits'), 'invalid', 'MR_PARAMETER');
  await rejects(wh.sql('CREATE SUBSCRIPTION commits ON ods.a'), 'invalid', 'MR_SUBSCRIPTION_EXISTS');
  await rejects(wh.sql('CREATE SUBSCRIPTION other ON ods.a FROM EPOCH 999999'), 'invalid', 'MR_PARAMETER');
  await rejects(wh.sql('DROP TABLE ods.b; CREATE SUBSCRIPTION other ON ods.a, ods.b'), 'invalid', 'MR_UNKNOWN_TABLE');
  await wh.sql('CREATE TABLE ods.b (n INTEGER, f DOUBLE)');
  await rejects(wh.sql('DROP DYNAMIC TABLE d; DROP TABLE ods.a'), 'invalid', 'MR_DEPENDENTS', /followed by subscriptions? /);
  await wh.sql('CREATE DYNAMIC TABLE d AS SELECT v, count(*) AS n FROM ods.a GROUP BY ALL; DROP SUBSCRIPTION commits; CREATE SUBSCRIPTION IF NOT EXISTS s ON ods.a; DROP SUBSCRIPTION IF EXISTS commits');
});

test('subscription: of several consumers the newest holds it; the ones before are refused', async () => {
  await wh.sql('CREATE SUBSCRIPTION held ON ods.a');
  const first = await wh.session(), second = await wh.session();
  const {epoch: one} = await wh.sql("INSERT INTO ods.a VALUES (20, 'x')");
  const {epoch: two} = await wh.sql("INSERT INTO ods.a VALUES (21, 'y')");
  assert.deepEqual(lines(await first.sql('FETCH 1 FROM held')), [`${one} +I 20,x |`]);
  assert.deepEqual(lines(await first.sql('FETCH 1 FROM held')), [`${two} +I 21,y |`], 'a session goes on from what it fetched');
  assert.deepEqual(lines(await second.sql('FETCH 1 FROM held')), [`${one} +I 20,x |`], 'a new consumer begins at the committed position');
  await rejects(first.sql('FETCH FROM held'), 'conflict', 'MR_SUBSCRIPTION_FENCED', /taken over/);
  await rejects(first.sql(`COMMIT held THROUGH EPOCH ${one}`), 'conflict', 'MR_SUBSCRIPTION_FENCED');
  await second.sql(`COMMIT held THROUGH EPOCH ${one}`);
  await second.close();
  // A token of one's own, over calls that share no session.
  assert.deepEqual(lines(await wh.sql("FETCH FROM held WITH (consumer = 'one')")), [`${two} +I 21,y |`]);
  assert.deepEqual(lines(await wh.sql("FETCH FROM held WITH (consumer = 'one')")), []);
  await wh.sql(`COMMIT held THROUGH EPOCH ${two} WITH (consumer = 'one')`);
  await wh.sql("FETCH FROM held WITH (consumer = 'two')");
  await rejects(wh.sql("FETCH FROM held WITH (consumer = 'one')"), 'conflict', 'MR_SUBSCRIPTION_FENCED');
  await rejects(wh.sql(`COMMIT held THROUGH EPOCH ${two} WITH (consumer = 'one')`), 'conflict', 'MR_SUBSCRIPTION_FENCED');
  assert.deepEqual((await wh.sql("SELECT consumer, state FROM millrace.subscriptions WHERE name = 'held'")).rows, [{consumer: 'two', state: 'active'}]);
  await first.close();
  await wh.sql('DROP SUBSCRIPTION held');
});

test('subscription: several tables share epochs; FROM SNAPSHOT begins with the content', async () => {
  await wh.sql('CREATE SUBSCRIPTION both ON ods.a, d, ods.b FROM SNAPSHOT');
  const content = await wh.sql('FETCH FROM both');
  assert.deepEqual(content.columns.map(({name}) => name), ['_epoch', '_table', '_op', '_complete', 'row']);
  const expected = (await wh.sql('SELECT (SELECT count(*) FROM ods.a) + (SELECT count(*) FROM d) + (SELECT count(*) FROM ods.b) AS n')).rows[0]?.['n'];
  assert.equal(BigInt(content.rows.length), expected);
  assert.deepEqual([...new Set(content.rows.map((row) => row['_op']))], ['+I']);
  assert.deepEqual(content.rows.map((row) => row['_complete']), content.rows.map((_, index) => index === content.rows.length - 1));
  await rejects(wh.sql(`COMMIT both THROUGH EPOCH ${content.epoch - 1}`), 'invalid', 'MR_SUBSCRIPTION_POSITION');
  await wh.sql(`COMMIT both THROUGH EPOCH ${content.epoch}`);
  const {epoch} = await wh.sql("BEGIN; INSERT INTO ods.a VALUES (30, 'new'); INSERT INTO ods.b VALUES (1, 0.5); COMMIT");
  const changes = await wh.sql('FETCH 1 FROM both');
  assert.deepEqual(changes.rows, [
    {_epoch: BigInt(epoch), _table: 'ods.a', _op: '+I', _complete: false, row: {id: 30n, v: 'new'}},
    {_epoch: BigInt(epoch), _table: 'ods.b', _op: '+I', _complete: false, row: {n: 1, f: 0.5}},
    {_epoch: BigInt(epoch), _table: 'main.d', _op: '+I', _complete: true, row: {v: 'new', n: 1n}},
  ].sort((a, b) => changes.rows.findIndex((row) => row['_table'] === a._table) - changes.rows.findIndex((row) => row['_table'] === b._table)).map((row, index) => ({...row, _complete: index === 2})));
  await wh.sql('DROP SUBSCRIPTION both');
});

test('subscription: conflated epochs are one net change; split ones may be cut', async () => {
  await wh.sql("CREATE SUBSCRIPTION net ON ods.a WITH (conflate = true); CREATE SUBSCRIPTION cut ON ods.a WITH ('split' = 'true')");
  const {epoch: one} = await wh.sql("INSERT INTO ods.a VALUES (40, 'a'), (41, 'a'), (42, 'a')");
  await wh.sql("UPDATE ods.a SET v = 'b' WHERE id IN (40, 41)");
  await wh.sql('DELETE FROM ods.a WHERE id = 41');
  const {epoch: last} = await wh.sql("INSERT INTO ods.b VALUES (7, 7); INSERT INTO ods.a VALUES (43, 'a'); DELETE FROM ods.a WHERE id = 43; UPDATE ods.a SET v = 'c' WHERE id = 42");
  assert.deepEqual(lines(await wh.sql('FETCH 1 FROM net')), [`${last} +I 40,b`, `${last} +I 42,c |`]);
  const session = await wh.session();
  assert.deepEqual(lines(await session.sql('FETCH 2 FROM cut')), [`${one} +I 40,a`, `${one} +I 41,a`]);
  const next = await session.sql('FETCH 1 FROM cut');
  assert.deepEqual(lines(next), [`${one} +I 42,a |`]);
  assert.equal(next.epoch, one);
  await session.close();
  await wh.sql('DROP SUBSCRIPTION net; DROP SUBSCRIPTION cut');
});

test('subscription: a FETCH waits for the first change, as long as it says', async () => {
  await wh.sql('CREATE SUBSCRIPTION waiting ON ods.b');
  assert.deepEqual(lines(await wh.sql("FETCH FROM waiting WAIT '5 ms'")), []);
  const waited = wh.sql("FETCH FROM waiting WAIT '100 s'");
  await wh.sql("INSERT INTO ods.a VALUES (50, 'quiet here')");
  const {epoch} = await wh.sql('INSERT INTO ods.b VALUES (9, 9)');
  assert.deepEqual(lines(await waited), [`${epoch} +I 9,9 |`]);
  const stop = new AbortController();
  await wh.sql(`COMMIT waiting THROUGH EPOCH ${epoch}`);
  const aborted = wh.sql('FETCH FROM waiting WITH (timeout = \'100 s\')', [], {signal: stop.signal});
  stop.abort();
  await rejects(aborted, 'unavailable', 'MR_INTERRUPTED');
  await wh.sql('DROP SUBSCRIPTION waiting');
});

test('subscription: followed by name it is a stream, until another takes it over or it is dropped', async () => {
  await wh.sql('CREATE SUBSCRIPTION stream ON ods.b');
  const {epoch: one} = await wh.sql('INSERT INTO ods.b VALUES (100, 1)');
  const first = wh.subscribe({subscription: 'stream'});
  assert.deepEqual((await first.next()).value, {epoch: one, changes: [{table: 'ods.b', op: '+I', row: {n: 100, f: 1}}], complete: true});
  const waiting = rejects(first.next(), 'conflict', 'MR_SUBSCRIPTION_FENCED');
  const second = wh.subscribe({subscription: 'stream', consumer: 'mine'});
  assert.equal((await second.next()).value?.epoch, one, 'not committed: it comes again');
  await waiting;
  await wh.commit('stream', one, 'mine');
  await second.return(undefined);
  const {epoch: two} = await wh.sql('INSERT INTO ods.b VALUES (101, 1)');
  const {epoch: three} = await wh.sql('INSERT INTO ods.b VALUES (102, 1)');
  const resumed = wh.subscribe({subscription: 'stream'}, {from: two});
  assert.equal((await resumed.next()).value?.epoch, three, 'it goes on where its reader says it is');
  await rejects(Promise.resolve().then(() => wh.subscribe({subscription: 'stream'}, {from: 'snapshot'}).next()), 'invalid', 'MR_PARAMETER');
  const ending = rejects(resumed.next(), 'invalid', 'MR_UNKNOWN_SUBSCRIPTION');
  await wh.sql('DROP SUBSCRIPTION stream');
  await ending;
});

test('subscription: too far behind, its lease ends for good and says what to do; with nothing to deliver it is moved along', async () => {
  await wh.sql("CREATE SUBSCRIPTION late ON ods.a WITH (lag_max_bytes = 100); CREATE SUBSCRIPTION old ON ods.a WITH (lag_max = '0 s'); CREATE SUBSCRIPTION quiet ON ods.b; CREATE SUBSCRIPTION unread ON ods.a FROM SNAPSHOT WITH (lag_max = '0 s')");
  const {epoch: before} = await wh.sql('FETCH FROM quiet');
  await wh.sql("INSERT INTO ods.a VALUES (60, 'x'); INSERT INTO ods.a VALUES (61, 'x'); INSERT INTO ods.a VALUES (62, 'x')");
  const {epoch: middle} = await wh.sql('FETCH FROM quiet');
  await wh.sql("INSERT INTO ods.a VALUES (63, 'x')");
  await new Promise((resolve) => setTimeout(resolve, 2)); // the age of what waits is counted in ms
  await wh.subscriptions.sweep();
  const state = async (name: string): Promise<unknown> => (await wh.sql(`SELECT state FROM millrace.subscriptions WHERE name = '${name}'`)).rows[0]?.['state'];
  assert.deepEqual([await state('late'), await state('old'), await state('quiet'), await state('unread')], ['expired', 'expired', 'active', 'snapshot pending']);
  const error = await rejects(wh.sql('FETCH FROM late'), 'invalid', 'MR_SUBSCRIPTION_EXPIRED', /at most 100 are allowed \(lag_max_bytes\)/);
  assert.match(error.hint ?? '', /DROP SUBSCRIPTION late/);
  const position = (await wh.sql("SELECT position FROM millrace.subscriptions WHERE name = 'quiet'")).rows[0]?.['position'];
  assert.ok(Number(position) > middle && middle > before, `moved along to ${String(position)}`);
  await wh.sql(`COMMIT quiet THROUGH EPOCH ${middle}`); // what it fetched before it was moved is no step back
  assert.ok((await wh.metrics()).some(({name, labels, value}) => name === 'millrace_subscription_expired' && labels['subscription'] === 'late' && value === 1));
  await wh.sql('CHECKPOINT');
  await reopen();
  await rejects(wh.sql('FETCH FROM late'), 'invalid', 'MR_SUBSCRIPTION_EXPIRED');
  await rejects(wh.sql(`COMMIT old THROUGH EPOCH ${middle}`), 'invalid', 'MR_SUBSCRIPTION_EXPIRED');
  assert.equal((await wh.sql('SHOW SUBSCRIPTIONS')).rows.find((row) => row['name'] === 'quiet')?.['lag_epochs'], 0n);
  await wh.sql('DROP SUBSCRIPTION late; DROP SUBSCRIPTION old; DROP SUBSCRIPTION quiet; CREATE SUBSCRIPTION late ON ods.a FROM SNAPSHOT; DROP SUBSCRIPTION unread');
  assert.equal((await wh.sql('FETCH FROM late')).rows.length, (await wh.sql('SELECT * FROM ods.a')).rows.length);
});

test('subscription: whatever is fetched, committed and begun anew, what was committed folds to the table, without a gap', async (t) => {
  const random = new Random(testSeed(20_260_102));
  await wh.sql('CREATE TABLE keyed (k INTEGER PRIMARY KEY, v INTEGER)');
  for (const options of ['conflate = false', 'conflate = true', 'split = true', 'conflate = true, split = true']) await wh.sql(`CREATE SUBSCRIPTION "${options}" ON keyed WITH (${options})`);
  interface Consumer {readonly name: string; token: number; epoch: number; durable: Map<unknown, unknown>; scratch: Map<unknown, unknown>}
  const consumers = ['conflate = false', 'conflate = true', 'split = true', 'conflate = true, split = true'].map((name): Consumer => ({name, token: 0, epoch: 0, durable: new Map(), scratch: new Map()}));
  const read = async (consumer: Consumer, rows: number): Promise<void> => {
    const {rows: changes, epoch} = await wh.sql(`FETCH ${rows} FROM "${consumer.name}" WITH (consumer = '${consumer.token}')`);
    for (const {_op, k, v} of changes) {
      if (_op === '-U' || _op === '-D') {
        assert.equal(consumer.scratch.get(k), v, `MR_SEED: ${consumer.name} takes away what is there`);
        consumer.scratch.delete(k);
      } else consumer.scratch.set(k, v);
    }
    consumer.epoch = changes.length === 0 || changes.at(-1)?.['_complete'] === true ? epoch : -1;
  };
  let commits = 0, crashes = 0;
  for (let step = 0; step < 60; step++) {
    if (random.chance(0.4)) await wh.sql(random.chance(0.3) ? `DELETE FROM keyed WHERE k = ${random.integer(0, 5)}` : `INSERT INTO keyed VALUES (${random.integer(0, 5)}, ${step}), (${random.integer(0, 5)}, ${step})`);
    const consumer = random.pick(consumers);
    if (random.chance(0.6)) await read(consumer, random.integer(1, 4));
    else if (consumer.epoch > 0 && random.chance(0.7)) {
      await wh.sql(`COMMIT "${consumer.name}" THROUGH EPOCH ${consumer.epoch} WITH (consumer = '${consumer.token}')`);
      consumer.durable = new Map(consumer.scratch);
      consumer.epoch = 0;
      commits++;
    } else {
      consumer.token++;
      consumer.epoch = 0;
      consumer.scratch = new Map(consumer.durable);
      crashes++;
    }
  }
  const content = (await wh.sql('SELECT k, v FROM keyed ORDER BY k')).rows.map(({k, v}) => [k, v]);
  for (const consumer of consumers) {
    await read(consumer, 1000);
    assert.deepEqual([...consumer.scratch].sort(([a], [b]) => Number(a) - Number(b)), content, consumer.name);
  }
  assert.ok(commits > 3 && crashes > 3, `${commits} commits, ${crashes} new consumers`);
  t.diagnostic(`${commits} commits, ${crashes} new consumers`);
});

test('subscription: what it has not read is held beyond log and retention, told again from files, and let go when it is committed', async (t) => {
  const path = `${folder.path}-files`;
  t.after(() => rmSync(path, {recursive: true, force: true}));
  const options = {path, logCheckpoints: 1, historyRetentionMs: 1, logSegmentBytesMax: 512};
  let own = await Warehouse.open(options);
  try {
    await own.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, v VARCHAR); CREATE TABLE other (x INTEGER); INSERT INTO t VALUES (0, 'before'); CHECKPOINT; CREATE SUBSCRIPTION s ON t");
    const expected: string[] = [];
    for (let i = 1; i <= 6; i++) {
      const {epoch} = await own.sql(`INSERT INTO t VALUES (${i}, 'v${i}')`);
      expected.push(`${epoch} +I ${i},v${i} |`);
      await own.sql(`INSERT INTO other VALUES (${i}); CHECKPOINT`);
    }
    await own.close();
    own = await Warehouse.open(options);
    const oldest = (await own.sql("SELECT position FROM millrace.subscriptions WHERE name = 's'")).rows[0]?.['position'];
    assert.ok(own.oldestEpoch <= Number(oldest), `history from ${own.oldestEpoch} on, position ${String(oldest)}`);
    assert.ok(readdirSync(join(path, '_millrace', 'log')).every((name) => Number(/^(\d+)\.log$/.exec(name)?.[1]) > Number(oldest) + 1), 'the log has let go of it');
    const first = await own.sql('FETCH 3 FROM s');
    assert.deepEqual(lines(first), expected.slice(0, 3));
    await own.sql(`COMMIT s THROUGH EPOCH ${first.epoch}`);
    const rest = await own.sql('FETCH FROM s');
    assert.deepEqual(lines(rest), expected.slice(3));
    await own.sql(`COMMIT s THROUGH EPOCH ${rest.epoch}; INSERT INTO other VALUES (7); CHECKPOINT; INSERT INTO other VALUES (8); CHECKPOINT`);
    assert.ok(own.oldestEpoch >= Number(first.epoch), `history is let go up to what was committed: ${own.oldestEpoch}`);
    assert.ok((await own.metrics()).some(({name, labels}) => name === 'millrace_history_holds' && labels['kind'] === 'subscription'), 'the hold is told');
  } finally {
    await own.close();
  }
  assert.deepEqual((await checkWarehouse(path)).problems, []);
});

test('subscription: changes of before an ALTER come under the columns of now; net changes know the key wherever it stands', async () => {
  await wh.sql('CREATE TABLE altered (gone INTEGER, a VARCHAR, k INTEGER PRIMARY KEY); CREATE SUBSCRIPTION plain ON altered; CREATE SUBSCRIPTION netted ON altered WITH (conflate = true)');
  const {epoch: one} = await wh.sql("INSERT INTO altered VALUES (1, 'x', 1), (2, 'x', 2)");
  await wh.sql('ALTER TABLE altered DROP COLUMN gone');
  await wh.sql('ALTER TABLE altered RENAME COLUMN a TO b');
  const {epoch: two} = await wh.sql("INSERT INTO altered VALUES ('y', 1)");
  const {epoch: three} = await wh.sql("INSERT INTO altered VALUES ('z', 1)");
  const plain = await wh.sql('FETCH FROM plain');
  assert.deepEqual(plain.columns.map(({name}) => name).slice(3), ['b', 'k']);
  assert.deepEqual(lines(plain), [`${one} +I x,1`, `${one} +I x,2 |`, `${two} -U x,1`, `${two} +U y,1 |`, `${three} -U y,1`, `${three} +U z,1 |`]);
  const content = new Map<unknown, unknown>();
  for (const {_op, k, b} of (await wh.sql('FETCH FROM netted')).rows) {
    if (_op === '+I' || _op === '+U') content.set(k, b);
    else content.delete(k);
  }
  assert.deepEqual([...content].sort(), [[1, 'z'], [2, 'x']]);
  await wh.sql('DROP SUBSCRIPTION plain; DROP SUBSCRIPTION netted');
});
