/** Every type both ways: what JSON, CSV-like text and the library may give, and what JSON and the library get back. */
import assert from 'node:assert/strict';
import test, {after, before} from 'node:test';
import type {FastifyInstance} from 'fastify';
import {Warehouse} from '../../engine/warehouse.ts';
import {buildApp} from '../../server/app.ts';
import {sharedFolder} from '../support/expect.ts';

let wh: Warehouse;
let app: FastifyInstance;
const folder = sharedFolder();
const types = ['BOOLEAN', 'TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'FLOAT', 'DOUBLE', 'DECIMAL(4,1)', 'DECIMAL(12,2)', 'DECIMAL(38,10)', 'VARCHAR', 'BLOB', 'DATE', 'TIMESTAMP', 'TIMESTAMPTZ',
  'INTEGER[]', 'STRUCT(a BIGINT, b VARCHAR[])', 'MAP(VARCHAR, DECIMAL(5,2))', 'STRUCT(t TIMESTAMP, x BLOB)[][]'];
const tableOf = (type: string): string => `t_${type.replaceAll(/\W/g, '_').toLowerCase()}`;

before(async () => {
  wh = await Warehouse.open({path: folder.path});
  await wh.sql(types.map((type) => `CREATE TABLE ${tableOf(type)} (id INTEGER PRIMARY KEY, v ${type})`).join(';'));
  app = buildApp({warehouse: wh});
});
after(async () => {
  await app.close();
  await wh.close();
  folder.remove();
});

async function post(url: string, payload: string): Promise<{status: number; json: Record<string, unknown>}> {
  const response = await app.inject({method: 'POST', url, headers: {host: 'localhost', 'content-type': 'application/json'}, payload});
  return {status: response.statusCode, json: JSON.parse(response.payload) as Record<string, unknown>};
}

/** JSON text in → JSON text out. */
const taken: readonly (readonly [string, string, string])[] = [
  ['BOOLEAN', 'true', 'true'], ['BOOLEAN', '"false"', 'false'], ['BOOLEAN', 'null', 'null'],
  ['TINYINT', '-128', '-128'], ['TINYINT', '"127"', '127'], ['SMALLINT', '32767', '32767'], ['INTEGER', '-2147483648', '-2147483648'], ['INTEGER', '1e3', '1000'], ['INTEGER', '" 7 "', '7'],
  ['BIGINT', '5', '"5"'], ['BIGINT', '9223372036854775807', '"9223372036854775807"'], ['BIGINT', '"-9223372036854775808"', '"-9223372036854775808"'], ['BIGINT', '9007199254740993', '"9007199254740993"'],
  ['FLOAT', '0.5', '0.5'], ['FLOAT', '"NaN"', '"NaN"'], ['FLOAT', '1e38', String(Math.fround(1e38))],
  ['DOUBLE', '0.1', '0.1'], ['DOUBLE', '1e300', '1e+300'], ['DOUBLE', '"Infinity"', '"Infinity"'], ['DOUBLE', '"-Infinity"', '"-Infinity"'], ['DOUBLE', '"NaN"', '"NaN"'], ['DOUBLE', '"1.5e-7"', '1.5e-7'], ['DOUBLE', '12345678901234567890', '12345678901234567000'],
  ['DECIMAL(4,1)', '-999.9', '"-999.9"'], ['DECIMAL(4,1)', '"0.05"', '"0.1"'], ['DECIMAL(4,1)', '-0.04', '"0.0"'],
  ['DECIMAL(12,2)', '12.5', '"12.50"'], ['DECIMAL(12,2)', '"-9999999999.99"', '"-9999999999.99"'], ['DECIMAL(12,2)', '1e2', '"100.00"'], ['DECIMAL(12,2)', '0.125', '"0.13"'], ['DECIMAL(12,2)', '-0.125', '"-0.13"'],
  ['DECIMAL(38,10)', '1000000', '"1000000.0000000000"'], ['DECIMAL(38,10)', '1234567890123456789012345678.0123456789', '"1234567890123456789012345678.0123456789"'], ['DECIMAL(38,10)', '"-0.0000000001"', '"-0.0000000001"'], ['DECIMAL(38,10)', '123456.789', '"123456.7890000000"'],
  ['VARCHAR', '""', '""'], ['VARCHAR', '"a\\"b\\\\c\\n\\u0000é漢😀"', '"a\\"b\\\\c\\n\\u0000é漢😀"'], ['VARCHAR', '"12345678901234567890"', '"12345678901234567890"'],
  ['BLOB', '""', '""'], ['BLOB', '"AAEC/w=="', '"AAEC/w=="'],
  ['DATE', '"2026-01-31"', '"2026-01-31"'], ['DATE', '"0001-01-01"', '"0001-01-01"'], ['DATE', '"2024-02-29"', '"2024-02-29"'],
  ['TIMESTAMP', '"2026-01-01T03:04:05"', '"2026-01-01T03:04:05.000000"'], ['TIMESTAMP', '"2026-01-01 03:04:05.123456"', '"2026-01-01T03:04:05.123456"'], ['TIMESTAMP', '"2026-01-01"', '"2026-01-01T00:00:00.000000"'],
  ['TIMESTAMP', '"2026-01-01T03:04:05+02:00"', '"2026-01-01T01:04:05.000000"'], ['TIMESTAMP', '"2026-01-01T03:04:05Z"', '"2026-01-01T03:04:05.000000"'], ['TIMESTAMP', '"2025-12-31 23:30:00.5-05:30"', '"2026-01-01T05:00:00.500000"'], ['TIMESTAMP', '"1969-12-31T23:59:59.999999"', '"1969-12-31T23:59:59.999999"'],
  ['TIMESTAMPTZ', '"2026-01-01T03:04:05+02"', '"2026-01-01T01:04:05.000000Z"'], ['TIMESTAMPTZ', '"2026-01-01 03:04"', '"2026-01-01T03:04:00.000000Z"'],
  ['INTEGER[]', '[]', '[]'], ['INTEGER[]', '[1, null, "3"]', '[1, null, 3]'], ['INTEGER[]', '"[4]"', '[4]'], ['INTEGER[]', 'null', 'null'],
  ['STRUCT(a BIGINT, b VARCHAR[])', '{"a": 9007199254740993, "b": ["x", null, ""]}', '{"a": "9007199254740993", "b": ["x", null, ""]}'], ['STRUCT(a BIGINT, b VARCHAR[])', '{}', '{"a": null, "b": null}'],
  ['MAP(VARCHAR, DECIMAL(5,2))', '[{"key": "k", "value": 1.5}, {"key": ""}]', '[{"key": "k", "value": "1.50"}, {"key": "", "value": null}]'], ['MAP(VARCHAR, DECIMAL(5,2))', '[]', '[]'],
  ['STRUCT(t TIMESTAMP, x BLOB)[][]', '[[{"t": "2026-01-01", "x": "AAE="}, null], null, []]', '[[{"t": "2026-01-01T00:00:00.000000", "x": "AAE="}, null], null, []]'],
];

