/** The catalog's tables as planning sees them: visible columns only. */
import type {TableLookup, TableShape} from '../compute/operator-spec.ts';
import type {Catalog} from '../catalog/catalog.ts';
import type {TableSpec} from '../catalog/spec.ts';

export function shapeOf(table: TableSpec): TableShape {
  const visible = table.columns.filter((column) => !column.hidden);
  return {
    id: table.id, schema: table.schema, name: table.name,
    columns: visible.map(({name, type, nullable}) => ({name, type, nullable})),
    key: table.storage === 'keyed' ? table.key : [],
    appendOnly: table.storage === 'append',
  };
}

export function shapesOf(catalog: Catalog): TableLookup {
  return (schema, name) => {
    const table = catalog.find(schema, name);
    return table === undefined ? undefined : shapeOf(table);
  };
}
