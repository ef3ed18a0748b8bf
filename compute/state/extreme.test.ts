import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type {LogicalType} from '../../base/type.ts';
import {extremeOf} from './extreme.ts';
import type {Cell} from './test-rows.ts';
import {anyCell, anyForm, cellOf, cellText, columnOf, plainForm, seed} from './test-rows.ts';
import {ValueCounts} from './value-counts.ts';

const types: LogicalType[] = [{kind: 'integer'}, {kind: 'boolean'}, {kind: 'bigint'}, {kind: 'double'}, {kind: 'varchar'}, {kind: 'decimal', precision: 38, scale: 0}, {kind: 'decimal', precision: 9, scale: 2}];

/** Order as DuckDB has it. */
function compareCells(a: Cell, b: Cell): number {
  if (typeof a === 'number' && typeof b === 'number') {
    if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : 1;
    return Number.isNaN(b) ? -1 : a - b === 0 || a === b ? 0 : a < b ? -1 : 1;
  }
  return a! < b! ? -1 : a! > b! ? 1 : 0;
}

const groupCount = 3;

test('extreme: is the least or greatest value of what a group holds, whatever came and went', () => {
  const seen = {retracted: 0, emptied: 0, cleared: 0, negated: 0};
  const value = (type: LogicalType): fc.Arbitrary<Cell> => type.kind === 'integer' || type.kind === 'bigint' ? fc.oneof(anyCell(type, true), fc.integer({min: -60, max: 60}).map((n): Cell => type.kind === 'integer' ? n : BigInt(n))) : anyCell(type, true);
  const cases = fc.constantFrom(...types).chain((type) => fc.record({
    type: fc.constant(type),
    which: fc.constantFrom('min' as const, 'max' as const),
    form: anyForm,
    steps: fc.array(fc.oneof(
      {weight: 6, arbitrary: fc.array(fc.record({group: fc.nat(groupCount - 1), cell: value(type), weight: fc.integer({min: -3, max: 3})}), {maxLength: 60})},
      {weight: 1, arbitrary: fc.constant('end' as const)},
      {weight: 1, arbitrary: fc.constant('negate' as const)},
      {weight: 1, arbitrary: fc.constant('clear' as const)},
    ), {maxLength: 10}),
  }));
  fc.assert(fc.property(cases, ({type, which, form, steps}) => {
    const extreme = extremeOf(type, which);
    let held = Array.from({length: groupCount}, () => new Map<string, {cell: Cell; copies: number}>());
    let last: {group: number; cell: Cell; weight: number}[] = [];
    const add = (rows: {group: number; cell: Cell; weight: number}[]): void => {
      extreme.add(Int32Array.from(rows, ({group}) => group), Int32Array.from(rows, ({weight}) => weight), columnOf(type, rows.map(({cell}) => cell), form), rows.length);
      for (const {group, cell, weight} of rows) {
        if (cell === null || weight === 0) continue;
        const text = cellText(cell);
        const entry = held[group]!.get(text) ?? {cell: cell === 0 ? 0 : cell, copies: 0};
        entry.copies += weight;
        held[group]!.set(text, entry);
      }
      for (const group of held) for (const [text, {copies}] of group) if (copies === 0) group.delete(text);
    };
    for (const step of steps) {
      if (step === 'end') {
        extreme.endEpoch();
        last = [];
      } else if (step === 'negate') {
        if (last.length > 0) seen.negated++;
        add(last.map(({group, cell, weight}) => ({group, cell, weight: -weight})));
        last = [];
      } else if (step === 'clear') {
        if (held[0]!.size > 1) seen.cleared++;
        extreme.clear(0);
        held[0] = new Map();
        last = [];
      } else {
        // in sum no value goes below 0 copies; in the order of the rows it may
        const sums = new Map<string, number>();
        const rows = step.filter(({group, cell, weight}) => {
          const key = `${group}${cellText(cell)}`;
          const to = (sums.get(key) ?? held[group]!.get(cellText(cell))?.copies ?? 0) + weight;
          if (to < 0) return false;
          sums.set(key, to);
          return true;
        }).reverse();
        seen.retracted += rows.filter(({weight}) => weight < 0).length;
        add(rows);
        last = rows;
      }
      const groups = Int32Array.from({length: groupCount + 1}, (_, group) => group); // one that never had a value
      const column = extreme.read(groups, groupCount + 1);
      for (let group = 0; group <= groupCount; group++) {
        const cells = [...held[group] ?? []].map(([, {cell}]) => cell).sort(compareCells);
        const wanted = cells.length === 0 ? null : which === 'min' ? cells[0]! : cells.at(-1)!;
        if (cells.length === 0) seen.emptied++;
        assert.equal(cellText(cellOf(type, column, group)), cellText(wanted));
      }
      held = held.map((group) => group);
    }
  }), {seed, numRuns: 400});
  for (const [what, count] of Object.entries(seen)) assert.ok(count > 20, `${what} seen ${count} times`);
});

