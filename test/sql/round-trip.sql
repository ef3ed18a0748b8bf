-- Queries whose plan, printed back as SQL, must give equal rows and types (kernel/plan/round-trip.test.ts).
-- Tables: t(id, a, b, c) · u(id, a, c) · ods.flights · ods.airports · "we ird"."T$ 1 😀" · nested. Every table has a unique id.

-- projections and constants
SELECT * FROM t;
SELECT a, a, a AS a FROM t;
SELECT 1;
SELECT 1 AS one, 'x' AS two, NULL AS three, true, false;
SELECT 127::TINYINT, (-128)::TINYINT, 32767::SMALLINT, (-32768)::SMALLINT, 2147483647, -2147483648, 9223372036854775807, -9223372036854775808;
SELECT 170141183460469231731687303715884105727, -170141183460469231731687303715884105727, 18446744073709551615::UBIGINT, 340282366920938463463374607431768211455::UHUGEINT;
SELECT 9007199254740993, 9007199254740993::HUGEINT, -9007199254740993, 255::UTINYINT, 65535::USMALLINT, 4294967295::UINTEGER;
SELECT 1.5, 0.05, .5, 10.50, 00.5, -0.001, 99999999999999999999999999999999999.999, 12345678901234567890123456789012345678, 12::DECIMAL(4,0), 1::DECIMAL(12,2), -1.25::DECIMAL(38,10);
SELECT 1e300, 1e-300, 0.1::DOUBLE, 1.5e0, 'nan'::DOUBLE, 'inf'::DOUBLE, '-inf'::DOUBLE, '-0'::DOUBLE, 123456789.123456789e0, 3.4e38::FLOAT, 1e1000, -1e1000, 'Infinity NaN 12345678901234567890' AS text, 0.1::FLOAT, 5::DOUBLE, 0.30000000000000004e0;
SELECT DATE '2020-02-29', DATE '0001-01-01', DATE '9999-12-31', DATE '290309-12-22 (BC)', 'infinity'::DATE, '-infinity'::DATE;
SELECT TIMESTAMP '2020-01-01 00:00:00.123456', TIMESTAMP '1969-12-31 23:59:59.999999', TIMESTAMP '2020-01-01', 'infinity'::TIMESTAMP, TIMESTAMP '2020-01-01T01:02:03', TIMESTAMP '290309-12-22 (BC) 00:00:00';
SELECT TIMESTAMPTZ '2020-01-01 00:00:00+02', TIMESTAMPTZ '2020-01-01 00:00:00Z', TIMESTAMPTZ '2020-06-01 00:00:00.5+00', '2020-01-01'::TIMESTAMPTZ;
SELECT TIME '12:34:56.789', TIMESTAMP_S '2020-01-01 00:00:01', TIMESTAMP_MS '2020-01-01 00:00:01.123', TIMESTAMP_NS '2020-01-01 00:00:00.123456789', '12:00:00+01'::TIMETZ;
SELECT INTERVAL 1 DAY, INTERVAL '1 year 2 days 3.5 seconds', INTERVAL (3) HOUR, INTERVAL 90 MINUTE, INTERVAL '-3 months', INTERVAL '0 days', INTERVAL 1 WEEK, INTERVAL 2 QUARTER, INTERVAL 1 DECADE;
SELECT 'it''s', '', ' ', 'line
break', 'tab	x', 'é😀中', '%_\', '"quoted"', 'a' || chr(0) || 'b', ';', '--no comment';
SELECT '\xAA\x00\xFF'::BLOB, ''::BLOB, '1010'::BIT, '6b1f0a48-0000-0000-0000-000000000001'::UUID, '{"a": [1, null]}'::JSON, 'x'::ENUM('x', 'it''s');
SELECT NULL, NULL::INTEGER, NULL::DATE, NULL::DECIMAL(5,2), coalesce(NULL, NULL), [NULL], NULL::INTEGER[];
SELECT id, 'c' AS k, 3::BIGINT AS n FROM t;
SELECT -a, +a, ~a, -(-a), - -5, -(-5), a - -1, a - (-1), -a ** 2 FROM t WHERE a IS NOT NULL;
SELECT a + b, a - b, a * b, a / b, a // b, a % b, a ** 2, a & b, a | b, xor(a, b), a << 2, a >> 1 FROM t WHERE abs(a) < 100 AND a >= 0;
SELECT (a + b) * 2, a + b * 2, (a - b) - 1, a - (b - 1), (a / b) / 2.0, a / (b / 2.0), ((a)) FROM t;
SELECT a::TINYINT + 1, a::SMALLINT * 2::SMALLINT, a::BIGINT + 1, a::HUGEINT * 10, a + 1.5, a::DOUBLE / 3, a::FLOAT + 1 FROM t WHERE abs(a) < 60;
SELECT price + 1, price * 2, price / 3, price - 0.5, price * price, price // 2, price % 7, -price, round(price, 1), price::DECIMAL(14,4), price::INTEGER, price::DOUBLE, price::VARCHAR FROM ods.flights;
SELECT big + 1, big * 2, big - big, -big, big::DOUBLE, big > 0, sign(big) FROM ods.flights;

