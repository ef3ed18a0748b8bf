/** Fixed-width rows of Int32 words by row number, in segments: grows without copying more than the first, small segment. */
const segmentBits = 12;
export const TABLE_MASK = (1 << segmentBits) - 1;
export const TABLE_BITS = segmentBits;
const firstRows = 64;

export class Int32Table {
  readonly stride: number;
  /** Row r lies in segment r >> TABLE_BITS, from word (r & TABLE_MASK) · stride on. New rows are zeros. */
  readonly segments: Int32Array[] = [];
  #capacity = 0;

  constructor(stride: number) {
    this.stride = stride;
  }

  /** Makes rows [0, limit) exist. */
  ensure(limit: number): void {
    while (this.#capacity < limit) {
      if (this.#capacity <= TABLE_MASK) {
        const rows = Math.max(firstRows, this.#capacity * 2);
        const segment = new Int32Array(rows * this.stride);
        const before = this.segments[0];
        if (before !== undefined) segment.set(before);
        this.segments[0] = segment;
        this.#capacity = rows;
      } else {
        this.segments.push(new Int32Array((TABLE_MASK + 1) * this.stride));
        this.#capacity += TABLE_MASK + 1;
      }
    }
  }

  get(row: number, word: number): number {
    return this.segments[row >> TABLE_BITS]![(row & TABLE_MASK) * this.stride + word]!;
  }

  set(row: number, word: number, value: number): void {
    this.segments[row >> TABLE_BITS]![(row & TABLE_MASK) * this.stride + word] = value;
  }

  bytes(): number { return this.#capacity * this.stride * 4; }
}
