import test, {after, before} from 'node:test';
import assert from 'node:assert/strict';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import * as fc from 'fast-check';
import {WarehouseError} from '../base/error.ts';
import {Kernel} from '../kernel/duckdb.ts';
import {macroStatements} from '../kernel/macros.ts';
import type {Session} from '../kernel/session.ts';
import {gateSelect, type GateContext, type GateReference, type Resolution} from './gate.ts';

const seed = Number(process.env['MR_SEED'] ?? 20_260_101);
let directory: string, kernel: Kernel, session: Session;

/** An instance without any second wall: files can be read, internals are there. What the gate lets through is run in it. */
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gate-'));
  await writeFile(join(directory, 'open.csv'), 'a,b\n1,2\n');
  kernel = await Kernel.open({threads: 1, memoryBytes: 256 << 20});
  session = await kernel.connect();
  await session.run(`CREATE SCHEMA ods; CREATE SCHEMA mr_internal; ATTACH ':memory:' AS live;
    CREATE TABLE ods.flights AS SELECT 1::BIGINT AS id, TIMESTAMP '2026-01-01 00:00:30' AS ts, {'x': 7} AS part; CREATE TABLE t AS SELECT 2 AS a, 3 AS b;
    CREATE TABLE live.t1 AS SELECT 1 AS _pos; CREATE TABLE mr_internal.t7 AS SELECT 5 AS _pos, 1::BIGINT AS id, NULL::TIMESTAMP AS ts, {'x': 7} AS part;
    CREATE VIEW mr_internal.t8 AS FROM main.t;
    CREATE MACRO mr_changes(n) AS TABLE SELECT n AS _epoch, '+I' AS _op, 1 AS a`);
  for (const statement of macroStatements) await session.run(statement);
});

after(async () => {
  await kernel.close();
  await rm(directory, {recursive: true});
});

const tables = new Set(['ods.flights', 'main.t', 'main.größe']);

function asWritten({schema, name, kind}: GateReference): Resolution {
  return kind === 'table' && tables.has(`${schema ?? 'main'}.${name}`.toLowerCase()) ? 'as-written' : {unknown: true, nearest: []};
}

/** Everything is read elsewhere. */
function elsewhere(reference: GateReference): Resolution {
  const {schema, name, kind, since} = reference;
  if (!tables.has(`${schema ?? 'main'}.${name}`.toLowerCase())) return {unknown: true, nearest: []};
  if (kind === 'changes') return {relation: `mr_changes(${typeof since === 'number' ? since : 0})`};
  if (kind !== 'table') return {relation: `(SELECT '${kind}' AS kind)`};
  return {relation: name.toLowerCase() === 'flights' ? 'mr_internal.t7' : 'mr_internal.t8'};
}

const gate = (text: string, context: Partial<GateContext> = {}) => gateSelect(session, text, {resolve: asWritten, ...context});

async function refused(text: string, code: string, ...parts: string[]): Promise<void> {
  await assert.rejects(gate(text), (error) => {
    assert.ok(error instanceof WarehouseError && error.kind === 'invalid', `${text}: ${String(error)}`);
    assert.equal(error.code, code, `${text}: ${error.message}`);
    for (const part of parts) assert.ok(`${error.message} | ${error.hint ?? ''}`.includes(part), `${text}: "${part}" not in ${error.message} | ${error.hint ?? ''}`);
    return true;
  }, text);
}

test('gate: AT leaves the text with the table, its expression is told, whatever stands around it', async () => {
  const told: GateReference[] = [];
  const past = (text: string): ReturnType<typeof gate> => gate(text, {resolve: (reference) => {
    told.push(reference);
    return reference.at === undefined ? asWritten(reference) : {relation: '(SELECT 7 AS a, 8 AS b)'};
  }});
  const cases: readonly (readonly [text: string, clause: GateReference['at'], rows: unknown])[] = [
    ['SELECT a FROM t AT (VERSION => 3)', {unit: 'version', sql: ' 3', parameters: []}, [[7]]],
    ['select x.a from t as x at(version=>\'eod\') where x.b = 8', {unit: 'version', sql: "'eod'", parameters: []}, [[7]]],
    ['SELECT x.p, t.a FROM main.t AS x(p, q) /* AT (1) */ AT -- then\n (TIMESTAMP => TIMESTAMP \'2026-01-01\'), t', {unit: 'timestamp', sql: " TIMESTAMP '2026-01-01'", parameters: []}, [[7, 2]]],
    ['SELECT "at".a FROM t "at" AT (VERSION => (1 + 2)::BIGINT) TABLESAMPLE 100%', {unit: 'version', sql: ' (1 + 2)::BIGINT', parameters: []}, [[7]]],
    ['SELECT main.t.a FROM t AT (VERSION => 3)', {unit: 'version', sql: ' 3', parameters: []}, [[7]]],
  ];
  for (const [text, clause, rows] of cases) {
    told.length = 0;
    const {sql} = await past(text);
    assert.deepEqual(told.find(({at}) => at !== undefined)?.at, clause, text);
    assert.deepEqual((await session.rows(sql)).rows, rows, sql);
  }
  told.length = 0;
  const {sql, parameters} = await past('SELECT a + ? FROM t AT (VERSION => ?) WHERE b = ?');
  assert.deepEqual(told[0]!.at, {unit: 'version', sql: ' $1', parameters: [2]});
  assert.deepEqual(parameters, [1, 3]);
  assert.deepEqual((await session.rows(sql, [10, 8])).rows, [[17]]);
  await assert.rejects(gate('FROM t AT (VERSION => 3) AS x'), {code: 'MR_SYNTAX', hint: /alias stands before AT/});
});

