/** `millrace backup`: a copy of a warehouse at one epoch, running or not. */
import {resolve} from 'node:path';
import {openTarget, type TargetOptions} from './target.ts';

export async function runBackup(destination: string, options: TargetOptions): Promise<void> {
  const target = await openTarget(options);
  try {
    // A server on this machine takes paths as they are here.
    const {epoch, files, bytes, linked} = await target.backup(target.local === null && options.url !== undefined ? destination : resolve(destination));
    process.stderr.write(`backed up epoch ${epoch}: ${files} files, ${bytes} bytes${linked === 0 ? '' : `, ${linked} files shared with the warehouse`}\n`);
  } finally {
    await target.close();
  }
}
