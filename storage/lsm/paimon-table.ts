/**
 * One table in Paimon's format on disk: its schema, its snapshots and the files that each of them holds. Reading and writing of
 * rows are functions beside it (flush.ts, commit.ts, scan-plan.ts, compact.ts); they share what is cached here.
 *
 * Manifests never change, so decoded ones are kept by name, up to a number of entries; a plan of a table that grows by one small
 * commit then costs one manifest, not all of them.
 */
import {dirname, join} from 'node:path';
import type {Clock} from '../../base/clock.ts';
import {WarehouseError} from '../../base/error.ts';
import {invariant} from '../../base/invariant.ts';
import type {LogicalType} from '../../base/type.ts';
import {makeDirectoryDurably, putIfAbsent} from '../file/durable.ts';
import type {FileSystem} from '../file/file-system.ts';
import {keyable} from '../paimon/binary-row.ts';
import {type DataField, paimonTypeText} from '../paimon/data-type.ts';
import {damaged, unsupported} from '../paimon/failure.ts';
import {decodeManifest, type ManifestEntry, mergeEntries} from '../paimon/manifest.ts';
import {decodeManifestList, type ManifestFileMeta} from '../paimon/manifest-list.ts';
import {partitionable, partitionPath} from '../paimon/partition.ts';
import type {Snapshot} from '../paimon/snapshot.ts';
import {bucketKey, optionNames, parseSchema, partitionFields, printSchema, type TableSchema, trimmedKey} from '../paimon/table-schema.ts';
import {BUCKET_COLUMN, CHANGE_SEQUENCE_COLUMN, KEY_PREFIX, KIND_COLUMN, OP_COLUMN, SEQUENCE_COLUMN} from './column-sql.ts';
import {columnsSignature, fileColumnSql} from './file-schema.ts';
import {SnapshotStore} from './snapshot-store.ts';
import {checkReadable, checkWritable} from './table-features.ts';
import {dataFields, evolvedSchema, lastFieldId, type TableForm} from './table-form.ts';
import {TablePaths} from './table-paths.ts';

export interface TableDoors {
  readonly files: FileSystem;
  readonly clock: Clock;
}

export interface NewColumn {
  /** Field id, unique in the table for ever. */
  readonly id: number;
  readonly name: string;
  readonly type: LogicalType;
  readonly nullable: boolean;
  readonly comment?: string;
}

export interface NewTable {
  readonly columns: readonly NewColumn[];
  /** Names in key order; empty for an append table. */
  readonly primaryKey: readonly string[];
  readonly partitionKeys?: readonly string[];
  /** Paimon options as given by the user; what matters to other readers is made explicit beside them. */
  readonly options?: Readonly<Record<string, string>>;
  readonly comment?: string;
}

/** A snapshot and the files that are live in it. */
export interface TableState {
  readonly snapshot: Snapshot;
  readonly live: readonly ManifestEntry[];
}

/** Names of columns that stand beside the table's own in data files and in batches of changes. */
const reservedNames: ReadonlySet<string> = new Set([SEQUENCE_COLUMN, KIND_COLUMN, OP_COLUMN, CHANGE_SEQUENCE_COLUMN, BUCKET_COLUMN]);

/** Set in append tables with several directories: their files have a column `_SEQUENCE_NUMBER`, which other readers pass over. */
export const NUMBERED_OPTION = 'millrace.sequence-column';
/** What names a file of a table. */
export interface FilePlace {
  readonly partition: Uint8Array;
  readonly bucket: number;
  readonly file: {readonly fileName: string};
}
const DIRECTORIES_CACHED_MAX = 10_000;
/** Manifest entries kept decoded per table (about 1 KB each). */
const ENTRIES_CACHED_MAX = 50_000;

