/**
 * Small loops over columns that more than one floor needs: select rows, join batches end to end. One loop per array type, so that
 * each stays monomorphic. Results own their arrays; text is shared by reference into the arenas of the inputs where one arena
 * serves, and copied once where several must become one.
 */
import {Arena} from './arena.ts';
import type {BytesColumn, ChangeBatch, Column, Validity} from './delta.ts';
import {NARROW_BOUND} from './delta.ts';
import {invariant, unreachable} from './invariant.ts';
import type {LogicalType, PhysicalKind} from './type.ts';
import {physicalKind} from './type.ts';

function gatherI32(from: Int32Array, rows: Int32Array, count: number): Int32Array<ArrayBuffer> {
  const to = new Int32Array(count);
  for (let i = 0; i < count; i++) to[i] = from[rows[i]!]!;
  return to;
}

function gatherF64(from: Float64Array, rows: Int32Array, count: number): Float64Array<ArrayBuffer> {
  const to = new Float64Array(count);
  for (let i = 0; i < count; i++) to[i] = from[rows[i]!]!;
  return to;
}

function gatherI64(from: BigInt64Array, rows: Int32Array, count: number): BigInt64Array<ArrayBuffer> {
  const to = new BigInt64Array(count);
  for (let i = 0; i < count; i++) to[i] = from[rows[i]!]!;
  return to;
}

function gatherI128(from: BigInt64Array, rows: Int32Array, count: number): BigInt64Array<ArrayBuffer> {
  const to = new BigInt64Array(2 * count);
  for (let i = 0; i < count; i++) {
    const row = rows[i]!;
    to[2 * i] = from[2 * row]!;
    to[2 * i + 1] = from[2 * row + 1]!;
  }
  return to;
}

function gatherU8(from: Uint8Array, rows: Int32Array, count: number): Uint8Array<ArrayBuffer> {
  const to = new Uint8Array(count);
  for (let i = 0; i < count; i++) to[i] = from[rows[i]!]!;
  return to;
}

/** @returns the rows `rows[0, count)` of `column`, in that order, in arrays of their own; text shares the arena. */
export function gatherColumn(column: Column, rows: Int32Array, count: number): Column {
  const valid: Validity = column.valid === null ? null : gatherU8(column.valid, rows, count);
  switch (column.kind) {
    case 'i32': return {kind: 'i32', data: gatherI32(column.data, rows, count), valid};
    case 'f64': return {kind: 'f64', data: gatherF64(column.data, rows, count), valid, bound: column.bound};
    case 'i64': return {kind: 'i64', data: gatherI64(column.data, rows, count), valid};
    case 'i128': return {kind: 'i128', data: gatherI128(column.data, rows, count), valid};
    case 'bytes': return {kind: 'bytes', arena: column.arena, address: gatherF64(column.address, rows, count), length: gatherI32(column.length, rows, count), valid};
    default: return unreachable(column);
  }
}

export function gatherColumns(columns: readonly Column[], rows: Int32Array, count: number): Column[] {
  return columns.map((column) => gatherColumn(column, rows, count));
}

/** @returns a view on rows [start, end) of `column`. */
export function sliceColumn(column: Column, start: number, end: number): Column {
  const valid = column.valid === null ? null : column.valid.subarray(start, end);
  switch (column.kind) {
    case 'i32': return {kind: 'i32', data: column.data.subarray(start, end), valid};
    case 'f64': return {kind: 'f64', data: column.data.subarray(start, end), valid, bound: column.bound};
    case 'i64': return {kind: 'i64', data: column.data.subarray(start, end), valid};
    case 'i128': return {kind: 'i128', data: column.data.subarray(2 * start, 2 * end), valid};
    case 'bytes': return {kind: 'bytes', arena: column.arena, address: column.address.subarray(start, end), length: column.length.subarray(start, end), valid};
    default: return unreachable(column);
  }
}

/** Narrow exact integers as 64-bit words (two Int32 a value, no BigInt), or as 128-bit ones. */
function widen(data: Float64Array, count: number, words: 1 | 2): BigInt64Array<ArrayBuffer> {
  const wide = new BigInt64Array(words * count);
  const half = new Int32Array(wide.buffer);
  const stride = 2 * words;
  for (let i = 0; i < count; i++) {
    const value = data[i]!;
    const high = Math.floor(value / 4_294_967_296);
    half[stride * i] = value - high * 4_294_967_296;
    half[stride * i + 1] = high;
    if (words === 2) half[stride * i + 2] = half[stride * i + 3] = value < 0 ? -1 : 0;
  }
  return wide;
}

/** @returns `column` as an `i64` column; it must be an exact one of at most 64 bits. */
export function asI64(column: Column, rowCount: number): BigInt64Array {
  if (column.kind === 'i64') return column.data;
  invariant(column.kind === 'f64' && column.bound <= NARROW_BOUND, () => `column kind ${column.kind} is not an exact 64-bit one`);
  return widen(column.data, rowCount, 1);
}

/** @returns `column` as 128-bit words, two a value, low first. */
export function asI128(column: Column, rowCount: number): BigInt64Array {
  if (column.kind === 'i128') return column.data;
  if (column.kind === 'i64') {
    const wide = new BigInt64Array(2 * rowCount);
    for (let i = 0; i < rowCount; i++) {
      wide[2 * i] = column.data[i]!;
      wide[2 * i + 1] = column.data[i]! < 0n ? -1n : 0n;
    }
    return wide;
  }
  invariant(column.kind === 'f64' && column.bound <= NARROW_BOUND, () => `column kind ${column.kind} is not an exact 128-bit one`);
  return widen(column.data, rowCount, 2);
}

