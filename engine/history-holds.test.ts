import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {epoch, type Epoch} from '../base/epoch.ts';
import {historyHoldsMax} from '../base/limit.ts';
import {HistoryHolds, keptCheckpoints, type HistoryHold} from './history-holds.ts';

function hold(kind: HistoryHold['kind'], name: string, at: number, reach: HistoryHold['reach'] = 'onward', untilMs: number | null = null): HistoryHold {
  return {kind, name, epoch: epoch(at), reach, untilMs};
}

test('history holds: the floor is the least onward epoch, moments below it are kept apart, ended holds count no more', () => {
  const holds = new HistoryHolds(epoch(0));
  assert.deepEqual(holds.held(epoch(90), 0), {floor: 90, moments: []});
  holds.hold(hold('subscription', 'audit', 40), 0);
  holds.hold(hold('read', '1', 30, 'onward', 500), 0);
  holds.hold(hold('tag', 'old', 10, 'moment'), 0);
  holds.hold(hold('tag', 'recent', 60, 'moment'), 0);
  assert.deepEqual(holds.held(epoch(90), 499), {floor: 30, moments: [10]});
  assert.deepEqual(holds.held(epoch(90), 500), {floor: 40, moments: [10]});
  holds.hold(hold('subscription', 'audit', 70), 0);
  assert.deepEqual(holds.held(epoch(90), 500), {floor: 70, moments: [10, 60]});
  assert.equal(holds.release('subscription', 'audit'), true);
  assert.equal(holds.release('subscription', 'audit'), false);
  assert.deepEqual(holds.held(epoch(90), 500), {floor: 90, moments: [10, 60]});
});

test('history holds: after the first phase of expiry nothing below is granted, but a moment that another hold keeps', () => {
  const holds = new HistoryHolds(epoch(0));
  const tags: HistoryHold[] = [hold('tag', 'old', 10, 'moment')];
  holds.addSource(() => tags);
  holds.hold(hold('subscription', 'audit', 40), 0);
  assert.deepEqual(holds.advance(epoch(90), 0), {floor: 40, moments: [10]});
  assert.equal(holds.oldest, 40);
  assert.throws(() => holds.hold(hold('read', '1', 39), 0), {code: 'MR_EPOCH_EXPIRED'});
  assert.throws(() => holds.hold(hold('read', '1', 10), 0), {code: 'MR_EPOCH_EXPIRED'});
  holds.hold(hold('read', '1', 10, 'moment'), 0);
  tags.pop();
  assert.deepEqual(holds.advance(epoch(90), 0), {floor: 40, moments: [10]}, 'the read holds it now');
  holds.release('read', '1');
  assert.deepEqual(holds.advance(epoch(90), 0), {floor: 40, moments: []});
  assert.throws(() => holds.hold(hold('read', '2', 10, 'moment'), 0), {code: 'MR_EPOCH_EXPIRED'});
});

test('history holds: their number is bounded', () => {
  const holds = new HistoryHolds(epoch(0));
  for (let i = 0; i < historyHoldsMax; i++) holds.hold(hold('read', String(i), 1), 0);
  assert.throws(() => holds.hold(hold('read', 'one more', 1), 0), {code: 'MR_BUSY'});
  holds.hold(hold('read', '7', 2), 0);
});

test('kept checkpoints: every held epoch can be read from what stays', () => {
  const epochs = fc.uniqueArray(fc.nat(60), {minLength: 1, maxLength: 12}).map((list) => list.sort((a, b) => a - b).map(epoch));
  fc.assert(fc.property(epochs, fc.nat(70), fc.array(fc.nat(70), {maxLength: 4}), (checkpoints, floorAt, momentsAt) => {
    const floor = epoch(Math.min(floorAt, checkpoints.at(-1)!));
    const moments = momentsAt.filter((at) => at < floor).map(epoch);
    const kept = keptCheckpoints(checkpoints, {floor, moments});
    assert.deepEqual(kept.map((one) => one.epoch), checkpoints);
    assert.ok(kept.at(-1)!.content);
    // The model: the content at `at` needs a checkpoint's content at or before it and the changes of those after it, up to the one that covers it.
    const readable = (at: Epoch): boolean => {
      const base = kept.findLastIndex((one) => one.content && one.epoch <= at);
      if (base === -1) return at < checkpoints[0]!;
      const covering = kept.findIndex((one) => one.epoch >= at);
      return kept.slice(base + 1, covering + 1).every((one) => one.changes);
    };
    for (let at = floor; at <= checkpoints.at(-1)!; at = epoch(at + 1)) assert.ok(readable(at), `epoch ${at}`);
    for (const at of moments) assert.ok(readable(at), `moment ${at}`);
    const base = checkpoints.findLastIndex((at) => at <= floor);
    const needed = new Set(moments.map((at) => checkpoints.findLastIndex((one) => one <= at)));
    for (const [index, one] of kept.entries()) if (index < base && one.content) assert.ok(needed.has(index), `checkpoint ${one.epoch} is kept for nobody`);
  }));
});
