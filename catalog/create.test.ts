import test from 'node:test';
import assert from 'node:assert/strict';
import {WarehouseError} from '../base/error.ts';
import type {PlanType} from '../kernel/plan/tree.ts';
import {Catalog} from './catalog.ts';
import {createDynamicTableSpec, createSchemaRecord, createTableSpec, nearTables, requireTable, type DeclaredTable} from './create.ts';
import type {Definition, TableId, TableSpec} from './spec.ts';

const definition = {sql: 'SELECT 1', inputs: [1 as TableId]} as unknown as Definition;

/** `a BIGINT!` is NOT NULL. */
function declared(primaryKey: string[], ...texts: string[]): DeclaredTable {
  const columns = texts.map((text) => {
    const [, name, type, not] = /^(\S+) (.*?)(!?)$/.exec(text)!;
    return {name: name!, type: type!, nullable: not === '', default: null};
  });
  return {columns, primaryKey};
}

function table(what: DeclaredTable, options: Record<string, string> = {}, name = 't'): TableSpec {
  return createTableSpec(new Catalog(), {table: {schema: undefined, name}, options}, what, 5);
}

const columns: [string, PlanType][] = [['a', {kind: 'bigint'}], ['b', {kind: 'varchar'}], ['d', {kind: 'double'}], ['h', {kind: 'hugeint'}]];

function dynamic(key: number[] | null, more: {appendOnly?: boolean; primaryKey?: string[]; hidden?: string[]; columns?: [string, PlanType][]} = {}): TableSpec {
  const storage = {storage: key !== null ? 'keyed' as const : more.appendOnly === true ? 'append' as const : 'bag' as const, key: key ?? [], nullable: [false, false, false, true]};
  const extraHidden = (more.hidden ?? []).map((name) => ({name, type: {kind: 'bigint' as const}, nullable: true}));
  return createDynamicTableSpec(new Catalog(), {table: {schema: 'main', name: 't'}, options: {}, primaryKey: more.primaryKey}, {columns: (more.columns ?? columns).map(([name, type]) => ({name, type})), storage, extraHidden, definition}, 5);
}

function refused(make: () => unknown, code: string, ...parts: string[]): void {
  assert.throws(make, (error) => {
    assert.ok(error instanceof WarehouseError && error.kind === 'invalid', String(error));
    assert.equal(error.code, code, error.message);
    for (const part of parts) assert.ok(`${error.message} | ${error.hint ?? ''}`.includes(part), `"${part}" not in ${error.message} | ${error.hint ?? ''}`);
    return true;
  });
}

test('create: a table with PRIMARY KEY is keyed, its key columns NOT NULL, in key order', () => {
  assert.deepEqual(table(declared(['B', 'a'], 'a BIGINT', 'b VARCHAR', 'c DECIMAL(12,2)!'), {bucket: '4', 'file.compression': 'zstd'}), {
    id: 1, schema: 'main', name: 't', storage: 'keyed', key: [1, 0], options: {bucket: '4', 'file.compression': 'zstd'}, schemaId: 0, createdMs: 5,
    columns: [
      {id: 0, name: 'a', type: {kind: 'bigint'}, nullable: false, hidden: false}, {id: 1, name: 'b', type: {kind: 'varchar'}, nullable: false, hidden: false},
      {id: 2, name: 'c', type: {kind: 'decimal', precision: 12, scale: 2}, nullable: false, hidden: false},
    ],
  });
});

test('create: without PRIMARY KEY a table is append, or a bag with two hidden key columns', () => {
  const append = table(declared([], 'a DOUBLE'));
  assert.deepEqual([append.storage, append.key], ['append', []]);
  const bag = table(declared([], 'a DOUBLE'), {'append-only': 'false', bucket: '2'});
  assert.deepEqual([bag.storage, bag.key, bag.columns.slice(1)], ['bag', [1, 2], [
    {id: 1, name: '_mr_row', type: {kind: 'bigint'}, nullable: false, hidden: true}, {id: 2, name: '_mr_copy', type: {kind: 'integer'}, nullable: false, hidden: true},
  ]]);
});

