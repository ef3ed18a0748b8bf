/**
 * Intermediate texts of one row: what a text function makes before it is stored or passed on. `used` goes back to 0 at every row.
 * When it grows, texts made before stay in the old bytes, which their operands hold; so a function takes `bytes` after `reserve`.
 */
export class TextScratch {
  bytes = new Uint8Array(1 << 12);
  used = 0;
  /** Second and third result of functions that yield a part of their argument. */
  sliceStart = 0;
  sliceLength = 0;
  /** Results of the parsers. */
  parsed = 0;
  parsedBig = 0n;

  /** Makes room for `length` more bytes. @returns where they start in `bytes`; the function moves `used` to the end of what it wrote. */
  reserve(length: number): number {
    if (this.used + length > this.bytes.length) {
      this.bytes = new Uint8Array(Math.max(this.bytes.length * 2, length));
      this.used = 0;
    }
    return this.used;
  }
}
