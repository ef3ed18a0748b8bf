/** Puts a CTE that is read once where it is read, and drops one that is not read: fewer operators, the same answer. */
import type {PlanNode} from './tree.ts';
import {mapChildren, visitNodes} from './walk.ts';

/** @returns `tree` whose `cte` nodes are all read at least twice. */
export function inlineSingleReferences(tree: PlanNode): PlanNode {
  const readCounts = new Map<number, number>();
  visitNodes(tree, node => {
    if (node.kind === 'cte-ref') readCounts.set(node.id, (readCounts.get(node.id) ?? 0) + 1);
  });
  const definitions = new Map<number, PlanNode>();
  const rewrite = (node: PlanNode): PlanNode => {
    if (node.kind === 'cte' && (readCounts.get(node.id) ?? 0) < 2) {
      definitions.set(node.id, rewrite(node.definition));
      return rewrite(node.body);
    }
    if (node.kind === 'cte-ref') return definitions.get(node.id) ?? node;
    return mapChildren(node, rewrite);
  };
  return rewrite(tree);
}
