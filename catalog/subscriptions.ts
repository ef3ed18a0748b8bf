/**
 * Subscriptions as values: CREATE SUBSCRIPTION checked against the rules and the catalog, and the records that move, end and drop one.
 * Pure: nothing is changed until a record is applied.
 */
import {WarehouseError} from '../base/error.ts';
import {subscriptionLagBytesMax, subscriptionLagMsMax, subscriptionsMax, subscriptionTablesMax} from '../base/limit.ts';
import {didYouMean} from '../kernel/statement/nearest.ts';
import {durationMs} from '../kernel/statement/settings.ts';
import type {Catalog} from './catalog.ts';
import {checkSubscriptionName} from './names.ts';
import type {DdlRecord, StreamPosition, SubscriptionSpec, TableId} from './spec.ts';

/** What CREATE SUBSCRIPTION asks for. */
export interface NewSubscription {
  readonly name: string;
  readonly tables: readonly TableId[];
  readonly start: SubscriptionSpec['start'];
  readonly position: StreamPosition;
  /** WITH (…) as written. */
  readonly options: Readonly<Record<string, string>>;
  readonly createdMs: number;
}

const optionNames: readonly string[] = ['conflate', 'split', 'lag_max', 'lag_max_bytes'];
/** Other systems' options, with what stands for them here. */
const elsewhere: Readonly<Record<string, string>> = {
  retention: 'lag_max says how far behind a consumer may be', start: 'write FROM snapshot, FROM latest or FROM EPOCH n', from: 'write FROM snapshot, FROM latest or FROM EPOCH n', envelope: 'changes come as rows with an operation',
};

/**
 * @returns the record that makes the subscription.
 * @throws {WarehouseError} `MR_SUBSCRIPTION_EXISTS`; `MR_BAD_NAME`; `MR_UNKNOWN_OPTION`, `MR_BAD_OPTION`; `MR_BUSY` beyond `subscriptionsMax`.
 */
export function createSubscriptionRecord(catalog: Catalog, {name, tables, start, position, options, createdMs}: NewSubscription): DdlRecord {
  checkSubscriptionName(name);
  const twin = catalog.findSubscription(name);
  if (twin !== undefined) throw new WarehouseError('invalid', 'MR_SUBSCRIPTION_EXISTS', `expected a new subscription, found "${twin.name}"`, {hint: 'write IF NOT EXISTS, choose another name, or DROP SUBSCRIPTION it first'});
  const count = catalog.subscriptions().length;
  if (count >= subscriptionsMax) throw new WarehouseError('unavailable', 'MR_BUSY', `the warehouse has ${count} subscriptions, at most ${subscriptionsMax} are kept`, {hint: 'DROP SUBSCRIPTION those that nobody reads; SHOW SUBSCRIPTIONS lists them'});
  if (tables.length > subscriptionTablesMax) throw new WarehouseError('invalid', 'MR_TOO_LARGE', `the subscription follows ${tables.length} tables, at most ${subscriptionTablesMax} are`, {hint: 'make several subscriptions'});
  const repeated = tables.find((id, index) => tables.indexOf(id) !== index);
  if (repeated !== undefined) throw new WarehouseError('invalid', 'MR_SYNTAX', `expected each table once, found "${catalog.byId(repeated)?.name ?? repeated}" again`);
  for (const option of Object.keys(options)) {
    if (!optionNames.includes(option)) throw new WarehouseError('invalid', 'MR_UNKNOWN_OPTION', `expected an option of a subscription (${optionNames.join(', ')}), found "${option}"`, {hint: elsewhere[option] ?? didYouMean(option, optionNames)});
  }
  const subscription: SubscriptionSpec = {
    name, tables, start, position, createdMs,
    conflate: flagOption(options, 'conflate'), split: flagOption(options, 'split'),
    lagMsMax: parsedOption(options, 'lag_max', durationMs, "a duration such as '7 days'") ?? subscriptionLagMsMax,
    lagBytesMax: parsedOption(options, 'lag_max_bytes', sizeBytes, "a size such as '8 GiB'") ?? subscriptionLagBytesMax,
  };
  return {kind: 'create-subscription', subscription};
}

/** @returns the subscription of that name. @throws {WarehouseError} `MR_UNKNOWN_SUBSCRIPTION` with the nearest name. */
export function requireSubscription(catalog: Catalog, name: string): SubscriptionSpec {
  const found = catalog.findSubscription(name);
  if (found !== undefined) return found;
  const names = catalog.subscriptions().map((subscription) => subscription.name);
  throw new WarehouseError('invalid', 'MR_UNKNOWN_SUBSCRIPTION', `expected a subscription that exists, found "${name}"`, {hint: didYouMean(name, names) ?? 'SHOW SUBSCRIPTIONS lists them'});
}

/**
 * Whether a record about a subscription still fits: it may have gone or moved since the record was made.
 *
 * @throws {WarehouseError} `MR_UNKNOWN_SUBSCRIPTION`; `MR_SUBSCRIPTION_POSITION` (invalid) for a move back.
 */
export function checkSubscriptionRecord(catalog: Catalog, record: DdlRecord): void {
  if (record.kind !== 'drop-subscription' && record.kind !== 'move-subscription' && record.kind !== 'end-subscription') return;
  const {name, position} = requireSubscription(catalog, record.name);
  if (record.kind === 'move-subscription' && record.position.epoch < position.epoch) throw movesBack(name, record.position.epoch, position.epoch);
}

/** @returns the refusal of a commit of what is committed already. */
export function movesBack(name: string, wanted: number, committed: number): WarehouseError {
  return new WarehouseError('invalid', 'MR_SUBSCRIPTION_POSITION', `subscription "${name}" is committed through epoch ${committed}, it cannot go back to ${wanted}`, {hint: 'to read from an earlier epoch, CREATE another SUBSCRIPTION … FROM EPOCH n'});
}

function flagOption(options: Readonly<Record<string, string>>, name: string): boolean {
  return parsedOption(options, name, (text) => ({true: 1, false: 0})[text.toLowerCase()], 'true or false') === 1;
}

function parsedOption(options: Readonly<Record<string, string>>, name: string, parse: (text: string) => number | undefined, expected: string): number | undefined {
  const text = options[name];
  if (text === undefined) return undefined;
  const value = parse(text);
  if (value === undefined) throw new WarehouseError('invalid', 'MR_BAD_OPTION', `expected ${expected} for "${name}", found '${text}'`);
  return value;
}

const units: Readonly<Record<string, number>> = {'': 1, b: 1, kb: 1024, kib: 1024, mb: 1024 ** 2, mib: 1024 ** 2, gb: 1024 ** 3, gib: 1024 ** 3, tb: 1024 ** 4, tib: 1024 ** 4};

/** @returns the bytes of `8 GiB`, `512 mb` or `1000`; undefined when `text` is none. */
function sizeBytes(text: string): number | undefined {
  const match = /^\s*(\d{1,15})\s*([a-z]*)\s*$/i.exec(text);
  const bytes = match === null ? Number.NaN : Number(match[1]) * (units[match[2]!.toLowerCase()] ?? Number.NaN);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
