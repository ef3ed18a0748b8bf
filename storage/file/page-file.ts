/**
 * A page file on disk (the door `PageFile` of `compute/state`): where rows and indexes of state go when memory is short. Read and written at once,
 * without a hop to another thread: a look-up of rows waits for it, and what is read mostly lies in the system's cache. Nothing is
 * synced; the file is worth nothing after the process and is removed when it is closed, or by the next opening.
 */
import {closeSync, ftruncateSync, mkdirSync, openSync, readSync, unlinkSync, writeSync} from 'node:fs';
import {dirname} from 'node:path';
import {WarehouseError} from '../../base/error.ts';
import {systemCode} from './file-error.ts';

/** The calls of the operating system that a page file makes; tests give others. */
export interface PageFileCalls {
  read(fd: number, into: Uint8Array, offset: number, length: number, position: number): number;
  write(fd: number, bytes: Uint8Array, offset: number, length: number, position: number): number;
}

const systemCalls: PageFileCalls = {
  read: (fd, into, offset, length, position) => readSync(fd, into, offset, length, position),
  write: (fd, bytes, offset, length, position) => writeSync(fd, bytes, offset, length, position),
};

export class DiskPageFile {
  readonly #path: string;
  readonly #calls: PageFileCalls;
  #fd: number;

  /** Makes an empty file at `path`, and its folder. @throws {WarehouseError} `MR_PAGE_FILE_FAILED`. */
  constructor(path: string, calls: PageFileCalls = systemCalls) {
    this.#path = path;
    this.#calls = calls;
    try {
      mkdirSync(dirname(path), {recursive: true});
      this.#fd = openSync(path, 'w+');
    } catch (cause) {
      throw this.#failed('make', cause);
    }
  }

  /** Fills `into` from byte `position` on. @throws {WarehouseError} `MR_PAGE_FILE_FAILED` when not all of it can be read. */
  read(position: number, into: Uint8Array): void {
    for (let at = 0; at < into.length;) {
      let count: number;
      try {
        count = this.#calls.read(this.#fd, into, at, into.length - at, position + at);
      } catch (cause) {
        throw this.#failed('read', cause);
      }
      if (count === 0) throw this.#failed('read', new Error(`it ends at byte ${position + at}, ${into.length - at} more were wanted`));
      at += count;
    }
  }

  /** @throws {WarehouseError} `MR_PAGE_FILE_FAILED` when not all of it can be written. */
  write(position: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      try {
        at += this.#calls.write(this.#fd, bytes, at, bytes.length - at, position + at);
      } catch (cause) {
        throw this.#failed('write', cause);
      }
    }
  }

  /** Cuts the file; what cannot be cut stays. */
  truncate(bytes: number): void {
    try {
      ftruncateSync(this.#fd, bytes);
    } catch {
      // It only takes more room than it needs.
    }
  }

  /** Closes and removes the file; may be called twice. */
  close(): void {
    if (this.#fd < 0) return;
    closeSync(this.#fd);
    this.#fd = -1;
    try {
      unlinkSync(this.#path);
    } catch {
      // The next opening removes it.
    }
  }

  #failed(action: string, cause: unknown): WarehouseError {
    const reason = systemCode(cause) ?? (cause instanceof Error ? cause.message : String(cause));
    return new WarehouseError('unavailable', 'MR_PAGE_FILE_FAILED', `cannot ${action} the page file '${this.#path}' (${reason})`,
      {cause, hint: 'state that memory has no room for lies there: mend or free the disk; no acknowledged row is lost'});
  }
}