test('gate: a query over known tables passes unchanged, with its references', async () => {
  for (const text of [
    'SELECT 1', 'VALUES (1, NULL), (2, 3)', 'FROM t', 'SELECT * FROM ods.flights f JOIN t ON f.id = t.a', 'SELECT t.a, main.t.b FROM t WHERE a IN (SELECT id FROM ods.flights) AND EXISTS (FROM t)', 'TABLE t',
    'WITH x AS (SELECT a FROM t), y AS (SELECT * FROM x) SELECT * FROM x, y', 'WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) FROM r', 'WITH RECURSIVE r(a, b) USING KEY (a) AS (SELECT 1, 2 UNION SELECT r.a, s.b + 1 FROM r, recurring.r s WHERE s.b < 3) FROM r',
    'SELECT * FROM TUMBLE(ods.flights, ts, INTERVAL 1 MINUTE)', "SELECT * FROM tumble('ods.flights', ts, INTERVAL 1 MINUTE) w", 'WITH f AS (FROM ods.flights) FROM TUMBLE(f, ts, INTERVAL 1 MINUTE)', 'SELECT * FROM range(3) r(i), LATERAL (SELECT a FROM t WHERE a > i)',
    'SELECT list_transform([1, 2], lambda x: x + 1), [x * 2 for x in [1]], {a: 1}.a, MAP {1: 2}', 'SELECT sum(a) FILTER (WHERE b > 0), row_number() OVER (PARTITION BY a ORDER BY b ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t GROUP BY a, b QUALIFY true', 'SELECT * EXCLUDE (a) FROM t UNION ALL BY NAME FROM t ORDER BY ALL LIMIT 3',
    'SELECT COLUMNS(c -> c LIKE \'a%\') FROM t', 'SELECT * FROM t PIVOT (sum(b) FOR a IN (1, 2))', 'FROM (UNPIVOT t ON a, b INTO NAME n VALUE v)', 'DESCRIBE SELECT * FROM t', 'SUMMARIZE t', 'SELECT * FROM (DESCRIBE t)', 'SELECT count(*) FROM t TABLESAMPLE 50%', 'SELECT DISTINCT ON (a) * FROM t ORDER BY a, b',
    'SELECT * FROM ods.flights ASOF JOIN (SELECT ts AS at FROM ods.flights) x ON ts >= x.at', 'SELECT CAST(a AS VARCHAR), a::DECIMAL(9,2), TIMESTAMPTZ \'2026-01-01 00:00:00Z\', now(), current_date, current_user FROM t', 'SELECT a, grouping(a) FROM t GROUP BY GROUPING SETS ((a), ()), CUBE (b) ORDER BY #1', 'SELECT x.value FROM json_each(\'[1]\') x', 'SELECT try(1 / 0), a COLLATE nocase FROM (SELECT \'x\' AS a)',
    'SELECT CASE (SELECT max(a) FROM t) WHEN 1 THEN 2 WHEN 3 THEN 4 END', 'SELECT t FROM t', "SELECT x.upper(), s.x.upper().lower() FROM (SELECT 'a' AS x) s", 'SELECT "a" FROM "main"."t" -- end', 'SELECT pg_typeof(a), version(), current_schema() FROM t', "SELECT 'getenv(''x'')', E'\\'; DROP', $$ FROM '/etc/passwd' $$",
  ]) {
    const gated = await gate(`${text};`);
    assert.equal(gated.sql, text.replace(/ -- end$/, ''));
    await session.rows(gated.sql).catch((cause: unknown) => assert.fail(`${text}: ${String(cause)}`));
  }
  const {references, files, parameters} = await gate('WITH c AS (FROM ods.flights) SELECT * FROM c JOIN t x ON true, TUMBLE(ods.flights, ts, INTERVAL 1 DAY)');
  assert.deepEqual(references, [{kind: 'table', schema: 'ods', name: 'flights', alias: undefined}, {kind: 'table', schema: undefined, name: 't', alias: 'x'}, {kind: 'table', schema: 'ods', name: 'flights', alias: undefined}]);
  assert.deepEqual([files, parameters], [[], []]);
});

