import test from 'node:test';
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {WarehouseError} from '../../base/error.ts';
import {parseScript, parseStatement} from './parse.ts';
import {durationMs} from './settings.ts';
import type {SqlText, Statement, StatementKind} from './statement.ts';

const seed = Number(process.env['MR_SEED'] ?? 20_260_101);

/** Parses, without spans: names as text, clauses as their text. */
function plain(text: string): unknown {
  return JSON.parse(JSON.stringify(parseStatement(text), (key, value: unknown) => {
    if (key === 'span') return undefined;
    if (typeof value === 'object' && value !== null && 'text' in value) return (value as SqlText).text;
    if (typeof value === 'object' && value !== null && 'name' in value && Object.keys(value).includes('schema') && !('kind' in value)) {
      const {schema, name} = value as {schema?: string; name: string};
      return schema === undefined ? name : `${schema}.${name}`;
    }
    return value;
  }));
}

test('parse: queries pass as text, cut at both ends', () => {
  for (const query of ['SELECT 1', 'FROM t', 'VALUES (1), (2)', '(SELECT 1) UNION ALL SELECT 2', 'TABLE t', 'WITH a AS (SELECT 1) SELECT * FROM a',
    'WITH RECURSIVE insert AS (SELECT 1) FROM insert', 'SUMMARIZE t', 'DESCRIBE SELECT 1', 'select a -- why\n from t']) {
    assert.deepEqual(plain(`-- before\n ${query} /* after */ ; -- end`), {kind: 'select', select: query});
  }
});

test('parse: INSERT is table, columns and source', () => {
  const insert = {kind: 'insert', byName: false, literalRows: false};
  assert.deepEqual(plain('INSERT INTO s.t VALUES (1, \'a;b\')'), {...insert, literalRows: true, table: 's.t', source: "VALUES (1, 'a;b')"});
  assert.deepEqual(plain('insert or replace into t (a, "B c") select 1, 2'), {...insert, table: 't', columns: ['a', 'B c'], source: 'select 1, 2'});
  assert.deepEqual(plain('INSERT INTO t (SELECT 1)'), {...insert, table: 't', source: '(SELECT 1)'});
  assert.deepEqual(plain('INSERT INTO t (from, "to") FROM x'), {...insert, table: 't', columns: ['from', 'to'], source: 'FROM x'});
  assert.deepEqual(plain('INSERT INTO t BY NAME WITH x AS (SELECT 1 a) SELECT * FROM x'), {...insert, byName: true, table: 't', source: 'WITH x AS (SELECT 1 a) SELECT * FROM x'});
});

test('parse: UPDATE and DELETE are cut at depth 0', () => {
  assert.deepEqual(plain(`UPDATE ods.flights AS f SET delay = CASE WHEN a IS NOT DISTINCT FROM b THEN (SELECT max(x) FROM y WHERE z) END, (p, q) = (1 + 1, f(2, 3))
    FROM o JOIN p USING (k) WHERE f.id = o.id AND name <> 'WHERE'`), {
    kind: 'update', table: 'ods.flights', alias: 'f', from: 'o JOIN p USING (k)', where: "f.id = o.id AND name <> 'WHERE'",
    assignments: [
      {column: 'delay', expression: 'CASE WHEN a IS NOT DISTINCT FROM b THEN (SELECT max(x) FROM y WHERE z) END'},
      {column: 'p', expression: '1 + 1'}, {column: 'q', expression: 'f(2, 3)'},
    ],
  });
  assert.deepEqual(plain('UPDATE t SET a = b IS DISTINCT FROM c FROM d'), {kind: 'update', table: 't', assignments: [{column: 'a', expression: 'b IS DISTINCT FROM c'}], from: 'd'});
  assert.deepEqual(plain('UPDATE t SET a = ARRAY[1, 2]'), {kind: 'update', table: 't', assignments: [{column: 'a', expression: 'ARRAY[1, 2]'}]});
  assert.deepEqual(plain('DELETE FROM t'), {kind: 'delete', table: 't'});
  assert.deepEqual(plain('DELETE FROM t x USING a, b WHERE x.k = a.k'), {kind: 'delete', table: 't', alias: 'x', using: 'a, b', where: 'x.k = a.k'});
});

