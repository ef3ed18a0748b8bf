/** Catalog changes in the engine: state and operators for what is made, none for what is dropped. */
import type {Epoch} from '../base/epoch.ts';
import {WarehouseError} from '../base/error.ts';
import type {Catalog} from '../catalog/catalog.ts';
import {standingRule} from '../catalog/merge-rules.ts';
import type {DdlRecord, TableId, TableSpec} from '../catalog/spec.ts';
import {checkSubscriptionRecord} from '../catalog/subscriptions.ts';
import {checkTagRecord} from '../catalog/tags.ts';
import type {Dataflow} from '../compute/dataflow.ts';
import type {MemoryBudget, MemoryShare} from '../compute/state/memory-budget.ts';
import type {PageFile} from '../compute/state/page-file.ts';
import {commitDeltas, discardTable, gather} from './worker-bulk.ts';
import type {WorkerCore} from './worker-core.ts';

/** Gives a base table its state, or a dynamic table its state and operators. */
export function addTable(core: DefineScope, table: TableSpec, executor: 'code' | 'sql'): void {
  const share = core.budget.register(`${table.schema}.${table.name}`);
  try {
    const memory = {share, pageFile: () => core.openPageFile(`${table.id}.pages`)};
    if (table.definition === undefined) core.dataflow.addTable(table, {...memory, rule: standingRule(table)});
    else core.dataflow.addView(table, table.definition.tree, {executor, ...memory});
  } catch (cause) {
    share.close();
    throw cause;
  }
  core.shares.set(table.id, share);
}

/** Forgets a table, its operators and its memory. */
export function dropTable(core: DefineScope, id: TableId): void {
  core.dataflow.drop(id);
  core.shares.get(id)?.close();
  core.shares.delete(id);
}

export interface DefineScope {
  readonly catalog: Catalog;
  readonly dataflow: Dataflow;
  readonly budget: MemoryBudget;
  readonly shares: Map<TableId, MemoryShare>;
  /** Makes a page file of that name. */
  openPageFile(name: string): PageFile;
}

/** Makes the engine ready for records that are about to be committed. @returns what takes that back. */
export function prepareRecords(core: DefineScope, records: readonly DdlRecord[]): () => void {
  const {catalog} = core;
  const added: TableId[] = [];
  const undo = (): void => {
    for (const id of added) dropTable(core, id);
  };
  try {
    for (const record of records) {
      if (record.kind === 'drop-table' && catalog.byId(record.id) === undefined) throw new WarehouseError('conflict', 'MR_TABLE_GONE', `table ${record.id} was dropped meanwhile`);
      checkSubscriptionRecord(catalog, record);
      checkTagRecord(catalog, record);
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

/** Drops the state of what committed records dropped. */
export function finishRecords(core: DefineScope, records: readonly DdlRecord[]): void {
  for (const record of records) if (record.kind === 'drop-table') dropTable(core, record.id);
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
