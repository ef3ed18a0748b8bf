/**
 * Subscriptions: the content at one epoch (if asked for), then every later epoch's changes, without gap or repeat. An item holds at
 * most `subscriptionItemRowsMax` changes; `complete` is false on all but the last item of an epoch, so no epoch is ever split unseen.
 * The reader pulls: a slow one holds nothing but its position, and reads old epochs back from the log. A snapshot is read at full
 * speed into a spool (chunk-spool.ts), at most `snapshotReadsMax` at once, so that slow subscribers keep no read from queries.
 *
 * `from: 0` is all there is: the content at the oldest readable epoch as `+I` of that epoch, then what followed.
 */
import {WarehouseError} from '../base/error.ts';
import {epoch as toEpoch, type Epoch} from '../base/epoch.ts';
import {snapshotReadsMax, subscriptionItemRowsMax} from '../base/limit.ts';
import {ByteBudget} from '../base/semaphore.ts';
import {formAt} from '../catalog/forms.ts';
import type {TableId, TableSpec} from '../catalog/spec.ts';
import {quoteIdentifier} from '../kernel/quote.ts';
import type {Session} from '../kernel/session.ts';
import {changesOf, visibleChanges, visibleShape, type Change, type ChangePart, type VisibleShape} from './change-rows.ts';
import {ChunkSpool} from './chunk-spool.ts';
import {expired, type EpochHistory} from './history.ts';
import type {LiveRelation} from './live.ts';
import type {PinnedRead} from './pinned-read.ts';
import {rowsViewName} from './live-tables.ts';
import type {SealedEpoch} from './sealed-epoch.ts';

export interface SubscriptionItem {
  readonly epoch: Epoch;
  readonly changes: readonly Change[];
  /** The epoch's changes end with this item. */
  readonly complete: boolean;
}

/** The same by column: what faces encode from. */
export interface ColumnItem {
  readonly epoch: Epoch;
  readonly parts: readonly ChangePart[];
  readonly complete: boolean;
}

export type SubscriptionStart = 'snapshot' | 'latest' | number;

export interface SubscriptionOptions {
  readonly from: SubscriptionStart;
  /** Inclusive end; null follows for ever. */
  readonly until: Epoch | null;
  /** Whether epochs that changed none of the tables come as empty, complete items. */
  readonly emptyEpochs: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What subscriptions need of an open warehouse. */
export interface SubscriptionHost {
  readonly live: LiveRelation;
  readonly history: EpochHistory;
  /** The relation of a table's rows in a read that does not have them in the cache. */
  readonly cold: (table: TableSpec, read: PinnedRead) => Promise<string>;
  readonly past: PastContent;
  /** A table as it is now; undefined when it was dropped. */
  readonly known: (id: TableId) => TableSpec | undefined;
  /** Shared by all subscriptions of the warehouse. */
  readonly snapshots: SnapshotRoom;
}

/** An epoch whose content stays until it is let go; more often than once changes nothing. */
export interface HeldEpoch {
  readonly epoch: Epoch;
  readonly release: () => void;
}

/** Content of epochs that are not the newest. */
export interface PastContent {
  /** Holds the content of the oldest readable epoch. */
  readonly holdOldest: () => Promise<HeldEpoch>;
  /** Runs `work` with SQL of each table's rows at an epoch, all columns; nothing of it expires meanwhile. Tables that did not exist then are empty. */
  readonly read: (tables: readonly TableSpec[], epoch: Epoch, session: Session, work: (sql: readonly string[]) => Promise<void>) => Promise<void>;
}

/** How many snapshots are read at once, and where they wait for slow subscribers. */
export class SnapshotRoom {
  readonly directory: string;
  readonly reads = new ByteBudget(snapshotReadsMax);

