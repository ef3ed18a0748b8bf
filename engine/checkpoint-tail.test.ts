import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type {Column} from '../base/delta.ts';
import {epoch, type Epoch} from '../base/epoch.ts';
import type {TableId, TableSpec} from '../catalog/spec.ts';
import type {PreparedFiles} from '../storage/lsm/flush.ts';
import {epochNumbers} from '../storage/lsm/test-epochs.ts';
import {seeded} from '../storage/log/batch-arbitrary.ts';
import {Tail, type TailEpoch, type TailPart, type TailRun} from './checkpoint-tail.ts';

const tableIds = [1, 2, 3].map((id) => id as TableId);
const spec = (id: number): TableSpec => ({id: id as TableId}) as TableSpec;

/** What an epoch is made of. */
interface Drawn {
  /** By table; 0: not changed. */
  readonly rowCounts: readonly number[];
  /** How rows travel. */
  readonly way: 'columns' | 'frame' | 'files';
  readonly schemaId: number;
  readonly bytes: number;
  readonly drops: boolean;
}

/** 5 bytes each, and up to 64 KiB of a table are copied. */
const copiedRowsMax = 13_107;
const rowCount = fc.oneof({weight: 5, arbitrary: fc.nat(3)}, {weight: 3, arbitrary: fc.constantFrom(1024, 2047, 2048, 2049, 3000)}, {weight: 1, arbitrary: fc.constantFrom(copiedRowsMax, copiedRowsMax + 1)});
const drawn: fc.Arbitrary<Drawn> = fc.record({
  rowCounts: fc.tuple(rowCount, rowCount, rowCount), way: fc.oneof({weight: 6, arbitrary: fc.constant('columns' as const)}, fc.constantFrom('frame' as const, 'files' as const)),
  schemaId: fc.oneof({weight: 5, arbitrary: fc.constant(0)}, fc.constant(1)), bytes: fc.oneof(fc.integer({min: 1, max: 1000}), fc.constant(100_000)), drops: fc.boolean(),
});

/** A part in the model: where it stands, and by what it is known. */
interface ModelPart {readonly epoch: Epoch; readonly first: number; readonly rowCount: number; readonly schemaId: number; readonly frame: Uint8Array; readonly prepared: PreparedFiles | undefined; readonly copied: boolean}

function sequenceColumn(first: number, count: number): Column {
  return {kind: 'i32', data: Int32Array.from({length: count}, (_, i) => first + i), valid: null};
}

/** The runs must be the model's parts end to end, with each row's number as its value. */
function checkRuns(runs: readonly TailRun[], parts: readonly ModelPart[]): void {
  const expected = [...parts];
  for (const run of runs) {
    if (!('pieces' in run)) {
      assert.equal(run, expected.shift()?.prepared);
      continue;
    }
    let sequence = run.first;
    for (const piece of run.pieces) {
      assert.equal(expected[0]!.first, sequence, 'a piece begins with an epoch');
      if ('frame' in piece) {
        const part = expected.shift()!;
        assert.deepEqual([piece.frame === part.frame, piece.rowCount, run.schemaId, part.copied], [true, part.rowCount, part.schemaId, false]);
        sequence += piece.rowCount;
        continue;
      }
      const {columns: [column], rowCount: count} = piece.block.view(piece.start, piece.end);
      assert.ok(column?.kind === 'i32');
      for (let i = 0; i < count; i++) assert.equal(column.data[i], sequence + i);
      sequence += count;
      while (expected.length > 0 && expected[0]!.first < sequence) {
        const part = expected.shift()!;
        assert.deepEqual([part.copied, part.schemaId], [true, run.schemaId]);
        assert.ok(part.first + part.rowCount <= sequence, 'a piece ends with an epoch');
      }
    }
    assert.equal(sequence, run.first + run.rowCount);
  }
  assert.deepEqual(expected, []);
}

