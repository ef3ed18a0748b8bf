import assert from 'node:assert/strict';
import test from 'node:test';
import {EpochMarks} from './epoch-marks.ts';

test('epoch marks: the recent past exactly, the rest never later than it was, in bounded memory', () => {
  const marks = new EpochMarks({epoch: 7, timeMs: 1000, loggedBytes: 50}, 64);
  for (let epoch = 8; epoch <= 5000; epoch++) {
    marks.append(epoch, 1000 + epoch, 3);
    assert.ok(marks.count <= 65);
  }
  assert.deepEqual(marks.newest, {epoch: 5000, timeMs: 6000, loggedBytes: 50 + 3 * 4993});
  for (let epoch = 4990; epoch <= 5000; epoch++) assert.deepEqual(marks.at(epoch), {epoch, timeMs: 1000 + epoch, loggedBytes: 50 + 3 * (epoch - 7)});
  let before = 0;
  for (let epoch = 1; epoch <= 5000; epoch += 13) {
    const {timeMs, loggedBytes} = marks.at(epoch);
    assert.ok(timeMs <= Math.max(1000, 1000 + epoch) && loggedBytes <= Math.max(50, 50 + 3 * (epoch - 7)), `epoch ${epoch}`);
    assert.ok(loggedBytes >= before, 'they rise');
    before = loggedBytes;
  }
  assert.deepEqual(marks.at(3), {epoch: 3, timeMs: 1000, loggedBytes: 50}, 'what lies before all marks takes the first');
});
