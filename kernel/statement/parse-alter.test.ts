import test from 'node:test';
import assert from 'node:assert/strict';
import {WarehouseError} from '../../base/error.ts';
import {parseStatement} from './parse.ts';
import type {AlterTableStatement} from './statement.ts';

/** Changes in short, with texts in place of cut clauses. */
function changes(sql: string): unknown[] {
  const statement = parseStatement(sql) as AlterTableStatement;
  assert.equal(statement.kind, 'alter-table', sql);
  return statement.changes.map((change) => Object.values(change).filter((value) => value !== undefined && value !== false).map((value: unknown) => (typeof value === 'object' && value !== null && 'text' in value ? value.text : value)));
}

test('alter: the forms of DuckDB, Postgres, Flink and Spark say the same', () => {
  for (const sql of ['ALTER TABLE t ADD COLUMN c DECIMAL(12, 2)', 'alter table t add c DECIMAL(12, 2)', 'ALTER TABLE t ADD (c DECIMAL(12, 2))', 'ALTER TABLE t ADD COLUMNS (c DECIMAL(12, 2))']) assert.deepEqual(changes(sql), [['add-column', 'c', 'c DECIMAL(12, 2)']], sql);
  assert.deepEqual(changes("ALTER TABLE t ADD (a INT COMMENT 'x' FIRST, b TEXT AFTER a)"), [['add-column', 'a', 'a INT', {first: true}, 'x'], ['add-column', 'b', 'b TEXT', {after: 'a'}]]);
  assert.deepEqual(changes('ALTER TABLE t ADD COLUMN IF NOT EXISTS c INT'), [['add-column', 'c', 'c INT', true]]);
  assert.deepEqual(changes('ALTER TABLE t DROP COLUMN IF EXISTS c RESTRICT'), [['drop-column', 'c', true]]);
  assert.deepEqual(changes('ALTER TABLE t DROP (a, b)'), [['drop-column', 'a'], ['drop-column', 'b']]);
  for (const sql of ['ALTER TABLE t RENAME COLUMN a TO b', 'ALTER TABLE t RENAME a TO b']) assert.deepEqual(changes(sql), [['rename-column', 'a', 'b']], sql);
  for (const sql of ['ALTER TABLE t ALTER COLUMN c TYPE BIGINT', 'ALTER TABLE t ALTER c SET DATA TYPE BIGINT', 'ALTER TABLE t MODIFY c BIGINT', 'ALTER TABLE t MODIFY (c BIGINT)']) assert.deepEqual(changes(sql), [['set-type', 'c', 'BIGINT']], sql);
  for (const sql of ['ALTER TABLE t ALTER COLUMN c AFTER d', 'ALTER TABLE t MODIFY c AFTER d', 'ALTER TABLE t MODIFY COLUMN c AFTER d']) assert.deepEqual(changes(sql), [['move-column', 'c', {after: 'd'}]], sql);
  assert.deepEqual(changes("ALTER TABLE t MODIFY c BIGINT COMMENT 'it''s' FIRST"), [['set-type', 'c', 'BIGINT'], ['comment-column', 'c', "it's"], ['move-column', 'c', {first: true}]]);
  assert.deepEqual(changes('ALTER TABLE t ALTER c DROP NOT NULL'), [['drop-not-null', 'c']]);
  assert.deepEqual(changes("COMMENT ON COLUMN s.t.c IS 'x'"), [['comment-column', 'c', 'x']]);
  assert.deepEqual(changes('COMMENT ON TABLE t IS NULL'), [['comment-table']]);
  assert.deepEqual(changes("ALTER TABLE t COMMENT 'x', SET ('file.compression' = 'snappy'), DROP a"), [['comment-table', 'x'], ['set-options', {'file.compression': 'snappy'}], ['drop-column', 'a']]);
  const statement = parseStatement('ALTER TABLE IF EXISTS "S".t DROP a') as AlterTableStatement;
  assert.deepEqual([statement.ifExists, statement.table.schema, statement.table.name], [true, 'S', 't']);
});

test('alter: what is not done is refused by name, wrong text with its place', () => {
  const refused = (sql: string, code: string, part: string): void => assert.throws(() => parseStatement(sql), (error) => error instanceof WarehouseError && error.code === code && `${error.message} ${error.hint ?? ''}`.includes(part), sql);
  for (const [sql, part] of [
    ['ALTER TABLE t RENAME TO u', 'renaming a table'], ['ALTER TABLE t ALTER c SET NOT NULL', 'SET NOT NULL'], ['ALTER TABLE t ALTER c SET DEFAULT 1', 'DEFAULT'], ['ALTER TABLE t ALTER c TYPE INT USING c::INT', 'USING'], ['ALTER TABLE t ADD PRIMARY KEY (a)', 'PRIMARY'],
    ['ALTER TABLE t DROP c CASCADE', 'CASCADE'], ["ALTER TABLE t RESET ('bucket')", 'RESET'], ['ALTER DYNAMIC TABLE t SUSPEND', 'ALTER DYNAMIC TABLE'], ['ALTER SCHEMA s RENAME TO u', 'ALTER SCHEMA'], ['ALTER TABLE t DROP PARTITION (a = 1)', 'DROP PARTITION'],
  ] as const) refused(sql, 'MR_UNSUPPORTED', part);
  for (const [sql, part] of [
    ['ALTER TABLE t', 'ADD, DROP, RENAME'], ['ALTER TABLE t ADD COLUMN c', 'the type of the column'], ['ALTER TABLE t ALTER c', 'TYPE'], ['ALTER TABLE t ALTER c TYPE', 'a type'], ['ALTER TABLE t DROP a b', '","'], ['ALTER TABLE t ADD c INT AFTER', 'a column'],
    ['ALTER t ADD c INT', 'TABLE'], ['COMMENT ON COLUMN c IS 1', '"."'], ['COMMENT ON TABLE t IS 5', 'a comment in quotes'], ['ALTER TABLE t ADD c DECIMAL(?, 2)', 'without parameters'],
  ] as const) refused(sql, 'MR_SYNTAX', part);
});
