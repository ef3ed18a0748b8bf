/** `millrace check`: verifies a stopped warehouse without changing it. Exit 1 and what is wrong. */
import {WarehouseError} from '../base/error.ts';
import {checkWarehouse} from '../engine/check.ts';
import type {TargetOptions} from './target.ts';

export async function runCheck(options: TargetOptions): Promise<void> {
  if (options.warehouse === undefined) throw new WarehouseError('invalid', 'MR_USAGE', 'no warehouse is named', {hint: 'give -w DIR or set MILLRACE_WAREHOUSE'});
  const {problems, checked} = await checkWarehouse(options.warehouse);
  for (const {where, what} of problems) process.stdout.write(`${where}: ${what}\n`);
  process.stderr.write(`checked ${checked.logSegments} log segments with ${checked.frames} epochs, ${checked.checkpoints} checkpoints, ${checked.tables} tables with ${checked.files} files: ${problems.length === 0 ? 'all well' : `${problems.length} problems`}\n`);
  if (problems.length > 0) process.exitCode = 1;
}
