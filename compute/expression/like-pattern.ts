/**
 * A constant LIKE pattern, cut once into what stands between its `%`. `_` is one code point. Matching takes every piece at its
 * first place after the one before, which is enough because `%` takes anything.
 */
import {WarehouseError} from '../../base/error.ts';
import {equalBytes} from './text.ts';
import {leadBytes} from './utf8.ts';

/** Bytes of a piece; `anyAt` marks (by 1) the places of `_`, each one place of `bytes`. */
interface Piece {readonly bytes: Uint8Array; readonly any: Uint8Array | null}

const encoder = new TextEncoder();

/** @returns why a pattern is not compiled, or null. */
export function likeRefusal(pattern: string, escape: string | null): string | null {
  if (escape !== null && [...escape].length > 1) return 'an escape of more than one character';
  return escape !== null && escape !== '' && endsInEscape(pattern, escape) ? 'a pattern that ends in its escape' : null;
}

function endsInEscape(pattern: string, escape: string): boolean {
  const characters = [...pattern];
  let i = 0;
  while (i < characters.length) {
    if (characters[i] !== escape) i++;
    else if (i === characters.length - 1) return true;
    else i += 2;
  }
  return false;
}

/** A pattern ready to be matched, without making strings. */
export class LikePattern {
  readonly #pieces: readonly Piece[];
  readonly #openStart: boolean;
  readonly #openEnd: boolean;

  /** @param escape one character, or null for none. */
  constructor(pattern: string, escape: string | null) {
    const pieces: Piece[] = [];
    let bytes: number[] = [];
    let any: number[] = [];
    const characters = [...pattern];
    let open = false; // the pattern so far ends in %
    let openStart = false;
    const close = (): void => {
      if (bytes.length > 0) pieces.push({bytes: Uint8Array.from(bytes), any: any.includes(1) ? Uint8Array.from(any) : null});
      bytes = [];
      any = [];
    };
    for (let i = 0; i < characters.length; i++) {
      const character = characters[i]!;
      if (character === escape) {
        i++;
        if (i === characters.length) throw new WarehouseError('invalid', 'MR_EXPRESSION', `LIKE pattern "${pattern}" ends in its escape`);
      } else if (character === '%') {
        if (i === 0) openStart = true;
        close();
        open = true;
        continue;
      } else if (character === '_') {
        bytes.push(0);
        any.push(1);
        open = false;
        continue;
      }
      for (const byte of encoder.encode(characters[i])) {
        bytes.push(byte);
        any.push(0);
      }
      open = false;
    }
    close();
    this.#pieces = pieces;
    this.#openStart = openStart;
    this.#openEnd = open;
  }

  matches(bytes: Uint8Array, start: number, length: number): boolean {
    const end = start + length;
    const pieces = this.#pieces;
    const count = pieces.length;
    if (count === 0) return length === 0 || this.#openEnd;
    let at = start;
    let next = 0;
    if (!this.#openStart) {
      at = matchAt(pieces[0]!, bytes, start, end);
      if (at === -1) return false;
      next = 1;
      if (count === 1 && !this.#openEnd) return at === end;
    }
    const closed = this.#openEnd ? count : count - 1;
    for (; next < closed; next++) {
      at = findPiece(pieces[next]!, bytes, at, end);
      if (at === -1) return false;
    }
    return next === count || endsWithPiece(pieces[next]!, bytes, at, end);
  }
}

/** @returns where the piece ends if it stands at `at`, else −1. */
function matchAt(piece: Piece, bytes: Uint8Array, at: number, end: number): number {
  const {bytes: wanted, any} = piece;
  const size = wanted.length;
  if (any === null) return at + size <= end && equalBytes(bytes, at, wanted, 0, size) ? at + size : -1;
  let position = at;
  for (let i = 0; i < size; i++) {
    if (position >= end) return -1;
    if (any[i] === 1) position += leadBytes(bytes[position]!);
    else if (bytes[position] === wanted[i]) position++;
    else return -1;
  }
  return position;
}

/** @returns where the first occurrence of the piece at or after `at` ends, −1 if there is none. */
function findPiece(piece: Piece, bytes: Uint8Array, at: number, end: number): number {
  for (let from = at; from < end; from += leadBytes(bytes[from]!)) {
    const found = matchAt(piece, bytes, from, end);
    if (found !== -1) return found;
  }
  return -1;
}

/** @returns whether the piece stands at the very end, not before `at`. */
function endsWithPiece(piece: Piece, bytes: Uint8Array, at: number, end: number): boolean {
  if (piece.any === null) {
    const from = end - piece.bytes.length;
    return from >= at && equalBytes(bytes, from, piece.bytes, 0, piece.bytes.length);
  }
  for (let from = at; from < end; from += leadBytes(bytes[from]!)) if (matchAt(piece, bytes, from, end) === end) return true;
  return false;
}
