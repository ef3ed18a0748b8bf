/**
 * Edits of a query's text by token: what the tree calls a place is found in the text, and replaced in two ways, by a stand-in when
 * the text is parsed again and by the real thing when it is run.
 */
import {tokenize, type Tokens} from '../kernel/statement/lexer.ts';
import {characterOffset} from '../kernel/statement/place.ts';
import {quoteIdentifier} from '../kernel/quote.ts';
import type {TreeNode} from './gate-tree.ts';

/** Characters [start, end) of the text are replaced. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly standIn: string;
  readonly final: string;
}

export class TextEdits {
  readonly tokens: Tokens;
  readonly #edits = new Map<number, Edit>();
  #standIns = 0;

  constructor(tokens: Tokens) {
    this.tokens = tokens;
  }

  /** The first edit's place in the text; undefined when nothing is edited. */
  get first(): number | undefined {
    return this.#edits.size === 0 ? undefined : Math.min(...this.#edits.keys());
  }

  /** @returns a name that nothing else in the text can have. */
  standIn(): string {
    let name: string;
    do name = `_mr_standin_${this.#standIns++}`; while (this.tokens.source.includes(name));
    return name;
  }

  /** Replaces tokens [from, to). One place is edited once: the tree may hold one piece of text twice (the operand of CASE). */
  replace(from: number, to: number, standIn: string, final: string): void {
    const start = this.tokens.start(from);
    if (!this.#edits.has(start)) this.#edits.set(start, {start, end: this.tokens.end(to - 1), standIn, final});
  }

  /** Takes tokens [from, to) out, with what stands between them and the next. */
  remove(from: number, to: number): void {
    const start = this.tokens.start(from);
    if (!this.#edits.has(start)) this.#edits.set(start, {start, end: this.tokens.start(to), standIn: '', final: ''});
  }

  /** Makes every `?` say its number, before one of them goes. */
  numberParameters(): void {
    for (const {index, parameter} of parametersOf(this.tokens)) if (this.tokens.text(index) === '?') this.replace(index, index + 1, `$${parameter}`, `$${parameter}`);
  }

  /** @returns the text from character `start` to the end of token `last`, with every `?` saying its number. */
  numberedText(start: number, last: number): string {
    const {tokens} = this;
    let result = '', copied = start;
    for (const {index, parameter} of parametersOf(tokens)) {
      if (tokens.start(index) < start || index > last) continue;
      result += `${tokens.source.slice(copied, tokens.start(index))}$${parameter}`;
      copied = tokens.end(index);
    }
    return result + tokens.source.slice(copied, tokens.end(last));
  }

  /** @returns the text with every edit done; an edit inside another is gone with it. */
  apply(which: 'standIn' | 'final'): string {
    const {source} = this.tokens;
    let result = '', copied = 0;
    for (const edit of [...this.#edits.values()].toSorted((a, b) => a.start - b.start)) {
      if (edit.start < copied) continue;
      result += source.slice(copied, edit.start) + edit[which];
      copied = edit.end;
    }
    return result + source.slice(copied);
  }

  /** @returns the token at which a node of the tree stands; the first one for a node without a place. */
  tokenAt(node: TreeNode): number {
    const byte = node['query_location'];
    if (typeof byte !== 'number' || !Number.isSafeInteger(byte)) return 0;
    return Math.min(this.tokens.at(characterOffset(this.tokens.source, byte)), Math.max(0, this.tokens.count - 1));
  }

  /** @returns the token after the name `a`, `a.b` … that begins at token `at`. */
  nameEnd(at: number): number {
    let end = at + 1;
    while (this.tokens.isSymbol(end, '.')) end += 2;
    return end;
  }

  /** @returns the token that closes the bracket at token `open`. */
  closerOf(open: number): number {
    let depth = 0;
    for (let i = open; i < this.tokens.count; i++) {
      if (this.tokens.isSymbol(i, '(')) depth++;
      else if (this.tokens.isSymbol(i, ')') && --depth === 0) return i;
    }
    return this.tokens.count - 1;
  }
}

/** @returns ` AS "alias"`. */
export function asAlias(alias: string): string {
  return ` AS ${quoteIdentifier(alias)}`;
}

/**
 * Numbers the parameters `$1 … $n` without gaps: DuckDB counts those that occur, not the highest. Named ones stay.
 *
 * @returns the text, and the user's parameter that each stands for.
 */
export function closeParameterGaps(sql: string): {sql: string; parameters: (number | string)[]} {
  const tokens = tokenize(sql);
  const found = parametersOf(tokens);
  const names = found.flatMap(({parameter}) => (typeof parameter === 'string' ? [parameter] : []));
  if (names.length > 0) return {sql, parameters: [...new Set(names)]};
  const parameters = [...new Set(found.map(({parameter}) => Number(parameter)))].toSorted((a, b) => a - b);
  const edits = new TextEdits(tokens);
  for (const {index, parameter} of found) edits.replace(index, index + 1, '', `$${parameters.indexOf(Number(parameter)) + 1}`);
  return {sql: edits.apply('final'), parameters};
}

/** `?` counts on from the highest number before it, as in DuckDB. */
function parametersOf(tokens: Tokens): {readonly index: number; readonly parameter: number | string}[] {
  const found: {index: number; parameter: number | string}[] = [];
  let highest = 0;
  for (let index = 0; index < tokens.count; index++) {
    if (tokens.kind(index) !== 'parameter') continue;
    const rest = tokens.text(index).slice(1);
    const parameter = rest === '' ? highest + 1 : /^\d+$/.test(rest) ? Number(rest) : rest;
    if (typeof parameter === 'number') highest = Math.max(highest, parameter);
    found.push({index, parameter});
  }
  return found;
}