test('tail: what a checkpoint covers, and what is left, whatever comes and is flushed in between', () => {
  fc.assert(fc.property(fc.array(fc.record({epochs: fc.array(drawn, {maxLength: 12}), back: fc.nat(12), more: fc.nat(12), fails: fc.boolean()}), {minLength: 1, maxLength: 5}), (turns) => {
    const tail = new Tail(100);
    let model: {epoch: Epoch; bytes: number; parts: Map<TableId, ModelPart>; drops: boolean}[] = [];
    const next = new Map(tableIds.map((id) => [id, 1000 * id]));
    /** As the checkpoint before says. */
    let known = new Map(next);
    let [at, sinceMs] = [0, 100];
    const add = ({rowCounts, way, schemaId, bytes, drops}: Drawn): void => {
      const frame = new Uint8Array(bytes);
      const parts = new Map<TableId, ModelPart>();
      const tables: TailPart[] = [];
      at++;
      for (const [index, id] of tableIds.entries()) {
        const [first, count] = [next.get(id)!, rowCounts[index]!];
        if (count === 0) continue;
        const prepared: PreparedFiles | undefined = way === 'files' ? {schemaId, data: [], changelog: []} : undefined;
        const copied = way === 'columns' && count <= copiedRowsMax;
        parts.set(id, {epoch: epoch(at), first, rowCount: count, schemaId, frame, prepared, copied});
        tables.push({table: id, schemaId, rowCount: count, prepared, rows: way === 'columns' ? {rowCount: count, ops: new Uint8Array(count), columns: [sequenceColumn(first, count)]} : undefined});
        next.set(id, first + count);
      }
      const sealed: TailEpoch = {epoch: epoch(at), timeMs: 100 + Math.floor(at / 2), frame, ddl: drops ? [{kind: 'drop-table', id: at as TableId}] : [], tables, dropped: drops ? [spec(at)] : []};
      tail.add(sealed, (id) => known.get(id)!);
      const held = [...parts.values()].reduce((sum, part) => sum + (part.copied ? 5 * part.rowCount : 0), [...parts.values()].some((part) => !part.copied && part.prepared === undefined) ? bytes : 0);
      model.push({epoch: epoch(at), bytes: Math.max(bytes, held), parts, drops});
    };
    for (const {epochs, back, more, fails} of turns) {
      for (const one of epochs) add(one);
      const through = epoch(Math.max(0, at - back));
      const covered = tail.through(through);
      const inside = model.filter((one) => one.epoch <= through);
      for (const one of epochs.slice(0, more)) add(one);
      assert.equal(tail.isEmpty, model.length === 0);
      assert.equal(tail.bytes, model.reduce((sum, {bytes}) => sum + bytes, 0));
      assert.equal(covered.bytes, inside.reduce((sum, {bytes}) => sum + bytes, 0));
      assert.deepEqual(covered.dropped.map(({id}) => id), inside.filter(({drops}) => drops).map((one) => one.epoch));
      assert.deepEqual(covered.ddl.map((one) => one.epoch), inside.filter(({drops}) => drops).map((one) => one.epoch));
      assert.deepEqual(tail.dropped.map(({id}) => id), model.filter(({drops}) => drops).map((one) => one.epoch));
      const newest = inside.at(-1);
      assert.equal(covered.timeMs, newest === undefined ? sinceMs : 100 + Math.floor(newest.epoch / 2));
      assert.deepEqual([...covered.times.numbers], [...new Set(inside.map((one) => 100 + Math.floor(one.epoch / 2)))].filter((ms) => ms > sinceMs));
      for (const id of tableIds) {
        const parts = inside.flatMap((one) => one.parts.get(id) ?? []);
        const changes = covered.changes.get(id);
        assert.equal(changes !== undefined, parts.length > 0);
        if (changes === undefined) continue;
        assert.deepEqual(changes.epochs, epochNumbers(parts.map((part) => [part.epoch, part.first])));
        assert.equal(changes.nextSequence, parts.at(-1)!.first + parts.at(-1)!.rowCount);
        checkRuns(changes.runsAfter(epoch(0)), parts);
        checkRuns(changes.runsAfter(epoch(Math.max(0, through - 2))), parts.filter((part) => part.epoch > through - 2));
        assert.equal(tail.nextSequence(id), next.get(id));
      }
      assert.equal(tail.prepared().length, model.flatMap(({parts}) => [...parts.values()]).filter(({prepared}) => prepared !== undefined).length);
      // A checkpoint that fails leaves the tail as it is.
      if (fails) continue;
      known = new Map([...known, ...[...covered.changes].map(([id, {nextSequence}]) => [id, nextSequence] as const)]);
      tail.dropThrough(through);
      sinceMs = covered.timeMs;
      model = model.filter((one) => one.epoch > through);
      for (const id of tableIds) assert.equal(tail.nextSequence(id), model.some(({parts}) => parts.has(id)) ? next.get(id) : undefined);
    }
  }), seeded(150));
});

test('tail: rows of small epochs lie in few blocks, and their frames are not held', () => {
  const tail = new Tail(0);
  const id = 1 as TableId;
  let at = 0;
  const add = (count: number): void => {
    tail.add({epoch: epoch(++at), timeMs: at, frame: new Uint8Array(600), ddl: [], dropped: [], tables: [{table: id, schemaId: 0, rowCount: count, rows: {rowCount: count, ops: new Uint8Array(count), columns: [sequenceColumn(0, count)]}}]}, () => 0);
  };
  for (let i = 0; i < 5000; i++) add(1);
  for (const count of [1000, 1000, 3000, 1]) add(count);
  const [run, ...others] = tail.through(epoch(at)).changes.get(id)!.runsAfter(epoch(0));
  assert.ok(run !== undefined && 'pieces' in run && others.length === 0);
  assert.deepEqual(run.pieces.map((piece) => ('block' in piece ? piece.end - piece.start : 'a frame')), [2048, 2048, 904 + 1000, 1000, 3000, 1]);
});