test('parse: CREATE TABLE keeps DuckDB columns and takes out what is ours', () => {
  assert.deepEqual(plain("CREATE TABLE IF NOT EXISTS ods.t (id BIGINT, amount DECIMAL(12, 2) NOT NULL, note VARCHAR, PRIMARY KEY (id, \"no te\") NOT ENFORCED) WITH ('bucket' = '4', changelog = after, file.compression = zstd, a-b = -1)"), {
    kind: 'create-table', table: 'ods.t', ifNotExists: true, columns: 'id BIGINT, amount DECIMAL(12, 2) NOT NULL, note VARCHAR, PRIMARY KEY (id, "no te")',
    primaryKey: ['id', 'no te'], partitionedBy: [], options: {bucket: '4', changelog: 'after', 'file.compression': 'zstd', 'a-b': '-1'},
  });
  assert.deepEqual((plain('CREATE TABLE t (a INT, b DATE) PARTITIONED BY (b, a) WITH (x = 1)') as {partitionedBy: unknown}).partitionedBy, ['b', 'a']);
  assert.deepEqual((plain('CREATE DYNAMIC TABLE t PARTITIONED BY ("b c") AS SELECT 1') as {partitionedBy: unknown}).partitionedBy, ['b c']);
  assert.deepEqual(plain('create table t (id integer primary key, x double)'), {kind: 'create-table', table: 't', ifNotExists: false, columns: 'id integer primary key, x double', primaryKey: ['id'], partitionedBy: [], options: {}});
  assert.deepEqual(plain('CREATE TABLE t (a INT, CONSTRAINT k PRIMARY KEY (a))'), {kind: 'create-table', table: 't', ifNotExists: false, columns: 'a INT, CONSTRAINT k PRIMARY KEY (a)', primaryKey: ['a'], partitionedBy: [], options: {}});
});

test('parse: CREATE DYNAMIC TABLE and its synonyms', () => {
  const expected = {partitionedBy: [], kind: 'create-dynamic-table', ifNotExists: false, table: 'dws.g', options: {}, select: 'SELECT a AS b FROM t'};
  for (const noun of ['DYNAMIC TABLE', 'MATERIALIZED VIEW', 'materialized table']) assert.deepEqual(plain(`CREATE ${noun} dws.g AS SELECT a AS b FROM t;`), expected);
  assert.deepEqual(plain("CREATE DYNAMIC TABLE IF NOT EXISTS dws.g (PRIMARY KEY (b)) EMIT CHANGES REFRESH_MODE = INCREMENTAL WITH (bucket = 2) AS SELECT a AS b FROM t"),
    {...expected, ifNotExists: true, primaryKey: ['b'], partitionedBy: [], options: {bucket: '2'}});
  const statement = parseStatement('  CREATE DYNAMIC TABLE g\nAS\n  SELECT 1') as Extract<Statement, {kind: 'create-dynamic-table'}>;
  assert.deepEqual([statement.select.span, statement.span.start], [{start: 30, end: 38, line: 3, column: 3}, 2]);
});

