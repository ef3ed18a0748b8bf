/** What the operating system says about files, in our words. */
import {WarehouseError} from '../../base/error.ts';

/** @returns the system's error name, e.g. `ENOSPC`, or undefined if `cause` is not a system error. */
export function systemCode(cause: unknown): string | undefined {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined;
}

/**
 * @param action what was tried, as a verb, e.g. `write`, `sync the directory`.
 * @returns the error to throw for it. The system's own error is its cause.
 */
export function fileError(action: string, path: string, cause: unknown): WarehouseError {
  if (cause instanceof WarehouseError) return cause;
  const code = systemCode(cause);
  switch (code) {
    case 'ENOSPC': case 'EDQUOT':
      return new WarehouseError('unavailable', 'MR_DISK_FULL', `no space left to ${action} '${path}' (${code})`,
        {cause, hint: 'free space on this file system; the warehouse goes on by itself'});
    case 'ENOENT':
      return new WarehouseError('data', 'MR_FILE_MISSING', `expected a file to ${action} at '${path}', found none`, {cause});
    case 'EEXIST': case 'ENOTEMPTY':
      return new WarehouseError('conflict', 'MR_FILE_EXISTS', `expected nothing at '${path}' to ${action}, found a file or a full directory`, {cause});
    case 'EACCES': case 'EPERM': case 'EROFS':
      return new WarehouseError('unavailable', 'MR_FILE_DENIED', `not allowed to ${action} '${path}' (${code})`,
        {cause, hint: 'the process needs read and write permission below the warehouse directory'});
    default: {
      const reason = code ?? (cause instanceof Error ? cause.message : String(cause));
      return new WarehouseError('unavailable', 'MR_FILE_FAILED', `the file system failed to ${action} '${path}' (${reason})`, {cause});
    }
  }
}
