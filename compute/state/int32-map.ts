/** A map of Int32 keys ≥ 0 to Int32 values ≥ 0: open addressing, linear probing, backward-shift deletion. */
const slotsMin = 64;

export class Int32Map {
  /** (key + 1, value) pairs; key word 0 = empty. */
  #slots = new Int32Array(2 * slotsMin);
  #count = 0;

  get count(): number { return this.#count; }

  bytes(): number { return this.#slots.length * 4; }

  /** @returns the value of `key`, −1 if there is none. */
  get(key: number): number {
    const slots = this.#slots;
    const wrap = slots.length - 2;
    let at = home(key, wrap);
    for (let word = slots[at]!; word !== 0; word = slots[at]!) {
      if (word === key + 1) return slots[at + 1]!;
      at = (at + 2) & wrap;
    }
    return -1;
  }

  /** Adds a key that is not there. */
  add(key: number, value: number): void {
    if (this.#count * 4 >= this.#slots.length) this.#grow();
    put(this.#slots, key + 1, value);
    this.#count++;
  }

  delete(key: number): void {
    const slots = this.#slots;
    const wrap = slots.length - 2;
    let hole = home(key, wrap);
    while (slots[hole] !== key + 1) {
      if (slots[hole] === 0) return;
      hole = (hole + 2) & wrap;
    }
    this.#count--;
    for (let at = (hole + 2) & wrap; slots[at] !== 0; at = (at + 2) & wrap) {
      // an entry may move into the hole unless its home lies after the hole (cyclically)
      if (((at - home(slots[at]! - 1, wrap)) & wrap) < ((at - hole) & wrap)) continue;
      slots[hole] = slots[at]!;
      slots[hole + 1] = slots[at + 1]!;
      hole = at;
    }
    slots[hole] = 0;
  }

  /** Forgets all keys; a large table is given back. */
  clear(): void {
    if (this.#slots.length > 2048 * slotsMin) this.#slots = new Int32Array(2 * slotsMin);
    else this.#slots.fill(0);
    this.#count = 0;
  }

  #grow(): void {
    const from = this.#slots;
    const to = new Int32Array(from.length * 2);
    for (let at = 0; at < from.length; at += 2) if (from[at] !== 0) put(to, from[at]!, from[at + 1]!);
    this.#slots = to;
  }
}

function home(key: number, wrap: number): number {
  const mixed = Math.imul(key, 0x9e37_79b1);
  return ((mixed ^ (mixed >>> 15)) << 1) & wrap;
}

function put(slots: Int32Array, word: number, value: number): void {
  const wrap = slots.length - 2;
  let at = home(word - 1, wrap);
  while (slots[at] !== 0) at = (at + 2) & wrap;
  slots[at] = word;
  slots[at + 1] = value;
}
