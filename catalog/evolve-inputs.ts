/**
 * A definition follows its inputs: when a table that it reads changes form, positions in its tree move, and nothing else. What it
 * reads keeps name, type and meaning: a change that would take that away is refused before (alter.ts).
 */
import {fieldPositions} from '../base/widen.ts';
import type {PlanNode} from '../kernel/plan/tree.ts';
import {columnsRead, mapChildren} from '../kernel/plan/walk.ts';
import type {BoundInput, ColumnSpec, TableId, TableSpec} from './spec.ts';

/** @returns positions in a table's visible columns that a definition's tree reads. A bare `*` reads all of them. */
export function columnsReadOf(reader: TableSpec, input: TableSpec): readonly number[] {
  return columnsRead(reader.definition!.tree).find(({schema, table}) => schema === input.schema && table === input.name)?.columnIndexes ?? [];
}

/** @returns the dynamic table with its definition over the input's new form. */
export function followInput(reader: TableSpec, before: TableSpec, after: TableSpec): TableSpec {
  const definition = reader.definition!;
  const places = fieldPositions(visible(after), visible(before));
  const bound = definition.bound?.some(({table}) => table === before.id) === true ? definition.bound : [...definition.bound ?? [], boundInput(before)];
  return {...reader, definition: {...definition, tree: moveReads(definition.tree, before, places), bound}};
}

/** @returns a table's visible columns as a definition that is made now means them. */
export function boundInput(table: TableSpec): BoundInput {
  return {table: table.id, columns: visible(table).map(({id, name, type}) => ({id, name, type}))};
}

/** @returns the columns that names of an input mean in a definition's text. */
export function boundColumns(reader: TableSpec, input: TableSpec): BoundInput['columns'] {
  return reader.definition?.bound?.find(({table}: {table: TableId}) => table === input.id)?.columns ?? visible(input);
}

function visible(table: TableSpec): ColumnSpec[] {
  return table.columns.filter((column) => !column.hidden);
}

function moveReads(tree: PlanNode, input: TableSpec, places: readonly number[]): PlanNode {
  if (tree.kind === 'get') {
    if (tree.schema !== input.schema || tree.table !== input.name) return tree;
    // A column that stands for the number of rows alone may be one that went: any other will do.
    return {...tree, columnIndexes: tree.columnIndexes.map((index) => Math.max(0, places[index]!))};
  }
  return mapChildren(tree, (child) => moveReads(child, input, places));
}
