/** Statements end: by themselves, by the caller's signal, or at their deadline. */
import {systemClock} from '../base/clock.ts';
import {WarehouseError} from '../base/error.ts';
import type {Session} from '../kernel/session.ts';

/** @throws {WarehouseError} `MR_INTERRUPTED` once the signal fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new WarehouseError('unavailable', 'MR_INTERRUPTED', 'the statement was interrupted before it ended');
}

/** ms between two interrupts: one that falls between two statements of the work stops nothing. */
const insistEveryMs = 20;

/** Runs `work`, whose statements run on `session`, and interrupts it when time is up or the signal fires. */
export async function withDeadline<T>(session: Session, deadlineMs: number, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  let late = false;
  let cancelNext: () => void = () => undefined;
  const insist = (): void => {
    session.interrupt();
    cancelNext = systemClock.after(insistEveryMs, insist);
  };
  const cancel = systemClock.after(deadlineMs, () => {
    late = true;
    insist();
  });
  signal?.addEventListener('abort', insist, {once: true});
  try {
    throwIfAborted(signal);
    return await work();
  } catch (cause) {
    if (late) throw new WarehouseError('unavailable', 'MR_DEADLINE', `the statement took longer than ${deadlineMs} ms and was stopped`, {cause, hint: 'ask for less, or allow it more time'});
    throw cause;
  } finally {
    cancel();
    cancelNext();
    signal?.removeEventListener('abort', insist);
  }
}
