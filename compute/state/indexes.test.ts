import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type {LogicalType} from '../../base/type.ts';
import {MultiIndex} from './multi-index.ts';
import {RowStore} from './row-store.ts';
import {SlotTable} from './slot-table.ts';
import type {Cell} from './test-rows.ts';
import {anyCell, anyForm, anyType, columnsOf, rowText, seed} from './test-rows.ts';
import {UniqueIndex} from './unique-index.ts';

const bigint: LogicalType = {kind: 'bigint'};
const weak = {finish: (hash: Int32Array, count: number): void => { for (let i = 0; i < count; i++) hash[i]! &= 1; }};

test('slot table: holds what was added and not removed, through growth, split, wrap-around and shrinking', () => {
  const table = new SlotTable();
  const model = new Map<number, number>(); // row → hash
  let state = seed;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return Math.floor(((state >>> 0) / 2 ** 32) * below);
  };
  const hashOf = (row: number): number => row % 50 === 0 ? -1 : row % 49 === 0 ? 0 : Math.imul(row, 0x9e3779b1);
  const check = (): void => {
    assert.equal(table.count, model.size);
    for (const [row, hash] of model) assert.ok(table.locate(hash, row) >= 0, `row ${row}`);
  };
  let next = 0;
  for (const [size, removals] of [[2_000, 1_000], [3_000, 3_900], [80_000, 0], [90_000, 60_000], [0, 100_000]] as const) {
    for (let i = 0; i < size; i++) {
      const row = next++;
      if (row % 50 === 0 && row > 5_000) continue; // long runs are slow by nature
      if (row % 49 === 0 && row > 5_000) continue;
      model.set(row, hashOf(row));
      table.add(hashOf(row), row);
    }
    check();
    const rows = [...model.keys()];
    for (let i = 0; i < removals && rows.length > 0; i++) {
      const at = random(rows.length);
      const row = rows[at]!;
      rows[at] = rows.at(-1)!;
      rows.pop();
      table.remove(model.get(row)!, row);
      model.delete(row);
    }
    check();
  }
  const full = 200_000;
  assert.ok(table.bytes() < full * 8, `${table.bytes()} bytes for ${model.size} entries`);
  const [row, hash] = [...model][0]!;
  table.replace(hash, row, 1_000_000);
  assert.equal(table.locate(hash, row), -1);
  assert.ok(table.locate(hash, 1_000_000) >= 0);
  assert.throws(() => table.remove(hash, row), /no slot/);
});