test('parse: the small statements', () => {
  const cases: [string, Record<string, unknown>][] = [
    ['CREATE SCHEMA IF NOT EXISTS dws', {kind: 'create-schema', name: 'dws', ifNotExists: true}],
    ['DROP SCHEMA dws', {kind: 'drop-schema', name: 'dws', ifExists: false}],
    ['DROP TABLE IF EXISTS a.b RESTRICT', {kind: 'drop-table', table: 'a.b', ifExists: true}],
    ['DROP DYNAMIC TABLE b', {kind: 'drop-dynamic-table', table: 'b', ifExists: false}],
    ['DROP MATERIALIZED VIEW IF EXISTS b', {kind: 'drop-dynamic-table', table: 'b', ifExists: true}],
    ['BEGIN', {kind: 'begin', readOnly: false}], ['BEGIN TRANSACTION READ ONLY', {kind: 'begin', readOnly: true}], ['START TRANSACTION', {kind: 'begin', readOnly: false}],
    ['COMMIT WORK', {kind: 'commit'}], ['END', {kind: 'commit'}], ['ROLLBACK', {kind: 'rollback'}], ['abort', {kind: 'rollback'}],
    ["SET executor = 'sql'", {kind: 'set', name: 'executor', value: 'sql'}], ['SET SESSION epoch_interval TO \'1 s\'', {kind: 'set', name: 'epoch_interval', value: '1000 ms'}],
    ['RESET executor', {kind: 'set', name: 'executor'}],
    ['SHOW TABLES', {kind: 'show', what: 'tables'}], ['SHOW TABLES FROM dws', {kind: 'show', what: 'tables', schema: 'dws'}], ['SHOW SCHEMAS', {kind: 'show', what: 'schemas'}],
    ['SHOW DYNAMIC TABLES', {kind: 'show', what: 'dynamic tables'}], ['SHOW COLUMNS FROM a.b', {kind: 'show', what: 'columns', table: 'a.b'}], ['SHOW JOBS', {kind: 'show', what: 'jobs'}],
    ['SHOW CREATE TABLE t', {kind: 'show', what: 'create table', table: 't'}],
    ['DESCRIBE a.b', {kind: 'describe', table: 'a.b'}], ['DESC TABLE b', {kind: 'describe', table: 'b'}], ['DESCRIBE "select"', {kind: 'describe', table: 'select'}],
    ['EXPLAIN INCREMENTAL SELECT 1', {kind: 'explain-incremental', select: 'SELECT 1'}], ['EXPLAIN INCREMENTAL dws.g', {kind: 'explain-incremental', table: 'dws.g'}],
    ['EXPLAIN SELECT 1', {kind: 'explain', analyze: false, select: 'SELECT 1'}], ['EXPLAIN ANALYZE FROM t', {kind: 'explain', analyze: true, select: 'FROM t'}],
    ['VERIFY ALL', {kind: 'verify'}], ['VERIFY DYNAMIC TABLE a.b', {kind: 'verify', table: 'a.b'}], ['VERIFY b', {kind: 'verify', table: 'b'}],
    ['WAIT FOR EPOCH 4_711', {kind: 'wait-for-epoch', epoch: 4711}], ['CHECKPOINT', {kind: 'checkpoint'}],
  ];
  for (const [text, expected] of cases) assert.deepEqual(plain(text), expected, text);
  const kinds = new Set<StatementKind>(parseScript(cases.map(([text]) => text).join(';\n')).map((statement) => statement.kind));
  assert.equal(kinds.size, 15);
});

test('parse: parameters keep their numbers when clauses are cut', () => {
  const update = parseStatement("UPDATE t SET a = ?, b = f(?, '?') FROM u -- ?\n WHERE c = ?2 AND d = ? AND e = $name") as Extract<Statement, {kind: 'update'}>;
  assert.deepEqual(update.assignments.map((a) => [a.expression.text, a.expression.parameters]), [['$1', [1]], ["f($2, '?')", [2]]]);
  assert.deepEqual([update.where!.text, update.where!.parameters], ['c = $2 AND d = $3 AND e = $name', [2, 3, 'name']]);
  const [, second] = parseScript('SELECT ?; SELECT ?, ?');
  assert.deepEqual((second as Extract<Statement, {kind: 'select'}>).select.parameters, [1, 2]);
});

function refused(text: string, code: string, ...parts: string[]): void {
  assert.throws(() => parseStatement(text), (error) => {
    assert.ok(error instanceof WarehouseError, `${text}: ${String(error)}`);
    assert.equal(error.code, code, `${text}: ${error.message}`);
    for (const part of parts) assert.ok(`${error.message} | ${error.hint ?? ''}`.includes(part), `${text}: "${part}" not in ${error.message} | ${error.hint ?? ''}`);
    return true;
  }, text);
}

