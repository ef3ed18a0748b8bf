import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {Arena} from '../../base/arena.ts';
import type {Column} from '../../base/delta.ts';
import type {Expression, PlanType} from '../../kernel/plan/tree.ts';
import {ColumnBuffers, ExpressionError, compileExpressions, compilePredicate, unsupportedIn} from './compile.ts';

const runs = {seed: Number(process.env['MR_SEED'] ?? 20_260_101), numRuns: 100};

const bigint: PlanType = {kind: 'bigint'};
const integer: PlanType = {kind: 'integer'};
const boolean: PlanType = {kind: 'boolean'};
const varchar: PlanType = {kind: 'varchar'};
const timestamptz: PlanType = {kind: 'timestamptz'};

const column = (index: number, type: PlanType): Expression => ({kind: 'column', type, index});
const constant = (type: PlanType, value: bigint | string | boolean | null): Expression => ({kind: 'constant', type, value});
const call = (name: string, type: PlanType, ...args: Expression[]): Expression => ({kind: 'function', type, name, args, infix: false});
// oxlint-disable-next-line unicorn/no-thenable -- the tree's word for what a branch yields
const branch = (when: Expression, then: Expression): {when: Expression; then: Expression} => ({when, then});
const compare = (op: '=' | '<>' | '>' | '<', left: Expression, right: Expression): Expression => ({kind: 'comparison', type: boolean, op, left, right});

function longs(...values: (number | null)[]): Column {
  const valid = values.includes(null) ? Uint8Array.from(values, (value) => (value === null ? 0 : 1)) : null;
  return {kind: 'f64', data: Float64Array.from(values, (value) => value ?? 0), valid, bound: Number.MAX_SAFE_INTEGER};
}

function wideLongs(...values: bigint[]): Column {
  return {kind: 'i64', data: BigInt64Array.from(values), valid: null};
}

function ints(...values: number[]): Column {
  return {kind: 'i32', data: Int32Array.from(values), valid: null};
}

function texts(arena: Arena, ...values: (string | null)[]): Column {
  const encoded = values.map((value) => new TextEncoder().encode(value ?? ''));
  return {
    kind: 'bytes', arena, address: Float64Array.from(encoded, (bytes, i) => (values[i] === null ? 0 : arena.append(bytes, 0, bytes.length))),
    length: Int32Array.from(encoded, (bytes) => bytes.length), valid: values.includes(null) ? Uint8Array.from(values, (value) => (value === null ? 0 : 1)) : null,
  };
}

function values(found: Column, count: number): (bigint | number | string | null)[] {
  return Array.from({length: count}, (_, row) => {
    if (found.valid?.[row] === 0) return null;
    if (found.kind === 'bytes') return new TextDecoder().decode(found.arena.view(found.address[row]!, found.length[row]!));
    if (found.kind === 'i128') return (found.data[2 * row + 1]! << 64n) | BigInt.asUintN(64, found.data[2 * row]!);
    return found.data[row]!;
  });
}

const fresh = (): ColumnBuffers => new ColumnBuffers(new Arena());

test('compile: a column that passes through is the same object, or gathered by a selection', () => {
  const arena = new Arena();
  const input = [longs(1, null, 3), texts(arena, 'a', 'b', null)];
  const projection = compileExpressions([column(1, varchar), column(0, bigint), column(1, varchar)], [bigint, varchar])!;
  const [first, second, third] = projection.evaluate(input, 3, null, 3, fresh());
  assert.ok(first === input[1] && second === input[0] && third === input[1]);
  const output = fresh();
  const picked = projection.evaluate(input, 3, Int32Array.of(2, 0, 7), 2, output);
  assert.deepEqual(picked.map((found) => values(found, 2)), [[null, 'a'], [3, 1], [null, 'a']]);
  assert.ok(picked[0]!.kind === 'bytes' && picked[0]!.arena === arena, 'no byte is copied');
  assert.equal(output.rowCount, 2);
  assert.deepEqual(projection.sources(), [], 'nothing was compiled');
});

