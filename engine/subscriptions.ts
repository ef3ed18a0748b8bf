/**
 * Durable subscriptions at work, in the main thread. What is durable of them (position, limits, the end of the lease) is in the
 * catalog; here are who reads them now, what was fetched, and how far behind they are.
 *
 * Delivery is at least once: whoever begins to read begins at the committed position. A reader is a *consumer* if it has an id (a
 * session, a stream, a token of the client's own): it goes on from what it fetched, and of several the newest holds the
 * subscription: the ones before are fenced, their next FETCH or COMMIT is refused. A FETCH without an id begins at the committed
 * position every time and fences nobody.
 *
 * A subscription is a lease on history. What lies after its position is held (catalog → history holds) until its consumer is further
 * behind than the subscription allows: then the lease ends, by a record, and the next FETCH says so. A subscription whose tables do
 * not change is not behind: its position is moved along, so that it holds nothing.
 */
import {systemClock} from '../base/clock.ts';
import {epoch as toEpoch, type Epoch} from '../base/epoch.ts';
import {WarehouseError} from '../base/error.ts';
import {invariant} from '../base/invariant.ts';
import {fetchRowsDefault, resultRowsMax, subscriptionSweepMs} from '../base/limit.ts';
import type {Catalog} from '../catalog/catalog.ts';
import type {DdlRecord, StreamPosition, SubscriptionSpec, TableSpec} from '../catalog/spec.ts';
import {movesBack, requireSubscription} from '../catalog/subscriptions.ts';
import type {Kernel} from '../kernel/duckdb.ts';
import {netChange} from '../query/conflate.ts';
import type {EpochHistory} from '../query/history.ts';
import {SubscriptionReader, type Delivery} from '../query/subscription-reader.ts';
import {subscribeColumns, type ColumnItem, type SubscriptionHost} from '../query/subscription.ts';
import type {Progress} from './progress.ts';

export interface SubscriptionsHost {
  readonly catalog: () => Catalog;
  readonly history: () => EpochHistory;
  readonly progress: () => Progress;
  readonly follower: () => SubscriptionHost;
  readonly kernel: Kernel;
  readonly define: (records: readonly DdlRecord[]) => Promise<{readonly epoch: number}>;
}

