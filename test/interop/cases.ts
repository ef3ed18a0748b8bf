/** The tables that the interoperability run writes, and what another reader must find in them. */
import assert from 'node:assert/strict';
import {join} from 'node:path';
import * as fc from 'fast-check';
import {Kernel} from '../../kernel/duckdb.ts';
import type {Session} from '../../kernel/session.ts';
import type {LogicalType} from '../../base/type.ts';
import {commitCompaction, planCompactions, prepareCompaction} from '../../storage/lsm/compact.ts';
import {commitFlush} from '../../storage/lsm/commit.ts';
import {prepareFlush} from '../../storage/lsm/flush.ts';
import {PaimonTable} from '../../storage/lsm/paimon-table.ts';
import {scanPlan} from '../../storage/lsm/scan-plan.ts';
import {scanSql} from '../../storage/lsm/scan-sql.ts';
import {tableDirectory} from '../../storage/lsm/table-paths.ts';
import {bindChanges, columnNames, createTable, doors, readRows, TableModel, type TestRow, type TestShape} from '../../storage/lsm/test-tables.ts';
import type {InternalValue} from '../../storage/paimon/binary-row.ts';
import {storedTypes, valueOf} from '../../storage/paimon/test-columns.ts';

export interface CaseResult {
  readonly name: string;
  /** null: the other reader agrees. */
  readonly problem: string | null;
}

type Python = (args: readonly string[]) => string;
type PlainValue = null | boolean | string;

/** One table: `flushes` rounds of changes, then what its name says. */
interface TableCase {
  readonly name: string;
  readonly shape: TestShape;
  readonly flushes: number;
  readonly changesPerFlush: number;
  readonly keyCount: number;
  readonly compact?: 'between' | 'after';
  readonly options?: Readonly<Record<string, string>>;
}

const bigint: LogicalType = {kind: 'bigint'};
const varchar: LogicalType = {kind: 'varchar'};
const all = {keys: [bigint], values: storedTypes, bucketCount: 1};

function cases(): TableCase[] {
  const plain = {flushes: 2, changesPerFlush: 40, keyCount: 25};
  return [
    {name: 'all_types', shape: all, ...plain},
    {name: 'all_types_compacted', shape: all, ...plain, compact: 'after'},
    {name: 'all_types_compacted_between', shape: all, ...plain, flushes: 4, compact: 'between'},
    {name: 'composite_key_three_buckets', shape: {keys: [varchar, bigint, {kind: 'timestamp'}], values: [varchar], bucketCount: 3}, ...plain, compact: 'between'},
    {name: 'key_only', shape: {keys: [bigint], values: [], bucketCount: 2}, ...plain},
    ...storedTypes.map((type, i) => ({name: `key_${type.kind}_${i}`, shape: {keys: [type], values: [varchar], bucketCount: 4}, ...plain})),
    ...['snappy', 'gzip', 'none'].map((codec) => ({name: `codec_${codec}`, shape: all, ...plain, options: {'file.compression': codec}})),
    ...['deflate', 'null'].map((codec) => ({name: `manifests_${codec}`, shape: all, ...plain, options: {'manifest.compression': codec}})),
    {name: 'forty_commits', shape: {keys: [bigint], values: [varchar], bucketCount: 1}, flushes: 40, changesPerFlush: 5, keyCount: 20},
    {name: 'everything_deleted', shape: {keys: [bigint], values: [varchar], bucketCount: 1}, flushes: 1, changesPerFlush: 0, keyCount: 5},
  ];
}

/**
 * Writes all tables below `warehouse` and compares what pypaimon reads.
 *
 * @param python runs read_tables.py with arguments and gives its output.
 */
export async function runCases(warehouse: string, python: Python): Promise<CaseResult[]> {
  await using kernel = await Kernel.open({threads: 2, memoryBytes: 512 * 1024 * 1024});
  await using session = await kernel.connect();
  const expected = new Map<string, readonly (readonly PlainValue[])[]>();
  const names = new Map<string, string>();
  for (const [i, tableCase] of cases().entries()) {
    const directory = tableDirectory(warehouse, i % 2 === 0 ? 'main' : 'other', tableCase.name);
    names.set(directory, tableCase.name);
    expected.set(directory, plainRows(await writeCase(session, directory, tableCase, i), tableCase.shape));
  }
  const append = tableDirectory(warehouse, 'main', 'append');
  names.set(append, 'append');
  expected.set(append, plainRows(await writeAppend(session, append), {keys: [], values: storedTypes, bucketCount: 1}));
  const results: CaseResult[] = [];
  for (const line of python(['read', ...names.keys()]).trim().split('\n')) {
    const answer = JSON.parse(line) as {readonly table: string; readonly rows?: readonly (readonly PlainValue[])[]; readonly error?: string};
    results.push({name: names.get(answer.table)!, problem: answer.rows === undefined ? answer.error ?? 'no rows' : difference(answer.rows, expected.get(answer.table)!)});
  }
  for (const [directory, name] of names) {
    if (name !== 'key_bigint_4' && name !== 'key_varchar_7') continue;
    const keys = expected.get(directory)!.map((row) => row[0]!);
    const counts = JSON.parse(python(['lookup', directory, 'k0', JSON.stringify(keys)])) as readonly number[];
    results.push({name: `${name}_by_key`, problem: counts.every((count) => count === 1) ? null : `rows found per key: ${counts.join()}`});
  }
  results.push(await foreignWriter(session, warehouse, python));
  return results;
}

