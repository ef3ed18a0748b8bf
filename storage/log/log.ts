/**
 * The log: every epoch's frame in order, in segments, made durable by one write and one sync per append. That is the commit.
 *
 * Promises:
 * - when `append` resolves, its frames survive a crash of process or machine; when it rejects, its epochs never happened, now and
 *   after a restart: what was written of them is cut away, durably, before it rejects. If even that fails the log is closed
 *   (`MR_LOG_FAILED`), and only the next opening tells whether they did.
 * - opening finds every acknowledged frame after `afterEpoch`, cuts a torn tail, and refuses (`MR_LOG_DAMAGED`, with file, byte and
 *   expected epoch) anything that is neither; scan-segment.ts has the rule that tells one from the other.
 * - segments go oldest first, each removal durable before the next, so what is left has no gap.
 *
 * Relies on: one `Log` per directory (the warehouse's lock sees to that); epochs are appended in order, without gaps; a frame's
 * bytes are never written after `append` was called.
 *
 * The last segment is filled with zeros ahead of the frames, 1 MiB at a time in the same write as a frame: a sync then has no new
 * length and no new blocks to record, which takes a 600-byte append from 0.20 to 0.15 ms (mean, ext4) and a 64 KiB one from 0.31
 * to 0.23. Larger appends gain less than the zeros cost at p90, so they do without. (Room made by `truncate` alone has a length but
 * no blocks, and gains half as much.)
 */
import {epoch, nextEpoch} from '../../base/epoch.ts';
import type {Epoch} from '../../base/epoch.ts';
import {WarehouseError, asWarehouseError} from '../../base/error.ts';
import {invariant} from '../../base/invariant.ts';
import {makeDirectoryDurably} from '../file/durable.ts';
import type {FileHandle, FileSystem} from '../file/file-system.ts';
import {flagContinues, preambleBytes, readPreamble, writePreamble} from './preamble.ts';
import type {ScannedFrame} from './scan-segment.ts';
import {findProof, scanSegment} from './scan-segment.ts';
import type {Segment} from './segment.ts';
import {addMark, damagedSegment, listSegments, markBefore, segmentPath} from './segment.ts';

/** A segment is closed when the next append would pass this; one append larger than it has a segment of its own. */
export const segmentBytesMaxDefault = 64 << 20;
/** Zeros written ahead at once. */
const aheadBytesDefault = 1 << 20;
/** Appends above this are not written into room made ahead. */
const aheadAppendBytesMax = 1 << 16;

/** Appends above this leave the thread to the disk: it may be used meanwhile. The room ahead of a small one counts. */
const hereBytesMax = 2 << 20;

export interface LogOptions {
  /** Of the segments; made if it is not there. */
  readonly directory: string;
  readonly fileSystem: FileSystem;
  /** The epoch of the last checkpoint: frames up to it are walked over. 0 replays everything. */
  readonly afterEpoch: Epoch;
  readonly segmentBytesMax?: number;
  /** Room made ahead, in bytes; 0 for none. */
  readonly aheadBytes?: number;
  /** Unit of reading, in bytes. */
  readonly chunkBytes?: number;
}

/** One frame read back. Its bytes lie at a multiple of 8 in shared memory that is never written again (see `ScannedFrame`). */
export interface LoggedFrame {
  readonly epoch: Epoch;
  readonly bytes: Uint8Array;
}

interface Waiting {
  readonly frames: readonly Uint8Array[];
  readonly resolve: () => void;
  readonly reject: (cause: unknown) => void;
}

type State = 'recovering' | 'open' | 'failed' | 'closed';

export class Log implements AsyncDisposable {
  readonly #files: FileSystem;
  readonly #directory: string;
  readonly #segmentBytesMax: number;
  readonly #chunkBytes: number;
  readonly #zeros: Uint8Array;
  readonly #segments: Segment[];
  #state: State = 'recovering';
  #lastEpoch: Epoch; // durable
  #queuedEpoch: Epoch; // of the last frame handed to append
  #waiting: Waiting[] = [];
  #draining: Promise<void> | undefined;
  #removing: Promise<void> = Promise.resolve();
  // The last segment, open for writing; frames end at its `bytes`, the file at `#allocated`.
  #file: FileHandle | undefined;
  #allocated = 0;
  #rollNext = true; // no segment to write to yet, or one whose making failed half way
  #failure: WarehouseError | undefined;

