/**
 * Columns in through `mr_rows`, kept by DuckDB, out through `stream`: equal bit for bit. The generator covers every stored
 * type, both forms of exact columns, all layouts of text, shared memory, and row counts around the vector size.
 */
import assert from 'node:assert/strict';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test, {after, before} from 'node:test';
import fc from 'fast-check';
import {Arena} from '../base/arena.ts';
import type {BytesColumn, Column} from '../base/delta.ts';
import {WarehouseError} from '../base/error.ts';
import {physicalKind, typeText, type LogicalType} from '../base/type.ts';
import type {Value} from '../base/value.ts';
import {columnFromValues, rowsFromColumns} from './column-values.ts';
import {exactAt} from './scalar-values.ts';
import {Kernel} from './duckdb.ts';
import {quoteLiteral} from './quote.ts';
import {relationOf, type RelationColumn} from './relation.ts';
import {storedTypes, valuesOf} from './values-arbitrary.ts';
import type {Session} from './session.ts';

const seed = Number(process.env['MR_SEED'] ?? 20_260_101);
/** Small, seeded, fast: picks rows from a pool of generated values. */
function picker(start: number): (below: number) => number {
  let state = start | 0;
  return below => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

type TextLayout = 'packed' | 'scattered' | 'segments' | 'repeated';

/** The same text in another arrangement of memory. */
function arrange(column: BytesColumn, layout: TextLayout, pick: (below: number) => number): BytesColumn {
  const rowCount = column.length.length;
  const address = new Float64Array(rowCount);
  const order = Array.from({length: rowCount}, (_, i) => i);
  if (layout !== 'packed') for (let i = rowCount - 1; i > 0; i--) { const j = pick(i + 1); [order[i], order[j]] = [order[j]!, order[i]!]; }
  const total = column.length.reduce((sum, bytes) => sum + bytes, 0);
  const arena = layout === 'segments' ? new Arena() : Arena.wrap(new Uint8Array(new SharedArrayBuffer(total + 8), 8, total));
  const seen = new Map<string, number>();
  let used = 0;
  for (const row of order) {
    const length = column.length[row]!;
    if (length === 0) continue;
    const bytes = column.arena.view(column.address[row]!, length);
    const text = layout === 'repeated' ? Buffer.from(bytes).toString('latin1') : '';
    const before = seen.get(text);
    if (layout === 'repeated' && before !== undefined) { address[row] = before; continue; }
    if (layout === 'segments') address[row] = arena.append(bytes, 0, length);
    else { arena.segments[0]!.set(bytes, used); address[row] = used; used += length; }
    seen.set(text, address[row]!);
  }
  return {...column, arena, address};
}

/** An exact column in its wide form. */
function widen(column: Column, type: LogicalType, rowCount: number): Column {
  if (column.kind !== 'f64') return column;
  const wide = physicalKind(type) === 'exact128';
  const data = new BigInt64Array(rowCount * (wide ? 2 : 1));
  for (let i = 0; i < rowCount; i++) {
    const value = exactAt(column, i);
    if (wide) { data[2 * i] = value; data[2 * i + 1] = value >> 64n; } else data[i] = value;
  }
  return wide ? {kind: 'i128', data, valid: column.valid} : {kind: 'i64', data, valid: column.valid};
}

function share(column: Column): Column {
  if (column.kind === 'bytes' || column.kind === 'i128' || column.kind === 'i64') return column;
  const make = <T extends Int32Array | Float64Array>(from: T): T => {
    const Same = from.constructor as new (buffer: SharedArrayBuffer, start: number, length: number) => T;
    const to = new Same(new SharedArrayBuffer(from.byteLength + 16), 16, from.length);
    to.set(from as never);
    return to;
  };
  return column.kind === 'i32' ? {...column, data: make(column.data)} : {...column, data: make(column.data)};
}

interface Case {readonly types: readonly LogicalType[]; readonly columns: readonly Column[]; readonly rowCount: number; readonly [fc.toStringMethod]?: () => string}
const reached = new Set<string>();

function buildColumn(type: LogicalType, pool: readonly Value[], rowCount: number, pick: (below: number) => number): Column {
  const nullsOf16 = [0, 1, 8, 16][pick(4)]!;
  const values = Array.from({length: rowCount}, (): Value => {
    if (pick(16) < nullsOf16) return null;
    const value = pool[pick(pool.length)]!;
    // A big value in every row would only measure memory.
    return (typeof value === 'string' || value instanceof Uint8Array) && value.length > 1000 && pick(200) > 0 ? pool[0]! : value;
  });
  let column = columnFromValues(type, values);
  if (column.kind === 'bytes') {
    const layout = (['packed', 'scattered', 'segments', 'repeated'] as const)[pick(4)]!;
    reached.add(layout);
    column = arrange(column, layout, pick);
  } else if (physicalKind(type).startsWith('exact') && pick(3) === 0) column = widen(column, type, rowCount);
  else if (pick(3) === 0) { column = share(column); reached.add('shared'); }
  reached.add(`${typeText(type)} ${column.kind}`);
  return column;
}

const rowCounts = [0, 1, 63, 64, 65, 2047, 2048, 2049, 4096, 5000];
const cases: fc.Arbitrary<Case> = fc.record({
  types: fc.subarray([...storedTypes], {minLength: 3, maxLength: 8}),
  rowCount: fc.constantFrom(...rowCounts),
  pick: fc.integer(),
}).chain(({types, rowCount, pick}) => fc.tuple(...types.map(type => fc.array(valuesOf(type), {minLength: 2, maxLength: 24}))).map(pools => {
  const random = picker(pick);
  reached.add(`rows ${rowCount}`);
  const columns = types.map((type, i) => buildColumn(type, pools[i]!, rowCount, random));
  return {types, rowCount, columns, [fc.toStringMethod]: () => `${rowCount} rows of ${types.map((type, i) => `${typeText(type)} ${columns[i]!.kind}`).join(', ')}`};
}));

function shapeOf(types: readonly LogicalType[]): RelationColumn[] {
  return types.map((type, i) => ({name: `c${i}`, type}));
}

/**
 * Reads a whole stream and compares it, row by row, with the rows of the case. DuckDB's dictionaries (in Parquet files) keep
 * one zero: `zeros` says whether its sign must be right.
 */
async function checkStream(session: Session, sql: string, {types, columns, rowCount}: Case, zeros: 'signed' | 'unsigned' = 'signed'): Promise<void> {
  await using stream = await session.stream(sql);
  let first = 0;
  for (let chunk = await stream.next(); chunk !== null; chunk = await stream.next()) {
    assert.ok(chunk.rowCount <= 2048 && first + chunk.rowCount <= rowCount, `${sql}: rows ${first} + ${chunk.rowCount} of ${rowCount}`);
    for (const [i, type] of types.entries()) checkColumn(chunk.columns[i]!, chunk.rowCount, columns[i]!, first, type, sql, zeros);
    first += chunk.rowCount;
  }
  assert.equal(first, rowCount, sql);
}

function checkColumn(found: Column, rowCount: number, expected: Column, first: number, type: LogicalType, sql: string, zeros: 'signed' | 'unsigned'): void {
  if (found.kind === 'f64') assert.equal(found.bound === Infinity, physicalKind(type) === 'f64', 'only doubles have no bound');
  for (let i = 0; i < rowCount; i++) {
    const where = `${sql}: row ${first + i} of ${typeText(type)}`;
    const valid = expected.valid === null || expected.valid[first + i] === 1;
    if (valid !== (found.valid === null || found.valid[i] === 1)) assert.fail(`${where}: valid ${!valid}, expected ${valid}`);
    checkCell(found, i, valid ? expected : null, first + i, where, zeros);
  }
}

function checkCell(found: Column, row: number, expected: Column | null, expectedRow: number, where: string, zeros: 'signed' | 'unsigned'): void {
  if (found.kind === 'i32' || (found.kind === 'f64' && found.bound === Infinity)) {
    const value = expected === null ? 0 : expected.kind === 'i32' || expected.kind === 'f64' ? expected.data[expectedRow]! : NaN;
    if (!Object.is(found.data[row], value) && !(zeros === 'unsigned' && found.data[row] === 0 && value === 0)) assert.fail(`${where}: ${found.data[row]}, expected ${value}`);
  } else if (found.kind === 'bytes') {
    const length = found.length[row]!;
    if (expected === null) return assert.equal(length + found.address[row]!, 0, where);
    assert.ok(expected.kind === 'bytes');
    if (length !== expected.length[expectedRow]) assert.fail(`${where}: ${length} bytes, expected ${expected.length[expectedRow]}`);
    if (length > 0 && Buffer.compare(found.arena.view(found.address[row]!, length), expected.arena.view(expected.address[expectedRow]!, length)) !== 0) assert.fail(`${where}: bytes differ`);
  } else {
    const value = expected === null ? 0n : exactAt(expected, expectedRow);
    const got = exactAt(found, row);
    if (got !== value) assert.fail(`${where}: ${got}, expected ${value}`);
    if (found.kind === 'f64') assert.ok((got < 0n ? -got : got) <= BigInt(found.bound) && found.bound <= Number.MAX_SAFE_INTEGER, `${where}: bound ${found.bound}`);
  }
}

let kernel: Kernel;
let session: Session;
let folder: string;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'columns-'));
  kernel = await Kernel.open({threads: 2, memoryBytes: 512 << 20, tempDirectory: folder});
  session = await kernel.connect();
});
after(async () => {
  await kernel.close();
  rmSync(folder, {recursive: true});
});