export class PaimonTable {
  readonly paths: TablePaths;
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly schema: TableSchema;
  readonly snapshots: SnapshotStore;
  /** Key columns of files in key order: the primary key without partition columns; none for an append table. */
  readonly keyFields: readonly DataField[];
  /** Partition columns in declared order. */
  readonly partitionFields: readonly DataField[];
  /** Columns whose hash is a row's bucket. */
  readonly bucketKeyFields: readonly DataField[];
  /** Fixed bucket count, or -1 where rows have no fixed bucket. */
  readonly bucketCount: number;
  readonly #directories = new Map<string, string>();
  readonly #settled = new Set<string>();
  readonly #manifests = new Map<string, readonly ManifestEntry[]>();
  #cachedEntries = 0;
  #state: TableState | undefined;
  /** Schemas that files of the table name, the table's own among them: as many as were ever made of it, each some KB. */
  readonly #schemas = new Map<number, TableSchema>();

  private constructor(doors: TableDoors, directory: string, schema: TableSchema) {
    this.files = doors.files;
    this.clock = doors.clock;
    this.paths = new TablePaths(directory);
    this.schema = schema;
    this.snapshots = new SnapshotStore(doors.files, this.paths);
    this.keyFields = trimmedKey(schema);
    this.partitionFields = partitionFields(schema);
    this.bucketKeyFields = bucketKey(schema);
    this.bucketCount = Number(schema.options['bucket'] ?? '-1');
    this.#schemas.set(schema.id, schema);
  }

  get directory(): string { return this.paths.directory; }

  /** Whether a commit may make files in several directories: rows of one directory are then no run of sequence numbers. */
  get grouped(): boolean { return this.partitionFields.length > 0 || this.bucketCount > 1; }

  get mergeEngine(): string { return this.schema.options['merge-engine']?.toLowerCase() ?? 'deduplicate'; }

  /** Retracting rows of files count for nothing. */
  get ignoresDeletes(): boolean { return ['ignore-delete', 'deduplicate.ignore-delete', 'first-row.ignore-delete'].some((name) => this.schema.options[name]?.toLowerCase() === 'true'); }

  /** The columns whose values decide between rows of one key before sequence numbers do; undefined without `sequence.field`. */
  get sequence(): {readonly fields: readonly DataField[]; readonly descending: boolean} | undefined {
    const names = optionNames(this.schema.options['sequence.field']);
    if (names.length === 0) return undefined;
    return {fields: names.map((name) => this.field(name)), descending: this.schema.options['sequence.field.sort-order']?.toLowerCase() === 'descending'};
  }

  /** Whether the files of an append table tell their rows' sequence numbers in a column. */
  get numbered(): boolean { return this.schema.options[NUMBERED_OPTION] === 'true'; }

