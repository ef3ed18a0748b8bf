import test, {after, before} from 'node:test';
import assert from 'node:assert/strict';
import {DuckDBInstance, type DuckDBConnection} from '@duckdb/node-api';
import {deleteQuery, insertQuery, updateQuery, type DmlTable} from './dml.ts';
import {parseStatement} from './parse.ts';
import type {DeleteStatement, InsertStatement, UpdateStatement} from './statement.ts';

let instance: DuckDBInstance;
let connection: DuckDBConnection;

before(async () => {
  instance = await DuckDBInstance.create(':memory:');
  connection = await instance.connect();
  await connection.run(`CREATE SCHEMA ods; CREATE TABLE ods.flights (id BIGINT, "De lay" INTEGER, origin VARCHAR, fare DECIMAL(8,2));
    INSERT INTO ods.flights VALUES (1, 33, 'LAS', 10.5), (2, -212, 'LAS', 20), (3, 5, 'PHX', NULL); CREATE TABLE fix AS SELECT * FROM (VALUES ('LAS', 7), ('LAS', 7), ('PHX', 9)) f(origin, add_on)`);
});

after(() => {
  connection.closeSync();
  instance.closeSync();
});

const flights: DmlTable = {
  schema: 'ods', name: 'flights', key: ['id'],
  columns: [{name: 'id', type: {kind: 'bigint'}}, {name: 'De lay', type: {kind: 'integer'}}, {name: 'origin', type: {kind: 'varchar'}}, {name: 'fare', type: {kind: 'decimal', precision: 8, scale: 2}}],
};
const hooks = {positionExpression: (table: string) => `${table}.rowid`};

async function rows(sql: string): Promise<unknown[][]> {
  return (await connection.runAndReadAll(`FROM (${sql}) ORDER BY ALL`)).getRowsJson() as unknown[][];
}

const update = (text: string, table = flights) => updateQuery(parseStatement(text) as UpdateStatement, table, hooks);
const remove = (text: string, table = flights) => deleteQuery(parseStatement(text) as DeleteStatement, table, hooks);
const insert = (text: string, names?: string[]) => insertQuery(parseStatement(text) as InsertStatement, flights, names);

test('dml: UPDATE finds positions and whole new rows, cast to the stored types', async () => {
  const query = update(`UPDATE ods.flights SET "de LAY" = NULL, fare = '1.239' WHERE "De lay" < -120 OR flights.origin = 'PHX' AND ods.flights.id > 2`);
  assert.deepEqual([query.changesKey, query.oldKeyCount, query.mayRepeat], [false, 0, false]);
  assert.deepEqual(await rows(query.sql), [['1', '2', null, 'LAS', '1.24'], ['2', '3', null, 'PHX', '1.24']]);
  assert.equal((await rows(update('UPDATE ods.flights f SET fare = f.id + fare').sql)).length, 3);
});

test('dml: UPDATE of a key column also gives the old key', async () => {
  const query = update('UPDATE ods.flights SET id = id + 10 WHERE id < 3');
  assert.deepEqual([query.changesKey, query.oldKeyCount], [true, 1]);
  assert.deepEqual(await rows(query.sql), [['0', '1', '11', 33, 'LAS', '10.50'], ['1', '2', '12', -212, 'LAS', '20.00']]);
});

test('dml: rows found twice with one outcome come once, with two outcomes twice', async () => {
  const query = update('UPDATE ods.flights x SET "De lay" = x."De lay" + add_on FROM fix WHERE fix.origin = x.origin');
  assert.equal(query.mayRepeat, true);
  assert.deepEqual((await rows(query.sql)).map((row) => row[2]), [40, -205, 14]);
  assert.equal((await rows(update('UPDATE ods.flights x SET fare = add_on FROM fix').sql)).length, 6);
  assert.deepEqual(await rows(remove('DELETE FROM ods.flights USING fix WHERE fix.origin = flights.origin').sql), [['0', '1'], ['1', '2'], ['2', '3']]);
});

test('dml: DELETE gives positions and keys; another relation can stand for the table', async () => {
  assert.deepEqual(await rows(remove("DELETE FROM ods.flights WHERE origin = 'LAS' OR fare IS NULL").sql), [['0', '1'], ['1', '2'], ['2', '3']]);
  const statement = parseStatement('DELETE FROM ods.flights WHERE flights.id = 9') as DeleteStatement;
  const {sql} = deleteQuery(statement, flights, {positionExpression: (table) => `${table}._pos`, relation: '(SELECT 77 AS _pos, 9 AS id)'});
  assert.deepEqual(await rows(sql), [[77, 9]]);
});

test('dml: INSERT gives whole rows in table order, cast to the stored types', async () => {
  const query = insert(`INSERT INTO ods.flights VALUES (1, '2', 3, 1.005), (2, NULL, 'x', '7')`);
  assert.deepEqual([query.sourceColumnCount, insert('INSERT INTO ods.flights (id, origin) SELECT 1, 2').sourceColumnCount], [undefined, 2]);
  assert.deepEqual(await rows(query.sql), [['1', 2, '3', '1.01'], ['2', null, 'x', '7.00']]);
  assert.deepEqual(await rows(insert('INSERT INTO ods.flights (origin, ID) SELECT \'A\', 5').sql), [['5', null, 'A', null]]);
  assert.deepEqual(await rows(insert('INSERT INTO ods.flights BY NAME SELECT 3 AS fare, 8 AS id', ['fare', 'id']).sql), [['8', null, null, '3.00']]);
});

