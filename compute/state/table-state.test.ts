import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type {ChangeBatch} from '../../base/delta.ts';
import type {LogicalType} from '../../base/type.ts';
import type {MultiIndex} from './multi-index.ts';
import {TableState, type TableStateOptions} from './table-state.ts';
import type {Cell, Form} from './test-rows.ts';
import {anyCell, anyForm, anyType, cellText, columnOf, columnsOf, MemoryPageFile, rowText, rowsOf, seed} from './test-rows.ts';

const params = {seed, numRuns: 200};

/** Options of a state whose rows go out in segments of few, and the file they go to. */
function spilling(wanted: boolean): {readonly options: TableStateOptions; readonly file: MemoryPageFile} {
  const file = new MemoryPageFile();
  return {options: wanted ? {pageFile: () => file, segmentRows: 4} : {}, file};
}

/** What memory pressure does, at a moment when it may: all rows go out, or a sparse segment comes back. */
function press(state: TableState, turn: number): void {
  if (turn % 3 === 0) allOut(state);
  else if (turn % 3 === 1) state.maintain();
}

/** All rows and indexes go out. */
function allOut(state: TableState): void {
  state.store.evict(Infinity);
  state.evictIndexes(Infinity);
}

interface Change {readonly op: number; readonly row: Cell[]; readonly position: number}

function changesOf(types: readonly LogicalType[], batch: ChangeBatch): Change[] {
  return rowsOf(types, batch.columns, batch.rowCount).map((row, i) => ({op: batch.ops[i]!, row, position: batch.positions[i]!}));
}

/** All live rows with their positions, in the order of the positions. */
function contentOf(state: TableState): {row: Cell[]; position: number}[] {
  const all: {row: Cell[]; position: number}[] = [];
  const {types} = state.spec;
  for (const {rows, count} of state.store.scan()) {
    const cells = rowsOf(types, state.store.gather(rows, count, types.map((_, i) => i)), count);
    cells.forEach((row, i) => all.push({row, position: state.store.getPosition(rows[i]!)}));
  }
  return all.sort((a, b) => a.position - b.position);
}

/** The index must give exactly the live rows of each key. */
function checkIndex(state: TableState, index: MultiIndex): void {
  const byKey = new Map<string, {key: Cell[]; rows: string[]}>();
  for (const {row, position} of contentOf(state)) {
    const key = index.keyColumns.map((column) => row[column]!);
    const text = rowText(key);
    const entry = byKey.get(text) ?? {key, rows: []};
    entry.rows.push(`${position}`);
    byKey.set(text, entry);
  }
  const keys = [...byKey.values()];
  const types = index.keyColumns.map((column) => state.spec.types[column]!);
  const heads = new Int32Array(keys.length);
  index.find(columnsOf(types, keys.map(({key}) => key)), null, keys.length, heads);
  keys.forEach(({key, rows}, i) => {
    if (index.nulls === 'never-match' && key.includes(null)) {
      assert.equal(heads[i], -1);
      return;
    }
    const found: string[] = [];
    for (let row = heads[i]!; row >= 0; row = index.next(row)) found.push(`${state.store.getPosition(row)}`);
    assert.deepEqual(found.sort(), rows.sort(), `rows of key ${rowText(key)}`);
    assert.equal(index.chainLength(heads[i]!), rows.length);
  });
  assert.equal(index.keyCount, keys.filter(({key}) => index.nulls === 'group' || !key.includes(null)).length);
}

/** The page file is as long as what is in it, and empty once everything came back. */
function checkPageFile(state: TableState): void {
  const {used, length} = state.pageFileBytes;
  assert.ok(used <= length);
  if (!state.spilled) assert.equal(length, 0);
}

/** What a table must hold: rows by position, exactly. */
class Model {
  rows = new Map<number, Cell[]>();
  next = 0;

  /** Applies a batch's changes; they must be legal. */
  fold(types: readonly LogicalType[], batch: ChangeBatch): Change[] {
    const changes = changesOf(types, batch);
    changes.forEach(({op, row, position}, i) => {
      if (op === 1 || op === 3) {
        assert.ok(this.rows.has(position), `position ${position} is freed but not there`);
        assert.equal(rowText(this.rows.get(position)!, true), rowText(row, true));
        this.rows.delete(position);
        if (op === 1) assert.equal(changes[i + 1]?.op, 2, '−U stands before +U');
      } else {
        assert.equal(position, this.next++, 'positions are taken in order');
        if (op === 2) assert.equal(changes[i - 1]?.op, 1, '+U stands after −U');
        this.rows.set(position, row);
      }
    });
    return changes;
  }

