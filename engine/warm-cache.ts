/**
 * Fills the read cache after an opening, table by table; until then reads of a table go to files and log. A table that cannot be
 * filled (memory, a failing disk) is tried again a few times and then stays cold.
 */
import {systemClock} from '../base/clock.ts';
import type {TableId} from '../catalog/spec.ts';
import type {ContentOf, LiveRelation} from '../query/live.ts';

/** A table that could not be filled is tried so often, after so many ms times the number of tries. */
const attemptsMax = 5;
const retryMs = 2_000;

/** @param contentOf a table's rows at the epoch that `live` was opened at. @param stopped whether the warehouse closes. */
export async function warmCache(live: LiveRelation, tables: readonly TableId[], contentOf: ContentOf, stopped: () => boolean): Promise<void> {
  for (const table of tables) {
    for (let attempt = 1; live.coldTables.has(table); attempt++) {
      try {
        await live.load(table, contentOf);
      } catch {
        if (attempt === attemptsMax || stopped()) break;
        await new Promise<void>((resolve) => { systemClock.after(retryMs * attempt, resolve); });
      }
    }
  }
}

/** Resolves when `work` does, or after `ms`. */
export async function withinMs(work: Promise<unknown>, ms: number): Promise<void> {
  await Promise.race([work, new Promise<void>((resolve) => { systemClock.after(ms, resolve); })]);
}
