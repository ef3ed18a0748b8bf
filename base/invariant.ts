/** Raised when the program itself is wrong. Never caught below `engine/`; see docs/errors.md. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/**
 * States what must hold here; the message says what was found, with its units.
 *
 * @throws {InvariantError} when `condition` is falsy. A broken invariant is a bug, never bad input.
 */
export function invariant(condition: unknown, message: string | (() => string)): asserts condition {
  if (!condition) throw new InvariantError(typeof message === 'string' ? message : message());
}

/** Ends a `switch` over a union: the compiler proves that nothing is left, the run-time says what came anyway. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable: ${JSON.stringify(value)}`);
}
