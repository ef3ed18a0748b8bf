/** Changes over a real socket: lines and events, ranges, resuming, clients that go away or read slowly, a server that closes. */
import assert from 'node:assert/strict';
import {request} from 'node:http';
import {connect} from 'node:net';
import test, {after, before} from 'node:test';
import {subscriptionItemRowsMax} from '../../base/limit.ts';
import {Warehouse} from '../../engine/warehouse.ts';
import {serve, type Serving} from '../../server/main.ts';
import {sharedFolder} from '../support/expect.ts';
import {jsonLines, send, textOf} from '../support/http.ts';

let wh: Warehouse;
let serving: Serving;
const folder = sharedFolder();
/** The oldest readable epoch: the first opening's changes are in files. */
let oldest = 0;

before(async () => {
  wh = await Warehouse.open({path: folder.path});
  await wh.sql(`
    CREATE TABLE kept (id BIGINT PRIMARY KEY, v INTEGER);
    CREATE TABLE big (id BIGINT PRIMARY KEY, text VARCHAR);
    INSERT INTO kept VALUES (1, 10), (2, 20);
    UPDATE kept SET v = 11 WHERE id = 1;
    CREATE DYNAMIC TABLE per AS SELECT id % 2 AS odd, count(*) AS n, avg(v) AS a FROM kept GROUP BY ALL;`);
  serving = await serve(wh, {host: '127.0.0.1', port: 0});
});
after(async () => {
  await serving.close();
  await wh.close();
  folder.remove();
});

async function lines(path: string, headers: Record<string, string> = {}): Promise<Record<string, unknown>[]> {
  const response = await send(serving.url, {path, headers});
  const text = await textOf(response);
  assert.equal(response.statusCode, 200, text);
  assert.equal(response.headers['content-type'], 'application/x-ndjson; charset=utf-8');
  assert.ok(text === '' || text.endsWith('\n'));
  return text.split('\n').slice(0, -1).map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function refused(path: string, status: number, code: string): Promise<void> {
  const response = await send(serving.url, {path});
  const body = JSON.parse(await textOf(response)) as {code: string};
  assert.deepEqual([response.statusCode, body.code], [status, code], path);
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let i = 0; i < 2000; i++) {
    if (holds()) return;
    await new Promise((resolve) => setImmediate(resolve));
    await wh.sql('SELECT 1');
  }
  assert.fail(`${what} did not come`);
}

test('changes: a range ends where it ends; since is exclusive, until inclusive; every epoch has its end mark', async () => {
  const [a, b] = [(await wh.sql('INSERT INTO kept VALUES (3, 30), (4, 41)')).epoch, (await wh.sql('DELETE FROM kept WHERE id = 3; UPDATE kept SET v = 42 WHERE id = 4')).epoch];
  assert.deepEqual(await lines(`/v1/tables/kept/changes?since=${a - 1}&until=${a}`), [
    {epoch: a, op: '+I', row: {id: '3', v: 30}}, {epoch: a, op: '+I', row: {id: '4', v: 41}}, {epoch: a, complete: true},
  ]);
  assert.deepEqual(await lines(`/v1/tables/kept/changes?since=${a}`), [
    {epoch: b - 1, op: '-D', row: {id: '3', v: 30}}, {epoch: b - 1, complete: true},
    {epoch: b, op: '-U', row: {id: '4', v: 41}}, {epoch: b, op: '+U', row: {id: '4', v: 42}}, {epoch: b, complete: true},
  ]);
  assert.deepEqual(await lines(`/v1/tables/kept/changes?since=${b}`), []);
  assert.deepEqual(await lines(`/v1/tables/kept/changes?since=${b}&until=${b + 1000}`), [], 'without follow nothing is waited for');
  assert.deepEqual(await lines(`/v1/tables/kept/changes?since=latest`), []);
});

test('changes: several tables share their epochs, and lines name the table', async () => {
  const {epoch} = await wh.sql('INSERT INTO kept VALUES (6, 60)');
  const both = await lines(`/v1/changes?table=kept&table=per&since=${epoch - 1}`);
  assert.deepEqual(both.map(({table, op, complete}) => [table, op, complete]), [['main.kept', '+I', undefined], ['main.per', '-U', undefined], ['main.per', '+U', undefined], [undefined, undefined, true]]);
  assert.deepEqual(Object.keys(both[1]!['row'] as object), ['odd', 'n', 'a'], 'hidden columns never show');
});