test('gate: text that is not one query never reaches the engine', async () => {
  for (const text of [
    "ATTACH 'x.db'", "COPY t TO '/tmp/x'", "COPY (SELECT 1) TO '/tmp/x'", 'PRAGMA database_list', 'PRAGMA threads=1', 'CALL pragma_version()', 'SET threads = 1', 'RESET threads', 'INSTALL httpfs', 'LOAD httpfs', 'DROP TABLE t', 'DELETE FROM t', 'INSERT INTO t VALUES (1, 2)', 'UPDATE t SET a = 1',
    'CREATE TABLE x (a INT)', 'CREATE MACRO m() AS 1', 'PREPARE p AS SELECT 1', 'EXECUTE p', 'DEALLOCATE p', 'EXPLAIN SELECT 1', 'VACUUM', 'CHECKPOINT', 'BEGIN', "EXPORT DATABASE 'x'", 'USE live', 'DETACH live', 'TRUNCATE t', 'PIVOT t ON a USING sum(b)',
  ]) await assert.rejects(gate(text), (error) => error instanceof WarehouseError && /^MR_(NOT_ALLOWED|SYNTAX|UNSUPPORTED)$/.test(error.code), text);
  await refused('SELECT 1; SELECT 2', 'MR_SYNTAX', 'second one at line 1, column 11');
  await refused("SELECT 1;\nCOPY t TO '/tmp/x'", 'MR_SYNTAX', 'line 2, column 1');
  await refused('SELECT 1\0; DROP TABLE t', 'MR_SYNTAX', 'NUL');
  await refused('', 'MR_SYNTAX');
  await refused('-- nothing', 'MR_SYNTAX');
  await refused('SELECT FROM FROM', 'MR_SYNTAX', 'syntax error at or near "FROM", at line 1, column 13');
  await refused("SELECT 'é💡',\n  FROM FROM", 'MR_SYNTAX', 'line 2, column 8');
  await refused('SELECT 1 INTO x', 'MR_SYNTAX');
  await refused('SELECT * FROM t FOR UPDATE', 'MR_SYNTAX');
  await refused('WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x', 'MR_SYNTAX');
  await refused("WITH x AS (COPY t TO '/tmp/x') SELECT 1", 'MR_SYNTAX');
  await refused('SELECT * FROM (INSERT INTO t VALUES (1, 2) RETURNING *)', 'MR_SYNTAX');
  await refused('SELECT * FROM (PIVOT t ON a USING sum(b))', 'MR_UNSUPPORTED', 'PIVOT');
  await refused('SELECT ?, $name', 'MR_UNSUPPORTED');
  await refused('SELECT 1e400', 'MR_UNSUPPORTED', 'beyond the range');
});

