/**
 * Bad input, case by case: each gives its documented error with what was expected, what was found and where, and leaves the
 * warehouse as it was.
 */
import assert from 'node:assert/strict';
import {execFile} from 'node:child_process';
import {cpSync, readdirSync, readFileSync, statSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test, {after, before} from 'node:test';
import {promisify} from 'node:util';
import {WarehouseError, type ErrorKind} from '../../base/error.ts';
import {lineBytesMax} from '../../base/limit.ts';
import {checkWarehouse} from '../../engine/check.ts';
import {Warehouse} from '../../engine/warehouse.ts';
import {linesOf} from '../../server/lines.ts';
import {rejects, sharedFolder} from '../support/expect.ts';
import {temporaryFolder} from '../support/temporary.ts';

let wh: Warehouse;
const folder = sharedFolder();

before(async () => {
  wh = await Warehouse.open({path: folder.path});
  await wh.sql(`
    CREATE SCHEMA ods;
    CREATE TABLE ods.orders (id BIGINT PRIMARY KEY, amount DECIMAL(8,2), customer VARCHAR NOT NULL);
    CREATE TABLE ods.clicks (ts TIMESTAMP, page VARCHAR);
    CREATE TABLE ods.ratio (id INTEGER PRIMARY KEY, a INTEGER, b VARCHAR);
    INSERT INTO ods.orders VALUES (1, 10, 'ann'), (2, 20, 'bob');
    INSERT INTO ods.ratio VALUES (1, 1, '5');
    CREATE DYNAMIC TABLE dwd AS SELECT id, CAST(b AS INTEGER) AS n, a + 2147483000 AS sum FROM ods.ratio;
    CREATE DYNAMIC TABLE per AS SELECT customer, count(*) AS n FROM ods.orders GROUP BY ALL;`);
});
after(async () => {
  await wh.close();
  folder.remove();
});

async function state(): Promise<unknown> {
  const content: unknown[] = [wh.epoch];
  for (const table of ['ods.orders', 'ods.clicks', 'ods.ratio', 'dwd', 'per']) content.push((await wh.sql(`SELECT * FROM ${table} ORDER BY ALL`)).rows);
  content.push((await wh.sql('SHOW TABLES')).rows);
  return content;
}

interface Case {
  readonly what: string;
  /** A statement, or rows for a table. */
  readonly sql?: string;
  readonly rows?: readonly [string, unknown[]];
  readonly lines?: readonly [string, string];
  readonly kind?: ErrorKind;
  readonly code: string;
  readonly message: RegExp;
  readonly hint?: RegExp;
}

const cases: readonly Case[] = [
  {what: 'malformed JSON line', lines: ['ods.clicks', '{"page":"a"}\n{"page":\n'], code: 'MR_JSON', message: /^line 2 is not JSON: /, hint: /on_error=reject/},
  {what: 'a line that is no object', lines: ['ods.clicks', '[1,2]'], code: 'MR_JSON', message: /^line 1: expected an object, found an array$/},
  {what: 'an over-long line', lines: ['ods.clicks', `{"page":"a"}\n"${'x'.repeat(lineBytesMax)}"\n{"page":"b"}`], code: 'MR_LINE_TOO_LONG', message: /^line 2 is longer than /},
  {what: 'wrong type in a line', lines: ['ods.clicks', '{"ts":"yesterday","page":"a"}'], code: 'MR_TYPE', message: /^line 1: column "ts": expected TIMESTAMP, found string "yesterday"$/},
  {what: 'wrong type in an object', rows: ['ods.orders', [{id: 3, customer: 'c'}, {id: 4, customer: 7}]], code: 'MR_TYPE', message: /^line 2: column "customer": expected VARCHAR, found number 7$/},
  {what: 'a number that does not fit', rows: ['ods.orders', [{id: 3, amount: 1_000_000, customer: 'c'}]], code: 'MR_TYPE', message: /expected DECIMAL\(8,2\), found number 1000000/},
  {what: 'NULL key in an object', rows: ['ods.orders', [{id: null, customer: 'c'}]], code: 'MR_NULL_KEY', message: /^line 1: key column "id" is null: expected BIGINT$/},
  {what: 'missing key in an object', rows: ['ods.orders', [{customer: 'c'}]], code: 'MR_NULL_KEY', message: /key column "id" is missing/},
  {what: 'NULL in a NOT NULL column', rows: ['ods.orders', [{id: 3}]], code: 'MR_NOT_NULL', message: /column "customer" is missing: expected VARCHAR/},
  {what: 'unknown column in an object', rows: ['ods.orders', [{id: 3, costumer: 'c'}]], code: 'MR_UNKNOWN_COLUMN', message: /unknown column "costumer"; ods\.orders has id, amount, customer/},
  {what: 'unknown table for rows', rows: ['ods.order', []], code: 'MR_UNKNOWN_TABLE', message: /found "ods\.order"/, hint: /"ods\.orders"/},
  {what: 'rows for a dynamic table', rows: ['per', [{customer: 'x', n: 1n}]], code: 'MR_DYNAMIC_TABLE', message: /main\.per is a dynamic table/, hint: /tables it reads/},
  {what: 'NULL key in SQL', sql: "INSERT INTO ods.orders VALUES (5, 1, 'x'), (NULL, 1, 'y')", code: 'MR_NULL_KEY', message: /key column "id" of ods\.orders is NULL in row 2/},
  {what: 'key set to NULL', sql: 'UPDATE ods.orders SET id = NULL', code: 'MR_NULL_KEY', message: /key column "id" of ods\.orders is NULL/},
  {what: 'NOT NULL in SQL', sql: 'UPDATE ods.orders SET customer = NULL WHERE id = 2', code: 'MR_NOT_NULL', message: /column "customer" of ods\.orders is NULL in row 1/},
  {what: 'wrong type in SQL', sql: "INSERT INTO ods.orders VALUES ('three', 1, 'x')", code: 'MR_SQL', message: /Could not convert string ['"]three['"]|three/},
  {what: 'too few columns', sql: 'INSERT INTO ods.orders SELECT 1, 2', code: 'MR_COLUMN_COUNT', message: /takes 3 columns here, the source has 2/},
  {what: 'unknown column in SQL', sql: 'INSERT INTO ods.orders (id, costumer) VALUES (1, 2)', code: 'MR_UNKNOWN_COLUMN', message: /found "costumer"/, hint: /"customer"/},
  {what: 'unknown column in UPDATE', sql: 'UPDATE ods.orders SET amout = 1', code: 'MR_UNKNOWN_COLUMN', message: /found "amout"/, hint: /"amount"/},
  {what: 'unknown column in a query', sql: 'SELECT id,\n  amout FROM ods.orders', code: 'MR_SQL', message: /"amout" not found.*"amount".* \(at "amout", line 2, column 3\)$/s},
  {what: 'unknown table in SQL', sql: 'SELECT *\nFROM ods.ordres', code: 'MR_UNKNOWN_TABLE', message: /found "ods\.ordres" at line 2, column 6/, hint: /"ods\.orders"/},
  {what: 'unknown schema', sql: 'CREATE TABLE odd.t (a INTEGER)', code: 'MR_UNKNOWN_SCHEMA', message: /found "odd"/, hint: /"ods"/},
  {what: 'syntax error', sql: 'SELECT 1;\nSELEC 2', code: 'MR_SYNTAX', message: /SELEC.*line 2/s},
  {what: 'an unfinished text', sql: "SELECT 'a", code: 'MR_SYNTAX', message: /./},
  {what: 'a parser error inside a query', sql: 'SELECT FROM WHERE', code: 'MR_SYNTAX', message: /./},
  {what: 'a failing expression', sql: "SELECT CAST(customer AS INTEGER) FROM ods.orders", code: 'MR_SQL', message: /Could not convert string 'ann' to INT32/},
  {what: 'a failing expression in UPDATE', sql: "UPDATE ods.orders SET amount = CAST(customer AS DECIMAL(8,2)) WHERE id = 1", code: 'MR_SQL', message: /ann/},
  {what: 'a value that overflows in UPDATE', sql: 'UPDATE ods.orders SET amount = amount * 1000000', code: 'MR_SQL', message: /./},
  {what: 'a word that is none of a column definition', sql: 'CREATE TABLE bad (a INTEGER, at TIMESTAMP)', code: 'MR_SQL', message: /syntax error at or near "at"/},
  {what: 'a table that exists', sql: 'CREATE TABLE ods.Orders (a INTEGER)', code: 'MR_TABLE_EXISTS', message: /differs from "orders" only by case/},
  {what: 'a type that cannot be stored', sql: 'CREATE TABLE bad (a HUGEINT)', code: 'MR_TYPE_UNSTORABLE', message: /found HUGEINT for column "a"/, hint: /DECIMAL\(38,0\)/},
  {what: 'a key that cannot be one', sql: 'CREATE TABLE bad (a DOUBLE PRIMARY KEY)', code: 'MR_KEY_TYPE', message: /found "a" DOUBLE/},
  {what: 'a reserved name', sql: 'CREATE TABLE bad (_mr_row INTEGER)', code: 'MR_BAD_NAME', message: /_mr_row/},
  {what: 'an unknown option', sql: "CREATE TABLE bad (a INTEGER) WITH ('fileformat' = 'orc')", code: 'MR_UNKNOWN_OPTION', message: /fileformat/},
  {what: 'a column twice', sql: 'CREATE TABLE bad (a INTEGER, A INTEGER)', code: 'MR_SQL', message: /Column with name A already exists/},
  {what: 'UPDATE of an append table', sql: "UPDATE ods.clicks SET page = 'x'", code: 'MR_APPEND_ONLY', message: /ods\.clicks/, hint: /PRIMARY KEY/},
  {what: 'a dropped dependency', sql: 'DROP TABLE ods.orders', code: 'MR_DEPENDENTS', message: /read by "main\.per"/},
  {what: 'DROP TABLE of a dynamic table', sql: 'DROP TABLE per', code: 'MR_WRONG_KIND', message: /is a dynamic table/, hint: /DROP DYNAMIC TABLE/},
  {what: 'writing a dynamic table', sql: 'DELETE FROM per', code: 'MR_DYNAMIC_TABLE', message: /main\.per/},
  {what: 'a definition that cannot be maintained', sql: 'CREATE DYNAMIC TABLE bad AS SELECT random() AS r FROM ods.orders', code: 'MR_NOT_INCREMENTAL', message: /random/},
  {what: 'a definition over nothing', sql: 'CREATE DYNAMIC TABLE bad AS SELECT * FROM ods.none', code: 'MR_UNKNOWN_TABLE', message: /ods\.none/},
  {what: 'the engine itself', sql: "ATTACH '/tmp/x.duckdb'", code: 'MR_NOT_ALLOWED', message: /ATTACH/},
  {what: 'a file out of bounds', sql: "SELECT * FROM read_csv('/etc/passwd')", code: 'MR_NOT_ALLOWED', message: /\/etc\/passwd/},
  {what: 'an update with two outcomes', sql: 'UPDATE ods.orders SET amount = v.x FROM (VALUES (1), (2)) AS v(x) WHERE orders.id = 1', code: 'MR_AMBIGUOUS_UPDATE', message: /ods\.orders meets several partners/},
  {what: 'a layer that cannot take the row: overflow', sql: "INSERT INTO ods.ratio VALUES (2, 2147483647, '1')", code: 'MR_EXPRESSION', message: /Overflow in addition.*in dynamic table main\.dwd.*ods\.ratio/},
  {what: 'a layer that cannot take the row: cast', rows: ['ods.ratio', [{id: 2, a: 1, b: 'many'}]], code: 'MR_EXPRESSION', message: /many.*main\.dwd/s},
];

for (const {what, sql, rows, lines, kind = 'invalid', code, message, hint} of cases) {
  test(`bad input: ${what}`, async () => {
    const before_ = await state();
    const work = async (): Promise<unknown> => {
      if (sql !== undefined) return wh.sql(sql);
      if (rows !== undefined) return wh.insert(rows[0], rows[1] as Record<string, unknown>[]);
      const ingest = wh.ingest(lines![0]);
      for await (const some of linesOf(bytes(lines![1]))) for (const line of some) ingest.line(line);
      return ingest.finish();
    };
    const error = await rejects(work(), kind, code, message);
    if (hint !== undefined) assert.match(error.hint ?? '', hint);
    assert.doesNotMatch(error.message.replaceAll(sql ?? ' ', '').replaceAll(/"_mr_\w*"/g, ''), /_mr_|mr_rows|live\.|\bt\d+_dead\b/, 'names of ours do not show');
    assert.deepEqual(await state(), before_);
  });
}

async function* bytes(text: string): AsyncGenerator<Uint8Array> {
  const all = Buffer.from(text);
  for (let at = 0; at < all.length; at += 70_000) yield all.subarray(at, at + 70_000);
}

test('bad input: a layer that raises refuses the statement whose rows raised it; writers beside it go on', async () => {
  const results = await Promise.allSettled(Array.from({length: 12}, (_, i) => wh.sql(`INSERT INTO ods.ratio VALUES (${100 + i}, ${i}, '${i % 4 === 3 ? 'x' : i}')`)));
  assert.deepEqual(results.map(({status}) => status), Array.from({length: 12}, (_, i) => (i % 4 === 3 ? 'rejected' : 'fulfilled')));
  for (const result of results) if (result.status === 'rejected') assert.equal((result.reason as WarehouseError).code, 'MR_EXPRESSION');
  assert.deepEqual((await wh.sql('SELECT count(*) AS n FROM dwd WHERE id >= 100')).rows, [{n: 9n}]);
  assert.deepEqual((await wh.sql('VERIFY ALL')).rows.map((row) => row['equal']), [true, true]);
});

test('bad input: with onError reject what is wrong goes to t$rejected with text and reason, and in = accepted + rejected', async () => {
  const lines = ['{"id":10,"customer":"a"}', '', 'no', '{"id":11,"customer":"b"}', '{"id":"x","customer":"c"}', `{"id":12,"customer":"${'y'.repeat(lineBytesMax)}"}`, '{"id":13}', '{"id":14,"customer":"d","more":1}', '{"id":15,"customer":"e"}'];
  const ingest = wh.ingest('ods.orders', {onError: 'reject'});
  for await (const some of linesOf(bytes(lines.join('\n')))) for (const line of some) ingest.line(line);
  const {accepted, rejected, errors, epoch} = await ingest.finish();
  assert.deepEqual([accepted, rejected, accepted + rejected], [3, 5, lines.filter((line) => line !== '').length]);
  assert.deepEqual(errors.map(({line, code}) => [line, code]), [[3, 'MR_JSON'], [5, 'MR_TYPE'], [6, 'MR_LINE_TOO_LONG'], [7, 'MR_NOT_NULL'], [8, 'MR_UNKNOWN_COLUMN']]);
  assert.equal(epoch, wh.epoch);
  const kept = (await wh.sql('SELECT line, code, reason, raw FROM ods.orders$rejected ORDER BY line')).rows;
  assert.deepEqual(kept.map((row) => [row['line'], row['code']]), errors.map(({line, code}) => [line, code]));
  assert.equal(kept[0]!['raw'], 'no');
  assert.equal(kept[3]!['raw'], '{"id":13}');
  assert.match(String(kept[1]!['reason']), /column "id": expected BIGINT, found string "x"/);
  assert.deepEqual((await wh.sql('SELECT count(*) AS n FROM rejected(ods.clicks)')).rows, [{n: 0n}], 'empty where nothing was ever rejected');
});

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');

/** Opens a warehouse in a process of its own. @returns the code and message of the error, or `opened`. */
async function openElsewhere(path: string): Promise<{code: string; message: string}> {
  const script = `const {Warehouse} = await import(${JSON.stringify(join(root, 'engine/warehouse.ts'))});
    try { const wh = await Warehouse.open({path: ${JSON.stringify(path)}}); await wh.close(); console.log(JSON.stringify({code: 'opened', message: ''})); }
    catch (cause) { console.log(JSON.stringify({code: cause.code, message: cause.message})); }`;
  const {stdout} = await run(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {cwd: root});
  return JSON.parse(stdout) as {code: string; message: string};
}

test('bad input: a second process is refused with the holder, before and after check and copies in the first', async (t) => {
  const refused = async (): Promise<void> => {
    const {code, message} = await openElsewhere(folder.path);
    assert.equal(code, 'MR_LOCKED');
    assert.match(message, new RegExp(`process ${process.pid}\\b`));
  };
  await refused();
  await rejects(Warehouse.open({path: folder.path}), 'unavailable', 'MR_LOCKED', /this process has it open already/);
  await rejects(checkWarehouse(folder.path), 'unavailable', 'MR_LOCKED');
  const copy = temporaryFolder(t);
  cpSync(folder.path, copy, {recursive: true, filter: (path) => !path.includes('lock.duckdb')});
  await refused();
  assert.equal((await wh.sql('SELECT 1 AS one')).rows.length, 1);
});

/** A stopped warehouse of two checkpoints and a tail of three epochs. */
async function stopped(path: string): Promise<void> {
  const one = await Warehouse.open({path});
  await one.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, v VARCHAR); INSERT INTO t VALUES (1, 'a')");
  await one.checkpoint();
  for (const id of [2, 3, 4]) await one.sql(`INSERT INTO t VALUES (${id}, 'row ${id}')`);
  await one.closeWithoutCheckpoint();
}

function newest(directory: string): string {
  return join(directory, readdirSync(directory).filter((name) => !name.endsWith('.tmp')).sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10)).at(-1)!);
}