test('values: JSON in, JSON out, for every type', async () => {
  let id = 0;
  for (const [type, given, expected] of taken) {
    id++;
    const {status, json} = await post(`/v1/tables/${tableOf(type)}/rows`, `[{"id": ${id}, "v": ${given}}]`);
    assert.equal(status, 200, `${type} ${given}: ${JSON.stringify(json)}`);
    const {json: found} = await post('/v1/sql', JSON.stringify({sql: `SELECT v FROM ${tableOf(type)} WHERE id = ${id}`}));
    assert.deepEqual(found['rows'], [{v: JSON.parse(expected) as unknown}], `${type} ${given}`);
    // the changelog and the point look-up say the same
    const change = await app.inject({url: `/v1/tables/${tableOf(type)}/changes?since=${wh.epoch - 1}`, headers: {host: 'localhost'}});
    assert.deepEqual((JSON.parse(change.payload.split('\n')[0]!) as {row: {v: unknown}}).row.v, JSON.parse(expected), `${type} ${given}`);
    const row = await app.inject({url: `/v1/tables/${tableOf(type)}/rows/${id}`, headers: {host: 'localhost'}});
    assert.deepEqual((JSON.parse(row.payload) as {v: unknown}).v, JSON.parse(expected), `${type} ${given}`);
  }
  assert.deepEqual([...new Set(taken.map(([type]) => type))].sort(), [...types].sort(), 'every type is tried');
});

const wrong: readonly (readonly [string, string])[] = [
  ['BOOLEAN', '1'], ['BOOLEAN', '"yes"'], ['TINYINT', '128'], ['TINYINT', '1.5'], ['SMALLINT', '-32769'], ['INTEGER', '2147483648'], ['INTEGER', '""'], ['INTEGER', 'true'], ['INTEGER', '"0x10"'],
  ['BIGINT', '9223372036854775808'], ['BIGINT', '"1.0"'], ['BIGINT', '[]'], ['FLOAT', '"1,5"'], ['DOUBLE', '"inf"'], ['DOUBLE', 'true'], ['DOUBLE', '""'],
  ['DECIMAL(4,1)', '1000'], ['DECIMAL(4,1)', '999.95'], ['DECIMAL(12,2)', '"NaN"'], ['DECIMAL(12,2)', '"1.2.3"'], ['DECIMAL(38,10)', '1e28'],
  ['VARCHAR', '5'], ['VARCHAR', '{}'], ['BLOB', '"AAE"'], ['BLOB', '"***="'], ['DATE', '"2026-02-30"'], ['DATE', '"31.01.2026"'], ['DATE', '20260131'], ['DATE', '"2026-01-31T00:00:00"'],
  ['TIMESTAMP', '"2026-01-01T25:00:00"'], ['TIMESTAMP', '"now"'], ['TIMESTAMP', '1767225600'], ['TIMESTAMPTZ', '"2026-01-01T00:00:00+25:00"'], ['TIMESTAMPTZ', '"2026-13-01"'],
];

