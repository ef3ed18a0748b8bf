import test from 'node:test';
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {InvariantError} from '../base/invariant.ts';
import {WarehouseError} from '../base/error.ts';
import {Catalog} from './catalog.ts';
import {createDynamicTableSpec, createSchemaRecord, createTableSpec} from './create.ts';
import {dropSchemaRecord, dropTableRecord} from './drop.ts';
import {decodeRecord, encodeRecord} from './record-json.ts';
import {checkSubscriptionRecord, createSubscriptionRecord} from './subscriptions.ts';
import type {DdlRecord, Definition, TableId, TableSpec} from './spec.ts';

const seed = Number(process.env['MR_SEED'] ?? 20_260_101);

function definition(inputs: readonly TableId[]): Definition {
  const tree: Definition['tree'] = {
    kind: 'values', columns: [{name: 'id', type: {kind: 'bigint'}}],
    rows: [[{kind: 'constant', type: {kind: 'bigint'}, value: 9_007_199_254_740_993n}], [{kind: 'constant', type: {kind: 'double'}, value: -0}], [{kind: 'constant', type: {kind: 'double'}, value: Infinity}],
      [{kind: 'constant', type: {kind: 'interval'}, value: {months: 1, days: 2, micros: -3n}}]],
  };
  return {sql: 'SELECT id FROM t', tree, context: {searchPath: ['main'], nullOrder: 'nulls_last', duckdb: 'v1.5.5'}, inputs};
}

function base(catalog: Catalog, schema: string, name: string): TableSpec {
  return createTableSpec(catalog, {table: {schema, name}, options: {}}, {columns: [{name: 'id', type: 'BIGINT', nullable: true, default: null}], primaryKey: ['id']}, 5);
}

function dynamic(catalog: Catalog, schema: string, name: string, inputs: readonly TableId[]): TableSpec {
  const storage = {storage: 'keyed' as const, key: [0], nullable: [false]};
  return createDynamicTableSpec(catalog, {table: {schema, name}, options: {}, primaryKey: undefined}, {columns: [{name: 'id', type: {kind: 'bigint'}}], storage, definition: definition(inputs)}, 5);
}

type Step = {kind: 'schema' | 'drop-schema' | 'base' | 'dynamic' | 'drop' | 'follow' | 'move' | 'end' | 'unfollow'; a: number; b: number};
const steps = fc.array(fc.record({kind: fc.constantFrom<Step['kind'][]>('schema', 'drop-schema', 'base', 'base', 'base', 'dynamic', 'dynamic', 'dynamic', 'drop', 'drop', 'drop', 'follow', 'move', 'move', 'end', 'unfollow'), a: fc.nat(5), b: fc.nat(20)}), {minLength: 15, maxLength: 40, size: 'max'});

/** Applies the step if it is allowed. @returns the record, or the code of the refusal. */
function take(catalog: Catalog, step: Step): DdlRecord | string {
  const schemas = ['main', 'ods', 'dwd'], schema = schemas[step.a % 3]!;
  const tables = catalog.tables();
  const pick = (n: number): TableSpec | undefined => tables[n % Math.max(1, tables.length)];
  try {
    const record = ((): DdlRecord | undefined => {
      switch (step.kind) {
        case 'schema': return createSchemaRecord(catalog, schema);
        case 'drop-schema': return dropSchemaRecord(catalog, schema);
        case 'base': return {kind: 'create-table', table: base(catalog, schema, `t${step.b % 6}`)};
        case 'dynamic': {
          const inputs = [...new Set([pick(step.a), pick(step.b)].flatMap((table) => table === undefined ? [] : [table.id]))];
          return {kind: 'create-table', table: dynamic(catalog, schema.toUpperCase(), `T${step.b % 6}`, inputs)};
        }
        case 'follow': {
          const table = pick(step.b);
          return table === undefined ? undefined : createSubscriptionRecord(catalog, {name: `s${step.a % 3}`, tables: [table.id], start: step.b % 2 === 0 ? 'snapshot' : null, position: {epoch: step.a, timeMs: 1, loggedBytes: 2}, options: {}, createdMs: 3});
        }
        case 'move': case 'end': case 'unfollow': {
          const name = `S${step.a % 3}`;
          const record: DdlRecord = step.kind === 'move' ? {kind: 'move-subscription', name, position: {epoch: step.b, timeMs: 1, loggedBytes: 2}}
            : step.kind === 'end' ? {kind: 'end-subscription', name, atMs: 9, reason: 'late'} : {kind: 'drop-subscription', name};
          checkSubscriptionRecord(catalog, record);
          return record;
        }
        default: {
          const table = pick(step.b);
          return table === undefined ? undefined : dropTableRecord(catalog, table.id);
        }
      }
    })();
    if (record === undefined) return 'none';
    catalog.apply(record);
    return record;
  } catch (error) {
    if (!(error instanceof WarehouseError)) throw error;
    return error.code;
  }
}

