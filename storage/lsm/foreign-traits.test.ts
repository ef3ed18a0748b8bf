/**
 * Files of other writers that some reader misreads without a complaint. Each trait twice: the file alone in its key range, which readers take as
 * it is, and with a second file that overlaps. We read what was meant, or refuse, or `check` names file and trait; what we read never
 * depends on luck.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import {writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {WarehouseError} from '../../base/error.ts';
import {quoteLiteral} from '../../kernel/quote.ts';
import type {Session} from '../../kernel/session.ts';
import {EMPTY_ROW, encodeBinaryRow} from '../paimon/binary-row.ts';
import {parseType, type PaimonType} from '../paimon/data-type.ts';
import type {DataFileMeta} from '../paimon/manifest.ts';
import {printSnapshot} from '../paimon/snapshot.ts';
import {printSchema} from '../paimon/table-schema.ts';
import {changelogSql} from './changelog-sql.ts';
import {checkTable} from './check-table.ts';
import {commitChange, commitFlush} from './commit.ts';
import {describeFiles} from './data-file-writer.ts';
import {prepareFlush} from './flush.ts';
import {ensureBucketDirectory, PaimonTable} from './paimon-table.ts';
import {scanPlan} from './scan-plan.ts';
import {scanSql} from './scan-sql.ts';
import {doors, withSession} from './test-tables.ts';

interface Trait {
  readonly name: string;
  /** Type of column `v`. */
  readonly type: string;
  /** Rows (id, seq, kind, v) in the order of the file: VALUES of SQL. */
  readonly rows: string;
  /** The file's column for `v` over those rows; its name, `v` unless given. */
  readonly column?: string;
  readonly columnName?: string;
  /** What the manifest says instead of the truth. */
  readonly patch?: (file: DataFileMeta) => Partial<DataFileMeta>;
  /** `v` of ids 1 and 2 as text, when read right; left out where readers are not promised the right rows. */
  readonly reads?: readonly string[];
  /** What `check` says of the file; nothing: it is well. */
  readonly named?: RegExp;
}

const int: PaimonType = {root: 'BIGINT', nullable: false};
const key = (id: bigint): Uint8Array => encodeBinaryRow([int], [id]);
const times = `(1, 0, 0, TIMESTAMP '2024-02-29 12:34:56.123'), (2, 1, 0, TIMESTAMP '1969-12-31 23:59:59.999')`;
const numbers = '(1, 0, 0, 10), (2, 1, 0, 20)';

const traits: readonly Trait[] = [
  {name: 'TIMESTAMP(3) in microseconds', type: 'TIMESTAMP(3)', rows: times, reads: ['2024-02-29 12:34:56.123', '1969-12-31 23:59:59.999'], named: /"v" TIMESTAMP\(3\) is held as INT64 TIMESTAMP_MICROS/},
  {name: 'TIMESTAMP(6) in milliseconds', type: 'TIMESTAMP(6)', rows: times, column: 'v::TIMESTAMP_MS', reads: ['2024-02-29 12:34:56.123', '1969-12-31 23:59:59.999'], named: /held as INT64 TIMESTAMP_MILLIS/},
  {name: 'TIMESTAMP(6) in nanoseconds', type: 'TIMESTAMP(6)', rows: times, column: 'v::TIMESTAMP_NS', reads: ['2024-02-29 12:34:56.123', '1969-12-31 23:59:59.999'], named: /held as INT64 TIMESTAMP_NANOS/},
  {name: 'TIMESTAMP(3) WITH LOCAL TIME ZONE in microseconds', type: 'TIMESTAMP(3) WITH LOCAL TIME ZONE', rows: times, column: "v AT TIME ZONE 'UTC'", reads: ['2024-02-29 12:34:56.123+00', '1969-12-31 23:59:59.999+00'], named: /held as INT64 TIMESTAMP_MICROS/},
  {name: 'DECIMAL of a smaller scale', type: 'DECIMAL(9, 2)', rows: numbers, column: 'v::DECIMAL(9,1)', reads: ['10.00', '20.00'], named: /"v" DECIMAL\(9, 2\) is held with scale 1/},
  {name: 'DECIMAL as DOUBLE', type: 'DECIMAL(9, 2)', rows: numbers, column: 'v::DOUBLE', reads: ['10.00', '20.00'], named: /held as DOUBLE/},
  {name: 'FLOAT as DOUBLE', type: 'FLOAT', rows: numbers, column: 'v::DOUBLE', reads: ['10.0', '20.0'], named: /held as DOUBLE/},
  {name: 'BIGINT as DOUBLE', type: 'BIGINT', rows: numbers, column: 'v::DOUBLE', reads: ['10', '20'], named: /held as DOUBLE/},
  {name: 'BIGINT as INT32', type: 'BIGINT', rows: numbers, column: 'v::INTEGER', reads: ['10', '20'], named: /held as INT32/},
  {name: 'DATE as TIMESTAMP', type: 'DATE', rows: times, reads: ['2024-02-29', '1969-12-31'], named: /held as INT64 TIMESTAMP_MICROS/},
  {name: 'a column under another case', type: 'BIGINT', rows: numbers, column: 'v::BIGINT', columnName: 'V', named: /"v" stands there as "V"/},
  {name: 'a delete that the manifest does not count', type: 'BIGINT', rows: '(1, 0, 0, 10), (2, 1, 0, 20), (9, 2, 3, NULL)', column: 'v::BIGINT', patch: () => ({deleteRowCount: 0}), named: /deletes: its manifest says 0, the file holds 1/},
  {name: 'a count of deletes that is left out', type: 'BIGINT', rows: '(1, 0, 0, 10), (2, 1, 0, 20), (9, 2, 3, NULL)', column: 'v::BIGINT', patch: () => ({deleteRowCount: null}), reads: ['10', '20'], named: /deletes: its manifest says null/},
  {name: 'a key twice in one file', type: 'BIGINT', rows: '(1, 0, 0, 9), (1, 1, 0, 10), (2, 2, 0, 20)', column: 'v::BIGINT', named: /keys out of order or repeated: its manifest says 0, the file holds 1/},
  {name: 'keys out of order', type: 'BIGINT', rows: '(2, 1, 0, 20), (1, 0, 0, 10)', column: 'v::BIGINT', reads: ['10', '20'], named: /keys out of order or repeated/},
  {name: 'a key range that is too narrow', type: 'BIGINT', rows: numbers, column: 'v::BIGINT', patch: () => ({maxKey: key(1n)}), named: /last key is not the one/},
  {name: 'a size that is wrong', type: 'BIGINT', rows: numbers, column: 'v::BIGINT', patch: (file) => ({fileSize: file.fileSize - 1}), reads: ['10', '20'], named: /expected \d+ bytes, found \d+/},
  {name: 'a row count that is wrong', type: 'BIGINT', rows: numbers, column: 'v::BIGINT', patch: () => ({rowCount: 7}), reads: ['10', '20'], named: /rows: its manifest says 7/},
  {name: 'a sequence range that is wrong', type: 'BIGINT', rows: numbers, column: 'v::BIGINT', patch: () => ({maxSequence: 900n}), named: /largest sequence number/},
  {name: 'nothing wrong', type: 'BIGINT', rows: numbers, column: 'v::BIGINT', reads: ['10', '20']},
];

