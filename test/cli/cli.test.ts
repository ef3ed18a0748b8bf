/**
 * The command line as a newcomer and a script meet it: output, exit codes, errors. Processes are dear (a second each): what needs
 * none of its own runs here, with what it writes to standard error caught.
 */
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {mkdirSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test, {after} from 'node:test';
import {runCheck} from '../../cli/check.ts';
import {runIngest} from '../../cli/ingest.ts';
import {runServe} from '../../cli/serve.ts';
import {runSql} from '../../cli/sql.ts';
import {runSubscribe} from '../../cli/subscribe.ts';
import {Warehouse} from '../../engine/warehouse.ts';
import {Kernel} from '../../kernel/duckdb.ts';
import {compileFor} from '../support/compiled.ts';
import {rejects} from '../support/expect.ts';
import {temporaryFolder} from '../support/temporary.ts';

const root = join(import.meta.dirname, '..', '..');
const main = compileFor('cli/main.ts');
after(() => main.remove());

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): ReturnType<typeof spawn> {
  const clean = {...process.env};
  for (const name of ['MILLRACE_WAREHOUSE', 'MILLRACE_URL', 'MILLRACE_TOKEN', 'NODE_TEST_CONTEXT']) delete clean[name];
  return spawn(process.execPath, [main.file, ...args], {cwd: root, env: {...clean, ...env}});
}

function run(args: readonly string[], {input = '', env = {}}: {input?: string; env?: NodeJS.ProcessEnv} = {}): Promise<Ran> {
  return new Promise((resolve) => {
    const child = start(args, env);
    let stdout = '';
    let stderr = '';
    child.stdout!.on('data', (part) => { stdout += String(part); });
    child.stderr!.on('data', (part) => { stderr += String(part); });
    child.on('close', (code) => resolve({code, stdout, stderr}));
    child.stdin!.end(input);
  });
}

function done({code, stdout, stderr}: Ran): string {
  assert.equal(code, 0, stderr);
  return stdout;
}

function failed({code, stdout, stderr}: Ran, wanted: number, message: RegExp): void {
  assert.deepEqual([code, stdout], [wanted, ''], stderr);
  assert.match(stderr, message);
  assert.doesNotMatch(stderr, /^\s+at .*\.ts:\d+/m, 'no stack');
}

/** @returns what `work` writes to standard error. */
async function told(work: () => Promise<void>): Promise<string> {
  const write = process.stderr.write.bind(process.stderr);
  let text = '';
  process.stderr.write = ((part: string) => {
    text += part;
    return true;
  }) as typeof process.stderr.write;
  try {
    await work();
  } finally {
    process.stderr.write = write;
  }
  return text;
}

test('cli: alone it prints the three commands to try first; wrong usage is 2', async () => {
  const [alone, unknown] = await Promise.all([run([]), run(['sqll'])]);
  const text = done(alone);
  const tried = text.slice(text.indexOf('Try first:')).split('\n').slice(1).filter((line) => line.trim().startsWith('millrace '));
  assert.equal(tried.length, 3);
  failed(unknown, 2, /unknown command 'sqll'.*Did you mean sql/s);
});

test('cli sql: a folder runs in the order of names, standard input too, and what was done is said', async (t) => {
  const path = temporaryFolder(t);
  const scripts = join(path, 'scripts');
  mkdirSync(scripts);
  writeFileSync(join(scripts, '20_fill.sql'), 'INSERT INTO a VALUES (1), (2);\n-- none\n');
  writeFileSync(join(scripts, '10_make.sql'), 'CREATE TABLE a (n INTEGER);');
  writeFileSync(join(scripts, '30_bad.sql'), 'SELECT 1 AS one;\n\nSELECT * FROM b;');
  writeFileSync(join(scripts, 'notes.txt'), 'no SQL');
  const bad = await run(['sql', '-w', join(path, 'wh'), '-f', scripts]);
  assert.equal(bad.code, 1);
  assert.match(bad.stdout, /^CREATE TABLE {2}\(epoch 1\)\nINSERT 2 {2}\(epoch 2\)\n┌/);
  assert.match(bad.stderr, /^error MR_UNKNOWN_TABLE: .*30_bad\.sql: .*"b" at line 3, column 15\nhint: did you mean "a"\?\n$/);
  assert.equal(done(await run(['sql', '--format', 'json'], {input: 'SELECT sum(n)::INTEGER AS s FROM a; SELECT 1 AS one', env: {MILLRACE_WAREHOUSE: join(path, 'wh')}})), '[{"s":3}]\n[{"one":1}]\n');
});

