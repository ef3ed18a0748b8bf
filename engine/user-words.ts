/**
 * DuckDB's messages about SQL that is not what the user wrote: names were replaced by the gate, or the whole text was made for DML.
 * What they say stays; the line of our text that they quote goes, and where its caret stands is found in the user's text again.
 */
import {WarehouseError} from '../base/error.ts';
import type {SqlText} from '../kernel/statement/parse.ts';
import {placeOf} from '../kernel/statement/place.ts';

const quoted = /\n+LINE \d+: (.*)\n( *)\^/;
const quotedHead = /^LINE \d+: /;

/**
 * Runs `work`, whose statement is `ran`.
 *
 * @param wrote what the user wrote of it; undefined where the statement is made from parts.
 */
export async function inUserWords<T>(wrote: SqlText | undefined, ran: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw cause instanceof WarehouseError ? userError(cause, wrote, ran) : cause;
  }
}

function userError(error: WarehouseError, wrote: SqlText | undefined, ran: string): WarehouseError {
  if (error.code !== 'MR_SQL' || wrote?.text === ran) return error;
  const found = quoted.exec(error.message);
  const place = found === null || wrote === undefined ? '' : placeText(found, wrote);
  const message = scrubbed(error.message.replace(quoted, '')) + place;
  return message === error.message ? error : new WarehouseError(error.kind, error.code, message, {cause: error, hint: error.hint});
}

/** @returns where the user's text has the word under the caret, if it has it once. */
function placeText(found: RegExpExecArray, {text, span}: SqlText): string {
  const line = `${quotedHead.exec(found[0].trimStart())?.[0] ?? ''}${found[1]}`;
  const word = /^[\w$]+/.exec(line.slice(found[2]!.length))?.[0];
  if (word === undefined) return '';
  const places = [...text.matchAll(new RegExp(`(?<![\\w$])${word.replaceAll('$', '\\$')}(?![\\w$])`, 'g'))];
  const only = places.length === 1 ? places[0] : undefined;
  if (only === undefined) return '';
  const place = placeOf(text, only.index);
  return ` (at "${word}", line ${span.line + place.line - 1}, column ${place.line === 1 ? span.column + place.column - 1 : place.column})`;
}

function scrubbed(message: string): string {
  return message
    .replaceAll(/live\."?(\w+)"?\."?([\w$]+)"?/g, '$1.$2')
    .replaceAll(/ when casting from source column _mr_\w+/g, '')
    .replaceAll(/"?_mr_(?:target|source)"?\./g, '');
}
