/**
 * Tables written by our storage alone, over every type and layout, each with files that overlap: the last rung but one of the format's ladder
 * (our write → our read → pypaimon → Java → Flink). Then Java compacts some of them, and pypaimon and Java write into others.
 */
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import * as fc from 'fast-check';
import type {LogicalType} from '../../base/type.ts';
import type {Session} from '../../kernel/session.ts';
import {commitFlush} from '../../storage/lsm/commit.ts';
import {commitCompaction, planCompactions, prepareCompaction} from '../../storage/lsm/compact.ts';
import {prepareFlush} from '../../storage/lsm/flush.ts';
import {tableDirectory} from '../../storage/lsm/table-paths.ts';
import {PaimonTable} from '../../storage/lsm/paimon-table.ts';
import {bindChanges, createTable, doors, TableModel, type TestRow, type TestShape} from '../../storage/lsm/test-tables.ts';
import {storedTypes, valueOf} from '../../storage/paimon/test-columns.ts';
import {internalValue, modelLines} from './canonical.ts';
import type {PeerProcess} from './peer-process.ts';
import type {Peers} from './peers.ts';
import type {ReadMatrix} from './read-matrix.ts';
import type {Report} from './report.ts';

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
const commitUser = 'millrace-interop';

function cases(): TableCase[] {
  const plain = {flushes: 2, changesPerFlush: 40, keyCount: 25};
  const typeName = (type: LogicalType): string => (type.kind === 'decimal' ? `decimal_${type.precision}_${type.scale}` : type.kind);
  return [
    {name: 'all_types_one_file', shape: all, ...plain, flushes: 1},
    {name: 'all_types', shape: all, ...plain},
    {name: 'all_types_compacted', shape: all, ...plain, compact: 'after'},
    {name: 'all_types_compacted_between', shape: all, ...plain, flushes: 4, compact: 'between'},
    {name: 'composite_key_three_buckets', shape: {keys: [varchar, bigint, {kind: 'timestamp'}], values: [varchar], bucketCount: 3}, ...plain, compact: 'between'},
    {name: 'long_keys', shape: {keys: [{kind: 'decimal', precision: 38, scale: 0}, {kind: 'timestamp'}, {kind: 'timestamptz'}, {kind: 'decimal', precision: 20, scale: 5}], values: [bigint], bucketCount: 5}, ...plain, flushes: 3},
    {name: 'key_only', shape: {keys: [bigint], values: [], bucketCount: 2}, ...plain},
    ...storedTypes.map((type) => ({name: `key_${typeName(type)}`, shape: {keys: [type], values: [varchar], bucketCount: 4}, ...plain})),
    ...['snappy', 'gzip', 'none'].map((codec) => ({name: `codec_${codec}`, shape: all, ...plain, options: {'file.compression': codec}})),
    ...['deflate', 'null'].map((codec) => ({name: `manifests_${codec}`, shape: all, ...plain, options: {'manifest.compression': codec}})),
    {name: 'forty_commits', shape: {keys: [bigint], values: [varchar], bucketCount: 1}, flushes: 40, changesPerFlush: 5, keyCount: 20},
    {name: 'everything_deleted', shape: {keys: [bigint], values: [varchar], bucketCount: 1}, flushes: 1, changesPerFlush: 0, keyCount: 5},
  ];
}

/** Tables that Java compacts after all readers have read them, and how. */
const compactedByJava: readonly (readonly [name: string, flags: readonly string[]])[] = [
  ['all_types', []], ['all_types_compacted_between', []], ['composite_key_three_buckets', []], ['forty_commits', ['--minor']], ['long_keys', []], ['key_double', []], ['everything_deleted', []],
];

interface Written {
  readonly directory: string;
  readonly model: TableModel;
}

/** Writes all tables below `warehouse`, compares what everybody reads, lets others change them, compares again. */
export async function storageCases(session: Session, warehouse: string, peers: Peers, report: Report, matrix: ReadMatrix): Promise<() => Promise<void>> {
  const written = new Map<string, Written>();
  for (const [i, tableCase] of cases().entries()) {
    const directory = tableDirectory(warehouse, i % 2 === 0 ? 'main' : 'other', tableCase.name);
    const model = await writeCase(session, directory, tableCase, i);
    written.set(tableCase.name, {directory, model});
    matrix.add({name: tableCase.name, directory, lines: modelLines(model.sorted(), model.shape)});
  }
  const append = tableDirectory(warehouse, 'main', 'append');
  const appendShape = {keys: [], values: storedTypes, bucketCount: 1};
  matrix.add({name: 'append', directory: append, lines: modelLines(await writeAppend(session, append, appendShape), appendShape)});
  return async () => await afterOthers(session, warehouse, written, peers, report, matrix);
}

