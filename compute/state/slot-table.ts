/**
 * Open addressing from 32-bit hashes to row numbers: the part that both indexes share. A slot is two words, (hash, row + 1), row
 * word 0 = empty; linear probing, backward-shift deletion, no tombstones. Keys are not known here: callers compare them.
 *
 * Small tables are one array. From `splitSlots` on there are 1,024 partitions by the hash's top bits; each doubles alone, and each
 * at a load of its own, so that with uniform hashes they do not all double in the same epoch.
 *
 * A table that was given blocks (word-blocks.ts) may put partitions out: they are probed and changed there, block by block. Only one
 * that must double comes back, and goes out again when memory is short. In place of its array stands one empty slot, so that the
 * loops over partitions in memory need not know; what they say of hashes whose partition is out is put right afterwards.
 *
 * **Prepared changes**: a file may fail at every read, and an index that was half changed cannot be used. So who changes a table of
 * which a part is out says before what will be changed (`prepare`). That brings whatever the change, and taking it back, may look
 * into: from each hash's home on to the first slot that is empty even when all that will be added is there and nothing has gone.
 * (Which slots are in use depends on what is in the table alone, not on how it came in, so no step of either meets more of them.)
 * Blocks stay until they are washed, between epochs.
 */
import {invariant} from '../../base/invariant.ts';
import {clearCold, fillCold, firstCold, locateCold, nextSameCold, placeCold, reachCold, removeCold, slotCheck, wantHome} from './cold-slots.ts';
import {GatheredSlots} from './gathered-slots.ts';
import {firstRows, locate, nextSame, place, removeAt, touchSlots} from './slot-loops.ts';
import type {WordBlocks, WordRegion} from './word-blocks.ts';

const partitionBits = 10;
const slotsMin = 16;
const splitSlots = 1 << 16;
/** In place of a partition that is out. */
const noSlots = new Int32Array(2);
/** Partitions that are out and much too large which come back to be made smaller, at a time. */
const shrinksMax = 16;
/** Entries that are gathered while many are added at once and partitions are out: 8 MiB of them. */
const laterMax = 1 << 20;

export class SlotTable {
  parts: Int32Array[] = [new Int32Array(2 * slotsMin)];
  shift = 0;
  partitionMask = 0;
  readonly #blocks: WordBlocks | null;
  #counts = new Int32Array(1);
  #limits = new Int32Array([slotsMin >> 1]);
  #slots = slotsMin; // in memory
  /** By partition: where it lies, null while it is in memory. */
  #regions: (WordRegion | null)[] = [null];
  #outCount = 0;
  /** The next partition to go out. */
  #hand = 0;
  /** Partitions that are out and hold less than an eighth of what they could. */
  readonly #sparse = new Set<number>();
  /** Entries that are to be added; see `addLater`. */
  readonly #later = new GatheredSlots();

  /** @param blocks where partitions may go; null: they stay in memory. */
  constructor(blocks: WordBlocks | null = null) {
    this.#blocks = blocks;
  }

