/**
 * The gate: a user's text reaches the engine only as one SELECT that its own parser accepted, whose table names resolve in the
 * catalog and whose functions are judged harmless. (The engine's settings are a second wall behind it.)
 *
 * 1. The text is parsed (`json_serialize_sql`); anything but one SELECT ends here.
 * 2. The tree is walked (gate-tree.ts); every table, table function and function is judged (gate-judge.ts); the caller resolves
 *    tables (gate-tables.ts).
 * 3. Names that the caller wants read elsewhere are replaced in the text itself (gate-edits.ts), so that errors still show what
 *    the user wrote and nothing is lost in printing. The tree says what must come out: the text with stand-ins for the new names
 *    is parsed again and has to give exactly the first tree with the same stand-ins. Only then do the caller's relations go in.
 */
import {WarehouseError} from '../base/error.ts';
import {tokenize} from '../kernel/statement/lexer.ts';
import {placeOf} from '../kernel/statement/place.ts';
import {splitScript} from '../kernel/statement/split.ts';
import {closeParameterGaps, TextEdits} from './gate-edits.ts';
import {GateJudge} from './gate-judge.ts';
import {parseSelect, sameTree} from './gate-parse.ts';
import {Refusals} from './gate-refusal.ts';
import {GateTables} from './gate-tables.ts';
import {walkTree} from './gate-tree.ts';
import type {GateContext, GatedSelect, GateSession} from './gate-types.ts';

export type {AtClause, EpochBound, GateContext, GatedSelect, GateReference, GateReferenceKind, GateSession, Resolution} from './gate-types.ts';

/** Longer texts than this are refused. */
export const gateCharactersMax = 16 * 1024 * 1024;

/**
 * Judges one query of a user.
 *
 * @param session of any instance: the text is parsed there, not bound and not run.
 * @throws {WarehouseError} (all invalid) `MR_SYNTAX`; `MR_UNKNOWN_TABLE` with the nearest names; `MR_NOT_ALLOWED` for what reaches
 *   past the catalog; `MR_UNSUPPORTED` for what the dialect has and this version has not; `MR_TOO_LARGE`, `MR_TOO_COMPLEX`.
 */
export async function gateSelect(session: GateSession, text: string, context: GateContext): Promise<GatedSelect> {
  if (text.length > gateCharactersMax) {
    throw new WarehouseError('invalid', 'MR_TOO_LARGE', `expected a query of at most ${gateCharactersMax} characters, found ${text.length}`, {hint: 'load rows by `millrace ingest` or POST /v1/tables/{t}/rows'});
  }
  const [part, second] = splitScript(text);
  if (part === undefined) throw new WarehouseError('invalid', 'MR_SYNTAX', 'expected a query, found none');
  if (second !== undefined) throw new WarehouseError('invalid', 'MR_SYNTAX', `expected one query, found a second one at ${placeIn(context, text, second.span.start)}`);
  const source = text.slice(part.span.start, part.span.end);
  const placeAt = (offset: number): string => placeIn(context, text, part.span.start + offset);
  const tree = await parseSelect(session, source, placeAt);

  const tokens = tokenize(source);
  const edits = new TextEdits(tokens), refuse = new Refusals(tokens, placeAt);
  const tables = new GateTables(edits, refuse, context.resolve);
  const judge = new GateJudge(tables, edits, refuse, context.allowedDirectories ?? []);
  walkTree(tree, judge);
  tables.changeTree();
  if (judge.parameterTaken || tables.parameterTaken) edits.numberParameters();

  const {references} = tables, {files} = judge;
  const {first} = edits;
  if (first === undefined) return {references, files, ...closeParameterGaps(source)};
  const edited = await parseSelect(session, edits.apply('standIn'), placeAt).catch(() => undefined);
  if (!sameTree(tree, edited)) {
    throw refuse.unsupported(`"${tokens.text(tokens.at(first))}" written like this`, tokens.at(first), 'write it as FROM schema.table AS name');
  }
  return {references, files, ...closeParameterGaps(edits.apply('final'))};
}

function placeIn(context: GateContext, text: string, offset: number): string {
  const at = placeOf(text, offset), {start = {line: 1, column: 1}} = context;
  return `line ${start.line + at.line - 1}, column ${at.line === 1 ? start.column + at.column - 1 : at.column}`;
}
