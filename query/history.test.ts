import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {epoch, type Epoch} from '../base/epoch.ts';
import {WarehouseError} from '../base/error.ts';
import {historyBytesMax} from '../base/limit.ts';
import {EpochHistory} from './history.ts';
import type {SealedEpoch} from './sealed-epoch.ts';

const seed = Number(process.env['MR_SEED'] ?? 42);

/** A log in memory whose beginning can be cut off, and the history over it. */
class Fixture {
  readonly log: SealedEpoch[] = [];
  oldest = 0;
  readCount = 0;
  readonly history = new EpochHistory({at: epoch(0), oldest: () => epoch(this.oldest), readLog: (since, until) => this.#read(since, until), readFiles: (since, until) => this.#readFiles(since, until)});
  /** The log begins after this epoch: what is older lies in files. */
  logFrom = 0;
  filesReadCount = 0;

  add(bytes: number): void {
    const sealed: SealedEpoch = {epoch: epoch(this.log.length + 1), ddl: [], tables: [], bytes, timeMs: 0, loggedBytes: bytes};
    this.log.push(sealed);
    this.history.append(sealed);
  }

  /** A checkpoint's epochs at a time. */
  async *#readFiles(since: Epoch, until: Epoch): AsyncGenerator<SealedEpoch> {
    this.filesReadCount++;
    for (let at = since + 1; at <= Math.min(until, this.logFrom, 4 * Math.floor(since / 4) + 4); at++) {
      await Promise.resolve();
      yield this.log[at - 1]!;
    }
  }

  /** As the engine reads: some frames at a time, each time from what is there then. */
  async *#read(since: Epoch, until: Epoch): AsyncGenerator<SealedEpoch> {
    if (since < this.logFrom) return;
    this.readCount++;
    for (let at = since + 1; at <= until; at++) {
      await Promise.resolve();
      yield this.log[Math.max(at, this.oldest + 1) - 1]!;
    }
  }
}

async function take(epochs: AsyncIterable<SealedEpoch>, count: number, into: number[] = []): Promise<number[]> {
  for await (const sealed of epochs) {
    into.push(sealed.epoch);
    if (into.length >= count) break;
  }
  return into;
}

const range = (since: number, until: number): number[] => Array.from({length: until - since}, (_, i) => since + 1 + i);

test('history: every reader gets the epochs of its range once and in order, from log and memory, while more come', async () => {
  const share = historyBytesMax / 4;
  let fromLog = 0;
  await fc.assert(fc.asyncProperty(
    fc.array(fc.constantFrom(1, share, share * 3, historyBytesMax * 2), {minLength: 1, maxLength: 30}), fc.nat(30),
    fc.array(fc.record({since: fc.nat(30), length: fc.nat(30), open: fc.boolean()}), {minLength: 1, maxLength: 6}),
    async (sizes, first, readers) => {
      const fixture = new Fixture();
      const early = Math.min(first, sizes.length);
      for (const bytes of sizes.slice(0, early)) fixture.add(bytes);
      const asked = readers.map(({since, length, open}) => {
        const from = Math.min(since, sizes.length);
        const until = Math.min(from + length, sizes.length);
        return {from, until, taken: until === from && open ? Promise.resolve([]) : take(fixture.history.epochs(epoch(from), open ? null : epoch(until), []), until - from)};
      });
      for (const bytes of sizes.slice(early)) {
        await Promise.resolve();
        fixture.add(bytes);
      }
      for (const {from, until, taken} of asked) assert.deepEqual(await taken, range(from, until));
      fromLog += fixture.readCount;
    },
  ), {seed, numRuns: 300});
  assert.ok(fromLog > 100, `${fromLog} reads from the log`);
});

test('history: a reader whose epochs go from the log meanwhile is told so', async () => {
  const fixture = new Fixture();
  for (let i = 0; i < 10; i++) fixture.add(historyBytesMax);
  const reader = fixture.history.epochs(epoch(0), null, []);
  assert.equal((await reader.next()).value?.epoch, 1);
  fixture.oldest = 5;
  await assert.rejects(reader.next(), {kind: 'invalid', code: 'MR_EPOCH_EXPIRED'});
  await assert.rejects(take(fixture.history.epochs(epoch(4), null, []), 1), {code: 'MR_EPOCH_EXPIRED'});
  assert.deepEqual(await take(fixture.history.epochs(epoch(5), epoch(10), []), 10), range(5, 10));
});

test('history: epochs that the log has no longer come from files, joined with log and memory without gap or repeat', async () => {
  await fc.assert(fc.asyncProperty(fc.integer({min: 1, max: 30}), fc.nat(30), fc.nat(30), fc.boolean(), async (count, logFrom, since, large) => {
    const fixture = new Fixture();
    for (let i = 0; i < count; i++) fixture.add(large ? historyBytesMax : historyBytesMax / 8);
    fixture.logFrom = Math.min(logFrom, count - 1);
    const from = Math.min(since, count);
    assert.deepEqual(await take(fixture.history.epochs(epoch(from), epoch(count), []), count + 1), range(from, count));
    assert.equal(fixture.filesReadCount > 0, from < Math.min(fixture.logFrom, fixture.history.memoryFrom), 'files are read for what is nowhere else');
  }), {seed, numRuns: 300});
});

test('history: whoever waits is woken by epochs, by its signal and by the end', async () => {
  const fixture = new Fixture();
  const gone = new AbortController();
  const followed: number[] = [];
  const following = take(fixture.history.epochs(epoch(0), null, []), 2, followed);
  const stopped = take(fixture.history.epochs(epoch(0), null, [], gone.signal), 10);
  const reached = fixture.history.reached(epoch(2));
  const given = assert.rejects(fixture.history.reached(epoch(9), gone.signal), (cause: unknown) => cause instanceof WarehouseError && cause.code === 'MR_INTERRUPTED' && cause.kind === 'unavailable');
  fixture.add(1);
  fixture.add(1);
  await reached;
  assert.deepEqual(await following, [1, 2]);
  gone.abort();
  assert.deepEqual(await stopped, [1, 2]);
  await given;
  await assert.rejects(fixture.history.reached(epoch(9), gone.signal), {code: 'MR_INTERRUPTED'});
  const ended = assert.rejects(take(fixture.history.epochs(epoch(2), null, []), 1), {code: 'MR_CLOSED'});
  const never = assert.rejects(fixture.history.reached(epoch(9)), {code: 'MR_CLOSED'});
  fixture.history.close(new WarehouseError('closed', 'MR_CLOSED', 'closed'));
  await ended;
  await never;
  assert.deepEqual(await take(fixture.history.epochs(epoch(0), epoch(2), []), 5), [1, 2]);
});

test('history: an epoch out of its turn is refused', () => {
  const {history} = new Fixture();
  assert.throws(() => history.append({epoch: epoch(2), ddl: [], tables: [], bytes: 1, timeMs: 0, loggedBytes: 1}), /epoch 2 after 0/);
});
