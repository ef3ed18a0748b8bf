/** The file `_millrace/format`: which version of Millrace's own files a directory holds. Changes only when older releases must not open it. */
import {join} from 'node:path';
import {WarehouseError} from '../../base/error.ts';
import {makeDirectoryDurably, putIfAbsent} from '../file/durable.ts';
import type {FileSystem} from '../file/file-system.ts';

export const WAREHOUSE_FORMAT = 1;

/**
 * Writes the file in a new warehouse, checks it in an old one.
 *
 * @param home the directory `_millrace`; made if it is not there.
 * @throws {WarehouseError} `MR_FORMAT_NEWER` (invalid) when a newer release wrote it, `MR_FORMAT_DAMAGED` (data).
 */
export async function ensureFormat(files: FileSystem, home: string): Promise<void> {
  await makeDirectoryDurably(files, home);
  const path = join(home, 'format');
  if (!(await files.exists(path)) && await putIfAbsent(files, path, Buffer.from(`${WAREHOUSE_FORMAT}\n`))) return;
  await checkFormat(files, home);
}

/** @throws as {@link ensureFormat}. */
export async function checkFormat(files: FileSystem, home: string): Promise<void> {
  const path = join(home, 'format');
  const text = Buffer.from(await files.readFile(path)).toString('utf8').trim();
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new WarehouseError('data', 'MR_FORMAT_DAMAGED', `expected a format number in '${path}', found ${JSON.stringify(text.slice(0, 40))}`);
  if (Number(text) > WAREHOUSE_FORMAT) {
    throw new WarehouseError('invalid', 'MR_FORMAT_NEWER', `'${path}' says format ${text}, this release reads up to ${WAREHOUSE_FORMAT}`, {hint: 'open it with the release that wrote it, or a newer one'});
  }
}
