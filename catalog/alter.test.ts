import test from 'node:test';
import assert from 'node:assert/strict';
import {WarehouseError} from '../base/error.ts';
import {tableFormsMax} from '../base/limit.ts';
import {parseTypeText} from '../base/type.ts';
import type {PlanNode} from '../kernel/plan/tree.ts';
import {alterTableRecord, type TableChange} from './alter.ts';
import {Catalog} from './catalog.ts';
import {createDynamicTableSpec, createTableSpec} from './create.ts';
import {formAt, formOf, formsOf} from './forms.ts';
import {columnsOfOptions, renamedInOptions, withoutColumn} from './option-columns.ts';
import {decodeRecord, encodeRecord} from './record-json.ts';
import type {DdlRecord, TableSpec} from './spec.ts';

const type = (text: string): NonNullable<ReturnType<typeof parseTypeText>> => parseTypeText(text)!;
const add = (name: string, text: string, more: Partial<Extract<TableChange, {kind: 'add-column'}>> = {}): TableChange => ({kind: 'add-column', name, type: type(text), ifNotExists: false, place: undefined, comment: undefined, ...more});

/** `t (k INTEGER PRIMARY KEY, a INTEGER, b VARCHAR)` of a kind, and `v`, which reads `a`. */
function catalogWith(kind: 'keyed' | 'append' | 'bag'): Catalog {
  const catalog = new Catalog();
  const columns = ['INTEGER', 'INTEGER', 'VARCHAR'].map((text, i) => ({name: 'kab'[i]!, type: text, nullable: i > 0 || kind !== 'keyed', default: null}));
  const table = createTableSpec(catalog, {table: {schema: 'main', name: 't'}, options: kind === 'bag' ? {'append-only': 'false'} : {}}, {columns, primaryKey: kind === 'keyed' ? ['k'] : []}, 5);
  catalog.apply({kind: 'create-table', table});
  const tree: PlanNode = {kind: 'get', schema: 'main', table: 't', columnIndexes: [1], columns: [{name: 'a', type: type('INTEGER')}]};
  const definition = {sql: 'SELECT a FROM t', tree, context: {searchPath: ['main'], nullOrder: '', duckdb: ''}, inputs: [table.id]};
  catalog.apply({kind: 'create-table', table: createDynamicTableSpec(catalog, {table: {schema: 'main', name: 'v'}, options: {}, primaryKey: undefined}, {columns: tree.columns, storage: {storage: 'append', key: [], nullable: [true]}, definition}, 5)});
  return catalog;
}

function alter(catalog: Catalog, changes: readonly TableChange[], epoch: number, oldestEpoch = 0, name = 't'): TableSpec {
  const record = alterTableRecord(catalog, catalog.find(undefined, name)!, changes, {oldestEpoch});
  assert.ok(record?.kind === 'alter-table');
  const stamped: DdlRecord = {...record, table: {...record.table, past: record.table.past!.map((form) => (form.until === 0 ? {...form, until: epoch} : form))}};
  catalog.apply(decodeRecord(encodeRecord(stamped)));
  return catalog.find(undefined, name)!;
}

const shape = ({columns}: TableSpec): string => columns.map(({id, name}) => `${name}${id}`).join(' ');

