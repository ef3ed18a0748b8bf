/**
 * 32-bit hashes of keys, in memory only (never stored: docs/formats/row-hash.md is another hash). The same key has the same hash
 * whether it lies in columns, narrow or wide, or in records: integers are hashed as low and high word, doubles with −0 as 0 and
 * one NaN, bytes by zero-padded words and then their length. One loop per column and array type.
 */
import {ARENA_SEGMENT_SPAN} from '../../base/arena.ts';
import type {BytesColumn, Column, Validity} from '../../base/delta.ts';
import {invariant, unreachable} from '../../base/invariant.ts';
import {AlignedArena} from './aligned-arena.ts';
import type {RecordField} from './record-layout.ts';
import {SEGMENT_BITS, SEGMENT_MASK} from './record-write.ts';
import type {RowStore} from './row-store.ts';
import {halves} from './record-write.ts';

/** Computes the hashes of `count` keys in records: the hook by which tests force collisions. */
export type HashFinish = (hash: Int32Array, count: number) => void;

const TWO_32 = 4_294_967_296;
const SEED = 0x2545f491;
const MULTIPLIER = 0x9e3779b1 | 0;
const NULL_WORD = 0x6e756c6c;
const NAN_HIGH = 0x7ff80000;

function mix(hash: number, word: number): number {
  const product = Math.imul(hash ^ word, MULTIPLIER);
  return product ^ (product >>> 15);
}

/** Spreads the bits, so that both the top bits (partition) and the low bits (slot) are good. */
export function finishHashes(hash: Int32Array, count: number): void {
  for (let i = 0; i < count; i++) {
    let h = hash[i]!;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35 | 0);
    hash[i] = h ^ (h >>> 16);
  }
}

function hashI32(data: Int32Array, valid: Validity, selection: Int32Array | null, count: number, hash: Int32Array): void {
  for (let i = 0; i < count; i++) {
    const row = selection === null ? i : selection[i]!;
    hash[i] = mix(hash[i]!, valid === null || valid[row] !== 0 ? data[row]! : NULL_WORD);
  }
}

function hashNarrow(data: Float64Array, valid: Validity, selection: Int32Array | null, count: number, hash: Int32Array): void {
  for (let i = 0; i < count; i++) {
    const row = selection === null ? i : selection[i]!;
    if (valid === null || valid[row] !== 0) {
      const value = data[row]!;
      hash[i] = mix(mix(hash[i]!, value | 0), Math.floor(value / TWO_32) | 0);
    } else hash[i] = mix(hash[i]!, NULL_WORD);
  }
}

/** Integers of `per` words; of four words the upper two count only when they are not the sign of the lower ones. */
function hashWide(data: Int32Array, per: 2 | 4, valid: Validity, selection: Int32Array | null, count: number, hash: Int32Array): void {
  for (let i = 0; i < count; i++) {
    const row = selection === null ? i : selection[i]!;
    if (valid === null || valid[row] !== 0) {
      const high = data[per * row + 1]!;
      let h = mix(mix(hash[i]!, data[per * row]!), high);
      if (per === 4) {
        const third = data[per * row + 2]!;
        const fourth = data[per * row + 3]!;
        if (third !== high >> 31 || fourth !== high >> 31) h = mix(mix(h, third), fourth);
      }
      hash[i] = h;
    } else hash[i] = mix(hash[i]!, NULL_WORD);
  }
}

function hashDouble(data: Float64Array, words: Int32Array, valid: Validity, selection: Int32Array | null, count: number, hash: Int32Array): void {
  for (let i = 0; i < count; i++) {
    const row = selection === null ? i : selection[i]!;
    if (valid === null || valid[row] !== 0) {
      const value = data[row]!;
      if (value !== value) hash[i] = mix(mix(hash[i]!, 0), NAN_HIGH);
      else if (value === 0) hash[i] = mix(mix(hash[i]!, 0), 0);
      else hash[i] = mix(mix(hash[i]!, words[2 * row]!), words[2 * row + 1]!);
    } else hash[i] = mix(hash[i]!, NULL_WORD);
  }
}

function hashBytes(column: BytesColumn, segments: readonly Int32Array[], selection: Int32Array | null, count: number, hash: Int32Array): void {
  const {valid, address, length} = column;
  for (let i = 0; i < count; i++) {
    const row = selection === null ? i : selection[i]!;
    if (valid === null || valid[row] !== 0) {
      const bytes = length[row]!;
      let h = hash[i]!;
      if (bytes !== 0) {
        const from = address[row]!;
        const index = Math.floor(from / ARENA_SEGMENT_SPAN);
        const words = segments[index]!;
        let at = (from - index * ARENA_SEGMENT_SPAN) >>> 2;
        const end = at + ((bytes + 3) >> 2);
        while (at < end) h = mix(h, words[at++]!);
      }
      hash[i] = mix(h, bytes);
    } else hash[i] = mix(hash[i]!, NULL_WORD);
  }
}

/**
 * Hashes keys that lie in columns.
 *
 * @param columns key columns in key order; bytes must be aligned (`alignColumn`).
 * @param fields the fields of the same key in records: an exact column may come narrow or wide, its field says it is exact.
 */
