/** Transactions, SET, SHOW, DESCRIBE, EXPLAIN, VERIFY, WAIT FOR EPOCH, CHECKPOINT, OPTIMIZE. */
import {WarehouseError} from '../../base/error.ts';
import type {Cursor, SqlText, TableName} from './cursor.ts';
import {optionValue} from './options.ts';
import {placeText, type Span} from './place.ts';
import {checkSetting} from './settings.ts';
import type {ShowWhat, Statement} from './statement.ts';

/** @returns the statement, or undefined when the cursor stands at none of these. */
export function parseUtility(cursor: Cursor, span: Span): Statement | undefined {
  const start = cursor.index;
  const statement = parseHere(cursor, span);
  if (statement === undefined) cursor.index = start;
  else cursor.expectEnd();
  return statement;
}

function parseHere(cursor: Cursor, span: Span): Statement | undefined {
  if (cursor.accept('BEGIN') || cursor.accept('START', 'TRANSACTION')) return parseBegin(cursor, span);
  if (cursor.accept('COMMIT') || cursor.accept('END')) {
    if (!cursor.accept('TRANSACTION')) cursor.accept('WORK');
    return {kind: 'commit', span};
  }
  if (cursor.accept('ROLLBACK') || cursor.accept('ABORT')) {
    if (!cursor.accept('TRANSACTION')) cursor.accept('WORK');
    if (cursor.sees('TO')) throw cursor.unsupported('ROLLBACK TO');
    return {kind: 'rollback', span};
  }
  if (cursor.accept('SET')) return parseSet(cursor, span);
  if (cursor.accept('RESET')) return {kind: 'set', span, ...checkSetting(cursor.name('a setting'), undefined)};
  if (cursor.accept('SHOW')) return parseShow(cursor, span);
  if (cursor.sees('DESCRIBE') || cursor.sees('DESC')) return parseDescribe(cursor, span);
  if (cursor.accept('EXPLAIN')) return parseExplain(cursor, span);
  if (cursor.accept('VERIFY')) return parseVerify(cursor, span);
  if (cursor.accept('WAIT')) {
    cursor.expect('FOR', 'EPOCH');
    return {kind: 'wait-for-epoch', span, epoch: cursor.wholeNumber('an epoch number')};
  }
  if (cursor.accept('CHECKPOINT')) return {kind: 'checkpoint', span};
  if (cursor.accept('OPTIMIZE') || cursor.accept('COMPACT')) {
    acceptTableWord(cursor);
    return {kind: 'optimize', span, table: cursor.tableName()};
  }
  return undefined;
}

function parseBegin(cursor: Cursor, span: Span): Statement {
  if (!cursor.accept('TRANSACTION')) cursor.accept('WORK');
  const readOnly = cursor.accept('READ', 'ONLY');
  if (!readOnly) cursor.accept('READ', 'WRITE');
  if (cursor.sees('AT', 'EPOCH')) throw cursor.unsupported('BEGIN … AT EPOCH', 'a transaction reads the newest epoch at its first statement');
  if (cursor.sees('ISOLATION')) throw cursor.unsupported('ISOLATION LEVEL', 'every transaction reads one epoch (snapshot isolation)');
  return {kind: 'begin', span, readOnly};
}

function parseSet(cursor: Cursor, span: Span): Statement {
  const at = cursor.index;
  if (cursor.sees('VARIABLE') || cursor.sees('GLOBAL') || cursor.sees('TIME', 'ZONE')) {
    const what = cursor.tokens.text(cursor.index).toUpperCase();
    throw new WarehouseError('invalid', 'MR_NOT_ALLOWED', `SET ${what} is not allowed in a warehouse, at ${placeText(cursor.tokens.source, cursor.tokens.start(at))}`,
      {hint: what === 'TIME' ? 'the zone is always UTC: write AT TIME ZONE in the query' : 'pass parameters with the statement'});
  }
  if (!cursor.accept('SESSION')) cursor.accept('LOCAL');
  const name = cursor.name('a setting');
  if (!cursor.acceptSymbol('=') && !cursor.accept('TO')) throw cursor.unexpected('"=" and a value');
  return {kind: 'set', span, ...checkSetting(name, optionValue(cursor))};
}

const showUnsupported = ['LINEAGE', 'SOURCES', 'SINKS', 'BRANCHES', 'SECRETS', 'EPOCHS', 'VIEWS', 'FUNCTIONS'];

