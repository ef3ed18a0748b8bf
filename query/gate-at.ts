/**
 * `t AT (VERSION => …)` and `t AT (TIMESTAMP => …)`: DuckDB's own grammar (an alias stands before AT). The parse tree says that a table
 * has the clause and what its expression is made of; where the clause stands in the text is found by token, and the gate's second
 * parse proves that it was found right.
 */
import {closeParameterGaps, type TextEdits} from './gate-edits.ts';
import type {Refusals} from './gate-refusal.ts';
import {text, type TreeNode} from './gate-tree.ts';
import type {AtClause} from './gate-types.ts';

export interface FoundAt {
  readonly clause: AtClause;
  /** Tokens [first, end) are the clause. */
  readonly first: number;
  readonly end: number;
}

/**
 * @param node the tree's clause. @param at the token of the table's name. @param alias of the table, '' for none.
 * @throws {WarehouseError} `MR_UNSUPPORTED` where the expression reads rows, or the clause cannot be found.
 */
export function findAt(node: TreeNode, edits: TextEdits, refuse: Refusals, at: number, alias: string): FoundAt {
  const {tokens} = edits;
  let first = edits.nameEnd(at);
  if (alias !== '') {
    if (tokens.isWord(first, 'AS')) first++;
    first++;
    if (tokens.isSymbol(first, '(')) first = edits.closerOf(first) + 1; // names for columns
  }
  const unit = text(node, 'unit').toUpperCase();
  const hint = 'write t AT (VERSION => epoch), t AT (VERSION => \'tag\') or t AT (TIMESTAMP => time)';
  if (unit !== 'VERSION' && unit !== 'TIMESTAMP') throw refuse.unsupported(`AT (${unit} => …)`, at, hint);
  if (!tokens.isWord(first, 'AT') || !tokens.isSymbol(first + 1, '(') || !tokens.isWord(first + 2, unit) || !tokens.text(first + 3).startsWith('=>')) {
    throw refuse.unsupported('AT (…) written like this', at, hint);
  }
  const close = edits.closerOf(first + 1);
  if (readsRows(node['expr'])) throw refuse.unsupported('AT with an expression that reads rows', first, 'an epoch is read by constants, parameters and functions of them');
  const {sql, parameters} = closeParameterGaps(edits.numberedText(tokens.start(first + 3) + 2, close - 1));
  return {clause: {unit: unit === 'VERSION' ? 'version' : 'timestamp', sql, parameters}, first, end: close + 1};
}

/** @returns whether an expression holds more than constants, parameters and functions of them. */
function readsRows(value: unknown): boolean {
  if (value === null || typeof value !== 'object') return false;
  if (Array.isArray(value)) return value.some(readsRows);
  const kind = text(value, 'class');
  if (kind === 'SUBQUERY' || kind === 'COLUMN_REF' || kind === 'STAR' || kind === 'WINDOW' || kind === 'POSITIONAL_REFERENCE' || kind === 'DEFAULT') return true;
  return Object.values(value).some(readsRows);
}
