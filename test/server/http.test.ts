/** The HTTP face: SQL, rows in, point look-ups, health, metrics, and every refusal with its status. */
import assert from 'node:assert/strict';
import test, {after, before} from 'node:test';
import type {FastifyInstance, InjectOptions} from 'fastify';
import {lineBytesMax, requestBytesMax} from '../../base/limit.ts';
import {Warehouse} from '../../engine/warehouse.ts';
import {buildApp} from '../../server/app.ts';
import {sharedFolder} from '../support/expect.ts';

let wh: Warehouse;
let app: FastifyInstance;
const folder = sharedFolder();

before(async () => {
  wh = await Warehouse.open({path: folder.path});
  await wh.sql(`
    CREATE SCHEMA ods;
    CREATE TABLE ods.orders (id BIGINT PRIMARY KEY, amount DECIMAL(12,2), note VARCHAR);
    CREATE TABLE ods.pairs (a VARCHAR, b TIMESTAMP, v INTEGER, PRIMARY KEY (a, b));
    CREATE TABLE ods.events (ts TIMESTAMP, what VARCHAR NOT NULL);`);
  app = buildApp({warehouse: wh});
});
after(async () => {
  await app.close();
  await wh.close();
  folder.remove();
});

interface Answered {
  readonly status: number;
  readonly json: Record<string, unknown>;
}

async function call(options: InjectOptions): Promise<Answered> {
  const response = await app.inject({...options, headers: {host: 'localhost', ...options.headers}});
  return {status: response.statusCode, json: JSON.parse(response.payload) as Record<string, unknown>};
}

function sql(text: string, more: Record<string, unknown> = {}): Promise<Answered> {
  return call({method: 'POST', url: '/v1/sql', payload: {sql: text, ...more}});
}

function rows(table: string, payload: unknown, query = ''): Promise<Answered> {
  return call({method: 'POST', url: `/v1/tables/${table}/rows${query}`, headers: {'content-type': 'application/json'}, payload: JSON.stringify(payload)});
}

function ndjson(table: string, payload: string, query = ''): Promise<Answered> {
  return call({method: 'POST', url: `/v1/tables/${table}/rows${query}`, headers: {'content-type': 'application/x-ndjson'}, payload});
}

function refused({status, json}: Answered, wanted: number, code: string, message?: RegExp): void {
  assert.deepEqual([status, json['code']], [wanted, code], JSON.stringify(json));
  assert.ok(typeof json['kind'] === 'string' && typeof json['message'] === 'string');
  if (message !== undefined) assert.match(String(json['message']), message);
}

test('sql: answers columns, rows and epoch; of several statements the last', async () => {
  const one = await sql("SELECT 1::BIGINT AS a, 'x' AS b, 2::INTEGER AS a");
  assert.deepEqual(one, {status: 200, json: {columns: [{name: 'a', type: 'BIGINT'}, {name: 'b', type: 'VARCHAR'}, {name: 'a:1', type: 'INTEGER'}], rows: [{a: '1', b: 'x', 'a:1': 2}], epoch: wh.epoch}});
  const several = await sql("INSERT INTO ods.orders VALUES (1, 2.5, 'first'); SELECT amount FROM ods.orders WHERE id = 1");
  assert.deepEqual(several.json['rows'], [{amount: '2.50'}]);
  const written = await sql('DELETE FROM ods.orders WHERE id = 1');
  assert.deepEqual(written.json, {columns: [], rows: [], epoch: wh.epoch, tag: 'DELETE 1'});
  assert.equal((await sql('BEGIN; INSERT INTO ods.orders VALUES (1, 1, NULL); INSERT INTO ods.orders VALUES (2, 2, NULL); COMMIT')).json['epoch'], Number(written.json['epoch']) + 1);
});

test('sql: parameters, with every digit of long integers', async () => {
  const answer = await sql('SELECT $1::BIGINT AS a, $2 AS b, ?::DOUBLE AS c, $4::BOOLEAN AS d'.replace('?', '$3'), {params: ['9223372036854775807', 'x', 1.5, true]});
  assert.deepEqual(answer.json['rows'], [{a: '9223372036854775807', b: 'x', c: 1.5, d: true}]);
  const long = await call({method: 'POST', url: '/v1/sql', headers: {'content-type': 'application/json'}, payload: '{"sql": "SELECT $1::BIGINT AS a, $2 AS b", "params": [9007199254740993, null]}'});
  assert.deepEqual(long.json['rows'], [{a: '9007199254740993', b: null}]);
});

