/**
 * Nested values (LIST, STRUCT, MAP). Inside the house one value is one string of bytes, so that a nested column is a `bytes` column:
 * state, log, hashes, group keys and consolidation take it as they take text. At the doors (DuckDB's vectors, JSON) a column is taken
 * apart into its *parts*: arrays for all its values at once.
 *
 *   bytes of one value        = content(type, 1 value); never empty
 *   values(type, n values)    = nothing if n = 0, else
 *                               0                                   no NULL among them
 *                               1 · ⌈n / 8⌉ bytes, bit i: value i is not NULL
 *                               then content(type, n)
 *   content(scalar of w bytes) n · w bytes, little-endian as in a DuckDB vector; a NULL is zeros
 *   content(text, blob)       n lengths · all bytes
 *   content(list)             n lengths · values(element, sum of the lengths)
 *   content(map)              as a list of STRUCT(key, value)
 *   content(struct)           values(field, n) for each field, in order
 *   length                    LEB128, 7 bits a byte, low first; of a NULL it is 0
 *
 * Width of scalars: BOOLEAN, TINYINT 1 · SMALLINT 2 · INTEGER, DATE, FLOAT 4 · BIGINT, TIMESTAMP, TIMESTAMPTZ, DOUBLE 8 · DECIMAL
 * 2, 4, 8 or 16 for a precision up to 4, 9, 18, 38.
 *
 * **Equal values have equal bytes, and only they**, where equal is what GROUP BY says: NULLs in the same place are equal, −0 is
 * written as 0 and every NaN as one, the fields of a NULL struct are NULL, entries of a map keep their order and it counts. The type
 * is not told: it is the column's. The layout is on disk (docs/formats/log.md), so it never changes.
 */
import type {BytesColumn, Validity} from './delta.ts';
import {unreachable} from './invariant.ts';
import type {LogicalType, NestedType, ScalarType} from './type.ts';

/** A nested column taken apart, or one of its parts. Values under a NULL are zero, of length 0, or NULL themselves. */
export type Parts =
  | {readonly kind: 'fixed'; readonly width: FixedWidth; /** `width` bytes a value */ readonly data: Uint8Array; readonly valid: Validity}
  | {readonly kind: 'text'; readonly column: BytesColumn; readonly valid: Validity}
  | {readonly kind: 'list'; readonly lengths: Int32Array; /** values of the elements, those of each list behind those of the one before */ readonly child: Parts; readonly valid: Validity}
  | {readonly kind: 'struct'; readonly fields: readonly Parts[]; readonly valid: Validity};

export type FixedWidth = 1 | 2 | 4 | 8 | 16;

/** What a type's parts look like: maps are lists of structs here. */
export type Shape =
  | {readonly kind: 'fixed'; readonly width: FixedWidth; readonly real: boolean}
  | {readonly kind: 'text'}
  | {readonly kind: 'list'; readonly child: Shape}
  | {readonly kind: 'struct'; readonly fields: readonly Shape[]};

const shapes = new WeakMap<NestedType, Shape>();

/** @returns the shape of a type's parts. */
export function shapeOf(type: LogicalType): Shape {
  switch (type.kind) {
    case 'varchar': case 'blob': return {kind: 'text'};
    case 'list': case 'map': case 'struct': {
      let shape = shapes.get(type);
      if (shape === undefined) shapes.set(type, shape = nestedShape(type));
      return shape;
    }
    default: return {kind: 'fixed', width: fixedWidth(type), real: type.kind === 'float' || type.kind === 'double'};
  }
}

function nestedShape(type: NestedType): Shape {
  switch (type.kind) {
    case 'list': return {kind: 'list', child: shapeOf(type.element)};
    case 'map': return {kind: 'list', child: {kind: 'struct', fields: [shapeOf(type.key), shapeOf(type.value)]}};
    case 'struct': return {kind: 'struct', fields: type.fields.map((field) => shapeOf(field.type))};
    default: return unreachable(type);
  }
}

/** @returns bytes of one value of a scalar type of fixed width, as in a DuckDB vector. */
export function fixedWidth(type: ScalarType): FixedWidth {
  switch (type.kind) {
    case 'boolean': case 'tinyint': return 1;
    case 'smallint': return 2;
    case 'integer': case 'date': case 'float': return 4;
    case 'decimal': return type.precision <= 4 ? 2 : type.precision <= 9 ? 4 : type.precision <= 18 ? 8 : 16;
    default: return 8;
  }
}

/** Makes −0 to 0 and every NaN to one, in place: `data` holds floats of 4 or 8 bytes. */
export function canonicalReals(data: Uint8Array, width: FixedWidth, count: number): void {
  const words = new Uint32Array(data.buffer, data.byteOffset, (count * width) >> 2);
  if (width === 4) {
    for (let i = 0; i < count; i++) {
      const bits = words[i]!;
      if (bits === 0x8000_0000) words[i] = 0;
      else if ((bits & 0x7fff_ffff) > 0x7f80_0000) words[i] = 0x7fc0_0000;
    }
    return;
  }
  for (let i = 0; i < count; i++) {
    const low = words[2 * i]!;
    const high = words[2 * i + 1]!;
    const exponent = high & 0x7fff_ffff;
    if (exponent > 0x7ff0_0000 || (exponent === 0x7ff0_0000 && low !== 0)) {
      words[2 * i] = 0;
      words[2 * i + 1] = 0x7ff8_0000;
    } else if (low === 0 && high === 0x8000_0000) words[2 * i + 1] = 0;
  }
}
