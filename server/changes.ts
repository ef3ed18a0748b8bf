/**
 * `GET …/changes`: lines `{epoch, op, row}` and after each epoch `{epoch, complete: true}`, as ndjson or, when asked for by Accept,
 * as server-sent events with `id: <epoch>`, which a client resumes from by `Last-Event-ID`. Written as fast as the client reads:
 * a slow or gone client holds nothing but its position.
 */
import {once} from 'node:events';
import type {FastifyReply} from 'fastify';
import {asWarehouseError, WarehouseError} from '../base/error.ts';
import type {Warehouse} from '../engine/warehouse.ts';
import type {SubscriptionItem} from '../query/subscription.ts';
import type {ChangesRequest} from './app.ts';
import {jsonRow} from './json.ts';

interface Range {readonly since: number | 'snapshot' | 'latest'; readonly until: number | null}

/** @param withTable whether lines name their table. */
export async function followChanges(warehouse: Warehouse, tables: readonly string[], request: ChangesRequest, reply: FastifyReply, withTable: boolean): Promise<FastifyReply> {
  if (tables.length === 0) throw new WarehouseError('invalid', 'MR_PARAMETER', 'no table is named', {hint: 'add ?table=schema.name'});
  const events = /\btext\/event-stream\b/.test(request.headers.accept ?? '');
  const {since, until} = rangeOf(request, warehouse.epoch);
  const ended = new AbortController();
  reply.raw.on('close', () => ended.abort());
  // Checked before the first byte is sent, so that a wrong request still gets a status of its own.
  const items = warehouse.subscribe(tables, {from: since, until, signal: ended.signal});
  const first = until !== null && since !== 'snapshot' && since !== 'latest' && since >= until ? {done: true as const, value: undefined} : await items.next();
  reply.hijack();
  reply.raw.writeHead(200, {'content-type': events ? 'text/event-stream' : 'application/x-ndjson', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff'});
  try {
    for (let item = first; item.done !== true; item = await items.next()) {
      if (!reply.raw.write(encode(item.value, events, withTable))) await Promise.race([once(reply.raw, 'drain'), once(ended.signal, 'abort')]);
      if (ended.signal.aborted) break;
    }
  } catch (cause) {
    const report = asWarehouseError(cause).report();
    reply.raw.write(events ? `event: error\ndata: ${JSON.stringify(report)}\n\n` : `${JSON.stringify({error: report})}\n`);
  } finally {
    reply.raw.end();
    await items.return(undefined);
  }
  return reply;
}

function encode(item: SubscriptionItem, events: boolean, withTable: boolean): string {
  const lines: string[] = [];
  for (const {table, op, row} of item.changes) {
    const line = JSON.stringify(withTable ? {epoch: item.epoch, table, op, row: jsonRow(row)} : {epoch: item.epoch, op, row: jsonRow(row)});
    lines.push(events ? `data: ${line}\n\n` : `${line}\n`);
  }
  if (item.complete) {
    const line = JSON.stringify({epoch: item.epoch, complete: true});
    // Only the end mark carries the id: a client that breaks off inside an epoch gets that epoch again, whole.
    lines.push(events ? `id: ${item.epoch}\ndata: ${line}\n\n` : `${line}\n`);
  }
  return lines.join('');
}

function rangeOf(request: ChangesRequest, newest: number): Range {
  const text = (name: string): string | undefined => {
    const value = request.query[name];
    return Array.isArray(value) ? value[0] : value;
  };
  const follow = text('follow') === 'true';
  const resumed = request.headers['last-event-id'];
  const sinceText = typeof resumed === 'string' && resumed !== '' ? resumed : (text('since') ?? (follow ? 'latest' : '0'));
  const since = sinceText === 'snapshot' || sinceText === 'latest' ? sinceText : number('since', sinceText);
  const untilText = text('until');
  return {since, until: untilText === undefined ? (follow ? null : newest) : number('until', untilText)};
}

function number(name: string, text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new WarehouseError('invalid', 'MR_PARAMETER', `${name} is "${text}": expected an epoch${name === 'since' ? ', "snapshot" or "latest"' : ''}`);
  return Number(text);
}