test('changes: a snapshot is the content as +I of one epoch', async () => {
  const found = await lines('/v1/tables/kept/changes?since=snapshot');
  assert.deepEqual(found.at(-1), {epoch: wh.epoch, complete: true});
  assert.deepEqual(found.slice(0, -1).map(({op, row}) => [op, (row as {id: string}).id]).sort(), [['+I', '1'], ['+I', '2'], ['+I', '4'], ['+I', '6']]);
});

test('changes: wrong ranges and names are refused with a status before the first byte', async () => {
  await refused('/v1/tables/nothing/changes', 404, 'MR_UNKNOWN_TABLE');
  await refused('/v1/changes', 400, 'MR_PARAMETER');
  await refused('/v1/tables/kept/changes?since=x', 400, 'MR_PARAMETER');
  await refused('/v1/tables/kept/changes?since=-1', 400, 'MR_PARAMETER');
  await refused('/v1/tables/kept/changes?until=now', 400, 'MR_PARAMETER');
  await refused('/v1/tables/kept/changes?follow=yes', 400, 'MR_PARAMETER');
  await refused('/v1/tables/kept/changes?since=1&since=2', 400, 'MR_PARAMETER');
  await refused('/v1/tables/kept/changes?from=1', 400, 'MR_PARAMETER');
});

test('changes: since=0 begins with the content at the oldest readable epoch; older ones are gone (410)', async () => {
  const all = async (): Promise<Map<string, number>> => {
    const content = new Map<string, number>();
    for (const {op, row} of await lines('/v1/tables/kept/changes?since=0')) {
      const {id, v} = (row ?? {}) as {id: string; v: number};
      if (op === '+I' || op === '+U') content.set(id, v);
      else if (op === '-D') content.delete(id);
    }
    return content;
  };
  const expected = new Map((await wh.sql('SELECT id, v FROM kept')).rows.map((row) => [String(row['id']), Number(row['v'])]));
  assert.deepEqual(new Map([...await all()].sort()), new Map([...expected].sort()));
  const sql = await wh.sql("SELECT count(*) FILTER (_op = '+I') AS i FROM changes(kept, since => 0)");
  const http = (await lines('/v1/tables/kept/changes?since=0')).filter(({op}) => op === '+I').length;
  assert.equal(BigInt(http), sql.rows[0]!['i'], 'the same as changes() in SQL');
  oldest = wh.oldestEpoch;
  if (oldest > 1) await refused(`/v1/tables/kept/changes?since=${oldest - 1}`, 410, 'MR_EPOCH_EXPIRED');
});

test('changes: followed as they happen, to an end or until the client goes, which frees its reader', async () => {
  const start = wh.epoch;
  const response = await send(serving.url, {path: `/v1/tables/kept/changes?since=${start}&follow=true`});
  const found = jsonLines(response);
  for (let i = 1; i <= 3; i++) {
    const {epoch} = await wh.sql(`INSERT INTO kept VALUES (${100 + i}, ${i})`);
    assert.deepEqual((await found.next()).value, {epoch, op: '+I', row: {id: String(100 + i), v: i}});
    assert.deepEqual((await found.next()).value, {epoch, complete: true});
  }
  await found.return(undefined);
  const bounded = lines(`/v1/tables/kept/changes?since=${wh.epoch}&until=${wh.epoch + 1}&follow=true`);
  await wh.sql('DELETE FROM kept WHERE id > 100');
  assert.equal((await bounded).filter(({op}) => op === '-D').length, 3);
});

test('changes: events carry their epoch as id at its end only, and Last-Event-ID resumes without gap or repeat', async () => {
  const start = wh.epoch;
  await wh.sql('INSERT INTO kept VALUES (7, 70)');
  await wh.sql('DELETE FROM kept WHERE id = 7');
  const events = async (headers: Record<string, string>): Promise<string> => {
    const response = await send(serving.url, {path: '/v1/tables/kept/changes?since=' + start, headers: {accept: 'text/event-stream', ...headers}});
    assert.equal(response.headers['content-type'], 'text/event-stream; charset=utf-8');
    return textOf(response);
  };
  const [e1, e2] = [start + 1, start + 2];
  const second = `data: {"epoch":${e2},"op":"-D","row":{"id":"7","v":70}}\n\nid: ${e2}\ndata: {"epoch":${e2},"complete":true}\n\n`;
  assert.equal(await events({}), `data: {"epoch":${e1},"op":"+I","row":{"id":"7","v":70}}\n\nid: ${e1}\ndata: {"epoch":${e1},"complete":true}\n\n${second}`);
  assert.equal(await events({'last-event-id': String(e1)}), second);
  assert.equal(await events({'last-event-id': String(e2)}), '');
});