test('cli: errors say what to do', async (t) => {
  const path = temporaryFolder(t);
  const command = 'SELECT 1';
  const cases: [() => Promise<void>, string, RegExp, RegExp][] = [
    [() => runSql({command, format: 'table'}), 'MR_USAGE', /no warehouse is named/, /give -w DIR or --url URL, or set MILLRACE_WAREHOUSE or MILLRACE_URL/],
    [() => runSql({warehouse: path, command, format: 'xml'}), 'MR_USAGE', /unknown format "xml"/, /one of table, json, ndjson, csv/],
    [() => runSql({warehouse: path, url: 'http://127.0.0.1:1', command, format: 'table'}), 'MR_USAGE', /both a folder \(-w\) and a server \(--url\)/, /./],
    [() => runSql({warehouse: path, command, file: 'x.sql', format: 'table'}), 'MR_USAGE', /both -c and -f/, /./],
    [() => runSql({warehouse: path, file: 'nowhere.sql', format: 'table'}), 'MR_FILE_MISSING', /nowhere\.sql/, /(?:)/],
    [() => runSql({warehouse: path, file: path, format: 'table'}), 'MR_USAGE', /has no \*\.sql file/, /(?:)/],
    [() => runSql({url: 'http://127.0.0.1:1', command, format: 'table'}), 'MR_SERVER', /http:\/\/127\.0\.0\.1:1 does not answer/, /is `millrace serve` running there/],
    [() => runSql({url: 'localhost', command, format: 'table'}), 'MR_USAGE', /"localhost" is no URL/, /http:\/\/127\.0\.0\.1:8080/],
    [() => runServe({warehouse: path, host: '0.0.0.0', port: '0'}), 'MR_TOKEN_REQUIRED', /host 0\.0\.0\.0 is reachable from outside and no token is set/, /--token/],
    [() => runServe({warehouse: path, host: '127.0.0.1', port: 'http'}), 'MR_USAGE', /port is "http"/, /(?:)/],
    [() => runCheck({warehouse: join(path, 'none')}), 'MR_NOT_A_WAREHOUSE', /is no warehouse/, /-w/],
    [() => runCheck({}), 'MR_USAGE', /no warehouse is named/, /-w DIR/],
    [() => runIngest('t', 'a.txt', {warehouse: path, onError: 'fail'}), 'MR_USAGE', /a\.txt ends in "\.txt"/, /\.ndjson, \.jsonl, \.csv or \.parquet/],
    [() => runIngest('t', 'none.csv', {warehouse: path, onError: 'fail'}), 'MR_FILE_MISSING', /none\.csv/, /(?:)/],
    [() => runIngest('t', '-', {warehouse: path, onError: 'skip'}), 'MR_USAGE', /--on-error is "skip"/, /(?:)/],
    [() => runSubscribe(['t'], {warehouse: path, from: 'start'}), 'MR_USAGE', /--from is "start"/, /(?:)/],
    [() => runSubscribe(['t'], {warehouse: path, from: 'latest', limit: 'x'}), 'MR_USAGE', /--limit is "x"/, /(?:)/],
  ];
  for (const [work, code, message, hint] of cases) {
    const error = await rejects(work(), code === 'MR_SERVER' ? 'unavailable' : 'invalid', code, message);
    assert.match(error.hint ?? '', hint);
  }
});

