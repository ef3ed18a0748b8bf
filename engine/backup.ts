/**
 * A copy of a running warehouse at one epoch, which is a warehouse: the kept checkpoints, the snapshots of tables that they name with all
 * their files, and the log up to the newest frame. Restoring it is opening it.
 *
 * 1. `gather`, while no checkpoint, expiry or drop moves files (the caller sees to that): says what the copy holds, and gives every file
 *    of it a further name in a folder of the warehouse's own (hard links: quick, whatever the size). From then on the files stay, whoever
 *    removes their first names, and everything goes on. Where the file system has no links the caller goes on only after 2.
 * 2. `write`: every file to its place in DEST, by a link where that is possible, else as a copy, made durable. The log's newest segment is
 *    always copied, up to the frame that was the newest; all other files are never written again, so both may have them.
 * 3. DEST is recognised by a mark that is made before anything else and removed after everything else is durable, `_millrace/format`
 *    included. A DEST with the mark is no warehouse: it is refused by name.
 *
 * The lock's file is not part of it, nor what lies in `live/`.
 */
import {dirname, join, relative, resolve, sep} from 'node:path';
import type {Clock} from '../base/clock.ts';
import type {Epoch} from '../base/epoch.ts';
import {WarehouseError} from '../base/error.ts';
import {uuid} from '../base/id.ts';
import {makeDirectoryDurably, writeDurably} from '../storage/file/durable.ts';
import type {FileSystem} from '../storage/file/file-system.ts';
import {checkpointPath, loadCheckpoint} from '../storage/lsm/checkpoint-file.ts';
import {PaimonTable} from '../storage/lsm/paimon-table.ts';
import {tableFiles} from '../storage/lsm/table-files.ts';
import type {TableSpec} from '../catalog/spec.ts';
import {backupMark, directoryOf, formatFile, logDirectory, metaDirectory, stagingDirectory} from './layout.ts';
import {openIfMade, removeTree, tableHome} from './table-home.ts';

export interface BackupDoors {
  readonly files: FileSystem;
  readonly clock: Clock;
}

/** What a running warehouse says of itself at one moment. */
export interface BackupSource {
  readonly directory: string;
  /** Of the newest durable frame. */
  readonly epoch: Epoch;
  /** Kept ones, rising. */
  readonly checkpoints: readonly Epoch[];
  readonly tables: readonly TableSpec[];
  /** Segments of the log with the bytes of durable frames in them. */
  readonly log: readonly {readonly path: string; readonly bytes: number}[];
  /** Files that frames of the log name and no snapshot does yet. */
  readonly prepared: ReadonlySet<string>;
}

export interface BackupResult {
  readonly epoch: number;
  readonly files: number;
  readonly bytes: number;
  /** Files that DEST shares with the warehouse. */
  readonly linked: number;
}

/** One file of the copy. */
interface Item {
  /** Where it is read from. */
  readonly from: string;
  /** Relative to DEST. */
  readonly to: string;
  /** Only so much of it; undefined: all, as it never changes. */
  readonly bytes?: number;
}

/** What was gathered. */
export interface GatheredBackup {
  readonly epoch: Epoch;
  readonly items: readonly Item[];
  /** Small files that are made for the copy. */
  readonly made: readonly {readonly to: string; readonly text: string}[];
  /** Relative to DEST. */
  readonly directories: readonly string[];
  readonly format: Uint8Array;
  /** Its own names for the files; null where the file system gives none: nothing may be removed until the copy is written. */
  readonly staging: string | null;
}

const chunkBytes = 1 << 20;

/**
 * Refuses a place that a backup cannot go to, and marks it.
 *
 * @returns the absolute path.
 * @throws {WarehouseError} `MR_BACKUP_TARGET` (invalid) for a folder that is not empty, a file, or one inside the warehouse.
 */
export async function prepareTarget({files}: BackupDoors, directory: string, target: string): Promise<string> {
  const to = resolve(target);
  const stat = await files.stat(to);
  if (stat !== undefined && stat.kind !== 'directory') throw refusedTarget(to, 'is a file');
  if (stat !== undefined) {
    const [first] = await files.readdir(to);
    if (first !== undefined) throw refusedTarget(to, `holds ${first.name}`);
  }
  let above = to;
  while (!(await files.exists(above))) above = dirname(above);
  const source = await files.realPath(directory);
  const real = await files.realPath(above);
  if (real === source || real.startsWith(source + sep)) throw refusedTarget(to, 'lies in the warehouse itself');
  await makeDirectoryDurably(files, metaDirectory(to));
  await writeDurably(files, backupMark(to), Buffer.from('a backup that is not whole: remove this folder\n'));
  return to;
}