test('catalog: the fold of its records, of its snapshot and of its own records are the same catalog, after any DDL', () => {
  const seen = new Map<string, number>();
  fc.assert(fc.property(steps, (plan) => {
    const catalog = new Catalog(), log: DdlRecord[] = [];
    const model = new Map<TableId, TableSpec>();
    for (const step of plan) {
      const done = take(catalog, step);
      const label = typeof done === 'string' ? done : done.kind;
      seen.set(label, (seen.get(label) ?? 0) + 1);
      if (typeof done === 'string') continue;
      log.push(decodeRecord(encodeRecord(done)));
      if (done.kind === 'create-table') model.set(done.table.id, done.table);
      if (done.kind === 'drop-table') model.delete(done.id);
    }
    assert.deepEqual(new Map(catalog.tables().map((table) => [table.id, table])), model);
    const order = catalog.dependencyOrder().map((table) => table.id);
    assert.deepEqual(order.toSorted((a, b) => a - b), [...model.keys()].toSorted((a, b) => a - b));
    for (const table of model.values()) {
      for (const input of table.definition?.inputs ?? []) {
        assert.ok(order.indexOf(input) < order.indexOf(table.id));
        assert.ok(catalog.dependents(input).includes(table));
      }
      assert.equal(catalog.find(table.schema.toUpperCase(), table.name.toUpperCase()), table);
    }
    const copies = [Catalog.fromRecords(log), Catalog.fromRecords(catalog.records()), Catalog.fromSnapshot(JSON.parse(JSON.stringify(catalog.snapshot())))];
    for (const copy of copies) {
      assert.deepEqual(copy.snapshot(), catalog.snapshot());
      assert.deepEqual(copy.tables(), catalog.tables());
      assert.deepEqual(copy.subscriptions(), catalog.subscriptions());
      assert.equal(copy.nextTableId, catalog.nextTableId);
    }
  }), {seed, numRuns: 300});
  for (const label of ['create-schema', 'drop-schema', 'create-table', 'drop-table', 'MR_SCHEMA_EXISTS', 'MR_TABLE_EXISTS', 'MR_UNKNOWN_SCHEMA', 'MR_DEPENDENTS', 'MR_NOT_ALLOWED', 'none', 'create-subscription', 'move-subscription', 'end-subscription', 'drop-subscription', 'MR_SUBSCRIPTION_EXISTS', 'MR_UNKNOWN_SUBSCRIPTION', 'MR_SUBSCRIPTION_POSITION']) assert.ok((seen.get(label) ?? 0) > 10, `${label}: ${JSON.stringify([...seen])}`);
});

test('catalog: an id is never used again, also after a restart', () => {
  const catalog = new Catalog();
  catalog.apply({kind: 'create-table', table: base(catalog, 'main', 'a')});
  catalog.apply({kind: 'drop-table', id: 1 as TableId});
  assert.equal(catalog.nextTableId, 2);
  assert.equal(Catalog.fromSnapshot(catalog.snapshot()).nextTableId, 2);
});

test('catalog: a record that does not fit is a bug', () => {
  const catalog = new Catalog();
  const table = base(catalog, 'main', 'a');
  const bad: DdlRecord[] = [{kind: 'drop-table', id: 9 as TableId}, {kind: 'drop-schema', name: 'x'}, {kind: 'drop-schema', name: 'main'}, {kind: 'create-schema', name: 'MAIN'}, {kind: 'create-table', table: {...table, schema: 'x'}}];
  for (const record of bad) assert.throws(() => catalog.apply(record), InvariantError);
  catalog.apply({kind: 'create-table', table});
  assert.throws(() => catalog.apply({kind: 'create-table', table: {...table, id: 2 as TableId, name: 'A'}}), InvariantError);
  assert.throws(() => catalog.apply({kind: 'create-table', table: {...table, name: 'b'}}), InvariantError);
});

test('catalog: damaged JSON is refused as data', () => {
  for (const text of ['', '{', '[]', '{"kind":"x"}', '{"kind":"drop-table","id":{"$bigint":"x"}}']) assert.throws(() => decodeRecord(text), {kind: 'data', code: 'MR_CATALOG_DAMAGED'}, text);
  for (const json of [null, {}, {version: 2, records: []}, {version: 1, records: [1]}]) assert.throws(() => Catalog.fromSnapshot(json), {code: 'MR_CATALOG_DAMAGED'});
});

test('drop: what is read stays', () => {
  const catalog = new Catalog();
  catalog.apply({kind: 'create-schema', name: 'ods'});
  const a = base(catalog, 'ods', 'a');
  catalog.apply({kind: 'create-table', table: a});
  catalog.apply({kind: 'create-table', table: dynamic(catalog, 'ods', 'd1', [a.id])});
  catalog.apply({kind: 'create-table', table: dynamic(catalog, 'main', 'd2', [a.id])});
  assert.throws(() => dropTableRecord(catalog, a.id), {code: 'MR_DEPENDENTS', message: 'expected a table that nothing reads, found "ods.a", read by "ods.d1", "main.d2"', hint: 'drop them first'});
  assert.throws(() => dropSchemaRecord(catalog, 'ODS'), {code: 'MR_DEPENDENTS', message: 'expected an empty schema, found "ods" with "ods.a", "ods.d1"'});
  assert.throws(() => dropTableRecord(catalog, 99 as TableId), InvariantError);
});
