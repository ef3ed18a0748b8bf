/** Tests only: a table's life cut off at every operation of its file system, or at every n-th, and lived again from there. */
import assert from 'node:assert/strict';
import {mkdir} from 'node:fs/promises';
import {join} from 'node:path';
import type {Session} from '../../kernel/session.ts';
import {CrashError, FailingFileSystem} from '../file/failing-file-system.ts';
import type {FileSystem} from '../file/file-system.ts';
import {PaimonTable} from './paimon-table.ts';
import {doors, seed, withSession} from './test-tables.ts';

export interface CrashedLife {
  /** The whole life of a table in `directory`; each of its steps is what a restart would repeat. */
  readonly live: (session: Session, files: FileSystem, directory: string) => Promise<void>;
  /** Judges what a crash left, if it left a table. @param at says which crash, for messages. */
  readonly checkLeft: (session: Session, table: PaimonTable, at: string) => Promise<void>;
  /** Judges the table after the life was lived again from there. */
  readonly checkEnd: (session: Session, table: PaimonTable, at: string) => Promise<void>;
  /** Of so many operations one is tried, from another start per seed; all of them with MR_SOAK. */
  readonly stride: number;
  /** So many operations there are at least. */
  readonly operationsMin: number;
}

/** Crashes a life at its operations one after the other, until it survives. */
export async function crashLife(life: CrashedLife): Promise<void> {
  await withSession(async (session, directory) => {
    const stride = process.env['MR_SOAK'] === undefined ? life.stride : 1;
    let crashes = 0;
    for (let operation = 1 + (seed % stride); !(await crashOnce(life, session, join(directory, String(operation)), operation)); operation += stride) crashes++;
    assert.ok(crashes > life.operationsMin / stride, `only ${crashes} operations were crashed`);
  });
}

/** @returns whether the life ended before that operation. */
async function crashOnce({live, checkLeft, checkEnd}: CrashedLife, session: Session, root: string, operation: number): Promise<boolean> {
  await mkdir(root, {recursive: true});
  const directory = join(root, 'default.db', 't');
  const files = await FailingFileSystem.over(root);
  files.crashAt(operation, {torn: 20});
  const survived = await live(session, files, directory).then(() => true, (error: unknown) => {
    if (!(error instanceof CrashError)) throw error;
    return false;
  });
  // The machine died (only what was synced is left), or now and then the process alone.
  await files.crash(operation % 3 === 0 ? 'none' : 'unsynced');
  const at = `crash at operation ${operation} (${files.trace.at(-1) ?? ''})`;
  const left = await PaimonTable.open(doors, directory).then((table) => table, (error: {code?: string}) => {
    assert.equal(error.code, 'MR_PAIMON_MISSING', at);
    return null;
  });
  if (left !== null) await checkLeft(session, left, at);
  await live(session, await FailingFileSystem.over(root), directory); // a double too: nothing needs to reach the disk here
  await checkEnd(session, await PaimonTable.open(doors, directory), at);
  return survived;
}
