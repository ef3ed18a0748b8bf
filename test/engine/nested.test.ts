/**
 * LIST, STRUCT and MAP columns through every face of a warehouse: what went in by one comes out of all others as the same value, from
 * log, state, cache, files and after a restart. Equality is that of canonical bytes (base/nested.ts).
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {typeText, type NestedType} from '../../base/type.ts';
import type {Row, Value} from '../../base/value.ts';
import {checkWarehouse} from '../../engine/check.ts';
import {ColumnBuilder} from '../../engine/column-builder.ts';
import {Warehouse} from '../../engine/warehouse.ts';
import {columnFromValues} from '../../kernel/column-values.ts';
import {bytesAt} from '../../kernel/scalar-values.ts';
import {nestedTypes, valuesOf} from '../../kernel/values-arbitrary.ts';
import {jsonValue} from '../../server/json.ts';
import {testSeed} from '../support/random.ts';
import {temporaryFolder} from '../support/temporary.ts';

function canonical(type: NestedType, value: Value): string {
  return value === null ? 'null' : Buffer.from(bytesAt(columnFromValues(type, [value]), 0)).toString('hex');
}

/** Values that every door takes: years 1 to 9999. */
const takes = (type: NestedType, value: Value): boolean => new ColumnBuilder(type).push(value) === null;

interface Case {readonly types: readonly NestedType[]; readonly pools: readonly (readonly Value[])[]}
const names = ['a', 'b', 'c'];

function sampleCase(seed: number): Case {
  const types = fc.sample(fc.tuple(nestedTypes(1), nestedTypes(2), nestedTypes(3)), {seed, numRuns: 1})[0]!;
  const pools = types.map((type, i) => [null, ...fc.sample(valuesOf(type), {seed: seed + i, numRuns: 12})].filter((value) => value === null || takes(type, value)));
  return {types, pools};
}

const keyed = (rows: readonly Row[]): Map<number, Row> => new Map(rows.map((row) => [Number(row['id']), row]));

function checkRows(found: readonly Row[], expected: ReadonlyMap<number, readonly Value[]>, types: readonly NestedType[], what: string): void {
  const rows = keyed(found);
  assert.deepEqual([...rows.keys()].sort((x, y) => x - y), [...expected.keys()].sort((x, y) => x - y), what);
  for (const [id, values] of expected) types.forEach((type, i) => assert.equal(canonical(type, rows.get(id)![names[i]!]!), canonical(type, values[i]!), `${what}: ${typeText(type)} of row ${id}`));
}

async function checkFaces(path: string, {types, pools}: Case): Promise<void> {
  // Changes come from memory, from the log and, once it is gone, from files.
  const open = (): Promise<Warehouse> => Warehouse.open({path, logCheckpoints: 1});
  let wh = await open();
  const list = names.map((name, i) => `${name} ${typeText(types[i]!)}`).join(', ');
  await wh.sql(`CREATE TABLE t (id INTEGER PRIMARY KEY, ${list}); CREATE TABLE log (id INTEGER, ${list}); CREATE TABLE bag (${list}) WITH ('append-only' = 'false')`);
  await wh.sql('CREATE DYNAMIC TABLE passed AS SELECT id, a, b, c FROM t WHERE id >= 0; CREATE DYNAMIC TABLE groups AS SELECT a, b, count(*) AS n, count(DISTINCT c) AS cs FROM t GROUP BY a, b');
  await wh.sql('CREATE DYNAMIC TABLE met AS SELECT t.id, log.id AS other, t.c FROM t JOIN log ON t.b = log.b AND t.a IS NOT DISTINCT FROM log.a');
  const expected = new Map<number, readonly Value[]>();
  const rowOf = (id: number): Row => {
    const values = pools.map((pool, i) => pool[(id * (i + 3) + i) % pool.length]!);
    expected.set(id, values);
    return {id, ...Object.fromEntries(names.map((name, i) => [name, values[i]!]))};
  };
  const rows = Array.from({length: 24}, (_, id) => rowOf(id));
  // Objects, JSON's forms, and text of JSON; over what was there.
  await wh.insert('t', rows.map((row) => ({...row, a: null})) as never);
  await wh.insert('t', rows.slice(0, 14) as never);
  await wh.insert('t', rows.slice(14, 19).map((row) => jsonValue(row)) as never);
  await wh.insert('t', rows.slice(19).map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, name === 'id' || value === null ? value : JSON.stringify(jsonValue(value))]))) as never);
  await wh.sql('INSERT INTO log SELECT * FROM t; INSERT INTO bag SELECT a, b, c FROM t; INSERT INTO bag SELECT a, b, c FROM t WHERE id < 20');
  await wh.sql('DELETE FROM t WHERE id = 7; UPDATE t SET a = (SELECT any_value(o.a) FROM t o WHERE o.id = 3), c = NULL WHERE id = 8; DELETE FROM bag WHERE a IS NULL');
  const appended = new Map(expected);
  expected.set(8, [expected.get(3)![0]!, expected.get(8)![1]!, null]);
  expected.delete(7);
  const check = async (what: string): Promise<void> => {
    for (const table of ['t', 'passed']) checkRows((await wh.sql(`SELECT * FROM ${table}`)).rows, expected, types, `${what}, ${table}`);
    checkRows((await wh.sql('SELECT * FROM log')).rows, appended, types, `${what}, log`);
    if (what !== 'in memory') for (const row of (await wh.sql('VERIFY ALL')).rows) assert.equal(row['equal'], true, `${what}: ${String(row['table'])} of ${types.map(typeText).join(' · ')}`);
    const fold = new Map<number, Row>();
    for await (const {changes} of wh.subscribe('t', {from: 0, until: wh.epoch})) {
      for (const {op, row} of changes) {
        if (op === '-U' || op === '-D') {
          const old = fold.get(Number(row['id']))!;
          types.forEach((type, i) => assert.equal(canonical(type, old[names[i]!]!), canonical(type, row[names[i]!]!), `${what}: the row before`));
          fold.delete(Number(row['id']));
        } else fold.set(Number(row['id']), row);
      }
    }
    checkRows([...fold.values()], expected, types, `${what}, subscription`);
  };
  await check('in memory');
  await wh.closeWithoutCheckpoint();
  wh = await open();
  await check('from the log');
  await wh.checkpoint();
  await wh.insert('t', [{...rows[9], id: 9, a: null}] as never);
  expected.set(9, [null, ...expected.get(9)!.slice(1)]);
  await wh.close();
  assert.deepEqual((await checkWarehouse(path)).problems, []);
  wh = await open();
  await check('from files');
  await wh.close();
}

test('nested columns: every type and value comes out of every face as it went in, before and after restarts', async (t) => {
  const runs = Number(process.env['MR_RUNS'] ?? 1);
  for (let run = 0; run < runs; run++) {
    const seed = testSeed(77) * 31 + run;
    const held = sampleCase(seed);
    await t.test(`seed ${seed}: ${held.types.map(typeText).join(' · ').slice(0, 300)}`, (t) => checkFaces(temporaryFolder(t), held));
  }
});