  check(state: TableState): void {
    const content = contentOf(state);
    assert.deepEqual(content.map(({row, position}) => `${position}:${rowText(row, true)}`), [...this.rows].sort((a, b) => a[0] - b[0]).map(([position, row]) => `${position}:${rowText(row, true)}`));
    assert.equal(state.rowCount, this.rows.size);
    assert.equal(state.nextPosition, this.next);
  }

  copy(): Model {
    const copy = new Model();
    copy.rows = new Map(this.rows);
    copy.next = this.next;
    return copy;
  }
}

type Step =
  | {readonly kind: 'mixed'; readonly rows: Cell[][]; readonly deletes: boolean[]; readonly form: Form}
  | {readonly kind: 'upsert'; readonly rows: Cell[][]; readonly form: Form}
  | {readonly kind: 'delete'; readonly rows: Cell[][]; readonly form: Form}
  | {readonly kind: 'end'} | {readonly kind: 'undo'} | {readonly kind: 'index'};

interface Schema {readonly types: LogicalType[]; readonly key: number[]; readonly nullable: boolean[]}

const anySchema: fc.Arbitrary<Schema> = fc.record({
  columns: fc.array(fc.record({type: anyType, nullable: fc.boolean()}), {minLength: 1, maxLength: 5}),
  pad: fc.constantFrom(0, 0, 0, 34),
  keyLength: fc.integer({min: 1, max: 3}),
}).map(({columns, pad, keyLength}) => {
  const all = [...columns, ...Array.from({length: pad}, () => ({type: {kind: 'integer'} as LogicalType, nullable: true}))];
  return {types: all.map(({type}) => type), nullable: all.map(({nullable}) => nullable), key: all.map((_, i) => i).slice(0, Math.min(keyLength, columns.length)).reverse()};
});

function anyRow(schema: Schema): fc.Arbitrary<Cell[]> {
  return fc.tuple(...schema.types.map((type, i) => anyCell(type, schema.nullable[i]!)));
}

const keyedCase = anySchema.chain((schema) => {
  const rows = fc.array(anyRow(schema), {maxLength: 12});
  const step: fc.Arbitrary<Step> = fc.oneof(
    {weight: 3, arbitrary: fc.record({kind: fc.constant('upsert' as const), rows, form: anyForm})},
    {weight: 3, arbitrary: rows.chain((list) => fc.record({kind: fc.constant('mixed' as const), rows: fc.constant(list), deletes: fc.array(fc.boolean(), {minLength: list.length, maxLength: list.length}), form: anyForm}))},
    {weight: 2, arbitrary: fc.record({kind: fc.constant('delete' as const), rows, form: anyForm})},
    {weight: 2, arbitrary: fc.constant<Step>({kind: 'end'})},
    {weight: 2, arbitrary: fc.constant<Step>({kind: 'undo'})},
    {weight: 1, arbitrary: fc.constant<Step>({kind: 'index'})},
  );
  return fc.record({schema: fc.constant(schema), steps: fc.array(step, {maxLength: 14}), weak: fc.boolean(), spill: fc.boolean()});
});

