/** CREATE and DROP SUBSCRIPTION, FETCH … FROM s, COMMIT s THROUGH EPOCH e. */
import {WarehouseError} from '../../base/error.ts';
import type {Cursor, TableName} from './cursor.ts';
import {optionValue, readOptions} from './options.ts';
import {placeText, type Span} from './place.ts';
import {durationMs} from './settings.ts';
import type {Statement, StatementOptions} from './statement.ts';

/** @returns the statement, or undefined when the cursor stands at none of these. */
export function parseSubscription(cursor: Cursor, span: Span): Statement | undefined {
  const statement = parseHere(cursor, span);
  if (statement !== undefined) cursor.expectEnd();
  return statement;
}

function parseHere(cursor: Cursor, span: Span): Statement | undefined {
  if (cursor.accept('CREATE', 'SUBSCRIPTION')) return parseCreate(cursor, span);
  if (cursor.accept('DROP', 'SUBSCRIPTION')) {
    const ifExists = cursor.accept('IF', 'EXISTS');
    return {kind: 'drop-subscription', span, name: subscriptionName(cursor), ifExists};
  }
  if (cursor.accept('FETCH')) return parseFetch(cursor, span);
  if (cursor.sees('COMMIT') && cursor.tokens.isWord(cursor.index + 2, 'THROUGH') && cursor.index + 2 < cursor.end) {
    cursor.expect('COMMIT');
    const name = subscriptionName(cursor);
    cursor.expect('THROUGH', 'EPOCH');
    const epoch = cursor.wholeNumber('an epoch number');
    const {consumer} = consumerOptions(cursor, ['consumer']);
    return {kind: 'commit-subscription', span, name, epoch, consumer};
  }
  return undefined;
}

function subscriptionName(cursor: Cursor): string {
  const name = cursor.name('the name of a subscription');
  if (cursor.seesSymbol('.')) throw cursor.unexpected('the end of the subscription\'s name', 'subscriptions belong to the warehouse, not to a schema');
  return name;
}

function parseCreate(cursor: Cursor, span: Span): Statement {
  const ifNotExists = cursor.accept('IF', 'NOT', 'EXISTS');
  const name = subscriptionName(cursor);
  if (!cursor.accept('ON') && !cursor.accept('FOR')) throw cursor.unexpected('ON and the tables to follow');
  const tables: TableName[] = [];
  do tables.push(cursor.tableName()); while (cursor.acceptSymbol(','));
  let from: 'snapshot' | 'latest' | number = 'latest';
  if (cursor.accept('FROM')) {
    if (cursor.accept('SNAPSHOT')) from = 'snapshot';
    else if (cursor.accept('EPOCH')) from = cursor.wholeNumber('an epoch number');
    else if (!cursor.accept('LATEST')) throw cursor.unexpected('SNAPSHOT, LATEST or EPOCH n');
  }
  const options: StatementOptions = cursor.accept('WITH') ? readOptions(cursor) : {};
  return {kind: 'create-subscription', span, name, ifNotExists, tables, from, options};
}

function parseFetch(cursor: Cursor, span: Span): Statement {
  if (cursor.sees('NEXT') && cursor.tokens.isWord(cursor.index + 1, 'FROM')) cursor.accept('NEXT');
  const rows = cursor.sees('FROM') ? undefined : cursor.wholeNumber('a number of rows, or FROM and a subscription');
  cursor.expect('FROM');
  const name = subscriptionName(cursor);
  const at = cursor.index;
  const waited = cursor.accept('WAIT') ? optionValue(cursor) : undefined;
  const {timeout, consumer} = consumerOptions(cursor, ['timeout', 'consumer']);
  const text = waited ?? timeout;
  const waitMs = text === undefined ? 0 : durationMs(text);
  if (waitMs === undefined) throw new WarehouseError('invalid', 'MR_SYNTAX', `expected how long to wait, such as '1 s', found "${text}" at ${placeText(cursor.tokens.source, cursor.tokens.start(Math.min(at, cursor.end - 1)))}`);
  return {kind: 'fetch', span, name, rows, waitMs, consumer};
}

/** Reads `WITH (…)` if it stands here, of which only `known` may be there. */
function consumerOptions(cursor: Cursor, known: readonly string[]): {readonly timeout: string | undefined; readonly consumer: string | undefined} {
  const at = cursor.index;
  const options: StatementOptions = cursor.accept('WITH') ? readOptions(cursor) : {};
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown !== undefined) throw new WarehouseError('invalid', 'MR_UNKNOWN_OPTION', `expected ${known.join(' or ')}, found option "${unknown}" at ${placeText(cursor.tokens.source, cursor.tokens.start(at))}`);
  return {timeout: options['timeout'], consumer: options['consumer']};
}
