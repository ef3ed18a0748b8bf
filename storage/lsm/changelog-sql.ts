/**
 * Reads changes back from the files of a range of snapshots.
 *
 * A table with changelog files gives them; one without (append tables, `changelog-producer` none) gives the rows of its flushes as they
 * were written. Sequence numbers are one counter per table, so their order is changelog order, and a range of them cuts anywhere.
 */
import {quoteIdentifier} from '../../kernel/quote.ts';
import {unsupported} from '../paimon/failure.ts';
import type {ManifestEntry} from '../paimon/manifest.ts';
import {CHANGE_SEQUENCE_COLUMN, KIND_COLUMN, OP_COLUMN, readSql, SEQUENCE_COLUMN} from './column-sql.ts';
import {filesSql} from './files-sql.ts';
import type {PaimonTable} from './paimon-table.ts';
import {checkFiles} from './scan-plan.ts';

export interface ChangelogRange {
  /** Snapshots after this one (0: from the beginning) … */
  readonly afterSnapshot: number;
  /** … up to and with this one; the newest unless given. */
  readonly untilSnapshot?: number;
  /** Only rows with a sequence number of at least this … */
  readonly fromSequence?: bigint;
  /** … and below this. */
  readonly untilSequence?: bigint;
}

export interface ChangelogOptions {
  /** Names in the order wanted; all columns unless given. */
  readonly columns?: readonly string[];
}

/**
 * @returns a SELECT of `_op` TINYINT (0 +I, 1 −U, 2 +U, 3 −D), `_seq` BIGINT and the columns, in changelog order.
 * @throws {WarehouseError} `MR_SNAPSHOT_GONE` when a snapshot of the range has expired; `MR_PAIMON_UNSUPPORTED`.
 */
export async function changelogSql(table: PaimonTable, range: ChangelogRange, options: ChangelogOptions = {}): Promise<string> {
  const names = options.columns ?? table.schema.fields.map((field) => field.name);
  const fields = names.map((name) => table.field(name));
  const files = await changelogFiles(table, range);
  if (files.length === 0) {
    const empty = fields.map((field) => `${readSql({...field, name: '_mr_null'})} AS ${quoteIdentifier(field.name)}`);
    return `SELECT ${['CAST(0 AS TINYINT) AS _op', 'CAST(0 AS BIGINT) AS _seq', ...empty].join(', ')} FROM (SELECT NULL AS _mr_null) AS nothing WHERE false`;
  }
  const conditions = [
    ...(range.fromSequence === undefined ? [] : [`${CHANGE_SEQUENCE_COLUMN} >= ${range.fromSequence}`]),
    ...(range.untilSequence === undefined ? [] : [`${CHANGE_SEQUENCE_COLUMN} < ${range.untilSequence}`]),
  ];
  const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
  const sources = files.map((entry) => ({entry, path: table.dataPath(entry)}));
  const output = fields.map((field) => quoteIdentifier(field.name));
  const changes = (op: string, sequence: string, rows: string): string => `SELECT * FROM (SELECT ${[`CAST(${op} AS TINYINT) AS ${OP_COLUMN}`, `CAST(${sequence} AS BIGINT) AS ${CHANGE_SEQUENCE_COLUMN}`, ...output].join(', ')} FROM (${rows}) AS files) AS changes${where} ORDER BY ${CHANGE_SEQUENCE_COLUMN}`;
  if (table.keyFields.length > 0) return changes(KIND_COLUMN, SEQUENCE_COLUMN, filesSql(table, sources, {fields, system: [KIND_COLUMN, SEQUENCE_COLUMN]}));
  if (table.numbered) return changes('0', SEQUENCE_COLUMN, filesSql(table, sources, {fields, system: [SEQUENCE_COLUMN]}));
  // Row i of an append file has the number min + i.
  return changes('0', '_mr_first + file_row_number', filesSql(table, sources, {fields, rowNumber: true, tags: [{name: '_mr_first', of: ({entry}) => entry.file.minSequence}]}));
}

/** @returns the files that hold the changes of a range, in snapshot order; those beside it may be of a form that cannot be read as this one. */
export async function changelogFiles(table: PaimonTable, range: ChangelogRange): Promise<ManifestEntry[]> {
  const until = range.untilSnapshot ?? await table.snapshots.latestId() ?? 0;
  const producer = table.schema.options['changelog-producer'] ?? 'none';
  const files: ManifestEntry[] = [];
  for (let id = range.afterSnapshot + 1; id <= until; id++) {
    const snapshot = await table.snapshots.read(id);
    if (producer !== 'none' && snapshot.changelogManifestList !== undefined) {
      files.push(...await table.entries(await table.manifestList(snapshot.changelogManifestList, snapshot.changelogManifestListSize)));
    }
    if (producer !== 'none' || snapshot.commitKind === 'COMPACT' || snapshot.commitKind === 'ANALYZE') continue;
    if (snapshot.commitKind === 'OVERWRITE') throw unsupported(table.paths.snapshot(id), 'reading the changes of an OVERWRITE');
    files.push(...await table.entries(await table.manifestList(snapshot.deltaManifestList, snapshot.deltaManifestListSize)));
  }
  const compacted = files.find(({file}) => /\.cc-/.test(file.fileName));
  if (compacted !== undefined) throw unsupported(table.directory, `a merged changelog file (${compacted.file.fileName})`);
  const wanted = files.filter(({file}) => (range.untilSequence === undefined || file.minSequence < range.untilSequence) && (range.fromSequence === undefined || file.maxSequence >= range.fromSequence));
  await checkFiles(table, wanted);
  return wanted;
}