test('table state: a keyed table is the last row of each key, whatever the order of writes, undo and end of epoch', () => {
  const seen = {updates: 0, deletes: 0, inserts: 0, folded: 0, undone: 0, silent: 0, undoneOut: 0, read: 0};
  fc.assert(fc.property(keyedCase, ({schema, steps, weak, spill}) => {
    const {types, key} = schema;
    const {options, file} = spilling(spill);
    const state = new TableState({types, storage: 'keyed', key, hidden: []}, {...options, ...(weak ? {keyFinish: (hash: Int32Array, count: number) => { for (let i = 0; i < count; i++) hash[i]! &= 3; }} : {})});
    let model = new Model();
    let sealed = model.copy();
    const indexes = [state.index([types.length - 1], 'group'), state.index([0], 'never-match')];
    for (const [turn, step] of steps.entries()) {
      if (spill && (step.kind === 'end' || turn % 2 === 0)) allOut(state); // between steps of an epoch too
      if (step.kind === 'end') {
        state.endEpoch();
        if (spill) press(state, turn);
        sealed = model.copy();
      } else if (step.kind === 'undo') {
        if (state.store.spilled && state.changed) seen.undoneOut++;
        if (model.next !== sealed.next || model.rows.size !== sealed.rows.size) seen.undone++;
        state.undo();
        model = sealed.copy();
      } else if (step.kind === 'index') {
        indexes.push(state.index(types.length > 1 ? [1, 0] : [0], 'never-match'), state.index(types.length > 1 ? [0, 1] : [0], 'group'));
      } else {
        const {rows, form} = step;
        const deletes = step.kind === 'mixed' ? step.deletes : rows.map(() => step.kind === 'delete');
        const last = new Map<string, number>();
        rows.forEach((row, i) => last.set(rowText(key.map((column) => row[column]!)), i));
        seen.folded += rows.length - last.size;
        const before = new Map([...model.rows.values()].map((row) => [rowText(key.map((column) => row[column]!)), row]));
        const batch = step.kind === 'mixed' ? state.mixed(columnsOf(types, rows, form), rows.length, Uint8Array.from(deletes, Number))
          : step.kind === 'upsert' ? state.upsert(columnsOf(types, rows, form), rows.length)
          : state.deleteByKey(key.map((column) => columnOf(types[column]!, rows.map((row) => row[column]!), form)), rows.length);
        const changes = model.fold(types, batch);
        // net effect by key
        const after = new Map(before);
        for (const [text, i] of last) {
          if (deletes[i]!) after.delete(text);
          else after.set(text, rows[i]!.map((cell, column) => key.includes(column) && cell === 0 ? 0 : cell));
        }
        const held = new Map([...model.rows.values()].map((row) => [rowText(key.map((column) => row[column]!)), rowText(row, true)]));
        assert.deepEqual(new Map([...held].sort()), new Map([...after].map(([text, row]) => [text, rowText(row, true)] as const).sort()));
        let expected = 0;
        for (const [text, i] of last) {
          const old = before.get(text);
          const fresh = after.get(text);
          if (deletes[i]!) expected += old === undefined ? 0 : 1;
          else if (old === undefined) expected += 1;
          else if (rowText(old, true) !== rowText(fresh!, true)) expected += 2;
          else seen.silent++;
        }
        assert.equal(changes.length, expected, 'no change is said where none is');
        for (const {op} of changes) {
          if (op === 0) seen.inserts++;
          if (op === 2) seen.updates++;
          if (op === 3) seen.deletes++;
        }
        // found by key, absent keys not found
        const out = new Int32Array(rows.length);
        state.find(key.map((column) => columnOf(types[column]!, rows.map((row) => row[column]!), form)), null, rows.length, out);
        rows.forEach((row, i) => assert.equal(out[i]! >= 0, after.has(rowText(key.map((column) => row[column]!)))));
      }
      model.check(state);
      for (const index of indexes) checkIndex(state, index);
    }
    seen.read += file.reads;
    state.endEpoch();
    if (spill) checkPageFile(state);
  }), params);
  for (const [what, count] of Object.entries(seen)) assert.ok(count > 20, `${what} seen ${count} times`);
});

const bagTypes: LogicalType[] = [{kind: 'integer'}, {kind: 'varchar'}, {kind: 'double'}];
const bagSpec = {types: [...bagTypes, {kind: 'bigint'}, {kind: 'integer'}] as LogicalType[], storage: 'bag' as const, key: [3, 4], hidden: [3, 4]};

