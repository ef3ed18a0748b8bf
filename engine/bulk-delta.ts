/**
 * One table's delta of an epoch as it will travel: inline if it is small, by reference above `referenceBytesMin`. It comes in
 * batches, and never more of it is held than one file's rows (`referenceFileBytes`): each such group is written as files of the
 * table itself, durable and known to nobody until the frame names them. The files' rows carry their final sequence numbers, so the
 * next checkpoint only puts the files into the manifests.
 *
 * Keyed tables and bags: per group one level-0 file and one changelog file; the delta's rows are those of the changelog files in
 * order. Append tables: data files. The first filling of an empty table goes to the last level where the files' keys allow it.
 */
import {relative} from 'node:path';
import {crc32} from 'node:zlib';
import {columnsBytes, concatBatches} from '../base/columns.ts';
import {OP_DELETE, OP_UPDATE_BEFORE, type ChangeBatch} from '../base/delta.ts';
import {invariant} from '../base/invariant.ts';
import type {TableId, TableSpec} from '../catalog/spec.ts';
import {relationOfPieces, type RelationPiece} from '../kernel/relation-pieces.ts';
import type {Session} from '../kernel/session.ts';
import type {FileSystem} from '../storage/file/file-system.ts';
import type {FrameFile} from '../storage/log/frame-header.ts';
import {compactionRules} from '../storage/lsm/compaction-policy.ts';
import {joinPrepared, prepareFlush, type PreparedFiles} from '../storage/lsm/flush.ts';
import {overlappingFiles} from '../storage/lsm/key-range.ts';
import type {PaimonTable} from '../storage/lsm/paimon-table.ts';
import {parseFileEntry} from '../storage/paimon/file-entry-json.ts';
import {flushPiece, flushShape} from './checkpoint-table.ts';
import type {TailPart} from './checkpoint-tail.ts';
import {typesOf} from './frame-batch.ts';

/** A delta whose rows lie in files. */
export interface FileDelta {
  readonly rowCount: number;
  /** Those that hold the rows, in order. */
  readonly files: readonly FrameFile[];
  /** All that were written. */
  readonly prepared: PreparedFiles;
  /** Absolute paths of them, to remove them if the frame does not come. */
  readonly written: readonly string[];
  /** The position of the first row that came. */
  readonly first: number;
  /** Positions of the rows that went, in order. */
  readonly freed: Float64Array;
}

export type TableDelta = ChangeBatch | FileDelta;

export function isFileDelta(delta: TableDelta): delta is FileDelta {
  return 'prepared' in delta;
}

/** @returns what the checkpointer notes of an epoch's deltas. */
export function tailParts(changes: ReadonlyMap<TableId, TableDelta>, specOf: (id: TableId) => TableSpec): TailPart[] {
  const parts: TailPart[] = [];
  for (const [table, delta] of changes) {
    if (delta.rowCount === 0) continue;
    const {schemaId} = specOf(table);
    parts.push(isFileDelta(delta) ? {table, schemaId, rowCount: delta.rowCount, prepared: delta.prepared} : {table, schemaId, rowCount: delta.rowCount, rows: delta});
  }
  return parts;
}

/** @returns what an epoch added to the log: its frame, and the files that the frame names. */
export function loggedBytesOf(frameBytes: number, changes: ReadonlyMap<TableId, TableDelta>): number {
  let bytes = frameBytes;
  for (const delta of changes.values()) if (isFileDelta(delta)) for (const file of delta.files) bytes += file.bytes;
  return bytes;
}

/** @returns the tables of which an epoch has files. */
export function placedTables(changes: ReadonlyMap<TableId, TableDelta>, specOf: (id: TableId) => TableSpec): TableSpec[] {
  return [...changes].filter(([, delta]) => isFileDelta(delta)).map(([id]) => specOf(id));
}

export interface DeltaTarget {
  readonly session: Session;
  readonly files: FileSystem;
  /** The warehouse's folder. */
  readonly directory: string;
  /** Above it a delta goes by reference. */
  readonly bytesMin: number;
  /** Bytes of rows a file. */
  readonly fileBytes: number;
  /** The table's folder, made if need be; called before the first file is written. */
  readonly place: (table: TableSpec) => Promise<PaimonTable>;
  readonly nextSequence: (table: TableId) => number;
  /** Called when no batch that was given is held any more. */
  readonly released: () => void;
}

/** Rows handed to DuckDB per call. */
const sliceRows = 2048;
const checksumBytes = 1 << 20;

/**
 * @param batches the delta in order; text may refer to the table's arena. Read to the end.
 * @param first the position of the first row that comes; the others follow it in order.
 * @param filling the table was empty before.
 * @throws {WarehouseError} errors of DuckDB and the file system; files that were written are removed.
 */