test('columns: in by mr_rows and out by stream are equal bit for bit, directly, through a table and through Parquet', async () => {
  const file = quoteLiteral(join(folder, 'rows.parquet'));
  await fc.assert(fc.asyncProperty(cases, async held => {
    session.bindRelation('rows', relationOf(held.columns, held.rowCount, shapeOf(held.types)));
    await checkStream(session, `FROM mr_rows('rows')`, held);
    await session.run(`CREATE OR REPLACE TABLE kept AS FROM mr_rows('rows')`);
    await checkStream(session, 'FROM kept', held);
    await session.run(`COPY (FROM mr_rows('rows')) TO ${file} (FORMAT parquet)`);
    await checkStream(session, `FROM read_parquet(${file})`, held, 'unsigned');
  }), {seed, numRuns: 120});
  for (const rowCount of rowCounts) assert.ok(reached.has(`rows ${rowCount}`), `no case had ${rowCount} rows`);
  for (const layout of ['packed', 'scattered', 'segments', 'repeated', 'shared']) assert.ok(reached.has(layout), `no column was ${layout}`);
  for (const type of storedTypes) {
    const kinds = {i32: ['i32'], f64: ['f64'], exact64: ['f64', 'i64'], exact128: ['f64', 'i128'], bytes: ['bytes']}[physicalKind(type)];
    for (const kind of kinds) assert.ok(reached.has(`${typeText(type)} ${kind}`), `no ${typeText(type)} column was ${kind}`);
  }
});

