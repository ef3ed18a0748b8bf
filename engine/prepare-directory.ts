/** The warehouse's folder: made when absent, refused when it is something else, identified by an id of its own. */
import {dirname} from 'node:path';
import {WarehouseError} from '../base/error.ts';
import {uuid} from '../base/id.ts';
import {nodeFileSystem} from '../storage/file/node-file-system.ts';
import {makeDirectoryDurably, putIfAbsent} from '../storage/file/durable.ts';
import {checkpointDirectory, formatFile, logDirectory, metaDirectory} from './layout.ts';

/** The format that this version writes. Newer is refused, older upgraded by named steps (none yet). */
const formatVersion = 1;

/**
 * @returns the warehouse's id: Paimon's commit user of all its tables.
 * @throws {WarehouseError} `MR_NOT_A_WAREHOUSE` for a folder with other things in it; `MR_FORMAT_NEWER`.
 */
export async function prepareDirectory(directory: string): Promise<string> {
  const files = nodeFileSystem;
  const stat = await files.stat(directory);
  if (stat !== undefined && stat.kind !== 'directory') throw new WarehouseError('invalid', 'MR_NOT_A_WAREHOUSE', `${directory} is a file`, {hint: 'name a folder'});
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
  await putIfAbsent(files, file, Buffer.from(`${JSON.stringify({version: formatVersion, warehouse: uuid()})}\n`));
  return readFormat(file, Buffer.from(await files.readFile(file)).toString('utf8'));
}

function readFormat(file: string, text: string): string {
  let format: {version?: unknown; warehouse?: unknown};
  try {
    format = JSON.parse(text) as typeof format;
  } catch (cause) {
    throw new WarehouseError('data', 'MR_FORMAT_DAMAGED', `${file} is not JSON`, {cause, hint: 'restore it from a backup'});
  }
  if (typeof format.version !== 'number' || typeof format.warehouse !== 'string') throw new WarehouseError('data', 'MR_FORMAT_DAMAGED', `${file} lacks version or warehouse`);
  if (format.version > formatVersion) throw new WarehouseError('invalid', 'MR_FORMAT_NEWER', `the warehouse has format ${format.version}, this version reads up to ${formatVersion}`, {hint: 'open it with a newer millrace'});
  return format.warehouse;
}