test('alter: columns come, go, move and keep their ids; an id is never used again', () => {
  const catalog = catalogWith('keyed');
  assert.equal(shape(alter(catalog, [add('c', 'DATE', {place: {first: true}}), add('d', 'DOUBLE', {place: {after: 'K'}, comment: 'x'})], 10)), 'c3 k0 d4 a1 b2');
  const moved = alter(catalog, [{kind: 'move-column', name: 'b', place: {first: true}}, {kind: 'rename-column', name: 'k', to: 'key'}, {kind: 'drop-column', name: 'd', ifExists: false}], 12);
  assert.deepEqual([shape(moved), moved.key, moved.schemaId, moved.highestFieldId], ['b2 c3 key0 a1', [2], 2, 4]);
  const again = alter(catalog, [add('d', 'INTEGER')], 20);
  assert.equal(shape(again), 'b2 c3 key0 a1 d5');
  // What reads it follows, and knows what its text meant.
  const reader = catalog.find(undefined, 'v')!;
  assert.deepEqual((reader.definition!.tree as Extract<PlanNode, {kind: 'get'}>).columnIndexes, [3]);
  assert.deepEqual(reader.definition!.bound?.map(({columns}) => columns.map(({name}) => name)), [['k', 'a', 'b']]);
  // Forms of then, by schema and by epoch.
  assert.deepEqual(formsOf(again).map(shape), ['k0 a1 b2', 'c3 k0 d4 a1 b2', 'b2 c3 key0 a1', 'b2 c3 key0 a1 d5']);
  assert.deepEqual([9, 10, 11, 12, 19, 20, 99].map((epoch) => formAt(again, epoch).schemaId), [0, 1, 1, 2, 2, 3, 3]);
  assert.deepEqual(formOf(again, 1)!.key, [1]);
  assert.equal(formOf(again, 7), undefined);
  // A catalog that is written down and read back is the same.
  assert.deepEqual(Catalog.fromSnapshot(JSON.parse(JSON.stringify(catalog.snapshot()))).records(), catalog.records());
});

test('alter: what is as wanted is no change; forms that no epoch can be read of are forgotten, and there are not too many', () => {
  const catalog = catalogWith('append');
  const table = catalog.find(undefined, 't')!;
  const none = (change: TableChange): void => assert.equal(alterTableRecord(catalog, table, [change], {oldestEpoch: 0}), undefined, JSON.stringify(change));
  none(add('A', 'DATE', {ifNotExists: true}));
  none({kind: 'drop-column', name: 'x', ifExists: true});
  none({kind: 'rename-column', name: 'b', to: 'b'});
  none({kind: 'set-type', name: 'a', type: type('INTEGER')});
  none({kind: 'move-column', name: 'b', place: {after: 'a'}});
  none({kind: 'drop-not-null', name: 'b'});
  none({kind: 'comment-table', comment: undefined});
  for (let i = 1; i <= 5; i++) alter(catalog, [{kind: 'comment-table', comment: String(i)}], 10 * i);
  assert.deepEqual(alter(catalog, [{kind: 'comment-table', comment: undefined}], 60, 30).past!.map(({until}) => until), [40, 50, 60]);
  for (let i = 0; i < tableFormsMax - 4; i++) alter(catalog, [{kind: 'comment-table', comment: `${i} again`}], 100 + i, 30);
  assert.throws(() => alterTableRecord(catalog, catalog.find(undefined, 't')!, [add('z', 'DATE')], {oldestEpoch: 30}), {code: 'MR_FORMS_FULL'});
});

