/**
 * Bytes of nested values → parts (base/nested.ts draws both). Each node reads the values of all rows in one loop, at the rows'
 * cursors, and moves them on. Text is not copied: it is addressed where it stands.
 */
import {Arena, ARENA_SEGMENT_SPAN} from './arena.ts';
import type {BytesColumn, Validity} from './delta.ts';
import {WarehouseError} from './error.ts';
import type {Parts, Shape} from './nested.ts';

/** Bytes that hold all values of the column, and where in an arena they stand. */
interface Source {readonly bytes: Uint8Array; readonly arena: Arena; readonly base: number}

/** Row r has the values [start[r], start[r] + count[r]) of `total` at a node. */
interface Span {readonly start: Int32Array; readonly count: Int32Array; readonly total: number}

/**
 * @param shape of the column's type.
 * @returns the parts of rows [start, start + rowCount); text shares the column's arena where one segment holds all values.
 * @throws {WarehouseError} `MR_NESTED_DAMAGED` (data) if the bytes are no values of the type.
 */
export function decodeNested(shape: Shape, column: BytesColumn, start: number, rowCount: number): Parts {
  const cursor = new Int32Array(rowCount);
  const end = new Int32Array(rowCount);
  const source = sourceOf(column, start, rowCount, cursor, end);
  const first = new Int32Array(rowCount);
  const count = new Int32Array(rowCount);
  const valid = column.valid === null ? null : column.valid.subarray(start, start + rowCount);
  for (let row = 0; row < rowCount; row++) {
    first[row] = row;
    count[row] = valid === null ? 1 : valid[row]!;
  }
  const parts = readContent(shape, {start: first, count, total: rowCount}, valid, cursor, end, source);
  for (let row = 0; row < rowCount; row++) if (cursor[row] !== end[row]) throw damaged(`${end[row]! - cursor[row]!} bytes are left`);
  return parts;
}

function damaged(what: string): WarehouseError {
  return new WarehouseError('data', 'MR_NESTED_DAMAGED', `the bytes of a nested value are not of its type: ${what}`);
}

/** Fills cursors and ends, as offsets in the source's bytes. */
function sourceOf(column: BytesColumn, start: number, rowCount: number, cursor: Int32Array, end: Int32Array): Source {
  const {arena, address, length} = column;
  let segmentIndex = -1;
  let total = 0;
  let single = true;
  for (let i = start; i < start + rowCount; i++) {
    if (length[i] === 0) continue;
    total += length[i]!;
    const index = Math.floor(address[i]! / ARENA_SEGMENT_SPAN);
    if (segmentIndex < 0) segmentIndex = index;
    else if (index !== segmentIndex) single = false;
  }
  if (single) {
    const base = Math.max(segmentIndex, 0) * ARENA_SEGMENT_SPAN;
    for (let row = 0; row < rowCount; row++) {
      const bytes = length[start + row]!;
      cursor[row] = bytes === 0 ? 0 : address[start + row]! - base;
      end[row] = cursor[row]! + bytes;
    }
    return {bytes: arena.segments[Math.max(segmentIndex, 0)] ?? new Uint8Array(0), arena, base};
  }
  const bytes = new Uint8Array(total);
  let at = 0;
  for (let row = 0; row < rowCount; row++) {
    cursor[row] = at;
    const size = length[start + row]!;
    if (size > 0) bytes.set(arena.view(address[start + row]!, size), at);
    at += size;
    end[row] = at;
  }
  return {bytes, arena: Arena.wrap(bytes), base: 0};
}

function readValues(shape: Shape, span: Span, cursor: Int32Array, end: Int32Array, source: Source): Parts {
  return readContent(shape, span, readValidity(span, cursor, end, source.bytes), cursor, end, source);
}

