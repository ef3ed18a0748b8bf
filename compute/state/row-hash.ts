/**
 * The 64-bit row hash of bags (`_mr_row`), stable on disk: docs/formats/row-hash.md is its definition, with test vectors. Two
 * lanes of 32 bits, one loop per column; a NULL adds nothing, so a column added later leaves the hashes of old rows as they are.
 */
import {ARENA_SEGMENT_SPAN} from '../../base/arena.ts';
import type {BytesColumn, Column, Validity} from '../../base/delta.ts';
import {invariant, unreachable} from '../../base/invariant.ts';
import {AlignedArena} from './aligned-arena.ts';
import type {RecordField} from './record-layout.ts';
import {halves} from './record-write.ts';

/** Ends the hash of `count` rows; tests give a weak one to force collisions. */
export type RowHashFinish = (low: Int32Array, high: Int32Array, count: number) => void;

const TWO_32 = 4_294_967_296;
const SEED_A = 0x6d696c6c;
const SEED_B = 0x72616365;
const P1 = 0x9e3779b1 | 0;
const P2 = 0x85ebca77 | 0;
const NAN_HIGH = 0x7ff80000;

// One step takes word w into the lanes; written out in each loop, because two results would cost an object per call:
//   a = rotl(imul(a ^ w, P1), 15) + b
//   b = rotl(imul(b ^ rotl(w, 16), P2), 13) ^ a

function stepA(a: number, b: number, w: number): number {
  const x = Math.imul(a ^ w, P1);
  return (((x << 15) | (x >>> 17)) + b) | 0;
}

/** @param a the lane after `stepA`. */
function stepB(a: number, b: number, w: number): number {
  const x = Math.imul(b ^ ((w << 16) | (w >>> 16)), P2);
  return ((x << 13) | (x >>> 19)) ^ a;
}

function addI32(data: Int32Array, tag: number, valid: Validity, selection: Int32Array | null, count: number, low: Int32Array, high: Int32Array): void {
  for (let i = 0; i < count; i++) {
    const row = selection === null ? i : selection[i]!;
    if (valid !== null && valid[row] === 0) continue;
    let a = low[i]!;
    let b = high[i]!;
    const value = data[row]!;
    a = stepA(a, b, tag);
    b = stepB(a, b, tag);
    a = stepA(a, b, value);
    b = stepB(a, b, value);
    a = stepA(a, b, value >> 31);
    b = stepB(a, b, value >> 31);
    low[i] = a;
    high[i] = b;
  }
}

function addNarrow(data: Float64Array, tag: number, valid: Validity, selection: Int32Array | null, count: number, low: Int32Array, high: Int32Array): void {
  for (let i = 0; i < count; i++) {
    const row = selection === null ? i : selection[i]!;
    if (valid !== null && valid[row] === 0) continue;
    let a = low[i]!;
    let b = high[i]!;
    const value = data[row]!;
    const first = value | 0;
    const second = Math.floor(value / TWO_32) | 0;
    a = stepA(a, b, tag);
    b = stepB(a, b, tag);
    a = stepA(a, b, first);
    b = stepB(a, b, first);
    a = stepA(a, b, second);
    b = stepB(a, b, second);
    low[i] = a;
    high[i] = b;
  }
}

function addWide(data: Int32Array, per: 2 | 4, tag: number, valid: Validity, selection: Int32Array | null, count: number, low: Int32Array, high: Int32Array): void {
  for (let i = 0; i < count; i++) {
    const row = selection === null ? i : selection[i]!;
    if (valid !== null && valid[row] === 0) continue;
    let a = low[i]!;
    let b = high[i]!;
    const first = data[per * row]!;
    const second = data[per * row + 1]!;
    a = stepA(a, b, tag);
    b = stepB(a, b, tag);
    a = stepA(a, b, first);
    b = stepB(a, b, first);
    a = stepA(a, b, second);
    b = stepB(a, b, second);
    if (per === 4) {
      const third = data[per * row + 2]!;
      const fourth = data[per * row + 3]!;
      if (third !== second >> 31 || fourth !== second >> 31) {
        a = stepA(a, b, third);
        b = stepB(a, b, third);
        a = stepA(a, b, fourth);
        b = stepB(a, b, fourth);
      }
    }
    low[i] = a;
    high[i] = b;
  }
}

