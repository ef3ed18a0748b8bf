/** Epochs back from the log, by way of the worker that has it. */
import type {Epoch} from '../base/epoch.ts';
import type {SealedEpoch} from '../query/sealed-epoch.ts';
import {decodeFrame, type Frame} from '../storage/log/frame.ts';
import type {ReplyBody, Request} from './protocol.ts';
import {sealedFromFrame, type SealedSource} from './sealed.ts';
import type {WorkerClient} from './worker-client.ts';

/** Bytes of log read back in one go for a reader of old epochs. */
const logReadBytes = 8 * 1024 * 1024;

/** @returns the epochs (since, until], read some MiB at a time, as far as the log has them. */
export async function* readLog(client: WorkerClient, source: SealedSource, since: Epoch, until: Epoch): AsyncGenerator<SealedEpoch> {
  for await (const frame of readFrames((request) => client.request(request), since, until)) yield sealedFromFrame(frame, source);
}

/** @returns the frames of epochs (since, until], as far as the log has them: none if it begins later. */
export async function* readFrames(request: (request: Request) => Promise<ReplyBody>, since: Epoch, until: Epoch): AsyncGenerator<Frame> {
  for (let at = since; at < until;) {
    const {frames} = await request({kind: 'read-log', since: at, until, bytesMax: logReadBytes});
    if (frames === undefined || frames.length === 0) return;
    for (const bytes of frames) {
      const frame = decodeFrame(bytes);
      yield frame;
      at = frame.epoch;
    }
  }
}
