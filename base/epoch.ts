import {invariant} from './invariant.ts';

declare const epochTag: unique symbol;
/** A sealed instant of the warehouse: all tables change together from one epoch to the next. 0 is the empty warehouse. */
export type Epoch = number & {readonly [epochTag]: true};

/** @throws {InvariantError} unless `value` is a safe integer >= 0. */
export function epoch(value: number): Epoch {
  invariant(Number.isSafeInteger(value) && value >= 0, () => `epoch must be a safe integer >= 0, got ${value}`);
  return value as Epoch;
}

/** @returns the epoch after `of`. */
export function nextEpoch(of: Epoch): Epoch {
  return epoch(of + 1);
}
