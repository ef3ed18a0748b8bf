/**
 * Text and blob columns → DuckDB vectors. DuckDB holds a string as 16 bytes:
 *
 *   length ≤ 12   u32 length · 12 bytes of text, zeros after its end
 *   length > 12   u32 length · first 4 bytes · 8-byte pointer to all bytes
 *
 * Assigning strings one by one costs a call each. Instead (1) the bytes of all long strings are given to DuckDB once, as if they
 * were one string of row 0: it copies them to the vector's own heap, where they live as long as the vector's values do; (2) the
 * pointer is read back from row 0; (3) all 16-byte entries, row 0's too, are made here and copied over in one piece.
 *
 * If the strings lie one after the other in one arena segment (as decoded from a frame), step 1 needs no copy in JS; else the
 * long ones are put together in a scratch buffer first. DuckDB checks what it is assigned to a VARCHAR vector to be UTF-8
 * (strings that are valid one by one are valid together); bytes that are not become NULL, which is found in step 2.
 */
import {ARENA_SEGMENT_SPAN} from '../base/arena.ts';
import {WarehouseError} from '../base/error.ts';
import type {BytesColumn} from '../base/delta.ts';
import {binding, VECTOR_ROWS, type Vector} from './duckdb-binding.ts';

/** Longest string that stands inside its entry. */
export const INLINE_BYTES_MAX = 12;
const entryWords = 4;
/** Above this many bytes a chunk's long strings are assigned one by one: each costs its copy, not its call. */
const heapBytesMax = 1 << 28;
const scratchBytesKept = 1 << 22;

let entries = new ArrayBuffer(VECTOR_ROWS * 16);
let words = new Int32Array(entries);
let entryBytes = new Uint8Array(entries);
const entryRowsKept = 1 << 18;
let scratch = new Uint8Array(1 << 16);

/** What one pass over lengths and addresses finds. */
interface Layout {
  longCount: number; // strings of more than 12 bytes
  longBytes: number; // their bytes together
  start: number; // address of the first non-empty string
  end: number; // address after the last one, while `contiguous`
  contiguous: boolean; // non-empty strings follow each other without a gap
}
const layout: Layout = {longCount: 0, longBytes: 0, start: 0, end: 0, contiguous: true};

/**
 * Writes rows [start, start + rowCount) of `column` to `vector`, whose type is `kind`; NULLs are the caller's. The vector of a list's
 * elements may take any number of rows.
 */
export function writeBytes(vector: Vector, kind: 'varchar' | 'blob', column: BytesColumn, start: number, rowCount: number): void {
  if (rowCount * 16 > entries.byteLength || entries.byteLength > entryRowsKept * 16) {
    entries = new ArrayBuffer(Math.max(rowCount, VECTOR_ROWS) * 16);
    words = new Int32Array(entries);
    entryBytes = new Uint8Array(entries);
  }
  survey(column, start, rowCount);
  if (layout.longCount === 0) {
    words.fill(0, 0, rowCount * entryWords);
    inlineEntries(column, start, rowCount);
  } else if (layout.longBytes > heapBytesMax) {
    assignEach(vector, kind, column, start, rowCount);
    return;
  } else if (layout.contiguous && layout.end - layout.start <= heapBytesMax) {
    const {start: first, end} = layout;
    const base = assignHeap(vector, kind, column.arena.view(first, end - first));
    words.fill(0, 0, rowCount * entryWords);
    contiguousEntries(column, start, rowCount, first, base);
  } else {
    const heap = gatherLong(column, start, rowCount, layout.longBytes);
    const base = assignHeap(vector, kind, heap);
    words.fill(0, 0, rowCount * entryWords);
    gatheredEntries(column, start, rowCount, base);
    if (scratch.length > scratchBytesKept) scratch = new Uint8Array(1 << 16);
  }
  binding.copy_data_to_vector(vector, 0, entries, 0, rowCount * 16);
}

function survey(column: BytesColumn, start: number, rowCount: number): void {
  const {address, length} = column;
  let longCount = 0;
  let longBytes = 0;
  let first = -1;
  let end = -1;
  let contiguous = true;
  for (let i = start; i < start + rowCount; i++) {
    const bytes = length[i]!;
    if (bytes === 0) continue;
    if (bytes > INLINE_BYTES_MAX) { longCount++; longBytes += bytes; }
    const at = address[i]!;
    if (first < 0) first = at;
    else if (at !== end) contiguous = false;
    end = at + bytes;
  }
  layout.longCount = longCount;
  layout.longBytes = longBytes;
  layout.start = first;
  layout.end = end;
  layout.contiguous = contiguous;
}

/** Gives `heap` (more than 12 bytes) to the vector. @returns where DuckDB put its copy, as a number. */
function assignHeap(vector: Vector, kind: 'varchar' | 'blob', heap: Uint8Array): number {
  binding.vector_assign_string_element_len(vector, 0, heap);
  const entry = binding.vector_get_data(vector, 16);
  const view = new DataView(entry.buffer, entry.byteOffset, 16);
  if (view.getUint32(0, true) !== heap.length) {
    throw new WarehouseError('data', 'MR_UTF8', `a ${kind} column holds bytes that are not UTF-8 text`, {hint: 'store bytes in a BLOB column'});
  }
  return view.getUint32(8, true) + view.getUint32(12, true) * 2 ** 32;
}

