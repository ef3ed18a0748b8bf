/**
 * Which sequence number an epoch's first change of a table took: what lets a changelog file be cut at any epoch. Delta-coded as
 * [epoch, sequence, Δepoch, Δsequence, …], since a busy table has thousands of epochs between two checkpoints.
 */
import type {Epoch} from '../../base/epoch.ts';
import {epoch} from '../../base/epoch.ts';
import {invariant} from '../../base/invariant.ts';

export interface EpochSequence {
  readonly epoch: Epoch;
  /** The number of the epoch's first change. */
  readonly sequence: number;
}

/** @param entries epochs rising; numbers rising, since each of the epochs made at least one change. */
export function encodeEpochSequences(entries: readonly EpochSequence[]): number[] {
  const coded: number[] = [];
  let previous = {epoch: -1, sequence: -1};
  for (const [i, entry] of entries.entries()) {
    invariant(entry.epoch > previous.epoch && entry.sequence > previous.sequence, () => `epoch ${entry.epoch} from ${entry.sequence} after epoch ${previous.epoch} from ${previous.sequence}`);
    coded.push(i === 0 ? entry.epoch : entry.epoch - previous.epoch, i === 0 ? entry.sequence : entry.sequence - previous.sequence);
    previous = entry;
  }
  return coded;
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
