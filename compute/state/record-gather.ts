/** One field of records as a column: the loops of record-read.ts, chosen once by the field's kind. */
import type {Arena} from '../../base/arena.ts';
import type {Column, Validity} from '../../base/delta.ts';
import {NARROW_BOUND} from '../../base/delta.ts';
import {unreachable} from '../../base/invariant.ts';
import type {RecordField} from './record-layout.ts';
import {readF64, readI32, readNarrow128, readNarrow64, readValid, readWide} from './record-read.ts';
import {halves} from './record-write.ts';

/** Where records are read from. */
export interface Records {
  readonly words: readonly Int32Array[];
  readonly doubles: readonly Float64Array[];
  /** What the addresses of their texts refer to. */
  readonly arena: Arena;
}

/**
 * @param nullable a value may be NULL, or a row −1.
 * @param reuse a column of an earlier call, whose arrays are taken again where kind and length allow.
 * @returns the field of `count` rows; exact values narrow where all fit, else wide.
 */
export function gatherColumn({words, doubles, arena}: Records, field: RecordField, stride: number, nullable: boolean, rows: Int32Array, count: number, reuse: Column | undefined): Column {
  let valid: Validity = null;
  if (nullable) {
    const to = reuse !== undefined && reuse.valid !== null && reuse.valid.length >= count ? reuse.valid : new Uint8Array(count);
    if (readValid(words, stride, field.validOffset, field.validMask, rows, count, to) > 0) valid = to;
  }
  switch (field.kind) {
    case 'i32': {
      const data = reuse?.kind === 'i32' && reuse.data.length >= count ? reuse.data : new Int32Array(count);
      readI32(words, stride, field.offset, rows, count, data);
      return {kind: 'i32', data, valid};
    }
    case 'f64': {
      const data = reuse?.kind === 'f64' && reuse.data.length >= count ? reuse.data : new Float64Array(count);
      readF64(doubles, stride, field.offset, rows, count, data);
      return {kind: 'f64', data, valid, bound: Infinity};
    }
    case 'exact64': {
      const data = reuse?.kind === 'f64' && reuse.data.length >= count ? reuse.data : new Float64Array(count);
      const bound = readNarrow64(words, stride, field.offset, rows, count, data);
      if (bound <= NARROW_BOUND) return {kind: 'f64', data, valid, bound};
      const wide = new BigInt64Array(count);
      readWide(words, stride, field.offset, 2, rows, count, halves(wide));
      return {kind: 'i64', data: wide, valid};
    }
    case 'exact128': {
      const data = reuse?.kind === 'f64' && reuse.data.length >= count ? reuse.data : new Float64Array(count);
      const bound = readNarrow128(words, stride, field.offset, rows, count, data);
      if (bound <= NARROW_BOUND) return {kind: 'f64', data, valid, bound};
      const wide = new BigInt64Array(2 * count);
      readWide(words, stride, field.offset, 4, rows, count, halves(wide));
      return {kind: 'i128', data: wide, valid};
    }
    case 'bytes': {
      const kept = reuse?.kind === 'bytes' && reuse.length.length >= count ? reuse : undefined;
      const address = kept?.address ?? new Float64Array(count);
      const length = kept?.length ?? new Int32Array(count);
      readF64(doubles, stride, field.offset, rows, count, address);
      readI32(words, stride, field.lengthOffset, rows, count, length);
      return {kind: 'bytes', arena, address, length, valid};
    }
    default: return unreachable(field.kind);
  }
}