/** Entries of a column that has short strings only; `words` is zeroed. */
function inlineEntries(column: BytesColumn, start: number, rowCount: number): void {
  const {address, length, arena} = column;
  const segments = arena.segments;
  let segmentIndex = 0;
  let segment = segments[0]!;
  for (let i = 0; i < rowCount; i++) {
    const bytes = length[start + i]!;
    if (bytes === 0) continue;
    const at = address[start + i]!;
    let offset = at - segmentIndex * ARENA_SEGMENT_SPAN;
    if (offset < 0 || offset >= ARENA_SEGMENT_SPAN) {
      segmentIndex = Math.floor(at / ARENA_SEGMENT_SPAN);
      segment = segments[segmentIndex]!;
      offset = at - segmentIndex * ARENA_SEGMENT_SPAN;
    }
    putInline(segment, offset, bytes, i);
  }
}

function putInline(segment: Uint8Array, offset: number, bytes: number, row: number): void {
  words[row * entryWords] = bytes;
  const to = row * 16 + 4;
  for (let j = 0; j < bytes; j++) entryBytes[to + j] = segment[offset + j]!;
}

function putLong(segment: Uint8Array, offset: number, bytes: number, pointer: number, row: number): void {
  const word = row * entryWords;
  words[word] = bytes;
  words[word + 1] = segment[offset]! | (segment[offset + 1]! << 8) | (segment[offset + 2]! << 16) | (segment[offset + 3]! << 24);
  words[word + 2] = pointer | 0;
  words[word + 3] = pointer * 2 ** -32;
}

/** Entries of strings whose heap is a copy of the arena from address `first` on. */
function contiguousEntries(column: BytesColumn, start: number, rowCount: number, first: number, base: number): void {
  const {address, length, arena} = column;
  const segmentIndex = Math.floor(first / ARENA_SEGMENT_SPAN);
  const segment = arena.segments[segmentIndex]!;
  const segmentStart = segmentIndex * ARENA_SEGMENT_SPAN;
  for (let i = 0; i < rowCount; i++) {
    const bytes = length[start + i]!;
    if (bytes === 0) continue;
    const at = address[start + i]!;
    if (bytes > INLINE_BYTES_MAX) putLong(segment, at - segmentStart, bytes, base + (at - first), i);
    else putInline(segment, at - segmentStart, bytes, i);
  }
}

/** Entries of strings whose long ones were gathered, in row order, to a heap at `base`. */
function gatheredEntries(column: BytesColumn, start: number, rowCount: number, base: number): void {
  const {address, length, arena} = column;
  const segments = arena.segments;
  let pointer = base;
  for (let i = 0; i < rowCount; i++) {
    const bytes = length[start + i]!;
    if (bytes === 0) continue;
    const at = address[start + i]!;
    const segmentIndex = Math.floor(at / ARENA_SEGMENT_SPAN);
    const offset = at - segmentIndex * ARENA_SEGMENT_SPAN;
    if (bytes > INLINE_BYTES_MAX) {
      putLong(segments[segmentIndex]!, offset, bytes, pointer, i);
      pointer += bytes;
    } else putInline(segments[segmentIndex]!, offset, bytes, i);
  }
}

/** @returns the bytes of all strings of more than 12 bytes, in row order; valid until the next call. */
function gatherLong(column: BytesColumn, start: number, rowCount: number, byteCount: number): Uint8Array {
  if (scratch.length < byteCount) scratch = new Uint8Array(Math.max(byteCount, Math.min(scratch.length * 2, scratchBytesKept)));
  const {address, length, arena} = column;
  const segments = arena.segments;
  let to = 0;
  for (let i = start; i < start + rowCount; i++) {
    const bytes = length[i]!;
    if (bytes <= INLINE_BYTES_MAX) continue;
    const at = address[i]!;
    const segmentIndex = Math.floor(at / ARENA_SEGMENT_SPAN);
    const offset = at - segmentIndex * ARENA_SEGMENT_SPAN;
    const segment = segments[segmentIndex]!;
    if (bytes > copyByCallMin) scratch.set(segment.subarray(offset, offset + bytes), to);
    else for (let j = 0; j < bytes; j++) scratch[to + j] = segment[offset + j]!;
    to += bytes;
  }
  return scratch.subarray(0, byteCount);
}

/** From this length on one call of `set` is faster than a loop over bytes. */
const copyByCallMin = 128;

function assignEach(vector: Vector, kind: 'varchar' | 'blob', column: BytesColumn, start: number, rowCount: number): void {
  for (let i = 0; i < rowCount; i++) {
    const bytes = column.length[start + i]!;
    const valid = column.valid === null || column.valid[start + i] === 1;
    binding.vector_assign_string_element_len(vector, i, bytes === 0 ? new Uint8Array(0) : column.arena.view(column.address[start + i]!, bytes));
    if (!valid || bytes === 0) continue;
    const entry = binding.vector_get_data(vector, 16 * (i + 1));
    if (new DataView(entry.buffer, entry.byteOffset + 16 * i, 4).getUint32(0, true) !== bytes) {
      throw new WarehouseError('data', 'MR_UTF8', `a ${kind} column holds bytes that are not UTF-8 text`, {hint: 'store bytes in a BLOB column'});
    }
  }
}
