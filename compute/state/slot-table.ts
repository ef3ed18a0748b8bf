/**
 * Open addressing from 32-bit hashes to row numbers: the part that both indexes share. A slot is two words, (hash, row + 1), row
 * word 0 = empty; linear probing, backward-shift deletion, no tombstones. Keys are not known here: callers compare them.
 *
 * Small tables are one array. From `splitSlots` on there are 1,024 partitions by the hash's top bits; each doubles alone, and each
 * at a load of its own, so that with uniform hashes they do not all double in the same epoch.
 */
import {invariant} from '../../base/invariant.ts';

const partitionBits = 10;
const slotsMin = 16;
const splitSlots = 1 << 16;

let sink = 0;

/** @returns the last value of the touching loops, which keeps their loads alive. */
export function touched(): number {
  return sink;
}

/** Loads the home slot of each hash, so that cache misses overlap. */
export function touchSlots(parts: readonly Int32Array[], shift: number, partitionMask: number, hash: Int32Array, count: number): void {
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const h = hash[i]!;
    const slots = parts[(h >>> shift) & partitionMask]!;
    sum ^= slots[(h << 1) & (slots.length - 2)]!;
  }
  sink = sum;
}

/** Writes the first row whose slot holds the hash, −1 if none. */
export function firstRows(parts: readonly Int32Array[], shift: number, partitionMask: number, hash: Int32Array, count: number, outRows: Int32Array): void {
  for (let i = 0; i < count; i++) {
    const h = hash[i]!;
    const slots = parts[(h >>> shift) & partitionMask]!;
    const wrap = slots.length - 2;
    let at = (h << 1) & wrap;
    let row = slots[at + 1]!;
    while (row !== 0 && slots[at] !== h) {
      at = (at + 2) & wrap;
      row = slots[at + 1]!;
    }
    outRows[i] = row - 1;
  }
}

function place(slots: Int32Array, hash: number, rowWord: number): void {
  const wrap = slots.length - 2;
  let at = (hash << 1) & wrap;
  while (slots[at + 1] !== 0) at = (at + 2) & wrap;
  slots[at] = hash;
  slots[at + 1] = rowWord;
}

export class SlotTable {
  parts: Int32Array[] = [new Int32Array(2 * slotsMin)];
  shift = 0;
  partitionMask = 0;
  #counts = new Int32Array(1);
  #limits = new Int32Array([slotsMin >> 1]);
  #slots = slotsMin;

