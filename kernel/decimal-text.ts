/** DECIMAL values as text and back, exactly. */
import {WarehouseError} from '../base/error.ts';

/** @returns `unscaled` with `scale` digits after the point, e.g. (-1250, 2) → `-12.50`. */
export function decimalText(unscaled: bigint, scale: number): string {
  if (scale === 0) return String(unscaled);
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0');
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** @returns the unscaled value of `text` for DECIMAL(precision, scale). @throws {WarehouseError} MR_VALUE (invalid) if it does not fit exactly. */
export function parseDecimal(text: string, precision: number, scale: number): bigint {
  const found = /^\s*([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?\s*$/.exec(text);
  const whole = found?.[2] ?? '';
  const fraction = found?.[3] ?? '';
  if (found === null || whole.length + fraction.length === 0) {
    throw new WarehouseError('invalid', 'MR_VALUE', `expected a DECIMAL(${precision},${scale}), found "${text}"`);
  }
  const shift = scale - fraction.length + Number(found[4] ?? 0);
  const digits = BigInt(whole + fraction);
  const divisor = shift < 0 ? 10n ** BigInt(-shift) : 1n;
  const magnitude = shift < 0 ? digits / divisor : digits * 10n ** BigInt(shift);
  if (magnitude * divisor !== digits && shift < 0) {
    throw new WarehouseError('invalid', 'MR_VALUE', `${text} has more than ${scale} digits after the point`, {hint: `round it, or widen DECIMAL(${precision},${scale})`});
  }
  if (magnitude >= 10n ** BigInt(precision)) throw new WarehouseError('invalid', 'MR_VALUE', `${text} does not fit DECIMAL(${precision},${scale})`);
  return found[1] === '-' ? -magnitude : magnitude;
}
