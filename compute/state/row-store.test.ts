import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type {LogicalType} from '../../base/type.ts';
import {AlignedArena, blockBytes} from './aligned-arena.ts';
import {recordLayout} from './record-layout.ts';
import {RowStore} from './row-store.ts';
import type {Cell} from './test-rows.ts';
import {anyCell, anyForm, anyType, columnsOf, rowsOf, rowText, seed} from './test-rows.ts';

const integer: LogicalType = {kind: 'integer'};
const varchar: LogicalType = {kind: 'varchar'};

test('record layout: fields do not overlap, wide ones are aligned, any number of columns has its validity bits', () => {
  fc.assert(fc.property(fc.array(anyType, {maxLength: 70}), fc.boolean(), (types, positions) => {
    const layout = recordLayout(types, positions);
    const taken = new Set<number>();
    const take = (offset: number, words: number): void => {
      for (let word = offset; word < offset + words; word++) {
        assert.ok(word >= layout.headerWords && word < layout.stride && !taken.has(word));
        taken.add(word);
      }
    };
    const bits = new Set(['0:1']);
    for (const field of layout.fields) {
      take(field.offset, {i32: 1, f64: 2, exact64: 2, exact128: 4, bytes: 2}[field.kind]);
      if (field.kind === 'bytes') take(field.lengthOffset, 1);
      if (field.kind !== 'i32') assert.equal(field.offset % 2, 0);
      const bit = `${field.validOffset}:${field.validMask}`;
      assert.ok(field.validOffset < layout.headerWords && !bits.has(bit));
      bits.add(bit);
    }
    if (positions) take(layout.positionOffset, 2);
    assert.equal(layout.stride % 2, 0);
    assert.ok(layout.stride - taken.size - layout.headerWords <= 2, 'at most two words of padding');
  }), {seed, numRuns: 200});
});

test('row store: what was inserted is gathered, in any selection, narrow or wide, with absent rows as NULL', () => {
  const cases = fc.array(fc.record({type: anyType, nullable: fc.boolean()}), {minLength: 1, maxLength: 6}).chain((columns) => fc.record({
    types: fc.constant(columns.map(({type}) => type)),
    batches: fc.array(fc.record({rows: fc.array(fc.tuple(...columns.map(({type, nullable}) => anyCell(type, nullable))), {maxLength: 20}), form: anyForm, picks: fc.array(fc.nat(1000), {maxLength: 20}), ends: fc.boolean()}), {maxLength: 6}),
  }));
  fc.assert(fc.property(cases, ({types, batches}) => {
    const store = new RowStore(types);
    const held = new Map<number, string>();
    const columns = types.map((_, column) => column);
    let reuse: ReturnType<RowStore['gather']> | undefined;
    const check = (rows: readonly number[]): void => {
      const gathered = store.gather(Int32Array.from(rows), rows.length, columns, reuse);
      reuse = gathered;
      assert.deepEqual(rowsOf(types, gathered, rows.length).map((row) => rowText(row, true)), rows.map((row) => row < 0 ? rowText(types.map((): Cell => null)) : held.get(row)!));
    };
    for (const {rows, form, picks, ends} of batches) {
      const selection = rows.length === 0 ? new Int32Array(0) : Int32Array.from(picks, (pick) => pick % rows.length);
      const out = new Int32Array(selection.length);
      const taken = columnsOf(types, rows, form);
      store.insert(taken, selection, selection.length, out);
      for (const column of taken) if (column.kind === 'bytes') column.arena.reset(); // bytes were copied
      out.forEach((row, i) => {
        assert.ok(!held.has(row), 'a row number is not taken twice');
        held.set(row, rowText(rows[selection[i]!]!, true));
      });
      check([...held.keys(), -1]);
      check([...held.keys()]);
      const gone = [...held.keys()].filter((_, i) => i % 3 === 0);
      store.free(Int32Array.from(gone), gone.length);
      check([...held.keys()]); // freed rows stay readable until the epoch ends
      if (ends) {
        for (const row of gone) held.delete(row);
        store.endEpoch();
      } else store.undoFrees(gone.length);
      const live: number[] = [];
      for (const {rows: chunk, count} of store.scan()) live.push(...chunk.subarray(0, count));
      assert.deepEqual(live, [...held.keys()].sort((a, b) => a - b));
      assert.equal(store.rowCount, held.size);
    }
  }), {seed, numRuns: 200});
});

test('row store: rows written over and over in place take no more memory', () => {
  const types: LogicalType[] = [{kind: 'bigint'}, varchar, varchar];
  const store = new RowStore(types);
  const rows = new Int32Array(500);
  const batch = (round: number): Cell[][] => Array.from({length: 500}, (_, i) => [BigInt(i), 'x'.repeat((i * 7 + round * 13) % 40), i === 0 ? 'y'.repeat(300_000 + (round % 2) * 8) : null]);
  store.insert(columnsOf(types, batch(0)), null, 500, rows);
  let warm = 0;
  for (let round = 1; round <= 300; round++) {
    store.free(rows, 500);
    store.insert(columnsOf(types, batch(round)), null, 500, rows);
    store.endEpoch();
    if (round === 100) warm = store.bytes();
  }
  assert.ok(store.bytes() <= warm, `${store.bytes()} bytes after 300 rounds, ${warm} after 100`);
  assert.equal(store.rowCount, 500);
});