test('compile: rows outside of the predicate do not raise and do not come out', () => {
  const quotient = call('+', integer, column(0, integer), constant(integer, 2_147_483_647n));
  const projection = compileExpressions([quotient, column(0, integer)], [integer], {predicate: compare('<', column(0, integer), constant(integer, 1n))})!;
  const output = fresh();
  const [sum, passed] = projection.evaluate([ints(5, 0, -3, 9)], 4, null, 4, output);
  assert.deepEqual([values(sum!, 2), values(passed!, 2)], [[2_147_483_647, 2_147_483_644], [0, -3]]);
  assert.deepEqual([output.rowCount, [...output.selection!.subarray(0, 2)]], [2, [1, 2]]);
  const all = [ints(0, -1)];
  const [, untouched] = projection.evaluate(all, 2, null, 2, output);
  assert.ok(untouched === all[0] && output.selection === null, 'all rows are kept: nothing is gathered');
  const empty = projection.evaluate([ints(5, 6)], 2, null, 2, output);
  assert.deepEqual([output.rowCount, empty.length], [0, 2]);
});

test('compile: a narrow result beyond 2^53-1 runs the batch again, wide; results that fit come back narrow', () => {
  const product = call('*', bigint, column(0, bigint), column(1, bigint));
  const projection = compileExpressions([product, call('//', bigint, product, column(1, bigint))], [bigint, bigint])!;
  const [narrow] = projection.evaluate([longs(3, -5), longs(7, 0)], 2, null, 2, fresh());
  assert.ok(narrow!.kind === 'f64' && values(narrow!, 2).every((value) => !Object.is(value, -0)));
  const [wide, fits] = projection.evaluate([longs(94_906_267, 3), longs(-94_906_267, 4)], 2, null, 2, fresh());
  assert.ok(wide!.kind === 'i64' && fits!.kind === 'f64');
  assert.deepEqual([values(wide!, 2), values(fits!, 2)], [[-9_007_199_515_875_289n, 12n], [94_906_267, 3]]);
  const [mixed] = projection.evaluate([wideLongs(1n << 60n, -4n), longs(7, 2)], 2, null, 2, fresh());
  assert.deepEqual(values(mixed!, 2), [7n << 60n, -8n]);
});

test('compile: a raising row is named with DuckDB\'s message; raisingRows names all', () => {
  const doubled = call('+', integer, column(0, integer), column(0, integer));
  const projection = compileExpressions([doubled, {kind: 'cast', type: {kind: 'tinyint'}, child: column(0, integer), try: false}], [integer])!;
  const input = [ints(1, 2_000_000_000, 300, 4, -2_000_000_000)];
  assert.throws(() => projection.evaluate(input, 5, null, 5, fresh()), (error) => error instanceof ExpressionError && error.rowIndex === 1 && error.kind === 'invalid'
    && error.code === 'MR_EXPRESSION' && !error.needsFallback && error.message === 'Out of Range Error: Overflow in addition of INT32 (2000000000 + 2000000000)!');
  assert.deepEqual(projection.raisingRows(input, 5, null, 5, fresh()).map(({rowIndex}) => rowIndex), [1, 2, 4]);
  assert.deepEqual(projection.raisingRows(input, 5, Int32Array.of(4, 0, 2), 3, fresh()).map(({rowIndex}) => rowIndex), [4, 2]);
  const filtered = compileExpressions([doubled], [integer], {predicate: compare('>', call('*', integer, column(0, integer), constant(integer, 2n)), constant(integer, 0n))})!;
  assert.deepEqual(filtered.raisingRows(input, 5, null, 5, fresh()).map(({rowIndex}) => rowIndex), [1, 4], 'the predicate raises too');
});

