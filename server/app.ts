/**
 * The HTTP face, as docs/http.md states it. Built without listening, so that tests inject requests; `main.ts` listens.
 * Every error is `{kind, code, message, hint?}` with the status that its kind stands for.
 */
import {Readable} from 'node:stream';
import Fastify, {type FastifyInstance, type FastifyReply, type FastifyRequest} from 'fastify';
import {asWarehouseError, WarehouseError, type ErrorKind, type ErrorReport} from '../base/error.ts';
import {requestBytesMax} from '../base/limit.ts';
import type {Warehouse} from '../engine/warehouse.ts';
import {followChanges} from './changes.ts';
import {refusal} from './guard.ts';
import {jsonColumns, jsonRow} from './json.ts';
import {linesOf} from './lines.ts';
import {metricsText} from './metrics.ts';

export interface AppOptions {
  readonly warehouse: Warehouse;
  readonly token?: string | undefined;
}

const statusOfKind: Readonly<Record<ErrorKind, number>> = {invalid: 400, conflict: 409, unavailable: 503, closed: 503, data: 500, internal: 500};
const statusOfCode: Readonly<Record<string, number>> = {MR_EPOCH_EXPIRED: 410, MR_UNKNOWN_TABLE: 404, MR_TOO_LARGE: 413, MR_NO_ROUTE: 404, MR_NO_ROW: 404};

export function buildApp({warehouse, token}: AppOptions): FastifyInstance {
  const app = Fastify({bodyLimit: requestBytesMax, logger: false, routerOptions: {maxParamLength: 500}});
  app.addContentTypeParser('application/x-ndjson', (_request, payload, done) => done(null, payload));
  app.addHook('onRequest', async (request, reply) => {
    const health = request.url === '/healthz' || request.url === '/readyz';
    const refused = refusal(health && token !== undefined ? undefined : token, health && token !== undefined ? 'localhost' : request.headers.host, request.headers.authorization);
    if (refused !== null) await reply.code(refused.status).send({kind: 'invalid', code: refused.code, message: refused.message, hint: refused.hint} satisfies ErrorReport);
  });
  app.setErrorHandler((cause, _request, reply) => sendError(reply, cause));
  app.setNotFoundHandler((request, reply) => sendError(reply, new WarehouseError('invalid', 'MR_NO_ROUTE', `no such path: ${request.method} ${request.url}`, {hint: 'see docs/http.md for what is served'})));

  app.get('/healthz', () => ({status: 'ok'}));
  app.get('/readyz', () => ({status: 'ready', epoch: warehouse.epoch}));
  app.get('/metrics', async (_request, reply) => {
    const {contentType, text} = await metricsText(warehouse);
    return reply.type(contentType).send(text);
  });

  app.post('/v1/sql', async (request) => {
    const body = sqlBody(request.body);
    const result = await warehouse.sql(body.sql, body.params, body.at === undefined ? {} : {at: body.at});
    return {columns: jsonColumns(result.columns), rows: result.rows.map(jsonRow), epoch: result.epoch};
  });

  app.post<{Params: {table: string}; Querystring: {on_error?: string}}>('/v1/tables/:table/rows', async (request) => {
    const onError = request.query.on_error ?? 'fail';
    if (onError !== 'fail' && onError !== 'reject') throw new WarehouseError('invalid', 'MR_PARAMETER', `on_error is "${onError}": expected fail or reject`);
    const ingest = warehouse.ingest(request.params.table, {onError});
    const {body} = request;
    if (body instanceof Readable) {
      let bytes = 0;
      for await (const lines of linesOf(body as AsyncIterable<Uint8Array>)) {
        for (const line of lines) {
          bytes += line.text.length;
          if (onError === 'fail' && bytes > requestBytesMax) throw new WarehouseError('invalid', 'MR_TOO_LARGE', `the batch has more than ${requestBytesMax} bytes`, {hint: 'send smaller batches, or on_error=reject, which takes a stream of any length'});
          ingest.line(line);
        }
        if (onError === 'reject' && ingest.full) await ingest.flush();
      }
    } else {
      const rows = Array.isArray(body) ? (body as unknown[]) : [body];
      for (const [index, row] of rows.entries()) ingest.object(row, index + 1);
    }
    return ingest.finish();
  });

  app.get<{Params: {table: string; '*': string}}>('/v1/tables/:table/rows/*', async (request) => {
    const row = await warehouse.lookup(request.params.table, request.params['*'].split('/').map(decodeURIComponent));
    if (row === null) throw new WarehouseError('invalid', 'MR_NO_ROW', `no row of ${request.params.table} has key ${request.params['*']}`);
    return jsonRow(row);
  });

  app.get<{Params: {table: string}; Querystring: Record<string, string | string[]>}>('/v1/tables/:table/changes', (request, reply) => followChanges(warehouse, [request.params.table], request, reply, false));
  app.get<{Querystring: Record<string, string | string[]>}>('/v1/changes', (request, reply) => {
    const wanted = request.query['table'] ?? [];
    return followChanges(warehouse, Array.isArray(wanted) ? wanted : [wanted], request, reply, true);
  });
  return app;
}

/** Answers with an error, whatever was thrown. */
export function sendError(reply: FastifyReply, cause: unknown): FastifyReply {
  const error = errorOf(cause);
  return reply.code(statusOfCode[error.code] ?? statusOfKind[error.kind]).send(error.report());
}

/** Fastify's own refusals (bad JSON, a body too large …) in our words. */
function errorOf(cause: unknown): WarehouseError {
  if (cause instanceof WarehouseError) return cause;
  const {code, statusCode, message} = cause as {code?: string; statusCode?: number; message?: string};
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new WarehouseError('invalid', 'MR_TOO_LARGE', `the body has more than ${requestBytesMax} bytes`, {cause, hint: 'send smaller batches'});
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return new WarehouseError('invalid', 'MR_MEDIA_TYPE', message ?? 'unknown media type', {cause, hint: 'send application/json or application/x-ndjson'});
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return new WarehouseError('invalid', 'MR_JSON', message ?? 'the request cannot be read', {cause});
  return asWarehouseError(cause);
}

function sqlBody(body: unknown): {sql: string; params: readonly (string | number | boolean | null)[]; at?: number} {
  const given = (typeof body === 'object' && body !== null ? body : {}) as Readonly<Record<string, unknown>>;
  const {sql, params, at, branch} = given;
  if (typeof sql !== 'string') throw new WarehouseError('invalid', 'MR_PARAMETER', 'the body has no "sql"', {hint: 'send {"sql": "SELECT …", "params": […]} as application/json'});
  if (params !== undefined && !Array.isArray(params)) throw new WarehouseError('invalid', 'MR_PARAMETER', '"params" is no array');
  if (branch !== undefined) throw new WarehouseError('invalid', 'MR_UNSUPPORTED', '"branch" is not supported in this version');
  if (at !== undefined && typeof at !== 'number') throw new WarehouseError('invalid', 'MR_PARAMETER', '"at" is no number: expected an epoch');
  const values = (params ?? []) as (string | number | boolean | null)[];
  return at === undefined ? {sql, params: values} : {sql, params: values, at};
}

export type ChangesRequest = FastifyRequest<{Querystring: Record<string, string | string[]>}>;
