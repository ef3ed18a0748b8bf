/**
 * Flush: the changes since the last checkpoint become files. Per bucket of a partition one level-0 file (the last row of every key,
 * sorted by key, deletes kept) and one changelog file (every row, in order); an append table gets one plain data file.
 *
 * The files are durable when `prepareFlush` returns, and nothing knows of them: what it returns is plain JSON that a frame or a
 * checkpoint can keep, and `commitFlush` (commit.ts) makes them part of the table. Prepared files that are never committed are
 * orphans (orphans.ts).
 */
import {uuid} from '../../base/id.ts';
import {invariant} from '../../base/invariant.ts';
import {quoteIdentifier} from '../../kernel/quote.ts';
import {type FileEntryJson, fileEntryJson} from '../paimon/file-entry-json.ts';
import {encodeBinaryRow} from '../paimon/binary-row.ts';
import {BUCKET_COLUMN, CHANGE_SEQUENCE_COLUMN, KEY_PREFIX, keyTextSql, KIND_COLUMN, OP_COLUMN, parseKeyText, SEQUENCE_COLUMN, valueLiteralSql, writeSql} from './column-sql.ts';
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
  if (source.repeatable === true) return await writeChanges(session, table, {from: source.from, inOrder: false}, source.level ?? 0);
  const changes = quoteIdentifier(`mr_flush_${uuid()}`);
  // Rows of one directory side by side: each file's scan then passes most of the others over.
  const order = [...table.partitionFields.map((field) => quoteIdentifier(field.name)), ...(table.bucketCount > 1 ? [BUCKET_COLUMN] : [])];
  await session.run(`CREATE TEMP TABLE ${changes} AS SELECT * FROM ${source.from}${order.length === 0 ? '' : ` ORDER BY ${order.join(', ')}`}`);
  try {
    return await writeChanges(session, table, {from: changes, inOrder: order.length === 0}, source.level ?? 0);
  } finally {
    await session.run(`DROP TABLE IF EXISTS ${changes}`);
  }
}

/** Rows of one bucket of one partition among the changes. */
interface Group {
  readonly partition: Uint8Array;
  readonly bucket: number;
  /** Stands after FROM. */
  readonly from: string;
  readonly rowCount: number;
  readonly sequences: readonly [bigint, bigint];
}

/** `inOrder`: the rows lie in changelog order, which a scan keeps: they need not be sorted. */
interface Changes {
  /** Stands after FROM. */
  readonly from: string;
  readonly inOrder: boolean;
}

async function writeChanges(session: SqlSession, table: PaimonTable, changes: Changes, level: number): Promise<PreparedFiles> {
  const keyed = table.keyFields.length > 0;
  const name = uuid();
  const data: NewFile[] = [];
  const changelog: NewFile[] = [];
  for (const {partition, bucket, from, rowCount, sequences} of await groupsOf(session, table, changes.from)) {
    const order = changes.inOrder ? '' : ` ORDER BY ${CHANGE_SEQUENCE_COLUMN} ASC`;
    const directory = await ensureBucketDirectory(table, partition, bucket);
    const file = (kind: 'data' | 'changelog', index: number): NewFile => {
      const fileName = `${kind}-${name}-${index}.parquet`;
      return {path: `${directory}/${fileName}`, fileName, partition, bucket, level: kind === 'data' ? level : 0, sorted: kind === 'data', source: 'flush', ...(keyed ? {} : {sequences})};
    };
    if (!keyed && !table.numbered) {
      // Row i of the file has the number min + i, so that the file can be cut at any epoch.
      invariant(sequences[1] - sequences[0] + 1n === BigInt(rowCount), () => `append changes have ${rowCount} rows for sequence numbers ${sequences.join('…')}`);
    }
    const dataFile = file('data', data.length);
    await copyToFile(session, table, keyed ? levelZeroSql(table, from) : appendSql(table, from) + order, dataFile.path, false);
    data.push(dataFile);
    if (!keyed || table.schema.options['changelog-producer'] !== 'input') continue;
    const changelogFile = file('changelog', changelog.length);
    await copyToFile(session, table, changelogSql(table, from) + order, changelogFile.path, false);
    changelog.push(changelogFile);
  }
  const entries = await describeFiles(session, table, [...data, ...changelog]);
  const json = entries.map((entry) => fileEntryJson(entry));
  return {schemaId: table.schema.id, data: json.slice(0, data.length), changelog: json.slice(data.length)};
}

/** Cuts the changes by partition and bucket. Keyed files are cut by the values as files hold them, so that one partition has one spelling. */
async function groupsOf(session: SqlSession, table: PaimonTable, changes: string): Promise<Group[]> {
  const bucket = table.bucketCount > 1 ? BUCKET_COLUMN : '0';
  const parts = table.partitionFields;
  const values = parts.map((field) => writeSql(field, quoteIdentifier(field.name), false));
  const by = values.map((_, i) => `p${i}`);
  const rows = await namedRows(session,
    `SELECT CAST(${bucket} AS VARCHAR) AS bucket, CAST(count(*) AS VARCHAR) AS row_count, CAST(min(${CHANGE_SEQUENCE_COLUMN}) AS VARCHAR) AS min_sequence, `
    + `CAST(max(${CHANGE_SEQUENCE_COLUMN}) AS VARCHAR) AS max_sequence${parts.map((field, i) => `, ${keyTextSql(field.type, `p${i}`)} AS "part${i}"`).join('')} `
    + `FROM (SELECT *${values.map((value, i) => `, ${value} AS p${i}`).join('')} FROM ${changes} AS given) AS changes GROUP BY ${['1', ...by].join(', ')} ORDER BY ${[...by.map((column) => `${column} ASC NULLS FIRST`), '1'].join(', ')}`,
  );
  return rows.map((row) => {
    const number = Number(row['bucket']);
    invariant(Number.isInteger(number) && number >= 0 && (number === 0 || number < table.bucketCount), () => `bucket ${String(row['bucket'])} of a table with ${table.bucketCount}`);
    const partition = parts.map((field, i) => parseKeyText(field.type, row[`part${i}`]));
    const conditions = [
      ...(table.bucketCount > 1 ? [`${BUCKET_COLUMN} = ${number}`] : []),
      ...parts.map((field, i) => `${values[i]!} IS NOT DISTINCT FROM ${valueLiteralSql(field, partition[i]!)}`),
    ];
    return {
      partition: encodeBinaryRow(parts.map(({type}) => type), partition), bucket: number,
      from: conditions.length === 0 ? changes : `(SELECT * FROM ${changes} AS given WHERE ${conditions.join(' AND ')})`,
      rowCount: Number(row['row_count']), sequences: [BigInt(String(row['min_sequence'])), BigInt(String(row['max_sequence']))],
    };
  });
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

function changelogSql(table: PaimonTable, from: string): string {
  return `SELECT ${keyedColumns(table, OP_COLUMN)} FROM ${from} AS changes`;
}

function appendSql(table: PaimonTable, from: string): string {
  const values = table.schema.fields.map((field) => `${writeSql(field, quoteIdentifier(field.name), false)} AS ${quoteIdentifier(field.name)}`);
  if (table.numbered) values.push(`CAST(${CHANGE_SEQUENCE_COLUMN} AS BIGINT) AS ${SEQUENCE_COLUMN}`);
  return `SELECT ${values.join(', ')} FROM ${from} AS changes`;
}