test('table state: a bag holds each row as often as its weights say, copies of a hash never meet', () => {
  const row = fc.tuple(fc.constantFrom<Cell[]>(null, 1, 2), fc.constantFrom<Cell[]>(null, 'a', 'b'), fc.constantFrom<Cell[]>(0, -0, Number.NaN));
  const batch = fc.array(fc.record({row, weight: fc.constantFrom(-3, -2, -1, 1, 1, 2, 3)}), {maxLength: 12});
  const step = fc.oneof({weight: 5, arbitrary: batch}, {weight: 1, arbitrary: fc.constant('end' as const)}, {weight: 1, arbitrary: fc.constant('undo' as const)}, {weight: 1, arbitrary: fc.constant('delete' as const)});
  const seen = {inserts: 0, deletes: 0, collisions: 0, undone: 0, byKey: 0, read: 0};
  fc.assert(fc.property(fc.array(step, {maxLength: 14}), fc.boolean(), fc.boolean(), fc.boolean(), anyForm, (steps, weak, keyed, spill, form) => {
    const {options, file} = spilling(spill);
    const state = new TableState(bagSpec, {...options, ...(weak ? {rowFinish: (low: Int32Array, high: Int32Array, count: number) => {
      for (let i = 0; i < count; i++) {
        low[i]! &= 1;
        high[i] = 0;
      }
    }} : {})});
    let model = new Model();
    let sealed = model.copy();
    let counts = new Map<string, number>();
    let sealedCounts = counts;
    const index = state.index([1], 'never-match');
    for (const [turn, step] of steps.entries()) {
      if (spill && (step === 'end' || turn % 2 === 0)) allOut(state);
      if (step === 'end') {
        state.endEpoch();
        if (spill) press(state, turn);
        sealed = model.copy();
        sealedCounts = new Map(counts);
      } else if (step === 'undo') {
        if (model.next !== sealed.next) seen.undone++;
        state.undo();
        model = sealed.copy();
        counts = new Map(sealedCounts);
      } else if (step !== 'delete') {
        // a weight never takes more than there is
        const next = new Map(counts);
        const taken = step.map(({row, weight}) => {
          const text = rowText(row);
          const before = next.get(text) ?? 0;
          const to = Math.max(0, before + weight);
          next.set(text, to);
          return {row, weight: to - before};
        }).filter(({weight}) => weight !== 0);
        const batch = state.applyDelta({rowCount: taken.length, weights: Int32Array.from(taken, ({weight}) => weight), columns: columnsOf(bagTypes, taken.map(({row}) => row), form)});
        const changes = model.fold(bagSpec.types, batch);
        let net = 0;
        for (const text of new Set([...counts.keys(), ...next.keys()])) net += Math.abs((next.get(text) ?? 0) - (counts.get(text) ?? 0));
        assert.equal(changes.length, net, 'only net changes are said');
        counts = next;
        for (const {op} of changes) {
          if (op === 0) seen.inserts++;
          else seen.deletes++;
        }
      }
      model.check(state);
      checkIndex(state, index);
      const held = new Map<string, number>();
      const keys = new Set<string>();
      const hashes = new Map<string, string>();
      for (const row of model.rows.values()) {
        const text = rowText(row.slice(0, 3));
        held.set(text, (held.get(text) ?? 0) + 1);
        keys.add(`${cellText(row[3]!)}/${cellText(row[4]!)}`);
        const hash = cellText(row[3]!);
        if ((hashes.get(hash) ?? text) !== text) seen.collisions++;
        hashes.set(hash, text);
      }
      assert.equal(keys.size, model.rows.size, '(_mr_row, _mr_copy) is a key');
      if (keyed) {
        const stored = [...model.rows];
        const asked = [...stored.map(([, row]) => row.slice(3)), [12_345n, 0]];
        const found = new Int32Array(asked.length);
        state.find(columnsOf(bagSpec.types.slice(3), asked), null, asked.length, found);
        assert.deepEqual(Array.from(found, (row) => row < 0 ? -1 : state.store.getPosition(row)), [...stored.map(([position]) => position), -1]);
        if (step === 'delete' && stored.length > 0) {
          // one row in three goes by its key, from anywhere in its chain, one key twice
          const gone = stored.filter((_, i) => i % 3 === 0).map(([, row]) => row);
          const batch = state.deleteByKey(columnsOf(bagSpec.types.slice(3), [...gone, gone[0]!].map((row) => row.slice(3))), gone.length + 1);
          assert.equal(model.fold(bagSpec.types, batch).length, gone.length);
          for (const row of gone) {
            const text = rowText(row.slice(0, 3));
            counts.set(text, counts.get(text)! - 1);
            held.set(text, held.get(text)! - 1);
            if (held.get(text) === 0) held.delete(text);
          }
          seen.byKey += gone.length;
          model.check(state);
        }
      }
      assert.deepEqual(new Map([...held].sort()), new Map([...counts].filter(([, count]) => count > 0).sort()));
    }
    seen.read += file.reads;
    // what was stored can be loaded again in key order
    const stored = [...model.rows.values()].sort((a, b) => cellText(a[3]!) < cellText(b[3]!) ? -1 : cellText(a[3]!) > cellText(b[3]!) ? 1 : Number(a[4]) - Number(b[4]));
    const again = new TableState(bagSpec);
    again.load(columnsOf(bagSpec.types, stored, form), stored.length);
    assert.deepEqual(contentOf(again).map(({row}) => rowText(row, true)), stored.map((row) => rowText(row, true)));
  }), params);
  for (const [what, count] of Object.entries(seen)) assert.ok(count > 20, `${what} seen ${count} times`);
});