  private constructor(options: LogOptions, segments: Segment[]) {
    this.#files = options.fileSystem;
    this.#directory = options.directory;
    this.#segmentBytesMax = options.segmentBytesMax ?? segmentBytesMaxDefault;
    this.#chunkBytes = options.chunkBytes ?? 1 << 20;
    this.#zeros = new Uint8Array(options.aheadBytes ?? aheadBytesDefault);
    this.#segments = segments;
    this.#lastEpoch = options.afterEpoch;
    this.#queuedEpoch = options.afterEpoch;
  }

  /**
   * Opens the log.
   *
   * @returns the log and the frames after `afterEpoch`, in order, which must be read to their end before the first append: only
   *   there the torn tail is cut. They may throw what opening promises to refuse.
   * @throws {WarehouseError} `MR_LOG_DAMAGED` (data) where epochs after `afterEpoch` are missing.
   */
  static async open(options: LogOptions): Promise<{log: Log; recovered: AsyncIterable<LoggedFrame>}> {
    await makeDirectoryDurably(options.fileSystem, options.directory);
    const log = new Log(options, await listSegments(options.fileSystem, options.directory));
    return {log, recovered: log.#recover(options.afterEpoch)};
  }

  /** Of the oldest frame that is still there; `lastEpoch + 1` in an empty log. */
  get firstEpoch(): Epoch {
    return this.#segments[0]?.firstEpoch ?? nextEpoch(this.#lastEpoch);
  }

  /** Of the newest durable frame; the `afterEpoch` of opening if there is none. */
  get lastEpoch(): Epoch {
    return this.#lastEpoch;
  }

  /** Bytes of frames in all segments. */
  get bytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  /** The segments as they are durable now: the newest one may have more in it, which is not. */
  durableSegments(): {readonly path: string; readonly bytes: number}[] {
    return this.#segments.map(({path, bytes}) => ({path, bytes}));
  }

  get segmentCount(): number {
    return this.#segments.length;
  }

  async *#recover(afterEpoch: Epoch): AsyncGenerator<LoggedFrame> {
    invariant(this.#state === 'recovering', 'a log is recovered once');
    const first = this.#segments.findLastIndex((segment) => segment.firstEpoch <= afterEpoch + 1);
    if (first < 0 && this.#segments.length > 0) {
      throw damagedSegment(this.#segments[0]!.path, 0, afterEpoch + 1, `the oldest segment begins with epoch ${this.#segments[0]!.firstEpoch}`);
    }
    let expected = this.#segments[first]?.firstEpoch ?? nextEpoch(afterEpoch);
    for (let s = Math.max(first, 0); s < this.#segments.length; s++) {
      const segment = this.#segments[s]!;
      const last = s === this.#segments.length - 1;
      if (segment.firstEpoch !== expected) throw damagedSegment(segment.path, 0, expected, `the segment begins with epoch ${segment.firstEpoch}`);
      const file = await this.#files.open(segment.path, last ? 'r+' : 'r');
      let kept = false;
      try {
        const scan = scanSegment(file, {position: 0, expected, end: segment.bytes, skipThrough: afterEpoch, chunkBytes: this.#chunkBytes});
        let step = await scan.next();
        for (; !step.done; step = await scan.next()) {
          for (const frame of step.value) {
            addMark(segment, frame.epoch, frame.position);
            yield {epoch: frame.epoch, bytes: frame.bytes};
          }
        }
        const {position, problem, torn, resume} = step.value;
        expected = step.value.expected;
        if (problem !== undefined) {
          if (!last || !torn) throw damagedSegment(segment.path, position, expected, problem);
          const proof = await findProof(file, resume, segment.bytes, expected, this.#chunkBytes);
          if (proof !== undefined) throw damagedSegment(segment.path, position, expected, `${problem}; epoch ${proof.epoch} stands at byte ${proof.position}`);
        }
        if (last) {
          if (expected <= afterEpoch) throw damagedSegment(segment.path, position, expected, `the log ends here, the checkpoint is at epoch ${afterEpoch}`);
          if (segment.bytes > position) {
            await file.truncate(position);
            await file.sync();
            segment.bytes = position;
          }
          this.#file = file;
          this.#allocated = position;
          this.#rollNext = false;
          kept = true;
        }
      } finally {
        if (!kept) await file.close();
      }
    }
    if (this.#segments.length > 0) this.#lastEpoch = epoch(expected - 1);
    this.#queuedEpoch = this.#lastEpoch;
    this.#state = 'open';
  }

  /**
   * Appends frames and makes them durable. Calls that come while an append is on its way are taken together by the next one.
   *
   * @param frames encoded by `encodeFrame`, of the epochs that follow; not written again, ever.
   * @throws {WarehouseError} `MR_DISK_FULL`, `MR_FILE_FAILED` (unavailable): these epochs, and those of calls made after this one
   *   that still waited, never happened; they may be appended again. `MR_LOG_FAILED` (closed): see above. `MR_CLOSED` (closed).
   */
  append(frames: readonly Uint8Array[]): Promise<void> {
    invariant(this.#state !== 'recovering', 'the recovered frames must be read to their end before the first append');
    if (this.#state === 'failed') return Promise.reject(this.#failed());
    if (this.#state === 'closed') return Promise.reject(new WarehouseError('closed', 'MR_CLOSED', 'the log is closed'));
    if (frames.length === 0) return Promise.resolve();
    for (const frame of frames) {
      const preamble = readPreamble(frame, 0);
      invariant(preamble !== undefined && preamble.frameBytes === frame.length, 'only encoded frames are appended');
      invariant(preamble.epoch === this.#queuedEpoch + 1, () => `epoch ${preamble.epoch} appended after ${this.#queuedEpoch}`);
      this.#queuedEpoch = preamble.epoch;
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({frames, resolve, reject});
      this.#draining ??= this.#drain();
    });
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      try {
        await this.#appendGroup(group.flatMap((waiting) => waiting.frames));
      } catch (cause) {
        // Epochs that wait behind those that never happened can have no place either.
        const lost = [...group, ...this.#waiting];
        this.#waiting = [];
        this.#queuedEpoch = this.#lastEpoch;
        for (const waiting of lost) waiting.reject(cause);
        continue;
      }
      for (const waiting of group) waiting.resolve();
    }
    this.#draining = undefined;
  }

  async #appendGroup(frames: readonly Uint8Array[]): Promise<void> {
    const buffers = joined(frames);
    const bytes = frames.reduce((sum, frame) => sum + frame.length, 0);
    const firstEpoch = nextEpoch(this.#lastEpoch);
    const current = this.#segments[this.#segments.length - 1];
    if (this.#rollNext || (current !== undefined && current.bytes > 0 && current.bytes + bytes > this.#segmentBytesMax)) await this.#roll(firstEpoch);
    const segment = this.#segments[this.#segments.length - 1]!;
    const end = segment.bytes + bytes;
    const ahead = end > this.#allocated && bytes <= aheadAppendBytesMax && this.#zeros.length > 0 && end < this.#segmentBytesMax;
    try {
      await this.#write(ahead ? [...buffers, this.#zeros] : buffers, segment.bytes);
      if (ahead) this.#allocated = end + this.#zeros.length;
    } catch (cause) {
      // The room ahead must not be what the disk had no place for.
      if (!ahead || !(cause instanceof WarehouseError) || cause.code !== 'MR_DISK_FULL') throw cause;
      await this.#write(buffers, segment.bytes);
    }
    // All of this at once: readers take `bytes` and `lastEpoch` as one.
    addMark(segment, firstEpoch, segment.bytes);
    segment.bytes = end;
    this.#allocated = Math.max(this.#allocated, end);
    this.#lastEpoch = epoch(firstEpoch + frames.length - 1);
  }

  /** Writes and syncs behind the last frame; what it wrote is cut away if that fails. */
  async #write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    const file = this.#file!;
    try {
      await file.write(buffers, position);
      if (buffers.reduce((sum, buffer) => sum + buffer.length, 0) <= hereBytesMax) await file.datasyncHere();
      else await file.datasync();
    } catch (cause) {
      await this.#cutBack(file, position, cause);
      throw cause;
    }
  }

  async #cutBack(file: FileHandle, bytes: number, cause: unknown): Promise<void> {
    try {
      await file.truncate(bytes);
      await file.sync();
      this.#allocated = bytes;
    } catch {
      this.#state = 'failed';
      const error = asWarehouseError(cause);
      this.#failure = new WarehouseError('closed', 'MR_LOG_FAILED', `'${file.path}' could not be cut back to byte ${bytes} after a failed append (${error.message}): whether epoch ${this.#lastEpoch + 1} happened is known when the warehouse is opened again`,
        {cause, hint: 'see to the disk, then open the warehouse again'});
      throw this.#failure;
    }
  }

  #failed(): WarehouseError {
    invariant(this.#failure !== undefined, 'a failed log knows why');
    return new WarehouseError(this.#failure.kind, this.#failure.code, this.#failure.message, {cause: this.#failure, hint: this.#failure.hint});
  }

  /** Closes the last segment exactly behind its last frame, then makes the next one; both durable before anything is written to it. */
  async #roll(firstEpoch: Epoch): Promise<void> {
    const current = this.#segments[this.#segments.length - 1];
    this.#rollNext = true; // an empty next segment may be there from now on: nothing more may go into the current one
    if (this.#file !== undefined && current !== undefined && this.#allocated > current.bytes) {
      await this.#file.truncate(current.bytes);
      await this.#file.sync();
      this.#allocated = current.bytes;
    }
    const path = segmentPath(this.#directory, firstEpoch);
    const file = await this.#files.open(path, 'w+');
    try {
      await this.#files.syncDirectory(this.#directory);
    } catch (cause) {
      await file.close();
      throw cause;
    }
    await this.#file?.close();
    this.#file = file;
    this.#allocated = 0;
    this.#segments.push({firstEpoch, path, bytes: 0, marks: []});
    this.#rollNext = false;
  }

  /**
   * The frames from `from` on, up to what is durable when this is called. Bounded memory: about 1 MiB, or the largest frame.
   *
   * @throws {WarehouseError} `MR_EPOCH_EXPIRED` (invalid) if `from` was removed; `MR_LOG_DAMAGED` (data).
   */
  async *readFrom(from: Epoch): AsyncGenerator<LoggedFrame> {
    invariant(this.#state !== 'recovering', 'the recovered frames must be read to their end first');
    const until = this.#lastEpoch;
    if (from > until) return;
    if (from < this.firstEpoch) throw this.#expired(from);
    const segments = this.#segments.map((segment) => ({segment, end: segment.bytes}));
    const first = segments.findLastIndex(({segment}) => segment.firstEpoch <= from);
    let expected = from;
    for (const {segment, end} of segments.slice(first)) {
      if (expected > until) return;
      for await (const frames of this.#readSegment(segment, end, expected)) {
        for (const {epoch, bytes} of frames) yield {epoch, bytes};
        expected = nextEpoch(frames[frames.length - 1]!.epoch);
      }
    }
    invariant(expected === until + 1, () => `read up to epoch ${expected - 1} of ${until}`);
  }

  async *#readSegment(segment: Segment, end: number, from: Epoch): AsyncGenerator<readonly ScannedFrame[]> {
    const mark = markBefore(segment, from);
    let file: FileHandle;
    try {
      file = await this.#files.open(segment.path, 'r');
    } catch (cause) {
      throw this.#segments.includes(segment) ? cause : this.#expired(from);
    }
    try {
      const scan = scanSegment(file, {position: mark.position, expected: mark.epoch, end, skipThrough: from - 1, chunkBytes: this.#chunkBytes});
      let step = await scan.next();
      for (; !step.done; step = await scan.next()) yield step.value;
      const {position, expected, problem} = step.value;
      if (problem !== undefined) throw damagedSegment(segment.path, position, expected, problem);
    } finally {
      await file.close();
    }
  }

  #expired(from: Epoch): WarehouseError {
    return new WarehouseError('invalid', 'MR_EPOCH_EXPIRED', `the log begins with epoch ${this.firstEpoch}, epoch ${from} was asked for`,
      {hint: 'read the table as it is now and follow it from there'});
  }

  /**
   * Removes the segments of which every frame's epoch is at most `through`. The last segment stays, so that the log knows its end.
   *
   * @returns how many went.
   */
  async truncateBefore(through: Epoch): Promise<number> {
    let removed = 0;
    const work = this.#removing.catch(() => undefined).then(async () => {
      while (this.#segments.length > 1 && this.#segments[1]!.firstEpoch - 1 <= through) {
        await this.#files.unlink(this.#segments[0]!.path);
        this.#segments.shift();
        removed++;
        await this.#files.syncDirectory(this.#directory);
      }
    });
    this.#removing = work;
    await work;
    return removed;
  }

  /** Waits for what is on its way, then closes the files. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    const failed = this.#state === 'failed';
    this.#state = 'closed';
    await this.#draining;
    await this.#removing.catch(() => undefined); // told to who asked for it
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    const frameBytes = this.#segments[this.#segments.length - 1]!.bytes;
    try {
      if (!failed && this.#allocated > frameBytes) await file.truncate(frameBytes); // only room: no need that this be durable
    } finally {
      await file.close();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** The buffers of one append; every frame but the first gets a preamble that says so. */
function joined(frames: readonly Uint8Array[]): Uint8Array[] {
  const buffers: Uint8Array[] = [frames[0]!];
  for (const frame of frames.slice(1)) {
    const preamble = readPreamble(frame, 0)!;
    const marked = new Uint8Array(preambleBytes);
    writePreamble(marked, {...preamble, flags: preamble.flags | flagContinues});
    buffers.push(marked, frame.subarray(preambleBytes));
  }
  return buffers;
}
