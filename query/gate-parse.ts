/** DuckDB's parser as a function: text of one SELECT → tree, and when two trees are the same. */
import {WarehouseError} from '../base/error.ts';
import {codePointOffset} from '../kernel/statement/place.ts';
import type {GateSession} from './gate-types.ts';

/** A parse tree: plain JSON, ours to change. */
export type Tree = Record<string, unknown>;

interface Answer {
  readonly error: boolean;
  readonly error_type?: string;
  readonly error_message?: string;
  readonly position?: string;
  readonly statements?: readonly {readonly node: Tree}[];
}

/**
 * @param placeAt says where character `offset` of `source` is, for messages.
 * @throws {WarehouseError} `MR_SYNTAX` with DuckDB's words; `MR_NOT_ALLOWED` when it is no SELECT; `MR_UNSUPPORTED`.
 */
export async function parseSelect(session: GateSession, source: string, placeAt: (offset: number) => string): Promise<Tree> {
  const {rows} = await session.rows('SELECT CAST(json_serialize_sql(CAST($1 AS VARCHAR)) AS VARCHAR)', [source]);
  const answer = read(String(rows[0]![0]));
  if (!answer.error) {
    const [statement, ...more] = answer.statements ?? [];
    if (statement !== undefined && more.length === 0) return statement.node;
    throw new WarehouseError('invalid', 'MR_SYNTAX', `expected one query, found ${more.length + 1}`);
  }
  const message = answer.error_message ?? 'no message';
  if (answer.error_type === 'not implemented') {
    // DuckDB makes several statements of a PIVOT that has to look for its columns first.
    if (/only select statements/i.test(message) && /\bpivot\b/i.test(source)) {
      throw new WarehouseError('invalid', 'MR_UNSUPPORTED', 'PIVOT without a list of values is not supported in this version', {hint: 'write PIVOT t ON column IN (value, …) USING …'});
    }
    if (/only select statements/i.test(message)) {
      throw new WarehouseError('invalid', 'MR_NOT_ALLOWED', `expected a query, found another statement at ${placeAt(0)}`, {hint: 'a query begins with SELECT, WITH, FROM or VALUES'});
    }
    throw new WarehouseError('invalid', 'MR_UNSUPPORTED', `${message} (in the query at ${placeAt(0)})`);
  }
  const position = Number(answer.position);
  const hint = /\bAT\s*\(/i.test(source) ? 'an alias stands before AT: FROM t AS x AT (VERSION => 3)' : undefined;
  throw new WarehouseError('invalid', 'MR_SYNTAX', `${message}, at ${placeAt(Number.isSafeInteger(position) ? codePointOffset(source, position) : 0)}`, {hint});
}

function read(json: string): Answer {
  try {
    return JSON.parse(json) as Answer;
  } catch (cause) {
    // The one thing that DuckDB writes and JSON has not: an infinite constant, bare.
    throw new WarehouseError('invalid', 'MR_UNSUPPORTED', 'a number in the query is beyond the range of DOUBLE', {cause, hint: "write 'inf'::DOUBLE for infinity"});
  }
}

/** What may differ: places, and the list of parameters, which shrinks when one stood in a replaced call. */
const unessential: ReadonlySet<string> = new Set(['query_location', 'named_param_map']);

/** @returns whether two trees say the same, wherever in the text they say it. */
export function sameTree(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b);
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const names = Object.keys(a).filter((name) => !unessential.has(name));
  if (names.length !== Object.keys(b).filter((name) => !unessential.has(name)).length) return false;
  return names.every((name) => Object.hasOwn(b, name) && sameTree((a as Tree)[name], (b as Tree)[name]));
}
