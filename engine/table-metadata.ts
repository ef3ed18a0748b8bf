/**
 * What a table's files say of it, as tables: `t$snapshots`, `t$files`, `t$schemas`, `t$tags`, `t$options`. Names of columns are Paimon's
 * where Paimon has them. Read from the table's folder when the query runs: they show its newest checkpoint, not the log's tail, and what
 * stands in the folder whoever put it there.
 */
import {dateText, timestampText} from '../kernel/column-times.ts';
import {columnsFromRows} from '../kernel/column-values.ts';
import type {RelationSource} from '../kernel/relation.ts';
import {relationOfPieces, type RelationPiece} from '../kernel/relation-pieces.ts';
import {systemClock} from '../base/clock.ts';
import {WarehouseError} from '../base/error.ts';
import {publishSliceRows} from '../base/limit.ts';
import type {LogicalType} from '../base/type.ts';
import type {Value} from '../base/value.ts';
import type {TableSpec} from '../catalog/spec.ts';
import {nodeFileSystem} from '../storage/file/node-file-system.ts';
import type {PaimonTable} from '../storage/lsm/paimon-table.ts';
import {decodeBinaryRow, type InternalValue} from '../storage/paimon/binary-row.ts';
import {fieldJson, type DataField} from '../storage/paimon/data-type.ts';
import {printExactJson} from '../storage/paimon/exact-json.ts';
import {decimalText, partitionPath} from '../storage/paimon/partition.ts';
import {parseSnapshot, type Snapshot} from '../storage/paimon/snapshot.ts';
import {parseSchema} from '../storage/paimon/table-schema.ts';
import {directoryOf} from './layout.ts';
import {openIfMade} from './table-home.ts';
import {relative, join} from 'node:path';

/** Suffixes of these tables. */
export type MetadataKind = 'snapshots' | 'files' | 'schemas' | 'tags' | 'options';

interface MetadataTable {
  readonly columns: readonly (readonly [string, LogicalType])[];
  readonly rows: (table: PaimonTable) => AsyncIterable<Value[]>;
}

const text: LogicalType = {kind: 'varchar'};
const whole: LogicalType = {kind: 'bigint'};
const small: LogicalType = {kind: 'integer'};
const moment: LogicalType = {kind: 'timestamp'};

const tables: Readonly<Record<MetadataKind, MetadataTable>> = {
  snapshots: {
    columns: [['snapshot_id', whole], ['epoch', whole], ['schema_id', whole], ['commit_user', text], ['commit_identifier', whole], ['commit_kind', text], ['commit_time', moment],
      ['base_manifest_list', text], ['delta_manifest_list', text], ['changelog_manifest_list', text], ['total_record_count', whole], ['delta_record_count', whole], ['changelog_record_count', whole]],
    async *rows(table) {
      for (const id of await table.snapshots.ids()) {
        const s = await unlessGone(() => table.snapshots.read(id));
        if (s === undefined) continue;
        yield [big(s.id), epochOf(s), big(s.schemaId), s.commitUser, s.commitIdentifier, s.commitKind, time(s.timeMillis),
          s.baseManifestList, s.deltaManifestList, s.changelogManifestList ?? null, big(s.totalRecordCount), big(s.deltaRecordCount), big(s.changelogRecordCount)];
      }
    },
  },
  files: {
    columns: [['partition', text], ['bucket', small], ['file_path', text], ['schema_id', whole], ['level', small], ['record_count', whole], ['delete_count', whole], ['file_size_in_bytes', whole],
      ['min_key', text], ['max_key', text], ['min_sequence_number', whole], ['max_sequence_number', whole], ['creation_time', moment]],
    async *rows(table) {
      const state = await table.state();
      for (const entry of state?.live ?? []) {
        const {file} = entry;
        yield [partitionPath(table.partitionFields, entry.partition, table.schema.options, table.directory), entry.bucket, relative(table.directory, table.dataPath(entry)), big(file.schemaId), file.level,
          big(file.rowCount), big(file.deleteRowCount), big(file.fileSize), keyText(table.keyFields, file.minKey, table.directory), keyText(table.keyFields, file.maxKey, table.directory), file.minSequence, file.maxSequence,
          file.creationTime === null ? null : time(file.creationTime)];
      }
    },
  },
  schemas: {
    columns: [['schema_id', whole], ['fields', text], ['partition_keys', text], ['primary_keys', text], ['options', text], ['comment', text], ['update_time', moment]],
    async *rows(table) {
      for (const id of await numbersIn(table.paths.schemaDirectory(), /^schema-(\d+)$/)) {
        const path = table.paths.schema(id);
        const schema = parseSchema(Buffer.from(await table.files.readFile(path)).toString('utf8'), path);
        yield [big(schema.id), printExactJson(schema.fields.map(fieldJson)), JSON.stringify(schema.partitionKeys), JSON.stringify(schema.primaryKeys), JSON.stringify(schema.options), schema.comment ?? null, time(schema.timeMillis)];
      }
    },
  },
  tags: {
    columns: [['tag_name', text], ['snapshot_id', whole], ['epoch', whole], ['schema_id', whole], ['commit_time', moment], ['record_count', whole], ['create_time', text], ['time_retained', text]],
    async *rows(table) {
      const directory = table.paths.tagDirectory();
      if (!(await table.files.exists(directory))) return;
      for (const {kind, name} of await table.files.readdir(directory)) {
        if (kind !== 'file' || !name.startsWith('tag-')) continue;
        const path = join(directory, name);
        const bytes = await unlessGone(() => table.files.readFile(path));
        if (bytes === undefined) continue;
        const content = Buffer.from(bytes).toString('utf8');
        const s = parseSnapshot(content, path);
        const more = JSON.parse(content) as {tagCreateTime?: unknown; tagTimeRetained?: unknown};
        yield [name.slice('tag-'.length), big(s.id), epochOf(s), big(s.schemaId), time(s.timeMillis), big(s.totalRecordCount), more.tagCreateTime === undefined ? null : JSON.stringify(more.tagCreateTime), more.tagTimeRetained === undefined ? null : JSON.stringify(more.tagTimeRetained)];
      }
    },
  },
  options: {
    columns: [['key', text], ['value', text]],
    async *rows(table) {
      for (const [key, value] of Object.entries(table.schema.options).sort(([a], [b]) => (a < b ? -1 : 1))) yield [key, value];
    },
  },
};

