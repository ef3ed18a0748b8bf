/**
 * + − × // % and their relatives on integers and decimals, in every form.
 *
 * A result whose bound follows from the operands' bounds needs no check. Else the narrow variant leaves for the wide one where the
 * result passes 2^53−1 (a double that is rounded is then ≥ 2^53, so nothing inexact slips through), and the wide variant computes
 * in bigint. Either then checks the type's own limits and raises as DuckDB does. −0 never leaves an integer operation.
 */
import {NARROW_BOUND} from '../../base/delta.ts';
import type {PlanType} from '../../kernel/plan/tree.ts';
import {limitsOf, narrowForm, physicalName} from './form.ts';
import type {Operand, Result} from './operand.ts';
import {asBig} from './operand.ts';
import type {Writer} from './writer.ts';

type Operator = '+' | '-' | '*';

const min128 = `${-(2n ** 127n)}n`;
const operationName = {'+': 'addition', '-': 'subtraction', '*': 'multiplication'} as const;

/** @returns the type's name in DuckDB's overflow messages. */
export function overflowTypeName(type: PlanType): string {
  return type.kind === 'decimal' ? `DECIMAL(${type.precision > 18 ? 38 : 18})` : physicalName(type);
}

/** @returns the bound of `left op right`. */
function boundOf(operator: Operator, left: number, right: number): number {
  return operator === '*' ? left * right : left + right;
}

/**
 * Emits the check that an integer lies in the limits of `type`.
 *
 * @param bound at least the largest |code|; where it says that nothing can lie outside, no check is written.
 */
export function checkLimits(writer: Writer, code: string, big: boolean, bound: number, type: PlanType, failure: () => string): void {
  const limits = limitsOf(type);
  if (limits === null || bound <= Number(limits.max)) return;
  const {min, max} = limits;
  const condition = big ? `${code} > ${max}n || ${code} < ${min}n` : `${code} > ${max} || ${code} < ${min}`;
  if (!big && Number(max) >= NARROW_BOUND) return; // a narrow value is inside
  writer.line(`if (${condition}) ${failure()}`);
}

/** Emits the exit to the wide variant for a number that may have passed 2^53−1. */
export function checkNarrow(writer: Writer, code: string): void {
  writer.line(`if (${code} > ${NARROW_BOUND} || ${code} < ${-NARROW_BOUND}) ${writer.widen()}`);
}

/** `left op right` of integers or decimals of one scale (`*`: scales add up); both sides as DuckDB cast them. */
export function integerArithmetic(writer: Writer, operator: Operator, left: Operand, right: Operand, type: PlanType): Result {
  const failure = (): string => writer.fail(`overflow(r, '${operationName[operator]}', '${operator}', '${overflowTypeName(type)}', ${left.code}, ${right.code})`);
  const bound = boundOf(operator, left.bound, right.bound);
  const wideOperand = left.form === 'big' || right.form === 'big';
  const form = narrowForm(type);
  // −0 arises in a product only.
  const code = `${left.code} ${operator} ${right.code}${operator === '*' ? ' + 0' : ''}`;
  if (form === 'int') {
    const value = writer.local(code);
    checkLimits(writer, value, false, bound, type, failure);
    return {form: 'int', code: value, bound: Math.min(bound, Number(limitsOf(type)!.max) + 1)};
  }
  if (!wideOperand && (bound <= NARROW_BOUND || !writer.wide)) {
    const value = writer.local(code);
    if (bound > NARROW_BOUND) checkNarrow(writer, value);
    checkLimits(writer, value, false, bound, type, failure);
    return {form: 'exact', code: value, bound: Math.min(bound, NARROW_BOUND)};
  }
  const value = writer.local(`${asBig(left)} ${operator} ${asBig(right)}`);
  checkLimits(writer, value, true, Infinity, type, failure);
  // DuckDB multiplies magnitudes: −2^127 is only reached as itself times 1.
  if (operator === '*' && type.kind === 'hugeint') writer.line(`if (${value} === ${min128} && ${asBig(left)} !== ${min128} && ${asBig(right)} !== ${min128}) ${failure()}`);
  return {form: 'big', code: value};
}

