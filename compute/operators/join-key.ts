/** Join keys of integers of different widths: values of one side in the form of the other, so that one index serves both. */
import type {Column} from '../../base/delta.ts';
import {invariant} from '../../base/invariant.ts';
import type {LogicalType} from '../../base/type.ts';
import {physicalKind} from '../../base/type.ts';

const INT32_MIN = -2_147_483_648;
const INT32_MAX = 2_147_483_647;

/** @returns `column` of type `from` in the physical form of `to`; a value that no `to` can have is NULL, which matches nothing. */
export function keyAs(column: Column, from: LogicalType, to: LogicalType, rowCount: number): Column {
  if (physicalKind(from) === physicalKind(to)) return column;
  if (column.kind === 'i32') {
    const data = new Float64Array(rowCount);
    for (let i = 0; i < rowCount; i++) data[i] = column.data[i]!;
    return {kind: 'f64', data, valid: column.valid, bound: -INT32_MIN};
  }
  invariant(column.kind === 'f64' || column.kind === 'i64', () => `an integer key in a column of kind ${column.kind}`);
  const data = new Int32Array(rowCount);
  const valid = new Uint8Array(rowCount);
  for (let i = 0; i < rowCount; i++) {
    const value = column.data[i]!;
    if ((column.valid !== null && column.valid[i] === 0) || value < INT32_MIN || value > INT32_MAX) continue;
    valid[i] = 1;
    data[i] = Number(value);
  }
  return {kind: 'i32', data, valid};
}
