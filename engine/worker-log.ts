/** The log as the main thread reads it back: some frames at a time. */
import {epoch as toEpoch} from '../base/epoch.ts';
import type {Log} from '../storage/log/log.ts';
import type {Request} from './protocol.ts';

/** @returns frames from `since` + 1 on, about `bytesMax` of them and at least one if there is one; none where the log begins later. */
export async function readLog(log: Log, {since, until, bytesMax}: Extract<Request, {kind: 'read-log'}>): Promise<Uint8Array[]> {
  const frames: Uint8Array[] = [];
  let bytes = 0;
  // What the log has no longer, files tell.
  if (since + 1 < log.firstEpoch) return frames;
  for await (const frame of log.readFrom(toEpoch(since + 1))) {
    if (frame.epoch > until) break;
    frames.push(frame.bytes);
    bytes += frame.bytes.byteLength;
    if (bytes >= bytesMax) break;
  }
  return frames;
}