test('table state: an append table takes rows as often as they weigh and refuses retractions', () => {
  const types: LogicalType[] = [{kind: 'bigint'}, {kind: 'varchar'}];
  const state = new TableState({types, storage: 'append', key: [], hidden: []});
  const index = state.index([0], 'group');
  const model = new Model();
  model.fold(types, state.applyDelta({rowCount: 2, weights: Int32Array.of(1, 3), columns: columnsOf(types, [[1n, 'a'], [2n, 'b']])}));
  model.fold(types, state.upsert(columnsOf(types, [[1n, 'a']]), 1));
  model.check(state);
  checkIndex(state, index);
  assert.equal(state.rowCount, 5);
  assert.throws(() => state.applyDelta({rowCount: 1, weights: Int32Array.of(-1), columns: columnsOf(types, [[1n, 'a']])}), /append table/);
  state.undo();
  assert.equal(state.rowCount, 0);
  assert.equal(state.nextPosition, 0);
});

test('table state: a delta of a keyed table is consolidated, transient rows cancel, a second row of a key is refused', () => {
  const types: LogicalType[] = [{kind: 'integer'}, {kind: 'varchar'}];
  const make = (): TableState => {
    const state = new TableState({name: 'dwd.t', types, storage: 'keyed', key: [0], hidden: []});
    state.load(columnsOf(types, [[1, 'a'], [2, 'b'], [3, 'c']]), 3);
    return state;
  };
  const apply = (state: TableState, rows: [number, Cell, Cell][]): string[] =>
    changesOf(types, state.applyDelta({rowCount: rows.length, weights: Int32Array.from(rows, ([weight]) => weight), columns: columnsOf(types, rows.map(([, ...row]) => row))}))
      .map(({op, row, position}) => `${op} ${rowText(row)} @${position}`);
  assert.deepEqual(apply(make(), [[1, 1, 'x'], [-1, 1, 'a']]), ['1 1|"a" @0', '2 1|"x" @3']);
  assert.deepEqual(apply(make(), [[-1, 1, 'a'], [1, 1, 'a']]), []);
  assert.deepEqual(apply(make(), [[1, 9, 'x'], [-1, 9, 'x']]), [], 'a transient row of a key that is not there');
  assert.deepEqual(apply(make(), [[1, 1, 'x'], [-1, 1, 'x']]), [], 'a transient row of a key that stays');
  assert.deepEqual(apply(make(), [[-1, 1, 'a'], [1, 1, 'x'], [-1, 1, 'x']]), ['3 1|"a" @0'], 'deleted through a transient row');
  assert.deepEqual(apply(make(), [[1, 1, 'y'], [1, 1, 'x'], [-1, 1, 'x'], [-1, 1, 'a']]), ['1 1|"a" @0', '2 1|"y" @3'], 'the row that stays is not the last');
  assert.deepEqual(apply(make(), [[-1, 2, 'b'], [1, 4, 'd']]), ['3 2|"b" @1', '0 4|"d" @3']);
  const refused = make();
  for (const rows of [[[1, 1, 'x']], [[1, 7, 'x'], [1, 7, 'y']], [[2, 7, 'x']], [[1, 5, 'e'], [1, 1, 'x']]] as [number, Cell, Cell][][]) {
    assert.throws(() => apply(refused, rows), {code: 'MR_KEY_NOT_UNIQUE'});
    assert.equal(refused.rowCount, 3);
    assert.equal(refused.nextPosition, 3);
  }
  assert.throws(() => apply(make(), [[-1, 8, 'x']]), /not there/);
});

