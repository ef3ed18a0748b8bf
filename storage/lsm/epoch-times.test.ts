import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {epoch} from '../../base/epoch.ts';
import {decodeEpochNumbers, encodeEpochNumbers} from './epoch-numbers.ts';
import {epochAtTime, EpochTimes} from './epoch-times.ts';

test('epoch times: the newest epoch at or before a time is found, whatever the clock did', () => {
  const clock = fc.array(fc.integer({min: -3, max: 5}), {maxLength: 40});
  fc.assert(fc.property(clock, fc.integer({min: 90, max: 300}), fc.nat(10), (steps, wanted, dropped) => {
    const times = new EpochTimes(100);
    const model: number[] = []; // time of epoch i + 1
    let now = 100;
    for (const [index, step] of steps.entries()) {
      now += step;
      times.add(epoch(index + 1), now);
      model.push(Math.max(100, model.at(-1) ?? 0, now));
    }
    assert.equal(times.timeMs, model.at(-1) ?? 100);
    assert.deepEqual(decodeEpochNumbers(encodeEpochNumbers(times.view())), times.view());
    // Epochs before the first entry have the time that was given: they are found elsewhere.
    const found = model.findLastIndex((ms) => ms <= wanted);
    const first = model.findIndex((ms) => ms > 100);
    const expected = first === -1 || found < first ? undefined : found + 1;
    assert.equal(epochAtTime(times.view(), epoch(steps.length), wanted), expected);
    const newest = epoch(steps.length);
    assert.equal(times.at(wanted, newest), wanted < 100 ? undefined : found === -1 ? 0 : found + 1);
    const through = times.through(epoch(dropped));
    assert.equal(through.timeMs, model[Math.min(dropped, model.length) - 1] ?? 100);
    assert.deepEqual(through.times.epochs, times.view().epochs.filter((one) => one <= dropped));
    times.dropThrough(epoch(dropped));
    assert.ok(times.view().epochs.every((one) => one > dropped));
    const kept = times.at(wanted, newest);
    if (kept !== undefined) assert.equal(kept, found === -1 ? 0 : found + 1);
    else assert.ok(found + 1 <= dropped, 'only what was forgotten is not found');
  }));
});
