/** Walking expressions: operands, columns used, equality. */
import {unreachable} from '../../base/invariant.ts';
import {printType} from './plan-type.ts';
import type {Expression} from './tree.ts';

/** @returns the operands of an expression in their order. A lambda's body is none: its columns count differently. */
export function operandsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'column': case 'constant': return [];
    case 'cast': case 'not': case 'is-null': case 'is-not-null': case 'try': return [expression.child];
    case 'comparison': return [expression.left, expression.right];
    case 'and': case 'or': case 'coalesce': return expression.children;
    case 'in': return [expression.child, ...expression.list];
    case 'between': return [expression.child, expression.lower, expression.upper];
    case 'case': return [...expression.branches.flatMap(branch => [branch.when, branch.then]), expression.otherwise];
    case 'function': return expression.args;
    default: return unreachable(expression);
  }
}

/** @returns the expression over `map(operand)` for each operand. */
export function mapOperands(expression: Expression, map: (operand: Expression) => Expression): Expression {
  switch (expression.kind) {
    case 'column': case 'constant': return expression;
    case 'cast': case 'not': case 'is-null': case 'is-not-null': case 'try': return {...expression, child: map(expression.child)};
    case 'comparison': return {...expression, left: map(expression.left), right: map(expression.right)};
    case 'and': case 'or': case 'coalesce': return {...expression, children: expression.children.map(map)};
    case 'in': return {...expression, child: map(expression.child), list: expression.list.map(map)};
    case 'between': return {...expression, child: map(expression.child), lower: map(expression.lower), upper: map(expression.upper)};
    // oxlint-disable-next-line unicorn/no-thenable -- CASE's own word; never awaited
    case 'case': return {...expression, branches: expression.branches.map(branch => ({when: map(branch.when), then: map(branch.then)})), otherwise: map(expression.otherwise)};
    case 'function': return {...expression, args: expression.args.map(map)};
    default: return unreachable(expression);
  }
}

/** @returns the column indexes that `expression` refers to, ascending, each once. */
export function columnsUsed(expression: Expression): number[] {
  const found = new Set<number>();
  collectColumns(expression, found);
  return [...found].toSorted((a, b) => a - b);
}

function collectColumns(expression: Expression, into: Set<number>): void {
  if (expression.kind === 'column') into.add(expression.index);
  else for (const operand of operandsOf(expression)) collectColumns(operand, into);
}

/**
 * @returns a text that two expressions share exactly if they are the same expression: same operators, types, constants and
 *   column positions. Fit as a Map key.
 */
export function expressionKey(expression: Expression): string {
  const operands = operandsOf(expression).map(expressionKey).join(',');
  return `${expression.kind}<${printType(expression.type)}>${ownKey(expression)}(${operands})`;
}

export function sameExpression(a: Expression, b: Expression): boolean {
  return a === b || expressionKey(a) === expressionKey(b);
}

/** What an expression says beside its kind, type and operands. */
function ownKey(expression: Expression): string {
  switch (expression.kind) {
    case 'column': return String(expression.index);
    case 'constant': return constantKey(expression);
    case 'cast': return String(expression.try);
    case 'comparison': return expression.op;
    case 'in': return String(expression.negated);
    case 'between': return `${expression.lowerInclusive},${expression.upperInclusive}`;
    case 'function': {
      const {structNames, lambda} = expression.detail ?? {};
      const body = lambda === undefined ? '' : `${lambda.parameterCount}${lambda.hasInitial ?? false}${expressionKey(lambda.body)}`;
      return JSON.stringify([expression.name, structNames ?? [], body]);
    }
    case 'and': case 'or': case 'coalesce': case 'not': case 'is-null': case 'is-not-null': case 'try': case 'case': return '';
    default: return unreachable(expression);
  }
}

function constantKey({value, sql}: Extract<Expression, {kind: 'constant'}>): string {
  if (sql !== undefined) return `sql ${JSON.stringify(sql)}`;
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  if (typeof value === 'object' && value !== null) return `${value.months} ${value.days} ${value.micros}`;
  return typeof value === 'bigint' ? `${value}n` : JSON.stringify(value);
}
