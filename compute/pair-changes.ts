/**
 * −D +I of one key → −U +U, for tables whose key may hold NULLs and which are therefore kept as bags: their readers still see a
 * row change, not one go and another come. Pairs stand together, where the first of the two stood.
 */
import {gatherColumns} from '../base/columns.ts';
import type {ChangeBatch} from '../base/delta.ts';
import {OP_DELETE, OP_INSERT, OP_UPDATE_AFTER, OP_UPDATE_BEFORE} from '../base/delta.ts';
import type {LogicalType} from '../base/type.ts';
import {AlignedArena, alignColumn} from './state/aligned-arena.ts';
import {BatchGroups} from './state/batch-groups.ts';
import {hashColumns} from './state/key-hash.ts';
import {recordLayout} from './state/record-layout.ts';

/**
 * @param keyColumns positions of the key in the batch's columns; none: the table has one row.
 * @param types types of those columns.
 * @returns the same changes; a key with more than one row that goes or comes keeps its ops.
 */
export function pairChanges(changes: ChangeBatch, keyColumns: readonly number[], types: readonly LogicalType[]): ChangeBatch {
  const {rowCount, ops} = changes;
  const {fields} = recordLayout(types, false);
  const scratch = new AlignedArena();
  const keys = keyColumns.map((column) => alignColumn(scratch, changes.columns[column]!, null, rowCount));
  const hash = new Int32Array(rowCount);
  hashColumns(fields, keys, null, rowCount, hash);
  const batch = new BatchGroups();
  const groupCount = batch.assign(fields, keys, null, rowCount, hash);
  const {groups} = batch;
  const gone = new Int32Array(groupCount).fill(-1);
  const came = new Int32Array(groupCount).fill(-1);
  const single = new Uint8Array(groupCount).fill(1);
  for (let i = 0; i < rowCount; i++) {
    const side = ops[i] === OP_DELETE ? gone : ops[i] === OP_INSERT ? came : null;
    const group = groups[i]!;
    if (side === null || side[group]! >= 0) single[group] = 0;
    else side[group] = i;
  }
  const rows = new Int32Array(rowCount);
  const paired = new Uint8Array(rowCount);
  let at = 0;
  for (let i = 0; i < rowCount; i++) {
    const group = groups[i]!;
    if (single[group] === 0 || gone[group]! < 0 || came[group]! < 0) {
      paired[at] = ops[i]!;
      rows[at++] = i;
    } else if (i === Math.min(gone[group]!, came[group]!)) {
      paired[at] = OP_UPDATE_BEFORE;
      rows[at++] = gone[group]!;
      paired[at] = OP_UPDATE_AFTER;
      rows[at++] = came[group]!;
    }
  }
  const positions = new Float64Array(rowCount);
  for (let i = 0; i < rowCount; i++) positions[i] = changes.positions[rows[i]!]!;
  return {rowCount, ops: paired, columns: gatherColumns(changes.columns, rows, rowCount), positions};
}
