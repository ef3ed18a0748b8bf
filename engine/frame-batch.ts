/** A table's rows of a frame as one batch. */
import {concatBatches} from '../base/columns.ts';
import type {ChangeBatch} from '../base/delta.ts';
import type {LogicalType} from '../base/type.ts';
import type {TableSpec} from '../catalog/spec.ts';
import type {FrameTable} from '../storage/log/frame.ts';

/** @returns the changes of one table of a frame, end to end. Without `positions` all are −1. */
export function batchOf(part: FrameTable, types: readonly LogicalType[], positions: Float64Array | null): ChangeBatch {
  const batches: ChangeBatch[] = [];
  for (let index = 0; index < part.batchCount; index++) {
    const {rowCount, ops, columns} = part.batch(index, types);
    batches.push({rowCount, ops, columns, positions: new Float64Array(0)});
  }
  const only = batches.length === 1 ? batches[0]! : concatBatches(types, batches.map((batch) => ({...batch, positions: new Float64Array(batch.rowCount)})));
  return {...only, positions: positions ?? new Float64Array(only.rowCount).fill(-1)};
}

export function typesOf(table: Pick<TableSpec, 'columns'>): LogicalType[] {
  return table.columns.map((column) => column.type);
}

/** Positions cross beside the frame and are never written again. */
export function sharedCopy(data: Float64Array, count: number): Float64Array {
  const shared = new Float64Array(new SharedArrayBuffer(count * 8));
  shared.set(data.subarray(0, count));
  return shared;
}
