/** Comparisons of two values that are not NULL, as JavaScript. NaN equals NaN and is the greatest number, −0 equals 0, text is ordered by bytes. */
import {unreachable} from '../../base/invariant.ts';
import type {ComparisonOp} from '../../kernel/plan/tree.ts';
import type {Operand} from './operand.ts';
import {asBig} from './operand.ts';

function sides(left: Operand, right: Operand): [string, string] {
  return left.form === 'big' || right.form === 'big' ? [asBig(left), asBig(right)] : [left.code, right.code];
}

/** @returns whether a double operand may be NaN. */
function mayBeNaN(operand: Operand): boolean {
  return operand.constant === undefined || Number.isNaN(operand.constant);
}

/** @returns JavaScript that is true where the two values are equal. */
export function equalCode(left: Operand, right: Operand): string {
  const [a, b] = sides(left, right);
  switch (left.form) {
    case 'flag': case 'int': case 'exact': case 'big': return `${a} === ${b}`;
    case 'double': return mayBeNaN(left) && mayBeNaN(right) ? `(${a} === ${b} || (${a} !== ${a} && ${b} !== ${b}))` : `${a} === ${b}`;
    case 'text': return `(${left.length} === ${right.length} && equalBytes(${a}, ${left.start}, ${b}, ${right.start}, ${left.length}))`;
    default: return unreachable(left.form);
  }
}

/** @returns JavaScript of `left op right`; `op` is not one of the DISTINCT forms. */
export function compareCode(op: ComparisonOp, left: Operand, right: Operand): string {
  if (op === '=') return equalCode(left, right);
  if (op === '<>') return `!(${equalCode(left, right)})`;
  if (op === '>') return lessCode(right, left);
  if (op === '<=') return left.form === 'double' ? `!(${lessCode(right, left)})` : orEqualCode(left, right);
  if (op === '>=') return left.form === 'double' ? `!(${lessCode(left, right)})` : orEqualCode(right, left);
  return lessCode(left, right);
}

/** @returns JavaScript of `left < right`. */
export function lessCode(left: Operand, right: Operand): string {
  const [a, b] = sides(left, right);
  switch (left.form) {
    case 'flag': return `(!${a} && ${b})`;
    case 'int': case 'exact': case 'big': return `${a} < ${b}`;
    case 'double':
      if (!mayBeNaN(right)) return `${a} < ${b}`;
      return mayBeNaN(left) ? `(${a} < ${b} || (${b} !== ${b} && ${a} === ${a}))` : `!(${b} <= ${a})`;
    case 'text': return `compareBytes(${a}, ${left.start}, ${left.length}, ${b}, ${right.start}, ${right.length}) < 0`;
    default: return unreachable(left.form);
  }
}

function orEqualCode(left: Operand, right: Operand): string {
  const [a, b] = sides(left, right);
  if (left.form === 'flag') return `(!${a} || ${b})`;
  if (left.form === 'text') return `compareBytes(${a}, ${left.start}, ${left.length}, ${b}, ${right.start}, ${right.length}) <= 0`;
  return `${a} <= ${b}`;
}
