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
  'i1 / i2', 'l1 / l2', 'n12_1 / n12_2', 'h1 / h2', 'n12_1 * (1 - n4_1)', '(i1 + i2) * (i1 + i2) - (i1 + i2)', 'l1 * l2 + l3', 'l1 // 0', 'ti1 + i2 * 2 - l3',
];
