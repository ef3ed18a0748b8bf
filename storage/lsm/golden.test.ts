/** Tables that Paimon's Java library wrote, snapshot by snapshot; skipped where the fixtures are not there. */
import test from 'node:test';
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {existsSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import type {Value} from '../../base/value.ts';
import type {Session} from '../../kernel/session.ts';
import {decodeDeletionVector} from '../paimon/deletion-vector.ts';
import {parseSnapshot, printSnapshot} from '../paimon/snapshot.ts';
import {checkTable} from './check-table.ts';
import {PaimonTable} from './paimon-table.ts';
import {scanPlan} from './scan-plan.ts';
import {scanSql} from './scan-sql.ts';
import {doors, withSession} from './test-tables.ts';

const fixtures = join(import.meta.dirname, '..', '..', '..', 'shared', 'fixtures', 'paimon');
const skip = existsSync(fixtures) ? false : 'the fixtures ../shared/fixtures/paimon are not there';

interface Golden {
  readonly table: string;
  /** Per snapshot: live files as `<first 8 letters of the uuid> <level>`, and how many of `rows` a batch reader sees. */
  readonly snapshots: readonly (readonly [files: readonly string[], rowCount: number])[];
  readonly rows: readonly (readonly Value[])[];
}

const goldens: readonly Golden[] = [
  {
    table: 'test_pk_full_text_golden',
    // Level 0 is not seen: these tables have deletion vectors. Snapshots 2, 4 and 8 only move a file down.
    snapshots: [
      [['beb96add 0'], 0], [['beb96add 2'], 1], [['7dc090cb 0', 'beb96add 2'], 1], [['7dc090cb 1', 'beb96add 2'], 2],
      [['2f952e8c 0', '7dc090cb 1', 'beb96add 2'], 2], [['9d461e75 2'], 3], [['1d8df134 0', '9d461e75 2'], 3], [['1d8df134 1', '9d461e75 2'], 4],
    ],
    rows: [[1, 'Apache Paimon supports primary key tables'], [2, 'Native full text search'], [3, 'Paimon global indexes'], [4, 'Unrelated document']],
  },
  {
    table: 'test_pk_global_index_golden',
    snapshots: [[['70baee15 0'], 0], [['70baee15 2'], 2], [['70baee15 2', 'aea3eab0 0'], 2], [['1204a156 2'], 4], [['1204a156 2', '247786b6 0'], 4], [['1204a156 2', '247786b6 1'], 6]],
    rows: [1, 2, 3, 4, 5, 6].map((id) => [id, `name-${id}`, id % 2 === 0 ? 'even' : 'odd']),
  },
];

async function checkGolden(session: Session, directory: string, golden: Golden): Promise<void> {
  const table = await PaimonTable.open(doors, directory);
  assert.deepEqual(await table.snapshots.ids(), golden.snapshots.map((_, i) => i + 1));
  assert.equal(await table.snapshots.latestId(), golden.snapshots.length);
  for (const [i, [files, rowCount]] of golden.snapshots.entries()) {
    const state = (await table.state(i + 1))!;
    assert.deepEqual(state.live.map((entry) => `${entry.file.fileName.slice(5, 13)} ${entry.file.level}`).sort(), files, `${golden.table} ${i + 1}`);
    const {rows} = await session.rows(scanSql(table, await scanPlan(table, i + 1), {ordered: true}));
    assert.deepEqual(rows, golden.rows.slice(0, rowCount), `${golden.table} ${i + 1}`);
    const text = readFileSync(table.paths.snapshot(i + 1), 'utf8');
    assert.equal(printSnapshot(parseSnapshot(text, 'f')), text, 'the snapshot file prints back byte for byte');
  }
  assert.deepEqual((await checkTable(session, doors, directory)).problems, []);
  assert.throws(() => table.checkWritable(), {code: 'MR_PAIMON_UNSUPPORTED'});
}

test('golden tables: every snapshot has the files and rows that Java saw, upgrades included', {skip}, async () => {
  await withSession(async (session, directory) => {
    execFileSync('tar', ['xzf', join(fixtures, 'pk_global_index_golden.tar.gz'), '-C', directory]);
    for (const golden of goldens) await checkGolden(session, join(directory, 'default.db', golden.table), golden);
    const vectors = await PaimonTable.open(doors, join(directory, 'default.db', 'test_pk_vector_golden'));
    const {rows} = await session.rows(`SELECT id, len(embedding) FROM (${scanSql(vectors, await scanPlan(vectors))}) AS t ORDER BY id`);
    assert.deepEqual(rows.map(([id, length]) => [id, Number(length)]), [[1, 4], [2, 4], [3, 4], [4, 4]]);
  });
});

test('golden index files: deletion vectors of both versions', {skip}, () => {
  const rowsOf = (name: string, offsets: readonly number[]): readonly (readonly number[])[] => {
    const bytes = readFileSync(join(fixtures, name));
    return offsets.map((offset) => decodeDeletionVector(bytes, offset, name));
  };
  assert.deepEqual(rowsOf('dvindex-32', [1, 33]), [[2, 3], [1]], 'dvindex-32');
  assert.deepEqual(rowsOf('dvindex-64', [1, 45]), [[2, 3], [1]], 'dvindex-64');
});
