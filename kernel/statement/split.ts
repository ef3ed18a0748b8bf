/** Cuts a script into its statements at `;`. Semicolons inside strings, quoted names and comments do not count. */
import {tokenize, type Tokens} from './lexer.ts';
import {spanOf, type Span} from './place.ts';

/** One statement of a script: tokens [start, end) of `tokens`, without its semicolon. Never empty. */
export interface ScriptPart {
  readonly tokens: Tokens;
  readonly start: number;
  readonly end: number;
  readonly span: Span;
}

/**
 * @returns the statements in order; empty ones (`;;`, comments only) are left out.
 * @throws {WarehouseError} `MR_SYNTAX` as {@link tokenize}.
 */
export function splitScript(script: string): ScriptPart[] {
  const tokens = tokenize(script);
  const parts: ScriptPart[] = [];
  let start = 0;
  const close = (end: number): void => {
    if (end > start) parts.push({tokens, start, end, span: spanOf(script, tokens.start(start), tokens.end(end - 1))});
    start = end + 1;
  };
  // No SQL statement has a semicolon in brackets: one that stands there ends a statement with an unclosed bracket, and its
  // parser says so, with the bracket's place. Holding on would hide every statement after it.
  for (let i = 0; i < tokens.count; i++) if (tokens.isSymbol(i, ';')) close(i);
  close(tokens.count);
  return parts;
}

/** @returns the text of `part`, as written, without comments before and after it. */
export function partText(part: ScriptPart): string {
  return part.tokens.source.slice(part.span.start, part.span.end);
}
