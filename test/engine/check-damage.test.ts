/**
 * `check` finds every kind of damage and says where: each is done to a copy of one sound warehouse, several that do not hide each other
 * at a time. What check calls sound opens.
 */
import assert from 'node:assert/strict';
import {cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test, {after, before} from 'node:test';
import {epoch} from '../../base/epoch.ts';
import {encodeRecord} from '../../catalog/record-json.ts';
import type {TableId} from '../../catalog/spec.ts';
import {checkWarehouse} from '../../engine/check.ts';
import {Warehouse} from '../../engine/warehouse.ts';
import {encodeFrame} from '../../storage/log/frame.ts';
import {emptyHeader} from '../../storage/log/frame-header.ts';
import {decodeCheckpoint, encodeCheckpoint, type Checkpoint} from '../../storage/lsm/checkpoint-file.ts';
import {rejects, sharedFolder} from '../support/expect.ts';

const folder = sharedFolder();
const sound = join(folder.path, 'sound');
let copies = 0;

before(async () => {
  const wh = await Warehouse.open({path: sound, logSegmentBytesMax: 512, referenceBytes: 4096});
  await wh.sql('CREATE TABLE a (id INTEGER PRIMARY KEY, v VARCHAR); CREATE TABLE b (id INTEGER); CREATE TABLE c (id INTEGER PRIMARY KEY); CREATE SUBSCRIPTION s ON a');
  for (let i = 0; i < 3; i++) await wh.sql(`INSERT INTO a VALUES (${i}, 'x'); INSERT INTO b VALUES (${i}); INSERT INTO c VALUES (${i}); CHECKPOINT`);
  await wh.sql("INSERT INTO a VALUES (7, 'tail'); INSERT INTO a SELECT i, repeat('y', 30) FROM range(100, 600) t(i); INSERT INTO b VALUES (9)");
  await wh.closeWithoutCheckpoint();
});
after(() => folder.remove());

/** @returns a copy of the sound warehouse, the lock apart. */
function copied(): string {
  const path = join(folder.path, String(copies++));
  cpSync(sound, path, {recursive: true, preserveTimestamps: true, filter: (from) => !/lock\.duckdb|\/live$/.test(from)});
  return path;
}

const files = (path: string, ...parts: string[]): string[] => readdirSync(join(path, ...parts)).sort().map((name) => join(path, ...parts, name));
const checkpoints = (path: string): string[] => files(path, '_millrace', 'checkpoint').sort((a, b) => Number(/(\d+)\.json$/.exec(a)?.[1]) - Number(/(\d+)\.json$/.exec(b)?.[1]));
const newestCheckpoint = (path: string): string => checkpoints(path).at(-1)!;

function alter(path: string, change: (checkpoint: Checkpoint) => Checkpoint): void {
  const file = newestCheckpoint(path);
  writeFileSync(file, encodeCheckpoint(change(decodeCheckpoint(readFileSync(file), file)!)));
}

async function found(path: string): Promise<string[]> {
  return (await checkWarehouse(path)).problems.map(({where, what}) => `${where.replace(`${path}/`, '')}: ${what}`);
}

function expectEach(problems: readonly string[], ...expected: RegExp[]): void {
  for (const pattern of expected) assert.ok(problems.some((problem) => pattern.test(problem)), `${String(pattern)} among\n${problems.join('\n')}`);
}

test('check: a sound warehouse is sound, and so is its copy', async () => {
  const path = copied();
  assert.deepEqual(await found(path), []);
  assert.equal((await checkWarehouse(path)).checked.checkpoints, 3);
});

test('check: damage to files of tables, to older checkpoints, and to files that the log names', async () => {
  const path = copied();
  // A data file that is cut, a manifest that is gone, a snapshot that an older checkpoint names.
  // Of the oldest checkpoint: the newest data files may be those of a delta that only the log names.
  const [data] = files(path, 'default.db', 'a', 'bucket-0').filter((file) => /data-.*\.parquet$/.test(file)).sort((a, b) => statSync(a).mtimeMs - statSync(b).mtimeMs) as [string];
  truncateSync(data, readFileSync(data).length - 5);
  rmSync(files(path, 'default.db', 'b', 'manifest').find((file) => /manifest-list/.test(file))!);
  rmSync(join(path, 'default.db', 'c', 'snapshot', 'snapshot-1'));
  // Checkpoints: one cut off, one altered.
  const [first, second] = checkpoints(path) as [string, string];
  truncateSync(first, readFileSync(first).length - 10);
  writeFileSync(second, readFileSync(second, 'utf8').replace('"epoch"', '"epoci"'));
  // The rows of a delta by reference, which only the log names.
  const named = new Set([...readFileSync(newestCheckpoint(path), 'utf8').matchAll(/changelog-[\w-]+/g)].map(([name]) => name));
  const reference = files(path, 'default.db', 'a', 'bucket-0').filter((file) => /changelog-.*\.parquet$/.test(file) && !named.has(file)).map((file) => ({file, bytes: readFileSync(file)})).sort((a, b) => b.bytes.length - a.bytes.length)[0]!;
  reference.bytes[40]! ^= 1;
  writeFileSync(reference.file, reference.bytes);
  expectEach(await found(path),
    /^default\.db\/a\/bucket-0\/data-[^:]+: expected \d+ bytes, found \d+/, /^default\.db\/b[^:]*: MR_FILE_MISSING/, /checkpoint\/\d+\.json: is cut off/, /checkpoint\/\d+\.json: .*checksum/,
    /^default\.db\/a\/bucket-0\/changelog-[^:]+: epoch \d+ of the log names it with checksum/);
});

test('check: what checkpoints tell of history must be there', async () => {
  const path = copied();
  const [, second] = checkpoints(path) as [string, string];
  rmSync(second);
  rmSync(join(path, 'default.db', 'c', 'snapshot', 'snapshot-3'));
  expectEach(await found(path), /comes after checkpoint \d+, which is missing/, /^default\.db\/c: snapshot 3, which checkpoint \d+ names, is missing/);
});

test('check: the log must reach the checkpoint and go on from it; subscriptions stand within history', async () => {
  const gap = copied();
  const segments = files(gap, '_millrace', 'log');
  assert.ok(segments.length > 4, 'several segments');
  rmSync(segments[1]!);
  alter(gap, (checkpoint) => ({...checkpoint, oldest: checkpoint.epoch}));
  expectEach(await found(gap), /expected the frame of epoch \d+, the segment begins with epoch \d+/, /^subscription s: goes on after epoch \d+, history is kept from epoch \d+ on only/);

  const short = copied();
  const [first, ...others] = files(short, '_millrace', 'log');
  for (const segment of others) rmSync(segment);
  expectEach(await found(short), /ends with epoch \d+, the newest checkpoint is at epoch \d+/);
  rmSync(first!);
  expectEach(await found(short), /holds no segment/);

  const late = copied();
  const newest = Number(/(\d+)\.json$/.exec(newestCheckpoint(late))![1]);
  for (const segment of files(late, '_millrace', 'log')) if (Number(/(\d+)\.log$/.exec(segment)![1]) <= newest + 1) rmSync(segment);
  expectEach(await found(late), /begins with epoch \d+, the newest whole checkpoint is at epoch \d+: epochs between them are missing/);
});

test('check: changes of the catalog that do not fit are damage, as is a commit of an epoch that never was', async () => {
  const path = copied();
  const last = files(path, '_millrace', 'log').at(-1)!;
  const report = await checkWarehouse(path);
  const ends = report.checked.frames; // epochs begin with 1
  const bytes = readFileSync(last);
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  end = Math.ceil(end / 8) * 8;
  const frame = encodeFrame({epoch: epoch(ends + 1), header: {...emptyHeader, ddl: [encodeRecord({kind: 'drop-table', id: 99 as TableId})]}, tables: []});
  writeFileSync(last, Buffer.concat([bytes.subarray(0, end), frame]));
  expectEach(await found(path), new RegExp(`epoch ${ends + 1} does not fit what was before it: table 99 does not exist`));

  const ahead = copied();
  alter(ahead, (checkpoint) => ({...checkpoint, catalog: JSON.parse(JSON.stringify(checkpoint.catalog).replace(/("position":\{"epoch":)\d+/, '$1999999')) as Checkpoint['catalog']}));
  expectEach(await found(ahead), /^subscription s: is committed through epoch 999999, the newest is \d+/);
});

test('check: the files that hold a delta by reference for readers of the table, before a snapshot names them', async () => {
  // The log says what it is called.
  const [name] = /data-[\w-]+\.parquet/.exec(files(sound, '_millrace', 'log').map((file) => readFileSync(file, 'latin1')).join(''))!;
  const reference = (path: string): string => join(path, 'default.db', 'a', 'bucket-0', name);
  const cut = copied();
  truncateSync(reference(cut), 100);
  expectEach(await found(cut), /^default\.db\/a\/bucket-0\/data-[^:]+: epoch \d+ of the log names it: expected \d+ bytes, found 100; restore it from a backup$/);
  const gone = copied();
  rmSync(reference(gone));
  expectEach(await found(gone), /^default\.db\/a\/bucket-0\/data-[^:]+: epoch \d+ of the log names it: expected a file of \d+ bytes, found none; restore/);
  // Of the right size, with rows that are not those that the frame describes.
  const other = copied();
  const [at, large] = [reference(other), statSync(reference(other)).size];
  const bytes = readFileSync(at);
  for (let i = 4; i < large / 2; i++) bytes[i]! ^= 0x55;
  writeFileSync(at, bytes);
  expectEach(await found(other), /^default\.db\/a\/bucket-0\/data-[^:]+: epoch \d+ of the log names it: /);
});

test('check: what tags keep must be there, and be what they name', async () => {
  const tagged = join(folder.path, 'tagged');
  const wh = await Warehouse.open({path: tagged, historyRetentionMs: 0, orphanAgeMs: 0, logCheckpoints: 1, logSegmentBytesMax: 512});
  await wh.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, v VARCHAR); INSERT INTO t VALUES (1, 'kept'); CREATE TAG eod");
  for (let i = 0; i < 4; i++) {
    await wh.sql(`INSERT INTO t VALUES (1, 'later ${i}')`);
    await wh.sql('OPTIMIZE t');
    await wh.checkpoint();
  }
  await wh.sql(`CREATE TAG twin; INSERT INTO t VALUES (2, 'x'); CREATE TAG between AT EPOCH ${wh.epoch + 1}`);
  await wh.close();
  const copy = (): string => {
    const path = join(folder.path, String(copies++));
    cpSync(tagged, path, {recursive: true, preserveTimestamps: true, filter: (from) => !/lock\.duckdb|\/live$/.test(from)});
    return path;
  };
  const tagFile = (path: string, name: string): string => join(path, 'default.db', 't', 'tag', `tag-${name}`);
  const snapshotOf = (path: string): {id: number} => JSON.parse(readFileSync(path, 'utf8')) as {id: number};
  assert.deepEqual(await found(copy()), []);
  const kept = snapshotOf(tagFile(tagged, 'eod')).id;
  assert.ok(!existsSync(join(tagged, 'default.db', 't', 'snapshot', `snapshot-${kept}`)), 'the tag alone keeps it');

  const gone = copy();
  rmSync(tagFile(gone, 'eod'));
  expectEach(await found(gone), new RegExp(`^default\\.db/t/snapshot/snapshot-${kept}: expected snapshot ${kept}, which checkpoint \\d+ names and the tag keeps, found neither its file nor a tag of it: restore it from a backup, or DROP TAG eod$`));

  const other = copy();
  const twin = readFileSync(tagFile(other, 'twin'), 'utf8');
  writeFileSync(tagFile(other, 'twin'), readFileSync(tagFile(other, 'eod'), 'utf8').replace('"millrace.tag":"eod"', '"millrace.tag":"twin"').replace('"millrace.tag" : "eod"', '"millrace.tag" : "twin"'));
  writeFileSync(tagFile(other, 'eod'), twin.replace('{', ''));
  expectEach(await found(other), /^default\.db\/t\/tag\/tag-twin: expected snapshot \d+ of epoch \d+, which checkpoint \d+ names, found snapshot \d+ of epoch \d+: remove the file, it is made anew/, /tag-eod.*is not JSON/);

  // A file that the tag alone keeps: the oldest data file that there is.
  const cut = copy();
  const [data] = files(cut, 'default.db', 't', 'bucket-0').filter((file) => /data-.*\.parquet$/.test(file)).sort((a, b) => statSync(a).mtimeMs - statSync(b).mtimeMs) as [string];
  truncateSync(data, 50);
  expectEach(await found(cut), /^default\.db\/t\/bucket-0\/data-[^:]+: expected \d+ bytes, found 50/);

  const missing = copy();
  const epochOf = Number(/"name":"eod","epoch":(\d+)/.exec(readFileSync(newestCheckpoint(missing), 'utf8'))![1]);
  rmSync(join(missing, '_millrace', 'checkpoint', `${epochOf}.json`));
  expectEach(await found(missing), new RegExp(`checkpoint/${epochOf}\\.json: expected the checkpoint of epoch ${epochOf}, which it keeps, found none that is whole: restore it from a backup, or DROP TAG eod`));

  const wrong = copy();
  alter(wrong, (checkpoint) => ({...checkpoint, oldest: checkpoint.epoch, catalog: JSON.parse(JSON.stringify(checkpoint.catalog)
    .replace(/("name":"twin","epoch":)\d+/, '$1999999').replace(/("name":"eod".*?"createdMs":)(\d+)(,"untilMs":)null/, '$1$2$31')) as Checkpoint['catalog']}));
  expectEach(await found(wrong), /^tag twin: names epoch 999999, the newest is \d+: restore the log from a backup, or DROP TAG twin$/,
    /^tag eod: was made at \S+ and ends at 1970-01-01T00:00:00\.001Z, before that: DROP TAG eod/, /^tag between: keeps history from epoch \d+ on, it is kept from epoch \d+ on only: DROP TAG between$/);
});

test('check: what is no warehouse of ours is refused, not judged', async () => {
  const path = copied();
  writeFileSync(join(path, '_millrace', 'format'), '{"version":99,"warehouse":"x"}');
  await rejects(checkWarehouse(path), 'invalid', 'MR_FORMAT_NEWER');
  writeFileSync(join(path, '_millrace', 'incomplete-backup'), '');
  await rejects(checkWarehouse(path), 'data', 'MR_BACKUP_INCOMPLETE');
  renameSync(join(path, '_millrace'), join(path, '_other'));
  await rejects(checkWarehouse(path), 'invalid', 'MR_NOT_A_WAREHOUSE');
});
