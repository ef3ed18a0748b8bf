/**
 * Equality of rows as grouping sees it: NULL equals NULL, −0 equals 0, NaN equals NaN, text by bytes. `exact` tells −0 from 0
 * (an update from one to the other is a change). Kernels run over columns of a batch against records; `recordsEqual` and
 * `columnsEqual` compare one pair and serve where rows are few (duplicates in a batch, equal hashes).
 */
import {ARENA_SEGMENT_SPAN} from '../../base/arena.ts';
import type {BytesColumn, Column, Validity} from '../../base/delta.ts';
import {invariant, unreachable} from '../../base/invariant.ts';
import {AlignedArena} from './aligned-arena.ts';
import type {RecordField} from './record-layout.ts';
import {SEGMENT_BITS, SEGMENT_MASK} from './record-write.ts';
import type {RowStore} from './row-store.ts';
import {halves} from './record-write.ts';

const TWO_32 = 4_294_967_296;

function equalWords(a: Int32Array, aAt: number, b: Int32Array, bAt: number, count: number): boolean {
  for (let k = 0; k < count; k++) if (a[aAt + k] !== b[bAt + k]!) return false;
  return true;
}

function doublesEqual(a: number, b: number, exact: boolean): boolean {
  if (a === b) return !exact || a !== 0 || 1 / a === 1 / b;
  return a !== a && b !== b;
}

// Each kernel clears flags[i] where the selected row differs from record rows[i]; rows of −1 and cleared flags are passed over.

function compareI32(words: readonly Int32Array[], stride: number, field: RecordField, rows: Int32Array, data: Int32Array, valid: Validity, selection: Int32Array | null, count: number, flags: Uint8Array): void {
  const {offset, validOffset, validMask} = field;
  for (let i = 0; i < count; i++) {
    const row = rows[i]!;
    if (row < 0 || flags[i] === 0) continue;
    const from = selection === null ? i : selection[i]!;
    const segment = words[row >> SEGMENT_BITS]!;
    const at = (row & SEGMENT_MASK) * stride;
    const there = valid === null || valid[from] !== 0;
    if (((segment[at + validOffset]! & validMask) !== 0) !== there || (there && segment[at + offset] !== data[from]!)) flags[i] = 0;
  }
}

/** Exact integers that came narrow; `words` of the record are 2 or 4. */
function compareNarrow(words: readonly Int32Array[], stride: number, field: RecordField, rows: Int32Array, data: Float64Array, valid: Validity, selection: Int32Array | null, count: number, flags: Uint8Array): void {
  const {offset, validOffset, validMask} = field;
  const long = field.kind === 'exact128';
  for (let i = 0; i < count; i++) {
    const row = rows[i]!;
    if (row < 0 || flags[i] === 0) continue;
    const from = selection === null ? i : selection[i]!;
    const segment = words[row >> SEGMENT_BITS]!;
    const at = (row & SEGMENT_MASK) * stride;
    const there = valid === null || valid[from] !== 0;
    if (((segment[at + validOffset]! & validMask) !== 0) !== there) {
      flags[i] = 0;
      continue;
    }
    if (!there) continue;
    const high = segment[at + offset + 1]!;
    // above 2^53 the left side is rounded, but then it is no narrow value either
    if (high * TWO_32 + (segment[at + offset]! >>> 0) !== data[from]! || (long && (segment[at + offset + 2] !== high >> 31 || segment[at + offset + 3] !== high >> 31))) flags[i] = 0;
  }
}

function compareWide(words: readonly Int32Array[], stride: number, field: RecordField, rows: Int32Array, data: Int32Array, per: 2 | 4, valid: Validity, selection: Int32Array | null, count: number, flags: Uint8Array): void {
  const {offset, validOffset, validMask} = field;
  const long = field.kind === 'exact128';
  for (let i = 0; i < count; i++) {
    const row = rows[i]!;
    if (row < 0 || flags[i] === 0) continue;
    const from = selection === null ? i : selection[i]!;
    const segment = words[row >> SEGMENT_BITS]!;
    const at = (row & SEGMENT_MASK) * stride;
    const there = valid === null || valid[from] !== 0;
    if (((segment[at + validOffset]! & validMask) !== 0) !== there) {
      flags[i] = 0;
      continue;
    }
    if (!there) continue;
    const high = data[per * from + 1]!;
    let equal = segment[at + offset] === data[per * from]! && segment[at + offset + 1] === high;
    if (long) {
      const third = per === 4 ? data[per * from + 2]! : high >> 31;
      const fourth = per === 4 ? data[per * from + 3]! : high >> 31;
      equal = equal && segment[at + offset + 2] === third && segment[at + offset + 3] === fourth;
    }
    if (!equal) flags[i] = 0;
  }
}