test('parse: tags', () => {
  const parsed = (text: string): unknown => JSON.parse(JSON.stringify(parseStatement(text), (key, value: unknown) => (key === 'span' ? undefined : value)));
  assert.deepEqual(parsed('CREATE TAG eod'), {kind: 'create-tag', name: 'eod', ifNotExists: false});
  assert.deepEqual(parsed("create tag if not exists \"eod-1\" at epoch 4711 retain '7 days'"), {kind: 'create-tag', name: 'eod-1', ifNotExists: true, at: {epoch: 4711}, retainMs: 7 * 86_400_000});
  assert.deepEqual(parsed("CREATE TAG e AS OF TIMESTAMP '2026-01-01' RETAIN 90 DAYS"), {kind: 'create-tag', name: 'e', ifNotExists: false, at: {time: '2026-01-01'}, retainMs: 90 * 86_400_000});
  assert.deepEqual(parsed("CREATE TAG e AS OF '2026-01-01'"), {kind: 'create-tag', name: 'e', ifNotExists: false, at: {time: '2026-01-01'}});
  assert.deepEqual(parsed('DROP TAG IF EXISTS eod'), {kind: 'drop-tag', name: 'eod', ifExists: true});
  for (const text of ['CREATE TAG', 'CREATE TAG a.b', 'CREATE TAG e AT 3', 'CREATE TAG e AT EPOCH x', 'CREATE TAG e RETAIN', "CREATE TAG e RETAIN 'soon'", "CREATE TAG e RETAIN '0'", 'CREATE TAG e AS OF 3', 'DROP TAG', 'DROP TAG e f']) {
    assert.throws(() => parseScript(text), {code: 'MR_SYNTAX'}, text);
  }
});

test('parse: what is known but not done is refused by name', () => {
  for (const [text, ...parts] of [
    ['SUBSCRIBE TO (SELECT 1)', 'SUBSCRIBE is not supported in this version'], ['CREATE SOURCE s WITH (a = b)', 'CREATE SOURCE', 'ingest'], ['CREATE SINK s FROM t', 'CREATE SINK'],
    ['CREATE BRANCH x', 'CREATE BRANCH'], ['MERGE INTO t USING u ON a = b WHEN MATCHED THEN DELETE', 'MERGE'],
    ['ALTER DYNAMIC TABLE t AS SELECT 1', 'ALTER DYNAMIC TABLE'], ['COMMENT ON SCHEMA s IS NULL', 'COMMENT ON SCHEMA'], ['BACKFILL t', 'BACKFILL'], ['INSERT OVERWRITE t SELECT 1', 'INSERT OVERWRITE'], ['CREATE VIEW v AS SELECT 1', 'CREATE DYNAMIC TABLE'],
    ['WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x', 'INSERT under WITH', 'column 22'], ['WITH x AS (SELECT 1) DELETE FROM t', 'DELETE under WITH'], ['WITH x AS (SELECT 1), y AS (SELECT 2) UPDATE t SET a = 1', 'UPDATE under WITH'],
    ['CREATE OR REPLACE TABLE t (a INT)', 'CREATE OR REPLACE'], ['CREATE OR REPLACE DYNAMIC TABLE t AS SELECT 1', 'DROP it first'], ['CREATE TEMP TABLE t (a INT)', 'CREATE TEMP'], ['CREATE TABLE t AS SELECT 1', 'CREATE TABLE … AS'],
    ['CREATE TABLE t FROM SOURCE s', 'FROM SOURCE'], ['CREATE TABLE t (ts TIMESTAMP, WATERMARK FOR ts AS ts - INTERVAL 5 SECOND)', 'WATERMARK FOR is not supported yet'],
    ["CREATE DYNAMIC TABLE t TARGET_LAG = '1 s' AS SELECT 1", 'TARGET_LAG'], ['CREATE DYNAMIC TABLE t EMIT ON WINDOW CLOSE AS SELECT 1', 'EMIT ON WINDOW CLOSE'], ['CREATE DYNAMIC TABLE t REFRESH_MODE = full AS SELECT 1', 'REFRESH_MODE = FULL'],
    ['CREATE DYNAMIC TABLE t REFRESH_MODE = AUTO AS SELECT 1', 'REFRESH_MODE = AUTO'], ["CREATE MATERIALIZED TABLE t FRESHNESS = INTERVAL '10' SECOND AS SELECT 1", 'FRESHNESS'],
    ['DELETE FROM t RETURNING *', 'RETURNING'], ['INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING', 'ON CONFLICT'], ['INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 1', 'ON CONFLICT'], ['INSERT OR IGNORE INTO t VALUES (1)', 'OR IGNORE'],
    ['UPDATE t SET a.b = 1', 'part of a column'], ['UPDATE t SET (a, b) = (SELECT 1, 2)', 'several columns'], ['UPDATE t SET a = DEFAULT', 'DEFAULT'], ['BEGIN READ ONLY AT EPOCH 7', 'AT EPOCH'],
    ['VERIFY ALL AT EPOCH 3', 'AT EPOCH'], ['SHOW LINEAGE FOR t.a', 'SHOW LINEAGE'], ['DROP TABLE a, b', 'one DROP each'], ['DROP TABLE a CASCADE', 'CASCADE'], ['EXPLAIN INSERT INTO t VALUES (1)', 'EXPLAIN'], ['PIVOT t ON a', 'PIVOT'],
    ['TRUNCATE t', 'DELETE FROM'], ['USE BRANCH b', 'USE BRANCH'], ['CREATE SECRET s (TYPE s3)', 'CREATE SECRET'],
  ] as const) refused(text, 'MR_UNSUPPORTED', ...parts);
});

