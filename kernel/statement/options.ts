/** `WITH ('bucket' = '4', changelog = after)`: names to text values, as every statement family writes them. */
import {WarehouseError} from '../../base/error.ts';
import {placeText} from './place.ts';
import type {Cursor} from './cursor.ts';

/**
 * Reads `( name = value, … )`; the cursor stands at the bracket. Names are strings or (dotted) words; values are strings,
 * numbers, or words such as true. Names are folded to lower case.
 *
 * @throws {WarehouseError} `MR_SYNTAX`, also for a name given twice.
 */
export function readOptions(cursor: Cursor): Record<string, string> {
  const options: Record<string, string> = Object.create(null) as Record<string, string>;
  cursor.expectSymbol('(', "options are written WITH ('name' = 'value', …)");
  if (cursor.acceptSymbol(')')) return {};
  do {
    const at = cursor.index;
    const name = optionName(cursor).toLowerCase();
    if (name in options) {
      throw new WarehouseError('invalid', 'MR_SYNTAX', `expected each option once, found "${name}" again at ${placeText(cursor.tokens.source, cursor.tokens.start(at))}`);
    }
    cursor.expectSymbol('=');
    options[name] = optionValue(cursor);
  } while (cursor.acceptSymbol(','));
  cursor.expectSymbol(')');
  return {...options};
}

function optionName(cursor: Cursor): string {
  if (cursor.tokens.kind(cursor.index) === 'string') return cursor.string('an option name');
  let name = cursor.name('an option name');
  // 'bucket-key' unquoted is word, minus, word; dots likewise.
  for (;;) {
    const joint = cursor.seesSymbol('.') ? '.' : cursor.seesSymbol('-') ? '-' : undefined;
    if (joint === undefined) return name;
    cursor.index++;
    name += joint + cursor.name('the rest of the option name');
  }
}

/** Reads a string, a number (with sign) or a word as text. */
export function optionValue(cursor: Cursor): string {
  const sign = cursor.acceptSymbol('-') ? '-' : '';
  const kind = cursor.done ? undefined : cursor.tokens.kind(cursor.index);
  if (kind === 'number' || (sign === '' && (kind === 'string' || kind === 'word' || kind === 'quoted'))) {
    return sign + cursor.tokens.value(cursor.index++);
  }
  throw cursor.unexpected("a value such as 'text', 4 or true");
}
