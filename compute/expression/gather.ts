/** Selected rows of a pass-through column, into reused arrays: one loop per array type. */
import type {Column, Validity} from '../../base/delta.ts';
import {unreachable} from '../../base/invariant.ts';
import type {ColumnBuffers} from './column-buffers.ts';

function gatherI32(from: Int32Array, rows: Int32Array, count: number, to: Int32Array): Int32Array {
  for (let i = 0; i < count; i++) to[i] = from[rows[i]!]!;
  return to;
}

function gatherF64(from: Float64Array, rows: Int32Array, count: number, to: Float64Array): Float64Array {
  for (let i = 0; i < count; i++) to[i] = from[rows[i]!]!;
  return to;
}

function gatherI64(from: BigInt64Array, rows: Int32Array, count: number, to: BigInt64Array): BigInt64Array {
  for (let i = 0; i < count; i++) to[i] = from[rows[i]!]!;
  return to;
}

function gatherI128(from: BigInt64Array, rows: Int32Array, count: number, to: BigInt64Array): BigInt64Array {
  for (let i = 0; i < count; i++) {
    const row = rows[i]!;
    to[2 * i] = from[2 * row]!;
    to[2 * i + 1] = from[2 * row + 1]!;
  }
  return to;
}

function gatherU8(from: Uint8Array, rows: Int32Array, count: number, to: Uint8Array): Uint8Array {
  for (let i = 0; i < count; i++) to[i] = from[rows[i]!]!;
  return to;
}

/** @returns the rows `rows[0, count)` of `column`, in that order, in arrays of `buffers`; text stays in the column's arena. */
export function gatherInto(column: Column, rows: Int32Array, count: number, buffers: ColumnBuffers): Column {
  const valid: Validity = column.valid === null ? null : gatherU8(column.valid, rows, count, buffers.u8(count));
  switch (column.kind) {
    case 'i32': return {kind: 'i32', data: gatherI32(column.data, rows, count, buffers.i32(count)), valid};
    case 'f64': return {kind: 'f64', data: gatherF64(column.data, rows, count, buffers.f64(count)), valid, bound: column.bound};
    case 'i64': return {kind: 'i64', data: gatherI64(column.data, rows, count, buffers.i64(count)), valid};
    case 'i128': return {kind: 'i128', data: gatherI128(column.data, rows, count, buffers.i64(2 * count)), valid};
    case 'bytes': return {kind: 'bytes', arena: column.arena, address: gatherF64(column.address, rows, count, buffers.f64(count)), length: gatherI32(column.length, rows, count, buffers.i32(count)), valid};
    default: return unreachable(column);
  }
}
