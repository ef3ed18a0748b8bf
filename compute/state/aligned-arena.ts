/**
 * An arena whose values begin at multiples of 8 bytes and are padded with zeros to a multiple of 4, so that they are hashed,
 * compared and copied by words of 4 bytes. Freed values are kept by size class and taken again: updates in place do not grow it.
 *
 * Size classes: every multiple of 8 up to 256 bytes, then four steps per doubling. Values above `largeBytes` have a segment of
 * their own, whose memory is given back when they are freed. A class never gives blocks to another one, so a table whose values
 * change their sizes for good holds the free blocks of the old sizes.
 */
import {ARENA_SEGMENT_SPAN, Arena} from '../../base/arena.ts';
import type {BytesColumn, Column} from '../../base/delta.ts';
import {invariant} from '../../base/invariant.ts';
import {Float64Stack, Int32Stack} from './number-stack.ts';

const segmentBytesMin = 1 << 14;
const segmentBytesMax = 1 << 22;
const largeBytes = 1 << 18;
/** `reset()` keeps a segment up to this size, so that scratch of a bulk load does not stay. */
const keptBytesMax = 1 << 18;
const fineBytes = 256;
const emptySegment = new Uint8Array(0);
const emptyWords = new Int32Array(0);

/** Bytes that a value of `length` takes. */
export function blockBytes(length: number): number {
  if (length <= fineBytes) return (length + 7) & ~7;
  if (length > largeBytes) return Math.ceil(length / 8) * 8;
  const step = 1 << (29 - Math.clz32(length - 1)); // a quarter of the power of two below
  return (length + step - 1) & ~(step - 1);
}

function sizeClass(block: number): number {
  if (block <= fineBytes) return block >> 3;
  const exponent = 31 - Math.clz32(block - 1);
  return 32 + (exponent - 8) * 4 + ((block - 1 - (1 << exponent)) >> (exponent - 2)) + 1;
}

const classCount = sizeClass(largeBytes) + 1;

export class AlignedArena extends Arena {
  /** The segments as words, in step with `segments`. */
  readonly words: Int32Array[] = [];
  #bump = 0; // next free byte of the bump segment
  #bumpSegment = -1;
  #nextBytes = segmentBytesMin;
  #bytes = 0;
  readonly #free: (Float64Stack | undefined)[] = Array.from({length: classCount}, () => undefined);
  readonly #freeSegments = new Int32Stack();

