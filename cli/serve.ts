/** `millrace serve`: holds the warehouse until SIGINT or SIGTERM, then closes it cleanly. */
import {WarehouseError} from '../base/error.ts';
import {Warehouse} from '../engine/warehouse.ts';
import {serve} from '../server/main.ts';
import {checkBinding} from '../server/guard.ts';
import type {TargetOptions} from './target.ts';

export async function runServe(options: TargetOptions & {host: string; port: string}): Promise<void> {
  const port = Number(options.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new WarehouseError('invalid', 'MR_USAGE', `port is "${options.port}": expected 0 to 65535`);
  if (options.warehouse === undefined) throw new WarehouseError('invalid', 'MR_USAGE', 'no warehouse is named', {hint: 'give -w DIR or set MILLRACE_WAREHOUSE'});
  checkBinding(options.host, options.token);
  const warehouse = await Warehouse.open({path: options.warehouse, allowDirectories: options.allowDir ?? []});
  try {
    const serving = await serve(warehouse, {host: options.host, port, token: options.token});
    await warehouse.announce(serving.url);
    process.stderr.write(`millrace serves ${options.warehouse} at ${serving.url} (epoch ${warehouse.epoch})\n`);
    const signal = await new Promise<string>((resolve) => {
      for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => resolve(name));
    });
    process.stderr.write(`${signal}: closing\n`);
    await serving.close();
  } finally {
    await warehouse.close();
  }
}
