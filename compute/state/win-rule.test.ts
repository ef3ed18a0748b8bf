/** Which row of a key stands: `first-row` and `sequence.field` against a model, however rows are cut into batches. */
import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import type {LogicalType} from '../../base/type.ts';
import type {Value} from '../../base/value.ts';
import {columnsFromRows, rowsFromColumns} from '../../kernel/column-values.ts';
import {TableState} from './table-state.ts';
import type {WinRule} from './win-rule.ts';

const seed = Number(process.env['MR_SEED'] ?? 20_261_129);
/** k, two columns that may order rows, a value that tells rows apart. */
const sequenceTypes: readonly (readonly [LogicalType, fc.Arbitrary<Value>])[] = [
  [{kind: 'integer'}, fc.integer({min: -2, max: 2})],
  [{kind: 'bigint'}, fc.constantFrom<Value>(-1n, 0n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, -(2n ** 63n))],
  [{kind: 'decimal', precision: 38, scale: 0}, fc.constantFrom<Value>('-1', '0', '99999999999999999999999999999999999999', '-99999999999999999999999999999999999999', '18446744073709551616')],
  [{kind: 'varchar'}, fc.constantFrom<Value>('', 'a', 'ab', 'b', 'é', '😀', '\uffee')],
  [{kind: 'boolean'}, fc.boolean()],
];

type Order = (a: Value, b: Value) => number;
function orderOf(type: LogicalType): Order {
  if (type.kind === 'varchar') return (a, b) => Buffer.compare(Buffer.from(a as string), Buffer.from(b as string));
  if (type.kind === 'boolean') return (a, b) => Number(a) - Number(b);
  return (a, b) => (BigInt(a as string) < BigInt(b as string) ? -1 : BigInt(a as string) > BigInt(b as string) ? 1 : 0);
}

interface Case {readonly rule: WinRule; readonly types: readonly LogicalType[]; readonly rows: readonly (readonly Value[])[]; readonly cuts: readonly number[]}

const cases: fc.Arbitrary<Case> = fc.tuple(fc.constantFrom(...sequenceTypes), fc.constantFrom(...sequenceTypes)).chain(([first, second]) => fc.record({
  types: fc.constant<readonly LogicalType[]>([{kind: 'integer'}, first[0], second[0], {kind: 'integer'}]),
  rule: fc.constantFrom<WinRule>({kind: 'first'}, ...[true, false].flatMap((descending): WinRule[] => [{kind: 'sequence', columns: [1], descending}, {kind: 'sequence', columns: [2, 1], descending}])),
  rows: fc.array(fc.tuple<[Value, Value, Value, Value]>(fc.integer({min: 0, max: 3}), fc.option(first[1], {freq: 4}), fc.option(second[1], {freq: 4}), fc.integer({min: 0, max: 2})), {minLength: 1, maxLength: 25}),
  cuts: fc.array(fc.integer({min: 1, max: 6}), {minLength: 1, maxLength: 8}),
}));

/** @returns the rows that stand, by key. */
function expected({rule, types, rows}: Case): Map<Value, readonly Value[]> {
  const standing = new Map<Value, readonly Value[]>();
  const compare = (a: readonly Value[], b: readonly Value[]): number => {
    if (rule.kind === 'first') return -1;
    for (const column of rule.columns) {
      const [x, y] = [a[column]!, b[column]!];
      if (x === null || y === null) {
        if (x === y) continue;
        return x === null ? -1 : 1;
      }
      const order = orderOf(types[column]!)(x, y);
      if (order !== 0) return rule.descending ? -order : order;
    }
    return 0;
  };
  for (const row of rows) {
    const before = standing.get(row[0]!);
    if (before === undefined || compare(row, before) >= 0) standing.set(row[0]!, row);
  }
  return standing;
}

test('rows of one key: the one that stands is the rule\'s, whatever the batches, also after a step is taken back', () => {
  let lost = 0;
  fc.assert(fc.property(cases, (one) => {
    const {rule, types, rows, cuts} = one;
    const state = new TableState({types, storage: 'keyed', key: [0], hidden: [], rule});
    const write = (some: readonly (readonly Value[])[]): void => {
      const changes = state.upsert(columnsFromRows(types, some), some.length);
      lost += some.length - changes.ops.filter((op) => op === 0 || op === 2).length;
    };
    let at = 0;
    for (let cut = 0; at < rows.length; cut++) {
      const end = Math.min(rows.length, at + cuts[cut % cuts.length]!);
      write(rows.slice(at, end));
      if (cut % 3 === 2) {
        // What was taken back leaves no trace; done again it is the same.
        state.undo();
        write(rows.slice(at, end));
      }
      state.endEpoch();
      at = end;
    }
    const found = new Map<Value, readonly Value[]>();
    for (const {rows: batch, count} of state.store.scan()) for (const row of rowsFromColumns(state.store.gather(batch, count, [0, 1, 2, 3]), types, count)) found.set(row[0]!, row);
    const wanted = rowsFromColumns(columnsFromRows(types, [...expected(one).values()]), types, expected(one).size);
    assert.deepEqual(new Map([...found].sort()), new Map(wanted.map((row) => [row[0]!, row] as const).sort()));
  }), {seed, numRuns: 400});
  assert.ok(lost > 100, `only ${lost} rows lost`);
});