-- filters, comparisons, NULL logic
SELECT * FROM t WHERE a > 3;
SELECT * FROM t WHERE a > 3 AND b < 2 OR c = 'x' AND NOT (a = b);
SELECT * FROM t WHERE (a > 3 OR b < 2) AND (c = 'x' OR c IS NULL);
SELECT * FROM t WHERE NOT (a > 3 AND b < 2) OR NOT a IS NULL;
SELECT a = b, a <> b, a < b, a <= b, a > b, a >= b, a IS DISTINCT FROM b, a IS NOT DISTINCT FROM b, a IS NULL, a IS NOT NULL, (a = b) IS NULL, (a > b) = (b > 0) FROM t;
SELECT * FROM t WHERE a IN (1, 2, 3) AND b NOT IN (4, 5);
SELECT a IN (1, NULL, 3), a NOT IN (1, NULL), c IN ('x', 'y'), a + 1 IN (b, 2), (a, b) IN ((1, 2), (2, 3)) FROM t;
SELECT * FROM t WHERE a BETWEEN 1 AND b;
SELECT a BETWEEN 1 AND 5, a NOT BETWEEN 1 AND 5, a + 1 BETWEEN b - 1 AND b + 1 FROM t;
SELECT * FROM t WHERE true;
SELECT * FROM t WHERE false;
SELECT * FROM t WHERE NULL;
SELECT * FROM ods.flights WHERE ok;
SELECT id, ok IS TRUE, NOT ok, ok AND delay > 3, ok OR NULL FROM ods.flights WHERE ok IS TRUE OR NOT ok;
SELECT id FROM ods.flights WHERE ok IS NOT FALSE OR ok IS NULL;
SELECT * FROM ods.flights WHERE d >= DATE '2024-01-05' AND ts < TIMESTAMP '2024-01-20 12:00:00' AND tz > '2024-01-03T00:00:00Z';
SELECT * FROM ods.flights WHERE small > 3 AND small < 100::TINYINT AND delay >= -3000000000 AND id <> 9007199254740993;
SELECT * FROM ods.flights WHERE price > 10 AND price < 99.99 AND x <> 0.25 AND f = 1.5;
SELECT CASE WHEN a > 3 THEN 'big' WHEN a > 1 THEN 'mid' END, CASE a WHEN 1 THEN 'one' WHEN 2 THEN 'two' ELSE c END, CASE WHEN a IS NULL THEN NULL ELSE a / 2 END FROM t;
SELECT coalesce(a, b, 0), coalesce(c, 'none'), nullif(a, b), ifnull(a, -1), if(a > b, a, b), greatest(a, b), least(a, b, 3) FROM t;

-- casts
SELECT try_cast(c AS INTEGER), try_cast('12' AS INTEGER), CAST(a AS VARCHAR), a::BOOLEAN, a::DECIMAL(9,3), try(c::INTEGER), TRY_CAST(c AS DATE) FROM t;
SELECT ts::DATE, ts::VARCHAR, d::TIMESTAMP, d::VARCHAR, tz::TIMESTAMP, ts::TIMESTAMPTZ, tz::VARCHAR, x::INTEGER, f::DOUBLE, ok::INTEGER, raw::VARCHAR, ts::TIMESTAMP_S, epoch_us(ts) FROM ods.flights;
SELECT delay::UTINYINT FROM ods.flights WHERE delay BETWEEN 0 AND 200;
SELECT c::JSON FROM (SELECT '"x"' AS c);
SELECT id::HUGEINT, id::DECIMAL(38,0), id::DOUBLE, id::FLOAT, (id % 100)::UTINYINT FROM ods.flights;

