/** Crashes at every operation of a table's life: creation, two flushes, a compaction. What is repeated afterwards is done once. */
import test from 'node:test';
import assert from 'node:assert/strict';
import {systemClock} from '../../base/clock.ts';
import type {Session} from '../../kernel/session.ts';
import type {FileSystem} from '../file/file-system.ts';
import type {InternalValue} from '../paimon/binary-row.ts';
import {changelogSql} from './changelog-sql.ts';
import {checkTable} from './check-table.ts';
import {commitCompaction, planCompactions, prepareCompaction} from './compact.ts';
import {commitFlush} from './commit.ts';
import {prepareFlush} from './flush.ts';
import {findOrphans, removeOrphans} from './orphans.ts';
import type {PaimonTable} from './paimon-table.ts';
import {scanPlan} from './scan-plan.ts';
import {scanSql} from './scan-sql.ts';
import {crashLife} from './test-crashes.ts';
import {bindChanges, columnNames, createTable, doors, readRows, TableModel, type TestRow, type TestShape} from './test-tables.ts';

/** Partitioned: directories of directories must be durable too. */
const shape: TestShape = {keys: [{kind: 'boolean'}, {kind: 'bigint'}], values: [{kind: 'varchar'}], bucketCount: 1, partitions: 1};
const types = [...shape.keys, ...shape.values];

/** Changes of the two flushes, and the rows after none, one and both. */
function script(): {readonly model: TableModel; readonly cuts: readonly number[]; readonly states: readonly (readonly TestRow[])[]} {
  const model = new TableModel(shape);
  const states = [model.sorted()];
  for (const key of [1n, 2n, 3n]) model.upsert([key === 2n, key, `first ${key}`]);
  states.push(model.sorted());
  const cut = model.changes.length;
  model.upsert([true, 2n, 'second']);
  model.remove([false, 3n, null]);
  model.upsert([false, 4n, 'fourth']);
  states.push(model.sorted());
  return {model, cuts: [0, cut, model.changes.length], states};
}

const {model, cuts, states} = script();

/** The whole life; each step is what a restart would repeat. */
async function live(session: Session, files: FileSystem, directory: string): Promise<void> {
  const table = await createTable(shape, directory, {}, {files, clock: systemClock});
  for (const step of [0, 1]) {
    const prepared = await prepareFlush(session, table, bindChanges(session, 'changes', shape, model.changes.slice(cuts[step], cuts[step + 1])));
    await commitFlush(table, prepared, {commitUser: 'millrace', commitIdentifier: BigInt(step + 1), afterSnapshot: 0});
  }
  const specs = planCompactions(table, await table.state(), {full: true});
  const merged = [];
  for (const spec of specs) merged.push(await prepareCompaction(session, table, spec));
  if (merged.length > 0) await commitCompaction(table, merged, {commitUser: 'millrace'});
}

async function rowsNow(session: Session, table: PaimonTable): Promise<InternalValue[][]> {
  return await readRows(session, scanSql(table, await scanPlan(table), {ordered: true}), types, columnNames(shape));
}

async function checkLeft(session: Session, table: PaimonTable, at: string): Promise<void> {
  const found = await rowsNow(session, table);
  assert.ok(states.some((state) => JSON.stringify(state, text) === JSON.stringify(found, text)), `${at}: ${JSON.stringify(found, text)} is the state of no commit`);
  assert.deepEqual((await checkTable(session, doors, table.directory)).problems, [], at);
  await removeOrphans(table, new Set());
}

async function checkEnd(session: Session, table: PaimonTable, at: string): Promise<void> {
  assert.deepEqual(await rowsNow(session, table), states[2], at);
  const log = await readRows(session, await changelogSql(table, {afterSnapshot: 0}), [{kind: 'tinyint'}, {kind: 'bigint'}, ...types], ['_op', '_seq', ...columnNames(shape)]);
  assert.deepEqual(log, model.changes.map(({op, seq, row}): InternalValue[] => [op, seq, ...row]), at);
  const kinds = [];
  for (const id of await table.snapshots.ids()) kinds.push((await table.snapshots.read(id)).commitKind);
  assert.deepEqual(kinds, ['APPEND', 'APPEND', 'COMPACT'], at);
  // A repeated flush leaves the files of the first try, or its own, behind; nothing else.
  await removeOrphans(table, new Set());
  assert.deepEqual(await findOrphans(table, new Set()), [], at);
  assert.deepEqual((await checkTable(session, doors, table.directory)).problems, [], at);
}

function text(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value;
}

test('lsm: a crash at any operation of flush, commit and compaction loses nothing and doubles nothing', () => crashLife({live, checkLeft, checkEnd, stride: 9, operationsMin: 100}));
