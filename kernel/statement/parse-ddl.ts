/**
 * CREATE and DROP of schemas, tables and dynamic tables. Column definitions stay DuckDB text (an instance of its own reads them);
 * what is ours between the brackets (WATERMARK FOR, NOT ENFORCED) is taken out here.
 */
import {WarehouseError} from '../../base/error.ts';
import type {Cursor, SqlText} from './cursor.ts';
import {optionValue, readOptions} from './options.ts';
import {placeText, type Span} from './place.ts';
import {refuseByName} from './refused.ts';
import type {Statement, StatementOptions} from './statement.ts';

/** @returns the statement, or undefined when the cursor does not stand at a CREATE. */
export function parseCreate(cursor: Cursor, span: Span): Statement | undefined {
  if (!cursor.sees('CREATE')) return undefined;
  refuseByName(cursor);
  cursor.expect('CREATE');
  if (cursor.accept('SCHEMA')) {
    const ifNotExists = cursor.accept('IF', 'NOT', 'EXISTS');
    const name = schemaName(cursor);
    cursor.expectEnd();
    return {kind: 'create-schema', span, name, ifNotExists};
  }
  if (cursor.accept('TABLE')) return parseCreateTable(cursor, span);
  if (cursor.accept('DYNAMIC', 'TABLE') || cursor.accept('MATERIALIZED', 'VIEW') || cursor.accept('MATERIALIZED', 'TABLE')) {
    return parseCreateDynamicTable(cursor, span);
  }
  throw cursor.unexpected('SCHEMA, TABLE or DYNAMIC TABLE');
}

/** @returns the statement, or undefined when the cursor does not stand at a DROP. */
export function parseDrop(cursor: Cursor, span: Span): Statement | undefined {
  if (!cursor.sees('DROP')) return undefined;
  refuseByName(cursor);
  cursor.expect('DROP');
  const what = cursor.accept('SCHEMA') ? 'drop-schema'
    : cursor.accept('TABLE') ? 'drop-table'
      : cursor.accept('DYNAMIC', 'TABLE') || cursor.accept('MATERIALIZED', 'VIEW') || cursor.accept('MATERIALIZED', 'TABLE') ? 'drop-dynamic-table' : undefined;
  if (what === undefined) throw cursor.unexpected('SCHEMA, TABLE or DYNAMIC TABLE');
  const ifExists = cursor.accept('IF', 'EXISTS');
  const statement: Statement = what === 'drop-schema'
    ? {kind: what, span, name: schemaName(cursor), ifExists}
    : {kind: what, span, table: cursor.tableName(), ifExists};
  if (cursor.seesSymbol(',')) throw cursor.unsupported('dropping several things in one statement', 'write one DROP each');
  if (cursor.sees('CASCADE')) throw cursor.unsupported('CASCADE', 'drop what depends on it first');
  cursor.accept('RESTRICT');
  cursor.expectEnd();
  return statement;
}

function schemaName(cursor: Cursor): string {
  const name = cursor.name('a schema name');
  if (cursor.seesSymbol('.')) throw cursor.unexpected('the end of the schema name', 'a warehouse has no databases above its schemas');
  return name;
}

function parseCreateTable(cursor: Cursor, span: Span): Statement {
  const ifNotExists = cursor.accept('IF', 'NOT', 'EXISTS');
  const table = cursor.tableName();
  if (cursor.sees('FROM', 'SOURCE')) throw cursor.unsupported('CREATE TABLE … FROM SOURCE', 'load rows with INSERT, `millrace ingest` or POST /v1/tables/{t}/rows');
  if (cursor.sees('AS')) throw cursor.unsupported('CREATE TABLE … AS', 'CREATE TABLE with columns, then INSERT INTO it SELECT …; or CREATE DYNAMIC TABLE … AS to keep it up to date');
  if (!cursor.seesSymbol('(')) throw cursor.unexpected('"(" and the columns');
  const {columns, primaryKey} = readColumns(cursor);
  let options: StatementOptions | undefined;
  let partitionedBy: string[] | undefined;
  while (!cursor.done) {
    if (partitionedBy === undefined && cursor.accept('PARTITIONED', 'BY')) {
      partitionedBy = cursor.nameList('a partition column');
      continue;
    }
    if (cursor.sees('CONSTRAINT')) throw notYet(cursor, 'CONSTRAINT … EXPECT');
    if (cursor.sees('COMMENT')) throw notYet(cursor, 'COMMENT');
    if (cursor.sees('AS')) throw cursor.unsupported('CREATE TABLE (…) AS', 'CREATE TABLE with columns, then INSERT INTO it SELECT …');
    if (options !== undefined || !cursor.accept('WITH')) throw cursor.unexpected(options === undefined ? "PARTITIONED BY (…), WITH ('option' = 'value') or the end of the statement" : 'the end of the statement');
    options = readOptions(cursor);
  }
  return {kind: 'create-table', span, table, ifNotExists, columns, primaryKey, partitionedBy: partitionedBy ?? [], options: options ?? {}};
}

