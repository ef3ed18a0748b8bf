/**
 * The second phase of expiry, of checkpoints: after the oldest readable epoch has moved up in a durable checkpoint, files of older
 * checkpoints that nothing holds go, and then dropped tables that none of those kept names.
 */
import type {Epoch} from '../base/epoch.ts';
import type {FileSystem} from '../storage/file/file-system.ts';
import {checkpointPath, type Checkpoint} from '../storage/lsm/checkpoint-file.ts';
import type {CheckpointIndex} from './checkpoint-index.ts';
import {keptCheckpoints, type HeldHistory} from './history-holds.ts';
import {checkpointDirectory, metaDirectory} from './layout.ts';
import {removeDropped} from './table-home.ts';

/** What clearing needs to know. */
export interface ClearScope {
  readonly files: FileSystem;
  /** The warehouse's. */
  readonly directory: string;
  readonly index: CheckpointIndex;
  readonly newest: Checkpoint;
  readonly held: HeldHistory;
  /** Whether a table was dropped after the newest checkpoint. */
  readonly droppedSince: (id: number) => boolean;
}

/** Removes what nothing holds. What stays behind when it fails goes the next time. */
export async function clearHistory({files, directory, index, newest, held, droppedSince}: ClearScope): Promise<void> {
  const home = metaDirectory(directory);
  const gone = keptCheckpoints(index.epochs, held).flatMap(({epoch, content, changes}) => (content || changes ? [] : [epoch]));
  for (const epoch of gone) await files.unlink(checkpointPath(home, epoch));
  index.remove(new Set(gone));
  // Before anything that they alone name goes.
  if (gone.length > 0) await files.syncDirectory(checkpointDirectory(directory));
  const base = index.epochs.findLast((epoch) => epoch <= held.floor) ?? (0 as Epoch);
  const through = new Map(newest.aside);
  await removeDropped(files, directory, async (id) => {
    const last = through.get(id);
    if (last !== undefined && last >= base) return true;
    // What is kept below the floor is little: moments, such as tags.
    for (const epoch of index.epochs.filter((kept) => kept < base)) {
      const kept = await index.load(epoch);
      if (kept?.tables.some((table) => table.id === id) === true || kept?.dropped.some((table) => table.id === id) === true) return true;
    }
    return droppedSince(id);
  });
}
