/** Files of older schemas as Java makes them: schema files written by hand, with renames, drops, additions, casts and nested changes. */
import test from 'node:test';
import assert from 'node:assert/strict';
import {writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import type {Session} from '../../kernel/session.ts';
import {parseField} from '../paimon/data-type.ts';
import {parseSchema, printSchema, type TableSchema} from '../paimon/table-schema.ts';
import {checkTable} from './check-table.ts';
import {commitFlush} from './commit.ts';
import {fileColumnSql} from './file-schema.ts';
import {prepareFlush} from './flush.ts';
import {PaimonTable} from './paimon-table.ts';
import {scanPlan} from './scan-plan.ts';
import {scanSql} from './scan-sql.ts';
import {writeSchemas} from './table-form.ts';
import {doors, withSession} from './test-tables.ts';

type FieldJson = Readonly<Record<string, unknown>>;

function schemaOf(fields: readonly FieldJson[], more: Readonly<Record<string, unknown>> = {}): TableSchema {
  return parseSchema(JSON.stringify({version: 3, id: 0, fields, highestFieldId: 99, partitionKeys: [], primaryKeys: [], options: {}, timeMillis: 0, ...more}), 'test');
}

async function written(directory: string, id: number, fields: readonly FieldJson[]): Promise<void> {
  await writeFile(join(directory, 'schema', `schema-${id}`), printSchema({...schemaOf(fields, {primaryKeys: [String(fields.find((field) => field['id'] === 0)!['name'])], options: {bucket: '1', 'merge-engine': 'deduplicate', 'changelog-producer': 'input'}}), id}));
}

const base: readonly FieldJson[] = [{id: 0, name: 'k', type: 'INT NOT NULL'}, {id: 1, name: 'a', type: 'INT'}, {id: 2, name: 'b', type: 'STRING'}, {id: 3, name: 'd', type: 'DECIMAL(9, 2)'}];

async function table(session: Session, directory: string): Promise<void> {
  const made = await PaimonTable.create(doors, directory, {
    columns: [{id: 0, name: 'k', type: {kind: 'integer'}, nullable: false}, {id: 1, name: 'a', type: {kind: 'integer'}, nullable: true}, {id: 2, name: 'b', type: {kind: 'varchar'}, nullable: true}, {id: 3, name: 'd', type: {kind: 'decimal', precision: 9, scale: 2}, nullable: true}],
    primaryKey: ['k'],
  });
  const prepared = await prepareFlush(session, made, {from: "(VALUES (0::TINYINT, 0::BIGINT, 1, 10, 'x', 1.25::DECIMAL(9,2)), (0, 1, 2, NULL, 'y', NULL)) v(_op, _seq, k, a, b, d)"});
  await commitFlush(made, prepared, {commitUser: 'u', commitIdentifier: 1n});
}

async function rows(session: Session, directory: string): Promise<unknown[][]> {
  const opened = await PaimonTable.open(doors, directory);
  assert.deepEqual((await checkTable(session, doors, directory)).problems, []);
  return (await session.rows(`SELECT * FROM (${scanSql(opened, await scanPlan(opened), {ordered: true})})`)).rows.map((row) => [...row]);
}

test('file schema: columns are found by id: renamed, moved, added, dropped and added again, names exchanged', async () => {
  await withSession(async (session, directory) => {
    await table(session, directory);
    assert.deepEqual(await rows(session, directory), [[1, 10, 'x', '1.25'], [2, null, 'y', null]]);
    await written(directory, 1, [base[3]!, {id: 4, name: 'new', type: 'BIGINT'}, {id: 1, name: 'b', type: 'INT'}, {id: 2, name: 'a', type: 'STRING'}, {id: 0, name: 'key', type: 'INT NOT NULL'}]);
    assert.deepEqual(await rows(session, directory), [['1.25', null, 10, 'x', 1], [null, null, null, 'y', 2]]);
    await written(directory, 2, [base[0]!, {id: 5, name: 'a', type: 'INT'}, {id: 6, name: 'd', type: 'DATE'}]);
    assert.deepEqual(await rows(session, directory), [[1, null, null], [2, null, null]]);
  });
});

test('file schema: types are cast where nothing is lost, and refused by name where engines differ', async () => {
  await withSession(async (session, directory) => {
    await table(session, directory);
    const as = async (id: number, a: string, b: string, d: string): Promise<unknown[][]> => {
      await written(directory, id, [base[0]!, {...base[1]!, type: a}, {...base[2]!, type: b}, {...base[3]!, type: d}]);
      return rows(session, directory);
    };
    assert.deepEqual((await as(1, 'BIGINT', 'STRING', 'DECIMAL(20, 2)'))[0], [1, 10n, 'x', '1.25']);
    assert.deepEqual((await as(2, 'DOUBLE NOT NULL', 'STRING', 'DECIMAL(12, 4)'))[0], [1, 10, 'x', '1.2500']);
    assert.deepEqual((await as(3, 'DECIMAL(12, 1)', 'STRING', 'STRING'))[0], [1, '10.0', 'x', '1.25']);
    const refusals = [['SMALLINT', 'STRING', 'DECIMAL(9, 2)', /"a" SMALLINT from files of schema 0, where it is INT/], ['FLOAT', 'STRING', 'DECIMAL(9, 2)', /"a" FLOAT/], ['INT', 'INT', 'DECIMAL(9, 2)', /"b" INT/], ['INT', 'VARCHAR(3)', 'DECIMAL(9, 2)', /"b" VARCHAR\(3\)/],
      ['INT', 'STRING', 'DECIMAL(9, 1)', /"d" DECIMAL\(9, 1\)/], ['INT', 'STRING', 'DOUBLE', /"d" DOUBLE/], ['TIMESTAMP(6)', 'STRING', 'DECIMAL(9, 2)', /"a" TIMESTAMP\(6\)/]] as const;
    for (const [i, [a, b, d, message]] of refusals.entries()) {
      await written(directory, 4 + i, [base[0]!, {...base[1]!, type: a}, {...base[2]!, type: b}, {...base[3]!, type: d}]);
      const opened = await PaimonTable.open(doors, directory);
      await assert.rejects(scanPlan(opened), {code: 'MR_PAIMON_UNSUPPORTED', message});
    }
  });
});

test('file schema: fields inside rows, arrays and maps are found by id too', async () => {
  const nested = (name: string, x: string, extra: readonly FieldJson[]): FieldJson => ({id: 0, name, type: {type: 'ROW', fields: [{id: 1, name: x, type: 'INT'}, {id: 2, name: 'y', type: 'STRING'}, ...extra]}});
  const list = (element: unknown): FieldJson => ({id: 3, name: 'l', type: {type: 'ARRAY', element}});
  const map = (value: unknown): FieldJson => ({id: 4, name: 'm', type: {type: 'MAP', key: 'STRING', value}});
  const inner = (name: string, type: string): unknown => ({type: 'ROW', fields: [{id: 5, name, type}]});
  const from = schemaOf([nested('r', 'x', []), list(inner('p', 'INT')), map('INT')]);
  const old = "(SELECT {'x': 7, 'y': 'seven'} AS r, [{'p': 1}, NULL, {'p': 2}] AS l, MAP {'a': 1, 'b': NULL} AS m UNION ALL SELECT NULL, NULL, NULL)";
  await withSession(async (session) => {
    const read = async (field: FieldJson): Promise<string> => {
      const {rows: found} = await session.rows(`SELECT CAST(${fileColumnSql(from, parseField(field, 'test'), 'test')} AS VARCHAR) FROM ${old} AS file`);
      return found.map(([value]) => String(value)).join(' | ');
    };
    assert.equal(await read(nested('renamed', 'x', [])), "{'x': 7, 'y': seven} | null");
    assert.equal(await read({id: 0, name: 'r', type: {type: 'ROW', fields: [{id: 9, name: 'y', type: 'INT'}, {id: 2, name: 'z', type: 'STRING'}, {id: 1, name: 'x', type: 'BIGINT'}]}}), "{'y': NULL, 'z': seven, 'x': 7} | null");
    assert.equal(await read(list({type: 'ROW', fields: [{id: 6, name: 'q', type: 'STRING'}, {id: 5, name: 'w', type: 'DOUBLE'}]})), "[{'q': NULL, 'w': 1.0}, NULL, {'q': NULL, 'w': 2.0}] | null");
    assert.equal(await read(map('BIGINT')), '{a=1, b=NULL} | null');
    await assert.rejects(read(list('INT')), {code: 'MR_PAIMON_UNSUPPORTED'});
    await assert.rejects(read(map('TINYINT')), {code: 'MR_PAIMON_UNSUPPORTED'});
  });
});

test('schema files: one that somebody else made under the next number is refused, our own is found again', async () => {
  await withSession(async (session, directory) => {
    await table(session, directory);
    const opened = await PaimonTable.open(doors, directory);
    const columns = opened.schema.fields.map(({id, name}) => ({id, name: id === 1 ? 'renamed' : name, type: id === 2 ? {kind: 'varchar'} as const : id === 3 ? {kind: 'decimal', precision: 9, scale: 2} as const : {kind: 'integer'} as const, nullable: id !== 0}));
    const form = {schemaId: 1, highestFieldId: 3, columns, primaryKey: ['k']};
    const once = await writeSchemas(opened, [form]);
    assert.equal(once.schema.fields[1]!.name, 'renamed');
    assert.deepEqual((await writeSchemas(opened, [form])).schema, once.schema);
    await assert.rejects(writeSchemas(opened, [{...form, comment: 'another'}]), {code: 'MR_PAIMON_FOREIGN'});
    assert.deepEqual(await rows(session, directory), [[1, 10, 'x', '1.25'], [2, null, 'y', null]]);
  });
});
