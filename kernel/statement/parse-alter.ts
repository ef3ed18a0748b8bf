/**
 * ALTER TABLE and COMMENT ON, in the forms that users of DuckDB, Postgres, Flink and Spark write:
 *
 * ```
 * ALTER TABLE [IF EXISTS] t change [, change …]
 *   ADD [COLUMN] [IF NOT EXISTS] c TYPE [COMMENT 'x'] [FIRST | AFTER d]         ADD (c TYPE …, d TYPE …)
 *   DROP [COLUMN] [IF EXISTS] c                                                DROP (c, d)
 *   RENAME [COLUMN] c TO d
 *   ALTER [COLUMN] c { [SET DATA] TYPE T | DROP NOT NULL | COMMENT 'x' | FIRST | AFTER d }
 *   MODIFY [COLUMN] c [TYPE] [COMMENT 'x'] [FIRST | AFTER d]                     MODIFY (c …, d …)
 *   COMMENT 'x'
 *   SET ('option' = 'value', …)
 * COMMENT ON TABLE t IS 'x' | NULL          COMMENT ON COLUMN t.c IS 'x' | NULL
 * ```
 *
 * Types stay DuckDB text, which an instance of its own reads.
 */
import {WarehouseError} from '../../base/error.ts';
import type {Cursor} from './cursor.ts';
import {readOptions} from './options.ts';
import {placeText, type Span} from './place.ts';
import {refuseByName} from './refused.ts';
import type {AlterChange, ColumnPlace, Statement, TableName} from './statement.ts';

/** @returns the statement, or undefined when the cursor does not stand at an ALTER. */
export function parseAlter(cursor: Cursor, span: Span): Statement | undefined {
  if (!cursor.sees('ALTER')) return undefined;
  refuseByName(cursor);
  cursor.expect('ALTER');
  if (!cursor.accept('TABLE')) throw cursor.unexpected('TABLE');
  const ifExists = cursor.accept('IF', 'EXISTS');
  const table = cursor.tableName();
  const changes: AlterChange[] = [];
  do changes.push(...parseChange(cursor)); while (cursor.acceptSymbol(','));
  cursor.expectEnd('"," and another change, or the end of the statement');
  return {kind: 'alter-table', span, table, ifExists, changes};
}

/** @returns the statement, or undefined when the cursor does not stand at a COMMENT ON. */
export function parseComment(cursor: Cursor, span: Span): Statement | undefined {
  if (!cursor.sees('COMMENT', 'ON')) return undefined;
  refuseByName(cursor);
  cursor.expect('COMMENT', 'ON');
  if (!cursor.accept('TABLE') && !cursor.accept('DYNAMIC', 'TABLE') && !cursor.accept('MATERIALIZED', 'TABLE')) {
    if (!cursor.accept('COLUMN')) throw cursor.unexpected('TABLE or COLUMN');
    const {table, name} = columnName(cursor);
    return {kind: 'alter-table', span, table, ifExists: false, changes: [{kind: 'comment-column', name, comment: commentIs(cursor)}]};
  }
  const table = cursor.tableName();
  return {kind: 'alter-table', span, table, ifExists: false, changes: [{kind: 'comment-table', comment: commentIs(cursor)}]};
}

/** `t.c` or `s.t.c` */
function columnName(cursor: Cursor): {table: TableName; name: string} {
  const start = cursor.index;
  const first = cursor.name('a table name');
  cursor.expectSymbol('.', 'a column is named with its table: t.c');
  const second = cursor.name('a column');
  if (!cursor.acceptSymbol('.')) return {table: {schema: undefined, name: first, span: cursor.spanFrom(start)}, name: second};
  return {table: {schema: first, name: second, span: cursor.spanFrom(start)}, name: cursor.name('a column')};
}

function commentIs(cursor: Cursor): string | undefined {
  cursor.expect('IS');
  const comment = cursor.accept('NULL') ? undefined : cursor.string("a comment in quotes, or NULL");
  cursor.expectEnd();
  return comment;
}