test('compile: what DuckDB answers and code does not is said so, and no TRY hides it', () => {
  const trunc = call('date_trunc', timestamptz, constant(varchar, 'month'), column(0, timestamptz));
  const projection = compileExpressions([{kind: 'try', type: timestamptz, child: trunc}], [timestamptz])!;
  const beforeChrist = wideLongs(0n, -63_517_780_800_000_000n);
  assert.throws(() => projection.evaluate([beforeChrist], 2, null, 2, fresh()), (error) => error instanceof ExpressionError && error.needsFallback && error.rowIndex === 1);
});

test('compile: unsupportedIn names the first thing outside of the compiled set', () => {
  assert.equal(unsupportedIn(call('upper', varchar, call('md5', varchar, column(0, varchar)))), 'function md5(varchar)');
  assert.equal(unsupportedIn(call('date_trunc', timestamptz, column(1, varchar), column(0, timestamptz))), 'function date_trunc with arguments (varchar, timestamptz)');
  assert.equal(unsupportedIn(call('date_trunc', timestamptz, constant(varchar, 'fortnight'), column(0, timestamptz))), "function date_trunc: unit 'fortnight'");
  assert.equal(unsupportedIn({kind: 'cast', type: {kind: 'float'}, child: column(0, varchar), try: false}), 'cast from VARCHAR to FLOAT');
  assert.equal(unsupportedIn({kind: 'cast', type: {kind: 'double'}, child: constant(varchar, '1e5'), try: false}), null);
  assert.equal(unsupportedIn({kind: 'cast', type: {kind: 'double'}, child: constant(varchar, 'nan'), try: false}), 'a constant of type DOUBLE that only DuckDB reads');
  assert.equal(unsupportedIn(compare('=', column(0, {kind: 'other', text: 'INTEGER[]'}), column(1, {kind: 'other', text: 'INTEGER[]'}))), 'column of type INTEGER[]');
  assert.equal(compileExpressions([column(0, {kind: 'other', text: 'INTEGER[]'})], [{kind: 'other', text: 'INTEGER[]'}])!.types.length, 1, 'any column may pass through');
  assert.equal(compilePredicate(call('md5', boolean), []), null);
  assert.equal(compileExpressions([], [], {predicate: call('md5', boolean)}), null);
});

test('compile: constants are evaluated once; one that raises raises for each row, and only where it is reached', () => {
  const overflow = call('*', integer, constant(integer, 2_000_000_000n), constant(integer, 2n));
  const guarded: Expression = {kind: 'case', type: integer, branches: [branch(compare('>', column(0, integer), constant(integer, 0n)), overflow)], otherwise: call('+', integer, constant(integer, 1n), constant(integer, 2n))};
  const projection = compileExpressions([guarded], [integer])!;
  assert.deepEqual(values(projection.evaluate([ints(0, -1)], 2, null, 2, fresh())[0]!, 2), [3, 3]);
  assert.throws(() => projection.evaluate([ints(0, 1)], 2, null, 2, fresh()), {rowIndex: 1});
  assert.doesNotMatch(projection.sources()[0]!, /1 \+ 2/);
});

test('compile: buffers are reused after reset, and only then', () => {
  const projection = compileExpressions([call('+', bigint, column(0, bigint), constant(bigint, 1n)), call('upper', varchar, column(1, varchar))], [bigint, varchar])!;
  const arena = new Arena();
  const output = new ColumnBuffers(arena);
  const input = [longs(1, 2), texts(new Arena(), 'a', 'b')];
  const [sum, upper] = projection.evaluate(input, 2, null, 2, output);
  const [again] = projection.evaluate([longs(5, 6), input[1]!], 2, null, 2, output);
  assert.deepEqual([values(sum!, 2), values(again!, 2), values(upper!, 2)], [[2, 3], [6, 7], ['A', 'B']]);
  assert.ok(upper!.kind === 'bytes' && upper!.arena === arena);
  const held = output.bytes();
  output.reset();
  const [reused] = projection.evaluate(input, 2, null, 2, output);
  assert.ok(sum!.kind === 'f64' && reused!.kind === 'f64' && reused!.data === sum!.data);
  assert.equal(output.bytes(), held);
});