test('values: what is of another type is refused, with what was expected and what was found', async () => {
  for (const [type, given] of wrong) {
    const {status, json} = await post(`/v1/tables/${tableOf(type)}/rows`, `[{"id": 1000, "v": ${given}}]`);
    assert.deepEqual([status, json['code']], [400, 'MR_TYPE'], `${type} ${given}`);
    const wanted = type === 'TIMESTAMPTZ' ? 'TIMESTAMP WITH TIME ZONE' : type;
    assert.ok(String(json['message']).startsWith(`line 1: column "v": expected ${wanted}, found `), String(json['message']));
  }
});

const wrongInside: readonly (readonly [string, string, string])[] = [
  ['INTEGER[]', '5', ': expected INTEGER[], found number 5'], ['INTEGER[]', '{}', ': expected INTEGER[], found an object'], ['INTEGER[]', '"1, 2"', ': expected INTEGER[] or its JSON text, found string "1, 2"'],
  ['INTEGER[]', '"null"', ': expected INTEGER[] or its JSON text'], ['INTEGER[]', '[1, 2147483648]', ': [1]: expected INTEGER, found number 2147483648'], ['INTEGER[]', '[[1]]', ': [0]: expected INTEGER, found an array'],
  ['STRUCT(a BIGINT, b VARCHAR[])', '[1]', ': expected STRUCT("a" BIGINT, "b" VARCHAR[]), found an array'], ['STRUCT(a BIGINT, b VARCHAR[])', '{"a": 1, "c": 2}', 'found a field "c"'],
  ['STRUCT(a BIGINT, b VARCHAR[])', '{"A": 1}', 'found a field "A"'], ['STRUCT(a BIGINT, b VARCHAR[])', '{"b": ["x", 5]}', ': .b[1]: expected VARCHAR, found number 5'], ['STRUCT(a BIGINT, b VARCHAR[])', '{"a": 1.5}', ': .a: expected BIGINT, found number 1.5'],
  ['MAP(VARCHAR, DECIMAL(5,2))', '{"k": 1}', 'found an object'], ['MAP(VARCHAR, DECIMAL(5,2))', '[{"key": null, "value": 1}]', ': [0]: expected a key, found null'], ['MAP(VARCHAR, DECIMAL(5,2))', '[{"value": 1}]', ': [0]: expected a key, found nothing'],
  ['MAP(VARCHAR, DECIMAL(5,2))', '[{"key": "a", "value": 1}, {"key": "a", "value": 2}]', ': [1]: expected each key once'], ['MAP(VARCHAR, DECIMAL(5,2))', '[{"key": "a", "value": 1000}]', ': [0].value: expected DECIMAL(5,2), found number 1000'],
  ['STRUCT(t TIMESTAMP, x BLOB)[][]', '[[{"t": "x"}]]', ': [0][0].t: expected TIMESTAMP, found string "x"'], ['STRUCT(t TIMESTAMP, x BLOB)[][]', `${'['.repeat(5000)}${']'.repeat(5000)}`, ': [0][0]: expected STRUCT'],
];

test('values: what is wrong inside a nested value is named with its place, and nothing of its row is kept', async () => {
  for (const [type, given, message] of wrongInside) {
    const table = tableOf(type);
    const {status, json} = await post(`/v1/tables/${table}/rows`, `[{"id": 1000, "v": ${given}}]`);
    assert.deepEqual([status, json['code']], [400, 'MR_TYPE'], `${type} ${given.slice(0, 60)}: ${JSON.stringify(json)}`);
    assert.ok(String(json['message']).startsWith('line 1: column "v": ') && String(json['message']).includes(message.replace(/^: /, '')), String(json['message']));
    // Good rows around it are taken as they are.
    const good = taken.find(([other]) => other === type)!;
    const aside = await post(`/v1/tables/${table}/rows?on_error=reject`, `[{"id": 1001, "v": ${good[1]}}, {"id": 1000, "v": ${given}}, {"id": 1002, "v": ${good[1]}}]`);
    assert.deepEqual([aside.status, aside.json['accepted'], aside.json['rejected']], [200, 2, 1], JSON.stringify(aside.json));
    const {json: found} = await post('/v1/sql', JSON.stringify({sql: `SELECT id, v FROM ${table} WHERE id >= 1000 AND id < 2000 ORDER BY id`}));
    assert.deepEqual(found['rows'], [1001, 1002].map((id) => ({id, v: JSON.parse(good[2]) as unknown})), type);
  }
});