  /** Slots in use. */
  get count(): number {
    let sum = 0;
    for (let p = 0; p < this.#counts.length; p++) sum += this.#counts[p]!;
    return sum;
  }

  bytes(): number { return this.#slots * 8 + this.#counts.length * 8; }

  /** @returns bytes that `count` more entries add on average. */
  growthBytes(count: number): number {
    return count * 24 + (this.#slots < splitSlots ? this.#slots * 8 : 0);
  }

  /** Makes room for about `count` entries, if there are none yet and they are many. */
  expect(count: number): void {
    if (this.count > 0 || count < splitSlots) return;
    // As large as growing would have made the partitions that double last: the others double once more.
    this.#partition(2 ** Math.ceil(Math.log2(count / (1 << partitionBits) / 0.75)));
  }

  partition(hash: number): number {
    return (hash >>> this.shift) & this.partitionMask;
  }

  touch(hash: Int32Array, count: number): void {
    touchSlots(this.parts, this.shift, this.partitionMask, hash, count);
  }

  first(hash: Int32Array, count: number, outRows: Int32Array): void {
    firstRows(this.parts, this.shift, this.partitionMask, hash, count, outRows);
  }

  /** @returns the place of the slot (hash, row) in its partition, −1 if there is none. */
  locate(hash: number, row: number): number {
    const slots = this.parts[this.partition(hash)]!;
    const wrap = slots.length - 2;
    let at = (hash << 1) & wrap;
    for (let word = slots[at + 1]!; word !== 0; word = slots[at + 1]!) {
      if (word === row + 1) return at;
      at = (at + 2) & wrap;
    }
    return -1;
  }

  /** @returns the next row with this hash after `row` in probe order, −1 if none; `row` = −1 starts. */
  nextSame(hash: number, row: number): number {
    const slots = this.parts[this.partition(hash)]!;
    const wrap = slots.length - 2;
    let at = (hash << 1) & wrap;
    let passed = row < 0;
    for (let word = slots[at + 1]!; word !== 0; word = slots[at + 1]!) {
      if (slots[at] === hash) {
        if (passed) return word - 1;
        if (word === row + 1) passed = true;
      }
      at = (at + 2) & wrap;
    }
    return -1;
  }

  /** Adds a slot; the caller knows that the key is new. */
  add(hash: number, row: number): void {
    let p = this.partition(hash);
    if (this.#counts[p]! >= this.#limits[p]!) {
      if (this.#counts.length === 1 && this.#slots >= splitSlots) {
        this.#split();
        p = this.partition(hash);
      } else this.#resize(p, this.parts[p]!.length * 2);
    }
    place(this.parts[p]!, hash, row + 1);
    this.#counts[p]!++;
  }

  /** Lets the slot (hash, from) point to row `to`. */
  replace(hash: number, from: number, to: number): void {
    const at = this.locate(hash, from);
    invariant(at >= 0, () => `no slot of row ${from}`);
    this.parts[this.partition(hash)]![at + 1] = to + 1;
  }

  remove(hash: number, row: number): void {
    let hole = this.locate(hash, row);
    invariant(hole >= 0, () => `no slot of row ${row}`);
    const p = this.partition(hash);
    const slots = this.parts[p]!;
    const wrap = slots.length - 2;
    let at = hole;
    for (;;) {
      at = (at + 2) & wrap;
      if (slots[at + 1] === 0) break;
      const home = (slots[at]! << 1) & wrap;
      // an entry may move into the hole unless its home lies after the hole (cyclically)
      if (((at - home) & wrap) < ((at - hole) & wrap)) continue;
      slots[hole] = slots[at]!;
      slots[hole + 1] = slots[at + 1]!;
      hole = at;
    }
    slots[hole] = 0;
    slots[hole + 1] = 0;
    const count = --this.#counts[p]!;
    if (slots.length > 2 * slotsMin && count * 8 < slots.length >> 1) this.#resize(p, slots.length / 2);
  }

  #limit(p: number, slots: number): number {
    if (this.#counts.length === 1) return (slots * 5) >> 3;
    return Math.floor(slots * (0.5 + (0.25 * p) / this.#counts.length));
  }

  #resize(p: number, length: number): void {
    const from = this.parts[p]!;
    const to = new Int32Array(length);
    for (let at = 0; at < from.length; at += 2) if (from[at + 1] !== 0) place(to, from[at]!, from[at + 1]!);
    this.parts[p] = to;
    this.#limits[p] = this.#limit(p, length >> 1);
    this.#slots += (length - from.length) >> 1;
  }

  #split(): void {
    const from = this.parts[0]!;
    this.#partition(splitSlots >> (partitionBits - 1)); // twice what the entries need, so that the first doublings are spread
    for (let at = 0; at < from.length; at += 2) {
      const word = from[at + 1]!;
      if (word !== 0) this.add(from[at]!, word - 1);
    }
  }

  /** Begins anew with partitions of so many slots each. */
  #partition(slots: number): void {
    const partitions = 1 << partitionBits;
    this.#counts = new Int32Array(partitions);
    this.#limits = new Int32Array(partitions);
    this.parts = Array.from({length: partitions}, (_, p) => {
      this.#limits[p] = this.#limit(p, slots);
      return new Int32Array(2 * slots);
    });
    this.shift = 32 - partitionBits;
    this.partitionMask = partitions - 1;
    this.#slots = partitions * slots;
  }
}
