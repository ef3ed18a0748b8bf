/**
 * Which sequence number an epoch's first change of a table took: what lets a changelog file be cut at any epoch. Delta-coded as
 * [epoch, sequence, Δepoch, Δsequence, …], since a busy table has thousands of epochs between two checkpoints.
 */
import type {Epoch} from '../../base/epoch.ts';
import {epoch} from '../../base/epoch.ts';
import {invariant} from '../../base/invariant.ts';
import {slicesOf} from '../../base/slices.ts';

export interface EpochSequence {
  readonly epoch: Epoch;
  /** The number of the epoch's first change. */
  readonly sequence: number;
}

/**
 * @param entries epochs rising; numbers rising, since each of the epochs made at least one change.
 * @param after the entry before them, if they continue a list.
 */
export function encodeEpochSequences(entries: readonly EpochSequence[], after?: EpochSequence): number[] {
  const coded: number[] = [];
  let previous = after;
  for (const entry of entries) {
    const [byEpoch, bySequence] = previous === undefined ? [entry.epoch, entry.sequence] : [entry.epoch - previous.epoch, entry.sequence - previous.sequence];
    const least = previous === undefined ? 0 : 1;
    invariant(byEpoch >= least && bySequence >= least && Number.isSafeInteger(entry.epoch) && Number.isSafeInteger(entry.sequence), () => `epoch ${entry.epoch} from ${entry.sequence} after epoch ${previous?.epoch} from ${previous?.sequence}`);
    coded.push(byEpoch, bySequence);
    previous = entry;
  }
  return coded;
}

/** @returns the code of a whole list as JSON without its brackets, piece by piece: a list may be long. @param pairOf an entry as it is coded. */
export function* codedText<T>(entries: readonly T[], pairOf: (entry: T) => EpochSequence): Generator<string> {
  let after: EpochSequence | undefined;
  for (const slice of slicesOf(entries)) {
    const pairs = slice.map(pairOf);
    yield `${after === undefined ? '' : ','}${JSON.stringify(encodeEpochSequences(pairs, after)).slice(1, -1)}`;
    after = pairs.at(-1);
  }
}

/** @returns the entries, or what is wrong with `coded`. */
export function decodeEpochSequences(coded: readonly unknown[]): EpochSequence[] | string {
  if (coded.length % 2 !== 0) return `${coded.length} numbers`;
  const entries: EpochSequence[] = [];
  let at = 0;
  let sequence = 0;
  for (let i = 0; i < coded.length; i += 2) {
    const [byEpoch, bySequence] = [coded[i], coded[i + 1]];
    const least = i === 0 ? 0 : 1;
    for (const step of [byEpoch, bySequence]) if (typeof step !== 'number' || !Number.isSafeInteger(step) || step < least) return `step ${JSON.stringify(step)} at ${i}`;
    at += byEpoch as number;
    sequence += bySequence as number;
    if (!Number.isSafeInteger(at) || !Number.isSafeInteger(sequence)) return `step at ${i} beyond 2^53`;
    entries.push({epoch: epoch(at), sequence});
  }
  return entries;
}

/**
 * @param entries rising.
 * @returns the first sequence number that belongs to an epoch after `at`; undefined when all do not.
 */
export function sequenceAfter(entries: readonly EpochSequence[], at: Epoch): number | undefined {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (entries[middle]!.epoch > at) high = middle;
    else low = middle + 1;
  }
  return entries[low]?.sequence;
}
