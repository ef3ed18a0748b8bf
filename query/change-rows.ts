/** Change batches as readers see them: hidden columns never show, and changes of hidden columns only are skipped. */
import {OP_INSERT, OP_TEXT, OP_UPDATE_AFTER, OP_UPDATE_BEFORE, type ChangeBatch, type Column, type OpText} from '../base/delta.ts';
import {unreachable} from '../base/invariant.ts';
import type {LogicalType} from '../base/type.ts';
import type {Row, Value} from '../base/value.ts';
import {evolveColumns, sameFields} from '../base/widen.ts';
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
  /** Ids of the columns, which keep theirs whatever they are called. */
  readonly ids: readonly number[];
  /** Positions among the visible columns of those that make a row's key; null without one. */
  readonly key: readonly number[] | null;
  /** The table has hidden columns. */
  readonly hides: boolean;
}

export function visibleShape(table: TableSpec): VisibleShape {
  const visible = table.columns.map((column, index) => ({column, index})).filter(({column}) => !column.hidden);
  return {
    table: `${table.schema}.${table.name}`,
    names: visible.map(({column}) => column.name),
    types: visible.map(({column}) => column.type),
    indexes: visible.map(({index}) => index),
    ids: visible.map(({column}) => column.id),
    key: table.storage === 'keyed' && table.key.every((index) => !table.columns[index]!.hidden) ? table.key.map((index) => visible.findIndex((one) => one.index === index)) : null,
    hides: visible.length < table.columns.length,
  };
}

/** Changes of one table by column, the visible ones only: those at `rows[start, end)`. */
export interface ChangePart {
  readonly shape: VisibleShape;
  /** Changelog ops; null: all are `+I`. */
  readonly ops: Uint8Array | null;
  readonly columns: readonly Column[];
  /** Positions in the columns; null: 0, 1, 2 … */
  readonly rows: Int32Array | null;
  readonly start: number;
  readonly end: number;
}

/** @returns a batch of changes in one form of its table as changes of another; hidden columns included. */
export function changesAs(batch: ChangeBatch, from: TableSpec, to: TableSpec): ChangeBatch {
  if (from === to || sameFields(from.columns, to.columns)) return batch;
  return {...batch, columns: evolveColumns(batch.columns, from.columns, to.columns, batch.rowCount)};
}

/** @returns the visible changes of a batch, in order; null if there are none. */
export function visibleChanges(shape: VisibleShape, batch: ChangeBatch): ChangePart | null {
  const columns = shape.indexes.map((index) => batch.columns[index]!);
  const rows = shape.hides ? visibleRows(batch.ops, columns, batch.rowCount) : null;
  const end = rows === null ? batch.rowCount : rows.length;
  return end === 0 ? null : {shape, ops: batch.ops, columns, rows, start: 0, end};
}

/** @returns rows without the updates that change none of `columns`. */
function visibleRows(ops: Uint8Array, columns: readonly Column[], rowCount: number): Int32Array {
  const rows = new Int32Array(rowCount);
  let count = 0;
  for (let i = 0; i < rowCount; i++) {
    if (ops[i] === OP_UPDATE_BEFORE && i + 1 < rowCount && ops[i + 1] === OP_UPDATE_AFTER && columns.every((column) => sameCell(column, i, i + 1))) i++;
    else rows[count++] = i;
  }
  return rows.subarray(0, count);
}

function sameCell(column: Column, a: number, b: number): boolean {
  if (column.valid !== null && (column.valid[a] === 0 || column.valid[b] === 0)) return column.valid[a] === column.valid[b];
  switch (column.kind) {
    case 'i32': return column.data[a] === column.data[b];
    case 'f64': return column.data[a] === column.data[b] || (Number.isNaN(column.data[a]) && Number.isNaN(column.data[b]));
    case 'i64': return column.data[a] === column.data[b];
    case 'i128': return column.data[2 * a] === column.data[2 * b] && column.data[2 * a + 1] === column.data[2 * b + 1];
    case 'bytes': {
      const length = column.length[a]!;
      if (length !== column.length[b]) return false;
      if (length === 0) return true;
      const left = column.arena.view(column.address[a]!, length);
      const right = column.arena.view(column.address[b]!, length);
      for (let i = 0; i < length; i++) if (left[i] !== right[i]) return false;
      return true;
    }
    default: return unreachable(column);
  }
}

/** @returns the changes of a part as objects: for the library. */
export function* changesOf({shape, ops, columns, rows, start, end}: ChangePart): Generator<Change> {
  const {table, names, types} = shape;
  for (let i = start; i < end; i++) {
    const at = rows === null ? i : rows[i]!;
    const row: Record<string, Value> = {};
    for (let c = 0; c < names.length; c++) row[names[c]!] = valueAt(columns[c]!, types[c]!, at);
    yield {table, op: opText(ops, at), row};
  }
}

export function opText(ops: Uint8Array | null, at: number): OpText {
  return OP_TEXT[(ops === null ? OP_INSERT : ops[at]!) as 0 | 1 | 2 | 3];
}
