/** Expressions of the differential test: casts. */

const numberTypes: Readonly<Record<string, string>> = {
  b: 'BOOLEAN', ti: 'TINYINT', si: 'SMALLINT', i: 'INTEGER', l: 'BIGINT', h: 'HUGEINT', f: 'FLOAT', d: 'DOUBLE',
  n4_: 'DECIMAL(4,2)', n12_: 'DECIMAL(12,2)', n16_: 'DECIMAL(16,0)', n18_: 'DECIMAL(18,4)', n18t_: 'DECIMAL(18,18)', n20_: 'DECIMAL(20,2)', n38_: 'DECIMAL(38,10)',
};
const moreDecimals = ['DECIMAL(1,1)', 'DECIMAL(9,0)', 'DECIMAL(18,0)', 'DECIMAL(38,37)', 'DECIMAL(30,15)'];

export const castCases: readonly string[] = [
  ...Object.entries(numberTypes).flatMap(([p, own]) => [...Object.values(numberTypes), ...moreDecimals].filter((type) => type !== own).map((type) => `CAST(${p}1 AS ${type})`)),
  ...[...Object.keys(numberTypes).filter((p) => p !== 'f' && p !== 'd'), 'dt', 'ts'].map((p) => `CAST(${p}1 AS VARCHAR)`),
  'CAST(tz1 AS VARCHAR)', 'CAST(CAST(n12_1 AS DECIMAL(12,0)) AS VARCHAR)', 'CAST(l1 + l2 AS VARCHAR)', 'CASE WHEN NOT isnan(d1) AND abs(d1) NOT BETWEEN 1e16 AND 1e39 THEN CAST(d1 AS VARCHAR) END', ...['d1', 'd1 * d2', 'd1 / d3', 'n18_1 / n12_2'].map((x) => `CASE WHEN NOT isnan(${x}) AND (abs(${x}) < 1e16 OR isinf(${x})) THEN CAST(${x} AS VARCHAR) END`), 'CAST(n18_1 * 3.7 AS VARCHAR)',
  ...['TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT', 'DECIMAL(4,2)', 'DECIMAL(18,4)', 'DECIMAL(38,10)', 'DOUBLE', 'BOOLEAN', 'DATE', 'TIMESTAMP'].flatMap((type) => [`CAST(p1 AS ${type})`, `TRY_CAST(p1 AS ${type})`]),
  'CAST(trim(p1) AS INTEGER) + 1', 'coalesce(TRY_CAST(p1 AS BIGINT), TRY_CAST(p2 AS BIGINT), -1)',
  'TRY_CAST(l1 AS TINYINT)', 'TRY_CAST(l1 + l2 AS SMALLINT)', 'TRY_CAST(d1 AS BIGINT)', 'TRY_CAST(n18_1 AS DECIMAL(4,2))', 'TRY_CAST(h1 AS BIGINT)', 'TRY_CAST(d1 AS DECIMAL(12,2))',
];