/** The suffixes, for messages. */
export const metadataKinds = Object.keys(tables) as readonly MetadataKind[];

/** @returns whether a reference names one of these tables. */
export function isMetadataKind(kind: string): kind is MetadataKind {
  return Object.hasOwn(tables, kind);
}

/** Rows that are objects at once; what is read before them is columns already. */
const batchRows = 1024;

/** @returns the rows of one of these tables of `table`, as they are on disk now; none before its first checkpoint. */
export async function metadataRelation(directory: string, table: TableSpec, kind: MetadataKind): Promise<RelationSource> {
  const {columns, rows} = tables[kind];
  const types = columns.map(([, type]) => type);
  const pieces: RelationPiece[] = [];
  let batch: Value[][] = [];
  const flush = (): void => {
    if (batch.length > 0) pieces.push({columns: columnsFromRows(types, batch), rowCount: batch.length});
    batch = [];
  };
  const paimon = await openIfMade({files: nodeFileSystem, clock: systemClock}, directoryOf(directory, table));
  if (paimon !== null) {
    for await (const row of rows(paimon)) {
      batch.push(row);
      if (batch.length >= batchRows) flush();
    }
  } else if (kind === 'options') for (const [key, value] of Object.entries(table.options)) batch.push([key, value]);
  flush();
  return relationOfPieces(columns.map(([name, type]) => ({name, type})), pieces, publishSliceRows);
}

/** @returns undefined for what expired since it was listed. */
async function unlessGone<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof WarehouseError && (cause.code === 'MR_SNAPSHOT_GONE' || cause.code === 'MR_FILE_MISSING')) return undefined;
    throw cause;
  }
}

async function numbersIn(directory: string, pattern: RegExp): Promise<number[]> {
  const found = (await nodeFileSystem.readdir(directory)).map(({name}) => pattern.exec(name)?.[1]);
  return found.filter((digits) => digits !== undefined).map(Number).sort((a, b) => a - b);
}

/** The epoch that a snapshot is the table's state of; null where another engine made it. */
function epochOf({properties}: Snapshot): bigint | null {
  const epoch = properties?.['millrace.epoch'];
  return epoch === undefined || !/^\d+$/.test(epoch) ? null : BigInt(epoch);
}

/** @returns `[1,"a"]`; null without a key. */
function keyText(fields: readonly DataField[], key: Uint8Array, where: string): string | null {
  if (fields.length === 0) return null;
  const values = decodeBinaryRow(fields.map(({type}) => type), key, `${where}: key`);
  return JSON.stringify(values.map((value, index) => plainValue(fields[index]!, value)));
}

function plainValue({type}: DataField, value: InternalValue): string | number | boolean | null {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  switch (type.root) {
    case 'DECIMAL': return decimalText(BigInt(value), type.scale);
    case 'DATE': return dateText(Number(value));
    case 'TIMESTAMP': return timestampText(BigInt(value));
    case 'TIMESTAMP_LTZ': return `${timestampText(BigInt(value))}Z`;
    default: return typeof value === 'bigint' ? String(value) : value;
  }
}

function big(value: number | null | undefined): bigint | null {
  return value === null || value === undefined ? null : BigInt(value);
}

function time(ms: number): string {
  return timestampText(BigInt(ms) * 1000n);
}
