/**
 * Subscriptions: the content at one epoch (if asked for), then every later epoch's changes, without gap or repeat. An item holds at
 * most `subscriptionItemRowsMax` changes; `complete` is false on all but the last item of an epoch, so no epoch is ever split unseen.
 * The reader pulls: a slow one holds nothing but its position, and reads old epochs back from the log.
 */
import {epoch as toEpoch, type Epoch} from '../base/epoch.ts';
import {subscriptionItemRowsMax} from '../base/limit.ts';
import type {TableId, TableSpec} from '../catalog/spec.ts';
import type {ColumnChunk} from '../kernel/session-stream.ts';
import {changesOf, rowAt, visibleShape, type Change, type VisibleShape} from './change-rows.ts';
import type {EpochHistory} from './history.ts';
import type {LiveRelation} from './live.ts';
import {viewName} from './live-tables.ts';

export interface SubscriptionItem {
  readonly epoch: Epoch;
  readonly changes: readonly Change[];
  /** The epoch's changes end with this item. */
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

export async function* subscribe(live: LiveRelation, history: EpochHistory, tables: readonly TableSpec[], options: SubscriptionOptions): AsyncGenerator<SubscriptionItem> {
  const shapes = new Map<TableId, {table: TableSpec; shape: VisibleShape}>(tables.map((table) => [table.id, {table, shape: visibleShape(table)}]));
  let since: Epoch;
  if (options.from === 'snapshot') {
    const pinned = {epoch: toEpoch(0)};
    for await (const item of snapshotItems(live, [...shapes.values()], pinned)) yield item;
    since = pinned.epoch;
  } else since = options.from === 'latest' ? history.newest : toEpoch(options.from);
  for await (const sealed of history.epochs(since, options.until, options.signal)) {
    let changes: Change[] = [];
    let any = false;
    for (const part of sealed.tables) {
      const wanted = shapes.get(part.table);
      if (wanted === undefined) continue;
      for (const change of changesOf(wanted.table, wanted.shape, part.batch())) {
        if (changes.length === subscriptionItemRowsMax) {
          yield {epoch: sealed.epoch, changes, complete: false};
          changes = [];
        }
        changes.push(change);
        any = true;
      }
    }
    if (any || options.emptyEpochs) yield {epoch: sealed.epoch, changes, complete: true};
  }
}

/** All tables' rows at one epoch as `+I`. */
async function* snapshotItems(live: LiveRelation, tables: readonly {table: TableSpec; shape: VisibleShape}[], pinned: {epoch: Epoch}): AsyncGenerator<SubscriptionItem> {
  const read = await live.pin();
  pinned.epoch = read.epoch;
  try {
    let changes: Change[] = [];
    for (const {table, shape} of tables) {
      const inOrder: VisibleShape = {...shape, indexes: shape.names.map((_, index) => index)};
      const stream = await read.session.stream(`SELECT * FROM ${viewName(table)}`);
      for (let chunk: ColumnChunk | null = await stream.next(); chunk !== null; chunk = await stream.next()) {
        for (let i = 0; i < chunk.rowCount; i++) {
          if (changes.length === subscriptionItemRowsMax) {
            yield {epoch: read.epoch, changes, complete: false};
            changes = [];
          }
          changes.push({table: shape.table, op: '+I', row: rowAt(inOrder, chunk, i)});
        }
      }
      await stream.close();
    }
    yield {epoch: read.epoch, changes, complete: true};
  } finally {
    await read.release();
  }
}
