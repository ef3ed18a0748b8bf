/** Statements end: by themselves, by the caller's signal, or at their deadline. */
import {systemClock} from '../base/clock.ts';
import {WarehouseError} from '../base/error.ts';
import type {Session} from '../kernel/session.ts';

/** Runs `work`, whose statements run on `session`, and interrupts it when time is up or the signal fires. */
export async function withDeadline<T>(session: Session, deadlineMs: number, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  let late = false;
  const cancel = systemClock.after(deadlineMs, () => {
    late = true;
    session.interrupt();
  });
  const abort = (): void => session.interrupt();
  signal?.addEventListener('abort', abort, {once: true});
  try {
    signal?.throwIfAborted();
    return await work();
  } catch (cause) {
    if (late) throw new WarehouseError('unavailable', 'MR_DEADLINE', `the statement took longer than ${deadlineMs} ms and was stopped`, {cause, hint: 'ask for less, or allow it more time'});
    throw cause;
  } finally {
    cancel();
    signal?.removeEventListener('abort', abort);
  }
}
