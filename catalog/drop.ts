/** DROP as values: what may go, checked against the catalog. What others read stays. */
import {invariant} from '../base/invariant.ts';
import {WarehouseError} from '../base/error.ts';
import type {Catalog} from './catalog.ts';
import {requireSchema} from './create.ts';
import {MAIN_SCHEMA, type DdlRecord, type TableId} from './spec.ts';

/**
 * @returns the record that drops the table, which exists.
 * @throws {WarehouseError} `MR_DEPENDENTS` naming the dynamic tables that read it.
 */
export function dropTableRecord(catalog: Catalog, id: TableId): DdlRecord {
  const table = catalog.byId(id);
  invariant(table !== undefined, () => `table ${id} does not exist`);
  const dependents = catalog.dependents(id).map((dependent) => `"${dependent.schema}.${dependent.name}"`);
  if (dependents.length > 0) {
    throw new WarehouseError('invalid', 'MR_DEPENDENTS', `expected a table that nothing reads, found "${table.schema}.${table.name}", read by ${dependents.join(', ')}`, {hint: `drop ${dependents.length === 1 ? 'it' : 'them'} first`});
  }
  const followers = catalog.subscriptionsOf(id).map(({name}) => `"${name}"`);
  if (followers.length > 0) {
    throw new WarehouseError('invalid', 'MR_DEPENDENTS', `expected a table that nothing follows, found "${table.schema}.${table.name}", followed by ${followers.length === 1 ? 'subscription' : 'subscriptions'} ${followers.join(', ')}`, {hint: `DROP SUBSCRIPTION ${followers.length === 1 ? 'it' : 'them'} first`});
  }
  return {kind: 'drop-table', id};
}

/**
 * @returns the record that drops the schema.
 * @throws {WarehouseError} `MR_UNKNOWN_SCHEMA`; `MR_DEPENDENTS` naming tables in it; `MR_NOT_ALLOWED` for `main`.
 */
export function dropSchemaRecord(catalog: Catalog, name: string): DdlRecord {
  const schema = requireSchema(catalog, name);
  if (schema === MAIN_SCHEMA) throw new WarehouseError('invalid', 'MR_NOT_ALLOWED', `schema "${MAIN_SCHEMA}" is not dropped: it is where names without schema are`);
  const tables = catalog.tables(schema).map((table) => `"${schema}.${table.name}"`);
  if (tables.length > 0) {
    const shown = tables.length <= namesShownMax ? tables.join(', ') : `${tables.slice(0, namesShownMax).join(', ')} and ${tables.length - namesShownMax} more`;
    throw new WarehouseError('invalid', 'MR_DEPENDENTS', `expected an empty schema, found "${schema}" with ${shown}`, {hint: 'drop its tables first'});
  }
  return {kind: 'drop-schema', name: schema};
}

const namesShownMax = 10;
