/**
 * A double for tests: a real directory tree behind a file system that fails where told and forgets what was not synced.
 *
 * It counts every operation that changes anything or makes it durable (open of a new file, write, sync, datasync, truncate, rename,
 * link, unlink, mkdir, rmdir, syncDirectory), from 1. A test runs its scenario once to learn `operations`, then once per operation:
 * - `crashAt(k)`: operation k and everything after it throw {@link CrashError}; a write at k may get a prefix of its bytes in;
 * - `failAt(k, 'ENOSPC')`: operation k fails once, as the system would fail it, and things go on;
 * - `crash(loss)` then leaves on disk what a crash would: with `'none'` all that was written (the process died), with `'unsynced'`
 *   only what was synced (the machine died), with a function a mix: it is asked for every page of 4 KiB, every truncation and every
 *   directory whose names were not synced whether that one made it to the disk.
 *
 * Model: a file is its last synced content plus a list of unsynced changes; a directory is its last synced list of names. Syncs are
 * bookkeeping only, nothing is really synced, so that thousands of crash points take seconds. Files that others made (DuckDB)
 * count as unsynced until they are synced through this double. One double serves one tree and one test.
 */
import {basename, dirname, join, resolve} from 'node:path';
import {rm} from 'node:fs/promises';
import {invariant} from '../../base/invariant.ts';
import {fileError} from './file-error.ts';
import type {FileHandle, FileStat, FileSystem, OpenFlags} from './file-system.ts';
import {nodeFileSystem} from './node-file-system.ts';

/** Thrown by every operation at and after the crash: the process is dead, nothing it does counts. */
export class CrashError extends Error {
  override readonly name = 'CrashError';
}

export type FailureCode = 'ENOSPC' | 'EIO';
/** What is lost at a crash: nothing (the process died), all that was not synced (the machine died), or what the function says. */
export type Loss = 'none' | 'unsynced' | ((unsynced: string) => 'kept' | 'lost');

type Change = {readonly position: number; readonly bytes: Uint8Array} | {readonly truncate: number};
/** A file apart from its names: what is on disk for certain, and what was done to it since. */
interface Content {durable: Uint8Array; changes: Change[]}
type Names = Map<string, Content | 'directory'>;
interface Plan {readonly operation: number; readonly torn: number; readonly failure: FailureCode | 'crash'}

const pageBytes = 4096;

export class FailingFileSystem implements FileSystem {
  readonly #root: string;
  readonly #base: FileSystem;
  readonly #contents = new Map<string, Content>(); // by path, as the process sees it
  readonly #directories = new Map<string, Names>(); // by path: names that are on disk for certain
  #plans: Plan[] = [];
  #dead = false;
  /** Operations so far. */
  operations = 0;
  /** What each operation was, e.g. `write /x/1.log`, for messages: trace[k - 1] is operation k. */
  readonly trace: string[] = [];

  private constructor(root: string, base: FileSystem) {
    this.#root = root;
    this.#base = base;
  }

  /** @param root directory of the test, there already; what is in it counts as durable. Paths outside of it are refused. */
  static async over(root: string, base: FileSystem = nodeFileSystem): Promise<FailingFileSystem> {
    const made = new FailingFileSystem(resolve(root), base);
    await made.#adopt(made.#root);
    return made;
  }

  /** @param options.torn if operation k is a write, how many of its bytes get in before the crash. */
  crashAt(operation: number, options: {readonly torn?: number} = {}): void {
    this.#plans.push({operation, torn: options.torn ?? 0, failure: 'crash'});
  }

  /** @param options.torn if operation k is a write, how many of its bytes get in although it fails. */
  failAt(operation: number, failure: FailureCode, options: {readonly torn?: number} = {}): void {
    this.#plans.push({operation, torn: options.torn ?? 0, failure});
  }

  /** @returns whether a planned crash has happened. */
  get dead(): boolean {
    return this.#dead;
  }