function notYet(cursor: Cursor, what: string): WarehouseError {
  const place = placeText(cursor.tokens.source, cursor.tokens.start(cursor.index));
  return new WarehouseError('invalid', 'MR_UNSUPPORTED', `${what} is not supported yet, at ${place}`);
}

/** Reads `( … )`, the bracket at the cursor: its elements as DuckDB takes them, and the key they state. */
function readColumns(cursor: Cursor): {columns: SqlText; primaryKey: string[]} {
  const {tokens} = cursor;
  const open = cursor.index, close = cursor.closerOf(open);
  cursor.expectSymbol('(');
  if (cursor.index === close) throw cursor.unexpected('at least one column');
  const keys: string[][] = [];
  const texts: string[] = [];
  while (cursor.index < close) {
    const start = cursor.index;
    const comma = Math.min(close, cursor.find((i) => tokens.isSymbol(i, ',')));
    if (comma === start) throw cursor.unexpected('a column');
    if (cursor.sees('WATERMARK', 'FOR')) throw notYet(cursor, 'WATERMARK FOR');
    if (cursor.sees('CONSTRAINT') && tokens.isWord(start + 2, 'EXPECT')) throw notYet(cursor, 'CONSTRAINT … EXPECT');
    if (cursor.sees('LIKE')) throw cursor.unsupported('LIKE', 'write the columns');
    const key = cursor.find((i) => i >= comma || (tokens.isWord(i, 'PRIMARY') && tokens.isWord(i + 1, 'KEY')));
    if (key < comma) {
      const tableLevel = key === start || (tokens.isWord(start, 'CONSTRAINT') && key === start + 2);
      if (tableLevel) {
        cursor.index = key + 2;
        keys.push(cursor.nameList('a key column'));
      } else keys.push([tokens.value(start)]);
    }
    // NOT ENFORCED (Flink) is how our keys behave toward other writers' rows anyway: the last row of a key wins.
    const enforced = cursor.find((i) => i >= comma || (tokens.isWord(i, 'NOT') && tokens.isWord(i + 1, 'ENFORCED')), start);
    const end = enforced < comma && enforced + 2 === comma ? enforced : comma;
    texts.push(cursor.textOf(start, end).text);
    cursor.index = comma;
    if (comma < close) cursor.expectSymbol(',');
  }
  cursor.expectSymbol(')');
  if (keys.length > 1) {
    throw new WarehouseError('invalid', 'MR_SYNTAX', `expected one PRIMARY KEY, found ${keys.length} in the table at ${placeText(tokens.source, tokens.start(open))}`, {hint: 'a key of several columns is written PRIMARY KEY (a, b)'});
  }
  const whole = cursor.textOf(open + 1, close);
  if (whole.parameters.length > 0) throw new WarehouseError('invalid', 'MR_SYNTAX', 'expected columns without parameters', {hint: 'write the value into the statement'});
  return {columns: {text: texts.join(', '), span: whole.span, parameters: []}, primaryKey: keys[0] ?? []};
}