/** −x; the smallest value of an integer type has no opposite. */
export function negation(writer: Writer, operand: Operand, type: PlanType): Result {
  if (operand.form === 'big') {
    const value = writer.local(`-${operand.code}`);
    checkLimits(writer, value, true, Infinity, type, () => writer.fail(`outOfRange(r, 'Overflow in negation of numeric value!')`));
    return {form: 'big', code: value};
  }
  const value = writer.local(`0 - ${operand.code}`);
  checkLimits(writer, value, false, operand.bound, type, () => writer.fail(`outOfRange(r, 'Overflow in negation of numeric value!')`));
  return {form: operand.form, code: value, bound: operand.bound};
}

/** |x|; the smallest value of an integer type has none. */
export function absolute(writer: Writer, operand: Operand, type: PlanType): Result {
  const failure = (): string => writer.fail(`outOfRange(r, 'Overflow on abs(' + ${operand.code} + ')')`);
  if (operand.form === 'big') {
    const value = writer.local(`${operand.code} < 0n ? -${operand.code} : ${operand.code}`);
    checkLimits(writer, value, true, Infinity, type, failure);
    return {form: 'big', code: value};
  }
  const value = writer.local(`Math.abs(${operand.code})`);
  checkLimits(writer, value, false, operand.bound, type, failure);
  return {form: operand.form, code: value, bound: operand.bound};
}

/** `//` truncates and is NULL where the divisor is 0; MIN // −1 raises. */
export function integerDivision(writer: Writer, left: Operand, right: Operand, type: PlanType): Result {
  const failure = (): string => writer.fail(`outOfRange(r, 'Overflow in division of ' + ${left.code} + ' / ' + ${right.code})`);
  if (left.form === 'big' || right.form === 'big') {
    const divisor = writer.local(asBig(right));
    writer.line(`if (${divisor} === 0n) ${writer.toNull()}`);
    const value = writer.local(`${asBig(left)} / ${divisor}`);
    checkLimits(writer, value, true, Infinity, type, failure);
    return {form: 'big', code: value};
  }
  if (typeof right.constant !== 'bigint' || right.constant === 0n) writer.line(`if (${right.code} === 0) ${writer.toNull()}`);
  // The quotient of two integers below 2^53 never rounds up to the next integer, so truncation is exact.
  const value = writer.local(`Math.trunc(${left.code} / ${right.code}) + 0`);
  checkLimits(writer, value, false, left.bound, type, failure);
  return {form: left.form, code: value, bound: left.bound};
}

/** `%` has the sign of the dividend and is NULL where the divisor is 0; MIN % −1 raises where the type is an integer. */
export function modulo(writer: Writer, left: Operand, right: Operand, type: PlanType): Result {
  const failure = (): string => writer.fail(`outOfRange(r, 'Overflow in division of ' + ${left.code} + ' / ' + ${right.code})`);
  const min = type.kind === 'decimal' ? null : limitsOf(type)!.min;
  if (left.form === 'big' || right.form === 'big') {
    const divisor = writer.local(asBig(right));
    const dividend = writer.local(asBig(left));
    writer.line(`if (${divisor} === 0n) ${writer.toNull()}`);
    if (min !== null) writer.line(`if (${divisor} === -1n && ${dividend} === ${min}n) ${failure()}`);
    return {form: 'big', code: `${dividend} % ${divisor}`};
  }
  if (typeof right.constant !== 'bigint' || right.constant === 0n) writer.line(`if (${right.code} === 0) ${writer.toNull()}`);
  if (min !== null && -Number(min) <= left.bound) writer.line(`if (${right.code} === -1 && ${left.code} === ${min}) ${failure()}`);
  return {form: left.form, code: `${left.code} % ${right.code} + 0`, bound: left.bound};
}
