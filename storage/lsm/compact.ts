/**
 * Compaction of one bucket: some sorted runs are merged by DuckDB into one run at a deeper level and take its place in one COMPACT
 * snapshot. Content does not change, so a compaction can be dropped at any point: until the commit nothing knows of its files.
 *
 * Memory is bounded by DuckDB's limit and by splitting the output into key ranges of about the target file size, each of which is
 * one COPY; the ranges come from a sample of the keys, and files of the run do not overlap. Flushes may commit meanwhile.
 */
import {uuid} from '../../base/id.ts';
import {quoteIdentifier} from '../../kernel/quote.ts';
import {type FileEntryJson, fileEntryJson, parseFileEntry} from '../paimon/file-entry-json.ts';
import type {ManifestEntry} from '../paimon/manifest.ts';
import type {Snapshot} from '../paimon/snapshot.ts';
import type {DataField} from '../paimon/data-type.ts';
import {KEY_PREFIX, KIND_COLUMN, keyLiteralSql, keyTextSql, SEQUENCE_COLUMN, writeSql} from './column-sql.ts';
import {commitChange, type CommitOptions} from './commit.ts';
import {compactionRules, pickCompaction, pickFull} from './compaction-policy.ts';
import {copyToFile, describeFiles, type NewFile} from './data-file-writer.ts';
import {filesSql, type SourceFile} from './files-sql.ts';
import {bucketGroups} from './key-range.ts';
import {ensureBucketDirectory, type PaimonTable, type TableState} from './paimon-table.ts';
import {parseByteSize} from './byte-size.ts';
import {checkFiles} from './scan-plan.ts';
import {namedRows, type SqlSession} from './sql-session.ts';
import {runMaxSequence, runMinSequence, sortedRuns} from './sorted-runs.ts';

/** What is to be merged; valid as long as its input files are live. */
export interface CompactionSpec {
  /** Binary row of the partition's values. */
  readonly partition: Uint8Array;
  readonly bucket: number;
  /** Newest run first. */
  readonly runs: readonly (readonly ManifestEntry[])[];
  readonly outputLevel: number;
  /** Nothing older lies below, so deletes have done their work. */
  readonly dropDeletes: boolean;
}

export interface PreparedCompaction {
  readonly spec: CompactionSpec;
  readonly outputs: readonly FileEntryJson[];
}

export interface CompactionOptions {
  /** About the size of an output file; the table's `target-file-size` unless given. */
  readonly targetBytes?: number;
  readonly signal?: AbortSignal;
}

const TARGET_FILE_BYTES = 128 * 1024 * 1024;
const SAMPLE_ROWS = 20_000;
/** Output files of one compaction: more would make the sampled ranges uneven. */
const PARTS_MAX = 500;

/** @returns the compactions that the table's rules ask for now, at most one per bucket; every bucket whole if `full`. */
export function planCompactions(table: PaimonTable, state: TableState | undefined, options: {readonly full?: boolean} = {}): CompactionSpec[] {
  if (state === undefined || table.keyFields.length === 0) return [];
  const rules = compactionRules(table.schema.options);
  const specs: CompactionSpec[] = [];
  for (const entries of bucketGroups(table, state.live)) {
    const {partition, bucket} = entries[0]!;
    const runs = sortedRuns(entries);
    const sizes = runs.map((files) => ({level: files[0]!.file.level, bytes: files.reduce((sum, entry) => sum + entry.file.fileSize, 0)}));
    const picked = options.full === true ? pickFull(sizes, rules) : pickCompaction(sizes, rules);
    if (picked === undefined) continue;
    specs.push({partition, bucket, runs: runs.slice(0, picked.runCount), outputLevel: picked.outputLevel, dropDeletes: picked.runCount === runs.length});
  }
  return specs;
}

/**
 * Writes the merged run. On failure or abort its files are removed.
 *
 * @throws {WarehouseError} `MR_PAIMON_UNSUPPORTED`; the signal's reason when aborted; errors of DuckDB and the file system.
 */
