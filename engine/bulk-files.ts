/** The files that frames name: where they lie now, and what frames keep of them for the checkpoint. */
import {join} from 'node:path';
import {WarehouseError} from '../base/error.ts';
import type {TableId} from '../catalog/spec.ts';
import type {FileSystem} from '../storage/file/file-system.ts';
import type {FrameFile, FrameHeader, JsonValue} from '../storage/log/frame-header.ts';
import type {PreparedFiles} from '../storage/lsm/flush.ts';
import {tableHome} from './table-home.ts';

/** Header note of a frame: the prepared files of its deltas by reference, by table id. */
const noteName = 'prepared';

/**
 * @returns absolute paths of a delta's files, in order: at the table's place, or where they went when the table was dropped.
 * @throws {WarehouseError} `MR_DELTA_GONE` (unavailable) if one is no longer there.
 */
export async function deltaPaths(files: FileSystem, directory: string, id: TableId, named: readonly FrameFile[]): Promise<string[]> {
  const paths: string[] = [];
  for (const {path} of named) {
    // `<schema>.db/<table>`, then directories of partitions and buckets.
    const [database, table, ...rest] = path.split('/');
    const at = join(await tableHome(files, directory, {id, path: join(database!, table!)}), ...rest);
    if (!(await files.exists(at))) throw new WarehouseError('unavailable', 'MR_DELTA_GONE', `the changes of table ${id} lay in '${at}', which is no longer there`, {hint: 'read from a later epoch; if the table was not dropped, restore the file'});
    paths.push(at);
  }
  return paths;
}

/** @returns the header's notes for prepared files. */
export function preparedNotes(prepared: ReadonlyMap<TableId, PreparedFiles>): Readonly<Record<string, JsonValue>> {
  if (prepared.size === 0) return {};
  return {[noteName]: Object.fromEntries([...prepared].map(([id, files]) => [String(id), plain(files)]))};
}

function plain(files: PreparedFiles): JsonValue {
  return JSON.parse(JSON.stringify(files)) as JsonValue;
}

/** @returns a table's prepared files in a frame's header; undefined if its delta is inline. */
export function preparedOf(header: FrameHeader, id: number): PreparedFiles | undefined {
  const note = header.notes[noteName] as Readonly<Record<string, JsonValue>> | undefined;
  return note?.[String(id)] as unknown as PreparedFiles | undefined;
}