-- strings, dates, numbers
SELECT lower(c), upper(c), length(c), c || '!', concat(c, a, NULL), concat_ws('-', c, a), substring(c, 1, 2), left(c, 1), right(c, 2), reverse(c), trim(c), ltrim(c, 'x'), replace(c, 'x', 'y'), strpos(c, 'x'), repeat(c, 2), lpad(c, 5, '*') FROM t;
SELECT c LIKE 'x%', c NOT LIKE '%y', c ILIKE 'X_', c NOT ILIKE '%Z%', c LIKE 'a!_' ESCAPE '!', c SIMILAR TO 'x.*', c GLOB 'x*', regexp_matches(c, '[xy]+'), regexp_extract(c, '(x)(.)', 2), regexp_replace(c, 'x', 'z', 'g'), c ~ 'x.*', starts_with(c, 'x'), c ^@ 'x', contains(c, 'y'), c[1], c[1:2] FROM t;
SELECT md5(c), ascii(c), format('{}-{}', c, a), printf('%s/%d', c, a), split_part(c, 'x', 1), hash(a) = hash(a), unicode(c), translate(c, 'xy', 'ab'), levenshtein(c, 'xy'), string_split(c, 'x') FROM t;
SELECT extract('year' FROM d), extract(month FROM ts), date_part('dow', d), year(d), month(ts), day(tz), hour(ts), epoch(ts), date_trunc('month', ts), date_trunc('week', d), last_day(d), strftime(ts, '%Y-%m-%d %H'), strftime('%d', d), dayname(d), date_diff('day', d, ts::DATE), date_sub('hour', ts, ts + INTERVAL 5 HOUR), age(ts, TIMESTAMP '2020-01-01'), d + 3, d - 3, d - DATE '2024-01-01', ts - ts FROM ods.flights;
SELECT ts + INTERVAL 1 DAY, ts - INTERVAL 90 MINUTE, d + INTERVAL 1 MONTH, tz + INTERVAL '1 hour', ts + INTERVAL (delay) SECOND, INTERVAL 1 DAY * 3, to_days(delay), make_date(2024, 1, 1), make_timestamp(2024, 1, 1, 0, 0, 0.5), time_bucket(INTERVAL 1 HOUR, ts), time_bucket(INTERVAL '7 days', d), tz AT TIME ZONE 'Asia/Tokyo', ts AT TIME ZONE 'Asia/Tokyo', strptime('2024-01-05', '%Y-%m-%d'), isodow(d), century(d) FROM ods.flights;
SELECT abs(a), ceil(x), floor(x), round(x), round(x, 1), trunc(x), sqrt(abs(x)), ln(abs(x) + 1), exp(0), pow(a, 2), sign(a), mod(a, 3), isnan(x), isfinite(x), pi() > 3, even(x), gcd(a, 6), factorial(3), bit_count(a) FROM t, LATERAL (SELECT a::DOUBLE AS x) WHERE a < 1000;
SELECT j->'a', j->>'a', j->'$.b[0]', json_extract_string(j, 'a'), json_array_length(j, 'b'), json_valid(c) FROM (SELECT '{"a": 1, "b": [2, 3]}'::JSON AS j, '{' AS c);
SELECT typeof(a), typeof(c || 'x'), alias FROM (SELECT a, c, 'k' AS alias FROM t);

-- odd names
SELECT * FROM "we ird"."T$ 1 😀";
SELECT "select", "a ""q"" b", "Ünï", "select" + "x1" AS "my ""sum""", "s1" AS "FROM", "order" AS "😀" FROM "we ird"."T$ 1 😀" WHERE "select" > "x1";
SELECT w."select", w."s1" FROM "we ird"."T$ 1 😀" AS w JOIN "we ird"."T$ 1 😀" AS "W 2" ON w.id = "W 2"."s1";
SELECT "group" AS "table", "A", a FROM (SELECT a AS "group", b AS "A", a FROM t) AS "select";
SELECT sum("select") AS "sum", count(*) AS "count(*)", "a ""q"" b" AS " " FROM "we ird"."T$ 1 😀" GROUP BY "a ""q"" b";
SELECT s1.x1 AS s2, s1.x2 AS x1 FROM (SELECT a AS x1, b AS x2 FROM t) AS s1 WHERE s1.x1 > 1;
SELECT a AS "x'y", b AS "new
line", c AS "a.b" FROM t;

-- joins
SELECT * FROM t JOIN u ON t.a = u.a;
SELECT * FROM t LEFT JOIN u ON t.a = u.a;
SELECT * FROM t RIGHT JOIN u ON t.a = u.a;
SELECT * FROM t FULL JOIN u ON t.a = u.a;
SELECT * FROM t JOIN u USING (a);
SELECT * FROM t FULL JOIN u USING (a, c);
SELECT * FROM t RIGHT JOIN u USING (a);
SELECT a FROM t NATURAL JOIN u;
SELECT * FROM t CROSS JOIN (SELECT DISTINCT a FROM u) v;
SELECT count(*) FROM t, u;
SELECT count(*), sum(t.a) FROM t, u, ods.airports WHERE t.a = u.a;
SELECT * FROM t SEMI JOIN u USING (a);
SELECT * FROM t ANTI JOIN u ON t.a = u.a AND t.b < u.a + 1;
SELECT * FROM t JOIN u ON t.a < u.a AND t.c = u.c;
SELECT * FROM t LEFT JOIN u ON t.a = u.a AND t.b > 3;
SELECT * FROM t LEFT JOIN u ON t.a = u.a AND t.b + u.a > 3;
SELECT * FROM t LEFT JOIN u ON u.a + 1 = t.a AND (t.b > 3 OR u.c = 'x');
SELECT * FROM t LEFT JOIN u ON t.a = u.a OR t.b = u.a;
SELECT * FROM t FULL JOIN u ON t.a > u.a + 3 OR t.b = 1;
SELECT * FROM t LEFT JOIN u ON true WHERE u.id < 4;
SELECT * FROM t LEFT JOIN u ON false;
SELECT * FROM t LEFT JOIN u ON t.a = 3;
SELECT * FROM t LEFT JOIN u ON t.a IS NOT DISTINCT FROM u.a;
SELECT * FROM t JOIN u ON t.a + t.b = u.a * 2;
SELECT * FROM t JOIN u ON t.a = u.a AND t.a <> 2 AND u.c IS NOT NULL;
SELECT t1.id, t2.id, t3.id FROM t t1 JOIN t t2 ON t1.a = t2.b LEFT JOIN t t3 ON t3.a = t2.a AND t3.b = t1.b;
SELECT x.id, y.id FROM t x LEFT JOIN (t y JOIN u ON y.a = u.a) ON x.b = y.a;
SELECT f.id, a.city, f.delay FROM ods.flights f LEFT JOIN ods.airports a ON a.iata = f.origin LEFT JOIN ods.airports b ON b.iata = f.dest WHERE b.city IS NULL OR f.delay > 10;
SELECT f.*, a.city, CASE WHEN delay <= 15 THEN 'on time' WHEN delay > 15 THEN 'late' END AS class FROM ods.flights f LEFT JOIN ods.airports a ON a.iata = f.origin;
SELECT f.id, p.id FROM ods.flights f ASOF JOIN ods.flights p ON f.origin = p.dest AND f.ts > p.ts;
SELECT f.id, p.id FROM ods.flights f ASOF LEFT JOIN (SELECT id, ts AS until FROM ods.flights) p ON f.ts >= p.until;
SELECT * FROM t JOIN (VALUES (1, 'one'), (2, 'two'), (NULL, 'none')) v(n, name) ON t.a = n;
SELECT l.id, r.n FROM t l JOIN (SELECT a, count(*) AS n FROM t GROUP BY a HAVING count(*) > 1) r ON l.a = r.a;
SELECT count(*) FROM t SEMI JOIN u ON t.a > u.a;
SELECT t.id, u.id FROM t INNER JOIN u ON t.a = u.a AND t.id % 2 = u.id % 2 AND t.c || u.c <> 'xx';

