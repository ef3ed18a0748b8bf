/**
 * The writes of one statement, gathered: in memory while they are few, in a spool file beyond `bytesMin`, so that a statement of any
 * size holds one chunk. The file waits for the engine, which reads it chunk by chunk when the statement's turn comes: other epochs
 * go on while the statement's rows are computed. Its owner removes it; what a killed process leaves is removed at the next open.
 */
import {open, unlink, type FileHandle} from 'node:fs/promises';
import {join} from 'node:path';
import {asWarehouseError, WarehouseError} from '../base/error.ts';
import {uuid} from '../base/id.ts';
import {invariant} from '../base/invariant.ts';
import type {Spool, SpooledWrite, TableWrite} from './protocol.ts';

export class WriteSpool {
  readonly #directory: string;
  readonly #bytesMin: number;
  #held: TableWrite[] = [];
  #bytes = 0;
  #file: {readonly path: string; readonly handle: FileHandle} | null = null;
  #writes: SpooledWrite[] = [];
  #end = 0;

  /** @param bytesMin writes of more bytes go to a file; Infinity: never. */
  constructor(directory: string, bytesMin: number) {
    this.#directory = directory;
    this.#bytesMin = bytesMin;
  }

  /** Resolves when the next write may come: the back-pressure of the disk. */
  async add(write: TableWrite): Promise<void> {
    this.#bytes += write.rows.bytes.byteLength;
    this.#held.push(write);
    if (this.#bytes <= this.#bytesMin) return;
    for (const held of this.#held) await this.#spill(held);
    this.#held = [];
  }

  /**
   * @param order sorts the writes; stable.
   * @returns the writes, or the file that holds them all.
   */
  async end(order?: (a: Pick<TableWrite, 'mode'>, b: Pick<TableWrite, 'mode'>) => number): Promise<{readonly writes: readonly TableWrite[]; readonly spool: Spool | null}> {
    if (this.#file === null) return {writes: order === undefined ? this.#held : this.#held.sort(order), spool: null};
    await this.#file.handle.close();
    return {writes: [], spool: {path: this.#file.path, writes: order === undefined ? this.#writes : this.#writes.sort(order)}};
  }

  /** Removes the file, if there is one; for the way of failure. */
  async discard(): Promise<void> {
    if (this.#file === null) return;
    await this.#file.handle.close().catch(() => undefined);
    await removeSpool(this.#file.path);
    this.#file = null;
  }

  async #spill({rows, expected, ...write}: TableWrite): Promise<void> {
    try {
      const file = this.#file ??= await this.#make();
      const {bytes, rowCount} = rows;
      invariant(bytes.byteLength % 8 === 0, () => `encoded rows of ${bytes.byteLength} bytes`);
      const at = this.#end;
      this.#end = await writeAll(file.handle, bytes, at);
      if (expected !== null) this.#end = await writeAll(file.handle, new Uint8Array(expected.buffer, expected.byteOffset, 8 * rowCount), this.#end);
      this.#writes.push({...write, rowCount, at, bytes: bytes.byteLength, checked: expected !== null});
    } catch (cause) {
      throw cause instanceof Error && 'code' in cause && cause.code === 'ENOSPC'
        ? new WarehouseError('unavailable', 'MR_DISK_FULL', `the rows of the statement did not fit '${this.#directory}'`, {cause, hint: 'free room; nothing of the statement was done'})
        : asWarehouseError(cause);
    }
  }

  async #make(): Promise<{path: string; handle: FileHandle}> {
    const path = join(this.#directory, `bulk-${uuid()}`);
    return {path, handle: await open(path, 'wx')};
  }
}

export async function removeSpool(path: string): Promise<void> {
  await unlink(path).catch(() => undefined);
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, at: number): Promise<number> {
  for (let done = 0; done < bytes.byteLength;) {
    const {bytesWritten} = await handle.write(bytes, done, bytes.byteLength - done, at + done);
    done += bytesWritten;
  }
  return at + bytes.byteLength;
}
