/**
 * `GET …/changes`: lines `{epoch, op, row}` and after each epoch `{epoch, complete: true}`, as ndjson or, when asked for by Accept,
 * as server-sent events with `id: <epoch>`, which a client resumes from by `Last-Event-ID`. Written as fast as the client reads:
 * a slow or gone client holds nothing but its position.
 */
import type {ServerResponse} from 'node:http';
import type {FastifyReply, FastifyRequest} from 'fastify';
import {systemClock} from '../base/clock.ts';
import type {Epoch} from '../base/epoch.ts';
import {asWarehouseError, WarehouseError} from '../base/error.ts';
import type {Warehouse} from '../engine/warehouse.ts';
import {opText, type VisibleShape} from '../query/change-rows.ts';
import type {ColumnItem} from '../query/subscription.ts';
import {rowTextOf} from './json.ts';
import {Turns} from './turns.ts';

export type ChangesRequest = FastifyRequest<{Querystring: Record<string, string | string[]>}>;

export interface FollowOptions {
  readonly warehouse: Warehouse;
  readonly followed: readonly string[];
  /** Whether lines name their table. */
  readonly withTable: boolean;
  /** Fires when the server closes. */
  readonly closing: AbortSignal;
  /** ms without a line after which a sign of life is given. */
  readonly heartbeatMs: number;
}

/** A follower, and what its lines look like. */
export interface StreamOptions {
  /** Begins to follow, until the signal fires. */
  readonly open: (signal: AbortSignal) => AsyncGenerator<ColumnItem, void>;
  /** Whether the first item is there at once: an error before it still gets a status of its own. */
  readonly prompt: boolean;
  /** Whether it begins with content, whose end is marked also where there is none. */
  readonly content: boolean;
  readonly withTable: boolean;
  readonly closing: AbortSignal;
  readonly heartbeatMs: number;
}

interface Range {readonly since: number | 'snapshot' | 'latest'; readonly until: number | null}

/** Characters that are handed to the socket at once. */
const writeCharacters = 64 * 1024;

export async function followChanges({warehouse, followed, withTable, closing, heartbeatMs}: FollowOptions, request: ChangesRequest, reply: FastifyReply): Promise<FastifyReply> {
  if (followed.length === 0) throw new WarehouseError('invalid', 'MR_PARAMETER', 'no table is named', {hint: 'add ?table=schema.name'});
  const {since, until} = rangeOf(request, warehouse.epoch);
  return streamItems({
    open: (signal) => warehouse.subscribeColumns(followed, {from: since, until, emptyEpochs: true, signal}),
    prompt: until !== null || since === 'snapshot', content: since === 'snapshot' || (since === 0 && warehouse.oldestEpoch > 0), withTable, closing, heartbeatMs,
  }, request, reply);
}

/** Sends what a follower gives as ndjson or server-sent events, with a sign of life where nothing comes for a while. Its quiet epochs are not sent. */
export async function streamItems({open, prompt, content, withTable, closing, heartbeatMs}: StreamOptions, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const events = wantsEvents(request);
  const ended = new AbortController();
  const end = (): void => ended.abort();
  reply.raw.once('close', end);
  closing.addEventListener('abort', end, {once: true});
  // Checked before the first byte is sent, so that a wrong request still gets a status of its own.
  const items = open(ended.signal);
  try {
    // Nothing may come for hours: only what fails at once is waited for.
    const first = items.next();
    await Promise.race([first, prompt ? first : settled()]);
    reply.hijack();
    reply.raw.writeHead(200, {'content-type': events ? 'text/event-stream; charset=utf-8' : 'application/x-ndjson; charset=utf-8', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff'});
    reply.raw.flushHeaders();
    const encoder = new LineEncoder(events, withTable);
    const sent: Sent = {epoch: null, inside: content};
    const stop = heartbeat(reply.raw, encoder, sent, heartbeatMs);
    try {
      await send(reply.raw, first, items, encoder, sent, ended.signal);
    } finally {
      stop();
    }
  } finally {
    closing.removeEventListener('abort', end);
    reply.raw.off('close', end);
    ended.abort();
    await items.return(undefined);
  }
  return reply;
}

/** @returns whether the client asks for server-sent events. */
export function wantsEvents(request: FastifyRequest): boolean {
  return /\btext\/event-stream\b/.test(request.headers.accept ?? '');
}

/** How far a stream is: what its signs of life say. */
interface Sent {
  /** The newest epoch of which everything was sent, if it had anything; null before the first. */
  epoch: Epoch | null;
  /** An epoch is sent in part. */
  inside: boolean;
}

/**
 * Proxies and clients give connections up on which nothing comes. When nothing came for `heartbeatMs` the end mark of the newest epoch is
 * sent, again if need be, from which a client may resume as well; unless it has not read what was sent before. Events without any end
 * mark yet get a comment. @returns what ends it.
 */
function heartbeat(socket: ServerResponse, encoder: LineEncoder, sent: Sent, heartbeatMs: number): () => void {
  let cancel = (): void => undefined;
  const beat = (): void => {
    if (!sent.inside && !socket.writableNeedDrain && !socket.writableEnded) {
      const text = sent.epoch === null ? encoder.nothing : encoder.end(sent.epoch);
      if (text !== '') socket.write(text);
    }
    cancel = systemClock.after(heartbeatMs, beat);
  };
  cancel = systemClock.after(heartbeatMs, beat);
  return () => cancel();
}

/** Long enough for everything that needs no waiting. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function send(socket: ServerResponse, first: Promise<IteratorResult<ColumnItem, void>>, items: AsyncGenerator<ColumnItem, void>, encoder: LineEncoder, sent: Sent, signal: AbortSignal): Promise<void> {
  const turns = new Turns();
  try {
    for (let item = await first; item.done !== true && !signal.aborted; item = await items.next()) {
      const {epoch, parts, complete} = item.value;
      const quiet = complete && parts.length === 0 && !sent.inside;
      sent.inside = !complete;
      if (complete) sent.epoch = epoch;
      if (quiet) continue; // its end mark goes out when nothing else does
      for (const text of encoder.texts(item.value, turns)) {
        if (!socket.write(text)) await drained(socket, signal);
        else await turns.next();
        if (signal.aborted) break;
      }
    }
  } catch (cause) {
    socket.write(encoder.error(cause));
  } finally {
    socket.end();
  }
}

/** Resolves when the socket takes more, or never will. */
function drained(socket: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    socket.once('drain', done);
    signal.addEventListener('abort', done, {once: true});
    if (signal.aborted || !socket.writableNeedDrain) done();
  });
}

