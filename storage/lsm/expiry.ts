/**
 * Expiry of a table's snapshots, with the files that only they reach.
 *
 * What goes and what stays is decided by `planExpiry`, pure: snapshots below the floor, oldest first and without gaps. Of their files go
 * - data files that a later snapshot up to the floor deleted (only older ones read them), unless the floor has one of that name: a file
 *   that moved to another level is deleted and added;
 * - their changelog files, manifests and lists, unless the floor names them;
 * and nothing that a tag, a branch or a long-lived changelog names.
 *
 * `Expiry.remove` does it in an order in which nothing that can be reached is ever broken: EARLIEST is moved to the floor, so that other
 * engines begin no read below it; snapshot files go one by one, oldest first, each durably; then the files, which nothing names any more.
 * A crash between leaves files that nothing names: orphans, and orphans.ts removes them when they are old enough.
 *
 * `snapshot.num-retained.*` and `snapshot.time-retained` of a table are for other engines, so that they leave this to us.
 *
 * Who calls it has seen to it that nobody of this process reads below the floor (engine/history-holds.ts).
 */
import {dirname} from 'node:path';
import type {ManifestEntry} from '../paimon/manifest.ts';
import type {Snapshot} from '../paimon/snapshot.ts';
import {writeDurably} from '../file/durable.ts';
import type {PaimonTable} from './paimon-table.ts';
import {FileNames, tableReferences, type TableReferences} from './table-references.ts';

/** What an expiry is decided from. */
export interface ExpiryInput {
  /** All snapshots there are, rising. */
  readonly ids: readonly number[];
  /** The first that must stay, for all that we know. */
  readonly floor: number;
  /** What a consumer of another engine reads next. */
  readonly nextRead: number | undefined;
  /** Snapshots that go at once. */
  readonly countMax: number;
}

/** @returns the snapshots that go, oldest first, and the first that stays; undefined when none goes. The newest always stays. */
export function planExpiry({ids, floor, countMax, nextRead}: ExpiryInput): {readonly gone: readonly number[]; readonly floor: number} | undefined {
  if (ids.length === 0) return undefined;
  const end = Math.min(floor, nextRead ?? Infinity, ids.at(-1)!);
  const gone = ids.slice(0, countMax).filter((id) => id < end);
  return gone.length === 0 ? undefined : {gone, floor: ids[gone.length]!};
}

/** What was removed. */
export interface ExpiredCounts {
  readonly snapshots: number;
  readonly dataFiles: number;
  readonly changelogFiles: number;
  readonly metadataFiles: number;
  readonly bytes: number;
}

export interface ExpirySpec {
  /** The first snapshot that must stay. */
  readonly floor: number;
  /** Snapshots that go at once. */
  readonly countMax: number;
}

/** Decided: which snapshots and files go. */
export class Expiry {
  readonly gone: readonly Snapshot[];
  readonly floor: number;
  readonly #table: PaimonTable;
  readonly #data: readonly ManifestEntry[];
  readonly #changelog: readonly ManifestEntry[];
  readonly #metadata: readonly string[];

  private constructor(table: PaimonTable, floor: number, gone: readonly Snapshot[], data: readonly ManifestEntry[], changelog: readonly ManifestEntry[], metadata: readonly string[]) {
    this.#table = table;
    this.floor = floor;
    this.gone = gone;
    this.#data = data;
    this.#changelog = changelog;
    this.#metadata = metadata;
  }

  /**
   * @returns undefined when nothing is to go.
   * @throws {WarehouseError} `MR_PAIMON_DAMAGED`, `MR_FILE_MISSING` when what decides cannot be read: nothing goes then.
   */
  static async plan(table: PaimonTable, spec: ExpirySpec): Promise<Expiry | undefined> {
    const ids = await table.snapshots.ids();
    if (ids.length === 0 || ids[0]! >= spec.floor) return undefined;
    const references = await tableReferences(table);
    const planned = planExpiry({...spec, ids, nextRead: references.nextRead});
    if (planned === undefined) return undefined;
    const gone: Snapshot[] = [];
    for (const id of planned.gone) gone.push(await table.snapshots.read(id));
    return new Expiry(table, planned.floor, gone, ...await unreachable(table, gone, planned.floor, references));
  }

  /** Removes them; what fails can be repeated. */
  async remove(): Promise<ExpiredCounts> {
    const {files, paths, snapshots} = this.#table;
    await writeDurably(files, paths.hint('EARLIEST'), Buffer.from(String(this.floor)));
    for (const {id} of this.gone) {
      snapshots.forget(id);
      await files.unlink(paths.snapshot(id)).catch(missing);
      await files.syncDirectory(paths.snapshotDirectory());
    }
    for (const entry of [...this.#data, ...this.#changelog]) {
      const path = this.#table.dataPath(entry);
      await files.unlink(path).catch(missing);
      for (const extra of entry.file.extraFiles) await files.unlink(`${dirname(path)}/${extra}`).catch(missing);
    }
    for (const path of this.#metadata) await files.unlink(path).catch(missing);
    const bytes = [...this.#data, ...this.#changelog].reduce((sum, {file}) => sum + file.fileSize, 0);
    return {snapshots: this.gone.length, dataFiles: this.#data.length, changelogFiles: this.#changelog.length, metadataFiles: this.#metadata.length, bytes};
  }
}

/** What an earlier try has removed already. */
function missing(cause: unknown): void {
  if ((cause as {code?: string}).code !== 'MR_FILE_MISSING') throw cause;
}

/** @returns data files, changelog files, and paths of metadata that only the snapshots that go reach. */
async function unreachable(table: PaimonTable, gone: readonly Snapshot[], floorId: number, {kept}: TableReferences): Promise<[ManifestEntry[], ManifestEntry[], string[]]> {
  const {snapshot: floor, live} = (await table.state(floorId))!;
  const held = new FileNames(table);
  for (const snapshot of kept) await held.add(snapshot);
  const stays = new FileNames(table);
  await stays.add(floor);
  const liveNames = new Set(live.map(({file}) => file.fileName));
  const data = new Map<string, ManifestEntry>();
  const changelog = new Map<string, ManifestEntry>();
  const going = new FileNames(table);
  for (const snapshot of [...gone, floor]) {
    for (const entry of await table.entries(await table.manifestList(snapshot.deltaManifestList, snapshot.deltaManifestListSize))) {
      const {fileName} = entry.file;
      if (entry.kind === 'delete' && entry.file.externalPath === null && !liveNames.has(fileName) && !held.data.has(fileName)) data.set(fileName, entry);
    }
    if (snapshot === floor) continue;
    await going.add(snapshot);
    if (snapshot.changelogManifestList === undefined) continue;
    for (const entry of await table.entries(await table.manifestList(snapshot.changelogManifestList, snapshot.changelogManifestListSize))) {
      if (entry.file.externalPath === null && !held.data.has(entry.file.fileName)) changelog.set(entry.file.fileName, entry);
    }
  }
  const metadata = [...going.manifests].filter((name) => !stays.manifests.has(name) && !held.manifests.has(name)).map((name) => table.paths.manifest(name));
  for (const name of going.index) {
    if (!stays.index.has(name) && !held.index.has(name)) metadata.push(name.startsWith('stat-') ? table.paths.statistics(name) : table.paths.index(name));
  }
  return [[...data.values()], [...changelog.values()], metadata];
}
