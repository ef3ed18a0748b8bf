/** Unscaled decimals from one scale to another, in every form. */
import {NARROW_BOUND} from '../../base/delta.ts';
import {checkNarrow} from './arithmetic-code.ts';
import type {Operand, Result} from './operand.ts';
import {asBig} from './operand.ts';
import type {Writer} from './writer.ts';

/** Multiplies by a power of ten. */
export function scaledUp(writer: Writer, from: Operand, factor: number): Result {
  if (factor === 0) return from;
  const bound = from.bound * 10 ** factor;
  if (from.form !== 'big' && (bound <= NARROW_BOUND || !writer.wide)) {
    const code = writer.local(`${from.code} * ${10 ** factor} + 0`);
    if (bound > NARROW_BOUND) checkNarrow(writer, code);
    return {form: 'exact', code, bound: Math.min(bound, NARROW_BOUND)};
  }
  return {form: 'big', code: writer.local(`${asBig(from)} * ${10n ** BigInt(factor)}n`)};
}

/** Divides by a power of ten, half away from zero. */
export function scaledDown(writer: Writer, from: Operand, factor: number): Result {
  if (factor === 0) return from;
  if (from.form === 'big') {
    const power = 10n ** BigInt(factor);
    const half = power / 2n;
    return {form: 'big', code: writer.local(`(${from.code} < 0n ? ${from.code} - ${half}n : ${from.code} + ${half}n) / ${power}n`)};
  }
  if (factor > 15) {
    // Every narrow value is below the half of 10^16 … but not of 5·10^15: compare instead of dividing.
    const half = 5 * 10 ** (factor - 1);
    return {form: 'exact', code: half > NARROW_BOUND ? '0' : writer.local(`${from.code} >= ${half} ? 1 : ${from.code} <= ${-half} ? -1 : 0`), bound: 1};
  }
  const power = 10 ** factor;
  const quotient = writer.local(`Math.trunc(${from.code} / ${power})`);
  const rest = writer.local(`(${from.code} - ${quotient} * ${power}) * 2`);
  return {form: 'exact', code: writer.local(`${rest} >= ${power} ? ${quotient} + 1 : ${rest} <= ${-power} ? ${quotient} - 1 : ${quotient} + 0`), bound: from.bound / power + 1};
}