test('gate: files, the cache, settings and the insides of the engine are out of reach, however they are spelled', async () => {
  const attacks: readonly (readonly [string, string])[] = [
    // files as tables
    ["SELECT * FROM '/etc/passwd'", 'MR_NOT_ALLOWED'], ['SELECT * FROM "/etc/passwd"', 'MR_NOT_ALLOWED'], ["FROM 'x.parquet'", 'MR_NOT_ALLOWED'], ['FROM "x.csv" AS c', 'MR_NOT_ALLOWED'], ["SELECT * FROM 's3://b/x.parquet'", 'MR_NOT_ALLOWED'], ["FROM '~/.bashrc'", 'MR_NOT_ALLOWED'],
    ["SELECT (SELECT max(column0) FROM '/etc/passwd')", 'MR_NOT_ALLOWED'], ["SELECT * FROM t, LATERAL (FROM '/etc/passwd')", 'MR_NOT_ALLOWED'], ["SELECT * FROM t WHERE EXISTS (FROM '/etc/pass' /* wd */)", 'MR_NOT_ALLOWED'], ["WITH x AS (FROM '/etc/passwd') SELECT 1", 'MR_NOT_ALLOWED'], ["SELECT a FROM t ORDER BY (SELECT 1 FROM '/etc/passwd')", 'MR_NOT_ALLOWED'],
    ["SELECT a FROM t LIMIT (SELECT 1 FROM '/etc/passwd')", 'MR_NOT_ALLOWED'], ["SELECT sum(a) OVER (ORDER BY (SELECT 1 FROM '/etc/passwd')) FROM t", 'MR_NOT_ALLOWED'], ["SELECT a FROM t QUALIFY EXISTS (FROM '/etc/passwd')", 'MR_NOT_ALLOWED'], ["VALUES ((SELECT 1 FROM '/etc/passwd'))", 'MR_NOT_ALLOWED'], ["SELECT 1 UNION (SELECT 2 FROM '/etc/passwd')", 'MR_NOT_ALLOWED'],
    ["DESCRIBE '/etc/passwd'", 'MR_NOT_ALLOWED'], ["SUMMARIZE '/etc/passwd'", 'MR_NOT_ALLOWED'], ["FROM (SUMMARIZE '/etc/passwd')", 'MR_NOT_ALLOWED'], ["FROM '/etc/passwd' PIVOT (count(*) FOR a IN (1))", 'MR_NOT_ALLOWED'], ["FROM (UNPIVOT '/etc/passwd' ON a INTO NAME n VALUE v)", 'MR_NOT_ALLOWED'], ["SELECT list_transform([1], lambda x: (SELECT x FROM '/etc/passwd'))", 'MR_NOT_ALLOWED'],
    ["SELECT CASE WHEN true THEN (SELECT 1 FROM '/etc/passwd') END", 'MR_NOT_ALLOWED'], ["SELECT * REPLACE ((SELECT 1 FROM '/etc/passwd') AS a) FROM t", 'MR_NOT_ALLOWED'], ["SELECT COLUMNS(c -> c IN (SELECT column0 FROM '/etc/passwd')) FROM t", 'MR_NOT_ALLOWED'], ["SELECT count(*) FILTER (WHERE 1 IN (SELECT 1 FROM '/etc/passwd')) FROM t", 'MR_NOT_ALLOWED'], ["TABLE '/etc/passwd'", 'MR_NOT_ALLOWED,MR_SYNTAX'],
    ["SELECT * FROM '/etc/passwd' TABLESAMPLE 1%", 'MR_NOT_ALLOWED'], ["SELECT * FROM t JOIN '/etc/passwd' ON true", 'MR_NOT_ALLOWED'], ["SELECT * FROM t POSITIONAL JOIN '/etc/passwd'", 'MR_NOT_ALLOWED'], ["SELECT string_agg(a ORDER BY (SELECT 1 FROM '/etc/passwd')) FROM t", 'MR_NOT_ALLOWED'],
    // common table expressions that look like files, or hide what is behind them
    ['WITH "/etc/passwd" AS (SELECT 1) SELECT * FROM "/etc/passwd"', 'MR_NOT_ALLOWED'], ['WITH "x.csv" AS (SELECT 1) SELECT 1', 'MR_NOT_ALLOWED'], ['WITH duckdb_tables AS (FROM duckdb_tables) FROM duckdb_tables', 'MR_NOT_ALLOWED'], ['WITH a AS (FROM b), b AS (SELECT 1) FROM a', 'MR_UNKNOWN_TABLE'], ['SELECT (WITH x AS (SELECT 1) SELECT 1), * FROM x', 'MR_UNKNOWN_TABLE'],
    ['WITH x AS (FROM x) FROM x', 'MR_UNKNOWN_TABLE'], ['WITH x AS (SELECT 1) SELECT * FROM main.x', 'MR_UNKNOWN_TABLE'], ['WITH x AS (SELECT 1) FROM live.x', 'MR_NOT_ALLOWED'], ['WITH x AS (SELECT 1) FROM recurring.x', 'MR_UNKNOWN_TABLE'], ['WITH a AS (WITH b AS (SELECT 1) FROM b) FROM b', 'MR_UNKNOWN_TABLE'],
    // file functions
    ["FROM read_csv('/etc/passwd')", 'MR_NOT_ALLOWED'], ["FROM read_text('/etc/passwd')", 'MR_NOT_ALLOWED'], ["FROM read_blob('/etc/passwd')", 'MR_NOT_ALLOWED'], ["FROM glob('/etc/*')", 'MR_NOT_ALLOWED'], ["FROM sniff_csv('/etc/passwd')", 'MR_NOT_ALLOWED'], ["FROM read_json('/etc/passwd')", 'MR_NOT_ALLOWED'], ["FROM parquet_metadata('x.parquet')", 'MR_NOT_ALLOWED'], ["FROM read_duckdb('x.db')", 'MR_NOT_ALLOWED'],
    ["FROM READ_TEXT('/etc/passwd')", 'MR_NOT_ALLOWED'], ["FROM \"read_text\"('/etc/passwd')", 'MR_NOT_ALLOWED'], ["FROM main.read_text('/etc/passwd')", 'MR_NOT_ALLOWED'], ["FROM system.main.read_text('/etc/passwd')", 'MR_NOT_ALLOWED'], ["SELECT * FROM t, LATERAL read_text('/etc/passwd')", 'MR_NOT_ALLOWED'], ["FROM parquet_scan('/etc/passwd')", 'MR_NOT_ALLOWED'], ["FROM arrow_scan(1, 2, 3)", 'MR_NOT_ALLOWED'],
    // the engine's own tables and functions
    ['FROM duckdb_settings()', 'MR_NOT_ALLOWED'], ['FROM duckdb_secrets()', 'MR_NOT_ALLOWED'], ['FROM duckdb_logs()', 'MR_NOT_ALLOWED'], ['FROM duckdb_temporary_files()', 'MR_NOT_ALLOWED'], ['FROM duckdb_tables', 'MR_NOT_ALLOWED'], ['FROM sqlite_master', 'MR_NOT_ALLOWED'], ['FROM information_schema.tables', 'MR_NOT_ALLOWED'], ['FROM pg_catalog.pg_settings', 'MR_NOT_ALLOWED'], ['FROM pg_class', 'MR_NOT_ALLOWED'],
    ['FROM pragma_database_list', 'MR_NOT_ALLOWED'], ["FROM pragma_table_info('t')", 'MR_NOT_ALLOWED'], ["FROM pragma_storage_info('t')", 'MR_NOT_ALLOWED'], ['FROM (SHOW TABLES)', 'MR_NOT_ALLOWED'], ['SHOW TABLES', 'MR_NOT_ALLOWED'], ['FROM (SHOW ALL TABLES)', 'MR_NOT_ALLOWED'], ['SHOW DATABASES', 'MR_NOT_ALLOWED'], ['FROM live.t1', 'MR_NOT_ALLOWED'], ['FROM live.main.t1', 'MR_NOT_ALLOWED'], ['FROM mr_internal.t7', 'MR_NOT_ALLOWED'],
    ['FROM memory.main.t', 'MR_NOT_ALLOWED'], ['FROM memory.t', 'MR_NOT_ALLOWED'], ['FROM system.information_schema.tables', 'MR_NOT_ALLOWED'], ['FROM "LIVE"."t1"', 'MR_NOT_ALLOWED'], ['FROM t1', 'MR_UNKNOWN_TABLE'], ['FROM _mr_standin_0', 'MR_UNKNOWN_TABLE'], ['FROM seq_scan()', 'MR_NOT_ALLOWED'], ['FROM enable_logging()', 'MR_NOT_ALLOWED'], ['FROM force_checkpoint()', 'MR_NOT_ALLOWED'], ['FROM checkpoint()', 'MR_NOT_ALLOWED'],
    ['FROM truncate_duckdb_logs()', 'MR_NOT_ALLOWED'], ["FROM which_secret('x', 's3')", 'MR_NOT_ALLOWED'], ["FROM sql_auto_complete('s')", 'MR_NOT_ALLOWED'], ['FROM test_all_types()', 'MR_NOT_ALLOWED'], ['FROM mr_rows(1)', 'MR_NOT_ALLOWED'], ['FROM mr_changes(1)', 'MR_NOT_ALLOWED'], ['FROM reject_errors', 'MR_UNKNOWN_TABLE'], ['FROM histogram(t, a)', 'MR_NOT_ALLOWED'], ['FROM summary(t)', 'MR_NOT_ALLOWED'],
    // SQL as a value
    ["FROM query('SELECT 1')", 'MR_NOT_ALLOWED'], ["FROM query_table('/etc/passwd')", 'MR_NOT_ALLOWED'], ["FROM query_table(['t', 'x.csv'])", 'MR_NOT_ALLOWED'], ["FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))", 'MR_NOT_ALLOWED'], ["SELECT json_serialize_plan('FROM live.t1')", 'MR_NOT_ALLOWED'], ["SELECT json_serialize_sql('x')", 'MR_NOT_ALLOWED'], ["SELECT json_deserialize_sql('x')", 'MR_NOT_ALLOWED'],
    ["FROM TUMBLE('/etc/passwd', ts, INTERVAL 1 DAY)", 'MR_SYNTAX'], ['FROM TUMBLE("/etc/passwd", ts, INTERVAL 1 DAY)', 'MR_NOT_ALLOWED'], ['FROM TUMBLE("x.csv", ts, INTERVAL 1 DAY)', 'MR_NOT_ALLOWED'], ['FROM tumble(live.t1, ts, INTERVAL 1 DAY)', 'MR_NOT_ALLOWED'], ["FROM tumble('live.t1', ts, INTERVAL 1 DAY)", 'MR_NOT_ALLOWED'], ["FROM tumble(['t', 'live.t1'], ts, INTERVAL 1 DAY)", 'MR_SYNTAX'], ["FROM tumble('t' || '1', ts, INTERVAL 1 DAY)", 'MR_SYNTAX'],
    ["FROM tumble(ts := a, size := INTERVAL 1 DAY, t := live.t1)", 'MR_NOT_ALLOWED'], ['FROM tumble((SELECT 1), ts, INTERVAL 1 DAY)', 'MR_SYNTAX'], ['FROM tumble(memory.main.t, ts, INTERVAL 1 DAY)', 'MR_SYNTAX'], ['FROM tumble($1, ts, INTERVAL 1 DAY)', 'MR_SYNTAX'], ['FROM tumble()', 'MR_SYNTAX'], ['FROM tumble(t, a, INTERVAL 1 DAY, t = live.t1)', 'MR_SYNTAX'], ['FROM tumble(t = live.t1, ts = a, size = INTERVAL 1 DAY)', 'MR_SYNTAX'], ["FROM tumble(t, (SELECT 1 FROM '/etc/passwd'), INTERVAL 1 DAY)", 'MR_NOT_ALLOWED'], ['FROM live.tumble(t, a, INTERVAL 1 DAY)', 'MR_NOT_ALLOWED'],
    // functions
    ["SELECT getenv('HOME')", 'MR_NOT_ALLOWED'], ["SELECT GetEnv('HOME')", 'MR_NOT_ALLOWED'], ["SELECT \"getenv\"('HOME')", 'MR_NOT_ALLOWED'], ["SELECT main.getenv('HOME')", 'MR_NOT_ALLOWED'], ["SELECT system.main.getenv('HOME')", 'MR_NOT_ALLOWED'], ["SELECT a.getenv() FROM t", 'MR_NOT_ALLOWED'], ["SELECT current_setting('memory_limit')", 'MR_NOT_ALLOWED'], ["SELECT getvariable('x')", 'MR_NOT_ALLOWED'], ['SELECT @@threads', 'MR_NOT_ALLOWED'],
    ["SELECT list_transform(['HOME'], lambda x: getenv(x))", 'MR_NOT_ALLOWED'], ["SELECT [getenv(x) for x in ['HOME']]", 'MR_NOT_ALLOWED'], ["SELECT nextval('s')", 'MR_NOT_ALLOWED'], ["SELECT currval('s')", 'MR_NOT_ALLOWED'], ['SELECT setseed(0.5)', 'MR_NOT_ALLOWED'], ["SELECT write_log('x')", 'MR_NOT_ALLOWED'], ['SELECT pg_sleep(1)', 'MR_NOT_ALLOWED'], ['SELECT sleep_ms(1)', 'MR_NOT_ALLOWED'], ['SELECT current_query()', 'MR_NOT_ALLOWED'],
    ['SELECT txid_current()', 'MR_NOT_ALLOWED'], ['SELECT pg_conf_load_time()', 'MR_NOT_ALLOWED'], ["SELECT has_table_privilege('t', 'x')", 'MR_NOT_ALLOWED'], ['SELECT stats(a) FROM t', 'MR_NOT_ALLOWED'], ["SELECT __internal_compress_string_utinyint('a')", 'MR_NOT_ALLOWED'], ['SELECT live.f(1)', 'MR_NOT_ALLOWED'], ['SELECT live.main.f(1)', 'MR_NOT_ALLOWED'], ['SELECT system.pg_catalog.f(1)', 'MR_NOT_ALLOWED'], ["SELECT x.getenv() FROM (SELECT 'HOME' AS x)", 'MR_NOT_ALLOWED'], ['SELECT mr_internal.f(1)', 'MR_NOT_ALLOWED'], ["SELECT sum(1) OVER (ORDER BY getenv('x'))", 'MR_NOT_ALLOWED'],
    ["SELECT a FROM t GROUP BY getenv('x')", 'MR_NOT_ALLOWED'], ["SELECT * FROM t ORDER BY getenv('x')", 'MR_NOT_ALLOWED'], ["SELECT * FROM range(getvariable('x'))", 'MR_NOT_ALLOWED'], ["SELECT * FROM t JOIN t u ON getenv('x') = '1'", 'MR_NOT_ALLOWED'], ["SELECT a FROM t LIMIT getvariable('x')", 'MR_NOT_ALLOWED'],
  ];
  for (const [text, codes] of attacks) {
    await assert.rejects(gate(text, {allowedDirectories: [directory]}), (error) => error instanceof WarehouseError && error.kind === 'invalid' && codes.split(',').includes(error.code), `${text} is not refused by ${codes}`);
    await assert.rejects(gate(text, {allowedDirectories: [directory], resolve: elsewhere}), WarehouseError, text);
  }
});

