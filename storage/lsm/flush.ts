/**
 * Flush: the changes since the last checkpoint become files. Per bucket one level-0 file (the last row of every key, sorted by
 * key, deletes kept) and one changelog file (every row, in order); an append table gets one plain data file.
 *
 * The files are durable when `prepareFlush` returns, and nothing knows of them: what it returns is plain JSON that a frame or a
 * checkpoint can keep, and `commitFlush` (commit.ts) makes them part of the table. Prepared files that are never committed are
 * orphans (orphans.ts).
 */
import {uuid} from '../../base/id.ts';
import {invariant} from '../../base/invariant.ts';
import {quoteIdentifier} from '../../kernel/quote.ts';
import {type FileEntryJson, fileEntryJson} from '../paimon/file-entry-json.ts';
import {BUCKET_COLUMN, CHANGE_SEQUENCE_COLUMN, KEY_PREFIX, KIND_COLUMN, OP_COLUMN, SEQUENCE_COLUMN, writeSql} from './column-sql.ts';
import {copyToFile, describeFiles, type NewFile} from './data-file-writer.ts';
import {ensureBucketDirectory, type PaimonTable} from './paimon-table.ts';
import {namedRows, type SqlSession} from './sql-session.ts';

/** Files that are written and durable but in no snapshot yet. Plain JSON. */
export interface PreparedFiles {
  readonly schemaId: number;
  readonly data: readonly FileEntryJson[];
  readonly changelog: readonly FileEntryJson[];
}

/** @returns several preparations as one, to be committed together (files that frames name, and the flush of the rest). */
export function joinPrepared(parts: readonly PreparedFiles[]): PreparedFiles {
  invariant(parts.length > 0, 'at least one preparation is joined');
  return {schemaId: Math.max(...parts.map((part) => part.schemaId)), data: parts.flatMap((part) => part.data), changelog: parts.flatMap((part) => part.changelog)};
}

export interface FlushSource {
  /**
   * What stands after FROM: `mr_rows('name')`, a quoted table, a subquery. Columns: `_op` TINYINT, `_seq` BIGINT (unique, rising
   * in changelog order), `_bucket` INTEGER where the table has several, and all columns of the table by name.
   */
  readonly from: string;
  /** True when `from` may be scanned several times at no cost (a table); otherwise it is read once into a temporary table. */
  readonly repeatable?: boolean;
  /**
   * Level of the data files, 0 unless given. A deeper one is for the first filling of a table: keys must not occur in it yet, which
   * the commit checks by key range.
   */
  readonly level?: number;
}

/**
 * Writes the files of a batch of changes.
 *
 * @returns their description; `data` is empty if there were no rows.
 * @throws {WarehouseError} `MR_PAIMON_UNSUPPORTED` if the table cannot be written; errors of DuckDB and the file system.
 */
export async function prepareFlush(session: SqlSession, table: PaimonTable, source: FlushSource): Promise<PreparedFiles> {
  table.checkWritable();
  if (source.repeatable === true) return await writeChanges(session, table, source.from, source.level ?? 0);
  const changes = quoteIdentifier(`mr_flush_${uuid()}`);
  await session.run(`CREATE TEMP TABLE ${changes} AS SELECT * FROM ${source.from}`);
  try {
    return await writeChanges(session, table, changes, source.level ?? 0);
  } finally {
    await session.run(`DROP TABLE IF EXISTS ${changes}`);
  }
}