async function afterOthers(session: Session, warehouse: string, written: ReadonlyMap<string, Written>, peers: Peers, report: Report, matrix: ReadMatrix): Promise<void> {
  for (const name of ['key_bigint', 'key_varchar', 'key_decimal_38_0', 'key_date', 'key_timestamptz']) await lookups(name, written.get(name)!, peers, report);
  if ('peer' in peers.java) {
    const java = peers.java.peer;
    for (const [name, flags] of compactedByJava) {
      const {directory, model} = written.get(name)!;
      await report.check(`${name} · compacted by java`, async () => void await java.run('compact', directory, ...flags));
      matrix.add({name: `${name} after java's compaction`, directory, lines: modelLines(model.sorted(), model.shape)});
    }
  } else report.skip('compaction by java', peers.java.reason);
  for (const [who, available] of [['pypaimon', peers.python], ['java', peers.java]] as const) {
    if ('peer' in available) await foreignWriter(session, warehouse, who, available.peer, report, matrix);
    else report.skip(`tables that ${who} writes into`, available.reason);
  }
}

async function writeCase(session: Session, directory: string, tableCase: TableCase, number: number): Promise<TableModel> {
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
    await commitFlush(table, prepared, {commitUser, commitIdentifier: BigInt(flush + 1), properties: {epoch: String(flush + 1)}});
    if (tableCase.compact === 'between' || (tableCase.compact === 'after' && flush === tableCase.flushes - 1)) {
      const merged = [];
      for (const spec of planCompactions(table, await table.state(), {full: true})) merged.push(await prepareCompaction(session, table, spec, {targetBytes: 6000}));
      if (merged.length > 0 && (tableCase.compact === 'after' || flush < tableCase.flushes - 1)) await commitCompaction(table, merged, {commitUser});
    }
  }
  return model;
}

async function writeAppend(session: Session, directory: string, shape: TestShape): Promise<readonly TestRow[]> {
  const table = await createTable(shape, directory);
  const rows: TestRow[] = fc.sample(fc.tuple(...storedTypes.map((type) => fc.option(valueOf(type), {freq: 6}))), {numRuns: 60, seed: 5});
  const changes = rows.map((row, i) => ({op: 0, seq: BigInt(i), row}));
  for (const [i, part] of [changes.slice(0, 25), changes.slice(25)].entries()) {
    const prepared = await prepareFlush(session, table, bindChanges(session, 'changes', shape, part));
    await commitFlush(table, prepared, {commitUser, commitIdentifier: BigInt(i + 1)});
  }
  return rows;
}

/** Every key is asked for by equality, which prunes buckets, manifests and files. */
async function lookups(name: string, {model, directory}: Written, peers: Peers, report: Report): Promise<void> {
  const type = model.shape.keys[0]!;
  const keys = model.sorted().map((row) => internalValue(row[0]!, type));
  if ('peer' in peers.python && type.kind !== 'timestamptz') {
    const python = peers.python.peer;
    await report.check(`${name} by key · pypaimon`, async () => {
      const counts = JSON.parse(await python.run('lookup', directory, 'k0', JSON.stringify(keys))) as readonly number[];
      if (!counts.every((count) => count === 1)) throw new Error(`rows found per key: ${counts.join()}`);
    });
  }
  if (!('peer' in peers.java)) return;
  const java = peers.java.peer;
  await report.check(`${name} by key · java`, async () => {
    for (const key of keys) {
      const found = (await java.run('read', directory, '--eq', `k0=${String(key)}`)).split('\n').filter((line) => line !== '');
      if (found.length !== 1) throw new Error(`${found.length} rows for key ${String(key)}`);
    }
  });
}

/** Another writer commits to a table of ours, between two flushes; all rows are there for everybody, the deleted ones are not. */
async function foreignWriter(session: Session, warehouse: string, who: string, writer: PeerProcess, report: Report, matrix: ReadMatrix): Promise<void> {
  const name = `our table with a commit by ${who}`;
  const shape: TestShape = {keys: [bigint], values: [varchar], bucketCount: 2};
  const directory = tableDirectory(warehouse, 'main', `foreign_${who}`);
  const table = await createTable(shape, directory);
  const model = new TableModel(shape);
  for (let i = 0; i < 20; i++) model.upsert([BigInt(i), `ours ${i}`]);
  await commitFlush(table, await prepareFlush(session, table, bindChanges(session, 'changes', shape, model.changes)), {commitUser, commitIdentifier: 1n});
  const theirs = [3, 7, 25, -4].map((k) => ({k0: String(k), v0: `theirs ${k}`}));
  const file = join(warehouse, `foreign-${who}.ndjson`);
  writeFileSync(file, theirs.map((row) => `${JSON.stringify(row)}\n`).join(''));
  await report.check(`${name} · written`, async () => void await writer.run(who === 'java' ? 'upsert' : 'write', directory, file, ...(who === 'java' ? ['-o', 'write-only=true'] : [])));
  for (const {k0, v0} of theirs) model.upsert([BigInt(k0), v0]);
  // Their identifier may be 2^63 - 1; ours comes after it, in files and in sequence numbers.
  const flushed = model.changes.length;
  model.nextSequence = 1_000n;
  model.upsert([3n, 'ours again']);
  model.remove([7n, null]);
  const reopened = await PaimonTable.open(doors, directory);
  await report.check(`${name} · then by us`, async () => void await commitFlush(reopened, await prepareFlush(session, reopened, bindChanges(session, 'changes', shape, model.changes.slice(flushed))), {commitUser, commitIdentifier: 2n}));
  matrix.add({name, directory, lines: modelLines(model.sorted(), shape)});
}