test('gate: files are read below the allowed directories only, named by constants, with known options', async () => {
  const allowed = {allowedDirectories: [directory]};
  for (const text of [`FROM read_csv('${directory}/open.csv', header = true, delim := ',', skip => 0)`, `SELECT * FROM read_csv(['${directory}/open.csv', '${directory}/open.csv'])`, `FROM read_csv_auto('${directory}/*.csv', union_by_name => true)`]) {
    const {sql, files} = await gate(text, allowed);
    assert.equal(sql, text);
    assert.ok(files.length > 0);
    await session.rows(sql);
  }
  for (const path of ['/etc/passwd', `${directory}/../x.csv`, `${directory}/a/../../x`, `${directory}x/y.csv`, directory, '~/x.csv', 's3://bucket/x', 'http://x/y.csv', 'file:///etc/passwd', 'HTTP://x', 'x.csv', '', `${directory}/a\nb`, '/etc/*', '/**/passwd', `${directory}/*/../../*`]) {
    await assert.rejects(gate(`FROM read_csv('${path}')`, allowed), {code: 'MR_NOT_ALLOWED'}, path);
    await assert.rejects(gate(`FROM read_parquet(['${directory}/a.parquet', '${path}'])`, allowed), {code: 'MR_NOT_ALLOWED'}, path);
  }
  for (const text of [`FROM read_csv('${directory}' || '/open.csv')`, 'FROM read_csv($1)', "FROM read_csv((SELECT 'x'))", `FROM read_csv(['${directory}/open.csv', $1])`, `FROM read_csv([['${directory}/open.csv']])`, `FROM read_csv('${directory}/open.csv', store_rejects = true)`, `FROM read_csv('${directory}/open.csv', rejects_table = 't')`,
    `FROM read_parquet('${directory}/x', encryption_config = {footer_key: 'k'})`, `FROM read_csv('${directory}/open.csv', '/etc/passwd')`, 'SELECT * FROM t, read_csv(t.a)', `FROM read_csv('${directory}/open.csv', delim = getenv('x'))`]) await assert.rejects(gate(text, allowed), {code: 'MR_NOT_ALLOWED'}, text);
  for (const text of ['FROM read_csv()', "FROM read_csv(header = true)"]) await assert.rejects(gate(text, allowed), {code: 'MR_SYNTAX'}, text);
  await refused(`FROM read_csv('${directory}/open.csv')`, 'MR_NOT_ALLOWED', 'no directory is allowed');
});

