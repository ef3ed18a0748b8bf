/**
 * The native functions of DuckDB's Node package: handles in, handles out, no wrapper objects. The typed wrappers of
 * `@duckdb/node-api` read vectors value by value; columns need the vectors themselves.
 *
 * What the functions promise here (checked by tests, they are the ground of columns-in and columns-out):
 * - `vector_get_data`, `vector_get_validity` and `get_data_from_pointer` return copies: they outlive the chunk, and writing to
 *   them changes nothing in DuckDB. `copy_data_to_vector` is what writes.
 * - `fetch_chunk`, `query`, `prepare`, `execute_…` run on a thread of libuv's pool; callbacks of table functions run on the
 *   JS thread while DuckDB's thread waits. So nothing that may wait for DuckDB (destroying a running result, closing) is
 *   ever called synchronously while a statement runs.
 * - handles are freed by the garbage collector; prepared statements, connections and databases can be freed by hand.
 */
import {createRequire} from 'node:module';
import type * as Binding from '@duckdb/node-bindings';

export type {
  Connection, Database, DataChunk, LogicalType as BindingType, PreparedStatement, Result, TableFunction, TableFunctionBindInfo,
  TableFunctionInfo, TableFunctionInitInfo, Vector,
} from '@duckdb/node-bindings';

// The bindings are a dependency of the package we depend on, so they are looked up from there: any layout of node_modules will do.
const require = createRequire(import.meta.url);
export const binding = createRequire(require.resolve('@duckdb/node-api'))('@duckdb/node-bindings') as typeof Binding;

/** Rows of one full vector; chunks never hold more. */
export const VECTOR_ROWS = binding.vector_size();
