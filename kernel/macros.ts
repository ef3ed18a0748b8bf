/**
 * The window table macros, for every DuckDB instance that binds or runs users' SELECTs.
 *
 * `TUMBLE(t, ts, size)` is the rows of t with `window_start` and `window_end`, the half-open window [start, end) of width `size`
 * that `ts` falls into; both NULL where `ts` is. Windows are counted from 1970-01-01 00:00 UTC, as other stream processors count
 * them: DuckDB's own origin (2000-01-03 for widths below a month) would shift odd widths. `ts` may be TIMESTAMP or TIMESTAMPTZ
 * (the windows are of its type) or DATE (the windows are TIMESTAMPs); under TimeZone UTC all of them agree. A width of days and
 * hours mixed is refused by DuckDB for TIMESTAMPTZ: write hours alone.
 *
 * `t` is the name of a table, view or CTE: bare (`TUMBLE(ods.flights, …)`), quoted where it must be (`"Ods"."t$1"`), or a string;
 * not a subquery. `ts` is any expression over its columns, written without the table's name.
 */
export const macroStatements: readonly string[] = [
  `CREATE OR REPLACE MACRO tumble(t, ts, size) AS TABLE
     SELECT *, time_bucket(size, ts, TIMESTAMP '1970-01-01') AS window_start, time_bucket(size, ts, TIMESTAMP '1970-01-01') + size AS window_end
     FROM query_table(t)`,
];