test('parse: what reaches past the warehouse is refused with what to use instead', () => {
  for (const [text, ...parts] of [
    ["ATTACH 'x.db'", 'ATTACH', 'read_parquet'], ['DETACH live', 'DETACH'], ["COPY t TO 'x'", 'COPY', 'ingest'], ["copy (select 1) to 'x'", 'COPY'], ['PRAGMA database_list', 'PRAGMA', 'SHOW'], ['INSTALL httpfs', 'INSTALL'], ['LOAD httpfs', 'LOAD'],
    ['CALL pragma_version()', 'CALL'], ["EXPORT DATABASE 'x'", 'backup'], ["IMPORT DATABASE 'x'", 'IMPORT'], ['USE live', 'USE'], ['PREPARE p AS SELECT 1', 'PREPARE'], ['EXECUTE p', 'EXECUTE'], ['VACUUM', 'VACUUM'], ['SET VARIABLE a = 1', 'SET VARIABLE'],
    ['SET GLOBAL threads = 1', 'SET GLOBAL'], ['FORCE CHECKPOINT', 'CHECKPOINT'], ['UPDATE EXTENSIONS', 'UPDATE EXTENSIONS'],
  ] as const) refused(text, 'MR_NOT_ALLOWED', ...parts);
});

test('parse: wrong text says what was expected, what was found and where', () => {
  for (const [text, ...parts] of [
    ['', 'expected a statement'], [' ; -- nothing', 'expected a statement'], ['SELECT 1; SELECT 2', 'found a second one at line 1, column 11'], ['SELCT 1', 'found "SELCT" at line 1, column 1', 'did you mean "SELECT"'],
    ['SELECT (1', 'expected ")" for the "(" at line 1, column 8'], ['SELECT 1)', 'found ")" at line 1, column 9'], ['SELECT [1)', 'expected "]"'], ['CREATE', 'expected SCHEMA, TABLE or DYNAMIC TABLE, found the end of the text'],
    ['UPDATE t SET a = 1) , (b = 2', 'found ")"'], ['UPDATE t SET a', 'expected "="'], ['UPDATE t SET a =', 'expected an expression'], ['UPDATE t SET a = 1, a = 2', 'each column once'], ['UPDATE t SET a = 1 WHERE', 'expected a condition'],
    ['UPDATE t SET a = 1,', 'a column name'], ['UPDATE t SET (a, b) = (1, 2, 3)', 'as many values as columns (2)'], ['UPDATE t SET (a, b) = (1)', 'as many values as columns (2)'], ['UPDATE t SET a = 1 FROM u ORDER BY 1', 'found "ORDER"'], ['DELETE FROM t USING u UNION SELECT 1', 'found "UNION"'],
    ['DELETE t', 'expected FROM'], ['DELETE FROM t y z', 'expected WHERE'], ['INSERT INTO t', 'VALUES or a query'], ['INSERT INTO t (a, A) VALUES (1, 2)', 'each column once'], ['INSERT INTO a.b.c VALUES (1)', 'schema.name'],
    ['CREATE TABLE t', 'and the columns'], ['CREATE TABLE t ()', 'at least one column'], ['CREATE TABLE t (a INT PRIMARY KEY, b INT PRIMARY KEY)', 'one PRIMARY KEY'], ['CREATE TABLE t (a INT) WITH', 'expected "("'], ["CREATE TABLE t (a INT) WITH ('a' = 1, a = 2)", 'each option once'],
    ['CREATE TABLE t (a INT) WITH (a)', 'expected "="'], ['CREATE TABLE t (a INT,, b INT)', 'a column'], ['CREATE TABLE t (a INT DEFAULT ?)', 'without parameters'], ['CREATE DYNAMIC TABLE t (a INT) AS SELECT 1', 'PRIMARY KEY'], ['CREATE DYNAMIC TABLE t SELECT 1', 'or AS and a query'],
    ['CREATE DYNAMIC TABLE t AS', 'a query after AS'], ['CREATE DYNAMIC TABLE t AS SELECT $1', 'without parameters'], ['CREATE DYNAMIC TABLE t EMIT CHANGES EMIT CHANGES AS SELECT 1', 'once'], ['CREATE DYNAMIC TABLE t REFRESH_MODE = x AS SELECT 1', 'INCREMENTAL'],
    ['WAIT FOR EPOCH x', 'an epoch number'], ['WAIT FOR EPOCH 1.5', 'an epoch number'], ['SHOW x', 'JOBS'], ['COMMIT x', 'the end of the statement, found "x"'], ['DROP x', 'SCHEMA, TABLE'], ['CREATE SCHEMA a.b', 'no databases'], ['CREATE TABLE "" (a INT)', 'at least one character'],
    ['SELECT $70000', 'a parameter number'], ['SELECT $0', 'a parameter number'], ['SET executor', 'expected "="'],
  ] as const) refused(text, 'MR_SYNTAX', ...parts);
  refused('SET exekutor = x', 'MR_UNKNOWN_SETTING', 'did you mean "executor"');
  refused("SET executor = 'fast'", 'MR_BAD_SETTING', "'auto', 'code' or 'sql'");
  refused("SET epoch_interval = '2 parsecs'", 'MR_BAD_SETTING', '10 ms');
  refused("SET epoch_interval = '2 h'", 'MR_BAD_SETTING', '60 s');
});