test('gate: tables that are read elsewhere keep their names in the query', async () => {
  const cases: readonly (readonly [string, string, unknown])[] = [
    ['SELECT id, flights.id, ods.flights.id FROM ods.flights', 'SELECT id, flights.id, flights.id FROM mr_internal.t7 AS "flights"', ['1', '1', '1']],
    ['SELECT ods . /* x */ flights . id FROM ods.flights -- y\n WHERE "ods"."flights".id = 1', 'SELECT flights . id FROM mr_internal.t7 AS "flights" -- y\n WHERE "flights".id = 1', ['1']],
    ['SELECT f.id, f.part.x FROM ods.flights AS f', 'SELECT f.id, f.part.x FROM mr_internal.t7 AS f', ['1', 7]],
    ['SELECT ods.part.x FROM ods.flights AS ods', 'SELECT ods.part.x FROM mr_internal.t7 AS ods', [7]],
    ['SELECT f.a FROM f: main.t', 'SELECT f.a FROM f: mr_internal.t8', [2]],
    ['SELECT u.x FROM t AS u(x, y), ods.flights', 'SELECT u.x FROM mr_internal.t8 AS u(x, y), mr_internal.t7 AS "flights"', [2]],
    ['TABLE t', 'SELECT * FROM mr_internal.t8 AS "t"', [2, 3]],
    ['SELECT count(*) FROM (DESCRIBE t)', 'SELECT count(*) FROM (DESCRIBE FROM mr_internal.t8 AS "t")', ['2']],
    ['SELECT count(*) FROM (SUMMARIZE SELECT * FROM t)', 'SELECT count(*) FROM (SUMMARIZE SELECT * FROM mr_internal.t8 AS "t")', ['2']],
    ['SELECT max(_pos) FROM TUMBLE(ods.flights, ts, INTERVAL 1 DAY)', 'SELECT max(_pos) FROM TUMBLE(mr_internal.t7, ts, INTERVAL 1 DAY)', [5]],
    ["SELECT max(_pos) FROM TUMBLE('ods.flights', ts, INTERVAL 1 DAY)", 'SELECT max(_pos) FROM TUMBLE(mr_internal.t7, ts, INTERVAL 1 DAY)', [5]],
    ['SELECT _epoch, changes._op FROM changes(t, since => 12, until => 20)', 'SELECT _epoch, changes._op FROM mr_changes(12) AS "changes"', [12, '+I']],
    ['SELECT c.e FROM changes(main.t) AS c(e)', 'SELECT c.e FROM mr_changes(0) AS c(e)', [0]],
    ['SELECT r.kind, t$changelog.kind FROM rejected(ods.flights) r, t$changelog', 'SELECT r.kind, t$changelog.kind FROM (SELECT \'rejected\' AS kind) r, (SELECT \'changelog\' AS kind) AS "t$changelog"', ['rejected', 'changelog']],
    ['SELECT kind FROM ods."flights$rejected"', 'SELECT kind FROM (SELECT \'rejected\' AS kind) AS "flights$rejected"', ['rejected']],
    ["SELECT 'größe', g.a FROM größe g WHERE 'é💡' <> ''", "SELECT 'größe', g.a FROM mr_internal.t8 g WHERE 'é💡' <> ''", ['größe', 2]],
    ['SELECT CASE (SELECT max(a) FROM t) WHEN 2 THEN 5 WHEN 3 THEN 6 END AS x', 'SELECT CASE (SELECT max(a) FROM mr_internal.t8 AS "t") WHEN 2 THEN 5 WHEN 3 THEN 6 END AS x', [5]],
    ['WITH t AS (SELECT a + 1 AS a FROM t) SELECT a FROM t', 'WITH t AS (SELECT a + 1 AS a FROM mr_internal.t8 AS "t") SELECT a FROM t', [3]],
    ['FROM t PIVOT (sum(b) FOR a IN (2))', 'FROM mr_internal.t8 AS "t" PIVOT (sum(b) FOR a IN (2))', ['3']],
    ['SELECT "x y".a FROM (VALUES (1), (2)) v(q), main.t AS "x y" TABLESAMPLE 100% WHERE q = 2', 'SELECT "x y".a FROM (VALUES (1), (2)) v(q), mr_internal.t8 AS "x y" TABLESAMPLE 100% WHERE q = 2', [2]],
  ];
  for (const [text, sql, row] of cases) {
    const gated = await gate(text, {resolve: elsewhere});
    assert.equal(gated.sql, sql);
    const {rows} = await session.rows(sql);
    assert.deepEqual(JSON.parse(JSON.stringify(rows[0], (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))), row, sql);
  }
  assert.deepEqual((await gate('FROM changes(ods.flights, since => 5) c', {resolve: elsewhere})).references, [{kind: 'changes', schema: 'ods', name: 'flights', alias: 'c', since: 5}]);
  await assert.rejects(gate('FROM TUMBLE(t$rejected, a, INTERVAL 1 DAY)', {resolve: elsewhere}), {code: 'MR_UNSUPPORTED'}); // a query cannot be an argument
});

