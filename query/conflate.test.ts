/** The net change of epochs against a model, for tables with and without a key; the fold of both is the same. */
import assert from 'node:assert/strict';
import test, {after, before} from 'node:test';
import {epoch} from '../base/epoch.ts';
import type {LogicalType} from '../base/type.ts';
import type {Value} from '../base/value.ts';
import type {TableId, TableSpec, TableStorage} from '../catalog/spec.ts';
import {columnsFromRows} from '../kernel/column-values.ts';
import {Kernel} from '../kernel/duckdb.ts';
import type {Session} from '../kernel/session.ts';
import {Random, testSeed} from '../test/support/random.ts';
import {changesOf, visibleShape, type ChangePart, type VisibleShape} from './change-rows.ts';
import {netChange} from './conflate.ts';
import type {ColumnItem} from './subscription.ts';

let kernel: Kernel;
let session: Session;
before(async () => {
  kernel = await Kernel.open({threads: 1, memoryBytes: 256 << 20});
  session = await kernel.connect();
});
after(async () => {
  await session.close();
  await kernel.close();
});

const types: readonly LogicalType[] = [{kind: 'integer'}, {kind: 'varchar'}, {kind: 'double'}];

function spec(id: number, storage: TableStorage): TableSpec {
  // The key is the second column; a bag's hidden ones stand last.
  const visible = types.map((type, index) => ({id: index, name: ['n', 'k', 'a b'][index]!, type, nullable: true, hidden: false}));
  return {id: id as TableId, schema: 'main', name: `t${id}`, storage, key: storage === 'keyed' ? [1] : [], columns: visible, options: {}, schemaId: 0, createdMs: 0};
}

type Op = '+I' | '-U' | '+U' | '-D';
const opNumber: Readonly<Record<Op, number>> = {'+I': 0, '-U': 1, '+U': 2, '-D': 3};

function partOf(shape: VisibleShape, changes: readonly (readonly [Op, readonly Value[]])[], pad: boolean): ChangePart {
  // Padded parts hold rows that are not theirs, and say which are.
  const rows = pad ? [[0, 'not mine', 0] as Value[], ...changes.map(([, row]) => [...row])] : changes.map(([, row]) => [...row]);
  const ops = Uint8Array.from([...(pad ? [0] : []), ...changes.map(([op]) => opNumber[op])]);
  return {shape, ops, columns: columnsFromRows([...types], rows), rows: pad ? Int32Array.from(changes, (_, index) => index + 1) : null, start: 0, end: changes.length};
}

function folded(items: readonly ColumnItem[], start: ReadonlyMap<string, number>): Map<string, number> {
  const counts = new Map(start);
  for (const {parts} of items) {
    for (const part of parts) {
      for (const {table, op, row} of changesOf(part)) {
        const key = `${table} ${JSON.stringify(Object.values(row).map((value) => (typeof value === 'number' && Number.isNaN(value) ? 'NaN' : value)))}`;
        const count = (counts.get(key) ?? 0) + (op === '+I' || op === '+U' ? 1 : -1);
        if (count === 0) counts.delete(key);
        else counts.set(key, count);
      }
    }
  }
  return counts;
}

test('conflate: a key has at most one step, its fold is the same, and nothing comes of what came and went', async () => {
  const random = new Random(testSeed(20_260_101));
  const seen = new Map<string, number>();
  for (let run = 0; run < 25; run++) {
    const keyed = spec(1, 'keyed'), bag = spec(2, 'bag');
    const shapes = [visibleShape(keyed), visibleShape(bag)] as const;
    const rows = new Map<string, Value[]>();
    const copies: Value[][] = [];
    const value = (): Value => random.pick([null, 0.5, Number.NaN, 1e300]);
    for (const key of ['a', 'b', '']) if (random.chance(0.5)) rows.set(key, [random.integer(0, 2), key, value()]);
    const start = new Map<string, number>();
    const before = [...rows.values()];
    for (const [name, count] of folded([{epoch: epoch(0), parts: [partOf(shapes[0], before.map((row) => ['+I', row] as const), false)], complete: true}], new Map())) start.set(name, count);
    const items: ColumnItem[] = [];
    for (let at = 1; at <= 6; at++) {
      const changes: (readonly [Op, readonly Value[]])[] = [];
      for (const key of ['a', 'b', '', 'long enough not to be inlined']) {
        if (!random.chance(0.6)) continue;
        const old = rows.get(key);
        const row = random.chance(0.4) ? null : [random.integer(0, 2), key, value()];
        if (old === undefined && row !== null) changes.push(['+I', row]);
        if (old !== undefined) changes.push([row === null ? '-D' : '-U', old]);
        if (old !== undefined && row !== null) changes.push(['+U', row]);
        if (row === null) rows.delete(key);
        else rows.set(key, row);
      }
      const others: (readonly [Op, readonly Value[]])[] = [];
      for (let i = 0; i < 4; i++) {
        if (copies.length > 0 && random.chance(0.5)) others.push(['-D', copies.splice(random.integer(0, copies.length - 1), 1)[0]!]);
        else {
          const row = [1, random.pick(['x', 'y', null]), value()];
          copies.push(row);
          others.push(['+I', row]);
        }
      }
      items.push({epoch: epoch(at), parts: [partOf(shapes[0], changes, random.chance(0.5)), partOf(shapes[1], others, random.chance(0.5))], complete: true});
    }
    const net = await netChange(session, items);
    assert.equal(net.epoch, 6);
    assert.deepEqual(folded([net], start), folded(items, start), `run ${run}`);
    const steps = new Map<string, string[]>();
    for (const part of net.parts) {
      for (const {table, op, row} of changesOf(part)) {
        seen.set(op, (seen.get(op) ?? 0) + 1);
        if (table === 'main.t1') steps.set(String(row['k']), [...steps.get(String(row['k'])) ?? [], op]);
      }
    }
    for (const [key, ops] of steps) assert.match(ops.join(' '), /^(\+I|-D|-U \+U)$/, `run ${run}, key ${key}`);
  }
  for (const op of ['+I', '-U', '+U', '-D']) assert.ok((seen.get(op) ?? 0) > 3, JSON.stringify([...seen]));
});
