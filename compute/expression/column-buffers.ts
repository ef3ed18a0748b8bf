/** The arrays that evaluation writes to: taken in order, given back all at once. */
import type {Arena} from '../../base/arena.ts';

/**
 * Owns what `CompiledProjection.evaluate` returns. Result columns (those that are not the input's own) live in arrays of this object
 * and stay valid until `reset()`; text results live in `arena` and stay valid as long as the caller keeps that. One object may
 * serve many evaluations between two resets; after `reset()` the same arrays are written again, so a steady state allocates nothing.
 * To keep results for good, drop the object instead of resetting it.
 */
export class ColumnBuffers {
  /** Where text results go; the owner may put another one here between two evaluations. */
  arena: Arena;
  /** Input rows of the last evaluation's results: its selection, or what the predicate left of it; null for all rows. */
  selection: Int32Array | null = null;
  /** Rows of the last evaluation's results. */
  rowCount = 0;
  readonly #f64: Float64Array[] = [];
  readonly #i32: Int32Array[] = [];
  readonly #i64: BigInt64Array[] = [];
  readonly #u8: Uint8Array[] = [];
  #f64Taken = 0;
  #i32Taken = 0;
  #i64Taken = 0;
  #u8Taken = 0;

  constructor(arena: Arena) {
    this.arena = arena;
  }

  /** Takes an array of at least `length`, with whatever was in it before. */
  f64(length: number): Float64Array {
    const index = this.#f64Taken++;
    const array = this.#f64[index];
    if (array !== undefined && array.length >= length) return array;
    return this.#f64[index] = new Float64Array(capacityFor(length));
  }

  i32(length: number): Int32Array {
    const index = this.#i32Taken++;
    const array = this.#i32[index];
    if (array !== undefined && array.length >= length) return array;
    return this.#i32[index] = new Int32Array(capacityFor(length));
  }

  i64(length: number): BigInt64Array {
    const index = this.#i64Taken++;
    const array = this.#i64[index];
    if (array !== undefined && array.length >= length) return array;
    return this.#i64[index] = new BigInt64Array(capacityFor(length));
  }

  u8(length: number): Uint8Array {
    const index = this.#u8Taken++;
    const array = this.#u8[index];
    if (array !== undefined && array.length >= length) return array;
    return this.#u8[index] = new Uint8Array(capacityFor(length));
  }

  /** Gives all arrays back: columns returned before are void. The arena is the caller's to reset. */
  reset(): void {
    this.#f64Taken = this.#i32Taken = this.#i64Taken = this.#u8Taken = 0;
    this.selection = null;
    this.rowCount = 0;
  }

  /** @returns bytes of memory held, the arena apart. */
  bytes(): number {
    return [this.#f64, this.#i32, this.#i64, this.#u8].reduce((sum, arrays) => sum + arrays.reduce((part: number, array) => part + array.byteLength, 0), 0);
  }
}

function capacityFor(length: number): number {
  return length <= 64 ? 64 : 2 ** Math.ceil(Math.log2(length));
}
