/** Rows that callers hand over, as writes to the engine: by column, or one by one as a stream. */
import type {Column} from '../base/delta.ts';
import {WarehouseError} from '../base/error.ts';
import type {Catalog} from '../catalog/catalog.ts';
import type {TableSpec} from '../catalog/spec.ts';
import type {InsertOptions} from './api.ts';
import {encodeRows} from './encode-rows.ts';
import type {Host} from './host.ts';
import {IngestSession} from './ingest-session.ts';
import {requireTable} from './lookup.ts';
import type {TableWrite} from './protocol.ts';

/** Rows by column: a table's visible columns in order, or with `delete` its key columns in key order. */
export interface ColumnWrite {
  readonly table: string;
  readonly columns: readonly Column[];
  readonly rowCount: number;
  readonly delete?: boolean;
}

/** @throws {WarehouseError} `MR_UNKNOWN_TABLE`; `MR_DYNAMIC_TABLE`; `MR_NO_KEY` for a delete by a key that the table has not. */
export function encodeColumnWrite(catalog: Catalog, {table, columns, rowCount, delete: removes}: ColumnWrite): TableWrite {
  const spec = writableTable(catalog, table);
  if (removes === true && spec.storage !== 'keyed') throw new WarehouseError('invalid', 'MR_NO_KEY', `${table} has no primary key to delete by`);
  const shape = removes === true ? spec.key.map((index) => spec.columns[index]!) : visibleColumns(spec);
  const mode = removes === true ? 'delete' : spec.storage === 'keyed' ? 'upsert' : 'append';
  return {table: spec.id, schemaId: spec.schemaId, mode, rows: encodeRows(shape.map((column) => column.type), columns, rowCount), expected: null, asOf: -1};
}

/** @param epoch the newest one: what is answered for a stream without rows. @throws {WarehouseError} as above. */
export function ingestInto(host: Host, table: string, options: InsertOptions, epoch: number): IngestSession {
  const {id} = writableTable(host.catalog, table);
  // The name may be another table's by the time of a later batch.
  const current = (): TableSpec => {
    const spec = host.catalog.byId(id);
    if (spec === undefined) throw new WarehouseError('conflict', 'MR_TABLE_GONE', `${table} was dropped meanwhile`);
    return spec;
  };
  return new IngestSession(current, options.onError ?? 'fail', epoch, async (target, batch) => {
    const writes: TableWrite[] = batch.rowCount === 0 ? [] : [{table: target.id, schemaId: target.schemaId, mode: target.storage === 'keyed' ? 'upsert' : 'append', rows: encodeRows(visibleColumns(target).map((column) => column.type), batch.columns, batch.rowCount), expected: null, asOf: -1}];
    const written = await host.write(writes, batch.rejected.length === 0 ? [] : [{table: target.id, rows: batch.rejected}]);
    return written.epoch;
  });
}

function writableTable(catalog: Catalog, table: string): TableSpec {
  const spec = requireTable(catalog, table);
  if (spec.definition !== undefined) throw new WarehouseError('invalid', 'MR_DYNAMIC_TABLE', `${spec.schema}.${spec.name} is a dynamic table: its rows follow from its definition`, {hint: 'write to the tables it reads'});
  return spec;
}

function visibleColumns(spec: TableSpec): TableSpec['columns'] {
  return spec.columns.filter((column) => !column.hidden);
}
