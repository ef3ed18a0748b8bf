/**
 * What holds history. Everything that may still read the past stands here as a hold with an epoch: the time that history is kept, tags,
 * subscriptions, reads that are under way, leases. Expiry removes nothing that a hold reaches.
 *
 * A hold reaches either `onward`, the content at its epoch and every change after it (a subscription that will go on from there, the
 * retention), or a `moment`, the content at its epoch and nothing else (a tag that is a checkpoint): a year-old tag should keep its
 * rows, not a year of changes.
 *
 * Expiry has two phases, and the first is here: `advance` computes what is held and moves the oldest readable epoch up to it, at once,
 * in the thread that also grants holds. From then on nobody is granted what lies below, so that the second phase, removing checkpoint
 * files, snapshots, changelog and data files, meets no reader that came between.
 */
import {epoch as toEpoch, type Epoch} from '../base/epoch.ts';
import {WarehouseError} from '../base/error.ts';
import {historyHoldsMax} from '../base/limit.ts';
import {expired} from '../query/history.ts';

export type HoldKind = 'retention' | 'tag' | 'subscription' | 'read' | 'lease';

export interface HistoryHold {
  readonly kind: HoldKind;
  /** Unique among those of its kind. */
  readonly name: string;
  readonly epoch: Epoch;
  readonly reach: 'onward' | 'moment';
  /** ms since 1970 from which it holds no longer; null: until it is released. */
  readonly untilMs: number | null;
}

/** What must stay. */
export interface HeldHistory {
  /** The content at this epoch and every later change. */
  readonly floor: Epoch;
  /** Epochs below the floor whose content alone stays; rising. */
  readonly moments: readonly Epoch[];
}

/** What of a checkpoint must stay. */
export interface KeptCheckpoint {
  readonly epoch: Epoch;
  /** Its snapshots and the data files that they name. */
  readonly content: boolean;
  /** The changes between the checkpoint before it and this one: changelog files, the epochs' sequence numbers. */
  readonly changes: boolean;
}

export class HistoryHolds {
  readonly #named = new Map<string, HistoryHold>();
  readonly #sources: (() => Iterable<HistoryHold>)[] = [];
  #oldest: Epoch;

  /** @param oldest the oldest epoch whose content can be read. */
  constructor(oldest: Epoch) {
    this.#oldest = oldest;
  }

  /** The oldest epoch from which everything can be read. */
  get oldest(): Epoch {
    return this.#oldest;
  }

  /** Adds holds that are kept elsewhere (tags in the catalog): asked for whenever they count. */
  addSource(source: () => Iterable<HistoryHold>): void {
    this.#sources.push(source);
  }

  /**
   * Holds history for somebody, in place of what the same kind and name held before.
   * @throws {WarehouseError} `MR_EPOCH_EXPIRED` below the oldest readable epoch, unless another hold of the same moment stands;
   *   `MR_BUSY` beyond `historyHoldsMax`.
   */
  hold(hold: HistoryHold, nowMs: number): void {
    const key = keyOf(hold);
    if (hold.epoch < this.#oldest && !this.#holdsMoment(hold, nowMs)) throw expired(hold.epoch, this.#oldest);
    if (!this.#named.has(key) && this.#named.size >= historyHoldsMax) {
      throw new WarehouseError('unavailable', 'MR_BUSY', `${historyHoldsMax} reads, subscriptions and leases hold history already`, {hint: 'end some of them first'});
    }
    this.#named.set(key, hold);
  }

  #holdsMoment({epoch, reach}: HistoryHold, nowMs: number): boolean {
    return reach === 'moment' && [...this.all(nowMs)].some((other) => other.epoch === epoch);
  }

  /** @returns whether there was one. */
  release(kind: HoldKind, name: string): boolean {
    return this.#named.delete(keyOf({kind, name}));
  }

  /** @returns the names of the holds of reads that are under way. */
  readers(nowMs: number): Set<string> {
    return new Set([...this.#named.values()].flatMap((hold) => (hold.kind === 'read' && stands(hold, nowMs) ? [hold.name] : [])));
  }

  /** @returns all holds that stand at `nowMs`. */
  *all(nowMs: number): Generator<HistoryHold> {
    for (const hold of this.#named.values()) if (stands(hold, nowMs)) yield hold;
    for (const source of this.#sources) for (const hold of source()) if (stands(hold, nowMs)) yield hold;
  }

  /** @param newest the newest checkpoint: the floor where nothing holds. @returns what is held now; nothing moves. */
  held(newest: Epoch, nowMs: number): HeldHistory {
    const holds = [...this.all(nowMs)];
    let floor = newest;
    for (const {reach, epoch} of holds) if (reach === 'onward' && epoch < floor) floor = epoch;
    const moments = new Set(holds.flatMap(({reach, epoch}) => (reach === 'moment' && epoch < floor ? [epoch] : [])));
    return {floor, moments: [...moments].sort((a, b) => a - b)};
  }

  /** The first phase of expiry: what is held now, with the oldest readable epoch moved up to it. Holds that ended by time are forgotten. */
  advance(newest: Epoch, nowMs: number): HeldHistory {
    for (const [key, hold] of this.#named) if (!stands(hold, nowMs)) this.#named.delete(key);
    const held = this.held(newest, nowMs);
    this.#oldest = toEpoch(Math.max(this.#oldest, held.floor));
    return held;
  }
}

/**
 * @param checkpoints epochs of the checkpoints there are, rising.
 * @returns what of each must stay, in their order. The content at an epoch comes from the checkpoint at or before it and the changes up
 *   to it, so a moment between two checkpoints keeps the content of the first and the changes of the second.
 */
export function keptCheckpoints(checkpoints: readonly Epoch[], {floor, moments}: HeldHistory): KeptCheckpoint[] {
  const content = new Set<number>(checkpoints.slice(-1));
  const changes = new Set<number>();
  let base = checkpoints.findLastIndex((epoch) => epoch <= floor);
  if (base === -1) base = 0;
  for (const [index, epoch] of checkpoints.entries()) {
    if (index >= base) content.add(epoch);
    if (index > base || epoch > floor) changes.add(epoch);
  }
  for (const moment of moments) {
    const at = checkpoints.findLastIndex((epoch) => epoch <= moment);
    if (at !== -1) content.add(checkpoints[at]!);
    if (checkpoints[at] !== moment && checkpoints[at + 1] !== undefined) changes.add(checkpoints[at + 1]!);
  }
  return checkpoints.map((epoch) => ({epoch, content: content.has(epoch), changes: changes.has(epoch)}));
}

function keyOf({kind, name}: Pick<HistoryHold, 'kind' | 'name'>): string {
  return `${kind}\n${name}`;
}

function stands({untilMs}: HistoryHold, nowMs: number): boolean {
  return untilMs === null || nowMs < untilMs;
}
