/** Zstandard for manifests. Node 20's zlib has none, so this is the wasm build; the one place to change when zlib has it. */
import {compress, decompress, init} from '@bokuweb/zstd-wasm';

const LEVEL = 1;
/** Ceiling for frames that do not tell their size: manifests are 8 MB, a block of one is far less. */
const UNKNOWN_SIZE_MAX = 256 * 1024 * 1024;
let ready: Promise<void> | undefined;

/** Must have resolved before the functions below are called. */
export async function zstdReady(): Promise<void> {
  ready ??= init();
  await ready;
}

/** @returns one frame. */
export function zstdCompress(bytes: Uint8Array): Uint8Array {
  return compress(bytes, LEVEL);
}

/** @throws {Error} when `bytes` is not a whole frame. */
export function zstdDecompress(bytes: Uint8Array): Uint8Array {
  // A frame without its size is tried with growing buffers, since the library cannot stream.
  for (let heapBytes = 1024 * 1024; ; heapBytes *= 8) {
    try {
      return decompress(bytes, {defaultHeapSize: heapBytes});
    } catch (error) {
      if (heapBytes * 8 > UNKNOWN_SIZE_MAX) throw error;
    }
  }
}