test('create: a dynamic table is keyed by its proven key, else append, else a bag', () => {
  assert.deepEqual([dynamic([1, 0]).storage, dynamic([1, 0]).key, dynamic([1, 0]).definition], ['keyed', [1, 0], definition]);
  assert.deepEqual(dynamic([0]).columns[3]!.type, {kind: 'decimal', precision: 38, scale: 0});
  assert.equal(dynamic(null, {appendOnly: true}).storage, 'append');
  assert.deepEqual([dynamic(null).storage, dynamic([2]).storage], ['bag', 'bag']);
  const spec = dynamic([0], {primaryKey: ['B', 'A'], hidden: ['_mr_sum']});
  assert.deepEqual([spec.storage, spec.key, spec.columns[4]], ['keyed', [1, 0], {id: 4, name: '_mr_sum', type: {kind: 'bigint'}, nullable: true, hidden: true}]);
  const bag = dynamic(null, {hidden: ['_mr_n']});
  assert.deepEqual([bag.columns.map((column) => column.name), bag.key], [['a', 'b', 'd', 'h', '_mr_n', '_mr_row', '_mr_copy'], [5, 6]]);
  refused(() => dynamic(null, {primaryKey: ['a']}), 'MR_KEY_NOT_PROVABLE', '(none)');
  refused(() => dynamic([0, 1], {primaryKey: ['a']}), 'MR_KEY_NOT_PROVABLE', '(a, b)');
  refused(() => dynamic([0], {primaryKey: ['a', 'h']}), 'MR_KEY_NOT_PROVABLE', '"h" may be NULL');
  refused(() => dynamic([0], {primaryKey: ['x']}), 'MR_UNKNOWN_COLUMN', '"x"');
  refused(() => dynamic([2], {primaryKey: ['d']}), 'MR_KEY_TYPE', '"d" DOUBLE');
  refused(() => dynamic(null, {columns: [['l', {kind: 'other', text: 'INTEGER[3]'}]]}), 'MR_TYPE_UNSTORABLE', '"l"', 'CAST', 'INTEGER[]');
});

