/** Change batches as single changes: for the library, JSON and tests. Hidden columns never show; changes of hidden columns only are skipped. */
import {OP_TEXT, OP_UPDATE_AFTER, OP_UPDATE_BEFORE, type ChangeBatch, type OpText} from '../base/delta.ts';
import type {LogicalType} from '../base/type.ts';
import type {Row, Value} from '../base/value.ts';
import type {TableSpec} from '../catalog/spec.ts';
import {valueAt} from '../kernel/column-values.ts';

export interface Change {
  readonly table: string;
  readonly op: OpText;
  readonly row: Row;
}

/** The visible columns of a table, by position. */
export interface VisibleShape {
  readonly table: string;
  readonly names: readonly string[];
  readonly types: readonly LogicalType[];
  readonly indexes: readonly number[];
}

export function visibleShape(table: TableSpec): VisibleShape {
  const visible = table.columns.map((column, index) => ({column, index})).filter(({column}) => !column.hidden);
  return {
    table: `${table.schema}.${table.name}`,
    names: visible.map(({column}) => column.name),
    types: visible.map(({column}) => column.type),
    indexes: visible.map(({index}) => index),
  };
}

export function rowAt(shape: VisibleShape, batch: Pick<ChangeBatch, 'columns'>, index: number): Row {
  const row: Record<string, Value> = {};
  for (let i = 0; i < shape.names.length; i++) row[shape.names[i]!] = valueAt(batch.columns[shape.indexes[i]!]!, shape.types[i]!, index);
  return row;
}

export function opAt(batch: ChangeBatch, index: number): OpText {
  return OP_TEXT[batch.ops[index]! as 0 | 1 | 2 | 3];
}

/** @returns whether rows `index` and `index + 1` are an update that changes no visible column. */
export function silentUpdate(shape: VisibleShape, hidden: boolean, batch: ChangeBatch, index: number): boolean {
  if (!hidden || batch.ops[index] !== OP_UPDATE_BEFORE || batch.ops[index + 1] !== OP_UPDATE_AFTER) return false;
  return shape.indexes.every((column, i) => Object.is(textOf(valueAt(batch.columns[column]!, shape.types[i]!, index)), textOf(valueAt(batch.columns[column]!, shape.types[i]!, index + 1))));
}

function textOf(value: Value): string | null {
  return value === null ? null : value instanceof Uint8Array ? Buffer.from(value).toString('hex') : String(value);
}

/** @returns all visible changes of a batch, in order. */
export function* changesOf(table: TableSpec, shape: VisibleShape, batch: ChangeBatch): Generator<Change> {
  const hidden = shape.indexes.length < table.columns.length;
  for (let i = 0; i < batch.rowCount; i++) {
    if (silentUpdate(shape, hidden, batch, i)) {
      i++;
      continue;
    }
    yield {table: shape.table, op: opAt(batch, i), row: rowAt(shape, batch, i)};
  }
}
