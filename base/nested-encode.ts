/**
 * Parts → bytes of nested values (base/nested.ts draws them). Two passes over the tree of parts, each node in loops over all rows at
 * once: sizes first, then every node writes its share at the rows' cursors and moves them on.
 *
 * Relies on: the parts are canonical (NULLs zeroed, fields of NULL structs NULL, floats by `canonicalReals`).
 */
import {Arena} from './arena.ts';
import type {BytesColumn, Validity} from './delta.ts';
import {ARENA_SEGMENT_SPAN} from './arena.ts';
import {WarehouseError} from './error.ts';
import {nestedBytesMax, nestedColumnBytesMax} from './limit.ts';
import type {Parts} from './nested.ts';

/** The values of a node that belong to each row: row r has [start[r], start[r] + count[r]). */
interface Span {readonly start: Int32Array; readonly count: Int32Array}

/**
 * @param parts the column's, one value a row; its kind is `list` or `struct`.
 * @returns the column, in an arena of its own.
 * @throws {WarehouseError} `MR_NESTED_LIMIT` (invalid) if a value, or the column, is too large.
 */
export function encodeNested(parts: Parts, rowCount: number): BytesColumn {
  const {valid} = parts;
  const start = new Int32Array(rowCount);
  const count = new Int32Array(rowCount);
  for (let row = 0; row < rowCount; row++) {
    start[row] = row;
    count[row] = valid === null ? 1 : valid[row]!;
  }
  const size = new Float64Array(rowCount);
  addContentSize(parts, {start, count}, size);
  const length = new Int32Array(rowCount);
  const address = new Float64Array(rowCount);
  const cursor = new Int32Array(rowCount);
  let total = 0;
  for (let row = 0; row < rowCount; row++) {
    const bytes = size[row]!;
    if (bytes > nestedBytesMax) throw tooLarge(`a nested value of ${bytes} bytes`, nestedBytesMax);
    length[row] = bytes;
    cursor[row] = total;
    if (bytes > 0) address[row] = total;
    total += bytes;
    if (total > nestedColumnBytesMax) throw tooLarge('nested values of one chunk that have more bytes', nestedColumnBytesMax);
  }
  const out = new Uint8Array(total);
  writeContent(parts, {start, count}, cursor, out);
  return {kind: 'bytes', arena: Arena.wrap(out), address, length, valid: valid === null ? null : valid.subarray(0, rowCount)};
}

function tooLarge(what: string, bytesMax: number): WarehouseError {
  return new WarehouseError('invalid', 'MR_NESTED_LIMIT', `${what} was found, at most ${bytesMax} bytes are taken`, {hint: 'keep the elements as rows of a table of their own'});
}

/** @returns bytes of `value` as LEB128. */
function lengthBytes(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5;
}

function addValuesSize(parts: Parts, span: Span, size: Float64Array): void {
  const {start, count} = span;
  for (let row = 0; row < count.length; row++) {
    const n = count[row]!;
    if (n > 0) size[row] = size[row]! + 1 + (someNull(parts.valid, start[row]!, n) ? (n + 7) >> 3 : 0);
  }
  addContentSize(parts, span, size);
}

function addContentSize(parts: Parts, span: Span, size: Float64Array): void {
  const {start, count} = span;
  switch (parts.kind) {
    case 'fixed':
      for (let row = 0; row < count.length; row++) size[row] = size[row]! + count[row]! * parts.width;
      return;
    case 'text': {
      const {length} = parts.column;
      for (let row = 0; row < count.length; row++) {
        let bytes = 0;
        for (let i = start[row]!, end = i + count[row]!; i < end; i++) bytes += length[i]! + lengthBytes(length[i]!);
        size[row] = size[row]! + bytes;
      }
      return;
    }
    case 'list': {
      const {lengths} = parts;
      for (let row = 0; row < count.length; row++) {
        let bytes = 0;
        for (let i = start[row]!, end = i + count[row]!; i < end; i++) bytes += lengthBytes(lengths[i]!);
        size[row] = size[row]! + bytes;
      }
      addValuesSize(parts.child, childSpan(lengths, span), size);
      return;
    }
    case 'struct':
      for (const field of parts.fields) addValuesSize(field, span, size);
      return;
    default:
  }
}

