/**
 * Compaction of one bucket: some sorted runs are merged into one run at a deeper level and take its place in one COMPACT snapshot.
 * Content does not change, so a compaction can be dropped at any point: until the commit nothing knows of its files.
 *
 * Three names: a `CompactionSpec` is wanted (from the policy, valid as long as its inputs are live); a `CompactionAttempt` is under
 * way and makes one output file a step; a `Compaction` is decided: its files are durable and described, and a commit puts it in place.
 *
 * An attempt cuts its inputs into sections that share no key. A section of one file that is large enough already is *upgraded*: the
 * same file at the new level, nothing is written. Neighbouring other sections are rewritten by DuckDB together, in key ranges of about
 * the target file size, each of which is one COPY; the ranges come from a sample of the keys, and files of the output do not overlap.
 * Append tables have no keys: files that follow each other by sequence number are put end to end, so that row i of the output still
 * has the number min + i. Changes are read from the files of the flushes, which snapshots name as long as history reaches.
 *
 * Memory is bounded by DuckDB's limit and the size of a step. Flushes may commit meanwhile.
 */
import {uuid} from '../../base/id.ts';
import {invariant} from '../../base/invariant.ts';
import {quoteIdentifier} from '../../kernel/quote.ts';
import {type FileEntryJson, fileEntryJson, parseFileEntry} from '../paimon/file-entry-json.ts';
import type {ManifestEntry} from '../paimon/manifest.ts';
import type {Snapshot} from '../paimon/snapshot.ts';
import type {DataField} from '../paimon/data-type.ts';
import {KEY_PREFIX, KIND_COLUMN, keyLiteralSql, keyTextSql, SEQUENCE_COLUMN, writeSql} from './column-sql.ts';
import {commitChange} from './commit.ts';
import {compactionRules, pickAppend, pickAppendFull, pickCompaction, pickFull, pickLevelZero} from './compaction-policy.ts';
import {copyToFile, describeFiles, type NewFile} from './data-file-writer.ts';
import {filesSql, type SourceFile} from './files-sql.ts';
import {bucketGroups, keyedFile, sections} from './key-range.ts';
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
  /** Newest run first. Of an append table every file is a run. */
  readonly runs: readonly (readonly ManifestEntry[])[];
  readonly outputLevel: number;
  /** Nothing older lies below, so deletes have done their work. */
  readonly dropDeletes: boolean;
  /** Sorted runs that the bucket has, these included: how urgent it is. */
  readonly runCount: number;
}

/** A compaction that is written: durable and described, named by nobody. */
export interface Compaction {
  readonly spec: CompactionSpec;
  /** Inputs that go: those that already lie where they should are not among them. */
  readonly removed: readonly ManifestEntry[];
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

/** @returns about the size of a data file of the table. */
export function targetFileBytes(table: PaimonTable): number {
  return parseByteSize(table.schema.options['target-file-size']) ?? (table.keyFields.length > 0 ? TARGET_FILE_BYTES : 2 * TARGET_FILE_BYTES);
}

/** @returns the compactions that the table's rules ask for now, at most one per bucket; every bucket whole if `full`. */
export function planCompactions(table: PaimonTable, state: TableState | undefined, options: {readonly full?: boolean} = {}): CompactionSpec[] {
  if (state === undefined) return [];
  const rules = compactionRules(table.schema.options);
  const specs: CompactionSpec[] = [];
  for (const {partition, bucket, runs} of bucketRuns(table, state)) {
    const sizes = runs.map((files) => ({level: files[0]!.file.level, bytes: files.reduce((sum, entry) => sum + entry.file.fileSize, 0)}));
    if (table.keyFields.length === 0) {
      const targetBytes = targetFileBytes(table);
      const picked = options.full === true ? pickAppendFull(sizes, targetBytes) : pickAppend(sizes, rules, targetBytes);
      if (picked !== undefined) specs.push({partition, bucket, runs: runs.slice(picked.start, picked.end), outputLevel: 0, dropDeletes: false, runCount: picked.smallCount});
      continue;
    }
    const picked = options.full === true ? pickFull(sizes, rules) : pickCompaction(sizes, rules);
    if (picked !== undefined) specs.push({partition, bucket, runs: runs.slice(0, picked.runCount), outputLevel: picked.outputLevel, dropDeletes: picked.runCount === runs.length, runCount: runs.length});
  }
  return specs;
}

/** @returns what brings all of level 0 deeper, at most one per bucket: readers of `first-row` tables do not look at level 0. */
export function planLevelZero(table: PaimonTable, state: TableState | undefined): CompactionSpec[] {
  if (state === undefined || table.mergeEngine !== 'first-row') return [];
  const rules = compactionRules(table.schema.options);
  return bucketRuns(table, state).flatMap(({partition, bucket, runs}): CompactionSpec[] => {
    const picked = pickLevelZero(runs.map((files) => ({level: files[0]!.file.level, bytes: files.reduce((sum, entry) => sum + entry.file.fileSize, 0)})), rules);
    return picked === undefined ? [] : [{partition, bucket, runs: runs.slice(0, picked.runCount), outputLevel: picked.outputLevel, dropDeletes: false, runCount: runs.length}];
  });
}

/** @returns the sorted runs of every bucket of every partition, newest first; of an append table its files. */
export function bucketRuns(table: PaimonTable, state: TableState): {readonly partition: Uint8Array; readonly bucket: number; readonly runs: ManifestEntry[][]}[] {
  return bucketGroups(table, state.live).map((entries) => ({partition: entries[0]!.partition, bucket: entries[0]!.bucket, runs: sortedRuns(entries)}));
}

/** A part of an attempt: a file that stays as it is (and moves, if its level is another), or runs that are merged. */
type Part = {readonly whole: ManifestEntry} | {readonly runs: readonly (readonly ManifestEntry[])[]; readonly range: KeyRange};

/**
 * A compaction under way: `step` until it says it is done, then `finish`; or `discard`, at any point, which takes its files away. A
 * step that failed or was aborted leaves an attempt that can only be discarded. What a crash leaves of it is orphans.
 */
export class CompactionAttempt {
  readonly spec: CompactionSpec;
  readonly #session: SqlSession;
  readonly #table: PaimonTable;
  readonly #directory: string;
  readonly #parts: readonly Part[];
  readonly #signal: AbortSignal | undefined;
  readonly #name = uuid();
  readonly #written: NewFile[] = [];
  readonly #kept = new Set<ManifestEntry>();
  readonly #upgraded: ManifestEntry[] = [];
  #next = 0;