  /** Slots in use. */
  get count(): number {
    let sum = 0;
    for (let p = 0; p < this.#counts.length; p++) sum += this.#counts[p]!;
    return sum + this.#later.count;
  }

  /** Whether a part of the table is out. */
  get spilled(): boolean { return this.#outCount > 0; }

  /** Bytes in memory, blocks of what is out apart. */
  bytes(): number { return this.#slots * 8 + this.#counts.length * 8 + this.#later.bytes(); }

  /** @returns bytes that `count` more entries add on average. */
  growthBytes(count: number): number {
    return count * 24 + (this.#counts.length === 1 ? this.#slots * 8 : 0);
  }

  /** Bytes that `evict` could give back. */
  evictableBytes(): number { return this.#blocks === null ? 0 : this.#slots * 8; }

  /** @returns bytes of a table that was made for `count` entries. */
  expectedBytes(count: number): number {
    return count < splitSlots ? 0 : partitionSlots(count) * 8 * (1 << partitionBits);
  }

  /** Makes room for about `count` entries, if there are none yet and they are many. */
  expect(count: number): void {
    if (this.count > 0 || count < splitSlots) return;
    this.#partition(partitionSlots(count));
  }

  partition(hash: number): number {
    return (hash >>> this.shift) & this.partitionMask;
  }

  touch(hash: Int32Array, count: number): void {
    this.endLater();
    touchSlots(this.parts, this.shift, this.partitionMask, hash, count);
  }

  first(hash: Int32Array, count: number, outRows: Int32Array): void {
    firstRows(this.parts, this.shift, this.partitionMask, hash, count, outRows);
    if (this.#outCount > 0) this.#firstOut(hash, count, outRows);
  }

  #firstOut(hash: Int32Array, count: number, outRows: Int32Array): void {
    this.#fetchHomes(hash, count);
    for (let i = 0; i < count; i++) {
      const region = this.#regions[this.partition(hash[i]!)]!;
      if (region !== null) outRows[i] = firstCold(this.#blocks!, region, hash[i]!);
    }
  }

  #fetchHomes(hash: Int32Array, count: number): void {
    const blocks = this.#blocks!;
    for (let i = 0; i < count; i++) {
      const region = this.#regions[this.partition(hash[i]!)]!;
      if (region !== null) wantHome(blocks, region, hash[i]!);
    }
    blocks.fetch();
  }

  /**
   * Before changes of a table of which a part is out: brings what they look into. See the header.
   *
   * @param hash of entries that will be added, removed or replaced.
   * @param added hashes of those that will be added, or may be.
   * @throws {WarehouseError} `MR_PAGE_FILE_FAILED`; the table is as it was.
   */
  prepare(hash: Int32Array, count: number, added: Int32Array, addedCount: number): void {
    this.endLater();
    if (this.#outCount === 0) return;
    const adds = new Int32Array(this.#counts.length);
    for (let i = 0; i < addedCount; i++) adds[this.partition(added[i]!)]!++;
    for (let p = 0; p < adds.length; p++) if (adds[p]! > 0 && this.#regions[p] !== null && this.#counts[p]! + adds[p]! > this.#limits[p]!) this.#bring(p);
    this.#fetchHomes(added, addedCount);
    this.#fetchHomes(hash, count);
    const blocks = this.#blocks!;
    const filled = new Int32Array(addedCount);
    let filledCount = 0;
    try {
      for (let i = 0; i < addedCount; i++) {
        const region = this.#regions[this.partition(added[i]!)]!;
        if (region !== null) filled[filledCount++] = fillCold(blocks, region, added[i]!);
      }
      this.#reach(added, addedCount);
      this.#reach(hash, count);
    } finally {
      clearCold(blocks, filled, filledCount);
    }
  }

  #reach(hash: Int32Array, count: number): void {
    for (let i = 0; i < count; i++) {
      const region = this.#regions[this.partition(hash[i]!)]!;
      if (region !== null) reachCold(this.#blocks!, region, hash[i]!);
    }
  }

  /** @returns the place of the slot (hash, row) in its partition, −1 if there is none. */
  locate(hash: number, row: number): number {
    const slots = this.parts[this.partition(hash)]!;
    return slots === noSlots ? locateCold(this.#blocks!, this.#regions[this.partition(hash)]!, hash, row) : locate(slots, hash, row);
  }

  /** @returns the next row with this hash after `row` in probe order, −1 if none; `row` = −1 starts. */
  nextSame(hash: number, row: number): number {
    const slots = this.parts[this.partition(hash)]!;
    return slots === noSlots ? nextSameCold(this.#blocks!, this.#regions[this.partition(hash)]!, hash, row) : nextSame(slots, hash, row);
  }

  /** Adds a slot; the caller knows that the key is new. */
  add(hash: number, row: number): void {
    let p = this.partition(hash);
    if (this.#counts[p]! >= this.#limits[p]!) {
      if (this.#regions[p] !== null) this.#bring(p);
      if (this.#counts.length === 1 && this.#slots >= splitSlots) {
        this.#split();
        p = this.partition(hash);
      } else this.#resize(p, this.parts[p]!.length * 2);
    }
    const slots = this.parts[p]!;
    if (slots === noSlots) placeCold(this.#blocks!, this.#regions[p]!, hash, row + 1);
    else place(slots, hash, row + 1);
    this.#counts[p]!++;
  }

  /**
   * Adds many slots: while partitions are out they are gathered first and then added partition by partition, each brought and put
   * out once for many of them. Whoever looks something up says `touch` or `prepare` before, or `endLater`.
   */
  addLater(hash: Int32Array, rows: Int32Array, count: number): void {
    if (this.#outCount === 0 && this.#later.count === 0) {
      for (let i = 0; i < count; i++) this.add(hash[i]!, rows[i]!);
      return;
    }
    for (let i = 0; i < count; i++) {
      if (this.#later.count === laterMax) this.#addThose();
      this.#later.push(hash[i]!, rows[i]!);
    }
  }

  /** Adds what was gathered, if anything was. @throws {WarehouseError} `MR_PAGE_FILE_FAILED`; what is not added yet stays gathered. */
  endLater(): void {
    if (this.#later.count > 0) this.#addThose();
  }

  #addThose(): void {
    const entries = this.#later.take();
    const order = this.#later.order(entries, this.shift, this.partitionMask);
    let k = 0;
    try {
      while (k < order.length) {
        const p = this.partition(entries[2 * order[k]!]!);
        const out = this.#regions[p] !== null;
        if (out) this.#bring(p);
        for (; k < order.length && this.partition(entries[2 * order[k]!]!) === p; k++) this.add(entries[2 * order[k]!]!, entries[2 * order[k]! + 1]!);
        if (out) this.#putOut(p);
      }
    } catch (cause) {
      for (; k < order.length; k++) this.#later.push(entries[2 * order[k]!]!, entries[2 * order[k]! + 1]!);
      throw cause;
    }
  }

  /** Lets the slot (hash, from) point to row `to`. */
  replace(hash: number, from: number, to: number): void {
    const at = this.locate(hash, from);
    invariant(at >= 0, () => `no slot of row ${from}`);
    const p = this.partition(hash);
    const slots = this.parts[p]!;
    if (slots === noSlots) this.#blocks!.set(this.#regions[p]!, at + 1, to + 1);
    else slots[at + 1] = to + 1;
  }

  remove(hash: number, row: number): void {
    const at = this.locate(hash, row);
    invariant(at >= 0, () => `no slot of row ${row}`);
    const p = this.partition(hash);
    const slots = this.parts[p]!;
    const count = --this.#counts[p]!;
    if (slots === noSlots) {
      const region = this.#regions[p]!;
      removeCold(this.#blocks!, region, at);
      if (region.length > 2 * slotsMin && count * 8 < region.length >> 1) this.#sparse.add(p);
      return;
    }
    removeAt(slots, at);
    if (slots.length > 2 * slotsMin && count * 8 < slots.length >> 1) this.#resize(p, slots.length / 2);
  }

  /**
   * Puts partitions out until `bytes` of memory are given back or none is left, one after the other: with uniform hashes each epoch
   * looks into all of them.
   *
   * @returns bytes given back.
   * @throws {WarehouseError} `MR_PAGE_FILE_FAILED`; what it met is in memory as before.
   */
  evict(bytes: number): number {
    if (this.#blocks === null) return 0;
    const before = this.#slots;
    for (let passed = 0; passed < this.parts.length && (before - this.#slots) * 8 < bytes; passed++) {
      const p = this.#hand % this.parts.length;
      if (this.#regions[p] === null) this.#putOut(p);
      this.#hand = p + 1;
    }
    return (before - this.#slots) * 8;
  }

  #putOut(p: number): void {
    const slots = this.parts[p]!;
    this.#regions[p] = this.#blocks!.put(slots, slotCheck(p, this.shift, this.partitionMask));
    this.parts[p] = noSlots;
    this.#slots -= slots.length >> 1;
    this.#outCount++;
  }

  #bring(p: number): void {
    const slots = this.#blocks!.bring(this.#regions[p]!);
    this.parts[p] = slots;
    this.#regions[p] = null;
    this.#slots += slots.length >> 1;
    this.#outCount--;
    this.#sparse.delete(p);
  }

  /** Between epochs: partitions that are out and nearly empty come back and are made smaller. @throws {WarehouseError} `MR_PAGE_FILE_FAILED`. */
  maintain(): void {
    let left = shrinksMax;
    for (const p of this.#sparse) {
      if (left-- === 0) return;
      const length = this.#regions[p]!.length;
      if (this.#counts[p]! * 8 >= length >> 1) {
        this.#sparse.delete(p);
        continue;
      }
      this.#bring(p);
      let smaller = length;
      while (smaller > 2 * slotsMin && this.#counts[p]! * 8 < smaller >> 1) smaller >>= 1;
      this.#resize(p, smaller);
    }
  }

  /** Gives the room in the file back; the table is void. */
  drop(): void {
    for (const region of this.#regions) if (region !== null) this.#blocks!.drop(region);
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
    const from = this.parts[0]!; // in memory: `add` has seen to it
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
    this.#regions = Array.from({length: partitions}, () => null);
    this.shift = 32 - partitionBits;
    this.partitionMask = partitions - 1;
    this.#slots = partitions * slots;
  }
}

/** @returns slots of a partition for `count` entries: as growing would have made those that double last; the others double once more. */
function partitionSlots(count: number): number {
  return 2 ** Math.ceil(Math.log2(count / (1 << partitionBits) / 0.75));
}
