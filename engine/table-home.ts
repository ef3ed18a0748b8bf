/**
 * Where the files of a table lie. A table's own directory is `<schema>.db/<table>`. After a DROP another table may take that name
 * while an older checkpoint, from which a recovery may start, still needs the dropped one's files. So the checkpoint after the drop
 * first moves the directory aside to `_millrace/dropped/<table id>`, by one rename, and removes it only when no checkpoint that is
 * kept names that id. Ids are never used again: if that directory is there, it is where the table lies.
 *
 * Whose a directory is, its newest snapshot says (property `millrace.table`); without a snapshot there are no rows in it to lose, but a
 * checkpoint may name it (table-places.ts).
 */
import {dirname, join} from 'node:path';
import {WarehouseError} from '../base/error.ts';
import type {FileSystem} from '../storage/file/file-system.ts';
import {makeDirectoryDurably} from '../storage/file/durable.ts';
import {PaimonTable, type TableDoors} from '../storage/lsm/paimon-table.ts';
import {TablePaths} from '../storage/lsm/table-paths.ts';
import type {Snapshot} from '../storage/paimon/snapshot.ts';
import {droppedDirectory, directoryOf} from './layout.ts';
import type {TableId, TableSpec} from '../catalog/spec.ts';

/** Property of our snapshots: the id of the table that the directory belongs to. */
export const tableProperty = 'millrace.table';

/** Property of the tag files that are ours: the tag's name. */
export const tagProperty = 'millrace.tag';

/** @returns the order in which a table's rows take their positions. Copies of a bag's row hash rise wherever they lie. */
export function positionOrder({storage}: TableSpec): true | 'key' {
  return storage === 'bag' ? 'key' : true;
}

/** @param path of the table relative to the warehouse, as a checkpoint names it. @returns the absolute directory that holds its files now. */
export async function tableHome(files: FileSystem, directory: string, {id, path}: {readonly id: number; readonly path: string}): Promise<string> {
  const aside = join(droppedDirectory(directory), String(id));
  return (await files.exists(aside)) ? aside : join(directory, path);
}

/** @returns the id of the table whose commit this is; undefined where it does not say. */
export function tableOfSnapshot(snapshot: Snapshot): number | undefined {
  const text = snapshot.properties?.[tableProperty];
  return text === undefined ? undefined : Number(text);
}

/** @returns whose files lie in `at`: an id, 'nobody' where nothing was ever committed, undefined where a commit does not say. */
export async function ownerOf(doors: TableDoors, at: string): Promise<number | 'nobody' | undefined> {
  const table = await openIfMade(doors, at);
  const latest = await table?.snapshots.latestId();
  return table === null || latest === undefined ? 'nobody' : tableOfSnapshot(await table.snapshots.read(latest));
}

/**
 * @returns the table at a place; null where none was made yet, or where its making was cut off before its first schema.
 * @throws {WarehouseError} `MR_PAIMON_MISSING` when there are snapshots and no schema; those of opening.
 */
export async function openIfMade(doors: TableDoors, at: string): Promise<PaimonTable | null> {
  try {
    return await PaimonTable.open(doors, at);
  } catch (cause) {
    if (!(cause instanceof WarehouseError) || cause.code !== 'MR_PAIMON_MISSING') throw cause;
    const snapshots = new TablePaths(at).snapshotDirectory();
    if ((await doors.files.exists(snapshots)) && (await doors.files.readdir(snapshots)).some(({name}) => name.startsWith('snapshot-'))) throw cause;
    return null;
  }
}

/** Moves the directory of a dropped table aside, durably, if it is still at its place. */
export async function moveAside(doors: TableDoors, directory: string, table: Pick<TableSpec, 'id' | 'schema' | 'name'>): Promise<void> {
  const from = directoryOf(directory, table);
  const to = join(droppedDirectory(directory), String(table.id));
  if ((await doors.files.exists(to)) || !(await doors.files.exists(from))) return;
  const owner = await ownerOf(doors, from);
  if (owner !== table.id && owner !== 'nobody' && owner !== undefined) return;
  await makeDirectoryDurably(doors.files, droppedDirectory(directory));
  await doors.files.rename(from, to);
  await doors.files.syncDirectory(dirname(to));
  await doors.files.syncDirectory(dirname(from));
}

/** Removes those of the tables moved aside that `needed` does not want. @returns how many went. */
export async function removeDropped(files: FileSystem, directory: string, needed: (id: TableId) => Promise<boolean>): Promise<number> {
  const aside = droppedDirectory(directory);
  if (!(await files.exists(aside))) return 0;
  let removed = 0;
  for (const {kind, name} of await files.readdir(aside)) {
    if (kind !== 'directory' || !/^\d+$/.test(name) || await needed(Number(name) as TableId)) continue;
    await removeTree(files, join(aside, name));
    removed++;
  }
  return removed;
}

/** Removes a directory with all in it. */
export async function removeTree(files: FileSystem, path: string): Promise<void> {
  for (const {name, kind} of await files.readdir(path)) {
    if (kind === 'directory') await removeTree(files, join(path, name));
    else await files.unlink(join(path, name));
  }
  await files.rmdir(path);
}

/**
 * Makes the names of a table's directories durable. A process that died between making something and syncing its directory leaves
 * names that are there for us and may be gone after the machine dies: before a checkpoint names the table, they are synced once.
 */
export async function settleTable(files: FileSystem, table: PaimonTable): Promise<void> {
  const {paths, directory} = table;
  for (const at of [dirname(dirname(directory)), dirname(directory), directory, paths.schemaDirectory(), paths.manifestDirectory(), paths.snapshotDirectory()]) {
    await files.syncDirectory(at);
  }
}
