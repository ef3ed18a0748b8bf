/**
 * Lines of a byte stream without ever holding more than one line above the limit: a longer line is reported cut and its rest is
 * skipped, so that the stream goes on after it. Line ends are \n or \r\n; the last line may lack one.
 */
import {lineBytesMax} from '../base/limit.ts';

export interface Line {
  readonly text: string;
  /** 1-based. */
  readonly number: number;
  /** The line was longer than `lineBytesMax`; `text` is its beginning. */
  readonly cut: boolean;
}

const newline = 10;
const shownBytes = 4096;

export async function* linesOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Line[]> {
  let parts: Uint8Array[] = [];
  let held = 0;
  let skipping = false;
  let number = 0;
  const take = (): Line => {
    number++;
    const cut = skipping;
    const bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, cut ? Math.min(shownBytes, bytes.byteLength) : bytes.byteLength).toString('utf8');
    parts = [];
    held = 0;
    skipping = false;
    return {text: text.endsWith('\r') ? text.slice(0, -1) : text, number, cut};
  };
  for await (const chunk of stream) {
    const lines: Line[] = [];
    let start = 0;
    for (let end = chunk.indexOf(newline, start); end !== -1; end = chunk.indexOf(newline, start)) {
      hold(chunk.subarray(start, end));
      lines.push(take());
      start = end + 1;
    }
    hold(chunk.subarray(start));
    if (lines.length > 0) yield lines;
  }
  if (held > 0 || skipping) yield [take()];

  function hold(bytes: Uint8Array): void {
    if (skipping || bytes.length === 0) return;
    if (held + bytes.length > lineBytesMax) {
      parts.push(bytes.subarray(0, Math.max(0, Math.min(bytes.length, shownBytes - held))));
      skipping = true;
      return;
    }
    // The chunk may be reused by the stream once we return: keep a copy of what has no end yet.
    parts.push(Uint8Array.prototype.slice.call(bytes));
    held += bytes.length;
  }
}
