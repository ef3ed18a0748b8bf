import type {EpochNumbers} from './epoch-numbers.ts';

/** @returns the pairs as a list. */
export function epochNumbers(pairs: readonly (readonly [epoch: number, number: number])[]): EpochNumbers {
  return {epochs: Float64Array.from(pairs, ([epoch]) => epoch), numbers: Float64Array.from(pairs, ([, number]) => number)};
}
