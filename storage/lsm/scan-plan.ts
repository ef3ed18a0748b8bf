/**
 * Which files a read must open, and how: pure apart from reading manifests.
 *
 * Per bucket, files are cut into sections by key. A section is
 * - raw: one file without deletes: its rows are the answer;
 * - layered: several runs whose sequence numbers do not overlap, so that a newer run's row always beats an older one's: the oldest
 *   run is read against the keys of the newer ones, those are merged among themselves by the highest sequence number;
 * - mixed: sequence ranges overlap (several writers): merged row by row.
 */
import {unsupported} from '../paimon/failure.ts';
import type {ManifestEntry} from '../paimon/manifest.ts';
import type {Snapshot} from '../paimon/snapshot.ts';
import {type DeletedRows, readDeletionVectors} from './deletion-vectors.ts';
import {keyedFile, sections} from './key-range.ts';
import type {PaimonTable} from './paimon-table.ts';
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
  readonly bucket: number;
  readonly sections: readonly Section[];
}

export interface ScanPlan {
  /** undefined: nothing was ever committed. */
  readonly snapshot: Snapshot | undefined;
  readonly buckets: readonly BucketPlan[];
  readonly rowCount: number;
  readonly bytes: number;
}

/**
 * Plans a read of the table at a snapshot, the newest unless given.
 *
 * @throws {WarehouseError} `MR_SNAPSHOT_GONE`, `MR_PAIMON_UNSUPPORTED`, `MR_PAIMON_DAMAGED`.
 */
export async function scanPlan(table: PaimonTable, snapshotId?: number): Promise<ScanPlan> {
  const state = await table.state(snapshotId);
  if (state === undefined) return {snapshot: undefined, buckets: [], rowCount: 0, bytes: 0};
  // With deletion vectors batch readers do not look at level 0: compaction marks what its rows replace.
  const vectors = table.schema.options['deletion-vectors.enabled']?.toLowerCase() === 'true';
  const live = state.live.filter((entry) => !(vectors && table.keyFields.length > 0 && entry.file.level === 0));
  await checkFiles(table, live);
  const deleted = await readDeletionVectors(table, state.snapshot);
  const planned = (entry: ManifestEntry): PlannedFile => {
    const deletedRows = deleted.get(entry.file.fileName);
    return {entry, path: table.paths.data(entry.bucket, entry.file.fileName), ...(deletedRows === undefined ? {} : {deletedRows})};
  };
  const numbers = [...new Set(live.map((entry) => entry.bucket))].sort((a, b) => a - b);
  const buckets = numbers.map((bucket) => {
    const entries = live.filter((entry) => entry.bucket === bucket);
    if (table.keyFields.length === 0) return {bucket, sections: appendSections(entries, planned)};
    if (vectors) return {bucket, sections: entries.map((entry): Section => ({kind: 'raw', runs: [[planned(entry)]]}))};
    return {bucket, sections: sections(entries.map((entry) => keyedFile(table, entry))).map((files) => section(files.map((file) => file.entry), planned))};
  });
  return {
    snapshot: state.snapshot, buckets,
    rowCount: live.reduce((sum, entry) => sum + entry.file.rowCount, 0), bytes: live.reduce((sum, entry) => sum + entry.file.fileSize, 0),
  };
}

/** Refuses files that we cannot read right. */
export async function checkFiles(table: PaimonTable, entries: readonly ManifestEntry[]): Promise<void> {
  await table.checkSchemas(entries);
  for (const {file, bucket} of entries) {
    const where = table.paths.data(bucket, file.fileName);
    const format = file.fileName.slice(file.fileName.lastIndexOf('.') + 1);
    if (format !== 'parquet') throw unsupported(where, `a data file in the format "${format}"`);
    if (file.externalPath !== null) throw unsupported(where, `a data file outside of the table (${file.externalPath})`);
    if (file.writeColumns !== null) throw unsupported(where, 'a data file that holds some columns only');
    if (bucket === -2) throw unsupported(where, 'a postponed bucket');
  }
}

/** Append tables are read in the order in which rows were written: by sequence number, then by name. */
function appendSections(entries: readonly ManifestEntry[], planned: (entry: ManifestEntry) => PlannedFile): Section[] {
  return [...entries].sort((a, b) => order(a.file.minSequence, b.file.minSequence) || order(a.file.fileName, b.file.fileName))
    .map((entry) => ({kind: 'raw', runs: [[planned(entry)]]}));
}

function section(entries: readonly ManifestEntry[], planned: (entry: ManifestEntry) => PlannedFile): Section {
  const runs = sortedRuns(entries);
  const raw = runs.length === 1 && entries.every((entry) => entry.file.deleteRowCount === 0);
  const layered = runs.every((run, i) => i === 0 || runMaxSequence(run) < runMinSequence(runs[i - 1]!));
  return {kind: raw ? 'raw' : layered ? 'layered' : 'mixed', runs: runs.map((run) => run.map(planned))};
}

function order<T extends bigint | string>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