test('alter: each kind of wrong change is refused by its name, and says the way out', () => {
  const refused = (kind: 'keyed' | 'append' | 'bag', changes: readonly TableChange[], code: string, part: string, name = 't'): void => {
    const catalog = catalogWith(kind);
    assert.throws(() => alterTableRecord(catalog, catalog.find(undefined, name)!, changes, {oldestEpoch: 0}), (error) => {
      assert.ok(error instanceof WarehouseError && error.code === code, `${String(error)} for ${JSON.stringify(changes)}`);
      assert.ok(`${error.message} ${error.hint ?? ''}`.includes(part), `"${part}" not in ${error.message} ${error.hint ?? ''}`);
      return true;
    });
  };
  const drop = (name: string): TableChange => ({kind: 'drop-column', name, ifExists: false});
  const retype = (name: string, text: string): TableChange => ({kind: 'set-type', name, type: type(text)});
  refused('keyed', [drop('x')], 'MR_UNKNOWN_COLUMN', 'did you mean "a"');
  refused('keyed', [add('A', 'DATE')], 'MR_DUPLICATE_COLUMN', 'only by case');
  refused('keyed', [{kind: 'rename-column', name: 'b', to: 'K'}], 'MR_DUPLICATE_COLUMN', '"K"');
  refused('keyed', [add('_mr_x', 'DATE')], 'MR_BAD_NAME', 'reserved');
  refused('keyed', [drop('k')], 'MR_KEY_COLUMN', 'primary key');
  refused('keyed', [retype('k', 'BIGINT')], 'MR_KEY_COLUMN', 'another type');
  refused('keyed', [{kind: 'drop-not-null', name: 'k'}], 'MR_KEY_COLUMN', 'nullable');
  refused('keyed', [drop('a')], 'MR_DEPENDENTS', '"a" of main.t is read by "main.v"');
  refused('keyed', [{kind: 'rename-column', name: 'a', to: 'z'}], 'MR_DEPENDENTS', 'renamed');
  refused('keyed', [retype('a', 'BIGINT')], 'MR_DEPENDENTS', 'another type');
  refused('keyed', [retype('b', 'INTEGER')], 'MR_TYPE_NARROWS', '(none), found INTEGER');
  refused('append', [retype('k', 'SMALLINT')], 'MR_TYPE_NARROWS', 'BIGINT, DOUBLE, DECIMAL(p,0) with p ≥ 10');
  refused('append', [drop('k'), drop('b'), drop('a')], 'MR_DEPENDENTS', '"a"');
  refused('append', [add('n', 'DATE', {place: {after: 'n'}})], 'MR_UNKNOWN_COLUMN', 'itself');
  refused('append', [{kind: 'move-column', name: 'b', place: {after: 'B'}}], 'MR_UNKNOWN_COLUMN', 'itself');
  refused('append', [{kind: 'set-options', options: {'file.format': 'parquet'}}], 'MR_OPTION_FIXED', 'file.compression');
  refused('append', [{kind: 'set-options', options: {nonsense: '1'}}], 'MR_UNKNOWN_OPTION', 'nonsense');
  refused('append', [add('x', 'DATE')], 'MR_DYNAMIC_TABLE', 'definition', 'v');
  refused('bag', [drop('b')], 'MR_UNSUPPORTED', 'hash');
  refused('bag', [add('x', 'DATE', {place: {first: true}})], 'MR_UNSUPPORTED', 'at the end');
  refused('bag', [{kind: 'move-column', name: 'b', place: {first: true}}], 'MR_UNSUPPORTED', 'moving');
  refused('bag', [retype('k', 'DOUBLE')], 'MR_UNSUPPORTED', 'INTEGER to DOUBLE');
  const alone = catalogWith('append');
  alone.apply({kind: 'drop-table', id: alone.find(undefined, 'v')!.id});
  assert.throws(() => alterTableRecord(alone, alone.find(undefined, 't')!, [drop('k'), drop('b'), drop('a')], {oldestEpoch: 0}), {code: 'MR_LAST_COLUMN'});
});

test('alter: a bag takes columns at its end, before the hidden ones; comments of dynamic tables may change', () => {
  const bag = catalogWith('bag');
  const table = alter(bag, [add('c', 'DATE'), {kind: 'set-type', name: 'k', type: type('BIGINT')}], 3);
  assert.deepEqual([shape(table), table.key], ['k0 a1 b2 c5 _mr_row3 _mr_copy4', [4, 5]]);
  assert.equal(alter(bag, [{kind: 'comment-column', name: 'a', comment: 'x'}], 4, 0, 'v').columns[0]!.comment, 'x');
});

test('alter: options that name columns follow a rename', () => {
  const options = {'sequence.field': 'b,a', 'fields.a.ignore-retract': 'true', 'fields.a,b.sequence-group': 'c', bucket: '2'};
  assert.deepEqual(columnsOfOptions(options).map(([, column]) => column), ['b', 'a', 'a', 'a', 'b']);
  assert.deepEqual(withoutColumn({'fields.a.stats-mode': 'none', 'fields.b.stats-mode': 'full'}, 'a'), {'fields.b.stats-mode': 'full'});
  assert.deepEqual(columnsOfOptions({'fields.a.stats-mode': 'none'}), []);
  assert.deepEqual(renamedInOptions(options, 'a', 'z'), {'sequence.field': 'b,z', 'fields.z.ignore-retract': 'true', 'fields.z,b.sequence-group': 'c', bucket: '2'});
});
