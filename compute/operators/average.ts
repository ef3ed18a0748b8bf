/**
 * avg() of integers and decimals, to the bit as DuckDB divides: for inputs of at most 32 bits (TINYINT … INTEGER, DECIMAL of up to
 * 9 digits) the sum as a double by the count as a double; for wider ones both as 80-bit long doubles, rounded to a double at the
 * end (checked on x86-64; on machines whose long double is another, DuckDB's own answer differs in the last bit).
 */

const TWO_27_1 = 134_217_729;
const bits = new DataView(new ArrayBuffer(8));

/** @returns quotient of two exact doubles as DuckDB's long doubles give it: rounded to 64 bits, then to 53. */
function divideLong(sum: number, divisor: number): number | null {
  const quotient = sum / divisor;
  if (quotient === 0 || !Number.isFinite(quotient)) return quotient;
  // Rounding twice differs from rounding once only where the exact quotient lies within 2^-11 of half way between two doubles.
  let split = TWO_27_1 * quotient;
  const quotientHigh = split - (split - quotient);
  const quotientLow = quotient - quotientHigh;
  split = TWO_27_1 * divisor;
  const divisorHigh = split - (split - divisor);
  const divisorLow = divisor - divisorHigh;
  const product = quotient * divisor;
  const rest = quotientHigh * divisorHigh - product + quotientHigh * divisorLow + quotientLow * divisorHigh + quotientLow * divisorLow;
  const residual = (sum - product - rest) / divisor;
  bits.setFloat64(0, quotient);
  const exponent = ((bits.getUint16(0) >> 4) & 0x7ff) - 1023;
  const share = Math.abs(residual) / 2 ** (exponent - 52);
  return share > 0.5 - 2 ** -9 || (share > 0.25 - 2 ** -9 && share < 0.25 + 2 ** -9) ? null : quotient;
}

/** @returns `numerator / denominator` rounded half to even to `precision` bits, as mantissa · 2^exponent. */
function round(numerator: bigint, denominator: bigint, precision: number): {mantissa: bigint; exponent: number} {
  const negative = numerator < 0n;
  const size = negative ? -numerator : numerator;
  if (size === 0n) return {mantissa: 0n, exponent: 0};
  const shift = precision + denominator.toString(2).length - size.toString(2).length + 1;
  const scaled = shift >= 0 ? size << BigInt(shift) : size;
  const divisor = shift >= 0 ? denominator : denominator << BigInt(-shift);
  const quotient = scaled / divisor;
  const sticky = scaled % divisor !== 0n;
  const drop = quotient.toString(2).length - precision;
  let mantissa = quotient >> BigInt(drop);
  const rest = quotient - (mantissa << BigInt(drop));
  const half = drop === 0 ? 0n : 1n << BigInt(drop - 1);
  if (drop > 0 && (rest > half || (rest === half && (sticky || (mantissa & 1n) === 1n)))) mantissa += 1n;
  return {mantissa: negative ? -mantissa : mantissa, exponent: drop - shift};
}

function longQuotient(sum: bigint, divisor: bigint): number {
  const long = round(sum, 1n, 64);
  const wide = long.exponent >= 0 ? {numerator: long.mantissa << BigInt(long.exponent), denominator: divisor} : {numerator: long.mantissa, denominator: divisor << BigInt(-long.exponent)};
  const quotient = round(wide.numerator, wide.denominator, 64);
  return Number(quotient.mantissa) * 2 ** quotient.exponent;
}

/** @returns the average of integers of at most 32 bits: `sum` is exact or rounded once. */
export function averageSmall(sum: number, count: number, scale: number): number {
  return sum / (count * scale);
}

/**
 * @param sum the exact sum as a double, if |sum| ≤ 2^53.
 * @param exactSum gives all its digits; called only where the double does not settle the last bit.
 */
export function averageWide(sum: number, count: number, scale: number, exactSum: () => bigint): number {
  const divisor = count * scale;
  if (Math.abs(sum) <= Number.MAX_SAFE_INTEGER && divisor <= Number.MAX_SAFE_INTEGER) {
    const quick = divideLong(sum, divisor);
    if (quick !== null) return quick;
  }
  return longQuotient(exactSum(), BigInt(count) * BigInt(scale));
}