/** @returns a column of `rowCount` NULLs of a type. */
export function nullColumn(type: LogicalType, rowCount: number): Column {
  const valid = new Uint8Array(rowCount);
  const kind: PhysicalKind = physicalKind(type);
  switch (kind) {
    case 'i32': return {kind: 'i32', data: new Int32Array(rowCount), valid};
    case 'f64': return {kind: 'f64', data: new Float64Array(rowCount), valid, bound: Infinity};
    case 'exact64': case 'exact128': return {kind: 'f64', data: new Float64Array(rowCount), valid, bound: 0};
    case 'bytes': return {kind: 'bytes', arena: new Arena(), address: new Float64Array(rowCount), length: new Int32Array(rowCount), valid};
    default: return unreachable(kind);
  }
}

export interface Piece {readonly column: Column; readonly rowCount: number}

/** @returns the pieces of one column of type `type` end to end; widened if any piece is wide; text copied if arenas differ. */
export function concatColumn(type: LogicalType, pieces: readonly Piece[]): Column {
  const rowCount = pieces.reduce((sum, piece) => sum + piece.rowCount, 0);
  const only = pieces.length === 1 ? pieces[0] : undefined;
  if (only !== undefined) return sliceColumn(only.column, 0, only.rowCount);
  let valid: Validity = null;
  if (pieces.some(({column}) => column.valid !== null)) {
    valid = new Uint8Array(rowCount);
    let at = 0;
    for (const {column, rowCount: count} of pieces) {
      if (column.valid === null) valid.fill(1, at, at + count);
      else valid.set(column.valid.subarray(0, count), at);
      at += count;
    }
  }
  const kind = physicalKind(type);
  if (kind === 'i32') {
    const data = new Int32Array(rowCount);
    let at = 0;
    for (const {column, rowCount: count} of pieces) {
      invariant(column.kind === 'i32', () => `piece of kind ${column.kind} in an i32 column`);
      data.set(column.data.subarray(0, count), at);
      at += count;
    }
    return {kind: 'i32', data, valid};
  }
  if (kind === 'bytes') return concatBytes(pieces, rowCount, valid);
  if (pieces.every(({column}) => column.kind === 'f64')) {
    const data = new Float64Array(rowCount);
    let at = 0;
    let bound = 0;
    for (const {column, rowCount: count} of pieces) {
      invariant(column.kind === 'f64', 'checked by every() above');
      data.set(column.data.subarray(0, count), at);
      bound = Math.max(bound, column.bound);
      at += count;
    }
    return {kind: 'f64', data, valid, bound};
  }
  const words = kind === 'exact128' ? 2 : 1;
  const data = new BigInt64Array(words * rowCount);
  let at = 0;
  for (const {column, rowCount: count} of pieces) {
    const wide = words === 2 ? asI128(column, count) : asI64(column, count);
    data.set(wide.subarray(0, words * count), words * at);
    at += count;
  }
  return words === 2 ? {kind: 'i128', data, valid} : {kind: 'i64', data, valid};
}

function concatBytes(pieces: readonly Piece[], rowCount: number, valid: Validity): BytesColumn {
  const address = new Float64Array(rowCount);
  const length = new Int32Array(rowCount);
  const first = pieces[0]?.column;
  const shared = first?.kind === 'bytes' && pieces.every(({column}) => column.kind === 'bytes' && column.arena === first.arena) ? first.arena : null;
  const arena = shared ?? new Arena();
  let at = 0;
  for (const {column, rowCount: count} of pieces) {
    invariant(column.kind === 'bytes', () => `piece of kind ${column.kind} in a bytes column`);
    length.set(column.length.subarray(0, count), at);
    if (shared !== null) address.set(column.address.subarray(0, count), at);
    else {
      for (let i = 0; i < count; i++) {
        const bytes = column.length[i]!;
        if (bytes === 0) continue;
        address[at + i] = arena.append(column.arena.view(column.address[i]!, bytes), 0, bytes);
      }
    }
    at += count;
  }
  return {kind: 'bytes', arena, address, length, valid};
}

/** @returns the batches end to end, in order. */
export function concatBatches(types: readonly LogicalType[], batches: readonly ChangeBatch[]): ChangeBatch {
  const only = batches.length === 1 ? batches[0] : undefined;
  if (only !== undefined) return only;
  const rowCount = batches.reduce((sum, batch) => sum + batch.rowCount, 0);
  const ops = new Uint8Array(rowCount);
  const positions = new Float64Array(rowCount);
  let at = 0;
  for (const batch of batches) {
    ops.set(batch.ops.subarray(0, batch.rowCount), at);
    positions.set(batch.positions.subarray(0, batch.rowCount), at);
    at += batch.rowCount;
  }
  const columns = types.map((type, index) => concatColumn(type, batches.map((batch) => ({column: batch.columns[index]!, rowCount: batch.rowCount}))));
  return {rowCount, ops, columns, positions};
}

/** @returns an estimate of the bytes that the rows take in a frame: what limits and back-pressure count. */
export function columnsBytes(columns: readonly Column[], rowCount: number): number {
  let bytes = 0;
  for (const column of columns) {
    if (column.kind === 'bytes') {
      let text = 4 * rowCount;
      for (let i = 0; i < rowCount; i++) text += column.length[i]!;
      bytes += text;
    } else bytes += rowCount * (column.kind === 'i32' ? 4 : column.kind === 'i128' ? 16 : 8);
  }
  return bytes;
}
