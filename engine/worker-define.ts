/** Catalog changes in the engine: state and operators for what is made, none for what is dropped. */
import type {Epoch} from '../base/epoch.ts';
import {WarehouseError} from '../base/error.ts';
import {invariant} from '../base/invariant.ts';
import {sameFields} from '../base/widen.ts';
import type {Catalog} from '../catalog/catalog.ts';
import {followInput} from '../catalog/evolve-inputs.ts';
import {standingRule} from '../catalog/merge-rules.ts';
import type {DdlRecord, TableId, TableSpec} from '../catalog/spec.ts';
import {checkSubscriptionRecord} from '../catalog/subscriptions.ts';
import {checkTagRecord} from '../catalog/tags.ts';
import type {Dataflow, Evolution} from '../compute/dataflow.ts';
import type {MemoryBudget, MemoryShare} from '../compute/state/memory-budget.ts';
import type {PageFile} from '../compute/state/page-file.ts';
import {commitDeltas, discardTable, gather} from './worker-bulk.ts';
import type {WorkerCore} from './worker-core.ts';

/** Gives a base table its state, or a dynamic table its state and operators. */
export function addTable(core: DefineScope, table: TableSpec, executor: 'code' | 'sql'): void {
  const share = core.budget.register(`${table.schema}.${table.name}`);
  const shares = [share];
  try {
    const memory = {share, pageFile: () => core.openPageFile(`${table.id}.pages`)};
    if (table.definition === undefined) core.dataflow.addTable(table, {...memory, rule: standingRule(table)});
    else {
      const stateShare = core.budget.register(`${table.schema}.${table.name} (operators)`);
      shares.push(stateShare);
      const statePageFile = (): PageFile => core.openPageFile(`${table.id}-operators-${++core.operatorPageFiles}.pages`); // of one view two may stand side by side
      core.dataflow.addView(table, table.definition.tree, {executor, ...memory, stateShare, statePageFile});
    }
  } catch (cause) {
    for (const one of shares) one.close();
    throw cause;
  }
  core.shares.set(table.id, shares);
}

/** Forgets a table, its operators and its memory. */
export function dropTable(core: DefineScope, id: TableId): void {
  core.dataflow.drop(id);
  for (const share of core.shares.get(id) ?? []) share.close();
  core.shares.delete(id);
}

export interface DefineScope {
  readonly catalog: Catalog;
  readonly dataflow: Dataflow;
  readonly budget: MemoryBudget;
  /** What a table's rows are counted under, then what its operators keep. */
  readonly shares: Map<TableId, readonly MemoryShare[]>;
  /** Makes a page file of that name. */
  openPageFile(name: string): PageFile;
  /** Page files of operators that were made. */
  operatorPageFiles: number;
}

/** Makes the engine ready for records that are about to be committed. @returns what takes that back. */
export async function prepareRecords(core: WorkerCore, records: readonly DdlRecord[]): Promise<() => void> {
  const {catalog} = core;
  const added: TableId[] = [];
  const undo = (): void => {
    for (const id of added) dropTable(core, id);
    discardEvolutions(core);
  };
  try {
    for (const record of records) {
      if (record.kind === 'drop-table' && catalog.byId(record.id) === undefined) throw gone(record.id);
      checkSubscriptionRecord(catalog, record);
      checkTagRecord(catalog, record);
      if (record.kind === 'alter-table') await prepareAlter(core, record.table);
      if (record.kind !== 'create-table') continue;
      addTable(core, record.table, 'code');
      added.push(record.table.id);
    }
  } catch (cause) {
    undo();
    throw cause;
  }
  return undo;
}

function gone(id: TableId): WarehouseError {
  return new WarehouseError('conflict', 'MR_TABLE_GONE', `table ${id} was dropped meanwhile`);
}

/** A table's new form, made ready and not yet taken. */
export interface PreparedForm extends Evolution {
  /** What its rows are counted under from then on; null where they stay as they are. */
  readonly share: MemoryShare | null;
}

/**
 * Makes a table's new form ready: where its records change, its rows and the operators that read it are made anew, which costs a pass
 * over the table and over the inputs of its readers. `finishRecords` takes it, once the record is committed.
 *
 * @throws {WarehouseError} `MR_TABLE_GONE`, `MR_CONFLICT` when it is no longer what it was; `MR_MEMORY_FULL`: both forms stand side by side.
 */
export async function prepareAlter(core: WorkerCore, table: TableSpec): Promise<void> {
  const {catalog, dataflow} = core;
  const before = catalog.byId(table.id);
  if (before === undefined) throw gone(table.id);
  if (before.schemaId !== table.schemaId - 1) throw new WarehouseError('conflict', 'MR_CONFLICT', `${table.schema}.${table.name} was altered meanwhile`, {hint: 'run the statement again'});
  if (sameFields(before.columns, table.columns)) {
    core.evolutions.set(table.id, {share: null, apply: () => dataflow.rename(table), discard: () => undefined});
    return;
  }
  const readers = new Map(catalog.dependents(table.id).map((reader) => {
    const {definition} = followInput(reader, before, table);
    return [Number(reader.id), {tree: definition!.tree, executor: definition!.executor ?? 'code'}];
  }));
  const share = core.budget.register(`${table.schema}.${table.name}`);
  try {
    const pageFile = (): PageFile => core.openPageFile(`${table.id}-${table.schemaId}.pages`);
    core.evolutions.set(table.id, {share, ...await dataflow.evolve({...table, from: before.columns}, readers, {share, pageFile, rule: standingRule(table)})});
  } catch (cause) {
    share.close();
    throw cause;
  }
}

function discardEvolutions(core: WorkerCore): void {
  for (const {share, discard} of core.evolutions.values()) {
    discard();
    share?.close();
  }
  core.evolutions.clear();
}

/** Follows committed records: drops the state of what they dropped, takes the new forms of what they altered. */
export function finishRecords(core: WorkerCore, records: readonly DdlRecord[]): void {
  for (const record of records) {
    if (record.kind === 'drop-table') dropTable(core, record.id);
    if (record.kind !== 'alter-table') continue;
    const {id} = record.table;
    const evolution = core.evolutions.get(id);
    invariant(evolution !== undefined, () => `the new form of table ${id} was not made ready`);
    evolution.apply();
    core.evolutions.delete(id);
    if (evolution.share === null) continue;
    const [rows, ...operators] = core.shares.get(id) ?? [];
    rows?.close();
    core.shares.set(id, [evolution.share, ...operators]);
  }
}

/** @returns the records as they are logged in an epoch: what tables were ends with it. */
export function stamped(records: readonly DdlRecord[], epoch: Epoch): readonly DdlRecord[] {
  return records.map((record): DdlRecord => (record.kind === 'alter-table' ? {...record, table: {...record.table, past: record.table.past!.map((form) => (form.until === 0 ? {...form, until: epoch} : form))}} : record));
}

/** Creates a dynamic table: plans it, fills it from its inputs at the current epoch, and commits definition and content as one epoch. */
export async function createView(core: WorkerCore, table: TableSpec, executor: 'code' | 'sql'): Promise<Epoch> {
  const {dataflow} = core;
  const before = core.epoch;
  addTable(core, table, executor);
  try {
    const delta = await gather(core, table, dataflow.hydrate(table.id), 0, true);
    return await commitDeltas(core, {ddl: [{kind: 'create-table', table}], changes: new Map([[table.id, delta]])});
  } catch (cause) {
    if (core.epoch === before) {
      dropTable(core, table.id);
      await discardTable(core, table);
    }
    throw cause;
  }
}
