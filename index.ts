/** The library: `import {Warehouse} from 'millrace'`. */
export {Warehouse} from './engine/warehouse.ts';
export type {WarehouseSession} from './engine/session.ts';
export type {InsertOptions, InsertResult, OpenOptions, RejectedRow, Result, ResultColumn, Row, SqlOptions, SubscribeOptions, Value} from './engine/api.ts';
export type {Change} from './query/change-rows.ts';
export type {SubscriptionItem, SubscriptionStart} from './query/subscription.ts';
export {WarehouseError, type ErrorKind, type ErrorReport} from './base/error.ts';
