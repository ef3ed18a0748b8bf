/**
 * Orphans: files of a table that no snapshot names, left by a flush, bulk load or compaction that never committed, or by a lost try.
 *
 * Only for the owner of the table, while nothing of it is being written, and with the files that the log still names: a prepared
 * file is an orphan to everybody but its frame.
 */
import {join} from 'node:path';
import {temporaryName} from '../file/durable.ts';
import {decodeIndexManifest} from '../paimon/index-manifest.ts';
import type {PaimonTable} from './paimon-table.ts';

/**
 * @param keep file names that are prepared and may still be committed.
 * @returns paths of files that nothing names, sorted.
 */
export async function findOrphans(table: PaimonTable, keep: ReadonlySet<string>): Promise<readonly string[]> {
  const named = await namedFiles(table);
  const orphans: string[] = [];
  const visit = async (directory: string, ours: (name: string) => boolean): Promise<void> => {
    if (!(await table.files.exists(directory))) return;
    for (const entry of await table.files.readdir(directory)) {
      if (entry.kind !== 'file' || named.has(entry.name) || keep.has(entry.name)) continue;
      if (temporaryName(entry.name) || ours(entry.name)) orphans.push(join(directory, entry.name));
    }
  };
  for (const directory of await bucketDirectories(table)) await visit(directory, (name) => /^(data|changelog)-/.test(name));
  await visit(table.paths.manifestDirectory(), (name) => /^(manifest|index-manifest)-/.test(name));
  await visit(table.paths.snapshotDirectory(), () => false);
  await visit(table.paths.schemaDirectory(), () => false);
  return orphans.sort();
}

/** @returns the directories that hold data files, those of partitions included. */
export async function bucketDirectories(table: PaimonTable): Promise<string[]> {
  const found: string[] = [];
  const descend = async (directory: string, depth: number): Promise<void> => {
    for (const {kind, name} of await table.files.readdir(directory)) {
      if (kind !== 'directory') continue;
      if (/^bucket-\d+$/.test(name) && depth === 0) found.push(join(directory, name));
      else if (name.includes('=') && depth > 0) await descend(join(directory, name), depth - 1);
    }
  };
  await descend(join(table.directory, table.schema.options['data-file.path-directory'] ?? ''), table.partitionFields.length);
  return found;
}

/** Removes what {@link findOrphans} finds. @returns how many files went. */
export async function removeOrphans(table: PaimonTable, keep: ReadonlySet<string>): Promise<number> {
  const orphans = await findOrphans(table, keep);
  for (const path of orphans) await table.files.unlink(path);
  return orphans.length;
}

/** @returns the names of all files that snapshots refer to; names are unique, they hold a uuid. */
async function namedFiles(table: PaimonTable): Promise<Set<string>> {
  const named = new Set<string>();
  const seenManifests = new Set<string>();
  for (const id of await table.snapshots.ids()) {
    const snapshot = await table.snapshots.read(id);
    const lists = [[snapshot.baseManifestList, snapshot.baseManifestListSize], [snapshot.deltaManifestList, snapshot.deltaManifestListSize],
      [snapshot.changelogManifestList, snapshot.changelogManifestListSize]] as const;
    for (const [list, bytes] of lists) {
      if (list === undefined || named.has(list)) continue;
      named.add(list);
      for (const meta of await table.manifestList(list, bytes)) {
        if (seenManifests.has(meta.fileName)) continue;
        seenManifests.add(meta.fileName);
        named.add(meta.fileName);
        for (const {file} of await table.entries([meta])) {
          named.add(file.fileName);
          for (const extra of file.extraFiles) named.add(extra);
        }
      }
    }
    if (snapshot.indexManifest === undefined || named.has(snapshot.indexManifest)) continue;
    named.add(snapshot.indexManifest);
    const path = table.paths.manifest(snapshot.indexManifest);
    for (const entry of await decodeIndexManifest(await table.files.readFile(path), path)) named.add(entry.fileName);
  }
  return named;
}
