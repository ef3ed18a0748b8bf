/**
 * `mr_rows(name)`: the one table function of a kernel. Its bind looks the name up for the columns only; the source is fetched
 * when a scan starts (init), because a prepared statement binds once and runs often.
 *
 * DuckDB's thread waits while a callback runs on the JS thread; a scan has one thread, so sources need no locks.
 */
import {WarehouseError} from '../base/error.ts';
import {sameType, typeText} from '../base/type.ts';
import {binding, VECTOR_ROWS, type Connection, type DataChunk, type TableFunction, type TableFunctionBindInfo, type TableFunctionInfo, type TableFunctionInitInfo} from './duckdb-binding.ts';
import {bindingType, writeColumn} from './columns-in.ts';
import type {ErrorRelay} from './duckdb-error.ts';
import type {RelationColumn, RelationScan, RelationSource} from './relation.ts';

interface BoundRelation {readonly name: string; readonly columns: readonly RelationColumn[]}
/** `wanted[i]` is the relation's column that DuckDB takes as the i-th: it asks only for those that the statement needs. */
interface OpenScan {readonly scan: RelationScan; readonly columns: readonly RelationColumn[]; readonly wanted: readonly number[]}

/** Sources by name; shared by all sessions of a kernel. */
export class RelationRegistry {
  readonly #sources = new Map<string, RelationSource>();

  /** Binds or rebinds `name`; scans that run keep the source they opened. */
  set(name: string, source: RelationSource): void { this.#sources.set(name, source); }
  delete(name: string): void { this.#sources.delete(name); }
  clear(): void { this.#sources.clear(); }

  /** How many names are bound. */
  get size(): number { return this.#sources.size; }

  /** @throws {WarehouseError} MR_RELATION (invalid) if nothing is bound to `name`. */
  get(name: string): RelationSource {
    const source = this.#sources.get(name);
    if (source === undefined) {
      throw new WarehouseError('invalid', 'MR_RELATION', `no relation is bound to the name "${name}"`, {hint: 'bindRelation must be called before the statement runs'});
    }
    return source;
  }
}

/** Registers `mr_rows` with the database of `connection`. @returns the handle, to be kept as long as the database is open. */
export function registerRelationFunction(connection: Connection, registry: RelationRegistry, relay: ErrorRelay): TableFunction {
  const fn = binding.create_table_function();
  binding.table_function_set_name(fn, 'mr_rows');
  binding.table_function_add_parameter(fn, binding.create_logical_type(binding.Type.VARCHAR));
  binding.table_function_supports_projection_pushdown(fn, true);
  binding.table_function_set_bind(fn, info => {
    try { bind(info, registry); } catch (error) { binding.bind_set_error(info, relay.put(error)); }
  });
  binding.table_function_set_init(fn, info => {
    try { init(info, registry); } catch (error) { binding.init_set_error(info, relay.put(error)); }
  });
  binding.table_function_set_function(fn, (info, output) => {
    try { fill(info, output); } catch (error) {
      binding.data_chunk_set_size(output, 0);
      binding.function_set_error(info, relay.put(error));
    }
  });
  binding.register_table_function(connection, fn);
  return fn;
}

function bind(info: TableFunctionBindInfo, registry: RelationRegistry): void {
  const parameter = binding.bind_get_parameter(info, 0);
  const name = binding.is_null_value(parameter) ? '' : binding.get_varchar(parameter);
  const source = registry.get(name);
  for (const column of source.columns) binding.bind_add_result_column(info, column.name, bindingType(column.type));
  if (source.rowCount !== undefined) binding.bind_set_cardinality(info, source.rowCount, false);
  const bound: BoundRelation = {name, columns: source.columns};
  binding.bind_set_bind_data(info, bound);
}

function init(info: TableFunctionInitInfo, registry: RelationRegistry): void {
  const bound = binding.init_get_bind_data(info) as BoundRelation;
  const source = registry.get(bound.name);
  checkShape(bound, source);
  const wanted = Array.from({length: binding.init_get_column_count(info)}, (_, i) => binding.init_get_column_index(info, i));
  const open: OpenScan = {scan: source.open(wanted), columns: bound.columns, wanted};
  binding.init_set_init_data(info, open);
  binding.init_set_max_threads(info, 1);
}

function checkShape(bound: BoundRelation, source: RelationSource): void {
  if (source.columns === bound.columns) return;
  const same = source.columns.length === bound.columns.length && source.columns.every((column, i) => sameType(column.type, bound.columns[i]!.type));
  if (same) return;
  const shape = (columns: readonly RelationColumn[]): string => columns.map(column => `${column.name} ${typeText(column.type)}`).join(', ');
  throw new WarehouseError('invalid', 'MR_RELATION',
    `relation "${bound.name}" was prepared as (${shape(bound.columns)}), now bound to it is (${shape(source.columns)})`, {hint: 'prepare the statement again'});
}

function fill(info: TableFunctionInfo, output: DataChunk): void {
  const {scan, columns, wanted} = binding.function_get_init_data(info) as OpenScan;
  let rows = scan.next(VECTOR_ROWS);
  while (rows !== null && rows.rowCount === 0) rows = scan.next(VECTOR_ROWS);
  if (rows === null) {
    binding.data_chunk_set_size(output, 0); // ends the scan
    return;
  }
  if (rows.rowCount > VECTOR_ROWS || rows.columns.length !== columns.length) {
    throw new WarehouseError('internal', 'MR_INTERNAL', `a relation gave ${rows.rowCount} rows of ${rows.columns.length} columns, at most ${VECTOR_ROWS} rows of ${columns.length} columns are right`);
  }
  for (let i = 0; i < wanted.length; i++) {
    const index = wanted[i]!;
    writeColumn(binding.data_chunk_get_vector(output, i), columns[index]!.type, rows.columns[index]!, rows.start, rows.rowCount);
  }
  binding.data_chunk_set_size(output, rows.rowCount);
}
