/**
 * Which functions a user's SELECT may call. Table functions are on a list, because they are the doors to files, settings and the
 * engine's insides. Scalar functions are computation; the few that reach further are refused. `gate-functions.test.ts` goes
 * through `duckdb_functions()` and fails when a DuckDB of another version brings one that nobody has judged.
 */

/** Schemas and databases of the engine and of the read cache. */
export const engineSchemas: ReadonlySet<string> = new Set(['information_schema', 'pg_catalog', 'live', 'mr_internal', 'system', 'temp', 'memory']);

/** Table functions that read their arguments only. */
export const pureTableFunctions: ReadonlySet<string> = new Set(['range', 'generate_series', 'unnest', 'repeat', 'repeat_row', 'json_each', 'json_tree']);

/** Table macros over a table whose name is their first argument (`t`). */
export const windowFunctions: ReadonlySet<string> = new Set(['tumble']);
export const unsupportedWindowFunctions: ReadonlySet<string> = new Set(['hop', 'cumulate', 'session']);

/** Functions of the dialect that take a table: rows of its changelog, rows that were refused. */
export const tableSystemFunctions: ReadonlySet<string> = new Set(['changes', 'changelog', 'rejected']);
export const unsupportedSystemFunctions: ReadonlySet<string> = new Set(['late', 'lookup', 'snapshots', 'files', 'versions']);

/** Functions that read files: allowed below the allowed directories, with these options. */
const csvOptions = ['all_varchar', 'allow_quoted_nulls', 'auto_detect', 'auto_type_candidates', 'columns', 'column_names', 'names', 'types', 'dtypes', 'column_types', 'comment', 'compression', 'dateformat', 'date_format',
  'timestampformat', 'timestamp_format', 'decimal_separator', 'delim', 'delimiter', 'sep', 'escape', 'filename', 'force_not_null', 'header', 'hive_partitioning', 'ignore_errors', 'max_line_size', 'maximum_line_size',
  'new_line', 'normalize_names', 'null_padding', 'nullstr', 'parallel', 'quote', 'sample_size', 'skip', 'strict_mode', 'thousands', 'union_by_name', 'encoding', 'buffer_size'];
const jsonOptions = ['auto_detect', 'columns', 'compression', 'convert_strings_to_integers', 'dateformat', 'date_format', 'timestampformat', 'timestamp_format', 'filename', 'format', 'hive_partitioning', 'ignore_errors', 'map_inference_threshold',
  'maximum_depth', 'maximum_object_size', 'records', 'sample_size', 'union_by_name', 'field_appearance_threshold', 'maximum_sample_files'];
const parquetOptions = ['binary_as_string', 'filename', 'file_row_number', 'hive_partitioning', 'union_by_name', 'can_have_nan'];

export const fileFunctions: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ...['read_csv', 'read_csv_auto'].map((name) => [name, new Set(csvOptions)] as const),
  ...['read_json', 'read_json_auto', 'read_json_objects', 'read_json_objects_auto', 'read_ndjson', 'read_ndjson_auto', 'read_ndjson_objects'].map((name) => [name, new Set(jsonOptions)] as const),
  ...['read_parquet', 'parquet_scan'].map((name) => [name, new Set(parquetOptions)] as const),
]);

/** Scalar functions and macros that reach past the query: why each is refused. */
const refusedFunctions: ReadonlyMap<string, string> = new Map([
  // Settings and variables of the process and the instance.
  ...['getenv', 'current_setting', 'getvariable', 'get_block_size', '@@'].map((name) => [name, 'reads settings'] as const),
  // SQL as a value.
  ...['json_serialize_sql', 'json_serialize_plan', 'json_deserialize_sql', 'json_execute_serialized_sql', 'query', 'query_table', 'parse_duckdb_log_message'].map((name) => [name, 'takes SQL as a value'] as const),
  // What other statements and sessions do.
  ...['current_query', 'current_query_id', 'current_connection_id', 'current_transaction_id', 'txid_current'].map((name) => [name, 'looks into the engine'] as const),
  // State that outlives the query.
  ...['nextval', 'currval', 'setseed', 'write_log'].map((name) => [name, 'changes state outside the query'] as const),
  ...['sleep_ms', 'sleep', 'pg_sleep'].map((name) => [name, 'only waits'] as const),
  // Insides of operators: wrong arguments crash or leak.
  ...['stats', 'vector_type', 'create_sort_key', 'finalize', 'combine', 'constant_or_null', 'remap_struct', 'variant_bytes_to_variant', 'variant_to_parquet_variant', 'variant_normalize', 'timetz_byte_comparable', 'is_histogram_other_bin',
    'cast_to_type', 'make_type', 'replace_type', 'get_type', 'in_search_path', 'can_cast_implicitly', 'map_to_pg_oid', 'format_pg_type', 'format_type', 'array_to_string_comma_default'].map((name) => [name, 'belongs to the insides of the engine'] as const),
]);

/** `pg_…` are views of an engine's insides for tools, but for these two. */
const harmlessPgFunctions: ReadonlySet<string> = new Set(['pg_typeof', 'pg_size_pretty']);

/** @returns why a scalar, aggregate or window function of this name is refused, or undefined when it may be called. */
export function refusedFunction(name: string): string | undefined {
  const folded = name.toLowerCase();
  const why = refusedFunctions.get(folded);
  if (why !== undefined) return why;
  if (folded.startsWith('__internal_') || folded.startsWith('duckdb_') || folded.startsWith('pragma_')) return 'belongs to the insides of the engine';
  if (folded.startsWith('pg_') && !harmlessPgFunctions.has(folded)) return 'looks into the engine';
  if (/^has_.*_privilege$/.test(folded) || folded.startsWith('inet_')) return 'looks into the engine';
  return undefined;
}
