/**
 * Orphans: files of a table that nothing names, left by a flush, bulk load or compaction that never committed, by an expiry that was
 * cut off, or by a lost try.
 *
 * Only files that bear our names, in the folders that we write, and only such as are older than `olderThanMs`: what is being written at
 * this moment, by us or by another engine, is no orphan. Named is what a snapshot, tag, branch or long-lived changelog names, and what
 * frames of the log hold for the next checkpoint: a prepared file is an orphan to everybody but its frame.
 */
import {join} from 'node:path';
import {temporaryName} from '../file/durable.ts';
import type {PaimonTable} from './paimon-table.ts';
import {FileNames, tableReferences} from './table-references.ts';

/**
 * @param keep file names that are prepared and may still be committed.
 * @param olderThanMs ms since 1970: files changed after it are left alone. Without it nothing may be written to the table meanwhile.
 * @returns paths of files that nothing names, sorted.
 */
export async function findOrphans(table: PaimonTable, keep: ReadonlySet<string>, olderThanMs = Infinity): Promise<readonly string[]> {
  // First what there is, then what is named: a file that is named between the two is none.
  const found: {readonly path: string; readonly name: string}[] = [];
  const visit = async (directory: string, ours: (name: string) => boolean): Promise<void> => {
    if (!(await table.files.exists(directory))) return;
    for (const {kind, name} of await table.files.readdir(directory)) {
      if (kind !== 'file' || keep.has(name) || !(temporaryName(name) || ours(name))) continue;
      const path = join(directory, name);
      if (olderThanMs !== Infinity && ((await table.files.stat(path))?.modifiedMs ?? Infinity) > olderThanMs) continue;
      found.push({path, name});
    }
  };
  for (const directory of await bucketDirectories(table)) await visit(directory, (name) => /^(data|changelog)-/.test(name));
  await visit(table.paths.manifestDirectory(), (name) => /^(manifest|index-manifest)-/.test(name));
  await visit(table.paths.snapshotDirectory(), () => false);
  await visit(table.paths.schemaDirectory(), () => false);
  if (found.length === 0) return [];
  const named = new FileNames(table);
  for (const id of await table.snapshots.ids()) await named.add(await table.snapshots.read(id));
  for (const snapshot of (await tableReferences(table)).kept) await named.add(snapshot);
  return found.filter(({name}) => !named.has(name)).map(({path}) => path).sort();
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
export async function removeOrphans(table: PaimonTable, keep: ReadonlySet<string>, olderThanMs = Infinity): Promise<number> {
  const orphans = await findOrphans(table, keep, olderThanMs);
  for (const path of orphans) await table.files.unlink(path);
  return orphans.length;
}