/** Says what a copy of this moment holds, and keeps hold of it. Nothing may move or remove files of the warehouse meanwhile. */
export async function gatherBackup(doors: BackupDoors, source: BackupSource): Promise<GatheredBackup> {
  const {files} = doors;
  const {directory} = source;
  const items: Item[] = [];
  const made: {to: string; text: string}[] = [];
  const directories: string[] = [];
  const homes = new Map<string, number>();
  for (const at of source.checkpoints) {
    const checkpoint = await loadCheckpoint(files, metaDirectory(directory), at);
    if (checkpoint === undefined) continue; // cut off: it is passed over by every opening
    items.push(same(directory, checkpointPath(metaDirectory(directory), at)));
    // Dropped ones too: history tells their last changes.
    for (const table of [...checkpoint.tables, ...checkpoint.dropped]) {
      const home = await tableHome(files, directory, table);
      if (checkpoint.dropped.includes(table) && !(await files.exists(home))) continue;
      homes.set(home, Math.max(homes.get(home) ?? 0, table.snapshotId));
    }
  }
  // Tables that no checkpoint knows yet may have files that frames name.
  for (const table of source.tables) {
    const home = directoryOf(directory, table);
    if (!homes.has(home)) homes.set(home, 0);
  }
  for (const [home, snapshotMax] of homes) {
    const table = snapshotMax === 0 ? await openIfMade(doors, home) : await PaimonTable.open(doors, home);
    if (table === null) continue;
    const {paths, hints, directories: inTable} = await tableFiles(table, snapshotMax, source.prepared);
    for (const path of paths) items.push(same(directory, path));
    for (const path of inTable) directories.push(relative(directory, path));
    for (const {path, text} of hints) made.push({to: relative(directory, path), text});
  }
  // Newest first: of the older ones, which only reach into the past, some may have gone.
  for (const [index, {path, bytes}] of [...source.log].reverse().entries()) {
    if (index > 0 && !(await files.exists(path))) break;
    items.push(index === 0 ? {...same(directory, path), bytes} : same(directory, path));
  }
  const format = await files.readFile(formatFile(directory));
  const staging = join(stagingDirectory(directory), uuid());
  const held: Item[] = [];
  await files.mkdir(staging);
  for (const [index, item] of items.entries()) {
    const from = join(staging, String(index));
    try {
      await files.link(item.from, from);
    } catch (cause) {
      if (!(cause instanceof WarehouseError) || cause.code === 'MR_FILE_MISSING' || cause.code === 'MR_DISK_FULL') throw cause;
      await removeTree(files, staging);
      return {epoch: source.epoch, items, made, directories, format, staging: null};
    }
    held.push({...item, from});
  }
  return {epoch: source.epoch, items: held, made, directories, format, staging};
}

/** Writes what was gathered to the place that was prepared, and makes it a warehouse. */
export async function writeBackup({files}: BackupDoors, {epoch, items, made, directories: wanted, format}: GatheredBackup, target: string): Promise<BackupResult> {
  const directories = new Set<string>([target, metaDirectory(target)]);
  const enter = async (path: string): Promise<void> => {
    const directory = dirname(path);
    if (directories.has(directory)) return;
    await files.mkdir(directory);
    for (let at = directory; !directories.has(at); at = dirname(at)) directories.add(at);
  };
  let bytes = 0;
  let linked = 0;
  let linking = true;
  for (const item of items) {
    const to = join(target, item.to);
    await enter(to);
    if (item.bytes === undefined && linking) {
      linking = await files.link(item.from, to).then(() => true, (cause: unknown) => {
        // Another file system, or one without links.
        if (cause instanceof WarehouseError && (cause.code === 'MR_FILE_FAILED' || cause.code === 'MR_FILE_DENIED')) return false;
        throw cause;
      });
    }
    if (item.bytes === undefined && linking) {
      linked++;
      bytes += (await files.stat(to))?.bytes ?? 0;
    } else bytes += await copyFile(files, item.from, to, item.bytes);
  }
  for (const {to, text} of made) {
    await enter(join(target, to));
    await writeDurably(files, join(target, to), Buffer.from(text));
  }
  for (const directory of [logDirectory(target), ...wanted.map((path) => join(target, path))]) await enter(join(directory, 'x'));
  for (const directory of directories) await files.syncDirectory(directory);
  await files.syncDirectory(dirname(target));
  await writeDurably(files, formatFile(target), format);
  await files.unlink(backupMark(target));
  await files.syncDirectory(metaDirectory(target));
  return {epoch, files: items.length + made.length + 1, bytes, linked};
}

/** Lets go of what was gathered. What a crash leaves of it goes at the next opening. */
export async function releaseBackup({files}: BackupDoors, {staging}: GatheredBackup): Promise<void> {
  if (staging !== null) await removeTree(files, staging);
}

/** @returns how many bytes were copied, durably. */
async function copyFile(files: FileSystem, from: string, to: string, bytesMax: number | undefined): Promise<number> {
  await using source = await files.open(from, 'r');
  await using target = await files.open(to, 'wx+');
  const end = bytesMax ?? (await source.stat()).bytes;
  const buffer = new Uint8Array(Math.min(chunkBytes, Math.max(1, end)));
  let position = 0;
  while (position < end) {
    const read = await source.read(buffer.subarray(0, Math.min(buffer.length, end - position)), position);
    if (read === 0) throw new WarehouseError('data', 'MR_FILE_FAILED', `'${from}' ends at byte ${position}, expected ${end} bytes`);
    await target.write([buffer.subarray(0, read)], position);
    position += read;
  }
  await target.sync();
  return end;
}

function same(directory: string, path: string): Item {
  return {from: path, to: relative(directory, path)};
}

function refusedTarget(target: string, why: string): WarehouseError {
  return new WarehouseError('invalid', 'MR_BACKUP_TARGET', `expected a new or an empty folder to back up to, found that '${target}' ${why}`, {hint: 'name another folder'});
}
