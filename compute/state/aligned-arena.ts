/**
 * An arena whose values begin at multiples of 8 bytes and are padded with zeros to a multiple of 4, so that they are hashed,
 * compared and copied by words of 4 bytes. Freed values are kept by size class and taken again: updates in place do not grow it.
 *
 * Size classes: every multiple of 8 up to 256 bytes, then four steps per doubling. Values above `largeBytes` have a segment of
 * their own, whose memory is given back when they are freed. A class never gives blocks to another one, so a table whose values
 * change their sizes for good holds the free blocks of the old sizes.
 *
 * An arena may be divided into zones, each with segments and free blocks of its own: values are put into the zone that is in use
 * (`useZone`), and a zone's memory is given back as a whole (`dropZone`). A row store has one zone for each of its segments of rows.
 */
import {ARENA_SEGMENT_SPAN, Arena} from '../../base/arena.ts';
import type {BytesColumn, Column} from '../../base/delta.ts';
import {invariant} from '../../base/invariant.ts';
import {Int32Stack, SmallFloat64Stack} from './number-stack.ts';

const segmentBytesMin = 1 << 14;
const segmentBytesMax = 1 << 22;
const largeBytes = 1 << 18;
/** `reset()` keeps a segment up to this size, so that scratch of a bulk load does not stay. */
const keptBytesMax = 1 << 18;
const fineBytes = 256;
/** Segments of a zone grow from here with what the zone holds. */
const zoneSegmentBytes = 1 << 16;
const emptySegment = new Uint8Array(0);
const emptyWords = new Int32Array(0);

/** Bytes that a value of `length` takes. */
export function blockBytes(length: number): number {
  if (length <= fineBytes) return (length + 7) & ~7;
  if (length > largeBytes) return Math.ceil(length / 8) * 8;
  const step = 1 << (29 - Math.clz32(length - 1)); // a quarter of the power of two below
  return (length + step - 1) & ~(step - 1);
}

/** Bytes that `count` values take. */
export function blocksBytes(lengths: Int32Array, count: number): number {
  let bytes = 0;
  for (let i = 0; i < count; i++) bytes += blockBytes(lengths[i]!);
  return bytes;
}

function sizeClass(block: number): number {
  if (block <= fineBytes) return block >> 3;
  const exponent = 31 - Math.clz32(block - 1);
  return 32 + (exponent - 8) * 4 + ((block - 1 - (1 << exponent)) >> (exponent - 2)) + 1;
}

/** What one zone holds. */
class Zone {
  bump = 0; // next free byte of the bump segment
  bumpSegment = -1;
  bytes = 0;
  /** Segments in the order of their making, large values among them. */
  readonly segments: number[] = [];
  readonly free: (SmallFloat64Stack | undefined)[] = [];
}

/** A moment of a zone that is only appended to; see `rewindZone`. */
export interface ZoneMark {
  readonly segments: number;
  readonly bump: number;
}

export class AlignedArena extends Arena {
  /** The segments as words, in step with `segments`. */
  readonly words: Int32Array[] = [];
  readonly #zones: (Zone | undefined)[] = [];
  #zone: Zone;
  #zoneIndex = 0;
  /** Zone of each segment. */
  readonly #owner: number[] = [];
  readonly #zoned: boolean;
  #bytes = 0;
  readonly #freeSegments = new Int32Stack();

  /** @param options.zoned values come in zones: segments are small, so that a zone does not hold much more than its values. */
  constructor(options: {readonly zoned?: boolean} = {}) {
    super();
    this.#zoned = options.zoned === true;
    this.#zones[0] = this.#zone = new Zone();
  }

  /** Puts what comes next into zone `index`. */
  useZone(index: number): void {
    if (index === this.#zoneIndex) return;
    this.#zone = this.#zones[index] ??= new Zone();
    this.#zoneIndex = index;
  }

  #addSegment(bytes: number): number {
    const segment = new Uint8Array(bytes);
    const index = this.#freeSegments.length > 0 ? this.#freeSegments.pop() : this.segments.length;
    this.segments[index] = segment;
    this.words[index] = new Int32Array(segment.buffer);
    this.#owner[index] = this.#zoneIndex;
    this.#zone.segments.push(index);
    this.#zone.bytes += bytes;
    this.#bytes += bytes;
    return index;
  }

