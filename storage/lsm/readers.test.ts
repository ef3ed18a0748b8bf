/** Data files through readers that are not ours and not DuckDB, and files that DuckDB would read but that break the format's rules. */
import test from 'node:test';
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {readdir, readFile, rm, truncate, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema} from 'hyparquet';
import {compressors} from 'hyparquet-compressors';
import type {LogicalType} from '../../base/type.ts';
import type {Session} from '../../kernel/session.ts';
import {quoteLiteral} from '../../kernel/quote.ts';
import {storedTypes, valueOf} from '../paimon/test-columns.ts';
import {changelogSql} from './changelog-sql.ts';
import {checkTable} from './check-table.ts';
import {commitCompaction, planCompactions, prepareCompaction} from './compact.ts';
import {commitFlush} from './commit.ts';
import {prepareFlush} from './flush.ts';
import type {PaimonTable} from './paimon-table.ts';
import {scanPlan} from './scan-plan.ts';
import {EMPTY_ROW} from '../paimon/binary-row.ts';
import {scanSql} from './scan-sql.ts';
import {bindChanges, createTable, doors, readRows, seed, TableModel, type TestRow, type TestShape, withSession} from './test-tables.ts';

async function write(session: Session, table: PaimonTable, shape: TestShape, changes: TableModel['changes'], identifier: number): Promise<void> {
  await commitFlush(table, await prepareFlush(session, table, bindChanges(session, 'changes', shape, changes)), {commitUser: 'millrace', commitIdentifier: BigInt(identifier)});
}

async function dataFiles(table: PaimonTable): Promise<string[]> {
  const directory = table.bucketDirectory(EMPTY_ROW, 0);
  return (await readdir(directory)).map((name) => join(directory, name));
}

test('data files: hyparquet reads what was written, with Java\'s field ids and plain encodings', async () => {
  const shape: TestShape = {keys: [{kind: 'integer'}], values: storedTypes, bucketCount: 1};
  await withSession(async (session, directory) => {
    for (const codec of ['zstd', 'snappy', 'gzip', 'none']) {
      const table = await createTable(shape, join(directory, codec), {'file.compression': codec});
      const model = new TableModel(shape);
      const rows = fc.sample(fc.tuple(...storedTypes.map(valueOf)), {numRuns: 30, seed});
      for (const [i, row] of rows.entries()) model.upsert([i, ...row]);
      await write(session, table, shape, model.changes, 1);
      for (const path of await dataFiles(table)) {
        const file = await asyncBufferFromFile(path);
        const metadata = await parquetMetadataAsync(file);
        const fields = parquetSchema(metadata).children.map(({element}) => element);
        assert.deepEqual(fields.map(({name, field_id: id}) => `${name} ${id}`).slice(0, 5), ['_KEY_k0 1073741823', '_SEQUENCE_NUMBER 2147483646', '_VALUE_KIND 2147483645', 'k0 0', 'v0 1']);
        const encodings = new Set(metadata.row_groups.flatMap((group) => group.columns.flatMap((column) => column.meta_data!.encodings)));
        for (const encoding of encodings) assert.ok(['PLAIN', 'RLE', 'PLAIN_DICTIONARY', 'RLE_DICTIONARY'].includes(encoding), encoding);
        const read = await parquetReadObjects({file, compressors, columns: ['_KEY_k0', '_SEQUENCE_NUMBER', 'v1', 'v3', 'v4', 'v6', 'v7']});
        assert.deepEqual(read.map((row) => [row['_KEY_k0'], row['_SEQUENCE_NUMBER'], row['v1'], row['v3'], row['v4'], row['v6'], row['v7']]),
          model.changes.map(({seq, row}) => [row[0], seq, row[2], row[4], row[5], row[7], row[8]]));
      }
    }
  });
});

/** The part of parquetjs-lite that is used here; it brings no types. */
interface ParquetJs {
  readonly ParquetReader: {openFile(path: string): Promise<{getCursor(): {next(): Promise<Record<string, unknown> | null>}; close(): Promise<void>}>};
}

