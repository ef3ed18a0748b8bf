/** A client of the HTTP face over a real socket, so that streams, disconnects and Host headers are real. */
import {request, type IncomingMessage, type OutgoingHttpHeaders} from 'node:http';
import {linesOf} from '../../server/lines.ts';

export interface Call {
  readonly method?: string;
  readonly path: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Buffer | AsyncIterable<string | Buffer>;
}

/** Sends a request. @returns the response as soon as its head is there. */
export function send(url: string, {method, path, headers = {}, body}: Call): Promise<IncomingMessage> {
  const {hostname, port} = new URL(url);
  return new Promise((resolve, reject) => {
    const sent = request({hostname: hostname.replace(/[[\]]/g, ''), port, path, method: method ?? (body === undefined ? 'GET' : 'POST'), headers, agent: false}, resolve);
    sent.on('error', reject);
    if (body === undefined || typeof body === 'string' || Buffer.isBuffer(body)) sent.end(body);
    else void writeAll(sent, body);
  });
}

async function writeAll(to: ReturnType<typeof request>, body: AsyncIterable<string | Buffer>): Promise<void> {
  const closed = new Promise<void>((resolve) => to.once('close', () => resolve()));
  for await (const part of body) {
    if (to.destroyed) return;
    if (!to.write(part)) await Promise.race([closed, new Promise<void>((resolve) => to.once('drain', () => resolve()))]);
  }
  to.end();
}

/** @returns a whole body as text. */
export async function textOf(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}

/** @returns JSON lines as they come; closing the generator closes the connection. */
export async function* jsonLines(response: IncomingMessage): AsyncGenerator<Record<string, unknown>> {
  try {
    for await (const lines of linesOf(response as AsyncIterable<Uint8Array>)) for (const {text} of lines) yield JSON.parse(text) as Record<string, unknown>;
  } finally {
    response.destroy();
  }
}
