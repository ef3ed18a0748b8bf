/** Result cells → JS values, for small results: stored types as base/value.ts says, the others as near to it as JS allows. */
import {
  DuckDBArrayValue, DuckDBDataChunk, DuckDBListValue, DuckDBMapValue, DuckDBStructValue, DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue, DuckDBTimestampSecondsValue, DuckDBTimestampTZValue, DuckDBTimestampValue, DuckDBUnionValue,
  DuckDBBlobValue, DuckDBDateValue, DuckDBDecimalValue, type DuckDBValue,
} from '@duckdb/node-api';
import {parseTypeText, type LogicalType} from '../base/type.ts';
import type {Value} from '../base/value.ts';
import {binding, type DataChunk, type Result} from './duckdb-binding.ts';
import {readColumn, readingOf} from './columns-out.ts';
import {dateText, timestampText} from './column-times.ts';
import {decimalText} from './decimal-text.ts';
import {valueAt} from './column-values.ts';
import {resultColumns, type ResultColumn} from './session-columns.ts';

/** A cell of any type: LIST and ARRAY are arrays, STRUCT an object, MAP an array of `{key, value}`. */
export type ResultValue = Value | readonly ResultValue[] | {readonly [name: string]: ResultValue};

/** A small result. The type of its values is what the asker says the columns have. */
export interface ResultRows<V extends ResultValue = Value> {readonly columns: ResultColumn[]; readonly rows: V[][]}

/** @returns the rows of a result that is complete, so that its chunks are there at once. */
export function resultRows<V extends ResultValue>(result: Result): ResultRows<V> {
  const columns = resultColumns(result);
  const types = columns.map(column => parseTypeText(column.typeText) ?? null);
  const rows: ResultValue[][] = [];
  const chunkCount = binding.result_chunk_count(result);
  for (let i = 0; i < chunkCount; i++) {
    const chunk = binding.result_get_chunk(result, i);
    appendRows(rows, chunk, types, binding.data_chunk_get_size(chunk));
    binding.data_chunk_reset(chunk);
  }
  return {columns, rows: rows as V[][]};
}

/** Appends the chunk's rows to `rows`. `types[i]` is the stored type of column i, or null if it has none. */
function appendRows(rows: ResultValue[][], chunk: DataChunk, types: readonly (LogicalType | null)[], rowCount: number): void {
  const first = rows.length;
  for (let row = 0; row < rowCount; row++) rows.push([]);
  const wrapped = new DuckDBDataChunk(chunk);
  types.forEach((type, index) => {
    if (type !== null) {
      const column = readColumn(chunk, index, readingOf(type), rowCount);
      for (let row = 0; row < rowCount; row++) rows[first + row]!.push(valueAt(column, type, row));
    } else {
      const vector = wrapped.getColumnVector(index);
      for (let row = 0; row < rowCount; row++) rows[first + row]!.push(resultValue(vector.getItem(row)));
    }
  });
}

/** @returns a value of the binding's wrapper in our form; types without a form of their own become DuckDB's text. */
function resultValue(value: DuckDBValue): ResultValue {
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue) return value.items.map(resultValue);
  if (value instanceof DuckDBStructValue) return Object.fromEntries(Object.entries(value.entries).map(([name, entry]) => [name, resultValue(entry)]));
  if (value instanceof DuckDBMapValue) return value.entries.map(entry => ({key: resultValue(entry.key), value: resultValue(entry.value)}));
  if (value instanceof DuckDBUnionValue) return resultValue(value.value);
  if (value instanceof DuckDBBlobValue) return new Uint8Array(value.bytes);
  if (value instanceof DuckDBDateValue) return dateText(value.days);
  if (value instanceof DuckDBDecimalValue) return decimalText(value.value, value.scale);
  if (value instanceof DuckDBTimestampValue) return timestampText(value.micros);
  if (value instanceof DuckDBTimestampTZValue) return `${timestampText(value.micros)}Z`.replace('infinityZ', 'infinity');
  if (value instanceof DuckDBTimestampSecondsValue) return value.isFinite ? timestampText(value.seconds * 1_000_000n) : String(value);
  if (value instanceof DuckDBTimestampMillisecondsValue) return value.isFinite ? timestampText(value.millis * 1000n) : String(value);
  if (value instanceof DuckDBTimestampNanosecondsValue) return nanosText(value);
  return String(value);
}

function nanosText(value: DuckDBTimestampNanosecondsValue): string {
  if (!value.isFinite) return String(value);
  const micros = value.nanos / 1000n - (value.nanos % 1000n < 0n ? 1n : 0n);
  return timestampText(micros) + String(value.nanos - micros * 1000n).padStart(3, '0');
}
