/**
 * The checkpoints that there are, as a list of epochs: their files are read when somebody asks, and few of them are held. A day of
 * history is thousands of checkpoints, each with the whole catalog.
 *
 * The two threads have one each: the worker's decides, the main thread's follows what the worker says.
 */
import {epoch as toEpoch, type Epoch} from '../base/epoch.ts';
import {WarehouseError} from '../base/error.ts';
import {checkpointCacheCount} from '../base/limit.ts';
import type {FileSystem} from '../storage/file/file-system.ts';
import {listCheckpoints, loadCheckpoint, readCheckpointHead, type Checkpoint, type CheckpointHead} from '../storage/lsm/checkpoint-file.ts';
import {epochAtTime} from '../storage/lsm/epoch-times.ts';
import {metaDirectory} from './layout.ts';

export class CheckpointIndex {
  readonly #files: FileSystem;
  readonly #home: string;
  #epochs: Epoch[];
  /** Least recently used first. */
  readonly #loaded = new Map<Epoch, Promise<Checkpoint | undefined>>();

  /** @param directory the warehouse's. @param epochs rising. */
  constructor(files: FileSystem, directory: string, epochs: readonly Epoch[] = []) {
    this.#files = files;
    this.#home = metaDirectory(directory);
    this.#epochs = [...epochs];
  }

  /** @param newest the newest checkpoint; a file above it was cut off. */
  static async open(files: FileSystem, directory: string, newest: Epoch): Promise<CheckpointIndex> {
    const epochs = await listCheckpoints(files, metaDirectory(directory));
    return new CheckpointIndex(files, directory, epochs.filter((epoch) => epoch <= newest));
  }

  /** Rising. Files that were cut off may lie among them until they are asked for. */
  get epochs(): readonly Epoch[] {
    return this.#epochs;
  }

  /** Takes a checkpoint in that was written now, perhaps in place of one of the same epoch. */
  add(epoch: Epoch): void {
    this.#loaded.delete(epoch);
    if (epoch > (this.#epochs.at(-1) ?? -1)) this.#epochs.push(epoch);
  }

  remove(gone: ReadonlySet<Epoch>): void {
    this.#epochs = this.#epochs.filter((epoch) => !gone.has(epoch));
    for (const epoch of gone) this.#loaded.delete(epoch);
  }

  /** @returns a checkpoint; undefined if there is none of that epoch, or its file cannot be read. */
  async load(epoch: Epoch): Promise<Checkpoint | undefined> {
    const index = this.#indexOf(epoch);
    if (this.#epochs[index] !== epoch) return undefined;
    const loading = this.#loaded.get(epoch) ?? loadCheckpoint(this.#files, this.#home, epoch).catch((cause: unknown) => {
      if (cause instanceof WarehouseError && cause.kind === 'data') return undefined;
      throw cause;
    });
    this.#loaded.delete(epoch);
    this.#loaded.set(epoch, loading);
    for (const old of this.#loaded.keys()) {
      if (this.#loaded.size <= checkpointCacheCount) break;
      this.#loaded.delete(old);
    }
    const found = await loading.catch((cause: unknown) => {
      this.#loaded.delete(epoch);
      throw cause;
    });
    if (found === undefined) this.remove(new Set([epoch]));
    return found;
  }

  /** @returns the oldest checkpoint at or after `epoch`; undefined if there is none. */
  async atOrAfter(epoch: Epoch): Promise<Checkpoint | undefined> {
    for (let next = this.#epochs[this.#indexOf(epoch)]; next !== undefined; next = this.#epochs[this.#indexOf(epoch)]) {
      const found = await this.load(next);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** @returns the newest checkpoint at or before `epoch`; undefined if there is none. */
  async atOrBefore(epoch: Epoch): Promise<Checkpoint | undefined> {
    for (;;) {
      const next = this.#epochs[this.#indexOf(toEpoch(epoch + 1)) - 1];
      if (next === undefined) return undefined;
      const found = await this.load(next);
      if (found !== undefined) return found;
    }
  }

  /** @returns the head of the newest checkpoint that is no younger than `timeMs`; undefined if there is none. Reads few bytes of few files. */
  async headAtTime(timeMs: number): Promise<CheckpointHead | undefined> {
    const index = await this.#firstAfterTime(timeMs);
    const epoch = this.#epochs[index - 1];
    return epoch === undefined ? undefined : this.#head(epoch);
  }

  /**
   * @param untold says it of untold epochs (untold-history.ts), those after the one it is given.
   * @returns the newest epoch sealed at or before `timeMs`, by the files; undefined if it is older than what they tell of.
   */
  async epochAtTime(timeMs: number, untold: (since: Epoch) => Promise<Epoch | undefined>): Promise<Epoch | undefined> {
    const index = await this.#firstAfterTime(timeMs);
    const before = this.#epochs[index - 1];
    const after = this.#epochs[index] === undefined ? undefined : await this.load(this.#epochs[index]!);
    if (after?.previous === null) return untold(before ?? toEpoch(0));
    return (after === undefined ? undefined : epochAtTime(after.times, after.epoch, timeMs)) ?? before ?? after?.previous ?? undefined;
  }

  /** @returns the newest checkpoint that does not tell of the epochs before it; 0 if there is none. They are the oldest ones. */
  async newestUntold(): Promise<Epoch> {
    let newest = toEpoch(0);
    for (const epoch of this.#epochs.slice()) {
      const head = await this.#head(epoch);
      if (head === undefined) continue;
      if (head.previous !== null) break;
      newest = epoch;
    }
    return newest;
  }

  /** @returns the index of the first checkpoint whose epoch was sealed after `timeMs`. */
  async #firstAfterTime(timeMs: number): Promise<number> {
    let low = 0;
    let high = this.#epochs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const head = await this.#head(this.#epochs[middle]!);
      if (head === undefined) return this.#firstAfterTime(timeMs); // it was taken out of the list
      if (head.timeMs > timeMs) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  async #head(epoch: Epoch): Promise<CheckpointHead | undefined> {
    return (await readCheckpointHead(this.#files, this.#home, epoch)) ?? this.load(epoch);
  }

  /** @returns the index of the first epoch that is at least `epoch`. */
  #indexOf(epoch: Epoch): number {
    let low = 0;
    let high = this.#epochs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#epochs[middle]! >= epoch) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
