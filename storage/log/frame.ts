/**
 * A frame is one epoch in the log, and the one message that crosses from the worker to the main thread per epoch. It is encoded
 * once into shared memory and never written again.
 *
 * ```
 *  0  preamble, 32 bytes (preamble.ts): magic, version, flags, epoch, length, header length, two checksums
 * 32  header: JSON (frame-header.ts), then zeros up to a multiple of 8
 *  …  for each table, for each of its batches: an Arrow record-batch message with `_op` in front (record-batch.ts),
 *     each a multiple of 8 bytes long
 * ```
 *
 * Everything but the flags is under a checksum of the frame's content; nothing in a frame depends on where it stands.
 */
import {crc32} from 'node:zlib';
import {Arena} from '../../base/arena.ts';
import type {Column} from '../../base/delta.ts';
import type {Epoch} from '../../base/epoch.ts';
import {WarehouseError} from '../../base/error.ts';
import {invariant} from '../../base/invariant.ts';
import type {LogicalType} from '../../base/type.ts';
import {plainBytes} from './columns.ts';
import type {DecodeMemory} from './decode-memory.ts';
import {sharedMemory} from './encode-kernels.ts';
import type {FrameFile, FrameHeader, FrameTableEntry} from './frame-header.ts';
import {headerText, parseHeader} from './frame-header.ts';
import {bodyIntact, frameBytesMax, frameVersion, preambleBytes, readPreamble, writePreamble} from './preamble.ts';
import {readBatch} from './read-batch.ts';
import type {BatchLayout, BatchSource} from './record-batch.ts';
import {layOutBatches, writeBatch} from './record-batch.ts';

/** One table's changes of an epoch, to be encoded; read, not kept. */
export interface TableChanges {
  readonly tableId: number;
  readonly schemaId: number;
  /** Of all stored columns, hidden ones included. */
  readonly types: readonly LogicalType[];
  readonly rowCount: number;
  readonly ops: Uint8Array;
  readonly columns: readonly Column[];
  /** Further rows of this epoch that lie in files; they come after the inline rows. */
  readonly files?: readonly FrameFile[];
}

export interface FrameContent {
  readonly epoch: Epoch;
  readonly header: FrameHeader;
  /** Each table at most once. */
  readonly tables: readonly TableChanges[];
}

/** Rows of one batch, in changelog order; views on the frame. */
export interface TableRows {
  readonly rowCount: number;
  readonly ops: Uint8Array;
  readonly columns: Column[];
}

/** One table's part of a decoded frame. */
export interface FrameTable {
  readonly tableId: number;
  readonly schemaId: number;
  /** Rows in the frame itself. */
  readonly rowCount: number;
  readonly files: readonly FrameFile[];
  readonly batchCount: number;
  /**
   * Decodes one batch: the caller's catalog knows the types that `schemaId` had.
   *
   * @param into where columns lie that are no views on the frame. @param wanted as for `readBatch`.
   * @throws {WarehouseError} `MR_LOG_DAMAGED` (data) if the batch is not of these types.
   */
  batch(index: number, types: readonly LogicalType[], into?: DecodeMemory, wanted?: readonly boolean[]): TableRows;
}

/** A decoded frame: its header is parsed, its batches wait to be asked for. */
export interface Frame {
  readonly epoch: Epoch;
  readonly header: FrameHeader;
  readonly tables: readonly FrameTable[];
  /** The encoded frame, kept alive by every column of it. */
  readonly bytes: Uint8Array;
}

const encoder = new TextEncoder();
const align = (bytes: number): number => Math.ceil(bytes / 8) * 8;

/**
 * Encodes an epoch.
 *
 * @returns the frame, in a SharedArrayBuffer of its own and of exactly its length.
 * @throws {WarehouseError} `MR_FRAME_TOO_LARGE` (invalid) beyond `frameBytesMax`: such rows go by reference.
 */