/** @returns one byte a value; values that no row has count as NULL; null if all are valid. */
function readValidity({start, count, total}: Span, cursor: Int32Array, end: Int32Array, bytes: Uint8Array): Validity {
  const valid = new Uint8Array(total);
  let validCount = 0;
  for (let row = 0; row < count.length; row++) {
    const n = count[row]!;
    if (n === 0) continue;
    let at = cursor[row]!;
    const first = start[row]!;
    const flag = at < end[row]! ? bytes[at++]! : 2;
    if (flag === 0) {
      for (let i = 0; i < n; i++) valid[first + i] = 1;
      validCount += n;
    } else if (flag === 1) {
      for (let i = 0; i < n; i++) {
        const bit = (bytes[at + (i >> 3)]! >> (i & 7)) & 1;
        valid[first + i] = bit;
        validCount += bit;
      }
      at += (n + 7) >> 3;
    } else throw damaged('no mark of NULLs');
    cursor[row] = at;
  }
  return validCount === total ? null : valid;
}

function readContent(shape: Shape, span: Span, valid: Validity, cursor: Int32Array, end: Int32Array, source: Source): Parts {
  switch (shape.kind) {
    case 'fixed': return {kind: 'fixed', width: shape.width, data: readFixed(shape.width, span, cursor, end, source.bytes), valid};
    case 'text': return {kind: 'text', column: {...readText(span, cursor, end, source), valid}, valid};
    case 'list': {
      const lengths = readLengths(span, cursor, end, source.bytes);
      return {kind: 'list', lengths, child: readValues(shape.child, childSpan(lengths, span, cursor, end), cursor, end, source), valid};
    }
    default: return {kind: 'struct', fields: shape.fields.map((field) => readValues(field, span, cursor, end, source)), valid};
  }
}

function readFixed(width: number, {start, count, total}: Span, cursor: Int32Array, end: Int32Array, from: Uint8Array): Uint8Array {
  const data = new Uint8Array(total * width);
  for (let row = 0; row < count.length; row++) {
    const bytes = count[row]! * width;
    const at = cursor[row]!;
    if (bytes > end[row]! - at) throw damaged(`${bytes} bytes expected, ${end[row]! - at} are there`);
    const to = start[row]! * width;
    if (bytes >= 128) data.set(from.subarray(at, at + bytes), to);
    else for (let i = 0; i < bytes; i++) data[to + i] = from[at + i]!;
    cursor[row] = at + bytes;
  }
  return data;
}

function readLengths({start, count, total}: Span, cursor: Int32Array, end: Int32Array, bytes: Uint8Array): Int32Array {
  const lengths = new Int32Array(total);
  for (let row = 0; row < count.length; row++) {
    let at = cursor[row]!;
    for (let i = start[row]!, last = i + count[row]!; i < last; i++) {
      let value = bytes[at++]!;
      for (let shift = 7; value >= 1 << shift && shift <= 28; shift += 7) value = (value & ((1 << shift) - 1)) | (bytes[at++]! << shift);
      if (value < 0) throw damaged('a length below 0');
      lengths[i] = value;
    }
    if (at > end[row]!) throw damaged('lengths are cut off');
    cursor[row] = at;
  }
  return lengths;
}

function readText(span: Span, cursor: Int32Array, end: Int32Array, source: Source): Omit<BytesColumn, 'valid'> {
  const length = readLengths(span, cursor, end, source.bytes);
  const address = new Float64Array(length.length);
  const {start, count} = span;
  for (let row = 0; row < count.length; row++) {
    let at = cursor[row]!;
    for (let i = start[row]!, last = i + count[row]!; i < last; i++) {
      const bytes = length[i]!;
      if (bytes > 0) address[i] = source.base + at;
      at += bytes;
    }
    if (at > end[row]!) throw damaged('text is cut off');
    cursor[row] = at;
  }
  return {kind: 'bytes', arena: source.arena, address, length};
}

/** @throws if a row has more elements than its bytes could say: each takes a byte at least, so a wrong length never becomes an allocation. */
function childSpan(lengths: Int32Array, {start, count}: Span, cursor: Int32Array, end: Int32Array): Span {
  const childStart = new Int32Array(count.length);
  const childCount = new Int32Array(count.length);
  let total = 0;
  for (let row = 0; row < count.length; row++) {
    childStart[row] = total;
    let elements = 0;
    for (let i = start[row]!, last = i + count[row]!; i < last; i++) elements += lengths[i]!;
    if (elements > end[row]! - cursor[row]!) throw damaged(`${elements} elements in ${end[row]! - cursor[row]!} bytes`);
    childCount[row] = elements;
    total += elements;
  }
  return {start: childStart, count: childCount, total};
}
