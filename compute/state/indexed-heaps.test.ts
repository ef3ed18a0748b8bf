import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {IndexedHeaps} from './indexed-heaps.ts';
import {seed} from './test-rows.ts';

test('indexed heaps: the top is the least node of its group, whatever is put in and taken out', () => {
  const step = fc.record({group: fc.nat(2), pick: fc.nat(10_000), value: fc.nat(500), remove: fc.integer({min: 0, max: 9}).map((n) => n < 4)});
  fc.assert(fc.property(fc.array(step, {maxLength: 300, size: 'max'}), (steps) => {
    const values: number[] = [];
    const heaps = new IndexedHeaps({before: (a, b) => values[a]! < values[b]!});
    const held: number[][] = [[], [], []];
    const check = (group: number): void => {
      const nodes = held[group]!;
      assert.equal(heaps.size(group), nodes.length);
      const top = heaps.top(group);
      if (nodes.length === 0) assert.equal(top, -1);
      else assert.equal(values[top], Math.min(...nodes.map((node) => values[node]!)));
    };
    for (const {group, pick, value, remove} of steps) {
      const nodes = held[group]!;
      if (remove && nodes.length > 0) {
        const [node] = nodes.splice(pick % nodes.length, 1);
        heaps.remove(group, node!);
      } else {
        values.push(value);
        heaps.insert(group, values.length - 1);
        nodes.push(values.length - 1);
      }
      check(group);
    }
    for (let group = 0; group < 3; group++) {
      assert.deepEqual([...heaps.nodes(group)].sort((a, b) => a - b), held[group]!.toSorted((a, b) => a - b));
      // drained, the values rise: a node out of place shows here at the latest
      let last = -1;
      for (let left = held[group]!.length; left > 0; left--) {
        const top = heaps.top(group);
        assert.ok(values[top]! >= last);
        last = values[top]!;
        heaps.remove(group, top);
      }
      assert.equal(heaps.top(group), -1);
    }
  }), {seed, numRuns: 100});
});

test('indexed heaps: a node taken from the middle lets the last one rise above its new parent', () => {
  const values = [1, 10, 2, 11, 12, 3, 4];
  const heaps = new IndexedHeaps({before: (a, b) => values[a]! < values[b]!});
  values.forEach((_, node) => heaps.insert(0, node));
  heaps.remove(0, 3); // the last node, 4, takes the place below 10
  const order: number[] = [];
  for (let top = heaps.top(0); top >= 0; top = heaps.top(0)) {
    order.push(values[top]!);
    heaps.remove(0, top);
  }
  assert.deepEqual(order, [1, 2, 3, 4, 10, 12]);
});

test('indexed heaps: a heap of many chunks gives its memory back as it shrinks', () => {
  const size = 50_000;
  const heaps = new IndexedHeaps({before: (a, b) => a < b});
  for (let node = size - 1; node >= 0; node--) heaps.insert(0, node);
  const full = heaps.bytes();
  for (let node = 0; node < size - 5_000; node++) {
    assert.equal(heaps.top(0), node);
    heaps.remove(0, node);
  }
  assert.ok(heaps.bytes() <= full - (size - 5_000 - 2 * 4096) * 4, `${heaps.bytes()} bytes of ${full}`);
  for (let node = size - 1; node >= size - 4_990; node--) heaps.remove(0, node); // back to a pooled block
  assert.deepEqual([...heaps.nodes(0)].sort((a, b) => a - b), Array.from({length: 10}, (_, i) => size - 5_000 + i));
  assert.throws(() => heaps.remove(0, 3), /not in the heap/);
  heaps.clear(0);
  assert.equal(heaps.top(0), -1);
  assert.throws(() => heaps.remove(0, 3), /empty heap/);
});
