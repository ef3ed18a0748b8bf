/** Plain columns → parts of nested ones: what builders make of the values that nested values hold. */
import type {Column} from './delta.ts';
import {asI128, asI64} from './columns.ts';
import {invariant} from './invariant.ts';
import {canonicalReals, fixedWidth, type Parts} from './nested.ts';
import {typeText, type ScalarType} from './type.ts';

/** @param column of `type`; rows [0, count) of it, NULLs zero. @returns the part, in arrays of its own but for text. */
export function leafParts(type: ScalarType, column: Column, count: number): Parts {
  const valid = column.valid === null ? null : column.valid.subarray(0, count);
  if (column.kind === 'bytes') return {kind: 'text', column, valid};
  const width = fixedWidth(type);
  const data = new Uint8Array(count * width);
  switch (type.kind) {
    case 'boolean': case 'tinyint': copyInts(new Int8Array(data.buffer), ints(type, column), count); break;
    case 'smallint': copyInts(new Int16Array(data.buffer), ints(type, column), count); break;
    case 'integer': case 'date': copyInts(new Int32Array(data.buffer), ints(type, column), count); break;
    case 'float': copyInts(new Float32Array(data.buffer), doubles(type, column), count); break;
    case 'double': copyInts(new Float64Array(data.buffer), doubles(type, column), count); break;
    default:
      if (width === 16) new BigInt64Array(data.buffer).set(asI128(column, count).subarray(0, 2 * count));
      else if (width === 8) new BigInt64Array(data.buffer).set(asI64(column, count).subarray(0, count));
      else narrowLongs(width === 2 ? new Int16Array(data.buffer) : new Int32Array(data.buffer), column, count);
  }
  if (type.kind === 'float' || type.kind === 'double') canonicalReals(data, width, count);
  return {kind: 'fixed', width, data, valid};
}

function copyInts(to: Int8Array | Int16Array | Int32Array | Float32Array | Float64Array, from: Int32Array | Float64Array, count: number): void {
  for (let i = 0; i < count; i++) to[i] = from[i]!;
}

/** Decimals of few digits; a wide column may hold them too. */
function narrowLongs(to: Int16Array | Int32Array, column: Column, count: number): void {
  if (column.kind === 'f64') return copyInts(to, column.data, count);
  const longs = asI64(column, count);
  for (let i = 0; i < count; i++) to[i] = Number(longs[i]!);
}

function ints(type: ScalarType, column: Column): Int32Array {
  invariant(column.kind === 'i32', () => `an ${column.kind} column for ${typeText(type)}`);
  return column.data;
}

function doubles(type: ScalarType, column: Column): Float64Array {
  invariant(column.kind === 'f64', () => `an ${column.kind} column for ${typeText(type)}`);
  return column.data;
}
