/**
 * Takes operators out of a lowered tree that change nothing, so that every consumer has fewer kinds of plan to know:
 * - a CTE that is read once is put where it is read, one that is never read goes;
 * - a project that passes all its columns in order goes (not at the root, whose names are the answer's);
 * - a project over one that only chooses columns chooses them itself.
 */
import type {Expression, PlanNode} from './tree.ts';
import {mapChildren, substituteColumns, visitNodes} from './walk.ts';

type Project = Extract<PlanNode, {kind: 'project'}>;

/** @returns a tree with the same answer and output columns. */
export function simplify(tree: PlanNode): PlanNode {
  const inlined = inlineSingleReferences(tree);
  // The root keeps its names; what is below it does not show.
  return mergeProjects(mapChildren(inlined, dropPassing));
}

function inlineSingleReferences(tree: PlanNode): PlanNode {
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

function dropPassing(node: PlanNode): PlanNode {
  const simpler = mergeProjects(mapChildren(node, dropPassing));
  return simpler.kind === 'project' && passesAll(simpler) ? simpler.child : simpler;
}

function passesAll({child, expressions}: Project): boolean {
  // The hidden column of a dummy is no column to pass.
  return child.kind !== 'dummy' && expressions.length === child.columns.length && expressions.every((expression, i) => expression.kind === 'column' && expression.index === i);
}

function mergeProjects(node: PlanNode): PlanNode {
  if (node.kind !== 'project' || node.child.kind !== 'project') return node;
  const chosen = node.child.expressions;
  if (chosen.some(expression => expression.kind !== 'column')) return node;
  const expressions = node.expressions.map((expression): Expression => substituteColumns(expression, index => chosen[index]!));
  return {...node, child: node.child.child, expressions};
}
