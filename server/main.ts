/** Opens a port for a warehouse. */
import {once, setMaxListeners} from 'node:events';
import type {ServerResponse} from 'node:http';
import {systemClock} from '../base/clock.ts';
import {WarehouseError} from '../base/error.ts';
import type {Warehouse} from '../engine/warehouse.ts';
import {buildApp} from './app.ts';
import {checkBinding} from './guard.ts';

export interface ServeOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly token?: string | undefined;
  /** ms without a line after which a stream of changes gives a sign of life. */
  readonly heartbeatMs?: number;
}

export interface Serving {
  readonly url: string;
  close(): Promise<void>;
}

/** @throws {WarehouseError} `MR_TOKEN_REQUIRED`, `MR_PORT` when the port cannot be bound. */
export async function serve(warehouse: Warehouse, {host, port, token, heartbeatMs}: ServeOptions): Promise<Serving> {
  checkBinding(host, token);
  const closing = new AbortController();
  setMaxListeners(0, closing.signal); // every follower listens
  const app = buildApp({warehouse, token, closing: closing.signal, heartbeatMs});
  const answering = new Set<ServerResponse>();
  app.server.on('request', (_request, response: ServerResponse) => {
    answering.add(response);
    response.once('close', () => answering.delete(response));
  });
  try {
    await app.listen({host: bare(host), port});
  } catch (cause) {
    throw new WarehouseError('unavailable', 'MR_PORT', `cannot listen on ${host}:${port}: ${cause instanceof Error ? cause.message : String(cause)}`, {cause, hint: 'choose another --port, or stop what holds it'});
  }
  const address = app.server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  const url = `http://${bare(host).includes(':') ? `[${bare(host)}]` : host}:${bound}`;
  return {
    url,
    close: async () => {
      closing.abort();
      const closed = app.close();
      app.server.closeIdleConnections();
      await Promise.race([Promise.all([...answering].map((response) => once(response, 'close'))), after(closeMsMax)]);
      app.server.closeAllConnections();
      await closed;
    },
  };
}

/** ms that requests under way get to end when the server closes. */
const closeMsMax = 5000;

function after(delayMs: number): Promise<void> {
  return new Promise((resolve) => systemClock.after(delayMs, resolve));
}

/** @returns an IPv6 address without its brackets. */
function bare(host: string): string {
  return host.replaceAll(/[[\]]/g, '');
}
