/**
 * `POST /v1/sql`: runs the text and answers the last statement's result. Large results are encoded in pieces, so that others get
 * their turn. A client that goes away stops its statement.
 */
import {Readable} from 'node:stream';
import type {FastifyReply, FastifyRequest} from 'fastify';
import {WarehouseError} from '../base/error.ts';
import type {Result, SqlOptions} from '../engine/api.ts';
import {quoteLongNumbers} from '../engine/long-numbers.ts';
import type {Warehouse} from '../engine/warehouse.ts';
import type {JsonBody} from './app.ts';
import {jsonColumns, jsonRow} from './json.ts';
import {Turns} from './turns.ts';

interface SqlBody {
  readonly sql: string;
  readonly params: readonly unknown[];
  readonly at: number | string | undefined;
}

/** Characters handed on at once. */
const pieceCharacters = 64 * 1024;

export async function answerSql(warehouse: Warehouse, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const {sql, params, at} = sqlBody(request.body);
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  const options: SqlOptions = at === undefined ? {signal: gone.signal} : {signal: gone.signal, at};
  const result = await warehouse.sql(sql, params, options);
  return reply.type('application/json; charset=utf-8').send(Readable.from(pieces(result), {objectMode: false}));
}

async function* pieces({columns, rows, epoch, tag}: Result): AsyncGenerator<string> {
  const turns = new Turns();
  let text = `{"columns":${JSON.stringify(jsonColumns(columns))},"rows":[`;
  let separator = '';
  for (const row of rows) {
    text += separator + JSON.stringify(jsonRow(row));
    separator = ',';
    const over = turns.over;
    if (text.length < pieceCharacters && !over) continue;
    yield text;
    text = '';
    if (over) await turns.next();
  }
  yield `${text}],"epoch":${epoch}${tag === '' ? '' : `,"tag":${JSON.stringify(tag)}`}}`;
}

/** @throws {WarehouseError} `MR_PARAMETER` naming what is wrong with the body; `MR_UNSUPPORTED`. */
function sqlBody(body: unknown): SqlBody {
  const json = body as Partial<JsonBody> | null | undefined;
  const given = object(json?.value);
  const unknown = Object.keys(given).find((name) => !['sql', 'params', 'at', 'branch'].includes(name));
  if (unknown !== undefined) throw new WarehouseError('invalid', 'MR_PARAMETER', `the body has an unknown member "${unknown}"`, {hint: 'sql, params, at and branch are known'});
  const {sql, params = [], at, branch} = given;
  if (typeof sql !== 'string') throw new WarehouseError('invalid', 'MR_PARAMETER', 'the body has no text "sql"', {hint: 'send {"sql": "SELECT …", "params": […]} as application/json'});
  if (!Array.isArray(params)) throw new WarehouseError('invalid', 'MR_PARAMETER', `"params" is ${params === null ? 'null' : typeof params}: expected an array`);
  if (branch !== undefined) throw new WarehouseError('invalid', 'MR_UNSUPPORTED', '"branch" is not supported in this version');
  if (at !== undefined && typeof at !== 'string' && (typeof at !== 'number' || !Number.isSafeInteger(at) || at < 0)) throw new WarehouseError('invalid', 'MR_PARAMETER', `"at" is ${JSON.stringify(at)}: expected an epoch or the name of a tag`);
  return {sql, params: params.map((value: unknown, index) => parameter(value, index, String(json?.text))), at};
}

/** A long integer has lost digits as a number: its own are in the text. */
function parameter(value: unknown, index: number, text: string): unknown {
  if (typeof value === 'object' && value !== null) throw new WarehouseError('invalid', 'MR_PARAMETER', `parameter ${index + 1} is ${Array.isArray(value) ? 'an array' : 'an object'}: expected null, a boolean, a number or text`);
  if (typeof value !== 'number' || Number.isSafeInteger(value) || !Number.isInteger(value)) return value;
  const exact = (JSON.parse(quoteLongNumbers(text)) as {params: unknown[]}).params[index];
  return typeof exact === 'string' && /^-?\d+$/.test(exact) ? BigInt(exact) : value;
}

function object(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
