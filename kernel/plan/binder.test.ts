import assert from 'node:assert/strict';
import test, {after, before} from 'node:test';
import {WarehouseError} from '../../base/error.ts';
import {Binder} from './binder.ts';
import {printType} from './plan-type.ts';
import {storedTypeOf} from './stored-type.ts';
import type {PlanType} from './tree.ts';

let binder: Binder;

before(async () => {
  binder = await Binder.open();
  await binder.createSchema('ods');
  await binder.createSchema('odd "schema"');
  await binder.createTable('ods', 'flights', [
    {name: 'id', type: {kind: 'bigint'}, nullable: false}, {name: 'delay', type: {kind: 'integer'}, nullable: true}, {name: 'ts', type: {kind: 'timestamp'}, nullable: true},
    {name: 'price', type: {kind: 'decimal', precision: 12, scale: 2}, nullable: true}, {name: 'moment', type: {kind: 'timestamptz'}, nullable: true}]);
  await binder.createTable('odd "schema"', 'T "1"', [{name: 'select', type: {kind: 'varchar'}, nullable: true}]);
});
after(() => binder.close());

async function refused(sql: string): Promise<WarehouseError> {
  const error = await binder.bindSelect(sql).then(() => assert.fail(`${sql} was bound`), (cause: unknown) => cause);
  assert.ok(error instanceof WarehouseError, String(error));
  assert.equal(error.kind, 'invalid');
  return error;
}

test('binder: a SELECT is bound with the names, types and tables that DuckDB gives it', async () => {
  const {columns, tables, tree} = await binder.bindSelect('SELECT f.id, sum(f.price), avg(delay) AS late, max("select"), 1 AS id -- comment\nFROM ods.flights f, "odd ""schema"""."T ""1""" GROUP BY ALL;');
  assert.deepEqual(columns.map(({name, type}) => `${name} ${printType(type)}`), ['id BIGINT', 'sum(f.price) DECIMAL(38,2)', 'late DOUBLE', 'max("select") VARCHAR', 'id INTEGER']);
  assert.deepEqual(tables, [{schema: 'ods', name: 'flights'}, {schema: 'odd "schema"', name: 'T "1"'}]);
  assert.equal(tree.columns.length, 5);
});

test('binder: errors are DuckDB’s own, with the line and the place', async () => {
  const error = await refused('SELECT id,\n  nope FROM ods.flights');
  assert.equal(error.code, 'MR_SQL');
  assert.match(error.message, /^Binder Error: Referenced column "nope" not found in FROM clause!/);
  assert.match(error.message, /LINE 2: {3}nope FROM ods\.flights\n {10}\^$/);
  assert.match((await refused('SELECT * FROM ods.nope')).message, /^Catalog Error: Table with name nope does not exist!/);
  assert.match((await refused('SELECT é FRM x y')).message, /^Parser Error: syntax error at or near "x"\n\nLINE 1: SELECT é FRM x y\n {20}\^$/);
});

for (const [sql, message] of [
  ['SELECT 1; SELECT 2', /expected one SELECT, found 2 statements/], ['', /expected one SELECT, found 0 statements/], ['-- nothing', /found 0 statements/],
  ['DROP TABLE ods.flights', /expected a SELECT/], ['INSERT INTO ods.flights VALUES (1)', /expected a SELECT/], ['CREATE TABLE x AS SELECT 1', /expected a SELECT/], ['SET threads = 4', /expected a SELECT/],
  ["COPY ods.flights TO '/tmp/x'", /expected a SELECT/], ['EXPLAIN SELECT 1', /expected a SELECT/], ['SELECT $1 + 1', /parameter/], ['SELECT ? FROM ods.flights', /parameter/],
  ["SELECT * FROM read_csv('/etc/passwd')", /disabled by configuration/], ["SELECT * FROM '/etc/passwd'", /MR_SQL|disabled|does not exist|Catalog|table/i],
  ["SELECT 'it''s' FROM nowhere", /nowhere/],
] as const) {
  test(`binder: refused, and nothing is run: ${sql}`, async () => {
    const error = await refused(sql);
    assert.equal(error.code, 'MR_SQL');
    assert.match(error.message, message);
  });
}

