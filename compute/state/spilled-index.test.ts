/** Indexes of which parts lie in a page file: the same as in memory, whatever goes out when, and whatever the file refuses. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type {LogicalType} from '../../base/type.ts';
import {MultiIndex} from './multi-index.ts';
import {PageSpace} from './page-file.ts';
import {RowStore} from './row-store.ts';
import {SlotTable} from './slot-table.ts';
import {type Cell, columnsOf, MemoryPageFile, seed} from './test-rows.ts';
import {BLOCK_WORDS, WordBlocks, type WordRegion} from './word-blocks.ts';

const bigint: LogicalType = {kind: 'bigint'};

function spilling(): {file: MemoryPageFile; pages: PageSpace; blocks: WordBlocks} {
  const file = new MemoryPageFile();
  const pages = new PageSpace(() => file);
  return {file, pages, blocks: new WordBlocks(pages)};
}

const refused = {code: 'MR_PAGE_FILE_FAILED', kind: 'unavailable'} as const;

test('word blocks: arrays that are out are read and written as those in memory, and a file that fails changes nothing', () => {
  const step = fc.oneof(
    {weight: 4, arbitrary: fc.record({kind: fc.constant('set' as const), array: fc.nat(3), at: fc.nat(5000), word: fc.integer()})},
    {weight: 2, arbitrary: fc.record({kind: fc.constant('want' as const), array: fc.nat(3), places: fc.array(fc.nat(5000), {maxLength: 8})})},
    {weight: 2, arbitrary: fc.record({kind: fc.constant('wash' as const), bytes: fc.constantFrom(1, 1024, 3000, Infinity)})},
    {weight: 1, arbitrary: fc.record({kind: fc.constant('turn' as const), array: fc.nat(3)})},
    {weight: 1, arbitrary: fc.constant({kind: 'tick' as const})},
  );
  const seen = {refused: 0, read: 0, written: 0};
  fc.assert(fc.property(fc.array(fc.tuple(step, fc.constantFrom('none', 'none', 'none', 'read', 'write')), {maxLength: 40}), fc.constantFrom(32, 128, BLOCK_WORDS, 512, 4096), (steps, length) => {
    const {file, pages, blocks} = spilling();
    const sane = (): boolean => true;
    const model = [0, 1, 2, 3].map((k) => Int32Array.from({length: k === 3 ? 2048 : length}, (_, at) => k * 100_000 + at));
    const arrays: (Int32Array | WordRegion)[] = model.map((words) => blocks.put(words.slice(), sane));
    const region = (k: number): WordRegion | null => (arrays[k] instanceof Int32Array ? null : arrays[k]!);
    for (const [one, failing] of steps) {
      if (failing !== 'none') file.failures[failing as 'read' | 'write'] = 1;
      try {
        if (one.kind === 'set') {
          const at = one.at % model[one.array]!.length;
          const out = region(one.array);
          if (out !== null) blocks.set(out, at, one.word);
          else (arrays[one.array] as Int32Array)[at] = one.word;
          model[one.array]![at] = one.word;
        } else if (one.kind === 'want') {
          const out = region(one.array);
          if (out !== null) for (const at of one.places) blocks.want(out, Math.floor((at % out.length) / BLOCK_WORDS));
          blocks.fetch();
          const {reads} = file;
          if (out !== null) for (const at of one.places) assert.equal(blocks.get(out, at % out.length), model[one.array]![at % out.length]);
          assert.equal(file.reads, reads, 'what was wanted is in memory');
        } else if (one.kind === 'wash') {
          blocks.wash(one.bytes);
          if (one.bytes === Infinity) assert.equal(blocks.washableBytes(), 0);
        } else if (one.kind === 'turn') {
          const out = region(one.array);
          arrays[one.array] = out !== null ? blocks.bring(out) : blocks.put(arrays[one.array] as Int32Array, sane);
        } else blocks.tick();
      } catch (cause) {
        assert.equal((cause as {code: string}).code, refused.code);
        seen.refused++;
      }
      file.failures.read = 0;
      file.failures.write = 0;
    }
    seen.read += blocks.counts.blocksRead;
    seen.written += blocks.counts.blocksWritten;
    arrays.forEach((array, k) => assert.deepEqual(array instanceof Int32Array ? array : blocks.bring(array), model[k]));
    assert.equal(pages.lengthBytes, 0);
    assert.equal(file.bytes.length, 0);
    assert.equal(blocks.regionCount, 0);
  }), {seed, numRuns: 300});
  for (const [what, count] of Object.entries(seen)) assert.ok(count > 50, `${what} seen ${count} times`);
});

test('word blocks: of two frames the one that was used before goes first', () => {
  const {file, blocks} = spilling();
  const region = blocks.put(new Int32Array(4 * BLOCK_WORDS), () => true);
  for (const block of [2, 0, 3]) {
    blocks.tick();
    blocks.get(region, block * BLOCK_WORDS);
  }
  blocks.tick();
  blocks.get(region, 2 * BLOCK_WORDS);
  blocks.wash(1024);
  const {reads} = file;
  blocks.get(region, 2 * BLOCK_WORDS);
  blocks.get(region, 3 * BLOCK_WORDS);
  assert.equal(file.reads, reads);
  blocks.get(region, 0);
  assert.equal(file.reads, reads + 1);
});

/** Hashes of many kinds: the same for all, near the end of a partition so that probes wrap around, two that meet, any. */
const hashes: Record<string, (row: number) => number> = {
  same: () => 7,
  wrapping: (row) => (row % 3 === 0 ? -1 : (row % 11) | ~0xf) | 0,
  meeting: (row) => row & 0x1ff0,
  any: (row) => Math.imul(row, 0x9e3779b1),
};
const anyHash = fc.constantFrom('same', 'wrapping', 'meeting', 'any', 'any');
const slotStep = fc.oneof(
  {weight: 6, arbitrary: fc.record({kind: fc.constant('add' as const), count: fc.integer({min: 1, max: 40})})},
  {weight: 5, arbitrary: fc.record({kind: fc.constant('remove' as const), picks: fc.array(fc.nat(), {minLength: 1, maxLength: 60})})},
  {weight: 2, arbitrary: fc.record({kind: fc.constant('replace' as const), picks: fc.array(fc.nat(), {minLength: 1, maxLength: 10})})},
  {weight: 2, arbitrary: fc.constant({kind: 'later' as const, count: 60})},
  {weight: 2, arbitrary: fc.record({kind: fc.constant('thin' as const), maintained: fc.boolean()})},
  {weight: 2, arbitrary: fc.constant({kind: 'maintain' as const})},
);