-- subqueries
SELECT * FROM t WHERE a IN (SELECT a FROM u);
SELECT * FROM t WHERE a NOT IN (SELECT a FROM u WHERE a IS NOT NULL);
SELECT * FROM t WHERE a NOT IN (SELECT a FROM u);
SELECT id, a IN (SELECT a FROM u) AS k, a NOT IN (SELECT a FROM u WHERE false) AS l, NULL IN (SELECT a FROM u) AS m FROM t;
SELECT id, (a, b) IN (SELECT a, a + 1 FROM u WHERE a IS NOT NULL) FROM t;
SELECT id FROM t WHERE (a, c) IN (SELECT a, c FROM u);
SELECT id, (a, c) NOT IN (SELECT a, c FROM u) FROM t;
SELECT id, (a, b) <> ANY (SELECT a, id FROM u), (a, b) = ALL (SELECT a, id FROM u WHERE id < 3) FROM t;
SELECT t.id, x.v FROM t, LATERAL (VALUES (t.a), (t.b), (7)) x(v);
SELECT n.id, g.i FROM nested n, generate_series(1, n.id) g(i);
SELECT * FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a);
SELECT * FROM t WHERE NOT EXISTS (SELECT * FROM u WHERE u.a = t.a AND u.c = t.c);
SELECT * FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a > t.a + t.b);
SELECT * FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.id > 1000);
SELECT id, EXISTS (SELECT 1 FROM u WHERE u.a = t.a AND u.c IS NULL) OR b = 2 FROM t;
SELECT * FROM t WHERE a > ALL (SELECT a FROM u WHERE u.id < 3);
SELECT id, a > ALL (SELECT a FROM u), a < ANY (SELECT a FROM u), a = ANY (SELECT a FROM u), a <> ALL (SELECT a FROM u), a >= ANY (SELECT a FROM u WHERE u.c = t.c) FROM t;
SELECT id, a IN (SELECT u.a FROM u WHERE u.c = t.c) FROM t;
SELECT id, (SELECT max(a) FROM u) AS m FROM t;
SELECT id, (SELECT max(a) FROM u WHERE u.c = t.c) AS m FROM t;
SELECT id, (SELECT count(*) FROM u WHERE u.a > t.a) AS n, (SELECT sum(a) FROM u WHERE u.a = t.a) AS s FROM t;
SELECT id, (SELECT c FROM u WHERE u.id = t.id) AS c FROM t;
SELECT id, (SELECT c FROM u WHERE u.id = t.a LIMIT 1) AS c FROM t;
SELECT * FROM t WHERE a = (SELECT min(a) FROM u WHERE u.c = t.c AND u.a > (SELECT min(b) FROM t t2 WHERE t2.a = u.a));
SELECT id, (SELECT count(*) FROM u WHERE u.a = t.a AND EXISTS (SELECT 1 FROM t z WHERE z.b = u.a AND z.c = t.c)) AS n FROM t;
SELECT * FROM (SELECT a, sum(b) AS s FROM t GROUP BY a) WHERE s > (SELECT avg(b) FROM t);
SELECT a, count(*) FROM t GROUP BY a HAVING count(*) > (SELECT count(*) / 20 FROM t);
SELECT t.id, l.m FROM t, LATERAL (SELECT max(u.a) AS m FROM u WHERE u.c = t.c) l;
SELECT t.id, l.id FROM t, LATERAL (SELECT * FROM u WHERE u.a = t.a ORDER BY u.id LIMIT 1) l;
SELECT t.id, l.n FROM t LEFT JOIN LATERAL (SELECT count(*) AS n FROM u WHERE u.a = t.a GROUP BY u.c) l ON true;
SELECT t.id, q FROM t, LATERAL (SELECT t.a + t.b AS q);
SELECT id FROM t ORDER BY (SELECT max(a) FROM u WHERE u.a = t.b), id;
SELECT (SELECT a FROM t WHERE id = 1), (SELECT b FROM t WHERE id = 99999);
SELECT id, ARRAY(SELECT u.id FROM u WHERE u.a = t.a ORDER BY u.id) FROM t;
SELECT CASE WHEN EXISTS (SELECT 1 FROM u WHERE u.id = t.id) THEN 'y' ELSE 'n' END, count(*) FROM t GROUP BY 1;
SELECT id FROM t WHERE a IN (SELECT a FROM u WHERE u.id IN (SELECT b FROM t t2 WHERE t2.c = t.c));

