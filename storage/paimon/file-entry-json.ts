/**
 * Prepared files as plain JSON: what a frame of the log or a file of ours says of data files that are written and durable but
 * not yet in any manifest. Bytes are base64, 64-bit integers decimal text.
 */
import {EMPTY_ROW} from './binary-row.ts';
import {damaged} from './failure.ts';
import {JsonReader} from './json-reader.ts';
import {type DataFileMeta, type ManifestEntry, NO_STATS, type SimpleStats} from './manifest.ts';

export interface StatsJson {readonly min: string; readonly max: string; readonly nullCounts: readonly (string | null)[]}

/** One ADD; fields as in `DataFileMeta`. */
export interface FileEntryJson {
  /** Binary row of the partition; absent in unpartitioned tables. */
  readonly partition?: string;
  readonly bucket: number;
  readonly totalBuckets: number;
  readonly fileName: string;
  readonly fileSize: number;
  readonly rowCount: number;
  readonly minKey: string;
  readonly maxKey: string;
  readonly keyStats: StatsJson;
  /** Statistics of columns; absent without. */
  readonly valueStats?: StatsJson;
  /** Columns in `valueStats`; null is all. */
  readonly valueStatsColumns?: readonly string[] | null;
  readonly minSequence: string;
  readonly maxSequence: string;
  readonly schemaId: number;
  readonly level: number;
  readonly creationTime: number;
  readonly deleteRowCount: number;
  readonly fileSource: number;
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const fromBase64 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'base64'));

/** @param entry an ADD as our own writers make it. */
export function fileEntryJson(entry: {readonly partition: Uint8Array; readonly bucket: number; readonly totalBuckets: number; readonly file: DataFileMeta}): FileEntryJson {
  const {file} = entry;
  return {
    ...(entry.partition.length === EMPTY_ROW.length ? {} : {partition: base64(entry.partition)}), bucket: entry.bucket, totalBuckets: entry.totalBuckets, fileName: file.fileName, fileSize: file.fileSize, rowCount: file.rowCount,
    minKey: base64(file.minKey), maxKey: base64(file.maxKey),
    keyStats: statsJson(file.keyStats), ...(file.valueStatsColumns?.length === 0 ? {} : {valueStats: statsJson(file.valueStats), valueStatsColumns: file.valueStatsColumns}),
    minSequence: String(file.minSequence), maxSequence: String(file.maxSequence), schemaId: file.schemaId, level: file.level,
    creationTime: file.creationTime ?? 0, deleteRowCount: file.deleteRowCount ?? 0, fileSource: file.fileSource ?? 0,
  };
}

/**
 * @param json unknown data from a frame or file of ours.
 * @returns the ADD entry.
 * @throws {WarehouseError} `MR_PAIMON_DAMAGED` naming `where`.
 */
export function parseFileEntry(json: unknown, where: string): ManifestEntry {
  const reader = new JsonReader(json, where);
  const partition = reader.optionalString('partition');
  const {valueStats, valueStatsColumns} = json as {readonly valueStats?: unknown; readonly valueStatsColumns?: unknown};
  return {
    kind: 'add', partition: partition === undefined ? EMPTY_ROW : fromBase64(partition), bucket: reader.integer('bucket'), totalBuckets: reader.integer('totalBuckets'),
    file: {
      fileName: reader.string('fileName'), fileSize: reader.integer('fileSize'), rowCount: reader.integer('rowCount'),
      minKey: fromBase64(reader.string('minKey')), maxKey: fromBase64(reader.string('maxKey')), keyStats: parseStats(reader.raw('keyStats'), where), valueStats: valueStats === undefined ? NO_STATS : parseStats(valueStats, where),
      minSequence: integer(reader.string('minSequence'), where), maxSequence: integer(reader.string('maxSequence'), where),
      schemaId: reader.integer('schemaId'), level: reader.integer('level'), extraFiles: [], creationTime: reader.integer('creationTime'),
      deleteRowCount: reader.integer('deleteRowCount'), embeddedIndex: null, fileSource: reader.integer('fileSource'),
      valueStatsColumns: valueStats === undefined ? [] : valueStatsColumns === null ? null : reader.strings('valueStatsColumns'), externalPath: null, firstRowId: null, writeColumns: null,
    },
  };
}

function statsJson(stats: SimpleStats): StatsJson {
  return {min: base64(stats.minValues), max: base64(stats.maxValues), nullCounts: stats.nullCounts.map((count) => count === null ? null : String(count))};
}

function parseStats(json: unknown, where: string): SimpleStats {
  const stats = new JsonReader(json, where);
  return {
    minValues: fromBase64(stats.string('min')), maxValues: fromBase64(stats.string('max')),
    nullCounts: stats.array('nullCounts').map((count) => count === null ? null : integer(count, where)),
  };
}

function integer(text: unknown, where: string): bigint {
  if (typeof text !== 'string' || !/^-?\d+$/.test(text)) throw damaged(where, `expected an integer as text, found ${JSON.stringify(text)}`);
  return BigInt(text);
}
