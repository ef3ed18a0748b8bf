/** A backup of the engine's warehouse: gathered in its turn with checkpoints, expiry and drops, written beside them. */
import {systemClock} from '../base/clock.ts';
import {gatherBackup, prepareTarget, releaseBackup, writeBackup, type BackupDoors, type BackupResult, type GatheredBackup} from './backup.ts';
import {stagingDirectory} from './layout.ts';
import type {ReplyBody} from './protocol.ts';
import {removeTree} from './table-home.ts';
import type {WorkerCore} from './worker-core.ts';

/** @throws {WarehouseError} as backup.ts; what was written by then is marked as no warehouse. */
export async function backUp(core: WorkerCore, target: string): Promise<ReplyBody> {
  const doors: BackupDoors = {files: core.files, clock: systemClock};
  const to = await prepareTarget(doors, core.options.directory, target);
  let written: BackupResult | null = null;
  const gathered = await core.checkpointer.exclusive(async (): Promise<GatheredBackup> => {
    // A frame that is durable is taken in by state and catalog in the same turn of the loop.
    while (core.log.lastEpoch !== core.epoch) await new Promise((resolve) => setImmediate(resolve));
    // All of this at once: the log's end is the copy's epoch.
    const source = {directory: core.options.directory, epoch: core.log.lastEpoch, checkpoints: core.checkpointer.keptEpochs(), tables: core.catalog.tables(), log: core.log.durableSegments(), prepared: core.checkpointer.preparedNames()};
    const found = await gatherBackup(doors, source);
    // Without names of its own it must be done before anything is removed.
    if (found.staging === null) written = await writeBackup(doors, found, to);
    return found;
  });
  try {
    const {epoch, files, bytes, linked} = written ?? await writeBackup(doors, gathered, to);
    return {epoch, rows: [{files, bytes, linked}]};
  } finally {
    await releaseBackup(doors, gathered).catch(() => undefined); // what stays goes at the next opening
  }
}

/** Clears what a backup left that was cut off. */
export async function clearStaging(core: WorkerCore): Promise<void> {
  const directory = stagingDirectory(core.options.directory);
  if (await core.files.exists(directory)) await removeTree(core.files, directory);
}
