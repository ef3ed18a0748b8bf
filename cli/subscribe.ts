/** `millrace subscribe`: one JSON line a change, and one at the end of every epoch. */
import {WarehouseError} from '../base/error.ts';
import {openTarget, type TargetOptions} from './target.ts';

export async function runSubscribe(tables: readonly string[], options: TargetOptions & {from: string; limit?: string}): Promise<void> {
  if (options.from !== 'snapshot' && options.from !== 'latest' && !/^\d+$/.test(options.from)) throw new WarehouseError('invalid', 'MR_USAGE', `--from is "${options.from}": expected snapshot, latest or an epoch`);
  const limit = options.limit === undefined ? Infinity : Number(options.limit);
  if (Number.isNaN(limit) || limit < 0) throw new WarehouseError('invalid', 'MR_USAGE', `--limit is "${options.limit}": expected a number`);
  const target = await openTarget(options);
  const ended = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => ended.abort());
  process.stdout.on('error', () => ended.abort()); // the reader of the pipe has gone
  let count = 0;
  try {
    for await (const line of target.subscribe(tables, options.from, ended.signal)) {
      process.stdout.write(`${JSON.stringify(line)}\n`);
      if (line['op'] !== undefined && ++count >= limit) break;
    }
  } catch (cause) {
    if (!ended.signal.aborted) throw cause;
  } finally {
    ended.abort();
    await target.close();
  }
}