test('sql: a large result is the same in pieces', async () => {
  const {json} = await sql("SELECT range::INTEGER AS i, 'text ' || range AS t FROM range(30000) ORDER BY i");
  const found = json['rows'] as {i: number; t: string}[];
  assert.equal(found.length, 30_000);
  assert.deepEqual(found[29_999], {i: 29_999, t: 'text 29999'});
});

test('sql: errors have the status of their kind', async () => {
  refused(await sql('SELEC 1'), 400, 'MR_SYNTAX');
  refused(await sql('SELECT * FROM ods.order'), 404, 'MR_UNKNOWN_TABLE', /ods\.order/);
  refused(await sql("SELECT CAST('x' AS INTEGER)"), 400, 'MR_SQL', /Could not convert string 'x'/);
  refused(await sql('UPDATE ods.events SET what = NULL'), 400, 'MR_APPEND_ONLY');
  refused(await sql('BEGIN; DELETE FROM ods.orders'), 400, 'MR_TRANSACTION_OPEN');
  refused(await sql('SELECT 1', {at: -1}), 400, 'MR_PARAMETER', /"at" is -1/);
  refused(await sql('SELECT 1', {branch: 'b'}), 400, 'MR_UNSUPPORTED');
  refused(await sql('SELECT 1', {parameters: []}), 400, 'MR_PARAMETER', /unknown member "parameters"/);
  refused(await sql('SELECT $1', {params: {}}), 400, 'MR_PARAMETER', /"params" is object/);
  refused(await sql('SELECT $1', {params: [[1]]}), 400, 'MR_PARAMETER', /parameter 1 is an array/);
  refused(await sql('SELECT $2', {params: [1]}), 400, 'MR_PARAMETER', /\$2 has no value: 1 are given/);
  refused(await call({method: 'POST', url: '/v1/sql', payload: {query: 'x'}}), 400, 'MR_PARAMETER', /unknown member "query"/);
  refused(await call({method: 'POST', url: '/v1/sql', payload: '{"sql":', headers: {'content-type': 'application/json'}}), 400, 'MR_JSON', /not JSON/);
  refused(await call({method: 'POST', url: '/v1/sql', payload: 'SELECT 1', headers: {'content-type': 'text/plain'}}), 415, 'MR_MEDIA_TYPE');
  refused(await call({method: 'POST', url: '/v1/sql', payload: `{"sql": "${' '.repeat(requestBytesMax)}"}`, headers: {'content-type': 'application/json'}}), 413, 'MR_TOO_LARGE');
});

test('rows: an array, one object, or lines; one epoch, last of a key wins', async () => {
  const before_ = wh.epoch;
  assert.deepEqual(await rows('ods.orders', [{id: 10, amount: 1, note: 'a'}, {id: '11', amount: '2.345', note: null}, {id: 10, amount: 3}]), {status: 200, json: {epoch: before_ + 1, accepted: 3, rejected: 0, errors: []}});
  assert.deepEqual((await rows('ods.orders', {id: 12, amount: 4})).json, {epoch: before_ + 2, accepted: 1, rejected: 0, errors: []});
  assert.deepEqual((await ndjson('ods.orders', '{"id":13}\r\n\n{"id":14,"note":"no end of line"}')).json, {epoch: before_ + 3, accepted: 2, rejected: 0, errors: []});
  assert.deepEqual((await sql('SELECT * FROM ods.orders WHERE id >= 10 ORDER BY id')).json['rows'], [
    {id: '10', amount: '3.00', note: null}, {id: '11', amount: '2.35', note: null}, {id: '12', amount: '4.00', note: null}, {id: '13', amount: null, note: null}, {id: '14', amount: null, note: 'no end of line'},
  ]);
  assert.deepEqual((await rows('ods.orders', [])).json, {epoch: wh.epoch, accepted: 0, rejected: 0, errors: []});
});

test('rows: long integers keep their digits in arrays and in lines', async () => {
  const text = '[{"id": 9007199254740993, "amount": 1234567890.12, "note": "12345678901234567890"}]';
  assert.equal((await call({method: 'POST', url: '/v1/tables/ods.orders/rows', headers: {'content-type': 'application/json'}, payload: text})).status, 200);
  assert.equal((await ndjson('ods.orders', '{"id": -9223372036854775808, "amount": 9999999999.99}')).status, 200);
  assert.deepEqual((await sql('SELECT * FROM ods.orders WHERE id > 1000000 OR id < 0 ORDER BY id')).json['rows'], [
    {id: '-9223372036854775808', amount: '9999999999.99', note: null}, {id: '9007199254740993', amount: '1234567890.12', note: '12345678901234567890'},
  ]);
});