test('dml: INSERT … VALUES stores what DuckDB itself would store', async () => {
  await connection.run('CREATE TABLE kinds (b BOOLEAN, i INTEGER, d DECIMAL(8,2), f DOUBLE, v VARCHAR, x BLOB, t TIMESTAMP, y DATE)');
  const kinds: DmlTable = {
    schema: 'main', name: 'kinds', key: ['i'],
    columns: [{name: 'b', type: {kind: 'boolean'}}, {name: 'i', type: {kind: 'integer'}}, {name: 'd', type: {kind: 'decimal', precision: 8, scale: 2}}, {name: 'f', type: {kind: 'double'}},
      {name: 'v', type: {kind: 'varchar'}}, {name: 'x', type: {kind: 'blob'}}, {name: 't', type: {kind: 'timestamp'}}, {name: 'y', type: {kind: 'date'}}],
  };
  const lists = [
    ["(true, 1, 1.005, 1, 'a', 'a', '2020-01-01', DATE '2020-01-01')", "('no', '2', '7.119', 1.5, 3, '\\x41', DATE '2020-01-02', '2020-01-02')", "(1, 2.6, 123456, '1e3', 1.50, NULL, TIMESTAMP '2020-01-01 01:02:03', NULL)"],
    ["(NULL, NULL, 0.1::DOUBLE, 0.1, true, 'x'::BLOB, NULL, TIMESTAMP '2020-01-01 11:00:00')", "(false, 1.5, 99999.994, 12345678901234567890, DATE '2020-01-01', NULL, NULL, NULL)"],
  ];
  for (const list of lists) {
    for (const rowsText of [list.join(', '), ...list]) {
      await connection.run(`DELETE FROM kinds; INSERT INTO kinds VALUES ${rowsText}`);
      const {sql} = insertQuery(parseStatement(`INSERT INTO kinds VALUES ${rowsText}`) as InsertStatement, kinds);
      assert.deepEqual((await connection.runAndReadAll(sql)).getRowsJson(), (await connection.runAndReadAll('FROM kinds')).getRowsJson(), rowsText);
    }
  }
  const query = insert('INSERT INTO ods.flights (id, fare) VALUES (?, ?), (?, 3)');
  const prepared = await connection.prepare(query.sql);
  prepared.bind([1n, '2.345', 3n]);
  assert.deepEqual((await prepared.runAndReadAll()).getRowsJson(), [['1', null, null, '2.35'], ['3', null, null, '3.00']]);
  assert.deepEqual(await rows(insert('INSERT INTO ods.flights (id, origin) VALUES (greatest(1, (SELECT 4)), list_first([1, 2]))').sql), [['4', null, '1', null]]);
  assert.throws(() => insert('INSERT INTO ods.flights (id, fare) VALUES (1, 2), (1)'), {code: 'MR_SYNTAX', message: 'expected 2 values in every row, found 1 in row 2'});
  assert.throws(() => insert('INSERT INTO ods.flights (id, fare) VALUES (1, 2, 3)'), {code: 'MR_SYNTAX', message: 'expected 2 values in every row, found more than 2 in row 1'});
});

test('dml: lists of literals are told from lists with anything else', () => {
  const only = (values: string): boolean => insert(`INSERT INTO ods.flights (id, origin) VALUES ${values}`).literalsOnly;
  for (const values of ["(1, 'a')", "(-1.5e3, NULL), (2, DATE '2020-01-01')", "(TRUE, E'a\\'b'), (0x1F, $$getenv('x')$$)", "(1, 'a''b, (c)')"]) assert.ok(only(values), values);
  for (const values of ["(getenv('x'), 'a')", '(1, a)', '(?, 1)', '(1, (SELECT 2))', "(1, 'a' || 'b')", '(1 + 1, 2)', '(- -1, 2)', '([1], 2)', "(1, getenv 'x')", '(1, "x")', '((1), 2)', "(1, JSON '1')"]) assert.ok(!only(values), values);
  assert.equal(insert("INSERT INTO ods.flights (id, origin) VALUES (1, 'a'), (NULL, 'b')").sql.includes("CAST(("), false);
  assert.equal(insert('INSERT INTO ods.flights (id, origin) SELECT 1, 2').literalsOnly, false);
  assert.throws(() => insert('INSERT INTO ods.flights (id, origin) VALUES (1,)'), {code: 'MR_SYNTAX', message: 'expected a value for column "origin" in row 1, found none'});
});

test('dml: unknown columns and keyless tables are refused', () => {
  assert.throws(() => update('UPDATE ods.flights SET delay = 1'), {code: 'MR_UNKNOWN_COLUMN', hint: 'did you mean "De lay"?'});
  assert.throws(() => insert('INSERT INTO ods.flights (nope) VALUES (1)'), {code: 'MR_UNKNOWN_COLUMN'});
  assert.throws(() => update('UPDATE ods.flights SET id = 1', {...flights, key: []}), {code: 'MR_APPEND_ONLY'});
  assert.throws(() => remove('DELETE FROM ods.flights', {...flights, key: []}), {code: 'MR_APPEND_ONLY'});
});

test('dml: a clause cannot leave its brackets', async () => {
  for (const text of ['UPDATE ods.flights SET id = 1 AS x', 'UPDATE ods.flights SET id = 1 AS INT', 'UPDATE ods.flights SET id = 1 WHERE true UNION SELECT 1', 'DELETE FROM ods.flights WHERE true LIMIT 1', 'UPDATE ods.flights SET id = 1 -- )']) {
    const statement = parseStatement(text);
    const sql = statement.kind === 'update' ? updateQuery(statement, flights, hooks).sql : deleteQuery(statement as DeleteStatement, flights, hooks).sql;
    if (text.endsWith('-- )')) assert.equal((await rows(sql)).length, 3);
    else await assert.rejects(connection.run(sql), /Parser Error/, sql);
  }
});
