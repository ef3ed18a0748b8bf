/**
 * VARCHAR and BLOB vectors → bytes columns, without a call or a copy per value.
 *
 * A vector holds 16-byte entries (columns-in-bytes.ts draws them). The copy of all entries becomes the arena's first segment:
 * short strings are addressed where they stand in it. Long strings lie in DuckDB's string heap. A result chunk was copied row
 * by row into a heap of its own, so their bytes mostly follow each other in a few blocks: neighbours are read as one *run* (one
 * call, one copy), and each run becomes one more segment.
 *
 * A run may take in a gap of less than a page between two strings. That reads bytes that are nobody's, but never an unmapped
 * page: fewer than 4096 bytes between two mapped bytes always lie in the pages of these two (pages are 4096 bytes or more).
 */
import {Arena, ARENA_SEGMENT_SPAN} from '../base/arena.ts';
import {WarehouseError} from '../base/error.ts';
import {invariant} from '../base/invariant.ts';
import type {BytesColumn, Validity} from '../base/delta.ts';
import {binding, VECTOR_ROWS, type Vector} from './duckdb-binding.ts';
import {INLINE_BYTES_MAX} from './columns-in-bytes.ts';

const runGapBytesMax = 4095;
const runBytesMax = 1 << 30;
/** Lengths of columns are Int32. */
const valueBytesMax = 0x7fff_ffff;

function tooLong(bytes: number): WarehouseError {
  return new WarehouseError('invalid', 'MR_LIMIT', `a result holds a value of ${bytes} bytes, at most ${valueBytesMax} can be read`);
}

const pointer = new ArrayBuffer(8);
const pointerWords = new Uint32Array(pointer);
/** Whether the vector being read has strings that stand in their entries. Scratch, as the following. */
let someInline = false;
/** Runs of the vector being read: where they start in DuckDB's memory, and their bytes. */
let runStart = new Float64Array(VECTOR_ROWS);
let runBytes = new Float64Array(VECTOR_ROWS);
const runsKept = 1 << 18;

/** @returns rows [0, rowCount) of `vector`; the column's arena is its own. The vector of a list's elements may have any number of rows. */
export function readBytes(vector: Vector, valid: Validity, rowCount: number): BytesColumn {
  if (rowCount > runStart.length || runStart.length > runsKept) {
    runStart = new Float64Array(Math.max(rowCount, VECTOR_ROWS));
    runBytes = new Float64Array(Math.max(rowCount, VECTOR_ROWS));
  }
  const entries = binding.vector_get_data(vector, rowCount * 16);
  const words = new Uint32Array(entries.buffer, entries.byteOffset, rowCount * 4);
  const address = new Float64Array(rowCount);
  const length = new Int32Array(rowCount);
  if (valid !== null) zeroNullEntries(words, valid, rowCount);
  const runCount = locate(words, address, length, rowCount);
  return {kind: 'bytes', arena: arenaOf(someInline ? plain(entries) : noBytes, runCount), address, length, valid};
}

const noBytes = new Uint8Array(0);

function zeroNullEntries(words: Uint32Array, valid: Uint8Array, rowCount: number): void {
  for (let i = 0; i < rowCount; i++) if (valid[i] === 0) words[4 * i] = 0;
}

/** Fills addresses and lengths and finds the runs. @returns how many there are. */
function locate(words: Uint32Array, address: Float64Array, length: Int32Array, rowCount: number): number {
  let runCount = 0;
  let start = 0; // of the current run, in DuckDB's memory
  let end = 0;
  someInline = false;
  let segmentStart = 0; // address of the current run's first byte
  for (let i = 0; i < rowCount; i++) {
    const bytes = words[4 * i]!;
    if (bytes > valueBytesMax) throw tooLong(bytes);
    length[i] = bytes;
    if (bytes === 0) continue;
    if (bytes <= INLINE_BYTES_MAX) {
      address[i] = 16 * i + 4;
      someInline = true;
      continue;
    }
    const from = words[4 * i + 2]! + words[4 * i + 3]! * 4294967296;
    if (from >= start && from - end <= runGapBytesMax && from + bytes - start <= runBytesMax && runCount > 0) {
      if (from + bytes > end) end = from + bytes; // else the string lies inside the run: it was read already
    } else {
      if (runCount > 0) runBytes[runCount - 1] = end - start;
      start = from;
      end = from + bytes;
      runStart[runCount++] = start;
      segmentStart = runCount * ARENA_SEGMENT_SPAN;
    }
    address[i] = segmentStart + (from - start);
  }
  if (runCount > 0) runBytes[runCount - 1] = end - start;
  return runCount;
}

/** @returns an arena of the entries (empty if no address points there) and, after them, the runs. */
function arenaOf(entries: Uint8Array, runCount: number): Arena {
  // The last segment is the one that an arena counts as filled: it is wrapped, the others go before it.
  const arena = Arena.wrap(runCount === 0 ? entries : readRun(runCount - 1));
  if (runCount > 0) {
    const before = [entries];
    for (let i = 0; i < runCount - 1; i++) before.push(readRun(i));
    arena.segments.unshift(...before);
  }
  return arena;
}

function readRun(index: number): Uint8Array {
  const from = runStart[index]!;
  const bytes = runBytes[index]!;
  invariant(bytes > 0 && bytes <= 0xffff_ffff, () => `a run of strings has ${bytes} bytes`);
  pointerWords[0] = from % 4294967296;
  pointerWords[1] = Math.floor(from / 4294967296);
  return plain(binding.get_data_from_pointer(pointer, 0, bytes));
}

/** Node's Buffer as a plain Uint8Array, so that loops over segments see one class of object. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