test('rows: a batch with one bad row is refused whole', async () => {
  const at = wh.epoch;
  const cases: [unknown, string, RegExp][] = [
    [[{id: 50}, {id: 'x'}], 'MR_TYPE', /line 2: column "id": expected BIGINT, found string "x"/],
    [[{id: 50}, {amount: 1}], 'MR_NULL_KEY', /line 2: key column "id" is missing: expected BIGINT/],
    [[{id: 50}, {id: null}], 'MR_NULL_KEY', /line 2: key column "id" is null/],
    [[{id: 50, notes: 'x'}], 'MR_UNKNOWN_COLUMN', /line 1: unknown column "notes"; ods\.orders has id, amount, note/],
    [[{id: 50, amount: 'ten'}], 'MR_TYPE', /expected DECIMAL\(12,2\), found string "ten"/],
    [[{id: 50, amount: 10_000_000_000}], 'MR_TYPE', /expected DECIMAL\(12,2\), found number 10000000000/],
    [[{id: 50, note: 5}], 'MR_TYPE', /expected VARCHAR, found number 5/],
    [[{id: 1.5}], 'MR_TYPE', /expected BIGINT, found number 1.5/],
    [[7], 'MR_JSON', /expected an object, found number/],
    [[[1]], 'MR_JSON', /expected an object, found an array/],
  ];
  for (const [body, code, message] of cases) refused(await rows('ods.orders', body), 400, code, message);
  refused(await ndjson('ods.orders', '{"id":50}\n{"id":51,}\n'), 400, 'MR_JSON', /line 2 is not JSON/);
  refused(await ndjson('ods.orders', `{"id":50}\n{"note":"${'x'.repeat(lineBytesMax)}"}\n`), 400, 'MR_LINE_TOO_LONG', /line 2/);
  refused(await rows('ods.nothing', []), 404, 'MR_UNKNOWN_TABLE');
  refused(await rows('ods.orders', [], '?on_error=ignore'), 400, 'MR_PARAMETER', /on_error is "ignore"/);
  refused(await call({method: 'POST', url: '/v1/tables/ods.orders/rows'}), 400, 'MR_JSON', /empty/);
  assert.equal(wh.epoch, at);
});

test('rows: with on_error=reject bad rows go aside with text and reason, a line above the limit too, and the stream goes on', async () => {
  const long = `{"id":62,"note":"${'x'.repeat(lineBytesMax)}"}`;
  const {status, json} = await ndjson('ods.orders', `{"id":60}\nnot json\n${long}\n{"id":"x"}\n{"id":61}\n`, '?on_error=reject');
  assert.equal(status, 200);
  assert.deepEqual([json['accepted'], json['rejected']], [2, 3]);
  assert.deepEqual((json['errors'] as {line: number; code: string}[]).map(({line, code}) => [line, code]), [[2, 'MR_JSON'], [3, 'MR_LINE_TOO_LONG'], [4, 'MR_TYPE']]);
  const kept = (await sql('SELECT line, code, reason, raw FROM ods.orders$rejected ORDER BY line')).json['rows'] as {line: number; code: string; reason: string; raw: string}[];
  assert.deepEqual(kept.map(({line, code}) => [line, code]), [[2, 'MR_JSON'], [3, 'MR_LINE_TOO_LONG'], [4, 'MR_TYPE']]);
  assert.equal(kept[0]!.raw, 'not json');
  assert.ok(kept[1]!.raw.startsWith('{"id":62,"note":"xxx') && kept[1]!.raw.length < 5000);
  assert.match(kept[2]!.reason, /expected BIGINT, found string "x"/);
  assert.deepEqual((await sql('SELECT count(*)::INTEGER AS n FROM ods.orders WHERE id IN (60, 61, 62)')).json['rows'], [{n: 2}]);
});

test('point look-up: one row by its key; parts are percent-encoded', async () => {
  await wh.insert('ods.pairs', [{a: 'x/y %', b: '2026-01-01T00:00:00', v: 1}, {a: '', b: '2026-01-02 03:04:05.5', v: 2}]);
  assert.deepEqual(await call({url: '/v1/tables/ods.orders/rows/10'}), {status: 200, json: {id: '10', amount: '3.00', note: null}});
  assert.deepEqual((await call({url: `/v1/tables/ods.pairs/rows/${encodeURIComponent('x/y %')}/2026-01-01`})).json, {a: 'x/y %', b: '2026-01-01T00:00:00.000000', v: 1});
  assert.deepEqual((await call({url: `/v1/tables/ods.pairs/rows//${encodeURIComponent('2026-01-02T05:04:05.5+02:00')}`})).json, {a: '', b: '2026-01-02T03:04:05.500000', v: 2});
  refused(await call({url: '/v1/tables/ods.orders/rows/999'}), 404, 'MR_NO_ROW', /no row of ods.orders has key 999/);
  refused(await call({url: '/v1/tables/ods.orders/rows/ten'}), 400, 'MR_TYPE', /key column "id": expected BIGINT/);
  refused(await call({url: '/v1/tables/ods.orders/rows/1/2'}), 400, 'MR_PARAMETER', /1 key column.*2 values/);
  refused(await call({url: '/v1/tables/ods.events/rows/1'}), 400, 'MR_NO_KEY');
  refused(await call({url: '/v1/tables/ods.nothing/rows/1'}), 404, 'MR_UNKNOWN_TABLE');
  refused(await call({url: '/v1/tables/ods.orders/rows/%zz'}), 400, 'MR_REQUEST');
});

