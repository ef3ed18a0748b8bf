/**
 * The lock of a warehouse: one process at a time. It is the operating system's lock on `_millrace/lock.duckdb`, a DuckDB file held
 * open (Node has no flock; pid files and leases outlive or misjudge a killed holder). When the holder dies, however it dies, the
 * next open succeeds at once.
 *
 * The trap: this is a POSIX record lock. *Any* open and close of the file inside the holding process releases it, by `fs`,
 * `copyFile` or a second DuckDB instance alike. So nothing else may open it: whatever walks or copies the directory skips what
 * `lockFileName` names, and a registry of real paths refuses a second lock inside the process before the file is touched.
 *
 * The file is made whole under another name and linked into place, and nothing is ever written to it, so that a crash cannot leave
 * half a database behind. `holder.json` beside it (pid, URL) only serves messages and `-w`: who holds the lock, the system says.
 */
import {dirname, join} from 'node:path';
import {WarehouseError} from '../base/error.ts';
import {Kernel} from '../kernel/duckdb.ts';
import {makeDirectoryDurably, temporaryPath, writeDurably} from './file/durable.ts';
import type {FileSystem} from './file/file-system.ts';

const lockFile = 'lock.duckdb';
const holderFile = 'holder.json';

/** @returns whether a file of the `_millrace` directory is the lock (or DuckDB's beside it): never open, read or copy it. */
export function lockFileName(name: string): boolean {
  return name.startsWith(lockFile);
}

/** Who holds a warehouse, as far as the holder said. */
export interface LockHolder {
  readonly pid: number;
  /** Where its server answers, once there is one. */
  readonly url?: string;
}

export interface LockOptions {
  /** The warehouse's `_millrace` directory; made if it is not there. */
  readonly directory: string;
  readonly fileSystem: FileSystem;
}

/** Directories locked in this process, as real paths. */
const heldHere = new Set<string>();

/** DuckDB needs some memory for an instance; this one never runs a statement. */
const lockDatabase = {threads: 1, memoryBytes: 16 << 20};

export class WarehouseLock implements AsyncDisposable {
  readonly #files: FileSystem;
  readonly #directory: string;
  readonly #database: Kernel;
  #closed = false;

  private constructor(files: FileSystem, directory: string, database: Kernel) {
    this.#files = files;
    this.#directory = directory;
    this.#database = database;
  }

  /**
   * Takes the lock, or refuses at once.
   *
   * @throws {WarehouseError} `MR_LOCKED` (unavailable) naming the holder's pid and URL; `MR_LOCK_DAMAGED` (data).
   */
  static async acquire(options: LockOptions): Promise<WarehouseLock> {
    const files = options.fileSystem;
    await makeDirectoryDurably(files, options.directory);
    const directory = await files.realPath(options.directory);
    if (heldHere.has(directory)) throw lockedError(directory, {pid: process.pid}, 'this process has it open already');
    heldHere.add(directory);
    try {
      const path = join(directory, lockFile);
      if (!(await files.exists(path))) await makeLockFile(files, path);
      const lock = new WarehouseLock(files, directory, await openLockFile(files, path));
      try {
        await lock.announce();
        return lock;
      } catch (cause) {
        await lock.#database.close();
        throw cause;
      }
    } catch (cause) {
      heldHere.delete(directory);
      throw cause;
    }
  }

  /** Writes down who holds the lock, for others' messages. @param url where this process's server answers. */
  async announce(url?: string): Promise<void> {
    const holder: LockHolder = url === undefined ? {pid: process.pid} : {pid: process.pid, url};
    await writeDurably(this.#files, join(this.#directory, holderFile), new TextEncoder().encode(`${JSON.stringify(holder)}\n`));
  }

  /** Gives the lock back. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // First the note, then the lock: behind the lock the note may be the next holder's.
    await this.#files.unlink(join(this.#directory, holderFile)).catch(() => undefined);
    await this.#database.close();
    heldHere.delete(this.#directory);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** @returns what `holder.json` says, or undefined where there is none that can be read. Says nothing about whether it is true. */
export async function readHolder(files: FileSystem, directory: string): Promise<LockHolder | undefined> {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(await files.readFile(join(directory, holderFile))).toString());
    if (typeof parsed !== 'object' || parsed === null || !('pid' in parsed) || typeof parsed.pid !== 'number') return undefined;
    return 'url' in parsed && typeof parsed.url === 'string' ? {pid: parsed.pid, url: parsed.url} : {pid: parsed.pid};
  } catch {
    return undefined; // a note that nobody can read is no note
  }
}

/** Makes the lock's file whole under a temporary name and gives it its own name; another process may win, which is as good. */
async function makeLockFile(files: FileSystem, path: string): Promise<void> {
  const temporary = temporaryPath(path);
  await (await Kernel.open({...lockDatabase, path: temporary})).close();
  try {
    await using file = await files.open(temporary, 'r');
    await file.sync();
    await files.link(temporary, path);
    await files.syncDirectory(dirname(path));
  } catch (cause) {
    if (!(cause instanceof WarehouseError) || cause.code !== 'MR_FILE_EXISTS') throw cause;
  } finally {
    await files.unlink(temporary).catch(() => undefined);
  }
}

async function openLockFile(files: FileSystem, path: string): Promise<Kernel> {
  try {
    return await Kernel.open({...lockDatabase, path});
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    if (text.includes('Could not set lock on file')) {
      const pid = Number(/\(PID (\d+)\)/.exec(text)?.[1] ?? NaN);
      const noted = await readHolder(files, dirname(path));
      throw lockedError(dirname(path), Number.isNaN(pid) || noted?.pid === pid ? noted : {pid}, 'one process at a time', cause);
    }
    if (!/not a valid DuckDB database|version number/.test(text)) throw cause;
    throw new WarehouseError('data', 'MR_LOCK_DAMAGED', `'${path}' cannot be opened as the lock: ${text}`,
      {cause, hint: 'if no process uses this warehouse, remove that file: it holds no data'});
  }
}

function lockedError(directory: string, holder: LockHolder | undefined, why: string, cause?: unknown): WarehouseError {
  const by = holder === undefined ? 'another process' : `process ${holder.pid}${holder.url === undefined ? '' : ` at ${holder.url}`}`;
  const hint = holder?.url === undefined ? 'close the warehouse there first' : `reach it there: --url ${holder.url}`;
  return new WarehouseError('unavailable', 'MR_LOCKED', `the warehouse of '${directory}' is held by ${by} (${why})`, {cause, hint});
}
