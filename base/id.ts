import {randomUUID} from 'node:crypto';

/** The only door to randomness in production code: a random version-4 uuid. */
export function uuid(): string {
  return randomUUID();
}
