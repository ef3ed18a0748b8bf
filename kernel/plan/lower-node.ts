/** Small makers of nodes that the lower-* files share. */
import {type PlanFields, planIndex, unsupported} from './plan-json.ts';
import type {Expression, PlanNode} from './tree.ts';

/** @returns `node`, after every field of its plan was read. */
export function ended(fields: PlanFields, node: PlanNode): PlanNode {
  fields.end();
  return node;
}

/** @returns `node` under a project of the columns at `positions`; `node` itself if there are none (DuckDB's "all of them"). */
export function projected(node: PlanNode, positions: readonly unknown[]): PlanNode {
  if (positions.length === 0) return node;
  const expressions = positions.map(position => reference(node, planIndex(position, 'projection_map')));
  return {kind: 'project', child: node, expressions, columns: expressions.map(expression => node.columns[expression.index]!)};
}

/** @returns the column at `index` of what `node` puts out. */
export function reference(node: PlanNode, index: number): Extract<Expression, {kind: 'column'}> {
  const column = node.columns[index];
  if (column === undefined) throw unsupported(`a reference to column ${index} of ${node.columns.length}`);
  return {kind: 'column', type: column.type, index};
}
