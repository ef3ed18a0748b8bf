/**
 * `millrace check`: verifies a warehouse that nobody holds, reading only: every frame of the log, every checkpoint, every table and
 * file that they name. Takes the lock meanwhile, so that nothing moves under it.
 */
import {resolve} from 'node:path';
import {systemClock} from '../base/clock.ts';
import {asWarehouseError, WarehouseError} from '../base/error.ts';
import {Kernel} from '../kernel/duckdb.ts';
import {nodeFileSystem} from '../storage/file/node-file-system.ts';
import {listCheckpoints, loadCheckpoint, type Checkpoint} from '../storage/lsm/checkpoint-file.ts';
import {checkTable} from '../storage/lsm/check-table.ts';
import {WarehouseLock} from '../storage/lock.ts';
import {TablePaths} from '../storage/lsm/table-paths.ts';
import {checkLog} from '../storage/log/check-log.ts';
import {Catalog} from '../catalog/catalog.ts';
import {formatFile, logDirectory, metaDirectory} from './layout.ts';
import {tableHome} from './table-home.ts';

export interface CheckReport {
  readonly problems: readonly {readonly where: string; readonly what: string}[];
  readonly checked: {readonly logSegments: number; readonly frames: number; readonly checkpoints: number; readonly tables: number; readonly files: number};
}

const checkMemoryBytes = 1024 ** 3;

/** @throws {WarehouseError} `MR_LOCKED` while it is open elsewhere; `MR_NOT_A_WAREHOUSE`. */
export async function checkWarehouse(path: string): Promise<CheckReport> {
  const directory = resolve(path);
  const files = nodeFileSystem;
  if (!(await files.exists(formatFile(directory)))) throw new WarehouseError('invalid', 'MR_NOT_A_WAREHOUSE', `${directory} is no warehouse: it has no _millrace/format`, {hint: 'name the folder that was given to -w'});
  await using lock = await WarehouseLock.acquire({directory: metaDirectory(directory), fileSystem: files});
  void lock;
  const problems: {where: string; what: string}[] = [];
  const home = metaDirectory(directory);
  const log = await checkLog(files, logDirectory(directory));
  for (const what of log.problems) problems.push({where: logDirectory(directory), what});
  const epochs = await listCheckpoints(files, home);
  let newest: Checkpoint | null = null;
  for (const epoch of epochs) {
    try {
      const checkpoint = await loadCheckpoint(files, home, epoch);
      if (checkpoint === undefined) problems.push({where: `${home}/checkpoint/${epoch}.json`, what: 'is cut off: it is ignored'});
      else {
        Catalog.fromSnapshot(checkpoint.catalog);
        newest = checkpoint;
      }
    } catch (cause) {
      problems.push({where: `${home}/checkpoint/${epoch}.json`, what: asWarehouseError(cause).message});
    }
  }
  let tables = 0;
  let fileCount = 0;
  const kernel = await Kernel.open({threads: 1, memoryBytes: checkMemoryBytes});
  try {
    const session = await kernel.connect();
    for (const table of newest?.tables ?? []) {
      const at = await tableHome(files, directory, table);
      if (table.snapshotId > 0 && !(await files.exists(new TablePaths(at).snapshot(table.snapshotId)))) problems.push({where: at, what: `snapshot ${table.snapshotId}, which checkpoint ${newest!.epoch} names, is missing`});
      const result = await checkTable(session, {files, clock: systemClock}, at);
      tables++;
      fileCount += result.fileCount;
      for (const {path: where, problem} of result.problems) problems.push({where, what: problem});
    }
    await session.close();
  } finally {
    await kernel.close();
  }
  return {problems, checked: {logSegments: log.segments.length, frames: log.frameCount, checkpoints: epochs.length, tables, files: fileCount}};
}
