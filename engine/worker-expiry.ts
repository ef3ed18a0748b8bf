/**
 * Expiry: the second phase. What is held was computed, and the oldest readable epoch moved up to it, before (history-holds.ts; the
 * checkpointer then removes checkpoint files): here go the table snapshots, changelog and data files that no kept checkpoint needs any
 * more (storage/lsm/expiry.ts), and orphans that are old enough (storage/lsm/orphans.ts).
 *
 * A table's floor is its snapshot in the checkpoint that its history begins with: that of the warehouse's oldest readable epoch (of a
 * table with a `history.retention` of its own the newest one that is older), or an older one from which somebody reads on: a subscription, a read under way,
 * a lease. Below the floor only what a tag, a branch or a consumer in the table's folder reaches stays. A tag that is a moment between
 * two kept checkpoints holds all from the first of them on.
 *
 * Runs after checkpoints, not more often than every `expiryMs`, one table at a time in its turn with checkpoints, and so many snapshots
 * of a table at once (`expirySnapshotsMax`). What fails is tried again with the next run: nothing that can be reached is broken meanwhile.
 */
import {join} from 'node:path';
import type {Clock} from '../base/clock.ts';
import {epoch as toEpoch, type Epoch} from '../base/epoch.ts';
import {asWarehouseError, type WarehouseError} from '../base/error.ts';
import {expiryMs, expirySnapshotsMax, orphanSearchMs, underWayMsMax} from '../base/limit.ts';
import type {TableId, TableSpec} from '../catalog/spec.ts';
import type {FileSystem} from '../storage/file/file-system.ts';
import {temporaryName} from '../storage/file/durable.ts';
import type {Checkpoint} from '../storage/lsm/checkpoint-file.ts';
import {parseDuration} from '../storage/lsm/duration.ts';
import {Expiry, type ExpiredCounts} from '../storage/lsm/expiry.ts';
import {removeOrphans} from '../storage/lsm/orphans.ts';
import {tableReferences} from '../storage/lsm/table-references.ts';
import {checkpointDirectory} from './layout.ts';
import type {Checkpointer} from './worker-checkpoint.ts';

export interface ExpiryServiceOptions {
  readonly clock: Clock;
  readonly files: FileSystem;
  /** The warehouse's. */
  readonly directory: string;
  readonly checkpointer: Checkpointer;
  readonly tables: () => readonly TableSpec[];
  /** The epoch from which history is kept for whoever comes; epochs from which somebody reads on; moments that somebody keeps. */
  readonly held: () => {readonly retained: Epoch; readonly onward: Epoch | undefined; readonly moments: readonly Epoch[]};
  /** For how long history is kept: expiry runs more often where that is short. */
  readonly retentionMs: () => number;
  /** A file that nothing names goes at this age. */
  readonly orphanAgeMs: number;
  readonly background: boolean;
}

export class ExpiryService {
  readonly #options: ExpiryServiceOptions;
  /** First snapshots of tables, as far as they are known to be. */
  readonly #earliest = new Map<TableId, number>();
  #running: Promise<unknown> | null = null;
  #lastMs = -Infinity;
  #lastSearchMs = -Infinity;
  #stopped = false;
  readonly #openedMs: number;
  /** Since the opening. */
  readonly expired = {snapshots: 0, dataFiles: 0, changelogFiles: 0, metadataFiles: 0, bytes: 0};
  orphans = 0;
  /** Why the newest run left something undone; null when it did not. */
  failure: WarehouseError | null = null;

  constructor(options: ExpiryServiceOptions) {
    this.#options = options;
    this.#openedMs = options.clock.nowMs();
  }

