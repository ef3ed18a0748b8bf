/**
 * Writes data and changelog files by DuckDB's COPY, durably, and describes them for a manifest.
 *
 * A keyed file holds `_KEY_<key>…`, `_SEQUENCE_NUMBER`, `_VALUE_KIND`, then all columns; an append file the columns alone. What a
 * manifest says of a file (rows, deletes, keys, sequence range, size) is read back from the file itself, never taken from what
 * was meant to be written: readers skip merging, pruning and opening on the strength of these numbers.
 */
import {dirname} from 'node:path';
import {invariant} from '../../base/invariant.ts';
import type {Row} from '../../base/value.ts';
import {quoteIdentifier, quoteLiteral} from '../../kernel/quote.ts';
import {copyPaced, temporaryPath} from '../file/durable.ts';
import {EMPTY_ROW, encodeBinaryRow} from '../paimon/binary-row.ts';
import {damaged} from '../paimon/failure.ts';
import {type DataFileMeta, type ManifestEntry, NO_STATS} from '../paimon/manifest.ts';
import {fieldIdSql, KEY_FIELD_ID_OFFSET, KEY_PREFIX, KIND_COLUMN, KIND_FIELD_ID, keyTextSql, parquetSql, parseKeyText, SEQUENCE_COLUMN, SEQUENCE_FIELD_ID} from './column-sql.ts';
import type {PaimonTable} from './paimon-table.ts';
import {namedRows, type SqlSession} from './sql-session.ts';
import {NO_VALUE_STATS, valueStats, type ValueStats} from './value-stats.ts';
import {CODECS} from './table-features.ts';

/** A file that is about to be written, or is written and not described yet. */
export interface NewFile {
  readonly path: string;
  readonly fileName: string;
  readonly partition: Uint8Array;
  readonly bucket: number;
  readonly level: number;
  /** A changelog file keeps changelog order, so its smallest key is not its first. */
  readonly sorted: boolean;
  readonly source: 'flush' | 'compaction';
  /** Sequence range of an append file. */
  readonly sequences?: readonly [bigint, bigint];
}

const SOURCE_FLUSH = 0;
const SOURCE_COMPACTION = 1;

/**
 * Writes a file: one COPY to a temporary name, then what it wrote is taken over to `path` in small durable steps.
 *
 * @param select a query with the file's columns in order, sorted as the file must be.
 * @param dictionary false for young files: trying a dictionary costs a third of the CPU on columns of many values.
 * @returns rows written; 0: there is no file.
 */
export async function copyToFile(session: SqlSession, table: PaimonTable, select: string, path: string, dictionary: boolean): Promise<number> {
  const codec = CODECS[table.schema.options['file.compression'] ?? 'zstd']!;
  const options = [
    'FORMAT parquet', 'PARQUET_VERSION v1', `COMPRESSION ${codec}`, ...(codec === 'zstd' ? ['COMPRESSION_LEVEL 1'] : []),
    ...(dictionary ? [] : ['DICTIONARY_SIZE_LIMIT 1']), `FIELD_IDS ${fieldIds(table)}`,
  ];
  const temporary = temporaryPath(path);
  try {
    const {rows} = await session.rows(`COPY (${select}) TO ${quoteLiteral(temporary)} (${options.join(', ')})`);
    const rowCount = Number(rows[0]?.[0] ?? 0);
    if (rowCount > 0) await copyPaced(table.files, temporary, path);
    return rowCount;
  } finally {
    await table.files.unlink(temporary).catch(() => undefined); // what stays is an orphan; the error of the COPY is the one to tell
  }
}

function fieldIds(table: PaimonTable): string {
  const ids = table.schema.fields.map((field) => [field.name, fieldIdSql(field)] as const);
  const system = table.keyFields.length === 0 ? (table.numbered ? [[SEQUENCE_COLUMN, SEQUENCE_FIELD_ID] as const] : []) : [
    ...table.keyFields.map((field) => [KEY_PREFIX + field.name, KEY_FIELD_ID_OFFSET + field.id] as const),
    [SEQUENCE_COLUMN, SEQUENCE_FIELD_ID] as const, [KIND_COLUMN, KIND_FIELD_ID] as const,
  ];
  return `{${[...system, ...ids].map(([name, id]) => `${quoteIdentifier(name)}: ${id}`).join(', ')}}`;
}

/**
 * Makes the files' names durable and describes them.
 *
 * @returns their ADD entries, in the order of `files`.
 * @throws {WarehouseError} `MR_PAIMON_DAMAGED` when a file does not read back.
 */
