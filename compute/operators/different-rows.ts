/** Compares rows of columns at a fixed distance: what changed. One loop per array type. */
import type {BytesColumn, Column} from '../../base/delta.ts';

function compareValid(valid: Uint8Array, distance: number, count: number, flags: Uint8Array): void {
  for (let k = 0; k < count; k++) if (valid[k] !== valid[distance + k]) flags[k] = 1;
}

function compareI32(data: Int32Array, distance: number, count: number, flags: Uint8Array): void {
  for (let k = 0; k < count; k++) if (data[k] !== data[distance + k]) flags[k] = 1;
}

/** −0 and 0 are different here: a stored value must become what the query answers. NaN equals NaN. */
function compareF64(data: Float64Array, distance: number, count: number, flags: Uint8Array): void {
  for (let k = 0; k < count; k++) {
    const [a, b] = [data[k]!, data[distance + k]!];
    if (a === b ? a === 0 && !Object.is(a, b) : !(Number.isNaN(a) && Number.isNaN(b))) flags[k] = 1;
  }
}

function compareI64(data: BigInt64Array, words: number, distance: number, count: number, flags: Uint8Array): void {
  const halves = new Int32Array(data.buffer, data.byteOffset, data.length * 2);
  const stride = 2 * words;
  for (let k = 0; k < count; k++) {
    for (let word = 0; word < stride; word++) if (halves[stride * k + word] !== halves[stride * (distance + k) + word]) flags[k] = 1;
  }
}

function compareBytes(column: BytesColumn, distance: number, count: number, flags: Uint8Array): void {
  const {address, length} = column;
  for (let k = 0; k < count; k++) {
    const bytes = length[k]!;
    if (bytes !== length[distance + k]) flags[k] = 1;
    else if (bytes > 0 && flags[k] === 0 && address[k] !== address[distance + k] && !sameBytes(column.arena.view(address[k]!, bytes), column.arena.view(address[distance + k]!, bytes))) flags[k] = 1;
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function compare(columns: readonly Column[], distance: number, count: number): Uint8Array {
  const flags = new Uint8Array(count);
  for (const column of columns) {
    if (column.valid !== null) compareValid(column.valid, distance, count, flags);
    switch (column.kind) {
      case 'i32': compareI32(column.data, distance, count, flags); break;
      case 'f64': compareF64(column.data, distance, count, flags); break;
      case 'i64': compareI64(column.data, 1, distance, count, flags); break;
      case 'i128': compareI64(column.data, 2, distance, count, flags); break;
      case 'bytes': compareBytes(column, distance, count, flags); break;
    }
  }
  return flags;
}

/** @returns for k in [0, count) 1 where row k differs from row count + k in any column. */
export function differentRows(columns: readonly Column[], count: number): Uint8Array {
  return compare(columns, count, count);
}

/** @returns for k in [0, rowCount − 1) 1 where row k differs from row k + 1 in any column. */
export function differentNeighbours(columns: readonly Column[], rowCount: number): Uint8Array {
  return compare(columns, 1, Math.max(0, rowCount - 1));
}
