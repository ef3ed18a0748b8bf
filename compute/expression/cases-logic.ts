/** Expressions of the differential test: comparisons, three-valued logic and branches, for every kind of value. */

const prefixes = ['b', 'ti', 'si', 'i', 'l', 'h', 'n4_', 'n12_', 'n16_', 'n18_', 'n20_', 'n38_', 'f', 'd', 'dt', 'ts', 'tz', 's', 'x'];
const comparisons = ['=', '<>', '<', '<=', '>', '>=', 'IS DISTINCT FROM', 'IS NOT DISTINCT FROM'];

const constants: Readonly<Record<string, readonly string[]>> = {
  ti: ['1', '-128', '7'], si: ['1', '-32768'], i: ['1', '7', '-2147483648'], l: ['1', '9223372036854775807', '9007199254740993', '-2'],
  h: ['1', '170141183460469231731687303715884105727'], n12_: ['1', '1.25', '-2.5'], n18_: ['0.5', '99999999999999.9999'], n38_: ['0.5'],
  d: ['1.5', '1e308 * 10', '1e308 * 10 - 1e308 * 10', '-(0::DOUBLE)'], f: ['1.5::FLOAT', '(1e308 * 10 - 1e308 * 10)::FLOAT'],
  s: ["'a'", "''", "'thirteenbytes'", "'é'"], dt: ["DATE '1970-01-01'", "DATE '2024-02-29'"], ts: ["TIMESTAMP '1970-01-01'", "TIMESTAMP '9999-12-31 23:59:59.999999'"],
  tz: ["TIMESTAMPTZ '1970-01-01 00:00:00+00'"],
};

export const logicCases: readonly string[] = [
  ...prefixes.flatMap((p) => [
    ...comparisons.map((op) => `${p}1 ${op} ${p}2`),
    `${p}1 BETWEEN ${p}2 AND ${p}3`, `${p}1 IN (${p}2, ${p}3)`, `${p}1 NOT IN (${p}2, ${p}3)`, `${p}1 IS NULL`, `${p}1 IS NOT NULL`,
    `coalesce(${p}1, ${p}2, ${p}3)`, `CASE WHEN b1 THEN ${p}1 WHEN b2 THEN ${p}2 ELSE ${p}3 END`, `CASE WHEN b1 THEN ${p}1 WHEN b2 THEN ${p}2 END`,
    `nullif(${p}1, ${p}2)`, `if(b1, ${p}1, ${p}2)`, `ifnull(${p}1, ${p}2)`, `NOT (${p}1 = ${p}2)`, `${p}1 = ${p}2 AND b3`, `${p}1 = ${p}2 OR b3`,
    `greatest(${p}1, ${p}2)`, `least(${p}1, ${p}2, ${p}3)`, `greatest(${p}1)`,
  ]),
  ...Object.entries(constants).flatMap(([p, values]) => [
    ...values.flatMap((value) => comparisons.slice(0, 7).map((op) => `${p}1 ${op} ${value}`)),
    `${p}1 IN (${values.join(', ')})`, `${p}1 NOT IN (${values.join(', ')})`, `${p}1 IN (${values.join(', ')}, NULL)`,
    `${p}1 NOT IN (${values.join(', ')}, NULL, ${p}2)`, `${p}1 BETWEEN ${values[0]} AND ${values[1] ?? values[0]}`, `greatest(${p}1, ${values[0]})`,
  ]),
  // Long lists are looked up in a set.
  'i1 IN (1, 2, 3, 7, 12, 100, 127, 128, 32767, 99999, 2147483647)',
  'l1 IN (1, 2, 3, 5, 10, 24, 100, 1000, 2147483647, 9007199254740993, 9223372036854775807)',
  'h1 IN (1, 2, 3, 5, 10, 24, 100, 1000, 2147483647, 9007199254740993, 170141183460469231731687303715884105727)',
  "s1 NOT IN ('a', 'b', 'ab', 'abc', 'é', '😀', 'hello world', 'twelve_bytes', 'thirteenbytes', 'zz', '')",
  'd1 IN (1, 2.5, -2.5, 0.5, 1e308 * 10 - 1e308 * 10, 0, 127.5, 3.5, 1e15, 1e38, 1e308 * 10)',
  "dt1 IN (DATE '1970-01-01', DATE '1970-01-02', DATE '2000-01-01', DATE '2000-02-29', DATE '2024-02-29', DATE '2024-12-31', DATE '2026-01-01', DATE '2023-01-01', DATE '1900-02-28', DATE '2021-01-03')",
  ...[['i1', 'l2'], ['i1', 'n12_2'], ['n4_1', 'n12_2'], ['l1', 'h2'], ['l1', 'd2'], ['n18_1', 'd2'], ['i1', 'f2'], ['n18_1', 'l2'], ['n18_1', 'n20_2']]
    .flatMap(([a, b]) => [`${a} = ${b}`, `${a} < ${b}`, `${a} >= ${b}`, `${a} IN (${b}, ${a})`]),
  'try(NULL::TINYINT) IN (1, -ti1)', 'NULL::TINYINT NOT IN (ti1 + ti2, NULL)', 'NULL::TINYINT = ti1 + ti2',
  'b1 AND b2', 'b1 OR b2', 'NOT b1', 'b1 AND b2 AND b3', 'b1 OR b2 OR b3', '(b1 AND b2) OR (NOT b3)', 'b1 AND NULL', 'b1 OR NULL', 'NOT (b1 OR NULL)',
  // Where a value is needed, both sides are evaluated; where rows are selected, only what is left.
  'b1 AND i1 // i2 > 0', 'b1 OR ti1 + ti2 > 5', 'CASE WHEN b1 AND ti1 + ti2 > 5 THEN 1 WHEN b2 OR ti1 * ti2 > 5 THEN 2 ELSE 3 END',
  'CASE WHEN NOT (b1 AND ti1 + ti2 > 5) THEN 1 ELSE 0 END', 'CASE WHEN (b1 OR b2) AND (b3 OR ti1 + ti2 > 5) THEN 1 ELSE 0 END',
  'CASE WHEN ti1 > 0 THEN ti1 + ti2 ELSE ti1 - ti2 END', 'coalesce(ti1 + ti2, ti3)', 'coalesce(NULL, ti1, ti1 + ti2)',
  "CASE ti1 WHEN 1 THEN 'one' WHEN 2 THEN 'two' WHEN ti2 THEN s1 ELSE s2 END", "CASE WHEN i1 > 100 THEN 'large' WHEN i1 > 0 THEN 'small' END",
  'try(ti1 + ti2)', 'coalesce(try(ti1 + ti2), try(ti1 * ti2), 0)', 'try(ti1 + ti2) + try(ti1 - ti2)', 'CASE WHEN b1 THEN NULL ELSE l1 END',
  'CASE WHEN l1 > 5 THEN l1 ELSE i1 END', 'CASE WHEN b1 THEN 9223372036854775807 ELSE i1 END', 'CASE WHEN b1 THEN 1.5 ELSE n12_1 END',
  'CASE WHEN ti1 + ti2 > 0 THEN ti1 + ti2 ELSE -(ti1 + ti2) END', "coalesce(s1, 'none')", "nullif(s1, 'a') IS NULL", 'coalesce(b1, b2) = b3',
];
