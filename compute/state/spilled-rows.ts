/**
 * The part of a row store that lies in a page file. Whole segments of rows go out and come back; a row keeps its number, so that
 * indexes, journals and undo know nothing of it. What is asked for of a segment that is out comes by groups (segment-image.ts) into
 * **frames**: records in segments of the store that hold no rows of their own. `locate` turns row numbers into the numbers under
 * which the kernels find the records: the row itself where its segment is in memory, else its frame. A batch of rows costs one read
 * a group, groups that lie side by side one read together.
 *
 * - Frames and what was gathered from them stay until `endChunk()` or `rewind()`: never within an epoch, unless its owner says so.
 * - Whether a row is live is known in memory, by a bit a row. Rows freed for good are counted; when they are the greater part of a
 *   segment it comes back (`sparsest`), and its room in the file and its row numbers are used again. So the file stays bounded.
 * - Segments go out by a clock: one that was looked into since the hand passed is spared once.
 */
import {invariant} from '../../base/invariant.ts';
import type {PageSpace} from './page-file.ts';
import type {RecordLayout} from './record-layout.ts';
import {SEGMENT_BITS, SEGMENT_MASK} from './record-write.ts';
import {type FrameHost, type FrameMark, RowFrames} from './row-frames.ts';
import {checkGroup, copyTexts, groupHeaderWords, groupOf, groupOffsets, ImageShape, segmentStart, writeImage} from './segment-image.ts';

/** Bytes read at a time where groups lie side by side. */
const readBytesMax = 1 << 20;

/** What it needs of the store it belongs to. */
export interface SpillHost extends FrameHost {
  readonly layout: RecordLayout;
  readonly words: Int32Array[];
  readonly doubles: Float64Array[];
}

interface SpilledSegment {
  readonly rowCount: number;
  readonly position: number;
  readonly generation: number;
  readonly offsets: Uint32Array;
  /** A bit a row: live. */
  readonly live: Uint8Array;
  /** Rows that are neither live nor freed in the running epoch. */
  dead: number;
}

/** How rows were found: since the store was made. */
export interface SpillCounts {
  /** Rows that were looked into while a part of the store was out. */
  readonly rowsAsked: number;
  /** Of them, those that were read from the file. */
  readonly rowsRead: number;
  /** Reads of the file, and their bytes. */
  readonly reads: number;
  readonly bytesRead: number;
}

export class SpilledRows {
  readonly #host: SpillHost;
  readonly #shape: ImageShape;
  readonly #pages: PageSpace;
  readonly #segments: (SpilledSegment | undefined)[] = [];
  #spilledCount = 0;
  #bytes = 0;
  #generation = 0;
  /** By segment: 1 if it is out. */
  #out = new Uint8Array(16);
  /** By segment: 1 if it was looked into since the clock's hand passed. */
  #referenced = new Uint8Array(16);
  #hand = 0;
  readonly #frames: RowFrames;
  #scratch = new Int32Array(1024);
  readonly #counts = {rowsAsked: 0, rowsRead: 0, reads: 0, bytesRead: 0};
  readonly #one = new Int32Array(1);

  constructor(host: SpillHost, pages: PageSpace) {
    this.#host = host;
    this.#frames = new RowFrames(host);
    this.#shape = new ImageShape(host.layout);
    this.#pages = pages;
  }

