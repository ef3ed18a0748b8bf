/**
 * Columns ↔ single values at the edges: SQL parameters, small results, tests. Never on a hot path: a JS value per cell.
 * The forms of values are base/value.ts's. Values that do not fit a type are refused, never rounded or cut.
 */
import type {Column} from '../base/delta.ts';
import {WarehouseError} from '../base/error.ts';
import {invariant} from '../base/invariant.ts';
import {isNested, type LogicalType} from '../base/type.ts';
import type {Value} from '../base/value.ts';
import {nestedColumn, nestedValue} from './nested-values.ts';
import {bytesAt, scalarAt, scalarColumn} from './scalar-values.ts';

/** @returns the value of one cell, in the form of base/value.ts. */
export function valueAt(column: Column, type: LogicalType, rowIndex: number): Value {
  if (!isNested(type)) return scalarAt(column, type, rowIndex);
  return column.valid !== null && column.valid[rowIndex] === 0 ? null : nestedValue(type, bytesAt(column, rowIndex));
}

/** @returns rows [0, rowCount), each an array of values in column order. */
export function rowsFromColumns(columns: readonly Column[], types: readonly LogicalType[], rowCount: number): Value[][] {
  invariant(types.length === columns.length, () => `${types.length} types for ${columns.length} columns`);
  return Array.from({length: rowCount}, (_, row) => columns.map((column, i) => valueAt(column, types[i]!, row)));
}

/**
 * @param rows each as long as `types`; numbers stand for BIGINT and DECIMAL too if they are exact.
 * @returns columns of `rows.length` rows; exact columns narrow if all their values fit.
 * @throws {WarehouseError} MR_VALUE (invalid) naming row and type.
 */
export function columnsFromRows(types: readonly LogicalType[], rows: readonly (readonly Value[])[]): Column[] {
  return types.map((type, columnIndex) => columnFromValues(type, rows.map((row, rowIndex) => {
    if (row.length !== types.length) throw new WarehouseError('invalid', 'MR_VALUE', `row ${rowIndex} has ${row.length} values, expected ${types.length}`);
    return row[columnIndex]!;
  })));
}

/** @returns a column of `values`; see columnsFromRows. */
export function columnFromValues(type: LogicalType, values: readonly Value[]): Column {
  return isNested(type) ? nestedColumn(type, values) : scalarColumn(type, values);
}
