/**
 * The metadata of an Arrow IPC record-batch message (a FlatBuffer), written by our own few lines: apache-arrow's builder takes
 * 30–60 µs for one message, this takes less than one. What we write has always the same shape, so every position is known:
 *
 * ```
 *  0  u32 root → 32
 *  4  vtable of Message:     u16 12, 20, version at 4, headerType at 6, header at 16, bodyLength at 8
 * 16  vtable of RecordBatch: u16 10, 20, length at 8, nodes at 4, buffers at 16        26 six zeros
 * 32  Message      i32 32 − 4 · i16 version 4 (V5) · u8 headerType 3 (RecordBatch) · u8 0 · i64 bodyLength · u32 → 56 · u32 0
 * 56  RecordBatch  i32 56 − 16 · u32 → nodes · i64 rows · u32 → buffers
 * 76  u32 node count, then per node i64 rows, i64 nulls
 *     u32 0, u32 buffer count, then per buffer i64 start, i64 bytes
 * ```
 *
 * Reading follows the tables as FlatBuffers prescribes and takes any writer's layout; every position is checked against the end.
 *
 * Source: Arrow's format/Message.fbs and the FlatBuffers binary format.
 */

/** What one record batch says about its body; positions count from the start of the body. */
export interface BatchMetadata {
  readonly rowCount: number;
  readonly bodyBytes: number;
  /** NULLs of each column. */
  readonly nullCounts: Int32Array;
  /** Start and byte length of each buffer, alternating. */
  readonly buffers: Float64Array;
}

const continuation = 0xffff_ffff;
const headerTypeRecordBatch = 3;
const versionV5 = 4;
const nodesStart = 80;
/** Row counts are used in 32-bit arithmetic. */
const rowsMax = 2 ** 31 - 8;

/** @returns bytes of the encapsulated metadata: two words before it, no padding needed. A multiple of 8. */
export function metadataBytes(nodeCount: number, bufferCount: number): number {
  return 8 + nodesStart + 16 * nodeCount + 8 + 16 * bufferCount;
}

/**
 * Writes the metadata of a record batch, with its continuation mark and length before it.
 *
 * @param words the memory as 32-bit words. @param at byte position to write at, a multiple of 8.
 */
export function writeMetadata(words: Int32Array, at: number, metadata: BatchMetadata): void {
  const nodeCount = metadata.nullCounts.length;
  const bufferCount = metadata.buffers.length / 2;
  let w = at >> 2;
  words[w] = continuation | 0;
  words[w + 1] = metadataBytes(nodeCount, bufferCount) - 8;
  w += 2;
  words[w] = 32;
  words[w + 1] = 12 | (20 << 16);
  words[w + 2] = 4 | (6 << 16);
  words[w + 3] = 16 | (8 << 16);
  words[w + 4] = 10 | (20 << 16);
  words[w + 5] = 8 | (4 << 16);
  words[w + 6] = 16;
  words[w + 7] = 0;
  words[w + 8] = 32 - 4;
  words[w + 9] = versionV5 | (headerTypeRecordBatch << 16);
  words[w + 10] = metadata.bodyBytes;
  words[w + 11] = 0;
  words[w + 12] = 56 - (32 + 16);
  words[w + 13] = 0;
  words[w + 14] = 56 - 16;
  words[w + 15] = nodesStart - 4 - (56 + 4);
  words[w + 16] = metadata.rowCount;
  words[w + 17] = 0;
  const buffersStart = nodesStart + 16 * nodeCount + 8;
  words[w + 18] = buffersStart - 4 - (56 + 16);
  words[w + 19] = nodeCount;
  w += nodesStart >> 2;
  for (let i = 0; i < nodeCount; i++) {
    words[w] = metadata.rowCount;
    words[w + 1] = 0;
    words[w + 2] = metadata.nullCounts[i]!;
    words[w + 3] = 0;
    w += 4;
  }
  words[w] = 0;
  words[w + 1] = bufferCount;
  w += 2;
  for (let i = 0; i < 2 * bufferCount; i++) {
    words[w] = metadata.buffers[i]!;
    words[w + 1] = 0;
    w += 2;
  }
}

/** Reads inside [start, end) of a DataView; throws the reader's error where a position leaves it. */
class FlatReader {
  readonly #view: DataView;
  readonly #fail: (what: string) => never;

  constructor(view: DataView, fail: (what: string) => never) {
    this.#view = view;
    this.#fail = fail;
  }

