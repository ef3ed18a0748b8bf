import assert from 'node:assert/strict';
import {test} from 'node:test';
import type {Clock} from '../base/clock.ts';
import {Pace} from './pace.ts';

/** Notes rests instead of waiting for them; `end` ends the one under way. */
class NotedClock implements Clock {
  readonly rests: number[] = [];
  end: (() => void) | null = null;
  nowMs = (): number => 0;
  monotonicMs = (): number => 0;
  after(delayMs: number, work: () => void): () => void {
    this.rests.push(delayMs);
    this.end = work;
    return () => { this.end = null; };
  }
}

const ticks = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('pace: rests in proportion, up to the longest', async () => {
  const clock = new NotedClock();
  const pace = new Pace({clock, share: () => 0.25, restMsMax: 1000});
  for (const workedMs of [10, 100, 0, 5000]) {
    const rested = pace.rest(workedMs);
    clock.end?.();
    await rested;
  }
  assert.deepEqual(clock.rests, [30, 300, 1000]);
});

test('pace: who waits ends the rest under way, and there are no more while somebody does', async () => {
  const clock = new NotedClock();
  const pace = new Pace({clock, share: () => 0.5, restMsMax: 1000});
  const rested = pace.rest(10);
  const [calm, calmToo] = [pace.hurry(), pace.hurry()];
  await rested;
  await pace.rest(20);
  calm();
  await pace.rest(30);
  assert.deepEqual(clock.rests, [10]);
  calmToo();
  const again = pace.rest(40);
  assert.deepEqual(clock.rests, [10, 40]);
  clock.end!();
  await again;
});

test('pace: urgency is asked for at every rest, and a wake ends one', async () => {
  const clock = new NotedClock();
  let urgent = true;
  const pace = new Pace({clock, share: () => 0.5, restMsMax: 1000, urgent: () => urgent});
  await pace.rest(10);
  urgent = false;
  const rested = pace.rest(20);
  assert.deepEqual(clock.rests, [20]);
  pace.wake();
  await rested;
});

test('pace: others learn of a rest, at once in one', async () => {
  const clock = new NotedClock();
  const pace = new Pace({clock, share: () => 0.5, restMsMax: 1000});
  let told = 0;
  const first = pace.resting().then(() => told++);
  await ticks();
  assert.equal(told, 0);
  const rested = pace.rest(10);
  await first;
  await pace.resting();
  assert.equal(told, 1);
  clock.end!();
  await rested;
  const next = pace.resting().then(() => told++);
  await ticks();
  assert.equal(told, 1);
  const last = pace.rest(10);
  await next;
  clock.end!();
  await last;
});