test('gate: a table that is read under its own name stays as written', async () => {
  const own = ({schema, name}: GateReference): Resolution => ({relation: `"${schema?.toLowerCase() ?? 'main'}"."${name.toLowerCase()}"`});
  for (const text of ['SELECT main.t.a, ods.flights.id FROM t, ODS."flights"', 'FROM TUMBLE(ods.flights, ts, INTERVAL 1 DAY)', 'DESCRIBE t']) assert.equal((await gate(text, {resolve: own})).sql, text);
});

test('gate: parameters are numbered without gaps, and those of changes() are told apart', async () => {
  const {sql, parameters, references} = await gate('SELECT ?, ? FROM changes(t, since => ?, until => $7) WHERE a = ? OR a = $2', {resolve: elsewhere});
  assert.deepEqual([sql, parameters], ['SELECT $1, $2 FROM mr_changes(0) AS "changes" WHERE a = $3 OR a = $2', [1, 2, 8]]);
  assert.deepEqual(references[0], {kind: 'changes', schema: undefined, name: 't', alias: undefined, since: {parameter: 3}, until: {parameter: 7}});
  const gaps = await gate("SELECT $3, '?', $9");
  assert.deepEqual([gaps.sql, gaps.parameters], ["SELECT $1, '?', $2", [3, 9]]);
  const named = await gate('SELECT $b, $a, $b');
  assert.deepEqual([named.sql, named.parameters], ['SELECT $b, $a, $b', ['b', 'a']]);
});

