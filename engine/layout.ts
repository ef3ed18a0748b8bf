/** Where things lie in a warehouse's folder; see docs/formats/warehouse.md. */
import {join} from 'node:path';
import {tableDirectory} from '../storage/lsm/table-paths.ts';
import type {TableSpec} from '../catalog/spec.ts';

export const metaDirectory = (directory: string): string => join(directory, '_millrace');
export const logDirectory = (directory: string): string => join(directory, '_millrace', 'log');
export const checkpointDirectory = (directory: string): string => join(directory, '_millrace', 'checkpoint');
/** Files of dropped tables that a checkpoint may still name; see table-home.ts. */
export const droppedDirectory = (directory: string): string => join(directory, '_millrace', 'dropped');
/** Where maintain spills; what lies in it is worth nothing after the process. */
export const maintainDirectory = (directory: string): string => join(directory, '_millrace', 'live', 'maintain');
/** Where compaction's instance spills; the same holds. */
export const compactionDirectory = (directory: string): string => join(directory, '_millrace', 'live', 'compaction');
/** Where rows of state go when memory is short, a file a table; emptied at open. */
export const pageDirectory = (directory: string): string => join(directory, '_millrace', 'live', 'pages');
/** Positions of rows, kept over a clean close; see position-image.ts. */
export const positionsDirectory = (directory: string): string => join(directory, '_millrace', 'live', 'positions');
/** The read cache, and what says that it is whole; see live-image.ts. */
export const liveDirectory = (directory: string): string => join(directory, '_millrace', 'live');
/** Where rows of large statements wait for their epoch; emptied at open. */
export const spoolDirectory = (directory: string): string => join(directory, '_millrace', 'live', 'temp');
/** A file per table that has files under way which no frame may name; see worker-bulk.ts. */
export const bulkDirectory = (directory: string): string => join(directory, '_millrace', 'bulk');
/** Further names of files that a backup under way holds; emptied at open. */
export const stagingDirectory = (directory: string): string => join(directory, '_millrace', 'backup');
/** Stands in a folder as long as a backup to it is not whole. */
export const backupMark = (directory: string): string => join(directory, '_millrace', 'incomplete-backup');
export const formatFile = (directory: string): string => join(directory, '_millrace', 'format');

/** `$` belongs to Paimon's system tables: `t$rejected` lies in a folder of its own name. */
export function directoryOf(directory: string, table: Pick<TableSpec, 'schema' | 'name'>): string {
  const at = table.name.indexOf('$');
  const name = at === -1 ? table.name : `_mr_${table.name.slice(at + 1)}_${table.name.slice(0, at)}`;
  return tableDirectory(directory, table.schema, name);
}
