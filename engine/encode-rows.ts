/** Columns as they cross to the worker: one buffer, never written again. */
import type {Column} from '../base/delta.ts';
import type {LogicalType} from '../base/type.ts';
import {encodeColumns} from '../storage/log/columns.ts';
import type {EncodedRows} from './protocol.ts';

export function encodeRows(types: readonly LogicalType[], columns: readonly Column[], rowCount: number): EncodedRows {
  return {bytes: encodeColumns(columns, types, rowCount), rowCount};
}
