import test from 'node:test';
import assert from 'node:assert/strict';
import {WarehouseError} from '../base/error.ts';
import {parseTypeText} from '../base/type.ts';
import {Catalog} from './catalog.ts';
import {createDynamicTableSpec, createSchemaRecord, createTableSpec, nearTables, placeForTable, requireTable, type BoundColumn, type DeclaredTable, type NewDynamicTable, type NewTable} from './create.ts';
import type {Definition, TableId} from './spec.ts';

const place: NewTable = {id: 7 as TableId, schema: 'ods', name: 't', options: {}, createdMs: 5};

/** `a BIGINT!` is NOT NULL. */
function columns(...texts: string[]): BoundColumn[] {
  return texts.map((text) => {
    const [, name, typeText, not] = /^(\S+) (.*?)(!?)$/.exec(text)!;
    return {name: name!, typeText: typeText!, type: parseTypeText(typeText!), nullable: not === ''};
  });
}

function declared(primaryKey: string[], ...texts: string[]): DeclaredTable {
  return {columns: columns(...texts), primaryKey, constraints: []};
}

const definition = {sql: 'SELECT 1', inputs: [1 as TableId]} as unknown as Definition;

function dynamic(more: Partial<NewDynamicTable>): NewDynamicTable {
  return {...place, columns: columns('a BIGINT', 'b VARCHAR', 'd DOUBLE'), provableKey: null, appendOnly: false, extraHidden: [], definition, ...more};
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
  const spec = createTableSpec({...place, options: {bucket: '4', 'file.compression': 'zstd'}, comment: 'c'}, declared(['B', 'a'], 'a BIGINT', 'b VARCHAR', 'c DECIMAL(12,2)!'));
  assert.deepEqual(spec, {
    id: 7, schema: 'ods', name: 't', storage: 'keyed', key: [1, 0], options: {bucket: '4', 'file.compression': 'zstd'}, schemaId: 0, createdMs: 5, comment: 'c',
    columns: [
      {id: 0, name: 'a', type: {kind: 'bigint'}, nullable: false, hidden: false}, {id: 1, name: 'b', type: {kind: 'varchar'}, nullable: false, hidden: false},
      {id: 2, name: 'c', type: {kind: 'decimal', precision: 12, scale: 2}, nullable: false, hidden: false},
    ],
  });
});

test('create: without PRIMARY KEY a table is append, or a bag with two hidden key columns', () => {
  assert.deepEqual([createTableSpec(place, declared([], 'a DOUBLE')).storage, createTableSpec(place, declared([], 'a DOUBLE')).key], ['append', []]);
  const bag = createTableSpec({...place, options: {'append-only': 'false', bucket: '2'}}, declared([], 'a DOUBLE'));
  assert.deepEqual([bag.storage, bag.key, bag.columns.slice(1)], ['bag', [1, 2], [
    {id: 1, name: '_mr_row', type: {kind: 'bigint'}, nullable: false, hidden: true}, {id: 2, name: '_mr_copy', type: {kind: 'integer'}, nullable: false, hidden: true},
  ]]);
});

