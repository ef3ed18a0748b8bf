/**
 * A reader over the tokens of one statement: what the parsers of the statement families share. Keywords are compared in any case;
 * a quoted name is never a keyword. Every complaint says what was expected, what was found and where.
 */
import {WarehouseError} from '../../base/error.ts';
import type {Tokens} from './lexer.ts';
import {placeText, spanOf, type Span} from './place.ts';

/** Text of a clause, cut out of a statement. `?` is written as the `$n` it stands for, so that clauses can be moved about. */
export interface SqlText {
  readonly text: string;
  readonly span: Span;
  /** What the text takes: ordinals from 1, or names of `$name`; each once, in order of appearance. */
  readonly parameters: readonly (number | string)[];
}

/** A table as written. No schema means `main`. */
export interface TableName {
  readonly schema: string | undefined;
  readonly name: string;
  readonly span: Span;
}

const openers: Readonly<Record<string, string>> = {'(': ')', '[': ']', '{': '}'};

export class Cursor {
  readonly tokens: Tokens;
  readonly end: number;
  index: number;
  readonly #ordinals: ReadonlyMap<number, number>;
  readonly #closers: ReadonlyMap<number, number>;

  /** @throws {WarehouseError} `MR_SYNTAX` when brackets of tokens [start, end) do not pair. */
  constructor(tokens: Tokens, start: number, end: number) {
    this.tokens = tokens;
    this.index = start;
    this.end = end;
    this.#closers = pairBrackets(tokens, start, end);
    this.#ordinals = numberParameters(tokens, start, end);
  }

  get done(): boolean {
    return this.index >= this.end;
  }

  /** @returns whether the tokens from here on are these words (capitals). */
  sees(...words: string[]): boolean {
    return words.every((word, i) => this.index + i < this.end && this.tokens.isWord(this.index + i, word));
  }

  seesSymbol(symbol: string): boolean {
    return !this.done && this.tokens.isSymbol(this.index, symbol);
  }

  /** Steps over the words if all of them stand here. */
  accept(...words: string[]): boolean {
    if (!this.sees(...words)) return false;
    this.index += words.length;
    return true;
  }

  acceptSymbol(symbol: string): boolean {
    if (!this.seesSymbol(symbol)) return false;
    this.index++;
    return true;
  }

  expect(...words: string[]): void {
    for (const word of words) if (!this.accept(word)) throw this.unexpected(word);
  }

  expectSymbol(symbol: string, hint?: string): void {
    if (!this.acceptSymbol(symbol)) throw this.unexpected(`"${symbol}"`, hint);
  }

  /** @throws {WarehouseError} `MR_SYNTAX` unless the statement ends here. */
  expectEnd(what: string = 'the end of the statement', hint?: string): void {
    if (!this.done) throw this.unexpected(what, hint);
  }

  /** Reads an identifier. */
  name(what: string): string {
    const kind = this.done ? undefined : this.tokens.kind(this.index);
    if (kind !== 'word' && kind !== 'quoted') throw this.unexpected(what);
    const value = this.tokens.value(this.index);
    if (value.length === 0) throw this.unexpected(what, 'a name has at least one character');
    this.index++;
    return value;
  }

  /** Reads `name` or `schema.name`. */
  tableName(what: string = 'a table name'): TableName {
    const start = this.index;
    const first = this.name(what);
    if (!this.acceptSymbol('.')) return {schema: undefined, name: first, span: this.spanFrom(start)};
    const second = this.name(what);
    if (this.seesSymbol('.')) throw this.unexpected(`${what} of the form name or schema.name`, 'a warehouse has no databases above its schemas');
    return {schema: first, name: second, span: this.spanFrom(start)};
  }

  /** Reads `( name, … )`; the opening bracket stands here. */
  nameList(what: string): string[] {
    this.expectSymbol('(');
    const names: string[] = [];
    do names.push(this.name(what)); while (this.acceptSymbol(','));
    this.expectSymbol(')');
    return names;
  }