for (const [name, type, cellAt] of [['integers', {kind: 'bigint'}, (n: number): Cell => BigInt(n)], ['text', {kind: 'varchar'}, (n: number): Cell => `${n}`.padStart(6, '0')]] as const) {
  test(`extreme: a group of 20,000 ${name} gives its extremes up one after the other, and its memory back`, () => {
    const size = 20_000;
    const extreme = extremeOf(type, 'max');
    const group = new Int32Array(size).fill(5);
    const shuffled = Array.from({length: size}, (_, i) => (i * 7919) % size);
    extreme.add(group, new Int32Array(size).fill(2), columnOf(type, shuffled.map(cellAt)), size);
    const full = extreme.bytes();
    // a third goes in random order, then the greatest, one by one
    const gone = new Set(shuffled.slice(0, size / 2));
    extreme.add(group, new Int32Array(gone.size).fill(-2), columnOf(type, [...gone].map(cellAt)), gone.size);
    let step = 0;
    for (let value = size - 1; value >= 0; value--) {
      if (gone.has(value)) continue;
      if (step++ % 50 === 0) assert.equal(cellOf(type, extreme.read(Int32Array.of(5), 1), 0), cellAt(value));
      extreme.add(Int32Array.of(5), Int32Array.of(-2), columnOf(type, [cellAt(value)]), 1);
      if (step % 1000 === 0) extreme.endEpoch();
    }
    assert.equal(cellOf(type, extreme.read(Int32Array.of(5), 1), 0), null);
    extreme.endEpoch();
    for (let round = 0; round < 3; round++) {
      extreme.add(group, new Int32Array(size).fill(1), columnOf(type, shuffled.map(cellAt)), size);
      extreme.add(group, new Int32Array(size).fill(-1), columnOf(type, shuffled.map(cellAt)), size);
      extreme.endEpoch();
    }
    assert.ok(extreme.bytes() <= full * 1.3, `${extreme.bytes()} bytes after, ${full} before`);
  });
}

test('extreme: a value that is not there cannot go', () => {
  for (const type of types) {
    const extreme = extremeOf(type, 'min');
    const cell = type.kind === 'varchar' ? 'x' : type.kind === 'integer' || type.kind === 'boolean' || type.kind === 'double' ? 1 : 1n;
    assert.throws(() => extreme.add(Int32Array.of(0), Int32Array.of(-1), columnOf(type, [cell]), 1), /copies|not there/);
  }
});

test('value counts: say when the first copy of a value comes and the last one goes', () => {
  const type: LogicalType = {kind: 'varchar'};
  const row = fc.record({group: fc.nat(2), cell: fc.constantFrom<Cell[]>(null, '', 'a', 'b', 'abcdefghi'), weight: fc.integer({min: -2, max: 3})});
  const seen = {came: 0, went: 0, cleared: 0};
  fc.assert(fc.property(fc.array(fc.oneof({weight: 5, arbitrary: fc.array(row, {maxLength: 15})}, {weight: 1, arbitrary: fc.constant('end' as const)}, {weight: 1, arbitrary: fc.constant('clear' as const)}), {maxLength: 10}), anyForm, (steps, form) => {
    const counts = new ValueCounts(type, {byGroup: true});
    let held = new Map<string, number>();
    const textOf = (rows: Int32Array): string[] => {
      const [groups, values] = counts.store.gather(rows, rows.length, [0, 1]);
      return Array.from(rows, (_, i) => `${cellText(cellOf({kind: 'integer'}, groups!, i))}${cellText(cellOf(type, values!, i))}`).sort();
    };
    for (const step of steps) {
      if (step === 'end') counts.endEpoch();
      else if (step === 'clear') {
        const gone = [...held.keys()].filter((text) => text.startsWith('1')).sort();
        seen.cleared += gone.length;
        assert.deepEqual(textOf(counts.clear(1)), gone);
        for (const text of gone) held.delete(text);
      } else {
        const next = new Map(held);
        const rows = step.filter(({group, cell, weight}) => {
          const text = `${group}${cellText(cell)}`;
          if (cell === null) return true;
          const to = (next.get(text) ?? 0) + weight;
          if (to < 0) return false;
          next.set(text, to);
          return true;
        });
        const {came, went} = counts.add(Int32Array.from(rows, ({group}) => group), Int32Array.from(rows, ({weight}) => weight), columnOf(type, rows.map(({cell}) => cell), form), rows.length);
        for (const [text, copies] of next) if (copies === 0) next.delete(text);
        assert.deepEqual(textOf(came), [...next.keys()].filter((text) => !held.has(text)).sort());
        assert.deepEqual(textOf(went), [...held.keys()].filter((text) => !next.has(text)).sort());
        seen.came += came.length;
        seen.went += went.length;
        held = next;
      }
      const live = new Map<string, number>();
      for (const {rows, count} of counts.store.scan()) textOf(rows.slice(0, count)).forEach((text) => live.set(text, 0));
      assert.deepEqual([...live.keys()].sort(), [...held.keys()].sort());
      for (const {rows, count} of counts.store.scan()) for (let i = 0; i < count; i++) assert.equal(counts.copies(rows[i]!), held.get(textOf(Int32Array.of(rows[i]!))[0]!));
      assert.equal(counts.valueCount, held.size);
    }
  }), {seed, numRuns: 200});
  for (const [what, count] of Object.entries(seen)) assert.ok(count > 20, `${what} seen ${count} times`);
  const counts = new ValueCounts(type);
  assert.throws(() => counts.add(Int32Array.of(0), Int32Array.of(-1), columnOf(type, ['x'], plainForm), 1), /not there/);
});