test('create: a dynamic table is keyed by its provable key, else append, else a bag', () => {
  assert.deepEqual(createDynamicTableSpec(dynamic({provableKey: ['b', 'a']})).key, [1, 0]);
  assert.equal(createDynamicTableSpec(dynamic({provableKey: ['b', 'a']})).definition, definition);
  assert.equal(createDynamicTableSpec(dynamic({appendOnly: true})).storage, 'append');
  assert.equal(createDynamicTableSpec(dynamic({})).storage, 'bag');
  assert.equal(createDynamicTableSpec(dynamic({provableKey: ['d']})).storage, 'bag');
  const spec = createDynamicTableSpec(dynamic({provableKey: ['a'], declaredKey: ['B', 'A'], extraHidden: [{name: '_mr_sum', type: {kind: 'bigint'}, nullable: true}]}));
  assert.deepEqual([spec.storage, spec.key, spec.columns[3]], ['keyed', [1, 0], {id: 3, name: '_mr_sum', type: {kind: 'bigint'}, nullable: true, hidden: true}]);
  const bag = createDynamicTableSpec(dynamic({extraHidden: [{name: '_mr_n', type: {kind: 'bigint'}, nullable: true}]}));
  assert.deepEqual([bag.columns.map((column) => column.name), bag.key], [['a', 'b', 'd', '_mr_n', '_mr_row', '_mr_copy'], [4, 5]]);
  refused(() => createDynamicTableSpec(dynamic({declaredKey: ['a']})), 'MR_KEY_NOT_PROVABLE', '(none)');
  refused(() => createDynamicTableSpec(dynamic({provableKey: ['a', 'b'], declaredKey: ['a']})), 'MR_KEY_NOT_PROVABLE', '(a, b)');
  refused(() => createDynamicTableSpec(dynamic({declaredKey: ['x']})), 'MR_UNKNOWN_COLUMN', '"x"');
  refused(() => createDynamicTableSpec(dynamic({provableKey: ['d'], declaredKey: ['d']})), 'MR_KEY_TYPE', '"d" DOUBLE');
});

