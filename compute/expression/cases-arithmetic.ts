/** Expressions of the differential test: numbers to numbers. Column names are those of differential-tables.ts. */

const integers = ['ti', 'si', 'i', 'l', 'h'];
const decimals = ['n4_', 'n12_', 'n16_', 'n18_', 'n18t_', 'n20_', 'n38_'];
const floats = ['f', 'd'];

export const arithmeticCases: readonly string[] = [
  ...[...integers, ...decimals].flatMap((p) => [`${p}1 + ${p}2`, `${p}1 - ${p}2`, `${p}1 % ${p}2`, `-${p}1`, `+${p}1`, `abs(${p}1)`]),
  ...integers.flatMap((p) => [`${p}1 * ${p}2`, `${p}1 // ${p}2`, `${p}1 // 7`, `${p}1 // -1`, `${p}1 % -3`, `${p}1 * 10`, `10 - ${p}1`]),
  ...[['n4_1', 'n4_2'], ['n12_1', 'n4_1'], ['n12_1', 'n12_2'], ['n16_1', 'n4_1'], ['n18_1', 'n18_2'], ['n18_1', 'n4_1'], ['n20_1', 'n4_2'], ['n38_1', 'n4_1'], ['n4_1', 'i1'], ['n12_1', 'ti1'], ['n18_1', 'l1']]
    .flatMap(([a, b]) => [`${a} * ${b}`, `${a} + ${b}`, `${a} - ${b}`, `${a} % ${b}`]),
  ...floats.flatMap((p) => [`${p}1 + ${p}2`, `${p}1 - ${p}2`, `${p}1 * ${p}2`, `${p}1 / ${p}2`, `-${p}1`, `+${p}1`, `abs(${p}1)`]),
  ...[...integers, ...decimals].flatMap((p) => [`sign(${p}1)`, `round(${p}1)`, `@ ${p}1`, `mod(${p}1, ${p}3)`, `add(${p}1, ${p}3)`, `subtract(${p}1, ${p}3)`]),
  ...integers.flatMap((p) => [`multiply(${p}1, ${p}3)`, `divide(${p}1, ${p}3)`]),
  ...decimals.flatMap((p) => [`floor(${p}1)`, `ceil(${p}1)`, `ceiling(${p}1)`, `trunc(${p}1)`, ...[0, 1, 2, 3, 12].map((digits) => `round(${p}1, ${digits})`)]),
  'round(n4_1, -1)', ...['n12_', 'n16_', 'n18_', 'n20_', 'n38_'].flatMap((p) => [`round(${p}1, -1)`, `round(${p}1, -2)`, `round(${p}1, -9)`]), 'round(n38_1, -20)',
  'multiply(n4_1, n4_2)', 'round(n12_1 * n4_1, 1)', 'floor(n12_1 / 3)',
  ...floats.flatMap((p) => [
    `floor(${p}1)`, `ceil(${p}1)`, `ceiling(${p}1)`, `trunc(${p}1)`, `round(${p}1)`, `sign(${p}1)`, `${p}1 % ${p}2`, `mod(${p}1, ${p}2)`, `isnan(${p}1)`, `isinf(${p}1)`, `isfinite(${p}1)`, `@ ${p}1`,
    `add(${p}1, ${p}3)`, `subtract(${p}1, ${p}3)`, `multiply(${p}1, ${p}3)`, `round(${p}1 * ${p}2, 3)`, ...[0, 1, 2, 5, 15, 22, -1, -2, -5, -22].map((digits) => `round(${p}1, ${digits})`),
  ]),
  'sqrt(d1)', 'sqrt(i1)', 'sqrt(abs(d1 * d2))',
  'i1 / i2', 'l1 / l2', 'n12_1 / n12_2', 'h1 / h2', 'n12_1 * (1 - n4_1)', '(i1 + i2) * (i1 + i2) - (i1 + i2)', 'l1 * l2 + l3', 'l1 // 0', 'ti1 + i2 * 2 - l3',
];