function compareDouble(words: readonly Int32Array[], doubles: readonly Float64Array[], stride: number, field: RecordField, rows: Int32Array, data: Float64Array, valid: Validity, selection: Int32Array | null, count: number, flags: Uint8Array, exact: boolean): void {
  const {offset, validOffset, validMask} = field;
  for (let i = 0; i < count; i++) {
    const row = rows[i]!;
    if (row < 0 || flags[i] === 0) continue;
    const from = selection === null ? i : selection[i]!;
    const at = (row & SEGMENT_MASK) * stride;
    const there = valid === null || valid[from] !== 0;
    if (((words[row >> SEGMENT_BITS]![at + validOffset]! & validMask) !== 0) !== there || (there && !doublesEqual(doubles[row >> SEGMENT_BITS]![(at + offset) >> 1]!, data[from]!, exact))) flags[i] = 0;
  }
}

function compareBytes(words: readonly Int32Array[], doubles: readonly Float64Array[], stride: number, field: RecordField, arena: readonly Int32Array[], rows: Int32Array, column: BytesColumn, segments: readonly Int32Array[], selection: Int32Array | null, count: number, flags: Uint8Array): void {
  const {offset, lengthOffset, validOffset, validMask} = field;
  const {valid, address, length} = column;
  for (let i = 0; i < count; i++) {
    const row = rows[i]!;
    if (row < 0 || flags[i] === 0) continue;
    const from = selection === null ? i : selection[i]!;
    const segment = words[row >> SEGMENT_BITS]!;
    const at = (row & SEGMENT_MASK) * stride;
    const there = valid === null || valid[from] !== 0;
    const bytes = there ? length[from]! : 0;
    if (((segment[at + validOffset]! & validMask) !== 0) !== there || segment[at + lengthOffset] !== bytes) {
      flags[i] = 0;
      continue;
    }
    if (bytes === 0) continue;
    const a = doubles[row >> SEGMENT_BITS]![(at + offset) >> 1]!;
    const aIndex = Math.floor(a / ARENA_SEGMENT_SPAN);
    const b = address[from]!;
    const bIndex = Math.floor(b / ARENA_SEGMENT_SPAN);
    if (!equalWords(arena[aIndex]!, (a - aIndex * ARENA_SEGMENT_SPAN) >>> 2, segments[bIndex]!, (b - bIndex * ARENA_SEGMENT_SPAN) >>> 2, (bytes + 3) >> 2)) flags[i] = 0;
  }
}

/**
 * Clears `flags[i]` where the i-th selected row of `columns` differs from record `ofRows[i]` in one of `fields` (column k against
 * field k). Bytes must be aligned.
 */
export function compareColumns(store: RowStore, fields: readonly RecordField[], ofRows: Int32Array, columns: readonly Column[], selection: Int32Array | null, count: number, flags: Uint8Array, exact: boolean): void {
  const rows = store.located(ofRows, count);
  const {words, doubles} = store;
  const {stride} = store.layout;
  for (let k = 0; k < fields.length; k++) {
    const field = fields[k]!;
    const column = columns[k]!;
    switch (column.kind) {
      case 'i32': compareI32(words, stride, field, rows, column.data, column.valid, selection, count, flags); break;
      case 'f64':
        if (field.kind === 'f64') compareDouble(words, doubles, stride, field, rows, column.data, column.valid, selection, count, flags, exact);
        else compareNarrow(words, stride, field, rows, column.data, column.valid, selection, count, flags);
        break;
      case 'i64': compareWide(words, stride, field, rows, halves(column.data), 2, column.valid, selection, count, flags); break;
      case 'i128': compareWide(words, stride, field, rows, halves(column.data), 4, column.valid, selection, count, flags); break;
      case 'bytes':
        invariant(column.arena instanceof AlignedArena, 'bytes are compared in an aligned arena');
        compareBytes(words, doubles, stride, field, store.arena.words, rows, column, column.arena.words, selection, count, flags);
        break;
      default: unreachable(column);
    }
  }
}

