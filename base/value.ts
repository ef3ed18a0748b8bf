/**
 * Single values at the edges (SQL parameters, JSON rows, results, tests). Never on a hot path.
 * BOOLEAN boolean · TINYINT…INTEGER number · FLOAT/DOUBLE number · BIGINT bigint · DECIMAL, DATE, TIMESTAMP, TIMESTAMPTZ string
 * (`12.50`, `2026-01-31`, `2026-01-31T03:04:05.000000`, the same with `Z`) · VARCHAR string · BLOB Uint8Array · NULL null ·
 * LIST array · STRUCT object · MAP array of `{key, value}`.
 */
export type Value = null | boolean | number | bigint | string | Uint8Array | readonly Value[] | {readonly [field: string]: Value};
export type Row = Readonly<Record<string, Value>>;