test('create: what cannot be stored or kept is refused with what to do', () => {
  for (const [type, hint] of [['HUGEINT', 'DECIMAL(38,0)'], ['TIME', 'VARCHAR'], ['HUGEINT[]', 'DECIMAL(38,0) in place of HUGEINT'], ['INTEGER[3]', 'a LIST'], ['UNION(a INTEGER)', 'a STRUCT'], ["ENUM('a')", 'VARCHAR'], ['UUID', 'VARCHAR'], ['TIMESTAMP_NS', 'TIMESTAMP'], ['UINTEGER', 'BIGINT'], ['STRUCT(a INTEGER, b TIME)', 'VARCHAR in place of TIME'], ['MAP(VARCHAR, UUID)[]', 'VARCHAR in place of UUID']] as const) {
    refused(() => table(declared([], 'ok INTEGER', `bad ${type}`)), 'MR_TYPE_UNSTORABLE', '"bad"', type, hint);
  }
  for (const type of ['FLOAT', 'DOUBLE', 'BLOB', 'INTEGER[]', 'STRUCT("a" INTEGER)', 'MAP(VARCHAR, INTEGER)']) refused(() => table(declared(['a'], `a ${type}`)), 'MR_KEY_TYPE', type);
  for (const type of ['BOOLEAN', 'TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'VARCHAR', 'DATE', 'TIMESTAMP', 'TIMESTAMP WITH TIME ZONE', 'DECIMAL(38,5)']) assert.equal(table(declared(['a'], `a ${type}`)).storage, 'keyed');
  refused(() => table({columns: [{name: 'a', type: 'INTEGER', nullable: true, default: '1'}], primaryKey: []}), 'MR_UNSUPPORTED', 'DEFAULT of column "a"');
  refused(() => table(declared([], 'a INTEGER', 'A INTEGER')), 'MR_DUPLICATE_COLUMN', 'only by case');
  refused(() => dynamic(null, {columns: [['a', {kind: 'date'}], ['a', {kind: 'date'}]]}), 'MR_DUPLICATE_COLUMN', 'twice', 'AS');
  for (const name of ['_mr_x', '_MR_x', '_KEY_a', '_key_a', '_SEQUENCE_NUMBER', '_value_kind', '_ROW_ID', '_LEVEL', 'rowkind', '_op', '_epoch', '_pos']) refused(() => table(declared([], `${name} INTEGER`)), 'MR_BAD_NAME', `"${name}"`);
});

test('create: nested columns take field ids for the fields of their STRUCTs, nest only so deep, and their names are names of columns', () => {
  const spec = table(declared([], 'a INTEGER', 'r STRUCT(x STRUCT(p INTEGER, q INTEGER), y MAP(VARCHAR, STRUCT(z INTEGER)[]))', 'l INTEGER[]', 'b INTEGER'), {'append-only': 'false'});
  assert.deepEqual(spec.columns.map(({name, id}) => [name, id]), [['a', 0], ['r', 1], ['l', 7], ['b', 8], ['_mr_row', 9], ['_mr_copy', 10]]);
  const deep = (depth: number): string => `l INTEGER${'[]'.repeat(depth)}`;
  assert.equal(table(declared([], deep(16))).columns.length, 1);
  refused(() => table(declared([], deep(17))), 'MR_NESTED_LIMIT', '16', '17', 'column "l"');
  refused(() => table(declared([], `s STRUCT(${Array.from({length: 1000}, (_, i) => `f${i} INTEGER`).join(', ')})`)), 'MR_NESTED_LIMIT', '1000', '1001');
  refused(() => table(declared([], 's STRUCT(a INTEGER, _mr_b INTEGER)')), 'MR_BAD_NAME', '_mr_b');
  refused(() => table(declared([], 's STRUCT(a INTEGER, A INTEGER)[]')), 'MR_DUPLICATE_COLUMN', 'only by case', 'STRUCT in column "s"');
  assert.equal(dynamic([0], {columns: [['k', {kind: 'list', element: {kind: 'integer'}}]]}).storage, 'bag', 'a proven key that cannot be stored makes a bag');
});

test('create: options are known, valid and mean something, or are refused', () => {
  const keyed = (options: Record<string, string>): TableSpec => table(declared(['a'], 'a INTEGER'), options);
  const append = (options: Record<string, string>): TableSpec => table(declared([], 'a INTEGER'), options);
  keyed({bucket: '1024', 'merge-engine': 'deduplicate', 'changelog-producer': 'input', changelog: 'full', 'file.format': 'parquet', 'file.compression': 'snappy'});
  append({'append-only': 'true', 'file.compression': 'none'});
  refused(() => keyed({buckets: '4'}), 'MR_UNKNOWN_OPTION', 'did you mean "bucket"?', 'file.compression');
  refused(() => keyed({constructor: '4'}), 'MR_UNKNOWN_OPTION');
  for (const bucket of ['0', '-3', '1025', 'x', '1.5', '']) refused(() => keyed({bucket}), 'MR_BAD_OPTION', 'a whole number from 1 to 1024');
  refused(() => keyed({'file.compression': 'lz4'}), 'MR_BAD_OPTION', "'zstd' or 'snappy' or 'none'");
  for (const [name, value] of [['merge-engine', 'partial-update'], ['changelog', 'after'], ['deletion-vectors.enabled', 'true'], ['bucket', '-1'], ['file.format', 'orc'], ['async', 'true']] as const) refused(() => keyed({[name]: value}), 'MR_UNSUPPORTED', name);
  refused(() => append({bucket: '4'}), 'MR_BAD_OPTION', 'bucket-key');
  refused(() => keyed({'sequence.field': 'ts'}), 'MR_BAD_OPTION', '"ts"');
  append({bucket: '4', 'bucket-key': 'a', 'metadata.stats-mode': 'truncate(4)', 'fields.a.stats-mode': 'none'});
  refused(() => keyed({'append-only': 'false'}), 'MR_BAD_OPTION', 'a table with PRIMARY KEY');
});

test('create: names of schemas and tables can stand in directories and in SQL', () => {
  for (const name of ['', '_mr_x', 'a$b', 'a.b', 'a/b', 'a\\b', 'a\nb', ' a', 'x'.repeat(201), 'é'.repeat(101), '*', 'a:b']) {
    refused(() => createSchemaRecord(new Catalog(), name), 'MR_BAD_NAME');
    refused(() => table(declared([], 'a INTEGER'), {}, name), 'MR_BAD_NAME');
  }
  for (const name of ['default', 'LIVE', 'mr_internal', 'system', 'temp', 'information_schema', 'pg_catalog']) refused(() => createSchemaRecord(new Catalog(), name), 'MR_BAD_NAME', 'is reserved');
  for (const name of ['a', 'größe', 'a b', 'select', 'a-b', '1']) assert.equal(table(declared([], 'a INTEGER'), {}, name).name, name);
});

test('create: what exists is found in any case, what does not is refused with the nearest names', () => {
  const catalog = new Catalog();
  const make = (schema: string | undefined, name: string): TableSpec => createTableSpec(catalog, {table: {schema, name}, options: {}}, declared([], 'a INTEGER'), 5);
  catalog.apply(createSchemaRecord(catalog, 'Ods'));
  catalog.apply({kind: 'create-table', table: make('ODS', 'Flights')});
  assert.equal(catalog.find('ods', 'flights')?.schema, 'Ods');
  refused(() => createSchemaRecord(catalog, 'ODS'), 'MR_SCHEMA_EXISTS', 'differs from "Ods" only by case');
  refused(() => createSchemaRecord(catalog, 'main'), 'MR_SCHEMA_EXISTS');
  refused(() => make('ods', 'FLIGHTS'), 'MR_TABLE_EXISTS', 'only by case');
  refused(() => make('odt', 'x'), 'MR_UNKNOWN_SCHEMA', 'did you mean "Ods"?');
  refused(() => requireTable(catalog, {schema: undefined, name: 'flights'}), 'MR_UNKNOWN_TABLE', 'did you mean "Ods.Flights"?');
  refused(() => requireTable(catalog, {schema: undefined, name: 'zzz'}), 'MR_UNKNOWN_TABLE', 'SHOW TABLES');
  assert.deepEqual(nearTables(catalog, {schema: 'ods', name: 'fligts'}), ['Ods.Flights']);
});
