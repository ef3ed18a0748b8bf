/** Expressions of the differential test: text. `s1`, `s2`, `s3` meet in all pairs. */

const patterns = ['', '%', '_', '__', 'a%', '%a', '%a%', 'a_c', '%b_', '_b%', 'a%c', '%é%', '_é', '%__😀%', 'a%b%c', '%%a', 'hello%', '%bytes', '%_', 'a\\%', '日_', '%ytez'];

export const textCases: readonly string[] = [
  'length(s1)', 'len(s1)', 'char_length(s1)', 'character_length(s1)', 'strlen(s1)', 'octet_length(x1)',
  'substring(s1, 1)', 'substring(s1, 2, 3)', 'substring(s1, -3, 2)', 'substring(s1, 0)', 'substring(s1, 0, 3)', 'substr(s1, 3, -1)', 'substr(s1, 5, -10)', 'substring(s1, -2)',
  'substring(s1, i1, i2)', 'substring(s1, ti1, ti2)', 'substring(s1, l1, 2)', 'substring(s1, 2, l1)', 'substr(s1, ti1)', 'substr(s1, l1)', 'substring(s1, -10, 12)', 'substring(s1, 0, -2)',
  'left(s1, 2)', 'left(s1, -1)', 'left(s1, ti1)', 'left(s1, l1)', 'right(s1, 2)', 'right(s1, -1)', 'right(s1, ti1)', 'right(s1, l1)',
  'trim(s1)', 'ltrim(s1)', 'rtrim(s1)', "trim(s1, 'a')", "trim(s1, 'é😀 ')", "ltrim(s1, 'ha ')", "rtrim(s1, 'oc')", 'trim(s1, s2)', 'ltrim(s1, s2)', 'rtrim(s1, s2)', "trim(s1, '')",
  "trim(' \u00a0\u2003\u3000' || s1 || '\u205f\t ')", "ltrim('\u1680' || s1)", "rtrim(s1 || '\u202f\u2009')",
  "split_part(s1, ' ', 1)", "split_part(s1, 'b', 2)", "split_part(s1, 'b', -1)", 'split_part(s1, s2, ti1)', "split_part(s1, '', 2)", "split_part(s1, '', ti1)", 'split_part(s1 || s2, s2, l1)', "split_part('a,b,,c', ',', ti1)",
  'starts_with(s1, s2)', 'prefix(s1, s2)', "s1 ^@ 'a'", 'ends_with(s1, s2)', 'suffix(s1, s2)', 'contains(s1, s2)', "contains(s1, 'b')", 'strpos(s1, s2)', 'instr(s1, s2)', 'position(s2 IN s1)', "strpos(s1, 'é')",
  'lower(s1)', 'lcase(s1)', 'upper(s1)', 'ucase(s1)', 'lower(s1 || s2) = lower(s2 || s1)', "upper(s1) IN ('A', 'ABC', 'HELLO', 'ÉTÉ')",
  "replace(s1, 'a', 'xyz')", 'replace(s1, s2, s3)', "replace(s1, 'b', '')", "replace(s1, '', 'x')", "replace(s1 || s1, s1, '😀')",
  's1 || s2', "s1 || '-' || s2 || s3", 'concat(s1, s2)', 'concat(s1)', "concat(s1, NULL, 'x', s2)", 'concat(NULL)', "concat(s1, i1, b1, n12_1, dt1, ts1)", "'<' || s1 || '>'",
  ...patterns.flatMap((pattern) => [`s1 LIKE '${pattern}'`, `s1 NOT LIKE '${pattern}'`]),
  "s1 || s2 LIKE '%a%b%'", "s1 || s2 LIKE '%b_a%'", "s1 || s2 || s3 LIKE 'a%_a%__b'", "s1 LIKE NULL",
  "s1 LIKE 'a!%' ESCAPE '!'", "s1 LIKE 'a!%%' ESCAPE '!'", "s1 NOT LIKE 'a!_c' ESCAPE '!'", "s1 LIKE '%' ESCAPE ''",
  "s1 ILIKE 'h%'", "s1 ILIKE '%É%'", "s1 NOT ILIKE 'ab%'", "s1 ILIKE '%ß'", "s1 ILIKE 'i%'", "s1 ILIKE 'A!%C' ESCAPE '!'", "s1 NOT ILIKE 'A%C' ESCAPE '!'",
  "CASE WHEN s1 < 'b' THEN substring(s1, 2) ELSE upper(s2) END", "coalesce(nullif(trim(s1), ''), 'empty')", "greatest(upper(s1), lower(s2), 'm')", "CASE WHEN b1 THEN left(s1, 3) WHEN b2 THEN s2 ELSE 'none' END",
  "length(replace(s1, 'a', ''))", "lower(left(s1, 3)) || upper(right(s1, 2))", "try(substring(s1, l1))", 's1 = lower(s1)', 'concat(lower(s1), upper(s1)) < concat(s2, s1)',
];
