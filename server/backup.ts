/** `POST /v1/backup`: the server copies its warehouse to a folder of its own machine, below one of the folders that it was allowed. */
import {resolve, sep} from 'node:path';
import {WarehouseError} from '../base/error.ts';
import type {BackupReport} from '../engine/api.ts';
import type {Warehouse} from '../engine/warehouse.ts';
import type {JsonBody} from './app.ts';

/** @throws {WarehouseError} `MR_PARAMETER`; `MR_NOT_ALLOWED` for a folder elsewhere; `MR_BACKUP_TARGET`. */
export function backUpTo(warehouse: Warehouse, body: unknown): Promise<BackupReport> {
  const value = (body as Partial<JsonBody> | undefined)?.value;
  const {dest, ...others} = typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw new WarehouseError('invalid', 'MR_PARAMETER', `the body has an unknown member "${unknown}"`, {hint: 'dest is known'});
  if (typeof dest !== 'string' || dest === '') throw new WarehouseError('invalid', 'MR_PARAMETER', 'the body has no text "dest"', {hint: 'send {"dest": "/backups/monday"} as application/json'});
  const target = resolve(dest);
  // As it is written: a link that leads out of an allowed folder was made by whoever may write there.
  if (!warehouse.allowDirectories.some((allowed) => target.startsWith(allowed.endsWith(sep) ? allowed : allowed + sep))) {
    throw new WarehouseError('invalid', 'MR_NOT_ALLOWED', `a server backs up below the folders of --allow-dir only, found '${dest}'`, {hint: warehouse.allowDirectories.length === 0 ? 'start it with --allow-dir DIR, or back up when it has stopped' : `name a folder below ${warehouse.allowDirectories.join(' or ')}`});
  }
  return warehouse.backup(target);
}
