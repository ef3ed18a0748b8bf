/** INSERT, UPDATE and DELETE, cut into clauses at depth 0. Expressions and queries inside stay text; dml.ts makes SELECTs of them. */
import {WarehouseError} from '../../base/error.ts';
import type {Cursor, SqlText} from './cursor.ts';
import {placeText, type Span} from './place.ts';
import type {Assignment, DeleteStatement, InsertStatement, UpdateStatement} from './statement.ts';

const keyHint = 'an INSERT into a table with PRIMARY KEY overwrites the row of its key';

/** Parses INSERT [OR REPLACE] INTO t [(columns)] [BY NAME] VALUES … | SELECT …. The cursor stands at INSERT. */
export function parseInsert(cursor: Cursor, span: Span): InsertStatement {
  cursor.expect('INSERT');
  if (cursor.sees('OVERWRITE')) throw cursor.unsupported('INSERT OVERWRITE', 'DELETE the rows first, or INSERT over their keys');
  if (cursor.accept('OR')) {
    if (cursor.sees('IGNORE')) throw cursor.unsupported('INSERT OR IGNORE', keyHint);
    cursor.expect('REPLACE'); // what every INSERT into a keyed table does
  }
  cursor.expect('INTO');
  const table = cursor.tableName();
  if (cursor.sees('AS')) throw cursor.unsupported('an alias in INSERT');
  let columns: string[] | undefined;
  if (cursor.seesSymbol('(') && !queryStarts(cursor, cursor.index + 1)) {
    const at = cursor.index;
    columns = cursor.nameList('a column name');
    refuseRepeats(cursor, columns, at);
  }
  let byName = false;
  if (cursor.accept('BY')) {
    byName = cursor.accept('NAME');
    if (!byName) cursor.expect('POSITION');
  }
  if (cursor.sees('DEFAULT', 'VALUES')) throw cursor.unsupported('INSERT … DEFAULT VALUES', 'write the values');
  refuseReturning(cursor, 'INSERT');
  const conflict = cursor.find((i) => cursor.tokens.isWord(i, 'ON') && cursor.tokens.isWord(i + 1, 'CONFLICT')
    && (cursor.tokens.isWord(i + 2, 'DO') || (cursor.tokens.isSymbol(i + 2, '(') && cursor.tokens.isWord(cursor.closerOf(i + 2) + 1, 'DO'))));
  if (conflict < cursor.end) throw cursor.unsupported('ON CONFLICT', keyHint, conflict);
  if (!queryStarts(cursor, cursor.index)) throw cursor.unexpected('VALUES or a query', "INSERT INTO t VALUES (…), (…) or INSERT INTO t SELECT …");
  const literalRows = !byName && isRowList(cursor);
  return {kind: 'insert', span, table, columns, byName, literalRows, source: cursor.clauseTo(cursor.end, 'VALUES or a query')};
}

/** VALUES and bracketed rows with commas between them, up to the end. */
function isRowList(cursor: Cursor): boolean {
  if (!cursor.sees('VALUES')) return false;
  for (let at = cursor.index + 1; at < cursor.end;) {
    if (!cursor.tokens.isSymbol(at, '(')) return false;
    at = cursor.closerOf(at) + 1;
    if (at === cursor.end) return true;
    if (!cursor.tokens.isSymbol(at, ',')) return false;
    at++;
  }
  return false;
}

function queryStarts(cursor: Cursor, index: number): boolean {
  let at = index;
  while (at < cursor.end && cursor.tokens.isSymbol(at, '(')) at++;
  return at < cursor.end && ['SELECT', 'WITH', 'VALUES', 'FROM', 'TABLE'].some((word) => cursor.tokens.isWord(at, word))
    && !cursor.tokens.isSymbol(at + 1, ',') && !cursor.tokens.isSymbol(at + 1, ')');
}

/** Parses UPDATE t [[AS] alias] SET a = …, (b, c) = (…, …) [FROM …] [WHERE …]. The cursor stands at UPDATE. */
export function parseUpdate(cursor: Cursor, span: Span): UpdateStatement {
  cursor.expect('UPDATE');
  const table = cursor.tableName();
  const alias = readAlias(cursor, 'SET');
  cursor.expect('SET');
  refuseReturning(cursor, 'UPDATE');
  const where = cursor.find((i) => cursor.tokens.isWord(i, 'WHERE'));
  const from = Math.min(where, cursor.find((i) => startsFrom(cursor, i)));
  const assignments = readAssignments(cursor, from);
  const fromText = cursor.accept('FROM') ? readTables(cursor, where, 'FROM') : undefined;
  return {kind: 'update', span, table, alias, assignments, from: fromText, where: readWhere(cursor)};
}

/** Parses DELETE FROM t [[AS] alias] [USING …] [WHERE …]. The cursor stands at DELETE. */
export function parseDelete(cursor: Cursor, span: Span): DeleteStatement {
  cursor.expect('DELETE');
  cursor.expect('FROM');
  const table = cursor.tableName();
  const alias = readAlias(cursor, 'USING', 'WHERE', 'RETURNING');
  refuseReturning(cursor, 'DELETE');
  const where = cursor.find((i) => cursor.tokens.isWord(i, 'WHERE'));
  const using = cursor.accept('USING') ? readTables(cursor, where, 'USING') : undefined;
  return {kind: 'delete', span, table, alias, using, where: readWhere(cursor)};
}