test('data files: parquetjs-lite reads a snappy table of integers, DOUBLE, VARCHAR and DATE', async () => {
  const types: readonly LogicalType[] = [{kind: 'bigint'}, {kind: 'integer'}, {kind: 'double'}, {kind: 'varchar'}, {kind: 'date'}];
  const shape: TestShape = {keys: types.slice(0, 1), values: types.slice(1), bucketCount: 1};
  // @ts-expect-error the package has no types
  const {default: parquet} = await import('parquetjs-lite') as {default: ParquetJs};
  await withSession(async (session, directory) => {
    const table = await createTable(shape, directory, {'file.compression': 'snappy'});
    const model = new TableModel(shape);
    for (let i = 0; i < 50; i++) model.upsert([BigInt(i), i % 7 === 0 ? null : -i, i / 8, `row ${i} é`, 19_000 + i]);
    await write(session, table, shape, model.changes, 1);
    for (const path of await dataFiles(table)) {
      const reader = await parquet.ParquetReader.openFile(path);
      const cursor = reader.getCursor();
      const found: unknown[] = [];
      for (let row = await cursor.next(); row !== null; row = await cursor.next()) {
        found.push([BigInt(String(row['k0'])), row['v0'] ?? null, row['v1'], String(row['v2']), (row['v3'] as Date).getTime() / 86_400_000]);
      }
      await reader.close();
      assert.deepEqual(found, model.changes.map(({row}) => row));
    }
  });
});

test('append table: rows come back in the order of writing, over files and row groups', async () => {
  await withSession(async (session, directory) => {
    const shape: TestShape = {keys: [], values: [{kind: 'bigint'}, {kind: 'varchar'}], bucketCount: 1};
    const table = await createTable(shape, directory);
    assert.deepEqual((await session.rows(scanSql(table, await scanPlan(table)))).rows, []);
    assert.deepEqual((await session.rows(await changelogSql(table, {afterSnapshot: 0}))).rows, []);
    const rowCounts = [300_000, 5, 200_000];
    let next = 0;
    for (const [i, rowCount] of rowCounts.entries()) {
      const from = `(SELECT 0::TINYINT AS _op, ${next} + i AS _seq, ${next} + i AS v0, 'x' || i AS v1 FROM range(${rowCount}) r(i))`;
      await commitFlush(table, await prepareFlush(session, table, {from}), {commitUser: 'u', commitIdentifier: BigInt(i)});
      next += rowCount;
    }
    const scan = scanSql(table, await scanPlan(table), {columns: ['v0'], ordered: true});
    const {rows} = await session.rows(`SELECT count(*)::INTEGER, count(*) FILTER (v0 <> n)::INTEGER FROM (SELECT v0, row_number() OVER () - 1 AS n FROM (${scan}) AS t) AS numbered`);
    assert.deepEqual(rows, [[next, 0]]);
    const log = await changelogSql(table, {afterSnapshot: 0, fromSequence: 299_998n, untilSequence: 300_007n}, {columns: ['v0']});
    assert.deepEqual(await readRows(session, log, [{kind: 'bigint'}, {kind: 'bigint'}], ['_seq', 'v0']), Array.from({length: 9}, (_, i) => [BigInt(299_998 + i), BigInt(299_998 + i)]));
    assert.deepEqual((await checkTable(session, doors, directory)).problems, []);
    await assert.rejects(prepareFlush(session, table, {from: "(VALUES (0::TINYINT, 900000::BIGINT, 1::BIGINT, 'a'), (0, 900005, 2, 'b')) t(_op, _seq, v0, v1)"}), /sequence numbers/);
  });
});