/** @returns which elements belong to each row, given its lists. */
function childSpan(lengths: Int32Array, {start, count}: Span): Span {
  const before = new Int32Array(lengths.length + 1); // elements of the lists before each
  for (let i = 0; i < lengths.length; i++) before[i + 1] = before[i]! + lengths[i]!;
  const childStart = new Int32Array(count.length);
  const childCount = new Int32Array(count.length);
  for (let row = 0; row < count.length; row++) {
    const first = before[start[row]!]!;
    childStart[row] = first;
    childCount[row] = before[start[row]! + count[row]!]! - first;
  }
  return {start: childStart, count: childCount};
}

function someNull(valid: Validity, start: number, count: number): boolean {
  if (valid === null) return false;
  for (let i = start; i < start + count; i++) if (valid[i] === 0) return true;
  return false;
}

function writeValues(parts: Parts, span: Span, cursor: Int32Array, out: Uint8Array): void {
  const {start, count} = span;
  const {valid} = parts;
  for (let row = 0; row < count.length; row++) {
    const n = count[row]!;
    if (n === 0) continue;
    let at = cursor[row]!;
    if (!someNull(valid, start[row]!, n)) out[at++] = 0;
    else {
      out[at++] = 1;
      const first = start[row]!;
      for (let i = 0; i < n; i += 8) {
        let bits = 0;
        for (let bit = 0; bit < 8 && i + bit < n; bit++) bits |= valid![first + i + bit]! << bit;
        out[at++] = bits;
      }
    }
    cursor[row] = at;
  }
  writeContent(parts, span, cursor, out);
}

function writeContent(parts: Parts, span: Span, cursor: Int32Array, out: Uint8Array): void {
  switch (parts.kind) {
    case 'fixed': writeFixed(parts.data, parts.width, span, cursor, out); return;
    case 'text': writeText(parts.column, span, cursor, out); return;
    case 'list':
      writeLengths(parts.lengths, span, cursor, out);
      writeValues(parts.child, childSpan(parts.lengths, span), cursor, out);
      return;
    case 'struct':
      for (const field of parts.fields) writeValues(field, span, cursor, out);
      return;
    default:
  }
}

/** From this length on one call of `set` is faster than a loop over bytes. */
const copyByCallMin = 128;

function writeFixed(data: Uint8Array, width: number, {start, count}: Span, cursor: Int32Array, out: Uint8Array): void {
  for (let row = 0; row < count.length; row++) {
    const bytes = count[row]! * width;
    const from = start[row]! * width;
    const at = cursor[row]!;
    if (bytes >= copyByCallMin) out.set(data.subarray(from, from + bytes), at);
    else for (let i = 0; i < bytes; i++) out[at + i] = data[from + i]!;
    cursor[row] = at + bytes;
  }
}

function writeLengths(lengths: Int32Array, {start, count}: Span, cursor: Int32Array, out: Uint8Array): void {
  for (let row = 0; row < count.length; row++) {
    let at = cursor[row]!;
    for (let i = start[row]!, end = i + count[row]!; i < end; i++) {
      let value = lengths[i]!;
      while (value >= 0x80) {
        out[at++] = (value & 0x7f) | 0x80;
        value >>>= 7;
      }
      out[at++] = value;
    }
    cursor[row] = at;
  }
}

function writeText(column: BytesColumn, span: Span, cursor: Int32Array, out: Uint8Array): void {
  writeLengths(column.length, span, cursor, out);
  const {start, count} = span;
  const {segments} = column.arena;
  for (let row = 0; row < count.length; row++) {
    let at = cursor[row]!;
    for (let i = start[row]!, end = i + count[row]!; i < end; i++) {
      const bytes = column.length[i]!;
      if (bytes === 0) continue;
      const address = column.address[i]!;
      const index = Math.floor(address / ARENA_SEGMENT_SPAN);
      const segment = segments[index]!;
      const from = address - index * ARENA_SEGMENT_SPAN;
      if (bytes >= copyByCallMin) out.set(segment.subarray(from, from + bytes), at);
      else for (let j = 0; j < bytes; j++) out[at + j] = segment[from + j]!;
      at += bytes;
    }
    cursor[row] = at;
  }
}