async function writeChanges(session: SqlSession, table: PaimonTable, changes: string, level: number): Promise<PreparedFiles> {
  const keyed = table.keyFields.length > 0;
  const bucket = table.bucketCount > 1 ? BUCKET_COLUMN : '0';
  const counts = await namedRows(session, 
    `SELECT CAST(${bucket} AS VARCHAR) AS bucket, CAST(count(*) AS VARCHAR) AS row_count, CAST(min(${CHANGE_SEQUENCE_COLUMN}) AS VARCHAR) AS min_sequence, `
    + `CAST(max(${CHANGE_SEQUENCE_COLUMN}) AS VARCHAR) AS max_sequence FROM ${changes} GROUP BY 1 ORDER BY 1`,
  );
  const name = uuid();
  const data: NewFile[] = [];
  const changelog: NewFile[] = [];
  for (const row of counts) {
    const number = Number(row['bucket']);
    invariant(Number.isInteger(number) && number >= 0 && (number === 0 || number < table.bucketCount), () => `bucket ${String(row['bucket'])} of a table with ${table.bucketCount}`);
    const directory = await ensureBucketDirectory(table, number);
    const sequences = [BigInt(String(row['min_sequence'])), BigInt(String(row['max_sequence']))] as const;
    const file = (kind: 'data' | 'changelog', index: number): NewFile => {
      const fileName = `${kind}-${name}-${index}.parquet`;
      return {path: `${directory}/${fileName}`, fileName, bucket: number, level: kind === 'data' ? level : 0, sorted: kind === 'data', source: 'flush', ...(keyed ? {} : {sequences})};
    };
    const from = table.bucketCount > 1 ? `(SELECT * FROM ${changes} WHERE ${BUCKET_COLUMN} = ${number})` : changes;
    if (!keyed) {
      // Row i of the file has the number min + i, so that the file can be cut at any epoch.
      invariant(sequences[1] - sequences[0] + 1n === BigInt(Number(row['row_count'])), () => `append changes have ${String(row['row_count'])} rows for sequence numbers ${sequences.join('…')}`);
    }
    const dataFile = file('data', data.length);
    await copyToFile(session, table, keyed ? levelZeroSql(table, from) : appendSql(table, from), dataFile.path, false);
    data.push(dataFile);
    if (!keyed || table.schema.options['changelog-producer'] !== 'input') continue;
    const changelogFile = file('changelog', changelog.length);
    await copyToFile(session, table, changelogSelect(table, from), changelogFile.path, false);
    changelog.push(changelogFile);
  }
  const entries = await describeFiles(session, table, [...data, ...changelog]);
  const json = entries.map((entry) => fileEntryJson(entry));
  return {schemaId: table.schema.id, data: json.slice(0, data.length), changelog: json.slice(data.length)};
}

/** The columns of a keyed file, from a relation that has the table's columns as they come in. */
function keyedColumns(table: PaimonTable, kind: string): string {
  const isKey = (name: string): boolean => table.keyFields.some((key) => key.name === name);
  const values = table.schema.fields.map((field) => `${writeSql(field, quoteIdentifier(field.name), isKey(field.name))} AS ${quoteIdentifier(field.name)}`);
  const keys = table.keyFields.map((field) => `${writeSql(field, quoteIdentifier(field.name), true)} AS ${quoteIdentifier(KEY_PREFIX + field.name)}`);
  return [...keys, `CAST(${CHANGE_SEQUENCE_COLUMN} AS BIGINT) AS ${SEQUENCE_COLUMN}`, `CAST(${kind} AS TINYINT) AS ${KIND_COLUMN}`, ...values].join(', ');
}

function levelZeroSql(table: PaimonTable, from: string): string {
  const keys = table.keyFields.map((field) => writeSql(field, quoteIdentifier(field.name), true));
  // A key whose last change is −U alone is gone, as after −D.
  return `SELECT ${keyedColumns(table, `CASE WHEN ${OP_COLUMN} = 1 THEN 3 ELSE ${OP_COLUMN} END`)} FROM ${from} AS changes `
    + `WHERE ${CHANGE_SEQUENCE_COLUMN} IN (SELECT max(${CHANGE_SEQUENCE_COLUMN}) FROM ${from} AS latest GROUP BY ${keys.join(', ')}) `
    + `ORDER BY ${table.keyFields.map((field) => `${quoteIdentifier(KEY_PREFIX + field.name)} ASC NULLS FIRST`).join(', ')}`;
}

function changelogSelect(table: PaimonTable, from: string): string {
  return `SELECT ${keyedColumns(table, OP_COLUMN)} FROM ${from} AS changes ORDER BY ${CHANGE_SEQUENCE_COLUMN} ASC`;
}

function appendSql(table: PaimonTable, from: string): string {
  const values = table.schema.fields.map((field) => `${writeSql(field, quoteIdentifier(field.name), false)} AS ${quoteIdentifier(field.name)}`);
  return `SELECT ${values.join(', ')} FROM ${from} AS changes ORDER BY ${CHANGE_SEQUENCE_COLUMN} ASC`;
}