class LineEncoder {
  readonly #events: boolean;
  readonly #withTable: boolean;
  readonly #rowTexts = new Map<VisibleShape, ReturnType<typeof rowTextOf>>();

  constructor(events: boolean, withTable: boolean) {
    this.#events = events;
    this.#withTable = withTable;
  }

  /** @returns an item's text in pieces, cut where they are large or others should have a turn. */
  *texts({epoch, parts, complete}: ColumnItem, turns: Turns): Generator<string> {
    const [before, after] = this.#events ? ['data: ', '\n\n'] : ['', '\n'];
    let text = '';
    for (const {shape, ops, columns, rows, start, end} of parts) {
      const rowText = this.#rowText(shape);
      const head = `${before}{"epoch":${epoch},${this.#withTable ? `"table":${JSON.stringify(shape.table)},` : ''}"op":"`;
      for (let i = start; i < end; i++) {
        const at = rows === null ? i : rows[i]!;
        text += `${head}${opText(ops, at)}","row":${rowText(columns, at)}}${after}`;
        if (text.length < writeCharacters && !turns.over) continue;
        yield text;
        text = '';
      }
    }
    // Only the end mark carries the id: a client that breaks off inside an epoch gets that epoch again, whole.
    if (complete) text += this.end(epoch);
    if (text !== '') yield text;
  }

  /** @returns the end mark of an epoch. */
  end(epoch: Epoch): string {
    return this.#events ? `id: ${epoch}\ndata: {"epoch":${epoch},"complete":true}\n\n` : `{"epoch":${epoch},"complete":true}\n`;
  }

  /** What means nothing: a comment of events; of lines there is none. */
  get nothing(): string {
    return this.#events ? ':\n\n' : '';
  }

  error(cause: unknown): string {
    const report = asWarehouseError(cause).report();
    return this.#events ? `event: error\ndata: ${JSON.stringify(report)}\n\n` : `${JSON.stringify({error: report})}\n`;
  }

  #rowText(shape: VisibleShape): ReturnType<typeof rowTextOf> {
    const known = this.#rowTexts.get(shape);
    if (known !== undefined) return known;
    const made = rowTextOf(shape.names, shape.types);
    this.#rowTexts.set(shape, made);
    return made;
  }
}

/** @throws {WarehouseError} `MR_PARAMETER`. */
function rangeOf(request: ChangesRequest, newest: number): Range {
  const known = new Set(['since', 'until', 'follow', 'table']);
  for (const name of Object.keys(request.query)) {
    if (!known.has(name)) throw new WarehouseError('invalid', 'MR_PARAMETER', `unknown parameter "${name}"`, {hint: 'since, until and follow are known'});
  }
  const text = (name: string): string | undefined => {
    const value = request.query[name];
    if (Array.isArray(value)) throw new WarehouseError('invalid', 'MR_PARAMETER', `${name} is given ${value.length} times: expected one`);
    return value;
  };
  const followText = text('follow') ?? 'false';
  if (followText !== 'true' && followText !== 'false') throw new WarehouseError('invalid', 'MR_PARAMETER', `follow is "${followText}": expected true or false`);
  const follow = followText === 'true';
  const resumed = request.headers['last-event-id'];
  const sinceText = typeof resumed === 'string' && resumed !== '' ? resumed : (text('since') ?? (follow ? 'latest' : '0'));
  const since = sinceText === 'snapshot' || sinceText === 'latest' ? sinceText : number('since', sinceText);
  const untilText = text('until');
  const until = untilText === undefined ? null : number('until', untilText);
  // Without follow the answer ends: what is not there yet is not waited for.
  return {since, until: follow ? until : Math.min(until ?? newest, newest)};
}

/** @returns an epoch of the query. @throws {WarehouseError} `MR_PARAMETER`. */
export function number(name: string, text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new WarehouseError('invalid', 'MR_PARAMETER', `${name} is "${text}": expected an epoch${name === 'since' ? ', "snapshot" or "latest"' : ''}`);
  return Number(text);
}
