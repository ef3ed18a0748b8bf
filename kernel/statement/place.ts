/** Places in SQL text: what people read (line:column) and what DuckDB counts (UTF-8 bytes). */

/** A half-open piece [start, end) of a text, in UTF-16 units; line and column of its start count from 1, columns in characters. */
export interface Span {
  readonly start: number;
  readonly end: number;
  readonly line: number;
  readonly column: number;
}

/** @returns line and column, from 1, of character `offset`. */
export function placeOf(source: string, offset: number): {readonly line: number; readonly column: number} {
  let line = 1, lineStart = 0;
  for (let i = source.indexOf('\n'); i >= 0 && i < offset; i = source.indexOf('\n', i + 1)) {
    line++;
    lineStart = i + 1;
  }
  return {line, column: Array.from(source.slice(lineStart, offset)).length + 1};
}

/** @returns `line 3, column 14`. */
export function placeText(source: string, offset: number): string {
  const {line, column} = placeOf(source, offset);
  return `line ${line}, column ${column}`;
}

export function spanOf(source: string, start: number, end: number): Span {
  return {start, end, ...placeOf(source, start)};
}

/** @returns the number of UTF-8 bytes before character `offset`: DuckDB's way to count. */
export function byteOffset(source: string, offset: number): number {
  return Buffer.byteLength(source.slice(0, offset), 'utf8');
}

/** @returns the character at UTF-8 byte `byte` of `source`; its length when the byte lies past the end. */
export function characterOffset(source: string, byte: number): number {
  let bytes = 0;
  for (let i = 0; i < source.length; i++) {
    if (bytes >= byte) return i;
    const code = source.charCodeAt(i);
    if (code < 0x80) bytes += 1;
    else if (code < 0x800) bytes += 2;
    else if (code >= 0xd800 && code <= 0xdbff) { bytes += 4; i++; }
    else bytes += 3;
  }
  return source.length;
}

/** @returns the offset of the `count`-th character (code point) of `source`: how DuckDB's parser says where an error is. */
export function codePointOffset(source: string, count: number): number {
  let offset = 0;
  for (let i = 0; i < count && offset < source.length; i++) offset += source.codePointAt(offset)! > 0xffff ? 2 : 1;
  return offset;
}
