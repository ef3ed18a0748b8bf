/** A warehouse behind a server. Plain HTTP without time limits: a subscription may be silent for hours, an upload may take as long. */
import {request as requestHttp, type IncomingMessage} from 'node:http';
import {request as requestHttps} from 'node:https';
import {Readable} from 'node:stream';
import {WarehouseError, type ErrorReport} from '../base/error.ts';
import type {BackupReport, InsertResult} from '../engine/api.ts';
import {transactionUnits} from '../engine/script.ts';
import {jsonRow} from '../server/json.ts';
import {linesOf} from '../server/lines.ts';
import type {CsvRecord} from './csv-records.ts';
import type {Printable} from './format.ts';
import type {FileRows, Target} from './target.ts';

interface Call {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly type?: string;
  readonly body?: string | Readable;
  readonly signal?: AbortSignal;
}

export class RemoteTarget implements Target {
  readonly local = null;
  readonly #url: URL;
  readonly #token: string | undefined;

  constructor(url: string, token: string | undefined) {
    try {
      this.#url = new URL(url);
    } catch (cause) {
      throw new WarehouseError('invalid', 'MR_USAGE', `"${url}" is no URL`, {cause, hint: 'for example http://127.0.0.1:8080'});
    }
    if (this.#url.protocol !== 'http:' && this.#url.protocol !== 'https:') throw new WarehouseError('invalid', 'MR_USAGE', `"${url}" is no URL of a server`, {hint: 'for example http://127.0.0.1:8080'});
    this.#token = token;
  }

  async *sql(text: string): AsyncGenerator<Printable> {
    // Statement by statement, so that each result is printed; a transaction must go in one piece.
    for (const statement of transactionUnits(text)) {
      const response = await this.#call({method: 'POST', path: '/v1/sql', type: 'application/json', body: JSON.stringify({sql: statement})});
      const {columns, rows, epoch, tag = ''} = (await jsonOf(response)) as {columns: {name: string; type: string}[]; rows: Record<string, unknown>[]; epoch: number; tag?: string};
      yield {columns, rows, epoch, tag};
    }
  }

  async ingestNdjson(table: string, input: Readable, onError: 'fail' | 'reject'): Promise<InsertResult> {
    const path = `/v1/tables/${encodeURIComponent(table)}/rows?on_error=${onError}`;
    return (await jsonOf(await this.#call({method: 'POST', path, type: 'application/x-ndjson', body: input}))) as InsertResult;
  }

  ingestRows(table: string, rows: FileRows, onError: 'fail' | 'reject'): Promise<InsertResult> {
    return this.ingestNdjson(table, Readable.from(lines(rows), {objectMode: false}), onError);
  }

  ingestCsv(table: string, records: AsyncIterable<readonly CsvRecord[]>, onError: 'fail' | 'reject'): Promise<InsertResult> {
    return this.ingestNdjson(table, Readable.from(csvLines(records), {objectMode: false}), onError);
  }

  async *subscribe(tables: readonly string[], from: string, signal: AbortSignal): AsyncGenerator<Readonly<Record<string, unknown>>> {
    const only = tables.length === 1 ? tables[0] : undefined;
    const path = only === undefined ? `/v1/changes?${tables.map((table) => `table=${encodeURIComponent(table)}`).join('&')}&` : `/v1/tables/${encodeURIComponent(only)}/changes?`;
    yield* this.#lines(`${path}since=${from}&follow=true`, signal);
  }

  follow(subscription: string, consumer: string, signal: AbortSignal): AsyncGenerator<Readonly<Record<string, unknown>>> {
    return this.#lines(`/v1/subscriptions/${encodeURIComponent(subscription)}/changes?consumer=${encodeURIComponent(consumer)}`, signal);
  }

  async commit(subscription: string, epoch: number, consumer: string): Promise<void> {
    await jsonOf(await this.#call({method: 'POST', path: `/v1/subscriptions/${encodeURIComponent(subscription)}/commit`, type: 'application/json', body: JSON.stringify({epoch, consumer})}));
  }

  async backup(destination: string): Promise<BackupReport> {
    return (await jsonOf(await this.#call({method: 'POST', path: '/v1/backup', type: 'application/json', body: JSON.stringify({dest: destination})}))) as BackupReport;
  }

  /** Lines of a stream; an end mark may come again as a sign of life. */
  async *#lines(path: string, signal: AbortSignal): AsyncGenerator<Readonly<Record<string, unknown>>> {
    const response = await this.#call({method: 'GET', path, signal});
    for await (const some of linesOf(response as AsyncIterable<Uint8Array>)) {
      for (const {text} of some) {
        const line = JSON.parse(text) as Record<string, unknown>;
        if (line['error'] !== undefined && line['epoch'] === undefined) throw WarehouseError.from(line['error'] as ErrorReport);
        yield line;
      }
    }
    if (!signal.aborted) throw new WarehouseError('unavailable', 'MR_SERVER', `${this.#url.origin} ended the subscription`, {hint: 'subscribe again from the last complete epoch'});
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #call({method, path, type, body, signal}: Call): Promise<IncomingMessage> {
    const headers: Record<string, string> = {};
    if (type !== undefined) headers['content-type'] = type;
    if (this.#token !== undefined) headers['authorization'] = `Bearer ${this.#token}`;
    const send = this.#url.protocol === 'https:' ? requestHttps : requestHttp;
    const base = this.#url.href.replace(/\/+$/, '');
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = send(base + path, {method, headers, ...(signal === undefined ? {} : {signal})}, resolve);
      request.on('error', (cause) => reject(new WarehouseError('unavailable', 'MR_SERVER', `${this.#url.origin} does not answer: ${cause.message === '' ? String((cause as NodeJS.ErrnoException).code) : cause.message}`, {cause, hint: 'is `millrace serve` running there?'})));
      if (body instanceof Readable) {
        body.on('error', (cause) => request.destroy(cause));
        body.pipe(request);
      } else request.end(body);
    });
    if (response.statusCode === 200) return response;
    const report = await jsonOf(response).catch(() => null) as ErrorReport | null;
    throw report?.code === undefined ? new WarehouseError('unavailable', 'MR_SERVER', `${this.#url.origin} answered ${response.statusCode}`, {hint: 'is it a millrace server?'}) : WarehouseError.from(report);
  }
}

async function jsonOf(response: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part as Buffer);
  return JSON.parse(Buffer.concat(parts).toString('utf8'));
}

async function* lines(rows: FileRows): AsyncGenerator<string> {
  for await (const some of rows) yield some.map((row) => `${JSON.stringify(jsonRow(row))}\n`).join('');
}

/** Rows as lines that have the numbers of the file's: empty ones, which are nothing, stand for what is not the beginning of a row. What is no row goes as its reason. */
async function* csvLines(records: AsyncIterable<readonly CsvRecord[]>): AsyncGenerator<string> {
  let number = 0;
  for await (const some of records) {
    let text = '';
    for (const {line, row, problem} of some) {
      text += '\n'.repeat(Math.max(0, line - 1 - number)) + (problem === null ? JSON.stringify(jsonRow(row!)) : JSON.stringify(`${problem.reason}: ${problem.raw.slice(0, rawCharactersMax)}`)) + '\n';
      number = line;
    }
    yield text;
  }
}

/** Characters of a line that is no row which are sent with its reason. */
const rawCharactersMax = 4096;
