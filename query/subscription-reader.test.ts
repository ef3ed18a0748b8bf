/** What a consumer takes: whole epochs, rows rounded up, quiet epochs passed over, waits given up and gone on with, net changes. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {epoch, type Epoch} from '../base/epoch.ts';
import {conflateRowsMax} from '../base/limit.ts';
import type {ChangePart, VisibleShape} from './change-rows.ts';
import {SubscriptionReader, type Delivery} from './subscription-reader.ts';
import type {ColumnItem} from './subscription.ts';

const shape: VisibleShape = {table: 'main.t', names: ['n'], types: [{kind: 'integer'}], indexes: [0], ids: [0], key: [0], hides: false};

function part(rows: number): ChangePart {
  return {shape, ops: new Uint8Array(rows), columns: [{kind: 'i32', data: new Int32Array(rows), valid: null}], rows: null, start: 0, end: rows};
}

/** Items are given as they are pushed; the newest epoch is that of the last one. */
class Source {
  readonly #items: ColumnItem[] = [];
  #wake: (() => void) | null = null;
  newest = epoch(0);
  ended = false;

  push(of: number, rows: number, complete = true): void {
    this.#items.push({epoch: epoch(of), parts: rows === 0 ? [] : [part(rows)], complete});
    this.newest = epoch(of);
    this.#wake?.();
  }

  async *items(): AsyncGenerator<ColumnItem, void> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) yield item;
      else if (this.ended) return;
      else await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  reader(options: {since?: Epoch | null; split?: boolean; net?: (items: readonly ColumnItem[]) => Promise<ColumnItem>} = {}): SubscriptionReader {
    return new SubscriptionReader({items: this.items(), since: options.since === undefined ? epoch(0) : options.since, newest: () => this.newest, split: options.split ?? false, net: options.net ?? null});
  }
}

function shown({items, through, rowCount}: Delivery): string {
  return `${items.map((item) => `${item.epoch}:${item.parts.reduce((sum, {start, end}) => sum + end - start, 0)}${item.complete ? '|' : ''}`).join(' ')} = ${rowCount} through ${through}`;
}

test('reader: whole epochs until there are enough rows; epochs without a change count as delivered', async () => {
  const source = new Source();
  for (const [of, rows] of [[1, 2], [2, 0], [3, 3], [4, 1], [5, 0], [6, 0]] as const) source.push(of, rows);
  const reader = source.reader();
  assert.equal(shown(await reader.take(1, null)), '1:2| = 2 through 1');
  assert.equal(shown(await reader.take(4, null)), '3:3| 4:1| = 4 through 4');
  assert.equal(shown(await reader.take(9, null)), ' = 0 through 6');
  source.push(7, 2, false);
  source.push(7, 2, true);
  assert.equal(shown(await reader.take(1, null)), '7:2 7:2| = 4 through 7', 'an epoch of several items');
  await reader.close();
});

test('reader: where epochs may be split exactly so many rows come, and the end is marked where it is', async () => {
  const source = new Source();
  source.push(1, 5);
  source.push(2, 2);
  const reader = source.reader({split: true});
  assert.equal(shown(await reader.take(2, null)), '1:2 = 2 through 0');
  assert.equal(shown(await reader.take(3, null)), '1:3| = 3 through 1', 'the last row of an epoch ends it');
  assert.equal(shown(await reader.take(10, null)), '2:2| = 2 through 2');
  await reader.close();
});

test('reader: content comes first and says its epoch, also when it is empty', async () => {
  const source = new Source();
  source.push(4, 0);
  const reader = source.reader({since: null});
  const first = await reader.take(5, null);
  assert.equal(shown(first), '4:0| = 0 through 4');
  assert.equal(first.contentAt, 4);
  source.push(5, 1);
  assert.equal(shown(await reader.take(5, null)), '5:1| = 1 through 5');
  await reader.close();
});

test('reader: a wait ends with the first change, or when it is given up, and nothing is lost by that', async () => {
  const source = new Source();
  const reader = source.reader();
  const given = new AbortController();
  const waiting = reader.take(5, given.signal);
  given.abort();
  assert.equal(shown(await waiting), ' = 0 through 0');
  const again = reader.take(5, new AbortController().signal);
  source.push(1, 0); // a quiet epoch ends no wait
  source.push(2, 3);
  assert.equal(shown(await again), '2:3| = 3 through 2');
  assert.equal(shown(await reader.take(5, null)), ' = 0 through 2');
  await reader.close();
});

test('reader: what waits is netted in whole epochs; an epoch too large for that goes by as it is', async () => {
  const source = new Source();
  const netted: string[] = [];
  const net = (items: readonly ColumnItem[]): Promise<ColumnItem> => {
    netted.push(items.map((item) => item.epoch).join(','));
    return Promise.resolve({epoch: items.at(-1)!.epoch, parts: [part(1)], complete: true});
  };
  const reader = source.reader({net});
  source.push(1, 2);
  assert.equal(shown(await reader.take(1, null)), '1:2| = 2 through 1', 'one epoch is its own net change');
  for (const of of [2, 3, 4]) source.push(of, of === 3 ? 0 : 5);
  source.push(5, conflateRowsMax, false);
  source.push(5, 1, false);
  source.push(5, 1, true);
  source.push(6, 1);
  assert.equal(shown(await reader.take(1, null)), '4:1| = 1 through 4');
  assert.deepEqual(netted, ['2,4'], 'what changed nothing is not netted');
  assert.equal(shown(await reader.take(1, null)), `5:${conflateRowsMax} 5:1 5:1| = ${conflateRowsMax + 2} through 5`);
  assert.equal(shown(await reader.take(1, null)), '6:1| = 1 through 6');
  await reader.close();
});

test('reader: after its end it says so', async () => {
  const source = new Source();
  source.ended = true;
  source.newest = epoch(1);
  await assert.rejects(source.reader().take(1, null), {code: 'MR_CLOSED'});
});
