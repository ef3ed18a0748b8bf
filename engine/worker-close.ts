/** The end of an engine: what must be durable is, then everything is let go of. */
import type {TableId} from '../catalog/spec.ts';
import {writePositionImages} from './position-image.ts';
import type {ReplyBody, Request} from './protocol.ts';
import type {WorkerCore} from './worker-core.ts';

/**
 * @param whole state is loaded and is that of the newest epoch: otherwise there is nothing to write, the log has all.
 * @param kept tables whose positions of the process before still hold, where nothing was written since.
 */
export async function closeEngine(core: WorkerCore, request: Extract<Request, {kind: 'close'}>, whole: boolean, kept: readonly TableId[]): Promise<ReplyBody> {
  let positioned: readonly TableId[] = whole ? [] : kept;
  try {
    if (request.checkpoint && whole) await core.checkpoint();
    if (request.keepPositions === true && whole) positioned = await writePositionImages(core);
  } finally {
    core.closed = true;
    const checkpointsEnded = core.checkpointer.stop(); // at once: what compaction waits for does not rest
    await core.compaction.stop();
    await core.expiry.stop();
    await checkpointsEnded;
    await core.log.close();
    core.dataflow.close();
    await core.kernel.close();
  }
  return {epoch: core.epoch, positioned};
}
