/**
 * Cuts SQL text into tokens the way DuckDB's scanner does, so that statements and clauses can be cut at depth 0 without
 * parsing expressions. It knows where identifiers, strings, comments and parameters begin and end, and nothing else: text that
 * DuckDB would refuse passes (DuckDB then says why), except text whose end cannot be known.
 *
 * word       a, t$changelog, größe              quoted     "a ""b"" c"
 * string     'it''s'  E'it\'s'  $$x$$  $tag$x$tag$         number     1  1_000  .5  1e10  0xff
 * parameter  ?  ?1  $1  $name                   symbol     ( ) [ ] { } , ; .  and runs of operator characters
 *
 * Tokens are three typed arrays, not objects: an INSERT of a hundred thousand literal rows is a statement too.
 */
import {WarehouseError} from '../../base/error.ts';
import {placeText} from './place.ts';

export type TokenKind = 'word' | 'quoted' | 'string' | 'number' | 'parameter' | 'symbol';
const kindNames: readonly TokenKind[] = ['word', 'quoted', 'string', 'number', 'parameter', 'symbol'];
const WORD = 0, QUOTED = 1, STRING = 2, NUMBER = 3, PARAMETER = 4, SYMBOL = 5;

/** The tokens of a text, by index. Offsets count UTF-16 units, as `String.slice` does. White space and comments are no tokens. */
export class Tokens {
  readonly source: string;
  readonly count: number;
  readonly #kinds: Uint8Array;
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;

  constructor(source: string, count: number, kinds: Uint8Array, starts: Int32Array, ends: Int32Array) {
    this.source = source;
    this.count = count;
    this.#kinds = kinds;
    this.#starts = starts;
    this.#ends = ends;
  }

