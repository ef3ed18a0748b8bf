/**
 * Two links of each row, (next, previous), by row number: the chains of an index. They lie in segments as the store's rows do, and
 * segments of them may go out by blocks (word-blocks.ts), from which links are then read and written.
 */
import {BLOCK_BITS, type BlockCheck, type WordBlocks, type WordRegion} from './word-blocks.ts';
import {SEGMENT_BITS, SEGMENT_MASK} from './record-write.ts';

const linksMin = 256;
/** In place of a segment that is out. */
const noLinks = new Int32Array(0);
/** The least value of a link; what is read from a file must not be below. */
const linkMin = -2;

const linksCheck: BlockCheck = (words, start, end) => {
  for (let at = start; at < end; at++) if (words[at]! < linkMin) return false;
  return true;
};

export class RowLinks {
  readonly #blocks: WordBlocks | null;
  readonly #links: Int32Array[] = [];
  /** By segment: where it lies, null while it is in memory. */
  readonly #regions: (WordRegion | null)[] = [];
  /** Rows that there are links for; those in memory. */
  #capacity = 0;
  #resident = 0;
  #outCount = 0;
  /** The next segment to go out. */
  #hand = 0;

  /** @param blocks where segments may go; null: they stay in memory. */
  constructor(blocks: WordBlocks | null) {
    this.#blocks = blocks;
  }

  /** Whether a part is out. */
  get spilled(): boolean { return this.#outCount > 0; }

  /** Bytes in memory, blocks of what is out apart. */
  bytes(): number { return this.#resident * 8; }

  /** Bytes that `evict` could give back. */
  evictableBytes(): number { return this.#blocks === null ? 0 : this.#resident * 8; }

  /** Makes room for rows below `rowLimit`. @throws {WarehouseError} `MR_PAGE_FILE_FAILED` if the first segment is out, small, and cannot be read. */
  ensure(rowLimit: number): void {
    while (this.#capacity < rowLimit) {
      if (this.#capacity <= SEGMENT_MASK) {
        const rows = Math.max(linksMin, this.#capacity * 2);
        const links = new Int32Array(rows * 2);
        if (this.#regions[0] !== undefined && this.#regions[0] !== null) this.#bring(0);
        const before = this.#links[0];
        if (before !== undefined) links.set(before);
        this.#links[0] = links;
        this.#regions[0] = null;
        this.#resident += rows - this.#capacity;
        this.#capacity = rows;
      } else {
        this.#links.push(new Int32Array(2 << SEGMENT_BITS));
        this.#regions.push(null);
        this.#capacity += 1 << SEGMENT_BITS;
        this.#resident += 1 << SEGMENT_BITS;
      }
    }
  }

  next(row: number): number {
    const links = this.#links[row >> SEGMENT_BITS]!;
    return links === noLinks ? this.#read(row, 0) : links[(row & SEGMENT_MASK) << 1]!;
  }

  previous(row: number): number {
    const links = this.#links[row >> SEGMENT_BITS]!;
    return links === noLinks ? this.#read(row, 1) : links[((row & SEGMENT_MASK) << 1) + 1]!;
  }

  link(row: number, next: number, previous: number): void {
    this.setNext(row, next);
    this.setPrevious(row, previous);
  }

  setNext(row: number, next: number): void {
    const links = this.#links[row >> SEGMENT_BITS]!;
    if (links === noLinks) this.#write(row, 0, next);
    else links[(row & SEGMENT_MASK) << 1] = next;
  }

  setPrevious(row: number, previous: number): void {
    const links = this.#links[row >> SEGMENT_BITS]!;
    if (links === noLinks) this.#write(row, 1, previous);
    else links[((row & SEGMENT_MASK) << 1) + 1] = previous;
  }

  #read(row: number, word: number): number {
    return this.#blocks!.get(this.#regions[row >> SEGMENT_BITS]!, ((row & SEGMENT_MASK) << 1) + word);
  }

  #write(row: number, word: number, value: number): void {
    this.#blocks!.set(this.#regions[row >> SEGMENT_BITS]!, ((row & SEGMENT_MASK) << 1) + word, value);
  }

  /** Brings the links of rows (−1: of none), so that no read is left for later. @throws {WarehouseError} `MR_PAGE_FILE_FAILED`. */
  fetch(rows: Int32Array, count: number): void {
    if (this.#outCount === 0) return;
    const blocks = this.#blocks!;
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      if (row < 0) continue;
      const region = this.#regions[row >> SEGMENT_BITS]!;
      if (region !== null) blocks.want(region, ((row & SEGMENT_MASK) << 1) >> BLOCK_BITS);
    }
    blocks.fetch();
  }

  /** As `fetch`, for the rows that they are linked to as well. */
  fetchNeighbours(rows: Int32Array, count: number): void {
    if (this.#outCount === 0) return;
    this.fetch(rows, count);
    const neighbours = new Int32Array(2 * count);
    for (let i = 0; i < count; i++) {
      neighbours[2 * i] = this.next(rows[i]!);
      neighbours[2 * i + 1] = this.previous(rows[i]!);
    }
    this.fetch(neighbours, 2 * count);
  }

  /**
   * Puts segments out until `bytes` of memory are given back or none is left.
   *
   * @returns bytes given back.
   * @throws {WarehouseError} `MR_PAGE_FILE_FAILED`; what it met is in memory as before.
   */
  evict(bytes: number): number {
    if (this.#blocks === null) return 0;
    const before = this.#resident;
    for (let passed = 0; passed < this.#links.length && (before - this.#resident) * 8 < bytes; passed++) {
      const segment = this.#hand % this.#links.length;
      const links = this.#links[segment]!;
      if (links !== noLinks) {
        this.#regions[segment] = this.#blocks.put(links, linksCheck);
        this.#links[segment] = noLinks;
        this.#resident -= links.length >> 1;
        this.#outCount++;
      }
      this.#hand = segment + 1;
    }
    return (before - this.#resident) * 8;
  }

  #bring(segment: number): void {
    const links = this.#blocks!.bring(this.#regions[segment]!);
    this.#links[segment] = links;
    this.#regions[segment] = null;
    this.#resident += links.length >> 1;
    this.#outCount--;
  }

  /** Gives the room in the file back; the links are void. */
  drop(): void {
    for (const region of this.#regions) if (region !== null) this.#blocks!.drop(region);
  }
}