test('changes: where nothing comes the end mark of the newest epoch is given again, as a line and as an event with its id', async () => {
  const quick = await serve(wh, {host: '127.0.0.1', port: 0, heartbeatMs: 5});
  try {
    const at = wh.epoch;
    const found = jsonLines(await send(quick.url, {path: `/v1/tables/kept/changes?since=${at}&follow=true`}));
    const mark = found.next();
    const {epoch} = await wh.sql('CREATE TABLE elsewhere (a INTEGER)');
    assert.deepEqual((await mark).value, {epoch, complete: true}, 'it also says how far the stream is past what changed nothing');
    assert.deepEqual((await found.next()).value, {epoch, complete: true});
    await found.return(undefined);
    const events = await send(quick.url, {path: '/v1/tables/kept/changes?follow=true', headers: {accept: 'text/event-stream'}});
    let text = '';
    for await (const part of events) {
      text += String(part);
      if (/^(:\n\n)+/.test(text)) break;
    }
    assert.match(text, /^(:\n\n)+/, 'before there is an end mark a comment');
  } finally {
    await quick.close();
  }
});

test('changes: a durable subscription is followed by its name from where it was committed, and committed', async () => {
  await wh.sql('CREATE SUBSCRIPTION http ON kept, per');
  const {epoch: one} = await wh.sql('INSERT INTO kept VALUES (8, 80)');
  const {epoch: two} = await wh.sql('DELETE FROM kept WHERE id = 8');
  const path = '/v1/subscriptions/http/changes';
  const commit = async (body: unknown): Promise<[number | undefined, unknown]> => {
    const response = await send(serving.url, {path: '/v1/subscriptions/http/commit', headers: {'content-type': 'application/json'}, body: JSON.stringify(body)});
    const answer = JSON.parse(await textOf(response)) as {code?: string; epoch?: number};
    return [response.statusCode, answer.code ?? 'done'];
  };
  const epochsOf = async (headers: Record<string, string>, count: number, query = ''): Promise<unknown[]> => {
    const found = jsonLines(await send(serving.url, {path: path + query, headers}));
    const marks: unknown[] = [];
    for await (const line of found) {
      if (line['complete'] === true) marks.push(line['epoch']);
      else assert.match(String(line['table']), /^main\.(kept|per)$/);
      if (marks.length === count) break;
    }
    return marks;
  };
  assert.deepEqual(await epochsOf({}, 2), [one, two]);
  assert.deepEqual(await epochsOf({'last-event-id': String(one)}, 1), [two], 'resumed where its reader is');
  assert.deepEqual(await commit({epoch: one}), [200, 'done']);
  assert.deepEqual(await epochsOf({}, 1), [two]);
  assert.deepEqual(await epochsOf({'last-event-id': String(one - 1)}, 1), [two], 'what is committed is done with');
  assert.deepEqual(await commit({epoch: two + 5}), [400, 'MR_SUBSCRIPTION_POSITION']);
  assert.deepEqual(await commit({epoch: '7'}), [400, 'MR_PARAMETER']);
  assert.deepEqual(await commit({epoch: 7, force: true}), [400, 'MR_PARAMETER']);
  assert.deepEqual(await commit([7]), [400, 'MR_PARAMETER']);
  assert.deepEqual(await epochsOf({}, 1, '?consumer=a'), [two]);
  const held = jsonLines(await send(serving.url, {path: `${path}?consumer=b`}));
  await held.next();
  assert.deepEqual(await commit({epoch: two, consumer: 'a'}), [409, 'MR_SUBSCRIPTION_FENCED'].map((value) => value));
  assert.deepEqual(await commit({epoch: two, consumer: 'b'}), [200, 'done']);
  await held.return(undefined);
  await refused('/v1/subscriptions/htp/changes', 404, 'MR_UNKNOWN_SUBSCRIPTION');
  await refused(`${path}?follow=true`, 400, 'MR_PARAMETER');
  await refused('/v1/subscriptions/http/commit', 405, 'MR_METHOD');
  await wh.sql('DROP SUBSCRIPTION http');
});

