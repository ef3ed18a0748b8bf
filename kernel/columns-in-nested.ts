/**
 * Nested values, taken apart (base/nested.ts) → DuckDB's LIST, STRUCT and MAP vectors, part by part: what costs a copy for a plain
 * column costs one here, however many elements the lists have.
 *
 *   LIST    one pair (offset, length) of 64-bit numbers a row; all elements in one child vector, which is made large enough first
 *   MAP     a LIST of STRUCT(key, value)
 *   STRUCT  a child vector a field, row by row; no data of its own
 *
 * NULLs are bits of each vector, of children too.
 */
import type {Validity} from '../base/delta.ts';
import type {Parts} from '../base/nested.ts';
import {writeBytes} from './columns-in-bytes.ts';
import {binding, VECTOR_ROWS, type Vector} from './duckdb-binding.ts';

/** Writes the parts' `count` values to the first places of `vector`, NULLs too. */
export function writeNested(vector: Vector, parts: Parts, count: number): void {
  switch (parts.kind) {
    case 'fixed': binding.copy_data_to_vector(vector, 0, parts.data.buffer as ArrayBuffer, parts.data.byteOffset, count * parts.width); break;
    case 'text': writeBytes(vector, 'varchar', parts.column, 0, count); break;
    case 'list': {
      const total = writeEntries(vector, parts.lengths, count);
      binding.list_vector_reserve(vector, total);
      binding.list_vector_set_size(vector, total);
      if (total > 0) writeNested(binding.list_vector_get_child(vector), parts.child, total);
      break;
    }
    default: parts.fields.forEach((field, index) => writeNested(binding.struct_vector_get_child(vector, index), field, count));
  }
  writeValidity(vector, parts.valid, 0, count);
}

/** @returns how many elements the lists have together. */
function writeEntries(vector: Vector, lengths: Int32Array, count: number): number {
  const entries = new Uint32Array(4 * count);
  let total = 0;
  for (let i = 0; i < count; i++) {
    entries[4 * i] = total;
    entries[4 * i + 2] = lengths[i]!;
    total += lengths[i]!;
  }
  binding.copy_data_to_vector(vector, 0, entries.buffer, 0, entries.byteLength);
  return total;
}

let validityBits = new Uint8Array(VECTOR_ROWS / 8);

/** Marks the NULLs of values [start, start + count) in the first places of a vector whose values are all valid yet. */
export function writeValidity(vector: Vector, valid: Validity, start: number, count: number): void {
  if (valid === null || !packValidity(valid, start, count)) return;
  binding.vector_ensure_validity_writable(vector);
  binding.copy_data_to_vector_validity(vector, 0, validityBits.buffer, 0, (count + 7) >> 3);
  if (validityBits.length > validityBytesKept) validityBits = new Uint8Array(VECTOR_ROWS / 8);
}

const validityBytesKept = 1 << 16;

/** @returns whether a value is NULL; if so its bit is 0 in `validityBits` and those of all others are 1. */
function packValidity(valid: Uint8Array, start: number, count: number): boolean {
  let all = 1;
  for (let i = 0; i < count; i++) all &= valid[start + i]!;
  if (all === 1) return false;
  if (validityBits.length * 8 < count) validityBits = new Uint8Array((count + 7) >> 3);
  for (let byteIndex = 0, row = 0; row < count; byteIndex++) {
    let bits = 0xff;
    for (let bit = 0; bit < 8 && row < count; bit++, row++) bits ^= (valid[start + row]! ^ 1) << bit;
    validityBits[byteIndex] = bits;
  }
  return true;
}
