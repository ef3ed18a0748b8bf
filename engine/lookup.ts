/** Names to tables, with an error that helps whoever mistyped. */
import {WarehouseError} from '../base/error.ts';
import type {Catalog} from '../catalog/catalog.ts';
import type {TableSpec} from '../catalog/spec.ts';
import {didYouMean} from '../kernel/statement/nearest.ts';

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
  const {schema, name} = typeof wanted === 'string' ? splitName(wanted) : wanted;
  const table = catalog.find(schema, name);
  if (table !== undefined) return table;
  const shown = schema === undefined ? name : `${schema}.${name}`;
  const known = catalog.tables().map((each) => (each.schema === 'main' ? each.name : `${each.schema}.${each.name}`));
  throw new WarehouseError('invalid', 'MR_UNKNOWN_TABLE', `no table "${shown}"`, {hint: didYouMean(shown, known) ?? (known.length === 0 ? 'there are no tables yet: CREATE TABLE makes one' : `there are ${known.slice(0, 10).join(', ')}`)});
}

/** @returns the table of `table`'s rejected rows, if any row was ever rejected. */
export function rejectedTableOf(catalog: Catalog, table: Pick<TableSpec, 'schema' | 'name'>): TableSpec | undefined {
  return catalog.find(table.schema, `${table.name}$rejected`);
}