export async function prepareCompaction(session: SqlSession, table: PaimonTable, spec: CompactionSpec, options: CompactionOptions = {}): Promise<PreparedCompaction> {
  table.checkWritable();
  const inputs = spec.runs.flat();
  await checkFiles(table, inputs);
  const directory = await ensureBucketDirectory(table, spec.partition, spec.bucket);
  const name = uuid();
  const written: NewFile[] = [];
  try {
    for (const [i, range] of (await keyRanges(session, table, spec, options)).entries()) {
      options.signal?.throwIfAborted();
      const fileName = `data-${name}-${i}.parquet`;
      const file: NewFile = {path: `${directory}/${fileName}`, fileName, partition: spec.partition, bucket: spec.bucket, level: spec.outputLevel, sorted: true, source: 'compaction'};
      written.push(file);
      const rowCount = await copyToFile(session, table, mergeSql(table, spec, range), file.path, true);
      if (rowCount > 0) continue;
      written.pop();
      await table.files.unlink(file.path);
    }
    options.signal?.throwIfAborted();
    const entries = await describeFiles(session, table, written);
    return {spec, outputs: entries.map((entry) => fileEntryJson(entry))};
  } catch (cause) {
    for (const file of written) await table.files.unlink(file.path).catch(() => undefined); // what is left is an orphan, no harm
    throw cause;
  }
}

/**
 * Puts merged runs in the place of their inputs, those of several buckets at once.
 *
 * @throws {WarehouseError} `MR_PAIMON_CONFLICT` (conflict) when an input is no longer live: plan again. Others as `commitFlush`.
 */
export async function commitCompaction(table: PaimonTable, prepared: readonly PreparedCompaction[], options: CommitOptions): Promise<Snapshot> {
  const where = `${table.directory}: compacted files`;
  const delta: ManifestEntry[] = [
    ...prepared.flatMap(({spec}) => spec.runs.flat()).map((entry): ManifestEntry => ({...entry, kind: 'delete'})),
    ...prepared.flatMap(({outputs}) => outputs).map((json) => parseFileEntry(json, where)),
  ];
  return await commitChange(table, {kind: 'COMPACT', delta, changelog: []}, options);
}

/** Half-open: `from` belongs to the range, `until` does not. Keys as text, see `keyTextSql`; undefined is open. */
interface KeyRange {
  readonly from?: readonly string[];
  readonly until?: readonly string[];
}

async function keyRanges(session: SqlSession, table: PaimonTable, spec: CompactionSpec, options: CompactionOptions): Promise<KeyRange[]> {
  const inputs = spec.runs.flat();
  const bytes = inputs.reduce((sum, entry) => sum + entry.file.fileSize, 0);
  const targetBytes = options.targetBytes ?? parseByteSize(table.schema.options['target-file-size']) ?? TARGET_FILE_BYTES;
  const partCount = Math.min(Math.ceil(bytes / targetBytes), PARTS_MAX);
  if (partCount <= 1) return [{}];
  const keys = table.keyFields.map((_, i) => `k${i}`);
  const sample = `SELECT ${table.keyFields.map((field, i) => `${quoteIdentifier(field.name)} AS k${i}`).join(', ')} FROM (${filesSql(table, sources(table, inputs), {fields: table.keyFields})}) AS data USING SAMPLE reservoir(${SAMPLE_ROWS} ROWS)`;
  const parts = `SELECT *, ntile(${partCount}) OVER (ORDER BY ${keys.join(', ')}) AS part FROM (SELECT DISTINCT * FROM (${sample}) AS sample) AS keys`;
  const rows = await namedRows(session, `SELECT ${table.keyFields.map((field, i) => `${keyTextSql(field.type, `k${i}`)} AS t${i}`).join(', ')} FROM (${parts}) AS parts `
    + `WHERE part > 1 QUALIFY row_number() OVER (PARTITION BY part ORDER BY ${keys.join(', ')}) = 1 ORDER BY ${keys.join(', ')}`);
  const bounds = rows.map((row) => keys.map((_, i) => String(row[`t${i}`])));
  return [undefined, ...bounds].map((from, i) => ({...(from === undefined ? {} : {from}), ...(bounds[i] === undefined ? {} : {until: bounds[i]})}));
}

function sources(table: PaimonTable, entries: readonly ManifestEntry[]): SourceFile[] {
  return entries.map((entry) => ({entry, path: table.dataPath(entry)}));
}

