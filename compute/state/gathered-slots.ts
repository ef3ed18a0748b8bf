/** Entries (hash, row) that are to be added to a slot table, and their order by partition. */
const entriesMin = 1 << 10;

export class GatheredSlots {
  #entries = new Int32Array(0);
  #count = 0;

  get count(): number { return this.#count; }
  bytes(): number { return this.#entries.length * 4; }

  push(hash: number, row: number): void {
    if (2 * this.#count === this.#entries.length) {
      const longer = new Int32Array(Math.max(2 * entriesMin, this.#entries.length * 2));
      longer.set(this.#entries);
      this.#entries = longer;
    }
    this.#entries[2 * this.#count] = hash;
    this.#entries[2 * this.#count++ + 1] = row;
  }

  /** @returns all entries, which are forgotten here. */
  take(): Int32Array {
    const entries = this.#entries.subarray(0, 2 * this.#count);
    this.#entries = new Int32Array(0);
    this.#count = 0;
    return entries;
  }

  /** @returns the indexes of entries, those of one partition together, in their order otherwise. */
  order(entries: Int32Array, shift: number, partitionMask: number): Int32Array {
    const count = entries.length >> 1;
    const ends = new Int32Array(partitionMask + 1);
    for (let i = 0; i < count; i++) ends[(entries[2 * i]! >>> shift) & partitionMask]!++;
    for (let p = 1; p < ends.length; p++) ends[p]! += ends[p - 1]!;
    const order = new Int32Array(count);
    for (let i = count - 1; i >= 0; i--) order[--ends[(entries[2 * i]! >>> shift) & partitionMask]!] = i;
    return order;
  }
}
