/**
 * The door to the file that rows and indexes of a state lie in when memory is short. `compute/` does no file IO: whoever owns the state
 * gives a page file. Its content is worth nothing after the process; nothing is ever made durable through it.
 */
export interface PageFile {
  /**
   * Fills `into` from byte `position` on.
   *
   * @throws {WarehouseError} `MR_PAGE_FILE_FAILED` (unavailable) when not all of it can be read.
   */
  read(position: number, into: Uint8Array): void;
  /** @throws {WarehouseError} `MR_PAGE_FILE_FAILED` (unavailable) when not all of it can be written, a full disk among the reasons. */
  write(position: number, bytes: Uint8Array): void;
  /** Cuts the file; what cannot be cut stays. */
  truncate(bytes: number): void;
  /** Closes the file and removes it. */
  close(): void;
}

/** Bytes in which room in a page file is given out. */
export const extentUnitBytes = 1024;

/**
 * Room in a page file: runs of units, given out first fit and joined with their neighbours when they come back, so that the file
 * stays about as long as what is in it.
 */
export class Extents {
  /** Free runs by their start, no two of them adjacent; none touches the end. */
  readonly #free: {start: number; end: number}[] = [];
  #end = 0;

  /** Bytes from the beginning of the file to the end of the last run in use. */
  get endBytes(): number { return this.#end * extentUnitBytes; }

  /** Bytes of free runs before the end. */
  get freeBytes(): number { return this.#free.reduce((sum, {start, end}) => sum + end - start, 0) * extentUnitBytes; }

  /** @returns the byte at which a run of at least `bytes` begins. */
  take(bytes: number): number {
    const units = unitsOf(bytes);
    const index = this.#free.findIndex(({start, end}) => end - start >= units);
    if (index === -1) {
      const start = this.#end;
      this.#end += units;
      return start * extentUnitBytes;
    }
    const run = this.#free[index]!;
    const {start} = run;
    run.start += units;
    if (run.start === run.end) this.#free.splice(index, 1);
    return start * extentUnitBytes;
  }

  /** Takes a run back, as it was given. */
  give(position: number, bytes: number): void {
    let start = position / extentUnitBytes;
    let end = start + unitsOf(bytes);
    let index = this.#free.findIndex((run) => run.start > start);
    if (index === -1) index = this.#free.length;
    const next = this.#free[index];
    if (next?.start === end) {
      end = next.end;
      this.#free.splice(index, 1);
    }
    const before = this.#free[index - 1];
    if (before?.end === start) {
      start = before.start;
      this.#free.splice(--index, 1);
    }
    if (end === this.#end) this.#end = start;
    else this.#free.splice(index, 0, {start, end});
  }
}

function unitsOf(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / extentUnitBytes));
}

/** A page file and the room in it, for all parts of one state. The file is made when something goes out first. */
export class PageSpace {
  readonly #open: () => PageFile;
  readonly #extents = new Extents();
  #file: PageFile | null = null;

  constructor(open: () => PageFile) {
    this.#open = open;
  }

  /** Bytes of the file that are in use. */
  get usedBytes(): number { return this.#extents.endBytes - this.#extents.freeBytes; }

  /** Length of the file. */
  get lengthBytes(): number { return this.#extents.endBytes; }

  /** @returns the byte at which room of at least `bytes` begins. */
  take(bytes: number): number {
    return this.#extents.take(bytes);
  }

  /** Takes room back, as it was given; the file is cut if it was the last. */
  give(position: number, bytes: number): void {
    const before = this.#extents.endBytes;
    this.#extents.give(position, bytes);
    if (this.#extents.endBytes < before) this.#file?.truncate(this.#extents.endBytes);
  }

  /** Fills `into` from byte `position` on. @throws {WarehouseError} `MR_PAGE_FILE_FAILED`. */
  read(position: number, into: Uint8Array): void {
    this.#file!.read(position, into);
  }

  /** @throws {WarehouseError} `MR_PAGE_FILE_FAILED`. */
  write(position: number, bytes: Uint8Array): void {
    this.#file ??= this.#open();
    this.#file.write(position, bytes);
  }

  /** Closes and removes the file. */
  close(): void {
    this.#file?.close();
    this.#file = null;
  }
}