-- aggregates
SELECT count(*) FROM t;
SELECT count(*), count(a), count(DISTINCT a), sum(a), avg(a), min(a), max(a), min(c), max(c) FROM t;
SELECT a, count(*), sum(b) FROM t GROUP BY a;
SELECT a + 1, c, count(*) FROM t GROUP BY a + 1, c;
SELECT a % 3 AS k, sum(b) AS s FROM t GROUP BY ALL HAVING sum(b) > 5 ORDER BY k;
SELECT count(*) FROM t WHERE a > 100000;
SELECT sum(a) FROM t WHERE false;
SELECT a FROM t WHERE false GROUP BY a;
SELECT sum(a) FROM t GROUP BY b;
SELECT 1 FROM t HAVING count(*) > 1;
SELECT 1 FROM t HAVING true;
SELECT 'k' AS k, 7 AS n, sum(a) FROM t GROUP BY k, n;
SELECT sum(a) FROM t GROUP BY 1 = 1;
SELECT a, a FROM t GROUP BY a, a;
SELECT origin, count(*) AS flights, avg(delay) AS delay_avg, max(delay) AS delay_max FROM ods.flights GROUP BY ALL;
SELECT origin, sum(price), avg(price), min(price), max(price), sum(x), avg(x), sum(small), avg(small), sum(big), min(ts), max(d), max(tz), bool_and(ok), bool_or(ok) FROM ods.flights GROUP BY origin;
SELECT sum(a) FILTER (WHERE b > 2), count(*) FILTER (WHERE c = 'x'), count(DISTINCT b) FILTER (WHERE a IS NOT NULL), avg(a) FILTER (b < 3) FROM t;
SELECT string_agg(c, ',' ORDER BY id DESC), string_agg(c, '|' ORDER BY c NULLS FIRST, id), group_concat(c, '' ORDER BY id), string_agg(DISTINCT c, ';' ORDER BY c), listagg(c, '-' ORDER BY id) FROM t;
SELECT list(a ORDER BY id), array_agg(a ORDER BY b DESC NULLS FIRST, id), list(DISTINCT a ORDER BY a), first(c ORDER BY id), last(c ORDER BY id), list_sort(list(a)), arg_max(c, id), arg_min(id, id), max_by(c, id) FROM t;
SELECT median(a), quantile_cont(a, 0.25), quantile_disc(a, [0.1, 0.5, 0.9]), quantile_cont(a, [0.5]), percentile_cont(0.9) WITHIN GROUP (ORDER BY a DESC), percentile_disc(0.2) WITHIN GROUP (ORDER BY a), mad(a), mode(a), quantile_cont(x, 0.5) FROM t, LATERAL (SELECT a::DOUBLE / 2 AS x) WHERE id < 30 GROUP BY a % 2;
SELECT stddev(a), stddev_pop(a), variance(b), var_pop(b), corr(a, b), covar_pop(a, b), regr_slope(a, b), skewness(a), kurtosis(a), entropy(c), product(a % 3), bit_and(a), bit_or(a), bit_xor(a), any_value(1), count_if(a > 2), sum(a > 2), fsum(a), favg(a) FROM t WHERE a < 1000;
SELECT max(a, 3), min(a, 2), arg_max(id, a * 1000 + id, 2), histogram(a) FROM t WHERE a IS NOT NULL;
SELECT a, b, count(*) FROM t GROUP BY ROLLUP (a, b);
SELECT a, b, c, sum(id), grouping(a), grouping(a, b), grouping_id(c, a) FROM t GROUP BY CUBE (a, b, c);
SELECT a, b, count(*) FROM t GROUP BY GROUPING SETS ((a), (b), (), (a, b), ());
SELECT a, b, sum(id) FROM t GROUP BY ROLLUP (a), b;
SELECT a, count(*), max(b) FROM t GROUP BY GROUPING SETS ((a, b), (a), (b)), a;
SELECT id, (SELECT min(u.a) FROM u GROUP BY GROUPING SETS (t.a, u.a) HAVING t.a = u.a) FROM t;
SELECT a % 2, sum(id) FROM t GROUP BY GROUPING SETS ((a % 2), ()) HAVING sum(id) > 10;
SELECT a, count(*) FROM (SELECT DISTINCT a, b FROM t) GROUP BY a;
SELECT avg(n) FROM (SELECT a, count(*) AS n FROM t GROUP BY a);
SELECT sum(a ORDER BY id), sum(DISTINCT a), avg(DISTINCT b), count(DISTINCT (a, b)) FROM t;
SELECT max(s), min(s) FROM (SELECT sum(a) AS s FROM t GROUP BY c);

