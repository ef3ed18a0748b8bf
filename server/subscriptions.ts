/**
 * Durable subscriptions over HTTP: `GET /v1/subscriptions/{name}/changes` follows one, in the lines of `…/changes` of a table, from its
 * committed position or from `Last-Event-ID`; `POST …/commit` says how far its consumer is.
 */
import type {FastifyReply, FastifyRequest} from 'fastify';
import {WarehouseError} from '../base/error.ts';
import type {Warehouse} from '../engine/warehouse.ts';
import type {JsonBody} from './app.ts';
import {number, streamItems} from './changes.ts';

type SubscriptionRequest = FastifyRequest<{Querystring: Record<string, string | string[]>}>;

/** @throws {WarehouseError} `MR_UNKNOWN_SUBSCRIPTION`, `MR_SUBSCRIPTION_EXPIRED`, `MR_SUBSCRIPTION_FENCED`, `MR_SUBSCRIPTION_POSITION`, `MR_PARAMETER`. */
export async function followSubscription({warehouse, closing, heartbeatMs}: {readonly warehouse: Warehouse; readonly closing: AbortSignal; readonly heartbeatMs: number}, name: string, request: SubscriptionRequest, reply: FastifyReply): Promise<FastifyReply> {
  const unknown = Object.keys(request.query).find((parameter) => parameter !== 'consumer' && parameter !== 'since');
  if (unknown !== undefined) throw new WarehouseError('invalid', 'MR_PARAMETER', `unknown parameter "${unknown}"`, {hint: 'consumer and since are known: a subscription says itself where it begins, and follows'});
  const resumed = request.headers['last-event-id'];
  const since = typeof resumed === 'string' && resumed !== '' ? resumed : single(request.query, 'since');
  const consumer = single(request.query, 'consumer');
  return streamItems({
    open: (signal) => warehouse.subscribeColumns({subscription: name, ...(consumer === undefined ? {} : {consumer})}, {from: since === undefined ? undefined : number('since', since), signal}),
    prompt: false, content: false, withTable: true, closing, heartbeatMs,
  }, request, reply);
}

/** @throws {WarehouseError} `MR_PARAMETER` naming what is wrong with the body; as `Warehouse.commit`. */
export async function commitSubscription(warehouse: Warehouse, name: string, body: unknown): Promise<{epoch: number}> {
  const value = (body as Partial<JsonBody> | undefined)?.value;
  const {epoch, consumer, ...others} = typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw new WarehouseError('invalid', 'MR_PARAMETER', `the body has an unknown member "${unknown}"`, {hint: 'epoch and consumer are known'});
  if (typeof epoch !== 'number' || !Number.isSafeInteger(epoch) || epoch < 0) throw new WarehouseError('invalid', 'MR_PARAMETER', `"epoch" is ${JSON.stringify(epoch) ?? 'not given'}: expected an epoch`, {hint: 'send {"epoch": n} as application/json'});
  if (consumer !== undefined && typeof consumer !== 'string') throw new WarehouseError('invalid', 'MR_PARAMETER', `"consumer" is ${JSON.stringify(consumer)}: expected text`);
  return warehouse.commit(name, epoch, consumer);
}

function single(query: Readonly<Record<string, string | string[]>>, name: string): string | undefined {
  const value = query[name];
  if (Array.isArray(value)) throw new WarehouseError('invalid', 'MR_PARAMETER', `${name} is given ${value.length} times: expected one`);
  return value;
}