test('columns: text outlives the chunk it came in, when operators keep it (sort, join, aggregate)', async () => {
  const pick = picker(seed);
  const rowCount = 9000;
  const types: LogicalType[] = [{kind: 'bigint'}, {kind: 'varchar'}];
  const ids = columnFromValues(types[0]!, Array.from({length: rowCount}, (_, i) => BigInt(i)));
  for (const layout of ['packed', 'scattered', 'segments', 'repeated'] as const) {
    const values = Array.from({length: rowCount}, (_, i) => (i % 7 === 0 ? `s${i % 50}` : `a longer text of row ${i % 3000} ${'x'.repeat(pick(60))}`));
    const text = arrange(columnFromValues(types[1]!, values) as BytesColumn, layout, pick);
    session.bindRelation('text', relationOf([ids, text], rowCount, [{name: 'id', type: types[0]!}, {name: 'v', type: types[1]!}]));
    const held: Case = {types, columns: [ids, text], rowCount};
    await checkStream(session, `SELECT id, v FROM (SELECT id, v FROM mr_rows('text') ORDER BY v, id) ORDER BY id`, held);
    await checkStream(session, `SELECT a.id, b.v FROM mr_rows('text') a JOIN mr_rows('text') b USING (id, v) ORDER BY a.id`, held);
    await checkStream(session, `SELECT id, max(v) OVER (PARTITION BY id) AS v FROM mr_rows('text') ORDER BY id`, held);
    await checkStream(session, `SELECT id, min(v) AS v FROM mr_rows('text') GROUP BY id ORDER BY id`, held);
  }
});

