/**
 * Columns in one block of shared memory: how rows are handed from thread to thread without being cloned. The block is one record
 * batch (record-batch.ts), never written again once it was encoded.
 */
import {Arena} from '../../base/arena.ts';
import type {Column} from '../../base/delta.ts';
import {invariant} from '../../base/invariant.ts';
import {WarehouseError} from '../../base/error.ts';
import type {LogicalType} from '../../base/type.ts';
import {sharedMemory} from './encode-kernels.ts';
import {readBatch} from './read-batch.ts';
import {layOutBatches, writeBatch} from './record-batch.ts';

/** Rows by column, as `decodeColumns` gives them back. */
export interface DecodedColumns {
  readonly rowCount: number;
  readonly columns: Column[];
}

/**
 * Copies columns into shared memory.
 *
 * @param columns read, not kept. @param types of the columns.
 * @returns the block, in a SharedArrayBuffer of its own; empty for no rows. Rows of more than 2 GiB are the caller's to cut.
 */
export function encodeColumns(columns: readonly Column[], types: readonly LogicalType[], rowCount: number): Uint8Array {
  const source = {rowCount, ops: null, columns};
  const [layout, more] = layOutBatches(source, types, Infinity);
  invariant(more === undefined, () => `${rowCount} rows do not fit one block of 2 GiB`);
  const memory = sharedMemory(layout?.bytes ?? 0);
  if (layout !== undefined) writeBatch(source, types, layout, memory, 0);
  return memory.u8;
}

/**
 * The columns of a block made by `encodeColumns`, or of any Arrow record-batch message of these types.
 *
 * @param bytes kept: the columns are views on it.
 * @throws {WarehouseError} `MR_BATCH_INVALID` (invalid) if the bytes are no such message.
 */
export function decodeColumns(bytes: Uint8Array, types: readonly LogicalType[]): DecodedColumns {
  const plain = plainBytes(bytes);
  const memory = {bytes: plain, arena: Arena.wrap(plain)};
  if (plain.length === 0) return {rowCount: 0, columns: emptyColumns(types, memory.arena)};
  const {rowCount, columns} = readBatch(memory, 0, plain.length, types, false, (what) => {
    throw new WarehouseError('invalid', 'MR_BATCH_INVALID', `expected an Arrow record batch of ${types.length} columns: ${what}`);
  });
  return {rowCount, columns};
}

/** @returns the same memory as a plain Uint8Array: loops that have seen a Buffer are several times slower. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function emptyColumns(types: readonly LogicalType[], arena: Arena): Column[] {
  return types.map((type): Column => {
    switch (type.kind) {
      case 'varchar': case 'blob': case 'list': case 'struct': case 'map': return {kind: 'bytes', arena, address: new Float64Array(0), length: new Int32Array(0), valid: null};
      case 'float': case 'double': return {kind: 'f64', data: new Float64Array(0), valid: null, bound: Infinity};
      case 'bigint': case 'timestamp': case 'timestamptz': case 'decimal': return {kind: 'f64', data: new Float64Array(0), valid: null, bound: 0};
      default: return {kind: 'i32', data: new Int32Array(0), valid: null};
    }
  });
}
