/** The warehouse's folder: made when absent, refused when it is something else, identified by an id of its own. */
import {dirname} from 'node:path';
import {WarehouseError} from '../base/error.ts';
import {uuid} from '../base/id.ts';
import {nodeFileSystem} from '../storage/file/node-file-system.ts';
import {makeDirectoryDurably, putIfAbsent} from '../storage/file/durable.ts';
import {backupMark, checkpointDirectory, formatFile, logDirectory, metaDirectory} from './layout.ts';
import {formatBytes, formatVersion, readFormat, type WarehouseFormat} from './upgrade-steps.ts';

/**
 * @returns what `_millrace/format` says: who takes the lock next upgrades an older one (upgrade-steps.ts).
 * @throws {WarehouseError} `MR_NOT_A_WAREHOUSE` for a folder with other things in it; `MR_FORMAT_NEWER`; `MR_BACKUP_INCOMPLETE`.
 */
export async function prepareDirectory(directory: string): Promise<WarehouseFormat> {
  const files = nodeFileSystem;
  const stat = await files.stat(directory);
  if (stat !== undefined && stat.kind !== 'directory') throw new WarehouseError('invalid', 'MR_NOT_A_WAREHOUSE', `${directory} is a file`, {hint: 'name a folder'});
  await refuseIncomplete(directory);
  const file = formatFile(directory);
  if (await files.exists(file)) return readFormat(file, Buffer.from(await files.readFile(file)).toString('utf8'));
  if (stat !== undefined) {
    const found = (await files.readdir(directory)).map((entry) => entry.name).filter((name) => name !== '_millrace');
    if (found.length > 0) throw new WarehouseError('invalid', 'MR_NOT_A_WAREHOUSE', `folder ${directory} holds ${found.slice(0, 3).join(', ')} and is no warehouse`, {hint: 'name an empty or a new folder'});
  }
  // What is there but may not be durable is made so too: an earlier opening may have died in between.
  for (const made of [metaDirectory(directory), logDirectory(directory), checkpointDirectory(directory)]) {
    await makeDirectoryDurably(files, made);
    await files.syncDirectory(dirname(made));
  }
  await files.syncDirectory(dirname(directory));
  // Of two processes that make one warehouse at once, one names it.
  await putIfAbsent(files, file, formatBytes({version: formatVersion, warehouse: uuid()}));
  return readFormat(file, Buffer.from(await files.readFile(file)).toString('utf8'));
}

/** @throws {WarehouseError} `MR_BACKUP_INCOMPLETE` (data) for a folder that a backup was not finished to. */
export async function refuseIncomplete(directory: string): Promise<void> {
  if (await nodeFileSystem.exists(backupMark(directory))) throw new WarehouseError('data', 'MR_BACKUP_INCOMPLETE', `'${directory}' holds a backup that was cut off before it was whole`, {hint: 'remove the folder and back up again'});
}