test('create: what cannot be stored or kept is refused with what to do', () => {
  for (const [type, hint] of [['HUGEINT', 'DECIMAL(38,0)'], ['TIME', 'VARCHAR'], ['INTEGER[]', 'nested'], ["ENUM('a')", 'VARCHAR'], ['UUID', 'VARCHAR'], ['TIMESTAMP_NS', 'TIMESTAMP'], ['UINTEGER', 'BIGINT'], ['STRUCT(a INTEGER)', 'nested']] as const) {
    refused(() => createTableSpec(place, declared([], 'ok INTEGER', `bad ${type}`)), 'MR_TYPE_UNSTORABLE', '"bad"', type, hint);
  }
  for (const type of ['FLOAT', 'DOUBLE', 'BLOB']) refused(() => createTableSpec(place, declared(['a'], `a ${type}`)), 'MR_KEY_TYPE', type);
  for (const type of ['BOOLEAN', 'TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'VARCHAR', 'DATE', 'TIMESTAMP', 'TIMESTAMP WITH TIME ZONE', 'DECIMAL(38,5)']) assert.equal(createTableSpec(place, declared(['a'], `a ${type}`)).storage, 'keyed');
  for (const kind of ['CHECK', 'UNIQUE', 'FOREIGN KEY']) refused(() => createTableSpec(place, {...declared([], 'a INTEGER'), constraints: [{kind, text: kind}]}), 'MR_UNSUPPORTED', kind);
  refused(() => createTableSpec(place, {...declared([]), columns: [{...columns('a INTEGER')[0]!, defaultText: '1'}]}), 'MR_UNSUPPORTED', 'DEFAULT of column "a"');
  refused(() => createTableSpec(place, declared([], 'a INTEGER', 'A INTEGER')), 'MR_DUPLICATE_COLUMN', 'only by case');
  refused(() => createDynamicTableSpec(dynamic({columns: columns('a INTEGER', 'a INTEGER')})), 'MR_DUPLICATE_COLUMN', 'twice', 'AS');
  for (const name of ['_mr_x', '_MR_x', '_KEY_a', '_key_a', '_SEQUENCE_NUMBER', '_value_kind', '_ROW_ID', '_LEVEL', 'rowkind', '_op', '_epoch', '_pos']) refused(() => createTableSpec(place, declared([], `${name} INTEGER`)), 'MR_BAD_NAME', `"${name}"`);
});

test('create: options are known, valid and mean something, or are refused', () => {
  const keyed = (options: Record<string, string>) => createTableSpec({...place, options}, declared(['a'], 'a INTEGER'));
  const append = (options: Record<string, string>) => createTableSpec({...place, options}, declared([], 'a INTEGER'));
  keyed({bucket: '1024', 'merge-engine': 'deduplicate', 'changelog-producer': 'input', changelog: 'full', 'file.format': 'parquet', 'file.compression': 'snappy'});
  append({'append-only': 'true', 'file.compression': 'none'});
  refused(() => keyed({buckets: '4'}), 'MR_UNKNOWN_OPTION', 'did you mean "bucket"?', 'file.compression');
  refused(() => keyed({constructor: '4'}), 'MR_UNKNOWN_OPTION');
  for (const bucket of ['0', '-3', '1025', 'x', '1.5', '']) refused(() => keyed({bucket}), 'MR_BAD_OPTION', 'a whole number from 1 to 1024');
  refused(() => keyed({'file.compression': 'lz4'}), 'MR_BAD_OPTION', "'zstd' or 'snappy' or 'none'");
  for (const [name, value] of [['merge-engine', 'partial-update'], ['changelog', 'after'], ['sequence.field', 'ts'], ['bucket', '-1'], ['file.format', 'orc'], ['async', 'true']] as const) refused(() => keyed({[name]: value}), 'MR_UNSUPPORTED', name);
  refused(() => append({bucket: '4'}), 'MR_BAD_OPTION', 'a table without PRIMARY KEY');
  refused(() => keyed({'append-only': 'false'}), 'MR_BAD_OPTION', 'a table with PRIMARY KEY');
});

test('create: names of schemas and tables can stand in directories and in SQL', () => {
  const catalog = new Catalog();
  for (const name of ['', '_mr_x', 'a$b', 'a.b', 'a/b', 'a\\b', 'a\nb', ' a', 'x'.repeat(201), 'é'.repeat(101), '*', 'a:b']) {
    refused(() => createSchemaRecord(catalog, name, false), 'MR_BAD_NAME');
    refused(() => placeForTable(catalog, {schema: undefined, name}, false), 'MR_BAD_NAME');
  }
  for (const name of ['default', 'LIVE', 'system', 'temp', 'information_schema', 'pg_catalog']) refused(() => createSchemaRecord(catalog, name, true), 'MR_BAD_NAME', 'is reserved');
  for (const name of ['a', 'größe', 'a b', 'select', 'a-b', '1']) assert.equal(placeForTable(catalog, {schema: undefined, name}, false)?.name, name);
});

test('create: what exists is found in any case, what does not is refused with the nearest names', () => {
  const catalog = new Catalog();
  catalog.apply(createSchemaRecord(catalog, 'Ods', false)!);
  catalog.apply({kind: 'create-table', table: {...createTableSpec({...place, ...placeForTable(catalog, {schema: 'ODS', name: 'Flights'}, false)!}, declared([], 'a INTEGER'))}});
  assert.equal(catalog.find('ods', 'flights')?.schema, 'Ods');
  assert.equal(createSchemaRecord(catalog, 'ODS', true), undefined);
  refused(() => createSchemaRecord(catalog, 'ODS', false), 'MR_SCHEMA_EXISTS', 'differs from "Ods" only by case');
  refused(() => createSchemaRecord(catalog, 'main', false), 'MR_SCHEMA_EXISTS');
  assert.equal(placeForTable(catalog, {schema: 'ods', name: 'FLIGHTS'}, true), undefined);
  refused(() => placeForTable(catalog, {schema: 'ods', name: 'FLIGHTS'}, false), 'MR_TABLE_EXISTS', 'only by case');
  refused(() => placeForTable(catalog, {schema: 'odt', name: 'x'}, false), 'MR_UNKNOWN_SCHEMA', 'did you mean "Ods"?');
  refused(() => requireTable(catalog, {schema: undefined, name: 'flights'}), 'MR_UNKNOWN_TABLE', 'did you mean "Ods.Flights"?');
  refused(() => requireTable(catalog, {schema: undefined, name: 'zzz'}), 'MR_UNKNOWN_TABLE', 'SHOW TABLES');
  assert.deepEqual(nearTables(catalog, {schema: 'ods', name: 'fligts'}), ['Ods.Flights']);
});
