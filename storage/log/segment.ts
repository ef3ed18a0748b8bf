/**
 * Segments are the files of the log: `<first epoch, 16 digits>.log`, frames one behind the other from byte 0, no header of their
 * own. Only the last one is written; it may end in zeros (room made ahead). All others end exactly behind their last frame.
 */
import {join} from 'node:path';
import {epoch} from '../../base/epoch.ts';
import type {Epoch} from '../../base/epoch.ts';
import {WarehouseError} from '../../base/error.ts';
import type {FileSystem} from '../file/file-system.ts';

/** A place in a segment where a frame begins, to start reading from. */
export interface SegmentMark {
  readonly epoch: Epoch;
  readonly position: number;
}

export interface Segment {
  readonly firstEpoch: Epoch;
  readonly path: string;
  /** Bytes of frames in it; of the last segment, of durable frames. */
  bytes: number;
  /** In order, about one per MiB; empty for a segment that was not read since the log was opened. */
  readonly marks: SegmentMark[];
}

/** Distance between marks. */
const markBytes = 1 << 20;

export function segmentPath(directory: string, firstEpoch: Epoch): string {
  return join(directory, `${String(firstEpoch).padStart(16, '0')}.log`);
}

/** @returns the segments in a directory, by first epoch. Other files are not looked at. */
export async function listSegments(files: FileSystem, directory: string): Promise<Segment[]> {
  const segments: Segment[] = [];
  for (const entry of await files.readdir(directory)) {
    const first = /^(\d{16})\.log$/.exec(entry.name)?.[1];
    if (entry.kind !== 'file' || first === undefined || Number(first) < 1 || !Number.isSafeInteger(Number(first))) continue;
    const path = join(directory, entry.name);
    const bytes = (await files.stat(path))?.bytes ?? 0;
    segments.push({firstEpoch: epoch(Number(first)), path, bytes, marks: []});
  }
  return segments.sort((a, b) => a.firstEpoch - b.firstEpoch);
}

/** Remembers where a frame begins, if the last mark is far enough away. */
export function addMark(segment: Segment, of: Epoch, position: number): void {
  const last = segment.marks[segment.marks.length - 1];
  if (last === undefined || position - last.position >= markBytes) segment.marks.push({epoch: of, position});
}

/** @returns the last marked place at or before the frame of `of`. */
export function markBefore(segment: Segment, of: Epoch): SegmentMark {
  let found: SegmentMark = {epoch: segment.firstEpoch, position: 0};
  for (const mark of segment.marks) {
    if (mark.epoch > of) break;
    found = mark;
  }
  return found;
}

/** @returns the error for a log that does not hold what was acknowledged. */
export function damagedSegment(path: string, position: number, expected: number, what: string): WarehouseError {
  return new WarehouseError('data', 'MR_LOG_DAMAGED', `'${path}' at byte ${position}: expected the frame of epoch ${expected}, ${what}`,
    {hint: 'restore this file from a backup; nothing was changed. `millrace check` lists all damage'});
}