  /** Reads a whole number >= 0. */
  wholeNumber(what: string): number {
    const text = !this.done && this.tokens.kind(this.index) === 'number' ? this.tokens.text(this.index).replaceAll('_', '') : '';
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(value)) throw this.unexpected(what);
    this.index++;
    return value;
  }

  /** Reads a string literal. */
  string(what: string): string {
    if (this.done || this.tokens.kind(this.index) !== 'string') throw this.unexpected(what);
    return this.tokens.value(this.index++);
  }

  /** @returns the index of the bracket that closes the one at token `index`. */
  closerOf(index: number): number {
    return this.#closers.get(index)!;
  }

  /** @returns the first token from here on, outside all brackets, for which `found` holds; the end if there is none. */
  find(found: (index: number) => boolean, from: number = this.index): number {
    for (let i = from; i < this.end; i++) {
      if (found(i)) return i;
      const closer = this.#closers.get(i);
      if (closer !== undefined) i = closer;
    }
    return this.end;
  }

  /** Cuts tokens [index, end) out and steps there. @throws {WarehouseError} `MR_SYNTAX` when there are none. */
  clauseTo(end: number, what: string): SqlText {
    if (end <= this.index) throw this.unexpected(what);
    const clause = this.textOf(this.index, end);
    this.index = end;
    return clause;
  }

  /** @returns tokens [start, end) as text, without the comments before and after. */
  textOf(start: number, end: number): SqlText {
    const {source} = this.tokens;
    const from = this.tokens.start(start), to = this.tokens.end(end - 1);
    const parameters: (number | string)[] = [];
    let text = '', copied = from;
    for (let i = start; i < end; i++) {
      if (this.tokens.kind(i) !== 'parameter') continue;
      const ordinal = this.#ordinals.get(i);
      const parameter = ordinal ?? this.tokens.text(i).slice(1);
      if (!parameters.includes(parameter)) parameters.push(parameter);
      text += `${source.slice(copied, this.tokens.start(i))}$${parameter}`;
      copied = this.tokens.end(i);
    }
    return {text: text + source.slice(copied, to), span: spanOf(source, from, to), parameters};
  }

  /** @returns the span of the tokens from `start` to the one before this. */
  spanFrom(start: number): Span {
    return spanOf(this.tokens.source, this.tokens.start(start), this.tokens.end(this.index - 1));
  }

  /** @returns the complaint that something else stands here. */
  unexpected(expected: string, hint?: string): WarehouseError {
    const found = this.done ? (this.end < this.tokens.count ? `"${this.tokens.text(this.end)}"` : 'the end of the text') : `"${clip(this.tokens.text(this.index))}"`;
    const offset = this.end > 0 && this.done && this.end >= this.tokens.count ? this.tokens.end(this.end - 1) : this.tokens.start(this.index);
    return new WarehouseError('invalid', 'MR_SYNTAX', `expected ${expected}, found ${found} at ${placeText(this.tokens.source, offset)}`, {hint});
  }

  /** @returns the refusal of something that is understood but not (yet) done. */
  unsupported(what: string, hint?: string, at: number = this.index): WarehouseError {
    return new WarehouseError('invalid', 'MR_UNSUPPORTED', `${what} is not supported in this version, at ${placeText(this.tokens.source, this.tokens.start(Math.min(at, this.end - 1)))}`, {hint});
  }
}

const clipCharacters = 40;

function clip(text: string): string {
  return text.length <= clipCharacters ? text : `${text.slice(0, clipCharacters)}…`;
}

/** @returns for each opening bracket the index of its closing one. */
function pairBrackets(tokens: Tokens, start: number, end: number): Map<number, number> {
  const closers = new Map<number, number>();
  const open: number[] = [];
  for (let i = start; i < end; i++) {
    if (tokens.kind(i) !== 'symbol') continue;
    const text = tokens.text(i);
    if (text in openers) open.push(i);
    else if (text === ')' || text === ']' || text === '}') {
      const opener = open.pop();
      if (opener === undefined || openers[tokens.text(opener)] !== text) {
        const expected = opener === undefined ? 'no closing bracket here' : `"${openers[tokens.text(opener)]}" for the "${tokens.text(opener)}" at ${placeText(tokens.source, tokens.start(opener))}`;
        throw new WarehouseError('invalid', 'MR_SYNTAX', `expected ${expected}, found "${text}" at ${placeText(tokens.source, tokens.start(i))}`);
      }
      closers.set(opener, i);
    }
  }
  const unclosed = open[0];
  if (unclosed !== undefined) {
    const text = tokens.text(unclosed);
    throw new WarehouseError('invalid', 'MR_SYNTAX', `expected "${openers[text]}" for the "${text}" at ${placeText(tokens.source, tokens.start(unclosed))}, found the end of the statement`);
  }
  return closers;
}

/** `?` takes the number after the highest before it, as in DuckDB; `?n` and `$n` say theirs. Named ones have no number. */
function numberParameters(tokens: Tokens, start: number, end: number): Map<number, number> {
  const ordinals = new Map<number, number>();
  let highest = 0;
  for (let i = start; i < end; i++) {
    if (tokens.kind(i) !== 'parameter') continue;
    const digits = tokens.text(i).slice(1);
    if (digits !== '' && !/^\d+$/.test(digits)) continue;
    const ordinal = digits === '' ? highest + 1 : Number(digits);
    if (ordinal < 1 || ordinal > parametersMax) {
      throw new WarehouseError('invalid', 'MR_SYNTAX', `expected a parameter number from 1 to ${parametersMax}, found "${tokens.text(i)}" at ${placeText(tokens.source, tokens.start(i))}`);
    }
    highest = Math.max(highest, ordinal);
    ordinals.set(i, ordinal);
  }
  return ordinals;
}

const parametersMax = 65_535;
