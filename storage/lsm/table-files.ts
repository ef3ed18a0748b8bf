/**
 * All files of a table that its state up to a snapshot consists of: what a copy of it must hold to be the same table, with the same
 * history, in every reader.
 */
import {join} from 'node:path';
import {bucketDirectories} from './orphans.ts';
import type {PaimonTable} from './paimon-table.ts';
import {FileNames, tableReferences} from './table-references.ts';

export interface TableFiles {
  /** Files that never change. */
  readonly paths: readonly string[];
  /** Hints, as they must read in the copy: theirs may be ahead of it. */
  readonly hints: readonly {readonly path: string; readonly text: string}[];
  /** Directories that are there in every table, whether or not something lies in them. */
  readonly directories: readonly string[];
}

/** Folders of JSON files that keep something beside the snapshots. */
const keepers = ['tag', 'branch', 'changelog', 'consumer'];

/**
 * @param snapshotMax the newest snapshot of the copy; 0: none.
 * @param prepared names of files that no snapshot names and that belong to it all the same.
 * @throws {WarehouseError} `MR_PAIMON_DAMAGED`, `MR_FILE_MISSING` when what says so cannot be read.
 */
export async function tableFiles(table: PaimonTable, snapshotMax: number, prepared: ReadonlySet<string>): Promise<TableFiles> {
  const {files, paths: at, directory} = table;
  const paths: string[] = [];
  const take = async (folder: string, wanted: (name: string) => boolean): Promise<void> => {
    if (!(await files.exists(folder))) return;
    for (const {kind, name} of await files.readdir(folder)) {
      if (kind === 'file' && wanted(name)) paths.push(join(folder, name));
    }
  };
  const takeTree = async (folder: string): Promise<void> => {
    await take(folder, (name) => !name.startsWith('.'));
    if (!(await files.exists(folder))) return;
    for (const {kind, name} of await files.readdir(folder)) if (kind === 'directory') await takeTree(join(folder, name));
  };
  const named = new FileNames(table);
  const ids = (await table.snapshots.ids()).filter((id) => id <= snapshotMax);
  for (const id of ids) {
    await named.add(await table.snapshots.read(id));
    paths.push(at.snapshot(id));
  }
  for (const snapshot of (await tableReferences(table)).kept) await named.add(snapshot);
  for (const keeper of keepers) await takeTree(join(directory, keeper));
  await take(at.schemaDirectory(), (name) => /^schema-\d+$/.test(name));
  await take(at.manifestDirectory(), (name) => named.manifests.has(name));
  await take(join(directory, 'index'), (name) => named.index.has(name));
  await take(join(directory, 'statistics'), (name) => named.index.has(name));
  for (const bucket of await bucketDirectories(table)) await take(bucket, (name) => named.data.has(name) || prepared.has(name));
  const hints = ids.length === 0 ? [] : [{path: at.hint('EARLIEST'), text: String(ids[0])}, {path: at.hint('LATEST'), text: String(ids.at(-1))}];
  return {paths, hints, directories: [at.schemaDirectory(), at.snapshotDirectory(), at.manifestDirectory()]};
}
