/** Manifest lists: the manifests of a snapshot's base, delta or changelog, with what lets a reader skip some of them. */
import {compareRows, decodeBinaryRow, encodeBinaryRow, type InternalValue} from './binary-row.ts';
import type {PaimonType} from './data-type.ts';
import {unsupported} from './failure.ts';
import {type AvroCodec, decodeAvroFile, encodeAvroFile, optional} from './avro-file.ts';
import {RecordReader} from './avro-record.ts';
import {type ManifestEntry, NO_STATS, readStats, type SimpleStats, statsRecord, statsSchema} from './manifest.ts';

export interface ManifestFileMeta {
  readonly fileName: string;
  /** Exact: with one too small Java returns an empty table and no error. */
  readonly fileSize: number;
  readonly addedCount: number;
  readonly deletedCount: number;
  readonly partitionStats: SimpleStats;
  readonly schemaId: number;
  readonly minBucket: number | null;
  readonly maxBucket: number | null;
  readonly minLevel: number | null;
  readonly maxLevel: number | null;
}

const LIST_VERSION = 2;
const listSchema = JSON.stringify({type: 'record', name: 'record', namespace: 'org.apache.paimon.avro.generated', fields: [
  {name: '_VERSION', type: 'int'}, {name: '_FILE_NAME', type: 'string'}, {name: '_FILE_SIZE', type: 'long'},
  {name: '_NUM_ADDED_FILES', type: 'long'}, {name: '_NUM_DELETED_FILES', type: 'long'}, {name: '_PARTITION_STATS', type: statsSchema('record__PARTITION_STATS')},
  {name: '_SCHEMA_ID', type: 'long'},
  ...['_MIN_BUCKET', '_MAX_BUCKET', '_MIN_LEVEL', '_MAX_LEVEL'].map((name) => ({name, type: ['null', 'int'], default: null})),
  ...['_MIN_ROW_ID', '_MAX_ROW_ID'].map((name) => ({name, type: ['null', 'long'], default: null})),
]});

export async function encodeManifestList(metas: readonly ManifestFileMeta[], codec: AvroCodec): Promise<Uint8Array> {
  return await encodeAvroFile(listSchema, metas.map((meta) => ({
    _VERSION: LIST_VERSION, _FILE_NAME: meta.fileName, _FILE_SIZE: BigInt(meta.fileSize),
    _NUM_ADDED_FILES: BigInt(meta.addedCount), _NUM_DELETED_FILES: BigInt(meta.deletedCount), _PARTITION_STATS: statsRecord(meta.partitionStats),
    _SCHEMA_ID: BigInt(meta.schemaId), _MIN_BUCKET: optional('int', meta.minBucket), _MAX_BUCKET: optional('int', meta.maxBucket),
    _MIN_LEVEL: optional('int', meta.minLevel), _MAX_LEVEL: optional('int', meta.maxLevel), _MIN_ROW_ID: null, _MAX_ROW_ID: null,
  })), codec);
}

export async function decodeManifestList(bytes: Uint8Array, where: string): Promise<ManifestFileMeta[]> {
  return (await decodeAvroFile(bytes, where)).map((record) => {
    const reader = new RecordReader(record, where);
    const version = reader.int('_VERSION');
    if (version !== LIST_VERSION) throw unsupported(where, `manifest list version ${version}`);
    return {
      fileName: reader.text('_FILE_NAME'), fileSize: reader.count('_FILE_SIZE'), addedCount: reader.count('_NUM_ADDED_FILES'),
      deletedCount: reader.count('_NUM_DELETED_FILES'), partitionStats: readStats(reader.record('_PARTITION_STATS')), schemaId: reader.count('_SCHEMA_ID'),
      minBucket: reader.nullableInt('_MIN_BUCKET'), maxBucket: reader.nullableInt('_MAX_BUCKET'),
      minLevel: reader.nullableInt('_MIN_LEVEL'), maxLevel: reader.nullableInt('_MAX_LEVEL'),
    };
  });
}

/**
 * @param partitionTypes types of the partition columns.
 * @returns the list's line for a manifest that holds `entries` (at least one).
 */
export function manifestFileMeta(fileName: string, fileSize: number, entries: readonly ManifestEntry[], partitionTypes: readonly PaimonType[]): ManifestFileMeta {
  const buckets = entries.map((entry) => entry.bucket);
  const levels = entries.map((entry) => entry.file.level);
  const addedCount = entries.filter((entry) => entry.kind === 'add').length;
  return {
    fileName, fileSize, addedCount, deletedCount: entries.length - addedCount, partitionStats: partitionStats(fileName, entries, partitionTypes),
    schemaId: entries.reduce((max, entry) => Math.max(max, entry.file.schemaId), 0),
    minBucket: least(buckets), maxBucket: greatest(buckets), minLevel: least(levels), maxLevel: greatest(levels),
  };
}

/** Bounds of each partition column over the entries; the null count counts entries. */
function partitionStats(where: string, entries: readonly ManifestEntry[], types: readonly PaimonType[]): SimpleStats {
  if (types.length === 0) return NO_STATS;
  const min: InternalValue[] = types.map(() => null);
  const max: InternalValue[] = types.map(() => null);
  const nulls = types.map(() => 0);
  for (const {partition} of entries) {
    for (const [i, value] of decodeBinaryRow(types, partition, `${where}: _PARTITION`).entries()) {
      if (value === null) nulls[i]!++;
      else {
        if (min[i] === null || compareRows([value], [min[i]!]) < 0) min[i] = value;
        if (max[i] === null || compareRows([value], [max[i]!]) > 0) max[i] = value;
      }
    }
  }
  return {minValues: encodeBinaryRow(types, min), maxValues: encodeBinaryRow(types, max), nullCounts: nulls.map(BigInt)};
}

// Loops, because a manifest may hold more entries than a call takes arguments.
function least(values: readonly number[]): number {
  return values.reduce((min, value) => Math.min(min, value), values[0]!);
}

function greatest(values: readonly number[]): number {
  return values.reduce((max, value) => Math.max(max, value), values[0]!);
}
