/** What every statement runs with, and the plainest answer there is. */
import type {Value} from '../base/value.ts';
import type {Result, SqlOptions} from './api.ts';
import type {Host} from './host.ts';
import type {OwnWrites} from './own-writes.ts';

export interface StatementContext {
  readonly host: Host;
  readonly params: readonly Value[];
  readonly options: SqlOptions;
  readonly settings: ReadonlyMap<string, string>;
  /** What the open transaction has written so far; null outside of one. */
  readonly own: OwnWrites | null;
  /** Who FETCHes: a session that holds its place in subscriptions; absent where each text stands alone. */
  readonly consumer: string | undefined;
}

/** A result without rows. */
export function done(tag: string, epoch: number): Result {
  return {columns: [], rows: [], epoch, tag};
}
