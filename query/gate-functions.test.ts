import test from 'node:test';
import assert from 'node:assert/strict';
import {Kernel} from '../kernel/duckdb.ts';
import {fileFunctions, pureTableFunctions, refusedFunction, tableSystemFunctions, unsupportedSystemFunctions, unsupportedWindowFunctions, windowFunctions} from './gate-functions.ts';

/** Names that suggest a reach beyond the arguments, or that are volatile: each was looked at. */
const suspicious = /env|setting|variable|query|secret|file|glob|read_|write|log|pragma|plan|serialize|sql|catalog|database|schema|transaction|connection|setseed|nextval|currval|sleep|version|privilege|user|role|inet|size|__internal|stats|vector_type/i;

const harmless = new Set([
  // volatile, but only answers
  'error', 'gen_random_uuid', 'random', 'uuid', 'uuidv4', 'uuidv7',
  // the name only looks so
  'age', 'array_resize', 'list_resize', 'equi_width_bins', 'format_bytes', 'formatReadableSize', 'formatReadableDecimalSize', 'parse_formatted_bytes', 'pg_size_pretty', 'log', 'log2', 'log10', 'parse_filename', 'uuid_extract_version', 'week', 'parse_dirname', 'parse_dirpath', 'parse_path', 'bit_count',
  // names that tools ask for, and that tell nothing but themselves
  'current_catalog', 'current_database', 'current_role', 'current_schema', 'current_schemas', 'current_user', 'session_user', 'transaction_timestamp', 'user', 'version',
]);

test('gate functions: every function of this DuckDB that could reach further was judged', async () => {
  const kernel = await Kernel.open({threads: 1, memoryBytes: 64 << 20});
  try {
    const session = await kernel.connect();
    const {rows} = await session.rows("SELECT DISTINCT function_name, bool_or(coalesce(stability, '') = 'VOLATILE') FROM duckdb_functions() WHERE function_type IN ('scalar', 'macro', 'aggregate') GROUP BY ALL ORDER BY ALL");
    assert.ok(rows.length > 700);
    const unjudged = rows.filter(([name, volatile]) => (volatile === true || suspicious.test(String(name))) && refusedFunction(String(name)) === undefined && !harmless.has(String(name)));
    assert.deepEqual(unjudged.map(([name]) => name), []);
    const tables = await session.rows("SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type IN ('table', 'table_macro', 'pragma')");
    const known = new Set(tables.rows.map(([name]) => name));
    for (const name of [...pureTableFunctions, ...fileFunctions.keys()]) assert.ok(known.has(name), `${name} is no table function of this DuckDB`);
    for (const name of [...windowFunctions, ...unsupportedWindowFunctions, ...tableSystemFunctions, ...unsupportedSystemFunctions]) assert.ok(!known.has(name), `${name} is a function of DuckDB's own`);
  } finally {
    await kernel.close();
  }
});

test('gate functions: what is refused is refused in any case, ordinary functions are not', () => {
  for (const name of ['getenv', 'GETENV', 'Current_Setting', 'query', 'nextval', 'pg_sleep', 'pg_get_viewdef', '__internal_compress_string_hugeint', 'has_schema_privilege', 'inet_client_addr']) assert.ok(refusedFunction(name) !== undefined, name);
  for (const name of ['sum', 'pg_typeof', 'json_extract', 'now', 'random', '+', 'list_value', 'strftime', 'hash']) assert.equal(refusedFunction(name), undefined, name);
});
