/**
 * The type that DuckDB gives to +, - and * of DECIMALs. A plan's operands are already widened for the operation; bound again, they
 * would widen the result once more. The printer asks here whether it has to cast the result back.
 */
import type {PlanType} from './tree.ts';

type Decimal = Extract<PlanType, {kind: 'decimal'}>;

/** Digits that fit DuckDB's 64-bit and 128-bit decimals. */
const digitsOf64 = 18;
const digitsOf128 = 38;

/** @returns the type of `a name b`, undefined where `name` is no operation on decimals. */
export function decimalResult(name: string, a: Decimal, b: Decimal): Decimal | undefined {
  const widest = Math.max(a.precision, b.precision);
  // The result stays within the operands' machine type and is checked for overflow instead.
  const within = (precision: number, stay: boolean): number => precision > digitsOf64 && widest <= digitsOf64 && stay ? digitsOf64 : Math.min(precision, digitsOf128);
  if (name === '*') {
    const scale = a.scale + b.scale;
    return {kind: 'decimal', precision: within(a.precision + b.precision, scale < digitsOf64), scale};
  }
  if (name !== '+' && name !== '-') return undefined;
  const scale = Math.max(a.scale, b.scale);
  const whole = Math.max(a.precision - a.scale, b.precision - b.scale);
  return {kind: 'decimal', precision: within(Math.max(scale + whole, widest) + 1, true), scale};
}