test('health and metrics', async () => {
  assert.deepEqual(await call({url: '/healthz'}), {status: 200, json: {status: 'ok'}});
  assert.deepEqual(await call({url: '/readyz'}), {status: 200, json: {status: 'ready', epoch: wh.epoch, warming: []}});
  const response = await app.inject({url: '/metrics', headers: {host: 'localhost'}});
  assert.match(String(response.headers['content-type']), /^text\/plain/);
  for (const name of ['millrace_epoch', 'millrace_in_flight_bytes', 'millrace_log_bytes', 'millrace_state_bytes', 'millrace_state_bytes_max', 'millrace_event_loop_lag_ms', 'millrace_memory_bytes_max\\{share="serve"\\}', 'millrace_memory_bytes_max\\{share="maintain"\\}', 'millrace_memory_bytes_max\\{share="state"\\}', 'millrace_table_rows\\{table="ods.orders"\\}']) {
    assert.match(response.payload, new RegExp(`^${name}[ {]?.*\\d$`, 'm'), name);
  }
});

test('paths: what is not served is said so', async () => {
  refused(await call({url: '/v1/nothing?secret=1'}), 404, 'MR_NO_ROUTE', /^no such path: GET \/v1\/nothing$/);
  refused(await call({url: '/v1/sql'}), 405, 'MR_METHOD', /takes POST, found GET/);
  refused(await call({method: 'DELETE', url: '/v1/tables/ods.orders/rows'}), 405, 'MR_METHOD');
  refused(await call({url: '/../../etc/passwd'}), 404, 'MR_NO_ROUTE');
  refused(await call({url: '/v1/tables/..%2f..%2fetc/changes'}), 404, 'MR_UNKNOWN_TABLE');
});

test('guard: without a token only the names of loopback are answered, and no page may read', async () => {
  for (const host of ['localhost', 'localhost:8080', 'LOCALHOST:1', '127.0.0.1:8080', '[::1]:8080', '[::1]']) assert.equal((await call({url: '/healthz', headers: {host}})).status, 200, host);
  for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example:8080', '0.0.0.0:8080', '192.168.0.1', 'localhost:x', '[::1].evil.example']) {
    refused(await call({url: '/healthz', headers: {host}}), 421, 'MR_HOST');
    refused(await call({method: 'POST', url: '/v1/sql', headers: {host}, payload: {sql: 'SELECT 1'}}), 421, 'MR_HOST');
    refused(await call({url: '/v1/%zz', headers: {host}}), 421, 'MR_HOST');
  }
  const preflight = await app.inject({method: 'OPTIONS', url: '/v1/sql', headers: {host: 'localhost', origin: 'https://evil.example', 'access-control-request-method': 'POST'}});
  assert.equal(preflight.headers['access-control-allow-origin'], undefined);
  assert.notEqual(preflight.statusCode, 200);
});

test('guard: with a token every request but health carries it, under any Host', async () => {
  const guarded = buildApp({warehouse: wh, token: 'sesame'});
  try {
    const status = async (url: string, authorization?: string): Promise<number> => (await guarded.inject({url, headers: {host: 'warehouse.example', ...(authorization === undefined ? {} : {authorization})}})).statusCode;
    assert.equal(await status('/healthz'), 200);
    assert.equal(await status('/readyz'), 200);
    for (const url of ['/metrics', '/v1/changes?table=ods.orders', '/v1/nothing', '/v1/%zz', '/healthz/']) assert.equal(await status(url), 401, url);
    for (const wrong of ['Bearer sesam', 'Bearer sesame2', 'Basic sesame', 'sesame', 'Bearer ']) assert.equal(await status('/metrics', wrong), 401, wrong);
    assert.equal(await status('/metrics', 'Bearer sesame'), 200);
  } finally {
    await guarded.close();
  }
});