test('scan: files of two writers with equal ranges of numbers are merged row by row', async () => {
  await withSession(async (session, directory) => {
    const shape: TestShape = {keys: [{kind: 'bigint'}], values: [{kind: 'varchar'}], bucketCount: 1};
    const table = await createTable(shape, directory);
    const at = (op: number, seq: number, key: number, value: string): {op: number; seq: bigint; row: TestRow} => ({op, seq: BigInt(seq), row: [BigInt(key), value]});
    await write(session, table, shape, [at(0, 0, 1, 'a1'), at(0, 5, 2, 'a2'), at(0, 6, 3, 'a3'), at(0, 9, 4, 'a4')], 1);
    await write(session, table, shape, [at(0, 3, 1, 'b1'), at(0, 4, 2, 'b2'), at(3, 7, 3, 'b3'), at(0, 8, 5, 'b5')], 2);
    const plan = await scanPlan(table);
    assert.deepEqual(plan.buckets.flatMap((bucket) => bucket.sections.map((section) => section.kind)), ['mixed']);
    assert.deepEqual((await session.rows(scanSql(table, plan, {ordered: true, withSequence: true}))).rows, [[1n, 'b1', 3n], [2n, 'a2', 5n], [4n, 'a4', 9n], [5n, 'b5', 8n]]);
    assert.deepEqual((await session.rows(`SELECT count(*)::INTEGER FROM (${scanSql(table, plan, {columns: []})}) AS t`)).rows, [[4]]);
  });
});

test('check: every kind of damage is found and named by its file', async () => {
  const shape: TestShape = {keys: [{kind: 'integer'}], values: [{kind: 'varchar'}], bucketCount: 1};
  await withSession(async (session, directory) => {
    let number = 0;
    const found = async (damage: (table: PaimonTable, data: string) => Promise<void>): Promise<string> => {
      const where = join(directory, String(number++));
      const table = await createTable(shape, where, {'manifest.compression': 'null'});
      const model = new TableModel(shape);
      for (let i = 0; i < 9; i++) model.upsert([i, `v${i}`]);
      await write(session, table, shape, model.changes, 1);
      assert.deepEqual((await checkTable(session, doors, where)).problems, []);
      const data = (await table.state())!.live[0]!.file.fileName;
      await damage(table, join(table.bucketDirectory(EMPTY_ROW, 0), data));
      const {problems} = await checkTable(session, doors, where);
      assert.ok(problems.length > 0);
      return problems.map(({path, problem}) => `${path.slice(where.length + 1)}: ${problem}`).join('\n');
    };
    /** Puts other rows into a data file and lets the manifest say the new size, so that only the content is wrong. */
    const rewrite = async (table: PaimonTable, data: string, select: string): Promise<void> => {
      const file = (await table.state())!.live[0]!.file;
      await session.run(`COPY (SELECT * FROM (${select.replace('FILE', `read_parquet(${quoteLiteral(data)})`)}) AS t) TO ${quoteLiteral(`${data}.new`)} (FORMAT parquet)`);
      const content = await readFile(`${data}.new`);
      await rm(`${data}.new`);
      const padded = join(table.bucketDirectory(EMPTY_ROW, 0), file.fileName);
      await writeFile(padded, content);
      await resize(table, file.fileSize, content.length);
    };
    assert.match(await found(async (_table, data) => await rm(data)), /data-.*expected a file of \d+ bytes, found none/);
    assert.match(await found(async (_table, data) => await truncate(data, 100)), /data-.*expected \d+ bytes, found 100/);
    assert.match(await found(async (table) => await rm(join(table.paths.manifestDirectory(), (await readdir(table.paths.manifestDirectory())).find((name) => /^manifest-[^l]/.test(name))!))), /snapshot-1: MR_FILE_MISSING/);
    assert.match(await found(async (table) => await writeFile(table.paths.snapshot(1), '{')), /snapshot-1: MR_PAIMON_DAMAGED/);
    assert.match(await found(async (table) => await writeFile(table.paths.schema(0), '{}')), /MR_PAIMON_DAMAGED.*schema-0/);
    assert.match(await found(async (table) => await writeFile(table.paths.hint('LATEST'), '9')), /LATEST: names snapshot 9/);
    assert.match(await found(async (table) => await writeFile(table.paths.snapshot(3), await readFile(table.paths.snapshot(1)))), /snapshot-3: expected snapshot 2/);
    assert.match(await found(async (table) => await writeFile(table.paths.snapshot(1), (await readFile(table.paths.snapshot(1), 'utf8')).replace('"totalRecordCount" : 9', '"totalRecordCount" : 8'))), /says 8 rows, its files hold 9/);
    assert.match(await found(async (table, data) => await rewrite(table, data, 'SELECT * FROM FILE ORDER BY k0 DESC')), /out of order or repeated.*holds 8[^]*first key/);
    assert.match(await found(async (table, data) => await rewrite(table, data, 'SELECT * REPLACE (least(k0, 7) AS k0) FROM FILE')), /out of order or repeated.*holds 1/);
    assert.match(await found(async (table, data) => await rewrite(table, data, 'SELECT * FROM FILE WHERE k0 < 8')), /rows: its manifest says 9, the file holds 8/);
    assert.match(await found(async (table, data) => await rewrite(table, data, 'SELECT * REPLACE (3::TINYINT AS _VALUE_KIND) FROM FILE')), /deletes: its manifest says 0, the file holds 9/);
    assert.match(await found(async (table, data) => await rewrite(table, data, 'SELECT * REPLACE (_SEQUENCE_NUMBER + 1 AS _SEQUENCE_NUMBER) FROM FILE')), /smallest sequence number: its manifest says 0, the file holds 1/);
  });
});

