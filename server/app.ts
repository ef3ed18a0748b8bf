/**
 * The HTTP face, as docs/http.md states it. Built without listening, so that tests inject requests; `main.ts` listens.
 * Every error is `{kind, code, message, hint?}` with the status that its kind stands for.
 */
import Fastify, {type FastifyInstance, type FastifyReply, type FastifyRequest} from 'fastify';
import {asWarehouseError, WarehouseError, type ErrorKind, type ErrorReport} from '../base/error.ts';
import {heartbeatMs as defaultHeartbeatMs, requestBytesMax} from '../base/limit.ts';
import type {Warehouse} from '../engine/warehouse.ts';
import {backUpTo} from './backup.ts';
import {followChanges} from './changes.ts';
import {commitSubscription, followSubscription} from './subscriptions.ts';
import {refusal} from './guard.ts';
import {jsonRow} from './json.ts';
import {LoopLag} from './loop-lag.ts';
import {metricsText} from './metrics.ts';
import {keyOf} from './path-key.ts';
import {takeRows} from './rows.ts';
import {answerSql} from './sql.ts';

export interface AppOptions {
  readonly warehouse: Warehouse;
  readonly token?: string | undefined;
  /** Fires when the server is to close: streams that follow end then. */
  readonly closing?: AbortSignal;
  /** ms without a line after which a stream gives a sign of life. */
  readonly heartbeatMs?: number | undefined;
}

const statusOfKind: Readonly<Record<ErrorKind, number>> = {invalid: 400, conflict: 409, unavailable: 503, closed: 503, data: 500, internal: 500};
const statusOfCode: Readonly<Record<string, number>> = {MR_EPOCH_EXPIRED: 410, MR_SUBSCRIPTION_EXPIRED: 410, MR_UNKNOWN_TABLE: 404, MR_UNKNOWN_SUBSCRIPTION: 404, MR_TOO_LARGE: 413, MR_MEDIA_TYPE: 415, MR_NO_ROUTE: 404, MR_NO_ROW: 404, MR_METHOD: 405};
const healthPaths = new Set(['/healthz', '/readyz']);
const routeMethods: readonly (readonly [RegExp, string])[] = [[/^\/v1\/(sql|backup)$/, 'POST'], [/^\/v1\/tables\/[^/]+\/rows$/, 'POST'], [/^\/v1\/subscriptions\/[^/]+\/changes$/, 'GET'], [/^\/v1\/subscriptions\/[^/]+\/commit$/, 'POST'], [/^\/v1\/tables\/[^/]+\/(changes|rows\/.+)$/, 'GET'], [/^\/(v1\/changes|healthz|readyz|metrics)$/, 'GET']];