export interface FetchOptions {
  readonly rows?: number | undefined;
  /** How long to wait for a first change. */
  readonly waitMs?: number;
  /** Who reads; without one the FETCH begins at the committed position. */
  readonly consumer?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface FollowOptions {
  readonly consumer?: string | undefined;
  /** Where to go on instead of at the committed position, if it is after it: what is committed is done with. */
  readonly since?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How a subscription stands, for SHOW SUBSCRIPTIONS and metrics. */
export interface SubscriptionState {
  readonly subscription: SubscriptionSpec;
  readonly state: 'active' | 'snapshot pending' | 'expired';
  /** Committed through it; null before the first commit of one that begins with content. */
  readonly position: number | null;
  readonly fetched: number | null;
  /** Something waits for its consumer. */
  readonly behind: boolean;
  readonly lagEpochs: number;
  readonly lagMs: number;
  readonly lagBytes: number;
  readonly consumer: string | null;
}

interface Holder {
  readonly id: string;
  readonly reader: SubscriptionReader;
  readonly gone: AbortController;
  queue: Promise<unknown>;
}

/** What is known of a subscription while the warehouse is open. */
interface Running {
  /** Of which it is known: a name may be used again after a drop. */
  readonly createdMs: number;
  holder: Holder | null;
  /** Consumers that others took over from, newest last. */
  fenced: string[];
  /** A commit may go through any epoch of this range. */
  fetchedFrom: number | null;
  fetchedThrough: number | null;
  /** Where it was before it was moved along without being asked. */
  idleFrom: number | null;
}

const fencedMax = 64;

export class Subscriptions {
  readonly #host: SubscriptionsHost;
  readonly #running = new Map<string, Running>();
  #consumers = 0;
  #cancelTimer: (() => void) | null = null;
  #closed = false;
  #sweeping: Promise<void> = Promise.resolve();

  constructor(host: SubscriptionsHost) {
    this.#host = host;
  }

  /** Looks at the lag of all from time to time from now on. */
  start(): void {
    this.#cancelTimer = systemClock.after(subscriptionSweepMs, () => {
      void this.sweep().finally(() => {
        if (!this.#closed) this.start();
      });
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer?.();
    await this.#sweeping.catch(() => undefined);
    for (const running of this.#running.values()) await this.#leave(running);
  }

  /** @returns an id for a reader that is its own consumer. */
  newConsumer(what: string): string {
    return `${what} ${++this.#consumers}`;
  }

  /**
   * The position that a new subscription starts from.
   *
   * @throws {WarehouseError} `MR_EPOCH_EXPIRED`, or `MR_PARAMETER` for an epoch that is not there yet.
   */
  startAt(from: 'snapshot' | 'latest' | number): {readonly start: SubscriptionSpec['start']; readonly position: StreamPosition} {
    const history = this.#host.history();
    const marks = this.#host.progress().marks;
    if (from === 'latest' || from === 'snapshot') return {start: from === 'snapshot' ? 'snapshot' : null, position: marks.at(history.newest)};
    if (from > history.newest) throw new WarehouseError('invalid', 'MR_PARAMETER', `epoch ${from} is not there yet; the newest is ${history.newest}`, {hint: 'write FROM LATEST'});
    if (from === 0 && history.oldest > 0) return {start: 'beginning', position: marks.at(history.oldest)};
    if (from < history.oldest) throw new WarehouseError('invalid', 'MR_EPOCH_EXPIRED', `epoch ${from} is no longer kept; the oldest readable epoch is ${history.oldest}`, {hint: `write FROM EPOCH ${history.oldest} or later, or FROM SNAPSHOT`});
    return {start: null, position: marks.at(from)};
  }

  /**
   * What comes next, in whole epochs.
   *
   * @throws {WarehouseError} `MR_UNKNOWN_SUBSCRIPTION`; `MR_SUBSCRIPTION_EXPIRED`; `MR_SUBSCRIPTION_FENCED` for a consumer that
   *   another took over from; `MR_TOO_LARGE`.
   */
  async fetch(name: string, {rows = fetchRowsDefault, waitMs = 0, consumer, signal}: FetchOptions): Promise<Delivery & {readonly subscription: SubscriptionSpec}> {
    const subscription = this.#require(name);
    if (rows < 1 || rows > resultRowsMax) throw new WarehouseError('invalid', 'MR_PARAMETER', `FETCH ${rows}: expected 1 to ${resultRowsMax} rows`);
    const running = this.#runningOf(subscription);
    const wait = waitMs > 0 ? new AbortController() : null;
    const stop = (): void => wait?.abort();
    const cancel = wait === null ? undefined : systemClock.after(waitMs, stop);
    signal?.addEventListener('abort', stop, {once: true});
    try {
      if (aborted(signal)) throw interrupted(name);
      const delivery = consumer === undefined ? await this.#once(subscription, rows, wait?.signal ?? null) : await this.#take(running, await this.#hold(subscription, running, consumer), rows, wait?.signal ?? null);
      if (aborted(signal)) throw interrupted(name);
      this.#noteFetched(running, delivery);
      return {...delivery, subscription};
    } catch (cause) {
      throw this.#told(subscription, cause);
    } finally {
      cancel?.();
      signal?.removeEventListener('abort', stop);
    }
  }

  /** Follows a subscription as a stream, which is a consumer for as long as it is read. Items as of any follower; net ones where it conflates. */
  async *follow(name: string, {consumer = this.newConsumer('stream'), since, signal}: FollowOptions): AsyncGenerator<ColumnItem, void> {
    const subscription = this.#require(name);
    const running = this.#runningOf(subscription);
    const stop = new AbortController();
    const end = (): void => stop.abort();
    signal?.addEventListener('abort', end, {once: true});
    if (aborted(signal)) end();
    let holder: Holder | null = null;
    try {
      holder = await this.#hold(subscription, running, consumer, since);
      holder.gone.signal.addEventListener('abort', end, {once: true});
      while (!aborted(signal)) {
        const delivery = await this.#take(running, holder, fetchRowsDefault, stop.signal, true);
        if (aborted(signal)) return;
        if (running.holder !== holder) throw running.fenced.includes(consumer) ? fenced(subscription.name, consumer) : new WarehouseError('closed', 'MR_CLOSED', 'the warehouse is closed', {hint: 'open it again'});
        this.#noteFetched(running, delivery);
        yield* delivery.items;
      }
    } catch (cause) {
      if (aborted(signal)) return;
      throw this.#told(subscription, cause);
    } finally {
      signal?.removeEventListener('abort', end);
      if (holder !== null && running.holder === holder) await this.#leave(running);
    }
  }

  /**
   * Says that everything through `through` is done with: durable when this resolves.
   *
   * @returns the epoch that the commit is part of.
   * @throws {WarehouseError} `MR_SUBSCRIPTION_POSITION` for an epoch before what is committed or beyond what was fetched;
   *   `MR_SUBSCRIPTION_FENCED`; `MR_SUBSCRIPTION_EXPIRED`; `MR_UNKNOWN_SUBSCRIPTION`.
   */
  async commit(name: string, through: number, consumer?: string): Promise<number> {
    const subscription = this.#require(name);
    const {position, start} = subscription;
    const running = this.#runningOf(subscription);
    if (consumer !== undefined && (running.fenced.includes(consumer) || (running.holder !== null && running.holder.id !== consumer))) throw fenced(subscription.name, consumer);
    const newest = this.#host.history().newest;
    if (start === null && through <= position.epoch) {
      // What lies between was moved over because it changed nothing.
      if (through === position.epoch || (running.idleFrom !== null && through >= running.idleFrom)) return newest;
      throw movesBack(subscription.name, through, position.epoch);
    }
    const {fetchedFrom, fetchedThrough} = running;
    if (fetchedThrough === null || through > fetchedThrough) {
      throw new WarehouseError('invalid', 'MR_SUBSCRIPTION_POSITION', `subscription "${subscription.name}" ${fetchedThrough === null ? 'was not fetched from since the warehouse was opened' : `was fetched through epoch ${fetchedThrough}`}, epoch ${through} cannot be committed`, {hint: 'FETCH it first, then COMMIT THROUGH the epoch that the answer names'});
    }
    if (fetchedFrom !== null && through < fetchedFrom) throw movesBack(subscription.name, through, fetchedFrom);
    const {epoch} = await this.#host.define([{kind: 'move-subscription', name: subscription.name, position: this.#host.progress().marks.at(through)}]);
    running.idleFrom = null;
    running.fetchedFrom = null;
    return epoch;
  }

  /** A subscription was dropped or its lease ended: whoever reads it is told. */
  async ended(name: string): Promise<void> {
    const running = this.#running.get(name.toLowerCase());
    if (running !== undefined) await this.#leave(running);
  }

  /** A consumer is gone: what it held may be taken by the next one without fencing anybody. */
  async detach(consumer: string): Promise<void> {
    for (const running of this.#running.values()) if (running.holder?.id === consumer) await this.#leave(running);
  }

  async states(): Promise<SubscriptionState[]> {
    const nowMs = systemClock.nowMs();
    const {newest} = this.#host.progress().marks;
    return Promise.all(this.#host.catalog().subscriptions().map(async (subscription): Promise<SubscriptionState> => {
      const {position, start, ended} = subscription;
      const running = this.#runningOf(subscription);
      const behind = ended === undefined && await this.#behind(subscription, running);
      return {
        subscription, state: ended !== undefined ? 'expired' : start !== null ? 'snapshot pending' : 'active',
        position: start === null ? position.epoch : null, fetched: running.fetchedThrough, consumer: running.holder?.id ?? null, behind,
        lagEpochs: behind ? newest.epoch - position.epoch : 0, lagMs: behind ? Math.max(0, nowMs - position.timeMs) : 0, lagBytes: behind ? Math.max(0, newest.loggedBytes - position.loggedBytes) : 0,
      };
    }));
  }

  /** Ends the leases of those that are too far behind, and moves those along that have nothing to deliver; all in one epoch, if any. */
  sweep(): Promise<void> {
    this.#sweeping = this.#sweeping.catch(() => undefined).then(() => this.#sweep());
    return this.#sweeping.catch(() => undefined); // it is done again
  }

  async #sweep(): Promise<void> {
    if (this.#closed || this.#host.catalog().subscriptions().length === 0) return;
    const records: DdlRecord[] = [];
    const atMs = systemClock.nowMs();
    // Taken first: what was seen to bring nothing is what lies up to here.
    const {newest} = this.#host.progress().marks;
    for (const {subscription, behind, lagMs, lagBytes} of await this.states()) {
      const {name, position, start, ended, lagMsMax, lagBytesMax} = subscription;
      if (ended !== undefined) continue;
      if (lagMs > lagMsMax) records.push({kind: 'end-subscription', name, atMs, reason: `its consumer was ${lagMs} ms behind, at most ${lagMsMax} are allowed (lag_max)`});
      else if (lagBytes > lagBytesMax) records.push({kind: 'end-subscription', name, atMs, reason: `its consumer was ${lagBytes} bytes behind, at most ${lagBytesMax} are allowed (lag_max_bytes)`});
      else if (!behind && newest.epoch > position.epoch + 1) {
        const running = this.#runningOf(subscription);
        running.idleFrom ??= position.epoch;
        records.push({kind: 'move-subscription', name, position: newest, ...(start === null ? {} : {start})});
      }
    }
    if (records.length > 0) await this.#host.define(records);
  }

  /** Whether something waits for its consumer. Content waits from when it was first fetched: until then it is that of the moment. */
  async #behind({position, start, tables}: SubscriptionSpec, running: Running): Promise<boolean> {
    if (start === 'beginning') return true;
    if (start === 'snapshot') return running.fetchedFrom !== null;
    for (const table of tables) if (await this.#host.progress().changedAt(table) > position.epoch) return true;
    return false;
  }

  /** @throws {WarehouseError} `MR_UNKNOWN_SUBSCRIPTION`, `MR_SUBSCRIPTION_EXPIRED`. */
  #require(name: string): SubscriptionSpec {
    const subscription = requireSubscription(this.#host.catalog(), name);
    const {ended, position, start} = subscription;
    if (ended !== undefined) throw expiredSubscription(subscription.name, `its lease on history ended at ${new Date(ended.atMs).toISOString()}: ${ended.reason}`);
    const {oldest} = this.#host.history();
    if (start === null && position.epoch < oldest) throw expiredSubscription(subscription.name, `it stands at epoch ${position.epoch}, the oldest readable epoch is ${oldest}`);
    return subscription;
  }

  #runningOf({name, createdMs}: SubscriptionSpec): Running {
    const key = name.toLowerCase();
    const known = this.#running.get(key);
    if (known?.createdMs === createdMs) return known;
    if (known !== undefined) void this.#leave(known);
    const running: Running = {createdMs, holder: null, fenced: [], fetchedFrom: null, fetchedThrough: null, idleFrom: null};
    this.#running.set(key, running);
    return running;
  }

  /** Makes `id` the holder of a subscription, in the place of whoever is. */
  async #hold(subscription: SubscriptionSpec, running: Running, id: string, since?: number): Promise<Holder> {
    if (running.fenced.includes(id)) throw fenced(subscription.name, id);
    const before = running.holder;
    if (before?.id === id && since === undefined) return before;
    const gone = new AbortController();
    const holder: Holder = {id, gone, reader: this.#reader(subscription, gone.signal, since), queue: Promise.resolve()};
    running.holder = holder;
    if (before !== null && before.id !== id) running.fenced = [...running.fenced, before.id].slice(-fencedMax);
    if (before !== null) await dismiss(before);
    return holder;
  }

  async #leave(running: Running): Promise<void> {
    const {holder} = running;
    running.holder = null;
    if (holder !== null) await dismiss(holder);
  }

  /** A consumer's fetches come one after the other. */
  async #take(running: Running, holder: Holder, rows: number, wait: AbortSignal | null, split?: boolean): Promise<Delivery> {
    const work = holder.queue.then(() => holder.reader.take(rows, wait, split));
    holder.queue = work.catch(() => undefined);
    try {
      return await work;
    } catch (cause) {
      // It stands somewhere inside what it could not deliver: the next one begins at the committed position.
      if (running.holder === holder) await this.#leave(running);
      else if (running.fenced.includes(holder.id)) throw fenced('', holder.id);
      throw cause;
    }
  }