test('compile: texts are copied only where they must be, constants once per batch', () => {
  const choice: Expression = {
    kind: 'case', type: varchar, branches: [branch(compare('=', column(0, varchar), constant(varchar, 'a')), constant(varchar, 'a constant text'))], otherwise: call('substring', varchar, column(0, varchar), constant(bigint, 2n)),
  };
  const projection = compileExpressions([choice], [varchar])!;
  const arena = new Arena();
  const input = texts(arena, ...Array.from({length: 1000}, (_, i) => (i % 2 === 0 ? 'a' : `text number ${i}`)));
  const before = arena.reserve(0);
  const [shared] = projection.evaluate([input], 1000, null, 1000, new ColumnBuffers(arena));
  assert.equal(arena.reserve(0) - before, 'a constant text'.length, 'the input lies in the output arena: parts of it are references');
  const other = new Arena();
  const [copied] = projection.evaluate([input], 1000, null, 1000, new ColumnBuffers(other));
  assert.deepEqual(values(copied!, 1000), values(shared!, 1000));
  assert.deepEqual(values(copied!, 4), ['a constant text', 'ext number 1', 'a constant text', 'ext number 3']);
});

test('compile: many expressions are cut into loops of bounded size', () => {
  const sums = Array.from({length: 200}, (_, i) => call('+', bigint, call('*', bigint, column(0, bigint), constant(bigint, BigInt(i))), constant(bigint, 1n)));
  const projection = compileExpressions(sums, [bigint])!;
  const found = projection.evaluate([longs(2, null)], 2, null, 2, fresh());
  assert.deepEqual(found.map((sum) => values(sum, 2)), sums.map((_, i) => [2 * i + 1, null]));
  assert.equal(projection.sources().length, 4);
});

test('compile: BETWEEN is its two comparisons', () => {
  const [x, low, high] = [0, 1, 2].map((index) => column(index, bigint)) as [Expression, Expression, Expression];
  const input = [longs(1, 2, 3, null, 2, 2), longs(1, 3, null, 1, 2, null), longs(1, 5, 2, 1, null, 1)];
  for (const [lowerInclusive, upperInclusive] of [[true, true], [true, false], [false, true], [false, false]] as const) {
    const between: Expression = {kind: 'between', type: boolean, child: x, lower: low, upper: high, lowerInclusive, upperInclusive};
    const both: Expression = {kind: 'and', type: boolean, children: [
      {kind: 'comparison', type: boolean, op: lowerInclusive ? '>=' : '>', left: x, right: low}, {kind: 'comparison', type: boolean, op: upperInclusive ? '<=' : '<', left: x, right: high},
    ]};
    const [left, right] = compileExpressions([between, both], [bigint, bigint, bigint])!.evaluate(input, 6, null, 6, fresh());
    assert.deepEqual(values(left!, 6), values(right!, 6));
  }
});

