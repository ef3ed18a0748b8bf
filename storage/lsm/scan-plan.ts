/**
 * Which files a read must open, and how: pure apart from reading manifests.
 *
 * Per bucket of a partition, files are cut into sections by key. A section is
 * - raw: one file without deletes: its rows are the answer;
 * - layered: several runs whose sequence numbers do not overlap, so that a newer run's row always beats an older one's: the oldest
 *   run is read against the keys of the newer ones, those are merged among themselves by the highest sequence number;
 * - mixed: sequence ranges overlap (several writers), or `sequence.field` decides: merged row by row.
 *
 * Where compaction alone says what rows count (deletion vectors, `first-row`) level 0 is not read, and every other file is raw.
 */
import {unsupported} from '../paimon/failure.ts';
import type {ManifestEntry} from '../paimon/manifest.ts';
import type {Snapshot} from '../paimon/snapshot.ts';
import {type DeletedRows, readDeletionVectors} from './deletion-vectors.ts';
import {bucketGroups, type KeyedFile, keyedFile, sections} from './key-range.ts';
import type {PaimonTable} from './paimon-table.ts';
import {Pruning, type ScanCondition} from './prune.ts';
import {runMaxSequence, runMinSequence, sortedRuns} from './sorted-runs.ts';

export interface PlannedFile {
  readonly entry: ManifestEntry;
  readonly path: string;
  /** Row numbers that a deletion vector marks as deleted. */
  readonly deletedRows?: DeletedRows;
}

export interface Section {
  readonly kind: 'raw' | 'layered' | 'mixed';
  /** Newest first; the last run is the oldest. A run is sorted and its files do not overlap. */
  readonly runs: readonly (readonly PlannedFile[])[];
}

export interface BucketPlan {
  /** Binary row of the partition's values. */
  readonly partition: Uint8Array;
  readonly bucket: number;
  readonly sections: readonly Section[];
  /** Whether sections stand in the order of their keys and share none. */
  readonly inKeyOrder: boolean;
}

export interface ScanPlan {
  /** undefined: nothing was ever committed. */
  readonly snapshot: Snapshot | undefined;
  /** By partition values, then by bucket. */
  readonly buckets: readonly BucketPlan[];
  readonly rowCount: number;
  readonly bytes: number;
}

export interface PlanOptions {
  /**
   * The table is written by us alone: then sequence numbers decide, because a row that loses by `sequence.field` never becomes a
   * change, and all that was flushed counts.
   */
  readonly own?: boolean;
  /** Only rows that meet all of them are wanted; files that hold none are left out. */
  readonly where?: readonly ScanCondition[];
}

/**
 * Plans a read of the table at a snapshot, the newest unless given.
 *
 * @throws {WarehouseError} `MR_SNAPSHOT_GONE`, `MR_PAIMON_UNSUPPORTED`, `MR_PAIMON_DAMAGED`.
 */
export async function scanPlan(table: PaimonTable, snapshotId?: number, options: PlanOptions = {}): Promise<ScanPlan> {
  const state = await table.state(snapshotId);
  if (state === undefined) return {snapshot: undefined, buckets: [], rowCount: 0, bytes: 0};
  const keyed = table.keyFields.length > 0;
  const firstRow = keyed && table.mergeEngine === 'first-row';
  const byCompaction = keyed && (table.schema.options['deletion-vectors.enabled']?.toLowerCase() === 'true' || (firstRow && options.own !== true));
  const pruning = new Pruning(table, options.where ?? []);
  // Statistics are told in the words of each file's own schema.
  if (options.where !== undefined) await table.checkSchemas(state.live);
  const live = state.live.filter((entry) => !(byCompaction && entry.file.level === 0) && pruning.mayHold(entry));
  await checkFiles(table, live);
  const deleted = await readDeletionVectors(table, state.snapshot);
  const planned = (entry: ManifestEntry): PlannedFile => {
    const deletedRows = deleted.get(entry.file.fileName);
    return {entry, path: table.dataPath(entry), ...(deletedRows === undefined ? {} : {deletedRows})};
  };
  const buckets = bucketGroups(table, live).map((entries): BucketPlan => {
    const {partition, bucket} = entries[0]!;
    if (!keyed) return {partition, bucket, sections: appendSections(entries, planned), inKeyOrder: false};
    const alone = (files: readonly KeyedFile[]): boolean => files.length === 1 || byCompaction || firstRow;
    const byKey = sections(entries.map((entry) => keyedFile(table, entry))).map((files) => (alone(files) ? files.filter(({entry}) => pruning.mayHoldValues(entry)) : files)).filter((files) => files.length > 0);
    if (byCompaction || firstRow) return {partition, bucket, sections: byKey.flat().map(({entry}): Section => ({kind: 'raw', runs: [[planned(entry)]]})), inKeyOrder: byKey.every((files) => files.length === 1)};
    const numbersDecide = options.own === true || table.sequence === undefined;
    return {partition, bucket, sections: byKey.map((files) => section(files.map((file) => file.entry), planned, numbersDecide)), inKeyOrder: true};
  }).filter((bucket) => bucket.sections.length > 0);
  return {
    snapshot: state.snapshot, buckets,
    rowCount: live.reduce((sum, entry) => sum + entry.file.rowCount, 0), bytes: live.reduce((sum, entry) => sum + entry.file.fileSize, 0),
  };
}

/** Refuses files that we cannot read right. */
export async function checkFiles(table: PaimonTable, entries: readonly ManifestEntry[]): Promise<void> {
  await table.checkSchemas(entries);
  for (const entry of entries) {
    const {file, bucket} = entry;
    if (bucket === -2) throw unsupported(`${table.directory}: ${file.fileName}`, 'a postponed bucket');
    const format = file.fileName.slice(file.fileName.lastIndexOf('.') + 1);
    if (format !== 'parquet') throw unsupported(table.dataPath(entry), `a data file in the format "${format}"`);
    if (file.externalPath !== null) throw unsupported(table.dataPath(entry), `a data file outside of the table (${file.externalPath})`);
    if (file.writeColumns !== null) throw unsupported(table.dataPath(entry), 'a data file that holds some columns only');
  }
}

/** Append tables are read in the order in which rows were written: by sequence number, then by name. */
function appendSections(entries: readonly ManifestEntry[], planned: (entry: ManifestEntry) => PlannedFile): Section[] {
  return [...entries].sort((a, b) => order(a.file.minSequence, b.file.minSequence) || order(a.file.fileName, b.file.fileName))
    .map((entry) => ({kind: 'raw', runs: [[planned(entry)]]}));
}

function section(entries: readonly ManifestEntry[], planned: (entry: ManifestEntry) => PlannedFile, numbersDecide: boolean): Section {
  const runs = sortedRuns(entries);
  const raw = runs.length === 1 && entries.every((entry) => entry.file.deleteRowCount === 0);
  // One run holds a key once, whatever decides between rows of a key.
  const layered = runs.length === 1 || (numbersDecide && runs.every((run, i) => i === 0 || runMaxSequence(run) < runMinSequence(runs[i - 1]!)));
  return {kind: raw ? 'raw' : layered ? 'layered' : 'mixed', runs: runs.map((run) => run.map(planned))};
}

function order<T extends bigint | string>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
