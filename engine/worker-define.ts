/** Catalog changes in the engine: state and operators for what is made, none for what is dropped. */
import {concatBatches} from '../base/columns.ts';
import type {ChangeBatch} from '../base/delta.ts';
import type {Epoch} from '../base/epoch.ts';
import {WarehouseError} from '../base/error.ts';
import type {Catalog} from '../catalog/catalog.ts';
import type {DdlRecord, TableId, TableSpec} from '../catalog/spec.ts';
import type {Dataflow} from '../compute/dataflow.ts';
import {typesOf} from './sealed.ts';
import type {WorkerCore} from './worker-core.ts';

/** Gives a base table its state, or a dynamic table its state and operators. */
export function addTable(dataflow: Dataflow, table: TableSpec, executor: 'code' | 'sql'): void {
  const hidden = table.columns.flatMap((column, index) => (column.hidden ? [index] : []));
  dataflow.addTable({
    id: table.id, schema: table.schema, name: table.name, storage: table.storage, key: table.key, hidden,
    columns: table.columns.map(({name, type, nullable}) => ({name, type, nullable})),
  });
  if (table.definition !== undefined) dataflow.addView(table.id, table.definition.tree, {executor});
}

/** Makes the engine ready for records that are about to be committed. @returns what takes that back. */
export function prepareRecords(catalog: Catalog, dataflow: Dataflow, records: readonly DdlRecord[]): () => void {
  const added: TableId[] = [];
  const undo = (): void => {
    for (const id of added) dataflow.drop(id);
  };
  try {
    for (const record of records) {
      if (record.kind === 'drop-table' && catalog.byId(record.id) === undefined) throw new WarehouseError('conflict', 'MR_TABLE_GONE', `table ${record.id} was dropped meanwhile`);
      if (record.kind !== 'create-table') continue;
      addTable(dataflow, record.table, 'code');
      added.push(record.table.id);
    }
  } catch (cause) {
    undo();
    throw cause;
  }
  return undo;
}

/** Drops the state of what committed records dropped. */
export function finishRecords(dataflow: Dataflow, records: readonly DdlRecord[]): void {
  for (const record of records) if (record.kind === 'drop-table') dataflow.drop(record.id);
}

/** Creates a dynamic table: plans it, fills it from its inputs at the current epoch, and commits definition and content as one epoch. */
export async function createView(core: WorkerCore, table: TableSpec, executor: 'code' | 'sql'): Promise<Epoch> {
  const {dataflow} = core;
  addTable(dataflow, table, executor);
  try {
    const batches: ChangeBatch[] = [];
    for await (const batch of dataflow.hydrate(table.id)) if (batch.rowCount > 0) batches.push(batch);
    const changes = new Map<TableId, ChangeBatch>();
    if (batches.length > 0) changes.set(table.id, concatBatches(typesOf(table), batches));
    return await core.commit({ddl: [{kind: 'create-table', table}], changes});
  } catch (cause) {
    dataflow.drop(table.id);
    throw cause;
  }
}
