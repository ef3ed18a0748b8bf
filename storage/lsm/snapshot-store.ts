/**
 * The snapshots of a table on disk. `snapshot-N` files are made once and never changed; the LATEST and EARLIEST hints may be
 * missing or stale, so they are believed only as far as the files bear them out.
 */
import {join} from 'node:path';
import {WarehouseError} from '../../base/error.ts';
import {parseSnapshot, printSnapshot, type Snapshot} from '../paimon/snapshot.ts';
import {putIfAbsent, writeDurably} from '../file/durable.ts';
import type {FileSystem} from '../file/file-system.ts';
import type {TablePaths} from './table-paths.ts';

/** Snapshot objects kept per table; they are small and immutable. */
const SNAPSHOTS_CACHED_MAX = 256;

export class SnapshotStore {
  readonly #files: FileSystem;
  readonly #paths: TablePaths;
  readonly #cache = new Map<number, Snapshot>();

  constructor(files: FileSystem, paths: TablePaths) {
    this.#files = files;
    this.#paths = paths;
  }

  /** @returns the newest snapshot's id, or undefined when nothing was committed. */
  async latestId(): Promise<number | undefined> {
    const hint = await this.#hint('LATEST');
    if (hint !== undefined && await this.#exists(hint) && !(await this.#exists(hint + 1))) return hint;
    return (await this.ids()).at(-1);
  }

  async earliestId(): Promise<number | undefined> {
    const hint = await this.#hint('EARLIEST');
    if (hint !== undefined && await this.#exists(hint)) return hint;
    return (await this.ids())[0];
  }

  /** @returns all ids, ascending. */
  async ids(): Promise<readonly number[]> {
    const directory = this.#paths.snapshotDirectory();
    if (!(await this.#files.exists(directory))) return [];
    const names = (await this.#files.readdir(directory)).map((entry) => /^snapshot-([1-9]\d*)$/.exec(entry.name)?.[1]);
    return names.filter((id) => id !== undefined).map(Number).sort((a, b) => a - b);
  }

  /** A snapshot that has expired is still read while a tag keeps it. @throws {WarehouseError} `MR_SNAPSHOT_GONE` (invalid) when it does not exist; `MR_PAIMON_DAMAGED`. */
  async read(id: number): Promise<Snapshot> {
    const cached = this.#cache.get(id);
    if (cached !== undefined) return cached;
    const path = this.#paths.snapshot(id);
    let bytes: Uint8Array;
    try {
      bytes = await this.#files.readFile(path);
    } catch (cause) {
      if (!(cause instanceof WarehouseError) || cause.code !== 'MR_FILE_MISSING') throw cause;
      const tagged = await this.#tagged(id);
      if (tagged !== undefined) return this.#remember(tagged);
      throw new WarehouseError('invalid', 'MR_SNAPSHOT_GONE', `snapshot ${id} does not exist or has expired: '${path}'`, {cause, hint: 'read at a newer snapshot'});
    }
    return this.#remember(parseSnapshot(Buffer.from(bytes).toString('utf8'), path));
  }

  /** Makes `snapshot-<id>` durably. @returns false when the id is taken. */
  async put(snapshot: Snapshot): Promise<boolean> {
    const made = await putIfAbsent(this.#files, this.#paths.snapshot(snapshot.id), Buffer.from(printSnapshot(snapshot)));
    if (made) this.#remember(snapshot);
    return made;
  }

  /** Points LATEST at `id`, and EARLIEST if there is none. Always after the snapshot: a hint ahead of it makes Java fail. */
  async writeHints(id: number): Promise<void> {
    await writeDurably(this.#files, this.#paths.hint('LATEST'), Buffer.from(String(id)));
    if (!(await this.#files.exists(this.#paths.hint('EARLIEST')))) {
      const first = (await this.ids())[0] ?? id;
      await writeDurably(this.#files, this.#paths.hint('EARLIEST'), Buffer.from(String(first)));
    }
  }

  /** The snapshot has expired: the next read looks for it anew. */
  forget(id: number): void {
    this.#cache.delete(id);
  }

  async #tagged(id: number): Promise<Snapshot | undefined> {
    const directory = this.#paths.tagDirectory();
    if (!(await this.#files.exists(directory))) return undefined;
    for (const {name} of await this.#files.readdir(directory)) {
      if (!/^tag-./.test(name)) continue;
      const path = join(directory, name);
      const snapshot = parseSnapshot(Buffer.from(await this.#files.readFile(path)).toString('utf8'), path);
      if (snapshot.id === id) return snapshot;
    }
    return undefined;
  }

  #remember(snapshot: Snapshot): Snapshot {
    if (this.#cache.size >= SNAPSHOTS_CACHED_MAX) this.#cache.delete(this.#cache.keys().next().value!);
    this.#cache.set(snapshot.id, snapshot);
    return snapshot;
  }

  async #hint(name: 'LATEST' | 'EARLIEST'): Promise<number | undefined> {
    const path = this.#paths.hint(name);
    if (!(await this.#files.exists(path))) return undefined;
    const text = Buffer.from(await this.#files.readFile(path)).toString('utf8').trim();
    return /^[1-9]\d{0,15}$/.test(text) ? Number(text) : undefined;
  }

  #exists(id: number): Promise<boolean> {
    return this.#files.exists(this.#paths.snapshot(id));
  }
}
