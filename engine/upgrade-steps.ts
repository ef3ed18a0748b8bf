/**
 * From an older format of the warehouse's folder to this one, by named steps, each from one version to the next. Runs at open, under
 * the lock, before anything else reads the folder. A step may be run again after a crash: it leaves what it finds done, and only when
 * everything of it is durable does `_millrace/format` say the next version.
 *
 * A version is for what older releases must not touch. What they pass over rightly, or what they can do without, needs none.
 */
import {WarehouseError} from '../base/error.ts';
import {invariant} from '../base/invariant.ts';
import {writeDurably} from '../storage/file/durable.ts';
import type {FileSystem} from '../storage/file/file-system.ts';
import {formatFile} from './layout.ts';

/** What `_millrace/format` says. */
export interface WarehouseFormat {
  readonly version: number;
  /** The warehouse's id: Paimon's commit user of all its tables. */
  readonly warehouse: string;
}

export interface UpgradeStep {
  /** The version that it starts from; it leads to the next one. */
  readonly from: number;
  readonly name: string;
  /** Changes the folder, durably; what is changed already stays. Nothing where only the version keeps older releases away. */
  readonly run?: (files: FileSystem, directory: string) => Promise<void>;
}

/** All steps, rising, without a gap. docs/formats/warehouse.md says what each version brought. */
const upgradeSteps: readonly UpgradeStep[] = [
  // The log and checkpoints may hold catalog records that version 1 does not know; what it wrote is read as it is.
  {from: 1, name: 'catalog records of subscriptions'},
];

/** The format that this release writes; newer is refused. */
export const formatVersion = upgradeSteps.length + 1;

/** @throws {WarehouseError} `MR_FORMAT_DAMAGED` (data); `MR_FORMAT_NEWER`. */
export function readFormat(file: string, text: string, newest: number = formatVersion): WarehouseFormat {
  let format: {version?: unknown; warehouse?: unknown};
  try {
    format = JSON.parse(text) as typeof format;
  } catch (cause) {
    throw new WarehouseError('data', 'MR_FORMAT_DAMAGED', `${file} is not JSON`, {cause, hint: 'restore it from a backup'});
  }
  const {version, warehouse} = format;
  if (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 1 || typeof warehouse !== 'string') throw new WarehouseError('data', 'MR_FORMAT_DAMAGED', `${file} lacks version or warehouse`, {hint: 'restore it from a backup'});
  if (version > newest) throw new WarehouseError('invalid', 'MR_FORMAT_NEWER', `the warehouse has format ${version}, this version reads up to ${newest}`, {hint: 'open it with a newer millrace'});
  return {version, warehouse};
}

/** @returns the bytes of `_millrace/format`. */
export function formatBytes({version, warehouse}: WarehouseFormat): Uint8Array {
  return Buffer.from(`${JSON.stringify({version, warehouse})}\n`);
}

/**
 * Takes a folder to the newest version; nothing where it has it.
 *
 * Relies on: the caller holds the lock.
 * @returns the names of the steps that ran.
 * @throws {WarehouseError} of a step; the folder then has the version before it, and the next opening goes on from there.
 */
export async function upgradeWarehouse(files: FileSystem, directory: string, steps: readonly UpgradeStep[] = upgradeSteps): Promise<string[]> {
  for (const [index, {from}] of steps.entries()) invariant(from === index + 1, () => `upgrade step ${index + 1} starts from version ${from}`);
  const path = formatFile(directory);
  // Read now, under the lock: whoever held it before may have upgraded the folder.
  const found = readFormat(path, Buffer.from(await files.readFile(path)).toString('utf8'), steps.length + 1);
  const done: string[] = [];
  for (const step of steps.slice(found.version - 1)) {
    await step.run?.(files, directory);
    await writeDurably(files, path, formatBytes({version: step.from + 1, warehouse: found.warehouse}));
    done.push(step.name);
  }
  return done;
}