async function craft(session: Session, directory: string, trait: Trait, options: Readonly<Record<string, string>> = {bucket: '1'}): Promise<PaimonTable> {
  const made = join(directory, trait.name.replaceAll(/[^a-z0-9]/gi, '_'));
  await doors.files.mkdir(join(made, 'schema'));
  const schema = {
    id: 0, fields: [{id: 0, name: 'id', type: int}, {id: 1, name: 'v', type: parseType(trait.type, 'test')}], highestFieldId: 1, partitionKeys: [], primaryKeys: ['id'], options, timeMillis: 0,
  };
  await writeFile(join(made, 'schema', 'schema-0'), printSchema(schema));
  const table = await PaimonTable.open(doors, made);
  const fileName = 'data-foreign-0.parquet';
  const path = join(await ensureBucketDirectory(table, EMPTY_ROW, 0), fileName);
  await session.run(`COPY (SELECT id::BIGINT AS "_KEY_id", seq::BIGINT AS "_SEQUENCE_NUMBER", kind::TINYINT AS "_VALUE_KIND", id::BIGINT AS id, ${trait.column ?? 'v'} AS "${trait.columnName ?? 'v'}" FROM (VALUES ${trait.rows}) AS t(id, seq, kind, v)) TO ${quoteLiteral(path)} (FORMAT parquet)`);
  const [entry] = await describeFiles(session, table, [{path, fileName, partition: EMPTY_ROW, bucket: 0, level: 0, sorted: true, source: 'flush'}]);
  const file = {...entry!.file, ...trait.patch?.(entry!.file)};
  await commitChange(table, {kind: 'APPEND', delta: [{...entry!, file}], changelog: []}, {commitUser: 'foreign', commitIdentifier: 1n});
  return table;
}

async function values(session: Session, table: PaimonTable): Promise<string[]> {
  const {rows} = await session.rows(`SELECT CAST(v AS VARCHAR) FROM (${scanSql(table, await scanPlan(table))}) AS t WHERE id IN (1, 2) ORDER BY id, v`);
  return rows.map((row) => String(row[0]));
}

test('foreign files: each trait is read right, refused, or named by check; alone and with a file that overlaps', async (context) => {
  await withSession(async (session, directory) => {
    for (const trait of traits) await context.test(trait.name, async () => await checkTrait(session, directory, trait));
  });
});