test('values: a nested value that is too large is refused with its limit', async () => {
  const {json} = await post('/v1/sql', JSON.stringify({sql: `INSERT INTO ${tableOf('INTEGER[]')} SELECT 5000, range(4300000)::INTEGER[]`}));
  assert.deepEqual([json['code'], String(json['message']).includes('16777216')], ['MR_NESTED_LIMIT', true], JSON.stringify(json));
  assert.deepEqual((await wh.sql(`SELECT count(*) AS n FROM ${tableOf('INTEGER[]')} WHERE id = 5000`)).rows, [{n: 0n}]);
});

test('values: nested types and names that come twice', async () => {
  const {json} = await post('/v1/sql', JSON.stringify({sql: "SELECT [1::BIGINT, NULL] AS l, {'a': 1.50::DECIMAL(4,2), 'b': DATE '2026-01-01'} AS s, MAP {'k': 1} AS m, 12345678901234567890123::HUGEINT AS h, 'NaN'::DOUBLE AS l, INTERVAL 3 DAY AS i, 1 AS l"}));
  assert.deepEqual(json['rows'], [{l: ['1', null], s: {a: '1.50', b: '2026-01-01'}, m: [{key: 'k', value: 1}], h: '12345678901234567890123', 'l:1': 'NaN', i: '3 days', 'l:2': 1}]);
  assert.deepEqual((json['columns'] as {name: string}[]).map(({name}) => name), ['l', 's', 'm', 'h', 'l:1', 'i', 'l:2']);
});

test('values: the library takes and gives JavaScript values', async () => {
  const given = {BOOLEAN: true, TINYINT: 1, SMALLINT: 2n, INTEGER: 3, BIGINT: 4n, FLOAT: 0.25, DOUBLE: -0.5, 'DECIMAL(4,1)': '9.5', 'DECIMAL(12,2)': 7, 'DECIMAL(38,10)': 12345678901234567890n, VARCHAR: 'text', BLOB: new Uint8Array([0, 255]), DATE: '2026-01-31', TIMESTAMP: new Date('2026-01-01T00:00:00.250Z'), TIMESTAMPTZ: '2026-01-01T01:00:00+01:00',
    'INTEGER[]': [1, 2n, null], 'STRUCT(a BIGINT, b VARCHAR[])': {a: 5n, b: ['x']}, 'MAP(VARCHAR, DECIMAL(5,2))': [{key: 'k', value: '1.5'}], 'STRUCT(t TIMESTAMP, x BLOB)[][]': [[{t: new Date(0), x: new Uint8Array([7])}]]};
  const expected = {BOOLEAN: true, TINYINT: 1, SMALLINT: 2, INTEGER: 3, BIGINT: 4n, FLOAT: 0.25, DOUBLE: -0.5, 'DECIMAL(4,1)': '9.5', 'DECIMAL(12,2)': '7.00', 'DECIMAL(38,10)': '12345678901234567890.0000000000', VARCHAR: 'text', BLOB: new Uint8Array([0, 255]), DATE: '2026-01-31', TIMESTAMP: '2026-01-01T00:00:00.250000', TIMESTAMPTZ: '2026-01-01T00:00:00.000000Z',
    'INTEGER[]': [1, 2, null], 'STRUCT(a BIGINT, b VARCHAR[])': {a: 5n, b: ['x']}, 'MAP(VARCHAR, DECIMAL(5,2))': [{key: 'k', value: '1.50'}], 'STRUCT(t TIMESTAMP, x BLOB)[][]': [[{t: '1970-01-01T00:00:00.000000', x: new Uint8Array([7])}]]};
  for (const type of types) {
    const at = wh.epoch;
    await wh.insert(tableOf(type), [{id: 2000, v: given[type as keyof typeof given]}]);
    assert.deepEqual((await wh.sql(`SELECT v FROM ${tableOf(type)} WHERE id = $1`, [2000])).rows, [{v: expected[type as keyof typeof expected]}], type);
    for await (const {changes} of wh.subscribe(tableOf(type), {from: at, until: wh.epoch})) assert.deepEqual(changes[0]!.row, {id: 2000, v: expected[type as keyof typeof expected]}, type);
  }
});