function readAlias(cursor: Cursor, ...next: string[]): string | undefined {
  if (cursor.accept('AS')) return cursor.name('an alias');
  if (cursor.done || next.some((word) => cursor.sees(word))) return undefined;
  const kind = cursor.tokens.kind(cursor.index);
  return kind === 'word' || kind === 'quoted' ? cursor.name('an alias') : undefined;
}

const queryWords = ['UNION', 'EXCEPT', 'INTERSECT', 'GROUP', 'HAVING', 'ORDER', 'LIMIT', 'OFFSET', 'WINDOW', 'QUALIFY'];

/** Reads the tables after FROM or USING. They are put into the FROM of a SELECT: what could continue that SELECT is no table. */
function readTables(cursor: Cursor, end: number, clause: string): SqlText {
  const other = cursor.find((i) => i >= end || queryWords.some((word) => cursor.tokens.isWord(i, word)));
  if (other < end) {
    cursor.index = other;
    throw cursor.unexpected(`tables after ${clause}, then WHERE`, 'write a subquery in brackets');
  }
  return cursor.clauseTo(end, `tables after ${clause}`);
}

function readWhere(cursor: Cursor): SqlText | undefined {
  if (cursor.accept('WHERE')) return cursor.clauseTo(cursor.end, 'a condition after WHERE');
  cursor.expectEnd('WHERE or the end of the statement');
  return undefined;
}

/** `FROM` begins a clause, unless it is the end of IS [NOT] DISTINCT FROM. */
function startsFrom(cursor: Cursor, index: number): boolean {
  return cursor.tokens.isWord(index, 'FROM') && !(cursor.tokens.isWord(index - 1, 'DISTINCT')
    && (cursor.tokens.isWord(index - 2, 'IS') || (cursor.tokens.isWord(index - 2, 'NOT') && cursor.tokens.isWord(index - 3, 'IS'))));
}

function readAssignments(cursor: Cursor, end: number): Assignment[] {
  const at = cursor.index;
  const assignments: Assignment[] = [];
  for (;;) {
    const comma = Math.min(end, cursor.find((i) => cursor.tokens.isSymbol(i, ',')));
    if (cursor.seesSymbol('(')) readRowAssignment(cursor, comma, assignments);
    else {
      const column = cursor.name('a column name');
      if (cursor.seesSymbol('.') || cursor.seesSymbol('[')) throw cursor.unsupported('assigning to a part of a column', 'assign the whole column');
      cursor.expectSymbol('=');
      assignments.push({column, expression: readExpression(cursor, comma)});
    }
    if (cursor.index >= end) break;
    cursor.expectSymbol(',');
  }
  refuseRepeats(cursor, assignments.map((assignment) => assignment.column), at);
  return assignments;
}

/** `(a, b) = (x, y)`: as many expressions as columns. */
function readRowAssignment(cursor: Cursor, end: number, into: Assignment[]): void {
  const columns = cursor.nameList('a column name');
  cursor.expectSymbol('=');
  cursor.accept('ROW');
  const open = cursor.index;
  if (!cursor.seesSymbol('(') || cursor.closerOf(open) !== end - 1 || queryStarts(cursor, open + 1)) {
    throw cursor.unsupported('assigning a query to several columns', 'write one assignment per column, or UPDATE … FROM');
  }
  cursor.expectSymbol('(');
  const close = end - 1;
  for (const [i, column] of columns.entries()) {
    const comma = Math.min(close, cursor.find((index) => cursor.tokens.isSymbol(index, ',')));
    into.push({column, expression: readExpression(cursor, comma)});
    const more = i < columns.length - 1;
    if (more !== (comma < close)) throw cursor.unexpected(`as many values as columns (${columns.length})`);
    if (more) cursor.expectSymbol(',');
  }
  cursor.expectSymbol(')');
}

function readExpression(cursor: Cursor, end: number): SqlText {
  if (cursor.sees('DEFAULT') && cursor.index === end - 1) throw cursor.unsupported('DEFAULT as a value', 'write the value');
  return cursor.clauseTo(end, 'an expression');
}

function refuseReturning(cursor: Cursor, what: string): void {
  const at = cursor.find((i) => cursor.tokens.isWord(i, 'RETURNING'));
  if (at < cursor.end) throw cursor.unsupported(`${what} … RETURNING`, 'read the rows with a SELECT after it', at);
}

function refuseRepeats(cursor: Cursor, columns: readonly string[], at: number): void {
  const seen = new Set<string>();
  for (const column of columns) {
    const folded = column.toLowerCase();
    if (seen.has(folded)) {
      throw new WarehouseError('invalid', 'MR_SYNTAX', `expected each column once, found "${column}" twice at ${placeText(cursor.tokens.source, cursor.tokens.start(at))}`);
    }
    seen.add(folded);
  }
}
