/**
 * `VALUES (…), (…)` with every value cast to its column's type, as DuckDB's own INSERT does: left alone, a column of VALUES takes
 * one type that fits all rows, and there is none for (1), ('x'). A column whose values are all of one simple kind is left alone,
 * since the cast around the whole is the same then and a long list parses in half the time.
 */
import {WarehouseError} from '../../base/error.ts';
import {tokenize, type Tokens} from './lexer.ts';

export interface LiteralRows {
  /** The list, to be put in FROM ( … ). */
  readonly sql: string;
  /** Every value is NULL, a number, a text, TRUE, FALSE or a date in quotes: nothing is called, nothing is named. */
  readonly literalsOnly: boolean;
}

/** What values of a column are, as bits. */
const NULLS = 1, TEXTS = 2, INTEGERS = 4, LITERALS = 8, EXPRESSIONS = 16;
const integerDigitsMax = 9;

/**
 * @param source `VALUES` and bracketed rows, nothing else; brackets pair.
 * @param types SQL of each column's type.
 * @param names the columns, for messages.
 * @throws {WarehouseError} `MR_SYNTAX` when a row has another number of values than there are columns.
 */
export function castLiteralRows(source: string, types: readonly string[], names: readonly string[]): LiteralRows {
  const tokens = tokenize(source);
  const kinds = new Uint8Array(types.length);
  forEachValue(tokens, types.length, names, (column, start, end) => { kinds[column]! |= kindOf(tokens, start, end); });
  const cast = types.map((_, column) => (kinds[column]! & ~(NULLS | TEXTS)) !== 0 && (kinds[column]! & ~(NULLS | INTEGERS)) !== 0);
  const parts: string[] = [];
  let copied = 0;
  forEachValue(tokens, types.length, names, (column, start, end) => {
    if (cast[column] !== true) return;
    parts.push(source.slice(copied, tokens.start(start)), 'CAST((', source.slice(tokens.start(start), tokens.end(end - 1)), ') AS ', types[column]!, ')');
    copied = tokens.end(end - 1);
  });
  parts.push(source.slice(copied));
  return {sql: parts.join(''), literalsOnly: kinds.every((kind) => (kind & EXPRESSIONS) === 0)};
}

/** Calls `visit` with the tokens [start, end) of each value. */
function forEachValue(tokens: Tokens, columnCount: number, names: readonly string[], visit: (column: number, start: number, end: number) => void): void {
  let depth = 0, column = 0, row = 0, start = 0;
  for (let i = 0; i < tokens.count; i++) {
    if (tokens.kind(i) !== 'symbol') continue;
    const symbol = tokens.text(i);
    if (symbol === '(' || symbol === '[' || symbol === '{') {
      if (depth++ > 0) continue;
      [column, start] = [0, i + 1];
      row++;
    } else if ((symbol === ',' && depth === 1) || ((symbol === ')' || symbol === ']' || symbol === '}') && --depth === 0)) {
      const last = symbol !== ',';
      if (last !== (column === columnCount - 1)) {
        throw new WarehouseError('invalid', 'MR_SYNTAX', `expected ${columnCount} values in every row, found ${last ? column + 1 : `more than ${columnCount}`} in row ${row}`, {hint: `the columns are ${names.join(', ')}`});
      }
      if (i === start) throw new WarehouseError('invalid', 'MR_SYNTAX', `expected a value for column "${names[column]!}" in row ${row}, found none`);
      visit(column, start, i);
      column++;
      start = i + 1;
    }
  }
}

function kindOf(tokens: Tokens, start: number, end: number): number {
  const count = end - start, kind = tokens.kind(end - 1);
  if (kind === 'string') {
    if (count === 1) return TEXTS;
    return count === 2 && (tokens.isWord(start, 'DATE') || tokens.isWord(start, 'TIMESTAMP') || tokens.isWord(start, 'TIMESTAMPTZ')) ? LITERALS : EXPRESSIONS;
  }
  if (kind === 'number') {
    if (count > 2 || (count === 2 && !tokens.isSymbol(start, '-'))) return EXPRESSIONS;
    const text = tokens.text(end - 1);
    return text.length <= integerDigitsMax && /^\d+$/.test(text) ? INTEGERS : LITERALS;
  }
  if (count === 1 && tokens.isWord(start, 'NULL')) return NULLS;
  return count === 1 && (tokens.isWord(start, 'TRUE') || tokens.isWord(start, 'FALSE')) ? LITERALS : EXPRESSIONS;
}