test('cli ingest: ndjson, csv and parquet by the names of their columns; bad rows aside if asked for', async (t) => {
  const path = temporaryFolder(t);
  const warehouse = join(path, 'wh');
  const file = (name: string, text: string): string => {
    writeFileSync(join(path, name), text);
    return join(path, name);
  };
  const ingest = (name: string, onError = 'fail'): Promise<string> => told(() => runIngest('t', name, {warehouse, onError}));
  const content = async (sql: string): Promise<unknown[]> => {
    await using wh = await Warehouse.open({path: warehouse});
    return (await wh.sql(sql)).rows.map((row) => Object.values(row));
  };
  await content('CREATE TABLE t (id BIGINT PRIMARY KEY, at_ TIMESTAMP, note VARCHAR); SELECT 1');
  assert.equal(await ingest(file('a.csv', 'note,id,at_\n"x, y",1,2026-01-01T01:00:00+01:00\n,2,\n')), 'accepted 2, rejected 0 (epoch 2)\n');
  await rejects(ingest(file('b.csv', 'id,note\n3,c\nfour,d\n')), 'invalid', 'MR_TYPE', /line 3: column "id": expected BIGINT, found string "four"/);
  assert.match(await ingest(file('b.csv', 'id,note\n3,c\nfour,d\n'), 'reject'), /^line 3: column "id": .*\naccepted 1, rejected 1 \(epoch 4\)\n$/);
  assert.match(await ingest(file('c.ndjson', '{"id":5}\nnope\n{"id":6,"note":7}\n'), 'reject'), /^line 2 is not JSON: .*\nline 3: column "note": expected VARCHAR, found number 7\naccepted 1, rejected 2 \(epoch 5\)\n$/);
  assert.match(await ingest(file('e.csv', 'id;note\r\n30;"a;""b""\n\nc"\r\n31\r\n32;"open\r\n33;""\r\n'), 'reject'), /^line 5: expected 2 values, found 1\nline 6: a quote that opens there is not closed\naccepted 2, rejected 2 \(epoch 6\)\n$/);
  assert.deepEqual(await content('SELECT id, note FROM t WHERE id >= 30 ORDER BY id'), [[30n, 'a;"b"\n\nc'], [33n, '']]);
  assert.deepEqual(await content('SELECT line, code, raw FROM t$rejected WHERE code = \'MR_CSV\' ORDER BY line'), [[5, 'MR_CSV', '31'], [6, 'MR_CSV', '32;"open']]);
  await content('DELETE FROM t WHERE id >= 30; SELECT 1');
  await rejects(ingest(file('h.csv', 'id,id\n1,2\n')), 'invalid', 'MR_CSV', /line 1 cannot be the header: column "id" stands there twice/);
  await using kernel = await Kernel.open({threads: 1, memoryBytes: 256 << 20});
  const session = await kernel.connect();
  await session.run(`COPY (SELECT 'p' AS note, 7::UBIGINT AS id, TIMESTAMP '2026-02-03 04:05:06' AS at_) TO '${join(path, 'd.parquet')}'`);
  assert.equal(await ingest(join(path, 'd.parquet')), 'INSERT 1 (epoch 8)\n');
  assert.equal(await ingest(join(path, 'd.parquet'), 'reject'), 'accepted 1, rejected 0 (epoch 8)\n');
  assert.deepEqual(await content('SELECT id, at_, note FROM t ORDER BY id'), [[1n, '2026-01-01T00:00:00.000000', 'x, y'], [2n, null, null], [3n, null, 'c'], [5n, null, null], [7n, '2026-02-03T04:05:06.000000', 'p']]);

  await content('CREATE TABLE nested (id BIGINT PRIMARY KEY, l INTEGER[], s STRUCT(a BIGINT, b VARCHAR)); SELECT 1');
  const nest = (name: string, onError = 'fail'): Promise<string> => told(() => runIngest('nested', name, {warehouse, onError}));
  await nest(file('n.csv', 'id,l,s\n1,"[1, null]","{""a"": 9007199254740993}"\n2,,\n'));
  await nest(file('n.ndjson', '{"id":3,"l":[],"s":{"b":"x"}}\n'));
  await session.run(`COPY (SELECT 4 AS id, [5::UTINYINT] AS l, {'b': 'y', 'a': 6::UBIGINT} AS s) TO '${join(path, 'n.parquet')}'`);
  await nest(join(path, 'n.parquet'), 'reject');
  await session.run(`COPY (SELECT 5 AS id, [7] AS l, {'a': 8, 'b': NULL::VARCHAR} AS s) TO '${join(path, 'n.parquet')}'`);
  await nest(join(path, 'n.parquet'));
  await rejects(nest(file('m.csv', 'id,l,s\n6,"1, 2",\n')), 'invalid', 'MR_TYPE', /line 2: column "l": expected INTEGER\[\] or its JSON text/);
  assert.deepEqual(await content('SELECT * FROM nested ORDER BY id'), [[1n, [1, null], {a: 9007199254740993n, b: null}], [2n, null, null], [3n, [], {a: null, b: 'x'}], [4n, [5], {a: 6n, b: 'y'}], [5n, [7], {a: 8n, b: null}]]);
});

