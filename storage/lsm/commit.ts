/**
 * Commit: prepared files become one snapshot of the table.
 *
 * 1. Look back from the newest snapshot for one of ours (commit user) with this identifier: found, then an earlier try got in
 *    and there is nothing to do. Identifiers of one user's flushes rise, so the look ends at a smaller one. A compaction is known
 *    by its output files instead.
 * 2. Check what the change relies on: every file it removes is live, and no two files of one level below 0 overlap.
 * 3. Write the delta as a manifest, the lists (base: what the newest snapshot holds, small manifests merged now and then), then
 *    `snapshot-<n + 1>` if that name is free. Lost: remove what step 3 wrote and go to 1.
 * 4. Move the hints.
 *
 * A failure in step 3 leaves open whether the snapshot is there; the caller repeats the commit and step 1 decides. Everything a
 * snapshot names is durable before the snapshot is.
 */
import {join} from 'node:path';
import {uuid} from '../../base/id.ts';
import {WarehouseError} from '../../base/error.ts';
import {invariant} from '../../base/invariant.ts';
import {makeDirectoryDurably} from '../file/durable.ts';
import type {FileHandle} from '../file/file-system.ts';
import type {AvroCodec} from '../paimon/avro-file.ts';
import {parseFileEntry} from '../paimon/file-entry-json.ts';
import {encodeManifest, entryIdentity, type ManifestEntry, mergeEntries} from '../paimon/manifest.ts';
import {encodeManifestList, type ManifestFileMeta, manifestFileMeta} from '../paimon/manifest-list.ts';
import type {CommitKind, Snapshot} from '../paimon/snapshot.ts';
import type {PreparedFiles} from './flush.ts';
import {overlappingFiles} from './key-range.ts';
import type {PaimonTable, TableState} from './paimon-table.ts';
import {MANIFEST_CODECS} from './table-features.ts';

export interface CommitOptions extends ChangeOptions {
  /** Rises with every commit of this user: the checkpoint's epoch. */
  readonly commitIdentifier: bigint;
  /** Free text kept in the snapshot; its epoch, for one. */
  readonly properties?: Readonly<Record<string, string>>;
  /**
   * The newest snapshot that the caller knows (0: none). If others committed after it the commit is refused, because the caller's
   * picture of the table is then not what is in it.
   */
  readonly afterSnapshot?: number;
}

/** Of a compaction: identifier and properties are those of the snapshot before. */
export interface ChangeOptions {
  /** One per warehouse, for its life. */
  readonly commitUser: string;
}

/** Lost races for a snapshot id before giving up; only foreign writers can cause one. */
const TRIES_MAX = 10;
/** Between two tries, doubled from one to the next. */
const RETRY_WAIT_MS_MIN = 10;
const RETRY_WAIT_MS_MAX = 10_000;
/** From this many small manifests on, they are merged. */
const MERGE_MIN_COUNT = 30;
const MANIFEST_TARGET_BYTES = 8 * 1024 * 1024;
/** Entries of one merged manifest: about 8 MB before compression. */
const MANIFEST_ENTRIES_MAX = 20_000;
/** Files that are synced side by side: one of the four threads of Node's pool stays free. */
const SYNCS_AT_ONCE = 3;
/** Bytes of manifests with DELETEs from which on all are merged, so that what they delete goes from the others. */
const FULL_MERGE_BYTES = 16 * 1024 * 1024;

/**
 * Adds the files of a flush. Repeating it with the same user and identifier completes or confirms it, never doubles it.
 *
 * @returns the snapshot that holds them; undefined when `prepared` is empty (then no snapshot is made).
 * @throws {WarehouseError} `MR_PAIMON_FOREIGN` (conflict) when others committed after `afterSnapshot`, `MR_PAIMON_CONFLICT`
 *   (conflict) when the table changed under the change, `MR_PAIMON_BUSY` (unavailable) after too many lost races.
 */
export async function commitFlush(table: PaimonTable, prepared: PreparedFiles, options: CommitOptions): Promise<Snapshot | undefined> {
  table.checkWritable();
  if (prepared.data.length + prepared.changelog.length === 0) return undefined;
  const entry = (json: unknown): ManifestEntry => parseFileEntry(json, `${table.directory}: prepared files`);
  return await commitChange(table, {kind: 'APPEND', delta: prepared.data.map(entry), changelog: prepared.changelog.map(entry)}, options);
}