  private constructor(session: SqlSession, table: PaimonTable, spec: CompactionSpec, directory: string, parts: readonly Part[], signal: AbortSignal | undefined) {
    this.spec = spec;
    this.#session = session;
    this.#table = table;
    this.#directory = directory;
    this.#parts = parts;
    this.#signal = signal;
  }

  /** @throws {WarehouseError} `MR_PAIMON_UNSUPPORTED`; errors of DuckDB and the file system. */
  static async begin(session: SqlSession, table: PaimonTable, spec: CompactionSpec, options: CompactionOptions = {}): Promise<CompactionAttempt> {
    table.checkWritable();
    await checkFiles(table, spec.runs.flat());
    for (const {file} of spec.runs.flat()) invariant(file.schemaId <= table.schema.id, () => `file "${file.fileName}" of schema ${file.schemaId} would lose columns under schema ${table.schema.id}`);
    const targetBytes = options.targetBytes ?? targetFileBytes(table);
    const parts: Part[] = [];
    for (const part of table.keyFields.length === 0 ? appendParts(table, spec, targetBytes) : keyedParts(table, spec, targetBytes)) {
      if ('whole' in part) parts.push(part);
      else for (const range of await keyRanges(session, table, part.runs, targetBytes)) parts.push({runs: part.runs, range});
    }
    return new CompactionAttempt(session, table, spec, await ensureBucketDirectory(table, spec.partition, spec.bucket), parts, options.signal);
  }

  /** Steps that are left. */
  get remaining(): number {
    return this.#parts.length - this.#next;
  }

