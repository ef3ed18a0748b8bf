/** The binder's scratch catalog mirrors ours, record by record. */
import type {DdlRecord, TableId, TableSpec} from '../catalog/spec.ts';
import type {Binder} from '../kernel/plan/binder.ts';

/** The binder's scratch catalog mirrors ours: visible columns, stored types. */
export async function mirror(binder: Binder, known: ReadonlyMap<TableId, TableSpec>, record: DdlRecord): Promise<void> {
  switch (record.kind) {
    case 'create-schema': return binder.createSchema(record.name);
    case 'drop-schema': return binder.dropSchema(record.name);
    case 'create-table': return binder.createTable(record.table.schema, record.table.name, record.table.columns.filter((column) => !column.hidden));
    case 'alter-table': {
      // Nothing reads the scratch table but text that is bound from here on.
      const {schema, name, columns} = record.table;
      await binder.dropTable(schema, name);
      return binder.createTable(schema, name, columns.filter((column) => !column.hidden));
    }
    case 'drop-table': {
      const table = known.get(record.id)!;
      return binder.dropTable(table.schema, table.name);
    }
    default: return; // nothing that a query names
  }
}
