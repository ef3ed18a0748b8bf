/** Results as text: table, json, ndjson, csv. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {formatResult, parseFormat, type Printable} from './format.ts';

const result: Printable = {
  columns: [{name: 'id', type: 'BIGINT'}, {name: 'amount', type: 'DECIMAL(8,2)'}, {name: 'note', type: 'VARCHAR'}, {name: 'data', type: 'BLOB'}, {name: 'list', type: 'BIGINT[]'}],
  rows: [{id: 1n, amount: '2.50', note: 'a, "b"\n漢', data: new Uint8Array([0, 255]), list: [1n, null] as unknown}, {id: 22n, amount: null, note: null, data: null, list: null}],
  tag: '', epoch: 7,
};

test('format: json is one array, ndjson a line a row, with the values of the HTTP face', () => {
  const [first, second] = ['{"id":"1","amount":"2.50","note":"a, \\"b\\"\\n漢","data":"AP8=","list":["1",null]}', '{"id":"22","amount":null,"note":null,"data":null,"list":null}'];
  assert.equal(formatResult(result, 'json'), `[${first},${second}]\n`);
  assert.equal(formatResult(result, 'ndjson'), `${first}\n${second}\n`);
});

test('format: csv has a header, quotes what needs it, and NULL is empty', () => {
  assert.equal(formatResult(result, 'csv'), 'id,amount,note,data,list\n1,2.50,"a, ""b""\n漢",AP8=,"[""1"",null]"\n22,,,,\n');
  assert.equal(formatResult({...result, rows: []}, 'csv'), 'id,amount,note,data,list\n');
});

test('format: a table lines up, also wide characters; numbers stand right', () => {
  assert.equal(formatResult({...result, columns: result.columns.slice(0, 3)}, 'table'), [
    '┌────┬────────┬───────────┐', '│ id │ amount │ note      │', '├────┼────────┼───────────┤', '│  1 │   2.50 │ a, "b" 漢 │', '│ 22 │   NULL │ NULL      │', '└────┴────────┴───────────┘', '2 rows', '',
  ].join('\n'));
});

test('format: a statement without a result prints its tag in a table only', () => {
  const done = {columns: [], rows: [], tag: 'INSERT 2', epoch: 3};
  assert.deepEqual((['table', 'json', 'ndjson', 'csv'] as const).map((format) => formatResult(done, format)), ['INSERT 2  (epoch 3)\n', '', '', '']);
});

test('format: long results and long cells are cut, and say so', () => {
  const many = formatResult({columns: [{name: 'x', type: 'VARCHAR'}], rows: Array.from({length: 1200}, () => ({x: 'y'.repeat(200)})), tag: '', epoch: 1}, 'table');
  assert.match(many, /y…/);
  assert.match(many, /1200 rows, first 1000 shown\n$/);
  assert.throws(() => parseFormat('xml'), /unknown format "xml"/);
});