function parseChange(cursor: Cursor): AlterChange[] {
  if (cursor.accept('ADD')) {
    if (cursor.sees('CONSTRAINT') || cursor.sees('PRIMARY') || cursor.sees('UNIQUE') || cursor.sees('CHECK') || cursor.sees('FOREIGN')) throw cursor.unsupported(`ADD ${cursor.tokens.text(cursor.index).toUpperCase()}`, 'a key is declared when the table is made');
    if (cursor.sees('PARTITION')) throw cursor.unsupported('ADD PARTITION', 'a partition comes with its first row');
    if (cursor.sees('WATERMARK')) throw cursor.unsupported('ADD WATERMARK');
    if (cursor.seesSymbol('(')) return inBrackets(cursor, () => addColumn(cursor));
    if (!cursor.accept('COLUMN')) cursor.accept('COLUMNS');
    return cursor.seesSymbol('(') ? inBrackets(cursor, () => addColumn(cursor)) : [addColumn(cursor)];
  }
  if (cursor.accept('DROP')) {
    if (cursor.sees('CONSTRAINT') || cursor.sees('PRIMARY')) throw cursor.unsupported(`DROP ${cursor.tokens.text(cursor.index).toUpperCase()}`, 'a key stays for the life of its table');
    if (cursor.sees('PARTITION')) throw cursor.unsupported('DROP PARTITION', 'DELETE its rows');
    if (!cursor.accept('COLUMN')) cursor.accept('COLUMNS');
    return cursor.seesSymbol('(') ? inBrackets(cursor, () => dropColumn(cursor)) : [dropColumn(cursor)];
  }
  if (cursor.accept('RENAME')) {
    if (cursor.sees('TO')) throw cursor.unsupported('renaming a table', 'CREATE a table of the new name and INSERT … SELECT into it');
    cursor.accept('COLUMN');
    const name = cursor.name('a column');
    cursor.expect('TO');
    return [{kind: 'rename-column', name, to: cursor.name('its new name')}];
  }
  if (cursor.accept('ALTER')) {
    cursor.accept('COLUMN');
    return alterColumn(cursor);
  }
  if (cursor.accept('MODIFY')) {
    cursor.accept('COLUMN');
    return cursor.seesSymbol('(') ? inBrackets(cursor, () => modifyColumn(cursor)).flat() : modifyColumn(cursor);
  }
  if (cursor.accept('COMMENT')) {
    if (!cursor.acceptSymbol('=')) cursor.accept('IS');
    return [{kind: 'comment-table', comment: cursor.accept('NULL') ? undefined : cursor.string('a comment in quotes')}];
  }
  if (cursor.accept('SET')) {
    if (!cursor.seesSymbol('(')) throw cursor.unexpected("('option' = 'value', …)");
    return [{kind: 'set-options', options: readOptions(cursor)}];
  }
  if (cursor.sees('RESET')) throw cursor.unsupported('RESET of an option', 'SET it to the value it should have');
  if (cursor.sees('REPLACE')) throw cursor.unsupported('REPLACE COLUMNS', 'write ADD, DROP, RENAME and ALTER COLUMN');
  throw cursor.unexpected('ADD, DROP, RENAME, ALTER COLUMN, MODIFY, COMMENT or SET');
}

/** `( item, … )` */
function inBrackets<T>(cursor: Cursor, read: () => T): T[] {
  cursor.expectSymbol('(');
  const items: T[] = [];
  do items.push(read()); while (cursor.acceptSymbol(','));
  cursor.expectSymbol(')');
  return items;
}

function addColumn(cursor: Cursor): AlterChange {
  const ifNotExists = cursor.accept('IF', 'NOT', 'EXISTS');
  const start = cursor.index;
  const name = cursor.name('a column');
  const end = endOfType(cursor);
  if (end === cursor.index) throw cursor.unexpected('the type of the column');
  cursor.index = start;
  const definition = withoutParameters(cursor, end);
  const {comment, place} = commentAndPlace(cursor);
  return {kind: 'add-column', name, definition, ifNotExists, place, comment};
}

