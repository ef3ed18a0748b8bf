/**
 * Manifest files: which data files a commit added and removed. The state of a table is the merge of all entries of a snapshot's
 * base and delta manifests, where an entry's identity includes its level (a file that moves down a level without being rewritten
 * is DELETE at one level and ADD at the other, with one name).
 */
import {damaged, unsupported} from './failure.ts';
import {type AvroCodec, type AvroRecord, decodeAvroFile, encodeAvroFile, optional, unwrap} from './avro-file.ts';
import {RecordReader} from './avro-record.ts';
import {EMPTY_ROW} from './binary-row.ts';

/** Value bounds and null counts of a file's columns; the rows are binary rows. */
export interface SimpleStats {
  readonly minValues: Uint8Array;
  readonly maxValues: Uint8Array;
  readonly nullCounts: readonly (bigint | null)[];
}

/** What a manifest says of one data or changelog file. Sizes and counts are exact: readers rely on them without looking. */
export interface DataFileMeta {
  readonly fileName: string;
  readonly fileSize: number;
  readonly rowCount: number;
  /** Binary rows of the first and last key, exact; `EMPTY_ROW` in append tables. */
  readonly minKey: Uint8Array;
  readonly maxKey: Uint8Array;
  readonly keyStats: SimpleStats;
  readonly valueStats: SimpleStats;
  readonly minSequence: bigint;
  readonly maxSequence: bigint;
  readonly schemaId: number;
  readonly level: number;
  readonly extraFiles: readonly string[];
  /** ms since 1970 of the local wall clock, read as if it were UTC: Paimon's habit. */
  readonly creationTime: number | null;
  /** Rows of kind −U or −D. 0 lets readers skip merging, so it must be right. */
  readonly deleteRowCount: number | null;
  readonly embeddedIndex: Uint8Array | null;
  /** 0 written by a flush, 1 by a compaction. */
  readonly fileSource: number | null;
  /** Columns in `valueStats`; null is all. */
  readonly valueStatsColumns: readonly string[] | null;
  readonly externalPath: string | null;
  readonly firstRowId: number | null;
  readonly writeColumns: readonly string[] | null;
}

export interface ManifestEntry {
  readonly kind: 'add' | 'delete';
  readonly partition: Uint8Array;
  readonly bucket: number;
  /** Bucket count of the table when the file was written; -1 without fixed buckets. */
  readonly totalBuckets: number;
  readonly file: DataFileMeta;
}

const ENTRY_VERSION = 2;
const NAMESPACE = 'org.apache.paimon.avro.generated';
const nullable = (type: unknown): unknown => ['null', type];
const field = (name: string, type: unknown): unknown => Array.isArray(type) ? {name, type, default: null} : {name, type};

/** @returns the schema of a stats record; every one needs a name of its own. */
export function statsSchema(name: string): unknown {
  return {type: 'record', name, fields: [field('_MIN_VALUES', 'bytes'), field('_MAX_VALUES', 'bytes'), field('_NULL_COUNTS', nullable({type: 'array', items: ['null', 'long']}))]};
}

const manifestSchema = JSON.stringify({type: 'record', name: 'record', namespace: NAMESPACE, fields: [
  field('_VERSION', 'int'), field('_KIND', 'int'), field('_PARTITION', 'bytes'), field('_BUCKET', 'int'), field('_TOTAL_BUCKETS', 'int'),
  field('_FILE', {type: 'record', name: 'record__FILE', fields: [
    field('_FILE_NAME', 'string'), field('_FILE_SIZE', 'long'), field('_ROW_COUNT', 'long'), field('_MIN_KEY', 'bytes'), field('_MAX_KEY', 'bytes'),
    field('_KEY_STATS', statsSchema('record__FILE__KEY_STATS')), field('_VALUE_STATS', statsSchema('record__FILE__VALUE_STATS')),
    field('_MIN_SEQUENCE_NUMBER', 'long'), field('_MAX_SEQUENCE_NUMBER', 'long'), field('_SCHEMA_ID', 'long'), field('_LEVEL', 'int'),
    field('_EXTRA_FILES', {type: 'array', items: 'string'}), field('_CREATION_TIME', nullable({type: 'long', logicalType: 'timestamp-millis'})),
    field('_DELETE_ROW_COUNT', nullable('long')), field('_EMBEDDED_FILE_INDEX', nullable('bytes')), field('_FILE_SOURCE', nullable('int')),
    field('_VALUE_STATS_COLS', nullable({type: 'array', items: 'string'})), field('_EXTERNAL_PATH', nullable('string')),
    field('_FIRST_ROW_ID', nullable('long')), field('_WRITE_COLS', nullable({type: 'array', items: 'string'})),
  ]}),
]});

/** No statistics, which is legal: readers do not prune. */
export const NO_STATS: SimpleStats = {minValues: EMPTY_ROW, maxValues: EMPTY_ROW, nullCounts: []};

export async function encodeManifest(entries: readonly ManifestEntry[], codec: AvroCodec): Promise<Uint8Array> {
  return await encodeAvroFile(manifestSchema, entries.map(entryRecord), codec);
}

export async function decodeManifest(bytes: Uint8Array, where: string): Promise<ManifestEntry[]> {
  return (await decodeAvroFile(bytes, where)).map((record) => readEntry(new RecordReader(record, where)));
}

/** @returns the Avro form of stats. */
export function statsRecord(stats: SimpleStats): AvroRecord {
  return {
    _MIN_VALUES: Buffer.from(stats.minValues), _MAX_VALUES: Buffer.from(stats.maxValues),
    _NULL_COUNTS: {array: stats.nullCounts.map((count) => optional('long', count))},
  };
}

