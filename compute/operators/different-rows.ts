/** Compares rows k and count + k of columns: what changed. One loop per array type. */
import type {BytesColumn, Column, Validity} from '../../base/delta.ts';

function compareValid(valid: Uint8Array, count: number, flags: Uint8Array): void {
  for (let k = 0; k < count; k++) if (valid[k] !== valid[count + k]) flags[k] = 1;
}

function compareI32(data: Int32Array, count: number, flags: Uint8Array): void {
  for (let k = 0; k < count; k++) if (data[k] !== data[count + k]) flags[k] = 1;
}

/** −0 and 0 are different here: a stored value must become what the query answers. NaN equals NaN. */
function compareF64(data: Float64Array, count: number, flags: Uint8Array): void {
  for (let k = 0; k < count; k++) if (!Object.is(data[k], data[count + k])) flags[k] = 1;
}

function compareI64(data: BigInt64Array, words: number, count: number, flags: Uint8Array): void {
  const halves = new Int32Array(data.buffer, data.byteOffset, data.length * 2);
  const stride = 2 * words;
  for (let k = 0; k < count; k++) {
    for (let word = 0; word < stride; word++) if (halves[stride * k + word] !== halves[stride * (count + k) + word]) flags[k] = 1;
  }
}

function compareBytes(column: BytesColumn, count: number, flags: Uint8Array): void {
  for (let k = 0; k < count; k++) {
    const bytes = column.length[k]!;
    if (bytes !== column.length[count + k]) flags[k] = 1;
    else if (bytes > 0 && flags[k] === 0 && column.address[k] !== column.address[count + k]) {
      const before = column.arena.view(column.address[k]!, bytes);
      const after = column.arena.view(column.address[count + k]!, bytes);
      for (let i = 0; i < bytes; i++) {
        if (before[i] !== after[i]) {
          flags[k] = 1;
          break;
        }
      }
    }
  }
}

/** @returns for k in [0, count) 1 where row k differs from row count + k in any column. */
export function differentRows(columns: readonly Column[], count: number): Uint8Array {
  const flags = new Uint8Array(count);
  for (const column of columns) {
    const valid: Validity = column.valid;
    if (valid !== null) compareValid(valid, count, flags);
    switch (column.kind) {
      case 'i32': compareI32(column.data, count, flags); break;
      case 'f64': compareF64(column.data, count, flags); break;
      case 'i64': compareI64(column.data, 1, count, flags); break;
      case 'i128': compareI64(column.data, 2, count, flags); break;
      case 'bytes': compareBytes(column, count, flags); break;
    }
  }
  return flags;
}
