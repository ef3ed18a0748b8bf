/**
 * Frames: records of rows that were fetched from a page file, in segments of the store that hold no rows of their own. One row has at
 * most one frame. They are made one after the other, texts in the zones of their segments, and go all at once or back to a mark.
 */
import type {AlignedArena, ZoneMark} from './aligned-arena.ts';
import {Int32Map} from './int32-map.ts';
import {SEGMENT_BITS, SEGMENT_MASK} from './record-write.ts';
import {segmentStart} from './segment-image.ts';

/** Frames that are kept from one epoch to the next. */
const framesKept = 1 << (SEGMENT_BITS - 1);
const rowsMin = 256;

/** A moment of the frames; see `rewind`. */
export interface FrameMark {
  readonly count: number;
  readonly zone: ZoneMark;
}

export interface FrameHost {
  readonly arena: AlignedArena;
  /** @returns the index of a new segment of full size that will hold frames. */
  takeSegment(): number;
  /** Takes a segment back, its records void. */
  giveSegment(segment: number): void;
}

export class RowFrames {
  readonly #host: FrameHost;
  readonly #places = new Int32Map();
  readonly #segments: number[] = [];
  /** The row of each frame, in the order of their making. */
  #rows = new Int32Array(rowsMin);
  #count = 0;

  constructor(host: FrameHost) {
    this.#host = host;
  }

  /** Bytes beside records and text. */
  bytes(): number { return this.#places.bytes() + this.#rows.length * 4; }

  /** Whether there are so many that they should go at the next moment at which they may. */
  get full(): boolean { return this.#count > framesKept; }

  /** Whether a segment holds frames. */
  holds(segment: number): boolean { return this.#segments.includes(segment); }

  /** @returns the number under which the row's record is found, −1 if it has no frame. */
  find(row: number): number { return this.#places.get(row); }

  /** @returns the number of a new frame for a row that has none; its record is to be written, texts into its segment's zone. */
  add(row: number): number {
    const index = this.#count >> SEGMENT_BITS;
    if (index === this.#segments.length) this.#segments.push(this.#host.takeSegment());
    const place = segmentStart(this.#segments[index]!) | (this.#count & SEGMENT_MASK);
    this.#places.add(row, place);
    if (this.#count === this.#rows.length) {
      const longer = new Int32Array(this.#count * 2);
      longer.set(this.#rows);
      this.#rows = longer;
    }
    this.#rows[this.#count++] = row;
    return place;
  }

  /** Forgets all frames. @param keep one segment stays for the next ones. */
  clear(keep: boolean): void {
    if (this.#count > 0) {
      this.#places.clear();
      this.#count = 0;
      for (const segment of this.#segments) this.#host.arena.dropZone(segment);
      if (this.#rows.length > 4 * framesKept) this.#rows = new Int32Array(rowsMin);
    }
    while (this.#segments.length > (keep ? 1 : 0)) this.#host.giveSegment(this.#segments.pop()!);
  }

  /** @returns this moment of the frames. */
  mark(): FrameMark {
    const segment = this.#segments[this.#count >> SEGMENT_BITS];
    return {count: this.#count, zone: segment === undefined ? {segments: 0, bump: 0} : this.#host.arena.markZone(segment)};
  }

  /** Forgets the frames made since the mark. */
  rewind({count, zone}: FrameMark): void {
    if (this.#count <= count) return;
    for (let number = count; number < this.#count; number++) this.#places.delete(this.#rows[number]!);
    this.#count = count;
    const current = count >> SEGMENT_BITS;
    this.#segments.forEach((segment, index) => {
      if (index === current) this.#host.arena.rewindZone(segment, zone);
      else if (index > current) this.#host.arena.dropZone(segment);
    });
    while (this.#segments.length > current + 1) this.#host.giveSegment(this.#segments.pop()!);
  }
}