test('parse: durations', () => {
  assert.deepEqual(['0', '10 ms', '1.5s', '2 minutes', '1 H', '1d'].map(durationMs), [0, 10, 1500, 120_000, 3_600_000, 86_400_000]);
  assert.deepEqual(['', '5', '-1 s', '1 x', '1e3 ms'].map(durationMs), [undefined, undefined, undefined, undefined, undefined]);
});

test('parse: any words give a statement or one of its errors', () => {
  const word = fc.constantFrom('CREATE', 'TABLE', 'DYNAMIC', 'INSERT', 'INTO', 'UPDATE', 'SET', 'DELETE', 'FROM', 'WHERE', 'WITH', 'AS', 'SELECT', '(', ')', ',', '=', 't', 'a.b', "'x'", '1', '?', 'VALUES', 'USING',
    'PRIMARY', 'KEY', 'DROP', 'SHOW', 'EXPLAIN', 'INCREMENTAL', 'VERIFY', 'ALL', 'BEGIN', 'AT', 'EPOCH', 'SCHEMA', 'IF', 'NOT', 'EXISTS', '"q"', 'EMIT', 'CHANGES', 'INT');
  let parsed = 0, failed = 0;
  fc.assert(fc.property(fc.array(word, {maxLength: 12}), fc.constantFrom('', 'CREATE TABLE', 'UPDATE t SET a =', 'INSERT INTO t', 'SELECT', 'CREATE DYNAMIC TABLE t', 'EXPLAIN', 'DELETE FROM t'), (words, start) => {
    try {
      parseScript(`${start} ${words.join(' ')}`);
      parsed++;
    } catch (error) {
      assert.ok(error instanceof WarehouseError && error.kind === 'invalid' && /^MR_(SYNTAX|UNSUPPORTED|NOT_ALLOWED|UNKNOWN_SETTING|BAD_SETTING)$/.test(error.code), String(error));
      failed++;
    }
  }), {seed, numRuns: 3000});
  assert.ok(parsed > 200 && failed > 200, `${parsed} parsed, ${failed} failed`);
});