-- DISTINCT, ORDER, LIMIT
SELECT DISTINCT a FROM t;
SELECT DISTINCT a, c FROM t WHERE b > 1;
SELECT DISTINCT a + b FROM t ORDER BY 1;
SELECT DISTINCT ON (a) a, id, c FROM t ORDER BY a, id DESC;
SELECT DISTINCT ON (a, b % 2) id FROM t ORDER BY a, b % 2, c NULLS FIRST, id;
SELECT * FROM t ORDER BY a DESC NULLS LAST, id LIMIT 5;
SELECT id FROM t ORDER BY b, c DESC NULLS FIRST, id LIMIT 7 OFFSET 3;
SELECT id FROM t ORDER BY id OFFSET 10;
SELECT * FROM (SELECT * FROM t ORDER BY id LIMIT 10) x JOIN u ON x.a = u.a;
SELECT count(*) FROM (SELECT * FROM t LIMIT 10);
SELECT * FROM t ORDER BY ALL LIMIT 3;
SELECT a FROM t ORDER BY id LIMIT 0;
SELECT a, b FROM t ORDER BY a + b, id DESC LIMIT 4;

-- set operations
SELECT a FROM t UNION ALL SELECT a FROM u;
SELECT a FROM t UNION SELECT a FROM u;
SELECT a FROM t EXCEPT SELECT a FROM u;
SELECT a FROM t EXCEPT ALL SELECT a FROM u;
SELECT a FROM t INTERSECT SELECT a FROM u;
SELECT a FROM t INTERSECT ALL SELECT a FROM u;
SELECT a, c FROM t UNION ALL SELECT a, c FROM u UNION ALL SELECT b, c FROM t UNION ALL SELECT 1, 'x';
SELECT a FROM t UNION SELECT a FROM u INTERSECT ALL SELECT 1;
SELECT a::BIGINT FROM t UNION ALL SELECT a FROM u UNION ALL SELECT 1.5;
SELECT * FROM t UNION ALL SELECT * FROM t ORDER BY id, a LIMIT 9;
SELECT id, a FROM t UNION ALL BY NAME SELECT c, id FROM u;
SELECT c, count(*) FROM (SELECT c FROM t UNION ALL SELECT c FROM u) GROUP BY c;
(SELECT a FROM t EXCEPT SELECT a FROM u) UNION ALL (SELECT a FROM u EXCEPT SELECT a FROM t);
SELECT a FROM t WHERE a > 1 UNION ALL SELECT max(a) FROM u UNION ALL (SELECT id FROM t ORDER BY id LIMIT 2);

