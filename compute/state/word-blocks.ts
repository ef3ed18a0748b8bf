/**
 * Arrays of words that lie in a page file, and the blocks of them that are in memory. An array goes out whole and becomes a **region**;
 * what is asked for of it comes by blocks of 1 KiB into **frames**, one read each, neighbours together. Written frames go back to the
 * file when they leave memory (`wash`), never before: so within an epoch nothing is written, and a file that takes nothing changes nothing.
 *
 * A block is as small as that because uniform look-ups meet each block once: a batch of 65,536 brings 64 MiB, four times as much with
 * pages of 4 KiB, and the share of an index that is in memory, which is what decides how often the file is read, is the same for both.
 *
 * Frames lie in chunks without holes: the last one takes the place of one that goes. Which go first is by the time of their last use,
 * counted in epochs (`tick`).
 */
import {WarehouseError} from '../../base/error.ts';
import {invariant} from '../../base/invariant.ts';
import type {PageSpace} from './page-file.ts';

/** Words of a block, as a power of two. */
export const BLOCK_BITS = 8;
export const BLOCK_WORDS = 1 << BLOCK_BITS;
export const BLOCK_MASK = BLOCK_WORDS - 1;
const blockBytes = BLOCK_WORDS * 4;
/** Frames of a chunk, as a power of two. */
const chunkBits = 8;
const chunkWords = BLOCK_WORDS << chunkBits;
const chunkMask = (1 << chunkBits) - 1;
/** Bytes of one read or write of several blocks. */
const runBytesMax = 1 << 16;
/** Bytes between two wanted blocks that are read with them rather than apart. */
const gapBytesMax = 4096;
/** Blocks that are looked for at once. */
const wantedMax = 1 << 20;
/** An array is written and read whole in pieces of this size. */
const pieceWords = 1 << 18;
/** Memory of a frame beside its words: region, block, written, last use. */
const frameBytes = 17;

/** @returns whether words [start, end), a block that was read, may be what was written there. */
export type BlockCheck = (words: Int32Array, start: number, end: number) => boolean;

/** An array of words that is out. */
export interface WordRegion {
  /** Words. */
  readonly length: number;
  readonly position: number;
  /** The frame of each block, −1 if it is in the file only. */
  readonly frames: Int32Array;
  readonly check: BlockCheck;
}

/** How blocks were found: since the state was made. */
export interface BlockCounts {
  /** Blocks that were read, and the reads and bytes of that. */
  readonly blocksRead: number;
  readonly reads: number;
  /** Blocks that were written back. */
  readonly blocksWritten: number;
}

export class WordBlocks {
  readonly #pages: PageSpace;
  readonly #chunks: Int32Array[] = [];
  #count = 0;
  readonly #regionOf: WordRegion[] = [];
  #blockOf = new Int32Array(1 << chunkBits);
  #used = new Int32Array(1 << chunkBits);
  #dirty = new Uint8Array(1 << chunkBits);
  #now = 0;
  /** Bytes of the regions' tables of frames, and of the file. */
  #tableBytes = 0;
  #regions = 0;
  readonly #wanted: WordRegion[] = [];
  #wantedBlocks = new Int32Array(256);
  #scratch: Int32Array | null = null;
  readonly #counts = {blocksRead: 0, reads: 0, blocksWritten: 0};

  constructor(pages: PageSpace) {
    this.#pages = pages;
  }