test('cli: a folder that a server holds is reached through it: sql, ingest, subscribe; the server ends cleanly', async (t) => {
  const path = temporaryFolder(t);
  const warehouse = join(path, 'wh');
  const server = start(['serve', '-w', warehouse, '--port', '0', '--token', 'sesame']);
  t.after(() => void server.kill('SIGKILL'));
  let said = '';
  const ended = new Promise<number | null>((resolve) => server.on('close', resolve));
  await new Promise<void>((resolve) => server.stderr!.on('data', (part) => {
    said += String(part);
    if (said.includes('serves')) resolve();
  }));
  assert.match(said, /^millrace serves .*\/wh at http:\/\/127\.0\.0\.1:\d+ \(epoch 0\)\n$/);
  const held = {warehouse, token: 'sesame'};
  const made = await run(['sql', '-c', 'CREATE TABLE t (id INTEGER PRIMARY KEY, v DOUBLE); BEGIN; INSERT INTO t VALUES (1, 1); INSERT INTO t VALUES (2, 2); COMMIT; SELECT count(*)::INTEGER AS n FROM t'], {env: {MILLRACE_TOKEN: 'sesame', MILLRACE_WAREHOUSE: warehouse}});
  assert.match(done(made), /^CREATE TABLE {2}\(epoch 1\)\nCOMMIT {2}\(epoch 2\)\n[^]*│ 2 │/);
  await rejects(runSql({warehouse, command: 'SELECT 1', format: 'table'}), 'invalid', 'MR_UNAUTHORIZED', /no token given/);
  const follower = run(['subscribe', 't', '--from', 'snapshot', '--limit', '3'], {env: {MILLRACE_TOKEN: 'sesame', MILLRACE_WAREHOUSE: warehouse}});
  writeFileSync(join(path, 'a.csv'), 'id,v\n3,3.5\n');
  assert.equal(await told(() => runIngest('t', join(path, 'a.csv'), {...held, onError: 'fail'})), 'accepted 1, rejected 0 (epoch 3)\n');
  await rejects(runCheck({warehouse}), 'unavailable', 'MR_LOCKED', /held by process \d+ at http:\/\/127\.0\.0\.1:\d+/);
  const lines = done(await follower).trim().split('\n').map((line) => JSON.parse(line) as {op?: string; row?: {id: number}});
  assert.deepEqual(lines.filter(({op}) => op !== undefined).map(({op, row}) => [op, row!.id]).sort(), [['+I', 1], ['+I', 2], ['+I', 3]]);
  server.kill('SIGTERM');
  assert.equal(await ended, 0);
  assert.match(said, /SIGTERM: closing\n$/);
});

test('cli subscribe and check on a folder; check finds damage, says where, and exits 1', async (t) => {
  const path = temporaryFolder(t);
  const wh = await Warehouse.open({path});
  await wh.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, v VARCHAR); INSERT INTO t VALUES (1, 'a'); CREATE SUBSCRIPTION s ON t; UPDATE t SET v = 'b'; DELETE FROM t");
  await wh.close();
  const all = done(await run(['subscribe', '-w', path, 't', '--from', '1', '--limit', '4']));
  assert.deepEqual(all.trim().split('\n').map((line) => (JSON.parse(line) as {op?: string}).op ?? 'end'), ['+I', 'end', '-U', '+U', 'end', '-D']);
  const one = done(await run(['subscribe', '-w', path, '--subscription', 's', '--limit', '1', '--commit']));
  assert.deepEqual(one.trim().split('\n').map((line) => (JSON.parse(line) as {op?: string}).op ?? 'end'), ['-U', '+U', 'end'], 'a whole epoch');
  const two = done(await run(['sql', '-w', path, '--format', 'csv', '-c', 'FETCH FROM s']));
  assert.match(two, /^_epoch,_op,_complete,id,v\n\d+,-D,true,1,b\n$/, 'it goes on after what was committed');
  assert.match(await told(() => runCheck({warehouse: path})), /^checked \d+ log segments with \d+ epochs, \d+ checkpoints, 1 tables with \d+ files: all well\n$/);
  const bucket = join(path, 'default.db', 't', 'bucket-0');
  const data = readdirSync(bucket).find((name) => name.endsWith('.parquet'))!;
  const bytes = readFileSync(join(bucket, data));
  writeFileSync(join(bucket, data), bytes.subarray(0, bytes.length - 9));
  const damaged = await run(['check', '-w', path]);
  assert.equal(damaged.code, 1);
  assert.ok(damaged.stdout.includes(data), damaged.stdout + damaged.stderr);
  assert.match(damaged.stderr, /: \d+ problems\n$/);
});