-- windows
SELECT id, row_number() OVER (ORDER BY id), rank() OVER (PARTITION BY a ORDER BY b), dense_rank() OVER (ORDER BY b DESC), ntile(3) OVER (ORDER BY id), percent_rank() OVER (ORDER BY a), cume_dist() OVER (ORDER BY a NULLS FIRST) FROM t;
SELECT id, lag(a) OVER w, lag(a, 2) OVER w, lead(a, 1, -1) OVER w, lag(a, 1 IGNORE NULLS) OVER w, first_value(a) OVER w, last_value(a) OVER w, nth_value(a, 2) OVER w, first_value(a IGNORE NULLS) OVER w FROM t WINDOW w AS (PARTITION BY c ORDER BY id);
SELECT id, sum(a) OVER (PARTITION BY c), count(*) OVER (), avg(a) OVER (ORDER BY id), max(a) OVER (PARTITION BY c ORDER BY id DESC), min(c) OVER (ORDER BY a, id) FROM t;
SELECT id, sum(a) OVER (ORDER BY id ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING), sum(a) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING), count(*) OVER (ORDER BY id ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING), max(b) OVER (PARTITION BY c ORDER BY id ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING) FROM t;
SELECT id, sum(b) OVER (ORDER BY id RANGE BETWEEN 2 PRECEDING AND 1 FOLLOWING), sum(b) OVER (ORDER BY id DESC RANGE BETWEEN 2 PRECEDING AND CURRENT ROW), count(*) OVER (ORDER BY a RANGE BETWEEN CURRENT ROW AND 3 FOLLOWING), count(*) OVER (ORDER BY b GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING) FROM t WHERE a < 1000 OR a IS NULL;
SELECT id, sum(delay) OVER (PARTITION BY origin ORDER BY ts RANGE BETWEEN INTERVAL 3 DAY PRECEDING AND INTERVAL 1 HOUR FOLLOWING), count(*) OVER (ORDER BY d RANGE BETWEEN INTERVAL 2 DAY PRECEDING AND CURRENT ROW) FROM ods.flights WHERE ts IS NOT NULL;
SELECT id, sum(a) OVER (ORDER BY b ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW), count(*) OVER (ORDER BY b RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE TIES), sum(id) OVER (ORDER BY b GROUPS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE GROUP) FROM t;
SELECT id, sum(a) FILTER (WHERE b > 2) OVER (PARTITION BY c ORDER BY id), count(DISTINCT a) OVER (PARTITION BY c), string_agg(c, '|') OVER (ORDER BY id), median(a) OVER (PARTITION BY c), quantile_cont(a, 0.25) OVER (ORDER BY id), list(b) OVER (ORDER BY id ROWS 1 PRECEDING), arg_max(c, id) OVER (PARTITION BY b) FROM t;
SELECT * FROM t QUALIFY row_number() OVER (PARTITION BY a ORDER BY id) = 1;
SELECT id, a FROM t QUALIFY rank() OVER (PARTITION BY c ORDER BY a DESC NULLS LAST) <= 2;
SELECT a, sum(b) AS s, rank() OVER (ORDER BY sum(b) DESC, a) AS r FROM t GROUP BY a;
SELECT window_start, origin, n FROM (SELECT window_start, origin, count(*) AS n FROM TUMBLE(ods.flights, ts, INTERVAL 1 DAY) GROUP BY ALL) QUALIFY row_number() OVER (PARTITION BY window_start ORDER BY n DESC, origin) <= 2;
SELECT id, a - lag(a) OVER (ORDER BY id) AS delta FROM t WHERE a < 1000;
SELECT sum(s) OVER (ORDER BY k) FROM (SELECT b AS k, sum(a) AS s FROM t GROUP BY b);

-- CTEs
WITH x AS (SELECT a, count(*) AS n FROM t GROUP BY a) SELECT * FROM x;
WITH x AS (SELECT a, count(*) AS n FROM t GROUP BY a) SELECT p.a, q.n FROM x p JOIN x q ON p.a = q.n;
WITH x AS MATERIALIZED (SELECT * FROM t WHERE a > 1), y AS (SELECT a, max(id) AS m FROM x GROUP BY a) SELECT x.id, y.m FROM x JOIN y USING (a) UNION ALL SELECT id, m FROM x CROSS JOIN (SELECT min(m) AS m FROM y);
WITH x AS NOT MATERIALIZED (SELECT * FROM t) SELECT (SELECT max(a) FROM x), (SELECT min(b) FROM x);
WITH unused AS (SELECT 1 AS one) SELECT * FROM t;
WITH x(p, q) AS (SELECT a, b FROM t) SELECT p, sum(q) FROM x GROUP BY p HAVING sum(q) > (SELECT avg(q) FROM x);
SELECT * FROM t, (WITH z AS (SELECT t.a AS q) SELECT z1.q FROM z z1 JOIN z z2 USING (q)) WHERE id < 5;
WITH a1 AS (SELECT a FROM t), a2 AS (SELECT a FROM a1 UNION ALL SELECT a FROM a1) SELECT a, count(*) FROM a2 GROUP BY a;

-- windows in time
FROM TUMBLE(ods.flights, ts, INTERVAL 1 HOUR);
SELECT window_start, window_end, origin, count(*) AS n, sum(price) FROM TUMBLE(ods.flights, ts, INTERVAL 7 MINUTE) GROUP BY ALL;
SELECT w.window_start, count(DISTINCT w.origin) FROM TUMBLE(ods.flights, tz, INTERVAL '5 days') AS w WHERE w.delay > 0 GROUP BY w.window_start;
SELECT p.window_start, p.n, q.n FROM (SELECT window_start, count(*) AS n FROM TUMBLE(ods.flights, ts, INTERVAL 1 DAY) GROUP BY 1) p LEFT JOIN (SELECT window_start, count(*) AS n FROM TUMBLE(ods.flights, ts, INTERVAL 1 DAY) WHERE ok GROUP BY 1) q USING (window_start);
SELECT f.id, a.city, f.window_end FROM TUMBLE(ods.flights, ts, size := INTERVAL 1 MONTH) f JOIN ods.airports a ON a.iata = f.origin;
SELECT window_start, max("select") FROM TUMBLE("we ird"."T$ 1 😀", "order", INTERVAL 3 DAY) GROUP BY ALL;
WITH late AS (SELECT * FROM ods.flights WHERE delay > 5) SELECT window_start, count(*) FROM TUMBLE(late, ts, INTERVAL 1 DAY) GROUP BY ALL;
SELECT * FROM TUMBLE(t, TIMESTAMP '2024-01-01' + INTERVAL (a) MINUTE, INTERVAL 10 MINUTE) WHERE a < 1000;