test('row store: text stays where it was while the epoch runs, also when rows are freed and others come', () => {
  const store = new RowStore([varchar]);
  const rows = new Int32Array(3);
  store.insert(columnsOf([varchar], [['first'], ['second'], ['third']]), null, 3, rows);
  const before = store.gather(rows, 3, [0]);
  store.free(rows, 3);
  const more = new Int32Array(3);
  store.insert(columnsOf([varchar], [['FIRST'], ['SECOND'], ['THIRD']]), null, 3, more);
  assert.deepEqual(rowsOf([varchar], before, 3), [['first'], ['second'], ['third']]);
  store.endEpoch();
  const again = new Int32Array(3);
  store.insert(columnsOf([varchar], [['1'], ['2'], ['3']]), null, 3, again);
  assert.deepEqual([...again].sort(), [...rows].sort(), 'freed row numbers are taken again');
});

test('row store: positions, views, rows freed twice and columns of the wrong kind', () => {
  const store = new RowStore([integer, varchar], {positions: true});
  const rows = new Int32Array(2);
  store.insert(columnsOf([integer, varchar], [[1, 'one'], [2, null]]), null, 2, rows);
  store.setPositions(rows, 2, Float64Array.of(7, 2 ** 52));
  const positions = new Float64Array(2);
  store.getPositions(rows, 2, positions);
  assert.deepEqual([...positions], [7, 2 ** 52]);
  assert.equal(store.getPosition(rows[1]!), 2 ** 52);
  assert.deepEqual([...store.view(rows[0]!, 1)], [...Buffer.from('one')]);
  assert.equal(store.view(rows[1]!, 1).length, 0);
  assert.throws(() => store.insert(columnsOf([varchar, varchar], [['1', 'one']]), null, 1, new Int32Array(1)), /column 0 is bytes, wants i32/);
  store.free(rows, 1);
  assert.throws(() => store.free(rows, 1), /freed twice/);
  assert.equal(store.live(rows[0]!), false);
  assert.equal(store.live(rows[1]!), true);
  assert.equal(store.live(-1), false);
  assert.throws(() => new RowStore([integer]).getPositions(rows, 1, positions), /no positions/);
});

test('row store: segments are crossed without a seam', () => {
  const store = new RowStore([integer]);
  const count = 150_000;
  const rows = new Int32Array(count);
  const data = Int32Array.from({length: count}, (_, i) => i * 3);
  for (let start = 0; start < count; start += 10_000) {
    const out = new Int32Array(10_000);
    store.insert([{kind: 'i32', data: data.subarray(start), valid: null}], null, 10_000, out);
    rows.set(out, start);
  }
  const [column] = store.gather(rows, count, [0]);
  assert.ok(column?.kind === 'i32');
  assert.deepEqual(column.data, data);
  let scanned = 0;
  for (const {count: chunk} of store.scan()) scanned += chunk;
  assert.equal(scanned, count);
  assert.equal(store.bytes() >= count * 8, true);
});

test('aligned arena: blocks never overlap, whatever is taken and freed', () => {
  const step = fc.oneof({weight: 3, arbitrary: fc.record({length: fc.oneof(fc.nat(40), fc.nat(2000), fc.constantFrom(256, 257, 262_144, 262_145, 300_000))})}, {weight: 2, arbitrary: fc.record({free: fc.nat(1000)})});
  fc.assert(fc.property(fc.array(step, {maxLength: 60}), (steps) => {
    const arena = new AlignedArena();
    const held: {address: number; bytes: Uint8Array}[] = [];
    steps.forEach((step, round) => {
      if ('length' in step) {
        const source = new Uint8Array(step.length + 3).fill(round + 1);
        held.push({address: arena.append(source, 3, step.length), bytes: source.subarray(3)});
      } else if (held.length > 0) {
        const [gone] = held.splice(step.free % held.length, 1);
        arena.free(gone!.address, gone!.bytes.length);
      }
      for (const {address, bytes} of held) if (bytes.length > 0) assert.deepEqual(Buffer.compare(arena.view(address, bytes.length), bytes), 0);
      for (const {address, bytes} of held) assert.equal(address % 8, 0, `block of ${bytes.length} bytes`);
    });
  }), {seed, numRuns: 100});
  for (let length = 0; length < 300_000; length += 37) {
    const block = blockBytes(length);
    assert.ok(block >= length && block % 8 === 0 && block <= Math.max(length + 8, length * 1.25 + 8), `block of ${block} bytes for ${length}`);
    assert.equal(blockBytes(block), block);
  }
});