export function hashColumns(fields: readonly RecordField[], columns: readonly Column[], selection: Int32Array | null, count: number, hash: Int32Array, finish: HashFinish = finishHashes): void {
  hash.fill(SEED, 0, count);
  for (let k = 0; k < fields.length; k++) {
    const column = columns[k]!;
    const {kind} = fields[k]!;
    invariant(column.kind === kind || (kind === 'exact64' && (column.kind === 'f64' || column.kind === 'i64'))
      || (kind === 'exact128' && (column.kind === 'f64' || column.kind === 'i64' || column.kind === 'i128')), () => `key column ${k} is ${column.kind}, wants ${kind}`);
    switch (column.kind) {
      case 'i32': hashI32(column.data, column.valid, selection, count, hash); break;
      case 'f64':
        if (fields[k]!.kind === 'f64') hashDouble(column.data, new Int32Array(column.data.buffer, column.data.byteOffset, column.data.length * 2), column.valid, selection, count, hash);
        else hashNarrow(column.data, column.valid, selection, count, hash);
        break;
      case 'i64': hashWide(halves(column.data), 2, column.valid, selection, count, hash); break;
      case 'i128': hashWide(halves(column.data), 4, column.valid, selection, count, hash); break;
      case 'bytes':
        invariant(column.arena instanceof AlignedArena, 'bytes are hashed in an aligned arena');
        hashBytes(column, column.arena.words, selection, count, hash);
        break;
      default: unreachable(column);
    }
  }
  finish(hash, count);
}

function hashRecordWords(words: readonly Int32Array[], stride: number, offset: number, per: 1 | 2 | 4, validOffset: number, validMask: number, rows: Int32Array, count: number, hash: Int32Array): void {
  for (let i = 0; i < count; i++) {
    const row = rows[i]!;
    const segment = words[row >> SEGMENT_BITS]!;
    const at = (row & SEGMENT_MASK) * stride;
    if ((segment[at + validOffset]! & validMask) === 0) {
      hash[i] = mix(hash[i]!, NULL_WORD);
      continue;
    }
    let h = mix(hash[i]!, segment[at + offset]!);
    if (per !== 1) {
      const high = segment[at + offset + 1]!;
      h = mix(h, high);
      if (per === 4) {
        const third = segment[at + offset + 2]!;
        const fourth = segment[at + offset + 3]!;
        if (third !== high >> 31 || fourth !== high >> 31) h = mix(mix(h, third), fourth);
      }
    }
    hash[i] = h;
  }
}

function hashRecordDoubles(words: readonly Int32Array[], doubles: readonly Float64Array[], stride: number, offset: number, validOffset: number, validMask: number, rows: Int32Array, count: number, hash: Int32Array): void {
  for (let i = 0; i < count; i++) {
    const row = rows[i]!;
    const segment = words[row >> SEGMENT_BITS]!;
    const at = (row & SEGMENT_MASK) * stride;
    if ((segment[at + validOffset]! & validMask) === 0) {
      hash[i] = mix(hash[i]!, NULL_WORD);
      continue;
    }
    const value = doubles[row >> SEGMENT_BITS]![(at + offset) >> 1]!;
    if (value !== value) hash[i] = mix(mix(hash[i]!, 0), NAN_HIGH);
    else if (value === 0) hash[i] = mix(mix(hash[i]!, 0), 0);
    else hash[i] = mix(mix(hash[i]!, segment[at + offset]!), segment[at + offset + 1]!);
  }
}

function hashRecordBytes(words: readonly Int32Array[], doubles: readonly Float64Array[], stride: number, offset: number, lengthOffset: number, validOffset: number, validMask: number, arena: readonly Int32Array[], rows: Int32Array, count: number, hash: Int32Array): void {
  for (let i = 0; i < count; i++) {
    const row = rows[i]!;
    const segment = words[row >> SEGMENT_BITS]!;
    const at = (row & SEGMENT_MASK) * stride;
    if ((segment[at + validOffset]! & validMask) === 0) {
      hash[i] = mix(hash[i]!, NULL_WORD);
      continue;
    }
    const bytes = segment[at + lengthOffset]!;
    let h = hash[i]!;
    if (bytes !== 0) {
      const from = doubles[row >> SEGMENT_BITS]![(at + offset) >> 1]!;
      const index = Math.floor(from / ARENA_SEGMENT_SPAN);
      const source = arena[index]!;
      let p = (from - index * ARENA_SEGMENT_SPAN) >>> 2;
      const end = p + ((bytes + 3) >> 2);
      while (p < end) h = mix(h, source[p++]!);
    }
    hash[i] = mix(h, bytes);
  }
}

/** Hashes keys that lie in records, the same as `hashColumns` does. */
export function hashRecords(store: RowStore, fields: readonly RecordField[], ofRows: Int32Array, count: number, hash: Int32Array, finish: HashFinish = finishHashes): void {
  const {stride} = store.layout;
  const rows = store.located(ofRows, count);
  hash.fill(SEED, 0, count);
  for (const field of fields) {
    const {offset, validOffset, validMask} = field;
    switch (field.kind) {
      case 'i32': hashRecordWords(store.words, stride, offset, 1, validOffset, validMask, rows, count, hash); break;
      case 'exact64': hashRecordWords(store.words, stride, offset, 2, validOffset, validMask, rows, count, hash); break;
      case 'exact128': hashRecordWords(store.words, stride, offset, 4, validOffset, validMask, rows, count, hash); break;
      case 'f64': hashRecordDoubles(store.words, store.doubles, stride, offset, validOffset, validMask, rows, count, hash); break;
      case 'bytes': hashRecordBytes(store.words, store.doubles, stride, offset, field.lengthOffset, validOffset, validMask, store.arena.words, rows, count, hash); break;
      default: unreachable(field.kind);
    }
  }
  finish(hash, count);
}