export function buildApp({warehouse, token, closing = new AbortController().signal, heartbeatMs = defaultHeartbeatMs}: AppOptions): FastifyInstance {
  const app = Fastify({
    bodyLimit: requestBytesMax, logger: false, exposeHeadRoutes: false, routerOptions: {maxParamLength: 1000},
    frameworkErrors: (cause, request, reply) => {
      // Before any route: a path that cannot be decoded. Who may not speak learns nothing here either.
      const refused = refusal(token, request.headers.host, request.headers.authorization);
      const answer = reply as FastifyReply;
      if (refused !== null) void answer.code(refused.status).send(refusalReport(refused));
      else void sendError(answer, cause);
    },
  });
  const lag = new LoopLag();
  app.addHook('onClose', () => lag.close());
  // Text of any kind is what a page of another site may send unasked: only these two are read.
  app.removeAllContentTypeParsers();
  // The text is kept beside the value: a number in it may have more digits than the value.
  app.addContentTypeParser('application/json', {parseAs: 'string'}, (_request, text, done) => {
    try {
      done(null, {text, value: JSON.parse(text as string) as unknown} satisfies JsonBody);
    } catch (cause) {
      done(new WarehouseError('invalid', 'MR_JSON', `the body is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`, {cause}));
    }
  });
  app.addContentTypeParser('application/x-ndjson', (_request, payload, done) => done(null, payload));
  app.addHook('onRequest', async (request, reply) => {
    if (token !== undefined && healthPaths.has(request.url)) return;
    const refused = refusal(token, request.headers.host, request.headers.authorization);
    if (refused !== null) await reply.code(refused.status).send(refusalReport(refused));
  });
  app.setErrorHandler((cause, _request, reply) => sendError(reply, cause));
  app.setNotFoundHandler((request, reply) => sendError(reply, noRoute(request)));

  app.get('/healthz', () => ({status: 'ok'}));
  app.get('/readyz', () => ({status: 'ready', epoch: warehouse.epoch, warming: warehouse.warming}));
  app.get('/metrics', (_request, reply) => metricsText(warehouse, lag).then(({contentType, text}) => reply.type(contentType).send(text)));

  app.post('/v1/sql', (request, reply) => answerSql(warehouse, request, reply));
  app.post<{Params: {table: string}; Querystring: {on_error?: string}}>('/v1/tables/:table/rows', (request, reply) => takeRows(warehouse, request, reply));
  app.get<{Params: {table: string; '*': string}}>('/v1/tables/:table/rows/*', (request) => lookUp(warehouse, request.params.table, request.raw.url ?? ''));
  app.get<{Params: {table: string}; Querystring: Record<string, string | string[]>}>('/v1/tables/:table/changes', (request, reply) => followChanges({warehouse, followed: [request.params.table], withTable: false, closing, heartbeatMs}, request, reply));
  app.get<{Querystring: Record<string, string | string[]>}>('/v1/changes', (request, reply) => {
    const wanted = request.query['table'] ?? [];
    return followChanges({warehouse, followed: Array.isArray(wanted) ? wanted : [wanted], withTable: true, closing, heartbeatMs}, request, reply);
  });
  app.get<{Params: {name: string}; Querystring: Record<string, string | string[]>}>('/v1/subscriptions/:name/changes', (request, reply) => followSubscription({warehouse, closing, heartbeatMs}, request.params.name, request, reply));
  app.post('/v1/backup', (request) => backUpTo(warehouse, request.body));
  app.post<{Params: {name: string}}>('/v1/subscriptions/:name/commit', (request) => commitSubscription(warehouse, request.params.name, request.body));
  return app;
}

/** A body of application/json. */
export interface JsonBody {
  readonly text: string | Buffer;
  readonly value: unknown;
}

async function lookUp(warehouse: Warehouse, table: string, url: string): Promise<Record<string, unknown>> {
  const key = keyOf(url);
  const row = await warehouse.lookup(table, key);
  if (row === null) throw new WarehouseError('invalid', 'MR_NO_ROW', `no row of ${table} has key ${key.join(', ')}`);
  return jsonRow(row);
}

function refusalReport({code, message, hint}: NonNullable<ReturnType<typeof refusal>>): ErrorReport {
  return {kind: 'invalid', code, message, hint};
}

function noRoute({method, url}: FastifyRequest): WarehouseError {
  const path = url.split('?', 1)[0]!;
  const right = routeMethods.find(([pattern]) => pattern.test(path))?.[1];
  if (right !== undefined && right !== method) return new WarehouseError('invalid', 'MR_METHOD', `${path} takes ${right}, found ${method}`);
  return new WarehouseError('invalid', 'MR_NO_ROUTE', `no such path: ${method} ${path}`, {hint: 'see docs/http.md for what is served'});
}

/** Answers with an error, whatever was thrown. */
export function sendError(reply: FastifyReply, cause: unknown): FastifyReply {
  const error = errorOf(cause);
  return reply.code(statusOfCode[error.code] ?? statusOfKind[error.kind]).type('application/json; charset=utf-8').send(error.report());
}

/** Fastify's own refusals (a body too large, an unknown media type …) in our words. */
function errorOf(cause: unknown): WarehouseError {
  if (cause instanceof WarehouseError) return cause;
  const {code, statusCode, message} = cause as {code?: string; statusCode?: number; message?: string};
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new WarehouseError('invalid', 'MR_TOO_LARGE', `the body has more than ${requestBytesMax} bytes`, {cause, hint: 'send smaller batches, or ndjson with on_error=reject, which takes a stream of any length'});
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return new WarehouseError('invalid', 'MR_MEDIA_TYPE', message ?? 'unknown media type', {cause, hint: 'send application/json or application/x-ndjson'});
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return new WarehouseError('invalid', 'MR_REQUEST', message ?? 'the request cannot be read', {cause});
  return asWarehouseError(cause);
}
