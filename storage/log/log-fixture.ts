/** What the tests of the log share: frames whose content can be told apart, and reading a log back. */
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {epoch} from '../../base/epoch.ts';
import type {FileSystem} from '../file/file-system.ts';
import {nodeFileSystem} from '../file/node-file-system.ts';
import {decodeFrame, encodeFrame} from './frame.ts';
import {emptyHeader} from './frame-header.ts';
import type {LogOptions, LoggedFrame} from './log.ts';
import {Log} from './log.ts';

/** Runs `work` in a directory of its own, removed afterwards. */
export async function inDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-log-'));
  try {
    return await work(directory);
  } finally {
    await rm(directory, {recursive: true});
  }
}

/** @returns the frame of an epoch that carries `text`. */
export function textFrame(of: number, text: string): Uint8Array {
  return encodeFrame({epoch: epoch(of), header: {...emptyHeader, notes: {text}}, tables: []});
}

/** @returns `<epoch> <text>` of a frame made by `textFrame`. */
export function frameText(frame: LoggedFrame): string {
  const {epoch: of, header} = decodeFrame(frame.bytes);
  return `${of === frame.epoch ? of : `${of} as ${frame.epoch}`} ${String(header.notes['text'])}`;
}

export async function textsOf(frames: AsyncIterable<LoggedFrame>): Promise<string[]> {
  const texts: string[] = [];
  for await (const frame of frames) texts.push(frameText(frame));
  return texts;
}

/** Opens a log and reads what it recovers. */
export async function openLog(directory: string, options: Partial<LogOptions> & {readonly after?: number} = {}, fileSystem: FileSystem = nodeFileSystem): Promise<{log: Log; texts: string[]}> {
  const {log, recovered} = await Log.open({...options, directory, fileSystem, afterEpoch: epoch(options.after ?? 0)});
  return {log, texts: await textsOf(recovered)};
}
