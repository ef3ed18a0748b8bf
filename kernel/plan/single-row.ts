/** Whether a subtree has at most one row for each value of some of its columns. */
import type {Expression, PlanNode} from './tree.ts';

/**
 * @param keys positions in the node's columns; NULLs count as equal.
 * @returns true only if it is certain; false says nothing.
 */
export function singleRowPer(node: PlanNode, keys: ReadonlySet<number>): boolean {
  switch (node.kind) {
    case 'dummy': case 'empty': return true;
    case 'delim-get': return covers(keys, node.columns.length);
    case 'filter': case 'order': case 'window': return singleRowPer(node.child, keys);
    case 'limit': return (node.limit !== null && node.limit <= 1) || singleRowPer(node.child, keys);
    case 'project': return singleRowPer(node.child, childColumns(node.expressions, keys));
    case 'aggregate': return node.groupingSets === null && covers(keys, node.groups.length);
    case 'distinct': return node.on === null ? covers(keys, node.columns.length) || singleRowPer(node.child, keys) : node.on.every(on => on.kind === 'column' && keys.has(on.index));
    case 'join': return singleRowPerJoin(node, keys);
    default: return false;
  }
}

function covers(keys: ReadonlySet<number>, count: number): boolean {
  for (let i = 0; i < count; i++) if (!keys.has(i)) return false;
  return true;
}

/** @returns the child's columns that the chosen expressions pass on as they are. */
function childColumns(expressions: readonly Expression[], chosen: ReadonlySet<number>): Set<number> {
  const columns = new Set<number>();
  for (const [i, expression] of expressions.entries()) if (chosen.has(i) && expression.kind === 'column') columns.add(expression.index);
  return columns;
}

/** One left row per key, and for each of them at most one right row: those that the conditions equate, or that are keys themselves. */
function singleRowPerJoin(node: Extract<PlanNode, {kind: 'join'}>, keys: ReadonlySet<number>): boolean {
  if (node.join === 'right' || node.join === 'full') return false;
  const leftCount = node.left.columns.length;
  const inputs = [...keys].map(key => node.output[key]!);
  if (!singleRowPer(node.left, new Set(inputs.filter(position => position < leftCount)))) return false;
  if (node.join !== 'inner' && node.join !== 'left') return true;
  const rightKeys = new Set(inputs.filter(position => position >= leftCount).map(position => position - leftCount));
  for (const {op, right} of node.conditions) if ((op === '=' || op === 'IS NOT DISTINCT FROM') && right.kind === 'column') rightKeys.add(right.index);
  return node.asof || singleRowPer(node.right, rightKeys);
}
