/** Walking operator trees: children, expressions, columns used, tables read, functions called. */
import {unreachable} from '../../base/invariant.ts';
import type {AggregateCall, Expression, PlanNode, SortKey, WindowCall} from './tree.ts';
import {mapOperands, operandsOf} from './walk-expression.ts';

/** How long the answer of a function stays the same for the same arguments. */
export type Stability = 'consistent' | 'consistent-within-query' | 'volatile';

/** @returns the inputs of a node, left before right, a CTE's definition before its body. */
export function childrenOf(node: PlanNode): readonly PlanNode[] {
  switch (node.kind) {
    case 'get': case 'delim-get': case 'cte-ref': case 'values': case 'dummy': case 'empty': return [];
    case 'project': case 'filter': case 'aggregate': case 'distinct': case 'window': case 'unnest': case 'order': case 'limit': return [node.child];
    case 'join': case 'cross-product': return [node.left, node.right];
    case 'delim-join': return [node.joined];
    case 'union': case 'except': case 'intersect': return node.children;
    case 'cte': return [node.definition, node.body];
    default: return unreachable(node);
  }
}

/** @returns the node over `map(child)` for each child; the same node if nothing changed. */
export function mapChildren(node: PlanNode, map: (child: PlanNode) => PlanNode): PlanNode {
  switch (node.kind) {
    case 'get': case 'delim-get': case 'cte-ref': case 'values': case 'dummy': case 'empty': return node;
    case 'project': case 'filter': case 'aggregate': case 'distinct': case 'window': case 'unnest': case 'order': case 'limit': {
      const child = map(node.child);
      return child === node.child ? node : {...node, child};
    }
    case 'join': case 'cross-product': {
      const left = map(node.left);
      const right = map(node.right);
      return left === node.left && right === node.right ? node : {...node, left, right};
    }
    case 'delim-join': {
      const joined = map(node.joined);
      return joined === node.joined ? node : {...node, joined};
    }
    case 'union': case 'except': case 'intersect': {
      const children = node.children.map(map);
      return children.every((child, i) => child === node.children[i]) ? node : {...node, children};
    }
    case 'cte': {
      const definition = map(node.definition);
      const body = map(node.body);
      return definition === node.definition && body === node.body ? node : {...node, definition, body};
    }
    default: return unreachable(node);
  }
}

/** Calls `visit` for `tree` and every node below it, parents first. */
export function visitNodes(tree: PlanNode, visit: (node: PlanNode) => void): void {
  visit(tree);
  for (const child of childrenOf(tree)) visitNodes(child, visit);
}

/**
 * @returns the node's own expressions (not its children's). Column indexes are positions in the child's columns; for a join
 *   `conditions[i].left` counts in left, `.right` in right, `residual` in left ++ right.
 */
export function expressionsOf(node: PlanNode): readonly Expression[] {
  switch (node.kind) {
    case 'project': case 'unnest': return node.expressions;
    case 'filter': return [node.predicate];
    case 'aggregate': return [...node.groups, ...node.aggregates.flatMap(expressionsOfAggregate)];
    case 'join': return [...node.conditions.flatMap(condition => [condition.left, condition.right]), ...(node.residual === null ? [] : [node.residual])];
    case 'delim-join': return node.keys;
    case 'distinct': return [...(node.on ?? []), ...node.orderBy.map(key => key.expression)];
    case 'window': return node.calls.flatMap(expressionsOfWindow);
    case 'order': return node.keys.map(key => key.expression);
    case 'values': return node.rows.flat();
    case 'get': case 'delim-get': case 'cte-ref': case 'dummy': case 'empty': case 'cross-product': case 'union': case 'except': case 'intersect': case 'limit': case 'cte': return [];
    default: return unreachable(node);
  }
}

export function expressionsOfAggregate(call: AggregateCall): readonly Expression[] {
  return [...call.args, ...(call.filter === null ? [] : [call.filter]), ...call.orderBy.map(key => key.expression)];
}

export function expressionsOfWindow(call: WindowCall): readonly Expression[] {
  const bounds = call.frame === null ? [] : [call.frame.start.expression, call.frame.end.expression].filter(bound => bound !== null);
  return [...call.args, ...(call.filter === null ? [] : [call.filter]), ...call.partitionBy, ...call.orderBy.map(key => key.expression), ...bounds];
}

/** @returns the call with `map` applied to each of its expressions. */
export function mapAggregate(call: AggregateCall, map: (expression: Expression) => Expression): AggregateCall {
  return {...call, args: call.args.map(map), filter: call.filter === null ? null : map(call.filter), orderBy: mapSortKeys(call.orderBy, map)};
}

export function mapSortKeys(keys: readonly SortKey[], map: (expression: Expression) => Expression): SortKey[] {
  return keys.map(key => ({...key, expression: map(key.expression)}));
}

/** @returns the base tables that `tree` reads, each once, in the order of first sight. */
export function tablesOf(tree: PlanNode): {schema: string; table: string}[] {
  const found = new Map<string, {schema: string; table: string}>();
  visitNodes(tree, node => {
    if (node.kind === 'get') found.set(JSON.stringify([node.schema, node.table]), {schema: node.schema, table: node.table});
  });
  return [...found.values()];
}

/** @returns for every base table the positions of its columns that `tree` reads, ascending. */
export function columnsRead(tree: PlanNode): {schema: string; table: string; columnIndexes: number[]}[] {
  return tablesOf(tree).map(({schema, table}) => {
    const indexes = new Set<number>();
    visitNodes(tree, node => {
      if (node.kind === 'get' && node.schema === schema && node.table === table && node.rowsOnly !== true) for (const index of node.columnIndexes) indexes.add(index);
    });
    return {schema, table, columnIndexes: [...indexes].toSorted((a, b) => a - b)};
  });
}

/** @returns names of all scalar functions, aggregates and window functions that `tree` calls, lambdas included, each once. */
export function functionsCalled(tree: PlanNode): string[] {
  const names = new Set<string>();
  visitNodes(tree, node => {
    if (node.kind === 'aggregate') for (const call of node.aggregates) names.add(call.name);
    if (node.kind === 'window') for (const call of node.calls) names.add(call.name);
    for (const expression of expressionsOf(node)) for (const name of functionsOf(expression)) names.add(name);
  });
  return [...names];
}

function functionsOf(expression: Expression): string[] {
  const below = operandsOf(expression).flatMap(functionsOf);
  if (expression.kind !== 'function') return below;
  const lambda = expression.detail?.lambda;
  return [expression.name, ...below, ...(lambda === undefined ? [] : functionsOf(lambda.body))];
}

/** @returns names of the functions in `tree` that are less stable than asked: by default those whose answer is not fixed by their arguments. */
export function unstableFunctions(tree: PlanNode, stability: (name: string) => Stability, allowed: Stability = 'consistent'): string[] {
  const rank: Readonly<Record<Stability, number>> = {consistent: 0, 'consistent-within-query': 1, volatile: 2};
  return functionsCalled(tree).filter(name => rank[stability(name)] > rank[allowed]);
}

/** @returns `expression` with every column reference replaced by `replace(index, reference)`. */
export function substituteColumns(expression: Expression, replace: (index: number, reference: Expression) => Expression): Expression {
  return expression.kind === 'column' ? replace(expression.index, expression) : mapOperands(expression, operand => substituteColumns(operand, replace));
}

/** @returns `expression` with every column index replaced by `move(index)`. */
export function moveColumns(expression: Expression, move: (index: number) => number): Expression {
  return substituteColumns(expression, (index, reference) => ({kind: 'column', type: reference.type, index: move(index)}));
}
