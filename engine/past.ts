/**
 * The past as the main thread reads it: which epochs can be read, what existed at each, when each was sealed, and what holds them
 * while they are read. What checkpoint files tell is read from them when somebody asks; only the epochs after the newest checkpoint are
 * held here, and of those only definitions and times.
 */
import {systemClock} from '../base/clock.ts';
import {epoch as toEpoch, type Epoch} from '../base/epoch.ts';
import {WarehouseError} from '../base/error.ts';
import {Catalog} from '../catalog/catalog.ts';
import {decodeRecord, decodeRecords} from '../catalog/record-json.ts';
import type {DdlRecord} from '../catalog/spec.ts';
import {expired} from '../query/history.ts';
import {timestampText} from '../kernel/column-times.ts';
import type {FileSystem} from '../storage/file/file-system.ts';
import type {Checkpoint} from '../storage/lsm/checkpoint-file.ts';
import {EpochTimes} from '../storage/lsm/epoch-times.ts';
import {CheckpointIndex} from './checkpoint-index.ts';
import {keptCheckpoints} from './history-holds.ts';
import {readFrames} from './log-reader.ts';
import type {ReplyBody, Request} from './protocol.ts';

export interface PastOptions {
  readonly files: FileSystem;
  readonly directory: string;
  readonly request: (request: Request) => Promise<ReplyBody>;
}

/** The checkpoints around an epoch. */
export interface Around {
  /** The one before `after`; null: there is none, all tables were empty. */
  readonly before: Checkpoint | null;
  /** The first one at or after the epoch; null: none tells of the epoch, the log has what came after `before`. */
  readonly after: Checkpoint | null;
}

export class Past {
  readonly #options: PastOptions;
  #index: CheckpointIndex;
  #oldest: Epoch = toEpoch(0);
  #ddl: {readonly epoch: Epoch; readonly records: readonly DdlRecord[]}[] = [];
  #times = new EpochTimes(0);
  #holds = 0;

  constructor(options: PastOptions) {
    this.#options = options;
    this.#index = new CheckpointIndex(options.files, options.directory);
  }

  /** The oldest epoch from which everything can be read. */
  get oldest(): Epoch {
    return this.#oldest;
  }

