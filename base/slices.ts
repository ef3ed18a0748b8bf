/** Long loops of work that nobody waits for, cut into slices: others get the thread between any two of them. */
import {setImmediate} from 'node:timers/promises';

/** Of items that take some hundred ns each a slice is done within a ms, also where they come from memory that nobody has touched for long. */
const sliceItems = 256;

/** Calls `work` for each item, in order. The list may only grow meanwhile; what comes after the call is not looked at. */
export async function eachInSlices<T>(items: readonly T[], work: (item: T) => void): Promise<void> {
  for (let at = 0, {length} = items; at < length; at += sliceItems) {
    if (at > 0) await setImmediate();
    for (let i = at; i < Math.min(length, at + sliceItems); i++) work(items[i]!);
  }
}

/** @returns the items cut into slices, in order; none of no items. */
export function slicesOf<T>(items: readonly T[]): T[][] {
  return Array.from({length: Math.ceil(items.length / sliceItems)}, (_, i) => items.slice(i * sliceItems, (i + 1) * sliceItems));
}
