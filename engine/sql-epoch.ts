/** Which epoch a query means: `AT (VERSION => n | 'tag')`, `AT (TIMESTAMP => …)`, or the request's own `at`. */
import {epoch as toEpoch, type Epoch} from '../base/epoch.ts';
import {asWarehouseError, WarehouseError} from '../base/error.ts';
import type {Value} from '../base/value.ts';
import type {Catalog} from '../catalog/catalog.ts';
import {nearTables} from '../catalog/create.ts';
import type {TableSpec} from '../catalog/spec.ts';
import {requireTag} from '../catalog/tags.ts';
import {quoteLiteral} from '../kernel/quote.ts';
import type {AtClause} from '../query/gate.ts';
import type {PinnedRead} from '../query/pinned-read.ts';
import type {NamedTable} from './lookup.ts';
import type {StatementContext} from './statement-context.ts';

/**
 * @returns the epoch that a table's AT names, at most the epoch of `read`.
 * @throws {WarehouseError} `MR_EPOCH_FUTURE`, `MR_EPOCH_EXPIRED`, `MR_UNKNOWN_TAG`; `MR_PARAMETER` for what is no epoch and no tag.
 */
export async function epochOfClause(context: StatementContext, read: PinnedRead, {unit, sql, parameters}: AtClause): Promise<Epoch> {
  const params = parameters.map((parameter): Value => {
    const value = typeof parameter === 'number' ? context.params[parameter - 1] : undefined;
    if (value === undefined) throw new WarehouseError('invalid', 'MR_PARAMETER', `parameter $${parameter} has no value: ${context.params.length} are given`);
    return value;
  });
  // Text and TIMESTAMP are UTC; a time with an offset says its own.
  const wanted = unit === 'version' ? `(${sql})` : `epoch_us(CAST((${sql}) AS TIMESTAMP WITH TIME ZONE))`;
  const {rows, columns} = await read.session.rows(`SELECT ${wanted}`, params).catch((cause: unknown) => {
    const found = asWarehouseError(cause);
    if (found.kind !== 'invalid') throw found;
    // DuckDB's message goes on with a text that nobody wrote.
    throw new WarehouseError('invalid', 'MR_PARAMETER', `expected ${unit === 'version' ? 'an epoch or the name of a tag' : 'a time'} in AT (${unit.toUpperCase()} => …): ${found.message.split('\n')[0]!}`, {cause, hint: found.hint});
  });
  const value = rows[0]![0] ?? null;
  if (value === null) throw new WarehouseError('invalid', 'MR_PARAMETER', `AT (${unit.toUpperCase()} => …) is NULL: expected ${unit === 'version' ? 'an epoch or the name of a tag' : 'a time'}`);
  if (unit === 'version') {
    if (typeof value === 'string' && columns[0]!.typeText === 'VARCHAR') return epochOfTag(context.host.catalog, value, read.epoch, context.host.nowMs());
    return checkedEpoch(value, read.epoch);
  }
  const found = await context.host.past.epochAt(Math.floor(Number(value) / 1000), context.host.history.newest);
  // In a transaction that began before that time its epoch is the newest there is.
  return toEpoch(Math.min(found, read.epoch));
}

/** @returns the epoch of a request's `at`. @throws as {@link epochOfClause}. */
export function epochOfRequest(context: StatementContext, read: PinnedRead): Epoch {
  const {at} = context.options;
  if (at === undefined) return read.epoch;
  return typeof at === 'string' ? epochOfTag(context.host.catalog, at, read.epoch, context.host.nowMs()) : checkedEpoch(at, read.epoch);
}

/** @returns the newest epoch sealed at or before a time that is given as text. */
export async function epochOfText(context: StatementContext, time: string): Promise<Epoch> {
  return context.host.live.read((read) => epochOfClause(context, read, {unit: 'timestamp', sql: quoteLiteral(time), parameters: []}));
}

function epochOfTag(catalog: Catalog, name: string, newest: Epoch, nowMs: number): Epoch {
  const {untilMs, epoch} = requireTag(catalog, name);
  if (untilMs !== null && untilMs <= nowMs) throw new WarehouseError('invalid', 'MR_UNKNOWN_TAG', `expected a tag that exists, found "${name}", whose time has ended`, {hint: 'SHOW TAGS says until when tags are kept'});
  return checkedEpoch(epoch, newest);
}

function checkedEpoch(value: Value, newest: Epoch): Epoch {
  const number = typeof value === 'bigint' || typeof value === 'number' ? Number(value) : NaN;
  if (!Number.isSafeInteger(number) || number < 0) throw new WarehouseError('invalid', 'MR_PARAMETER', `expected an epoch to read at, a whole number of at least 0, found ${String(value)}`);
  if (number > newest) throw new WarehouseError('invalid', 'MR_EPOCH_FUTURE', `epoch ${number} has not come yet; the newest readable epoch is ${newest}`, {hint: 'WAIT FOR EPOCH n waits for one; a transaction reads no epoch after its own'});
  return toEpoch(number);
}

/** @returns a table as it was at an epoch. @throws {WarehouseError} `MR_UNKNOWN_TABLE` saying whether it exists now. */
export async function tableAt(context: StatementContext, wanted: NamedTable, epoch: Epoch): Promise<TableSpec> {
  const {past, catalog} = context.host;
  const then = await past.catalogAt(epoch, catalog);
  const table = then.find(wanted.schema, wanted.name);
  if (table !== undefined) return table;
  const written = wanted.schema === undefined ? wanted.name : `${wanted.schema}.${wanted.name}`;
  const near = nearTables(then, wanted);
  const hint = catalog.find(wanted.schema, wanted.name) !== undefined ? 'it was made later' : near.length === 0 ? 'SHOW TABLES lists those that exist now' : `did you mean ${near.map((name) => `"${name}"`).join(' or ')}?`;
  throw new WarehouseError('invalid', 'MR_UNKNOWN_TABLE', `expected a table that existed at epoch ${epoch}, found "${written}"`, {hint});
}
