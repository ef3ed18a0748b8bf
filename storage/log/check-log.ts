/** Verifies a whole log without changing it: every segment, every checksum, every header, and that no epoch is missing. */
import type {Epoch} from '../../base/epoch.ts';
import {epoch} from '../../base/epoch.ts';
import {WarehouseError} from '../../base/error.ts';
import type {FileSystem} from '../file/file-system.ts';
import {decodeFrame, type Frame} from './frame.ts';
import {findProof, scanSegment} from './scan-segment.ts';
import {damagedSegment, listSegments} from './segment.ts';

/** What one segment holds. */
export interface SegmentReport {
  readonly path: string;
  readonly firstEpoch: Epoch;
  /** firstEpoch − 1 if it holds no frame. */
  readonly lastEpoch: Epoch;
  readonly frameCount: number;
  /** Bytes of sound frames. */
  readonly frameBytes: number;
  /** Bytes behind them: in the last segment room made ahead or a torn append, which the next opening cuts; else damage. */
  readonly tailBytes: number;
}

export interface LogReport {
  readonly segments: readonly SegmentReport[];
  readonly frameCount: number;
  /** What is wrong, each a sentence with file, byte and expected epoch; none if the log is sound. */
  readonly problems: readonly string[];
}

/**
 * Checks the log in `directory`. It may be in use: an append on its way looks like a torn tail, which is no problem.
 *
 * @param onFrame takes every sound frame, in order.
 * @throws {WarehouseError} of the file system; what is wrong with the log itself is in the report.
 */
export async function checkLog(files: FileSystem, directory: string, onFrame?: (frame: Frame, path: string) => Promise<void>): Promise<LogReport> {
  const reports: SegmentReport[] = [];
  const problems: string[] = [];
  const segments = await listSegments(files, directory);
  let expected: number = segments[0]?.firstEpoch ?? 0;
  for (const segment of segments) {
    const last = segment === segments[segments.length - 1];
    if (segment.firstEpoch !== expected) problems.push(damagedSegment(segment.path, 0, expected, `the segment begins with epoch ${segment.firstEpoch}`).message);
    await using file = await files.open(segment.path, 'r');
    let frameCount = 0;
    let position = 0;
    let next = segment.firstEpoch;
    try {
      const scan = scanSegment(file, {position: 0, expected: segment.firstEpoch, end: segment.bytes, skipThrough: -1});
      let step = await scan.next();
      for (; !step.done; step = await scan.next()) {
        for (const frame of step.value) {
          position = frame.position;
          const decoded = decodeFrame(frame.bytes);
          await onFrame?.(decoded, segment.path);
          frameCount++;
          position += frame.bytes.length;
          next = epoch(frame.epoch + 1);
        }
      }
      const {problem, torn, resume} = step.value;
      if (problem !== undefined) {
        const proof = await findProof(file, resume, segment.bytes, next);
        const proven = proof === undefined ? '' : `; epoch ${proof.epoch} stands at byte ${proof.position}`;
        if (!last || !torn || proof !== undefined) problems.push(damagedSegment(segment.path, position, next, `${problem}${proven}`).message);
      }
    } catch (cause) {
      if (!(cause instanceof WarehouseError) || cause.kind !== 'data') throw cause;
      problems.push(`'${segment.path}' at byte ${position}: ${cause.message}`);
    }
    reports.push({path: segment.path, firstEpoch: segment.firstEpoch, lastEpoch: epoch(next - 1), frameCount, frameBytes: position, tailBytes: segment.bytes - position});
    expected = next;
  }
  return {segments: reports, frameCount: reports.reduce((sum, report) => sum + report.frameCount, 0), problems};
}
