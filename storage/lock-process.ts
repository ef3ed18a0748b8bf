/** A process for the lock's test: takes the lock of the directory in its first argument, says so, and waits to be killed. */
import {asWarehouseError} from '../base/error.ts';
import {nodeFileSystem} from './file/node-file-system.ts';
import {WarehouseLock} from './lock.ts';

const [, , directory = '', url] = process.argv;
try {
  const lock = await WarehouseLock.acquire({directory, fileSystem: nodeFileSystem});
  await lock.announce(url);
  console.log(JSON.stringify({held: true}));
  process.stdin.on('end', () => { void lock.close().then(() => process.exit(0)); }).resume();
} catch (error) {
  console.log(JSON.stringify(asWarehouseError(error).report()));
}
