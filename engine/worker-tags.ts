/**
 * Tags as other engines see them: a tag of the warehouse whose epoch is a checkpoint's is also the file `tag/tag-<name>` of every table
 * that had a snapshot then, as Paimon has it: that snapshot, word for word, so that `scan.tag-name` reads it and expiry leaves what it
 * names. Ours say so in a property of their own; a file of that name that somebody else made is left alone.
 *
 * The record in the log is the tag, the files follow from it: they are made and removed after it, and at every opening whatever a crash
 * or a failure left undone is done. Until then the tag holds by its record.
 */
import {basename, dirname, join} from 'node:path';
import {epoch as toEpoch} from '../base/epoch.ts';
import type {DdlRecord, TagSpec} from '../catalog/spec.ts';
import type {Catalog} from '../catalog/catalog.ts';
import {makeDirectoryDurably, writeDurably} from '../storage/file/durable.ts';
import type {FileSystem} from '../storage/file/file-system.ts';
import {PaimonTable} from '../storage/lsm/paimon-table.ts';
import {parseSnapshot, printSnapshot} from '../storage/paimon/snapshot.ts';
import type {HistoryHold} from './history-holds.ts';
import {droppedDirectory} from './layout.ts';
import {tableHome, tagProperty} from './table-home.ts';
import {systemClock} from '../base/clock.ts';
import type {Checkpointer} from './worker-checkpoint.ts';

export interface TagScope {
  readonly files: FileSystem;
  /** The warehouse's. */
  readonly directory: string;
  readonly checkpointer: Checkpointer;
  readonly catalog: Catalog;
}

/** @returns what tags hold. */
export function* tagHolds(catalog: Catalog): Generator<HistoryHold> {
  for (const {name, epoch, checkpoint, untilMs} of catalog.tags()) yield {kind: 'tag', name, epoch: toEpoch(epoch), reach: checkpoint ? 'moment' : 'onward', untilMs};
}

/** Makes and removes the files of tags that committed records made and dropped. A failure is made good at the next opening. */
export async function followTagRecords(scope: TagScope, records: readonly DdlRecord[]): Promise<void> {
  const made = records.flatMap((record) => (record.kind === 'create-tag' ? [record.tag] : []));
  const dropped = new Set(records.flatMap((record) => (record.kind === 'drop-tag' ? [record.name] : [])));
  if (made.length === 0 && dropped.size === 0) return;
  await scope.checkpointer.exclusive(async () => {
    if (dropped.size > 0) await removeTagFiles(scope, (name) => dropped.has(name));
    for (const tag of made) await writeTagFiles(scope, tag);
  }).catch(() => undefined);
}

/** Brings all tag files to what the catalog says. */
export async function settleTags(scope: TagScope): Promise<void> {
  await scope.checkpointer.exclusive(async () => {
    const {catalog} = scope;
    await removeTagFiles(scope, (name) => catalog.findTag(name)?.checkpoint !== true);
    for (const tag of catalog.tags()) await writeTagFiles(scope, tag);
  }, false).catch(() => undefined);
}

async function writeTagFiles({files, directory, checkpointer}: TagScope, tag: TagSpec): Promise<void> {
  if (!tag.checkpoint) return;
  const checkpoint = await checkpointer.loadKept(toEpoch(tag.epoch));
  for (const entry of checkpoint?.tables ?? []) {
    if (entry.snapshotId === 0) continue;
    const home = await tableHome(files, directory, entry);
    const path = join(home, 'tag', `tag-${tag.name}`);
    if (await files.exists(path)) continue;
    const table = await PaimonTable.open({files, clock: systemClock}, home);
    const snapshot = await table.snapshots.read(entry.snapshotId);
    await makeDirectoryDurably(files, dirname(path));
    await writeDurably(files, path, Buffer.from(printSnapshot({...snapshot, properties: {...snapshot.properties, [tagProperty]: tag.name}})));
  }
}

/** Removes our tag files whose tag `unwanted` names, of tables that are there and of dropped ones. */
async function removeTagFiles({files, directory, checkpointer}: TagScope, unwanted: (name: string) => boolean): Promise<void> {
  const aside = droppedDirectory(directory);
  const homes = new Set<string>();
  if (await files.exists(aside)) for (const {kind, name} of await files.readdir(aside)) if (kind === 'directory') homes.add(join(aside, name));
  for (const entry of checkpointer.newest()?.tables ?? []) homes.add(await tableHome(files, directory, entry));
  for (const home of homes) {
    const at = join(home, 'tag');
    if (!(await files.exists(at))) continue;
    let removed = false;
    for (const {kind, name: file} of await files.readdir(at)) {
      if (kind !== 'file' || !/^tag-./.test(file)) continue;
      const name = basename(file).slice('tag-'.length);
      if (!unwanted(name)) continue;
      const path = join(at, file);
      if (parseSnapshot(Buffer.from(await files.readFile(path)).toString('utf8'), path).properties?.[tagProperty] !== name) continue;
      await files.unlink(path);
      removed = true;
    }
    if (removed) await files.syncDirectory(at);
  }
}
