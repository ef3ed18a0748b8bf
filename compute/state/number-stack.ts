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

  /** Keeps the values that pass, in their order. */
  filter(keep: (value: number) => boolean): void {
    let length = 0;
    for (let at = 0; at < this.#length; at++) {
      const value = this.at(at);
      if (keep(value)) this.set(length++, value);
    }
    this.#length = length;
    const chunks = (length >> chunkBits) + 2; // with one spare, as `pop` keeps it
    if (this.#chunks.length > chunks) this.#chunks.length = chunks;
  }

  bytes(): number { return this.#chunks.length * chunkLength * 4; }
}

/** A stack of Float64 values (addresses), small while it holds little: there may be many of them. */
export class SmallFloat64Stack {
  #values = new Float64Array(16);
  #length = 0;

  get length(): number { return this.#length; }

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const values = new Float64Array(this.#length * 2);
      values.set(this.#values);
      this.#values = values;
    }
    this.#values[this.#length++] = value;
  }

  /** @returns the last value; the stack must not be empty. */
  pop(): number {
    return this.#values[--this.#length]!;
  }
}
