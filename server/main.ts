/** Opens a port for a warehouse. */
import {WarehouseError} from '../base/error.ts';
import type {Warehouse} from '../engine/warehouse.ts';
import {buildApp} from './app.ts';
import {checkBinding} from './guard.ts';

export interface ServeOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly token?: string | undefined;
}

export interface Serving {
  readonly url: string;
  close(): Promise<void>;
}

/** @throws {WarehouseError} `MR_TOKEN_REQUIRED`, `MR_PORT` when the port cannot be bound. */
export async function serve(warehouse: Warehouse, {host, port, token}: ServeOptions): Promise<Serving> {
  checkBinding(host, token);
  const app = buildApp({warehouse, token});
  try {
    await app.listen({host, port});
  } catch (cause) {
    throw new WarehouseError('unavailable', 'MR_PORT', `cannot listen on ${host}:${port}: ${cause instanceof Error ? cause.message : String(cause)}`, {cause, hint: 'choose another --port, or stop what holds it'});
  }
  const address = app.server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  const url = `http://${host.includes(':') ? `[${host.replaceAll(/[[\]]/g, '')}]` : host}:${bound}`;
  return {url, close: () => app.close()};
}