  async #once(subscription: SubscriptionSpec, rows: number, wait: AbortSignal | null): Promise<Delivery> {
    const gone = new AbortController();
    const reader = this.#reader(subscription, gone.signal);
    try {
      return await reader.take(rows, wait);
    } finally {
      gone.abort();
      await reader.close();
    }
  }

  #reader({tables, start, position, split, conflate}: SubscriptionSpec, signal: AbortSignal, since?: number): SubscriptionReader {
    const catalog = this.#host.catalog();
    const specs = tables.map((id): TableSpec => {
      const spec = catalog.byId(id);
      invariant(spec !== undefined, () => `table ${id} of a subscription is gone`);
      return spec;
    });
    const committed = start === 'snapshot' ? 'snapshot' : start === 'beginning' ? 0 : position.epoch;
    const from = since !== undefined && since > position.epoch ? since : committed;
    const items = subscribeColumns(this.#host.follower(), specs, {from, until: null, emptyEpochs: true, signal});
    const net = async (waiting: readonly ColumnItem[]): Promise<ColumnItem> => {
      await using session = await this.#host.kernel.connect();
      return await netChange(session, waiting);
    };
    return new SubscriptionReader({items, since: typeof from === 'number' && (from > 0 || start === null) ? toEpoch(from) : null, newest: (): Epoch => this.#host.history().newest, split, net: conflate ? net : null});
  }

  #noteFetched(running: Running, {through, contentAt}: Delivery): void {
    if (contentAt !== null) running.fetchedFrom = Math.min(running.fetchedFrom ?? Infinity, contentAt);
    if (through !== null) running.fetchedThrough = Math.max(running.fetchedThrough ?? 0, through);
  }

  /** History that went under a subscription is the end of its lease, whatever the reason. */
  #told({name}: SubscriptionSpec, cause: unknown): unknown {
    if (!(cause instanceof WarehouseError)) return cause;
    if (cause.code === 'MR_EPOCH_EXPIRED') return expiredSubscription(name, cause.message, cause);
    if (cause.code === 'MR_SUBSCRIPTION_FENCED') return fenced(name, '');
    if (cause.code !== 'MR_CLOSED' || this.#closed) return cause;
    try {
      this.#require(name); // it was dropped, or its lease ended, while it was read
      return cause;
    } catch (reason) {
      return reason;
    }
  }
}

async function dismiss({gone, reader, queue}: Holder): Promise<void> {
  gone.abort();
  await queue.catch(() => undefined);
  await reader.close().catch(() => undefined);
}

function aborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted ?? false;
}

function expiredSubscription(name: string, why: string, cause?: unknown): WarehouseError {
  return new WarehouseError('invalid', 'MR_SUBSCRIPTION_EXPIRED', `subscription "${name}" has lost its place: ${why}`, {cause, hint: `DROP SUBSCRIPTION ${name}, then CREATE it FROM SNAPSHOT; lag_max and lag_max_bytes say how far behind it may be`});
}

function fenced(name: string, consumer: string): WarehouseError {
  return new WarehouseError('conflict', 'MR_SUBSCRIPTION_FENCED', `${name === '' ? 'the subscription' : `subscription "${name}"`} was taken over by another consumer${consumer === '' ? '' : ` from "${consumer}"`}`, {hint: 'one consumer reads a subscription at a time: stop this one, or read as a new consumer, from the committed position'});
}

function interrupted(name: string): WarehouseError {
  return new WarehouseError('unavailable', 'MR_INTERRUPTED', `the FETCH from "${name}" was interrupted`);
}
