/** Files that a query names: only constants, only below the allowed directories. The engine's own settings are the second wall. */
import {isAbsolute, resolve, sep} from 'node:path';

/**
 * @param path as written in `read_csv('…')`: a file or a glob pattern, absolute or relative to the working directory.
 * @param directories allowed directories, absolute or relative to the working directory.
 * @returns why the path is refused, or undefined when it may be read.
 */
export function refusedPath(path: string, directories: readonly string[]): string | undefined {
  if (path.length === 0) return 'is empty';
  if (/\p{Cc}/u.test(path)) return 'holds a control character';
  if (/^[A-Za-z][A-Za-z0-9+.-]*:/.test(path)) return 'is a URL; only files of this machine are read';
  if (path.startsWith('~')) return 'begins with "~"; write the whole path';
  if (path.split(/[/\\]/).includes('..')) return 'holds ".."; write the whole path';
  const wanted = resolve(path);
  for (const directory of directories) {
    const base = resolve(directory);
    if (wanted.startsWith(base.endsWith(sep) ? base : base + sep)) return undefined;
  }
  const where = directories.length === 0 ? 'no directory is allowed' : `allowed are ${directories.map((directory) => `"${directory}"`).join(', ')}`;
  return `is not below an allowed directory (${where})${isAbsolute(path) ? '' : `; it was read as "${wanted}"`}`;
}