  /** Ends this double and leaves on the real disk what survives. Open the tree again with another file system. */
  async crash(loss: Loss): Promise<void> {
    this.#dead = true;
    if (loss === 'none') return;
    const kept = (what: string): boolean => loss !== 'unsynced' && loss(what) === 'kept';
    const images = new Map<Content, Uint8Array>();
    for (const [directory, durable] of this.#directories) {
      if (!(await this.#base.exists(directory))) continue;
      const now = await this.#namesNow(directory);
      const names = kept(`names of ${directory}`) ? now : durable;
      for (const [name, content] of names) {
        if (content === 'directory' || images.has(content)) continue;
        images.set(content, survivingBytes(content, (what) => kept(`${what} of ${join(directory, name)}`)));
      }
      for (const [name, content] of now) {
        if (names.get(name) !== content) await rm(join(directory, name), {recursive: true});
      }
      for (const [name, content] of names) {
        const path = join(directory, name);
        if (content === 'directory') await this.#base.mkdir(path);
        else await overwrite(this.#base, path, images.get(content)!);
      }
    }
  }

  async #adopt(directory: string): Promise<void> {
    const names: Names = new Map();
    this.#directories.set(directory, names);
    for (const entry of await this.#base.readdir(directory)) {
      const path = join(directory, entry.name);
      if (entry.kind === 'directory') {
        names.set(entry.name, 'directory');
        await this.#adopt(path);
      } else {
        const content: Content = {durable: Uint8Array.from(await this.#base.readFile(path)), changes: []};
        names.set(entry.name, content);
        this.#contents.set(path, content);
      }
    }
  }

  async #namesNow(directory: string): Promise<Names> {
    const names: Names = new Map();
    for (const entry of await this.#base.readdir(directory)) {
      if (entry.kind === 'directory') names.set(entry.name, 'directory');
      else names.set(entry.name, await this.#content(join(directory, entry.name)));
    }
    return names;
  }

  /** The content behind a path; a file that somebody else made is taken in as unsynced. */
  async #content(path: string): Promise<Content> {
    const known = this.#contents.get(path);
    if (known !== undefined) return known;
    const content: Content = {durable: new Uint8Array(0), changes: []};
    const bytes = await this.#base.readFile(path);
    if (bytes.length > 0) content.changes.push({position: 0, bytes: Uint8Array.from(bytes)});
    this.#contents.set(path, content);
    return content;
  }

  #inside(path: string): string {
    const absolute = resolve(path);
    invariant(absolute === this.#root || absolute.startsWith(`${this.#root}/`), () => `'${path}' lies outside the double's tree '${this.#root}'`);
    return absolute;
  }

  #alive(): void {
    if (this.#dead) throw new CrashError('the file system has crashed');
  }

  /** Counts an operation. @returns the plan it has to fail by, if any; a planned crash has then happened. */
  #count(what: string, path: string): Plan | undefined {
    this.#alive();
    this.operations++;
    this.trace.push(`${what} ${path}`);
    const plan = this.#plans.find((p) => p.operation === this.operations);
    if (plan?.failure === 'crash') this.#dead = true;
    return plan;
  }

  #fail(plan: Plan, what: string, path: string): never {
    if (plan.failure === 'crash') throw new CrashError(`crash at operation ${plan.operation}: ${what} ${path}`);
    throw fileError(what, path, Object.assign(new Error(`planned ${plan.failure}`), {code: plan.failure}));
  }

  #step(what: string, path: string): void {
    const plan = this.#count(what, path);
    if (plan !== undefined) this.#fail(plan, what, path);
  }

  async open(path: string, flags: OpenFlags): Promise<FileHandle> {
    const at = this.#inside(path);
    this.#alive();
    const there = await this.#base.exists(at);
    const makes = !there && (flags === 'w+' || flags === 'wx+');
    if (makes || flags === 'w+') this.#step('open', at);
    const content = there && flags !== 'wx+' ? await this.#content(at) : undefined;
    const handle = await this.#base.open(at, flags);
    if (content !== undefined && flags === 'w+') content.changes.push({truncate: 0});
    const kept = content ?? {durable: new Uint8Array(0), changes: []};
    if (makes) this.#contents.set(at, kept);
    return this.#handle(at, handle, kept);
  }

