/** Conversions between number forms that generated code calls: DuckDB's roundings, step by step where they round more than once. */

/** @returns the nearest integer, the even one of two equally near. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest < 0.5) return floor + 0;
  if (rest > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor + 0 : floor + 1;
}

/** @returns the nearest integer, the one further from zero of two equally near; −0 for what lies in (−0.5, −0]. */
export function roundHalfAway(value: number): number {
  const whole = Math.trunc(value);
  const rest = value - whole;
  if (rest >= 0.5) return whole + 1;
  return rest <= -0.5 ? whole - 1 : whole;
}

/** @returns the float nearest to a 64-bit integer, rounded once. */
export function bigToFloat(value: bigint): number {
  const near = Number(value);
  const low = BigInt(near);
  if (low === value) return Math.fround(near);
  // `near` was rounded: make sure that a tie of floats it may have become is decided by the exact value.
  const float = Math.fround(near);
  const other = near > float || (near === float && value > low) ? nextFloat(float, 1) : nextFloat(float, -1);
  const fromFloat = value - BigInt(float);
  const fromOther = value - BigInt(other);
  const distance = fromFloat < 0n ? -fromFloat : fromFloat;
  const otherDistance = fromOther < 0n ? -fromOther : fromOther;
  return otherDistance < distance ? other : float;
}

const floatBits = new Float32Array(1);
const floatWord = new Int32Array(floatBits.buffer);

/** @returns the float next to `value` (finite, not 0) in a direction. */
function nextFloat(value: number, direction: 1 | -1): number {
  floatBits[0] = value;
  floatWord[0]! += value > 0 ? direction : -direction;
  return floatBits[0];
}

const twoTo64 = 18_446_744_073_709_551_616;

/** @returns a 128-bit integer as the double that DuckDB casts it to. */
/** @returns the double that DuckDB makes of a 128-bit integer: its two words, each rounded. */
export function hugeToDouble(value: bigint): number {
  const high = value >> 64n;
  const low = BigInt.asUintN(64, value);
  return high === -1n ? -Number(BigInt.asUintN(64, ~low)) - 1 : Number(low) + Number(high) * twoTo64;
}

/** Rounds to double first, as DuckDB does. */
export function hugeToFloat(value: bigint): number {
  return Math.fround(hugeToDouble(value));
}

const powersOfTen = Array.from({length: 39}, (_, exponent) => Number(`1e${exponent}`));
const bigPowersOfTen = Array.from({length: 39}, (_, exponent) => 10n ** BigInt(exponent));
const doubleExactMax = 2n ** 53n;
const floatExactMax = 2 ** 24;

/** Exact integers are divided once; larger ones by parts. @param twoWords whether the decimal has more than 18 digits. */
export function bigDecimalToDouble(value: bigint, scale: number, twoWords: boolean): number {
  const convert = twoWords ? hugeToDouble : Number;
  if (scale === 0 || (value <= doubleExactMax && value >= -doubleExactMax)) return convert(value) / powersOfTen[scale]!;
  const power = bigPowersOfTen[scale]!;
  return convert(value / power) + convert(value % power) / powersOfTen[scale]!;
}

/** `decimalToFloat` for unscaled decimals beyond 2^53. */
/** As `bigDecimalToDouble`, every step rounded to float. */
export function bigDecimalToFloat(value: bigint, scale: number, twoWords: boolean): number {
  const convert = twoWords ? hugeToFloat : bigToFloat;
  if (scale === 0 || (value <= BigInt(floatExactMax) && value >= BigInt(-floatExactMax))) return Math.fround(convert(value) / powersOfTen[scale]!);
  const power = bigPowersOfTen[scale]!;
  return Math.fround(convert(value / power) + Math.fround(convert(value % power) / Math.fround(powersOfTen[scale]!)));
}

/** @returns an unscaled decimal as the float that DuckDB casts it to. */
/** As `bigDecimalToFloat`, for narrow values. */
export function decimalToFloat(value: number, scale: number, twoWords: boolean): number {
  if (scale === 0) return Math.fround(value);
  if (value <= floatExactMax && value >= -floatExactMax) return Math.fround(Math.fround(value) / powersOfTen[scale]!);
  return bigDecimalToFloat(BigInt(value), scale, twoWords);
}