export async function describeFiles(session: SqlSession, table: PaimonTable, files: readonly NewFile[]): Promise<ManifestEntry[]> {
  if (files.length === 0) return [];
  for (const directory of new Set(files.map((file) => dirname(file.path)))) await table.files.syncDirectory(directory);
  const rows = new Map<string, Row>();
  for (const sorted of [true, false]) {
    const group = files.filter((file) => file.sorted === sorted);
    if (group.length === 0) continue;
    for (const row of await namedRows(session, describeSql(table, group, sorted))) rows.set(String(row['file']), row);
  }
  const stats = await valueStats(session, table.schema, files.map((file) => file.path), table.directory);
  // Paimon writes the local wall clock as if it were UTC.
  const nowMs = table.clock.nowMs();
  const creationTime = nowMs - new Date(nowMs).getTimezoneOffset() * 60_000;
  const entries: ManifestEntry[] = [];
  for (const file of files) {
    const row = rows.get(file.path);
    const stat = await table.files.stat(file.path);
    if (row === undefined || stat === undefined) throw damaged(file.path, 'expected the file that was just written, found nothing');
    entries.push({kind: 'add', partition: file.partition, bucket: Math.max(file.bucket, 0), totalBuckets: table.bucketCount, file: fileMeta(table, file, row, stats.get(file.path) ?? NO_VALUE_STATS, stat.bytes, creationTime)});
  }
  return entries;
}

function describeSql(table: PaimonTable, files: readonly NewFile[], sorted: boolean): string {
  const from = parquetSql(files.map((file) => file.path), ['filename = true', 'file_row_number = true']);
  const keys = table.keyFields;
  if (keys.length === 0) return `SELECT filename AS file, CAST(count(*) AS VARCHAR) AS row_count FROM ${from} GROUP BY filename`;
  const column = (i: number): string => quoteIdentifier(KEY_PREFIX + keys[i]!.name);
  const bounds = keys.map((field, i) => {
    if (sorted) {
      const text = keyTextSql(field.type, column(i));
      return `arg_min(${text}, file_row_number) AS "first${i}", arg_max(${text}, file_row_number) AS "last${i}"`;
    }
    if (keys.length === 1) return `${keyTextSql(field.type, `min(${column(i)})`)} AS "first0", ${keyTextSql(field.type, `max(${column(i)})`)} AS "last0"`;
    const key = `struct_pack(${keys.map((_, k) => `k${k} := ${column(k)}`).join(', ')})`;
    return `${keyTextSql(field.type, `(min(${key})).k${i}`)} AS "first${i}", ${keyTextSql(field.type, `(max(${key})).k${i}`)} AS "last${i}"`;
  });
  return `SELECT filename AS file, CAST(count(*) AS VARCHAR) AS row_count, CAST(count(*) FILTER (${KIND_COLUMN} IN (1, 3)) AS VARCHAR) AS deletes, `
    + `CAST(min(${SEQUENCE_COLUMN}) AS VARCHAR) AS min_sequence, CAST(max(${SEQUENCE_COLUMN}) AS VARCHAR) AS max_sequence, ${bounds.join(', ')} FROM ${from} GROUP BY filename`;
}

function fileMeta(table: PaimonTable, file: NewFile, row: Row, values: ValueStats, fileSize: number, creationTime: number): DataFileMeta {
  const types = table.keyFields.map((field) => field.type);
  const key = (side: string): Uint8Array => encodeBinaryRow(types, types.map((type, i) => parseKeyText(type, row[`${side}${i}`])));
  const keyed = types.length > 0;
  const minKey = keyed ? key('first') : EMPTY_ROW;
  const maxKey = keyed ? key('last') : EMPTY_ROW;
  const rowCount = Number(row['row_count']);
  invariant(rowCount > 0, () => `an empty data file was written: ${file.path}`);
  invariant(keyed || file.sequences !== undefined, () => `append file without sequence range: ${file.path}`);
  return {
    fileName: file.fileName, fileSize, rowCount, minKey, maxKey,
    keyStats: keyed ? {minValues: minKey, maxValues: maxKey, nullCounts: types.map(() => 0n)} : NO_STATS, valueStats: values.stats,
    minSequence: keyed ? BigInt(String(row['min_sequence'])) : file.sequences![0], maxSequence: keyed ? BigInt(String(row['max_sequence'])) : file.sequences![1],
    schemaId: table.schema.id, level: file.level, extraFiles: [], creationTime, deleteRowCount: keyed ? Number(row['deletes']) : 0,
    embeddedIndex: null, fileSource: file.source === 'flush' ? SOURCE_FLUSH : SOURCE_COMPACTION, valueStatsColumns: values.columns,
    externalPath: null, firstRowId: null, writeColumns: null,
  };
}