  #dropSegment(index: number): void {
    this.#bytes -= this.segments[index]!.length;
    this.segments[index] = emptySegment;
    this.words[index] = emptyWords;
    this.#freeSegments.push(index);
  }

  override reserve(length: number): number {
    invariant(length >= 0 && length < 0x7fff_fff0, () => `arena value of ${length} bytes`);
    const block = blockBytes(length);
    if (block === 0) return 0;
    if (block > largeBytes) return this.#addSegment(block) * ARENA_SEGMENT_SPAN;
    const zone = this.#zone;
    const free = zone.free[sizeClass(block)];
    if (free !== undefined && free.length > 0) return free.pop();
    if (zone.bumpSegment < 0 || zone.bump + block > this.segments[zone.bumpSegment]!.length) this.#startSegment(block);
    const address = zone.bumpSegment * ARENA_SEGMENT_SPAN + zone.bump;
    zone.bump += block;
    return address;
  }

  #nextBytes(): number {
    const {bytes} = this.#zone;
    if (!this.#zoned) return Math.min(Math.max(segmentBytesMin, bytes), segmentBytesMax);
    return bytes < zoneSegmentBytes ? Math.max(segmentBytesMin, bytes) : Math.min(Math.max(zoneSegmentBytes, (bytes / 3) & ~7), 2 * zoneSegmentBytes);
  }

  #startSegment(block: number): void {
    const zone = this.#zone;
    if (zone.bumpSegment >= 0) this.#freeRest(zone);
    zone.bumpSegment = this.#addSegment(Math.max(this.#nextBytes(), block));
    zone.bump = 0;
  }

  /** The rest of a full segment becomes a free block, so that it is not lost. */
  #freeRest(zone: Zone): void {
    const rest = Math.min(this.segments[zone.bumpSegment]!.length - zone.bump, fineBytes);
    if (rest > 0) freeBlock(zone, zone.bumpSegment * ARENA_SEGMENT_SPAN + zone.bump, rest);
  }

  /** Gives the value back; its bytes may be overwritten from now on. */
  free(address: number, length: number): void {
    const block = blockBytes(length);
    if (block === 0) return;
    const index = Math.floor(address / ARENA_SEGMENT_SPAN);
    const zone = this.#zones[this.#owner[index]!]!;
    if (block <= largeBytes) {
      freeBlock(zone, address, block);
      return;
    }
    invariant(address === index * ARENA_SEGMENT_SPAN && this.segments[index]!.length === block, () => `large value at ${address} of ${length} bytes is not in a segment of its own`);
    zone.segments.splice(zone.segments.indexOf(index), 1);
    zone.bytes -= block;
    this.#dropSegment(index);
  }

  /** Forgets all values of a zone and gives their memory back. */
  dropZone(index: number): void {
    const zone = this.#zones[index];
    if (zone === undefined) return;
    for (const segment of zone.segments) this.#dropSegment(segment);
    this.#zones[index] = undefined;
    if (index === this.#zoneIndex) this.#zones[index] = this.#zone = new Zone();
  }

  /** @returns the moment of a zone of which no value is freed. */
  markZone(index: number): ZoneMark {
    const zone = this.#zones[index];
    return {segments: zone?.segments.length ?? 0, bump: zone?.bump ?? 0};
  }

  /** Forgets what came into a zone since the mark. */
  rewindZone(index: number, mark: ZoneMark): void {
    const zone = this.#zones[index];
    if (zone === undefined || (zone.segments.length === mark.segments && zone.bump === mark.bump)) return;
    if (mark.segments === 0) {
      this.dropZone(index);
      return;
    }
    // The bump segment of then may have been closed since: what is left of it is not used again.
    while (zone.segments.length > mark.segments) {
      const segment = zone.segments.pop()!;
      zone.bytes -= this.segments[segment]!.length;
      if (segment === zone.bumpSegment) zone.bumpSegment = -1;
      this.#dropSegment(segment);
    }
    zone.free.length = 0;
    if (zone.bumpSegment >= 0) zone.bump = mark.bump;
  }

  override append(source: Uint8Array, start: number, length: number): number {
    const address = this.reserve(length);
    if (length === 0) return address;
    const index = Math.floor(address / ARENA_SEGMENT_SPAN);
    copyToWords(source, start, length, this.words[index]!, (address - index * ARENA_SEGMENT_SPAN) >> 2);
    return address;
  }

  /** Copies a value that lies in words, padded with zeros. @returns its address. */
  appendWords(source: Int32Array, at: number, length: number): number {
    const address = this.reserve(length);
    const index = Math.floor(address / ARENA_SEGMENT_SPAN);
    const to = this.words[index]!;
    let p = (address - index * ARENA_SEGMENT_SPAN) >>> 2;
    const end = at + ((length + 3) >> 2);
    for (let q = at; q < end; q++) to[p++] = source[q]!;
    return address;
  }

  /** @returns an estimate from above of what values of `bytes` in sum (as blocks) add to `bytes()`. */
  growthBytes(bytes: number): number {
    const {bumpSegment, bump} = this.#zone;
    const left = this.#zoned || bumpSegment < 0 ? 0 : this.segments[bumpSegment]!.length - bump;
    return bytes <= left ? 0 : bytes + this.#nextBytes();
  }

  /** Forgets all values, keeps one small segment for reuse. Addresses given out before are void. */
  override reset(): void {
    const {bumpSegment} = this.#zone;
    const bump = bumpSegment < 0 ? undefined : this.segments[bumpSegment];
    const kept = bump !== undefined && bump.length <= keptBytesMax ? bump : undefined;
    this.segments.length = 0;
    this.words.length = 0;
    this.#owner.length = 0;
    this.#freeSegments.clear();
    this.#zones.length = 1;
    this.#zones[0] = this.#zone = new Zone();
    this.#zoneIndex = 0;
    this.#bytes = 0;
    if (kept === undefined) return;
    this.segments.push(kept);
    this.words.push(new Int32Array(kept.buffer));
    this.#owner.push(0);
    this.#zone.segments.push(0);
    this.#bytes = this.#zone.bytes = kept.length;
    this.#zone.bumpSegment = 0;
  }

  override bytes(): number {
    return this.#bytes;
  }
}

function freeBlock(zone: Zone, address: number, block: number): void {
  const index = sizeClass(block);
  let free = zone.free[index];
  if (free === undefined) zone.free[index] = free = new SmallFloat64Stack();
  free.push(address);
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