  /** @returns the kind of token `index`, undefined past either end. */
  kind(index: number): TokenKind | undefined {
    return index >= 0 && index < this.count ? kindNames[this.#kinds[index]!] : undefined;
  }

  /** @returns where token `index` begins; the end of the text when `index` is `count`. */
  start(index: number): number {
    return index < this.count ? this.#starts[index]! : this.source.length;
  }

  end(index: number): number {
    return index < this.count ? this.#ends[index]! : this.source.length;
  }

  /** @returns the token as written. */
  text(index: number): string {
    return index < this.count ? this.source.slice(this.#starts[index]!, this.#ends[index]!) : '';
  }

  /** @returns whether token `index` is the unquoted word `word` (given in capitals), in any case. */
  isWord(index: number, word: string): boolean {
    return index >= 0 && index < this.count && this.#kinds[index] === WORD
      && word.length === this.#ends[index]! - this.#starts[index]! && this.text(index).toUpperCase() === word;
  }

  isSymbol(index: number, symbol: string): boolean {
    return index >= 0 && index < this.count && this.#kinds[index] === SYMBOL
      && symbol.length === this.#ends[index]! - this.#starts[index]! && this.source.startsWith(symbol, this.#starts[index]!);
  }

  /** @returns what the token says: the name of an identifier, the characters of a string, else the token as written. */
  value(index: number): string {
    const text = this.text(index);
    switch (this.kind(index)) {
      case 'quoted': return text.slice(1, -1).replaceAll('""', '"');
      case 'string': return stringValue(text);
      default: return text;
    }
  }

  /** @returns the first token at or after character `offset`; `count` when there is none. */
  at(offset: number): number {
    let low = 0, high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#starts[middle]! < offset) low = middle + 1; else high = middle;
    }
    return low;
  }
}

/**
 * @param source any text.
 * @returns its tokens.
 * @throws {WarehouseError} `MR_SYNTAX` when a string, quoted name or comment does not end, or the text holds a NUL character.
 */
export function tokenize(source: string): Tokens {
  // DuckDB stops reading at a NUL, wherever it stands: what we judged and what it ran would not be the same text.
  const nul = source.indexOf('\0');
  if (nul >= 0) {
    throw new WarehouseError('invalid', 'MR_SYNTAX', `expected SQL text, found a NUL character at ${placeText(source, nul)}`,
      {hint: 'send the text as UTF-8; a value that holds a NUL goes in as a parameter'});
  }
  let kinds = new Uint8Array(64), starts = new Int32Array(64), ends = new Int32Array(64);
  let count = 0;
  let position = 0;
  const push = (kind: number, start: number, end: number): void => {
    if (count === kinds.length) {
      const grownKinds = new Uint8Array(count * 2), grownStarts = new Int32Array(count * 2), grownEnds = new Int32Array(count * 2);
      grownKinds.set(kinds); grownStarts.set(starts); grownEnds.set(ends);
      kinds = grownKinds; starts = grownStarts; ends = grownEnds;
    }
    kinds[count] = kind; starts[count] = start; ends[count] = end;
    count++;
    position = end;
  };
  while (position < source.length) {
    const code = source.charCodeAt(position);
    if (isSpace(code)) {
      position++;
    } else if (code === 0x2d && source.charCodeAt(position + 1) === 0x2d) { // --
      position = lineEnd(source, position + 2);
    } else if (code === 0x2f && source.charCodeAt(position + 1) === 0x2a) { // /*
      position = commentEnd(source, position);
    } else if (code === 0x27) { // '
      push(STRING, position, quoteEnd(source, position, position, 0x27, false, 'string'));
    } else if ((code === 0x45 || code === 0x65) && source.charCodeAt(position + 1) === 0x27) { // E'
      push(STRING, position, quoteEnd(source, position, position + 1, 0x27, true, 'string'));
    } else if (code === 0x22) { // "
      push(QUOTED, position, quoteEnd(source, position, position, 0x22, false, 'quoted name'));
    } else if (code === 0x24) { // $
      pushDollar();
    } else if (code === 0x3f) { // ?
      push(PARAMETER, position, digitsEnd(source, position + 1));
    } else if (isDigit(code) || (code === 0x2e && isDigit(source.charCodeAt(position + 1)))) {
      push(NUMBER, position, numberEnd(source, position));
    } else if (isWordStart(code)) {
      push(WORD, position, wordEnd(source, position + 1));
    } else {
      push(SYMBOL, position, symbolEnd(source, position));
    }
  }
  return new Tokens(source, count, kinds, starts, ends);

  function pushDollar(): void {
    const next = source.charCodeAt(position + 1);
    if (isDigit(next)) return push(PARAMETER, position, digitsEnd(source, position + 1));
    const tagEnd = isWordStart(next) ? tagNameEnd(source, position + 2) : position + 1;
    if (source.charCodeAt(tagEnd) === 0x24) {
      const tag = source.slice(position, tagEnd + 1);
      const close = source.indexOf(tag, tagEnd + 1);
      if (close < 0) throw unterminated(source, position, 'string', tag);
      return push(STRING, position, close + tag.length);
    }
    if (tagEnd > position + 1) return push(PARAMETER, position, wordEnd(source, position + 1));
    return push(SYMBOL, position, position + 1);
  }
}

function unterminated(source: string, start: number, what: string, closer: string): WarehouseError {
  return new WarehouseError('invalid', 'MR_SYNTAX', `expected the closing ${closer} of the ${what} that begins at ${placeText(source, start)}, found the end of the text`);
}

function quoteEnd(source: string, start: number, open: number, quote: number, escapes: boolean, what: string): number {
  for (let i = open + 1; i < source.length; i++) {
    const code = source.charCodeAt(i);
    if (escapes && code === 0x5c) i++;
    else if (code === quote) {
      if (source.charCodeAt(i + 1) !== quote) return i + 1;
      i++;
    }
  }
  throw unterminated(source, start, what, String.fromCharCode(quote));
}

/** Block comments nest, as in PostgreSQL. */
function commentEnd(source: string, start: number): number {
  let depth = 0;
  for (let i = start; i < source.length - 1; i++) {
    const code = source.charCodeAt(i), next = source.charCodeAt(i + 1);
    if (code === 0x2f && next === 0x2a) { depth++; i++; }
    else if (code === 0x2a && next === 0x2f) {
      depth--; i++;
      if (depth === 0) return i + 1;
    }
  }
  throw unterminated(source, start, 'comment', '*/');
}

function lineEnd(source: string, from: number): number {
  for (let i = from; i < source.length; i++) {
    const code = source.charCodeAt(i);
    if (code === 0x0a || code === 0x0d) return i;
  }
  return source.length;
}

function digitsEnd(source: string, from: number): number {
  let i = from;
  while (isDigit(source.charCodeAt(i))) i++;
  return i;
}

function wordEnd(source: string, from: number): number {
  let i = from;
  while (i < source.length && isWordPart(source.charCodeAt(i))) i++;
  return i;
}

/** The name in `$name$`: letters and digits, no dollar. */
function tagNameEnd(source: string, from: number): number {
  let i = from;
  while (i < source.length && isWordPart(source.charCodeAt(i)) && source.charCodeAt(i) !== 0x24) i++;
  return i;
}

function numberEnd(source: string, from: number): number {
  let i = from;
  const second = source.charCodeAt(i + 1) | 0x20;
  if (source.charCodeAt(i) === 0x30 && (second === 0x78 || second === 0x62 || second === 0x6f)) { // 0x 0b 0o
    i += 2;
    while (i < source.length && (isDigit(source.charCodeAt(i)) || isWordPart(source.charCodeAt(i))) && source.charCodeAt(i) !== 0x24) i++;
    return i;
  }
  const digits = (): void => {
    while (isDigit(source.charCodeAt(i)) || (source.charCodeAt(i) === 0x5f && isDigit(source.charCodeAt(i + 1)))) i++;
  };
  digits();
  if (source.charCodeAt(i) === 0x2e && source.charCodeAt(i + 1) !== 0x2e) {
    i++;
    digits();
  }
  if ((source.charCodeAt(i) | 0x20) === 0x65) { // e
    const sign = source.charCodeAt(i + 1);
    const first = sign === 0x2b || sign === 0x2d ? i + 2 : i + 1;
    if (isDigit(source.charCodeAt(first))) {
      i = first;
      digits();
    }
  }
  return i;
}

/** Brackets and separators stand alone; operator characters run together, but never into a comment. */
function symbolEnd(source: string, from: number): number {
  if (!isOperator(source.charCodeAt(from))) return from + 1;
  let i = from + 1;
  while (i < source.length && isOperator(source.charCodeAt(i))) {
    const code = source.charCodeAt(i), next = source.charCodeAt(i + 1);
    if ((code === 0x2d && next === 0x2d) || (code === 0x2f && next === 0x2a)) break;
    i++;
  }
  return i;
}

const operatorCodes = new Set(Array.from('~!@#^&|`+-*/%<>=:', (character) => character.charCodeAt(0)));

function isOperator(code: number): boolean {
  return operatorCodes.has(code);
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isWordStart(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || code === 0x5f || code >= 0x80;
}

function isWordPart(code: number): boolean {
  return (isWordStart(code) && !isSpace(code)) || isDigit(code) || code === 0x24;
}

/** ASCII white space, and the Unicode spaces that DuckDB turns into blanks before it scans. */
function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d)
    || code === 0xa0 || (code >= 0x2000 && code <= 0x200b) || code === 0x202f || code === 0x205f || code === 0x2060 || code === 0x3000 || code === 0xfeff;
}

const escapeCharacters: Readonly<Record<string, string>> = {b: '\b', f: '\f', n: '\n', r: '\r', t: '\t'};

function stringValue(text: string): string {
  if (text.startsWith('$')) {
    const tagLength = text.indexOf('$', 1) + 1;
    return text.slice(tagLength, -tagLength);
  }
  if (text.startsWith("'")) return text.slice(1, -1).replaceAll("''", "'");
  return text.slice(2, -1).replace(/''|\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{1,2})|([0-7]{1,3})|([^]))/g,
    (whole, u4?: string, u8?: string, hex?: string, octal?: string, other?: string) => {
      if (whole === "''") return "'";
      const digits = u4 ?? u8 ?? hex;
      if (digits !== undefined) {
        const point = parseInt(digits, 16);
        return point <= 0x10ffff ? String.fromCodePoint(point) : whole;
      }
      if (octal !== undefined) return String.fromCharCode(parseInt(octal, 8));
      return escapeCharacters[other!] ?? other!;
    });
}