test('slot table: rows of one hash are walked one after the other', () => {
  const table = new SlotTable();
  for (let row = 0; row < 20; row++) table.add(row % 2 === 0 ? 7 : 7 + 16, row);
  const found: number[] = [];
  for (let row = table.nextSame(7, -1); row >= 0; row = table.nextSame(7, row)) found.push(row);
  assert.deepEqual(found.sort((a, b) => a - b), [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
});

const anyKeys = fc.array(fc.record({type: anyType, nullable: fc.boolean()}), {minLength: 1, maxLength: 3}).chain((columns) => fc.record({
  types: fc.constant(columns.map(({type}) => type)),
  rows: fc.array(fc.tuple(...columns.map(({type, nullable}) => anyCell(type, nullable))), {minLength: 1, maxLength: 30}),
  form: anyForm,
  again: anyForm,
  weakHash: fc.boolean(),
  order: fc.array(fc.nat(1000), {minLength: 30, maxLength: 30}),
}));

test('unique index: finds keys in whatever form their columns come, and only those', () => {
  let absent = 0;
  fc.assert(fc.property(anyKeys, ({types, rows, form, again, weakHash, order}) => {
    const store = new RowStore([{kind: 'integer'}, ...types]);
    const index = new UniqueIndex(store, types.map((_, column) => column + 1), weakHash ? weak : {});
    const distinct = [...new Map(rows.map((row) => [rowText(row), row])).values()];
    const known = distinct.filter((_, i) => i % 2 === 0);
    const out = new Int32Array(known.length);
    store.insert(columnsOf([{kind: 'integer'}, ...types], known.map((row, i): Cell[] => [i, ...row]), form), null, known.length, out);
    index.insert(out, known.length);
    const rowOf = new Map(known.map((row, i) => [rowText(row), out[i]!]));
    const check = (): void => {
      const found = new Int32Array(rows.length);
      const selection = Int32Array.from(rows, (_, i) => rows.length - 1 - i);
      index.find(columnsOf(types, rows, again), selection, rows.length, found);
      rows.forEach((_, i) => assert.equal(found[i]!, rowOf.get(rowText(rows[selection[i]!]!)) ?? -1));
      absent += found.filter((row) => row < 0).length;
      assert.equal(index.count, rowOf.size);
    };
    check();
    for (const pick of order.slice(0, known.length)) {
      const texts = [...rowOf.keys()];
      if (texts.length === 0) break;
      const text = texts[pick % texts.length]!;
      index.remove(Int32Array.of(rowOf.get(text)!), 1);
      rowOf.delete(text);
    }
    check();
  }), {seed, numRuns: 300});
  assert.ok(absent > 100);
});

test('multi index: a hot key of 100,000 rows loses any of them in a few steps', () => {
  const count = 100_000;
  const store = new RowStore([bigint]);
  const index = new MultiIndex(store, [0], 'never-match');
  const rows = new Int32Array(count);
  store.insert([{kind: 'f64', data: new Float64Array(count).fill(42), valid: null, bound: 42}], null, count, rows);
  index.insert(rows, count);
  const key = [{kind: 'f64', data: Float64Array.of(42), valid: null, bound: 42}] as const;
  const head = new Int32Array(1);
  index.find(key, null, 1, head);
  assert.equal(index.chainLength(head[0]!), count);
  assert.equal(head[0], rows[count - 1]);
  // counted through the door that every step of a chain takes
  let steps = 0;
  const next = index.next.bind(index);
  index.next = (row: number): number => {
    steps++;
    return next(row);
  };
  const gone = Int32Array.from({length: count / 2}, (_, i) => rows[(i * 2 * 7919) % count]!);
  index.remove(gone, gone.length);
  assert.ok(steps <= 2 * gone.length, `${steps} steps for ${gone.length} removals`);
  index.restore(gone, gone.length);
  assert.ok(steps <= 6 * gone.length, `${steps} steps with ${gone.length} restored`);
  index.find(key, null, 1, head);
  let row = head[0]!;
  for (let i = count - 1; i >= 0; i--) {
    assert.equal(row, rows[i]);
    row = next(row);
  }
  assert.equal(row, -1);
});

test('multi index: restoring in reverse gives the very chains there were', () => {
  const step = fc.oneof({weight: 3, arbitrary: fc.record({insert: fc.array(fc.constantFrom<Cell[]>(null, 1n, 2n), {maxLength: 6})})}, {weight: 3, arbitrary: fc.record({remove: fc.array(fc.nat(100), {maxLength: 4})})});
  let restored = 0;
  fc.assert(fc.property(fc.array(step, {maxLength: 6}), fc.array(step, {maxLength: 8}), fc.constantFrom('group' as const, 'never-match' as const), fc.boolean(), (before, after, nulls, weakHash) => {
    const store = new RowStore([bigint]);
    const index = new MultiIndex(store, [0], nulls, weakHash ? weak : {});
    const live: number[] = [];
    const apply = (steps: typeof before): (() => void)[] => steps.map((step) => {
      if ('insert' in step) {
        const rows = new Int32Array(step.insert.length);
        store.insert(columnsOf([bigint], step.insert.map((cell) => [cell])), null, rows.length, rows);
        index.insert(rows, rows.length);
        live.push(...rows);
        return () => index.remove(rows, rows.length);
      }
      const rows = Int32Array.from(new Set(live.length === 0 ? [] : step.remove.map((pick) => live[pick % live.length]!)));
      index.remove(rows, rows.length);
      for (const row of rows) live.splice(live.indexOf(row), 1);
      restored += rows.length;
      return () => index.restore(rows, rows.length);
    });
    const chains = (): string => {
      const head = new Int32Array(3);
      index.find(columnsOf([bigint], [[null], [1n], [2n]]), null, 3, head);
      return [...head].map((first) => {
        const chain: number[] = [];
        for (let row = first; row >= 0; row = index.next(row)) chain.push(row);
        return chain.join(',');
      }).join(';');
    };
    apply(before);
    const wanted = chains();
    const undo = apply(after);
    for (const back of undo.reverse()) back();
    assert.equal(chains(), wanted);
  }), {seed, numRuns: 300});
  assert.ok(restored > 100);
});

test('unique index: long integers whose lower words agree are different keys', () => {
  const long: LogicalType = {kind: 'decimal', precision: 38, scale: 0};
  const store = new RowStore([long]);
  const index = new UniqueIndex(store, [0], weak);
  const rows = new Int32Array(3);
  store.insert(columnsOf([long], [[2n ** 64n + 1n], [-(2n ** 64n) + 5n], [-(2n ** 64n) - 7n]]), null, 3, rows);
  index.insert(rows, 3);
  const found = new Int32Array(3);
  index.find(columnsOf([long], [[1n], [5n], [-7n]]), null, 3, found);
  assert.deepEqual([...found], [-1, -1, -1]);
  assert.throws(() => index.find(columnsOf([{kind: 'integer'}], [[1]]), null, 1, found), /key column 0 is i32, wants exact128/);
});
