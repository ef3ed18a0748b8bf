/**
 * History that format 1 left behind. Its checkpoints say nothing of the epochs between them, neither what they defined nor when they
 * were sealed nor what they dropped: those epochs are *untold*, the log alone has them. So history begins where the log does, and the
 * log stays as long as somebody may read from there; with the retention it goes on into what newer checkpoints tell.
 */
import {epoch as toEpoch, type Epoch} from '../base/epoch.ts';
import type {FileSystem} from '../storage/file/file-system.ts';
import {listCheckpoints, loadCheckpoint, type Checkpoint} from '../storage/lsm/checkpoint-file.ts';
import {listSegments} from '../storage/log/segment.ts';
import {logDirectory, metaDirectory} from './layout.ts';

/**
 * @param newest the newest checkpoint; one of format 2 stays as it is.
 * @returns it, with the oldest epoch from which everything can be read, and the dropped tables that epochs since then need.
 */
export async function withUntoldHistory<C extends Checkpoint | null>(files: FileSystem, directory: string, newest: C): Promise<C> {
  if (newest === null || newest.previous !== null) return newest;
  const [first] = (await files.exists(logDirectory(directory))) ? await listSegments(files, logDirectory(directory)) : [];
  if (first === undefined) return newest;
  const home = metaDirectory(directory);
  // Rows before the first frame that is left are in files only: a checkpoint has them, or they are those of an empty warehouse.
  let oldest: Epoch | undefined = first.firstEpoch === 1 ? toEpoch(0) : undefined;
  const aside = new Map<number, Epoch>();
  for (const epoch of await listCheckpoints(files, home)) {
    if (epoch + 1 < first.firstEpoch || epoch >= newest.epoch) continue;
    const checkpoint = await loadCheckpoint(files, home, epoch);
    if (checkpoint === undefined) continue;
    oldest ??= epoch;
    for (const {id} of checkpoint.tables) aside.set(id, epoch);
  }
  for (const {id} of newest.tables) aside.delete(id);
  return {...newest, oldest: oldest ?? newest.epoch, aside: [...aside]};
}