export async function gatherDelta(target: DeltaTarget, table: TableSpec, batches: AsyncIterable<ChangeBatch> | Iterable<ChangeBatch>, first: number, filling: boolean): Promise<TableDelta> {
  let held: ChangeBatch[] = [];
  let bytes = 0;
  let writer: DeltaWriter | null = null;
  try {
    for await (const batch of batches) {
      if (batch.rowCount === 0) continue;
      held.push(batch);
      bytes += columnsBytes(batch.columns, batch.rowCount) + batch.rowCount;
      if (writer === null && bytes > target.bytesMin) writer = new DeltaWriter(target, table, await target.place(table));
      if (writer === null || bytes < target.fileBytes) continue;
      await writer.write(held);
      held = [];
      bytes = 0;
      target.released();
    }
    if (writer === null) {
      if (held.length === 0) return {rowCount: 0, ops: new Uint8Array(0), columns: [], positions: new Float64Array(0)};
      return concatBatches(typesOf(table), held);
    }
    if (held.length > 0) await writer.write(held);
    return await writer.end(first, filling);
  } catch (cause) {
    await writer?.discard();
    throw cause;
  }
}

/** Removes the files of a delta whose frame will not come. */
export async function discardDelta(files: FileSystem, delta: FileDelta): Promise<void> {
  await unlinkAll(files, delta.written);
}

async function unlinkAll(files: FileSystem, paths: readonly string[]): Promise<void> {
  for (const path of paths) await files.unlink(path).catch(() => undefined);
}

function pathsOf(paimon: PaimonTable, {data, changelog}: PreparedFiles): string[] {
  return [...data, ...changelog].map((file) => paimon.dataPath(parseFileEntry(file, paimon.directory)));
}

class DeltaWriter {
  readonly #target: DeltaTarget;
  readonly #table: TableSpec;
  readonly #paimon: PaimonTable;
  readonly #prepared: PreparedFiles[] = [];
  readonly #freed: Float64Array[] = [];
  readonly #firstSequence: number;
  #rowCount = 0;

  constructor(target: DeltaTarget, table: TableSpec, paimon: PaimonTable) {
    this.#target = target;
    this.#table = table;
    this.#paimon = paimon;
    this.#firstSequence = target.nextSequence(table.id);
  }

  async write(batches: readonly ChangeBatch[]): Promise<void> {
    const {session} = this.#target;
    const pieces: RelationPiece[] = [];
    for (const batch of batches) {
      pieces.push(flushPiece(this.#table, this.#paimon, batch, this.#firstSequence + this.#rowCount));
      this.#freed.push(freedPositions(batch));
      this.#rowCount += batch.rowCount;
    }
    session.bindRelation('mr_delta', relationOfPieces(flushShape(this.#table, this.#paimon), pieces, sliceRows));
    try {
      this.#prepared.push(await prepareFlush(session, this.#paimon, {from: "mr_rows('mr_delta')"}));
    } finally {
      session.unbindRelation('mr_delta');
    }
  }

  async end(first: number, filling: boolean): Promise<FileDelta> {
    const joined = joinPrepared(this.#prepared);
    const prepared = filling && this.#firstSequence === 0 ? atLastLevel(this.#paimon, joined) : joined;
    // A table that only grows has no changelog beside its data.
    const named = prepared.changelog.length === 0 ? prepared.data : prepared.changelog;
    const files: FrameFile[] = [];
    for (const entry of named) {
      const path = this.#paimon.dataPath(parseFileEntry(entry, this.#paimon.directory));
      files.push({path: relative(this.#target.directory, path), rows: entry.rowCount, bytes: entry.fileSize, checksum: await fileChecksum(this.#target.files, path)});
    }
    const count = files.reduce((sum, file) => sum + file.rows, 0);
    invariant(count === this.#rowCount, () => `files of table ${this.#table.id} hold ${count} rows, ${this.#rowCount} were given`);
    return {rowCount: count, files, prepared, written: pathsOf(this.#paimon, prepared), first, freed: joinPositions(this.#freed)};
  }

  async discard(): Promise<void> {
    for (const prepared of this.#prepared) await unlinkAll(this.#target.files, pathsOf(this.#paimon, prepared));
  }
}

/** @returns the data files as files of the last level, if no two of them overlap; otherwise as they are. */
function atLastLevel(paimon: PaimonTable, prepared: PreparedFiles): PreparedFiles {
  if (paimon.keyFields.length === 0) return prepared;
  const {levelMax} = compactionRules(paimon.schema.options);
  const data = prepared.data.map((file) => ({...file, level: levelMax}));
  const overlap = overlappingFiles(paimon, data.map((file) => parseFileEntry(file, paimon.directory)));
  return overlap === undefined ? {...prepared, data} : prepared;
}

function freedPositions({rowCount, ops, positions}: ChangeBatch): Float64Array {
  const freed = new Float64Array(rowCount);
  let count = 0;
  for (let i = 0; i < rowCount; i++) if (ops[i] === OP_DELETE || ops[i] === OP_UPDATE_BEFORE) freed[count++] = positions[i]!;
  return freed.slice(0, count);
}

/** In shared memory: they cross beside the frame. */
export function joinPositions(parts: readonly Float64Array[]): Float64Array {
  const joined = new Float64Array(new SharedArrayBuffer(8 * parts.reduce((sum, part) => sum + part.length, 0)));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** @returns the file's checksum as frames name it. */
export async function fileChecksum(files: FileSystem, path: string): Promise<string> {
  await using handle = await files.open(path, 'r');
  const buffer = new Uint8Array(checksumBytes);
  let crc = 0;
  for (let at = 0; ;) {
    const read = await handle.read(buffer, at);
    if (read === 0) break;
    crc = crc32(buffer.subarray(0, read), crc);
    at += read;
  }
  return `crc32:${crc.toString(16).padStart(8, '0')}`;
}
