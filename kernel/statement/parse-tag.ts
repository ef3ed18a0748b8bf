/** CREATE TAG name [AT EPOCH n | AS OF [TIMESTAMP] 'time'] [RETAIN '7 days'], DROP TAG. */
import type {Cursor} from './cursor.ts';
import {optionValue} from './options.ts';
import type {Span} from './place.ts';
import {durationMs} from './settings.ts';
import type {Statement} from './statement.ts';

/** @returns the statement, or undefined when the cursor stands at none of these. */
export function parseTag(cursor: Cursor, span: Span): Statement | undefined {
  if (cursor.accept('DROP', 'TAG')) {
    const ifExists = cursor.accept('IF', 'EXISTS');
    const name = tagName(cursor);
    cursor.expectEnd();
    return {kind: 'drop-tag', span, name, ifExists};
  }
  if (!cursor.accept('CREATE', 'TAG')) return undefined;
  const ifNotExists = cursor.accept('IF', 'NOT', 'EXISTS');
  const name = tagName(cursor);
  let at: {readonly epoch: number} | {readonly time: string} | undefined;
  if (cursor.accept('AT')) {
    cursor.expect('EPOCH');
    at = {epoch: cursor.wholeNumber('an epoch number')};
  } else if (cursor.accept('AS', 'OF')) {
    cursor.accept('TIMESTAMP');
    at = {time: cursor.string('a time')};
  }
  const retainMs = cursor.accept('RETAIN') ? duration(cursor) : undefined;
  cursor.expectEnd();
  return {kind: 'create-tag', span, name, ifNotExists, at, retainMs};
}

function tagName(cursor: Cursor): string {
  const name = cursor.name('the name of a tag');
  if (cursor.seesSymbol('.')) throw cursor.unexpected('the end of the tag\'s name', 'a tag names an epoch of the whole warehouse, not of a schema');
  return name;
}

/** `'90 days'` or `90 DAYS`. */
function duration(cursor: Cursor): number {
  const text = cursor.tokens.kind(cursor.index) === 'number' ? `${optionValue(cursor)} ${cursor.name('a unit of time')}` : optionValue(cursor);
  const ms = durationMs(text);
  if (ms === undefined || ms === 0) {
    cursor.index--;
    throw cursor.unexpected("how long to keep the tag, such as '7 days'");
  }
  return ms;
}