test('compile: results do not depend on which columns hold NULLs, on words, on selections or on how many shapes came before', () => {
  const [a, b, c] = [column(0, bigint), column(1, bigint), column(2, integer)] as const;
  const expressions: Expression[] = [
    call('+', bigint, call('*', bigint, a, b), {kind: 'cast', type: bigint, child: c, try: false}),
    {kind: 'coalesce', type: bigint, children: [call('%', bigint, a, b), b, constant(bigint, -1n)]},
    {kind: 'case', type: bigint, branches: [branch({kind: 'and', type: boolean, children: [compare('<', a, b), compare('<>', c, constant(integer, 0n))]}, a)], otherwise: b},
    {kind: 'in', type: boolean, negated: true, child: a, list: [b, constant(bigint, 2n), constant(bigint, null)]},
    call('greatest', bigint, a, b, constant(bigint, 3n)),
  ];
  const projection = compileExpressions(expressions, [bigint, bigint, integer])!;
  const value = fc.oneof(fc.integer({min: -3, max: 3}), fc.maxSafeInteger());
  const shapes = new Set<string>();
  const row = fc.record({a: fc.option(value, {freq: 6}), b: fc.option(value, {freq: 6}), c: fc.option(fc.integer({min: -3, max: 3}), {freq: 6})});
  const eachNull = (rows: readonly {a: number | null; b: number | null; c: number | null}[], dropped: readonly boolean[]): typeof rows =>
    rows.map((one) => ({a: dropped[0]! ? one.a ?? 0 : one.a, b: dropped[1]! ? one.b ?? 0 : one.b, c: dropped[2]! ? one.c ?? 0 : one.c}));
  fc.assert(fc.property(fc.array(row, {minLength: 1, maxLength: 20}), fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()), fc.tuple(fc.boolean(), fc.boolean()), (generated, withoutNulls, wide) => {
    const rows = eachNull(generated, withoutNulls);
    const longColumn = (name: 'a' | 'b', asWide: boolean): Column => {
      const narrow = longs(...rows.map((one) => one[name]));
      return asWide ? {kind: 'i64', data: BigInt64Array.from(rows, (one) => BigInt(one[name] ?? 0)), valid: narrow.valid} : narrow;
    };
    const input: Column[] = [longColumn('a', wide[0]), longColumn('b', wide[1]), {kind: 'i32', data: Int32Array.from(rows, (one) => one.c ?? 0), valid: longs(...rows.map((one) => one.c)).valid}];
    shapes.add(input.map(({kind, valid}) => `${kind}${valid === null ? '' : '?'}`).join());
    const outcome = (run: () => Column[], count: number): unknown => {
      try {
        return run().map((found) => values(found, count).map((one) => (typeof one === 'bigint' ? one : one === null ? null : BigInt(one))));
      } catch (error) {
        assert.ok(error instanceof ExpressionError);
        return error.rowIndex;
      }
    };
    // By itself each row gives what it gives in the batch.
    const whole = outcome(() => projection.evaluate(input, rows.length, null, rows.length, fresh()), rows.length);
    const always = outcome(() => projection.evaluate(input, rows.length, null, rows.length, fresh(), {wide: true}), rows.length);
    assert.deepEqual(whole, always);
    const single = rows.map((_, i) => outcome(() => projection.evaluate(input, rows.length, Int32Array.of(i), 1, fresh()), 1));
    const firstRaising = single.findIndex((one) => typeof one === 'number');
    if (firstRaising === -1) assert.deepEqual(whole, expressions.map((_, slot) => single.map((one) => (one as unknown[][])[slot]![0])));
    else assert.equal(whole, firstRaising);
  }), runs);
  assert.ok(shapes.size > 16, `${shapes.size} shapes of input were met`);
  assert.ok(projection.sources().length <= 8 + 24, `${projection.sources().length} loops were made`);
});

test('compile: a predicate writes the rows where it is TRUE, not where it is NULL', () => {
  const predicate = compilePredicate({kind: 'or', type: boolean, children: [compare('>', column(0, bigint), constant(bigint, 2n)), {kind: 'is-null', type: boolean, child: column(1, bigint)}]}, [bigint, bigint])!;
  const input = [longs(1, 5, null, 4, null), longs(null, 1, 2, 3, null)];
  const rows = new Int32Array(5);
  assert.equal(predicate.evaluate(input, 5, null, 5, rows, fresh()), 4);
  assert.deepEqual([...rows.subarray(0, 4)], [0, 1, 3, 4]);
  assert.equal(predicate.evaluate(input, 5, Int32Array.of(4, 2, 1), 3, rows, fresh()), 2);
  assert.deepEqual([...rows.subarray(0, 2)], [4, 1]);
});