  constructor(directory: string) {
    this.directory = directory;
  }
}

interface Watched {
  readonly table: TableSpec;
  readonly shape: VisibleShape;
}

/** Each epoch's changes have the columns that the table had in it. @param form of one of the tables watched. */
function shapeAs(watched: Map<TableId, Watched>, form: TableSpec): VisibleShape {
  const known = watched.get(form.id)!;
  if (known.table.schemaId === form.schemaId) return known.shape;
  const shape = visibleShape(form);
  watched.set(form.id, {table: form, shape});
  return shape;
}

/** @returns items with their changes as objects. */
export async function* changesOfItems(items: AsyncIterable<ColumnItem>): AsyncGenerator<SubscriptionItem> {
  for await (const {epoch, parts, complete} of items) {
    const changes: Change[] = [];
    for (const part of parts) for (const change of changesOf(part)) changes.push(change);
    yield {epoch, changes, complete};
  }
}

/**
 * @throws {WarehouseError} `MR_EPOCH_EXPIRED` if the range begins before what is kept; `MR_TABLE_GONE` when a table is dropped;
 *   `MR_CLOSED` when the warehouse closes.
 */
export async function* subscribeColumns(host: SubscriptionHost, tables: readonly TableSpec[], options: SubscriptionOptions): AsyncGenerator<ColumnItem> {
  const {history} = host;
  const watched = new Map<TableId, Watched>(tables.map((table) => [table.id, {table, shape: visibleShape(table)}]));
  const {until, emptyEpochs, signal} = options;
  let since: Epoch;
  if (options.from === 'snapshot') since = yield* snapshot(host, [...watched.values()], null, signal);
  else if (options.from === 0 && history.oldest > 0) {
    const oldest = await host.past.holdOldest();
    try {
      if (until !== null && until < oldest.epoch) throw expired(until, oldest.epoch);
      since = yield* snapshot(host, [...watched.values()], oldest, signal);
    } finally {
      oldest.release();
    }
  } else since = options.from === 'latest' ? history.newest : toEpoch(options.from);
  for await (const sealed of history.epochs(since, until, tables, signal)) {
    requireTables(sealed, watched);
    if (sealed.tables.some(({table, reference}) => reference !== null && watched.has(table))) {
      yield* itemsOfFiles(sealed, watched, emptyEpochs);
      continue;
    }
    const parts: ChangePart[] = [];
    for (const {table, form, batch} of sealed.tables) {
      const part = watched.has(table) ? visibleChanges(shapeAs(watched, form()), batch()) : null;
      if (part !== null) parts.push(part);
    }
    if (parts.length === 0 && !emptyEpochs) continue;
    yield* itemsOf(sealed.epoch, parts);
  }
}

/** An epoch with deltas by reference, read chunk by chunk as the reader takes it. */
async function* itemsOfFiles(sealed: SealedEpoch, watched: Map<TableId, Watched>, emptyEpochs: boolean): AsyncGenerator<ColumnItem> {
  let waiting: ColumnItem | null = null; // whether an item is the last shows when there is another
  for (const {table, form, batches} of sealed.tables) {
    if (!watched.has(table)) continue;
    const shape = shapeAs(watched, form());
    for await (const batch of batches()) {
      const part = visibleChanges(shape, batch);
      if (part === null) continue;
      for (const item of itemsOf(sealed.epoch, [part])) {
        if (waiting !== null) yield waiting;
        waiting = {...item, complete: false};
      }
    }
  }
  if (waiting !== null) yield {...waiting, complete: true};
  else if (emptyEpochs) yield {epoch: sealed.epoch, parts: [], complete: true};
}

/** @returns parts cut into items of at most `subscriptionItemRowsMax` changes, the last of them complete. */
function* itemsOf(epoch: Epoch, parts: readonly ChangePart[]): Generator<ColumnItem> {
  let taken: ChangePart[] = [];
  let room = subscriptionItemRowsMax;
  for (const part of parts) {
    for (let start = part.start; start < part.end;) {
      if (room === 0) {
        yield {epoch, parts: taken, complete: false};
        taken = [];
        room = subscriptionItemRowsMax;
      }
      const end = Math.min(part.end, start + room);
      taken.push({...part, start, end});
      room -= end - start;
      start = end;
    }
  }
  yield {epoch, parts: taken, complete: true};
}

function requireTables(sealed: SealedEpoch, watched: ReadonlyMap<TableId, Watched>): void {
  for (const record of sealed.ddl) {
    const gone = record.kind === 'drop-table' ? watched.get(record.id) : undefined;
    if (gone !== undefined) throw new WarehouseError('conflict', 'MR_TABLE_GONE', `${gone.shape.table} was dropped in epoch ${sealed.epoch}`, {hint: 'subscribe to the table that took its place'});
  }
}

/** All tables' rows at one epoch as `+I`: the newest, or the oldest readable one, which is held and let go. @returns that epoch. */
async function* snapshot(host: SubscriptionHost, tables: readonly Watched[], oldest: HeldEpoch | null, signal: AbortSignal | undefined): AsyncGenerator<ColumnItem, Epoch> {
  const {live, snapshots} = host;
  const gone = new AbortController();
  const spool = new ChunkSpool(snapshots.directory);
  await snapshots.reads.take(1);
  const read = await live.pin(signal === undefined ? {} : {signal}).catch((cause: unknown) => {
    snapshots.reads.give(1);
    throw cause;
  });
  const epoch = oldest?.epoch ?? read.epoch;
  // What was asked for may have changed form before the read began.
  const forms = tables.map(({table}): Watched => {
    const form = formAt(host.known(table.id) ?? table, epoch);
    return {table: form, shape: visibleShape(form)};
  });
  const stream = async (relations: readonly string[]): Promise<void> => {
    for (const [source, {shape}] of forms.entries()) {
      const rows = await read.session.stream(`SELECT ${shape.names.map(quoteIdentifier).join(', ')} FROM ${relations[source]!}`, [], {types: shape.types});
      try {
        for (let chunk = await rows.next(); chunk !== null; chunk = await rows.next()) {
          if (gone.signal.aborted || signal?.aborted === true) return;
          await spool.push(source, shape.types, chunk);
        }
      } finally {
        await rows.close();
      }
    }
  };
  const pump = async (): Promise<void> => {
    try {
      if (oldest === null) await stream(await Promise.all(forms.map(({table}) => (read.cold.has(table.id) ? host.cold(table, read) : rowsViewName(table)))));
      else await host.past.read(forms.map(({table}) => table), oldest.epoch, read.session, (sql) => stream(sql.map((content) => `(${content})`)));
      spool.end();
    } catch (cause) {
      spool.end(cause);
    } finally {
      spool.end();
      oldest?.release();
      await read.release();
      snapshots.reads.give(1);
    }
  };
  const pumping = pump();
  try {
    let parts: ChangePart[] = [];
    let room = subscriptionItemRowsMax;
    for (let next = await spool.next(); next !== null; next = await spool.next()) {
      const {source, chunk: {columns, rowCount}} = next;
      for (let start = 0; start < rowCount;) {
        if (room === 0) {
          yield {epoch, parts, complete: false};
          parts = [];
          room = subscriptionItemRowsMax;
        }
        const end = Math.min(rowCount, start + room);
        parts.push({shape: forms[source]!.shape, ops: null, columns, rows: null, start, end});
        room -= end - start;
        start = end;
      }
    }
    // A reader that was told to stop gets no end mark: it did not get everything.
    if (signal?.aborted !== true) yield {epoch, parts, complete: true};
    return epoch;
  } finally {
    gone.abort();
    await pumping;
    await spool.close();
  }
}
