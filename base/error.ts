/** What the caller can do about an error. A kind is added only when a caller would act differently on it. */
export type ErrorKind =
  | 'invalid' // the request is wrong: change it                          → 400
  | 'conflict' // lost a race on commit: read again, then retry            → 409
  | 'unavailable' // storage or a source did not answer: retry later       → 503
  | 'closed' // this instance is closed or fenced: open another            → 503
  | 'data' // bytes on disk are not what was written: an operator must act → 500
  | 'internal'; // a bug: report it                                        → 500

/** The plain form of an error: what crosses threads and the wire. */
export interface ErrorReport {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

/** Every error that leaves the warehouse. `code` is stable and documented in docs/errors.md; `message` is not. */
export class WarehouseError extends Error {
  override readonly name: string = 'WarehouseError';
  readonly kind: ErrorKind;
  readonly code: string;
  readonly hint: string | undefined;

  constructor(kind: ErrorKind, code: string, message: string, options: {cause?: unknown; hint?: string | undefined} = {}) {
    super(message, 'cause' in options ? {cause: options.cause} : undefined);
    this.kind = kind;
    this.code = code;
    this.hint = options.hint;
  }

  /** @returns the error without its cause and stack, safe to show and to send. */
  report(): ErrorReport {
    const {kind, code, message, hint} = this;
    return hint === undefined ? {kind, code, message} : {kind, code, message, hint};
  }

  static from(report: ErrorReport): WarehouseError {
    return new WarehouseError(report.kind, report.code, report.message, {hint: report.hint});
  }
}

/** @returns `cause` itself if it is ours, else the same wrapped as `MR_INTERNAL`: a bug to report. */
export function asWarehouseError(cause: unknown): WarehouseError {
  if (cause instanceof WarehouseError) return cause;
  const message = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
  return new WarehouseError('internal', 'MR_INTERNAL', message, {cause, hint: 'this is a bug in millrace: please report it with the statement that led to it'});
}
