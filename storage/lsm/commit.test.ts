import test from 'node:test';
import assert from 'node:assert/strict';
import {readdir, readFile, rm, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {type Clock, systemClock} from '../../base/clock.ts';
import type {Session} from '../../kernel/session.ts';
import type {FileSystem} from '../file/file-system.ts';
import {parseFileEntry} from '../paimon/file-entry-json.ts';
import {nodeFileSystem} from '../file/node-file-system.ts';
import {commitCompaction, planCompactions, prepareCompaction} from './compact.ts';
import {commitFlush, type CommitOptions, worthMerging} from './commit.ts';
import {joinPrepared, type PreparedFiles, prepareFlush} from './flush.ts';
import {findOrphans} from './orphans.ts';
import {PaimonTable} from './paimon-table.ts';
import {scanPlan} from './scan-plan.ts';
import {scanSql} from './scan-sql.ts';
import {bindChanges, createTable, doors, type TestRow, type TestShape, withSession} from './test-tables.ts';

const shape: TestShape = {keys: [{kind: 'bigint'}], values: [{kind: 'varchar'}], bucketCount: 1};

async function flush(session: Session, table: PaimonTable, firstSequence: number, rows: readonly TestRow[]): Promise<PreparedFiles> {
  return await prepareFlush(session, table, bindChanges(session, 'changes', shape, rows.map((row, i) => ({op: 0, seq: BigInt(firstSequence + i), row}))));
}

async function keysOf(session: Session, table: PaimonTable): Promise<bigint[]> {
  const {rows} = await session.rows<bigint>(scanSql(table, await scanPlan(table), {columns: ['k0'], ordered: true}));
  return rows.map((row) => row[0]!);
}

const by = (commitIdentifier: number, more: Partial<CommitOptions> = {}): CommitOptions => ({commitUser: 'millrace', commitIdentifier: BigInt(commitIdentifier), ...more});

test('commit: a table that others made, of nothing but its schema file, takes its first commit', async () => {
  await withSession(async (session, directory) => {
    const made = await createTable(shape, directory);
    for (const path of [made.paths.manifestDirectory(), made.paths.snapshotDirectory()]) await rm(path, {recursive: true});
    const table = await PaimonTable.open(doors, directory);
    assert.equal((await commitFlush(table, await flush(session, table, 0, [[1n, 'a']]), by(1)))?.id, 1);
    assert.deepEqual(await keysOf(session, table), [1n]);
  });
});

test('commit: repeated with the same identifier it is done once, also after later commits', async () => {
  await withSession(async (session, directory) => {
    const table = await createTable(shape, directory);
    assert.equal(await commitFlush(table, await flush(session, table, 0, []), by(1)), undefined);
    const first = await commitFlush(table, await flush(session, table, 0, [[1n, 'a']]), by(2));
    assert.equal((await commitFlush(table, await flush(session, table, 0, [[1n, 'a']]), by(2)))?.id, first!.id);
    await commitFlush(table, await flush(session, table, 1, [[2n, 'b']]), by(3));
    assert.equal((await commitFlush(table, await flush(session, table, 0, [[1n, 'a']]), by(2)))?.id, first!.id);
    await assert.rejects(commitFlush(table, await flush(session, table, 0, [[1n, 'a']]), by(1)), {code: 'MR_PAIMON_CONFLICT'});
    assert.deepEqual(await keysOf(session, table), [1n, 2n]);
    assert.equal((await table.state())!.snapshot.totalRecordCount, 2);
  });
});

test('commit: others who committed since are noticed, where the caller says what it knows', async () => {
  await withSession(async (session, directory) => {
    const table = await createTable(shape, directory);
    await commitFlush(table, await flush(session, table, 0, [[1n, 'a']]), by(1));
    await commitFlush(table, await flush(session, table, 5, [[2n, 'b']]), {commitUser: 'somebody', commitIdentifier: 2n ** 63n - 1n});
    await assert.rejects(commitFlush(table, await flush(session, table, 9, [[3n, 'c']]), by(2, {afterSnapshot: 1})), {code: 'MR_PAIMON_FOREIGN'});
    assert.equal((await commitFlush(table, await flush(session, table, 9, [[3n, 'c']]), by(2, {afterSnapshot: 2})))!.id, 3);
    assert.deepEqual(await keysOf(session, table), [1n, 2n, 3n]);
  });
});

test('commit: where syncs fail the first failure is told, no file stays open, and it is done when tried again', async () => {
  await withSession(async (session, directory) => {
    const table = await createTable(shape, directory);
    const prepared = await flush(session, table, 0, [[1n, 'a']]);
    let [open, syncs, closes] = [0, 0, 0];
    const files: FileSystem = {
      ...nodeFileSystem,
      async open(path, flags) {
        const handle = await nodeFileSystem.open(path, flags);
        if (!path.includes('/manifest/')) return handle;
        open++;
        return Object.assign(Object.create(handle) as typeof handle, {
          write: (buffers: readonly Uint8Array[], position: number) => handle.write(buffers, position),
          sync: () => (++syncs === 2 ? Promise.reject(new Error('the sync')) : handle.sync()),
          close: async () => {
            await handle.close();
            open--;
            if (++closes === 1) throw new Error('the close');
          },
        });
      },
    };
    const failing = await PaimonTable.open({...doors, files}, directory);
    await assert.rejects(commitFlush(failing, prepared, by(1)), /the sync/);
    assert.deepEqual([open, closes], [0, 5]);
    assert.equal(await table.snapshots.latestId(), undefined);
    assert.equal((await commitFlush(failing, prepared, by(1)))?.id, 1);
    assert.deepEqual([open, syncs], [0, 3 + 5]);
    assert.deepEqual(await keysOf(session, table), [1n]);
  });
});

test('commit: a race for the snapshot id is lost once and won then, nothing left behind', async () => {
  await withSession(async (session, directory) => {
    const table = await createTable(shape, directory);
    const mine = await flush(session, table, 0, [[1n, 'a']]);
    const theirs = await flush(session, table, 5, [[2n, 'b']]);
    let raced = false;
    const files: FileSystem = {
      ...nodeFileSystem,
      async link(existing, path) {
        if (!raced) {
          raced = true;
          await commitFlush(table, theirs, {commitUser: 'somebody', commitIdentifier: 1n});
        }
        await nodeFileSystem.link(existing, path);
      },
    };
    const waits: number[] = [];
    const clock: Clock = {...systemClock, after: (ms, then) => {
      waits.push(ms);
      queueMicrotask(then);
      return () => undefined;
    }};
    const racing = await PaimonTable.open({files, clock}, directory);
    const snapshot = await commitFlush(racing, mine, by(1));
    assert.equal(snapshot!.id, 2);
    assert.deepEqual(waits, [10]);
    assert.deepEqual(await keysOf(session, table), [1n, 2n]);
    assert.deepEqual(await findOrphans(table, new Set()), []);
  });
});

test('commit: an unknown outcome is settled by asking again', async () => {
  await withSession(async (session, directory) => {
    const table = await createTable(shape, directory);
    const prepared = await flush(session, table, 0, [[1n, 'a']]);
    const files: FileSystem = {
      ...nodeFileSystem,
      async link(existing, path) {
        await nodeFileSystem.link(existing, path);
        throw new Error('the acknowledgement was lost');
      },
    };
    const unlucky = await PaimonTable.open({files, clock: systemClock}, directory);
    await assert.rejects(commitFlush(unlucky, prepared, by(1)), /acknowledgement/);
    assert.equal((await commitFlush(table, prepared, by(1)))!.id, 1);
    assert.deepEqual(await keysOf(session, table), [1n]);
    assert.equal(await readFile(table.paths.hint('LATEST'), 'utf8'), '1');
  });
});

test('snapshots: hints that are missing, stale, ahead or garbage do not matter', async () => {
  await withSession(async (session, directory) => {
    const table = await createTable(shape, directory);
    for (const [i, key] of [1n, 2n, 3n].entries()) await commitFlush(table, await flush(session, table, i, [[key, 'x']]), by(i + 1));
    assert.equal(await readFile(table.paths.hint('EARLIEST'), 'utf8'), '1');
    for (const hint of ['1', '7', '', 'x', '3\n', '-1', null]) {
      if (hint === null) await rm(table.paths.hint('LATEST'));
      else await writeFile(table.paths.hint('LATEST'), hint);
      assert.equal(await (await PaimonTable.open(doors, directory)).snapshots.latestId(), 3, JSON.stringify(hint));
    }
    await rm(table.paths.hint('EARLIEST'));
    assert.equal(await table.snapshots.earliestId(), 1);
    await assert.rejects(scanPlan(table, 9), {code: 'MR_SNAPSHOT_GONE'});
  });
});

test('commit: small manifests are merged, so that a plan of many commits opens few files', async () => {
  await withSession(async (session, directory) => {
    const table = await createTable(shape, directory);
    // Committed under many names, so that the files need not be written again and again.
    const prepared = await flush(session, table, 0, [[1n, 'a']]);
    const names: string[] = [];
    for (let i = 1; i <= 70; i++) {
      const fileName = `data-copy-${i}.parquet`;
      names.push(fileName);
      await commitFlush(table, {...prepared, changelog: [], data: [{...prepared.data[0]!, fileName}]}, by(i));
    }
    const reopened = await PaimonTable.open(doors, directory);
    const state = (await reopened.state())!;
    assert.deepEqual(state.live.map((entry) => entry.file.fileName).sort(), names.sort());
    const base = await reopened.manifestList(state.snapshot.baseManifestList, state.snapshot.baseManifestListSize);
    assert.ok(base.length < 30, `${base.length} manifests in the base list`);
    assert.equal(state.snapshot.totalRecordCount, 70);
  });
});

test('commit: manifests that are full are not written again and again', () => {
  assert.equal(worthMerging({fileSize: 2_000, addedCount: 3, deletedCount: 1}), true);
  assert.equal(worthMerging({fileSize: 2_000_000, addedCount: 20_000, deletedCount: 0}), false);
  assert.equal(worthMerging({fileSize: 9_000_000, addedCount: 10, deletedCount: 0}), false);
});

test('commit: files of another bucket count are refused beside those of the partition', async () => {
  await withSession(async (session, directory) => {
    const table = await createTable(shape, directory);
    await commitFlush(table, await flush(session, table, 0, [[1n, 'a']]), by(1));
    const prepared = await flush(session, table, 1, [[2n, 'b']]);
    const other = {...prepared, data: prepared.data.map((file) => ({...file, totalBuckets: 4}))};
    await assert.rejects(commitFlush(table, other, by(2)), (error: {code?: string} & Error) => error.code === 'MR_PAIMON_CONFLICT' && /4 buckets/.test(error.message));
    assert.deepEqual(await keysOf(session, table), [1n]);
  });
});

test('compaction: overtaken by another one it is refused, flushes beside it are not lost', async () => {
  await withSession(async (session, directory) => {
    const table = await createTable(shape, directory);
    for (const [i, key] of [1n, 2n, 3n].entries()) await commitFlush(table, await flush(session, table, i, [[key, 'x']]), by(i + 1));
    const specs = planCompactions(table, await table.state(), {full: true});
    const slow = await prepareCompaction(session, table, specs[0]!);
    await commitFlush(table, await flush(session, table, 3, [[1n, 'newer'], [4n, 'x']]), by(4));
    await commitCompaction(table, [slow], by(4));
    // The same once more, as after a lost acknowledgement: known by its files.
    assert.equal((await commitCompaction(table, [slow], by(4))).id, 5);
    assert.deepEqual((await session.rows(scanSql(table, await scanPlan(table), {ordered: true}))).rows, [[1n, 'newer'], [2n, 'x'], [3n, 'x'], [4n, 'x']]);
    const again = await prepareCompaction(session, table, specs[0]!);
    await assert.rejects(commitCompaction(table, [again], by(5)), {code: 'MR_PAIMON_CONFLICT'});
    assert.deepEqual(await findOrphans(table, new Set()), again.outputs.map((file) => table.dataPath(parseFileEntry(file, 'test'))));
    assert.deepEqual(await findOrphans(table, new Set(again.outputs.map((file) => file.fileName))), []);
  });
});

test('compaction: an abort leaves no file behind', async () => {
  await withSession(async (session, directory) => {
    const table = await createTable(shape, directory);
    for (const [i, key] of [1n, 2n].entries()) await commitFlush(table, await flush(session, table, i, [[key, 'x']]), by(i + 1));
    const [spec] = planCompactions(table, await table.state(), {full: true});
    await assert.rejects(prepareCompaction(session, table, spec!, {signal: AbortSignal.abort(new Error('closing'))}), /closing/);
    assert.deepEqual(await findOrphans(table, new Set()), []);
  });
});

test('bulk: several preparations are one commit, and a first filling may lie at the last level', async () => {
  await withSession(async (session, directory) => {
    const table = await createTable(shape, directory);
    const filling = await prepareFlush(session, table, {from: "(SELECT 0::TINYINT AS _op, i AS _seq, i AS k0, 'v' || i AS v0 FROM range(1000) r(i))", level: 5});
    await commitFlush(table, JSON.parse(JSON.stringify(filling)) as PreparedFiles, by(1));
    const parts = joinPrepared([await flush(session, table, 1000, [[5n, 'x']]), await flush(session, table, 1001, [[6n, 'y'], [2000n, 'z']])]);
    await commitFlush(table, parts, by(2));
    const {rows} = await session.rows(`SELECT count(*)::INTEGER, max(v0) FILTER (k0 = 5), max(v0) FILTER (k0 = 2000) FROM (${scanSql(table, await scanPlan(table))}) AS t`);
    assert.deepEqual(rows, [[1001, 'x', 'z']]);
    const overlapping = await prepareFlush(session, table, {from: "(SELECT 0::TINYINT AS _op, 5000 + i AS _seq, i AS k0, 'v' AS v0 FROM range(3) r(i))", level: 5});
    await assert.rejects(commitFlush(table, overlapping, by(3)), {code: 'MR_PAIMON_CONFLICT'});
  });
});

test('create: the same table again opens it, another one is refused; what cannot be stored is refused by name', async () => {
  await withSession(async (_session, directory) => {
    const where = join(directory, 'default.db', 't');
    await createTable(shape, where);
    await createTable(shape, where);
    await assert.rejects(createTable({...shape, bucketCount: 2}, where), {code: 'MR_PAIMON_EXISTS'});
    await assert.rejects(PaimonTable.open(doors, join(directory, 'nothing')), {code: 'MR_PAIMON_MISSING'});
    for (const [option, value] of [['merge-engine', 'aggregation'], ['bucket', '-2'], ['deletion-vectors.enabled', 'true'], ['file.format', 'orc'], ['file.compression', 'lzo'], ['sequence.field', 'nope'], ['changelog-producer', 'lookup'], ['rowkind.field', 'v0']] as const) {
      await assert.rejects(createTable(shape, join(directory, option), {[option]: value}), (error: {code?: string} & Error) => error.code === 'MR_PAIMON_UNSUPPORTED' && error.message.includes(option), option);
    }
    const column = (id: number, name: string) => ({id, name, type: {kind: 'bigint'} as const, nullable: false});
    await assert.rejects(PaimonTable.create(doors, join(directory, 'case'), {columns: [column(0, 'v'), column(1, 'V')], primaryKey: []}), {code: 'MR_PAIMON_COLUMN'});
    await assert.rejects(PaimonTable.create(doors, join(directory, 'key'), {columns: [column(0, '_KEY_v')], primaryKey: []}), {code: 'MR_PAIMON_COLUMN'});
    assert.deepEqual((await readdir(directory)).sort(), ['default.db'], 'a refused table leaves nothing');
  });
});