test('columns: the strings that DuckDB sees compare and hash like its own', async () => {
  const values = ['', 'a', 'ab', '123456789012', '1234567890123', '1234567890124', 'prefix 1234567890', 'prefix 1234567891', '🎉', null];
  for (const layout of ['packed', 'scattered'] as const) {
    const column = arrange(columnFromValues({kind: 'varchar'}, values) as BytesColumn, layout, picker(7));
    session.bindRelation('text', relationOf([column], values.length, [{name: 'v', type: {kind: 'varchar'}}]));
    await session.run('CREATE OR REPLACE TABLE own AS SELECT unnest($1::VARCHAR[]) AS v'.replace('$1', `[${values.map(value => (value === null ? 'NULL' : quoteLiteral(value))).join(', ')}]`));
    const {rows} = await session.rows(`SELECT count(*) FROM mr_rows('text') t JOIN own ON own.v IS NOT DISTINCT FROM t.v AND hash(own.v) = hash(t.v) AND NOT coalesce(own.v < t.v, false)`);
    assert.deepEqual(rows, [[BigInt(values.length)]]);
  }
});

test('columns: bytes that are not UTF-8 are refused as VARCHAR, when DuckDB checks them, and kept as BLOB', async () => {
  const bytes = columnFromValues({kind: 'blob'}, [new Uint8Array(20).fill(0xff), Uint8Array.of(1)]);
  session.bindRelation('bytes', relationOf([bytes], 2, [{name: 'v', type: {kind: 'varchar'}}]));
  await assert.rejects(session.rows(`FROM mr_rows('bytes')`), (error: unknown) => error instanceof WarehouseError && error.code === 'MR_UTF8' && error.kind === 'data');
  session.bindRelation('bytes', relationOf([bytes], 2, [{name: 'v', type: {kind: 'blob'}}]));
  assert.deepEqual((await session.rows(`FROM mr_rows('bytes')`)).rows, rowsFromColumns([bytes], [{kind: 'blob'}], 2));
});

test('columns: a column of the wrong kind is refused by name', async () => {
  const ints = columnFromValues({kind: 'integer'}, [1]);
  const text = columnFromValues({kind: 'varchar'}, ['a']);
  const doubles = columnFromValues({kind: 'double'}, [1]);
  for (const [column, type] of [[ints, {kind: 'bigint'}], [text, {kind: 'integer'}], [doubles, {kind: 'varchar'}], [ints, {kind: 'double'}]] as const) {
    session.bindRelation('wrong', relationOf([column], 1, [{name: 'v', type}]));
    await assert.rejects(session.run(`CREATE OR REPLACE TABLE kept AS FROM mr_rows('wrong')`), {code: 'MR_INTERNAL'});
  }
});
