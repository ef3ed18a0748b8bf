/**
 * Where a command works: a warehouse's folder (`-w`), or a server (`--url`). A folder that a server holds is reached through that
 * server, so that the same command works whether or not one runs.
 */
import {createReadStream} from 'node:fs';
import type {Readable} from 'node:stream';
import {WarehouseError} from '../base/error.ts';
import type {Row} from '../base/value.ts';
import type {BackupReport, InsertResult} from '../engine/api.ts';
import {holderOf} from '../engine/holder.ts';
import {Warehouse} from '../engine/warehouse.ts';
import {linesOf} from '../server/lines.ts';
import {jsonRow} from '../server/json.ts';
import type {CsvRecord} from './csv-records.ts';
import type {Printable} from './format.ts';
import {RemoteTarget} from './remote.ts';

export interface TargetOptions {
  readonly warehouse?: string | undefined;
  readonly url?: string | undefined;
  readonly token?: string | undefined;
  /** Folders that SQL may read files from, beside the working directory. */
  readonly allowDir?: readonly string[] | undefined;
}

/** Rows of a file, some at a time. */
export type FileRows = AsyncIterable<readonly Row[]>;

export interface Target {
  /** Every statement's result, in turn. */
  sql(text: string): AsyncIterable<Printable>;
  ingestNdjson(table: string, input: Readable, onError: 'fail' | 'reject', onProgress: (rows: number) => void): Promise<InsertResult>;
  /** Rows of a CSV file, each with the line that it begins at. */
  ingestCsv(table: string, records: AsyncIterable<readonly CsvRecord[]>, onError: 'fail' | 'reject', onProgress: (rows: number) => void): Promise<InsertResult>;
  ingestRows(table: string, rows: FileRows, onError: 'fail' | 'reject', onProgress: (rows: number) => void): Promise<InsertResult>;
  /** Lines of `GET /v1/changes`, as objects. */
  subscribe(tables: readonly string[], from: string, signal: AbortSignal): AsyncIterable<Readonly<Record<string, unknown>>>;
  /** Follows a durable subscription by its name: lines that name their table. */
  follow(subscription: string, consumer: string, signal: AbortSignal): AsyncIterable<Readonly<Record<string, unknown>>>;
  /** Says that everything through an epoch is done with. */
  commit(subscription: string, epoch: number, consumer: string): Promise<void>;
  backup(destination: string): Promise<BackupReport>;
  /** The warehouse itself, when it is in this process. */
  readonly local: Warehouse | null;
  close(): Promise<void>;
}

/** @throws {WarehouseError} `MR_USAGE` if neither a folder nor a server is named. */
export async function openTarget({warehouse, url, token, allowDir = []}: TargetOptions): Promise<Target> {
  if (url !== undefined && warehouse !== undefined) throw new WarehouseError('invalid', 'MR_USAGE', 'both a folder (-w) and a server (--url) are named', {hint: 'give one of them'});
  if (url !== undefined) return new RemoteTarget(url, token);
  if (warehouse === undefined) throw new WarehouseError('invalid', 'MR_USAGE', 'no warehouse is named', {hint: 'give -w DIR or --url URL, or set MILLRACE_WAREHOUSE or MILLRACE_URL'});
  try {
    return new LocalTarget(await Warehouse.open({path: warehouse, allowDirectories: [process.cwd(), ...allowDir]}));
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

  async ingestCsv(table: string, records: AsyncIterable<readonly CsvRecord[]>, onError: 'fail' | 'reject', onProgress: (rows: number) => void): Promise<InsertResult> {
    const ingest = this.local.ingest(table, {onError});
    for await (const some of records) {
      for (const {line, row, problem} of some) {
        if (problem === null) ingest.object(row, line);
        else ingest.reject({...problem, line});
      }
      if (onError === 'reject' && ingest.full) {
        await ingest.flush();
        onProgress(ingest.accepted);
      }
    }
    return ingest.finish();
  }

  async ingestRows(table: string, rows: FileRows, onError: 'fail' | 'reject', onProgress: (rows: number) => void): Promise<InsertResult> {
    const ingest = this.local.ingest(table, {onError});
    let number = 0;
    for await (const some of rows) {
      for (const row of some) ingest.object(row, ++number);
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

  async *follow(subscription: string, consumer: string, signal: AbortSignal): AsyncGenerator<Readonly<Record<string, unknown>>> {
    for await (const {epoch, changes, complete} of this.local.subscribe({subscription, consumer}, {signal})) {
      for (const {table, op, row} of changes) yield {epoch, table, op, row: jsonRow(row)};
      if (complete) yield {epoch, complete};
    }
  }

  async commit(subscription: string, epoch: number, consumer: string): Promise<void> {
    await this.local.commit(subscription, epoch, consumer);
  }

  backup(destination: string): Promise<BackupReport> {
    return this.local.backup(destination);
  }

  close(): Promise<void> {
    return this.local.close();
  }
}

/** @returns a file's bytes, or standard input for `-`. */
export function inputOf(file: string): Readable {
  return file === '-' ? process.stdin : createReadStream(file);
}