/** The merged rows of a key range, in the columns and order of a data file. */
function mergeSql(table: PaimonTable, spec: CompactionSpec, range: KeyRange): string {
  const isKey = new Set(table.keyFields.map((field) => field.name));
  const written = (field: DataField): string => writeSql(field, quoteIdentifier(field.name), isKey.has(field.name));
  const columns = [
    ...table.keyFields.map((field) => `${written(field)} AS ${quoteIdentifier(KEY_PREFIX + field.name)}`),
    `CAST(${SEQUENCE_COLUMN} AS BIGINT) AS ${SEQUENCE_COLUMN}`, `CAST(${KIND_COLUMN} AS TINYINT) AS ${KIND_COLUMN}`,
    ...table.schema.fields.map((field) => `${written(field)} AS ${quoteIdentifier(field.name)}`),
  ];
  const filter = rangeSql(table, range);
  const runs = new Map(spec.runs.flatMap((entries, run) => entries.map((entry) => [entry, run] as const)));
  const source = (entries: readonly ManifestEntry[], tagged = false): string => {
    const tags = tagged ? [{name: '_mr_run', of: ({entry}: SourceFile) => runs.get(entry)!}] : [];
    return `SELECT * FROM (${filesSql(table, sources(table, entries), {fields: table.schema.fields, system: [SEQUENCE_COLUMN, KIND_COLUMN], tags})}) AS data${filter === '' ? '' : ` WHERE ${filter}`}`;
  };
  const keys = table.keyFields.map((field) => quoteIdentifier(field.name));
  const young = spec.runs.slice(0, -1).flat();
  const order = table.keyFields.map((field) => `${quoteIdentifier(KEY_PREFIX + field.name)} ASC NULLS FIRST`).join(', ');
  const kept = spec.dropDeletes ? ` WHERE ${KIND_COLUMN} IN (0, 2)` : '';
  if (young.length === 0) return `SELECT ${columns.join(', ')} FROM (${source(spec.runs[0]!)}) AS merged${kept} ORDER BY ${order}`;
  if (!sequencesLayered(spec.runs)) {
    const winners = `SELECT * EXCLUDE (_mr_run) FROM (${source(spec.runs.flat(), true)}) AS runs QUALIFY row_number() OVER (PARTITION BY ${keys.join(', ')} ORDER BY ${SEQUENCE_COLUMN} DESC, _mr_run ASC) = 1`;
    return `SELECT ${columns.join(', ')} FROM (${winners}) AS merged${kept} ORDER BY ${order}`;
  }
  const latest = `(SELECT ${keys.join(', ')}, max(${SEQUENCE_COLUMN}) AS ${SEQUENCE_COLUMN} FROM young GROUP BY ${keys.join(', ')}) AS latest`;
  const newest = `SELECT young.* FROM young SEMI JOIN ${latest} ON ${[...keys, SEQUENCE_COLUMN].map((key) => `young.${key} = latest.${key}`).join(' AND ')}`;
  const oldest = `SELECT oldest.* FROM (${source(spec.runs.at(-1)!)}) AS oldest ANTI JOIN young ON ${keys.map((key) => `oldest.${key} = young.${key}`).join(' AND ')}`;
  return `WITH young AS (${source(young)}) SELECT ${columns.join(', ')} FROM (${newest} UNION ALL ${oldest}) AS merged${kept} ORDER BY ${order}`;
}

/** @returns whether a row of a newer run always has a higher sequence number than any of an older one. */
function sequencesLayered(runs: readonly (readonly ManifestEntry[])[]): boolean {
  return runs.every((run, i) => i === 0 || runMaxSequence(run) < runMinSequence(runs[i - 1]!));
}

/** A condition on whole keys, field after field; the first field stands alone too, so that row groups are skipped by it. */
function rangeSql(table: PaimonTable, range: KeyRange): string {
  const conditions: string[] = [];
  const literal = (key: readonly string[], i: number): string => keyLiteralSql(table.keyFields[i]!, key[i]!);
  const column = (i: number): string => quoteIdentifier(table.keyFields[i]!.name);
  const compare = (key: readonly string[], strict: '<' | '>', last: '<' | '>='): string => {
    let condition = `${column(key.length - 1)} ${last} ${literal(key, key.length - 1)}`;
    for (let i = key.length - 2; i >= 0; i--) condition = `(${column(i)} ${strict} ${literal(key, i)} OR (${column(i)} = ${literal(key, i)} AND ${condition}))`;
    return condition;
  };
  if (range.from !== undefined) conditions.push(`${column(0)} >= ${literal(range.from, 0)}`, compare(range.from, '>', '>='));
  if (range.until !== undefined) conditions.push(`${column(0)} <= ${literal(range.until, 0)}`, compare(range.until, '<', '<'));
  return conditions.join(' AND ');
}
