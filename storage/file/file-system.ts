/**
 * The door to files: everything that `storage/` keeps goes through this interface, so that tests can put a double in its place
 * (failing-file-system.ts) and stop it at every single operation. Data files that DuckDB writes by itself are made durable
 * through it (`open`, `sync`) before anything names them.
 *
 * Rules of durability that callers rely on, and that the double enforces:
 * - written bytes survive a crash of the machine only after `datasync`, `datasyncHere` or `sync` of a handle on that file;
 * - a new, renamed, linked or removed name survives only after `syncDirectory` of its directory;
 * - a failed `datasync` leaves the bytes written since the last good one undefined: they must be cut away or written again.
 */

/** `r` read · `r+` read and write what exists · `w+` make or empty, read and write · `wx+` make, refuse what exists. */
export type OpenFlags = 'r' | 'r+' | 'w+' | 'wx+';
export type FileKind = 'file' | 'directory' | 'other';

export interface FileStat {
  readonly kind: FileKind;
  readonly bytes: number;
  readonly modifiedMs: number;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly kind: FileKind;
}

/** An open file. Who opened it closes it; `close` may be called twice. */
export interface FileHandle extends AsyncDisposable {
  readonly path: string;
  /**
   * Writes all of `buffers`, one after the other, from byte `position` on. They are not touched until the promise settles, and
   * may lie in shared memory. When it rejects, any part of them may have been written.
   */
  write(buffers: readonly Uint8Array[], position: number): Promise<void>;
  /** Fills `buffer` from byte `position` on. @returns bytes read: fewer than asked only at the end of the file. */
  read(buffer: Uint8Array, position: number): Promise<number>;
  /** Makes the content durable, and of the metadata what is needed to read it (its length). */
  datasync(): Promise<void>;
  /** The same without leaving the thread, which stands still meanwhile: for who has nothing to do until it is done. */
  datasyncHere(): Promise<void>;
  sync(): Promise<void>;
  truncate(bytes: number): Promise<void>;
  stat(): Promise<FileStat>;
  close(): Promise<void>;
}

/**
 * Every method rejects with a `WarehouseError`: `MR_DISK_FULL`, `MR_FILE_MISSING`, `MR_FILE_EXISTS`, `MR_FILE_DENIED` or
 * `MR_FILE_FAILED`, the path in the message.
 */
export interface FileSystem {
  open(path: string, flags: OpenFlags): Promise<FileHandle>;
  rename(from: string, to: string): Promise<void>;
  /** Gives the file `existing` the further name `path`; `MR_FILE_EXISTS` if that is taken. Atomic: of two, one wins. */
  link(existing: string, path: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Makes a directory and its parents; fine if it is there. */
  mkdir(path: string): Promise<void>;
  /** Removes an empty directory. */
  rmdir(path: string): Promise<void>;
  /** @returns the entries of a directory, sorted by name. */
  readdir(path: string): Promise<readonly DirectoryEntry[]>;
  readFile(path: string): Promise<Uint8Array>;
  /** @returns undefined where nothing has that path. Follows symbolic links. */
  stat(path: string): Promise<FileStat | undefined>;
  exists(path: string): Promise<boolean>;
  /** @returns the path without symbolic links, `.` and `..`. */
  realPath(path: string): Promise<string>;
  /** Makes the names in a directory durable. */
  syncDirectory(path: string): Promise<void>;
}