  #handle(path: string, handle: FileHandle, content: Content): FileHandle {
    const put = async (buffers: readonly Uint8Array[], position: number): Promise<void> => {
      await handle.write(buffers, position);
      let at = position;
      for (const buffer of buffers) {
        content.changes.push({position: at, bytes: Uint8Array.from(buffer)});
        at += buffer.length;
      }
    };
    const sync = (): void => {
      this.#step('sync', path);
      content.durable = survivingBytes(content, () => true);
      content.changes = [];
    };
    const close = (): Promise<void> => handle.close();
    return {
      path,
      write: async (buffers, position) => {
        const plan = this.#count('write', path);
        if (plan === undefined) return put(buffers, position);
        await put(prefix(buffers, plan.torn), position);
        return this.#fail(plan, 'write', path);
      },
      read: async (buffer, position) => { this.#alive(); return handle.read(buffer, position); },
      datasync: async () => sync(),
      datasyncHere: async () => sync(),
      sync: async () => sync(),
      truncate: async (bytes) => {
        this.#step('truncate', path);
        await handle.truncate(bytes);
        content.changes.push({truncate: bytes});
      },
      stat: async () => { this.#alive(); return handle.stat(); },
      close,
      [Symbol.asyncDispose]: close,
    };
  }

  async rename(from: string, to: string): Promise<void> {
    const [source, target] = [this.#inside(from), this.#inside(to)];
    this.#step('rename', target);
    const kind = (await this.#base.stat(source))?.kind;
    if (kind === 'directory') return this.#renameDirectory(source, target);
    const content = kind === undefined ? undefined : await this.#content(source);
    await this.#base.rename(source, target);
    this.#contents.delete(source);
    if (content !== undefined) this.#contents.set(target, content);
  }

  /** Taken for durable at once: of a renamed tree the model could not say which of its names a crash would leave where. */
  async #renameDirectory(source: string, target: string): Promise<void> {
    await this.#base.rename(source, target);
    for (const [path, content] of Array.from(this.#contents)) {
      if (!path.startsWith(`${source}/`)) continue;
      this.#contents.delete(path);
      this.#contents.set(target + path.slice(source.length), content);
    }
    for (const [path, names] of Array.from(this.#directories)) {
      if (path !== source && !path.startsWith(`${source}/`)) continue;
      this.#directories.delete(path);
      this.#directories.set(target + path.slice(source.length), names);
    }
    this.#directories.get(dirname(source))?.delete(basename(source));
    this.#directories.get(dirname(target))?.set(basename(target), 'directory');
  }

  async link(existing: string, path: string): Promise<void> {
    const [source, target] = [this.#inside(existing), this.#inside(path)];
    this.#step('link', target);
    await this.#base.link(source, target);
    this.#contents.set(target, await this.#content(source));
  }

  async unlink(path: string): Promise<void> {
    const at = this.#inside(path);
    this.#step('unlink', at);
    await this.#base.unlink(at);
    this.#contents.delete(at);
  }

  async mkdir(path: string): Promise<void> {
    const at = this.#inside(path);
    this.#step('mkdir', at);
    await this.#base.mkdir(at);
    for (let made = at; made.startsWith(this.#root) && !this.#directories.has(made); made = dirname(made)) this.#directories.set(made, new Map());
  }

  async rmdir(path: string): Promise<void> {
    const at = this.#inside(path);
    this.#step('rmdir', at);
    await this.#base.rmdir(at);
  }

  async syncDirectory(path: string): Promise<void> {
    const at = this.#inside(path);
    this.#step('sync the directory', at);
    this.#directories.set(at, await this.#namesNow(at));
  }

  async readdir(path: string): ReturnType<FileSystem['readdir']> {
    this.#alive();
    return this.#base.readdir(this.#inside(path));
  }

  async readFile(path: string): Promise<Uint8Array> {
    this.#alive();
    return this.#base.readFile(this.#inside(path));
  }

  async stat(path: string): Promise<FileStat | undefined> {
    this.#alive();
    return this.#base.stat(this.#inside(path));
  }

  async exists(path: string): Promise<boolean> {
    this.#alive();
    return this.#base.exists(this.#inside(path));
  }

  async realPath(path: string): Promise<string> {
    this.#alive();
    return this.#base.realPath(path);
  }
}

function prefix(buffers: readonly Uint8Array[], bytes: number): Uint8Array[] {
  const kept: Uint8Array[] = [];
  let left = bytes;
  for (const buffer of buffers) {
    if (left > 0) kept.push(buffer.subarray(0, Math.min(left, buffer.length)));
    left -= buffer.length;
  }
  return kept;
}

/** The bytes of a file after a crash: its durable content and those unsynced pages and truncations that `kept` lets through. */
function survivingBytes(content: Content, kept: (what: string) => boolean): Uint8Array {
  const ends = content.changes.map((change) => ('truncate' in change ? change.truncate : change.position + change.bytes.length));
  const bytes = new Uint8Array(Math.max(content.durable.length, ...ends));
  bytes.set(content.durable);
  let length = content.durable.length;
  for (const change of content.changes) {
    if ('truncate' in change) {
      if (!kept('truncation')) continue;
      bytes.fill(0, change.truncate, length);
      length = change.truncate;
      continue;
    }
    const end = change.position + change.bytes.length;
    for (let start = change.position; start < end;) {
      const pageEnd = Math.min(end, (Math.floor(start / pageBytes) + 1) * pageBytes);
      if (kept('page')) {
        bytes.set(change.bytes.subarray(start - change.position, pageEnd - change.position), start);
        length = Math.max(length, pageEnd);
      }
      start = pageEnd;
    }
  }
  return bytes.subarray(0, length);
}

async function overwrite(files: FileSystem, path: string, bytes: Uint8Array): Promise<void> {
  const handle = await files.open(path, 'w+');
  await handle.write([bytes], 0);
  await handle.close();
}
