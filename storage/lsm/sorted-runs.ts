/** Sorted runs of a bucket by age. */
import type {ManifestEntry} from '../paimon/manifest.ts';

/**
 * @param entries live files of one bucket of a keyed table.
 * @returns its runs, newest first: every file of level 0 is one (higher sequence numbers are newer), every deeper level is one.
 */
export function sortedRuns(entries: readonly ManifestEntry[]): ManifestEntry[][] {
  const runs = new Map<string, ManifestEntry[]>();
  for (const entry of entries) {
    const run = entry.file.level === 0 ? `0 ${entry.file.fileName}` : String(entry.file.level);
    const files = runs.get(run);
    if (files === undefined) runs.set(run, [entry]);
    else files.push(entry);
  }
  return [...runs.values()].sort((a, b) => {
    const [x, y] = [a[0]!.file, b[0]!.file];
    return x.level - y.level || compare(y.maxSequence, x.maxSequence) || compare(x.minSequence, y.minSequence)
      || compare(y.creationTime ?? 0, x.creationTime ?? 0) || compare(y.fileName, x.fileName);
  });
}

/** @returns the smallest sequence number of the run's files. */
export function runMinSequence(run: readonly ManifestEntry[]): bigint {
  return run.map((entry) => entry.file.minSequence).reduce((a, b) => (a < b ? a : b));
}

/** @returns the largest sequence number of the run's files. */
export function runMaxSequence(run: readonly ManifestEntry[]): bigint {
  return run.map((entry) => entry.file.maxSequence).reduce((a, b) => (a > b ? a : b));
}

function compare<T extends bigint | number | string>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
