/** DROP as values: what may go, checked against the catalog. What others read stays. */
import {WarehouseError} from '../base/error.ts';
import type {Catalog} from './catalog.ts';
import {requireSchema, requireTable} from './create.ts';
import {MAIN_SCHEMA, type DdlRecord} from './spec.ts';

/**
 * @param what which of the two kinds of table the statement named.
 * @returns the record, or undefined when there is no such table and `ifExists`.
 * @throws {WarehouseError} `MR_UNKNOWN_TABLE`; `MR_WRONG_KIND` for DROP TABLE of a dynamic table or the reverse;
 *   `MR_DEPENDENTS` naming the dynamic tables that read it.
 */
export function dropTableRecord(catalog: Catalog, name: {readonly schema: string | undefined; readonly name: string}, what: 'table' | 'dynamic table', ifExists: boolean): DdlRecord | undefined {
  if (ifExists && catalog.find(name.schema, name.name) === undefined) return undefined;
  const table = requireTable(catalog, name);
  const full = `${table.schema}.${table.name}`;
  const kind = table.definition === undefined ? 'table' : 'dynamic table';
  if (kind !== what) {
    throw new WarehouseError('invalid', 'MR_WRONG_KIND', `expected a ${what}, found the ${kind} "${full}"`, {hint: `write DROP ${kind.toUpperCase()} ${full}`});
  }
  const dependents = catalog.dependents(table.id).map((dependent) => `"${dependent.schema}.${dependent.name}"`);
  if (dependents.length > 0) {
    throw new WarehouseError('invalid', 'MR_DEPENDENTS', `expected a table that nothing reads, found "${full}", read by ${dependents.join(', ')}`, {hint: `drop ${dependents.length === 1 ? 'it' : 'them'} first`});
  }
  return {kind: 'drop-table', id: table.id};
}

/**
 * @returns the record, or undefined when there is no such schema and `ifExists`.
 * @throws {WarehouseError} `MR_UNKNOWN_SCHEMA`; `MR_DEPENDENTS` naming tables in it; `MR_NOT_ALLOWED` for `main`.
 */
export function dropSchemaRecord(catalog: Catalog, name: string, ifExists: boolean): DdlRecord | undefined {
  if (ifExists && catalog.findSchema(name) === undefined) return undefined;
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