function parseShow(cursor: Cursor, span: Span): Statement {
  const show = (what: ShowWhat, more: {schema?: string | undefined; table?: TableName} = {}): Statement =>
    ({kind: 'show', span, what, schema: more.schema, table: more.table});
  if (cursor.accept('SCHEMAS') || cursor.accept('DATABASES')) return show('schemas');
  if (cursor.accept('ALL', 'TABLES')) return show('tables');
  if (cursor.accept('TABLES')) return show('tables', {schema: readInSchema(cursor)});
  if (cursor.accept('DYNAMIC', 'TABLES') || cursor.accept('MATERIALIZED', 'VIEWS') || cursor.accept('MATERIALIZED', 'TABLES')) {
    return show('dynamic tables', {schema: readInSchema(cursor)});
  }
  if (cursor.accept('COLUMNS')) {
    if (!cursor.accept('FROM')) cursor.expect('IN');
    return show('columns', {table: cursor.tableName()});
  }
  if (cursor.accept('CREATE')) {
    if (!cursor.accept('DYNAMIC', 'TABLE')) cursor.expect('TABLE');
    return show('create table', {table: cursor.tableName()});
  }
  if (cursor.accept('JOBS')) return show('jobs');
  if (cursor.accept('SETTINGS')) return show('settings');
  if (cursor.accept('SUBSCRIPTIONS')) return show('subscriptions');
  if (cursor.accept('TAGS')) return show('tags');
  if (cursor.accept('WARMING')) return show('warming');
  const word = showUnsupported.find((candidate) => cursor.sees(candidate));
  if (word !== undefined) throw cursor.unsupported(`SHOW ${word}`);
  throw cursor.unexpected('SCHEMAS, TABLES, DYNAMIC TABLES, COLUMNS FROM t, CREATE TABLE t, JOBS, SETTINGS, SUBSCRIPTIONS, TAGS or WARMING');
}

function readInSchema(cursor: Cursor): string | undefined {
  return cursor.accept('FROM') || cursor.accept('IN') ? cursor.name('a schema name') : undefined;
}

function parseDescribe(cursor: Cursor, span: Span): Statement {
  const next = cursor.index + 1;
  if (cursor.tokens.isSymbol(next, '(') || ['SELECT', 'WITH', 'VALUES', 'FROM'].some((word) => cursor.tokens.isWord(next, word))) {
    return {kind: 'select', span, select: cursor.clauseTo(cursor.end, 'a query')}; // DuckDB's own: one SELECT to its parser
  }
  cursor.index = next;
  if (!cursor.accept('DYNAMIC', 'TABLE')) acceptTableWord(cursor);
  return {kind: 'describe', span, table: cursor.tableName()};
}

/** Steps over TABLE when a name follows it. */
function acceptTableWord(cursor: Cursor): void {
  if (cursor.sees('TABLE') && cursor.index + 1 < cursor.end && !cursor.tokens.isSymbol(cursor.index + 1, '.')) cursor.index++;
}

function parseExplain(cursor: Cursor, span: Span): Statement {
  if (cursor.accept('INCREMENTAL')) {
    const select = queryHere(cursor);
    if (select !== undefined) return {kind: 'explain-incremental', span, select, table: undefined};
    if (!cursor.accept('DYNAMIC', 'TABLE')) acceptTableWord(cursor);
    return {kind: 'explain-incremental', span, select: undefined, table: cursor.tableName('a query or a table name')};
  }
  const analyze = cursor.accept('ANALYZE');
  if (cursor.seesSymbol('(') && !queryFollows(cursor)) throw cursor.unsupported('EXPLAIN (…)', 'write EXPLAIN, EXPLAIN ANALYZE or EXPLAIN INCREMENTAL');
  const select = queryHere(cursor);
  if (select === undefined) {
    throw cursor.unsupported('EXPLAIN of anything but a query', 'EXPLAIN INCREMENTAL shows how a dynamic table is maintained');
  }
  return {kind: 'explain', span, analyze, select};
}

function queryHere(cursor: Cursor): SqlText | undefined {
  return queryFollows(cursor) ? cursor.clauseTo(cursor.end, 'a query') : undefined;
}

function queryFollows(cursor: Cursor): boolean {
  let at = cursor.index;
  while (at < cursor.end && cursor.tokens.isSymbol(at, '(')) at++;
  return at < cursor.end && ['SELECT', 'WITH', 'VALUES', 'FROM'].some((word) => cursor.tokens.isWord(at, word));
}

function parseVerify(cursor: Cursor, span: Span): Statement {
  const next = cursor.index + 1;
  if (cursor.sees('ALL') && (next >= cursor.end || cursor.tokens.isWord(next, 'AT'))) {
    cursor.expect('ALL');
    refuseAtEpoch(cursor);
    return {kind: 'verify', span, table: undefined};
  }
  if (!cursor.accept('DYNAMIC', 'TABLE')) acceptTableWord(cursor);
  const table = cursor.tableName('ALL or a table name');
  refuseAtEpoch(cursor);
  return {kind: 'verify', span, table};
}

function refuseAtEpoch(cursor: Cursor): void {
  if (cursor.sees('AT')) throw cursor.unsupported('VERIFY … AT EPOCH', 'VERIFY reads the newest epoch');
}