/** @returns whether two rows' records are equal in all of `fields`. @param exact tells −0.0 from 0.0. */
export function recordsEqual(store: RowStore, fields: readonly RecordField[], rowA: number, rowB: number, exact = false): boolean {
  const {stride} = store.layout;
  const a = store.locatedOne(rowA);
  const b = store.locatedOne(rowB);
  const aWords = store.words[a >> SEGMENT_BITS]!;
  const bWords = store.words[b >> SEGMENT_BITS]!;
  const aAt = (a & SEGMENT_MASK) * stride;
  const bAt = (b & SEGMENT_MASK) * stride;
  for (let k = 0; k < fields.length; k++) {
    const {kind, offset, lengthOffset, validOffset, validMask} = fields[k]!;
    if (((aWords[aAt + validOffset]! ^ bWords[bAt + validOffset]!) & validMask) !== 0) return false;
    if (kind === 'bytes') {
      const bytes = aWords[aAt + lengthOffset]!;
      if (bytes !== bWords[bAt + lengthOffset]!) return false;
      if (bytes === 0) continue;
      const from = store.doubles[a >> SEGMENT_BITS]![(aAt + offset) >> 1]!;
      const to = store.doubles[b >> SEGMENT_BITS]![(bAt + offset) >> 1]!;
      const fromIndex = Math.floor(from / ARENA_SEGMENT_SPAN);
      const toIndex = Math.floor(to / ARENA_SEGMENT_SPAN);
      if (!equalWords(store.arena.words[fromIndex]!, (from - fromIndex * ARENA_SEGMENT_SPAN) >>> 2, store.arena.words[toIndex]!, (to - toIndex * ARENA_SEGMENT_SPAN) >>> 2, (bytes + 3) >> 2)) return false;
    } else if (kind === 'f64') {
      if (!doublesEqual(store.doubles[a >> SEGMENT_BITS]![(aAt + offset) >> 1]!, store.doubles[b >> SEGMENT_BITS]![(bAt + offset) >> 1]!, exact)) return false;
    } else if (!equalWords(aWords, aAt + offset, bWords, bAt + offset, kind === 'i32' ? 1 : kind === 'exact64' ? 2 : 4)) return false;
  }
  return true;
}

/** @returns whether rows `a` and `b` of one batch are equal in all of `columns`; `fields` tells doubles from narrow integers. Bytes must be aligned. */
export function columnsEqual(fields: readonly RecordField[], columns: readonly Column[], a: number, b: number): boolean {
  for (let k = 0; k < columns.length; k++) {
    const column = columns[k]!;
    const {valid} = column;
    if (valid !== null) {
      const there = valid[a] !== 0;
      if (there !== (valid[b] !== 0)) return false;
      if (!there) continue;
    }
    switch (column.kind) {
      case 'i32': if (column.data[a] !== column.data[b]!) return false; break;
      case 'f64':
        if (fields[k]!.kind === 'f64' ? !doublesEqual(column.data[a]!, column.data[b]!, false) : column.data[a] !== column.data[b]!) return false;
        break;
      case 'i64': if (column.data[a] !== column.data[b]!) return false; break;
      case 'i128': if (column.data[2 * a] !== column.data[2 * b]! || column.data[2 * a + 1] !== column.data[2 * b + 1]!) return false; break;
      case 'bytes': {
        const bytes = column.length[a]!;
        if (bytes !== column.length[b]!) return false;
        if (bytes === 0) break;
        invariant(column.arena instanceof AlignedArena, 'bytes are compared in an aligned arena');
        const {words} = column.arena;
        const from = column.address[a]!;
        const to = column.address[b]!;
        const fromIndex = Math.floor(from / ARENA_SEGMENT_SPAN);
        const toIndex = Math.floor(to / ARENA_SEGMENT_SPAN);
        if (!equalWords(words[fromIndex]!, (from - fromIndex * ARENA_SEGMENT_SPAN) >>> 2, words[toIndex]!, (to - toIndex * ARENA_SEGMENT_SPAN) >>> 2, (bytes + 3) >> 2)) return false;
        break;
      }
      default: unreachable(column);
    }
  }
  return true;
}