async function checkTrait(session: Session, directory: string, trait: Trait): Promise<void> {
  const table = await craft(session, directory, trait);
  const verify = async (when: string): Promise<void> => {
    if (trait.reads !== undefined) assert.deepEqual(await values(session, table), trait.reads, when);
    const {problems} = await checkTable(session, doors, table.directory);
    if (trait.named === undefined) assert.deepEqual(problems, [], when);
    else assert.ok(problems.some(({problem}) => trait.named!.test(problem)), `${when}: ${JSON.stringify(problems)}`);
  };
  await verify('alone');
  // The second file's keys lie on both sides of the first one's and leave ids 1 and 2 as they are.
  const nothing = `CAST(NULL AS ${trait.type.includes('LOCAL') ? 'TIMESTAMP WITH TIME ZONE' : trait.type.replace(/^TIMESTAMP.*/, 'TIMESTAMP')})`;
  const second = `(SELECT 0::TINYINT AS _op, 1000 + id AS _seq, id, ${nothing} AS v FROM (VALUES (0::BIGINT), (3::BIGINT)) AS t(id))`;
  await commitFlush(table, await prepareFlush(session, table, {from: second}), {commitUser: 'millrace', commitIdentifier: 2n});
  await verify('with a file that overlaps');
}

test('foreign files: equal sequence numbers of one key: the younger run wins, every time; a snapshot of a later version is refused', async () => {
  await withSession(async (session, directory) => {
    const table = await craft(session, directory, {name: 'equal numbers', type: 'BIGINT', rows: numbers, column: 'v::BIGINT'});
    const same = '(SELECT 2::TINYINT AS _op, id - 1 AS _seq, id, 100 * id AS v FROM (VALUES (1::BIGINT), (2::BIGINT)) AS t(id))';
    await commitFlush(table, await prepareFlush(session, table, {from: same}), {commitUser: 'millrace', commitIdentifier: 2n});
    const first = await values(session, table);
    for (let i = 0; i < 3; i++) assert.deepEqual(await values(session, await PaimonTable.open(doors, table.directory)), first);
    const path = table.paths.snapshot(2);
    const text = Buffer.from(await doors.files.readFile(path)).toString('utf8');
    await writeFile(path, text.replace('"version" : 3', '"version" : 4'));
    await assert.rejects(async () => await scanPlan(await PaimonTable.open(doors, table.directory)), (cause) => cause instanceof WarehouseError && cause.code === 'MR_PAIMON_UNSUPPORTED' && cause.message.includes('snapshot version 4'));
  });
});

test('foreign files: a manifest that is longer than its list says is refused, where others find an empty table', async () => {
  await withSession(async (session, directory) => {
    const table = await craft(session, directory, {name: 'manifest size', type: 'BIGINT', rows: numbers, column: 'v::BIGINT'});
    const snapshot = await table.snapshots.read(1);
    const [meta] = await table.manifestList(snapshot.deltaManifestList);
    const path = table.paths.manifest(meta!.fileName);
    await writeFile(path, Buffer.concat([await doors.files.readFile(path), Buffer.from([0])]));
    await assert.rejects(async () => await scanPlan(await PaimonTable.open(doors, table.directory)), {code: 'MR_PAIMON_DAMAGED'});
  });
});

test('foreign files: pieces of a merged changelog file are refused by name; the table itself is read', async () => {
  await withSession(async (session, directory) => {
    const table = await craft(session, directory, {name: 'merged changelog', type: 'BIGINT', rows: numbers, column: 'v::BIGINT'}, {bucket: '1', 'changelog-producer': 'input'});
    const [live] = (await table.state())!.live;
    const piece = {...live!, file: {...live!.file, fileName: 'compacted-changelog-7c1e$0-4000.cc-parquet'}};
    await commitChange(table, {kind: 'APPEND', delta: [], changelog: [piece]}, {commitUser: 'foreign', commitIdentifier: 2n});
    await assert.rejects(changelogSql(table, {afterSnapshot: 0}), (cause) => cause instanceof WarehouseError && cause.code === 'MR_PAIMON_UNSUPPORTED' && cause.message.includes('.cc-parquet'));
    assert.deepEqual(await values(session, table), ['10', '20']);
  });
});

test('foreign files: a commit of ours carries on the index files, watermark and statistics that the snapshot before it names', async () => {
  await withSession(async (session, directory) => {
    const table = await craft(session, directory, {name: 'carried', type: 'BIGINT', rows: numbers, column: 'v::BIGINT'});
    const path = table.paths.snapshot(1);
    const before = {...await table.snapshots.read(1), indexManifest: 'index-manifest-a-0', watermark: 17n, statistics: 'stat-a-0', nextRowId: 40n};
    await writeFile(path, printSnapshot(before));
    await writeFile(table.paths.manifest('index-manifest-a-0'), await emptyIndexManifest(table));
    const reopened = await PaimonTable.open(doors, table.directory);
    const second = '(SELECT 0::TINYINT AS _op, 50::BIGINT AS _seq, 3::BIGINT AS id, 30::BIGINT AS v)';
    const after = (await commitFlush(reopened, await prepareFlush(session, reopened, {from: second}), {commitUser: 'millrace', commitIdentifier: 2n}))!;
    assert.deepEqual([after.indexManifest, after.watermark, after.statistics, after.nextRowId], [before.indexManifest, before.watermark, before.statistics, before.nextRowId]);
  });
});

/** Any Avro file without records will do. */
async function emptyIndexManifest(table: PaimonTable): Promise<Uint8Array> {
  return await doors.files.readFile(table.paths.manifest((await table.snapshots.read(1)).baseManifestList));
}