test('changes: a client that does not read holds no read of the warehouse; one that goes away leaves nothing', async () => {
  await wh.sql("INSERT INTO big SELECT range, repeat('x', 300) || range FROM range(60000)");
  const slow: ReturnType<typeof connect>[] = [];
  const {hostname, port} = new URL(serving.url);
  for (let i = 0; i < 10; i++) {
    const socket = connect({host: hostname, port: Number(port)});
    socket.on('error', () => undefined);
    socket.pause();
    socket.write(`GET /v1/tables/big/changes?since=snapshot&follow=true HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    slow.push(socket);
  }
  // Ten slow snapshots of 18 MB, more than there are reads: queries go on, and so does the next snapshot.
  const counted = await Promise.all(Array.from({length: 12}, () => wh.sql('SELECT count(*) AS n FROM big')));
  assert.ok(counted.every(({rows}) => rows[0]!['n'] === 60_000n));
  let seen = 0;
  let items = 0;
  for await (const {changes, complete} of wh.subscribe('big', {from: 'snapshot'})) {
    seen += changes.length;
    items++;
    assert.ok(changes.length <= subscriptionItemRowsMax);
    if (complete) break;
  }
  assert.deepEqual([seen, items], [60_000, 6]);
  for (const socket of slow) socket.destroy();
  const fast = await lines('/v1/tables/big/changes?since=snapshot');
  assert.equal(fast.length, 60_001);
});

test('changes: a dropped table ends its followers with an error line', async () => {
  await wh.sql('CREATE TABLE short (a INTEGER)');
  const found = jsonLines(await send(serving.url, {path: '/v1/tables/short/changes?follow=true'}));
  const first = found.next();
  await wh.sql('INSERT INTO short VALUES (1)');
  assert.equal(((await first).value as {op: string}).op, '+I');
  await found.next();
  await wh.sql('DROP TABLE short');
  assert.equal(((await found.next()).value as {error: {code: string}}).error.code, 'MR_TABLE_GONE');
  assert.equal((await found.next()).done, true);
});

test('rows: a batch that breaks off is not taken; a client that goes away stops its statement', async () => {
  const at = wh.epoch;
  const {hostname, port} = new URL(serving.url);
  const broken = request({hostname, port, path: '/v1/tables/kept/rows', method: 'POST', headers: {'content-type': 'application/x-ndjson'}});
  broken.on('error', () => undefined);
  broken.write('{"id": 900, "v": 1}\n');
  await until('the connection', () => broken.socket?.connecting === false);
  broken.destroy();
  const stopped = request({hostname, port, path: '/v1/sql', method: 'POST', headers: {'content-type': 'application/json'}});
  stopped.on('error', () => undefined);
  stopped.end(JSON.stringify({sql: 'SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range + b.range = 7'}));
  await until('the connection', () => stopped.socket?.connecting === false);
  stopped.destroy();
  assert.deepEqual((await wh.sql('SELECT count(*) AS n FROM kept WHERE id = 900')).rows, [{n: 0n}]);
  assert.equal(wh.epoch, at);
});

test('rows: a stream of any length with on_error=reject; a bad batch is answered although the client still sends', async () => {
  async function* many(count: number, bad: number): AsyncGenerator<string> {
    for (let i = 0; i < count; i += 1000) yield Array.from({length: 1000}, (_, j) => (i + j === bad ? 'bad\n' : `{"id": ${1_000_000 + i + j}, "v": ${j}}\n`)).join('');
  }
  const headers = {'content-type': 'application/x-ndjson'};
  const taken = JSON.parse(await textOf(await send(serving.url, {path: '/v1/tables/kept/rows?on_error=reject', headers, body: many(50_000, 12_345)}))) as {accepted: number; rejected: number};
  assert.deepEqual([taken.accepted, taken.rejected], [49_999, 1]);
  const refusedResponse = await send(serving.url, {path: '/v1/tables/kept/rows', headers, body: many(400_000, 10)});
  assert.equal(refusedResponse.statusCode, 400);
  assert.match(await textOf(refusedResponse), /line 11 is not JSON/);
});

test('host: a request without a Host name gets no answer from the warehouse', async () => {
  const {hostname, port} = new URL(serving.url);
  const text = await new Promise<string>((resolve, reject) => {
    const socket = connect({host: hostname, port: Number(port)}, () => socket.write('GET /readyz HTTP/1.0\r\n\r\n'));
    let all = '';
    socket.on('data', (part) => { all += String(part); });
    socket.on('end', () => resolve(all));
    socket.on('error', reject);
  });
  assert.match(text, /^HTTP\/1\.1 421/);
  assert.match(text, /MR_HOST/);
});

test('close: the server ends its followers and does not wait for them', async () => {
  const other = await serve(wh, {host: '127.0.0.1', port: 0});
  const followers = await Promise.all(Array.from({length: 3}, () => send(other.url, {path: '/v1/tables/kept/changes?follow=true'})));
  const ends = followers.map((response) => textOf(response));
  await other.close();
  assert.deepEqual(await Promise.all(ends), ['', '', '']);
});