function flip(file: string, at: number): void {
  const all = readFileSync(file);
  all[at]! ^= 0xff;
  writeFileSync(file, all);
}

test('bad input: damage is told with file and place, and nothing is changed by opening', async (t) => {
  const path = temporaryFolder(t);
  await stopped(path);
  const log = newest(join(path, '_millrace', 'log'));
  const checkpoint = newest(join(path, '_millrace', 'checkpoint'));
  const format = join(path, '_millrace', 'format');
  const damages: {what: string; file: string; damage: () => void; code: string; message: RegExp; check: boolean}[] = [
    {what: 'a frame before the tail', file: log, damage: () => flip(log, statSync(log).size - 700), code: 'MR_LOG_DAMAGED', message: /\.log.*(byte|at) \d+/s, check: true},
    {what: 'a checkpoint', file: checkpoint, damage: () => writeFileSync(checkpoint, readFileSync(checkpoint, 'utf8').replace('"epoch"', '"eboch"')), code: 'MR_CHECKPOINT_DAMAGED', message: /checkpoint\/\d+\.json/, check: true},
    {what: 'a newer format', file: format, damage: () => writeFileSync(format, readFileSync(format, 'utf8').replace(/\d+/, '99')), code: 'MR_FORMAT_NEWER', message: /99/, check: false},
  ];
  for (const {what, file, damage, code, message, check} of damages) {
    const saved = readFileSync(file);
    damage();
    const bad = readFileSync(file);
    const error = await Warehouse.open({path}).then(async (opened) => {
      await opened.close();
      return assert.fail(`${what}: opened`);
    }, (cause: unknown) => cause as WarehouseError);
    assert.ok(error instanceof WarehouseError, `${what}: ${String(error)}`);
    assert.equal(error.code, code, `${what}: ${error.message}`);
    assert.match(error.message, message);
    assert.deepEqual(readFileSync(file), bad, `${what}: the file is as it was`);
    if (check) assert.notEqual((await checkWarehouse(path)).problems.length, 0, what);
    writeFileSync(file, saved);
  }
  const well = await Warehouse.open({path});
  assert.deepEqual((await well.sql('SELECT id FROM t ORDER BY id')).rows, [{id: 1}, {id: 2}, {id: 3}, {id: 4}]);
  await well.close();
  assert.deepEqual((await checkWarehouse(path)).problems, []);
});
