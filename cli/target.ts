/**
 * Where a command works: a warehouse's folder (`-w`), or a server (`--url`). A folder that a server holds is reached through that
 * server, so that the same command works whether or not one runs.
 */
import {createReadStream} from 'node:fs';
import {Readable} from 'node:stream';
import {WarehouseError, type ErrorReport} from '../base/error.ts';
import type {InsertResult} from '../engine/api.ts';
import {holderOf, Warehouse} from '../engine/warehouse.ts';
import {splitStatements} from '../engine/script.ts';
import {linesOf} from '../server/lines.ts';
import {jsonRow} from '../server/json.ts';
import type {Printable} from './format.ts';

export interface TargetOptions {
  readonly warehouse?: string | undefined;
  readonly url?: string | undefined;
  readonly token?: string | undefined;
}

export interface Target {
  /** Every statement's result, in turn. */
  sql(text: string): AsyncIterable<Printable>;
  ingestNdjson(table: string, input: Readable, onError: 'fail' | 'reject', onProgress: (rows: number) => void): Promise<InsertResult>;
  /** Lines of `GET /v1/changes`, as objects. */
  subscribe(tables: readonly string[], from: string, signal: AbortSignal): AsyncIterable<Readonly<Record<string, unknown>>>;
  /** The warehouse itself, when it is in this process. */
  readonly local: Warehouse | null;
  close(): Promise<void>;
}

/** @throws {WarehouseError} `MR_USAGE` if neither a folder nor a server is named. */
export async function openTarget({warehouse, url, token}: TargetOptions): Promise<Target> {
  if (url !== undefined) return new RemoteTarget(url, token);
  if (warehouse === undefined) throw new WarehouseError('invalid', 'MR_USAGE', 'no warehouse is named', {hint: 'give -w DIR or --url URL, or set MILLRACE_WAREHOUSE or MILLRACE_URL'});
  try {
    return new LocalTarget(await Warehouse.open({path: warehouse, allowDirectories: [process.cwd()]}));
  } catch (cause) {
    if (cause instanceof WarehouseError && cause.code === 'MR_LOCKED') {
      const holder = await holderOf(warehouse);
      if (holder?.url !== undefined) return new RemoteTarget(holder.url, token);
    }
    throw cause;
  }
}

class LocalTarget implements Target {
  readonly local: Warehouse;

  constructor(warehouse: Warehouse) {
    this.local = warehouse;
  }

  sql(text: string): AsyncIterable<Printable> {
    return this.local.script(text);
  }

  async ingestNdjson(table: string, input: Readable, onError: 'fail' | 'reject', onProgress: (rows: number) => void): Promise<InsertResult> {
    const ingest = this.local.ingest(table, {onError});
    for await (const lines of linesOf(input as AsyncIterable<Uint8Array>)) {
      for (const line of lines) ingest.line(line);
      if (onError === 'reject' && ingest.full) {
        await ingest.flush();
        onProgress(ingest.accepted);
      }
    }
    return ingest.finish();
  }

  async *subscribe(tables: readonly string[], from: string, signal: AbortSignal): AsyncGenerator<Readonly<Record<string, unknown>>> {
    const start = from === 'snapshot' || from === 'latest' ? from : Number(from);
    for await (const {epoch, changes, complete} of this.local.subscribe(tables, {from: start, signal})) {
      for (const {table, op, row} of changes) yield tables.length > 1 ? {epoch, table, op, row: jsonRow(row)} : {epoch, op, row: jsonRow(row)};
      if (complete) yield {epoch, complete};
    }
  }

  close(): Promise<void> {
    return this.local.close();
  }
}

class RemoteTarget implements Target {
  readonly local = null;
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(url: string, token: string | undefined) {
    this.#url = url.replace(/\/+$/, '');
    this.#headers = token === undefined ? {} : {authorization: `Bearer ${token}`};
  }

  async *sql(text: string): AsyncGenerator<Printable> {
    for (const statement of splitStatements(text)) {
      const response = await this.#fetch('/v1/sql', {method: 'POST', headers: {'content-type': 'application/json'}, body: JSON.stringify({sql: statement})});
      const {columns, rows, epoch} = (await response.json()) as {columns: {name: string; type: string}[]; rows: Record<string, unknown>[]; epoch: number};
      yield {columns, rows, epoch, tag: 'done'};
    }
  }

  async ingestNdjson(table: string, input: Readable, onError: 'fail' | 'reject'): Promise<InsertResult> {
    const response = await this.#fetch(`/v1/tables/${encodeURIComponent(table)}/rows?on_error=${onError}`, {method: 'POST', headers: {'content-type': 'application/x-ndjson'}, body: Readable.toWeb(input) as ReadableStream, duplex: 'half'});
    return (await response.json()) as InsertResult;
  }

  async *subscribe(tables: readonly string[], from: string, signal: AbortSignal): AsyncGenerator<Readonly<Record<string, unknown>>> {
    const only = tables.length === 1 ? tables[0] : undefined;
    const path = only === undefined ? `/v1/changes?${tables.map((table) => `table=${encodeURIComponent(table)}`).join('&')}&` : `/v1/tables/${encodeURIComponent(only)}/changes?`;
    const response = await this.#fetch(`${path}since=${from}&follow=true`, {signal});
    if (response.body === null) return;
    for await (const lines of linesOf(Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]) as AsyncIterable<Uint8Array>)) {
      for (const {text} of lines) yield JSON.parse(text) as Record<string, unknown>;
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(this.#url + path, {...init, headers: {...this.#headers, ...init.headers}});
    } catch (cause) {
      throw new WarehouseError('unavailable', 'MR_SERVER', `${this.#url} does not answer: ${cause instanceof Error ? cause.message : String(cause)}`, {cause, hint: 'is `millrace serve` running there?'});
    }
    if (response.ok) return response;
    const report = (await response.json().catch(() => null)) as ErrorReport | null;
    throw report === null ? new WarehouseError('unavailable', 'MR_SERVER', `${this.#url} answered ${response.status}`) : WarehouseError.from(report);
  }
}

/** @returns a file's bytes, or standard input for `-`. */
export function inputOf(file: string): Readable {
  return file === '-' ? process.stdin : createReadStream(file);
}
