/**
 * Bytes of text and blob columns, addressed by one number: address = segment index · 2³² + offset in the segment.
 * A column holds addresses and lengths only, so a pass-through column costs no copy. A value never straddles segments.
 */
import {invariant} from './invariant.ts';

export const ARENA_SEGMENT_SPAN = 4_294_967_296;
const segmentBytesMin = 1 << 14;
const segmentBytesMax = 1 << 22;
/** Bytes of a value that are copied one by one. */
const loopBytesMax = 48;

export class Arena {
  readonly segments: Uint8Array[] = [];
  #used = 0; // bytes used in the last segment
  readonly #firstBytes: number;

  /** @param firstBytes of the first segment; each next one is twice as large, up to 4 MiB. */
  constructor(firstBytes = segmentBytesMin) {
    this.#firstBytes = firstBytes;
  }

  /** @returns an arena whose only segment is `bytes` itself (not copied); addresses are offsets in it. */
  static wrap(bytes: Uint8Array): Arena {
    const arena = new Arena();
    arena.segments.push(bytes);
    arena.#used = bytes.length;
    return arena;
  }

  /** Copies `length` bytes of `source` from `start` in. @returns their address. */
  append(source: Uint8Array, start: number, length: number): number {
    const address = this.reserve(length);
    const segment = this.segments[this.segments.length - 1]!;
    const offset = address - (this.segments.length - 1) * ARENA_SEGMENT_SPAN;
    // A view costs some ten ns, a byte by byte copy half a ns a byte.
    if (length > loopBytesMax) segment.set(source.subarray(start, start + length), offset);
    else for (let i = 0; i < length; i++) segment[offset + i] = source[start + i]!;
    return address;
  }

  /** @returns the address of `length` fresh bytes in the last segment, to be written by the caller. */
  reserve(length: number): number {
    invariant(length >= 0 && length < ARENA_SEGMENT_SPAN, () => `arena value of ${length} bytes`);
    const last = this.segments[this.segments.length - 1];
    if (last === undefined || this.#used + length > last.length) {
      const doubled = last === undefined ? this.#firstBytes : Math.min(last.length * 2, segmentBytesMax);
      this.segments.push(new Uint8Array(Math.max(doubled, length)));
      this.#used = 0;
    }
    const offset = this.#used;
    this.#used += length;
    return (this.segments.length - 1) * ARENA_SEGMENT_SPAN + offset;
  }

  /** @returns a view of the value at `address`; valid as long as the arena is. */
  view(address: number, length: number): Uint8Array {
    const index = Math.floor(address / ARENA_SEGMENT_SPAN);
    const offset = address - index * ARENA_SEGMENT_SPAN;
    return this.segments[index]!.subarray(offset, offset + length);
  }

  /** Forgets all values; keeps the largest segment for reuse. Addresses given out before are void. */
  reset(): void {
    const last = this.segments.pop();
    this.segments.length = 0;
    if (last !== undefined) this.segments.push(last);
    this.#used = 0;
  }

  /** @returns bytes of memory held. */
  bytes(): number {
    return this.segments.reduce((sum, segment) => sum + segment.length, 0);
  }
}
