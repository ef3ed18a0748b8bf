/** Names as users write them, to tables. */
import type {Catalog} from '../catalog/catalog.ts';
import type {TableSpec} from '../catalog/spec.ts';
import {requireTable as requireNamed} from '../catalog/create.ts';

export interface NamedTable {
  readonly schema: string | undefined;
  readonly name: string;
}

/** @param name `schema.table` or `table`. */
export function splitName(name: string): NamedTable {
  const at = name.indexOf('.');
  return at === -1 ? {schema: undefined, name} : {schema: name.slice(0, at), name: name.slice(at + 1)};
}

/** @throws {WarehouseError} `MR_UNKNOWN_TABLE` with the nearest names. */
export function requireTable(catalog: Catalog, wanted: string | NamedTable): TableSpec {
  return requireNamed(catalog, typeof wanted === 'string' ? splitName(wanted) : wanted);
}

/** @returns the table of `table`'s rejected rows, if any row was ever rejected. */
export function rejectedTableOf(catalog: Catalog, table: Pick<TableSpec, 'schema' | 'name'>): TableSpec | undefined {
  return catalog.find(table.schema, `${table.name}$rejected`);
}

/** @returns `schema.name` */
export function tableName({schema, name}: Pick<TableSpec, 'schema' | 'name'>): string {
  return `${schema}.${name}`;
}