function addDouble(data: Float64Array, words: Int32Array, tag: number, valid: Validity, selection: Int32Array | null, count: number, low: Int32Array, high: Int32Array): void {
  for (let i = 0; i < count; i++) {
    const row = selection === null ? i : selection[i]!;
    if (valid !== null && valid[row] === 0) continue;
    let a = low[i]!;
    let b = high[i]!;
    const value = data[row]!;
    let first = words[2 * row]!;
    let second = words[2 * row + 1]!;
    if (value === 0) first = second = 0;
    else if (value !== value) {
      first = 0;
      second = NAN_HIGH;
    }
    a = stepA(a, b, tag);
    b = stepB(a, b, tag);
    a = stepA(a, b, first);
    b = stepB(a, b, first);
    a = stepA(a, b, second);
    b = stepB(a, b, second);
    low[i] = a;
    high[i] = b;
  }
}

function addBytes(column: BytesColumn, segments: readonly Int32Array[], tag: number, selection: Int32Array | null, count: number, low: Int32Array, high: Int32Array): void {
  const {valid, address, length} = column;
  for (let i = 0; i < count; i++) {
    const row = selection === null ? i : selection[i]!;
    if (valid !== null && valid[row] === 0) continue;
    let a = low[i]!;
    let b = high[i]!;
    a = stepA(a, b, tag);
    b = stepB(a, b, tag);
    const bytes = length[row]!;
    if (bytes !== 0) {
      const from = address[row]!;
      const index = Math.floor(from / ARENA_SEGMENT_SPAN);
      const words = segments[index]!;
      let at = (from - index * ARENA_SEGMENT_SPAN) >>> 2;
      const end = at + ((bytes + 3) >> 2);
      for (; at < end; at++) {
        const word = words[at]!;
        a = stepA(a, b, word);
        b = stepB(a, b, word);
      }
    }
    a = stepA(a, b, bytes);
    low[i] = a;
    high[i] = stepB(a, b, bytes);
  }
}

function scramble(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35 | 0);
  return h ^ (h >>> 16);
}

/** The last step of the definition. */
export function finishRowHash(low: Int32Array, high: Int32Array, count: number): void {
  for (let i = 0; i < count; i++) {
    const a = scramble((low[i]! + high[i]!) | 0);
    const b = scramble((high[i]! + a) | 0);
    low[i] = (a + b) | 0;
    high[i] = b;
  }
}

/**
 * Hashes rows by their visible columns.
 *
 * @param fields the columns' fields: they tell doubles from narrow integers.
 * @param columns visible columns in table order, bytes aligned; the k-th is tagged k + 1.
 * @param low,high take the halves of the hash of each selected row.
 */
export function rowHashes(fields: readonly RecordField[], columns: readonly Column[], selection: Int32Array | null, count: number, low: Int32Array, high: Int32Array, finish: RowHashFinish = finishRowHash): void {
  low.fill(SEED_A, 0, count);
  high.fill(SEED_B, 0, count);
  for (let k = 0; k < fields.length; k++) {
    const column = columns[k]!;
    const tag = k + 1;
    switch (column.kind) {
      case 'i32': addI32(column.data, tag, column.valid, selection, count, low, high); break;
      case 'f64':
        if (fields[k]!.kind === 'f64') addDouble(column.data, new Int32Array(column.data.buffer, column.data.byteOffset, column.data.length * 2), tag, column.valid, selection, count, low, high);
        else addNarrow(column.data, tag, column.valid, selection, count, low, high);
        break;
      case 'i64': addWide(halves(column.data), 2, tag, column.valid, selection, count, low, high); break;
      case 'i128': addWide(halves(column.data), 4, tag, column.valid, selection, count, low, high); break;
      case 'bytes':
        invariant(column.arena instanceof AlignedArena, 'bytes are hashed in an aligned arena');
        addBytes(column, column.arena.words, tag, selection, count, low, high);
        break;
      default: unreachable(column);
    }
  }
  finish(low, high, count);
}
