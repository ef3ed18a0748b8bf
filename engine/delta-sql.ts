/** Reading deltas by reference: the rows of changelog files (of data files, where a table only grows) as SQL and as batches. */
import {concatBatches, sliceColumn} from '../base/columns.ts';
import {OP_UPDATE_BEFORE, type ChangeBatch} from '../base/delta.ts';
import {typeText, type LogicalType} from '../base/type.ts';
import {fieldPositions} from '../base/widen.ts';
import {standingRule} from '../catalog/merge-rules.ts';
import type {ColumnSpec, TableSpec} from '../catalog/spec.ts';
import {quoteIdentifier} from '../kernel/quote.ts';
import type {Session} from '../kernel/session.ts';
import {KIND_COLUMN, parquetSql, SEQUENCE_COLUMN} from '../storage/lsm/column-sql.ts';

const opType: LogicalType = {kind: 'tinyint'};

/**
 * @param table in the form that the files were written under.
 * @param paths absolute, in order.
 * @param form a later form of the table, to read them as.
 * @returns a SELECT of `_op` and all columns of the table, in changelog order.
 */
export function deltaSql(table: Pick<TableSpec, 'storage' | 'columns' | 'options' | 'partition'>, paths: readonly string[], form: Pick<TableSpec, 'columns'> = table): string {
  const op = table.storage === 'append' ? '0' : quoteIdentifier(KIND_COLUMN);
  const columns = evolvedSql(table.columns, form.columns);
  // Each bucket of a partition has files of its own; within one, rows lie in order, but for data files with keys.
  const order = Number(table.options['bucket'] ?? 1) > 1 || standingRule(table)?.kind === 'first' || table.partition !== undefined ? ` ORDER BY ${quoteIdentifier(SEQUENCE_COLUMN)}` : '';
  return `SELECT CAST(${op} AS TINYINT) AS _op, ${columns.join(', ')} FROM ${parquetSql(paths)}${order}`;
}

/** @returns the columns of one form of a table as those of another, as SQL over the first. */
export function evolvedSql(from: readonly ColumnSpec[], to: readonly ColumnSpec[]): string[] {
  return fieldPositions(from, to).map((at, index) => {
    const {name, type} = to[index]!;
    const value = at < 0 ? 'NULL' : quoteIdentifier(from[at]!.name);
    return `CAST(${value} AS ${typeText(type)}) AS ${quoteIdentifier(name)}`;
  });
}

/** @param session taken until the last batch was read. @param sql as `deltaSql` gives it. @returns the changes, without positions (all −1). */
export async function* deltaBatches(session: Session, types: readonly LogicalType[], sql: string): AsyncGenerator<ChangeBatch, void, undefined> {
  const stream = await session.stream(sql, [], {types: [opType, ...types]});
  try {
    let begun: ChangeBatch | null = null;
    for (let chunk = await stream.next(); chunk !== null; chunk = await stream.next()) {
      const [op, ...columns] = chunk.columns;
      const {rowCount} = chunk;
      const ops = new Uint8Array(rowCount);
      if (op!.kind === 'i32') for (let i = 0; i < rowCount; i++) ops[i] = op!.data[i]!;
      const chunked: ChangeBatch = {rowCount, ops, columns, positions: new Float64Array(rowCount).fill(-1)};
      const batch: ChangeBatch = begun === null ? chunked : concatBatches(types, [begun, chunked]);
      // A row before and the row after it stay together.
      const end: number = batch.ops[batch.rowCount - 1] === OP_UPDATE_BEFORE ? batch.rowCount - 1 : batch.rowCount;
      begun = end === batch.rowCount ? null : sliceBatch(batch, end, batch.rowCount);
      if (end > 0) yield end === batch.rowCount ? batch : sliceBatch(batch, 0, end);
    }
    if (begun !== null) yield begun;
  } finally {
    await stream.close();
  }
}

/** @returns a view on rows [start, end). */
export function sliceBatch({ops, columns, positions}: ChangeBatch, start: number, end: number): ChangeBatch {
  return {rowCount: end - start, ops: ops.subarray(start, end), columns: columns.map((column) => sliceColumn(column, start, end)), positions: positions.subarray(start, end)};
}
