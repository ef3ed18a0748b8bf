/** `millrace subscribe`: one JSON line a change, and one at the end of every epoch; of tables, or of a durable subscription. */
import {WarehouseError} from '../base/error.ts';
import {uuid} from '../base/id.ts';
import {openTarget, type TargetOptions} from './target.ts';

export async function runSubscribe(tables: readonly string[], options: TargetOptions & {from?: string; limit?: string; subscription?: string; commit?: boolean}): Promise<void> {
  const {from, subscription} = options;
  if ((subscription === undefined) === (tables.length === 0)) throw new WarehouseError('invalid', 'MR_USAGE', subscription === undefined ? 'no table is named' : 'both tables and a subscription are named', {hint: 'name tables, or --subscription NAME'});
  if (subscription !== undefined && from !== undefined) throw new WarehouseError('invalid', 'MR_USAGE', '--from is given with --subscription', {hint: 'a subscription begins where it was committed'});
  if (subscription === undefined && options.commit === true) throw new WarehouseError('invalid', 'MR_USAGE', '--commit is given without --subscription', {hint: 'tables have no position to commit'});
  if (from !== undefined && from !== 'snapshot' && from !== 'latest' && !/^\d+$/.test(from)) throw new WarehouseError('invalid', 'MR_USAGE', `--from is "${from}": expected snapshot, latest or an epoch`);
  const limit = options.limit === undefined ? Infinity : Number(options.limit);
  if (Number.isNaN(limit) || limit < 0) throw new WarehouseError('invalid', 'MR_USAGE', `--limit is "${options.limit}": expected a number`);
  const target = await openTarget(options);
  const ended = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => ended.abort());
  process.stdout.on('error', () => ended.abort()); // the reader of the pipe has gone
  const consumer = uuid();
  let count = 0;
  try {
    const lines = subscription === undefined ? target.subscribe(tables, from ?? 'latest', ended.signal) : target.follow(subscription, consumer, ended.signal);
    for await (const line of lines) {
      const {epoch, complete, op} = line;
      await printed(`${JSON.stringify(line)}\n`);
      // Only what the reader of the pipe has been given is done with.
      if (subscription !== undefined && options.commit === true && complete === true && typeof epoch === 'number') await target.commit(subscription, epoch, consumer);
      if (op !== undefined) count++;
      // A subscription is left at the end of an epoch: a part of one cannot be committed.
      if (count >= limit && (subscription === undefined || complete === true)) break;
    }
  } catch (cause) {
    if (!ended.signal.aborted) throw cause;
  } finally {
    ended.abort();
    await target.close();
  }
}

function printed(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (cause) => (cause === null || cause === undefined ? resolve() : reject(cause)));
  });
}
