/**
 * Text → statements. The first words choose the family; each family's parser cuts its clauses. What starts with SELECT, WITH,
 * VALUES, FROM, TABLE or a bracket is one DuckDB SELECT and is not looked into (query/gate.ts does, with DuckDB's own parse tree).
 */
import {WarehouseError} from '../../base/error.ts';
import {Cursor} from './cursor.ts';
import {parseAlter, parseComment} from './parse-alter.ts';
import {parseCreate, parseDrop} from './parse-ddl.ts';
import {parseDelete, parseInsert, parseUpdate} from './parse-dml.ts';
import {parseSubscription} from './parse-subscription.ts';
import {parseTag} from './parse-tag.ts';
import {parseUtility} from './parse-utility.ts';
import {refuseByName, statementWords} from './refused.ts';
import {didYouMean} from './nearest.ts';
import {splitScript, type ScriptPart} from './split.ts';
import type {Statement} from './statement.ts';

export type {AlterChange, AlterTableStatement, ColumnPlace, CreateDynamicTableStatement, CreateTableStatement, DeleteStatement, InsertStatement, SqlText, Statement, TableName, UpdateStatement} from './statement.ts';

const selectWords = ['SELECT', 'VALUES', 'FROM', 'TABLE', 'SUMMARIZE'];

/**
 * Parses all statements of a script.
 *
 * @throws {WarehouseError} `MR_SYNTAX` (expected, found, line and column), `MR_UNSUPPORTED` for what is known but not done in this
 *   version, `MR_NOT_ALLOWED` for what a warehouse has another way for, `MR_UNKNOWN_SETTING` and `MR_BAD_SETTING` for SET.
 */
export function parseScript(script: string): Statement[] {
  return splitScript(script).map(parsePart);
}

/** Parses a text that is one statement. @throws {WarehouseError} as {@link parseScript}, and `MR_SYNTAX` for none or several. */
export function parseStatement(text: string): Statement {
  const parts = splitScript(text);
  const [first, second] = parts;
  if (first === undefined) throw new WarehouseError('invalid', 'MR_SYNTAX', 'expected a statement, found none');
  if (second !== undefined) {
    throw new WarehouseError('invalid', 'MR_SYNTAX', `expected one statement, found a second one at line ${second.span.line}, column ${second.span.column}`);
  }
  return parsePart(first);
}

/** Parses one statement of a script. @throws {WarehouseError} as {@link parseScript}. */
export function parsePart(part: ScriptPart): Statement {
  const cursor = new Cursor(part.tokens, part.start, part.end);
  const {span} = part;
  if (cursor.seesSymbol('(') || selectWords.some((word) => cursor.sees(word))) return select();
  if (cursor.sees('WITH')) {
    refuseDmlUnderWith(cursor);
    return select();
  }
  if (cursor.sees('INSERT')) return parseInsert(cursor, span);
  if (cursor.sees('UPDATE') && !cursor.sees('UPDATE', 'EXTENSIONS')) return parseUpdate(cursor, span);
  if (cursor.sees('DELETE')) return parseDelete(cursor, span);
  const statement = parseSubscription(cursor, span) ?? parseTag(cursor, span) ?? parseCreate(cursor, span) ?? parseDrop(cursor, span) ?? parseAlter(cursor, span) ?? parseComment(cursor, span) ?? parseUtility(cursor, span);
  if (statement !== undefined) return statement;
  refuseByName(cursor);
  const word = cursor.tokens.text(cursor.index);
  throw cursor.unexpected('a statement', didYouMean(word, statementWords));

  function select(): Statement {
    return {kind: 'select', span, select: cursor.clauseTo(cursor.end, 'a query')};
  }
}

/** `WITH a AS (…), b AS (…) INSERT …`: the word after the common table expressions says what the statement is. */
function refuseDmlUnderWith(cursor: Cursor): void {
  const at = cursor.find((i) => ['SELECT', 'VALUES', 'FROM', 'TABLE', 'INSERT', 'UPDATE', 'DELETE', 'MERGE'].some((word) => cursor.tokens.isWord(i, word))
    && !(cursor.tokens.isWord(i + 1, 'AS') || cursor.tokens.isSymbol(i + 1, '(') && cursor.tokens.isWord(i - 1, 'WITH')), cursor.index + 1);
  for (const word of ['INSERT', 'UPDATE', 'DELETE', 'MERGE']) {
    if (!cursor.tokens.isWord(at, word) || at >= cursor.end) continue;
    const hint = word === 'INSERT' ? 'write the WITH after the table: INSERT INTO t WITH … SELECT …' : `write the query as a subquery of the ${word}'s WHERE or FROM`;
    throw cursor.unsupported(`${word} under WITH`, hint, at);
  }
}
