/**
 * What one consumer of a durable subscription takes: whole epochs, in order, at least as many rows as it asked for while there are
 * some, cut inside an epoch only where the subscription says `split`. Epochs that wait may be taken together for their net change.
 *
 * It pulls from a follower of the tables (subscription.ts). A pull that waited in vain is kept and answered by the next `take`. One
 * `take` at a time.
 */
import type {Epoch} from '../base/epoch.ts';
import {WarehouseError} from '../base/error.ts';
import {conflateRowsMax, resultBytesMax, resultRowsMax} from '../base/limit.ts';
import {columnsBytes} from '../base/columns.ts';
import type {ChangePart} from './change-rows.ts';
import type {ColumnItem} from './subscription.ts';

export interface ReaderOptions {
  /** The follower, with empty epochs. */
  readonly items: AsyncGenerator<ColumnItem, void>;
  /** The epoch that it starts after; null: it begins with content, whose epoch its first item says. */
  readonly since: Epoch | null;
  readonly newest: () => Epoch;
  /** Whether an epoch may be cut. */
  readonly split: boolean;
  /** The net change of whole epochs; null: they come one by one. */
  readonly net: ((items: readonly ColumnItem[]) => Promise<ColumnItem>) | null;
}

export interface Delivery {
  /** In order; empty if nothing came. */
  readonly items: readonly ColumnItem[];
  readonly rowCount: number;
  /** Everything up to this epoch was delivered, by this or before; null: nothing yet. */
  readonly through: Epoch | null;
  /** The epoch of the content that this consumer began with; null if it began with changes. */
  readonly contentAt: Epoch | null;
}

