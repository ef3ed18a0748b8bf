/**
 * R1: how soon a warehouse is back. A keyed table of `rows` keys, checkpointed, then upserts over uniform keys until the log's tail has
 * `tailMiB`; then (a) a clean close, (b) SIGKILL. A fresh process opens each, and tells from the call of `Warehouse.open` on: the first
 * consistent read answered (count and sum of the whole table at the newest epoch, compared with what was written), the next one (beside
 * the loading), the first INSERT answered, state loaded, and everything hot (the read cache filled too, and a read from it answered).
 * `startedMs`: what the process took before, most of it the loader of TypeScript. The page cache of the machine is warm.
 */
import {spawn} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {invariant} from '../base/invariant.ts';
import {opening, type Expected} from './r1-process.ts';

interface Written {
  readonly expected: Expected;
  readonly tailMiB: number;
}

/** Makes the warehouse in a process of its own. @returns what it holds, when that process is gone. */
async function written(path: string, rows: number, tailMiB: number, kill: boolean): Promise<Written> {
  const child = spawn(process.execPath, ['--import', 'tsx', join(dirname(import.meta.filename), 'r1-process.ts'), 'write', path, String(rows), String(tailMiB * 2 ** 20), kill ? 'wait' : 'close'], {stdio: ['ignore', 'pipe', 'inherit']});
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let text = '';
  for await (const chunk of child.stdout) {
    text += String(chunk);
    if (kill && text.includes('\n')) child.kill('SIGKILL');
  }
  await ended;
  invariant(text.includes('\n'), 'the writing process ended without a word');
  return JSON.parse(text) as Written;
}

/** @param options.rows keys of the table; `tailMiB` of the log after the checkpoint. */
export async function run({rows = 10_000_000, tailMiB = 1024}: {rows?: number; tailMiB?: number} = {}): Promise<object> {
  const figures: Record<string, object> = {};
  for (const [name, kill] of [['closed', false], ['killed', true]] as const) {
    const path = mkdtempSync(join(tmpdir(), 'millrace-r1-'));
    try {
      const {expected, tailMiB: tail} = await written(path, rows, tailMiB, kill);
      figures[name] = {tailMiB: tail, ...opening(path, expected)};
    } finally {
      rmSync(path, {recursive: true, force: true});
    }
  }
  return {id: 'R1', rows, tailMiB, ...figures, verifiedRows: rows};
}
