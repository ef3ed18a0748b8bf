/** Changes of a table as a relation for SQL: `_op`, `_seq` (rising), all columns. */
import type {ChangeBatch, Column} from '../base/delta.ts';
import type {TableSpec} from '../catalog/spec.ts';
import type {RelationPiece} from '../kernel/relation-pieces.ts';
import type {RelationSource} from '../kernel/relation.ts';

/** @returns the names and types of the relation's columns. */
export function numberedColumns(table: Pick<TableSpec, 'columns'>): RelationSource['columns'] {
  return [{name: '_op', type: {kind: 'tinyint'}}, {name: '_seq', type: {kind: 'bigint'}}, ...table.columns.map(({name, type}) => ({name, type}))];
}

/** @param first the number of the batch's first change. @returns its changes as rows of the relation. */
export function numberedPiece({rowCount, ops, columns}: Pick<ChangeBatch, 'rowCount' | 'ops' | 'columns'>, first: number): RelationPiece {
  const op = new Int32Array(rowCount);
  const seq = new Float64Array(rowCount);
  for (let i = 0; i < rowCount; i++) {
    op[i] = ops[i]!;
    seq[i] = first + i;
  }
  const head: Column[] = [{kind: 'i32', data: op, valid: null}, {kind: 'f64', data: seq, valid: null, bound: first + rowCount}];
  return {columns: [...head, ...columns], rowCount};
}