  /** A checkpoint was written. */
  kick(): void {
    if (!this.#options.background || this.#stopped || this.#running !== null) return;
    if (this.#options.clock.monotonicMs() - this.#lastMs < Math.min(expiryMs, this.#options.retentionMs() / 4)) return;
    void this.run().catch(() => undefined); // noted in `failure`
  }

  /** Removes what has expired and, now and then or if `search`, orphans. @throws {WarehouseError} the first failure, after the other tables were done. */
  async run(search = false): Promise<void> {
    while (this.#running !== null) await this.#running.catch(() => undefined);
    const run = this.#run(search).finally(() => {
      this.#running = null;
    });
    this.#running = run;
    await run;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running?.catch(() => undefined);
  }

  async #run(search: boolean): Promise<void> {
    const {clock, checkpointer, tables, orphanAgeMs} = this.#options;
    this.#lastMs = clock.monotonicMs();
    this.failure = null;
    const searches = search || this.#lastMs - this.#lastSearchMs >= Math.min(orphanSearchMs, orphanAgeMs);
    if (searches) this.#lastSearchMs = this.#lastMs;
    const floors = await this.#floors();
    const step = async (work: () => Promise<void>): Promise<void> => {
      if (this.#stopped) return;
      await work().catch((cause: unknown) => {
        this.failure ??= asWarehouseError(cause);
      });
    };
    const ids = new Set(checkpointer.tableIds());
    for (const {id} of tables()) {
      if (!ids.has(id)) continue;
      const floor = floors.get(id);
      if (floor !== undefined && (this.#earliest.get(id) ?? 0) < floor) await step(() => this.#expire(id, floor, search));
      if (searches) {
        await step(async () => {
          const table = await checkpointer.openTable(id);
          if (table !== undefined) this.orphans += await removeOrphans(table, checkpointer.preparedNames(), this.#orphansBefore());
        });
      }
    }
    if (searches) await step(() => this.#removeTemporaries());
    if (this.failure !== null) throw this.failure;
  }

  /** @returns the time before which a file that nothing names is an orphan: what this process makes may be about to be named. */
  #orphansBefore(): number {
    const {clock, orphanAgeMs} = this.#options;
    return Math.min(clock.nowMs() - orphanAgeMs, Math.max(this.#openedMs, clock.nowMs() - underWayMsMax));
  }

  async #expire(id: TableId, floor: number, awaited: boolean): Promise<void> {
    for (let more = true; more && !this.#stopped;) {
      more = await this.#options.checkpointer.exclusive(async () => {
        const table = await this.#options.checkpointer.openTable(id);
        if (table === undefined) return false;
        const expiry = await Expiry.plan(table, {floor, countMax: expirySnapshotsMax});
        if (expiry === undefined) {
          this.#earliest.set(id, (await table.snapshots.ids())[0] ?? 0);
          return false;
        }
        this.#count(await expiry.remove());
        return true;
      }, awaited);
    }
  }

  #count(counts: ExpiredCounts): void {
    for (const [name, value] of Object.entries(counts) as [keyof ExpiredCounts, number][]) this.expired[name] += value;
  }

  /** @returns of each table the first snapshot that must stay; a table that is not in it keeps all. */
  async #floors(): Promise<Map<TableId, number>> {
    const {checkpointer, clock, tables, held} = this.#options;
    const epochs = checkpointer.keptEpochs();
    const floors = new Map<TableId, number>();
    if (epochs.length === 0) return floors;
    const {retained, onward, moments} = held();
    const readers = checkpointer.holds.readers(clock.nowMs());
    const loaded = new Map<number, Checkpoint | undefined>();
    const load = async (index: number): Promise<Checkpoint | undefined> => {
      if (!loaded.has(index)) loaded.set(index, await checkpointer.loadKept(epochs[index]!));
      return loaded.get(index);
    };
    // −1: no checkpoint is so old; all that there is is younger.
    const byAge = new Map<number, number>();
    const baseAt = async (ageMs: number): Promise<number> => {
      const known = byAge.get(ageMs);
      if (known !== undefined) return known;
      const untilMs = clock.nowMs() - ageMs;
      let [low, high] = [-1, epochs.length - 1];
      while (low < high) {
        const middle = (low + high + 1) >>> 1;
        // One that cannot be read is as if it were too young: more stays.
        if (((await load(middle))?.createdMs ?? Infinity) <= untilMs) low = middle;
        else high = middle - 1;
      }
      byAge.set(ageMs, low);
      return low;
    };
    // −1: history begins before the first checkpoint, so nothing has expired.
    const warehouse = epochs.findLastIndex((epoch) => epoch <= retained);
    const reading = onward === undefined ? epochs.length - 1 : epochs.findLastIndex((epoch) => epoch <= onward);
    for (const table of tables()) {
      const own = parseDuration(table.options['history.retention']);
      const base = Math.min(reading, own === undefined ? warehouse : await baseAt(own));
      if (base === -1) continue;
      const snapshotAt = async (index: number): Promise<number | undefined> => (await load(index))?.tables.find(({id}) => id === table.id)?.snapshotId;
      let floor = await snapshotAt(base);
      // Not there yet: its history begins with its first snapshot.
      if (floor === undefined || floor === 0) continue;
      const below = moments.filter((epoch) => epoch < epochs[base]!);
      // Read by those who looked a checkpoint up before compaction told it anew.
      floor = Math.min(floor, checkpointer.earlier.floorOf(table.id, readers) ?? floor);
      for (const moment of below) floor = Math.min(floor, await this.#floorOfMoment(table.id, epochs, moment, snapshotAt) ?? floor);
      floors.set(table.id, floor);
    }
    return floors;
  }

  /** @returns the snapshot from which a moment needs all; undefined where tags of the table keep what it needs. */
  async #floorOfMoment(id: TableId, epochs: readonly Epoch[], moment: Epoch, snapshotAt: (index: number) => Promise<number | undefined>): Promise<number | undefined> {
    const index = epochs.findLastIndex((epoch) => epoch <= moment);
    const snapshot = index === -1 ? undefined : await snapshotAt(index);
    if (snapshot === undefined || snapshot === 0) return undefined;
    const table = await this.#options.checkpointer.openTable(id);
    if (table === undefined) return undefined;
    return epochs[index] === moment && (await tableReferences(table)).tagged.has(snapshot) ? undefined : snapshot;
  }

  /** What a crash left of checkpoint files that were being written. */
  async #removeTemporaries(): Promise<void> {
    const {files, directory} = this.#options;
    const at = checkpointDirectory(directory);
    if (!(await files.exists(at))) return;
    for (const {kind, name} of await files.readdir(at)) {
      if (kind !== 'file' || !temporaryName(name)) continue;
      const stat = await files.stat(join(at, name));
      if (stat === undefined || stat.modifiedMs > this.#orphansBefore()) continue;
      await files.unlink(join(at, name));
      this.orphans++;
    }
  }
}

/** @returns what is held at `nowMs`: the retention as the newest checkpoint has it (what that does not say must not be gone after a restart), and all else. */
export function heldBeside(checkpointer: Checkpointer, nowMs: number): ReturnType<ExpiryServiceOptions['held']> {
  const others = [...checkpointer.holds.all(nowMs)].filter(({kind}) => kind !== 'retention');
  const onward = others.flatMap(({reach, epoch}) => (reach === 'onward' ? [epoch] : []));
  return {
    retained: checkpointer.newest()?.oldest ?? toEpoch(0), onward: onward.length === 0 ? undefined : toEpoch(onward.reduce((least, epoch) => Math.min(least, epoch), Infinity)),
    moments: others.flatMap(({reach, epoch}) => (reach === 'moment' ? [epoch] : [])),
  };
}
