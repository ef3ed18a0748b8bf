/** Expressions over expressions: how a chain of projections and filters becomes one operator. */
import {invariant} from '../base/invariant.ts';
import type {Expression, PlanColumn} from '../kernel/plan/tree.ts';
import {operandsOf} from '../kernel/plan/walk-expression.ts';
import {substituteColumns} from '../kernel/plan/walk.ts';

export function columnOf(index: number, column: PlanColumn): Expression {
  return {kind: 'column', index, type: column.type};
}

/** @returns `expression` over the inputs of `over`, where its columns are positions in `over`. */
export function substitute(expression: Expression, over: readonly Expression[]): Expression {
  return substituteColumns(expression, (index) => {
    const found = over[index];
    invariant(found !== undefined, () => `column ${index} of ${over.length}`);
    return found;
  });
}

/** Calls `visit` on the expression and everything below it, parents first. */
export function walkExpression(expression: Expression, visit: (expression: Expression) => void): void {
  visit(expression);
  for (const operand of operandsOf(expression)) walkExpression(operand, visit);
}

/** @returns the number of nodes: what a chain may grow to is bounded by it. */
export function expressionSize(expression: Expression): number {
  return operandsOf(expression).reduce((size, operand) => size + expressionSize(operand), 1);
}

/** @returns the conjuncts of a predicate. */
export function conjuncts(predicate: Expression): readonly Expression[] {
  return predicate.kind === 'and' ? predicate.children.flatMap(conjuncts) : [predicate];
}

/** @returns the conjunction of predicates, null if there are none. */
export function conjunction(predicates: readonly Expression[]): Expression | null {
  const [first, ...rest] = predicates;
  if (first === undefined) return null;
  return rest.length === 0 ? first : {kind: 'and', type: {kind: 'boolean'}, children: predicates};
}
