/**
 * CREATE and DROP TAG. A tag without AT makes a checkpoint and names it: then the tables' snapshots hold all that it needs, and no more.
 * One at an epoch between two checkpoints holds everything from that epoch on.
 */
import {epoch as toEpoch, type Epoch} from '../base/epoch.ts';
import {WarehouseError} from '../base/error.ts';
import type {Catalog} from '../catalog/catalog.ts';
import type {DdlRecord, TagSpec} from '../catalog/spec.ts';
import {checkNewTag, dropTagRecord} from '../catalog/tags.ts';
import type {Statement} from '../kernel/statement/parse.ts';
import type {Result} from './api.ts';
import type {Host} from './host.ts';
import {epochOfText} from './sql-epoch.ts';
import {done, type StatementContext} from './statement-context.ts';

type Of<K extends Statement['kind']> = Extract<Statement, {kind: K}>;

export async function createTag(context: StatementContext, {name, ifNotExists, at, retainMs}: Of<'create-tag'>): Promise<Result> {
  const {host} = context;
  const records: DdlRecord[] = [];
  const twin = host.catalog.findTag(name);
  if (twin !== undefined && hasEnded(twin, host.nowMs())) records.push({kind: 'drop-tag', name: twin.name});
  else if (ifNotExists && twin !== undefined) return done('CREATE TAG', host.history.newest);
  else checkNewTag(host.catalog, name);
  const epoch = at === undefined ? toEpoch((await host.checkpoint()).epoch) : await epochWanted(context, at);
  const checkpoint = host.past.isCheckpoint(epoch);
  // Until the record holds it.
  const release = await host.past.hold(epoch, checkpoint ? 'moment' : 'onward');
  try {
    const createdMs = host.nowMs();
    records.push({kind: 'create-tag', tag: {name, epoch, checkpoint, createdMs, untilMs: retainMs === undefined ? null : createdMs + retainMs}});
    return done('CREATE TAG', (await host.define(records)).epoch);
  } finally {
    release();
  }
}

async function epochWanted(context: StatementContext, at: {readonly epoch: number} | {readonly time: string}): Promise<Epoch> {
  const {newest} = context.host.history;
  if ('time' in at) return epochOfText(context, at.time);
  if (at.epoch > newest) throw new WarehouseError('invalid', 'MR_EPOCH_FUTURE', `epoch ${at.epoch} has not come yet; the newest is ${newest}`, {hint: 'CREATE TAG without AT tags the newest epoch'});
  return toEpoch(at.epoch);
}

export async function dropTag({host}: StatementContext, {name, ifExists}: Of<'drop-tag'>): Promise<Result> {
  if (ifExists && host.catalog.findTag(name) === undefined) return done('DROP TAG', host.history.newest);
  const {epoch} = await host.define([dropTagRecord(host.catalog, name)]);
  return done('DROP TAG', epoch);
}

/** Drops tags whose time has ended: what they hold goes with the next expiry. */
export async function dropEndedTags(host: Pick<Host, 'alone' | 'define' | 'nowMs'> & {readonly catalog: Catalog}): Promise<void> {
  if (!host.catalog.tags().some((tag) => hasEnded(tag, host.nowMs()))) return;
  await host.alone(async () => {
    const records = host.catalog.tags().filter((tag) => hasEnded(tag, host.nowMs())).map(({name}): DdlRecord => ({kind: 'drop-tag', name}));
    if (records.length > 0) await host.define(records);
  });
}

function hasEnded({untilMs}: TagSpec, nowMs: number): boolean {
  return untilMs !== null && untilMs <= nowMs;
}
