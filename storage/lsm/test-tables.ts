/** Tests only: a table beside a model of it in plain JS. The model is the oracle: a Map folded change by change. */
import assert from 'node:assert/strict';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {systemClock} from '../../base/clock.ts';
import type {LogicalType} from '../../base/type.ts';
import {Kernel} from '../../kernel/duckdb.ts';
import {relationOf} from '../../kernel/relation.ts';
import type {Session} from '../../kernel/session.ts';
import {nodeFileSystem} from '../file/node-file-system.ts';
import {compareRows, encodeBinaryRow, type InternalValue} from '../paimon/binary-row.ts';
import {bucketColumn} from '../paimon/bucket-column.ts';
import {paimonType} from '../paimon/data-type.ts';
import {bucketOfHash, murmurHash} from '../paimon/murmur.ts';
import {columnOf} from '../paimon/test-columns.ts';
import {keyTextSql, parseKeyText} from './column-sql.ts';
import type {FlushSource} from './flush.ts';
import {PaimonTable, type TableDoors} from './paimon-table.ts';

export type TestRow = readonly InternalValue[];
export interface TestChange {readonly op: number; readonly seq: bigint; readonly row: TestRow}
export const doors: TableDoors = {files: nodeFileSystem, clock: systemClock};
export const seed = Number(process.env['MR_SEED'] ?? 20_260_101);

/** Runs `work` in a fresh directory with a session of a small kernel; both go afterwards. */
export async function withSession(work: (session: Session, directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'mr-lsm-'));
  try {
    await using kernel = await Kernel.open({threads: 2, memoryBytes: 512 * 1024 * 1024});
    await using session = await kernel.connect();
    await work(session, directory);
  } finally {
    await rm(directory, {recursive: true, force: true});
  }
}

export interface TestShape {
  /** Key types first; columns are named k0 … and v0 …. */
  readonly keys: readonly LogicalType[];
  readonly values: readonly LogicalType[];
  readonly bucketCount: number;
  /** How many of the first columns are the partition's; of the key in keyed tables. */
  readonly partitions?: number;
  /** Of an append table with several buckets: positions of the bucket key. */
  readonly bucketKey?: readonly number[];
}

export function columnNames(shape: TestShape): string[] {
  return [...shape.keys.map((_, i) => `k${i}`), ...shape.values.map((_, i) => `v${i}`)];
}

export async function createTable(shape: TestShape, directory: string, options: Readonly<Record<string, string>> = {}, files: TableDoors = doors): Promise<PaimonTable> {
  const types = [...shape.keys, ...shape.values];
  return await PaimonTable.create(files, directory, {
    columns: columnNames(shape).map((name, i) => ({id: i, name, type: types[i]!, nullable: i >= shape.keys.length})),
    primaryKey: shape.keys.map((_, i) => `k${i}`), partitionKeys: columnNames(shape).slice(0, shape.partitions ?? 0),
    options: {...(shape.keys.length === 0 && shape.bucketKey === undefined ? {} : {bucket: String(shape.bucketCount)}), ...(shape.bucketKey === undefined ? {} : {'bucket-key': shape.bucketKey.map((i) => columnNames(shape)[i]!).join(',')}), ...options},
  });
}

/** What a table should hold. Upserts and deletes become changes with true before-images. */
export class TableModel {
  readonly shape: TestShape;
  readonly rows = new Map<string, TestRow>();
  readonly changes: TestChange[] = [];
  nextSequence = 0n;

  constructor(shape: TestShape) { this.shape = shape; }

  upsert(row: TestRow): void {
    const key = this.#key(row);
    const before = this.rows.get(key);
    if (before === undefined) this.#change(0, row);
    else {
      this.#change(1, before);
      this.#change(2, row);
    }
    this.rows.set(key, row);
  }

  remove(row: TestRow): void {
    const key = this.#key(row);
    const before = this.rows.get(key);
    if (before === undefined) return;
    this.#change(3, before);
    this.rows.delete(key);
  }

  /** Rows by (partition, bucket, key), the order of an ordered scan. */
  sorted(): TestRow[] {
    const width = this.shape.keys.length;
    const parts = this.shape.partitions ?? 0;
    return [...this.rows.values()].sort((a, b) => compareRows(a.slice(0, parts), b.slice(0, parts)) || this.bucket(a) - this.bucket(b) || compareRows(a.slice(0, width), b.slice(0, width)));
  }

  bucket(row: TestRow): number {
    const chosen = bucketKeyOf(this.shape);
    const all = [...this.shape.keys, ...this.shape.values];
    return bucketOfHash(murmurHash(encodeBinaryRow(chosen.map((i) => paimonType(all[i]!, true)), chosen.map((i) => row[i]!)).subarray(4)), this.shape.bucketCount);
  }

  #key(row: TestRow): string {
    return Buffer.from(encodeBinaryRow(this.shape.keys.map((type) => paimonType(type, false)), row.slice(0, this.shape.keys.length))).toString('hex');
  }

  #change(op: number, row: TestRow): void {
    this.changes.push({op, seq: this.nextSequence++, row});
  }
}

/** Positions of the columns whose hash is the bucket. */
function bucketKeyOf(shape: TestShape): readonly number[] {
  return shape.bucketKey ?? shape.keys.map((_, i) => i).slice(shape.partitions ?? 0);
}

/** Binds changes as a relation of the session, with `_bucket` where there are several. */
export function bindChanges(session: Session, name: string, shape: TestShape, changes: readonly TestChange[]): FlushSource {
  const types = [...shape.keys, ...shape.values];
  const columns = types.map((type, i) => columnOf(type, changes.map(({row}) => row[i]!)));
  const rowCount = changes.length;
  const named = columnNames(shape).map((column, i) => ({name: column, type: types[i]!}));
  const system = [
    {name: '_op', type: {kind: 'tinyint'} as const, column: columnOf({kind: 'tinyint'}, changes.map(({op}) => op))},
    {name: '_seq', type: {kind: 'bigint'} as const, column: columnOf({kind: 'bigint'}, changes.map(({seq}) => seq))},
    ...(shape.bucketCount > 1 ? [{name: '_bucket', type: {kind: 'integer'} as const, column: {kind: 'i32' as const, data: bucketColumn(bucketKeyOf(shape).map((i) => columns[i]!), bucketKeyOf(shape).map((i) => types[i]!), shape.bucketCount, rowCount), valid: null}}] : []),
  ];
  session.bindRelation(name, relationOf([...system.map(({column}) => column), ...columns], rowCount, [...system.map(({name: column, type}) => ({name: column, type})), ...named]));
  return {from: `mr_rows('${name}')`};
}

/** Reads a query's columns of the shape's types back as internal values, by text: independent of how results are decoded. */
export async function readRows(session: Session, sql: string, types: readonly LogicalType[], names: readonly string[]): Promise<InternalValue[][]> {
  const paimon = types.map((type) => paimonType(type, true));
  const {rows} = await session.rows(`SELECT ${names.map((name, i) => keyTextSql(paimon[i]!, name)).join(', ')} FROM (${sql}) AS q`);
  return rows.map((row) => row.map((text, i) => parseKeyText(paimon[i]!, text)));
}

export function assertRows(found: readonly TestRow[], expected: readonly TestRow[], message: string): void {
  assert.deepEqual(found, expected, message);
}
