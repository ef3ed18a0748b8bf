/** Crashes at the operations of a table that changes form: between schema files, data files and the snapshot that names them. */
import test from 'node:test';
import assert from 'node:assert/strict';
import {systemClock} from '../../base/clock.ts';
import type {Session} from '../../kernel/session.ts';
import type {FileSystem} from '../file/file-system.ts';
import {checkTable} from './check-table.ts';
import {commitFlush} from './commit.ts';
import {joinPrepared, prepareFlush} from './flush.ts';
import {PaimonTable} from './paimon-table.ts';
import {scanPlan} from './scan-plan.ts';
import {scanSql} from './scan-sql.ts';
import {type TableForm, writeSchemas} from './table-form.ts';
import {crashLife} from './test-crashes.ts';
import {doors} from './test-tables.ts';

const k = {id: 0, name: 'k', type: {kind: 'integer'}, nullable: false} as const;
const forms: readonly TableForm[] = [
  {schemaId: 0, highestFieldId: 1, primaryKey: ['k'], columns: [k, {id: 1, name: 'a', type: {kind: 'integer'}, nullable: true}]},
  {schemaId: 1, highestFieldId: 2, primaryKey: ['k'], columns: [k, {id: 1, name: 'b', type: {kind: 'bigint'}, nullable: true}, {id: 2, name: 'a', type: {kind: 'varchar'}, nullable: true}]},
  {schemaId: 2, highestFieldId: 2, primaryKey: ['k'], columns: [{id: 2, name: 'a', type: {kind: 'varchar'}, nullable: true}, k], comment: 'the last'},
];
const flushes = [
  "(VALUES (0::TINYINT, 0::BIGINT, 1, 10), (0, 1, 2, 20)) v(_op, _seq, k, a)",
  "(VALUES (1::TINYINT, 2::BIGINT, 2, 20), (2, 3, 2, 21)) v(_op, _seq, k, a)",
  "(VALUES (1::TINYINT, 4::BIGINT, 2, 21::BIGINT, NULL::VARCHAR), (2, 5, 2, 22, 'x')) v(_op, _seq, k, b, a)",
];

/** As checkpoints do it: one under the first form; then rows of two forms as one snapshot under the third. */
async function live(session: Session, files: FileSystem, directory: string): Promise<void> {
  const at = {files, clock: systemClock};
  const first = await PaimonTable.create(at, directory, forms[0]!);
  const under = async (form: TableForm): Promise<PaimonTable> => PaimonTable.open(at, directory, form);
  await commitFlush(first, await prepareFlush(session, await under(forms[0]!), {from: flushes[0]!}), {commitUser: 'millrace', commitIdentifier: 1n});
  const table = await writeSchemas(first, forms.slice(first.schema.id + 1));
  const parts = [await prepareFlush(session, await under(forms[0]!), {from: flushes[1]!}), await prepareFlush(session, await under(forms[1]!), {from: flushes[2]!})];
  await commitFlush(table, joinPrepared(parts), {commitUser: 'millrace', commitIdentifier: 2n});
}

async function rowsUnder(session: Session, directory: string, form: TableForm): Promise<string> {
  const table = await PaimonTable.open(doors, directory, form);
  const {rows} = await session.rows(scanSql(table, await scanPlan(table), {ordered: true}));
  return JSON.stringify(rows, (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value));
}

/** What each form reads before the second commit, and after it. */
const states = [['[]', '[[1,10],[2,20]]', '[[1,10],[2,22]]'], ['[]', '[[1,10,null],[2,20,null]]', '[[1,10,null],[2,22,"x"]]'], ['[]', '[[null,1],[null,2]]', '[[null,1],["x",2]]']];

async function checkLeft(session: Session, {directory}: PaimonTable, at: string): Promise<void> {
  // Every form reads the same commits, whether its schema file is there or not, and the table is legal under the newest that is.
  // INTEGER of the oldest form cannot take what the second wrote as BIGINT: it is read as long as there is nothing of that.
  const newest = await Promise.all([1, 2].map((schemaId) => rowsUnder(session, directory, forms[schemaId]!)));
  const step = states[1]!.indexOf(newest[0]!);
  assert.ok(step >= 0, `${at}: ${newest[0]!} is the state of no commit`);
  assert.equal(newest[1], states[2]![step], at);
  if (step < 2) assert.equal(await rowsUnder(session, directory, forms[0]!), states[0]![step], at);
  assert.deepEqual((await checkTable(session, doors, directory)).problems, [], at);
}

async function checkEnd(session: Session, table: PaimonTable, at: string): Promise<void> {
  assert.deepEqual([table.schema.id, table.schema.comment, table.schema.highestFieldId], [2, 'the last', 2], at);
  assert.equal(await rowsUnder(session, table.directory, forms[2]!), states[2]![2], at);
  assert.deepEqual(await table.snapshots.ids(), [1, 2], at);
  assert.equal((await table.snapshots.read(2)).schemaId, 2, at);
  assert.deepEqual((await checkTable(session, doors, table.directory)).problems, [], at);
}

test('evolution: a crash at any operation around schema files leaves a legal table, and what is repeated is done once', () => crashLife({live, checkLeft, checkEnd, stride: 8, operationsMin: 60}));