function dropColumn(cursor: Cursor): AlterChange {
  const ifExists = cursor.accept('IF', 'EXISTS');
  const name = cursor.name('a column');
  if (cursor.sees('CASCADE')) throw cursor.unsupported('CASCADE', 'drop what reads the column first');
  cursor.accept('RESTRICT');
  return {kind: 'drop-column', name, ifExists};
}

function alterColumn(cursor: Cursor): AlterChange[] {
  const name = cursor.name('a column');
  if (cursor.accept('TYPE') || cursor.accept('SET', 'DATA', 'TYPE')) return [setType(cursor, name)];
  if (cursor.accept('DROP', 'NOT', 'NULL')) return [{kind: 'drop-not-null', name}];
  if (cursor.sees('SET', 'NOT', 'NULL')) throw cursor.unsupported('SET NOT NULL', 'rows that are there may hold NULL: CREATE a table with the column NOT NULL and INSERT … SELECT into it');
  if (cursor.sees('SET', 'DEFAULT') || cursor.sees('DROP', 'DEFAULT')) throw cursor.unsupported('DEFAULT of a column', 'INSERT the value');
  const at = cursor.index;
  const changes = later(name, commentAndPlace(cursor));
  if (cursor.index === at) throw cursor.unexpected("TYPE, SET DATA TYPE, DROP NOT NULL, COMMENT 'text', FIRST or AFTER");
  return changes;
}

function setType(cursor: Cursor, name: string): AlterChange {
  const end = endOfType(cursor);
  if (end === cursor.index) throw cursor.unexpected('a type');
  const type = withoutParameters(cursor, end);
  if (cursor.sees('USING')) throw cursor.unsupported('USING', 'only types that hold every value are taken: for others ADD a column and UPDATE it');
  return {kind: 'set-type', name, type};
}

function modifyColumn(cursor: Cursor): AlterChange[] {
  const name = cursor.name('a column');
  const changes: AlterChange[] = endOfType(cursor) > cursor.index ? [setType(cursor, name)] : [];
  const at = cursor.index;
  changes.push(...later(name, commentAndPlace(cursor)));
  if (changes.length === 0 && cursor.index === at) throw cursor.unexpected("a type, COMMENT 'text', FIRST or AFTER");
  return changes;
}

function later(name: string, {comment, place}: {readonly comment: string | undefined; readonly place: ColumnPlace | undefined}): AlterChange[] {
  return [
    ...(comment === undefined ? [] : [{kind: 'comment-column', name, comment} as const]),
    ...(place === undefined ? [] : [{kind: 'move-column', name, place} as const]),
  ];
}

/** @returns the token behind a type: a comma, a bracket that closes the list, or what may follow a type. */
function endOfType(cursor: Cursor): number {
  const {tokens} = cursor;
  const ends = ['FIRST', 'AFTER', 'COMMENT', 'USING'];
  return cursor.find((i) => tokens.isSymbol(i, ',') || tokens.isSymbol(i, ')') || ends.some((word) => tokens.isWord(i, word)));
}

function withoutParameters(cursor: Cursor, end: number): ReturnType<Cursor['clauseTo']> {
  const at = cursor.index;
  const text = cursor.clauseTo(end, 'a column');
  if (text.parameters.length > 0) throw new WarehouseError('invalid', 'MR_SYNTAX', `expected a definition without parameters, found one at ${placeText(cursor.tokens.source, cursor.tokens.start(at))}`, {hint: 'write the value into the statement'});
  return text;
}

function commentAndPlace(cursor: Cursor): {readonly comment: string | undefined; readonly place: ColumnPlace | undefined} {
  const comment = cursor.accept('COMMENT') ? cursor.string('a comment in quotes') : undefined;
  const place = cursor.accept('FIRST') ? {first: true} as const : cursor.accept('AFTER') ? {after: cursor.name('a column')} : undefined;
  return {comment, place};
}