/** A change of the table's file list. */
export interface TableChange {
  readonly kind: CommitKind & ('APPEND' | 'COMPACT');
  readonly delta: readonly ManifestEntry[];
  readonly changelog: readonly ManifestEntry[];
}

/** The commit behind flush and compaction; throws as {@link commitFlush}. A compaction carries on what the snapshot before it says. */
export async function commitChange(table: PaimonTable, change: TableChange, given: ChangeOptions | CommitOptions): Promise<Snapshot> {
  for (let attempt = 0; attempt < TRIES_MAX; attempt++) {
    const state = await table.state();
    invariant('commitIdentifier' in given || state !== undefined, () => `a compaction of '${table.directory}' before its first commit`);
    const options: CommitOptions = 'commitIdentifier' in given ? given : {...given, commitIdentifier: state!.snapshot.commitIdentifier, ...(state!.snapshot.properties === undefined ? {} : {properties: state!.snapshot.properties})};
    const done = await findCommit(table, state, change, options);
    if (done !== undefined) {
      await table.snapshots.writeHints(state!.snapshot.id);
      return done;
    }
    checkChange(table, state, change);
    if (state === undefined) await ensureDirectories(table);
    const writer = new ManifestWriter(table);
    const snapshot = await writeSnapshotParts(table, writer, state, change, options);
    if (await table.snapshots.put(snapshot)) {
      await table.snapshots.writeHints(snapshot.id);
      return snapshot;
    }
    await writer.remove();
    await new Promise<void>((resolve) => table.clock.after(Math.min(RETRY_WAIT_MS_MAX, RETRY_WAIT_MS_MIN * 2 ** attempt), resolve));
  }
  throw new WarehouseError('unavailable', 'MR_PAIMON_BUSY', `lost ${TRIES_MAX} races to commit to '${table.directory}'`, {hint: 'other writers commit to this table without pause'});
}

/** Others make a table of nothing but its schema file. */
async function ensureDirectories(table: PaimonTable): Promise<void> {
  for (const path of [table.paths.manifestDirectory(), table.paths.snapshotDirectory()]) {
    if (!(await table.files.exists(path))) await makeDirectoryDurably(table.files, path);
  }
}

/** Step 1 of the header. @returns the snapshot of an earlier try. */
async function findCommit(table: PaimonTable, state: TableState | undefined, change: TableChange, options: CommitOptions): Promise<Snapshot | undefined> {
  if (state === undefined) return undefined;
  const earliest = (await table.snapshots.earliestId())!;
  let newer: Snapshot | undefined;
  for (let id = state.snapshot.id; id >= earliest; id--) {
    const snapshot = await table.snapshots.read(id);
    if (snapshot.commitUser !== options.commitUser) {
      if (options.afterSnapshot !== undefined && id > options.afterSnapshot) {
        throw new WarehouseError('conflict', 'MR_PAIMON_FOREIGN', `expected no commit of others to '${table.directory}' after snapshot ${options.afterSnapshot}, found snapshot ${id} by "${snapshot.commitUser}"`,
          {hint: 'only Millrace may write its tables; roll the foreign commit back'});
      }
      continue;
    }
    // A compaction is never done again from a checkpoint, so it is known by its files.
    if (change.kind === 'COMPACT') return outputsLive(state, change) ? state.snapshot : undefined;
    if (snapshot.commitKind !== change.kind) continue;
    if (snapshot.commitIdentifier === options.commitIdentifier) return snapshot;
    if (snapshot.commitIdentifier < options.commitIdentifier) break;
    newer = snapshot;
  }
  if (newer === undefined) return undefined;
  throw new WarehouseError('conflict', 'MR_PAIMON_CONFLICT', `commit ${options.commitIdentifier} to '${table.directory}' comes after commit ${newer.commitIdentifier} of the same user (snapshot ${newer.id})`);
}

function outputsLive(state: TableState, change: TableChange): boolean {
  const added = new Set(change.delta.filter((entry) => entry.kind === 'add').map(entryIdentity));
  return state.live.some((entry) => added.has(entryIdentity(entry)));
}