-- lists, structs, maps
SELECT id, l, s, m FROM nested;
SELECT l[1], l[1:2], len(l), list_contains(l, 2), list_sort(l), list_distinct(l), list_sum(l), list_aggregate(l, 'max'), array_to_string(l, ','), list_concat(l, [1]), l || [9], flatten([l, [1]]) FROM nested;
SELECT s.a, s."b c", struct_extract(s, 'a'), {'x': id, 'y z': l}, struct_pack(p := id, q := s.a), row(id, 1), struct_insert(s, n := id) FROM nested;
SELECT m['k1'], map_keys(m), map_values(m), cardinality(m), MAP {'a': id}, map_entries(m) FROM nested;
SELECT list_transform(l, lambda x: x + id), list_filter(l, lambda x: x > 1 AND x < id), [y * 2 FOR y IN l IF y > 1], list_transform(l, lambda x, i: x * 10 + i) FROM nested;
SELECT list_reduce([1, 2, 3], lambda acc, x: acc * 10 + x), list_reduce([1, 2], lambda acc, x, i: acc + x * i + id, 10), list_transform([1, 2], lambda x: list_sum(list_transform(l, lambda y: x - y))) FROM nested;
SELECT l[2:], l[:2], l[:], l[1:-:2], list_reverse(l), l[-2:], 'abcdef'[2:], 'abcdef'[:3] FROM nested;
SELECT array_to_string(l, '-'), list_aggregate(l, 'string_agg', '|'), list_aggregate(l, 'quantile_cont', 0.25), list_aggr(l, 'quantile_disc', [0.1, 0.9]), list_string_agg(l::VARCHAR[]), list_median(l), list_unique(l) FROM nested;
SELECT id, unnest(l) FROM nested;
SELECT id, unnest(l) AS e, unnest([1, 2, 3]) AS k FROM nested;
SELECT n.id, x.e FROM nested n, unnest(n.l) AS x(e);
SELECT n.id, x.e FROM nested n, (SELECT unnest(n.l) AS e) x WHERE x.e > 1;
SELECT e, count(*) FROM (SELECT unnest(l) AS e FROM nested) GROUP BY e;
SELECT unnest([{'a': 1, 'b': 'x'}, {'a': 2, 'b': NULL}], recursive := true);
SELECT unnest(generate_series(1, 3)), unnest(['a', 'b']);
SELECT * FROM range(3);
SELECT count(*), 7 FROM range(10);
SELECT count(*) FROM t, range(3), unnest([1, 2]);
SELECT * FROM generate_series(1, 10, 3) g(i) JOIN t ON t.a = g.i;
SELECT * FROM range(TIMESTAMP '2024-01-01', TIMESTAMP '2024-01-02', INTERVAL 6 HOUR);
SELECT * FROM unnest([3, 1, 2]) AS x(v);
SELECT s FROM (SELECT {'a': a, 'c': c} AS s FROM t) WHERE s = {'a': 1, 'c': 'x'} OR s.a IS NULL;
SELECT CAST({'a': 1} AS STRUCT(a BIGINT)), CAST([1, 2] AS DOUBLE[]), [1, 2, 3]::INTEGER[3], MAP {1: 'a'}::MAP(BIGINT, VARCHAR);
SELECT t FROM t;
SELECT count(t), count(DISTINCT c) FROM t;

-- VALUES, PIVOT and odds
VALUES (1, 'a', NULL), (2, NULL, 3.5);
SELECT * FROM (VALUES (DATE '2024-01-01', INTERVAL 1 DAY, 5::TINYINT), (NULL, NULL, NULL)) v(d, i, n);
PIVOT t ON b IN (1, 2, 3) USING sum(a), count(*) GROUP BY c;
UNPIVOT (SELECT id, a, b FROM t) ON a, b INTO NAME k VALUE v;
SELECT * EXCLUDE (a) REPLACE (b + 1 AS b) FROM t;
SELECT COLUMNS('^[ab]$') + 1 FROM t;
FROM t SELECT a, b WHERE a > b;
FROM t;
SELECT (a + 1) AS p, p * 2 AS q FROM t WHERE p > 2;
SELECT a AS b, b AS a FROM t GROUP BY ALL;
SELECT * FROM (SELECT * FROM (SELECT * FROM t WHERE a > 1) WHERE b > 1) WHERE id > 3;
SELECT #1, #2 FROM (SELECT a, b FROM t);
SELECT count(*) FROM (SELECT 1 FROM t UNION ALL SELECT 2 FROM u);
SELECT max(x) FROM (SELECT 1 AS x WHERE false);
SELECT min(a) OVER () FROM (SELECT DISTINCT a FROM t) WHERE a > 1;
SELECT c, sum(s) FROM (SELECT c, a, sum(b) AS s FROM t GROUP BY c, a) GROUP BY c;
SELECT f.origin, count(*) FROM (SELECT * FROM ods.flights WHERE delay IS NOT NULL) f JOIN (SELECT iata FROM ods.airports WHERE city LIKE '%a%') a ON f.origin = a.iata GROUP BY f.origin HAVING count(*) > 1 ORDER BY 2 DESC, 1 LIMIT 3;
