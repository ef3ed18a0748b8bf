/**
 * The pace of checkpoints that nobody waits for: their work is spread over the time that there is. A statement is followed by a rest of up
 * to `1 / checkpointShare - 1` times what it took, less the more of the room is used up: writers wait when the tail is four times as large as
 * calls for a checkpoint, so at twice there are no rests any more; and one is done well before time alone calls for the next.
 */
import type {Clock} from '../base/clock.ts';
import {checkpointRestMsMax, checkpointShare} from '../base/limit.ts';
import {Pace} from './pace.ts';

/** With so many times `checkpointBytes` in the tail checkpoints do not rest. */
const hurriedTailFactor = 2;

export interface Spread {
  readonly tailBytes: number;
  readonly checkpointBytes: number;
  /** Since the checkpoint began. */
  readonly elapsedMs: number;
  readonly checkpointMs: number;
}

/** @returns the part of the room that is left, of bytes or of time, whichever is less: 1 at the beginning, 0 where there is none. */
export function roomLeft({tailBytes, checkpointBytes, elapsedMs, checkpointMs}: Spread): number {
  const bytes = (hurriedTailFactor * checkpointBytes - tailBytes) / checkpointBytes;
  const time = timeLeftMs({elapsedMs, checkpointMs}) / (checkpointMs / 2);
  return Math.max(0, Math.min(1, bytes, time));
}

/** @returns ms until it has to be done: half of the time in which the next one is due. */
function timeLeftMs({elapsedMs, checkpointMs}: Pick<Spread, 'elapsedMs' | 'checkpointMs'>): number {
  return Math.max(0, checkpointMs / 2 - elapsedMs);
}

/** @param spread how things stand; null when the engine ends. */
export function checkpointPace(clock: Clock, spread: () => Spread | null): Pace {
  const room = (): number => {
    const now = spread();
    return now === null ? 0 : roomLeft(now);
  };
  return new Pace({
    clock, share: () => 1 / (1 + (1 / checkpointShare - 1) * room()), urgent: () => room() === 0,
    // Nothing wakes a rest when time has run out.
    get restMsMax() {
      const now = spread();
      return now === null ? 0 : Math.min(checkpointRestMsMax, timeLeftMs(now));
    },
  });
}
