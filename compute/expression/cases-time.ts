/** Expressions of the differential test: dates and times. */

const kinds = ['dt', 'ts', 'tz'];
const truncUnits = ['millennium', 'century', 'decade', 'year', 'isoyear', 'quarter', 'month', 'week', 'day', 'hour', 'minute', 'second', 'milliseconds', 'us'];
const parts = ['millennium', 'century', 'decade', 'year', 'isoyear', 'quarter', 'month', 'week', 'day', 'dow', 'isodow', 'doy', 'yearweek', 'era', 'epoch', 'julian', 'hour', 'minute', 'second', 'millisecond', 'microsecond'];
const functions = ['year', 'month', 'day', 'dayofmonth', 'hour', 'minute', 'second', 'millisecond', 'microsecond', 'quarter', 'week', 'weekofyear', 'dayofweek', 'weekday', 'isodow', 'dayofyear', 'isoyear', 'yearweek', 'decade', 'century', 'millennium', 'era', 'epoch', 'julian'];
const intervals = ['1 DAY', '5 MINUTE', '1 MONTH', '-13 MONTH', '1 YEAR', '36 HOUR', '1 MICROSECOND', '90 SECOND', '1000 YEAR', '-250 YEAR', '3 QUARTER', '1 WEEK'];
const widths = ['1 DAY', '5 MINUTE', '10 SECOND', '7 DAY', '1 MONTH', '3 MONTH', '200000 DAY', '1 HOUR', '1 YEAR', '1 MICROSECOND', '90 MINUTE', '1 WEEK', '13 DAY', '300 YEAR'];

const diffUnits = ['millennium', 'century', 'decade', 'year', 'isoyear', 'quarter', 'month', 'week', 'day', 'hour', 'minute', 'second', 'milliseconds', 'us'];
const formats = ['%Y-%m-%d', '%Y%m%d %H:%M:%S.%f', '%y|%j|%I %p|%g|%u|%w|%%', '%A, %d %B %Y', '%a %b %-d %-m %-H:%-M:%-S %-j %-y %-I', 'no part é'];

export const timeCases: readonly string[] = [
  ...kinds.flatMap((p) => [
    ...truncUnits.map((unit) => `date_trunc('${unit}', ${p}1)`),
    ...(p === 'ts' ? parts : ['year', 'isoyear', 'week', 'epoch', 'hour']).map((part) => `date_part('${part}', ${p}1)`),
    ...functions.map((name) => `${name}(${p}1)`),
    ...intervals.map((interval) => `${p}1 + INTERVAL '${interval}'`), `${p}1 - INTERVAL '1 MONTH'`, `${p}1 - INTERVAL '36 HOUR'`,
    `INTERVAL '1 DAY' + ${p}1`, `INTERVAL '1 MONTH' + ${p}1`, `${p}1 + INTERVAL '1 month 2 days 3 hours'`, `${p}1 - INTERVAL '1 month 2 days 3 hours'`,
    ...(p === 'ts' ? widths : widths.slice(0, 8)).map((width) => `time_bucket(INTERVAL '${width}', ${p}1)`),
  ]),
  ...diffUnits.map((unit) => `date_diff('${unit}', ts1, ts2)`), ...['year', 'week', 'day', 'hour', 'second', 'millisecond', 'microsecond'].map((unit) => `date_diff('${unit}', dt1, dt2)`), "datediff('day', ts1, ts2)", "datediff('month', dt1, dt2)",
  ...formats.flatMap((format) => [`strftime(ts1, '${format}')`, `strftime(dt1, '${format}')`]), "strftime('%Y-%m-%d', ts1)", "strftime('%j', dt1)",
  'epoch_ms(l1)', 'make_timestamp(l1)', 'epoch_ms(ts1)', 'epoch_us(ts1)', 'epoch_ms(l1 * 1000)',
  "datetrunc('day', ts1)", "datepart('hour', ts1)", "datetrunc('week', dt1)", "greatest(date_trunc('day', TIMESTAMP '2020-02-03 04:05:06'), ts1)", "CASE WHEN date_trunc('hour', greatest(ts1, TIMESTAMP '2020-01-01')) > ts2 THEN l1 * l2 ELSE 0 END", "datetrunc('month', tz1)", "datepart('day', dt1)", "datepart('minute', tz1)", "date_trunc('MON', ts1)",
  ...widths.map((width) => `time_bucket(INTERVAL '${width}', ts1, TIMESTAMP '1970-01-01')`),
  ...widths.slice(0, 6).flatMap((width) => [`time_bucket(INTERVAL '${width}', dt1, DATE '1970-01-01')`, `time_bucket(INTERVAL '${width}', ts1, TIMESTAMP '2021-05-17 13:14:15.678')`]),
  "time_bucket(INTERVAL '10 MINUTE', tz1, TIMESTAMPTZ '1970-01-01 00:00:00+00')", "time_bucket(INTERVAL '1 MONTH', tz1, TIMESTAMPTZ '1970-01-01 00:00:00+00')",
  "time_bucket(INTERVAL '10 MINUTE', ts1, TIMESTAMP '1970-01-01') + INTERVAL '10 MINUTE'",
  'dt1 + i1', 'dt1 - i1', 'i1 + dt1', 'dt1 + 1', 'dt1 - ti1', 'dt1 - dt2', 'last_day(dt1)', 'last_day(ts1)',
  'CAST(dt1 AS TIMESTAMP)', 'CAST(dt1 AS TIMESTAMPTZ)', 'CAST(ts1 AS DATE)', 'CAST(tz1 AS DATE)', 'CASE WHEN year(ts1) BETWEEN -200000 AND 200000 OR year(ts1) IS NULL THEN CAST(ts1 AS TIMESTAMPTZ) END', 'CAST(tz1 AS TIMESTAMP)',
  'dt1 = ts2', 'dt1 < ts2', 'dt1 >= tz2', 'CASE WHEN year(ts1) BETWEEN -9999 AND 9999 THEN ts1 < tz2 END', 'ts1 BETWEEN dt1 AND dt2', 'TRY_CAST(dt1 AS TIMESTAMP)', "CASE WHEN dt1 > DATE '2000-01-01' THEN ts1 ELSE ts2 END", "try(date_trunc('month', ts1)) = date_trunc('month', ts2)",
  "dt1 IN (ts2, dt1)",
];
