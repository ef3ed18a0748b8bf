/** Tables that Paimon's Java library wrote, snapshot by snapshot; skipped where the fixtures are not there. */
import test from 'node:test';
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {existsSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import type {Value} from '../../base/value.ts';
import type {Session} from '../../kernel/session.ts';
import {decodeDeletionVector} from '../paimon/deletion-vector.ts';
import {encodeManifest} from '../paimon/manifest.ts';
import {encodeManifestList} from '../paimon/manifest-list.ts';
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

/** Its column of vectors is none that we write; it is read as a list, level 0 not at all. */
async function checkVectorTable(session: Session, directory: string): Promise<void> {
  const table = await PaimonTable.open(doors, directory);
  const all = [[1, '[1.0, 0.0, 0.0, 0.0]'], [2, '[0.9, 0.1, 0.0, 0.0]'], [3, '[0.0, 1.0, 0.0, 0.0]'], [4, '[0.0, 0.0, 1.0, 0.0]']];
  const snapshots: readonly (readonly [file: string, rows: typeof all])[] = [['254abdaf 0', []], ['68671611 5', all]];
  assert.deepEqual(await table.snapshots.ids(), [1, 2]);
  for (const [i, [file, expected]] of snapshots.entries()) {
    assert.deepEqual((await table.state(i + 1))!.live.map((entry) => `${entry.file.fileName.slice(5, 13)} ${entry.file.level}`), [file]);
    const {rows} = await session.rows(`SELECT id, CAST(embedding AS VARCHAR) FROM (${scanSql(table, await scanPlan(table, i + 1))}) AS t ORDER BY id`);
    assert.deepEqual(rows, expected);
    const text = readFileSync(table.paths.snapshot(i + 1), 'utf8');
    assert.equal(printSnapshot(parseSnapshot(text, 'f')), text);
  }
  assert.deepEqual((await checkTable(session, doors, directory)).problems, []);
  assert.throws(() => table.checkWritable(), {code: 'MR_PAIMON_UNSUPPORTED'});
}

/** Fields of an Avro record, nested ones too, as `path type`: what readers go by. Record names, defaults and notes are free. */
function avroFields(record: unknown, path = ''): string[] {
  return (record as {fields: {name: string; type: unknown}[]}).fields.flatMap(({name, type}) => [`${path}${name} ${typeForm(type)}`, ...(isRecord(type) ? avroFields(type, `${path}${name}.`) : [])]);
}

function isRecord(type: unknown): boolean {
  return typeof type === 'object' && type !== null && (type as {type?: unknown}).type === 'record';
}

function typeForm(type: unknown): string {
  if (typeof type === 'string') return type;
  if (Array.isArray(type)) return type.map(typeForm).join('|');
  const {type: kind, items} = type as {type: unknown; items?: unknown};
  return kind === 'array' ? `array<${typeForm(items)}>` : typeForm(kind);
}

/** The schema in the header of an Avro file. */
function headerSchema(bytes: Uint8Array): unknown {
  const text = Buffer.from(bytes).toString('latin1');
  const start = text.indexOf('{"type":"record"');
  for (let end = start, depth = 0; end < text.length; end++) {
    depth += text[end] === '{' ? 1 : text[end] === '}' ? -1 : 0;
    if (depth === 0) return JSON.parse(text.slice(start, end + 1));
  }
  throw new Error('no schema in the header');
}

test('vectors: manifests and lists have the fields that Java writes, in order; deletion vectors decode', {skip}, async () => {
  const vectors = new Map(readFileSync(join(fixtures, 'vectors.txt'), 'utf8').trim().split('\n').map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]));
  const theirs = (name: string): string[] => avroFields(JSON.parse(vectors.get(name)!));
  // A column of a release that is younger than our readers; it may be left out.
  assert.deepEqual(avroFields(headerSchema(await encodeManifest([], 'null'))), theirs('MANIFEST').filter((field) => !field.includes('_WRITE_COLS_SEQUENCES')));
  assert.deepEqual(avroFields(headerSchema(await encodeManifestList([], 'null'))), theirs('LIST'));
  const decoded = (name: string): readonly number[] => decodeDeletionVector(Buffer.from(vectors.get(name)!.split(' ').at(-1)!, 'hex'), 0, name);
  for (const name of ['DV32', 'DV64']) assert.deepEqual(decoded(name), [1, 3, 5, 70_000], name);
  assert.deepEqual(decoded('DV32run'), Array.from({length: 1000}, (_, i) => i));
  assert.equal(vectors.size, 6, 'every vector is looked at');
  assert.ok(theirs('INDEX').length > 0);
});

test('golden tables: every snapshot has the files and rows that Java saw, upgrades included', {skip}, async () => {
  await withSession(async (session, directory) => {
    execFileSync('tar', ['xzf', join(fixtures, 'pk_global_index_golden.tar.gz'), '-C', directory]);
    for (const golden of goldens) await checkGolden(session, join(directory, 'default.db', golden.table), golden);
    await checkVectorTable(session, join(directory, 'default.db', 'test_pk_vector_golden'));
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