  #within(at: number, bytes: number): void {
    if (at < 0 || at + bytes > this.#view.byteLength) this.#fail(`metadata points to byte ${at} of ${this.#view.byteLength}`);
  }

  u8(at: number): number { this.#within(at, 1); return this.#view.getUint8(at); }
  u16(at: number): number { this.#within(at, 2); return this.#view.getUint16(at, true); }
  i32(at: number): number { this.#within(at, 4); return this.#view.getInt32(at, true); }
  u32(at: number): number { this.#within(at, 4); return this.#view.getUint32(at, true); }

  /** A 64-bit integer that has to be a count or a position. */
  i64(at: number): number {
    const value = this.i32(at + 4) * 4_294_967_296 + this.u32(at);
    if (!Number.isSafeInteger(value) || value < 0) this.#fail(`metadata holds ${value} where a count belongs`);
    return value;
  }

  /** @returns position of a table's field, 0 if it is absent (then the default holds). */
  field(table: number, index: number): number {
    const vtable = table - this.i32(table);
    const slot = 4 + 2 * index;
    if (slot + 2 > this.u16(vtable)) return 0;
    const offset = this.u16(vtable + slot);
    return offset === 0 ? 0 : table + offset;
  }

  follow(at: number): number { return at + this.u32(at); }

  /** @returns element count of a vector at `at`, whose elements have `bytes` bytes and lie inside. */
  count(at: number, bytes: number): number {
    const count = this.u32(at);
    this.#within(at + 4, count * bytes);
    return count;
  }
}

/**
 * Reads an encapsulated record-batch message of any writer.
 *
 * @param bytes the message: metadata, then body. @param fail throws the caller's error; told what is wrong.
 * @returns the metadata and where in `bytes` the body starts.
 */
export function readMetadata(bytes: Uint8Array, fail: (what: string) => never): {metadata: BatchMetadata; bodyStart: number} {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 8 || view.getUint32(0, true) !== continuation) fail('no record batch begins here');
  const length = view.getInt32(4, true);
  if (length < 8 || length > bytes.length - 8) fail(`metadata of ${length} bytes in a message of ${bytes.length}`);
  const flat = new FlatReader(new DataView(bytes.buffer, bytes.byteOffset + 8, length), fail);
  const message = flat.follow(0);
  const typeAt = flat.field(message, 1);
  const headerAt = flat.field(message, 2);
  if (typeAt === 0 || headerAt === 0 || flat.u8(typeAt) !== headerTypeRecordBatch) fail('the message is no record batch');
  const bodyAt = flat.field(message, 3);
  const bodyBytes = bodyAt === 0 ? 0 : flat.i64(bodyAt);
  const batch = flat.follow(headerAt);
  const rowsAt = flat.field(batch, 0);
  const rowCount = rowsAt === 0 ? 0 : flat.i64(rowsAt);
  if (rowCount > rowsMax) fail(`a batch of ${rowCount} rows`);
  if (flat.field(batch, 3) !== 0) fail('the record batch is compressed');
  const bodyStart = 8 + length;
  if (bodyStart + bodyBytes > bytes.length) fail(`body of ${bodyBytes} bytes at ${bodyStart} in a message of ${bytes.length}`);

  const nodesAt = flat.field(batch, 1);
  const nodes = nodesAt === 0 ? 0 : flat.follow(nodesAt);
  const nullCounts = new Int32Array(nodes === 0 ? 0 : flat.count(nodes, 16));
  for (let i = 0; i < nullCounts.length; i++) {
    const rows = flat.i64(nodes + 4 + 16 * i);
    const nulls = flat.i64(nodes + 12 + 16 * i);
    if (rows !== rowCount || nulls > rows) fail(`column ${i} has ${rows} rows and ${nulls} NULLs in a batch of ${rowCount} rows`);
    nullCounts[i] = nulls;
  }
  const buffersAt = flat.field(batch, 2);
  const vector = buffersAt === 0 ? 0 : flat.follow(buffersAt);
  const buffers = new Float64Array(vector === 0 ? 0 : 2 * flat.count(vector, 16));
  for (let i = 0; i < buffers.length; i += 2) {
    const start = flat.i64(vector + 4 + 8 * i);
    const size = flat.i64(vector + 12 + 8 * i);
    if (start + size > bodyBytes) fail(`buffer ${i / 2} of ${size} bytes at ${start} in a body of ${bodyBytes}`);
    buffers[i] = start;
    buffers[i + 1] = size;
  }
  return {metadata: {rowCount, bodyBytes, nullCounts, buffers}, bodyStart};
}
