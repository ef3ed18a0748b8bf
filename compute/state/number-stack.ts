/** Stacks of numbers in chunks: pushing never copies, an emptied chunk is given back. */
const chunkBits = 12;
const chunkLength = 1 << chunkBits;
const chunkMask = chunkLength - 1;

/** A stack of Int32 values. */
export class Int32Stack {
  readonly #chunks: Int32Array[] = [];
  #length = 0;

  get length(): number { return this.#length; }

  push(value: number): void {
    const index = this.#length >> chunkBits;
    if (index === this.#chunks.length) this.#chunks.push(new Int32Array(chunkLength));
    this.#chunks[index]![this.#length & chunkMask] = value;
    this.#length++;
  }

  /** @returns the last value; the stack must not be empty. */
  pop(): number {
    const at = --this.#length;
    const index = at >> chunkBits;
    const value = this.#chunks[index]![at & chunkMask]!;
    if (index + 2 < this.#chunks.length) this.#chunks.pop(); // keeps one spare chunk, so that a border is not paid for twice
    return value;
  }

  /** @returns the value `index` places from the bottom. */
  at(index: number): number {
    return this.#chunks[index >> chunkBits]![index & chunkMask]!;
  }

  set(index: number, value: number): void {
    this.#chunks[index >> chunkBits]![index & chunkMask] = value;
  }

  clear(): void {
    this.#length = 0;
    if (this.#chunks.length > 1) this.#chunks.length = 1;
  }

  bytes(): number { return this.#chunks.length * chunkLength * 4; }
}

/** A stack of Float64 values (addresses). */
export class Float64Stack {
  readonly #chunks: Float64Array[] = [];
  #length = 0;

  get length(): number { return this.#length; }

  push(value: number): void {
    const index = this.#length >> chunkBits;
    if (index === this.#chunks.length) this.#chunks.push(new Float64Array(index === 0 && this.#length === 0 ? chunkLength : chunkLength));
    this.#chunks[index]![this.#length & chunkMask] = value;
    this.#length++;
  }

  /** @returns the last value; the stack must not be empty. */
  pop(): number {
    const at = --this.#length;
    const index = at >> chunkBits;
    const value = this.#chunks[index]![at & chunkMask]!;
    if (index + 2 < this.#chunks.length) this.#chunks.pop();
    return value;
  }

  bytes(): number { return this.#chunks.length * chunkLength * 8; }
}