test('gate: what the dialect has and this version has not is refused by name; the rest says what was meant', async () => {
  for (const [text, part] of [['FROM t AT (VERSION => a)', 'reads rows'], ['FROM t x AT (TIMESTAMP => (SELECT max(a) FROM t))', 'reads rows'], ['FROM t$rejected AT (VERSION => 1)', 'AT of "t$rejected"'], ['FROM t$manifests', 't$manifests'], ['FROM t$late', 't$late'], ['FROM HOP(t, a, 1, 2)', 'hop(…)'], ['FROM session(t, a, 1, a)', 'session(…)'], ['FROM cumulate(t, a, 1, 2)', 'cumulate(…)'], ['FROM lookup(t)', 'lookup(…)'], ['FROM late(t)', 'late(…)']] as const) {
    await refused(text, 'MR_UNSUPPORTED', part, 'line 1');
  }
  for (const text of ['FROM changes()', 'FROM changes(t, 5)', "FROM changes(t, since => 'x')", 'FROM changes(t, since => -1)', 'FROM changes(t, since => 1.5)', 'FROM changes(t, from => 1)', 'FROM changes(t, since => 1, since => 2)', 'FROM rejected(t, since => 1)', "FROM changes('/etc/passwd')", 'FROM changes((SELECT 1))', 'FROM changes(since => 1)', 'FROM changes(a.b.c)']) {
    await assert.rejects(gate(text, {resolve: elsewhere}), {code: 'MR_SYNTAX'}, text);
  }
  await assert.rejects(gate('SELECT *\nFROM flihgts', {resolve: () => ({unknown: true, nearest: ['ods.flights']}), start: {line: 5, column: 9}}), {code: 'MR_UNKNOWN_TABLE', message: 'expected a table that exists, found "flihgts" at line 6, column 6', hint: 'did you mean "ods.flights"?'});
  await assert.rejects(gate('SELECT * FROM x', {start: {line: 5, column: 9}}), {message: 'expected a table that exists, found "x" at line 5, column 23'});
  await assert.rejects(gate(`SELECT ${'('.repeat(900)}1${')'.repeat(900)}${'+1'.repeat(3000)}`), WarehouseError);
  await assert.rejects(gate(' '.repeat(17 * 1024 * 1024)), {code: 'MR_TOO_LARGE'});
});

test('gate: of any query put together from good and bad pieces, what passes reads known tables by known functions only', async () => {
  const good = fc.constantFrom('t', 'ods.flights', 'main.t AS x', 'range(3)', 'c', '(VALUES (1)) v', 'TUMBLE(ods.flights, ts, INTERVAL 1 DAY)', '(SELECT 1)', 'unnest([1])');
  const bad = fc.constantFrom('live.t1', "'/etc/passwd'", 'duckdb_settings()', "read_text('/etc/hostname')", 'mr_internal.t7', "query_table('live.t1')", 'memory.main.t', 'sqlite_master', 'TUMBLE(live.t1, a, INTERVAL 1 DAY)', '"c d"', 'information_schema.tables');
  const item = fc.oneof({weight: 6, arbitrary: good}, {weight: 1, arbitrary: bad});
  const value = fc.oneof({weight: 8, arbitrary: fc.constantFrom('1', "'a'", 'length(\'x\')', 'now()', 'sum(1) OVER ()', 'CAST(1 AS VARCHAR)')}, {weight: 1, arbitrary: fc.constantFrom("getenv('HOME')", "current_setting('threads')", "getvariable('x')", 'current_query()')});
  const query: fc.Arbitrary<string> = fc.letrec<{query: string}>((tie) => ({
    query: fc.oneof({maxDepth: 3, withCrossShrink: true},
      fc.tuple(value, item).map(([v, i]) => `SELECT ${v} AS k FROM ${i}`),
      fc.tuple(value, item, item).map(([v, a, b]) => `SELECT ${v} AS k FROM ${a} CROSS JOIN ${b}`),
      tie('query').map((q) => `SELECT k FROM (${q}) AS s`),
      fc.tuple(tie('query'), tie('query')).map(([a, b]) => `WITH c AS (${a}) ${b.replace(/^WITH .*$/, 'SELECT 1 AS k FROM c')}`),
      fc.tuple(tie('query'), item).map(([q, i]) => `SELECT 1 AS k FROM ${i} WHERE 1 IN (SELECT 1 FROM (${q}) AS s)`)),
  })).query;
  let passed = 0, stopped = 0;
  await fc.assert(fc.asyncProperty(query, fc.boolean(), async (text, moved) => {
    let sql: string;
    try {
      ({sql} = await gate(text, moved ? {resolve: elsewhere} : {}));
      passed++;
    } catch (error) {
      assert.ok(error instanceof WarehouseError && error.kind === 'invalid', String(error));
      stopped++;
      return;
    }
    const {rows} = await session.rows('SELECT CAST(json_serialize_sql(CAST($1 AS VARCHAR)) AS VARCHAR)', [sql]);
    const tree = String(rows[0]![0]);
    assert.doesNotMatch(tree, /"table_name":"(?:\/|t1|sqlite|tables)|"function_name":"(?:duckdb|read_|query|getenv|getvariable|current_)|"catalog_name":"\w/, text);
    if (!moved) assert.equal(sql, text);
  }), {seed, numRuns: 400});
  assert.ok(passed > 80 && stopped > 80, `${passed} passed, ${stopped} stopped`);
});
