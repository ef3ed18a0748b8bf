/**
 * DuckDB's LIST, STRUCT and MAP vectors → nested values: the vectors' parts are copied out whole, brought to the canonical form that
 * base/nested.ts draws, and written as bytes.
 *
 * The lists of a vector may lie in any order in its child, with gaps, and several may share elements; what lies under a NULL is
 * anything. So parts are read *by selection* where they do not simply follow each other, and NULLs are handed down.
 */
import type {BytesColumn, Validity} from '../base/delta.ts';
import {Arena} from '../base/arena.ts';
import {gatherColumn} from '../base/columns.ts';
import {WarehouseError} from '../base/error.ts';
import {invariant} from '../base/invariant.ts';
import {canonicalReals, type FixedWidth, type Parts, type Shape} from '../base/nested.ts';
import {encodeNested} from '../base/nested-encode.ts';
import {binding, type Vector} from './duckdb-binding.ts';
import {readBytes} from './columns-out-bytes.ts';

/** @returns rows [0, rowCount) of a vector of nested values. @throws {WarehouseError} `MR_NESTED_LIMIT` */
export function readNested(vector: Vector, shape: Shape, rowCount: number): BytesColumn {
  return encodeNested(readParts(vector, shape, rowCount, null, rowCount, null), rowCount);
}

/**
 * @param held how many values the vector has.
 * @param selection which of them, in order; null: the first `count`.
 * @param above NULLs of the structs around: what is 0 there is NULL here.
 */
function readParts(vector: Vector, shape: Shape, held: number, selection: Int32Array | null, count: number, above: Validity): Parts {
  const valid = readNestedValidity(vector, held, selection, count, above);
  switch (shape.kind) {
    case 'fixed': {
      const all = binding.vector_get_data(vector, held * shape.width);
      const data = selection === null ? new Uint8Array(all.buffer, all.byteOffset, count * shape.width) : gatherFixed(all, shape.width, selection, count);
      if (valid !== null) zeroNulls(data, shape.width, valid, count);
      if (shape.real) canonicalReals(data, shape.width, count);
      return {kind: 'fixed', width: shape.width, data, valid};
    }
    case 'text': {
      const all = readBytes(vector, readNestedValidity(vector, held, null, held, null), held);
      const column = (selection === null ? all : gatherColumn(all, selection, count)) as BytesColumn;
      if (valid !== null) zeroNullTexts(column, valid, count);
      return {kind: 'text', column: {...column, valid}, valid};
    }
    case 'list': return readLists(vector, shape, held, selection, count, valid);
    default: return {kind: 'struct', valid, fields: shape.fields.map((field, index) => readParts(binding.struct_vector_get_child(vector, index), field, held, selection, count, valid))};
  }
}

/** @returns one byte a value, 1 where neither it nor what is around it is NULL; null if that is everywhere. */
function readNestedValidity(vector: Vector, held: number, selection: Int32Array | null, count: number, above: Validity): Validity {
  const bits = held === 0 ? null : (binding.vector_get_validity(vector, (held + 7) >> 3) as Uint8Array | null);
  if (bits === null) return above;
  const valid = new Uint8Array(count);
  let all = 1;
  for (let i = 0; i < count; i++) {
    const at = selection === null ? i : selection[i]!;
    const bit = (bits[at >> 3]! >> (at & 7)) & 1 & (above === null ? 1 : above[i]!);
    valid[i] = bit;
    all &= bit;
  }
  return all === 1 ? null : valid;
}

function readLists(vector: Vector, shape: Extract<Shape, {kind: 'list'}>, held: number, selection: Int32Array | null, count: number, valid: Validity): Parts {
  const entries = binding.vector_get_data(vector, held * 16);
  const words = new Uint32Array(entries.buffer, entries.byteOffset, held * 4);
  const lengths = new Int32Array(count);
  const first = new Float64Array(count);
  let total = 0;
  let inOrder = true;
  for (let i = 0; i < count; i++) {
    if (valid !== null && valid[i] === 0) continue;
    const at = selection === null ? i : selection[i]!;
    const length = words[4 * at + 2]!;
    if (words[4 * at + 3] !== 0 || total + length > elementsMax) throw new WarehouseError('invalid', 'MR_NESTED_LIMIT', `a chunk of a result has lists of more than ${elementsMax} elements together`, {hint: 'select fewer of them'});
    lengths[i] = length;
    first[i] = words[4 * at]! + words[4 * at + 1]! * 4294967296;
    if (length > 0 && first[i] !== total) inOrder = false;
    total += length;
  }
  if (total === 0) return {kind: 'list', lengths, child: emptyParts(shape.child), valid};
  const childHeld = inOrder ? total : binding.list_vector_get_size(vector);
  const child = readParts(binding.list_vector_get_child(vector), shape.child, childHeld, inOrder ? null : selectElements(first, lengths, total), total, null);
  return {kind: 'list', lengths, child, valid};
}

/** Elements of one chunk: each costs up to 16 bytes and a few words beside. */
const elementsMax = 1 << 26;

function selectElements(first: Float64Array, lengths: Int32Array, total: number): Int32Array {
  const selection = new Int32Array(total);
  let at = 0;
  for (let i = 0; i < lengths.length; i++) {
    for (let from = first[i]!, end = from + lengths[i]!; from < end; from++) selection[at++] = from;
  }
  return selection;
}

/** @returns the parts of no value. */
export function emptyParts(shape: Shape): Parts {
  switch (shape.kind) {
    case 'fixed': return {kind: 'fixed', width: shape.width, data: new Uint8Array(0), valid: null};
    case 'text': return {kind: 'text', column: {kind: 'bytes', arena: new Arena(), address: new Float64Array(0), length: new Int32Array(0), valid: null}, valid: null};
    case 'list': return {kind: 'list', lengths: new Int32Array(0), child: emptyParts(shape.child), valid: null};
    default: return {kind: 'struct', fields: shape.fields.map(emptyParts), valid: null};
  }
}

function gatherFixed(from: Uint8Array, width: FixedWidth, selection: Int32Array, count: number): Uint8Array {
  const to = new Uint8Array(count * width);
  switch (width) {
    case 1: for (let i = 0; i < count; i++) to[i] = from[selection[i]!]!; break;
    case 2: gatherWords(new Uint16Array(from.buffer, from.byteOffset, from.length >> 1), new Uint16Array(to.buffer), 1, selection, count); break;
    default: gatherWords(new Uint32Array(from.buffer, from.byteOffset, from.length >> 2), new Uint32Array(to.buffer), width >> 2, selection, count);
  }
  return to;
}

function gatherWords<W extends Uint16Array | Uint32Array>(from: W, to: W, words: number, selection: Int32Array, count: number): void {
  for (let i = 0; i < count; i++) {
    const at = selection[i]! * words;
    for (let j = 0; j < words; j++) to[i * words + j] = from[at + j]!;
  }
}

function zeroNulls(data: Uint8Array, width: number, valid: Uint8Array, count: number): void {
  for (let i = 0; i < count; i++) {
    if (valid[i] === 1) continue;
    for (let j = i * width, end = j + width; j < end; j++) data[j] = 0;
  }
}

function zeroNullTexts(column: BytesColumn, valid: Uint8Array, count: number): void {
  invariant(column.length.length >= count, () => `${column.length.length} texts for ${count} values`);
  for (let i = 0; i < count; i++) {
    if (valid[i] === 1) continue;
    column.length[i] = 0;
    column.address[i] = 0;
  }
}