/** Changes a file size inside a table's only data manifest, in place: Avro longs of one length are of one size. */
async function resize(table: PaimonTable, from: number, to: number): Promise<void> {
  const state = (await table.state())!;
  const [meta] = await table.manifestList(state.snapshot.deltaManifestList);
  const path = table.paths.manifest(meta!.fileName);
  const bytes = await readFile(path);
  const position = bytes.indexOf(zigzag(from));
  assert.ok(position > 0 && zigzag(from).length === zigzag(to).length, `sizes ${from} and ${to}`);
  zigzag(to).copy(bytes, position);
  await writeFile(path, bytes);
}

function zigzag(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value * 2; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) | 128);
  }
}

test('scan: compacted files come back in the order of keys without a sort, merged ones with it', async () => {
  await withSession(async (session, directory) => {
    const shape: TestShape = {keys: [{kind: 'bigint'}], values: [{kind: 'varchar'}], bucketCount: 1};
    const table = await createTable(shape, directory);
    const ordered = async (): Promise<readonly unknown[]> => {
      const scan = scanSql(table, await scanPlan(table), {columns: ['k0'], ordered: true});
      const {rows} = await session.rows(`SELECT count(*)::INTEGER, count(*) FILTER (before >= k0)::INTEGER FROM (SELECT k0, lag(k0) OVER () AS before FROM (${scan}) AS t) AS pairs`);
      return [scan.includes('ORDER BY'), ...rows[0]!];
    };
    const from = (start: number, rowCount: number): string => `(SELECT 0::TINYINT AS _op, ${start} + i AS _seq, (i * 7919) % 400009 AS k0, 'x' || i AS v0 FROM range(${rowCount}) r(i))`;
    await commitFlush(table, await prepareFlush(session, table, {from: from(0, 400_000)}), {commitUser: 'u', commitIdentifier: 1n});
    assert.deepEqual(await ordered(), [false, 400_000, 0]);
    await commitFlush(table, await prepareFlush(session, table, {from: from(400_000, 1000)}), {commitUser: 'u', commitIdentifier: 2n});
    assert.deepEqual(await ordered(), [true, 400_000, 0]);
    const merged = [];
    for (const spec of planCompactions(table, await table.state(), {full: true})) merged.push(await prepareCompaction(session, table, spec, {targetBytes: 300_000}));
    assert.ok(merged[0]!.outputs.length > 3);
    await commitCompaction(table, merged, {commitUser: 'u'});
    assert.deepEqual(await ordered(), [false, 400_000, 0]);
  });
});