  #addSegment(bytes: number): number {
    const segment = new Uint8Array(bytes);
    const index = this.#freeSegments.length > 0 ? this.#freeSegments.pop() : this.segments.length;
    this.segments[index] = segment;
    this.words[index] = new Int32Array(segment.buffer);
    this.#bytes += bytes;
    return index;
  }

  override reserve(length: number): number {
    invariant(length >= 0 && length < 0x7fff_fff0, () => `arena value of ${length} bytes`);
    const block = blockBytes(length);
    if (block === 0) return 0;
    if (block > largeBytes) return this.#addSegment(block) * ARENA_SEGMENT_SPAN;
    const free = this.#free[sizeClass(block)];
    if (free !== undefined && free.length > 0) return free.pop();
    if (this.#bumpSegment < 0 || this.#bump + block > this.segments[this.#bumpSegment]!.length) this.#startSegment(block);
    const address = this.#bumpSegment * ARENA_SEGMENT_SPAN + this.#bump;
    this.#bump += block;
    return address;
  }

  #startSegment(block: number): void {
    if (this.#bumpSegment >= 0) this.#freeRest();
    const bytes = Math.max(this.#nextBytes, block);
    this.#nextBytes = Math.min(this.#nextBytes * 2, segmentBytesMax);
    this.#bumpSegment = this.#addSegment(bytes);
    this.#bump = 0;
  }

  /** The rest of a full segment becomes a free block, so that it is not lost. */
  #freeRest(): void {
    const rest = Math.min(this.segments[this.#bumpSegment]!.length - this.#bump, fineBytes);
    if (rest > 0) this.#freeBlock(this.#bumpSegment * ARENA_SEGMENT_SPAN + this.#bump, rest);
  }

  #freeBlock(address: number, block: number): void {
    const index = sizeClass(block);
    let free = this.#free[index];
    if (free === undefined) this.#free[index] = free = new Float64Stack();
    free.push(address);
  }

  /** Gives the value back; its bytes may be overwritten from now on. */
  free(address: number, length: number): void {
    const block = blockBytes(length);
    if (block === 0) return;
    if (block <= largeBytes) {
      this.#freeBlock(address, block);
      return;
    }
    const index = address / ARENA_SEGMENT_SPAN;
    invariant(Number.isInteger(index) && this.segments[index]!.length === block, () => `large value at ${address} of ${length} bytes is not in a segment of its own`);
    this.segments[index] = emptySegment;
    this.words[index] = emptyWords;
    this.#bytes -= block;
    this.#freeSegments.push(index);
  }

  override append(source: Uint8Array, start: number, length: number): number {
    const address = this.reserve(length);
    if (length === 0) return address;
    const index = Math.floor(address / ARENA_SEGMENT_SPAN);
    copyToWords(source, start, length, this.words[index]!, (address - index * ARENA_SEGMENT_SPAN) >> 2);
    return address;
  }

  /** @returns an estimate from above of what values of `bytes` in sum (as blocks) add to `bytes()`. */
  growthBytes(bytes: number): number {
    const left = this.#bumpSegment < 0 ? 0 : this.segments[this.#bumpSegment]!.length - this.#bump;
    return bytes <= left ? 0 : bytes + this.#nextBytes;
  }

  /** Forgets all values, keeps one small segment for reuse. Addresses given out before are void. */
  override reset(): void {
    const bump = this.#bumpSegment < 0 ? undefined : this.segments[this.#bumpSegment];
    const kept = bump !== undefined && bump.length <= keptBytesMax ? bump : undefined;
    this.#nextBytes = segmentBytesMin;
    this.segments.length = 0;
    this.words.length = 0;
    this.#freeSegments.clear();
    this.#free.fill(undefined);
    this.#bytes = 0;
    this.#bump = 0;
    this.#bumpSegment = -1;
    if (kept === undefined) return;
    this.segments.push(kept);
    this.words.push(new Int32Array(kept.buffer));
    this.#bytes = kept.length;
    this.#bumpSegment = 0;
  }

  override bytes(): number {
    return this.#bytes;
  }
}

/** Copies bytes to words, the last one padded with zeros. */
export function copyToWords(source: Uint8Array, start: number, length: number, to: Int32Array, at: number): void {
  let p = start;
  const full = length >> 2;
  for (let k = 0; k < full; k++) {
    to[at + k] = source[p]! | (source[p + 1]! << 8) | (source[p + 2]! << 16) | (source[p + 3]! << 24);
    p += 4;
  }
  const rest = length & 3;
  if (rest !== 0) {
    let word = source[p]!;
    if (rest > 1) word |= source[p + 1]! << 8;
    if (rest > 2) word |= source[p + 2]! << 16;
    to[at + full] = word;
  }
}

function alignRows(arena: AlignedArena, column: BytesColumn, selection: Int32Array | null, count: number, address: Float64Array): void {
  const {segments} = column.arena;
  for (let i = 0; i < count; i++) {
    const row = selection === null ? i : selection[i]!;
    const length = column.length[row]!;
    if (length === 0) continue;
    const from = column.address[row]!;
    const index = Math.floor(from / ARENA_SEGMENT_SPAN);
    address[row] = arena.append(segments[index]!, from - index * ARENA_SEGMENT_SPAN, length);
  }
}

/**
 * @returns `column` with its bytes in an aligned arena: itself if they are, else a copy of the selected rows in `scratch`
 *   (valid until that is reset). Other kinds are returned as they are.
 */
export function alignColumn(scratch: AlignedArena, column: Column, selection: Int32Array | null, count: number): Column {
  if (column.kind !== 'bytes' || column.arena instanceof AlignedArena) return column;
  const address = new Float64Array(column.address.length);
  alignRows(scratch, column, selection, count, address);
  return {kind: 'bytes', arena: scratch, address, length: column.length, valid: column.valid};
}
