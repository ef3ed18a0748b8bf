/** What subscriptions hold of history: everything after their positions, until the lease ends. */
import {epoch as toEpoch, type Epoch} from '../base/epoch.ts';
import type {Catalog} from '../catalog/catalog.ts';
import type {HistoryHold} from './history-holds.ts';

/** @returns a hold for each subscription whose lease stands. */
export function* subscriptionHolds(catalog: Catalog): Generator<HistoryHold> {
  for (const {name, position, ended} of catalog.subscriptions()) {
    if (ended === undefined) yield {kind: 'subscription', name, epoch: toEpoch(position.epoch), reach: 'onward', untilMs: null};
  }
}

/** @returns the oldest epoch that a subscription goes on from; undefined if there is none. */
export function subscriptionFloor(catalog: Catalog): Epoch | undefined {
  let floor: Epoch | undefined;
  for (const {epoch} of subscriptionHolds(catalog)) if (floor === undefined || epoch < floor) floor = epoch;
  return floor;
}