  /** @param newest the checkpoint that the opening began from; 0: none. */
  async begin(newest: Epoch, oldest: Epoch): Promise<void> {
    const {files, directory} = this.#options;
    this.#oldest = oldest;
    this.#index = await CheckpointIndex.open(files, directory, newest);
    const times = new EpochTimes(newest === 0 ? 0 : ((await this.#index.load(newest))?.timeMs ?? 0));
    const {epochs, numbers} = this.#times.view();
    for (const [i, epoch] of epochs.entries()) times.add(toEpoch(epoch), numbers[i]!);
    this.#times = times;
  }

  /** Takes note of a committed epoch. */
  note(epoch: Epoch, timeMs: number, records: readonly DdlRecord[]): void {
    this.#times.add(epoch, timeMs);
    if (records.length > 0) this.#ddl.push({epoch, records});
  }

  /** Takes note of a checkpoint. @param moments epochs below `oldest` that are kept for themselves. */
  checkpointed(epoch: Epoch, oldest: Epoch, moments: readonly Epoch[]): void {
    this.#index.add(epoch);
    this.#oldest = oldest;
    this.#times.dropThrough(epoch);
    this.#ddl = this.#ddl.filter((entry) => entry.epoch > epoch);
    const kept = keptCheckpoints(this.#index.epochs, {floor: oldest, moments});
    this.#index.remove(new Set(kept.flatMap((one) => (one.content || one.changes ? [] : [one.epoch]))));
  }

  /**
   * Holds history from `epoch` on, or its content alone, until the function that is returned is called.
   * @throws {WarehouseError} `MR_EPOCH_EXPIRED`.
   */
  async hold(epoch: Epoch, reach: 'onward' | 'moment'): Promise<() => void> {
    return (await this.#hold(epoch, reach)).release;
  }

  /** Holds history from the oldest readable epoch on, or its content alone: looked up here it may have expired before it is held. */
  async holdOldest(reach: 'onward' | 'moment'): Promise<{readonly epoch: Epoch; readonly release: () => void}> {
    return this.#hold('oldest', reach);
  }

  async #hold(wanted: Epoch | 'oldest', reach: 'onward' | 'moment'): Promise<{readonly epoch: Epoch; readonly release: () => void}> {
    const name = `main ${this.#holds++}`;
    const {epoch} = await this.#options.request({kind: 'hold', name, epoch: wanted, reach});
    let held = true;
    const release = (): void => {
      // A worker that is gone holds nothing.
      if (held) this.#options.request({kind: 'release', name}).catch(() => undefined);
      held = false;
    };
    return {epoch: toEpoch(epoch), release};
  }

  /** @throws {WarehouseError} `MR_EPOCH_EXPIRED` when the files do not reach back to the epoch. */
  async around(epoch: Epoch): Promise<Around> {
    const after = (await this.#index.atOrAfter(epoch)) ?? null;
    if (after === null) return {before: (await this.#index.atOrBefore(epoch)) ?? null, after};
    // Its own content is all that is needed.
    if (after.epoch === epoch) return {before: null, after};
    if (after.previous === null && epoch >= this.#oldest) return {before: (await this.#index.atOrBefore(epoch)) ?? null, after: null};
    if (after.previous === null || after.previous > epoch) throw expired(epoch, this.#oldest);
    if (after.previous === 0) return {before: null, after};
    const before = await this.#index.load(after.previous);
    if (before === undefined) throw expired(epoch, this.#oldest);
    return {before, after};
  }

  /** @returns whether there is a checkpoint of that epoch. */
  isCheckpoint(epoch: Epoch): boolean {
    return this.#index.epochs.includes(epoch);
  }

  /** @returns the first checkpoint after `epoch`; undefined while there is none. */
  async checkpointAfter(epoch: Epoch): Promise<Checkpoint | undefined> {
    return this.#index.atOrAfter(toEpoch(epoch + 1));
  }

  /** @returns a checkpoint; undefined where it is not kept. */
  checkpoint(epoch: Epoch): Promise<Checkpoint | undefined> {
    return this.#index.load(epoch);
  }

  /** @param current the catalog now. @returns the catalog as it was at an epoch. */
  async catalogAt(epoch: Epoch, current: Catalog): Promise<Catalog> {
    const {before, after} = await this.around(epoch);
    const untold = after === null && epoch < (this.#index.epochs.at(-1) ?? 0);
    if (untold) return folded(before, await this.#untoldRecords(before?.epoch ?? toEpoch(0), epoch));
    if (after === null) {
      if (!this.#ddl.some((entry) => entry.epoch > epoch)) return current;
      return folded(before, this.#ddl.flatMap((entry) => (entry.epoch <= epoch ? entry.records : [])));
    }
    if (after.epoch === epoch || !after.ddl.some((entry) => entry.epoch > epoch)) return Catalog.fromSnapshot(after.catalog);
    return folded(before, decodeRecords(after.ddl.flatMap((entry) => (entry.epoch <= epoch ? entry.records : []))));
  }

  /**
   * @returns the newest epoch that was sealed at or before a time.
   * @throws {WarehouseError} `MR_EPOCH_FUTURE` for a time that has not come; `MR_EPOCH_EXPIRED`.
   */
  async epochAt(timeMs: number, newest: Epoch): Promise<Epoch> {
    const now = systemClock.nowMs();
    if (timeMs > now) throw new WarehouseError('invalid', 'MR_EPOCH_FUTURE', `${timeText(timeMs)} has not come yet, it is ${timeText(now)}`, {hint: 'times are UTC'});
    const found = this.#times.at(timeMs, newest) ?? (await this.#index.epochAtTime(timeMs, (since) => this.#untoldAt(since, timeMs)));
    if (found !== undefined && found >= this.#oldest) return found;
    if (found === undefined && this.#oldest === 0) return toEpoch(0);
    throw new WarehouseError('invalid', 'MR_EPOCH_EXPIRED', `what the warehouse held at ${timeText(timeMs)} is no longer kept; the oldest readable epoch is ${this.#oldest}`, {hint: 'read from a later time; tags keep an epoch for longer'});
  }

  /** @returns what epochs (since, until] defined, from the log. */
  async #untoldRecords(since: Epoch, until: Epoch): Promise<DdlRecord[]> {
    const records: DdlRecord[] = [];
    let at = since;
    for await (const {epoch, header} of readFrames(this.#options.request, since, until)) {
      for (const text of header.ddl) records.push(decodeRecord(String(text)));
      at = epoch;
    }
    if (at < until) throw expired(until, this.#oldest);
    return records;
  }

  /** @returns the newest untold epoch sealed at or before `timeMs`, from the log; undefined if it is older than history. */
  async #untoldAt(since: Epoch, timeMs: number): Promise<Epoch | undefined> {
    let found = since > 0 && since >= this.#oldest ? since : undefined;
    for await (const {epoch, header} of readFrames(this.#options.request, toEpoch(Math.max(since, this.#oldest)), await this.#index.newestUntold())) {
      if (header.timeMs > timeMs) break;
      found = epoch;
    }
    return found;
  }
}

function folded(before: Checkpoint | null, records: readonly DdlRecord[]): Catalog {
  const catalog = before === null ? new Catalog() : Catalog.fromSnapshot(before.catalog);
  for (const record of records) catalog.apply(record);
  return catalog;
}

function timeText(timeMs: number): string {
  return timestampText(BigInt(Math.floor(timeMs)) * 1000n);
}
