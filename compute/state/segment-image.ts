/**
 * A segment of rows as it lies in a page file. Rows are put together in groups of a power of two, as many as make about 4 KiB of
 * records, and a group is what a look-up reads: one read brings the record and the text of each of its rows.
 *
 *   segment   group 0 · group 1 · …        at the offsets that are kept in memory
 *   group     word 0: first row · word 1: generation      (whose image it is: a group in a wrong place is not taken for another)
 *             records, `stride` words each, as in memory, but the address of a text is its byte offset in the group, 0 if it is empty
 *             texts, each padded with zeros to 8 bytes
 *
 * Rows that were freed for good have texts of no length.
 */
import {ARENA_SEGMENT_SPAN} from '../../base/arena.ts';
import {WarehouseError} from '../../base/error.ts';
import type {AlignedArena} from './aligned-arena.ts';
import type {RecordField, RecordLayout} from './record-layout.ts';
import {SEGMENT_BITS, SEGMENT_MASK} from './record-write.ts';

const groupRecordBytes = 4096;
const groupBitsMax = 6;
const headerWords = 2;
/** An image is written in pieces of about this size. */
const writeBytes = 1 << 20;

/** What is needed to write and read the images of one store. */
export class ImageShape {
  readonly stride: number;
  readonly groupBits: number;
  readonly textFields: readonly RecordField[];

  constructor(layout: RecordLayout) {
    this.stride = layout.stride;
    this.groupBits = Math.max(0, Math.min(groupBitsMax, Math.floor(Math.log2(groupRecordBytes / (layout.stride * 4)))));
    this.textFields = layout.fields.filter((field) => field.kind === 'bytes');
  }

  /** @returns the words before the texts of a group. */
  recordsEnd(rows: number): number {
    return headerWords + rows * this.stride;
  }
}

/** @returns the offset of each group in the image, in units of 8 bytes; the last entry is the image's length. */
export function groupOffsets(shape: ImageShape, words: Int32Array, rowCount: number): Uint32Array {
  const groupRows = 1 << shape.groupBits;
  const groups = Math.ceil(rowCount / groupRows);
  const offsets = new Uint32Array(groups + 1);
  let at = 0;
  for (let group = 0; group < groups; group++) {
    offsets[group] = at;
    const end = Math.min(rowCount, (group + 1) * groupRows);
    let units = (shape.recordsEnd(end - group * groupRows) + 1) >> 1;
    for (const {lengthOffset} of shape.textFields) for (let row = group * groupRows; row < end; row++) units += (words[row * shape.stride + lengthOffset]! + 7) >> 3;
    at += units;
  }
  offsets[groups] = at;
  return offsets;
}

/** Writes a segment's image in pieces. @param firstRow the segment's first row number. */
export function writeImage(shape: ImageShape, words: Int32Array, doubles: Float64Array, arena: readonly Int32Array[], firstRow: number, generation: number, offsets: Uint32Array, rowCount: number, write: (at: number, bytes: Uint8Array) => void): void {
  const groups = offsets.length - 1;
  const groupRows = 1 << shape.groupBits;
  for (let group = 0; group < groups;) {
    const base = offsets[group]!;
    let last = group + 1;
    while (last < groups && (offsets[last + 1]! - base) * 8 <= writeBytes) last++;
    const buffer = new ArrayBuffer((offsets[last]! - base) * 8);
    const outWords = new Int32Array(buffer);
    const outDoubles = new Float64Array(buffer);
    for (; group < last; group++) {
      const start = group * groupRows;
      const rows = Math.min(groupRows, rowCount - start);
      fillGroup(shape, words, doubles, arena, start, rows, outWords, outDoubles, (offsets[group]! - base) * 2, firstRow + start, generation);
    }
    write(base * 8, new Uint8Array(buffer));
  }
}

function fillGroup({stride, textFields}: ImageShape, words: Int32Array, doubles: Float64Array, arena: readonly Int32Array[], start: number, rows: number, out: Int32Array, outDoubles: Float64Array, at: number, firstRow: number, generation: number): void {
  out[at] = firstRow;
  out[at + 1] = generation;
  const records = at + headerWords;
  out.set(words.subarray(start * stride, (start + rows) * stride), records);
  let text = records + rows * stride; // even: strides and headers are
  for (const {offset, lengthOffset} of textFields) {
    for (let k = 0; k < rows; k++) {
      const length = words[(start + k) * stride + lengthOffset]!;
      let place = 0;
      if (length !== 0) {
        const address = doubles[((start + k) * stride + offset) >> 1]!;
        const index = Math.floor(address / ARENA_SEGMENT_SPAN);
        const from = arena[index]!;
        let p = (address - index * ARENA_SEGMENT_SPAN) >>> 2;
        place = (text - at) * 4;
        const end = text + ((length + 3) >> 2);
        let to = text;
        while (to < end) out[to++] = from[p++]!;
        text += ((length + 7) >> 3) << 1;
      }
      outDoubles[(records + k * stride + offset) >> 1] = place;
    }
  }
}

/** @throws {WarehouseError} `MR_PAGE_FILE_FAILED` unless a group that was read is the one that was asked for. */
export function checkGroup(words: Int32Array, at: number, firstRow: number, generation: number): void {
  if (words[at] !== firstRow || words[at + 1] !== generation) {
    throw new WarehouseError('unavailable', 'MR_PAGE_FILE_FAILED', `a page file holds rows ${words[at]} of generation ${words[at + 1]} where rows ${firstRow} of generation ${generation} were written`, {hint: 'open the warehouse again; nothing is lost'});
  }
}

/** @returns the words of the header of a group. */
export const groupHeaderWords = headerWords;

/** @returns the group of a row in its segment. */
export function groupOf(shape: ImageShape, row: number): number {
  return (row & SEGMENT_MASK) >> shape.groupBits;
}

/** @returns the first row number of a segment. */
export function segmentStart(segment: number): number {
  return segment << SEGMENT_BITS;
}

/** Puts the texts of one record of an image into the arena's zone in use and their addresses into the record that was made of it. */
export function copyTexts({textFields}: ImageShape, arena: AlignedArena, words: Int32Array, doubles: Float64Array, groupAt: number, from: number, to: Int32Array, toDoubles: Float64Array, toAt: number): void {
  for (const {offset, lengthOffset} of textFields) {
    const length = to[toAt + lengthOffset]!;
    toDoubles[(toAt + offset) >> 1] = length === 0 ? 0 : arena.appendWords(words, groupAt + (doubles[(from + offset) >> 1]! >> 2), length);
  }
}