  /** Whether any segment is out. */
  get any(): boolean { return this.#spilledCount > 0; }
  get counts(): SpillCounts { return this.#counts; }

  /** Bytes in memory, frames' records and text apart. */
  bytes(): number { return this.#bytes + this.#frames.bytes() + this.#scratch.length * 4; }

  /** Whether the row's segment is out. */
  isOut(row: number): boolean { return this.#out[row >> SEGMENT_BITS] === 1; }
  /** Whether a segment is out. */
  segmentOut(segment: number): boolean { return this.#out[segment] === 1; }
  isFrames(segment: number): boolean { return this.#frames.holds(segment); }
  /** @returns the rows under which the kernels find the records; its own array, valid until the next call. */
  locate(rows: Int32Array, count: number): Int32Array {
    if (this.#scratch.length < count) this.#scratch = new Int32Array(2 ** Math.ceil(Math.log2(count)));
    const missing = this.#lookUp(rows, count);
    if (missing > 0) {
      this.#load(rows, count, missing);
      const left = this.#lookUp(rows, count);
      invariant(left === 0, () => `${left} rows are not in their frames`);
      this.#counts.rowsAsked -= count;
    }
    return this.#scratch;
  }

  /** @returns the number under which one row's record is found. */
  locateOne(row: number): number {
    if (row < 0 || this.#out[row >> SEGMENT_BITS] !== 1) return row;
    const frame = this.#frames.find(row);
    if (frame >= 0) return frame;
    this.#one[0] = row;
    return this.locate(this.#one, 1)[0]!;
  }

  #lookUp(rows: Int32Array, count: number): number {
    const out = this.#out;
    const to = this.#scratch;
    const referenced = this.#referenced;
    const frames = this.#frames;
    let missing = 0;
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      if (row < 0) {
        to[i] = row;
        continue;
      }
      const segment = row >> SEGMENT_BITS;
      if (out[segment] !== 1) {
        referenced[segment] = 1;
        to[i] = row;
        continue;
      }
      const frame = frames.find(row);
      to[i] = frame;
      if (frame < 0) missing++;
    }
    this.#counts.rowsAsked += count;
    return missing;
  }

  #load(rows: Int32Array, count: number, missing: number): void {
    const wanted = new Int32Array(missing);
    let at = 0;
    for (let i = 0; i < count; i++) if (rows[i]! >= 0 && this.#scratch[i]! < 0) wanted[at++] = rows[i]!;
    wanted.sort();
    for (let start = 0; start < missing;) start = this.#loadRun(wanted, start);
  }

  /** Reads the groups from row `wanted[start]` on that lie side by side in the file. @returns the end of the rows that it served. */
  #loadRun(wanted: Int32Array, start: number): number {
    const shape = this.#shape;
    const segment = wanted[start]! >> SEGMENT_BITS;
    const spilled = this.#segments[segment]!;
    const first = groupOf(shape, wanted[start]!);
    let last = first;
    let end = start + 1;
    for (; end < wanted.length; end++) {
      const row = wanted[end]!;
      if (row >> SEGMENT_BITS !== segment) break;
      const group = groupOf(shape, row);
      if (group > last + 1 || (spilled.offsets[group + 1]! - spilled.offsets[first]!) * 8 > readBytesMax) break;
      last = group;
    }
    const base = spilled.offsets[first]!;
    const buffer = this.#read(spilled.position + base * 8, (spilled.offsets[last + 1]! - base) * 8);
    const words = new Int32Array(buffer);
    const doubles = new Float64Array(buffer);
    for (let group = first; group <= last; group++) checkGroup(words, (spilled.offsets[group]! - base) * 2, segmentStart(segment) + (group << shape.groupBits), spilled.generation);
    for (let k = start; k < end; k++) {
      if (k > start && wanted[k] === wanted[k - 1]!) continue;
      const group = groupOf(shape, wanted[k]!);
      this.#frame(wanted[k]!, words, doubles, (spilled.offsets[group]! - base) * 2, (wanted[k]! & SEGMENT_MASK) - (group << shape.groupBits));
    }
    return end;
  }

  #read(position: number, bytes: number): ArrayBuffer {
    const buffer = new ArrayBuffer(bytes);
    this.#pages.read(position, new Uint8Array(buffer));
    this.#counts.reads++;
    this.#counts.bytesRead += bytes;
    return buffer;
  }

  /** Copies one record of a group into a new frame. */
  #frame(row: number, words: Int32Array, doubles: Float64Array, groupAt: number, index: number): void {
    const {stride} = this.#shape;
    const {arena} = this.#host;
    const place = this.#frames.add(row);
    const segment = place >> SEGMENT_BITS;
    const to = this.#host.words[segment]!;
    const toAt = (place & SEGMENT_MASK) * stride;
    const from = groupAt + groupHeaderWords + index * stride;
    for (let word = 0; word < stride; word++) to[toAt + word] = words[from + word]!;
    arena.useZone(segment);
    copyTexts(this.#shape, arena, words, doubles, groupAt, from, to, this.#host.doubles[segment]!, toAt);
    this.#counts.rowsRead++;
  }

  #ensure(segment: number): void {
    if (segment < this.#out.length) return;
    const longer = (from: Uint8Array): Uint8Array<ArrayBuffer> => {
      const to = new Uint8Array(2 ** Math.ceil(Math.log2(segment + 1)));
      to.set(from);
      return to;
    };
    this.#out = longer(this.#out);
    this.#referenced = longer(this.#referenced);
  }

  /** Gives frames back if there are many: nothing that was gathered from them may be in use. */
  endChunk(): void {
    if (this.#frames.full) this.dropFrames();
  }

  /** Gives all frames back: nothing that was gathered from them may be in use. */
  dropFrames(): void {
    this.#frames.clear(this.any);
  }

  mark(): FrameMark { return this.#frames.mark(); }

  /** Gives the frames made since the mark back: nothing that was gathered from them may be in use. */
  rewind(mark: FrameMark): void {
    this.#frames.rewind(mark);
  }

  /** @returns whether a row whose segment is out is live. */
  live(row: number): boolean {
    const at = row & SEGMENT_MASK;
    return (this.#segments[row >> SEGMENT_BITS]!.live[at >> 3]! & (1 << (at & 7))) !== 0;
  }

  setLive(row: number, live: boolean): void {
    const at = row & SEGMENT_MASK;
    const {live: bits} = this.#segments[row >> SEGMENT_BITS]!;
    invariant(((bits[at >> 3]! & (1 << (at & 7))) !== 0) !== live, () => `row ${row} ${live ? 'is live already' : 'is freed twice'}`);
    bits[at >> 3]! ^= 1 << (at & 7);
  }

  /** A row that is not live will not come back. */
  release(row: number): void {
    this.#segments[row >> SEGMENT_BITS]!.dead++;
  }

  /** Writes the live rows of [start, end), all of one segment that is out, to `to`. @returns how many. */
  liveRows(start: number, end: number, to: Int32Array): number {
    const {live, rowCount} = this.#segments[start >> SEGMENT_BITS]!;
    const limit = Math.min(end - start + (start & SEGMENT_MASK), rowCount);
    let count = 0;
    for (let at = start & SEGMENT_MASK; at < limit; at++) if ((live[at >> 3]! & (1 << (at & 7))) !== 0) to[count++] = start - (start & SEGMENT_MASK) + at;
    return count;
  }

  /** @returns the next segment to go out, −1 if none may. @param keep segments that may not. */
  coldest(segmentCount: number, keep: (segment: number) => boolean): number {
    this.#ensure(segmentCount);
    for (let passed = 0; passed < 2 * segmentCount; passed++) {
      const segment = this.#hand % segmentCount;
      this.#hand = (segment + 1) % segmentCount;
      if (this.#out[segment] === 1 || keep(segment)) continue;
      if (this.#referenced[segment] === 1) {
        this.#referenced[segment] = 0;
        continue;
      }
      return segment;
    }
    return -1;
  }

  /**
   * Writes a segment out; the caller then forgets its records and text.
   *
   * @param pending its rows that are freed in the running epoch: their content is kept too.
   * @throws {WarehouseError} `MR_PAGE_FILE_FAILED`; the segment is in memory as before.
   */
  spill(segment: number, rowCount: number, pending: number): void {
    const {words, doubles, arena} = this.#host;
    const {stride} = this.#shape;
    this.#ensure(segment);
    const records = words[segment]!;
    const offsets = groupOffsets(this.#shape, records, rowCount);
    const bytes = offsets[offsets.length - 1]! * 8;
    const position = this.#pages.take(bytes);
    const generation = ++this.#generation;
    try {
      writeImage(this.#shape, records, doubles[segment]!, arena.words, segmentStart(segment), generation, offsets, rowCount, (at, piece) => this.#pages.write(position + at, piece));
    } catch (cause) {
      this.#pages.give(position, bytes);
      throw cause;
    }
    const live = new Uint8Array((rowCount + 7) >> 3);
    let count = 0;
    for (let row = 0; row < rowCount; row++) {
      if ((records[row * stride]! & 1) === 0) continue;
      live[row >> 3]! |= 1 << (row & 7);
      count++;
    }
    this.#segments[segment] = {rowCount, position, generation, offsets, live, dead: rowCount - count - pending};
    this.#out[segment] = 1;
    this.#spilledCount++;
    this.#bytes += offsets.byteLength + live.byteLength;
  }

  /** @returns the segment that is out and has the fewest rows in use, if at least `share` of its rows are free; −1 if none. */
  sparsest(share: number): number {
    let best = -1;
    let most = 0;
    for (let segment = 0; segment < this.#segments.length; segment++) {
      const spilled = this.#segments[segment];
      if (spilled === undefined) continue;
      const free = spilled.dead / spilled.rowCount;
      if (free < share || free <= most) continue;
      most = free;
      best = segment;
    }
    return best;
  }

  /**
   * Reads a segment back into records and text of the store. Outside epochs: no row of it is freed and not yet released.
   *
   * @param freeRow is given each row that is free for use.
   * @throws {WarehouseError} `MR_PAGE_FILE_FAILED`; the segment is out as before.
   */
  restore(segment: number, words: Int32Array, doubles: Float64Array, freeRow: (row: number) => void): void {
    const spilled = this.#segments[segment]!;
    const {stride, groupBits} = this.#shape;
    const {arena} = this.#host;
    const groups = spilled.offsets.length - 1;
    const {live} = spilled;
    arena.useZone(segment);
    const readRun = (start: number, end: number): ArrayBuffer => {
      const base = spilled.offsets[start]!;
      const buffer = this.#read(spilled.position + base * 8, (spilled.offsets[end]! - base) * 8);
      const words = new Int32Array(buffer);
      for (let group = start; group < end; group++) checkGroup(words, (spilled.offsets[group]! - base) * 2, segmentStart(segment) + (group << groupBits), spilled.generation);
      return buffer;
    };
    for (let group = 0; group < groups;) {
      const base = spilled.offsets[group]!;
      let last = group + 1;
      while (last < groups && (spilled.offsets[last + 1]! - base) * 8 <= readBytesMax) last++;
      let buffer: ArrayBuffer;
      try {
        buffer = readRun(group, last);
      } catch (cause) {
        arena.dropZone(segment);
        throw cause;
      }
      const fromWords = new Int32Array(buffer);
      const fromDoubles = new Float64Array(buffer);
      for (; group < last; group++) {
        const groupAt = (spilled.offsets[group]! - base) * 2;
        const start = group << groupBits;
        const end = Math.min(spilled.rowCount, start + (1 << groupBits));
        for (let row = start; row < end; row++) {
          if ((live[row >> 3]! & (1 << (row & 7))) === 0) continue;
          const from = groupAt + groupHeaderWords + (row - start) * stride;
          for (let word = 0; word < stride; word++) words[row * stride + word] = fromWords[from + word]!;
          words[row * stride]! |= 1;
          copyTexts(this.#shape, arena, fromWords, fromDoubles, groupAt, from, words, doubles, row * stride);
        }
      }
    }
    this.#forget(segment, spilled);
    for (let row = spilled.rowCount - 1; row >= 0; row--) if ((live[row >> 3]! & (1 << (row & 7))) === 0) freeRow(segmentStart(segment) + row);
  }

  #forget(segment: number, spilled: SpilledSegment): void {
    this.dropFrames(); // some of them are of this segment
    this.#pages.give(spilled.position, spilled.offsets[spilled.offsets.length - 1]! * 8);
    this.#segments[segment] = undefined;
    this.#out[segment] = 0;
    this.#referenced[segment] = 1;
    this.#spilledCount--;
    this.#bytes -= spilled.offsets.byteLength + spilled.live.byteLength;
  }

  /** Overwrites one field of doubles of rows that are out, in their frames and in the file. `rows` may hold others, which are passed over. */
  writeDoubles(offset: number, rows: Int32Array, values: Float64Array, count: number): void {
    const order = new Int32Array(count);
    let out = 0;
    for (let i = 0; i < count; i++) if (this.isOut(rows[i]!)) order[out++] = i;
    order.subarray(0, out).sort((a, b) => rows[a]! - rows[b]!);
    const {stride, groupBits} = this.#shape;
    for (let k = 0; k < out;) {
      const row = rows[order[k]!]!;
      const segment = row >> SEGMENT_BITS;
      const spilled = this.#segments[segment]!;
      const group = groupOf(this.#shape, row);
      const position = spilled.position + spilled.offsets[group]! * 8;
      const start = group << groupBits;
      const recordRows = Math.min(1 << groupBits, spilled.rowCount - start);
      const buffer = this.#read(position, (groupHeaderWords + recordRows * stride) * 4);
      checkGroup(new Int32Array(buffer), 0, segmentStart(segment) + start, spilled.generation);
      const doubles = new Float64Array(buffer);
      for (; k < out && rows[order[k]!]! >> SEGMENT_BITS === segment && groupOf(this.#shape, rows[order[k]!]!) === group; k++) {
        const one = rows[order[k]!]!;
        doubles[(groupHeaderWords + ((one & SEGMENT_MASK) - start) * stride + offset) >> 1] = values[order[k]!]!;
        const frame = this.#frames.find(one);
        if (frame >= 0) this.#host.doubles[frame >> SEGMENT_BITS]![((frame & SEGMENT_MASK) * stride + offset) >> 1] = values[order[k]!]!;
      }
      this.#pages.write(position, new Uint8Array(buffer));
    }
  }

  /**
   * Records and text of the live rows of [start, end), all of one segment that is out, in memory of their own: for reading a store
   * from end to end. Addresses of texts are their offsets in `text`.
   */
  copy(start: number, end: number, rows: Int32Array): {readonly records: Int32Array; readonly text: Uint8Array; readonly count: number} {
    const count = this.liveRows(start, end, rows);
    const {stride} = this.#shape;
    const records = new Int32Array(count * stride);
    if (count === 0) return {records, text: new Uint8Array(0), count};
    const segment = start >> SEGMENT_BITS;
    const spilled = this.#segments[segment]!;
    const first = groupOf(this.#shape, rows[0]!);
    const last = groupOf(this.#shape, rows[count - 1]!);
    const base = spilled.offsets[first]!;
    const buffer = this.#read(spilled.position + base * 8, (spilled.offsets[last + 1]! - base) * 8);
    const words = new Int32Array(buffer);
    const doubles = new Float64Array(records.buffer);
    for (let group = first; group <= last; group++) checkGroup(words, (spilled.offsets[group]! - base) * 2, segmentStart(segment) + (group << this.#shape.groupBits), spilled.generation);
    for (let k = 0; k < count; k++) {
      const group = groupOf(this.#shape, rows[k]!);
      const groupAt = (spilled.offsets[group]! - base) * 2;
      const from = groupAt + groupHeaderWords + ((rows[k]! & SEGMENT_MASK) - (group << this.#shape.groupBits)) * stride;
      for (let word = 0; word < stride; word++) records[k * stride + word] = words[from + word]!;
      for (const {offset, lengthOffset} of this.#shape.textFields) if (records[k * stride + lengthOffset] !== 0) doubles[(k * stride + offset) >> 1]! += groupAt * 4;
    }
    return {records, text: new Uint8Array(buffer), count};
  }
}