test('table state: a delta with random transient rows ends as its net says', () => {
  const types: LogicalType[] = [{kind: 'integer'}, {kind: 'integer'}];
  const target = fc.array(fc.option(fc.integer({min: 0, max: 3}), {nil: undefined}), {minLength: 5, maxLength: 5});
  const noise = fc.array(fc.tuple(fc.integer({min: 0, max: 4}), fc.integer({min: 0, max: 3})), {maxLength: 10});
  fc.assert(fc.property(fc.array(fc.tuple(target, noise, fc.infiniteStream(fc.nat())), {maxLength: 6}), fc.boolean(), (epochs, spill) => {
    const state = new TableState({types, storage: 'keyed', key: [0], hidden: []}, spilling(spill).options);
    const model = new Model();
    let held: (number | undefined)[] = [];
    for (const [wanted, transient, order] of epochs) {
      const entries: [number, number, number][] = [];
      for (let key = 0; key < 5; key++) {
        if (held[key] !== undefined) entries.push([-1, key, held[key]!]);
        if (wanted[key] !== undefined) entries.push([1, key, wanted[key]!]);
      }
      for (const [key, value] of transient) entries.push([1, key, value], [-1, key, value]);
      const shuffled = entries.map((entry) => ({entry, at: order.next().value as number})).sort((a, b) => a.at - b.at).map(({entry}) => entry);
      model.fold(types, state.applyDelta({rowCount: shuffled.length, weights: Int32Array.from(shuffled, ([weight]) => weight), columns: columnsOf(types, shuffled.map(([, ...row]) => row))}));
      held = wanted;
      model.check(state);
      assert.deepEqual(new Map([...model.rows.values()].map(([key, value]) => [key, value] as const).sort()), new Map(held.flatMap((value, key) => value === undefined ? [] : [[key, value] as const])));
      state.endEpoch();
      if (spill) press(state, model.next);
    }
  }), {seed, numRuns: 300});
});

test('table state: an index made within an epoch is right after the epoch is taken back', () => {
  const types: LogicalType[] = [{kind: 'integer'}, {kind: 'integer'}];
  const state = new TableState({types, storage: 'keyed', key: [0], hidden: []});
  state.load(columnsOf(types, [[1, 7], [2, 7], [3, 7], [4, 8]]), 4);
  state.upsert(columnsOf(types, [[2, 9], [1, 8], [5, 7]]), 3);
  state.deleteByKey(columnsOf([types[0]!], [[4], [3]]), 2);
  const index = state.index([1], 'group');
  state.upsert(columnsOf(types, [[1, 7], [6, 7], [3, 3]]), 3);
  state.deleteByKey(columnsOf([types[0]!], [[2]]), 1);
  checkIndex(state, index);
  state.undo();
  checkIndex(state, index);
  assert.deepEqual(contentOf(state).map(({row}) => row), [[1, 7], [2, 7], [3, 7], [4, 8]]);
  state.upsert(columnsOf(types, [[2, 1]]), 1);
  state.endEpoch();
  checkIndex(state, index);
});

test('table state: an epoch goes back to a savepoint, and from there to its beginning', () => {
  const types: LogicalType[] = [{kind: 'integer'}, {kind: 'varchar'}];
  const state = new TableState({types, storage: 'keyed', key: [0], hidden: []});
  const index = state.index([1], 'never-match');
  state.load(columnsOf(types, [[1, 'a'], [2, 'b']]), 2);
  const shown = (): string[] => contentOf(state).map(({row, position}) => `${rowText(row)} @${position}`);
  const start = shown();
  state.upsert(columnsOf(types, [[1, 'x'], [3, 'c']]), 2);
  const middle = shown();
  const savepoint = state.savepoint();
  state.upsert(columnsOf(types, [[1, 'y'], [3, 'd'], [4, 'e']]), 3);
  state.deleteByKey(columnsOf([types[0]!], [[2], [1]]), 2);
  state.undo(savepoint);
  assert.deepEqual(shown(), middle);
  checkIndex(state, index);
  state.upsert(columnsOf(types, [[4, 'e']]), 1);
  assert.equal(state.nextPosition, savepoint.nextPosition + 1);
  state.undo(savepoint);
  state.undo();
  assert.deepEqual(shown(), start);
  checkIndex(state, index);
  assert.throws(() => state.undo(savepoint), /savepoint/);
});
