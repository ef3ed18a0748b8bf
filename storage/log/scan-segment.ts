/**
 * Reading a segment: frame after frame in chunks of about 1 MiB, each verified as far as asked, up to the first place where no
 * further frame stands; and the search behind that place that tells a torn tail from damage.
 *
 * The rule. An append writes one or more frames and is acknowledged after its sync; the next append begins only then. So where the
 * frame of epoch e is missing or broken, *any* preamble with a right checksum further on, of a later epoch and without the
 * `continues` flag, proves that e had been acknowledged: damage. Without such a proof e was in the last append, which never
 * finished: a torn tail, and e never happened. (Damage inside the last append cannot be told from a torn one.)
 */
import {nextEpoch} from '../../base/epoch.ts';
import type {Epoch} from '../../base/epoch.ts';
import {WarehouseError} from '../../base/error.ts';
import type {FileHandle} from '../file/file-system.ts';
import {bodyIntact, flagContinues, frameMagic, frameVersion, preambleBytes, readPreamble} from './preamble.ts';

/** A frame as it stands in a segment. */
export interface ScannedFrame {
  readonly epoch: Epoch;
  readonly position: number;
  /** The frame, in shared memory at a multiple of 8; about 1 MiB of frames share it, and keeping one keeps them all. Not written again. */
  readonly bytes: Uint8Array;
}

/** Where a scan ended and, unless that is the exact end, why. */
export interface ScanEnd {
  readonly position: number;
  /** The epoch whose frame would come next. */
  readonly expected: Epoch;
  readonly problem: string | undefined;
  /** Whether a torn append can have left this; else it is damage for certain. */
  readonly torn: boolean;
  /** Where to look for a later frame. */
  readonly resume: number;
}

export interface ScanOptions {
  readonly position: number;
  /** Epoch of the frame at `position`. */
  readonly expected: Epoch;
  /** Bytes to read at most, from the start of the file. */
  readonly end: number;
  /** Frames up to this epoch are walked over: neither verified nor handed out. */
  readonly skipThrough: number;
  readonly chunkBytes?: number;
}

const chunkBytesDefault = 1 << 20;

/**
 * Walks a segment.
 *
 * @returns by `yield` the frames of a chunk, finally where and why it ended. It never throws for what the bytes are, but for a
 *   frame of a newer version (`MR_LOG_VERSION`).
 */
export async function* scanSegment(file: FileHandle, options: ScanOptions): AsyncGenerator<readonly ScannedFrame[], ScanEnd> {
  const {end, chunkBytes = chunkBytesDefault} = options;
  let {position, expected} = options;
  let reading = readChunk(file, position, chunkBytes, end);
  try {
    for (;;) {
      const walked = walkChunk(file.path, await reading, position, expected, options);
      ({position, expected} = walked);
      // The next chunk is read while the caller works on this one.
      if (walked.stop === undefined) reading = readChunk(file, position, Math.max(chunkBytes, walked.wanted), end);
      if (walked.frames.length > 0) yield walked.frames;
      if (walked.stop !== undefined) return walked.stop;
    }
  } finally {
    await reading.catch(() => undefined); // the caller may close the file now
  }
}

/** Bytes from some position of a segment on. */
interface Chunk {
  readonly bytes: Uint8Array;
  /** How many of them were read. */
  readonly have: number;
  /** Whether nothing stands behind them. */
  readonly atEnd: boolean;
}

function readChunk(file: FileHandle, position: number, wanted: number, end: number): Promise<Chunk> {
  const reading = readNow(file, position, wanted, end);
  reading.catch(() => undefined); // it may fail before anyone waits for it; who does then hears of it
  return reading;
}

async function readNow(file: FileHandle, position: number, wanted: number, end: number): Promise<Chunk> {
  const bytes = new Uint8Array(new SharedArrayBuffer(Math.max(0, Math.min(wanted, end - position))));
  const have = await file.read(bytes, position);
  return {bytes, have, atEnd: position + have >= end || have < bytes.length};
}

interface Walked {
  readonly frames: readonly ScannedFrame[];
  /** Behind the last whole frame, and the epoch that comes next. */
  readonly position: number;
  readonly expected: Epoch;
  /** Bytes that the next frame needs, if that is known. */
  readonly wanted: number;
  readonly stop: ScanEnd | undefined;
}

/** Walks over the whole frames of a chunk that begins at `start` with the frame of `first`. */
function walkChunk(path: string, {bytes, have, atEnd}: Chunk, start: number, first: Epoch, {skipThrough}: ScanOptions): Walked {
  const frames: ScannedFrame[] = [];
  let at = 0;
  let expected = first;
  const walked = (wanted: number): Walked => ({frames, position: start + at, expected, wanted, stop: undefined});
  const stopped = (problem: string | undefined, resume: number, torn = true): Walked =>
    ({...walked(0), stop: {position: start + at, expected, problem, torn, resume: start + resume}});
  for (;;) {
    if (at + preambleBytes > have) {
      if (!atEnd) return walked(preambleBytes);
      return stopped(at === have ? undefined : `found ${have - at} bytes`, have);
    }
    const preamble = readPreamble(bytes, at);
    if (preamble === undefined) return stopped('found no frame', at + 8);
    if (preamble.epoch !== expected) return stopped(`found that of epoch ${preamble.epoch}`, at, false);
    if (at + preamble.frameBytes > have) {
      if (!atEnd) return walked(preamble.frameBytes);
      return stopped(`of ${preamble.frameBytes} bytes, found ${have - at}`, have);
    }
    const frame = bytes.subarray(at, at + preamble.frameBytes);
    if (expected > skipThrough) {
      if (preamble.version !== frameVersion) throw newerVersion(path, start + at, preamble.version);
      if (!bodyIntact(frame, preamble)) return stopped('found it with a wrong checksum', at + preamble.frameBytes);
      frames.push({epoch: expected, position: start + at, bytes: frame});
    }
    at += preamble.frameBytes;
    expected = nextEpoch(expected);
  }
}

function newerVersion(path: string, position: number, version: number): WarehouseError {
  return new WarehouseError('data', 'MR_LOG_VERSION', `'${path}' at byte ${position}: a frame of version ${version}, this program reads version ${frameVersion}`,
    {hint: 'open the warehouse with the newer millrace that wrote it'});
}

/**
 * Looks for proof that the frame of `missing` had been acknowledged.
 *
 * @param from where to begin. @returns the frame that proves it, or undefined: the tail is torn.
 */
export async function findProof(file: FileHandle, from: number, end: number, missing: Epoch, chunkBytes: number = chunkBytesDefault): Promise<{readonly epoch: Epoch; readonly position: number} | undefined> {
  let position = Math.ceil(from / 8) * 8;
  while (position + preambleBytes <= end) {
    const bytes = new Uint8Array(Math.min(chunkBytes + preambleBytes, end - position));
    const have = await file.read(bytes, position);
    const words = new Int32Array(bytes.buffer, 0, have >> 2);
    let at = 0;
    while (at + preambleBytes <= have) {
      if (words[at >> 2] !== frameMagic) { at += 8; continue; }
      const preamble = readPreamble(bytes, at);
      if (preamble === undefined || preamble.epoch <= missing) { at += 8; continue; }
      if ((preamble.flags & flagContinues) === 0) return {epoch: preamble.epoch, position: position + at};
      at += preamble.frameBytes;
    }
    if (have < bytes.length || position + have >= end) return undefined;
    position += at;
  }
  return undefined;
}
