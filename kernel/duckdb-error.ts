/**
 * DuckDB's error texts → `WarehouseError`. The text starts with DuckDB's own class (`Binder Error: …`) and is kept whole:
 * positions and caret lines are what the user needs.
 */
import {WarehouseError, asWarehouseError, type ErrorKind} from '../base/error.ts';

/** Why a statement was interrupted: its caller said so, or its time was over. */
export type InterruptCode = 'MR_INTERRUPTED' | 'MR_DEADLINE';

/** @returns the error that a statement ends with when `interrupt(code)` reached it. */
export function interruptedError(code: InterruptCode, cause?: unknown): WarehouseError {
  return code === 'MR_DEADLINE'
    ? new WarehouseError('unavailable', code, 'the statement was stopped: its deadline passed', {cause, hint: 'ask for less, or give the statement more time'})
    : new WarehouseError('unavailable', code, 'the statement was interrupted before it ended', {cause});
}

/** @returns the error of a call on something closed, e.g. `closedError('session')`. */
export function closedError(what: string): WarehouseError {
  return new WarehouseError('closed', 'MR_CLOSED', `the ${what} is closed`);
}

/** Errors thrown by relation sources inside DuckDB's callbacks cross DuckDB as text; this mark finds the object again. */
const relayMark = /\[mr_rows error (\d+)\] /;

/** Carries errors of JS callbacks through DuckDB, which knows messages only. */
export class ErrorRelay {
  readonly #errors = new Map<number, unknown>();
  #next = 1;

  /** @returns the text to give to DuckDB in place of `error`. */
  put(error: unknown): string {
    const id = this.#next++;
    this.#errors.set(id, error);
    // A statement that fails twice (two scans) reports one: forget what nobody will ask for.
    if (this.#errors.size > relayedErrorsMax) this.#errors.delete(this.#errors.keys().next().value!);
    return `[mr_rows error ${id}] ${error instanceof Error ? error.message : String(error)}`;
  }

  /** @returns the error whose text is in `message`, or undefined; it is forgotten then. */
  take(message: string): unknown {
    const found = relayMark.exec(message);
    if (found === null) return undefined;
    const id = Number(found[1]);
    const error = this.#errors.get(id);
    this.#errors.delete(id);
    return error;
  }
}

const relayedErrorsMax = 64;

/** @returns `cause` (what a call of the binding threw) in our words; `stopped` is why we asked the statement to stop, if we did. */
export function duckdbError(cause: unknown, relay: ErrorRelay, stopped: WarehouseError | null): WarehouseError {
  if (cause instanceof WarehouseError) return cause;
  if (!(cause instanceof Error)) return asWarehouseError(cause);
  const relayed = relay.take(cause.message);
  if (relayed !== undefined) return asWarehouseError(relayed);
  const text = cause.message;
  const className = /^([A-Za-z ]+?) (?:Error|exception):/i.exec(text)?.[1]?.toLowerCase() ?? '';
  if (className === 'interrupt') return stopped ?? interruptedError('MR_INTERRUPTED', cause);
  const [kind, code, hint] = classify(className, text);
  return new WarehouseError(kind, code, text, {cause, hint});
}

function classify(className: string, text: string): [ErrorKind, string, string?] {
  if (text.includes('No space left on device')) return ['unavailable', 'MR_DISK_FULL', 'free space on the disk, then try again'];
  switch (className) {
    case 'out of memory': return ['unavailable', 'MR_DUCKDB_MEMORY', 'ask for less at a time, or give the warehouse more memory'];
    case 'io': return /No files found|does not exist|Cannot open file/.test(text) ? ['invalid', 'MR_SQL'] : ['unavailable', 'MR_IO'];
    case 'transactioncontext': return /onflict/.test(text) ? ['conflict', 'MR_CONFLICT'] : ['invalid', 'MR_SQL'];
    case 'connection': return ['closed', 'MR_CLOSED'];
    case 'serialization': return ['data', 'MR_DUCKDB_DATA'];
    case 'fatal': case 'internal': return ['internal', 'MR_INTERNAL', 'this is a bug: please report it with the statement that led to it'];
    default:
      if (/connection disconnected|instance closed/.test(text)) return ['closed', 'MR_CLOSED'];
      return ['invalid', 'MR_SQL'];
  }
}
