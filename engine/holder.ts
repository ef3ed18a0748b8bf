/** Who holds a warehouse, without opening it. */
import {resolve} from 'node:path';
import {nodeFileSystem} from '../storage/file/node-file-system.ts';
import {readHolder, type LockHolder} from '../storage/lock.ts';
import {metaDirectory} from './layout.ts';

/** @returns who holds the warehouse at `path`, as far as it said so. */
export function holderOf(path: string): Promise<LockHolder | undefined> {
  return readHolder(nodeFileSystem, metaDirectory(resolve(path)));
}
