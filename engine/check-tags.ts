/**
 * Whether what tags promise is kept. Of a tag that is a checkpoint: that checkpoint, and of every table in it a snapshot that is still
 * there, by itself or as the file `tag/tag-<name>`, which must be that of the same commit. Of one between checkpoints: the history from
 * its epoch on. A tag file that is not there is none of that: it is made at the next opening, as long as the snapshot stands; nor is one
 * whose tag is gone, or whose time has ended.
 */
import {join} from 'node:path';
import {epoch as toEpoch} from '../base/epoch.ts';
import {asWarehouseError, WarehouseError} from '../base/error.ts';
import type {TagSpec} from '../catalog/spec.ts';
import type {FileSystem} from '../storage/file/file-system.ts';
import {checkpointPath, type Checkpoint, type CheckpointTable} from '../storage/lsm/checkpoint-file.ts';
import {SnapshotStore} from '../storage/lsm/snapshot-store.ts';
import {TablePaths} from '../storage/lsm/table-paths.ts';
import {parseSnapshot, type Snapshot} from '../storage/paimon/snapshot.ts';
import {metaDirectory} from './layout.ts';
import {tableHome, tableOfSnapshot, tagProperty} from './table-home.ts';

/** Where something is wrong, and what: what was expected, what was found, what to do. */
export interface CheckProblem {
  readonly where: string;
  readonly what: string;
}

/** What is known of the warehouse. */
export interface TagsChecked {
  readonly files: FileSystem;
  readonly directory: string;
  readonly tags: readonly TagSpec[];
  /** Whole ones. */
  readonly checkpoints: readonly Checkpoint[];
  /** The newest epoch, and the oldest from which history is kept. */
  readonly newest: number;
  readonly oldest: number;
  readonly nowMs: number;
}

/** @returns what is wrong with tags; throws nothing of what is on disk. */
export async function tagProblems(checked: TagsChecked): Promise<CheckProblem[]> {
  const problems: CheckProblem[] = [];
  for (const tag of checked.tags) {
    const where = `tag ${tag.name}`;
    const add = (what: string, at = where): void => void problems.push({where: at, what});
    if (tag.epoch > checked.newest) {
      add(`names epoch ${tag.epoch}, the newest is ${checked.newest}: restore the log from a backup, or DROP TAG ${tag.name}`);
      continue;
    }
    if (tag.untilMs !== null && tag.untilMs < tag.createdMs) add(`was made at ${time(tag.createdMs)} and ends at ${time(tag.untilMs)}, before that: DROP TAG ${tag.name} and make it anew`);
    // What it kept goes at the next opening.
    if (tag.untilMs !== null && tag.untilMs <= checked.nowMs) continue;
    if (!tag.checkpoint) {
      if (tag.epoch < checked.oldest) add(`keeps history from epoch ${tag.epoch} on, it is kept from epoch ${checked.oldest} on only: DROP TAG ${tag.name}`);
      continue;
    }
    const checkpoint = checked.checkpoints.find(({epoch}) => epoch === tag.epoch);
    if (checkpoint === undefined) {
      add(`expected the checkpoint of epoch ${tag.epoch}, which it keeps, found none that is whole: restore it from a backup, or DROP TAG ${tag.name}`, checkpointPath(metaDirectory(checked.directory), toEpoch(tag.epoch)));
      continue;
    }
    for (const entry of checkpoint.tables) {
      if (entry.snapshotId === 0) continue;
      try {
        await checkTagOf(checked, tag, entry, add);
      } catch (cause) {
        add(`table ${entry.path}: ${asWarehouseError(cause).message}`);
      }
    }
  }
  return problems;
}

async function checkTagOf({files, directory}: TagsChecked, tag: TagSpec, entry: CheckpointTable, add: (what: string, at?: string) => void): Promise<void> {
  const paths = new TablePaths(await tableHome(files, directory, entry));
  const path = join(paths.tagDirectory(), `tag-${tag.name}`);
  const named = await snapshotOf(new SnapshotStore(files, paths), entry.snapshotId);
  if (named === null) {
    add(`expected snapshot ${entry.snapshotId}, which checkpoint ${tag.epoch} names and the tag keeps, found neither its file nor a tag of it: restore it from a backup, or DROP TAG ${tag.name}`, paths.snapshot(entry.snapshotId));
    return;
  }
  if (!(await files.exists(path))) return;
  const kept = parseSnapshot(Buffer.from(await files.readFile(path)).toString('utf8'), path);
  // Somebody else's of that name.
  if (kept.properties?.[tagProperty] !== tag.name) return;
  const owner = tableOfSnapshot(kept);
  if (owner !== undefined && owner !== entry.id) add(`expected a snapshot of table ${entry.id}, found one of table ${owner}: remove the file, it is made anew at the next opening`, path);
  // Compaction may have made another snapshot of the same commit since.
  else if (kept.commitIdentifier !== named.commitIdentifier) add(`expected snapshot ${named.id} of epoch ${named.commitIdentifier}, which checkpoint ${tag.epoch} names, found snapshot ${kept.id} of epoch ${kept.commitIdentifier}: remove the file, it is made anew at the next opening`, path);
}

async function snapshotOf(store: SnapshotStore, id: number): Promise<Snapshot | null> {
  try {
    return await store.read(id);
  } catch (cause) {
    if (cause instanceof WarehouseError && cause.code === 'MR_SNAPSHOT_GONE') return null;
    throw cause;
  }
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}