export class SubscriptionReader {
  readonly #options: ReaderOptions;
  #pending: Promise<IteratorResult<ColumnItem, void>> | null = null;
  /** Ready to be delivered. */
  #ready: ColumnItem[] = [];
  /** Complete epochs are read through this one. */
  #readThrough: Epoch | null;
  /** Complete epochs are delivered through this one. */
  #through: Epoch | null;
  #contentAt: Epoch | null = null;
  /** An epoch is read in part, or its items go by without being netted. */
  #inside = false;
  #started: boolean;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#readThrough = options.since;
    this.#through = options.since;
    this.#started = options.since !== null;
  }

  /**
   * @param rows at least so many, rounded up to whole epochs; exactly at most so many where epochs may be split.
   * @param wait aborted when there is no more waiting for a first change; null: none at all.
   * @throws {WarehouseError} as the follower; `MR_TOO_LARGE` when one epoch is more than an answer may hold and may not be split.
   */
  async take(rows: number, wait: AbortSignal | null, split: boolean = this.#options.split): Promise<Delivery> {
    const items: ColumnItem[] = [];
    let rowCount = 0;
    let bytes = 0;
    let whole = true; // the last of `items` ends its epoch
    for (;;) {
      if (rowCount >= rows && (whole || split)) break;
      if (this.#ready.length === 0 && !(await this.#fill(items.length === 0 ? wait : null))) break;
      const item = this.#ready.shift();
      if (item === undefined) continue; // an epoch that changed nothing
      const [taken, rest] = split ? cut(item, rows - rowCount) : [item, null];
      if (rest !== null) this.#ready.unshift(rest);
      items.push(taken);
      rowCount += rowsOf(taken.parts);
      bytes += bytesOf(taken.parts);
      whole = taken.complete;
      if (whole) this.#through = taken.epoch;
      if (rowCount > resultRowsMax || bytes > resultBytesMax) {
        throw new WarehouseError('invalid', 'MR_TOO_LARGE', `epoch ${item.epoch} brings more than ${rowCount > resultRowsMax ? `${resultRowsMax} rows` : `${resultBytesMax} bytes`}, which one FETCH does not answer`, {hint: "follow the subscription as a stream, or create it WITH (split = 'true')"});
      }
    }
    // Epochs without a change are behind a consumer as soon as everything before them is.
    if (whole && this.#ready.length === 0 && !this.#inside) this.#through = this.#readThrough;
    return {items, rowCount, through: this.#through, contentAt: this.#contentAt};
  }

  async close(): Promise<void> {
    this.#pending?.catch(() => undefined);
    this.#ready = [];
    await this.#options.items.return(undefined);
  }

  /** Reads on. @returns whether it came forward; false when there is nothing (more), or nobody waits any longer. */
  async #fill(wait: AbortSignal | null): Promise<boolean> {
    const {net, newest} = this.#options;
    const idle = (): boolean => this.#started && !this.#inside && this.#readThrough !== null && this.#readThrough >= newest();
    if (idle() && (wait === null || wait.aborted)) return false;
    const first = await this.#pull(idle() ? wait : null);
    if (first === null) return false;
    if (net === null || !this.#started || this.#inside) {
      this.#pass(first);
      return true;
    }
    // Whole epochs, as long as there are some, up to a number of changes.
    const gathered: ColumnItem[] = [];
    let current: ColumnItem[] = [];
    let rowCount = 0;
    for (let item: ColumnItem | null = first; item !== null; item = idle() || (current.length === 0 && rowCount >= conflateRowsMax) ? null : await this.#pull(null)) {
      current.push(item);
      rowCount += rowsOf(item.parts);
      this.#inside = !item.complete;
      if (item.complete) {
        this.#readThrough = item.epoch;
        if (rowsOf(item.parts) > 0 || current.length > 1) gathered.push(...current);
        current = [];
      } else if (rowCount > conflateRowsMax) break; // one epoch of that size is its own net change, and goes by as it is
    }
    const epochs = new Set(gathered.map(({epoch}) => epoch)).size;
    if (epochs > 1) {
      const item = await net(gathered);
      if (item.parts.length > 0 || current.length > 0) this.#ready.push(item);
    } else this.#ready.push(...gathered);
    this.#ready.push(...current);
    return true;
  }

  /** Takes an item as it is. */
  #pass(item: ColumnItem): void {
    const begins = !this.#started;
    if (begins) this.#contentAt = item.epoch;
    const quiet = item.complete && item.parts.length === 0 && !this.#inside && !begins;
    this.#inside = !item.complete;
    if (item.complete) {
      this.#readThrough = item.epoch;
      this.#started = true;
    } else if (begins) this.#started = true;
    if (!quiet) this.#ready.push(item);
  }

  /** @param wait null: for as long as it takes. @returns null when the wait was given up. */
  async #pull(wait: AbortSignal | null): Promise<ColumnItem | null> {
    const pending = (this.#pending ??= this.#options.items.next());
    if (wait !== null) {
      let end = (): void => undefined;
      const given = await Promise.race([pending, new Promise<null>((resolve) => {
        end = () => resolve(null);
        wait.addEventListener('abort', end, {once: true});
        if (wait.aborted) resolve(null);
      })]).finally(() => wait.removeEventListener('abort', end));
      if (given === null) return null;
    }
    this.#pending = null;
    const next = await pending;
    if (next.done === true) throw new WarehouseError('closed', 'MR_CLOSED', 'the subscription\'s reader is closed', {hint: 'FETCH again'});
    return next.value;
  }
}

function rowsOf(parts: readonly ChangePart[]): number {
  let count = 0;
  for (const {start, end} of parts) count += end - start;
  return count;
}

/** About the bytes of the parts' rows. */
function bytesOf(parts: readonly ChangePart[]): number {
  let bytes = 0;
  for (const {columns, ops, rows, start, end} of parts) {
    const of = Math.max(1, ops?.length ?? rows?.length ?? end);
    bytes += columnsBytes(columns, of) * ((end - start) / of);
  }
  return bytes;
}

/** @returns the first `rows` rows of an item, and what is left; null if that is nothing. */
function cut(item: ColumnItem, rows: number): [ColumnItem, ColumnItem | null] {
  if (rowsOf(item.parts) <= rows) return [item, null];
  const taken: ChangePart[] = [];
  const left: ChangePart[] = [];
  let room = rows;
  for (const part of item.parts) {
    const middle = Math.min(part.end, part.start + room);
    if (middle > part.start) taken.push({...part, end: middle});
    if (middle < part.end) left.push({...part, start: middle});
    room -= middle - part.start;
  }
  return [{epoch: item.epoch, parts: taken, complete: false}, {epoch: item.epoch, parts: left, complete: item.complete}];
}
