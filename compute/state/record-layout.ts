/**
 * Where the fields of a row lie in its record. State is always wide, so that a record never has to be rewritten when values grow:
 *
 *   word 0…      bit 0 of word 0: the row is live; bit c + 1: column c is valid (further words when there are more than 31 columns)
 *   8-aligned    position (Float64, if asked for) · f64 (Float64) · exact64 (low, high word) · exact128 (four words, low first)
 *                · address of bytes (Float64)
 *   then         i32 (one word) · length of bytes (one word)
 *
 * A record is a multiple of 8 bytes. Offsets are in words of 4 bytes. Fields under a NULL are zero words.
 */
import {invariant} from '../../base/invariant.ts';
import type {LogicalType, PhysicalKind} from '../../base/type.ts';
import {physicalKind} from '../../base/type.ts';

export interface RecordField {
  readonly kind: PhysicalKind;
  /** Word offset of the value; for bytes of the address. */
  readonly offset: number;
  /** Word offset of the length of bytes; −1 for other kinds. */
  readonly lengthOffset: number;
  readonly validOffset: number;
  readonly validMask: number;
}

export interface RecordLayout {
  readonly types: readonly LogicalType[];
  readonly fields: readonly RecordField[];
  /** Words of the live and validity bits. */
  readonly headerWords: number;
  /** Word offset of the position, −1 if records hold none. */
  readonly positionOffset: number;
  /** Words from one record to the next; even. */
  readonly stride: number;
}

const wordsOf: Readonly<Record<PhysicalKind, number>> = {i32: 1, f64: 2, exact64: 2, exact128: 4, bytes: 2};

/** @returns the layout of records of `types`, with a `_pos` field if `positions`. */
export function recordLayout(types: readonly LogicalType[], positions: boolean): RecordLayout {
  const headerWords = Math.floor(types.length / 32) + 1;
  const kinds = types.map((type) => physicalKind(type));
  const offsets = kinds.map(() => -1);
  const lengthOffsets = kinds.map(() => -1);
  const singles: {readonly to: number[]; readonly column: number}[] = [];
  kinds.forEach((kind, column) => {
    if (kind === 'i32') singles.push({to: offsets, column});
    if (kind === 'bytes') singles.push({to: lengthOffsets, column});
  });
  let next = headerWords;
  const placeSingle = (): void => {
    const single = singles.shift();
    if (single !== undefined) single.to[single.column] = next;
    next++;
  };
  if (next % 2 === 1) placeSingle(); // a one-word field, or padding, before the first aligned one
  let positionOffset = -1;
  if (positions) {
    positionOffset = next;
    next += 2;
  }
  kinds.forEach((kind, column) => {
    if (kind === 'i32') return;
    offsets[column] = next;
    next += wordsOf[kind];
  });
  while (singles.length > 0) placeSingle();
  const stride = next + (next % 2);
  const fields = kinds.map((kind, column): RecordField => ({
    kind, offset: offsets[column]!, lengthOffset: lengthOffsets[column]!, validOffset: (column + 1) >> 5, validMask: 1 << ((column + 1) & 31),
  }));
  invariant(fields.every((field) => field.kind === 'i32' || field.offset % 2 === 0), 'fields of 8 bytes are aligned');
  return {types, fields, headerWords, positionOffset, stride};
}