/** Step 2 of the header. */
function checkChange(table: PaimonTable, state: TableState | undefined, change: TableChange): void {
  checkBucketCounts(table, state, change);
  if (change.delta.every((entry) => entry.kind === 'add' && entry.file.level === 0)) return;
  const live = new Map((state?.live ?? []).map((entry) => [entryIdentity(entry), entry]));
  for (const entry of change.delta) {
    const identity = entryIdentity(entry);
    const conflict = entry.kind === 'delete' ? !live.delete(identity) : live.has(identity);
    if (conflict) throw compactionConflict(table, `file "${entry.file.fileName}" ${entry.kind === 'delete' ? 'is no longer live' : 'is already live'}`);
    if (entry.kind === 'add') live.set(identity, entry);
  }
  const overlap = overlappingFiles(table, [...live.values()].filter((entry) => entry.file.level > 0));
  if (overlap !== undefined) throw compactionConflict(table, `files "${overlap[0].file.fileName}" and "${overlap[1].file.fileName}" of level ${overlap[0].file.level} would overlap`);
}

/** Readers look for a key in the bucket that its hash gives of the partition's one count. */
function checkBucketCounts(table: PaimonTable, state: TableState | undefined, change: TableChange): void {
  const name = ({partition}: ManifestEntry): string => Buffer.from(partition).toString('base64');
  const added = new Map(change.delta.filter(({kind}) => kind === 'add').map((entry) => [name(entry), entry]));
  for (const entry of state?.live ?? []) {
    const other = added.get(name(entry));
    if (other === undefined || other.totalBuckets === entry.totalBuckets) continue;
    throw new WarehouseError('conflict', 'MR_PAIMON_CONFLICT', `files of ${other.totalBuckets} buckets cannot be added to '${table.directory}' beside "${entry.file.fileName}" of ${entry.totalBuckets}`, {hint: "the option 'bucket' has changed: the partition must be written anew first"});
  }
}

function compactionConflict(table: PaimonTable, found: string): WarehouseError {
  return new WarehouseError('conflict', 'MR_PAIMON_CONFLICT', `the compaction of '${table.directory}' was overtaken: ${found}`, {hint: 'it is planned again from the present files'});
}

async function writeSnapshotParts(table: PaimonTable, writer: ManifestWriter, state: TableState | undefined, change: TableChange, options: CommitOptions): Promise<Snapshot> {
  const before = state?.snapshot;
  const {baseList, deltaList, changelogList} = await writer.durably(async () => {
    const base = before === undefined ? [] : await mergeManifests(table, writer, [
      ...await table.manifestList(before.baseManifestList, before.baseManifestListSize),
      ...await table.manifestList(before.deltaManifestList, before.deltaManifestListSize),
    ]);
    return {
      baseList: await writer.list(base), deltaList: await writer.list(await writer.manifests(change.delta)),
      changelogList: change.changelog.length === 0 ? undefined : await writer.list(await writer.manifests(change.changelog)),
    };
  });
  const deltaRecordCount = change.delta.reduce((sum, entry) => sum + (entry.kind === 'add' ? 1 : -1) * entry.file.rowCount, 0);
  return {
    id: (before?.id ?? 0) + 1, schemaId: Math.max(before?.schemaId ?? 0, table.schema.id),
    baseManifestList: baseList.fileName, baseManifestListSize: baseList.bytes, deltaManifestList: deltaList.fileName, deltaManifestListSize: deltaList.bytes,
    ...(changelogList === undefined ? {} : {changelogManifestList: changelogList.fileName, changelogManifestListSize: changelogList.bytes}),
    ...(before?.indexManifest === undefined ? {} : {indexManifest: before.indexManifest}),
    commitUser: options.commitUser, commitIdentifier: options.commitIdentifier, commitKind: change.kind, timeMillis: table.clock.nowMs(),
    totalRecordCount: (before?.totalRecordCount ?? 0) + deltaRecordCount, deltaRecordCount,
    ...(changelogList === undefined ? {} : {changelogRecordCount: change.changelog.reduce((sum, entry) => sum + entry.file.rowCount, 0)}),
    ...(before?.watermark === undefined ? {} : {watermark: before.watermark}),
    // They are of the columns that the table had.
    ...(before?.statistics === undefined || before.schemaId !== table.schema.id ? {} : {statistics: before.statistics}),
    ...(options.properties === undefined ? {} : {properties: options.properties}),
    nextRowId: before?.nextRowId ?? 0n,
  };
}

