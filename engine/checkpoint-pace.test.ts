import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {systemClock} from '../base/clock.ts';
import {checkpointRestMsMax} from '../base/limit.ts';
import {checkpointPace, roomLeft} from './checkpoint-pace.ts';

const MiB = 2 ** 20;

test('checkpoint pace: all the room at the beginning, none at twice the limit or at half the time, less and less in between', () => {
  const at = (tailMiB: number, elapsedMs: number): number => roomLeft({tailBytes: tailMiB * MiB, checkpointBytes: 64 * MiB, elapsedMs, checkpointMs: 60_000});
  assert.deepEqual([at(1, 0), at(64, 0), at(96, 0), at(128, 0), at(200, 0)], [1, 1, 0.5, 0, 0]);
  assert.deepEqual([at(64, 15_000), at(64, 30_000), at(64, 90_000), at(112, 15_000)], [0.5, 0, 0, 0.25]);
  fc.assert(fc.property(fc.nat(300), fc.nat(300), fc.nat(100_000), fc.nat(100_000), (tail, moreTail, elapsed, moreElapsed) => {
    const [before, after] = [at(tail, elapsed), at(tail + moreTail, elapsed + moreElapsed)];
    assert.ok(before >= after && after >= 0 && before <= 1);
  }));
});

test('checkpoint pace: no rest is longer than what is left of half the interval, nor than the longest', async () => {
  const rests: number[] = [];
  const clock = {...systemClock, after: (delayMs: number, work: () => void) => {
    rests.push(delayMs);
    setImmediate(work);
    return () => undefined;
  }};
  let spread = {tailBytes: 1, checkpointBytes: MiB, elapsedMs: 100, checkpointMs: 1000};
  const pace = checkpointPace(clock, () => spread);
  await pace.rest(300);
  spread = {...spread, elapsedMs: 300};
  await pace.rest(300);
  spread = {...spread, elapsedMs: 500};
  await pace.rest(300);
  spread = {...spread, elapsedMs: 100, checkpointMs: 3_600_000};
  await pace.rest(60_000);
  assert.deepEqual(rests, [400, 200, checkpointRestMsMax]);
});