export function encodeFrame(content: FrameContent): Uint8Array {
  const entries: FrameTableEntry[] = [];
  const layouts: BatchLayout[][] = [];
  let bodyBytes = 0;
  for (const table of content.tables) {
    const tableLayouts = layOutBatches(table, table.types);
    layouts.push(tableLayouts);
    const batchBytes: number[] = [];
    for (const layout of tableLayouts) {
      batchBytes.push(layout.bytes);
      bodyBytes += layout.bytes;
    }
    entries.push({tableId: table.tableId, schemaId: table.schemaId, rowCount: table.rowCount, batchBytes, files: table.files ?? []});
  }
  const text = headerText(content.header, entries);
  const headerBytes = Buffer.byteLength(text);
  const frameBytes = align(preambleBytes + headerBytes) + bodyBytes;
  if (frameBytes > frameBytesMax) {
    throw new WarehouseError('invalid', 'MR_FRAME_TOO_LARGE', `epoch ${content.epoch} needs a frame of ${frameBytes} bytes, the limit is ${frameBytesMax}`,
      {hint: 'write the rows in smaller statements'});
  }
  const memory = sharedMemory(frameBytes);
  const {written} = encoder.encodeInto(text, memory.u8.subarray(preambleBytes));
  invariant(written === headerBytes, () => `header of ${headerBytes} bytes, wrote ${written}`);
  let at = align(preambleBytes + headerBytes);
  content.tables.forEach((table, t) => {
    const source: BatchSource = table;
    for (const layout of layouts[t]!) at = writeBatch(source, table.types, layout, memory, at);
  });
  invariant(at === frameBytes, () => `frame of ${frameBytes} bytes, wrote ${at}`);
  writePreamble(memory.u8, {flags: 0, epoch: content.epoch, frameBytes, headerBytes, bodyCrc: crc32(memory.u8.subarray(preambleBytes))});
  return memory.u8;
}

/**
 * Decodes a frame: verifies checksums, version and every length, parses the header.
 *
 * @param bytes exactly one frame, kept: columns are views on it. At a multiple of 8 nothing is copied.
 * @param verified this process has verified the body's checksum already, and the bytes have been in memory since.
 * @throws {WarehouseError} `MR_LOG_DAMAGED` (data) naming what is wrong; `MR_LOG_VERSION` (data) for a newer format.
 */
export function decodeFrame(bytes: Uint8Array, verified = false): Frame {
  const plain = plainBytes(bytes);
  const preamble = readPreamble(plain, 0);
  if (preamble === undefined) throw damaged(`no frame stands in these ${bytes.length} bytes`);
  const where = `the frame of epoch ${preamble.epoch}`;
  if (preamble.version !== frameVersion) {
    throw new WarehouseError('data', 'MR_LOG_VERSION', `${where} has version ${preamble.version}, this program reads version ${frameVersion}`,
      {hint: 'open the warehouse with the newer millrace that wrote it'});
  }
  if (preamble.frameBytes !== plain.length) throw damaged(`${where} has ${plain.length} bytes, its preamble says ${preamble.frameBytes}`);
  if (!verified && !bodyIntact(plain, preamble)) throw damaged(`${where} fails its checksum`);
  const text = Buffer.from(plain.buffer, plain.byteOffset + preambleBytes, preamble.headerBytes).toString();
  const {header, tables} = parseHeader(text, where);
  const memory = {bytes: plain, arena: Arena.wrap(plain)};
  let at = align(preambleBytes + preamble.headerBytes);
  const decoded = tables.map((entry): FrameTable => {
    const starts: number[] = [];
    for (const length of entry.batchBytes) {
      starts.push(at);
      at += length;
    }
    return {
      tableId: entry.tableId, schemaId: entry.schemaId, rowCount: entry.rowCount, files: entry.files, batchCount: entry.batchBytes.length,
      batch(index, types, into, wanted) {
        const [start, length] = [starts[index], entry.batchBytes[index]];
        invariant(start !== undefined && length !== undefined, () => `batch ${index} of ${starts.length}`);
        const batch = readBatch(memory, start, length, types, true, (what) => {
          throw damaged(`batch ${index} of table ${entry.tableId} in ${where}: ${what}`);
        }, into, wanted);
        return {rowCount: batch.rowCount, ops: batch.ops!, columns: batch.columns};
      },
    };
  });
  if (at !== plain.length) throw damaged(`${where} has ${plain.length} bytes, its batches end at ${at}`);
  return {epoch: preamble.epoch, header, tables: decoded, bytes: plain};
}

/**
 * All rows of one table in a frame, batch by batch.
 *
 * @throws {WarehouseError} `MR_LOG_DAMAGED` (data) if they are not of these types or not as many as the header says.
 */
export function decodeTable(frame: Frame, table: FrameTable, types: readonly LogicalType[]): TableRows[] {
  const batches: TableRows[] = [];
  let rows = 0;
  for (let i = 0; i < table.batchCount; i++) {
    const batch = table.batch(i, types);
    rows += batch.rowCount;
    batches.push(batch);
  }
  if (rows !== table.rowCount) throw damaged(`table ${table.tableId} in the frame of epoch ${frame.epoch} has ${rows} rows, its header says ${table.rowCount}`);
  return batches;
}

function damaged(what: string): WarehouseError {
  return new WarehouseError('data', 'MR_LOG_DAMAGED', what);
}