  /** @returns the directory of one bucket of one partition. */
  bucketDirectory(partition: Uint8Array, bucket: number): string {
    const key = `${bucket} ${Buffer.from(partition).toString('latin1')}`;
    const known = this.#directories.get(key);
    if (known !== undefined) return known;
    const directory = this.paths.bucketDirectory(join(this.schema.options['data-file.path-directory'] ?? '', partitionPath(this.partitionFields, partition, this.schema.options, this.directory)), bucket);
    if (this.#directories.size >= DIRECTORIES_CACHED_MAX) this.#directories.clear();
    this.#directories.set(key, directory);
    return directory;
  }

  /** @returns true once for each directory. */
  settles(directory: string): boolean {
    if (this.#settled.has(directory)) return false;
    if (this.#settled.size >= DIRECTORIES_CACHED_MAX) this.#settled.clear();
    this.#settled.add(directory);
    return true;
  }

  /** @returns where a data or changelog file lies: derived from what its entry says, which alone is the truth about its partition. */
  dataPath(entry: FilePlace): string {
    return join(this.bucketDirectory(entry.partition, entry.bucket), entry.file.fileName);
  }

  /** @throws {WarehouseError} `MR_PAIMON_COLUMN` (invalid) when there is no such column. */
  field(name: string): DataField {
    const field = this.schema.fields.find((candidate) => candidate.name === name);
    if (field === undefined) throw new WarehouseError('invalid', 'MR_PAIMON_COLUMN', `expected a column of '${this.directory}', found "${name}"`);
    return field;
  }

  /**
   * Makes a table, durably; opens it if the very same one is there already (a creation that is repeated after a crash).
   *
   * @throws {WarehouseError} `MR_PAIMON_EXISTS` (conflict) when another table is there; `MR_PAIMON_UNSUPPORTED`.
   */
  static async create(doors: TableDoors, directory: string, spec: NewTable): Promise<PaimonTable> {
    const schema = newSchema(spec, directory, doors.clock.nowMs());
    const paths = new TablePaths(directory);
    await makeDirectoryDurably(doors.files, paths.schemaDirectory());
    await makeDirectoryDurably(doors.files, paths.snapshotDirectory());
    await makeDirectoryDurably(doors.files, paths.manifestDirectory());
    if (await putIfAbsent(doors.files, paths.schema(0), Buffer.from(printSchema(schema)))) return new PaimonTable(doors, directory, schema);
    // It may have changed form since.
    const found = await PaimonTable.open(doors, directory);
    const text = (s: TableSchema): string => printSchema({...s, timeMillis: 0});
    if (text(await found.readSchema(0)) !== text(schema)) {
      throw new WarehouseError('conflict', 'MR_PAIMON_EXISTS', `expected no table at '${directory}', found one with another schema`, {hint: 'choose another name or remove the directory'});
    }
    return found;
  }

  /**
   * @param form reads the table in this form, whether its schema file is written yet or others follow it; the newest unless given.
   * @throws {WarehouseError} `MR_PAIMON_MISSING` (invalid) without a schema file; `MR_PAIMON_UNSUPPORTED`, `MR_PAIMON_DAMAGED`.
   */
  static async open(doors: TableDoors, directory: string, form?: TableForm): Promise<PaimonTable> {
    const paths = new TablePaths(directory);
    const all = (await doors.files.exists(paths.schemaDirectory()))
      ? (await doors.files.readdir(paths.schemaDirectory())).map((entry) => /^schema-(\d+)$/.exec(entry.name)?.[1]).filter((id) => id !== undefined).map(Number)
      : [];
    const ids = form === undefined ? all : all.filter((id) => id <= form.schemaId);
    if (ids.length === 0) throw new WarehouseError('invalid', 'MR_PAIMON_MISSING', `expected a Paimon table at '${directory}', found no schema file`);
    const schema = await readSchema(doors.files, paths, Math.max(...ids));
    checkReadable(schema, directory);
    return new PaimonTable(doors, directory, form === undefined || schema.id === form.schemaId ? schema : evolvedSchema(schema, form, directory, schema.timeMillis));
  }

  /** @returns the table as it is under another of its schemas, which may not be written yet. */
  under(schema: TableSchema): PaimonTable {
    return new PaimonTable(this, this.directory, schema);
  }

  /** @throws {WarehouseError} `MR_FILE_MISSING`, `MR_PAIMON_DAMAGED`. */
  readSchema(id: number): Promise<TableSchema> {
    return readSchema(this.files, this.paths, id);
  }

  /** @throws {WarehouseError} `MR_PAIMON_UNSUPPORTED` when the table can be read only. */
  checkWritable(): void {
    checkWritable(this.schema, this.directory);
  }

  /** @returns the state at a snapshot, the newest unless given; undefined when nothing was ever committed. */
  async state(snapshotId?: number): Promise<TableState | undefined> {
    const id = snapshotId ?? await this.snapshots.latestId();
    if (id === undefined) return undefined;
    if (this.#state?.snapshot.id === id) return this.#state;
    const snapshot = await this.snapshots.read(id);
    const metas = [
      ...await this.manifestList(snapshot.baseManifestList, snapshot.baseManifestListSize),
      ...await this.manifestList(snapshot.deltaManifestList, snapshot.deltaManifestListSize),
    ];
    const {live, deletes} = mergeEntries(await this.entries(metas));
    if (deletes.length > 0) throw damaged(this.paths.snapshot(id), `file "${deletes[0]!.file.fileName}" is deleted at level ${deletes[0]!.file.level} but was never added there`);
    const state: TableState = {snapshot, live};
    if (this.#state === undefined || this.#state.snapshot.id < id) this.#state = state;
    return state;
  }

  /** @param bytes the size that the snapshot tells, checked if it does. */
  async manifestList(fileName: string, bytes?: number): Promise<ManifestFileMeta[]> {
    const path = this.paths.manifest(fileName);
    const content = await this.files.readFile(path);
    if (bytes !== undefined && content.length !== bytes) throw damaged(path, `has ${content.length} bytes where the snapshot says ${bytes}`);
    return await decodeManifestList(content, path);
  }

  /** @returns the entries of the manifests, in order. */
  async entries(metas: readonly ManifestFileMeta[]): Promise<ManifestEntry[]> {
    const all: ManifestEntry[] = [];
    for (const meta of metas) for (const entry of await this.#manifest(meta)) all.push(entry);
    return all;
  }

  async #manifest(meta: ManifestFileMeta): Promise<readonly ManifestEntry[]> {
    const cached = this.#manifests.get(meta.fileName);
    if (cached !== undefined) return cached;
    const path = this.paths.manifest(meta.fileName);
    const content = await this.files.readFile(path);
    if (content.length !== meta.fileSize) throw damaged(path, `has ${content.length} bytes where its list says ${meta.fileSize}`);
    const entries = await decodeManifest(content, path);
    this.remember(meta.fileName, entries);
    return entries;
  }

  /** Keeps the entries of a manifest, dropping the oldest when there are too many. */
  remember(fileName: string, entries: readonly ManifestEntry[]): void {
    this.#manifests.set(fileName, entries);
    this.#cachedEntries += entries.length;
    for (const [oldest, dropped] of this.#manifests) {
      if (this.#cachedEntries <= ENTRIES_CACHED_MAX || oldest === fileName) break;
      this.#manifests.delete(oldest);
      this.#cachedEntries -= dropped.length;
    }
  }

  /**
   * Makes the schemas of files known, for {@link fileSchema}, and refuses files whose columns cannot be made the table's.
   *
   * @throws {WarehouseError} `MR_PAIMON_UNSUPPORTED` naming the column; `MR_FILE_MISSING` when a schema file is gone.
   */
  async checkSchemas(entries: readonly ManifestEntry[]): Promise<void> {
    for (const id of new Set(entries.map((entry) => entry.file.schemaId))) {
      if (this.#schemas.has(id)) continue;
      const schema = await readSchema(this.files, this.paths, id);
      for (const field of this.schema.fields) fileColumnSql(schema, field, this.directory);
      this.#schemas.set(id, schema);
    }
  }

  /** @returns the schema that a file was written under; its plan was checked by {@link checkSchemas}. */
  fileSchema(entry: ManifestEntry): TableSchema {
    const schema = this.#schemas.get(entry.file.schemaId);
    invariant(schema !== undefined, () => `schema ${entry.file.schemaId} of file "${entry.file.fileName}" was not read`);
    return schema;
  }

  /** @returns the files by the columns that they hold, each kind with a schema that has them; in the order of their first file. */
  byColumns<T>(files: readonly T[], entryOf: (file: T) => ManifestEntry): {readonly schema: TableSchema; readonly same: boolean; readonly files: T[]}[] {
    const own = columnsSignature(this.schema);
    const groups = new Map<string, {readonly schema: TableSchema; readonly same: boolean; readonly files: T[]}>();
    const signatures = new Map<number, string>();
    for (const file of files) {
      const entry = entryOf(file);
      const {schemaId} = entry.file;
      let signature = signatures.get(schemaId);
      if (signature === undefined) signatures.set(schemaId, signature = columnsSignature(this.fileSchema(entry)));
      const group = groups.get(signature);
      if (group === undefined) groups.set(signature, {schema: this.fileSchema(entry), same: signature === own, files: [file]});
      else group.files.push(file);
    }
    return [...groups.values()];
  }
}

async function readSchema(files: FileSystem, paths: TablePaths, id: number): Promise<TableSchema> {
  const path = paths.schema(id);
  const schema = parseSchema(Buffer.from(await files.readFile(path)).toString('utf8'), path);
  if (schema.id !== id) throw damaged(path, `says it is schema ${schema.id}`);
  return schema;
}

function newSchema(spec: NewTable, directory: string, nowMs: number): TableSchema {
  const keyed = spec.primaryKey.length > 0;
  const partitionKeys = spec.partitionKeys ?? [];
  const seen = new Map<string, string>();
  for (const {name} of spec.columns) {
    const other = seen.get(name.toLowerCase());
    // Readers match columns by exact name and find nothing under another case, DuckDB does not tell the two apart.
    if (other !== undefined) throw new WarehouseError('invalid', 'MR_PAIMON_COLUMN', `columns "${other}" and "${name}" differ only by case`);
    seen.set(name.toLowerCase(), name);
    if (name.startsWith(KEY_PREFIX) || reservedNames.has(name)) throw new WarehouseError('invalid', 'MR_PAIMON_COLUMN', `column name "${name}" is reserved by the table format`);
  }
  const fields = dataFields(spec);
  for (const name of spec.primaryKey) {
    const field = fields.find((candidate) => candidate.name === name);
    if (field === undefined) throw new WarehouseError('invalid', 'MR_PAIMON_COLUMN', `key column "${name}" is not a column of the table`);
    if (!keyable(field.type)) throw unsupported(directory, `key column "${name}" of type ${paimonTypeText(field.type)}`);
  }
  for (const name of partitionKeys) {
    const field = fields.find((candidate) => candidate.name === name);
    if (field === undefined) throw new WarehouseError('invalid', 'MR_PAIMON_COLUMN', `partition column "${name}" is not a column of the table`);
    if (!partitionable(field, spec.options ?? {})) throw unsupported(directory, `partition column "${name}" of type ${paimonTypeText(field.type)}`);
  }
  const several = partitionKeys.length > 0 || Number(spec.options?.['bucket'] ?? '1') > 1;
  const options: Record<string, string> = keyed
    ? {bucket: '1', 'merge-engine': 'deduplicate', 'changelog-producer': spec.options?.['merge-engine']?.toLowerCase() === 'first-row' ? 'none' : 'input', 'file.format': 'parquet', 'manifest.compression': 'zstd'}
    : {bucket: '-1', 'file.format': 'parquet', 'manifest.compression': 'zstd', ...(several ? {[NUMBERED_OPTION]: 'true'} : {})};
  const outside = keyed ? partitionKeys.find((name) => !spec.primaryKey.includes(name)) : undefined;
  if (outside !== undefined) throw unsupported(directory, `a primary key without the partition column "${outside}"`, 'a row would have to be looked for in every partition: add the column to the key');
  const schema: TableSchema = {
    id: 0, fields, highestFieldId: spec.columns.reduce((max, column) => Math.max(max, lastFieldId(column)), -1),
    partitionKeys, primaryKeys: spec.primaryKey, options: {...options, ...spec.options},
    ...(spec.comment === undefined ? {} : {comment: spec.comment}), timeMillis: nowMs,
  };
  checkWritable(schema, directory);
  return schema;
}

/** Makes a bucket's directory if it is not there yet, durably. */
export async function ensureBucketDirectory(table: PaimonTable, partition: Uint8Array, bucket: number): Promise<string> {
  const directory = table.bucketDirectory(partition, bucket);
  if (!(await table.files.exists(directory))) await makeDirectoryDurably(table.files, directory);
  // Who made it may have died before its names were durable.
  else if (table.settles(directory)) for (let at = dirname(directory); at.length >= table.directory.length; at = dirname(at)) await table.files.syncDirectory(at);
  return directory;
}