test('binder: dropped tables and schemas are gone, and names can come again with other columns', async () => {
  await binder.createSchema('brief');
  await binder.createTable('brief', 'x', [{name: 'a', type: {kind: 'integer'}, nullable: true}]);
  assert.equal(printType((await binder.bindSelect('SELECT a FROM brief.x')).columns[0]!.type), 'INTEGER');
  await binder.dropTable('brief', 'x');
  assert.match((await refused('SELECT a FROM brief.x')).message, /does not exist/);
  await binder.createTable('brief', 'x', [{name: 'a', type: {kind: 'varchar'}, nullable: true}]);
  assert.equal(printType((await binder.bindSelect('SELECT a FROM brief.x')).columns[0]!.type), 'VARCHAR');
  await binder.dropTable('brief', 'x');
  await binder.dropSchema('brief');
  assert.match((await refused('SELECT a FROM brief.x')).message, /does not exist/);
});

test('binder: TimeZone is UTC, so that times with and without zone agree', async () => {
  const {tree} = await binder.bindSelect("SELECT id FROM ods.flights WHERE moment > TIMESTAMPTZ '2024-06-01 00:00:00+02'");
  assert.ok(tree.kind === 'project');
  const types = await binder.expressionTypes(['ts + INTERVAL 1 DAY', 'moment - moment', 'delay * 2', 'CAST(ts AS TIMESTAMPTZ) = moment', 'price + 1 -- comment'], {schema: 'ods', name: 'flights'});
  assert.deepEqual(types.map(printType), ['TIMESTAMP', 'INTERVAL', 'INTEGER', 'BOOLEAN', 'DECIMAL(13,2)']);
  assert.deepEqual((await binder.expressionTypes(['1', "'x'", 'now()'])).map(printType), ['INTEGER', 'VARCHAR', 'TIMESTAMP WITH TIME ZONE']);
});

test('binder: stability is DuckDB’s, and an unknown function is volatile', () => {
  const stabilities = ['lower', 'UPPER', '+', 'sum', 'count_star', 'list_value', 'row_number', 'error', 'now', 'current_date', 'random', 'uuid', 'nextval', 'no_such_function'].map(name => binder.stability(name));
  assert.deepEqual(stabilities, [...Array.from({length: 8}, () => 'consistent'), 'consistent-within-query', 'consistent-within-query', 'volatile', 'volatile', 'volatile', 'volatile']);
});

test('create table: columns, types, NULLs, defaults and key are read, and nothing stays', async () => {
  const sql = `CREATE TABLE ods.orders ("Id" BIGINT, day DATE DEFAULT DATE '2024-01-01', amount DECIMAL(12,2) NOT NULL, note VARCHAR DEFAULT 'it''s', sum HUGEINT, PRIMARY KEY (day, "Id"))`;
  const table = await binder.readCreateTable(sql);
  assert.deepEqual({schema: table.schema, name: table.name, primaryKey: table.primaryKey}, {schema: 'ods', name: 'orders', primaryKey: ['day', 'Id']});
  assert.deepEqual(table.columns.map(({name, type, nullable}) => `${name} ${type}${nullable ? '' : ' NOT NULL'}`), ['Id BIGINT NOT NULL', 'day DATE NOT NULL', 'amount DECIMAL(12,2) NOT NULL', 'note VARCHAR', 'sum HUGEINT']);
  assert.deepEqual(table.columns.map(column => column.default), [null, `CAST('2024-01-01' AS "DATE")`, null, "'it''s'", null]);
  assert.deepEqual(await binder.readCreateTable(sql), table, 'it left a trace');
  assert.deepEqual((await binder.readCreateTable('CREATE OR REPLACE TABLE ods.flights (a INTEGER)')).primaryKey, []);
  assert.equal((await binder.readCreateTable('create table plain (a int primary key)')).schema, 'main');
});

