/**
 * `POST /v1/tables/{t}/rows`: a JSON array, one JSON object, or a stream of ndjson. Without `on_error=reject` a request is one
 * write, all or nothing. With it rows become visible batch by batch, and bad rows go to `t$rejected`.
 */
import {Readable} from 'node:stream';
import type {FastifyReply, FastifyRequest} from 'fastify';
import {WarehouseError} from '../base/error.ts';
import {requestBytesMax} from '../base/limit.ts';
import type {InsertResult} from '../engine/api.ts';
import {quoteLongNumbers} from '../engine/long-numbers.ts';
import type {IngestSession} from '../engine/ingest-session.ts';
import type {Warehouse} from '../engine/warehouse.ts';
import type {JsonBody} from './app.ts';
import {linesOf} from './lines.ts';
import {Turns} from './turns.ts';

type RowsRequest = FastifyRequest<{Params: {table: string}; Querystring: {on_error?: string}}>;

export async function takeRows(warehouse: Warehouse, request: RowsRequest, reply: FastifyReply): Promise<InsertResult> {
  const {body} = request;
  try {
    const onError = request.query.on_error ?? 'fail';
    if (onError !== 'fail' && onError !== 'reject') throw new WarehouseError('invalid', 'MR_PARAMETER', `on_error is "${onError}": expected fail or reject`);
    const ingest = warehouse.ingest(request.params.table, {onError});
    if (body instanceof Readable) await takeLines(ingest, body as AsyncIterable<Uint8Array>, onError);
    else await takeJson(ingest, body as JsonBody | undefined, onError);
    return await ingest.finish();
  } catch (cause) {
    // The rest of what the client sends is nobody's: the connection ends with the answer.
    if (body instanceof Readable && !body.readableEnded) {
      void reply.header('connection', 'close');
      body.on('error', () => undefined).resume();
    }
    throw cause;
  }
}

async function takeLines(ingest: IngestSession, stream: AsyncIterable<Uint8Array>, onError: 'fail' | 'reject'): Promise<void> {
  const turns = new Turns();
  let bytes = 0;
  for await (const lines of linesOf(counted(stream))) {
    for (const line of lines) {
      ingest.line(line);
      if (turns.over) await turns.next();
    }
    if (onError === 'reject' && ingest.full) await ingest.flush();
  }

  async function* counted(from: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of from) {
      bytes += chunk.byteLength;
      if (onError === 'fail' && bytes > requestBytesMax) throw new WarehouseError('invalid', 'MR_TOO_LARGE', `the batch has more than ${requestBytesMax} bytes`, {hint: 'send smaller batches, or on_error=reject, which takes a stream of any length'});
      yield chunk;
    }
  }
}

async function takeJson(ingest: IngestSession, body: JsonBody | undefined, onError: 'fail' | 'reject'): Promise<void> {
  if (body === undefined) throw new WarehouseError('invalid', 'MR_JSON', 'the body is empty: expected an array of rows', {hint: 'send application/json or application/x-ndjson'});
  const single = !Array.isArray(body.value);
  const rows = single ? [body.value] : (body.value as unknown[]);
  const turns = new Turns();
  let exact: unknown[] | null = null;
  for (let i = 0; i < rows.length; i++) {
    ingest.object(rows[i], i + 1, () => {
      exact ??= [JSON.parse(quoteLongNumbers(String(body.text)))].flat(1) as unknown[];
      return exact[i];
    });
    if (turns.over) await turns.next();
    if (onError === 'reject' && ingest.full) await ingest.flush();
  }
}