export function readStats(reader: RecordReader): SimpleStats {
  const counts = reader.nullable('_NULL_COUNTS');
  return {
    minValues: reader.bytes('_MIN_VALUES'), maxValues: reader.bytes('_MAX_VALUES'),
    nullCounts: Array.isArray(counts) ? counts.map((count) => unwrap(count) as bigint | null) : [],
  };
}

function entryRecord(entry: ManifestEntry): AvroRecord {
  const f = entry.file;
  return {
    _VERSION: ENTRY_VERSION, _KIND: entry.kind === 'add' ? 0 : 1, _PARTITION: Buffer.from(entry.partition), _BUCKET: entry.bucket, _TOTAL_BUCKETS: entry.totalBuckets,
    _FILE: {
      _FILE_NAME: f.fileName, _FILE_SIZE: BigInt(f.fileSize), _ROW_COUNT: BigInt(f.rowCount), _MIN_KEY: Buffer.from(f.minKey), _MAX_KEY: Buffer.from(f.maxKey),
      _KEY_STATS: statsRecord(f.keyStats), _VALUE_STATS: statsRecord(f.valueStats),
      _MIN_SEQUENCE_NUMBER: f.minSequence, _MAX_SEQUENCE_NUMBER: f.maxSequence, _SCHEMA_ID: BigInt(f.schemaId), _LEVEL: f.level,
      _EXTRA_FILES: [...f.extraFiles], _CREATION_TIME: optional('long', f.creationTime === null ? null : BigInt(f.creationTime)),
      _DELETE_ROW_COUNT: optional('long', f.deleteRowCount === null ? null : BigInt(f.deleteRowCount)),
      _EMBEDDED_FILE_INDEX: optional('bytes', f.embeddedIndex === null ? null : Buffer.from(f.embeddedIndex)), _FILE_SOURCE: optional('int', f.fileSource),
      _VALUE_STATS_COLS: optional('array', f.valueStatsColumns), _EXTERNAL_PATH: optional('string', f.externalPath),
      _FIRST_ROW_ID: optional('long', f.firstRowId === null ? null : BigInt(f.firstRowId)), _WRITE_COLS: optional('array', f.writeColumns),
    },
  };
}

function readEntry(reader: RecordReader): ManifestEntry {
  const version = reader.int('_VERSION');
  if (version !== ENTRY_VERSION) throw unsupported(reader.where, `manifest entry version ${version}`);
  const kind = reader.int('_KIND');
  if (kind !== 0 && kind !== 1) throw damaged(reader.where, `unknown entry kind ${kind}`);
  const file = reader.record('_FILE');
  return {
    kind: kind === 0 ? 'add' : 'delete', partition: reader.bytes('_PARTITION'), bucket: reader.int('_BUCKET'), totalBuckets: reader.int('_TOTAL_BUCKETS'),
    file: {
      fileName: file.text('_FILE_NAME'), fileSize: file.count('_FILE_SIZE'), rowCount: file.count('_ROW_COUNT'), minKey: file.bytes('_MIN_KEY'), maxKey: file.bytes('_MAX_KEY'),
      keyStats: readStats(file.record('_KEY_STATS')), valueStats: readStats(file.record('_VALUE_STATS')),
      minSequence: file.long('_MIN_SEQUENCE_NUMBER'), maxSequence: file.long('_MAX_SEQUENCE_NUMBER'), schemaId: file.count('_SCHEMA_ID'), level: file.int('_LEVEL'),
      extraFiles: file.array('_EXTRA_FILES') as readonly string[], creationTime: file.nullableCount('_CREATION_TIME'),
      deleteRowCount: file.nullableCount('_DELETE_ROW_COUNT'), embeddedIndex: file.nullableBytes('_EMBEDDED_FILE_INDEX'), fileSource: file.nullableInt('_FILE_SOURCE'),
      valueStatsColumns: file.nullableTexts('_VALUE_STATS_COLS'), externalPath: file.nullableText('_EXTERNAL_PATH'),
      firstRowId: file.nullableCount('_FIRST_ROW_ID'), writeColumns: file.nullableTexts('_WRITE_COLS'),
    },
  };
}

/** @returns what makes two entries the same file at the same place. */
export function entryIdentity(entry: ManifestEntry): string {
  const {file} = entry;
  return JSON.stringify([
    Buffer.from(entry.partition).toString('base64'), entry.bucket, file.level, file.fileName, file.extraFiles,
    file.embeddedIndex === null ? null : Buffer.from(file.embeddedIndex).toString('base64'), file.externalPath,
  ]);
}

/**
 * Takes DELETEs off their ADDs. Sound in any order, because one identity is added once and deleted once.
 *
 * @returns the entries that are left, ADDs in the order they came, then DELETEs whose ADD is not among `entries`.
 */
export function mergeEntries(entries: readonly ManifestEntry[]): {readonly live: ManifestEntry[]; readonly deletes: ManifestEntry[]} {
  const deleted = new Map<string, ManifestEntry>();
  for (const entry of entries) if (entry.kind === 'delete') deleted.set(entryIdentity(entry), entry);
  const live = new Map<string, ManifestEntry>();
  for (const entry of entries) {
    if (entry.kind === 'delete') continue;
    const identity = entryIdentity(entry);
    if (!deleted.delete(identity)) live.set(identity, entry);
  }
  return {live: [...live.values()], deletes: [...deleted.values()]};
}
