/**
 * Deletion vectors: row numbers of one data file, as a portable RoaringBitmap in an index file.
 *
 *   int32 BE size | v1: int32 BE 1581511376, bitmap | v2: int32 LE 1681511377, int64 LE count, (int32 LE high word, bitmap)* | int32 BE crc32
 *
 * `size` and the checksum cover magic and bitmaps. A portable bitmap: int32 LE cookie (12346 without runs, then int32 container count;
 * 12347 | (count − 1) << 16 with runs, then a bit per container), (uint16 key, uint16 cardinality − 1) per container, offsets (unless
 * runs and fewer than 4 containers), then per container an array of uint16, 8 KiB of bits, or runs (uint16 start, uint16 length − 1).
 * Source: RoaringFormatSpec; the frame as in Paimon.
 */
import {crc32} from 'node:zlib';
import {damaged} from './failure.ts';

/** Row numbers, ascending. */
export type DeletedRows = readonly number[];

const MAGIC_V1 = 1_581_511_376;
const MAGIC_V2 = 1_681_511_377;
const COOKIE_NO_RUNS = 12_346;
const COOKIE_RUNS = 12_347;
const OFFSETS_MIN_CONTAINERS = 4;
const ARRAY_CARDINALITY_MAX = 4096;

/**
 * @param offset of the vector's int32 size in `index`.
 * @throws {WarehouseError} `MR_PAIMON_DAMAGED` naming `where`.
 */
export function decodeDeletionVector(index: Uint8Array, offset: number, where: string): DeletedRows {
  const view = new DataView(index.buffer, index.byteOffset, index.byteLength);
  const at = `${where}: deletion vector at byte ${offset}`;
  if (offset < 0 || offset + 12 > index.length) throw damaged(at, 'lies outside the file');
  const size = view.getInt32(offset, false);
  const start = offset + 4;
  if (size < 4 || start + size + 4 > index.length) throw damaged(at, `size ${size} goes beyond the file`);
  const body = index.subarray(start, start + size);
  const checksum = view.getUint32(start + size, false);
  if (crc32(body) !== checksum) throw damaged(at, `checksum is ${crc32(body)} where ${checksum} is written`);
  try {
    if (view.getInt32(start, false) === MAGIC_V1) return new BitmapReader(body, 4).read(0);
    if (view.getInt32(start, true) === MAGIC_V2) {
      const count = Number(view.getBigInt64(start + 4, true));
      const reader = new BitmapReader(body, 12);
      const rows: number[] = [];
      for (let i = 0; i < count; i++) for (const row of reader.read(reader.uint32() * 2 ** 32)) rows.push(row);
      return rows;
    }
  } catch (cause) {
    if (cause instanceof RangeError) throw damaged(at, 'bitmap ends early', cause);
    throw cause;
  }
  throw damaged(at, 'unknown magic number');
}

class BitmapReader {
  readonly #view: DataView;
  #position: number;

  constructor(bytes: Uint8Array, position: number) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#position = position;
  }

  uint32(): number {
    this.#position += 4;
    return this.#view.getUint32(this.#position - 4, true);
  }

  #uint16(): number {
    this.#position += 2;
    return this.#view.getUint16(this.#position - 2, true);
  }

  /** Reads one 32-bit bitmap. @returns its values plus `base`. */
  read(base: number): number[] {
    const cookie = this.uint32();
    const withRuns = (cookie & 0xffff) === COOKIE_RUNS;
    if (!withRuns && cookie !== COOKIE_NO_RUNS) throw new RangeError(`roaring cookie ${cookie}`);
    const count = withRuns ? (cookie >>> 16) + 1 : this.uint32();
    const runBits: number[] = [];
    if (withRuns) for (let i = 0; i < Math.ceil(count / 8); i++) runBits.push(this.#view.getUint8(this.#position++));
    const keys: number[] = [];
    const cardinalities: number[] = [];
    for (let i = 0; i < count; i++) {
      keys.push(this.#uint16());
      cardinalities.push(this.#uint16() + 1);
    }
    if (!withRuns || count >= OFFSETS_MIN_CONTAINERS) this.#position += 4 * count;
    const values: number[] = [];
    for (let i = 0; i < count; i++) {
      const high = base + keys[i]! * 65_536;
      if (((runBits[i >> 3] ?? 0) >> (i & 7) & 1) === 1) this.#runs(high, values);
      else if (cardinalities[i]! <= ARRAY_CARDINALITY_MAX) for (let k = 0; k < cardinalities[i]!; k++) values.push(high + this.#uint16());
      else this.#bits(high, values);
    }
    return values;
  }

  #runs(high: number, values: number[]): void {
    const runCount = this.#uint16();
    for (let i = 0; i < runCount; i++) {
      const start = this.#uint16();
      const last = start + this.#uint16();
      for (let low = start; low <= last; low++) values.push(high + low);
    }
  }

  #bits(high: number, values: number[]): void {
    for (let byte = 0; byte < 8192; byte++) {
      const bits = this.#view.getUint8(this.#position + byte);
      for (let bit = 0; bit < 8; bit++) if (((bits >> bit) & 1) === 1) values.push(high + byte * 8 + bit);
    }
    this.#position += 8192;
  }
}