  /** Arrays that are out. */
  get regionCount(): number { return this.#regions; }
  get counts(): BlockCounts { return this.#counts; }

  bytes(): number {
    return this.#chunks.length * chunkWords * 4 + this.#blockOf.length * frameBytes + this.#tableBytes + this.#wantedBlocks.length * 4 + (this.#scratch === null ? 0 : runBytesMax);
  }

  /** Bytes that `wash` could give back. */
  washableBytes(): number { return this.#chunks.length * chunkWords * 4; }

  /** A new moment for what is used from now on. */
  tick(): void { this.#now++; }

  /**
   * Writes an array out.
   *
   * @throws {WarehouseError} `MR_PAGE_FILE_FAILED`; nothing has changed then.
   */
  put(words: Int32Array, check: BlockCheck): WordRegion {
    const position = this.#pages.take(words.length * 4);
    try {
      for (let at = 0; at < words.length; at += pieceWords) this.#pages.write(position + at * 4, bytesOf(words, at, Math.min(words.length, at + pieceWords)));
    } catch (cause) {
      this.#pages.give(position, words.length * 4);
      throw cause;
    }
    const region: WordRegion = {length: words.length, position, frames: new Int32Array((words.length + BLOCK_MASK) >> BLOCK_BITS).fill(-1), check};
    this.#tableBytes += region.frames.byteLength;
    this.#regions++;
    return region;
  }

  /**
   * Reads an array back; the region is void then.
   *
   * @throws {WarehouseError} `MR_PAGE_FILE_FAILED`; it is out as before.
   */
  bring(region: WordRegion): Int32Array {
    const {frames, length, position} = region;
    const words = new Int32Array(length);
    if (frames.includes(-1)) {
      for (let at = 0; at < length; at += pieceWords) this.#pages.read(position + at * 4, bytesOf(words, at, Math.min(length, at + pieceWords)));
      this.#counts.reads += Math.ceil(length / pieceWords);
    }
    for (let block = 0; block < frames.length; block++) {
      const start = block << BLOCK_BITS;
      const end = Math.min(length, start + BLOCK_WORDS);
      const frame = frames[block]!;
      if (frame >= 0) words.set(this.words(frame).subarray(this.start(frame), this.start(frame) + end - start), start);
      else this.#checked(region, block, words, start, end);
    }
    this.drop(region);
    return words;
  }

  /** Forgets an array that is out. */
  drop(region: WordRegion): void {
    for (const frame of region.frames.slice().sort().reverse()) if (frame >= 0) this.#dropFrame(frame);
    this.#shrink();
    this.#pages.give(region.position, region.length * 4);
    this.#tableBytes -= region.frames.byteLength;
    this.#regions--;
  }

  /** @returns the frame of a block, which is read if it must be. */
  frame(region: WordRegion, block: number): number {
    const frame = region.frames[block]!;
    if (frame >= 0) {
      this.#used[frame] = this.#now;
      return frame;
    }
    const length = Math.min(BLOCK_WORDS, region.length - (block << BLOCK_BITS));
    const scratch = this.#read(region.position + block * blockBytes, length * 4);
    return this.#add(region, block, scratch, 0, length);
  }

  /** The array that a frame lies in, from `start` on. Valid until the next frame goes. */
  words(frame: number): Int32Array { return this.#chunks[frame >> chunkBits]!; }
  start(frame: number): number { return (frame & chunkMask) << BLOCK_BITS; }

  get(region: WordRegion, at: number): number {
    const frame = this.frame(region, at >> BLOCK_BITS);
    return this.words(frame)[this.start(frame) + (at & BLOCK_MASK)]!;
  }

  set(region: WordRegion, at: number, word: number): void {
    const frame = this.frame(region, at >> BLOCK_BITS);
    this.words(frame)[this.start(frame) + (at & BLOCK_MASK)] = word;
    this.#dirty[frame] = 1;
  }

  /** Says that a block will be looked into; `fetch` reads those that are not in memory. */
  want(region: WordRegion, block: number): void {
    const frame = region.frames[block]!;
    if (frame >= 0) {
      this.#used[frame] = this.#now;
      return;
    }
    const index = this.#wanted.length;
    if (index === this.#wantedBlocks.length) this.#wantedBlocks = grown(this.#wantedBlocks);
    this.#wanted.push(region);
    this.#wantedBlocks[index] = block;
    if (index + 1 === wantedMax) this.fetch();
  }

  /** Reads the blocks that are wanted, in the order of the file, neighbours at once. @throws {WarehouseError} `MR_PAGE_FILE_FAILED`. */
  fetch(): void {
    const wanted = this.#wanted;
    if (wanted.length === 0) return;
    const order = new Float64Array(wanted.length); // place in the file in units of a block, then index
    for (let i = 0; i < order.length; i++) order[i] = (wanted[i]!.position / blockBytes + this.#wantedBlocks[i]!) * wantedMax + i;
    order.sort();
    try {
      for (let k = 0; k < order.length;) k = this.#fetchRun(order, k);
    } finally {
      wanted.length = 0;
    }
  }

  #fetchRun(order: Float64Array, first: number): number {
    const startUnit = Math.floor(order[first]! / wantedMax);
    let end = first;
    let runBytes = 0;
    for (; end < order.length; end++) {
      const index = order[end]! % wantedMax;
      const offset = (Math.floor(order[end]! / wantedMax) - startUnit) * blockBytes;
      const bytes = Math.min(blockBytes, (this.#wanted[index]!.length - (this.#wantedBlocks[index]! << BLOCK_BITS)) * 4);
      if (end > first && (offset - runBytes > gapBytesMax || offset + bytes > runBytesMax)) break;
      runBytes = Math.max(runBytes, offset + bytes);
    }
    const scratch = this.#read(startUnit * blockBytes, runBytes);
    for (let k = first; k < end; k++) {
      const index = order[k]! % wantedMax;
      const region = this.#wanted[index]!;
      const block = this.#wantedBlocks[index]!;
      if (region.frames[block]! >= 0) continue; // asked for twice
      const length = Math.min(BLOCK_WORDS, region.length - (block << BLOCK_BITS));
      this.#add(region, block, scratch, (Math.floor(order[k]! / wantedMax) - startUnit) << BLOCK_BITS, length);
    }
    return end;
  }

  #read(position: number, bytes: number): Int32Array {
    this.#scratch ??= new Int32Array(runBytesMax / 4);
    this.#pages.read(position, new Uint8Array(this.#scratch.buffer, 0, bytes));
    this.#counts.reads++;
    return this.#scratch;
  }

  #checked(region: WordRegion, block: number, words: Int32Array, start: number, end: number): void {
    this.#counts.blocksRead++;
    if (region.check(words, start, end)) return;
    throw new WarehouseError('unavailable', 'MR_PAGE_FILE_FAILED', `a page file holds something else at byte ${region.position + block * blockBytes}, where a part of an index was written`, {hint: 'open the warehouse again; nothing is lost'});
  }

  #add(region: WordRegion, block: number, from: Int32Array, start: number, length: number): number {
    this.#checked(region, block, from, start, start + length);
    const frame = this.#count++;
    if (frame >> chunkBits === this.#chunks.length) this.#chunks.push(new Int32Array(chunkWords));
    if (frame === this.#blockOf.length) {
      this.#blockOf = grown(this.#blockOf);
      this.#used = grown(this.#used);
      const dirty = new Uint8Array(this.#blockOf.length);
      dirty.set(this.#dirty);
      this.#dirty = dirty;
    }
    this.words(frame).set(from.subarray(start, start + length), this.start(frame));
    this.#regionOf[frame] = region;
    this.#blockOf[frame] = block;
    this.#used[frame] = this.#now;
    this.#dirty[frame] = 0;
    region.frames[block] = frame;
    return frame;
  }

  /** The last frame takes the place of one that goes. */
  #dropFrame(frame: number): void {
    this.#regionOf[frame]!.frames[this.#blockOf[frame]!] = -1;
    const last = --this.#count;
    if (frame !== last) {
      const from = this.start(last);
      this.words(frame).set(this.words(last).subarray(from, from + BLOCK_WORDS), this.start(frame));
      const region = this.#regionOf[last]!;
      this.#regionOf[frame] = region;
      this.#blockOf[frame] = this.#blockOf[last]!;
      this.#used[frame] = this.#used[last]!;
      this.#dirty[frame] = this.#dirty[last]!;
      region.frames[this.#blockOf[last]!] = frame;
    }
    this.#regionOf.length = last;
  }

  /** Gives the memory of chunks without frames back. */
  #shrink(): void {
    this.#chunks.length = (this.#count + chunkMask) >> chunkBits;
    const capacity = Math.max(1 << chunkBits, 2 ** Math.ceil(Math.log2(Math.max(1, this.#count))));
    if (capacity * 2 >= this.#blockOf.length) return;
    this.#blockOf = this.#blockOf.slice(0, capacity);
    this.#used = this.#used.slice(0, capacity);
    this.#dirty = this.#dirty.slice(0, capacity);
  }

  /**
   * Lets frames go until about `bytes` are given back, those first that were not used for the longest time.
   *
   * @returns what was given back.
   * @throws {WarehouseError} `MR_PAGE_FILE_FAILED` when the file does not take what was written to them; they stay then.
   */
  wash(bytes: number): number {
    if (this.#count === 0 || bytes <= 0) return 0;
    const before = this.bytes();
    const goingCount = Math.min(this.#count, Math.ceil(bytes / blockBytes));
    const newest = goingCount === this.#count ? this.#now : this.#used.slice(0, this.#count).sort()[goingCount - 1]!;
    this.#writeBack(newest);
    for (let frame = this.#count - 1; frame >= 0; frame--) if (this.#used[frame]! <= newest) this.#dropFrame(frame);
    this.#shrink();
    if (this.#count === 0) this.#scratch = null;
    return before - this.bytes();
  }

  /** Writes what was written to frames that were last used at `newest` or before, in the order of the file, neighbours at once. */
  #writeBack(newest: number): void {
    let count = 0;
    const order = new Float64Array(this.#count); // place in the file in units of a block, then frame
    invariant(this.#count < 2 ** 24, () => `${this.#count} frames`);
    for (let frame = 0; frame < this.#count; frame++) {
      if (this.#used[frame]! <= newest && this.#dirty[frame] === 1) order[count++] = (this.#regionOf[frame]!.position / blockBytes + this.#blockOf[frame]!) * 2 ** 24 + frame;
    }
    order.subarray(0, count).sort();
    if (count > 0) this.#scratch ??= new Int32Array(runBytesMax / 4);
    for (let k = 0; k < count;) {
      const startUnit = Math.floor(order[k]! / 2 ** 24);
      let end = k;
      let words = 0;
      for (; end < count; end++) {
        const frame = order[end]! % 2 ** 24;
        const offset = (Math.floor(order[end]! / 2 ** 24) - startUnit) << BLOCK_BITS;
        if (offset !== words || (words + BLOCK_WORDS) * 4 > runBytesMax) break;
        const length = Math.min(BLOCK_WORDS, this.#regionOf[frame]!.length - (this.#blockOf[frame]! << BLOCK_BITS));
        this.#scratch!.set(this.words(frame).subarray(this.start(frame), this.start(frame) + length), words);
        words += length;
      }
      this.#pages.write(startUnit * blockBytes, bytesOf(this.#scratch!, 0, words));
      for (; k < end; k++) this.#dirty[order[k]! % 2 ** 24] = 0;
      this.#counts.blocksWritten += Math.ceil(words / BLOCK_WORDS);
    }
  }
}

function bytesOf(words: Int32Array, start: number, end: number): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset + start * 4, (end - start) * 4);
}

function grown(from: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const to = new Int32Array(from.length * 2);
  to.set(from);
  return to;
}
