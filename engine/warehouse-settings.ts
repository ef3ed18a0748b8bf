/**
 * Settings of a warehouse that outlive its process, in `_millrace/settings.json`: `{"historyRetentionMs": 86400000}`. What is not in it
 * has its default; what is in it and not known is refused, for a newer release may have meant something by it.
 */
import {join} from 'node:path';
import {WarehouseError} from '../base/error.ts';
import type {FileSystem} from '../storage/file/file-system.ts';
import {writeDurably} from '../storage/file/durable.ts';
import {metaDirectory} from './layout.ts';

export interface WarehouseSettings {
  /** ms for which content and changes of the past are kept. */
  readonly historyRetentionMs?: number;
}

const path = (directory: string): string => join(metaDirectory(directory), 'settings.json');

/** @throws {WarehouseError} `MR_SETTINGS_DAMAGED` (data). */
export async function readSettings(files: FileSystem, directory: string): Promise<WarehouseSettings> {
  const at = path(directory);
  if (!(await files.exists(at))) return {};
  const damaged = (found: string, cause?: unknown): WarehouseError => new WarehouseError('data', 'MR_SETTINGS_DAMAGED', `'${at}' ${found}`, {cause, hint: 'mend it, or remove it: settings are then the defaults, and history is kept for 24 h'});
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(await files.readFile(at)).toString('utf8'));
  } catch (cause) {
    throw damaged('is not JSON', cause);
  }
  if (json === null || typeof json !== 'object' || Array.isArray(json)) throw damaged('holds no object');
  const {historyRetentionMs, ...others} = json as Readonly<Record<string, unknown>>;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw damaged(`has the setting "${unknown}", which this release does not know`);
  if (historyRetentionMs === undefined) return {};
  if (typeof historyRetentionMs !== 'number' || !Number.isSafeInteger(historyRetentionMs) || historyRetentionMs < 0) throw damaged(`should have whole milliseconds at "historyRetentionMs", found ${JSON.stringify(historyRetentionMs)}`);
  return {historyRetentionMs};
}

/** Replaces the settings, durably. */
export async function writeSettings(files: FileSystem, directory: string, settings: WarehouseSettings): Promise<void> {
  await writeDurably(files, path(directory), Buffer.from(`${JSON.stringify(settings)}\n`));
}
