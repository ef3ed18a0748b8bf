/**
 * Who may speak to the server. Without a token it listens on loopback only and answers only the Host names of loopback, so that a
 * page in a browser cannot reach it through a name that it made resolve to 127.0.0.1 (DNS rebinding). With a token every request
 * but health carries it. No CORS headers are ever sent.
 */
import {createHash, timingSafeEqual} from 'node:crypto';
import {WarehouseError} from '../base/error.ts';

const loopbackHosts = new Set(['localhost', '127.0.0.1', '[::1]', '::1']);

export function loopback(host: string): boolean {
  return loopbackHosts.has(host.toLowerCase());
}

/** @throws {WarehouseError} `MR_TOKEN_REQUIRED` when a host other than loopback is to be bound without a token, or the token is empty. */
export function checkBinding(host: string, token: string | undefined): void {
  if (token?.trim() === '') throw new WarehouseError('invalid', 'MR_TOKEN_REQUIRED', 'the token is empty: nobody could send it', {hint: 'give a token of some length, or unset MILLRACE_TOKEN'});
  if (token === undefined && !loopback(host)) {
    throw new WarehouseError('invalid', 'MR_TOKEN_REQUIRED', `host ${host} is reachable from outside and no token is set`, {hint: 'give --token (or MILLRACE_TOKEN), or bind 127.0.0.1'});
  }
}

/** @returns why a request is refused, or null. @param host the Host header. @param authorization the Authorization header. */
export function refusal(token: string | undefined, host: string | undefined, authorization: string | undefined): {status: number; code: string; message: string; hint: string} | null {
  if (token === undefined) {
    const name = (host ?? '').replace(/:\d+$/, '');
    if (loopback(name)) return null;
    return {status: 421, code: 'MR_HOST', message: `host "${name}" is not served: expected localhost, 127.0.0.1 or [::1]`, hint: 'start the server with a token to be reached by other names'};
  }
  const given = /^Bearer +(.+)$/i.exec(authorization ?? '')?.[1];
  if (given !== undefined && sameText(given, token)) return null;
  return {status: 401, code: 'MR_UNAUTHORIZED', message: given === undefined ? 'no token given' : 'wrong token', hint: 'send the header Authorization: Bearer <token>'};
}

/** Takes as long for any two texts of these lengths: neither length nor a common beginning shows. */
function sameText(a: string, b: string): boolean {
  return timingSafeEqual(digest(a), digest(b));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