class SlotModel {
  readonly table: SlotTable;
  readonly hashOf = new Map<number, number>();
  readonly #hash: (row: number) => number;
  next = 0;

  constructor(table: SlotTable, hash: (row: number) => number) {
    this.table = table;
    this.#hash = hash;
  }

  add(later: boolean, count: number): number[] {
    const rows = Array.from({length: count}, () => this.next++);
    const hash = Int32Array.from(rows, this.#hash);
    if (later) this.table.addLater(hash, Int32Array.from(rows), count);
    else rows.forEach((row, i) => this.table.add(hash[i]!, row));
    rows.forEach((row, i) => this.hashOf.set(row, hash[i]!));
    return rows;
  }

  pick(picks: readonly number[]): number[] {
    const rows = [...this.hashOf.keys()];
    return rows.length === 0 ? [] : [...new Set(picks.map((pick) => rows[pick % rows.length]!))];
  }

  remove(row: number): void {
    this.table.remove(this.hashOf.get(row)!, row);
    this.hashOf.delete(row);
  }

  replace(row: number): void {
    const hash = this.hashOf.get(row)!;
    this.table.replace(hash, row, this.next);
    this.hashOf.delete(row);
    this.hashOf.set(this.next++, hash);
  }

  /** Every row is found in the walk of its hash, and nothing else. */
  check(): void {
    const byHash = new Map<number, number[]>();
    for (const [row, hash] of this.hashOf) byHash.set(hash, [...(byHash.get(hash) ?? []), row]);
    const absent = [5, 6, -3].filter((hash) => !byHash.has(hash));
    const asked = Int32Array.from([...byHash.keys(), ...absent]);
    const first = new Int32Array(asked.length);
    this.table.touch(asked, asked.length);
    this.table.first(asked, asked.length, first);
    asked.forEach((hash, i) => {
      const found: number[] = [];
      for (let row = first[i]!; row >= 0; row = this.table.nextSame(hash, row)) found.push(row);
      assert.deepEqual(found.toSorted((a, b) => a - b), (byHash.get(hash) ?? []).toSorted((a, b) => a - b));
      assert.equal(this.table.nextSame(hash, -1), first[i]);
    });
    for (const [row, hash] of this.hashOf) assert.ok(this.table.locate(hash, row) >= 0);
    assert.equal(this.table.count, this.hashOf.size);
  }
}

test('slot table: parts that are out between any two steps are found, added to, removed from, doubled and made smaller as in memory', () => {
  const seen = {reads: 0, written: 0, grown: 0, shrunk: 0};
  fc.assert(fc.property(fc.array(slotStep, {minLength: 8, maxLength: 25}), anyHash, fc.constantFrom('all', 'blocks', 'some'), (steps, kind, pressure) => {
    const {file, pages, blocks} = spilling();
    const table = new SlotTable(blocks);
    const model = new SlotModel(table, hashes[kind]!);
    const press = (): void => {
      blocks.tick();
      table.evict(pressure === 'some' ? 1 : Infinity);
      if (pressure === 'all') blocks.wash(Infinity);
    };
    let bytes = 0;
    for (const step of steps) {
      press();
      if (step.kind === 'add' || step.kind === 'later') model.add(step.kind === 'later', step.count * (kind === 'any' ? 5 : 1));
      else if (step.kind === 'maintain') table.maintain();
      else if (step.kind === 'thin') {
        for (const row of [...model.hashOf.keys()].filter((_, i) => i % 40 > 0)) model.remove(row);
        if (step.maintained) table.maintain();
      } else for (const row of model.pick(step.picks)) {
        if (step.kind === 'remove') model.remove(row);
        else model.replace(row);
      }
      press();
      model.check();
      press();
      if (pages.usedBytes > bytes && bytes > 0) seen.grown++;
      if (pages.usedBytes < bytes) seen.shrunk++;
      bytes = pages.usedBytes;
      if (pressure === 'all') assert.equal(table.evictableBytes(), 0, 'all is out');
    }
    seen.reads += file.reads;
    seen.written += blocks.counts.blocksWritten;
    for (const row of model.pick([...model.hashOf.keys()].map((_, i) => i))) model.remove(row);
    model.check();
    blocks.wash(Infinity);
    table.maintain();
    model.check();
    table.drop();
    assert.equal(pages.lengthBytes, 0);
  }), {seed, numRuns: 250});
  for (const [what, count] of Object.entries(seen)) assert.ok(count > 20, `${what} seen ${count} times`);
});

test('slot table: a prepared change, and taking it back, reads nothing more', () => {
  const seen = {changed: 0, reads: 0};
  fc.assert(fc.property(fc.integer({min: 0, max: 1500}), fc.array(slotStep, {minLength: 1, maxLength: 8}), anyHash, (before, steps, kind) => {
    const {file, blocks} = spilling();
    const table = new SlotTable(blocks);
    const model = new SlotModel(table, hashes[kind]!);
    model.add(false, kind === 'any' ? before : before % 300);
    const undo: (() => void)[] = [];
    table.evict(Infinity);
    for (const step of steps) {
      if (step.kind === 'maintain' || step.kind === 'later' || step.kind === 'thin') continue;
      const going = step.kind === 'add' ? [] : model.pick(step.picks);
      const coming = step.kind === 'add' ? Array.from({length: step.count}, (_, i) => model.next + i) : [];
      const hash = Int32Array.from(going, (row) => model.hashOf.get(row)!);
      const added = Int32Array.from(coming, hashes[kind]!);
      table.prepare(hash, hash.length, added, added.length);
      const {reads} = file;
      file.failures.read = Infinity;
      if (step.kind === 'add') {
        model.add(false, step.count);
        undo.push(() => { for (const row of coming.toReversed()) model.remove(row); });
      } else if (step.kind === 'remove') {
        for (const row of going) model.remove(row);
        undo.push(() => {
          going.toReversed().forEach((row, i) => {
            table.add(hash[going.length - 1 - i]!, row);
            model.hashOf.set(row, hash[going.length - 1 - i]!);
          });
        });
      } else for (const row of going) model.replace(row);
      seen.changed += going.length + coming.length;
      file.failures.read = 0;
      assert.equal(file.reads, reads);
      if (step.kind === 'replace') undo.length = 0; // what was replaced is not taken back here
    }
    const {reads} = file;
    file.failures.read = Infinity;
    for (const back of undo.toReversed()) back();
    file.failures.read = 0;
    assert.equal(file.reads, reads);
    seen.reads += reads;
    model.check();
  }), {seed, numRuns: 250});
  for (const [what, count] of Object.entries(seen)) assert.ok(count > 200, `${what} seen ${count} times`);
});

test('slot table: 1,024 partitions that are out double one by one, fill, and are emptied', () => {
  const {file, pages, blocks} = spilling();
  const table = new SlotTable(blocks);
  const model = new SlotModel(table, hashes['any']!);
  const out = (): void => {
    table.evict(Infinity);
    blocks.wash(Infinity);
  };
  model.add(false, 40_000); // one array
  out();
  model.add(false, 5000); // it is brought, divided, and its parts double
  assert.ok(table.parts.length > 1);
  out();
  assert.equal(table.evictableBytes(), 0);
  for (let batch = 0; batch < 20; batch++) {
    const hash = Int32Array.from({length: 2000}, (_, i) => hashes['any']!(model.next + i));
    table.prepare(hash, 0, hash, hash.length);
    const {reads} = file;
    model.add(false, 2000);
    assert.equal(file.reads, reads);
    out();
  }
  model.add(true, 60_000);
  assert.equal(table.count, model.hashOf.size);
  const sample = Int32Array.from({length: 1000}, (_, i) => hashes['any']!(i * 145));
  const found = new Int32Array(1000);
  table.touch(sample, 1000);
  out();
  const {reads} = file;
  table.first(sample, 1000, found);
  assert.deepEqual([...found], Array.from({length: 1000}, (_, i) => i * 145));
  assert.ok(file.reads - reads <= 1100, `${file.reads - reads} reads for 1,000 look-ups`);
  const full = pages.usedBytes;
  for (const row of [...model.hashOf.keys()].slice(0, 140_000)) model.remove(row);
  assert.ok(model.hashOf.size > 0);
  for (let turn = 0; turn < 100; turn++) table.maintain();
  out();
  assert.ok(pages.usedBytes < full / 2, `${pages.usedBytes} of ${full} bytes for 5,000 of 145,000 entries`);
  model.check();
});

test('slot table: a file that takes or gives nothing leaves the table as it was', () => {
  const {file, blocks} = spilling();
  const table = new SlotTable(blocks);
  const model = new SlotModel(table, hashes['any']!);
  model.add(false, 500);
  file.failures.write = 1;
  assert.throws(() => table.evict(Infinity), refused);
  assert.ok(!table.spilled);
  model.check();
  table.evict(Infinity);
  model.remove(1);
  file.failures.write = 1;
  assert.throws(() => blocks.wash(Infinity), refused);
  model.check();
  blocks.wash(Infinity);
  file.failures.read = 1;
  assert.throws(() => table.first(Int32Array.of(hashes['any']!(2)), 1, new Int32Array(1)), refused);
  file.failures.read = 1;
  assert.throws(() => table.prepare(new Int32Array(0), 0, new Int32Array(600), 600), refused);
  model.add(true, 100);
  file.failures.read = 1;
  assert.throws(() => table.touch(new Int32Array(1), 1), refused);
  file.failures.write = 1;
  assert.throws(() => table.touch(new Int32Array(1), 1), refused); // the partition was filled and does not go out again
  model.check();
  // another part of the file where one of the index was written
  table.evict(Infinity);
  blocks.wash(Infinity);
  file.bytes.fill(0xff);
  assert.throws(() => table.first(Int32Array.of(5), 1, new Int32Array(1)), {...refused, message: /holds something else/});
});

test('multi index: with chains and slots out between any two steps, restoring in reverse gives the very chains there were', () => {
  const weak = {finish: (hash: Int32Array, count: number): void => { for (let i = 0; i < count; i++) hash[i]! &= 1; }};
  const step = fc.oneof({weight: 3, arbitrary: fc.record({insert: fc.array(fc.constantFrom<Cell[]>(null, 1n, 2n), {maxLength: 6})})}, {weight: 3, arbitrary: fc.record({remove: fc.array(fc.nat(100), {maxLength: 4})})});
  const seen = {restored: 0, reads: 0, prepared: 0};
  fc.assert(fc.property(fc.array(step, {maxLength: 8}), fc.array(step, {maxLength: 8}), fc.constantFrom('group' as const, 'never-match' as const), fc.boolean(), fc.boolean(), (before, after, nulls, weakHash, prepared) => {
    const {file, pages, blocks} = spilling();
    const store = new RowStore([bigint]);
    const index = new MultiIndex(store, [0], nulls, {...(weakHash ? weak : {}), blocks});
    const live: number[] = [];
    const out = (): void => {
      index.evict(Infinity);
      blocks.wash(Infinity);
    };
    const change = (going: Int32Array, coming: Int32Array, act: () => void): void => {
      if (!prepared) out();
      else index.prepare(going, going.length, coming, coming.length);
      const {reads} = file;
      act();
      if (!prepared) return;
      assert.equal(file.reads, reads, 'a prepared change reads nothing');
      seen.prepared++;
    };
    const none = new Int32Array(0);
    const apply = (steps: typeof before): (() => void)[] => steps.map((one) => {
      if ('insert' in one) {
        const rows = new Int32Array(one.insert.length);
        store.insert(columnsOf([bigint], one.insert.map((cell) => [cell])), null, rows.length, rows);
        change(none, rows, () => index.insert(rows, rows.length));
        live.push(...rows);
        return () => index.remove(rows, rows.length);
      }
      const rows = Int32Array.from(new Set(live.length === 0 ? [] : one.remove.map((pick) => live[pick % live.length]!)));
      change(rows, none, () => index.remove(rows, rows.length));
      for (const row of rows) live.splice(live.indexOf(row), 1);
      seen.restored += rows.length;
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
    out();
    const undo = apply(after);
    const {reads} = file;
    for (const back of undo.reverse()) {
      if (!prepared) out();
      back();
    }
    if (prepared) assert.equal(file.reads, reads, 'taking prepared changes back reads nothing');
    assert.equal(chains(), wanted);
    seen.reads += file.reads;
    index.drop();
    assert.equal(pages.lengthBytes, 0);
  }), {seed, numRuns: 300});
  for (const [what, count] of Object.entries(seen)) assert.ok(count > 100, `${what} seen ${count} times`);
});
