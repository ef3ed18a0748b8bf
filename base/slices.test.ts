import assert from 'node:assert/strict';
import test from 'node:test';
import {eachInSlices, slicesOf} from './slices.ts';

test('slices: all items come once and in order, others have the thread in between, and what is added meanwhile is left', async () => {
  for (const count of [0, 1, 255, 256, 257, 5000]) {
    const items = Array.from({length: count}, (_, i) => i);
    const seen: number[] = [];
    let turns = 0;
    let ended = false;
    const other = (): void => {
      turns++;
      if (!ended) setImmediate(other);
    };
    setImmediate(other);
    await eachInSlices(items, (item) => {
      seen.push(item);
      if (item % 1000 === 0) items.push(-1);
    });
    ended = true;
    assert.deepEqual(seen, items.slice(0, count));
    assert.ok(turns >= Math.ceil(count / 256) - 1, `${turns} turns of others in ${count} items`);
    assert.deepEqual(slicesOf(seen).flat(), seen);
    assert.ok(slicesOf(seen).every(({length}) => length > 0 && length <= 256));
  }
});

test('slices: an error ends the loop', async () => {
  let calls = 0;
  await assert.rejects(eachInSlices([1, 2, 3], () => {
    calls++;
    throw new Error('no');
  }), /no/);
  assert.equal(calls, 1);
});