test('parse: subscriptions, their fetches and commits', () => {
  const parsed = (text: string): unknown => {
    return JSON.parse(JSON.stringify(parseStatement(text), (key, value: unknown) => (key === 'span' ? undefined : value)));
  };
  assert.deepEqual(parsed("CREATE SUBSCRIPTION IF NOT EXISTS s ON a, ods.b FROM EPOCH 12 WITH (conflate = true, 'lag_max' = '7 days')"), {
    kind: 'create-subscription', name: 's', ifNotExists: true, tables: [{name: 'a'}, {schema: 'ods', name: 'b'}], from: 12, options: {conflate: 'true', lag_max: '7 days'}});
  assert.deepEqual(parsed('create subscription "S 1" for t from snapshot'), {kind: 'create-subscription', name: 'S 1', ifNotExists: false, tables: [{name: 't'}], from: 'snapshot', options: {}});
  assert.deepEqual(parsed('CREATE SUBSCRIPTION s ON t FROM LATEST'), parsed('CREATE SUBSCRIPTION s ON t'));
  assert.deepEqual(parsed('DROP SUBSCRIPTION IF EXISTS s'), {kind: 'drop-subscription', name: 's', ifExists: true});
  assert.deepEqual(parsed("FETCH 500 FROM s WAIT '1.5 s' WITH (consumer = 'c')"), {kind: 'fetch', name: 's', rows: 500, waitMs: 1500, consumer: 'c'});
  assert.deepEqual(parsed("FETCH NEXT FROM s WITH (timeout = '2 s')"), {kind: 'fetch', name: 's', waitMs: 2000});
  assert.deepEqual(parsed('FETCH FROM "from"'), {kind: 'fetch', name: 'from', waitMs: 0});
  assert.deepEqual(parsed("COMMIT s THROUGH EPOCH 4711 WITH (consumer = 'c')"), {kind: 'commit-subscription', name: 's', epoch: 4711, consumer: 'c'});
  assert.deepEqual(parsed('COMMIT'), {kind: 'commit'});
  const wrong: readonly (readonly [string, string, RegExp])[] = [
    ['CREATE SUBSCRIPTION s', 'MR_SYNTAX', /ON and the tables/], ['CREATE SUBSCRIPTION x.s ON t', 'MR_SYNTAX', /end of the subscription/], ['CREATE SUBSCRIPTION s ON t FROM yesterday', 'MR_SYNTAX', /SNAPSHOT, LATEST or EPOCH n/],
    ['CREATE SUBSCRIPTION s ON t WITH', 'MR_SYNTAX', /"\("/], ['FETCH s', 'MR_SYNTAX', /a number of rows/], ['FETCH 1.5 FROM s', 'MR_SYNTAX', /a number of rows/], ["FETCH FROM s WAIT 'soon'", 'MR_SYNTAX', /how long to wait/],
    ["FETCH FROM s WITH (rows = 4)", 'MR_UNKNOWN_OPTION', /timeout or consumer/], ['COMMIT s THROUGH EPOCH', 'MR_SYNTAX', /an epoch number/], ['COMMIT s THROUGH 5', 'MR_SYNTAX', /EPOCH/], ['DROP SUBSCRIPTION s t', 'MR_SYNTAX', /end of the statement/],
  ];
  for (const [text, code, message] of wrong) assert.throws(() => parseStatement(text), {code, message}, text);
});