for (const [sql, code, message] of [
  ['SELECT 1', 'MR_SQL', /expected one CREATE TABLE/], ['CREATE TABLE a (x INTEGER); CREATE TABLE b (x INTEGER)', 'MR_SQL', /found 2 statements/], ['CREATE VIEW v AS SELECT 1', 'MR_SQL', /expected one CREATE TABLE/],
  ['CREATE TABLE nowhere.a (x INTEGER)', 'MR_SQL', /Schema with name nowhere/], ['CREATE TABLE a (x INTEGER,, y INTEGER)', 'MR_SQL', /LINE 1/], ['CREATE TABLE a (x nope)', 'MR_SQL', /nope/],
  ['CREATE TABLE a AS SELECT 1', 'MR_CREATE_TABLE_UNSUPPORTED', /AS SELECT/], ['CREATE TEMP TABLE a (x INTEGER)', 'MR_CREATE_TABLE_UNSUPPORTED', /temporary/],
  ['CREATE TABLE a (x INTEGER CHECK (x > 0))', 'MR_CREATE_TABLE_UNSUPPORTED', /CHECK/], ['CREATE TABLE a (x INTEGER UNIQUE)', 'MR_CREATE_TABLE_UNSUPPORTED', /UNIQUE/],
  ['CREATE TABLE a (x INTEGER, y INTEGER GENERATED ALWAYS AS (x + 1))', 'MR_CREATE_TABLE_UNSUPPORTED', /generated/],
] as const) {
  test(`create table: refused: ${sql}`, async () => {
    await assert.rejects(binder.readCreateTable(sql), (error: unknown) => error instanceof WarehouseError && error.kind === 'invalid' && error.code === code && message.test(error.message));
    assert.equal((await binder.readCreateTable('CREATE TABLE a (x INTEGER)')).columns.length, 1, 'the next one is read as if nothing had happened');
  });
}

test('stored type: exact wider types are chosen, the others are refused with the cast to write', async () => {
  const stored = async (expression: string): Promise<string> => {
    const [type] = await binder.expressionTypes([expression], {schema: 'ods', name: 'flights'});
    try {
      return printType(storedTypeOf(type!, 'c'));
    } catch (error) {
      assert.ok(error instanceof WarehouseError && error.code === 'MR_TYPE_UNSTORABLE');
      return error.hint!.replace('write CAST("c" AS ', '!').replace(') in the SELECT', '');
    }
  };
  for (const [expression, expected] of [
    ['sum(id)', 'DECIMAL(38,0)'], ['1::UTINYINT', 'SMALLINT'], ['1::USMALLINT', 'INTEGER'], ['1::UINTEGER', 'BIGINT'], ['hash(id)', 'DECIMAL(20,0)'], ['price', 'DECIMAL(12,2)'], ['moment', 'TIMESTAMP WITH TIME ZONE'],
    ['ts::TIMESTAMP_S', 'TIMESTAMP'], ['ts::TIMESTAMP_MS', 'TIMESTAMP'], ['uuid()', 'VARCHAR'], ["'1'::JSON", 'VARCHAR'], ["'x'::ENUM('x')", 'VARCHAR'], ['NULL', 'INTEGER'],
    ['ts::TIMESTAMP_NS', '!TIMESTAMP'], ['1::UHUGEINT', '!DECIMAL(38,0)'], ['ts::TIME', '!VARCHAR'], ['INTERVAL 1 DAY', '!VARCHAR'], ['[id]', 'BIGINT[]'], ["{'a': id}", 'STRUCT("a" BIGINT)'], ["MAP {'a': 1}", 'MAP(VARCHAR, INTEGER)'],
    ['[1::HUGEINT]', 'DECIMAL(38,0)[]'], ["{'a': [uuid()], 'b': ts::TIMESTAMP_MS}", 'STRUCT("a" VARCHAR[], "b" TIMESTAMP)'], ["MAP {'a': [1::UBIGINT]}", 'MAP(VARCHAR, DECIMAL(20,0)[])'],
    ['[1]::INTEGER[1]', '!INTEGER[]'], ['row(1, 2)', '!JSON'], ['[ts::TIME]', '!JSON'], ["'1'::BIT", '!VARCHAR'],
  ] as const) assert.equal(await stored(expression), expected, expression);
  assert.throws(() => storedTypeOf({kind: 'null'} satisfies PlanType, 'n'), /column "n" is NULL without a type/);
});

test('binder: closing twice is fine, and what comes after is refused', async () => {
  const short = await Binder.open();
  await short.readCreateTable('CREATE TABLE a (x INTEGER)');
  await short.close();
  await short.close();
  await assert.rejects(short.bindSelect('SELECT 1'), (error: unknown) => error instanceof WarehouseError && error.kind === 'closed');
});
