/** What is outside the compiled set, and why. */
import {printType} from '../../kernel/plan/plan-type.ts';
import type {Expression} from '../../kernel/plan/tree.ts';
import {operandsOf} from '../../kernel/plan/walk-expression.ts';
import {compiledKinds, findCast, findFunction, functionRefusal} from './functions.ts';

/** Constant expressions whose value only DuckDB knows, by node. */
const leftToDuckdb = new WeakSet<Expression>();

/** Makes a constant expression one that is not compiled. */
export function leaveToDuckdb(expression: Expression): void {
  leftToDuckdb.add(expression);
}

/** @returns why the head of a folded expression is not compiled, null if it is; its parts are not looked at. */
export function refusalOf(expression: Expression): string | null {
  if (leftToDuckdb.has(expression)) return `a constant of type ${printType(expression.type)} that only DuckDB reads`;
  switch (expression.kind) {
    case 'constant':
      if (expression.sql !== undefined) return `constant of type ${printType(expression.type)}`;
      if (expression.value === null || expression.type.kind === 'interval') return null;
      return expression.type.kind === 'blob' ? 'constant of type blob' : typeRefusal(expression);
    case 'cast':
      if (findCast(expression.child.type, expression.type) !== null) return null;
      return `cast from ${printType(expression.child.type)} to ${printType(expression.type)}`;
    case 'comparison': return sameKinds([expression.left, expression.right], `comparison ${expression.op}`);
    case 'in': return sameKinds([expression.child, ...expression.list], 'IN');
    case 'between': return sameKinds([expression.child, expression.lower, expression.upper], 'BETWEEN');
    case 'function':
      if (findFunction(expression.name, expression.args) === null) return functionRefusal(expression.name, expression.args);
      return typeRefusal(expression);
    case 'is-null': case 'is-not-null': return null;
    default: return typeRefusal(expression);
  }
}

function typeRefusal(expression: Expression): string | null {
  return compiledKinds.includes(expression.type.kind) ? null : `${expression.kind} of type ${printType(expression.type)}`;
}

function sameKinds(parts: readonly Expression[], what: string): string | null {
  const first = parts[0]!.type;
  // DuckDB casts both sides to one type before it compares; decimals of one scale compare unscaled.
  const other = parts.find(({type}) => type.kind !== first.kind || (type.kind === 'decimal' && first.kind === 'decimal' && type.scale !== first.scale));
  if (other !== undefined) return `${what} of ${printType(first)} and ${printType(other.type)}`;
  return compiledKinds.includes(first.kind) ? null : `${what} of type ${printType(first)}`;
}

/** @returns the first thing in a folded expression that is not compiled, null if all of it is. */
export function refusalIn(expression: Expression): string | null {
  for (const child of operandsOf(expression)) {
    const refusal = refusalIn(child);
    if (refusal !== null) return refusal;
  }
  return refusalOf(expression);
}