async function writeCase(session: Session, directory: string, tableCase: TableCase, number: number): Promise<readonly TestRow[]> {
  const {shape} = tableCase;
  const table = await createTable(shape, directory, tableCase.options);
  const model = new TableModel(shape);
  const sample = <T>(arbitrary: fc.Arbitrary<T>, count: number, salt: number): T[] => fc.sample(arbitrary, {numRuns: count, seed: 1000 * number + salt});
  const keys = sample(fc.tuple(...shape.keys.map(valueOf)), tableCase.keyCount, 1);
  const change = fc.record({
    remove: fc.integer({min: 0, max: 3}).map((n) => n === 0), key: fc.constantFrom(...keys), values: fc.tuple(...shape.values.map((type) => fc.option(valueOf(type), {freq: 6}))),
  });
  let flushed = 0;
  for (let flush = 0; flush < tableCase.flushes; flush++) {
    // Every key first, so that later flushes update and delete what is there, with key ranges that overlap.
    if (flush === 0) for (const key of keys) model.upsert([...key, ...sample(fc.tuple(...shape.values.map(valueOf)), 1, flush + 7)[0]!]);
    for (const {remove, key, values} of sample(change, tableCase.changesPerFlush, flush + 100)) if (remove) model.remove([...key, ...values]); else model.upsert([...key, ...values]);
    if (tableCase.name === 'everything_deleted') for (const row of model.rows.values()) model.remove(row);
    const prepared = await prepareFlush(session, table, bindChanges(session, 'changes', shape, model.changes.slice(flushed)));
    flushed = model.changes.length;
    await commitFlush(table, prepared, {commitUser: 'millrace-interop', commitIdentifier: BigInt(flush + 1), properties: {epoch: String(flush + 1)}});
    if (tableCase.compact === 'between' || (tableCase.compact === 'after' && flush === tableCase.flushes - 1)) {
      const merged = [];
      for (const spec of planCompactions(table, await table.state(), {full: true})) merged.push(await prepareCompaction(session, table, spec, {targetBytes: 6000}));
      if (merged.length > 0 && (tableCase.compact === 'after' || flush < tableCase.flushes - 1)) await commitCompaction(table, merged, {commitUser: 'millrace-interop', commitIdentifier: BigInt(flush + 1)});
    }
  }
  return model.sorted();
}

async function writeAppend(session: Session, directory: string): Promise<readonly TestRow[]> {
  const shape = {keys: [], values: storedTypes, bucketCount: 1};
  const table = await createTable(shape, directory);
  const rows: TestRow[] = fc.sample(fc.tuple(...storedTypes.map((type) => fc.option(valueOf(type), {freq: 6}))), {numRuns: 60, seed: 5});
  const changes = rows.map((row, i) => ({op: 0, seq: BigInt(i), row}));
  for (const [i, part] of [changes.slice(0, 25), changes.slice(25)].entries()) {
    const prepared = await prepareFlush(session, table, bindChanges(session, 'changes', shape, part));
    await commitFlush(table, prepared, {commitUser: 'millrace-interop', commitIdentifier: BigInt(i + 1)});
  }
  return rows;
}

/** pypaimon commits to a table of ours; we read what both wrote. */
async function foreignWriter(session: Session, warehouse: string, python: Python): Promise<CaseResult> {
  const name = 'foreign_commit_read_by_us';
  const shape: TestShape = {keys: [bigint], values: [varchar], bucketCount: 2};
  const directory = join(tableDirectory(warehouse, 'main', name));
  const table = await createTable(shape, directory);
  const model = new TableModel(shape);
  for (let i = 0; i < 20; i++) model.upsert([BigInt(i), `ours ${i}`]);
  const prepared = await prepareFlush(session, table, bindChanges(session, 'changes', shape, model.changes));
  await commitFlush(table, prepared, {commitUser: 'millrace-interop', commitIdentifier: 1n});
  const theirs = [3, 7, 25, -4].map((k) => ({k0: String(k), v0: `theirs ${k}`}));
  python(['write', directory, JSON.stringify(theirs)]);
  for (const {k0, v0} of theirs) model.upsert([BigInt(k0), v0]);
  const reopened = await PaimonTable.open(doors, directory);
  const found = await readRows(session, scanSql(reopened, await scanPlan(reopened), {ordered: true}), [bigint, varchar], columnNames(shape));
  return {name, problem: difference(plainRows(found, shape), plainRows(model.sorted(), shape))};
}

function plainRows(rows: readonly TestRow[], shape: TestShape): PlainValue[][] {
  const types = [...shape.keys, ...shape.values];
  return rows.map((row) => row.map((value, i) => plain(value, types[i]!)));
}

/** The value as read_tables.py prints it. */
function plain(value: InternalValue, type: LogicalType): PlainValue {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (type.kind !== 'float' && type.kind !== 'double') return String(value);
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return Number.isNaN(value) ? 'nan' : bytes.toString('hex');
}

function difference(found: readonly (readonly PlainValue[])[], expected: readonly (readonly PlainValue[])[]): string | null {
  const lines = (rows: readonly (readonly PlainValue[])[]): string[] => rows.map((row) => JSON.stringify(row)).sort();
  try {
    assert.deepEqual(lines(found), lines(expected));
    return null;
  } catch (error) {
    return (error as Error).message.split('\n').slice(0, 12).join('\n');
  }
}
