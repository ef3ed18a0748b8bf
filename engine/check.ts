/**
 * `millrace check`: verifies a warehouse that nobody holds, reading only: every frame of the log, every checkpoint, every table and
 * file that they name, and whether they hold together (check-history.ts). Takes the lock meanwhile, so that nothing moves under it.
 */
import {relative, resolve} from 'node:path';
import {systemClock} from '../base/clock.ts';
import {WarehouseError} from '../base/error.ts';
import {Kernel} from '../kernel/duckdb.ts';
import {nodeFileSystem} from '../storage/file/node-file-system.ts';
import {checkPrepared, checkTable} from '../storage/lsm/check-table.ts';
import {WarehouseLock} from '../storage/lock.ts';
import {checkLog} from '../storage/log/check-log.ts';
import {HistoryCheck} from './check-history.ts';
import type {CheckProblem} from './check-tags.ts';
import {directoryOf, formatFile, logDirectory, metaDirectory} from './layout.ts';
import {refuseIncomplete} from './prepare-directory.ts';
import {tableForm} from './table-form.ts';
import {tableHome} from './table-home.ts';
import {readFormat} from './upgrade-steps.ts';

export interface CheckReport {
  readonly problems: readonly CheckProblem[];
  readonly checked: {readonly logSegments: number; readonly frames: number; readonly checkpoints: number; readonly tables: number; readonly files: number};
}

const checkMemoryBytes = 1024 ** 3;

/** @throws {WarehouseError} `MR_LOCKED` while it is open elsewhere; `MR_NOT_A_WAREHOUSE`; `MR_BACKUP_INCOMPLETE`; `MR_FORMAT_NEWER`, `MR_FORMAT_DAMAGED`. */
export async function checkWarehouse(path: string): Promise<CheckReport> {
  const directory = resolve(path);
  const files = nodeFileSystem;
  await refuseIncomplete(directory);
  if (!(await files.exists(formatFile(directory)))) throw new WarehouseError('invalid', 'MR_NOT_A_WAREHOUSE', `${directory} is no warehouse: it has no _millrace/format`, {hint: 'name the folder that was given to -w'});
  readFormat(formatFile(directory), Buffer.from(await files.readFile(formatFile(directory))).toString('utf8'));
  await using lock = await WarehouseLock.acquire({directory: metaDirectory(directory), fileSystem: files});
  void lock;
  const problems: CheckProblem[] = [];
  const history = await HistoryCheck.open(files, directory);
  const log = await checkLog(files, logDirectory(directory), (frame, where) => history.frame(frame, where));
  for (const what of log.problems) problems.push({where: logDirectory(directory), what});
  await history.finish(log);
  problems.push(...history.problems);
  let tables = 0;
  let fileCount = 0;
  const kernel = await Kernel.open({threads: 1, memoryBytes: checkMemoryBytes});
  try {
    const session = await kernel.connect();
    for (const table of history.newest?.tables ?? []) {
      const at = await tableHome(files, directory, table);
      const result = await checkTable(session, {files, clock: systemClock}, at);
      tables++;
      fileCount += result.fileCount;
      for (const {path: where, problem} of result.problems) problems.push({where, what: problem});
    }
    for (const {table, prepared, epoch} of history.preparedFiles()) {
      const at = await tableHome(files, directory, {id: table.id, path: relative(directory, directoryOf(directory, table))});
      const result = await checkPrepared(session, {files, clock: systemClock}, at, tableForm(table), prepared);
      fileCount += result.fileCount;
      for (const {path: where, problem} of result.problems) problems.push({where, what: `epoch ${epoch} of the log names it: ${problem}; restore it from a backup`});
    }
    await session.close();
  } finally {
    await kernel.close();
  }
  return {problems, checked: {logSegments: log.segments.length, frames: log.frameCount, checkpoints: history.checkpointCount, tables, files: fileCount}};
}