function parseCreateDynamicTable(cursor: Cursor, span: Span): Statement {
  const ifNotExists = cursor.accept('IF', 'NOT', 'EXISTS');
  const table = cursor.tableName();
  const primaryKey = cursor.seesSymbol('(') ? readDeclaredKey(cursor) : undefined;
  const {options, partitionedBy} = readDynamicTableClauses(cursor);
  cursor.expect('AS');
  const select = cursor.clauseTo(cursor.end, 'a query after AS');
  if (select.parameters.length > 0) {
    throw new WarehouseError('invalid', 'MR_SYNTAX', `expected a query without parameters, found ${select.parameters.length} in the definition at ${placeText(cursor.tokens.source, select.span.start)}`,
      {hint: 'a definition is kept as text: write the values into it'});
  }
  return {kind: 'create-dynamic-table', span, table, ifNotExists, primaryKey, partitionedBy, options, select};
}

/** `(PRIMARY KEY (a, b) [NOT ENFORCED])` */
function readDeclaredKey(cursor: Cursor): string[] {
  cursor.expectSymbol('(');
  if (!cursor.sees('PRIMARY', 'KEY')) throw cursor.unexpected('PRIMARY KEY (…)', 'the columns of a dynamic table are those of its query');
  cursor.expect('PRIMARY', 'KEY');
  const names = cursor.nameList('a key column');
  cursor.accept('NOT', 'ENFORCED');
  cursor.expectSymbol(')');
  return names;
}

/** The clauses between the name and AS; each is accepted in its harmless form and refused by name in the others. */
function readDynamicTableClauses(cursor: Cursor): {readonly options: StatementOptions; readonly partitionedBy: readonly string[]} {
  let options: StatementOptions | undefined;
  let partitionedBy: string[] = [];
  const seen = new Set<string>();
  const once = (clause: string, at: number): void => {
    if (seen.has(clause)) throw new WarehouseError('invalid', 'MR_SYNTAX', `expected ${clause} once, found it again at ${placeText(cursor.tokens.source, cursor.tokens.start(at))}`);
    seen.add(clause);
  };
  while (!cursor.done && !cursor.sees('AS')) {
    const at = cursor.index;
    if (cursor.accept('TARGET_LAG')) {
      cursor.expectSymbol('=');
      optionValue(cursor);
      throw cursor.unsupported('TARGET_LAG', 'leave it out: the table is then as fresh as its inputs, in every epoch', at);
    } else if (cursor.accept('FRESHNESS')) {
      throw cursor.unsupported('FRESHNESS', 'leave it out: the table is then as fresh as its inputs, in every epoch', at);
    } else if (cursor.accept('REFRESH_MODE')) {
      once('REFRESH_MODE', at);
      cursor.expectSymbol('=');
      const mode = optionValue(cursor).toUpperCase();
      if (mode === 'FULL' || mode === 'AUTO') throw cursor.unsupported(`REFRESH_MODE = ${mode}`, 'INCREMENTAL is what every dynamic table does; EXPLAIN INCREMENTAL shows how', at);
      if (mode !== 'INCREMENTAL') throw new WarehouseError('invalid', 'MR_SYNTAX', `expected REFRESH_MODE = INCREMENTAL, found "${mode}" at ${placeText(cursor.tokens.source, cursor.tokens.start(at))}`);
    } else if (cursor.accept('EMIT')) {
      once('EMIT', at);
      if (cursor.sees('ON', 'WINDOW', 'CLOSE')) throw cursor.unsupported('EMIT ON WINDOW CLOSE', 'EMIT CHANGES keeps the windows corrected as rows arrive', at);
      cursor.expect('CHANGES');
    } else if (cursor.sees('LATE', 'ROWS') || cursor.sees('COMMENT') || cursor.sees('INITIALIZE') || cursor.sees('WAREHOUSE')) {
      throw notYet(cursor, cursor.tokens.text(at).toUpperCase());
    } else if (cursor.accept('PARTITIONED', 'BY')) {
      once('PARTITIONED BY', at);
      partitionedBy = cursor.nameList('a partition column');
    } else if (cursor.accept('WITH')) {
      once('WITH', at);
      options = readOptions(cursor);
    } else throw cursor.unexpected('PARTITIONED BY (…), REFRESH_MODE, EMIT CHANGES, WITH (…) or AS and a query');
  }
  return {options: options ?? {}, partitionedBy};
}
