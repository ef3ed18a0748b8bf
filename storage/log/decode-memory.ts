/**
 * Where decoded columns lie: in arrays of their own, or in memory that is used again for the next batch. Arrays outside the JS heap
 * are counted by the collector all the same: 64 MiB of them bring a full collection, whose pause every epoch of that moment waits for.
 */

/** Gives arrays; what is in them is undefined. */
export interface DecodeMemory {
  f64(length: number): Float64Array;
  i32(length: number): Int32Array;
  u8(length: number): Uint8Array;
  i64(length: number): BigInt64Array;
}

/** Arrays that live as long as somebody holds them. */
export const freshMemory: DecodeMemory = {
  f64: (length) => new Float64Array(length),
  i32: (length) => new Int32Array(length),
  u8: (length) => new Uint8Array(length),
  i64: (length) => new BigInt64Array(length),
};

const blockBytesMin = 1 << 20;

/** Arrays that are void after `reset`, in blocks that stay. For one reader who is done with a batch before it asks for the next. */
export class ReusedMemory implements DecodeMemory {
  readonly #blocks: ArrayBuffer[] = [];
  #block = 0;
  #at = 0;

  /** Takes back all arrays given so far. */
  reset(): void {
    this.#block = 0;
    this.#at = 0;
  }

  f64(length: number): Float64Array { return new Float64Array(this.#take(length * 8), this.#at - length * 8, length); }
  i64(length: number): BigInt64Array { return new BigInt64Array(this.#take(length * 8), this.#at - length * 8, length); }

  i32(length: number): Int32Array {
    const bytes = Math.ceil(length / 2) * 8;
    return new Int32Array(this.#take(bytes), this.#at - bytes, length);
  }

  u8(length: number): Uint8Array {
    const bytes = Math.ceil(length / 8) * 8;
    return new Uint8Array(this.#take(bytes), this.#at - bytes, length);
  }

  /** @returns the block in which the `bytes` before `#at` are the caller's. */
  #take(bytes: number): ArrayBuffer {
    for (;;) {
      const block = this.#blocks[this.#block];
      if (block === undefined) {
        this.#blocks.push(new ArrayBuffer(Math.max(blockBytesMin, bytes)));
        continue;
      }
      if (this.#at + bytes <= block.byteLength) {
        this.#at += bytes;
        return block;
      }
      this.#block++;
      this.#at = 0;
    }
  }
}