/** @returns whether a manifest has room for entries of others. One of many entries may be small when it is compressed. */
export function worthMerging(meta: Pick<ManifestFileMeta, 'fileSize' | 'addedCount' | 'deletedCount'>): boolean {
  return meta.fileSize < MANIFEST_TARGET_BYTES && (meta.addedCount + meta.deletedCount) * 2 <= MANIFEST_ENTRIES_MAX;
}

/** Without merging, every commit would add a line to the list and a file to every cold plan. */
async function mergeManifests(table: PaimonTable, writer: ManifestWriter, metas: readonly ManifestFileMeta[]): Promise<readonly ManifestFileMeta[]> {
  const small = metas.filter((meta) => worthMerging(meta));
  // DELETEs make their ADDs in other manifests worthless: when they have grown, everything is merged.
  const deleting = metas.filter((meta) => meta.deletedCount > 0).reduce((sum, meta) => sum + meta.fileSize, 0);
  if (deleting >= FULL_MERGE_BYTES) return await writer.manifests(mergeEntries(await table.entries(metas)).live);
  if (small.length < MERGE_MIN_COUNT) return metas;
  // DELETEs whose ADD lies in a large manifest stay.
  const {live, deletes} = mergeEntries(await table.entries(small));
  return [...metas.filter((meta) => !small.includes(meta)), ...await writer.manifests([...live, ...deletes])];
}

/** Writes the metadata files of one try, and knows them, to take them away if the try is lost. */
class ManifestWriter {
  readonly #table: PaimonTable;
  readonly #codec: AvroCodec;
  readonly #name = uuid();
  readonly #written: string[] = [];
  readonly #unsynced: FileHandle[] = [];
  #listCount = 0;
  #manifestCount = 0;

  constructor(table: PaimonTable) {
    this.#table = table;
    this.#codec = MANIFEST_CODECS[table.schema.options['manifest.compression'] ?? 'zstd']!;
  }

  async manifests(entries: readonly ManifestEntry[]): Promise<ManifestFileMeta[]> {
    const metas: ManifestFileMeta[] = [];
    for (let start = 0; start < entries.length; start += MANIFEST_ENTRIES_MAX) {
      const part = entries.slice(start, start + MANIFEST_ENTRIES_MAX);
      const fileName = `manifest-${this.#name}-${this.#manifestCount++}`;
      const bytes = await encodeManifest(part, this.#codec);
      await this.#write(fileName, bytes);
      this.#table.remember(fileName, part);
      metas.push(manifestFileMeta(fileName, bytes.length, part, this.#table.partitionFields.map(({type}) => type)));
    }
    return metas;
  }

  async list(metas: readonly ManifestFileMeta[]): Promise<{readonly fileName: string; readonly bytes: number}> {
    const fileName = `manifest-list-${this.#name}-${this.#listCount++}`;
    const bytes = await encodeManifestList(metas, this.#codec);
    await this.#write(fileName, bytes);
    return {fileName, bytes: bytes.length};
  }

  async remove(): Promise<void> {
    for (const path of this.#written) await this.#table.files.unlink(path);
  }

  /**
   * Files that `write` makes are durable when this resolves. They are synced at the end, side by side: what is synced at once costs the disk
   * one or two flushes instead of one each, and each of them keeps appends to the log waiting.
   */
  async durably<T>(write: () => Promise<T>): Promise<T> {
    try {
      const result = await write();
      for (let at = 0; at < this.#unsynced.length; at += SYNCS_AT_ONCE) {
        // None is under way any more when the first failure is told: then the files are closed.
        const synced = await Promise.allSettled(this.#unsynced.slice(at, at + SYNCS_AT_ONCE).map((handle) => handle.sync()));
        for (const one of synced) if (one.status === 'rejected') throw one.reason;
      }
      await this.#table.files.syncDirectory(this.#table.paths.manifestDirectory());
      return result;
    } finally {
      // All of them, whatever becomes of one; they are durable or the error is on its way.
      await Promise.allSettled(this.#unsynced.splice(0).map((handle) => handle.close()));
    }
  }

  // No temporary name: nothing refers to the file until the snapshot does.
  async #write(fileName: string, bytes: Uint8Array): Promise<void> {
    const path = join(this.#table.paths.manifestDirectory(), fileName);
    const handle = await this.#table.files.open(path, 'wx+');
    this.#unsynced.push(handle);
    this.#written.push(path);
    await handle.write([bytes], 0);
  }
}