  /** Makes the next output file. @returns whether there is more to do. @throws the signal's reason when aborted; as {@link begin}. */
  async step(): Promise<boolean> {
    this.#signal?.throwIfAborted();
    const part = this.#parts[this.#next];
    if (part === undefined) return false;
    this.#next++;
    if ('whole' in part) {
      const {whole} = part;
      if (whole.file.level === this.spec.outputLevel) this.#kept.add(whole);
      else this.#upgraded.push({...whole, kind: 'add', file: {...whole.file, level: this.spec.outputLevel}});
      return this.remaining > 0;
    }
    const table = this.#table;
    const fileName = `data-${this.#name}-${this.#written.length}.parquet`;
    const append = table.keyFields.length === 0;
    const oldest = part.runs.toReversed();
    const file: NewFile = {
      path: `${this.#directory}/${fileName}`, fileName, partition: this.spec.partition, bucket: this.spec.bucket, level: this.spec.outputLevel, sorted: !append, source: 'compaction',
      ...(append ? {sequences: [runMinSequence(oldest[0]!), runMaxSequence(oldest.at(-1)!)] as const} : {}),
    };
    this.#written.push(file);
    const rowCount = await copyToFile(this.#session, table, append ? concatSql(table, oldest.flat()) : mergeSql(table, this.spec.dropDeletes, part.runs, part.range), file.path, true);
    if (append) {
      const expected = part.runs.flat().reduce((sum, entry) => sum + entry.file.rowCount, 0);
      invariant(rowCount === expected, () => `${rowCount} rows were merged from append files of ${expected}`);
    }
    if (rowCount === 0) this.#written.pop();
    this.#signal?.throwIfAborted();
    return this.remaining > 0;
  }

  /** Makes all that was written durable. @returns what a commit needs. */
  async finish(): Promise<Compaction> {
    invariant(this.remaining === 0, () => `a compaction is finished with ${this.remaining} steps to do`);
    const entries = await describeFiles(this.#session, this.#table, this.#written);
    return {spec: this.spec, removed: this.spec.runs.flat().filter((entry) => !this.#kept.has(entry)), outputs: [...this.#upgraded, ...entries].map((entry) => fileEntryJson(entry))};
  }

  /** Removes what was written; what cannot be removed is an orphan, no harm. */
  async discard(): Promise<void> {
    for (const file of this.#written) await this.#table.files.unlink(file.path).catch(() => undefined);
  }
}

/**
 * Does a whole compaction at once. On failure or abort its files are removed.
 *
 * @throws {WarehouseError} as {@link CompactionAttempt}; the signal's reason when aborted.
 */
export async function prepareCompaction(session: SqlSession, table: PaimonTable, spec: CompactionSpec, options: CompactionOptions = {}): Promise<Compaction> {
  const attempt = await CompactionAttempt.begin(session, table, spec, options);
  try {
    while (await attempt.step());
    return await attempt.finish();
  } catch (cause) {
    await attempt.discard();
    throw cause;
  }
}

/**
 * Puts merged runs in the place of their inputs, those of several buckets at once. The snapshot carries the commit identifier and the
 * properties of the one before it: what it holds is what that one held.
 *
 * @throws {WarehouseError} `MR_PAIMON_CONFLICT` (conflict) when an input is no longer live: plan again. Others as `commitFlush`.
 */
export async function commitCompaction(table: PaimonTable, compactions: readonly Compaction[], options: {readonly commitUser: string}): Promise<Snapshot> {
  const where = `${table.directory}: compacted files`;
  const delta: ManifestEntry[] = [
    ...compactions.flatMap(({removed}) => removed).map((entry): ManifestEntry => ({...entry, kind: 'delete'})),
    ...compactions.flatMap(({outputs}) => outputs).map((json) => parseFileEntry(json, where)),
  ];
  return await commitChange(table, {kind: 'COMPACT', delta, changelog: []}, options);
}

/** What is done with a spec's files: some stay whole, the others are rewritten together. */
type Sorted = {readonly whole: ManifestEntry} | {readonly runs: ManifestEntry[][]};

/** Sections of one large file stay whole; the others, neighbours together, are rewritten, unless there is only one file of them. */
function keyedParts(table: PaimonTable, spec: CompactionSpec, targetBytes: number): Sorted[] {
  const parts: Sorted[] = [];
  const clean = ({file}: ManifestEntry): boolean => file.schemaId === table.schema.id && !(spec.dropDeletes && file.deleteRowCount !== 0);
  let rewritten: ManifestEntry[] = [];
  const cut = (): void => {
    const [only] = rewritten;
    if (only !== undefined) parts.push(rewritten.length === 1 && clean(only) ? {whole: only} : {runs: sortedRuns(rewritten)});
    rewritten = [];
  };
  for (const section of sections(spec.runs.flat().map((entry) => keyedFile(table, entry)))) {
    const {entry} = section[0]!;
    if (section.length === 1 && entry.file.fileSize * 2 >= targetBytes && clean(entry)) {
      cut();
      parts.push({whole: entry});
    } else rewritten.push(...section.map((file) => file.entry));
  }
  cut();
  return parts;
}

/**
 * Whole files, oldest first, to outputs of about the target size. Where files do not hold their rows' numbers those follow each other,
 * and so they do in the output: files with a gap between them are not put together.
 */
function appendParts(table: PaimonTable, spec: CompactionSpec, targetBytes: number): Sorted[] {
  const groups: ManifestEntry[][] = [];
  let bytes = 0;
  for (const entry of spec.runs.flat().toReversed()) {
    const group = groups.at(-1);
    const gap = !table.numbered && group !== undefined && group.at(-1)!.file.maxSequence + 1n !== entry.file.minSequence;
    if (group === undefined || gap || bytes + entry.file.fileSize > targetBytes) {
      groups.push([entry]);
      bytes = entry.file.fileSize;
    } else {
      group.push(entry);
      bytes += entry.file.fileSize;
    }
  }
  return groups.map((group) => (group.length === 1 ? {whole: group[0]!} : {runs: group.toReversed().map((entry) => [entry])}));
}

/** Rows of append files, end to end. */
function concatSql(table: PaimonTable, entries: readonly ManifestEntry[]): string {
  const columns = table.schema.fields.map((field) => `${writeSql(field, quoteIdentifier(field.name), false)} AS ${quoteIdentifier(field.name)}`);
  const system = table.numbered ? [SEQUENCE_COLUMN] : [];
  if (table.numbered) columns.push(`CAST(${SEQUENCE_COLUMN} AS BIGINT) AS ${SEQUENCE_COLUMN}`);
  return `SELECT ${columns.join(', ')} FROM (${filesSql(table, sources(table, entries), {fields: table.schema.fields, system}, true)}) AS data`;
}

/** Half-open: `from` belongs to the range, `until` does not. Keys as text, see `keyTextSql`; undefined is open. */
interface KeyRange {
  readonly from?: readonly string[];
  readonly until?: readonly string[];
}

async function keyRanges(session: SqlSession, table: PaimonTable, runs: readonly (readonly ManifestEntry[])[], targetBytes: number): Promise<KeyRange[]> {
  if (table.keyFields.length === 0) return [{}];
  const inputs = runs.flat();
  const bytes = inputs.reduce((sum, entry) => sum + entry.file.fileSize, 0);
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
function mergeSql(table: PaimonTable, dropDeletes: boolean, runs: readonly (readonly ManifestEntry[])[], range: KeyRange): string {
  const isKey = new Set(table.keyFields.map((field) => field.name));
  const written = (field: DataField): string => writeSql(field, quoteIdentifier(field.name), isKey.has(field.name));
  const columns = [
    ...table.keyFields.map((field) => `${written(field)} AS ${quoteIdentifier(KEY_PREFIX + field.name)}`),
    `CAST(${SEQUENCE_COLUMN} AS BIGINT) AS ${SEQUENCE_COLUMN}`, `CAST(${KIND_COLUMN} AS TINYINT) AS ${KIND_COLUMN}`,
    ...table.schema.fields.map((field) => `${written(field)} AS ${quoteIdentifier(field.name)}`),
  ];
  const filter = rangeSql(table, range);
  const numbers = new Map(runs.flatMap((entries, run) => entries.map((entry) => [entry, run] as const)));
  const source = (entries: readonly ManifestEntry[], tagged = false): string => {
    const tags = tagged ? [{name: '_mr_run', of: ({entry}: SourceFile) => numbers.get(entry)!}] : [];
    return `SELECT * FROM (${filesSql(table, sources(table, entries), {fields: table.schema.fields, system: [SEQUENCE_COLUMN, KIND_COLUMN], tags})}) AS data${filter === '' ? '' : ` WHERE ${filter}`}`;
  };
  const keys = table.keyFields.map((field) => quoteIdentifier(field.name));
  const young = runs.slice(0, -1).flat();
  const order = table.keyFields.map((field) => `${quoteIdentifier(KEY_PREFIX + field.name)} ASC NULLS FIRST`).join(', ');
  const kept = dropDeletes ? ` WHERE ${KIND_COLUMN} IN (0, 2)` : '';
  if (young.length === 0) return `SELECT ${columns.join(', ')} FROM (${source(runs[0]!)}) AS merged${kept} ORDER BY ${order}`;
  if (!sequencesLayered(runs)) {
    const winners = `SELECT * EXCLUDE (_mr_run) FROM (${source(runs.flat(), true)}) AS runs QUALIFY row_number() OVER (PARTITION BY ${keys.join(', ')} ORDER BY ${SEQUENCE_COLUMN} DESC, _mr_run ASC) = 1`;
    return `SELECT ${columns.join(', ')} FROM (${winners}) AS merged${kept} ORDER BY ${order}`;
  }
  const latest = `(SELECT ${keys.join(', ')}, max(${SEQUENCE_COLUMN}) AS ${SEQUENCE_COLUMN} FROM young GROUP BY ${keys.join(', ')}) AS latest`;
  const newest = `SELECT young.* FROM young SEMI JOIN ${latest} ON ${[...keys, SEQUENCE_COLUMN].map((key) => `young.${key} = latest.${key}`).join(' AND ')}`;
  const oldest = `SELECT oldest.* FROM (${source(runs.at(-1)!)}) AS oldest ANTI JOIN young ON ${keys.map((key) => `oldest.${key} = young.${key}`).join(' AND ')}`;
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
